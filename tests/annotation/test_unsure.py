"""Unsure beats: which they are, and how tables, annotation files and the page show them."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.annotation.classifying.weights_file import unsure_below_of
from ecg_lightning.annotation.found_beats import UNCLASSIFIABLE, check_limit
from ecg_lightning.annotation.output.files import write_files
from ecg_lightning.annotation.output.page_of import page_of, summary_of
from ecg_lightning.annotation.output.worth_a_look import MOST_STRIPS, MOST_UNSURE
from ecg_lightning.errors import InputError
from ecg_lightning.report.recordings_index import recordings_index
from ecg_lightning.report.summary_rows import summary_row
from tests.helpers.annotated_text import annotations_of_text
from tests.helpers.heartbeats import heartbeats, small_detector, small_network

ALL: Any = ("wfdb", "csv", "html", "parquet")


def with_shares(text: str, shares: list[float], limit: float | None = 0.9) -> Annotations:
    """Annotations whose beats have these probabilities of their class; the rest is N, or S."""
    annotations = annotations_of_text(text)
    labels = annotations.beats.labels
    probabilities = np.zeros((len(labels), 5), np.float32)
    probabilities[np.arange(len(labels)), labels] = shares
    probabilities[np.arange(len(labels)), np.where(labels == 0, 1, 0)] = 1 - np.array(shares)
    beats = replace(annotations.beats, probabilities=probabilities)
    return replace(annotations, beats=beats, unsure_below=limit)


def test_by_hand() -> None:
    """The limit itself is sure. A beat without a signal is unsure whatever the limit."""
    annotations = with_shares("NVSQQ", [0.95, 0.9, 0.89, 1.0, 0.99])
    assert annotations.unsure is not None
    assert annotations.unsure.tolist() == [False, False, True, True, False]
    assert (annotations.probabilities[3] == UNCLASSIFIABLE).all()
    assert annotations.beats.unsure(0.0).tolist() == [False, False, False, True, False]
    assert replace(annotations, unsure_below=None).unsure is None


def test_a_network_can_be_very_sure_of_q() -> None:
    """As of paced beats, whose probability is 1 in float32; they have a signal."""
    annotations = with_shares("QQ", [1.0, 1.0])
    annotations.probabilities[1, 0] = 1e-9
    assert annotations.beats.unsure(0.5).tolist() == [True, False]


@given(st.integers(0, 1000))
def test_a_probability_of_the_limit_is_sure_in_float32(thousandths: int) -> None:
    """So what the table shows as the limit is not called below it."""
    share = max(thousandths / 1000, 0.5)
    assert not with_shares("N", [share]).beats.unsure(share).any()


@pytest.mark.parametrize("limit", [-0.1, 1.1, float("nan"), True, "0.9", None])
def test_a_limit_is_a_probability(limit: Any) -> None:
    with pytest.raises(InputError, match="expected a probability from 0 to 1"):
        check_limit(limit)


def test_files_mark_them(tmp_path: Path) -> None:
    """`wfdb` reads class, probability and mark; the table has a column of 0 and 1."""
    parquet = pytest.importorskip("pyarrow.parquet")
    annotations = with_shares("NVSN", [0.95, 0.6125, 0.99, 0.7])
    write_files(annotations, tmp_path, ALL)
    read = wfdb.rdann(str(tmp_path / "x1"), "ecl")
    assert read.symbol == ["N", "V", "S", "N"]
    assert [text.strip("\0") for text in read.aux_note] == [
        "0.950",
        "0.613 unsure",
        "0.990",
        "0.700 unsure",
    ]
    assert read.sample.tolist() == annotations.samples.tolist()
    with open(tmp_path / "x1.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[-2:] == ["p_beat", "unsure"]
    assert [row["unsure"] for row in rows] == ["0", "1", "0", "1"]
    assert [row["predicted"] for row in rows] == ["N", "V", "S", "N"]
    table = parquet.read_table(tmp_path / "x1.parquet")
    assert table["unsure"].to_pylist() == [0, 1, 0, 1]


def test_files_do_not_speak_of_them_where_nobody_asked(tmp_path: Path) -> None:
    annotations = with_shares("NVSN", [0.95, 0.6125, 0.99, 0.7], None)
    write_files(annotations, tmp_path, ("wfdb", "csv", "html"))
    texts = wfdb.rdann(str(tmp_path / "x1"), "ecl").aux_note
    assert [text.strip("\0") for text in texts] == ["0.950", "0.613", "0.990", "0.700"]
    assert "unsure" not in (tmp_path / "x1.csv").read_text()
    assert "unsure" not in (tmp_path / "x1.html").read_text()
    row = summary_row(summary_of(annotations, with_signal=False))
    assert (row["n_unsure"], row["unsure_below"]) == ("", "")
    assert "unsure" not in recordings_index([row])


def test_files_replace_each_other_with_and_without_them(tmp_path: Path) -> None:
    """Both forms are our own; a text of another person is not."""
    pytest.importorskip("pyarrow")
    asked = with_shares("NVSN", [0.95, 0.6125, 0.99, 0.7])
    for annotations in (asked, replace(asked, unsure_below=None), asked):
        write_files(annotations, tmp_path, ALL)
    content = (tmp_path / "x1.ecl").read_bytes()
    (tmp_path / "x1.ecl").write_bytes(content.replace(b" unsure", b" for me"))
    with pytest.raises(InputError, match="no file of this name, or one that ecg-lightning wrote"):
        write_files(asked, tmp_path, ("wfdb",))


class TestPage:
    def test_the_least_certain_come_first(self) -> None:
        """Beats far apart: two are unsure, and the run of V comes after them."""
        text = "N" * 20 + "VVVV" + "N" * 36
        shares = [0.99] * len(text)
        shares[5], shares[40] = 0.8, 0.6
        strips = summary_of(with_shares(text, shares)).strips
        assert [strip.titles[0] for strip in strips[:3]] == [
            "unsure class",
            "unsure class",
            "longest and fastest run of V",
        ]
        assert strips[0].detail == "N 60.0 %, S 40.0 %"
        assert strips[0].event_s == pytest.approx((41 * 0.8, 41 * 0.8))
        assert strips[1].event_s == pytest.approx((6 * 0.8, 6 * 0.8))
        assert all("least certain class" not in strip.titles for strip in strips)
        marked = [
            time
            for time, unsure in zip(strips[0].beat_times_s, strips[0].beat_unsure, strict=True)
            if unsure
        ]
        assert marked == pytest.approx([41 * 0.8])

    def test_many_leave_room_for_the_others(self) -> None:
        text = ("N" * 25 + "VVV" + "N" * 22) * 20
        shares = [0.6 if place % 20 == 0 else 0.99 for place in range(len(text))]
        strips = summary_of(with_shares(text, shares)).strips
        titles = [strip.titles[0] for strip in strips]
        assert titles[:MOST_UNSURE] == ["unsure class"] * MOST_UNSURE
        assert "unsure class" not in titles[MOST_UNSURE:]
        assert any("run of V" in title for strip in strips for title in strip.titles)
        assert MOST_UNSURE < len(strips) <= MOST_UNSURE + MOST_STRIPS

    def test_beats_without_a_signal_come_last(self) -> None:
        text = "Q" + "N" * 30
        strips = summary_of(with_shares(text, [1.0, *[0.99] * 29, 0.7])).strips
        details = [strip.detail for strip in strips if "unsure class" in strip.titles]
        assert details == ["N 70.0 %, S 30.0 %", "no signal in the window"]

    def test_it_counts_them(self) -> None:
        annotations = with_shares("NNVVSN", [0.99, 0.8, 0.7, 0.95, 0.6, 0.99])
        summary = summary_of(annotations)
        assert summary.n_unsure == 3
        assert summary.unsure_counts == {"N": 1, "S": 1, "V": 1, "F": 0, "Q": 0}
        page = page_of(annotations)
        assert "<dt>Unsure beats</dt>" in page
        assert "is below 90 %" in page
        assert ">V?</text>" in page
        assert "there are 3 unsure beats in all" in page
        row = summary_row(summary)
        assert (row["n_unsure"], row["unsure_below"]) == (3, 0.9)
        assert ">unsure</th>" in recordings_index([row])

    def test_it_says_where_there_are_none(self) -> None:
        annotations = with_shares("NNN", [0.99] * 3)
        summary = summary_of(annotations)
        assert summary.n_unsure == 0
        assert "least certain class" in [t for strip in summary.strips for t in strip.titles]
        assert "with a question mark" not in page_of(annotations)

    def test_no_beats_at_all(self) -> None:
        annotations = with_shares("   ", [])
        assert summary_of(annotations).n_unsure == 0
        assert "Unsure beats" in page_of(annotations)


class TestAnnotator:
    def test_the_limit_is_that_of_the_call(self) -> None:
        lead, _ = heartbeats(10.0)
        annotator = Annotator(small_network(), [small_detector()])
        for limit in (0.5, 1):
            annotations = annotator.annotate(lead, 360.0, unsure_below=limit)
            expected = annotations.probabilities.max(axis=1) < limit
            assert annotations.unsure is not None
            assert annotations.unsure.tolist() == expected.tolist()
        assert expected.any()

    def test_the_default_is_that_of_the_weights_which_may_differ_for_causal_results(self) -> None:
        lead, _ = heartbeats(10.0)
        whole, causal = (replace(small_network(), unsure_below=limit) for limit in (0.4, 0.7))
        annotator = Annotator(whole, [small_detector()], "", causal)
        for is_causal, limit in ((False, 0.4), (True, 0.7)):
            assert annotator.annotate(lead, 360.0, causal=is_causal).unsure_below == limit
        assert annotator.annotate(lead, 360.0, unsure_below=0.2).unsure_below == 0.2
        assert annotator.annotate(lead, 360.0, unsure_below=0).unsure is None

    def test_weights_that_say_no_limit_mark_none(self) -> None:
        assert unsure_below_of("x", {}) is None
        assert unsure_below_of("x", {"unsure_below": 0}) is None
        assert unsure_below_of("x", {"unsure_below": 0.9}) == 0.9
        for value in (2, "0.9", float("nan"), [0.9]):
            with pytest.raises(InputError, match="weights x: expected a limit of unsure beats"):
                unsure_below_of("x", {"unsure_below": value})

    def test_0_marks_none(self) -> None:
        annotator = Annotator(small_network(), [small_detector()])
        assert annotator.annotate(heartbeats(10.0)[0], 360.0, unsure_below=0).unsure is None

    def test_a_limit_that_is_none_is_refused_before_the_recording_is_read(self) -> None:
        annotator = Annotator(small_network(), [small_detector()])
        with pytest.raises(InputError, match="expected a probability from 0 to 1, found 7"):
            annotator.annotate("missing", unsure_below=7)

"""The page of a recording and the page of several: well-formed, escaped, of bounded size."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import unquote, urljoin

import numpy as np
import pytest

from ecg_lightning.annotation.output.page_of import summary_of
from ecg_lightning.report.recording_page import recording_page
from ecg_lightning.report.recording_summary import Pause, RecordingSummary
from ecg_lightning.report.recordings_index import link_to, recordings_index
from ecg_lightning.report.summary_rows import (
    SUMMARY_COLUMNS,
    SummaryRow,
    Value,
    notes_of,
    skipped_row,
    summary_csv,
    summary_row,
)
from tests.helpers.annotated_text import annotations_of_text
from tests.helpers.evaluations import HOSTILE
from tests.helpers.html_reader import Reader

TEXT = "NNNVVVNNVVNSSSNNVNVNVNFQ" + "N" * 20


def summary(text: str = TEXT) -> RecordingSummary:
    return summary_of(annotations_of_text(text, unusable_s=((20.1, 22.3),)))


def hostile() -> RecordingSummary:
    """A recording of which every text is hostile."""
    made = summary()
    strip = replace(made.strips[0], titles=(HOSTILE,), detail=HOSTILE)
    return replace(
        made,
        record=HOSTILE,
        file=HOSTILE,
        format=HOSTILE,
        lead=HOSTILE,
        unit=HOSTILE,
        model=HOSTILE,
        detector=HOSTILE,
        leads=(HOSTILE,),
        detection_leads=(HOSTILE,),
        notes=(HOSTILE,),
        strips=(strip, *made.strips[1:]),
    )


def row_of(record: str, page: str = "") -> SummaryRow:
    return summary_row(replace(summary(), record=record), f"in/{record}.edf", page)


def test_notes_are_parted_as_they_were() -> None:
    row = summary_row(replace(summary(), notes=("one; with a half", "two")), "r.edf", "")
    assert notes_of(row) == ["one, with a half", "two"]


def pages() -> list[str]:
    rows = [summary_row(hostile(), HOSTILE, HOSTILE), skipped_row(HOSTILE, HOSTILE, HOSTILE)]
    return [recording_page(hostile()), recordings_index(rows, HOSTILE)]


@pytest.mark.parametrize("page", [0, 1])
def test_hostile_texts_make_no_element_and_no_attribute(page: int) -> None:
    text = pages()[page]
    reader = Reader(text)
    assert reader.wrong == []
    assert not {tag for tag, _ in reader.tags} & {"img", "script", "link", "iframe", "form", "base"}
    attributes = {name for _, of_tag in reader.tags for name in of_tag}
    assert not {name for name in attributes if name.startswith("on")}
    assert not attributes & {"style", "src"}
    assert "".join(reader.texts).count(HOSTILE) >= 5
    assert text.count("<style>") == text.count("</style>") == 1


def test_the_test_above_detects_an_unescaped_text() -> None:
    reader = Reader(recording_page(summary()).replace("<footer>", f"<footer>{HOSTILE}"))
    assert {tag for tag, _ in reader.tags} & {"img", "script"}


def test_the_page_fetches_nothing() -> None:
    for text in (recording_page(summary()), recordings_index([row_of("a", "a.html")])):
        assert "default-src &#39;none&#39;" in text
        assert not re.search(r"https?:|url\(|@import", text)


def test_a_start_with_a_zone_is_shown_with_it() -> None:
    start = datetime(2020, 9, 13, 12, 26, 40)
    text = recording_page(replace(summary(), start_time=start))
    assert "<dd>2020-09-13 12:26:40</dd>" in text
    assert "UTC" not in text
    text = recording_page(replace(summary(), start_time=start.replace(tzinfo=UTC)))
    assert "<dd>2020-09-13 12:26:40 UTC</dd>" in text
    assert "time of day, UTC" in text


def test_sections_come_in_the_order_of_what_a_reader_asks() -> None:
    headings = re.findall(r"<h2>(.*?)</h2>", recording_page(summary()))
    assert headings == ["Signal quality", "Over time", "Beats", "Strips worth a look"]


def test_notes_are_shown_above() -> None:
    text = Reader(recording_page(replace(summary(), notes=("the lead is odd",)))).text
    assert text.index("the lead is odd") < text.index("Signal quality")


def test_many_unusable_stretches_are_counted() -> None:
    stretches = tuple((at + 0.1, at + 0.3 + at / 1_000) for at in range(30))
    made = summary_of(annotations_of_text("N" * 60, unusable_s=stretches))
    quality, _ = Reader(recording_page(made)).text.split("Over time")
    assert quality.count(" to 0:") == 10
    assert "the longest stretches; 20 are shorter" in quality
    assert "Unusable stretches 30" in quality


def test_the_signal_of_each_long_interval_is_told() -> None:
    pauses = (Pause(5.0, 4.2, False), Pause(20.0, 3.1, True), Pause(30.0, 1.0))
    text = Reader(recording_page(replace(summary(), pauses=pauses))).text
    assert "0:05.0 4.20 s not quiet 0:20.0 3.10 s quiet 0:30.0 1.00 s \N{EN DASH}" in text


class TestIndex:
    def test_a_row_for_each_recording_and_each_problem(self) -> None:
        rows = [
            row_of("a", "a.html"),
            skipped_row("b", "in/b.edf", "in/b.edf: expected an EDF file"),
        ]
        reader = Reader(recordings_index(rows))
        assert [of_tag["href"] for tag, of_tag in reader.tags if tag == "a"] == ["./a.html"]
        assert "in/b.edf expected an EDF file" in reader.text
        assert "Annotated 1 recording Skipped 1 recording" in reader.text
        assert reader.text.count("not a medical device") == 1

    @pytest.mark.parametrize(
        "page", ["a.html", "sub/a b.html", "javascript:alert(1).html", "//evil/a#b?c.html", "é%41"]
    )
    def test_a_link_leads_to_its_page_whatever_its_name(self, page: str) -> None:
        address = urljoin("file:///out/index.html", link_to(page))
        assert unquote(address) == f"file:///out/{page}".replace("out///", "out/")

    def test_a_link_of_a_name_that_is_no_unicode(self) -> None:
        assert link_to("a\udcff.html") == "./a%FF.html"

    @pytest.mark.parametrize(("low", "limits"), [(75.0, "75\N{EN DASH}75"), ("", "\N{EN DASH}")])
    def test_unknown_limits_of_the_rate_are_one_dash(self, low: Value, limits: str) -> None:
        reader = Reader(recordings_index([{**row_of("a"), "min_rate_bpm": low}]))
        assert f"a 36 s 44 75 {limits} 18.2 6.8 1 / 1 " in reader.text

    def test_numbers_are_rounded_as_on_the_page_of_the_recording(self) -> None:
        """82.507 is 83 beats per minute, and one V of 300,000 is more than 0.0 %."""
        labels, rates = np.zeros(300_000, np.int64), np.full(300_000, 60.0)
        labels[7], rates[:2] = 2, (52.51, 90.5)
        times_s = np.linspace(0, 36, 300_000)
        made = replace(
            summary(), mean_rate_bpm=82.507, rates_bpm=rates, labels=labels, times_s=times_s
        )
        index = Reader(recordings_index([summary_row(made)])).text
        assert "300,000 83 53\N{EN DASH}90 <0.1 0.0 " in index
        page = Reader(recording_page(made)).text
        assert "Mean rate, bpm 83 Rate range, bpm 53\N{EN DASH}90 V beats, % <0.1" in page

    def test_a_thousand_rows(self) -> None:
        row = row_of("r", "r.html")
        text = recordings_index([{**row, "record": f"r{n}"} for n in range(1_000)])
        assert text.count("<a href") == 1_000
        assert len(text) < 1_000_000

    def test_no_recording(self) -> None:
        assert "No recording was annotated." in Reader(recordings_index([])).text

    def test_rows_that_are_damaged_are_shown_without_numbers(self) -> None:
        damaged = {"status": "done", "record": 7, "n_beats": "many", "duration_s": float("nan")}
        reader = Reader(recordings_index([damaged, {}]))
        assert reader.wrong == []
        assert "Annotated 1 recording Skipped 1 recording" in reader.text


class TestRows:
    def test_columns_keep_their_names_and_order(self) -> None:
        """Programs read these columns: a change breaks them."""
        assert SUMMARY_COLUMNS[:9] == (
            *("record", "file", "page", "status", "problem", "format", "lead", "fs_hz"),
            "duration_s",
        )
        assert tuple(row_of("a")) == tuple(skipped_row("a", "b", "c")) == SUMMARY_COLUMNS

    def test_numbers_by_hand(self) -> None:
        row = row_of("a")
        assert {name: row[name] for name in ("n_beats", "n_N", "n_S", "n_V", "n_F", "n_Q")} == {
            "n_beats": 44,
            "n_N": 31,
            "n_S": 3,
            "n_V": 8,
            "n_F": 1,
            "n_Q": 1,
        }
        assert (row["V_couplets"], row["V_runs"], row["V_longest_run"], row["V_bigeminy"]) == (
            *(1, 1, 3),
            1,
        )
        assert (row["S_runs"], row["S_fastest_run_bpm"], row["mean_rate_bpm"]) == (1, 75.0, 75.0)
        assert row["unusable_share"] == pytest.approx(2.2 / 36, abs=1e-5)

    def test_a_row_survives_json(self) -> None:
        rows = [row_of("a"), skipped_row("é\n", "b", "c")]
        assert json.loads(json.dumps(rows, allow_nan=False)) == rows

    def test_unknown_numbers_are_empty(self) -> None:
        nothing = summary_row(summary_of(annotations_of_text(" ")))
        unknown = ("mean_rate_bpm", "min_rate_bpm", "V_share", "longest_rr_s", "V_fastest_run_bpm")
        assert {nothing[name] for name in unknown} == {""}

    def test_the_table_has_a_line_for_each_row_and_no_formula(self) -> None:
        lines = summary_csv([row_of("=1+1"), skipped_row("b", "c", 'd, "e"')]).splitlines()
        assert lines[0] == ",".join(SUMMARY_COLUMNS)
        assert lines[1].startswith("'=1+1,in/=1+1.edf,,done,,array,II,100.0,36.0,,")
        assert lines[2].startswith('b,c,,skipped,"d, ""e""",')
        assert len(lines) == 3

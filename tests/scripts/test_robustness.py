"""What `robustness.py` does to recordings, how it keeps results, and its table and picture."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import ecg_lightning as ecg
from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.records.recording import FileAnnotations
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import robustness
from recording_files import write_wfdb
from robust_conditions import (
    RATES_HZ,
    WHOLE,
    Signals,
    amplified,
    conditions,
    inverted,
    noisy,
    only_lead,
    part,
    pieces,
    resampled,
)
from robustness import Model, Work, all_scores, known_conditions, measure_record, score_table
from robustness_figure import robustness_figure
from unseen_predictions import Predicted

FS_HZ = 360


def marks(*samples: int, symbols: str = "") -> FileAnnotations:
    names = np.array([*(symbols or "N" * len(samples))], "<U1")
    return FileAnnotations(np.array(samples, np.int64), names, ("",) * len(samples))


def signals(seconds: int = 30) -> Signals:
    """Two leads with a beat a second, every fifth of them V."""
    beats = FS_HZ // 2 + FS_HZ * np.arange(seconds)
    seconds_of = np.arange(seconds * FS_HZ) / FS_HZ
    lead = sum(np.exp(-(((seconds_of - beat / FS_HZ) / 0.02) ** 2)) for beat in beats)
    symbols = "".join("V" if i % 5 == 4 else "N" for i in range(seconds))
    leads = np.stack([lead, -0.5 * lead])
    return Signals(leads, ("MLII", "V1"), FS_HZ, marks(*beats.tolist(), symbols=symbols))


class TestConditions:
    def test_each_has_a_folder_of_its_own_and_the_first_changes_nothing(self) -> None:
        known = known_conditions()
        names = [one.name for one in known]
        assert len(set(names)) == len(names) == 5 + 1 + 3 * 5 + 4 + len(RATES_HZ) + 3
        assert known[0].value == WHOLE
        assert known[0].change(signals()).leads is not None
        assert len(conditions({})) == len(names) - 15

    def test_leads_signs_and_gains(self) -> None:
        own = signals()
        assert_array_equal(only_lead(own, 1).leads, own.leads[1:])
        assert only_lead(own, 1).names == ("V1",)
        one = only_lead(own, 0)
        assert_array_equal(only_lead(one, 1).leads, own.leads[:1])  # it has no second one
        assert_array_equal(inverted(own, (0,)).leads, own.leads * [[-1], [1]])
        assert_array_equal(inverted(own, (0, 1)).leads, -own.leads)
        assert_array_equal(amplified(own, 0.25).leads, own.leads / 4)

    def test_noise_has_its_ratio(self) -> None:
        own = signals()
        noise = np.random.default_rng(0).normal(size=(2, 11_000))
        added = noisy(own, noise, 6.0).leads - own.leads
        # The range around an R peak of 1 mV is that from its peak to 50 ms beside it.
        amplitude = 1 - np.exp(-((0.05 / 0.02) ** 2))
        expected = amplitude**2 / 8 / 10**0.6
        assert_allclose((added[0] ** 2).mean(), expected, rtol=0.05)

    @pytest.mark.parametrize("rate_hz", RATES_HZ)
    def test_at_another_rate_beats_keep_their_times(self, rate_hz: int) -> None:
        own = signals()
        changed = resampled(own, rate_hz)
        assert changed.fs_hz == rate_hz
        assert changed.leads.shape == (2, 30 * rate_hz)
        times_s = changed.reference.samples / rate_hz
        assert_allclose(times_s, own.reference.samples / FS_HZ, atol=0.51 / rate_hz)
        for beat in changed.reference.samples:  # the peak is there
            around = changed.leads[0, beat - rate_hz // 10 : beat + rate_hz // 10]
            assert abs(around.argmax() - rate_hz // 10) <= 1

    def test_pieces_are_the_whole(self) -> None:
        own = signals(31)
        cut = pieces(own, 10)
        assert [start for start, _ in cut] == [0, 3600, 7200]  # one second more is joined
        assert_array_equal(np.concatenate([piece.leads for _, piece in cut], axis=1), own.leads)
        positions = np.concatenate([start + piece.reference.samples for start, piece in cut])
        assert_array_equal(positions, own.reference.samples)
        assert len(pieces(part(own, 0, 300), 10)) == 1


def test_a_written_record_is_what_was_written(tmp_path: Path) -> None:
    own = amplified(signals(), 0.01)
    read = ecg.read_recording(robustness.write_record(tmp_path, own))
    assert_allclose(read.read_exactly(leads=[0, 1]), own.leads, atol=1e-6)
    assert (read.fs_hz, [lead.name for lead in read.leads]) == (FS_HZ, ["MLII", "V1"])
    assert read.annotations is not None
    assert_array_equal(read.annotations.samples, own.reference.samples)
    assert_array_equal(read.annotations.symbols, own.reference.symbols)


@dataclass
class Result:
    samples: Integers
    probabilities: Floats


@dataclass
class Late:
    """Finds each beat 3 samples late and calls every second one V; misses the first of a file."""

    calls: int = 0

    def annotate(self, path: Path, beats: str | None, causal: bool) -> Result:
        self.calls += 1
        reference = ecg.read_recording(path).annotations
        assert reference is not None
        samples = reference.samples if beats else reference.samples[1:] + 3
        labels = np.where(np.arange(len(samples)) % 2, 2, 0)
        return Result(samples, np.eye(len(CLASS_NAMES))[labels])


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Work, Late]:
    own, annotator = signals(), Late()
    folder = tmp_path / "mitdb"
    folder.mkdir()
    steps = np.rint(200 * own.leads).astype(np.int16)
    write_wfdb(folder / "100", [steps], own.names, FS_HZ)
    import wfdb

    symbols = own.reference.symbols.tolist()
    wfdb.wrann("100", "atr", own.reference.samples, symbols, fs=FS_HZ, write_dir=str(folder))
    monkeypatch.setattr(robustness, "annotator_of", lambda *_: annotator)
    models = (Model("ours", "ours", "ours"),)
    chosen = (tuple(robustness.POSITIONS), ("form", "pieces", "rate"))
    return Work({"mitdb": folder}, None, tmp_path / "out", models, *chosen), annotator


def test_each_condition_is_kept_and_not_made_again(work: tuple[Work, Late]) -> None:
    measure_record("mitdb/100", work[0])
    conditions_here = work[0].conditions(FS_HZ)
    files = sorted(work[0].output.glob("ours/*/*/mitdb-100.npz"))
    assert len(files) == 2 * len(conditions_here) == 2 * (6 + 7 + 3)
    calls = work[1].calls
    assert calls == 2 * (6 + 7 + 3 + 1 + 1)  # of 30 s, pieces of 10, 30 and 300 s are 3, 1 and 1
    files[0].unlink()
    measure_record("mitdb/100", work[0])
    assert work[1].calls == calls + 1


def test_beats_of_pieces_are_joined_and_matched(work: tuple[Work, Late]) -> None:
    measure_record("mitdb/100", work[0])
    folder = work[0].output / "ours"
    beats = Predicted.read(folder / "found/pieces-10/mitdb-100.npz")
    assert len(beats.labels) == 30
    missed = np.flatnonzero(np.isnan(beats.probabilities).any(1))
    assert missed.tolist() == [0, 10, 20]  # the first beat of each piece
    whole = Predicted.read(folder / "found/form-as-recorded/mitdb-100.npz")
    assert np.isnan(whole.probabilities).any(1).sum() == 1
    stated = Predicted.read(folder / "experts/rate-100/mitdb-100.npz")
    assert_array_equal(stated.labels == 2, np.arange(30) % 5 == 4)
    assert_array_equal(stated.probabilities.argmax(1) == 2, np.arange(30) % 2 == 1)


def test_scores_are_those_of_summed_counts(work: tuple[Work, Late], tmp_path: Path) -> None:
    measure_record("mitdb/100", work[0])
    models = [*work[0].models, Model("absent", "absent", "absent")]
    scores, records = all_scores(work[0].output, models)
    assert records == ["mitdb-100"]
    own = scores["ours", "experts", "form-as-recorded"]
    # 30 beats, 6 V; 15 are called V, 3 of them are: 3 + 12 are right.
    assert own["accuracy"] == pytest.approx(50.0)
    assert own["V F1"] == pytest.approx(100 * 2 * 3 / (6 + 15))
    assert np.isnan(own["S F1"])
    text = score_table(scores, "experts", models)
    assert "| as recorded | 50.0 | 28.6 | – | – | – | – |" in text
    assert "| pieces of 10 s |" in text
    (work[0].output / "ours/experts/form-causal/mitdb-101.npz").write_bytes(
        (work[0].output / "ours/experts/form-causal/mitdb-100.npz").read_bytes()
    )
    scores, records = all_scores(work[0].output, models)
    assert records == ["mitdb-100", "mitdb-101"]
    assert set(scores) == {("ours", "experts", "form-causal")}


def test_the_document_gets_tables_and_picture(work: tuple[Work, Late], tmp_path: Path) -> None:
    measure_record("mitdb/100", work[0])
    document, picture = tmp_path / "doc.md", tmp_path / "images.png"
    names = ("picture", "experts", "found", "machine")
    places = (f"<!-- table: robustness-{name} -->\n\n<!-- end -->\n" for name in names)
    document.write_text("\n".join(places))
    words = ["--output", f"{work[0].output}", "--models", "ours", "--tables"]
    robustness.main([*words, "--document", f"{document}", "--picture", f"{picture}"])
    text = document.read_text()
    assert "](images.png)" in text
    assert text.count("| as recorded |") == 2
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_command_names_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        robustness.arguments(["--output", "x", "--models", "a"])
    assert "name the folder: --mitdb" in capsys.readouterr().err
    args = robustness.arguments(
        ["--output", "x", "--models", "a=b,c", "d", "--mitdb", "m", "--records", "DS1"]
    )
    assert args.models == [Model("a", "b", "c"), Model("d", "d", "d")]
    assert len(args.records) == 21  # without 201, the patient of 202


def test_the_picture_has_a_row_for_each_panel() -> None:
    scores: dict[Any, Any] = {
        (model, positions, one.name): {"V F1": 90.0, "S F1": 50.0, "accuracy": 95.0}
        for model in ("a", "b")
        for positions in robustness.POSITIONS
        for one in known_conditions()
    }
    figure = robustness_figure(scores, ["a", "b"], known_conditions())
    assert len(figure.axes) == 7 * 2
    lines = figure.axes[0].get_lines()
    assert len(lines) == 4
    assert lines[0].get_ydata()[0] == 90.0  # type: ignore[index]
    ticks = [[label.get_text() for label in axes.get_xticklabels()] for axes in figure.axes[::2]]
    assert ticks[1] == ["none", "24", "18", "12", "6", "0"]
    assert ticks[4] == ["0.25", "0.5", "1", "2", "4"]
    assert ticks[6] == ["10", "30", "300", "whole"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("mitdb/100", "PatientContext has seen mitdb/100: not tested on mitdb/100"),
        ("mitdb/202", "PatientContext has seen mitdb/201, mitdb/202: not tested on mitdb/202"),
    ],
)
def test_weights_that_have_seen_the_patient_are_refused(
    record: str, message: str, tmp_path: Path
) -> None:
    words = ["--mitdb", str(tmp_path), "--output", str(tmp_path / "out"), "--records", record]
    with pytest.raises(SystemExit, match=message):
        robustness.main([*words, "--models", "PatientContext"])
    assert not (tmp_path / "out").exists()

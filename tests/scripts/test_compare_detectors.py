"""The comparison of detectors: what is counted, what is kept, and what is written."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import compare_detectors
from compare_detectors import detection_table, noise_scores, noise_table
from detection_scores import Score, gross, scored
from detectors import BASELINES
from documents import fill, table
from kept_beats import Beats, Case, Signals, kept
from noise_figure import noise_figure
from noisy_records import SNRS_DB
from our_detectors import crosswise

from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.figures.style import png_bytes
from ecg_lightning.records.recording import FileAnnotations


def _signals(marks: list[tuple[int, str]], length: int = 4000, fs_hz: float = 100.0) -> Signals:
    samples = np.array([sample for sample, _ in marks], np.int64)
    symbols = np.array([symbol for _, symbol in marks], "<U1")
    reference = FileAnnotations(samples, symbols, ("",) * len(marks))
    return Signals(np.zeros((1, length)), fs_hz, reference)


def _found(*samples: int) -> Beats:
    return Beats(np.array(samples, np.int64), 1.0, 0.5)


def test_beats_within_150_ms_are_pairs() -> None:
    signals = _signals([(100, "N"), (200, "V"), (300, "+"), (400, "N")])
    assert scored(signals, _found(115, 216, 500), 0, False) == Score(tp=1, fn=2, fp=2)


def test_the_first_five_minutes_count_or_not() -> None:
    signals = _signals([(1000, "N"), (31_000, "N")], length=40_000)
    assert scored(signals, _found(31_000, 31_500), 0, False) == Score(1, 1, 1)
    assert scored(signals, _found(31_000, 31_500), 300, False) == Score(1, 0, 1)


def test_beats_in_flutter_are_false_only_where_flutter_counts() -> None:
    signals = _signals([(100, "N"), (500, "["), (550, "!"), (900, "]"), (1000, "N")])
    found = _found(100, 600, 700, 1000)
    assert scored(signals, found, 0, False) == Score(2, 0, 0)
    assert scored(signals, found, 0, True) == Score(2, 0, 2)


def test_rates_are_those_of_the_sums() -> None:
    total = gross([Score(8, 2, 0), Score(2, 0, 8)])
    assert total == Score(10, 2, 8)
    assert (total.sensitivity, total.predictivity) == (10 / 12, 10 / 18)
    assert total.f1 == 20 / 30
    assert Score(0, 0, 0).f1 == 0


def test_no_record_is_tested_by_weights_that_saw_its_patient() -> None:
    assert crosswise("100") == "BeatDetector-ds1"
    assert crosswise("208") == "BeatDetector-ds2"
    assert {crosswise(name) for name in ("102", "104", "107", "217")} == {
        "BeatDetector-ds1,BeatDetector-ds2"
    }


def test_what_a_detector_found_is_not_found_again(tmp_path: Path) -> None:
    calls = []

    def make() -> Beats:
        calls.append(1)
        return _found(5, 9)

    for _ in range(2):
        beats = kept(tmp_path / "gqrs" / "100.npz", make)
        assert beats.samples.tolist() == [5, 9]
        assert (beats.cpu_s, beats.hours) == (1.0, 0.5)
    assert calls == [1]


def test_noise_has_a_condition_of_its_own() -> None:
    assert Case(Path("x/mitdb"), "100").condition == "mitdb"
    assert Case(Path("x/mitdb"), "100", "em", -6).condition == "mitdb-em--6"


def _result(name: str, record: str, score: Score, noise: str = "", snr_db: int = 0):  # type: ignore[no-untyped-def]
    case = Case(Path("mitdb"), record, noise, snr_db)
    return compare_detectors.Result(name, case, _found(1), (score, score, score))


def test_the_table_names_the_worst_records() -> None:
    results = [
        _result("gqrs", "100", Score(90, 10, 0)),
        _result("gqrs", "101", Score(90, 0, 30)),
        _result("xqrs", "100", Score(100, 0, 0)),
        _result("xqrs", "101", Score(90, 0, 0)),
    ]
    lines = detection_table(results).splitlines()
    assert "| wfdb gqrs | 94.74 | 85.71 | 90.00 |" in lines[2]
    assert "| 1.00 s | 101 (0, 30), 100 (10, 0) |" in lines[2]
    assert "| wfdb XQRS | 100.00 | 100.00 | 100.00 |" in lines[3]


def test_noise_is_shown_for_each_ratio() -> None:
    results = [
        _result("gqrs", record, Score(10 + snr_db, 6 - snr_db, 0), "em", snr_db)
        for record in ("100", "101")
        for snr_db in SNRS_DB
        if snr_db <= 6
    ]
    scores = noise_scores(results)
    assert scores["em", "gqrs"][6] == Score(32, 0, 0)
    assert scores["em", "gqrs"][-6] == Score(8, 24, 0)
    full = {("em", "gqrs"): {db: Score(10, 0, 0) for db in SNRS_DB}}
    assert noise_table(full).count("100.0 (100.0 / 100.0)") == len(SNRS_DB)
    assert png_bytes(noise_figure(full, {"gqrs": "gqrs"})).startswith(b"\x89PNG")


def test_a_place_of_a_document_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_text("a\n<!-- table: t -->\nold\n<!-- end -->\nb\n<!-- table: u -->\n<!-- end -->\n")
    for _ in range(2):  # the second time gives the same
        fill(path, {"t": table(["x", "y"], [["1", "\\2"]])})
        assert path.read_text() == (
            "a\n<!-- table: t -->\n\n| x | y |\n|---|---|\n| 1 | \\2 |\n\n<!-- end -->\nb\n"
            "<!-- table: u -->\n<!-- end -->\n"
        )
    with pytest.raises(ValueError, match="table: v"):
        fill(path, {"v": ""})


def _spikes(fs_hz: float, seconds: int) -> tuple[Floats, Integers]:
    """Beats like Gaussian bells, 20 ms wide, with a little noise."""
    samples = np.arange(round(0.6 * fs_hz), round(seconds * fs_hz) - 50, round(0.8 * fs_hz))
    times = np.arange(round(seconds * fs_hz))
    bells = np.exp(-(((times[:, None] - samples) / (0.02 * fs_hz)) ** 2)).sum(axis=1)
    return bells + np.random.default_rng(0).normal(size=len(times)) * 0.01, samples


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_find_plain_beats(name: str) -> None:
    if BASELINES[name].version is None:
        pytest.skip(f"{name} not tested: {BASELINES[name].package} is not installed")
    signal, samples = _spikes(360.0, 30)
    found = BASELINES[name].find(signal, 360.0)
    assert found.dtype == np.int64
    assert (np.diff(found) > 0).all()
    later = samples[samples > 5 * 360]
    distances = np.abs(later[:, None] - found).min(axis=1)
    assert (distances < 0.15 * 360).all()
    assert abs(len(found) - len(samples)) <= 3


def test_tables_and_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mitdb: Path
) -> None:
    words = f"x --mitdb {mitdb} --output {tmp_path} --detectors sleepecg --records 100 101"
    if BASELINES["sleepecg"].version is None:
        pytest.skip("not tested: sleepecg is not installed")
    monkeypatch.setattr(sys, "argv", words.split())
    compare_detectors.main()
    figures = json.loads((tmp_path / "detection.json").read_text())
    assert figures["mitdb"]["sleepecg"]["records"] == 2
    with (tmp_path / "records.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["record"] for row in rows] == ["100"] * 3 + ["101"] * 3
    assert int(rows[0]["tp"]) + int(rows[0]["fn"]) == 2273  # the beats of record 100
    assert "sleepecg" in (tmp_path / "tables.md").read_text()

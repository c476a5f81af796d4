"""The signals that `hard_signals.py` makes, and how it counts."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import ecg_lightning as ecg
from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.annotation.found_beats import FoundBeats
from ecg_lightning.records.recording import FileAnnotations
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hard_signals import (
    FS_HZ,
    Outcome,
    Signal,
    cut,
    faulty,
    flutter_of,
    outcome,
    outcome_table,
    steps_of,
)
from recording_files import write_wfdb

LEADS = np.stack([np.sin(np.arange(300 * FS_HZ) / 50), np.cos(np.arange(300 * FS_HZ) / 50)])


def _marks(*samples: int) -> FileAnnotations:
    return FileAnnotations(
        np.array(samples, np.int64), np.full(len(samples), "N"), ("",) * len(samples)
    )


def test_each_fault_is_where_it_is_said_to_be() -> None:
    signals = {name: (signal, faults) for name, _, signal, faults in faulty(LEADS, None, _marks())}
    assert_array_equal(signals["clean"][0], LEADS)
    assert not signals["dead-first"][0][0].any()
    assert_array_equal(signals["dead-first"][0][1], LEADS[1])
    assert np.abs(signals["clipped"][0]).max() == 0.3
    assert_array_equal(signals["inverted"][0], -LEADS)
    for name in ("gaps", "electrode-off"):
        signal, faults = signals[name]
        seconds = np.arange(LEADS.shape[1]) / FS_HZ
        inside = np.any([(seconds >= a) & (seconds < b) for a, b in faults], axis=0)
        assert_array_equal((signal != LEADS).any(axis=0), inside)
    hum = signals["hum50"][0] - LEADS
    assert_allclose(np.abs(np.fft.rfft(hum[0, : 10 * FS_HZ])).argmax() / 10, 50)
    assert_array_equal(LEADS[0], np.sin(np.arange(300 * FS_HZ) / 50))  # the source is as it was


def test_invalid_samples_stay_invalid_in_a_file(tmp_path: Path) -> None:
    leads = np.array([[0.0, np.nan, 1.0], [-500.0, 0.005, 2.0]])
    write_wfdb(tmp_path / "x", [steps_of(leads)], ("a", "b"), 360)
    read = ecg.read_recording(tmp_path / "x").read_exactly(leads=[0, 1])
    assert np.isnan(read[0, 1])
    assert_allclose(read[1], [-32_767 / 200, 0.005, 2.0])


def test_annotations_of_a_piece_lie_in_it() -> None:
    assert cut(_marks(5, 10, 19, 20), 10, 20).samples.tolist() == [0, 9]


def _outcome(tmp_path: Path, found: list[int], signal: Signal) -> Outcome:
    write_wfdb(tmp_path / "x", [steps_of(LEADS)], ("a", "b"), FS_HZ)
    recording = ecg.read_recording(tmp_path / "x")
    count = len(found)
    parts: dict[str, Any] = {
        "samples": np.array(found, np.int64),
        "p_beat": np.ones(count, np.float32),
        "probabilities": np.zeros((count, 5), np.float32),
        "quality": np.ones(count, np.float32),
        "unusable": np.array([[3600, 5400]], np.int64),
    }
    beats = FoundBeats(**parts)
    return outcome(signal, Annotations(recording, 0, (0, 1), beats, "model", "detector"))


def test_beats_in_a_fault_count_on_their_own(tmp_path: Path) -> None:
    signal = Signal("gap", tmp_path / "x", "w", _marks(360, 720, 3700, 4000, 7200), ((10.0, 15.0),))
    result = _outcome(tmp_path, [365, 1500, 4001, 7200], signal)
    assert (result.expected, result.found, result.missed, result.false) == (3, 3, 1, 1)
    assert result.inside == (2, 1)
    assert result.unusable_s == 5.0
    assert "| gap | 3 | 3 | 1 | 1 | 2, 1 | 5.0 s |" in outcome_table([result])


def test_flutter_is_a_fault_of_its_own() -> None:
    marks = FileAnnotations(
        np.array([360, 720, 1800, 3600]), np.array(["N", "[", "]", "N"]), ("",) * 4
    )
    assert flutter_of(marks) == ((2.0, 5.0),)


def test_without_a_reference_beats_are_only_counted(tmp_path: Path) -> None:
    result = _outcome(tmp_path, [365, 1500], Signal("DICOM", tmp_path / "x", "w", None))
    assert "| DICOM | – | 2 | – | – |  | 5.0 s |" in outcome_table([result])

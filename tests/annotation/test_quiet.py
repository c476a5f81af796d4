"""Whether a pause is quiet, on signals by hand and on real records."""

from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.annotation.output.quiet import AROUND_S, is_quiet
from ecg_lightning.arrays import Floats
from ecg_lightning.classes import AAMI
from ecg_lightning.records.formats import read_recording

FS_HZ = 100.0


def between_beats(rr_s: float) -> Floats:
    """Two beats of 1 mV, without noise."""
    around = round(AROUND_S * FS_HZ)
    signal = np.zeros(round(rr_s * FS_HZ) + 2 * around)
    signal[[around, -around - 1]] = 1.0
    return signal


def test_nothing_between_the_beats_is_quiet() -> None:
    assert is_quiet(between_beats(3.0), FS_HZ) is True


def test_a_t_wave_and_a_p_wave_are_no_beats() -> None:
    signal = between_beats(3.0)
    signal[45] = signal[-30] = 0.5
    assert is_quiet(signal, FS_HZ) is True


@pytest.mark.parametrize("at", [80, 150, 240, 290])
def test_a_missed_beat_is_not_quiet(at: int) -> None:
    signal = between_beats(3.0)
    signal[at] = -0.6
    assert is_quiet(signal, FS_HZ) is False


def test_flutter_is_not_quiet_and_slow_wander_is() -> None:
    time_s = np.arange(330) / FS_HZ
    signal = between_beats(3.0)
    assert is_quiet(signal + np.sin(2 * np.pi * 4 * time_s) / 2, FS_HZ) is False
    assert is_quiet(signal + np.sin(2 * np.pi * 0.2 * time_s) / 2, FS_HZ) is True


def test_it_is_unknown_where_samples_are_invalid_or_too_few() -> None:
    signal = between_beats(3.0)
    signal[150] = np.nan
    assert is_quiet(signal, FS_HZ) is None
    assert is_quiet(between_beats(1.1), FS_HZ) is None
    assert is_quiet(np.zeros(0), FS_HZ) is None


def test_real_pauses_are_quiet_and_those_with_a_beat_taken_out_are_not(mitdb: Path) -> None:
    """Record 232 has pauses, 117 a slow rhythm of which every other beat is taken out."""
    pauses = _quiet(mitdb / "232", step=1, longer_than_s=2.0)
    assert pauses.count(True) > 0.95 * len(pauses) > 50
    missed = _quiet(mitdb / "117", step=2, longer_than_s=2.0)
    assert missed.count(False) > 0.99 * len(missed) > 500


def _quiet(path: Path, step: int, longer_than_s: float) -> list[bool | None]:
    recording = read_recording(path)
    marks = recording.annotations
    assert marks is not None
    beats = marks.samples[AAMI.labels(marks.symbols) >= 0][::step]
    around, signal = round(AROUND_S * recording.fs_hz), recording.read()[0]
    return [
        is_quiet(signal[first - around : last + around], recording.fs_hz)
        for first, last in zip(beats[:-1].tolist(), beats[1:].tolist(), strict=True)
        if last - first > longer_than_s * recording.fs_hz and first >= around
    ]

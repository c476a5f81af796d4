"""Whether annotated beats lie at beats: a case by hand, and real records of a wrong rate."""

from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.classes import AAMI, NO_BEAT
from ecg_lightning.records.formats import read_recording
from ecg_lightning.signals.annotated_beats import (
    LEAST_SHARE,
    are_repeated,
    misplaced_text,
    repeated_text,
    steeper_share,
)


def test_a_case_by_hand() -> None:
    signal = np.zeros(1000)
    signal[[100, 300, 500, 850]] = 1.0
    beats = np.array([100, 300, 500, 700, 900])
    # 700: nothing is steep there, and the rise of 850 is 50 samples from 800, more than 20.
    assert steeper_share(signal, 250, beats) == (0.75, 4)
    assert steeper_share(signal, 250, beats + 100)[0] == 0.0


def test_short_intervals_and_invalid_samples_decide_nothing() -> None:
    signal = np.full(1000, np.nan)
    signal[400:600] = 0.0
    signal[500] = 1.0
    share, count = steeper_share(signal, 250, np.array([440, 500, 700]))
    assert (share, count) == (1.0, 1)  # 60 samples are less than 0.3 s
    assert steeper_share(signal, 250, np.array([500]))[1] == 0
    assert np.isnan(steeper_share(signal[:3], 250, np.zeros(0, np.int64))[0])


def test_few_beats_are_not_noted() -> None:
    assert misplaced_text(0.5, 19) == misplaced_text(0.9, 1000) == ""
    assert misplaced_text(float("nan"), 0) == ""
    assert "only at 53 % of the annotated beats" in misplaced_text(0.531, 20)


def test_only_a_beat_at_the_position_of_a_beat_is_repeated() -> None:
    samples = np.array([5, 5, 5, 9, 9, 12])
    is_beat = np.array([False, True, True, True, False, True])
    assert are_repeated(samples, is_beat).tolist() == [False, False, True, False, False, False]
    assert not are_repeated(samples[:0], is_beat[:0]).any()
    assert repeated_text(1) == "1 beat at the position of another one is dropped"


@pytest.mark.parametrize("name", ["105", "116", "203", "207"])  # the four lowest of 48
def test_real_records_are_far_from_the_limit(name: str, mitdb: Path) -> None:
    recording = read_recording(mitdb / name)
    assert recording.annotations is not None
    is_beat = AAMI.labels(recording.annotations.symbols) != NO_BEAT
    beats, signal = recording.annotations.samples[is_beat], recording.read_exactly()[0]
    assert steeper_share(signal, 360, beats)[0] > 0.99
    for rate in (250, 128, 500):
        wrong = beats * rate // 360
        share, _ = steeper_share(signal, 360, wrong[wrong < len(signal)])
        assert share < LEAST_SHARE - 0.2

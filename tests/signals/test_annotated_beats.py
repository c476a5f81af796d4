"""Whether annotated beats lie at beats: a case by hand, and real records of a wrong rate."""

from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.arrays import Floats, Integers
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
    signal[[100, 300, 500, 815]] = 1.0
    beats = np.array([100, 300, 500, 700, 900])
    # Nothing is steep at 700, and the rise of 815 is less than 20 samples from the middle, 800.
    assert steeper_share(signal, 250, beats) == (0.75, 4)
    assert steeper_share(signal, 250, beats[:3] + 100) == (0.0, 2)


def test_short_intervals_and_places_without_a_signal_decide_nothing() -> None:
    signal = np.full(1000, np.nan)
    signal[400:600] = 0.0
    signal[500] = 1.0
    beats = np.array([100, 200, 410, 500, 700, 900])
    share, count = steeper_share(signal, 250, beats)
    assert (share, count) == (1.0, 1)  # 500 alone
    assert steeper_share(signal, 250, np.array([500, 539]))[1] == 0  # less than 0.16 s
    assert steeper_share(signal, 250, np.array([500]))[1] == 0
    assert np.isnan(steeper_share(signal[:3], 250, np.zeros(0, np.int64))[0])


def test_places_are_narrower_in_short_intervals() -> None:
    signal = np.zeros(1000)
    signal[115] = 1.0  # steep to 120: 20 samples from 100 and 30 from 150
    assert steeper_share(signal, 250, np.array([100, 300])) == (1.0, 1)  # within 0.08 s
    assert steeper_share(signal, 250, np.array([100, 180]))[1] == 0  # 0.04 s, at 100 and 140


def text_of(signal: Floats, beats: Integers, fs_hz: float = 250) -> str:
    return misplaced_text(lambda a, b: signal[a:b], len(signal), fs_hz, beats)


def test_few_beats_are_not_noted() -> None:
    signal = np.zeros(250 * 60)
    signal[::200] = 1.0
    wrong = np.arange(100, 200 * 21 + 100, 200)
    assert text_of(signal, wrong).startswith("only 0 % of the annotated beats lie at a steep part")
    assert text_of(signal, wrong[:20]) == ""  # 19 intervals
    assert text_of(signal, wrong + 100) == text_of(signal, wrong[:0]) == ""


def test_three_pieces_of_a_long_recording_are_judged() -> None:
    signal = np.zeros(250 * 3600)
    signal[::200] = 1.0
    read = list[tuple[int, int]]()

    def piece(start: int, stop: int) -> Floats:
        read.append((start, stop))
        return signal[start:stop]

    assert misplaced_text(piece, len(signal), 250, np.arange(0, len(signal), 200)) == ""
    assert read == [(0, 30_000), (435_000, 465_000), (870_000, 900_000)]


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
        wrong = wrong[wrong < len(signal)]
        assert steeper_share(signal, 360, wrong)[0] < LEAST_SHARE - 0.05
        assert text_of(signal, wrong, 360)
    signal[: 360 * 600] = np.nan  # the electrode is attached after ten minutes
    assert text_of(signal, beats, 360) == ""

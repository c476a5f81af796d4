"""What is said of a recording of a few beats."""

import numpy as np
import pytest

from ecg_lightning.annotation.found_beats import FoundBeats
from ecg_lightning.annotation.notes import FEW_BEATS, _of_few


def beats_of(symbols: str, p: float) -> FoundBeats:
    count = len(symbols)
    probabilities = np.full((count, 5), (1 - p) / 4, np.float32)
    probabilities[np.arange(count), ["NSVFQ".index(one) for one in symbols]] = p
    ones, none = np.ones(count, np.float32), np.zeros((0, 2), np.int64)
    return FoundBeats(np.arange(count), ones, probabilities, ones, none)


@pytest.mark.parametrize(
    ("symbols", "p", "end"),
    [
        ("NNNNN", 0.9, "than in a longer recording"),
        ("NQNQS", 0.6, "; Q (2 beats) can mean an unusual shape here, not a pacemaker"),
        ("NNNQ", 1.0, "than in a longer recording"),  # no signal, which has a note of its own
    ],
)
def test_few_beats_are_told_and_what_q_means_then(symbols: str, p: float, end: str) -> None:
    (text,) = _of_few(beats_of(symbols, p))
    start = f"the patient's usual beat and rhythm come from {len(symbols)} beats only, so "
    assert text.startswith(start)
    assert text.endswith(end)


def test_nothing_is_said_of_many_beats_or_none() -> None:
    assert not list(_of_few(beats_of("Q" * FEW_BEATS, 0.6)))
    assert not list(_of_few(beats_of("", 0.6)))

"""What is said of few beats, of unsure ones, and of those without a signal."""

import numpy as np
import pytest

from ecg_lightning.annotation.found_beats import FoundBeats
from ecg_lightning.annotation.notes import FEW_BEATS, _of_beats, _of_few, _of_unsure
from ecg_lightning.records.recording import Recording
from tests.helpers.recordings import recording_of

II, V1 = ("II", "mV", 1.0, np.zeros(99)), ("V1", "mV", 1.0, np.zeros(99))
ONE_LEAD, TWO_LEADS = recording_of([II]), recording_of([II, V1])


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


@pytest.mark.parametrize(
    ("n_unsure", "n_sure", "n_unseen", "limit", "text"),
    [
        (6, 5, 0, 0.7, "6 of 11 beats are unsure: noise, "),
        (6, 6, 0, 0.7, ""),
        (6, 5, 90, 0.7, "6 of 11 beats are unsure: noise, "),
        (9, 0, 0, 0.7, ""),  # too few to say anything
        (20, 0, 0, None, ""),
        (0, 0, 20, 0.7, ""),
    ],
)
def test_most_beats_unsure(
    n_unsure: int, n_sure: int, n_unseen: int, limit: float | None, text: str
) -> None:
    """Beats without a signal are unsure too, but say nothing of the others."""
    parts = [
        beats_of("V" * n_unsure, 0.6),
        beats_of("V" * n_sure, 0.8),
        beats_of("Q" * n_unseen, 1),
    ]
    texts = list(_of_unsure(FoundBeats.concatenate(parts), limit))
    assert len(texts) == bool(text)
    assert all(one.startswith(text) for one in texts)


@pytest.mark.parametrize(
    ("recording", "symbols", "end"),
    [
        (TWO_LEADS, "QQN", ", II, got the class Q: choose another lead"),
        (TWO_LEADS, "QNN", ", II, got the class Q"),
        (ONE_LEAD, "QQN", ", II, got the class Q"),
    ],
)
def test_most_beats_without_a_signal_ask_for_another_lead(
    recording: Recording, symbols: str, end: str
) -> None:
    (text,) = _of_beats(recording, beats_of(symbols, 1.0))
    assert text.endswith(end)

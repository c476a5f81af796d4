"""The causal form of a beat's context."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_lightning.arrays import Floats
from ecg_lightning.signals.context import LEADS, ROWS, CausalContext
from ecg_lightning.signals.templates import MARGIN, WINDOW_SAMPLES


def heartbeats(count: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Windows and times of beats of one patient, a tenth of them early and of another shape."""
    random = np.random.default_rng(seed)
    early = random.random(count) < 0.1
    samples = np.arange(WINDOW_SAMPLES + 2 * MARGIN)
    qrs = np.exp(-0.5 * ((samples - 60) / 3) ** 2) * np.array([[1.0], [0.6]])
    windows = np.where(early[:, None, None], -1.5, 1.0) * qrs
    windows += 0.05 * random.normal(size=windows.shape)
    return windows, np.cumsum(np.where(early, 0.5, 0.8) + 0.02 * random.normal(size=count))


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(0, 90), unique=True))
def test_rows_do_not_depend_on_how_beats_are_split_among_pushes(cuts: list[int]) -> None:
    windows, times_s = heartbeats(90)
    whole = CausalContext().push(windows, times_s)
    pieces = CausalContext()
    cuts = sorted(cuts)
    parts = zip(np.split(windows, cuts), np.split(times_s, cuts), strict=True)
    np.testing.assert_array_equal(np.concatenate([pieces.push(*part) for part in parts]), whole)
    assert whole.shape == (90, ROWS, WINDOW_SAMPLES)
    assert np.isfinite(whole).all()
    assert whole.shape[1] == 2 * LEADS + 1


def test_later_beats_change_no_earlier_row() -> None:
    windows, times_s = heartbeats(60)
    whole = CausalContext().push(windows, times_s)
    windows[40:], times_s[40:] = 9.0, times_s[40:] + 7.0
    np.testing.assert_array_equal(CausalContext().push(windows, times_s)[:40], whole[:40])

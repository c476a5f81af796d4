"""Which leads have a signal, sample by sample: against NumPy's `unique`."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ecg_lightning.annotation.finding.beat_finder import _sets_of

ROWS = st.integers(1, 4).flatmap(
    lambda leads: st.lists(
        st.tuples(st.integers(1, 30), st.lists(st.booleans(), min_size=leads, max_size=leads)),
        min_size=1,
        max_size=8,
    )
)


@given(ROWS)
def test_the_sets_of_leads_are_the_different_columns(runs: list[tuple[int, list[bool]]]) -> None:
    alive = np.concatenate([np.repeat(np.array([leads]).T, n, 1) for n, leads in runs], axis=1)
    sets, numbers = np.unique(alive, axis=1, return_inverse=True)
    ours = _sets_of(alive)
    np.testing.assert_array_equal(ours[0], sets)
    np.testing.assert_array_equal(ours[1], numbers.reshape(-1))

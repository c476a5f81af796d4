"""Pairs of beats of two annotation files, as EC57's beat-by-beat comparison makes them."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from ecg_lightning.arrays import Integers

_FAR = 1 << 60  # a position after the end of every recording


def match_beats(
    reference: Sequence[int], test: Sequence[int], window: int, start: int = 0, end: int = _FAR
) -> tuple[Integers, Integers]:
    """Match the beats of two files in one walk through both.

    The earlier of the two next beats is paired with the other one if they are at most the window
    apart, and if the beat that follows the earlier one in its file is no better partner: it is
    farther away, or the beat that follows the other one is nearer to it. Of two beats at one sample
    the reference's is the earlier.

    Args:
        reference: Positions of the reference beats, ascending.
        test: Positions of the test beats, ascending.
        window: The farthest distance of a pair, in samples.
        start: Where matching begins. If it is not 0, the last test beat before it may be the
            partner of the first reference beat. The first test beat from the start on is skipped
            if it is at most the window after the start and the next one is nearer to the first
            reference beat: its partner may lie before the start.
        end: Where matching ends: one beat of the last pair may lie after it.

    Returns:
        (P,) indices of reference beats and (P,) indices of test beats, in the order of time; -1 for
        the missing partner of a beat that is alone. Each beat is in at most one row.

    Example:
        >>> match_beats([100, 200], [110, 300], window=54)
        (array([ 0,  1, -1]), array([ 0, -1,  1]))
    """
    first, second = [*reference, _FAR, _FAR], [*test, _FAR, _FAR]
    i, j = bisect_left(reference, start), bisect_left(test, start)
    rows = list[tuple[int, int]]()
    if start > 0:
        to_next = abs(first[i] - second[j])
        if j > 0 and first[i] - second[j - 1] <= min(window, to_next - 1):
            rows, i = [(i, j - 1)], i + 1
        elif second[j] - start <= window and abs(first[i] - second[j + 1]) < to_next:
            j += 1
    end = min(end, _FAR - 1)
    while first[i] <= end or second[j] <= end:
        if first[i] <= second[j]:
            is_pair = _is_pair(first[i], first[i + 1], second[j], second[j + 1], window)
            rows.append((i, j if is_pair else -1))
            i, j = i + 1, j + is_pair
        else:
            is_pair = _is_pair(second[j], second[j + 1], first[i], first[i + 1], window)
            rows.append((i if is_pair else -1, j))
            i, j = i + is_pair, j + 1
    pairs = np.array(rows, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _is_pair(early: int, next_early: int, late: int, next_late: int, window: int) -> bool:
    """Whether the earlier of two beats is paired with the other one."""
    distance, to_next = late - early, abs(late - next_early)
    return distance <= window and (distance < to_next or abs(next_late - next_early) < to_next)

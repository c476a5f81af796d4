"""Sequences of consecutive beats, as row numbers of the beats table.

A number of 0 or more is the row of a beat with its label. `PADDING` fills up a sequence. A number
below is a beat that is shown without its label, see `unlabelled`: one of another part, which its
neighbours may see as they do in a recording without labels.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ecg_lightning.arrays import Flags, Floats32, Integers, Names
from ecg_lightning.classes import CLASS_NAMES

PADDING = -1
FUSION, FUSION_FACTOR = CLASS_NAMES.index("F"), 0.1  # nearly all are of two patients
IGNORED = -100  # the label of a beat without one; `torch.nn.functional.cross_entropy` skips it


def unlabelled(rows: Integers) -> Integers:
    """Return the numbers of the same beats without their labels; the same function leads back.

    Example:
        >>> unlabelled(np.array([0, 5])).tolist()
        [-2, -7]
    """
    return -2 - rows


def stretches_of(record_ids: Names, stretches: Integers, labelled: Flags) -> list[Integers]:
    """Return the beats of each stretch that has a labelled beat, in the order of the table.

    Args:
        record_ids: (N,) the record of each beat; the beats of a record are consecutive.
        stretches: (N,) the stretch of its record that each lies in.
        labelled: (N,) which beats show their label.

    Returns:
        Sequences (n,), each of consecutive beats.

    Example:
        >>> names = np.array(["a", "a", "b"])
        >>> stretches_of(names, np.zeros(3), np.array([False, True, False]))
        [array([-2,  1])]
    """
    rows = np.arange(len(record_ids))
    begins = (record_ids[1:] != record_ids[:-1]) | (stretches[1:] != stretches[:-1])
    shown = np.where(labelled, rows, unlabelled(rows))
    pieces = np.split(shown, np.flatnonzero(begins) + 1)
    return [piece for piece in pieces if len(piece) and piece.max() >= 0]


def padded(sequences: Sequence[Integers], length: int = 0) -> Integers:
    """Return sequences as one table, filled up with `PADDING`.

    Args:
        sequences: S of them.
        length: K; default: the length of the longest.

    Returns:
        (S, K).
    """
    length = length or max(map(len, sequences), default=0)
    table = np.full((len(sequences), length), PADDING, np.int64)
    for row, sequence in zip(table, sequences, strict=True):
        row[: len(sequence)] = sequence
    return table


def places_of(rows: Tensor) -> Tensor:
    """Return the rows of the table of all beats in sequences; 0 for `PADDING`."""
    return torch.where(rows < PADDING, -2 - rows, rows).clamp(min=0)


def record_weights(labels: Integers, record_ids: Names, rows: Integers) -> Floats32:
    """Return how much each beat counts in training, so that no record rules its class.

    Within a class the weight is the inverse square root of how many beats of this class the record
    has. The mean weight of the beats of a class is 1, and of fusion beats 0.1: in MIT-BIH nearly
    all of them come from two patients.

    Args:
        labels: (N,) class indices of all beats of the table.
        record_ids: (N,) their records.
        rows: (M,) the beats that are trained on; others weigh 0.

    Example:
        >>> names = np.array(["a", "a", "a", "a", "b"])
        >>> record_weights(np.zeros(5, np.int64), names, np.arange(5)).round(2)
        array([0.83, 0.83, 0.83, 0.83, 1.67], dtype=float32)
    """
    weights = np.zeros(len(labels), np.float32)
    _, records = np.unique(record_ids[rows], return_inverse=True)
    _, group, counts = np.unique(
        np.stack([labels[rows], records]), axis=1, return_inverse=True, return_counts=True
    )
    own = counts[group] ** -0.5
    totals, sizes = np.bincount(labels[rows], own), np.bincount(labels[rows])
    factors = np.where(np.arange(len(sizes)) == FUSION, FUSION_FACTOR, 1.0)
    factors *= sizes / np.where(sizes > 0, totals, 1)
    weights[rows] = own * factors[labels[rows]]
    return weights

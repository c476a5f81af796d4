"""The rows of ECG paper: which values the row of a lead shows."""

import math
from dataclasses import dataclass

import numpy as np

from ecg_lightning.arrays import Floats

LARGE_BOX_MV, TALLEST_MV = 0.5, 8.0
LARGEST = 1e30  # values beyond are drawn outside the paper


@dataclass(frozen=True)
class Row:
    """What the row of one lead shows.

    Attributes:
        limits: The value at the lower and the upper edge.
        has_boxes: Whether the values are millivolts, which the boxes measure.
        label: What is written left of the row; "" for nothing.
        has_values: Whether a sample is valid. If not, numbers without boxes would mean nothing.
    """

    limits: tuple[float, float]
    has_boxes: bool = True
    label: str = ""
    has_values: bool = True


def row_of(signal: Floats, is_voltage: bool) -> Row:
    """Return the row for a lead. A voltage that is too tall for a page is cut.

    Args:
        signal: (T,) in mV, or in its own unit; NaN where invalid.
        is_voltage: Whether the unit is mV. Then the edges are lines of large boxes.
    """
    valid = np.clip(signal[np.isfinite(signal)], -LARGEST, LARGEST)
    if len(valid) == 0:
        return Row((-1.0, 1.0), is_voltage, has_values=False)
    if not is_voltage:
        return Row(_own_range(float(valid.min()), float(valid.max())), has_boxes=False)
    middle = float(np.clip(np.median(valid), -1e6, 1e6))
    low = np.clip(valid.min(), middle - TALLEST_MV / 2, middle) - 0.1
    high = np.clip(valid.max(), middle, middle + TALLEST_MV / 2) + 0.1
    edges = math.floor(low / LARGE_BOX_MV), math.ceil(high / LARGE_BOX_MV)
    return Row((edges[0] * LARGE_BOX_MV, edges[1] * LARGE_BOX_MV))


def _own_range(low: float, high: float) -> tuple[float, float]:
    """The range of values with room at both edges, and around a constant."""
    room = 0.16 * (high - low)
    least = 1e-6 * max(abs(low), abs(high))  # float32 has no finer steps
    room = room if high - low > least else 0.5 * max(abs(low), 1.0)
    return low - room, high + room

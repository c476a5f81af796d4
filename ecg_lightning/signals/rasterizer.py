"""Batches of anti-aliased lines, drawn column by column and without a loop over pictures.

A line with round joins is a graph that a disc of its radius runs along. A vertical cut through it
is one interval, however the line turns: its lower end is the smallest of
`f(t) - sqrt(r^2 - (x - t)^2)` over t, and its upper end the largest of
`f(t) + sqrt(r^2 - (x - t)^2)`. So a column of pixels needs two numbers at each of a few places
across its width, and no picture is made but the columns that are asked for.
"""

import math

import torch
from torch import Tensor

# Powers of two, because shifts take a tenth of a division's time.
CUTS = 16  # places across a pixel where its column is cut
LEVELS = 256  # of coverage in a pixel, as in Agg


def coverage(
    heights: Tensor, start: float, step: float, columns: Tensor, rows: int, radius: float
) -> Tensor:
    """Return how much of each pixel the lines cover.

    Args:
        heights: (B, T) the y of each line's points in pixels downwards, within [0, rows]; T is at
            least 2.
        start: The x of the first point in pixels.
        step: From one point's x to the next one's.
        columns: (C,) int64, the pixel columns to draw; a line has to pass through each of them.
        rows: R, the picture's height in pixels.
        radius: Half the lines' width in pixels.

    Returns:
        (B, C, R) int32 from 0 to 256, columns first.

    Example:
        A level line 1 pixel wide, half of it in row 1 and half in row 2:

        >>> coverage(torch.full((1, 2), 2.0), 0.0, 4.0, torch.tensor([1]), 4, 0.5).tolist()
        [[[0, 128, 128, 0]]]
    """
    places = (columns[:, None] + (torch.arange(CUTS, device=columns.device) + 0.5) / CUTS).flatten()
    upper, lower = _cuts(heights, places.to(heights.dtype) - start, step, radius)
    # An end makes a step in its column, spread over its pixel and the next. The running sum of the
    # steps is the coverage.
    steps = heights.new_zeros((len(heights) * len(columns), rows + 2), dtype=torch.int32)
    for ends, sign in ((upper, 1), (lower, -1)):
        at = (ends * LEVELS).round().clamp(0, rows * LEVELS).to(torch.int32).view(-1, CUTS)
        row, part = (at >> LEVELS.bit_length() - 1).long(), at & (LEVELS - 1)
        steps.scatter_add_(1, row, sign * (LEVELS - part)).scatter_add_(1, row + 1, sign * part)
    covered = steps.cumsum_(1)[:, :rows] >> CUTS.bit_length() - 1
    return covered.view(len(heights), len(columns), rows)


def _cuts(heights: Tensor, places: Tensor, step: float, radius: float) -> tuple[Tensor, Tensor]:
    """Upper and lower end (B, S) of the lines at places (S,), measured from the first point."""
    segments = heights.shape[1] - 1
    slopes = heights.diff(dim=1) / step
    # The disc that gives the end has its middle this far to the right or left of the place.
    shifts = radius * slopes / (1 + slopes * slopes).sqrt()
    first = ((places - radius) / step).floor().long()
    upper = torch.full(
        (len(heights), len(places)), torch.inf, dtype=heights.dtype, device=heights.device
    )
    lower = -upper
    for i in range(math.ceil(2 * radius / step) + 1):
        segment = (first + i).clamp(0, segments - 1)
        before = places - segment * step  # from the segment's first point to the place
        begin, slope, shift = (
            values.index_select(1, segment) for values in (heights, slopes, shifts)
        )
        for sign in (1, -1):
            along = (before + sign * shift).clamp(0, step)
            # Where the root is NaN, no disc of this segment reaches the place: fmax, fmin skip it.
            end = begin + slope * along + sign * (radius * radius - (before - along) ** 2).sqrt()
            upper, lower = (upper, lower.fmax(end)) if sign > 0 else (upper.fmin(end), lower)
    return upper, lower

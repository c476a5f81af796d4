"""From the position of a beat at a low rate to its R peak in the lead itself."""

import numpy as np

from ecg_lightning.arrays import AnyFloats, Floats, Integers

SEARCH_S = 0.045  # on each side; the QRS of a normal beat lasts 0.1 s
AROUND_S = 0.2  # on each side; its median is the level from which a deflection is measured
SMOOTHED_S = 0.02


def refined(positions: Floats | Integers, lead: AnyFloats, fs_hz: float) -> Integers:
    """Return the R peaks next to positions: the largest deflection within 45 ms, of either sign.

    A deflection is measured from the median of the lead within 0.2 s of the position, on a lead
    that is smoothed over 20 ms.

    Args:
        positions: (B,) in samples of the lead, fractions too.
        lead: (T,) the lead or a piece of it, with 0.2 s around each position where there is as
            much; invalid samples are NaN.
        fs_hz: The sampling rate of the lead.

    Returns:
        (B,) samples of the lead; the nearest sample where all around is invalid.
    """
    centres = np.clip(np.rint(positions), 0, max(len(lead) - 1, 0)).astype(np.int64)
    if not len(centres):
        return centres
    smooth = _smoothed(lead, max(1, round(SMOOTHED_S * fs_hz)))
    around, reach = round(AROUND_S * fs_hz), max(1, round(SEARCH_S * fs_hz))
    padded = np.pad(smooth, around, constant_values=np.nan)
    windows = padded[centres[:, None] + np.arange(2 * around + 1)]
    with np.errstate(invalid="ignore"):
        heights = np.abs(windows - _medians(windows)[:, None])
    near = heights[:, around - reach : around + reach + 1]
    best = np.where(np.isnan(near), -1.0, near)
    shifts = np.where(best.max(1) >= 0, best.argmax(1) - reach, 0)
    return centres + shifts


def _smoothed(lead: AnyFloats, taps: int) -> Floats:
    """The lead with the mean of an odd number of samples around each; the ends are repeated."""
    half = taps // 2
    if half == 0 or not len(lead):
        return lead.astype(np.float64)
    padded = np.pad(lead.astype(np.float64), half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), mode="valid")


def _medians(windows: Floats) -> Floats:
    """The median of each row (B, W) without its invalid samples; NaN where all are invalid."""
    valid = ~np.isnan(windows)
    counts = valid.sum(1)
    ordered = np.sort(windows, axis=1)  # NaN comes last
    rows = np.arange(len(windows))
    low, high = np.maximum(counts - 1, 0) // 2, counts // 2
    high = np.minimum(high, windows.shape[1] - 1)
    return (ordered[rows, low] + ordered[rows, high]) / 2

"""Windows around beats for a network that sees them in the context of their patient."""

import numpy as np

from ecg_lightning.annotation.classifying.windows import BeatWindows, check_length
from ecg_lightning.annotation.finding.usable import without_gaps
from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.signals.context import (
    BAND_SAMPLES,
    LEADS,
    band_passed,
    beat_windows,
    own_samples,
)
from ecg_lightning.signals.quality import constant_between, shares_between, valid_samples
from ecg_lightning.signals.resampling import Resampler
from ecg_lightning.signals.templates import FS_HZ, MARGIN, R_SAMPLE, WINDOW_SAMPLES

_BEFORE, _AFTER = R_SAMPLE + MARGIN, WINDOW_SAMPLES - R_SAMPLE + MARGIN  # of a window at FS_HZ


class ContextCutter:
    """Cuts windows of one or two leads as the data module does it for the whole leads.

    They are equal but for the first and last samples of a recording at another rate.

    A line takes the place of invalid samples, and the nearest sample where they touch an end of
    what is read; the data module takes the median of the lead. Where a lead is constant around a
    beat, its window is 0, as that of a lead that is missing.

    Args:
        fs_hz: The sampling rate of the leads.
        n_leads: How many leads there are; a second one that is missing is 0.

    Example:
        >>> ContextCutter(128.0, 1).source_range(np.array([1000]))
        (812, 1208)
    """

    def __init__(self, fs_hz: float, n_leads: int) -> None:
        self._fs_hz, self._resampler = fs_hz, Resampler(fs_hz, FS_HZ)
        self.n_leads = min(n_leads, LEADS)

    def check_length(self, name: str, length: int) -> None:
        """Refuse a lead that is shorter than a beat; see `check_length`."""
        window_s = WINDOW_SAMPLES / FS_HZ
        is_short = self._resampler.length(length) < WINDOW_SAMPLES
        check_length(name, is_short, window_s, length / self._fs_hz)

    def measure(self, lead: Floats) -> None:
        """Ignore samples (T,) that have come: the template of a patient is the scale."""

    def source_range(self, positions: Integers, length: int | None = None) -> tuple[int, int]:
        """Return the samples [first, end) of the leads that windows need; none without beats.

        Args:
            positions: (B,) beats, in samples of the leads, ascending.
            length: Of the leads; None while it is unknown. Then the end can lie after the leads.
        """
        if not len(positions):
            return 0, 0
        first, end = self._resampler.source_range(*self._filtered_range(positions, length))
        return max(0, first), end if length is None else min(end, length)

    def __call__(
        self, leads: Floats, first: int, positions: Integers, length: int | None = None
    ) -> BeatWindows:
        """Cut windows around beats.

        Args:
            leads: (n_leads, S) samples that include those of `source_range`; invalid ones are NaN.
            first: The place of the first of them in the recording.
            positions: (B,) beats, in samples of the leads, ascending.
            length: Of the leads, where it is known.

        Returns:
            Signals (B, LEADS, WINDOW_SAMPLES + 2 MARGIN) float32. The quality is that of the first
            lead and of a beat's own WINDOW_SAMPLES.
        """
        signals = np.zeros((len(positions), LEADS, _BEFORE + _AFTER), np.float32)
        if not len(positions):
            return BeatWindows(signals, np.zeros(0, np.float32))
        start, end = self.source_range(positions, length)
        if start < first or end > first + leads.shape[1]:
            raise ValueError(f"expected samples {start} to {end} of the leads")
        known = leads[:, start - first : end - first]
        filtered, place = self._filtered(known, positions, length)
        signals[:, : self.n_leads] = beat_windows(filtered, self._nearest(positions) - place)
        step = self._resampler.step
        starts, ends = (place - start for place in own_samples(positions / step, step))
        quality = shares_between(valid_samples(known[0]), starts, ends, WINDOW_SAMPLES * step)
        for row, lead in enumerate(known):
            signals[constant_between(lead, starts, ends), row] = 0.0
        return BeatWindows(signals, quality.astype(np.float32))

    def _filtered(
        self, known: Floats, positions: Integers, length: int | None
    ) -> tuple[Floats, int]:
        """The band-passed leads (n_leads, T) around the beats, and the place of the first sample.

        They reach beyond the recording only where its first or last sample is repeated.
        """
        start, stop = self._span(positions, length)
        low, high = self._filtered_range(positions, length)
        gapless = without_gaps(known, ~np.isfinite(known))
        resampled = self._resampler(gapless, low, high, length)
        edges = low - (start - BAND_SAMPLES), stop + BAND_SAMPLES - high
        return band_passed(np.pad(resampled, [(0, 0), edges], mode="edge")), start

    def _filtered_range(self, positions: Integers, length: int | None) -> tuple[int, int]:
        """The samples at FS_HZ, within the recording, that decide about windows."""
        start, stop = self._span(positions, length)
        low, high = max(0, start - BAND_SAMPLES), stop + BAND_SAMPLES
        return low, high if length is None else min(high, self._resampler.length(length))

    def _span(self, positions: Integers, length: int | None) -> tuple[int, int]:
        """The samples at FS_HZ, within the recording, that windows hold."""
        centres = self._nearest(positions[[0, -1]])
        start, stop = int(centres[0]) - _BEFORE, int(centres[1]) + _AFTER
        if length is None:
            return max(0, start), stop
        samples = self._resampler.length(length)
        return max(0, min(start, samples - 1)), min(stop, samples)

    def _nearest(self, positions: Integers) -> Integers:
        """The samples at FS_HZ that are nearest to beats (B,), as `beat_windows` has them."""
        return np.floor(positions / self._resampler.step + 0.5).astype(np.int64)

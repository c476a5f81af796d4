"""A lead at another sampling rate: the whole of it, or piece by piece."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from scipy.signal import firwin, resample_poly, upfirdn

from ecg_lightning.arrays import Flags, Floats, Integers
from ecg_lightning.records.recording import Record
from ecg_lightning.signals.quality import valid_samples

_HALF_TAPS = 10  # of `resample_poly`'s filter, in samples of the lower rate
_KAISER = 5.0  # the shape of its window
# The filter's gain at 0 Hz differs between samples, by up to 0.0007. A level that is more than this
# many times as high as the range of the samples, as of a converter's counts, would become waves.
_HIGH_LEVEL = 5


def resampled(record: Record, fs_hz: float) -> Record:
    """Return the record at another sampling rate.

    A polyphase filter gives the signal, and the positions of annotations are rounded. Invalid
    samples become the record's median. `resampled_validity` says where they were.

    Example:
        A record of 10 s at 250 Hz becomes 3,600 samples at 360 Hz. An annotation at sample 250
        moves to 360.
    """
    if record.fs_hz == fs_hz:
        return record
    ratio = _ratio(record.fs_hz, fs_hz)
    # Zeros outside the record, or for invalid samples, would make steps: the filter continues the
    # record as a line, and invalid samples become its median.
    filled = np.where(np.isnan(record.signal), np.nanmedian(record.signal), record.signal)
    signal = resample_poly(filled, ratio.numerator, ratio.denominator, padtype="line")
    positions = _moved(record.annotation_samples, ratio)
    return replace(
        record,
        fs_hz=fs_hz,
        signal=signal,
        annotation_samples=np.minimum(positions, len(signal) - 1),
    )


def resampled_validity(record: Record, other: Record) -> Flags:
    """Return which samples of a resampled record were valid in the record, (T,).

    Args:
        record: The record at its own sampling rate.
        other: The same record, as `resampled` returns it.
    """
    valid = valid_samples(record.signal)
    if other is record:
        return valid
    nearest = _nearest_samples(0, len(other.signal), sample_step(record.fs_hz, other.fs_hz))
    return valid[np.minimum(nearest, len(valid) - 1)]


def _moved(positions: Integers, ratio: Fraction) -> Integers:
    """The samples of a resampled lead that are nearest to samples of the lead."""
    return np.rint(positions * float(ratio)).astype(np.int64)


def sample_step(fs_hz: float, to_hz: float) -> float:
    """Return how many samples of a lead lie between two samples of the resampled lead.

    This is the quotient of both rates where whole numbers up to 10,000 give it. Otherwise the lead
    is resampled by the nearest such ratio, and the positions of a long lead follow this ratio.

    Args:
        fs_hz: The sampling rate of the lead.
        to_hz: That of the resampled lead.
    """
    return float(1 / _ratio(fs_hz, to_hz))


def _nearest_samples(start: int, stop: int, step: float) -> Integers:
    """Return the samples of a lead that are nearest to samples of the resampled lead.

    The last of them can be one sample after the end of the lead.

    Args:
        start: The first sample of the resampled lead.
        stop: The sample after the last one.
        step: See `sample_step`.

    Returns:
        (stop - start,)
    """
    return np.rint(np.arange(start, stop) * step).astype(np.int64)


class Resampler:
    """Resample a lead piece by piece, with the filter of `resampled`.

    A sample of the result does not depend on the piece that it is computed in. It equals that of
    `resampled` from 10 samples of the lower rate after the start of the lead to 10 before its end.
    Where the mean of a piece is more than 5 times its range, both hold to 0.4 % of the range.
    Closer to the ends `resampled` continues the lead with the line through its first and its last
    sample. The end of a stream is not known, so here the first and the last sample are repeated.

    Args:
        fs_hz: The sampling rate of the lead.
        to_hz: That of the result.

    Attributes:
        step: How many samples of the lead lie between two of the result, see `sample_step`.

    Example:
        >>> resampler = Resampler(360.0, 120.0)
        >>> resampler.source_range(100, 101)
        (270, 331)
        >>> resampler(np.ones(61), 100, 101).round(6)
        array([1.])
    """

    def __init__(self, fs_hz: float, to_hz: float) -> None:
        self._ratio, self.step = _ratio(fs_hz, to_hz), sample_step(fs_hz, to_hz)
        self._up, self._down = self._ratio.numerator, self._ratio.denominator
        longest = max(self._up, self._down)
        self._half = 0 if longest == 1 else _HALF_TAPS * longest
        self._taps: Floats = np.ones(1)
        if not self.is_copy:
            taps = firwin(2 * self._half + 1, 1 / longest, window=("kaiser", _KAISER))
            self._taps = taps * self._up

    @property
    def is_copy(self) -> bool:
        """Whether both rates are equal, and samples are returned as they are."""
        return not self._half

    def length(self, samples: int) -> int:
        """Return how many samples a lead of `samples` samples has after resampling."""
        return -(-samples * self._up // self._down)

    def nearest(self, positions: Integers) -> Integers:
        """Return the samples of the result that are nearest to samples (B,) of the lead."""
        return _moved(positions, self._ratio)

    def position(self, sample: int) -> int:
        """Return the first sample of the lead that is not before a sample of the result."""
        return -(-sample * self._down // self._up)

    def ready(self, available: int, length: int | None = None) -> int:
        """Return how many samples of the result the first samples of a lead decide.

        Args:
            available: The number of these samples.
            length: The length of the lead, where it is known.
        """
        if length is not None and available >= length:
            return self.length(length)
        return max(0, (available * self._up - self._half - 1) // self._down + 1)

    def source_range(self, start: int, stop: int) -> tuple[int, int]:
        """Return the samples [first, end) that the resampled samples [start, stop) need.

        `first` can lie before the lead and `end` after it; see `__call__`.
        """
        first = -((self._half - start * self._down) // self._up)
        return first, ((stop - 1) * self._down + self._half) // self._up + 1

    def __call__(self, samples: Floats, start: int, stop: int, length: int | None = None) -> Floats:
        """Return the resampled samples [start, stop).

        Args:
            samples: (..., S) those of `source_range` that the lead has; all are valid.
            start: The first sample of the result.
            stop: The sample after the last one, greater than `start`.
            length: The length of the lead, where the range can reach its end. The last sample is
                then repeated.

        Returns:
            (..., stop - start) float64.

        Raises:
            ValueError: These are not the samples of the range.
        """
        first, end = self.source_range(start, stop)
        before, behind = max(0, -first), 0 if length is None else max(0, end - length)
        if samples.shape[-1] != end - first - before - behind:
            raise ValueError(f"expected samples {first + before} to {end - behind} of the lead")
        if self.is_copy:
            return samples
        if before or behind:
            edges = [(0, 0)] * (samples.ndim - 1) + [(before, behind)]
            samples = np.pad(samples, edges, "edge")
        level = _high_level(samples)
        if not level.any():
            return self._filtered(samples, first, start, stop)
        return self._filtered(samples - level, first, start, stop) + level

    def _filtered(self, samples: Floats, first: int, start: int, stop: int) -> Floats:
        """The samples [start, stop) of the result, from samples [first, ...) of the lead."""
        place = start * self._down + self._half - first * self._up  # of the tap on the first sample
        shift = -place % self._down
        taps = np.concatenate([np.zeros(shift), self._taps])
        skipped = (place + shift) // self._down
        result: Floats = upfirdn(taps, samples, self._up, self._down, axis=-1)
        return result[..., skipped : skipped + stop - start]


def _high_level(samples: Floats) -> Floats:
    """The mean (…, 1) of samples (…, S) where it is far above them, else 0."""
    level, extent = samples.mean(-1, keepdims=True), np.ptp(samples, -1, keepdims=True)
    return np.where(np.abs(level) > _HIGH_LEVEL * extent, level, 0.0)


def resampled_piece(
    resampler: Resampler,
    samples: Floats,
    first: int,
    start: int,
    stop: int,
    fill: float,
    length: int | None = None,
) -> tuple[Floats, Flags]:
    """Return a piece [start, stop) of a resampled lead, and which of its samples are valid.

    Args:
        resampler: Knows both rates.
        samples: (S,) those of `Resampler.source_range` that the lead has; invalid ones are NaN.
        first: The place of the first of them in the lead.
        start: The first sample of the piece.
        stop: The sample after the last one.
        fill: What invalid samples are before the filter.
        length: The length of the lead, where it is known.

    Returns:
        (stop - start,) each. As in `resampled`, only samples of equal rates can be NaN.
    """
    valid = valid_samples(samples)
    if resampler.is_copy:
        return samples, valid
    if valid.all():
        return resampler(samples, start, stop, length), np.ones(stop - start, np.bool_)
    values = resampler(np.where(valid, samples, fill), start, stop, length)
    nearest = _nearest_samples(start, stop, resampler.step) - first
    return values, valid[np.minimum(nearest, len(valid) - 1)]


def _ratio(fs_hz: float, to_hz: float) -> Fraction:
    """What the number of samples is multiplied by."""
    return Fraction(to_hz / fs_hz).limit_denominator(10_000)

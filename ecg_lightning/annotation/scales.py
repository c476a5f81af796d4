"""The scale of a lead: exact, from passes over the whole, or from the past minute of a stream."""

import math
from dataclasses import dataclass

import numpy as np

from ecg_lightning.arrays import Flags, Floats
from ecg_lightning.signals.lead_quality import LeadQuality, QualityScan, SpikeScan
from ecg_lightning.signals.quality import scaling_texts, valid_samples
from ecg_lightning.signals.quantiles import ExactQuantiles
from ecg_lightning.signals.resampling import Resampler, resampled_piece
from ecg_lightning.signals.scaling import HIGH, LOW, scaled_around, scaled_between

PAST_S = 60.0  # of a stream, from which its scale comes
_MOST_PAST = 1 << 17  # samples of the past that are kept; of a higher rate every second, third, …
_SHARES = (LOW, 0.5, HIGH)


@dataclass(frozen=True)
class LeadScale:
    """What a lead is scaled by.

    Attributes:
        minimum: Its smallest sample.
        maximum: Its largest sample.
        low: The quantile `LOW` of its valid samples.
        centre: Their median.
        high: The quantile `HIGH`.
        fill: What invalid samples are before resampling: the median at the lead's own rate.
    """

    minimum: float = 0.0
    maximum: float = 0.0
    low: float = 0.0
    centre: float = 0.0
    high: float = 0.0
    fill: float = 0.0

    def scaled(self, values: Floats, valid: Flags, normalization: str) -> Floats:
        """Scale a piece of the lead (T,) as `annotation_windows` does before it cuts windows.

        Args:
            values: (T,)
            valid: (T,) which of them are valid.
            normalization: `record`, `robust`, or `window`, which scales each window later.
        """
        if normalization == "robust":
            known = values if valid.all() else np.where(valid, values, np.nan)
            return scaled_around(known, self.low, self.centre, self.high)
        known = np.nan_to_num(values, nan=0.0)
        if normalization == "record":
            return scaled_between(known, self.minimum, self.maximum)
        return known


class LeadScan:
    """Takes a whole lead in pieces, up to five times, and gives its scale and its quality.

    The scale is that of `annotation_windows` for the whole lead at the rate of the weights. Memory
    is bounded by the pieces and a few MiB. A lead of a converter with 16 bits, at the rate of the
    weights, comes once.

    Args:
        fs_hz: The sampling rate of the lead.
        samples: Its length.
        to_hz: The sampling rate of the weights.
        normalization: `record`, `window` or `robust`.
    """

    def __init__(self, fs_hz: float, samples: int, to_hz: float, normalization: str) -> None:
        self._resampler, self._length = Resampler(fs_hz, to_hz), samples
        self._normalization, self._quality = normalization, QualityScan(fs_hz)
        self._spikes, self._duration_s = SpikeScan(fs_hz), samples / fs_hz
        is_copy, is_robust = self._resampler.is_copy, normalization == "robust"
        self._own, self._resampled = _Numbers(is_robust or not is_copy), _Numbers(is_robust)
        self._is_resampled = not is_copy and normalization != "window"
        # What the passes measure. At another rate, the lead's own median is needed only where
        # samples are invalid, which the first pass tells.
        self._open = {"quality", "own" if is_copy else "resampled"}
        self._is_first, self._fill = True, 0.0
        self._pieces = _ResampledPieces(self._resampler, self._fill, samples)

    def add(self, samples: Floats) -> None:
        """Take the next samples of the lead (T,); invalid ones are NaN."""
        if not len(samples):
            return
        if "quality" in self._open:
            self._quality.add(samples)
        if self._is_first and self._normalization == "record":
            self._spikes.add(samples)
        if "own" in self._open:
            self._own.add(samples, valid_samples(samples))
        if "resampled" in self._open and self._is_resampled:
            self._resampled.add(*self._pieces.add(samples))

    def end_pass(self) -> bool:
        """End a pass over the lead; return whether no further one is needed."""
        ended = {name for name in self._open if getattr(self, f"_{name}").end_pass()}
        self._open -= ended
        if self._is_first and not self._resampler.is_copy and self._quality.quality.invalid:
            self._resampled = _Numbers(self._normalization == "robust")
            self._open = (self._open - {"resampled"}) | {"own"}
        elif "own" in ended:
            self._fill = self._own.quantiles[1] if self._own.invalid else 0.0
            self._open |= {"resampled"} if self._is_resampled else set()
        self._is_first = False
        self._pieces = _ResampledPieces(self._resampler, self._fill, self._length)
        return not self._open

    @property
    def scale(self) -> LeadScale:
        """The scale of the lead, after the last pass."""
        numbers = self._resampled if self._is_resampled else self._own
        low, high = numbers.minimum, numbers.maximum
        if self._resampler.is_copy and numbers.invalid:
            low, high = min(low, 0.0), max(high, 0.0)  # invalid samples count as 0
        lowest, centre, highest = numbers.quantiles
        return LeadScale(low, high, lowest, centre, highest, self._fill)

    @property
    def quality(self) -> LeadQuality:
        """The quality of the lead, after the last pass."""
        return self._quality.quality

    @property
    def texts(self) -> list[str]:
        """What makes the scale of the lead unreliable."""
        if self._normalization != "record":
            return []
        return scaling_texts(self._duration_s, self._spikes.factor)


class RunningScale:
    """The scale of a stream: that of its past 60 s, and of all that has come before they have.

    It depends on the samples only, not on the chunks in which they come. A stream without a valid
    sample so far has the scale 0, and all of it becomes 0.

    Args:
        fs_hz: The sampling rate of the lead.

    Example:
        >>> scale = RunningScale(360.0)
        >>> scale.add(np.arange(101.0))
        >>> scale.scale.centre, scale.scale.high
        (50.0, 99.0)
    """

    def __init__(self, fs_hz: float) -> None:
        self._step = max(1, math.ceil(fs_hz * PAST_S / _MOST_PAST))
        self._ring = np.full(max(1, round(fs_hz * PAST_S / self._step)), np.nan)
        self._count = 0  # of the samples that have come

    def add(self, samples: Floats) -> None:
        """Take the next samples of the lead (T,), any number; invalid ones are NaN."""
        skipped = -self._count % self._step
        kept = samples[skipped :: self._step]
        place = (self._count + skipped) // self._step
        size = len(self._ring)
        last = kept[-size:]
        places = np.arange(place + len(kept) - len(last), place + len(kept)) % size
        self._ring[places] = last
        self._count += len(samples)

    @property
    def scale(self) -> LeadScale:
        """The scale of what has come."""
        valid = self._ring[valid_samples(self._ring)]
        if not len(valid):
            return LeadScale()
        low, centre, high = (float(value) for value in np.quantile(valid, _SHARES))
        return LeadScale(float(valid.min()), float(valid.max()), low, centre, high, centre)


class _Numbers:
    """The extremes and quantiles of samples that come in pieces, in several passes.

    Attributes:
        minimum: The smallest sample.
        maximum: The largest sample.
        invalid: Whether an invalid sample has come.
    """

    def __init__(self, has_quantiles: bool) -> None:
        self.minimum, self.maximum, self.invalid = math.inf, -math.inf, False
        self._exact = ExactQuantiles(_SHARES) if has_quantiles else None

    def add(self, values: Floats, valid: Flags) -> None:
        """Take the next samples (T,), at least one, and which of them are valid.

        An invalid one that is a number counts as an extreme: it was filled before resampling.
        """
        self.minimum = min(self.minimum, float(np.fmin.reduce(values, initial=math.inf)))
        self.maximum = max(self.maximum, float(np.fmax.reduce(values, initial=-math.inf)))
        is_valid = bool(valid.all())
        self.invalid = self.invalid or not is_valid
        if self._exact is not None:
            self._exact.add(values if is_valid else values[valid])

    def end_pass(self) -> bool:
        """End a pass; return whether no further one is needed."""
        return self._exact is None or self._exact.end_pass()

    @property
    def quantiles(self) -> list[float]:
        """Those of `_SHARES`; 0 without a valid sample."""
        return (self._exact.values if self._exact else []) or [0.0] * len(_SHARES)


class _ResampledPieces:
    """Resamples a lead that comes in pieces.

    Args:
        resampler: Knows both rates.
        fill: What invalid samples are before the filter.
        length: The length of the lead.
    """

    def __init__(self, resampler: Resampler, fill: float, length: int) -> None:
        self._resampler, self._fill, self._length = resampler, fill, length
        self._kept: Floats = np.zeros(0)
        self._first = self._next = 0  # the place of the first kept sample, and of the next result

    def add(self, samples: Floats) -> tuple[Floats, Flags]:
        """Take the next samples (T,); return the result as far as it is ready, and its validity."""
        self._kept = np.concatenate([self._kept, samples])
        end = self._first + len(self._kept)
        start, stop = self._next, self._resampler.ready(end, self._length)
        if start >= stop:
            return np.zeros(0), np.zeros(0, np.bool_)
        first, last = self._resampler.source_range(start, stop)
        first = max(0, first)
        piece = self._kept[first - self._first : min(last, self._length) - self._first]
        result = resampled_piece(
            self._resampler, piece, first, start, stop, self._fill, self._length
        )
        self._next = stop
        dropped = max(0, self._resampler.source_range(stop, stop + 1)[0]) - self._first
        self._kept, self._first = self._kept[dropped:], self._first + dropped
        return result

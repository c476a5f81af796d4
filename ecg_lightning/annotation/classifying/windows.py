"""Windows around beats, cut from a piece of a lead as the weights of a network ask for them."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.annotation.scales import LeadScale, RunningScale
from ecg_lightning.arrays import Flags, Floats, Floats32, Integers
from ecg_lightning.errors import InputError
from ecg_lightning.signals.quality import shares_between, valid_samples
from ecg_lightning.signals.resampling import Resampler, resampled_piece
from ecg_lightning.signals.scaling import scale as scaled


class BeatWindows(NamedTuple):
    """The windows of B beats.

    Attributes:
        signals: (B, T) float32, scaled, or (B, L, T) of L leads.
        quality: (B,) float32, the share of each window that holds valid samples.
    """

    signals: Floats32
    quality: Floats32


class Cutter(Protocol):
    """Cuts the windows of beats from leads."""

    @property
    def n_leads(self) -> int:
        """How many leads it reads, the first ones."""

    def check_length(self, name: str, length: int) -> None:
        """Refuse a recording of a name whose leads, of a length, are shorter than a window."""

    def measure(self, lead: Floats) -> None:
        """Take the samples (T,) of the first lead as they come, each once."""

    def source_range(self, positions: Integers, length: int | None = None) -> tuple[int, int]:
        """Return the samples [first, end) of the leads that windows need; none without beats."""

    def __call__(
        self, leads: Floats, first: int, positions: Integers, length: int | None = None
    ) -> BeatWindows:
        """Cut windows around beats, of leads (n_leads, S) from sample `first`."""


class ScaledCutter:
    """Cuts windows from the first lead, with a scale that is known or comes from the past.

    Args:
        cutter: Cuts the windows.
        scale: That of the lead, where the whole of it is known; or what measures it.
    """

    n_leads = 1

    def __init__(self, cutter: "WindowCutter", scale: LeadScale | RunningScale) -> None:
        self._cutter, self._scale = cutter, scale

    def check_length(self, name: str, length: int) -> None:
        """Refuse a lead that is shorter than a window; see `WindowCutter`."""
        self._cutter.check_length(name, length)

    def measure(self, lead: Floats) -> None:
        """Take the samples (T,) of the lead as they come, each once."""
        if isinstance(self._scale, RunningScale):
            self._scale.add(lead)

    def source_range(self, positions: Integers, length: int | None = None) -> tuple[int, int]:
        """Return the samples of the lead that windows need; see `WindowCutter`."""
        return self._cutter.source_range(positions, length)

    def __call__(
        self, leads: Floats, first: int, positions: Integers, length: int | None = None
    ) -> BeatWindows:
        """Cut windows around beats; see `WindowCutter`."""
        scale = self._scale
        if isinstance(scale, RunningScale):
            scale = scale.scale if len(positions) else LeadScale()
        return self._cutter(leads[0], first, positions, scale, length)


class WindowCutter:
    """Cuts windows around beats, equal to those of `annotation_windows` on the whole lead.

    A window is clipped to the lead at its start, and padded with zeros at the end.

    Args:
        fs_hz: The sampling rate of the lead.
        network: Says the rate, the length and the scaling of the windows.

    Example:
        >>> cutter = WindowCutter(360.0, BeatNetwork.load("DeepConv1d"))
        >>> cutter.source_range(np.array([1000, 2000]))
        (872, 2128)
    """

    def __init__(self, fs_hz: float, network: BeatNetwork) -> None:
        self._fs_hz, self._to_hz = fs_hz, network.fs_hz
        self._resampler = Resampler(fs_hz, network.fs_hz)
        self._samples, self._normalization = network.window_samples, network.normalization

    def check_length(self, name: str, length: int) -> None:
        """Refuse a lead that is shorter than a window.

        Args:
            name: Of the recording.
            length: Of the lead, in samples.

        Raises:
            InputError: It is.
        """
        is_short = self._resampler.length(length) < self._samples
        check_length(name, is_short, self._samples / self._to_hz, length / self._fs_hz)

    def source_range(self, positions: Integers, length: int | None = None) -> tuple[int, int]:
        """Return the samples [first, end) of the lead that windows need; none without beats.

        Args:
            positions: (B,) beats, in samples of the lead, ascending.
            length: Of the lead; None while it is unknown. Then the end can lie after the lead.
        """
        if not len(positions):
            return 0, 0
        starts, ends = self._bounds(positions, length)
        first, end = self._resampler.source_range(int(max(0, starts.min())), int(ends.max()))
        return max(0, first), end if length is None else min(end, length)

    def __call__(
        self,
        samples: Floats,
        first: int,
        positions: Integers,
        scale: LeadScale,
        length: int | None = None,
    ) -> BeatWindows:
        """Cut windows around beats.

        Args:
            samples: (S,) samples of the lead that include those of `source_range`; invalid ones are
                NaN.
            first: The place of the first of them in the lead.
            positions: (B,) beats, in samples of the lead, ascending.
            scale: The scale of the lead.
            length: Of the lead, where it is known.
        """
        if not len(positions):
            return BeatWindows(np.zeros((0, self._samples), np.float32), np.zeros(0, np.float32))
        start, end = self.source_range(positions, length)
        if start < first or end > first + len(samples):
            raise ValueError(f"expected samples {start} to {end} of the lead")
        known = samples[start - first : end - first]
        starts, ends = self._bounds(positions, length)
        span = int(max(0, starts.min())), int(ends.max())
        values, valid = resampled_piece(self._resampler, known, start, *span, scale.fill, length)
        lead = scale.scaled(values, valid, self._normalization)
        signals = _cut(lead, starts - span[0], ends - span[0], span[0], self._samples)
        if self._normalization == "window":
            signals = scaled(signals)
        quality = self._quality(valid_samples(known), start, starts, ends)
        return BeatWindows(signals.astype(np.float32), quality.astype(np.float32))

    def _bounds(self, positions: Integers, length: int | None) -> tuple[Integers, Integers]:
        """Where windows start, also before the lead, and where they end, (B,) each."""
        centres = self._resampler.nearest(positions)
        if length is None:
            starts = centres - self._samples // 2
            return starts, starts + self._samples
        samples = self._resampler.length(length)
        starts = np.minimum(centres, samples - 1) - self._samples // 2
        return starts, np.minimum(starts + self._samples, samples)

    def _quality(self, valid: Flags, first: int, starts: Integers, ends: Integers) -> Floats:
        """The share of each window that holds valid samples, as `judge_windows` has it."""
        ratio = self._resampler.step
        begins, stops = (
            np.asarray(places * ratio - first, np.float64)
            for places in (np.maximum(starts, 0), ends)
        )
        return shares_between(valid, begins, stops, self._samples * ratio)


def _cut(
    piece: Floats, starts: Integers, ends: Integers, before: int, window_samples: int
) -> Floats:
    """Cut windows (B, T) from a piece of a lead, with zeros behind what is clipped.

    Args:
        piece: (P,)
        starts: (B,) places in the piece; those before the lead are below `-before`.
        ends: (B,)
        before: How many samples the lead has before the piece.
        window_samples: T.
    """
    padded = np.concatenate([piece, np.zeros(window_samples)])
    inside = np.maximum(starts, -before)
    windows: Floats = sliding_window_view(padded, window_samples)[inside]
    for row in np.flatnonzero(starts < inside):
        windows[row, ends[row] - inside[row] :] = 0.0
    return windows


def check_length(name: str, is_short: bool, window_s: float, length_s: float) -> None:
    """Refuse a recording that is shorter than a window.

    Args:
        name: Of the recording.
        is_short: Whether it is.
        window_s: The length of a window.
        length_s: Of the recording.

    Raises:
        InputError: It is.
    """
    if is_short:
        raise InputError(
            f"recording {name}",
            expected=f"at least a window of the weights, {window_s:.3g} s",
            found=f"{length_s:.3g} s",
            hint="choose a longer recording, or weights with a shorter window",
            setting="model",
        )

"""One view of several beats, drawn in a row of axes: lines, spectrograms or images."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ecg_lightning.arrays import AnyFloats
from ecg_lightning.figures.style import SHADES
from ecg_lightning.palette import INK, RULE
from ecg_lightning.signals.views import ViewName

Draw = Callable[[Sequence[Axes], AnyFloats, Any, float], None]


def draw_panels(
    name: ViewName, panels: Sequence[Axes], values: AnyFloats, view: Any, fs_hz: float
) -> None:
    """Draw one view of n beats.

    Args:
        name: Which view.
        panels: n axes.
        values: (n, ...) what the view returned.
        view: The view's module, for its settings.
        fs_hz: Sampling rate of the beats.
    """
    _DRAW[name](panels, values, view, fs_hz)


def _draw_signal(panels: Sequence[Axes], signals: AnyFloats, view: Any, fs_hz: float) -> None:
    _draw_lines(panels, np.arange(signals.shape[1]) / fs_hz, signals)


def _draw_spectrum(panels: Sequence[Axes], spectra: AnyFloats, view: Any, fs_hz: float) -> None:
    _draw_lines(panels, np.arange(spectra.shape[1]) * fs_hz / view.fft_samples, spectra)


def _draw_lines(panels: Sequence[Axes], across: AnyFloats, values: AnyFloats) -> None:
    """Draw all lines on one scale, so that beats can be compared."""
    margin = 0.06 * float(np.ptp(values)) or 0.5
    for axes, line in zip(panels, values, strict=True):
        axes.grid(color=RULE, linewidth=0.8)
        axes.plot(across, line, color=INK, linewidth=1.6)
        axes.set_ylim(float(values.min()) - margin, float(values.max()) + margin)


def _draw_spectrogram(panels: Sequence[Axes], decades: AnyFloats, view: Any, fs_hz: float) -> None:
    """Draw each cell around the middle of its frame and around its frequency."""
    hop_s, step_hz = view.hop_samples / fs_hz, fs_hz / view.fft_samples
    first_s = view.window_samples / 2 / fs_hz
    n_bins, n_frames = decades.shape[1:]
    times_s = first_s - hop_s / 2, first_s + (n_frames - 0.5) * hop_s
    for axes, cells in zip(panels, decades, strict=True):
        axes.imshow(
            cells,
            extent=(*times_s, -step_hz / 2, (n_bins - 0.5) * step_hz),
            origin="lower",
            aspect="auto",
            cmap=SHADES,
            vmin=0.0,
            vmax=max(1.0, float(decades.max())),
            interpolation="nearest",
        )


def _draw_images(panels: Sequence[Axes], images: AnyFloats, view: Any, fs_hz: float) -> None:
    for axes, image in zip(panels, images, strict=True):
        axes.imshow(image, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
        axes.set(xticks=[], yticks=[])


_DRAW: dict[str, Draw] = {
    "signal": _draw_signal,
    "spectrum": _draw_spectrum,
    "spectrogram": _draw_spectrogram,
    "image": _draw_images,
    "clean-image": _draw_images,
}

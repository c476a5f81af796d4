"""Views by name: what a network sees of a batch of beats (B, 1, T)."""

from typing import Literal

from ecg_lightning.signals.image_view import ImageView
from ecg_lightning.signals.spectrogram_view import FLOOR, SpectrumView, square_spectrogram
from ecg_lightning.signals.view import View

ViewName = Literal["signal", "spectrum", "spectrogram", "image", "clean-image"]


def make_view(name: ViewName, samples: int, fs_hz: float) -> View:
    """Return the view of a name.

    Args:
        name: `signal`; `spectrum`: the original's frequencies in decades above a floor, for a 1-D
            network; `spectrogram`: decades over frequency and time, square, for a 2-D network;
            `image` and `clean-image`: see `ImageView`.
        samples: T.
        fs_hz: Sampling rate of the beats.

    Raises:
        InputError: Beats of this length have no such view, or torchaudio cannot be imported.

    Example:
        >>> make_view("image", samples=256, fs_hz=360.0).input_length
        128
    """
    if name == "signal":
        return View((1, samples))
    if name == "spectrum":
        return SpectrumView(samples, fs_hz, floor=FLOOR)
    if name == "spectrogram":
        return square_spectrogram(samples, fs_hz)
    return ImageView("clean" if name == "clean-image" else "original")

"""The views of a beat's frequencies: spectrogram and spectrum."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ecg_lightning.errors import InputError
from ecg_lightning.signals.view import View

SHORTEST_FRAME = 8
FLOOR = 1e-8  # 1/Hz, about ten times what rounding a record to 11 bits adds


class SpectrogramView(View):
    """Power densities of a beat's frames: (B, 1, F, N), or decades above a floor.

    With its defaults, and without a floor, it equals `scipy.signal.spectrogram(beats, fs_hz)`: a
    frame is 256 samples, or the whole beat where it is shorter, less its mean and times a periodic
    Tukey window (0.25). The densities are one-sided, in 1/Hz where the signal has no unit.

    Args:
        samples: T.
        fs_hz: Sampling rate of the beats.
        window_samples: Samples of a frame.
        hop_samples: From one frame to the next; default: seven eighths of a frame.
        fft_samples: Length of a frame after zeros are appended; default: no zeros.
        bins: F, the frequencies kept from 0 on, `fs_hz / fft_samples` apart; default: up to half
            the sampling rate.
        floor: Return log10(1 + density / floor); default: return densities.

    Raises:
        InputError: The beats are too short, or torchaudio cannot be imported.

    Example:
        >>> SpectrogramView(256)(torch.rand(2, 1, 256)).shape
        torch.Size([2, 1, 129, 1])
    """

    def __init__(
        self,
        samples: int,
        fs_hz: float = 360.0,
        window_samples: int = 256,
        hop_samples: int | None = None,
        fft_samples: int | None = None,
        bins: int | None = None,
        floor: float | None = None,
    ) -> None:
        if min(samples, window_samples) < SHORTEST_FRAME:
            raise InputError(
                "spectrogram",
                expected=f"frames of {SHORTEST_FRAME} samples or more",
                found=str(min(samples, window_samples)),
                hint="use longer beats, or the view signal",
                setting="view",
            )
        self.window_samples = min(window_samples, samples)
        self.hop_samples = hop_samples or self.window_samples - self.window_samples // 8
        self.fft_samples = fft_samples or self.window_samples
        bins = bins or self.fft_samples // 2 + 1
        super().__init__((1, bins, (samples - self.window_samples) // self.hop_samples + 1))
        self.fs_hz, self.floor = fs_hz, floor
        self.power = _torchaudio_spectrogram()

    def forward(self, beats: Tensor) -> Tensor:
        """(B, 1, T) -> (B, 1, F, N), of the beats' float type."""
        signals = beats.to(torch.promote_types(beats.dtype, torch.float32))
        frames = signals.unfold(-1, self.window_samples, self.hop_samples)  # (B, 1, N, W)
        # Numbers around 0 have a mean with twenty times less rounding.
        frames = frames - frames[..., :1]
        frames = frames - frames.mean(-1, keepdim=True)  # torchaudio cannot do this
        window = _tukey(frames)
        fill, fft = (0, self.fft_samples - self.window_samples), self.fft_samples
        power = self.power(
            F.pad(frames, fill), 0, F.pad(window, fill), fft, fft, fft, 2.0, False, center=False
        )  # (B, 1, N, F, 1)
        scale = self._sides(window) / (self.fs_hz * window.square().sum())
        density = power[..., : self.shape[1], 0].mT * scale
        result = density if self.floor is None else (1 + density / self.floor).log10()
        return result.to(beats.dtype)

    def _sides(self, like: Tensor) -> Tensor:
        """2 for frequencies with a negative twin, 1 for 0 and half the sampling rate; (F, 1)."""
        bins = torch.arange(self.shape[1], device=like.device)
        alone = (bins == 0) | (2 * bins == self.fft_samples)
        return torch.where(alone, 1.0, 2.0).to(like.dtype)[:, None]


class SpectrumView(SpectrogramView):
    """The first frame of a spectrogram, for a 1-D network: (B, 1, F).

    256 samples give 129 frequencies, 187 samples 94.

    Args:
        samples: T.
        fs_hz: Sampling rate of the beats.
        floor: As for `SpectrogramView`.
    """

    def __init__(self, samples: int, fs_hz: float = 360.0, floor: float | None = None) -> None:
        super().__init__(samples, fs_hz, floor=floor)
        self.shape = self.shape[:2]

    def forward(self, beats: Tensor) -> Tensor:
        """(B, 1, T) -> (B, 1, F), of the beats' float type."""
        return super().forward(beats)[..., 0]


def square_spectrogram(samples: int, fs_hz: float) -> SpectrogramView:
    """Return the view with as many frequencies as times, in decades above the floor.

    A frame is a quarter of the beat. 256 samples at 360 Hz give 49 x 49: frames of 0.18 s every
    11 ms, and 0 to 90 Hz in steps of 1.875 Hz.
    """
    window, hop = samples // 4, max(samples // 64, 1)
    frames = (samples - window) // hop + 1
    fft = max(4 * (frames - 1), window)
    return SpectrogramView(samples, fs_hz, window, hop, fft, bins=frames, floor=FLOOR)


def _tukey(like: Tensor) -> Tensor:
    """The periodic Tukey window (0.25) as long as the last axis.

    A cosine rises over an eighth, then it is 1, and over the last eighth a cosine falls.
    """
    share = torch.arange(like.shape[-1], device=like.device, dtype=like.dtype) / like.shape[-1]
    edge = (torch.minimum(share, 1 - share) * 8).clamp(max=1)
    return (1 - (torch.pi * edge).cos()) / 2


def _torchaudio_spectrogram() -> Callable[..., Tensor]:
    """Import torchaudio when it is needed: with a torch of another build, its import fails."""
    try:
        from torchaudio.functional import spectrogram  # type: ignore[import-untyped]
    except (ImportError, OSError, RuntimeError) as error:
        raise InputError(
            "torchaudio",
            expected="a package that can be imported, for spectrograms",
            found=" ".join(str(error).split())[:200],
            hint=f"install the torchaudio built for torch {torch.__version__}, "
            "or use the view signal or image",
            setting="view",
        ) from error
    return spectrogram

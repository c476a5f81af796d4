"""What a network sees of a batch of beats (B, 1, T): the signal, its spectrum, a spectrogram or a picture.

Views are modules without weights. They work on the device that the batch is on; `shape` is what they return for a beat, and
`input_length` the length, or the height and width, that a network has to take.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning.errors import InputError
from ecg_lightning.signals.rasterizer import LEVELS, coverage

ViewName = Literal["signal", "spectrum", "spectrogram", "image", "clean-image"]

# What matplotlib's defaults come to: a figure of 640 x 480 pixels, axes over 0.125 to 0.9 of its width and 0.12 to 0.89 of its height
# from the top, a margin of 5 % of the data on each side, a blue line 1.5 points wide at 100 dots an inch.
MARGIN = 0.05
LEFT, WIDTH, TOP, HEIGHT = 0.125 * 640, 0.775 * 640, 0.12 * 480, 0.77 * 480
RADIUS = 1.5 * 100 / 72 / 2
BLUE = (31, 119, 180)
GREY = (
    3735,
    19235,
    9798,
)  # OpenCV's weights of blue, green and red in units of 2**-15, here of red, green and blue
PIXELS = 128  # height and width of the small picture
DRAWN = slice(20, 111)  # its columns that the line crosses
ROWS, SMALL_ROWS = (
    slice(60, 420),
    slice(16, 112),
)  # what the line can touch in the figure and in the small picture, generously
TAP_UNITS = 2048  # OpenCV's fixed point
CLEAN_RADIUS = 0.75

SHORTEST_FRAME = 8
FLOOR = 1e-8  # 1/Hz, about ten times what rounding a record to 11 bits adds


def make_view(name: ViewName, samples: int, fs_hz: float) -> "View":
    """A view by its name on the command line.

    Args:
        name: `signal`; `spectrum`: the original's frequencies in decades above a floor, for a 1-D network; `spectrogram`: decades over
            frequency and time, square, for a 2-D network; `image` and `clean-image`: see `ImageView`.
        samples: T.
        fs_hz: Sampling rate of the beats.

    Raises:
        InputError: the view cannot be made of beats of this length, or torchaudio cannot be imported.

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


class View(nn.Module):
    """The signal as it is, and what all views have in common.

    Args:
        shape: What it returns for a beat: (1, T) or (1, H, W).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    @property
    def input_length(self) -> int:
        """T, or the height, which is the width too."""
        return self.shape[1]

    def forward(self, beats: Tensor) -> Tensor:
        """(B, 1, T) -> (B, *shape)."""
        return beats


class ImageView(View):
    """A picture of the beat, dark on white: (B, 1, 128, 128) in [0, 1].

    Args:
        style: `original`: what matplotlib draws (640 x 480 pixels), turned to grey with OpenCV's weights for the other order of colours,
            and reduced by 8 Lanczos taps without smoothing, which breaks the thin line up; in steps of 1/255. `clean`: a black line
            1.5 pixels wide over the whole width, drawn at 128 x 128.

    A beat that is flat or not finite is a level line at half height. No gradient flows back.

    Source: the 2020 course project "ECG Classification", `ecg2fig`. Where there is a line, grey levels differ from the original's by 0.7
    of 255 on average (tests/parity/test_views.py): matplotlib leaves out points less than 1/9 pixel off the line, and ends it squarely.

    Example:
        >>> ImageView()(torch.rand(2, 1, 256)).shape
        torch.Size([2, 1, 128, 128])
    """

    columns: Tensor
    ink: Tensor
    taps: Tensor

    def __init__(self, style: Literal["original", "clean"] = "original") -> None:
        super().__init__((1, PIXELS, PIXELS))
        self.style = style
        # The taps across meet the middle of a pixel, where all but one of them are 0: every fifth column is read.
        columns = torch.arange(2, 640, 5)[DRAWN] if style == "original" else torch.arange(PIXELS)
        # Whole numbers, which `.half()` and the like leave alone.
        self.register_buffer("columns", columns, persistent=False)
        self.register_buffer("ink", _ink_of_coverage(), persistent=False)
        self.register_buffer(
            "taps", _lanczos_taps()[SMALL_ROWS, ROWS].T.contiguous(), persistent=False
        )

    @torch.no_grad()
    def forward(self, beats: Tensor) -> Tensor:
        """(B, 1, T) -> (B, 1, 128, 128), of the beats' float type."""
        if beats.dim() != 3 or beats.shape[1] != 1 or beats.shape[2] < 2:
            found = f"found the shape {tuple(beats.shape)}"
            raise InputError(
                f"ImageView: expected beats (B, 1, T) of 2 samples or more, {found}; give one lead, cut into beats"
            )
        signals = beats[:, 0].to(torch.promote_types(beats.dtype, torch.float32))
        pictures = self._original(signals) if self.style == "original" else self._clean(signals)
        return pictures[:, None].to(beats.dtype)

    def _original(self, signals: Tensor) -> Tensor:
        down, flat = _down(signals)
        heights = TOP + HEIGHT * down - ROWS.start
        heights = torch.where(
            flat, (heights + 0.5).floor(), heights
        )  # Agg moves a level line onto whole pixels
        start, step = (
            LEFT + WIDTH * MARGIN / (1 + 2 * MARGIN),
            WIDTH / (1 + 2 * MARGIN) / (signals.shape[1] - 1),
        )
        covered = coverage(
            heights, start, step, self.columns, ROWS.stop - ROWS.start, RADIUS
        )  # (B, C, R)
        ink = self.ink.to(signals.dtype).index_select(0, covered.flatten()).view(covered.shape)
        with torch.autocast(signals.device.type, enabled=False):
            reduced = (
                ink @ self.taps.to(ink.dtype)
            ).mT  # whole numbers below 2**24: exact in float32
        pictures = signals.new_full((len(signals), PIXELS, PIXELS), 255.0)
        pictures[:, SMALL_ROWS, DRAWN] = (255.5 - reduced / TAP_UNITS).floor().clamp(0, 255)
        return pictures / 255

    def _clean(self, signals: Tensor) -> Tensor:
        heights = PIXELS * _down(signals)[0]
        covered = coverage(
            heights, 0.0, PIXELS / (signals.shape[1] - 1), self.columns, PIXELS, CLEAN_RADIUS
        )
        return 1 - covered.mT.to(signals.dtype) / LEVELS


class SpectrogramView(View):
    """Power densities of a beat's frames: (B, 1, F, N), or decades above a floor.

    With its defaults, and without a floor, equal to `scipy.signal.spectrogram(beats, fs_hz)`: each frame of 256 samples, or of all
    where there are fewer, less its mean and times a periodic Tukey window (0.25), one-sided, in 1/Hz where the signal has no unit.

    Args:
        samples: T.
        fs_hz: Sampling rate of the beats.
        window_samples: Samples of a frame.
        hop_samples: From one frame to the next. Left out: seven eighths of a frame.
        fft_samples: Length that frames are filled up to with zeros. Left out: theirs.
        bins: F, frequencies kept from 0 on, `fs_hz / fft_samples` apart. Left out: up to half the sampling rate.
        floor: Returns log10(1 + density / floor). Left out: densities.

    Raises:
        InputError: the beats are too short, or torchaudio cannot be imported.

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
            found = f"found {min(samples, window_samples)}"
            raise InputError(
                f"spectrogram: expected frames of {SHORTEST_FRAME} samples or more, {found}; take longer beats, or --data.view signal"
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
        frames = (
            frames - frames[..., :1]
        )  # numbers around 0 have a mean with twenty times less rounding
        frames = frames - frames.mean(-1, keepdim=True)  # before torchaudio, which cannot do it
        window = _tukey(frames)
        fill, fft = (0, self.fft_samples - self.window_samples), self.fft_samples
        power = self.power(
            F.pad(frames, fill), 0, F.pad(window, fill), fft, fft, fft, 2.0, False, center=False
        )  # (B, 1, N, F, 1)
        density = power[..., : self.shape[1], 0].mT * (
            self._sides(window) / (self.fs_hz * window.square().sum())
        )
        return (density if self.floor is None else (1 + density / self.floor).log10()).to(
            beats.dtype
        )

    def _sides(self, like: Tensor) -> Tensor:
        """2 for frequencies that have a negative twin, 1 for 0 and half the sampling rate; (F, 1)."""
        bins = torch.arange(self.shape[1], device=like.device)
        return torch.where((bins == 0) | (2 * bins == self.fft_samples), 1.0, 2.0).to(like.dtype)[
            :, None
        ]


class SpectrumView(SpectrogramView):
    """The first frame of a spectrogram alone, for a 1-D network: (B, 1, F); 129 frequencies of 256 samples, 94 of 187."""

    def __init__(self, samples: int, fs_hz: float = 360.0, floor: float | None = None) -> None:
        super().__init__(samples, fs_hz, floor=floor)
        self.shape = self.shape[:2]

    def forward(self, beats: Tensor) -> Tensor:
        """(B, 1, T) -> (B, 1, F), of the beats' float type."""
        return super().forward(beats)[..., 0]


def square_spectrogram(samples: int, fs_hz: float) -> SpectrogramView:
    """Decades above the floor over as many frequencies as times, from frames a quarter of the beat long.

    256 samples at 360 Hz: 49 x 49, frames of 0.18 s every 11 ms, 0 to 90 Hz in steps of 1.875 Hz.
    """
    window, hop = samples // 4, max(samples // 64, 1)
    frames = (samples - window) // hop + 1
    return SpectrogramView(
        samples, fs_hz, window, hop, max(4 * (frames - 1), window), frames, FLOOR
    )


def _tukey(like: Tensor) -> Tensor:
    """The periodic Tukey window (0.25) as long as the last axis: a cosine up over an eighth, 1, a cosine down."""
    share = torch.arange(like.shape[-1], device=like.device, dtype=like.dtype) / like.shape[-1]
    edge = (torch.minimum(share, 1 - share) * 8).clamp(max=1)
    return (1 - (torch.pi * edge).cos()) / 2


def _torchaudio_spectrogram() -> Callable[..., Tensor]:
    """Only when it is asked for: beside a torch or a CUDA that it was not built for, torchaudio fails while it is imported."""
    try:
        from torchaudio.functional import spectrogram  # type: ignore[import-untyped]
    except (ImportError, OSError, RuntimeError) as error:
        found = " ".join(str(error).split())[:200]
        raise InputError(
            f"torchaudio: expected it for a spectrogram, found that it cannot be imported ({found}); install the torchaudio that was "
            f"built like torch {torch.__version__}, or take --data.view signal or image"
        ) from error
    return spectrogram


def _down(signals: Tensor) -> tuple[Tensor, Tensor]:
    """Where signals (B, T) are in their axes, from 0 at the top to 1, and which of them are flat (B, 1)."""
    low, high = signals.aminmax(dim=1, keepdim=True)
    span = high - low
    flat = ~((span > 0) & span.isfinite())
    return (MARGIN + torch.where(flat, 0.5, (high - signals) / span)) / (1 + 2 * MARGIN), flat


def _ink_of_coverage() -> Tensor:
    """255 less the grey level of a white pixel of which c / 256 are painted blue, in the whole numbers of Agg and OpenCV; (257,) int32."""
    alpha = torch.arange(LEVELS + 1).clamp(max=255)
    colours = [
        (((colour << 8) - 255 * 255) * alpha + (255 * 255 << 8)) // ((255 << 8) + alpha)
        for colour in BLUE
    ]
    grey = (torch.tensor(GREY) @ torch.stack(colours) + (1 << 14)) >> 15
    return (255 - grey).to(torch.int32)


def _lanczos_taps() -> Tensor:
    """Weights of 480 rows in 128: 8 taps around each row's middle, whole numbers that sum up to 2048; (128, 480) int32."""
    middles = (torch.arange(PIXELS, dtype=torch.float64) + 0.5) * (480 / PIXELS) - 0.5
    away = torch.arange(480) - middles[:, None]
    taps = torch.where(away.abs() < 4, away.sinc() * (away / 4).sinc(), 0.0)
    return (taps / taps.sum(1, keepdim=True) * TAP_UNITS).round().to(torch.int32)

"""The view that draws each beat as a picture, as matplotlib and OpenCV do in the original."""

from typing import Literal

import torch
from torch import Tensor

from ecg_lightning.errors import InputError
from ecg_lightning.signals.rasterizer import LEVELS, coverage
from ecg_lightning.signals.view import View

# matplotlib's defaults: a figure of 640 x 480 pixels, axes over 0.125 to 0.9 of its width and over
# 0.12 to 0.89 of its height from the top, a margin of 5 % of the data on each side, and a blue line
# 1.5 points wide at 100 dots an inch.
MARGIN = 0.05
LEFT, WIDTH, TOP, HEIGHT = 0.125 * 640, 0.775 * 640, 0.12 * 480, 0.77 * 480
RADIUS = 1.5 * 100 / 72 / 2
BLUE = (31, 119, 180)
# OpenCV's weights of blue, green and red in units of 2**-15, here of red, green and blue.
GREY = (3735, 19235, 9798)
PIXELS = 128  # height and width of the small picture
DRAWN = slice(20, 111)  # its columns that the line crosses
# A little more than what the line can touch, in the figure and in the small picture.
ROWS, SMALL_ROWS = slice(60, 420), slice(16, 112)
TAP_UNITS = 2048  # OpenCV's fixed point
CLEAN_RADIUS = 0.75


class ImageView(View):
    """A picture of the beat, dark on white: (B, 1, 128, 128) in [0, 1].

    A beat that is flat or not finite is a level line at half height. No gradient flows back.

    Args:
        style: `original`: what matplotlib draws (640 x 480 pixels), made grey with OpenCV's weights
            for the other order of colours, and reduced by 8 Lanczos taps without smoothing, which
            breaks the thin line up; in steps of 1/255. `clean`: a black line 1.5 pixels wide over
            the whole width, drawn at 128 x 128.

    Source: the 2020 course project "ECG Classification", `ecg2fig`. Where there is a line, grey
    levels differ from the original's by 0.7 of 255 on average (tests/parity/test_views.py), because
    matplotlib omits points less than 1/9 pixel off the line, and gives it square ends.

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
        # The horizontal taps lie on the middles of pixels, where all but one of them are 0. So
        # every fifth column is read.
        columns = torch.arange(2, 640, 5)[DRAWN] if style == "original" else torch.arange(PIXELS)
        # Whole numbers, which `.half()` and the like do not change.
        self.register_buffer("columns", columns, persistent=False)
        self.register_buffer("ink", _ink_of_coverage(), persistent=False)
        taps = _lanczos_taps()[SMALL_ROWS, ROWS].T.contiguous()
        self.register_buffer("taps", taps, persistent=False)

    @torch.no_grad()
    def forward(self, beats: Tensor) -> Tensor:
        """(B, 1, T) -> (B, 1, 128, 128), of the beats' float type.

        Raises:
            InputError: The beats have another shape.
        """
        if beats.dim() != 3 or beats.shape[1] != 1 or beats.shape[2] < 2:
            raise InputError(
                "ImageView",
                expected="beats (B, 1, T) of 2 samples or more",
                found=f"the shape {tuple(beats.shape)}",
                hint="give one lead, cut into beats",
            )
        signals = beats[:, 0].to(torch.promote_types(beats.dtype, torch.float32))
        pictures = self._original(signals) if self.style == "original" else self._clean(signals)
        return pictures[:, None].to(beats.dtype)

    def _original(self, signals: Tensor) -> Tensor:
        """(B, T) -> (B, 128, 128)."""
        covered = self._covered(signals)  # (B, C, R)
        ink = self.ink.to(signals.dtype).index_select(0, covered.flatten()).view(covered.shape)
        with torch.autocast(signals.device.type, enabled=False):
            # Whole numbers below 2**24: exact in float32.
            reduced = (ink @ self.taps.to(ink.dtype)).mT
        pictures = signals.new_full((len(signals), PIXELS, PIXELS), 255.0)
        pictures[:, SMALL_ROWS, DRAWN] = (255.5 - reduced / TAP_UNITS).floor().clamp(0, 255)
        return pictures / 255

    def _covered(self, signals: Tensor) -> Tensor:
        """How much of each pixel of the figure the lines cover: (B, C, R)."""
        down, flat = _down(signals)
        heights = TOP + HEIGHT * down - ROWS.start
        # Agg moves a level line onto whole pixels.
        heights = torch.where(flat, (heights + 0.5).floor(), heights)
        start = LEFT + WIDTH * MARGIN / (1 + 2 * MARGIN)
        step = WIDTH / (1 + 2 * MARGIN) / (signals.shape[1] - 1)
        return coverage(heights, start, step, self.columns, ROWS.stop - ROWS.start, RADIUS)

    def _clean(self, signals: Tensor) -> Tensor:
        """(B, T) -> (B, 128, 128)."""
        heights, step = PIXELS * _down(signals)[0], PIXELS / (signals.shape[1] - 1)
        covered = coverage(heights, 0.0, step, self.columns, PIXELS, CLEAN_RADIUS)
        return 1 - covered.mT.to(signals.dtype) / LEVELS


def _down(signals: Tensor) -> tuple[Tensor, Tensor]:
    """Where signals (B, T) are in their axes, from 0 at the top to 1, and which are flat (B, 1)."""
    low, high = signals.aminmax(dim=1, keepdim=True)
    span = high - low
    flat = ~((span > 0) & span.isfinite())
    return (MARGIN + torch.where(flat, 0.5, (high - signals) / span)) / (1 + 2 * MARGIN), flat


def _ink_of_coverage() -> Tensor:
    """255 less the grey level of a white pixel of which c / 256 are painted blue; (257,) int32.

    In the whole numbers of Agg and OpenCV.
    """
    alpha = torch.arange(LEVELS + 1).clamp(max=255)
    colours = [
        (((colour << 8) - 255 * 255) * alpha + (255 * 255 << 8)) // ((255 << 8) + alpha)
        for colour in BLUE
    ]
    grey = (torch.tensor(GREY) @ torch.stack(colours) + (1 << 14)) >> 15
    return (255 - grey).to(torch.int32)


def _lanczos_taps() -> Tensor:
    """Weights that reduce 480 rows to 128; (128, 480) int32.

    Eight taps around the middle of each row, whole numbers with the sum 2048.
    """
    middles = (torch.arange(PIXELS, dtype=torch.float64) + 0.5) * (480 / PIXELS) - 0.5
    away = torch.arange(480) - middles[:, None]
    taps = torch.where(away.abs() < 4, away.sinc() * (away / 4).sinc(), 0.0)
    return (taps / taps.sum(1, keepdim=True) * TAP_UNITS).round().to(torch.int32)

"""What every matplotlib figure shares: size, fonts, badges, and figures as bytes of a file."""

import io
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.text import Text

from ecg_lightning.palette import class_colour, readable_on

SHADES = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", "#C9D3E0", "#7E90AB", "#2B3A55"])
DPI = 150
MM_PER_INCH = 25.4
FigureKind = Literal["png", "svg", "pdf"]


def png_bytes(figure: Figure) -> bytes:
    """The figure as a PNG file's bytes, at `DPI` dots an inch."""
    return figure_bytes(figure, "png")


def figure_bytes(figure: Figure, kind: FigureKind) -> bytes:
    """The figure as a file's bytes, the same for the same figure; pixels at `DPI` dots an inch."""
    dates: dict[FigureKind, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "ecg-lightning"}):
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=dates.get(kind))
    return buffer.getvalue()


def fit_width(text: Text, room: float) -> None:
    """Makes the letters smaller where they are wider than `room`, in dots."""
    width = text.get_window_extent().width
    text.set_fontsize(float(text.get_fontsize()) * min(1.0, room / max(width, 1.0)))


def blank_figure(width_in: float, height_in: float, layout: Any = None) -> Figure:
    """A white figure on the Agg canvas."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def badge(name: str) -> dict[str, Any]:
    """Text properties of a class's letter on a patch of its colour."""
    colour = class_colour(name)
    box = {"boxstyle": "round,pad=0.28", "facecolor": colour, "edgecolor": "none"}
    return {"color": readable_on(colour), "fontweight": "bold", "bbox": box}

"""What every figure shares: resolution, shades, badges, texts, and figures as the bytes of a file.

Figures are drawn on matplotlib's Agg canvas, without a window and without pyplot's global state.
One class has one colour in every figure, see `ecg_lightning.palette`. The class's letter is always
next to the colour, so no figure needs colour vision.
"""

import io
import math
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.text import Text

from ecg_lightning.palette import class_colour, readable_on
from ecg_lightning.text import percent

SHADES = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", "#C9D3E0", "#7E90AB", "#2B3A55"])
DPI = 150
MM_PER_INCH = 25.4
NO_SHARE = "\N{EN DASH}"
FigureFormat = Literal["png", "svg", "pdf"]


def png_bytes(figure: Figure) -> bytes:
    """Return the bytes of a PNG file, at `DPI` dots per inch."""
    return figure_bytes(figure, "png")


def figure_bytes(figure: Figure, file_format: FigureFormat) -> bytes:
    """Return the bytes of a picture file. The same figure always gives the same bytes.

    Args:
        figure: What to save.
        file_format: `png` (at `DPI` dots per inch), `svg` or `pdf`.
    """
    no_date: dict[FigureFormat, dict[str, Any]] = {
        "svg": {"Date": None},
        "pdf": {"CreationDate": None},
    }
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "ecg-lightning"}):
        figure.savefig(buffer, format=file_format, dpi=DPI, metadata=no_date.get(file_format))
    return buffer.getvalue()


def fit_width(text: Text, room_dots: float) -> None:
    """Make a text's letters smaller if the text is wider than `room_dots`."""
    width = text.get_window_extent().width
    text.set_fontsize(float(text.get_fontsize()) * min(1.0, room_dots / max(width, 1.0)))


def blank_figure(width_in: float, height_in: float, layout: Any = None) -> Figure:
    """Return a white figure on the Agg canvas."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def badge(name: str) -> dict[str, Any]:
    """Return the text properties that show a class's letter on a patch of its colour."""
    colour = class_colour(name)
    box = {"boxstyle": "round,pad=0.28", "facecolor": colour, "edgecolor": "none"}
    return {"color": readable_on(colour), "fontweight": "bold", "bbox": box}


def share_text(share: float) -> str:
    """Return a share in percent: `97.4`, `0`, `100`, or a dash for NaN, the share of no beats."""
    if math.isnan(share):
        return NO_SHARE
    return percent(share) if 0 < share < 1 else f"{100 * share:.0f}"

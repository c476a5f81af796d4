"""The colours of the classes and of every picture and page, and which text colour is readable on them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

CLASS_COLOURS: Mapping[str, str] = {
    "N": "#3A66C8",
    "S": "#F0C030",
    "V": "#B8391B",
    "F": "#2CC295",
    "Q": "#5F3A66",
}
OTHER_COLOUR = "#7A7F87"  # a class outside EC57's five
INK, SOFT_INK, RULE = "#1D2430", "#5B6472", "#D9DDE3"


def class_colour(name: str) -> str:
    """The colour of a class, the same in every picture."""
    return CLASS_COLOURS.get(name, OTHER_COLOUR)


def readable_on(colour: Any) -> str:
    """White or ink, whichever has the higher WCAG 2 contrast on `colour` (any matplotlib colour)."""
    luminance = _luminance(colour)
    white, ink = 1.05 / (luminance + 0.05), (luminance + 0.05) / (_luminance(INK) + 0.05)
    return "#FFFFFF" if white > ink else INK


def _luminance(colour: Any) -> float:
    rgb = np.array(to_rgb(colour))
    linear = np.where(
        rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4
    )  # sRGB, as WCAG 2 defines it
    return float(linear @ (0.2126, 0.7152, 0.0722))

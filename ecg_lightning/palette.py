"""The colours of the classes and of every figure and page, and the text colour readable on them."""

from collections.abc import Mapping, Sequence

import numpy as np

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
    """Return the colour of a class, the same in every figure."""
    return CLASS_COLOURS.get(name, OTHER_COLOUR)


def readable_on(colour: str | Sequence[float]) -> str:
    """Return white or ink, whichever has the higher WCAG 2 contrast on a colour.

    Args:
        colour: `#RRGGBB`, or red, green and blue in [0, 1]; a fourth value, alpha, is ignored.
    """
    luminance = _luminance(colour)
    white, ink = 1.05 / (luminance + 0.05), (luminance + 0.05) / (_luminance(INK) + 0.05)
    return "#FFFFFF" if white > ink else INK


def _luminance(colour: str | Sequence[float]) -> float:
    """The relative luminance of sRGB, as WCAG 2 defines it."""
    rgb = np.array(_rgb(colour) if isinstance(colour, str) else colour[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _rgb(colour: str) -> list[float]:
    return [value / 255 for value in bytes.fromhex(colour.removeprefix("#"))]

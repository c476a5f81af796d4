"""Colours that stay apart for every vision, and text that is readable on them."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from ecg_lightning.arrays import Floats
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.palette import CLASS_COLOURS, class_colour, readable_on

MACHADO = {  # Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def _linear(colour: str) -> Floats:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _lab(linear: Floats) -> Floats:
    f = np.cbrt(np.array(XYZ) @ linear / (0.9505, 1.0, 1.089))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", MACHADO)
def test_class_colours_stay_apart_for_every_vision(vision: str) -> None:
    """CIE76 differences of at least 30 (2.3 is just noticeable)."""
    seen = [
        _lab(np.clip(np.array(MACHADO[vision]) @ _linear(class_colour(name)), 0, 1))
        for name in CLASS_NAMES
    ]
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) >= 30


@pytest.mark.parametrize("colour", [*CLASS_COLOURS.values(), "#FFFFFF", "#000000", "#7E90AB"])
def test_letters_are_readable_on_colours(colour: str) -> None:
    """WCAG 2's contrast for large text is 3; black on white is 21."""
    weights = (0.2126, 0.7152, 0.0722)
    pair = sorted(float(_linear(c) @ weights) + 0.05 for c in (colour, readable_on(colour)))
    assert pair[1] / pair[0] >= 4.0

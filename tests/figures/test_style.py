"""Figures as files, and what importing them loads."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.figures.confusion import confusion_matrix_figure
from ecg_lightning.figures.style import DPI, FigureFormat, figure_bytes, png_bytes


def test_a_png_has_the_size_of_the_figure() -> None:
    """At `DPI` dots per inch."""
    figure = confusion_matrix_figure(np.eye(5, dtype=int), CLASS_NAMES)
    pixels = imread(io.BytesIO(png_bytes(figure)))
    assert pixels.shape[:2] == (int(figure.get_figheight() * DPI), int(figure.get_figwidth() * DPI))


@pytest.mark.parametrize(
    ("file_format", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_the_same_figure_gives_the_same_bytes(file_format: FigureFormat, start: bytes) -> None:
    """No date, no random names."""
    first, second = (
        figure_bytes(confusion_matrix_figure(np.eye(5, dtype=int), CLASS_NAMES), file_format)
        for _ in range(2)
    )
    assert first.startswith(start)
    assert first == second


def test_pyplot_is_never_imported() -> None:
    """Every public figure is imported: no global figure state, no window system."""
    code = (
        "import sys; from ecg_lightning import figures; "
        "[getattr(figures, name) for name in figures.__all__]; "
        "sys.exit('matplotlib.pyplot' in sys.modules or 'matplotlib.figure' not in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

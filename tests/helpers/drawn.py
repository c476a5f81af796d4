"""The figures that a command writes."""

import pytest
from matplotlib.figure import Figure

from ecg_lightning.figures.style import FigureFormat, figure_bytes


def keep_figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return a list to which each figure is added that a command of this process writes."""
    figures: list[Figure] = []

    def keep(figure: Figure, kind: FigureFormat) -> bytes:
        figures.append(figure)
        return figure_bytes(figure, kind)

    monkeypatch.setattr("ecg_lightning.cli.pictures.figure_bytes", keep)
    return figures

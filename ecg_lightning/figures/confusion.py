"""The picture of a confusion matrix."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_lightning.figures.style import SHADES, badge, blank_figure, share_text
from ecg_lightning.palette import INK, RULE, SOFT_INK, readable_on

Floats = npt.NDArray[np.float64]


def confusion_matrix_figure(matrix: npt.ArrayLike, class_names: Sequence[str]) -> Figure:
    """Draw a confusion matrix as counts (left) and as shares of the true class (right).

    Both sides are shaded by the share of the true class. If they were shaded by count, a part with
    mostly normal beats would show one dark cell and four white rows.

    Args:
        matrix: Counts (K, K), rows the true class, columns the predicted class.
        class_names: The K names.

    Returns:
        The figure. Axes 0 has the counts, axes 1 the percentages (a dash in the row of a class
        without beats).

    Raises:
        ValueError: The matrix is not K x K.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    size = len(class_names)
    if counts.shape != (size, size):
        raise ValueError(
            f"matrix: expected shape {(size, size)} for {size} classes, got {counts.shape}"
        )
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    figure = blank_figure(8.8, 4.85)
    edges = {"left": 0.105, "right": 0.985, "bottom": 0.15, "top": 0.83, "wspace": 0.24}
    left, right = figure.subplots(1, 2, gridspec_kw=edges)
    _draw_cells(left, shares, [[f"{n:,}" for n in row] for row in counts], class_names)
    _draw_cells(
        right, shares, [[share_text(share) for share in row] for row in shares], class_names
    )
    left.set_title("beats", fontsize=13, color=INK, pad=8)
    right.set_title("% of the true class", fontsize=13, color=INK, pad=8)
    _draw_title(figure, int(np.trace(counts)), int(counts.sum()))
    return figure


def _draw_title(figure: Figure, correct: int, total: int) -> None:
    figure.text(
        0.02, 0.95, "Confusion matrix", fontsize=18, fontweight="bold", color=INK, va="center"
    )
    accuracy = (
        f"{100 * correct / total:.2f} % accuracy, {correct:,} of {total:,} beats"
        if total
        else "no beats"
    )
    figure.text(0.985, 0.95, accuracy, fontsize=14, color=SOFT_INK, va="center", ha="right")


def _draw_cells(
    axes: Axes, shares: Floats, texts: Sequence[Sequence[str]], names: Sequence[str]
) -> None:
    shades = np.nan_to_num(shares)
    axes.pcolormesh(shades, cmap=SHADES, vmin=0, vmax=1, edgecolors=RULE, linewidth=1)
    longest = max(len(text) for row in texts for text in row)
    size = min(14.0, 63 / longest) * min(1.0, 5 / len(names))
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            axes.text(
                j + 0.5,
                i + 0.5,
                text,
                ha="center",
                va="center",
                fontsize=size,
                color=readable_on(SHADES(float(shades[i, j]))) if shades[i, j] else SOFT_INK,
                fontweight="bold" if i == j else "normal",
            )
    _name_classes(axes, names)


def _name_classes(axes: Axes, names: Sequence[str]) -> None:
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_xticks(np.arange(len(names)) + 0.5, list(names), fontsize=13)
    axes.set_yticks(np.arange(len(names)) + 0.5, list(names), fontsize=13)
    axes.tick_params(length=0, pad=9)
    axes.spines[:].set_visible(False)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for label, name in zip(labels, names, strict=True):
            label.set(**badge(name))
    axes.set_xlabel("predicted class", fontsize=13, color=INK, labelpad=6)
    axes.set_ylabel("true class", fontsize=13, color=INK, labelpad=6)

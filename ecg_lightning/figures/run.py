"""The pictures of a run, and what all pictures share, as matplotlib `Figure`s on the Agg canvas (no window, no pyplot state).

One class has one colour in every picture. The colours stay apart under simulated protanopia, deuteranopia and
tritanopia, and no picture tells classes apart by colour alone: the class's letter always stands beside it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter
from scipy.optimize import isotonic_regression

from ecg_lightning.classes import CLASS_MEANINGS
from ecg_lightning.figures.style import SHADES, badge, blank_figure
from ecg_lightning.palette import INK, RULE, SOFT_INK, class_colour, readable_on


def _percent(share: float) -> str:
    """A share in percent, `97.4`; what is not quite nothing, or not quite all, never reads as 0 or 100."""
    if math.isnan(share):
        return "\N{EN DASH}"  # an empty class has no share
    if 0 < share < 0.0005:
        return "<0.1"
    if 0.9995 <= share < 1:
        return ">99.9"
    return f"{100 * share:.1f}" if 0 < share < 1 else f"{100 * share:.0f}"


def confusion_matrix_figure(matrix: npt.ArrayLike, class_names: Sequence[str]) -> Figure:
    """A confusion matrix as counts (left) and as shares of the true class (right), rows the true class.

    Both sides are shaded by the share of the true class: shaded by count, a part where most beats are normal would
    show one dark cell and four white rows.

    Args:
        matrix: Counts (K, K), rows the true class, columns the predicted one.
        class_names: The K names.

    Returns:
        The figure: axes 0 counts, axes 1 percentages (a dash in the row of a class without beats).

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
    _cells(left, shares, [[f"{n:,}" for n in row] for row in counts], class_names)
    _cells(right, shares, [[_percent(share) for share in row] for row in shares], class_names)
    left.set_title("beats", fontsize=13, color=INK, pad=8)
    right.set_title("% of the true class", fontsize=13, color=INK, pad=8)
    _matrix_title(figure, int(np.trace(counts)), int(counts.sum()))
    return figure


def _matrix_title(figure: Figure, right: int, total: int) -> None:
    figure.text(
        0.02, 0.95, "Confusion matrix", fontsize=18, fontweight="bold", color=INK, va="center"
    )
    accuracy = (
        f"{100 * right / total:.2f} % accuracy, {right:,} of {total:,} beats"
        if total
        else "no beats"
    )
    figure.text(0.985, 0.95, accuracy, fontsize=14, color=SOFT_INK, va="center", ha="right")


def _cells(
    axes: Axes,
    shares: npt.NDArray[np.float64],
    texts: Sequence[Sequence[str]],
    names: Sequence[str],
) -> None:
    axes.pcolormesh(
        np.nan_to_num(shares), cmap=SHADES, vmin=0, vmax=1, edgecolors=RULE, linewidth=1
    )
    size = min(14.0, 63 / max(len(text) for row in texts for text in row)) * min(
        1.0, 5 / len(names)
    )
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            shade = SHADES(float(np.nan_to_num(shares[i, j])))
            colour = readable_on(shade) if shares[i, j] > 0 else SOFT_INK
            weight = "bold" if i == j else "normal"
            axes.text(
                j + 0.5,
                i + 0.5,
                text,
                ha="center",
                va="center",
                fontsize=size,
                color=colour,
                fontweight=weight,
            )
    _class_axes(axes, names)


def _class_axes(axes: Axes, names: Sequence[str]) -> None:
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_xticks(np.arange(len(names)) + 0.5, list(names), fontsize=13)
    axes.set_yticks(np.arange(len(names)) + 0.5, list(names), fontsize=13)
    axes.tick_params(length=0, pad=9)
    axes.spines[:].set_visible(False)
    for label, name in zip(
        [*axes.get_xticklabels(), *axes.get_yticklabels()], [*names, *names], strict=True
    ):
        label.set(**badge(name))
    axes.set_xlabel("predicted class", fontsize=13, color=INK, labelpad=6)
    axes.set_ylabel("true class", fontsize=13, color=INK, labelpad=6)


HistoryRow = Mapping[str, float | str | None]
# Not class colours: the two parts are told apart by lightness, line style and marker as well.
CURVES = (("train", "training", "#8C97A8", "--", "o"), ("val", "validation", INK, "-", "s"))


def curves_figure(history: Sequence[HistoryRow]) -> Figure:
    """Loss and accuracy over the epochs, training and validation, with the epoch of the lowest validation loss marked.

    Args:
        history: Rows as in a run's metrics.csv: `epoch`, the first being 0, and any of `train_loss`, `train_accuracy`, `val_loss`,
            `val_accuracy`. One epoch may be spread over several rows; empty, missing and non-finite values are left
            out.

    Returns:
        The figure: axes 0 loss (on a log scale where it spans more than 1:30), axes 1 accuracy in percent.
    """
    figure = blank_figure(7.2, 6.8, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08))
    loss, accuracy = figure.subplots(2, 1, sharex=True)
    for part, label, colour, style, marker in CURVES:
        for axes, quantity in ((loss, "loss"), (accuracy, "accuracy")):
            points = _series(history, f"{part}_{quantity}")
            size = 5 if len(points) <= 40 else 0
            axes.plot(
                *_columns(points),
                style,
                color=colour,
                marker=marker,
                markersize=size,
                linewidth=2,
                label=label,
            )
    _loss_scale(loss)
    _curve_axes(loss, accuracy)
    _mark_best(loss, accuracy, history)
    figure.align_ylabels()
    figure.suptitle("Training", x=0.02, ha="left", fontsize=18, fontweight="bold", color=INK)
    return figure


def _number(value: float | str | None) -> float:
    return math.nan if value is None or value == "" else float(value)


def _series(history: Sequence[HistoryRow], key: str) -> dict[int, float]:
    """Epoch -> the last finite value of `key`."""
    values = ((int(_number(row["epoch"])) + 1, _number(row.get(key))) for row in history)
    return dict(sorted({epoch: value for epoch, value in values if math.isfinite(value)}.items()))


def _columns(points: Mapping[int, float]) -> tuple[list[int], list[float]]:
    return list(points), list(points.values())


def _loss_scale(axes: Axes) -> None:
    """From 0, or logarithmic where a few large losses would press all others flat."""
    values = [float(y) for line in axes.lines for y in np.asarray(line.get_ydata())]
    log = bool(values) and min(values) > 0 and max(values) > 30 * min(values)
    axes.set_ylabel("cross-entropy loss" + (", log scale" if log else ""), fontsize=13, color=INK)
    if not log:
        axes.set_ylim(0, 1.08 * max(values, default=1.0) or 1.0)
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _curve_axes(loss: Axes, accuracy: Axes) -> None:
    accuracy.set_ylabel("accuracy", fontsize=13, color=INK)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    accuracy.set_xlabel("epoch", fontsize=13, color=INK)
    accuracy.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes in (loss, accuracy):
        axes.grid(color=RULE, linewidth=0.8)
        axes.tick_params(labelsize=12, color=RULE, labelcolor=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)
    accuracy.legend(
        loc="lower right", fontsize=12, framealpha=0.9, edgecolor="none", labelcolor=INK
    )


def _mark_best(loss: Axes, accuracy: Axes, history: Sequence[HistoryRow]) -> None:
    losses, accuracies = _series(history, "val_loss"), _series(history, "val_accuracy")
    if not losses:
        return
    best = min(losses, key=lambda epoch: losses[epoch])
    text = f"lowest validation loss: epoch {best}, loss {losses[best]:.4f}"
    for axes, values in ((loss, losses), (accuracy, accuracies)):
        axes.axvline(best, color=SOFT_INK, linewidth=1.2, linestyle=":", zorder=1)
        if best in values:
            axes.plot(best, values[best], "o", markersize=12, mfc="none", mec=INK, mew=1.6)
    text += f", accuracy {100 * accuracies[best]:.2f} %" if best in accuracies else ""
    loss.set_title(text, loc="right", fontsize=12, color=SOFT_INK)


INSIDE_SHARE = 0.06  # a wedge at least this large holds its own letter
LABEL_GAP_DEG = 17.0
RING_WIDTH = 0.36
PART_TITLES: Mapping[str, str] = {"train": "training"}


def classes_figure(beats_by_part: Mapping[str, Mapping[str, int]]) -> Figure:
    """How many beats of which class each part holds: a ring for each part, and its counts beside it.

    Args:
        beats_by_part: Part ("train", "validation", "test") -> class -> beats, in the order in which they are drawn.

    Returns:
        The figure: for part i, axes 2i is the ring (wedges in the order of the classes that have beats, clockwise) and
        axes 2i + 1 its table of class, beats and share.

    Raises:
        ValueError: There is no part.
    """
    if not beats_by_part:
        raise ValueError("beats_by_part: expected at least one part, got none")
    rows = len(beats_by_part)
    figure = blank_figure(7.4, 0.75 + 2.45 * rows)
    top = 1 - 0.7 / figure.get_figheight()
    edges = {"left": 0.0, "right": 0.97, "bottom": 0.01, "top": top, "wspace": 0.0, "hspace": 0.03}
    grid = figure.add_gridspec(rows, 2, width_ratios=(3, 4), **edges)
    for row, (part, beats) in enumerate(beats_by_part.items()):
        _ring(figure.add_subplot(grid[row, 0]), {name: n for name, n in beats.items() if n})
        _ring_table(figure.add_subplot(grid[row, 1]), PART_TITLES.get(part, part), beats)
    height = 1 - 0.36 / figure.get_figheight()
    figure.text(
        0.03, height, "Beats by class", fontsize=18, fontweight="bold", color=INK, va="center"
    )
    return figure


def _ring(axes: Axes, beats: Mapping[str, int]) -> None:
    total = sum(beats.values())
    axes.set(xlim=(-1.25, 1.45), ylim=(-1.4, 1.4), aspect="equal")
    axes.axis("off")
    axes.text(
        0, 0.09, f"{total:,}", ha="center", va="center", fontsize=13, fontweight="bold", color=INK
    )
    axes.text(0, -0.15, "beats", ha="center", va="center", fontsize=11, color=SOFT_INK)
    if not total:
        axes.pie([1], colors=["#EEF0F3"], wedgeprops={"width": RING_WIDTH}, frame=True)
        return
    names, ends = list(beats), -360 * np.cumsum([0, *beats.values()]) / total
    middles = (ends[:-1] + ends[1:]) / 2
    # The largest wedge looks left, so that the slivers, which need room outside, lie on the table's side.
    largest = int(np.argmax([beats[name] for name in names]))
    start = 180.0 - float(middles[largest])
    colours = [class_colour(name) for name in names]
    edge = {"width": RING_WIDTH, "edgecolor": "white", "linewidth": 1.0}
    sizes = [beats[name] for name in names]
    axes.pie(
        sizes, colors=colours, startangle=start, counterclock=False, wedgeprops=edge, frame=True
    )
    _ring_labels(axes, names, middles + start, [beats[name] / total for name in names])


def _ring_labels(
    axes: Axes, names: Sequence[str], angles: npt.NDArray[np.float64], shares: Sequence[float]
) -> None:
    """A letter on each large wedge, and one outside, on a leader line, for each sliver."""
    slivers = [i for i, share in enumerate(shares) if share < INSIDE_SHARE]
    # Counted clockwise from the largest wedge's middle (180 degrees), so no two slivers stand across the cut.
    turns = (180.0 - angles[slivers]) % 360.0
    order = np.argsort(turns)
    spread = dict(
        zip([slivers[i] for i in order], 180.0 - _spread(turns[order], LABEL_GAP_DEG), strict=True)
    )
    for i, name in enumerate(names):
        if i in spread:
            _leader(axes, name, angles[i], spread[i])
        else:
            look: dict[str, Any] = {
                "ha": "center",
                "va": "center",
                "fontsize": 13,
                "fontweight": "bold",
            }
            axes.text(
                *_polar(1 - RING_WIDTH / 2, angles[i]),
                name,
                color=readable_on(class_colour(name)),
                **look,
            )


def _spread(values: npt.NDArray[np.float64], gap: float) -> npt.NDArray[np.float64]:
    """Ascending `values`, moved as little as possible (least squares) so that neighbours are `gap` or more apart."""
    if len(values) == 0:
        return values
    steps = gap * np.arange(len(values))
    moved: npt.NDArray[np.float64] = isotonic_regression(values - steps).x + steps
    return moved


def _leader(axes: Axes, name: str, wedge_deg: float, label_deg: float) -> None:
    points = [_polar(0.98, wedge_deg), _polar(1.08, wedge_deg), _polar(1.15, label_deg)]
    axes.plot(
        [x for x, _ in points],
        [y for _, y in points],
        color=SOFT_INK,
        linewidth=0.9,
        solid_capstyle="round",
    )
    axes.text(*_polar(1.27, label_deg), name, ha="center", va="center", fontsize=11, **badge(name))


def _polar(radius: float, degrees: float) -> tuple[float, float]:
    return radius * math.cos(math.radians(degrees)), radius * math.sin(math.radians(degrees))


def _ring_table(axes: Axes, title: str, beats: Mapping[str, int]) -> None:
    """The part's name, then one line a class: letter, meaning, beats, share."""
    axes.set(xlim=(0, 1), ylim=(len(beats) + 0.6, -0.6))
    axes.axis("off")
    total = sum(beats.values())
    axes.text(0.0, 0.0, title, ha="left", va="center", fontsize=13, fontweight="bold", color=INK)
    for x, header in ((0.77, "beats"), (1.0, "%")):
        axes.text(x, 0.0, header, ha="right", va="center", fontsize=11, color=SOFT_INK)
    for row, (name, n) in enumerate(beats.items(), start=1):
        axes.axhline(row - 0.5, color=RULE, linewidth=0.8)
        axes.text(0.05, row, name, ha="center", va="center", fontsize=11, **badge(name))
        axes.text(
            0.12,
            row,
            CLASS_MEANINGS.get(name, ""),
            ha="left",
            va="center",
            fontsize=11,
            color=SOFT_INK,
        )
        axes.text(0.77, row, f"{n:,}", ha="right", va="center", fontsize=13, color=INK)
        share = _percent(n / total if total else math.nan)
        axes.text(1.0, row, share, ha="right", va="center", fontsize=13, color=INK)

"""The learning curves of a run: loss and accuracy by epoch."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from ecg_lightning.figures.style import blank_figure
from ecg_lightning.palette import INK, RULE, SOFT_INK

HistoryRow = Mapping[str, float | str | None]
# No class colours. The two parts differ in lightness, line style and marker as well.
CURVES = (("train", "training", "#8C97A8", "--", "o"), ("val", "validation", INK, "-", "s"))
MOST_MARKERS = 40  # with more points the markers would hide the line
LOG_SPAN = 30  # the loss gets a log scale if its largest value exceeds this times its smallest


def curves_figure(history: Sequence[HistoryRow]) -> Figure:
    """Draw loss and accuracy by epoch and mark the epoch of the lowest validation loss.

    Args:
        history: Rows as in a run's metrics.csv: `epoch`, the first is 0, and any of `train_loss`,
            `train_accuracy`, `val_loss`, `val_accuracy`. Several rows may share an epoch. Empty,
            missing and non-finite values are skipped.

    Returns:
        The figure. Axes 0 has the loss (on a log scale where it spans more than 1:30), axes 1 the
        accuracy in percent.
    """
    figure = blank_figure(7.2, 6.8, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08))
    loss, accuracy = figure.subplots(2, 1, sharex=True)
    for axes, quantity in ((loss, "loss"), (accuracy, "accuracy")):
        _plot_parts(axes, history, quantity)
    _scale_loss(loss)
    _style_axes(loss, accuracy)
    _mark_best(loss, accuracy, history)
    figure.align_ylabels()
    figure.suptitle("Training", x=0.02, ha="left", fontsize=18, fontweight="bold", color=INK)
    _add_legend(figure, accuracy)
    return figure


def _plot_parts(axes: Axes, history: Sequence[HistoryRow], quantity: str) -> None:
    for part, label, colour, style, marker in CURVES:
        points = _series(history, f"{part}_{quantity}")
        axes.plot(
            list(points),
            list(points.values()),
            style,
            color=colour,
            marker=marker,
            markersize=5 if len(points) <= MOST_MARKERS else 0,
            linewidth=2,
            label=label,
        )


def _number(value: float | str | None) -> float:
    return math.nan if value is None or value == "" else float(value)


def _series(history: Sequence[HistoryRow], key: str) -> dict[int, float]:
    """Return epoch (from 1) to the last finite value of `key`."""
    values = ((int(_number(row["epoch"])) + 1, _number(row.get(key))) for row in history)
    return dict(sorted({epoch: value for epoch, value in values if math.isfinite(value)}.items()))


def _scale_loss(axes: Axes) -> None:
    """Start at 0, or use a log scale where a few large losses would flatten the rest."""
    values = [float(y) for line in axes.lines for y in np.asarray(line.get_ydata())]
    log = bool(values) and min(values) > 0 and max(values) > LOG_SPAN * min(values)
    axes.set_ylabel("cross-entropy loss" + (", log scale" if log else ""), fontsize=13, color=INK)
    if not log:
        axes.set_ylim(0, 1.08 * max(values, default=1.0) or 1.0)
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _style_axes(loss: Axes, accuracy: Axes) -> None:
    accuracy.set_ylabel("accuracy", fontsize=13, color=INK)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    accuracy.set_xlabel("epoch", fontsize=13, color=INK)
    accuracy.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes in (loss, accuracy):
        axes.grid(color=RULE, linewidth=0.8)
        axes.tick_params(labelsize=12, color=RULE, labelcolor=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)


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


def _add_legend(figure: Figure, axes: Axes) -> None:
    """Put the legend next to the figure's title, where no point can lie."""
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="upper right",
        bbox_to_anchor=(0.99, 0.99),
        borderaxespad=0,
        ncols=len(CURVES),
        fontsize=12,
        frameon=False,
        labelcolor=INK,
    )

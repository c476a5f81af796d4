"""The learning curves: values, marks, scales, and that the legend covers no point."""

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_lightning.figures.curves import curves_figure
from tests.helpers.figures import assert_clear

Rows = list[dict[str, float | str | None]]


def _history(n_epochs: int) -> Rows:
    rows: Rows = []
    for epoch in range(n_epochs):
        val: Any = {"val_loss": 1 + (epoch - 3) ** 2 / 10, "val_accuracy": 0.9 + epoch / 100}
        train: Any = {"train_loss": 2 / (1 + epoch), "train_accuracy": 0.5 + epoch / 20}
        rows += [{"epoch": epoch, **val}, {"epoch": epoch, **train, "val_loss": ""}]
    return rows


def _line(axes: Axes, label: str) -> tuple[list[float], list[float]]:
    line = next(line for line in axes.lines if line.get_label() == label)
    return np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()


def test_both_parts_are_drawn_and_the_best_epoch_is_marked() -> None:
    """Lines are the rows' values. The lowest validation loss is that of the fourth epoch.

    The figure counts epochs from 1, as the lines of a run's log do.
    """
    loss, accuracy = curves_figure(_history(6)).axes
    epochs, shown = list(range(6)), list(range(1, 7))
    assert _line(loss, "training") == (shown, [2 / (1 + e) for e in epochs])
    assert _line(loss, "validation") == (shown, [1 + (e - 3) ** 2 / 10 for e in epochs])
    assert _line(accuracy, "training") == (shown, [0.5 + e / 20 for e in epochs])
    assert _line(accuracy, "validation") == (shown, [0.9 + e / 100 for e in epochs])
    title = "lowest validation loss: epoch 4, loss 1.0000, accuracy 93.00 %"
    assert loss.get_title(loc="right") == title
    for axes, height in ((loss, 1.0), (accuracy, 0.93)):
        assert np.asarray(axes.lines[-1].get_xdata()).tolist() == [4]
        assert np.asarray(axes.lines[-1].get_ydata()).tolist() == [height]


def test_axes_and_units_are_named() -> None:
    """Loss, accuracy in percent, epochs as whole numbers."""
    figure = curves_figure(_history(6))
    loss, accuracy = figure.axes
    assert_clear(figure)
    assert loss.get_ylabel() == "cross-entropy loss"
    assert accuracy.get_ylabel() == "accuracy"
    assert accuracy.get_xlabel() == "epoch"
    assert all(label.get_text().endswith("%") for label in accuracy.get_yticklabels())
    ticks = [label.get_text() for label in accuracy.get_xticklabels()]
    assert ticks[1:-1] == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("n_epochs", [0, 1, 2, 3, 10, 70])
def test_the_legend_covers_no_point_and_no_text(n_epochs: int) -> None:
    figure = curves_figure(_history(n_epochs))
    assert_clear(figure)
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation"]
    box = legend.get_window_extent()
    assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes)
    assert all(axes.get_legend() is None for axes in figure.axes)
    assert _inside(figure, box)


def _inside(figure: Figure, box: Any) -> bool:
    width, height = figure.bbox.size
    return bool(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height)


def test_only_a_wild_start_gives_a_log_scale() -> None:
    """One huge loss must not flatten the rest."""
    history = _history(6)
    assert curves_figure(history).axes[0].get_yscale() == "linear"
    history[0]["val_loss"] = 300.0
    axes = curves_figure(history).axes[0]
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "cross-entropy loss, log scale"


def test_gaps_and_values_that_are_no_numbers_are_skipped() -> None:
    """NaN, None, empty and missing cells, no validation at all, and no rows at all."""
    rows: Rows = [
        {"epoch": 0, "train_loss": "1.5"},
        {"epoch": 1, "train_loss": None},
        {"epoch": 2, "train_loss": float("nan")},
    ]
    loss = curves_figure(rows).axes[0]
    assert _line(loss, "training") == ([1], [1.5])
    assert loss.get_title(loc="right") == ""
    assert _line(curves_figure([]).axes[0], "training") == ([], [])

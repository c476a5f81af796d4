"""The picture of a confusion matrix: numbers, labels, colours, and that nothing overlaps."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.figures.confusion import confusion_matrix_figure
from ecg_lightning.palette import CLASS_COLOURS, INK
from tests.helpers.figures import assert_clear, texts_of

CONFUSION = [
    [90021, 620, 210, 180, 56],
    [410, 2190, 60, 7, 4],
    [80, 40, 7420, 60, 9],
    [0] * 5,
    [20, 0, 9, 0, 8031],
]


def test_it_shows_counts_and_percentages_of_the_true_class() -> None:
    """Left the counts, right the rows' percentages; a row without beats has none."""
    figure = confusion_matrix_figure(CONFUSION, CLASS_NAMES)
    counts, shares = figure.axes
    assert texts_of(counts) == [f"{n:,}" for row in CONFUSION for n in row]
    assert texts_of(shares)[:5] == ["98.8", "0.7", "0.2", "0.2", "0.1"]  # of 91,087
    assert texts_of(shares)[15:20] == ["\N{EN DASH}"] * 5
    assert texts_of(shares)[20:] == ["0.2", "0", "0.1", "0", "99.6"]
    assert [counts.get_title(), shares.get_title()] == ["beats", "% of the true class"]
    assert figure.texts[1].get_text() == "98.39 % accuracy, 107,662 of 109,427 beats"


def test_axes_are_named_and_the_first_row_is_on_top() -> None:
    """Rows are the true class, from the top. Both axes have the classes' colours."""
    axes = confusion_matrix_figure(np.eye(5, dtype=int), CLASS_NAMES).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert axes.yaxis_inverted()
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert tuple(label.get_text() for label in labels) == CLASS_NAMES
        patches = [label.get_bbox_patch() for label in labels]
        colours = [to_rgb(patch.get_facecolor()) for patch in patches if patch is not None]
        assert colours == [to_rgb(CLASS_COLOURS[name]) for name in CLASS_NAMES]


def test_almost_nothing_and_almost_all_are_not_rounded_away() -> None:
    """3 of 91,087 is not 0, 91,084 of them are not 100."""
    shares = confusion_matrix_figure([[91084, 3], [0, 1]], ("N", "S")).axes[1]
    assert texts_of(shares) == [">99.9", "<0.1", "0", "100"]


def test_cells_have_contrast_and_room() -> None:
    """White on the dark diagonal, ink on white. No text leaves its cell or touches another."""
    figure = confusion_matrix_figure(CONFUSION, CLASS_NAMES)
    assert_clear(figure)
    axes = figure.axes[0]
    assert axes.texts[0].get_color() == "#FFFFFF"
    assert axes.texts[1].get_color() == INK
    cell = axes.get_window_extent().width / 5
    assert max(text.get_window_extent().width for text in axes.texts) < 0.96 * cell


def test_without_beats_there_is_no_accuracy() -> None:
    figure = confusion_matrix_figure(np.zeros((5, 5), int), CLASS_NAMES)
    assert figure.texts[1].get_text() == "no beats"


def test_a_wrong_shape_is_refused() -> None:
    message = r"matrix: expected shape \(5, 5\) for 5 classes, got \(2, 2\)"
    with pytest.raises(ValueError, match=message):
        confusion_matrix_figure([[1, 0], [0, 1]], CLASS_NAMES)

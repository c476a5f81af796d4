"""The texts of a figure, and a check that none overlap."""

import itertools

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text


def texts_of(axes: Axes) -> list[str]:
    """Return what is written into the axes, in drawing order."""
    return [text.get_text() for text in axes.texts]


def all_texts(figure: Figure) -> list[Text]:
    """Return every text that is drawn."""
    figure.canvas.draw()
    hidden = {id(label) for axes in figure.axes for label in _labels_out_of_view(axes)}
    texts = [
        text for text in figure.findobj(Text) if isinstance(text, Text) and id(text) not in hidden
    ]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def _labels_out_of_view(axes: Axes) -> list[Text]:
    """Return labels that matplotlib makes but does not draw.

    They lie outside the limits, or their axis is switched off.
    """
    hidden = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not (axes.axison and low - 1e-9 <= tick.get_loc() <= high + 1e-9):
                hidden += [tick.label1, tick.label2]
    return hidden


def assert_clear(figure: Figure) -> None:
    """Assert that no two texts overlap and that none leaves the figure."""
    texts = all_texts(figure)
    width, height = figure.bbox.size
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts]
    for (a, box_a), (b, box_b) in itertools.combinations(boxes, 2):
        assert not box_a.overlaps(box_b), f"{a!r} overlaps {b!r}"
    for text, box in boxes:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text

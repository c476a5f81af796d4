"""What is written in a figure, and that nothing of it overlaps."""

import itertools

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text


def texts_of(axes: Axes) -> list[str]:
    """What is written into the axes, in the order of drawing."""
    return [text.get_text() for text in axes.texts]


def all_texts(figure: Figure) -> list[Text]:
    """Every text that is drawn."""
    figure.canvas.draw()
    hidden = {id(label) for axes in figure.axes for label in _labels_out_of_view(axes)}
    texts = [
        text for text in figure.findobj(Text) if isinstance(text, Text) and id(text) not in hidden
    ]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def _labels_out_of_view(axes: Axes) -> list[Text]:
    """Labels that matplotlib makes and does not draw: those beyond the limits, and all of an axis turned off."""
    found = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not (axes.axison and low - 1e-9 <= tick.get_loc() <= high + 1e-9):
                found += [tick.label1, tick.label2]
    return found


def assert_clear(figure: Figure) -> None:
    """No two pieces of text overlap, and none leaves the picture."""
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

"""Strips of ECG: signal, marks and paper of records made by hand, and that nothing overlaps."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from ecg_lightning.classes import AAMI, CLASS_NAMES
from ecg_lightning.figures.strip import strip_figure
from ecg_lightning.figures.style import DPI, MM_PER_INCH, figure_bytes
from ecg_lightning.palette import CLASS_COLOURS, SOFT_INK
from ecg_lightning.records.recording import Record
from ecg_lightning.records.strips import strip_of
from tests.helpers.figures import assert_clear, texts_of
from tests.helpers.recordings import recording_of


def _record() -> Record:
    """20 s of a slow wave at 100 Hz, with a beat each second, the first at 0.5 s."""
    signal = np.sin(np.arange(2000) / 50.0)
    symbols = np.array(list("NA+VF/NNNNNNNNNNNNNN"))
    return Record("x1", 100.0, "MLII", signal, np.arange(20, dtype=np.int64) * 100 + 50, symbols)


def _figure(record: Record, start_s: float, duration_s: float) -> Figure:
    marks = record.annotation_samples, "".join(record.annotation_symbols.tolist())
    lead = (record.lead, record.unit, record.fs_hz, record.signal)
    return strip_figure(
        strip_of(recording_of([lead], *marks, record.name), start_s, duration_s), AAMI
    )


def _letters(axes: Axes) -> list[tuple[float, str]]:
    marks: list[Any] = [text for text in axes.texts if text.get_text() in CLASS_NAMES]
    return [(float(mark.xy[0]), mark.get_text()) for mark in marks]


def test_strip_shows_the_signal_and_its_beats_where_they_are() -> None:
    """Seconds 1 to 6: A, +, V, F and / at 1.5 ... 5.5 s; + is no beat."""
    record = _record()
    axes = _figure(record, 1.0, 5.0).axes[0]
    assert _letters(axes) == [(1.5, "S"), (3.5, "V"), (4.5, "F"), (5.5, "Q")]
    trace = axes.lines[0]
    np.testing.assert_allclose(np.asarray(trace.get_xdata()), np.arange(100, 600) / 100)
    np.testing.assert_array_equal(np.asarray(trace.get_ydata()), record.signal[100:600])
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [to_rgb(dot.get_color()) for dot in dots] == [
        to_rgb(CLASS_COLOURS[name]) for name in "SVFQ"
    ]
    assert [float(np.asarray(dot.get_ydata())[0]) for dot in dots] == record.signal[
        [150, 350, 450, 550]
    ].tolist()


def test_strip_says_what_it_shows() -> None:
    """Record, lead, axes with units, the boxes' size and the classes that occur."""
    axes = _figure(_record(), 1.0, 3.0).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", "potential (mV)")
    assert "Record x1, lead MLII" in texts_of(axes)
    assert "large box 0.2 s, 0.5 mV" in texts_of(axes)
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "S supraventricular (A)",
        "V ventricular",
    ]


def test_other_annotations_are_grey_with_their_symbol() -> None:
    """`+` at 2.5 s is no beat.

    It has a dotted line, its symbol at the paper's lower edge, and its meaning in a second legend.
    """
    axes = _figure(_record(), 1.0, 3.0).axes[0]
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert [np.asarray(line.get_xdata()).tolist() for line in dotted] == [[2.5, 2.5]]
    assert [to_rgb(line.get_color()) for line in dotted] == [to_rgb(SOFT_INK)]
    marks: list[Any] = [text for text in axes.texts if text.get_text() == "+"]
    assert [mark.xy for mark in marks] == [(2.5, axes.get_ylim()[0])]
    assert _legends(axes) == [["+  rhythm change"], ["S supraventricular (A)", "V ventricular"]]


def test_a_symbol_that_is_not_known_is_no_beat() -> None:
    record = replace(_record(), annotation_symbols=np.array(list("NsNxN$NNNNNNNNNNNNNN")))
    assert _legends(_figure(record, 0.0, 8.0).axes[0])[0] == [
        "x  blocked P wave",
        "$ s  no beat",
    ]


def _legends(axes: Axes) -> list[list[str]]:
    legends = [child for child in axes.get_children() if isinstance(child, Legend)]
    return [[text.get_text() for text in legend.get_texts()] for legend in legends]


def test_every_symbol_at_once_and_a_beat_at_each_edge_leave_no_text_on_another() -> None:
    """The legends' lettering shrinks. The first letter moves away from the axis's numbers."""
    symbols = np.array(list('NLRejBAaJSVEr/fQ?F+~|"x![]s'))
    record = replace(
        _record(), annotation_samples=np.arange(27) * 29 + 1, annotation_symbols=symbols
    )
    assert_clear(_figure(record, 0.0, 8.0))
    early = replace(
        _record(), annotation_samples=np.array([300, 302]), annotation_symbols=np.array(["N", "+"])
    )
    for start_s in (3.0, 0.0):
        figure = _figure(early, start_s, 5.0)
        assert_clear(figure)
        assert [
            np.asarray(line.get_xdata()).tolist()
            for line in figure.axes[0].lines
            if line.get_marker() == "o"
        ] == [[3.0]]


def test_numbers_of_three_digits_stay_clear_of_the_other_axis() -> None:
    long = replace(_record(), signal=np.tile(_record().signal, 20))
    assert_clear(_figure(long, 300.0, 10.0))


@pytest.mark.parametrize(
    "name", ["$\\frac{$", "a$x$" * 10, "\u6f22\u5b57", "a\nb\x00", "\udc80", "W" * 300, "<b>&amp;"]
)
def test_hostile_names_are_drawn_as_they_are_or_shortened(name: str) -> None:
    """No mathematics, no missing letters (which would warn), one line, room for the boxes' size."""
    figure = _figure(replace(_record(), name=name, lead=name), 0.0, 4.0)
    assert_clear(figure)
    assert all(text.isprintable() and len(text) < 60 for text in texts_of(figure.axes[0]))
    for kind in ("png", "svg", "pdf"):
        assert figure_bytes(figure, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("duration_s", [2.0, 8.0, 10.0, 19.0])
def test_strip_is_on_square_paper(duration_s: float) -> None:
    """0.2 s is as long as 0.5 mV is high. 10 s measure 250 mm, the standard speed."""
    figure = _figure(_record(), 0.0, duration_s)
    axes = figure.axes[0]
    box = axes.get_window_extent()
    mm_per_s = box.width / DPI * MM_PER_INCH / float(np.ptp(axes.get_xlim()))
    mm_per_mv = box.height / DPI * MM_PER_INCH / float(np.ptp(axes.get_ylim()))
    assert 0.2 * mm_per_s == pytest.approx(0.5 * mm_per_mv, rel=1e-6)
    if 160 <= 25 * duration_s <= 300:
        assert mm_per_s == pytest.approx(25.0, rel=1e-6)
    assert_clear(figure)


def test_strip_grid_lines_are_four_hundredths_of_a_second_and_a_tenth_of_a_millivolt() -> None:
    """Two seconds have 51 fine and 11 coarse vertical lines, 3 mV have 31 and 7 horizontal ones."""
    collections: list[Any] = list(_figure(_record(), 2.0, 2.0).axes[0].collections)
    lines = [len(c.get_segments()) for c in collections]
    low, high = _figure(_record(), 2.0, 2.0).axes[0].get_ylim()
    assert lines == [51, round((high - low) * 10) + 1, 11, round((high - low) * 2) + 1]


def test_strip_of_invalid_samples_and_at_the_record_s_end() -> None:
    """NaN is a gap. A strip is cut at the record's end. One spike does not make it very tall."""
    record = _record()
    gap = replace(record, signal=np.full(2000, np.nan))
    assert _figure(gap, 0.0, 4.0).axes[0].get_ylim() == (-1.0, 1.0)
    assert _figure(record, 18.0, 10.0).axes[0].get_xlim() == (18.0, 20.0)
    spike = replace(record, signal=np.where(np.arange(2000) == 100, 1000.0, record.signal))
    assert np.ptp(_figure(spike, 0.0, 4.0).axes[0].get_ylim()) < 10
    nothing = {
        "annotation_samples": np.array([], dtype=np.int64),
        "annotation_symbols": np.array([], dtype="<U1"),
    }
    none = replace(record, **nothing)  # type: ignore[arg-type]
    assert _letters(_figure(none, 0.0, 4.0).axes[0]) == []


def test_letters_of_very_fast_beats_do_not_overlap() -> None:
    """Beats 0.1 s apart, faster than any heart."""
    samples = np.arange(10, 1990, 10, dtype=np.int64)
    record = replace(
        _record(), annotation_samples=samples, annotation_symbols=np.full(len(samples), "V")
    )
    figure = _figure(record, 0.0, 8.0)
    figure.canvas.draw()
    letters = [t for t in figure.axes[0].texts if t.get_text() == "V"]
    patches = [t.get_bbox_patch() for t in letters]
    boxes = [patch.get_window_extent() for patch in patches if patch is not None]
    assert len(boxes) == 80 - 1
    assert all(a.x1 <= b.x0 for a, b in itertools.pairwise(boxes))

"""Strips of ECG: signal, marks and paper of records made by hand, and that nothing overlaps."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.markers import CARETDOWN, CARETUP

from ecg_lightning.arrays import Floats
from ecg_lightning.classes import AAMI, CLASS_NAMES
from ecg_lightning.figures.strip import strip_figure, time_of_day
from ecg_lightning.figures.strip_marks import BAND, PredictedBeats
from ecg_lightning.figures.style import DPI, MM_PER_INCH, figure_bytes
from ecg_lightning.palette import CLASS_COLOURS, SOFT_INK
from ecg_lightning.records.recording import Record
from ecg_lightning.records.strips import strip_of
from tests.helpers.figures import assert_clear, texts_of
from tests.helpers.recordings import recording_of

Lead = tuple[str, str, float, Floats]


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


def test_a_symbol_that_the_font_lacks() -> None:
    """No missing letters, which would warn."""
    record = replace(_record(), annotation_symbols=np.array(list("N\u6f22\udc80\nN" * 4)))
    figure = _figure(record, 0.0, 8.0)
    assert figure_bytes(figure, "png")
    assert _legends(figure.axes[0])[0] == ["?  no beat"]


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


def _lead(name: str, unit: str = "mV", fs_hz: float = 100.0, seconds: float = 40.0) -> Lead:
    """A slow wave of 1 in its unit, which starts at 0."""
    signal = np.sin(np.arange(round(seconds * fs_hz)) / fs_hz * 2)
    return name, unit, fs_hz, signal


TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def _strip(leads: Sequence[Lead], start_s: float, duration_s: float, **named: Any) -> Figure:
    """All leads of a recording with beats at 1.5, 3, … s."""
    samples = np.arange(1, 13) * 1.5 * leads[0][2]
    recording = recording_of(leads, samples, "NVNSNFNQN+NN", **named)
    return strip_figure(strip_of(recording, start_s, duration_s, range(len(leads))), AAMI)


def _boxes_mv(axes: Axes) -> set[float]:
    """The values of the horizontal lines of an axes."""
    collections: list[Any] = list(axes.collections)
    segments = [segment for lines in collections for segment in lines.get_segments()]
    return {round(a[1], 3) for a, b in segments if a[1] == b[1]}


class TestSeveralLeads:
    def test_each_has_a_row_of_its_own_at_its_own_rate(self) -> None:
        leads = [_lead("MLII"), _lead("V1", fs_hz=250.0), _lead("ABP", "mmHg", 62.5)]
        figure = _strip(leads, 2.1, 6.0)
        assert_clear(figure)
        for axes, (_, _, fs_hz, signal) in zip(figure.axes, leads, strict=True):
            times_s = np.asarray(axes.lines[0].get_xdata())
            inside = np.flatnonzero(
                (np.arange(len(signal)) >= 2.1 * fs_hz - 1e-6)
                & (np.arange(len(signal)) < 8.1 * fs_hz - 1e-6)
            )
            np.testing.assert_allclose(times_s, inside / fs_hz, rtol=0, atol=1e-9)
            np.testing.assert_array_equal(np.asarray(axes.lines[0].get_ydata()), signal[inside])
            assert axes.get_xlim() == pytest.approx((2.1, 8.1))

    def test_they_are_below_each_other_on_one_paper(self) -> None:
        boxes = [axes.get_window_extent() for axes in _strip([_lead("a"), _lead("b")], 0, 5).axes]
        assert boxes[0].y0 == pytest.approx(boxes[1].y1)
        assert (boxes[0].x0, boxes[0].x1) == (boxes[1].x0, boxes[1].x1)

    def test_a_beat_marks_each_lead_and_has_one_letter(self) -> None:
        figure = _strip([_lead("a"), _lead("b", "mmHg", 62.5)], 2.0, 3.0)
        top, bottom = figure.axes
        assert _letters(top) == [(3.0, "V"), (4.5, "N")]
        assert _letters(bottom) == []
        for axes in (top, bottom):
            lines = [np.asarray(line.get_xdata()).tolist() for line in axes.lines[1:]]
            assert lines == [[3.0, 3.0], [4.5, 4.5]]

    def test_only_voltages_have_boxes_of_millivolts(self) -> None:
        """Another unit has its own numbers, two or more, and says its unit."""
        leads = [_lead("a"), _lead("b", "mmHg"), _lead("c", ""), _lead("$d$", "\u00b5$")]
        figure = _strip(leads, 0.0, 5.0)
        assert_clear(figure)
        assert len(_boxes_mv(figure.axes[0])) > 10
        assert [_boxes_mv(axes) for axes in figure.axes[1:]] == [set(), set(), set()]
        assert all(len(axes.get_yticks()) >= 2 for axes in figure.axes[1:])
        labels = [axes.texts[-1].get_text() for axes in figure.axes]
        assert labels == ["a", "b\nmmHg", "c\nunit unknown", "$d$\n\u00b5$"]

    @pytest.mark.parametrize("seconds", [1.0, 10.0, 20.0])
    def test_twelve_fit_on_a_page(self, seconds: float) -> None:
        leads = [_lead(name, fs_hz=500.0) for name in TWELVE]
        leads[3] = (*leads[3][:3], leads[3][3] * 4)
        figure = _strip(leads, 0.0, seconds)
        assert_clear(figure)
        width, height = figure.get_size_inches()
        assert 1 / 3 < height / width < 1.6
        assert [axes.texts[-1].get_text() for axes in figure.axes] == list(TWELVE)

    def test_two_are_on_square_paper(self) -> None:
        figure = _strip([_lead("a"), _lead("b")], 0.0, 10.0)
        for axes in figure.axes:
            box, (low, high) = axes.get_window_extent(), axes.get_ylim()
            assert box.width / 10 / 25 == pytest.approx(box.height / (high - low) / 10)

    def test_names_of_any_kind(self) -> None:
        names = ["", "x" * 60, "$\\frac{$", "\u0414\u0430 \u03bc", "a\nb", "EEG Fpz-Cz REF"]
        assert_clear(_strip([_lead(name) for name in names], 0.0, 8.0))
        for name in names:
            assert_clear(_strip([_lead(name, "u" * 40)], 0.0, 8.0))


class TestOddSignals:
    def test_gaps_are_shaded_and_named(self) -> None:
        """One of 3 s, one of 0.3 s with its name upright, one of 0.05 s that is only a gap."""
        name, unit, fs_hz, signal = _lead("a")
        signal[200:500], signal[600:630], signal[700:705] = np.nan, np.nan, np.nan
        (axes,) = _strip([(name, unit, fs_hz, signal)], 0.0, 10.0).axes
        assert_clear(axes.figure)  # type: ignore[arg-type]
        spans: list[Any] = [p for p in axes.patches if hasattr(p, "get_width")]
        assert [(p.get_x(), p.get_x() + p.get_width()) for p in spans] == [
            pytest.approx((2.0, 5.0)),
            pytest.approx((6.0, 6.3)),
        ]
        labels = [text for text in axes.texts if text.get_text() == "no signal"]
        assert [label.get_position()[0] for label in labels] == pytest.approx([3.5, 6.15])
        assert [label.get_rotation() for label in labels] == [0, 90]
        drawn = np.asarray(axes.lines[0].get_ydata())
        np.testing.assert_array_equal(np.isnan(drawn), np.isnan(signal[:1000]))

    def test_a_lead_without_any_valid_sample(self) -> None:
        for unit in ("mV", "mmHg"):
            figure = _strip([("a", unit, 100.0, np.full(900, np.nan)), _lead("b")], 0.0, 8.0)
            assert "no signal" in texts_of(figure.axes[0])
            assert (len(figure.axes[0].get_yticks()) == 0) == (unit == "mmHg")
            assert_clear(figure)

    def test_a_gap_ends_with_the_strip(self) -> None:
        """A sample of the second lead lasts 2 s."""
        figure = _strip([_lead("a"), ("b", "mV", 0.5, np.full(20, np.nan))], 4.0, 5.0)
        spans: list[Any] = list(figure.axes[1].patches)
        assert [(p.get_x(), p.get_x() + p.get_width()) for p in spans] == [(4.0, 9.0)]
        assert_clear(figure)

    def test_a_lead_that_ends_before_the_strip(self) -> None:
        figure = _strip([_lead("a"), _lead("b", seconds=2.0)], 5.0, 5.0)
        assert len(np.asarray(figure.axes[1].lines[0].get_xdata())) == 0

    def test_what_is_beyond_the_paper_is_marked(self) -> None:
        """A triangle at the edge for each time that the trace leaves, and a legend."""
        name, unit, fs_hz, signal = _lead("a")
        signal[150:155], signal[400] = [8, 9, 20, 9, 8], -30
        figure = _strip([(name, unit, fs_hz, signal)], 0.0, 8.0)
        axes = figure.axes[0]
        low, high = axes.get_ylim()
        marks = [line for line in axes.lines if line.get_marker() in (CARETUP, CARETDOWN)]
        places = [
            (np.asarray(m.get_xdata()).tolist(), np.asarray(m.get_ydata()).tolist()) for m in marks
        ]
        assert places == [([1.52], [high]), ([4.0], [low])]
        assert ["beyond the paper"] in _legends(axes)
        assert_clear(figure)

    def test_samples_of_slow_leads_are_dots(self) -> None:
        slow, fast = _lead("HR", "bpm", fs_hz=1.0), _lead("II")
        upper, lower = _strip([slow, fast], 5.0, 4.0).axes[:2]
        assert upper.lines[0].get_marker() == "o"
        assert np.asarray(upper.lines[0].get_xdata()).tolist() == [5.0, 6.0, 7.0, 8.0]
        assert lower.lines[0].get_marker() in ("", "None")

    def test_of_dense_samples_the_extremes_are_drawn(self) -> None:
        """At 100 kHz a spike of one sample stays, and so does a gap."""
        signal = np.zeros(10**6)
        signal[123_457], signal[654_321], signal[200_000:300_000] = 1.5, -1.5, np.nan
        line = _strip([("a", "mV", 1e5, signal)], 0.0, 10.0).axes[0].lines[0]
        times_s, values = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        assert len(values) <= 110_000
        assert (np.diff(times_s) > 0).all()
        assert times_s[np.nanargmax(values)] == pytest.approx(1.23457, abs=2e-4)
        assert times_s[np.nanargmin(values)] == pytest.approx(6.54321, abs=2e-4)
        gap_s = times_s[np.isnan(values)]
        assert (gap_s.min(), gap_s.max()) == pytest.approx((2.0, 3.0), abs=2e-4)

    @pytest.mark.parametrize("unit", ["mV", "", "mmHg"])
    @pytest.mark.parametrize(
        "values",
        [
            [0.0, 0.0],
            [300.0, 300.0],
            [-1e-12, 1e-12],
            [1e5, 1e5 + 0.01],
            [-32768.0, 32767.0],
            [1e17, 2e17],
            [-1.7e308, 1.7e308],
            [0.0, float("inf")],
            [1e-320, 0.0],
        ],
    )
    def test_values_of_any_size(self, values: list[float], unit: str) -> None:
        """A constant, a tiny wave on a large value, raw numbers, the limits of float64."""
        signal = np.resize(np.array(values), 1000)
        for leads in ([("a", unit, 100.0, signal)], [("a", unit, 100.0, signal), _lead("b")]):
            figure = _strip(leads, 0.0, 8.0)
            assert_clear(figure)
            assert np.isfinite([axes.get_ylim() for axes in figure.axes]).all()


class TestTimes:
    def test_the_axis_counts_the_seconds_of_the_recording(self) -> None:
        """After a day the numbers are whole, without an offset."""
        lead = ("a", "mV", 1.0, np.zeros(90_000))
        figure = _strip([lead], 86_400.0, 10.0)
        figure.canvas.draw()
        labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
        assert {"86400", "86410"} <= {*labels}
        assert figure.axes[0].xaxis.get_offset_text().get_text() == ""
        assert_clear(figure)

    def test_a_second_has_several_numbers(self) -> None:
        figure = _strip([_lead("a")], 3.0, 1.0)
        inside = [tick for tick in figure.axes[0].get_xticks() if 3 - 1e-9 <= tick <= 4 + 1e-9]
        assert inside == pytest.approx([3.0, 3.2, 3.4, 3.6, 3.8, 4.0])

    @pytest.mark.parametrize(
        ("start", "seconds", "shown"),
        [
            (datetime(2020, 2, 29, 9, 41), 0.0, "09:41:00"),
            (datetime(2020, 2, 29, 23, 59, 59, 900_000), 0.2, "00:00:00.1"),
            (datetime(1999, 12, 31, 12, 0), 90_061.0, "13:01:01"),
            (datetime(9999, 12, 31, 23, 59, 59), 5.0, "00:00:04"),
        ],
    )
    def test_the_time_of_day(self, start: datetime, seconds: float, shown: str) -> None:
        assert time_of_day(start, seconds) == shown
        if seconds == 0:
            assert f"Record x1, lead a, at {shown}" in texts_of(
                _strip([_lead("a")], 0.0, 8.0, start_time=start).axes[0]
            )

    def test_the_time_of_day_with_its_zone(self) -> None:
        start = datetime(2020, 2, 29, 9, 41, tzinfo=UTC)
        texts = texts_of(_strip([_lead("a")], 0.0, 8.0, start_time=start).axes[0])
        assert "Record x1, lead a, at 09:41:00 UTC" in texts


class TestPredictions:
    BEATS = PredictedBeats(np.array([1.5, 3.0, 4.6]), ("N", "N", "Q"), (False, True, True))

    def _figure(self, n_leads: int) -> Figure:
        leads = [_lead(f"lead {k}") for k in range(n_leads)]
        recording = recording_of(leads, [150, 300, 450], "NVN")
        return strip_figure(strip_of(recording, 0.0, 8.0, range(n_leads)), AAMI, self.BEATS)

    @pytest.mark.parametrize("n_leads", [1, 3])
    def test_they_have_a_line_of_letters_next_to_the_paper(self, n_leads: int) -> None:
        figure = self._figure(n_leads)
        assert_clear(figure)
        marks: list[Any] = [t for t in figure.axes[0].texts if t.get_text() in CLASS_NAMES]
        boxes = [(mark.get_window_extent().y0, mark.xy[0], mark.get_text()) for mark in marks]
        heights = sorted({round(y) for y, *_ in boxes})
        assert [(x, name) for y, x, name in boxes if round(y) == heights[0]] == [
            (1.5, "N"),
            (3.0, "N"),
            (4.6, "Q"),
        ]
        assert [(x, name) for y, x, name in boxes if round(y) == heights[1]] == [
            (1.5, "N"),
            (3.0, "V"),
            (4.5, "N"),
        ]
        assert {"predicted", "reference"} <= {*texts_of(figure.axes[0])}

    def test_differences_have_a_band_and_a_legend(self) -> None:
        figure = self._figure(2)
        for axes in figure.axes:
            bands: list[Any] = [
                p for p in axes.patches if to_rgb(p.get_facecolor()) == to_rgb(BAND)
            ]
            assert [p.get_x() + p.get_width() / 2 for p in bands] == pytest.approx([3.0, 4.6])
        assert _legends(figure.axes[-1]) == [
            ["prediction differs"],
            ["N normal", "V ventricular", "Q paced, other"],
        ]

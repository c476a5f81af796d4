"""A strip around an event: two pieces of 4 seconds on ECG paper."""

import re
from dataclasses import replace

import numpy as np
import pytest

from ecg_lightning.arrays import AnyFloats
from ecg_lightning.report.event_strip import EventStrip, draw_pieces, thinned
from tests.helpers.html_reader import Reader, rendered


def strip_of(
    signal: AnyFloats,
    fs_hz: float = 100.0,
    event_s: tuple[float, float] = (11.0, 12.0),
    beats: tuple[float, ...] = (),
) -> EventStrip:
    return EventStrip(("a run",), "", "V", 10.0, event_s, fs_hz, signal, beats, ["V"] * len(beats))


def end_of(trace: str) -> tuple[int, int]:
    """The last point of a path of relative lines."""
    x, y, *steps = map(int, re.findall(r"-?\d+", trace))
    return x + sum(steps[::2]), y + sum(steps[1::2])


def test_the_second_piece_continues_the_first() -> None:
    first, second = draw_pieces(strip_of(np.sin(np.arange(801) / 30)), "mV", "a run")
    assert (first.width, second.width, first.height) == (2000, 2000, second.height)
    assert end_of(first.trace)[0] == 2000
    assert second.trace.startswith(f"M0 {end_of(first.trace)[1]}l")
    assert [text.text for text in (*first.seconds, *second.seconds)] == [f"{n} s" for n in range(8)]


def test_the_trace_is_in_millivolts() -> None:
    signal = np.zeros(801)
    signal[100] = 1.0
    first, _ = draw_pieces(strip_of(signal), "mV", "a run")
    zero_y = next(text.y for text in first.levels if text.text == "0")
    one_y = next(text.y for text in first.levels if text.text == "1 mV")
    assert zero_y - one_y == 200
    assert "l5 0" in first.trace
    assert "5 -200 5 200" in first.trace


def test_the_mark_covers_the_event_in_its_pieces() -> None:
    first, second = draw_pieces(strip_of(np.zeros(801), event_s=(13.0, 15.0)), "mV", "")
    assert (first.mark_x, first.mark_x + first.mark_width) == (1460, 2000)
    assert (second.mark_x, second.mark_x + second.mark_width) == (0, 540)
    first, second = draw_pieces(strip_of(np.zeros(801), event_s=(11.0, 11.0)), "mV", "")
    assert (first.mark_x, first.mark_width, second.mark_width) == (460, 80, 0)


def test_each_beat_has_its_letter_in_one_piece() -> None:
    drawn = draw_pieces(strip_of(np.zeros(801), beats=(10.0, 13.99, 14.0, 17.5)), "mV", "")
    letters = [[(letter.x, letter.anchor) for letter in piece.letters] for piece in drawn]
    assert letters == [[(0, "start"), (1995, "end")], [(0, "start"), (1750, "middle")]]


def test_a_lead_that_is_no_voltage_is_fitted_to_the_paper_and_has_no_levels() -> None:
    signal = 5_000 + 900 * np.sin(np.arange(801) / 30)
    first, second = draw_pieces(strip_of(signal), "", "a run")
    assert (first.levels, second.levels) == ((), ())
    assert 600 <= first.height <= 800
    steps = np.cumsum([int(y) for y in re.findall(r"\d+ (-?\d+)", first.trace)][1:])
    assert 390 <= np.ptp(steps) <= 410  # 2 mV on paper


@pytest.mark.parametrize("unit", ["mV", "adu"])
@pytest.mark.parametrize("level", [-32.0, 32.0])
def test_a_stretch_without_signal_runs_off_the_paper(unit: str, level: float) -> None:
    signal = np.sin(np.arange(801) / 3)
    expected = draw_pieces(strip_of(signal[:200]), unit, "")[0]
    signal[200:] = level
    strip = replace(strip_of(signal), without_signal_s=((12.0, 40.0),))
    first, second = draw_pieces(strip, unit, "")
    assert (first.height, first.levels) == (expected.height, expected.levels)
    assert first.trace.startswith(expected.trace)
    assert not 0 <= int(second.trace.removeprefix("M0 ").split("l")[0]) <= second.height


def test_the_paper_of_nothing_but_a_stretch_without_signal_shows_it() -> None:
    strip = replace(strip_of(np.full(801, -32.0)), without_signal_s=((0.0, 40.0),))
    first, _ = draw_pieces(strip, "mV", "")
    assert 0 < end_of(first.trace)[1] < first.height


def test_invalid_samples_and_the_end_of_a_recording_interrupt_the_trace() -> None:
    signal = np.zeros(150)
    signal[50:60] = np.nan
    first, second = draw_pieces(strip_of(signal), "mV", "")
    assert first.trace.count("M") == 2
    assert end_of(first.trace.split("M")[2])[0] == 149 * 5
    assert second.trace == ""
    nothing = draw_pieces(strip_of(np.full(801, np.nan)), "mV", "")
    assert [piece.trace for piece in nothing] == ["", ""]


@pytest.mark.parametrize("fs_hz", [1_000.0, 2_048.0, 1_999.0])
def test_a_fast_signal_is_thinned_and_keeps_its_extremes(fs_hz: float) -> None:
    n_samples = round(8 * fs_hz)
    signal = np.random.default_rng(0).normal(size=n_samples)
    signal[3_000], signal[3_003], signal[10:13] = 9.0, -9.0, np.nan
    thin, thin_hz = thinned(signal, fs_hz)
    assert thin_hz <= 500
    assert len(thin) == pytest.approx(8 * thin_hz, abs=4)
    assert np.nanmax(thin) == -np.nanmin(thin) == 9.0
    assert abs(int(np.nanargmax(thin)) / thin_hz - 3_000 / fs_hz) < 2 / thin_hz
    slow, slow_hz = thinned(signal, 500.0)
    assert slow is signal
    assert slow_hz == 500.0


def test_the_drawing_is_well_formed() -> None:
    drawn = draw_pieces(strip_of(np.zeros(801), beats=(10.5, 15.0)), "mV", 'a "run"')
    reader = Reader(rendered("event_strip.j2", "pieces", drawn))
    assert reader.wrong == []
    assert [of_tag["aria-label"] for _, of_tag in reader.tags if "aria-label" in of_tag] == [
        'a "run", part 1',
        'a "run", part 2',
    ]

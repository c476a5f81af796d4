"""The overview: rates, counts in bins and unusable stretches, each at its place."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.report.moments import Moments
from ecg_lightning.report.rate_chart import (
    MOST_BINS,
    MOST_DOTS,
    RATE_HIGH,
    TOP,
    Beats,
    bin_seconds,
    overview,
)
from ecg_lightning.signals.rhythm_events import Rhythm
from tests.helpers.html_reader import Reader, rendered

UNUSABLE_SHADES = 500


def beats_of(text: str, rr_s: float, unusable_s: list[tuple[float, float]] | None = None) -> Beats:
    """Beats at equal distances from 0 s on; a space is a beat's time without a beat."""
    places = [place for place, name in enumerate(text) if name != " "]
    labels = np.array([CLASS_NAMES.index(text[place]) for place in places], dtype=np.int64)
    stretches = np.array(unusable_s or []).reshape(-1, 2)
    rhythm = Rhythm(np.array(places) * rr_s, labels, stretches)
    return Beats(rhythm.times_s, labels, rhythm.rr_s, rhythm.rates_bpm, stretches)


@pytest.mark.parametrize(
    ("length_s", "bin_s"),
    [(10, 1), (30, 1), (1_805, 15), (86_400, 600), (172_800, 1_200), (14 * 86_400, 7_200)],
)
def test_bins_are_round(length_s: float, bin_s: int) -> None:
    assert bin_seconds(length_s) == bin_s


def test_each_of_a_few_beats_is_a_dot_at_60_by_its_rr_interval() -> None:
    chart = overview(beats_of("NNNVN", 1.0), Moments(None, 10.0))
    assert [(dot.name, dot.x) for dot in chart.dots] == [
        ("N", 10.0),
        ("N", 20.0),
        ("V", 30.0),
        ("N", 40.0),
    ]
    low, high = (level for level in chart.levels if level.text in ("40", "80"))
    assert {dot.y for dot in chart.dots} == {(low.at + high.at) / 2}  # 60 bpm
    assert chart.dots[2].text == "0:03.0: V, RR 1.00 s"
    assert chart.band == ""


@pytest.mark.parametrize("n_beats", [20, 2 * MOST_DOTS])
def test_the_label_has_the_extremes_of_the_heart_rate(n_beats: int) -> None:
    """An early beat has no effect on the median, though its own dot is at 150."""
    beats = beats_of("N" * n_beats, 1.0)
    rr_s = beats.rr_s.copy()
    rr_s[5] = 0.4
    chart = overview(beats._replace(rr_s=rr_s), Moments(None, float(n_beats)))
    assert chart.label.startswith("Heart rate (60 to 60 beats per minute) and beats of ")


def test_many_beats_are_a_band_and_a_line_in_bins() -> None:
    beats = beats_of("N" * 600 + " " * 100 + "N" * 600, 1.0, [(620.0, 680.0)])
    chart = overview(beats, Moments(None, 1_300.0))
    assert chart.dots == []
    assert chart.bin_text == "10 s"
    # Each bin is a rectangle, and no bin from 620 to 700 s has a rate of eight intervals.
    lefts = [int(x) for x in re.findall(r"M(\d+) ", chart.band)]
    expected = [10 * place for place in range(60)] + [10 * place for place in range(70, 130)]
    assert lefts == [round(10_000 * seconds / 1_300) for seconds in expected]
    assert chart.line.count("M") == 2  # the line is interrupted once
    assert [(shade.x, shade.width) for shade in chart.shades] == [(47.692, 4.616)]


def test_beats_of_ectopic_classes_are_counted_in_bins() -> None:
    chart = overview(beats_of("NVVNNNNNNVNNSN", 0.5), Moments(None, 7.0))
    assert [row.name for row in chart.rows] == ["S", "V"]
    v = chart.rows[1]
    assert [(bar.x, bar.text) for bar in v.bars] == [
        (0.0, "0:00.0 to 0:01.0: 1 V"),
        (14.286, "0:01.0 to 0:02.0: 1 V"),
        (57.143, "0:04.0 to 0:05.0: 1 V"),
    ]
    assert v.most == "1"


def test_rows_of_f_and_q_are_there_where_such_beats_are() -> None:
    chart = overview(beats_of("NFNNQ", 0.5), Moments(None, 3.0))
    assert [row.name for row in chart.rows] == ["S", "V", "F", "Q"]


@given(
    st.lists(st.sampled_from("NNNVSFQ "), max_size=2 * MOST_DOTS).map("".join),
    st.sampled_from([0.3, 1.0, 50.0]),
)
def test_bars_hold_every_beat_and_all_lies_within_the_chart(text: str, rr_s: float) -> None:
    chart = overview(beats_of(text, rr_s), Moments(None, len(text) * rr_s))
    for row in chart.rows:
        counts = [int(bar.text.split(": ")[-1].split()[0].replace(",", "")) for bar in row.bars]
        assert sum(counts) == text.count(row.name)
        assert len(counts) <= MOST_BINS
        assert all(bar.y >= row.top and bar.y + bar.height <= row.bottom + 0.1 for bar in row.bars)
        assert all(bar.x >= 0 and bar.x + bar.width <= 100.001 for bar in row.bars)
    assert all(TOP <= dot.y <= TOP + RATE_HIGH for dot in chart.dots)
    assert all(0 <= tick.at <= 100 for tick in chart.times)
    assert chart.height == chart.rows[-1].bottom + 22


def test_very_many_unusable_stretches_are_joined() -> None:
    starts = np.arange(5_000.0) * 17
    stretches = np.stack([starts, starts + 5], 1)
    beats = Beats(*(np.zeros(0), np.zeros(0, np.int64), np.zeros(0), np.zeros(0), stretches))
    shades = overview(beats, Moments(None, 86_400.0)).shades
    assert len(shades) < UNUSABLE_SHADES
    assert shades[0].x == 0
    assert shades[-1].x + shades[-1].width == pytest.approx(
        100 * (starts[-1] + 5) / 86_400, abs=0.2
    )


@pytest.mark.parametrize("text", ["", "N", "NVSFQ", "N" * 900])
def test_the_drawing_is_well_formed(text: str) -> None:
    chart = overview(beats_of(text, 1.0), Moments(None, len(text) + 1.0))
    reader = Reader(rendered("overview.j2", "overview", chart))
    assert reader.wrong == []
    assert not {"style", "onload"} & {name for _, of_tag in reader.tags for name in of_tag}

"""Strips: which samples and annotations of a recording they hold, and that no others are read."""

from collections.abc import Sequence

import numpy as np
import pytest

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import FileAnnotations, Lead, Recording
from ecg_lightning.records.strips import strip_of

# Name, unit, rate and seconds of each lead.
LEADS = (
    Lead("MLII", "mV", 360.0, 3600),
    Lead("V1", "mV", 360.0, 3600),
    Lead("ABP", "mmHg", 62.5, 610),
    Lead("short", "", 360.0, 360),
)
Read = tuple[int, int, tuple[int, ...]]


class Counted:
    """Samples whose values tell their place; notes what is read."""

    def __init__(self) -> None:
        self.reads: list[Read] = []

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        self.reads.append((start, stop, tuple(leads)))
        return np.stack([np.arange(start, stop) + 0.1 * lead for lead in leads])


def _recording(source: Counted) -> Recording:
    samples = np.array([359, 360, 755, 756, 1079, 1080])
    marks = FileAnnotations(samples, np.array(list("NV+NNN")), ("",) * 6)
    return Recording("x1", "array", LEADS, 0, source, find_annotations=lambda: marks)


class TestWhatIsRead:
    def test_nothing_but_the_strip(self) -> None:
        """From 1 s on are the samples 360 and later; 2.1 * 360 is a little more than 756."""
        source = Counted()
        strip = strip_of(_recording(source), 1.0, 1.1)
        assert source.reads == [(360, 756, (0,))]
        (trace,) = strip.traces
        assert (trace.lead, trace.unit, trace.fs_hz, trace.first) == ("MLII", "mV", 360.0, 360)
        np.testing.assert_array_equal(trace.signal, np.arange(360, 756))
        assert (strip.name, strip.limits_s) == ("x1", (1.0, 2.1))
        assert strip.annotation_times_s.tolist() == [1.0, 755 / 360]
        assert strip.annotation_symbols.tolist() == ["V", "+"]

    def test_leads_at_their_own_rates_in_the_order_asked_for(self) -> None:
        source = Counted()
        strip = strip_of(_recording(source), 2.0, 1.0, [2, 1, 0])
        assert sorted(source.reads) == [(125, 188, (2,)), (720, 1080, (1, 0))]
        assert [(trace.lead, trace.first, len(trace.signal)) for trace in strip.traces] == [
            ("ABP", 125, 63),
            ("V1", 720, 360),
            ("MLII", 720, 360),
        ]
        assert [trace.signal[0] for trace in strip.traces] == [125.2, 720.1, 720.0]

    def test_annotations_count_at_the_rate_of_the_used_lead(self) -> None:
        strip = strip_of(_recording(Counted()), 2.0, 1.0, [2])
        assert strip.annotation_times_s.tolist() == [755 / 360, 756 / 360, 1079 / 360]

    def test_a_lead_that_ends_before_the_strip_is_empty(self) -> None:
        strip = strip_of(_recording(Counted()), 2.0, 1.0, [0, 3])
        assert [len(trace.signal) for trace in strip.traces] == [360, 0]

    def test_it_ends_with_the_recording(self) -> None:
        source = Counted()
        assert strip_of(_recording(source), 8.0, 10.0).limits_s == (8.0, 10.0)
        assert source.reads == [(2880, 3600, (0,))]


@pytest.mark.parametrize(
    ("start_s", "duration_s"),
    [
        (10.0, 1.0),
        (9.01, 1.0),
        (-1.0, 5.0),
        (0.0, 0.0),
        (0.0, 0.99),
        (0.0, 20.1),
        (float("nan"), 1.0),
        (0.0, float("inf")),
    ],
)
def test_outside_the_recording_it_is_refused_in_one_line(start_s: float, duration_s: float) -> None:
    source = Counted()
    with pytest.raises(InputError) as caught:
        strip_of(_recording(source), start_s, duration_s)
    assert str(caught.value) == (
        "strip of record x1: expected a start from 0 to 9.0 s and a length from 1 to 20 s, "
        f"found start {start_s:g} s and length {duration_s:g} s; "
        "choose a strip inside the record's 10.0 s"
    )
    assert source.reads == []


def test_a_recording_shorter_than_a_second_says_so() -> None:
    with pytest.raises(InputError) as caught:
        strip_of(Recording("x1", "array", (Lead("I", "mV", 100.0, 7),), 0, Counted()), 0.0, 1.0)
    assert str(caught.value) == (
        "strip of record x1: expected a recording of 1 s or more, found 0.07 s; "
        "choose another recording"
    )

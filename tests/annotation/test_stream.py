"""A stream gives what `annotate(causal=True)` gives, bit for bit, whatever its chunks."""

from collections.abc import Iterable
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.annotation.found_beats import FoundBeats
from ecg_lightning.annotation.stream import BeatStream
from ecg_lightning.arrays import AnyFloats, Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.notes import RecordWarning
from tests.helpers.heartbeats import heartbeats, small_detector, small_network


@pytest.fixture(scope="module")
def shipped() -> Annotator:
    return Annotator.from_pretrained()


@pytest.fixture(scope="module")
def small() -> Annotator:
    """Random weights with a low threshold: beats everywhere, also at the ends."""
    return Annotator(small_network(), (small_detector(0), small_detector(1)))


def chunks_of(leads: AnyFloats, sizes: Iterable[int]) -> Iterable[AnyFloats]:
    """Pieces of these sizes, repeated as often as needed."""
    start, sizes = 0, list(sizes)
    while start < leads.shape[1]:
        for size in sizes:
            yield leads[:, start : start + size]
            start += size


def streamed(stream: BeatStream, chunks: Iterable[AnyFloats]) -> FoundBeats:
    return FoundBeats.concatenate([*(stream.push(chunk) for chunk in chunks), stream.finish()])


def assert_equal(result: FoundBeats, expected: FoundBeats) -> None:
    for one in fields(FoundBeats):
        assert_array_equal(getattr(result, one.name), getattr(expected, one.name), err_msg=one.name)


def with_gaps(leads: Floats, fs_hz: float) -> Floats:
    """Leads that are invalid together for 3 s and for some samples, and of which one is dead."""
    leads = leads.copy()
    leads[:, round(9 * fs_hz) : round(12 * fs_hz)] = np.nan
    leads[0, round(16 * fs_hz) : round(22 * fs_hz)] = 0.25
    leads[:, round(25 * fs_hz) : round(25.1 * fs_hz)] = np.nan
    return leads


def test_a_stream_in_another_unit_has_a_note_and_a_warning(shipped: Annotator) -> None:
    leads = np.repeat(heartbeats(40.0)[0][:1], 2, axis=0)
    for factor, expected in ((1.0, []), (0.001, ["stays within 0.02 mV"]), (1000, ["has beats"])):
        stream = shipped.stream(360.0, 2)
        stream.push(factor * leads[:, :3600])
        assert list(stream.notes) == []  # 10 s may be quiet
        stream.push(factor * leads[:, 3600:])
        assert len(stream.notes) == 2 * len(expected)
        for text in expected:
            assert stream.notes[0].startswith(f"lead 0 {text}")
            with pytest.warns(RecordWarning, match=f"stream: lead 1 {text}.*check its unit"):
                stream.finish()
        if not expected:
            stream.finish()


@pytest.mark.parametrize("fs_hz", [128.0, 250.0, 360.0, 500.0, 1000.0])
def test_chunks_of_any_size_give_the_same(shipped: Annotator, fs_hz: float) -> None:
    leads = with_gaps(heartbeats(33.3, fs_hz, n_leads=2)[0], fs_hz)
    expected = shipped.annotate(leads, fs_hz, causal=True)
    assert len(expected) > 20
    assert len(expected.beats.unusable) == 1
    for sizes in ([round(0.1 * fs_hz)], [round(10 * fs_hz)], [7, 1, 0, 999]):
        stream = shipped.stream(fs_hz, leads=2)
        assert_equal(streamed(stream, chunks_of(leads, sizes)), expected.beats)


def test_one_sample_at_a_time_gives_the_same(shipped: Annotator) -> None:
    lead, times = heartbeats(9.0, 250.0)
    expected = shipped.annotate(lead, 250.0, causal=True).beats
    assert len(expected) == len(times) > 9
    stream = shipped.stream(250.0)
    assert_equal(streamed(stream, (sample for sample in lead.T)), expected)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    fs_hz=st.sampled_from([90.0, 120.0, 128.0, 181.3]),
    seconds=st.floats(0.8, 12.0),
    n_leads=st.integers(1, 2),
    sizes=st.lists(st.integers(0, 700), min_size=1, max_size=5).filter(any),
    gap_s=st.tuples(st.floats(0, 10), st.floats(0, 3)),
)
def test_random_splits_give_the_same(
    small: Annotator,
    seed: int,
    fs_hz: float,
    seconds: float,
    n_leads: int,
    sizes: list[int],
    gap_s: tuple[float, float],
) -> None:
    leads = heartbeats(seconds, fs_hz, n_leads, seed)[0].astype(np.float32)
    leads[0, round(gap_s[0] * fs_hz) : round(sum(gap_s) * fs_hz)] = np.nan
    expected = small.annotate(leads, fs_hz, causal=True).beats
    assert_equal(streamed(small.stream(fs_hz, n_leads), chunks_of(leads, sizes)), expected)


def test_the_small_network_finds_beats_near_both_ends(small: Annotator) -> None:
    beats = small.annotate(heartbeats(12.0)[0], 360.0, causal=True).beats
    assert len(beats) > 5
    assert len(np.unique(beats.labels)) > 1


@pytest.mark.parametrize("n_leads", [62, 63, 64, 65, 130])
def test_beats_are_found_in_many_leads(shipped: Annotator, n_leads: int) -> None:
    lead, times = heartbeats(12.0, 250.0)
    leads = np.repeat(lead, n_leads, axis=0)
    leads[1:, 1000:1500] = np.nan
    leads[0, 2000:2500] = np.nan
    beats = streamed(shipped.stream(250.0, n_leads), [leads])
    assert len(beats) == len(times)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_neither_threads_nor_the_block_of_a_reader_matter(shipped: Annotator, threads: int) -> None:
    leads = heartbeats(40.0, n_leads=2, seed=3)[0]
    expected = {causal: shipped.annotate(leads, 360.0, causal=causal) for causal in (False, True)}
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for causal, annotations in expected.items():
            result = shipped.annotate(leads, 360.0, causal=causal)
            assert_equal(result.beats, annotations.beats)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("fs_hz", [128.0, 360.0, 1000.0])
def test_each_beat_comes_within_the_delay(shipped: Annotator, fs_hz: float) -> None:
    leads, times = heartbeats(60.0, fs_hz, seed=5)
    stream, step, delays = shipped.stream(fs_hz), round(0.02 * fs_hz), []
    for end in range(step, leads.shape[1] + 1, step):
        for sample in stream.push(leads[:, end - step : end]).samples.tolist():
            delays.append((end - sample) / fs_hz)
    assert len(delays) > len(times) - 8
    assert max(delays) <= stream.delay_s + 0.02 <= 5.0
    assert max(delays) > stream.delay_s - 0.7  # the bound is no loose one


def test_a_beat_does_not_depend_on_what_comes_after_the_delay(shipped: Annotator) -> None:
    leads, _ = heartbeats(40.0, seed=6)
    other, end = leads.copy(), 25 * 360
    other[:, end:] = np.random.default_rng(0).standard_normal(other[:, end:].shape)
    one, two = (shipped.annotate(x, 360.0, causal=True).beats for x in (leads, other))
    known = end - round(shipped.stream(360.0).delay_s * 360)
    count = int(np.searchsorted(one.samples, known))
    assert count > 20
    assert_array_equal(one.samples[:count], two.samples[:count])
    assert_array_equal(one.probabilities[:count], two.probabilities[:count])


def test_a_window_of_10_s_makes_the_delay_longer() -> None:
    network = small_network(samples=3600, fs_hz=360.0)
    stream = Annotator(network, (small_detector(),)).stream(360.0)
    assert 5.9 < stream.delay_s < 6.2
    leads = heartbeats(60.0)[0]
    annotations = Annotator(network, (small_detector(),)).annotate(leads, 360.0, causal=True)
    assert any("what comes after it" in note.text for note in annotations.notes)
    assert_equal(streamed(stream, chunks_of(leads, [777])), annotations.beats)


def test_memory_does_not_grow(small: Annotator) -> None:
    stream, most = small.stream(360.0), 0
    for _ in range(60):
        stream.push(np.zeros(3600))
        buffer = stream._engine._buffer
        most = max(most, buffer.stop - buffer.start)
    assert most < 20 * 360


def test_an_empty_stream_and_one_without_a_signal(small: Annotator) -> None:
    assert len(small.stream(360.0).finish()) == 0
    stream = small.stream(360.0, leads=2)
    parts = [stream.push(np.full((2, 5000), np.nan)), stream.finish()]
    assert sum(map(len, parts)) == 0
    assert FoundBeats.concatenate(parts).unusable.tolist() == [[0, 5000]]


def test_a_masked_sample_is_invalid(small: Annotator) -> None:
    lead = heartbeats(10.0)[0]
    mask = np.zeros(lead.shape, np.bool_)
    mask[:, 1000:2000] = True
    masked = np.ma.MaskedArray(lead, mask)
    expected = streamed(small.stream(360.0), [np.where(mask, np.nan, lead)])
    assert_equal(streamed(small.stream(360.0), [masked]), expected)
    assert expected.unusable.tolist() == [[1000, 2000]]


@pytest.mark.parametrize(
    ("chunk", "found"),
    [
        (np.zeros((3, 10)), "one of shape (3, 10)"),
        (np.zeros(10), "one of shape (10,)"),
        (np.zeros((2, 5, 1)), "one of shape (2, 5, 1)"),
        (np.array([["a"], ["b"]]), "values of the type <U1"),
        (np.full((2, 3), 1e300), "1e+300"),
        ([[1.0], [1.0, 2.0]], "list"),
    ],
)
def test_other_chunks_are_refused(small: Annotator, chunk: AnyFloats, found: str) -> None:
    stream = small.stream(360.0, leads=2)
    with pytest.raises(InputError) as info:
        stream.push(chunk)
    assert info.value.found == found
    stream.push(np.zeros((2, 10)))  # the stream works as before


def test_a_finished_stream_takes_nothing_more(small: Annotator) -> None:
    stream = small.stream(360.0)
    stream.finish()
    with pytest.raises(InputError, match="a stream that is not finished"):
        stream.push(np.zeros(10))
    with pytest.raises(InputError, match="a stream that is not finished"):
        stream.finish()


@pytest.mark.parametrize("fs_hz", [0.0, -1.0, 49.9, np.nan, 100_001.0, 2e6])
def test_other_rates_are_refused(small: Annotator, fs_hz: float) -> None:
    with pytest.raises(InputError):
        small.stream(fs_hz)


def test_no_lead_is_refused(small: Annotator) -> None:
    with pytest.raises(InputError, match="one lead or more"):
        small.stream(360.0, leads=0)
    with pytest.raises(InputError, match="one lead or more, found 1"):
        small.stream(360.0, leads=1.5)  # type: ignore[arg-type]


def test_a_detector_without_probabilities_is_refused() -> None:
    detector = small_detector()
    with torch.no_grad():
        next(detector.parameters()).fill_(torch.nan)
    annotator = Annotator(small_network(), [detector])
    with pytest.raises(InputError, match="probabilities of beats, found some that are not finite"):
        annotator.annotate(heartbeats(5.0)[0], 360.0)

"""Beats in the context of their patient: in stretches, as they come, and against the whole."""

import re
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.annotation.classifying.context_classification import OfPast, OfStretches
from ecg_lightning.annotation.classifying.context_network import ContextNetwork
from ecg_lightning.annotation.engine import Batch
from ecg_lightning.annotation.found_beats import UNCLASSIFIABLE, FoundBeats
from ecg_lightning.arrays import Floats, Floats32
from ecg_lightning.classes import CLASS_MAPS
from ecg_lightning.data.context_windows import context_windows
from ecg_lightning.errors import InputError
from ecg_lightning.models.detector_weights import load_detector
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.wfdb.reader import read_record
from ecg_lightning.signals import context as context_module
from ecg_lightning.signals.context import CausalContext, context_rows
from tests.annotation.test_context_windows import whole
from tests.helpers.context_weights import context_network
from tests.helpers.heartbeats import heartbeats, small_detector
from tests.helpers.own_shares import with_own_shares
from tests.helpers.records import ecg_like, write_record

FS_HZ = 100.0


@pytest.fixture(scope="module")
def annotator() -> Annotator:
    """Random weights for the classes, and the shipped detector."""
    detector = load_detector("BeatDetector")
    return Annotator(context_network(), [detector], "", context_network(causal=True))


@pytest.fixture(scope="module")
def small() -> Annotator:
    """Random weights with a low threshold: beats everywhere, also at the ends."""
    return Annotator(context_network(), [small_detector()], "", context_network(causal=True))


def batch_of(windows: Floats32, samples: Iterable[int], quality: float = 1.0) -> Batch:
    samples = np.array(list(samples), np.int64)
    shares = np.full(len(samples), quality, np.float32)
    return Batch(samples, shares, windows, shares, np.zeros((0, 2), np.int64))


def made_beats(count: int, seed: int = 0) -> tuple[Floats32, Floats]:
    """Windows of beats of two shapes, and their positions at FS_HZ."""
    random = np.random.default_rng(seed)
    shapes = np.stack([np.exp(-(((np.arange(140) - 60) / w) ** 2)) for w in (4, 9)])
    windows = shapes[random.integers(0, 2, count), None] * np.array([1.0, -0.4])[:, None]
    windows += 0.03 * random.standard_normal(windows.shape)
    return windows.astype(np.float32), np.cumsum(random.integers(50, 120, count))


def pushed(work: OfStretches | OfPast, windows: Floats32, samples: Floats, step: int) -> FoundBeats:
    starts = range(0, len(samples), step)
    parts = [
        work.push(batch_of(windows[start : start + step], samples[start : start + step]))
        for start in starts
    ]
    return FoundBeats.concatenate([*parts, work.finish()])


def classified_at_once(
    network: ContextNetwork, windows: Floats32, samples: Floats, fs_hz: float = FS_HZ
) -> Floats32:
    """The probabilities with all stretches cut at once."""
    times = samples / fs_hz
    starts = context_module.stretches(times)[1:]
    pieces = zip(np.split(windows.astype(np.float64), starts), np.split(times, starts), strict=True)
    parts = [network.probabilities(context_rows(*piece)) for piece in pieces if len(piece[1])]
    return np.concatenate(parts)


@pytest.mark.parametrize("stretch_s", [20.0, 37.0, 1800.0])
@pytest.mark.parametrize("step", [1, 7, 400])
def test_stretches_are_those_of_the_whole_recording(
    monkeypatch: pytest.MonkeyPatch, stretch_s: float, step: int
) -> None:
    for module in ("signals.context", "annotation.classifying.context_classification"):
        monkeypatch.setattr(f"ecg_lightning.{module}.STRETCH_S", stretch_s)
    windows, samples = made_beats(250)
    samples[200:] += 6000  # a minute without beats
    network = context_network()
    result = pushed(OfStretches(network, FS_HZ), windows, samples, step)
    assert_array_equal(result.samples, samples)
    expected = classified_at_once(network, windows, samples)
    assert_allclose(result.probabilities, expected, rtol=0, atol=1e-6)
    assert len(np.unique(result.labels)) > 1


def test_at_most_one_and_a_half_stretches_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("signals.context", "annotation.classifying.context_classification"):
        monkeypatch.setattr(f"ecg_lightning.{module}.STRETCH_S", 20.0)
    windows, samples = made_beats(250)
    work, waiting = OfStretches(context_network(), FS_HZ), 0
    for window, sample in zip(windows, samples, strict=True):
        waiting += 1 - len(work.push(batch_of(window[None], [sample])))
        assert waiting <= 30.0 / 0.5 + 2
    assert waiting < 60 < 250


@pytest.mark.parametrize("step", [1, 4, 250])
def test_the_past_is_all_that_a_causal_network_needs(step: int) -> None:
    windows, samples = made_beats(250)
    network = context_network(causal=True)
    result = pushed(OfPast(network, FS_HZ), windows, samples, step)
    rows = CausalContext().push(windows, samples / FS_HZ)
    assert_allclose(result.probabilities, network.probabilities(rows), rtol=0, atol=1e-5)


def test_a_causal_result_does_not_depend_on_later_beats() -> None:
    windows, samples = made_beats(120)
    network, other = context_network(causal=True), windows.copy()
    other[60:] = np.random.default_rng(1).standard_normal(other[60:].shape)
    one, two = (pushed(OfPast(network, FS_HZ), x, samples, 3) for x in (windows, other))
    assert_array_equal(one.probabilities[:60], two.probabilities[:60])
    assert np.abs(one.probabilities[60:] - two.probabilities[60:]).max() > 0.01


@pytest.mark.parametrize("causal", [False, True])
def test_beats_without_a_signal_are_q_and_keep_their_place(causal: bool) -> None:
    windows, samples = made_beats(60)
    windows[20, 0] = 0.0
    network = context_network(causal)
    work = OfPast(network, FS_HZ) if causal else OfStretches(network, FS_HZ)
    quality = np.ones(60, np.float32)
    quality[30] = 0.49
    batch = replace(batch_of(windows, samples.tolist()), quality=quality)
    result = FoundBeats.concatenate([work.push(batch), work.finish()])
    assert_array_equal(result.probabilities[[20, 30]], [UNCLASSIFIABLE] * 2)
    assert (result.probabilities.max(1) == 1).sum() == 2
    times = samples / FS_HZ
    rows = CausalContext().push(windows, times) if causal else context_rows(windows, times)
    kept = np.delete(np.arange(60), [20, 30])
    expected = network.probabilities(rows)[kept]
    assert_allclose(result.probabilities[kept], expected, rtol=0, atol=1e-5)


def test_the_temperature_divides_logits() -> None:
    windows, samples = made_beats(40)
    networks = [context_network(temperature=temperature) for temperature in (1, 2.5)]
    sharp, soft = (classified_at_once(one, windows, samples).astype(float) for one in networks)
    expected = sharp ** (1 / 2.5)
    assert_allclose(soft, expected / expected.sum(1, keepdims=True), atol=1e-5)


def test_shares_are_estimated_again_where_the_weights_say_so() -> None:
    windows, samples = made_beats(100)
    settings = {"prior": [0.8, 0.1, 0.08, 0.01, 0.01], "strength": 10.0}
    plain, network = context_network(), context_network(prior_shift=settings)
    assert network.prior_shift is not None
    without, result = (
        pushed(OfStretches(one, FS_HZ), windows, samples, 9).probabilities
        for one in (plain, network)
    )
    assert_allclose(result, with_own_shares(without, network.prior_shift), atol=1e-5)
    assert np.abs(result - without).max() > 0.001
    assert context_network(causal=True, prior_shift=settings).prior_shift is None


def test_a_user_can_keep_the_shares_of_the_training(annotator: Annotator) -> None:
    leads, _ = heartbeats(60.0, n_leads=2, seed=3)
    settings = {"prior": [0.8, 0.1, 0.08, 0.01, 0.01], "strength": 10.0}
    shifting = Annotator(context_network(prior_shift=settings), annotator.detectors)
    own = shifting.annotate(leads, 360.0)
    kept = shifting.annotate(leads, 360.0, own_shares=False)
    assert_array_equal(kept.probabilities, annotator.annotate(leads, 360.0).probabilities)
    assert np.abs(own.probabilities - kept.probabilities).max() > 0.001
    notes = ["".join(note.text for note in result.notes) for result in (own, kept)]
    assert ["S is frequent: the shares" in text for text in notes] == [True, False]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("fs_hz", "n_leads"), [(128.0, 2), (250.0, 2), (360.0, 1)])
def test_found_beats_are_classified_as_with_the_whole_leads(
    annotator: Annotator, fs_hz: float, n_leads: int, causal: bool
) -> None:
    leads, times = heartbeats(60.0, fs_hz, n_leads, seed=3)
    margin = round(0.1 * fs_hz)
    leads[:, :margin] = leads[:, -margin:] = 0.0
    result = annotator.annotate(leads, fs_hz, causal=causal)
    assert len(result) == len(times)
    assert result.model == "random"
    windows = np.zeros((len(result), 2, 140))
    windows[:, :n_leads] = whole(leads.astype(np.float32), fs_hz, result.samples)
    at = result.samples / fs_hz
    rows = CausalContext().push(windows, at) if causal else context_rows(windows, at)
    expected = annotator.classifier(causal).probabilities(rows)
    assert_allclose(result.probabilities, expected, rtol=0, atol=2e-4)
    assert (result.probabilities.max(1) < 1).all()


def test_the_second_lead_is_seen(annotator: Annotator) -> None:
    leads, _ = heartbeats(60.0, n_leads=2, seed=4)
    both, alone = annotator.annotate(leads, 360.0), annotator.annotate(leads, 360.0, lead=0)
    assert_array_equal(both.samples, alone.samples)
    assert np.abs(both.probabilities - alone.probabilities).max() > 0.01
    assert "second lead" not in " ".join(note.text for note in both.notes)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("fs_hz", [128.0, 250.0, 360.0])
@pytest.mark.parametrize("level", [np.nan, 0.0, -0.3, 12.34])
def test_a_second_lead_without_a_signal_counts_as_missing(
    annotator: Annotator, level: float, fs_hz: float, causal: bool
) -> None:
    """An electrode that is off rests at any level."""
    leads, _ = heartbeats(60.0, fs_hz, n_leads=2, seed=4)
    alone = annotator.annotate(leads[:1], fs_hz, causal=causal)
    leads[1] = level
    result = annotator.annotate(leads, fs_hz, causal=causal)
    assert_array_equal(result.samples, alone.samples)
    assert_allclose(result.probabilities, alone.probabilities, atol=1e-5)
    assert any("one lead is classified" in note.text for note in result.notes)


def test_a_second_lead_that_is_off_for_a_while_is_noted(annotator: Annotator) -> None:
    leads, _ = heartbeats(60.0, n_leads=2, seed=4)
    leads[1, 360 * 20 : 360 * 40] = -0.3
    texts = [note.text for note in annotator.annotate(leads, 360.0).notes]
    noted = [text for text in texts if "beats have no signal in the second lead" in text]
    assert len(noted) == 1
    assert noted[0].endswith("S most of all, and paced beats can be called N")
    assert not any("one lead is classified" in text for text in texts)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("level", [np.nan, 0.0])
def test_a_lead_that_is_off_for_most_of_the_time_is_used_in_the_rest(
    annotator: Annotator, level: float, causal: bool
) -> None:
    leads, times = heartbeats(100.0, n_leads=2, seed=4)
    leads[0, : 360 * 75] = level
    result = annotator.annotate(leads, 360.0, causal=causal)
    after = result.samples > 360 * 76
    assert after.sum() == (times > 76).sum()
    assert (result.probabilities[after].max(1) < 1).all()  # no Q for want of a signal
    assert (result.classes[result.samples < 360 * 74] == "Q").all()


@pytest.fixture(scope="module")
def shipped() -> Annotator:
    """The default weights."""
    return Annotator.from_pretrained()


@pytest.fixture(scope="module", params=[False, True], ids=["offline", "causal"])
def of_119(
    request: pytest.FixtureRequest, mitdb: Path, shipped: Annotator
) -> tuple[Floats, Annotations, bool]:
    """Five minutes of a record, their annotations, and whether these are causal."""
    leads = np.array(read_recording(mitdb / "119").read(0, 360 * 300, [0, 1]), np.float64)
    return leads, shipped.annotate(leads, 360.0, causal=request.param), request.param


@pytest.mark.parametrize("lead", [0, 1])
@pytest.mark.parametrize("off", [0.45, 0.8])
def test_classes_of_a_real_record_come_back_with_the_electrode(
    shipped: Annotator, of_119: tuple[Floats, Annotations, bool], off: float, lead: int
) -> None:
    """Before, every beat of these five minutes was Q, or the second lead was not used at all."""
    leads, whole_result, causal = of_119[0].copy(), *of_119[1:]
    start = round(off * leads.shape[1])
    leads[lead, :start] = np.nan
    result = shipped.annotate(leads, 360.0, causal=causal)
    one, other = (each.samples > start + 360 for each in (result, whole_result))
    assert one.sum() > 60
    assert_array_equal(result.samples[one], whole_result.samples[other])
    assert_array_equal(result.classes[one], whole_result.classes[other])
    missing = int((result.samples < start - 360).sum())
    text = " ".join(note.text for note in result.notes)
    counted = int(re.search(r"(\d+)(?: of \d+)? beats (?:without a|have no) signal", text)[1])  # type: ignore[index]
    assert missing <= counted <= missing + 3


@pytest.mark.parametrize("causal", [False, True])
def test_stated_beats_are_classified_in_both_leads(
    annotator: Annotator, mitdb: Path, causal: bool, tmp_path: Path
) -> None:
    """The beats are those that the data module makes; if causal, of four minutes."""
    folder = mitdb
    if causal:
        whole_record = read_record(folder := mitdb, "208", two_leads=True)
        second, stop = whole_record.second_signal, 360 * 240
        assert second is not None
        inside = whole_record.annotation_samples < stop
        record = replace(
            whole_record,
            signal=whole_record.signal[:stop],
            annotation_samples=whole_record.annotation_samples[inside],
            annotation_symbols=whole_record.annotation_symbols[inside],
        )
        write_record(folder := tmp_path, record, [("V1", second[:stop])])
    result = annotator.annotate(folder / "208", beats="atr", causal=causal)
    assert result.detection_leads == ()
    record = read_record(folder, "208", two_leads=True)
    windows, _ = context_windows(record, CLASS_MAPS["aami"], causal)
    expected = annotator.classifier(causal).probabilities(windows.signals.astype(np.float32))
    kept = (result.probabilities.max(1) < 1).nonzero()[0]
    assert len(kept) > 0.99 * len(expected) > 390
    assert_allclose(result.probabilities[kept], expected[kept], rtol=0, atol=2e-3)
    assert np.abs(result.probabilities[kept] - expected[kept]).mean() < 1e-5


def chunks_of(leads: Floats, sizes: Iterable[int]) -> Iterable[Floats]:
    start, sizes = 0, list(sizes)
    while start < leads.shape[1]:
        for size in sizes:
            yield leads[:, start : start + size]
            start += size


def streamed(annotator: Annotator, leads: Floats, fs_hz: float, sizes: list[int]) -> FoundBeats:
    stream = annotator.stream(fs_hz, len(leads))
    parts = [stream.push(chunk) for chunk in chunks_of(leads, sizes)]
    return FoundBeats.concatenate([*parts, stream.finish()])


def assert_equal(result: FoundBeats, expected: FoundBeats) -> None:
    for one in fields(FoundBeats):
        assert_array_equal(getattr(result, one.name), getattr(expected, one.name), err_msg=one.name)


@pytest.mark.parametrize("fs_hz", [128.0, 250.0, 360.0])
def test_a_stream_gives_the_causal_result(annotator: Annotator, fs_hz: float) -> None:
    leads = heartbeats(40.0, fs_hz, n_leads=2)[0]
    leads[:, round(9 * fs_hz) : round(12 * fs_hz)] = np.nan
    leads[0, round(16 * fs_hz) : round(22 * fs_hz)] = 0.25
    expected = annotator.annotate(leads, fs_hz, causal=True).beats
    assert len(expected) > 30
    assert_array_equal(expected.probabilities.max(1) == 1, expected.labels == 4)
    for sizes in ([round(0.1 * fs_hz)], [round(10 * fs_hz)], [7, 1, 0, 999]):
        assert_equal(streamed(annotator, leads, fs_hz, sizes), expected)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    fs_hz=st.sampled_from([90.0, 128.0, 181.3]),
    seconds=st.floats(1.1, 12.0),
    n_leads=st.integers(1, 3),
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
    leads = heartbeats(seconds, fs_hz, n_leads, seed)[0]
    leads[0, round(gap_s[0] * fs_hz) : round(sum(gap_s) * fs_hz)] = np.nan
    result = streamed(small, leads, fs_hz, sizes)
    # Without a name, further leads count only if all are read.
    expected = small.annotate(leads[:2], fs_hz, causal=True).beats if n_leads < 3 else result
    assert_equal(result, expected)


@pytest.mark.parametrize("fs_hz", [50.0, 128.0, 360.0, 1000.0])
def test_each_beat_comes_within_5_s(annotator: Annotator, fs_hz: float) -> None:
    leads, times = heartbeats(40.0, fs_hz, n_leads=2, seed=5)
    stream, step, delays = annotator.stream(fs_hz, 2), round(0.02 * fs_hz), []
    for end in range(step, leads.shape[1] + 1, step):
        for sample in stream.push(leads[:, end - step : end]).samples.tolist():
            delays.append((end - sample) / fs_hz)
    assert len(delays) > len(times) - 8
    assert max(delays) <= stream.delay_s + 0.02 <= 5.0


def test_a_beat_does_not_depend_on_what_comes_after_the_delay(annotator: Annotator) -> None:
    leads, _ = heartbeats(40.0, n_leads=2, seed=6)
    other, end = leads.copy(), 25 * 360
    other[:, end:] = np.random.default_rng(0).standard_normal(other[:, end:].shape)
    one, two = (annotator.annotate(x, 360.0, causal=True).beats for x in (leads, other))
    known = end - round(annotator.stream(360.0, 2).delay_s * 360)
    count = int(np.searchsorted(one.samples, known))
    assert count > 20
    assert_array_equal(one.probabilities[:count], two.probabilities[:count])


def test_memory_of_a_stream_does_not_grow(small: Annotator) -> None:
    stream, most = small.stream(360.0, 2), 0
    for _ in range(8):
        stream.push(heartbeats(10.0, n_leads=2)[0])
        buffer = stream._engine._buffer
        most = max(most, buffer.stop - buffer.start)
    assert most < 20 * 360


@pytest.mark.parametrize("causal", [False, True])
def test_few_beats_and_causal_results_have_notes(annotator: Annotator, causal: bool) -> None:
    leads = heartbeats(60.0, seed=2)[0]
    texts = [
        [note.text for note in annotator.annotate(x, 360.0, causal=causal).notes]
        for x in (leads, leads[:, :3600])
    ]
    assert [any("usual beat and rhythm come from" in one for one in few) for few in texts] == [
        False,
        True,
    ]
    assert any("are those of the past, so" in text for text in texts[0]) == causal
    assert not any("scales are those" in text for text in texts[0])


def test_a_recording_of_the_length_of_a_beat_and_a_shorter_one(small: Annotator) -> None:
    for causal in (False, True):
        small.annotate(heartbeats(2.0)[0][:, :358], 360.0, causal=causal)
        with pytest.raises(InputError, match="at least a window of the weights, 1 s"):
            small.annotate(heartbeats(2.0)[0][:, :357], 360.0, causal=causal)


def test_a_lead_without_beats(annotator: Annotator) -> None:
    for causal in (False, True):
        result = annotator.annotate(np.full((2, 7200), 0.7), 360.0, causal=causal)
        assert (len(result), result.beats.unusable.tolist()) == (0, [[0, 7200]])


def test_stated_beats_keep_positions_and_symbols(annotator: Annotator, tmp_path: Path) -> None:
    record = ecg_like("r", "NVN/fAQNN")
    write_record(tmp_path, record)
    for causal in (False, True):
        result = annotator.annotate(tmp_path / "r", beats="atr", causal=causal)
        assert_array_equal(result.samples, record.annotation_samples)
        assert "".join(result.beats.symbols) == "NVN/fAQNN"

"""Beats in context, cut from records: by direct sums, with one lead or two, and in stretches."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import firwin, resample_poly

from ecg_lightning.classes import CLASS_MAPS
from ecg_lightning.data.beats import BeatSettings, beats_of_records
from ecg_lightning.data.context_windows import context_windows
from ecg_lightning.records.recording import Record
from ecg_lightning.records.wfdb.reader import read_record
from ecg_lightning.signals.context import CausalContext, context_rows
from tests.helpers.records import bumps, database_of, record_of, write_record

AAMI = CLASS_MAPS["aami"]
SETTINGS = BeatSettings("context", 0, 128.0, 128, "template", "aami")


def two_leads(n_beats: int = 40, fs_hz: float = 360.0, name: str = "r") -> Record:
    """A record whose leads are Gaussian bumps, at times that are no multiples of a sample."""
    random = np.random.default_rng(0)
    times_s = 0.7 + np.cumsum(0.8 + 0.05 * random.standard_normal(n_beats))
    symbols = "".join("NNNVNA~N"[i % 8] for i in range(n_beats))
    marks = [(round(t * fs_hz), s) for t, s in zip(times_s, symbols, strict=True)]
    signal = bumps(times_s.tolist(), times_s[-1] + 1, fs_hz)
    noise = 0.01 * random.standard_normal((2, len(signal)))
    record = record_of(signal + noise[0], marks, fs_hz, name)
    second = -0.4 * bumps(times_s.tolist(), times_s[-1] + 1, fs_hz, 0.04) + noise[1]
    return replace(record, second_signal=second)


def windows_by_hand(record: Record) -> tuple[list[list[np.ndarray]], np.ndarray]:
    """Windows of 140 samples at 128 Hz: resampled, band-passed sum by sum, cut at the R peak."""
    taps = firwin(257, (0.5, 40.0), pass_zero=False, fs=128.0)
    taps -= taps.sum() * np.hamming(257) / np.hamming(257).sum()  # nothing of an offset is left
    beats = AAMI.labels(record.annotation_symbols) >= 0
    times_s = record.annotation_samples[beats] / record.fs_hz
    leads = []
    for signal in (record.signal, record.second_signal):
        assert signal is not None
        up, down = {360.0: (16, 45), 128.0: (1, 1)}[record.fs_hz]
        lead = resample_poly(signal, up, down, padtype="line") if up != down else signal
        padded = np.concatenate([np.full(128, lead[0]), lead, np.full(128, lead[-1])])
        leads.append(np.array([padded[i : i + 257] @ taps[::-1] for i in range(len(lead))]))
    result = []
    for time_s in times_s:
        first = int(np.floor(time_s * 128 + 0.5)) - 54 - 6
        places = np.clip(np.arange(first, first + 140), 0, len(leads[0]) - 1)
        result.append([lead[places] for lead in leads])
    return result, times_s


@pytest.mark.parametrize("fs_hz", [360.0, 128.0])
def test_rows_are_those_of_windows_cut_by_hand(fs_hz: float) -> None:
    record = two_leads(fs_hz=fs_hz)
    windows, times_s = windows_by_hand(record)
    result, stretches = context_windows(record, AAMI)
    assert_allclose(result.signals, context_rows(np.array(windows), times_s), atol=1e-5)
    assert not stretches.any()
    kept = record.annotation_symbols != "~"
    assert_array_equal(result.symbols, record.annotation_symbols[kept])
    assert_array_equal(result.labels, AAMI.labels(result.symbols))
    assert_allclose(result.rr_before_s[1:], np.diff(times_s))


def test_causal_rows_are_those_of_the_whole_record_as_it_came() -> None:
    record = two_leads()
    windows, times_s = windows_by_hand(record)
    result, stretches = context_windows(record, AAMI, causal=True)
    assert_allclose(result.signals, CausalContext().push(np.array(windows), times_s), atol=1e-5)
    shorter = replace(
        record,
        annotation_samples=record.annotation_samples[:20],
        annotation_symbols=record.annotation_symbols[:20],
    )
    before = context_windows(shorter, AAMI, causal=True)[0].signals
    assert_array_equal(result.signals[: len(before)], before)
    assert not stretches.any()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("fs_hz", [128.0, 250.0, 360.0])
@pytest.mark.parametrize("level", [np.nan, 0.0, -0.3, 12.34])
def test_a_lead_without_a_signal_counts_as_missing(
    level: float, fs_hz: float, causal: bool
) -> None:
    """An electrode that is off rests at any level."""
    record = two_leads(fs_hz=fs_hz)
    dead = replace(record, second_signal=np.full(len(record.signal), level))
    alone = context_windows(replace(record, second_signal=None), AAMI, causal)[0].signals
    assert_array_equal(context_windows(dead, AAMI, causal)[0].signals, alone)
    assert not alone[:, [1, 3]].any()
    assert alone[:, [0, 2]].any()


def test_a_lead_that_is_constant_for_a_while_is_missing_there() -> None:
    record = two_leads(n_beats=60)
    assert record.second_signal is not None
    off = record.second_signal.copy()
    begin, end = len(off) // 3, 2 * len(off) // 3
    off[begin:end] = -0.3
    windows = context_windows(replace(record, second_signal=off), AAMI)[0]
    places = windows.samples / 128 * 360
    inside = (places > begin + 360) & (places < end - 360)
    outside = (places < begin - 360) | (places > end + 360)
    assert min(inside.sum(), outside.sum()) > 10
    assert not windows.signals[inside, 1].any()
    assert windows.signals[outside, 1].any(1).all()


def test_invalid_samples_count_as_the_median() -> None:
    record = two_leads()
    holes = np.arange(len(record.signal)) // 100 % 7 == 3
    values = {"signal": record.signal, "second_signal": record.second_signal}
    filled, invalid = dict[str, Any](), dict[str, Any]()
    for name, signal in values.items():
        assert signal is not None
        filled[name] = np.where(holes, np.median(signal[~holes]), signal)
        invalid[name] = np.where(holes, np.nan, signal)
    expected = context_windows(replace(record, **filled), AAMI)[0].signals
    assert_array_equal(context_windows(replace(record, **invalid), AAMI)[0].signals, expected)


def test_a_long_record_is_several_stretches_of_their_own() -> None:
    fs_hz, minutes = 128.0, 80
    positions = np.arange(100, minutes * 60 * 128, 300)
    signal = 0.01 * np.random.default_rng(0).standard_normal(minutes * 60 * 128)
    signal[positions] += 1.0
    record = record_of(signal, [(int(p), "N") for p in positions], fs_hz)
    result, stretches = context_windows(record, AAMI)
    starts = np.searchsorted(positions / fs_hz, [1800.0, 3600.0])
    assert_array_equal(np.flatnonzero(np.diff(stretches)) + 1, starts)
    templates = np.split(result.signals[:, 2], starts)
    for template in templates:
        assert_array_equal(template, np.broadcast_to(template[:1], template.shape))
    assert not np.array_equal(templates[0][0], templates[1][0])
    assert not context_windows(record, AAMI, causal=True)[1].any()


def test_a_record_without_beats_gives_none() -> None:
    result, stretches = context_windows(record_of(np.sin(np.arange(3000)), [(50, "~")]), AAMI)
    assert result.signals.shape == (0, 5, 128)
    assert len(stretches) == 0


def written(folder: Path, name: str = "r", leads: int = 2) -> Record:
    record = two_leads(name=name)
    assert record.second_signal is not None
    others = [("V1", record.second_signal)][: leads - 1]
    write_record(folder, record, others)
    return record


def test_a_record_is_read_with_its_second_lead(tmp_path: Path) -> None:
    record = written(tmp_path)
    alone, both = (read_record(tmp_path, "r", two_leads=two) for two in (False, True))
    assert alone.second_signal is None
    assert both.second_signal is not None
    assert record.second_signal is not None
    assert_allclose(both.second_signal, record.second_signal, atol=1e-3)
    swapped = read_record(tmp_path, "r", lead=1, two_leads=True)
    assert swapped.second_signal is not None
    assert_allclose(swapped.signal, record.second_signal, atol=1e-3)
    assert_allclose(swapped.second_signal, record.signal, atol=1e-3)


def test_a_record_of_one_lead_has_no_second(tmp_path: Path) -> None:
    written(tmp_path, leads=1)
    assert read_record(tmp_path, "r", two_leads=True).second_signal is None


def test_a_table_of_records(tmp_path: Path) -> None:
    database = database_of(tmp_path, *(two_leads(name=name) for name in ("a", "b")))
    for name, leads in (("a", 2), ("b", 1)):
        written(tmp_path, name, leads)
    beats = beats_of_records(database, SETTINGS)
    assert beats.signals.shape == (70, 5, 128)
    assert beats.signals.dtype == np.float32
    assert beats.fs_hz == 128.0
    assert_array_equal(beats.record_ids, np.repeat(["a", "b"], 35))
    for name in ("a", "b"):
        record = read_record(tmp_path, name, two_leads=True)
        rows = beats.record_ids == name
        windows, _ = context_windows(record, AAMI)
        assert_array_equal(beats.signals[rows], windows.signals)
        kept = record.annotation_symbols != "~"
        assert_array_equal(beats.samples[rows], record.annotation_samples[kept])
    assert not beats.signals[beats.record_ids == "b"][:, 1].any()

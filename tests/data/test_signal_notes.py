"""What is noted about odd signals, and which beats are dropped with their quality counted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_lightning.data.beats import Beats, BeatSettings, beats_of_records
from ecg_lightning.data.signal_notes import signal_notes
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import Record
from tests.helpers.records import database_of, ecg_like, record_of

SHORT = "shorter than 5 minutes: scaling by a record's extremes is unreliable"
SEGMENTATIONS = ("peaks", "annotations", "windows")


def noisy(symbols: str = "N" * 12, fs_hz: float = 360.0, name: str = "r") -> Record:
    """Return a record with a bump and noise at each symbol, 0.9 s apart, from 1 s on."""
    record = ecg_like(name, symbols, fs_hz)
    noise = 0.05 * np.random.default_rng(0).standard_normal(len(record.signal))
    return replace(record, signal=record.signal + noise)


def invalid_between(record: Record, start_s: float, end_s: float) -> Record:
    """Return the record with invalid samples in [start_s, end_s)."""
    signal = record.signal.copy()
    signal[round(start_s * record.fs_hz) : round(end_s * record.fs_hz)] = np.nan
    return replace(record, signal=signal)


def table(folder: Path, *records: Record, **settings: Any) -> Beats:
    """Return the beats of records that are written into a folder and read back."""
    if settings.get("segmentation") == "windows":
        settings = {"window_samples": 3600, "normalization": "window", **settings}
    return beats_of_records(database_of(folder, *records), BeatSettings(**settings))


def texts(beats: Beats, topic: str) -> list[str]:
    return [note.text for note in beats.notes if note.topic == topic]


def share_valid(record: Record, position: int, window_samples: int) -> float:
    """The quality of a window, sample by sample; what is outside the record is not valid."""
    start = position - window_samples // 2
    inside = [i for i in range(start, start + window_samples) if 0 <= i < len(record.signal)]
    return sum(bool(np.isfinite(record.signal[i])) for i in inside) / window_samples


@pytest.mark.parametrize("segmentation", ["peaks", "annotations"])
@pytest.mark.parametrize("normalization", ["record", "window", "robust"])
def test_beats_in_a_gap_are_dropped_and_the_others_stay_as_they_are(
    tmp_path: Path, segmentation: str, normalization: str
) -> None:
    """Beats at 4.6, 5.5 and 6.4 s are in the gap. Those next to it lose less than half."""
    record = noisy()
    settings = {"segmentation": segmentation, "normalization": normalization}
    whole = table(tmp_path / "whole", record, **settings)
    gap = invalid_between(record, 4.0, 7.0)
    beats = table(tmp_path / "gap", gap, **settings)

    far = [row for row, sample in enumerate(beats.samples / 360) if not 3.5 < sample < 7.5]
    same = np.isin(whole.samples, beats.samples[far])
    assert len(far) == same.sum() >= 6
    if normalization != "robust":  # its quantiles are those of other samples
        np.testing.assert_array_equal(beats.signals[far], whole.signals[same])
    assert np.all(beats.quality >= 0.5)
    assert not np.any((beats.samples > 4.3 * 360) & (beats.samples < 6.7 * 360))
    expected = [share_valid(gap, sample, 256) for sample in beats.samples.tolist()]
    np.testing.assert_allclose(beats.quality, expected, atol=1e-6)
    assert beats.quality.dtype == np.float32
    if segmentation == "annotations":
        dropped = ["3 beats dropped: more than half of the window is invalid"]
        assert texts(beats, "dropped") == dropped
        np.testing.assert_array_equal(  # of the annotations, with the dropped ones
            beats.rr_before_s, whole.rr_before_s[np.isin(whole.samples, beats.samples)]
        )
    assert "3 s of the signal in 1 stretch are invalid" in texts(beats, "signal")


def test_windows_of_ten_seconds_are_dropped_too(tmp_path: Path) -> None:
    record = invalid_between(noisy("N" * 24), 8.0, 15.0)
    beats = table(tmp_path, record, segmentation="windows")
    expected = [share_valid(record, s, 3600) for s in record.annotation_samples.tolist()]
    kept = np.array(expected) >= 0.5
    assert 0 < kept.sum() < 24
    np.testing.assert_array_equal(beats.samples, record.annotation_samples[kept])
    np.testing.assert_allclose(beats.quality, np.array(expected)[kept], atol=1e-6)
    number = 24 - kept.sum()
    assert texts(beats, "dropped") == [
        f"{number} beats dropped: more than half of the window is invalid"
    ]


@pytest.mark.parametrize("fs_hz", [128.0, 250.0, 1000.0])
def test_quality_and_drops_survive_resampling(tmp_path: Path, fs_hz: float) -> None:
    """The 0.71 s around a beat are the same at every rate, to a sample of each rate."""
    record = invalid_between(noisy(fs_hz=fs_hz), 4.9, 6.2)
    beats = table(tmp_path, record, segmentation="annotations")
    seconds = beats.samples / fs_hz
    assert texts(beats, "dropped") == [
        "1 beat dropped: more than half of the window is invalid"
    ]  # that at 5.5 s
    own_window = round(256 / 360 * fs_hz)
    expected = [share_valid(record, s, own_window) for s in beats.samples.tolist()]
    tolerance = 2 / own_window
    np.testing.assert_allclose(beats.quality, expected, atol=tolerance)
    clean = (seconds > 1) & ((seconds < 4.4) | (seconds > 6.8)) & (seconds < 10)
    assert np.all(beats.quality[clean] == 1)
    assert np.all(beats.quality[(seconds > 4.5) & (seconds < 4.7)] < 0.97)


@pytest.mark.parametrize("fs_hz", [250.0, 360.0])
def test_robust_does_not_count_invalid_samples(tmp_path: Path, fs_hz: float) -> None:
    """Half of the record is invalid; the scale is that of the other half."""
    record = noisy("N" * 20, fs_hz)
    middle_s = len(record.signal) / fs_hz / 2
    half = record_of(
        record.signal[: round(middle_s * fs_hz)],
        [(s, "N") for s in record.annotation_samples.tolist() if s < middle_s * fs_hz],
        fs_hz,
    )
    settings = {"segmentation": "annotations", "normalization": "robust"}
    beats = table(tmp_path / "a", invalid_between(record, middle_s, 99), **settings)
    expected = table(tmp_path / "b", half, **settings)
    rows = slice(1, 8)  # away from the ends
    np.testing.assert_allclose(beats.signals[rows], expected.signals[rows], atol=0.02)


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
@pytest.mark.parametrize("length", [255, 256])
def test_beats_at_both_ends_stay(tmp_path: Path, segmentation: str, length: int) -> None:
    """A window of which padding is half has the quality 0.5."""
    record, last = noisy(), len(noisy().signal) - 1
    ends = replace(
        record,
        annotation_samples=np.array([0, 700, last]),
        annotation_symbols=np.array(["N", "N", "N"]),
    )
    beats = table(tmp_path, ends, segmentation=segmentation, window_samples=length)
    assert texts(beats, "dropped") == []
    if segmentation != "peaks":
        assert beats.samples.tolist() == [0, 700, last]
        inside = [length - length // 2, length, length // 2 + 1]
        np.testing.assert_allclose(beats.quality, np.array(inside) / length, atol=1e-6)


@pytest.mark.parametrize("fs_hz", [100.0, 257.0, 360.0, 1000.0])
@pytest.mark.parametrize("length", [100, 101])
def test_beats_at_both_ends_stay_at_every_rate(tmp_path: Path, fs_hz: float, length: int) -> None:
    samples = round(11.3 * fs_hz)
    signal = np.random.default_rng(0).standard_normal(samples)
    record = record_of(signal, [(0, "N"), (samples - 1, "N")], fs_hz)
    beats = table(tmp_path, record, segmentation="annotations", window_samples=length)
    assert len(beats) == 2


@pytest.mark.parametrize("fs_hz", [250.0, 360.0])
@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
def test_a_record_without_a_valid_sample_is_refused(
    tmp_path: Path, segmentation: str, fs_hz: float
) -> None:
    record = invalid_between(noisy(fs_hz=fs_hz), 0, 99)
    with pytest.raises(InputError) as caught:
        table(tmp_path, record, segmentation=segmentation)
    number = f"{len(record.signal):,}"
    assert str(caught.value) == (
        f"record r: expected a valid sample of the lead MLII, found none in {number} samples; "
        "choose another lead (lead)"
    )


@pytest.mark.parametrize("fs_hz", [250.0, 360.0])
@pytest.mark.parametrize("level", [0.0, 1.7])
@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
def test_no_class_comes_from_a_constant_lead(
    tmp_path: Path, segmentation: str, level: float, fs_hz: float
) -> None:
    record = noisy(fs_hz=fs_hz)
    constant = replace(noisy(fs_hz=fs_hz, name="c"), signal=np.full(len(record.signal), level))
    beats = table(tmp_path / "two", record, constant, segmentation=segmentation)
    assert set(beats.record_ids.tolist()) == {"r"}
    notes = [note.text for note in beats.notes if note.record == "c"]
    assert "the lead MLII is constant" in notes
    assert ("12 beats dropped: the window is constant" in notes) == (segmentation != "peaks")
    with pytest.raises(InputError, match="expected a beat with a signal in its window, found none"):
        table(tmp_path / "one", constant, segmentation=segmentation)


def test_a_lead_that_is_no_voltage_is_named(tmp_path: Path) -> None:
    record = replace(noisy(), lead="ABP", unit="mmHg")
    beats = table(tmp_path, record, normalization="robust")
    assert texts(beats, "signal") == ["the lead ABP is in mmHg, no voltage"]


def test_foreign_words_do_not_reach_the_terminal_as_they_are() -> None:
    record = replace(noisy(), lead="\x1b[31m", unit="a\nb" * 99)
    [note] = signal_notes(record, "robust")
    assert note.text.isprintable()
    assert len(note.text) < 200


@pytest.mark.parametrize(("normalization", "noted"), [("record", True), ("robust", False)])
def test_short_records_are_noted_where_their_extremes_are_the_scale(
    normalization: str, noted: bool
) -> None:
    random = np.random.default_rng(0)
    for seconds, short in ((299.9, True), (300.0, False)):
        record = record_of(random.standard_normal(round(seconds * 10)), fs_hz=10.0)
        found = [note.text for note in signal_notes(record, normalization)]
        assert found == ([SHORT] if short and noted else [])


def test_peaks_far_from_the_annotations_are_noted(tmp_path: Path) -> None:
    """A record that is upside down has its peaks in its T waves or in noise."""
    record = noisy("N" * 40)
    moved = replace(record, annotation_samples=record.annotation_samples - 108, name="moved")
    near = replace(record, annotation_samples=record.annotation_samples - 36, name="near")
    text = (
        "more than half of the peaks are over 150 ms away from every annotated beat; the "
        "segmentation annotations has no such windows"
    )
    peaks = table(tmp_path / "peaks", moved, near, segmentation="peaks")
    assert [note.record for note in peaks.notes if note.text == text] == ["moved"]
    others = table(tmp_path / "annotations", moved, near, segmentation="annotations")
    assert text not in texts(others, "signal")


def test_a_spike_is_noted_where_it_sets_the_scale() -> None:
    record = noisy("N" * 400)
    assert signal_notes(record, "record") == ()
    record.signal[5000] = 9.0
    [note] = signal_notes(record, "record")
    assert note.text == "spikes make the range 4.1 times as wide, and the record is scaled by it"
    assert signal_notes(record, "robust") == signal_notes(record, "window") == ()


def test_clipped_and_flat_parts_are_noted_in_percent() -> None:
    record = noisy("N" * 400)
    seconds = len(record.signal) / 360
    record.signal[: round(0.07 * seconds * 360)] = 9.0
    record.signal[-round(0.03 * seconds * 360) :] = 0.5
    record.signal[40_000:40_003] = 9.0
    found = [note.text for note in signal_notes(record, "robust")]
    assert found == ["7 % of the signal is clipped", "3 % of the signal is flat"]


def test_short_clipping_is_less_than_one_percent() -> None:
    record = noisy("N" * 400)
    record.signal[7000:7010] = 9.0
    assert [note.text for note in signal_notes(record, "robust")] == [
        "less than 1 % of the signal is clipped"
    ]


class TestAnnotationsAtNoBeats:
    WRONG = "only 0 % of the annotated beats lie at a steep part of the signal"

    def moved(self, by_s: float) -> Record:
        record = noisy("N" * 40)
        samples = record.annotation_samples + round(by_s * record.fs_hz)
        return replace(record, annotation_samples=samples)

    @pytest.mark.parametrize("segmentation", ["annotations", "windows"])
    def test_are_noted(self, tmp_path: Path, segmentation: str) -> None:
        beats = table(tmp_path, self.moved(0.45), segmentation=segmentation)
        (text,) = [text for text in texts(beats, "signal") if "steep" in text]
        assert text.startswith(self.WRONG)

    @pytest.mark.parametrize("segmentation", SEGMENTATIONS)
    def test_right_ones_are_not(self, tmp_path: Path, segmentation: str) -> None:
        beats = table(tmp_path, self.moved(0.0), segmentation=segmentation)
        assert not any("steep" in text for text in texts(beats, "signal"))


@pytest.mark.parametrize("segmentation", ["annotations", "windows"])
def test_beats_that_are_annotated_once_for_each_lead_are_noted(
    tmp_path: Path, segmentation: str
) -> None:
    """The second marks lie 8 ms after the first."""
    record = noisy()
    places = np.sort([*record.annotation_samples, *record.annotation_samples + 3])
    symbols = np.repeat(record.annotation_symbols, 2)
    twice = replace(record, annotation_samples=places, annotation_symbols=symbols)
    beats = table(tmp_path / "twice", twice, segmentation=segmentation)
    text = "12 of 24 beats come less than 0.1 s after another one: check that each beat is"
    assert any(one.startswith(text) for one in texts(beats, "signal"))
    once = table(tmp_path / "once", record, segmentation=segmentation)
    assert not any("after another one" in one for one in texts(once, "signal"))


@pytest.mark.parametrize("segmentation", ["annotations", "windows"])
def test_a_beat_that_is_annotated_twice_counts_once(tmp_path: Path, segmentation: str) -> None:
    record = noisy()
    twice = replace(
        record,
        annotation_samples=np.repeat(record.annotation_samples, 2),
        annotation_symbols=np.array(["N", "V"] * 12),
    )
    once = table(tmp_path / "once", record, segmentation=segmentation)
    beats = table(tmp_path / "twice", twice, segmentation=segmentation)
    assert beats.samples.tolist() == once.samples.tolist()
    assert beats.symbols.tolist() == once.symbols.tolist()
    np.testing.assert_array_equal(beats.rr_before_s, once.rr_before_s)
    dropped = "12 beats at the position of another one are dropped"
    assert dropped in texts(beats, "dropped")

"""The beats table: resampling, records, Kaggle's CSVs, and counts on the 48 real records."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.signal import resample_poly

from ecg_lightning.classes import AAMI, ORIGINAL
from ecg_lightning.data.beats import (
    ARRAYS,
    Beats,
    BeatSettings,
    Segmentation,
    beats_of_kaggle,
    beats_of_records,
    concatenate,
    segment,
    tables_of_records,
)
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import Database, open_database
from ecg_lightning.records.wfdb.reader import read_record
from ecg_lightning.signals.resampling import resampled
from ecg_lightning.signals.segmentation import annotation_windows, intervals_s, peak_windows
from tests.helpers.records import (
    beats_of,
    bumps,
    counted,
    database_of,
    ecg_like,
    record_of,
    write_kaggle,
    write_record,
)

CENTRES_S = [0.50, 1.31, 2.12, 2.90, 3.77, 4.55]


def equal(one: Beats, other: Beats) -> bool:
    same = (
        np.array_equal(
            getattr(one, n), getattr(other, n), equal_nan=getattr(one, n).dtype.kind == "f"
        )
        for n in ARRAYS
    )
    return one.fs_hz == other.fs_hz and all(same)


def test_a_record_at_the_wanted_rate_is_not_touched() -> None:
    record = ecg_like()
    assert resampled(record, 360.0) is record


@pytest.mark.parametrize(
    ("fs_hz", "wanted_hz"),
    [(250.0, 360.0), (128.0, 360.0), (360.0, 125.0), (1000.0, 360.0), (257.0, 360.0)],
)
def test_resampling_keeps_r_peaks_and_their_annotations_together(
    fs_hz: float, wanted_hz: float
) -> None:
    signal = bumps(CENTRES_S, 5.0, fs_hz)
    record = record_of(signal, [(round(c * fs_hz), "N") for c in CENTRES_S], fs_hz)
    other = resampled(record, wanted_hz)
    expected = bumps(CENTRES_S, 5.0, wanted_hz)  # the same curve, sampled at the other rate
    assert (other.fs_hz, len(other.signal)) == (wanted_hz, np.ceil(len(signal) * wanted_hz / fs_hz))
    # Bumps 0.02 s wide have almost nothing above half of 125 Hz. The rest is the filter's ripple,
    # measured 0.0048 at most.
    np.testing.assert_allclose(other.signal[: len(expected)], expected, atol=0.01)
    for annotated, centre_s in zip(other.annotation_samples.tolist(), CENTRES_S, strict=True):
        top = annotated - 20 + int(np.argmax(other.signal[annotated - 20 : annotated + 21]))
        assert abs(top - annotated) <= 1
        assert abs(annotated / wanted_hz - centre_s) <= 0.5 / fs_hz + 0.5 / wanted_hz
    assert other.annotation_symbols is record.annotation_symbols


def test_250_to_360_hz_is_the_ratio_36_to_25() -> None:
    random = np.random.default_rng(0).standard_normal(2500)
    other = resampled(record_of(random, [(250, "N"), (2499, "V")], 250.0), 360.0)
    assert_array_equal(other.signal, resample_poly(random, 36, 25, padtype="line"))
    assert other.annotation_samples.tolist() == [360, 3599]


def test_the_last_annotation_stays_inside_the_resampled_record() -> None:
    for length in range(30, 60):
        other = resampled(record_of(np.zeros(length), [(0, "N"), (length - 1, "N")], 360.0), 100.0)
        assert other.annotation_samples.tolist()[0] == 0
        assert other.annotation_samples.tolist()[1] <= len(other.signal) - 1


def test_one_invalid_sample_does_not_spoil_the_resampled_record() -> None:
    signal = bumps(CENTRES_S, 5.0, 250.0)
    signal[700] = np.nan
    exact = bumps(CENTRES_S, 5.0, 360.0)
    other = resampled(record_of(signal, fs_hz=250.0), 360.0).signal
    assert np.abs(other - exact[: len(other)]).max() < 0.02


@pytest.mark.parametrize("offset_mv", [-5.0, 0.0, 3.0])
def test_an_offset_makes_no_step_at_the_ends_or_where_a_sample_is_invalid(offset_mv: float) -> None:
    """Zeros next to a signal at -5 mV would make the filter ring.

    The scaling of the whole record would then find a peak in the ringing.
    """
    time_s = np.arange(2500) / 250.0
    signal = offset_mv + 0.5 * np.sin(2 * np.pi * time_s)
    signal[1500:1503] = np.nan
    other = resampled(record_of(signal, fs_hz=250.0), 360.0).signal
    exact = offset_mv + 0.5 * np.sin(2 * np.pi * np.arange(len(other)) / 360.0)
    assert np.abs(other - exact).max() < 0.05


def test_rr_intervals_are_free_of_the_resampling() -> None:
    """Annotations 200 ms and 203 ms apart differ at 1,000 Hz, but not when rounded to 100 Hz."""
    write = record_of(np.zeros(3000), [(1000, "N"), (1200, "N"), (1403, "N")], 1000.0)
    before_s, after_s = intervals_s(write.annotation_samples, write.fs_hz)
    assert before_s[1:].tolist() == pytest.approx([0.2, 0.203])
    assert after_s[:-1].tolist() == pytest.approx([0.2, 0.203])
    assert np.isnan([before_s[0], after_s[-1]]).all()
    assert [len(part) for part in intervals_s(np.empty(0, np.int64), 360.0)] == [0, 0]


@pytest.mark.parametrize(
    ("segmentation", "cut"),
    [("peaks", peak_windows), ("annotations", annotation_windows), ("windows", annotation_windows)],
)
def test_segment_takes_the_settings(segmentation: Segmentation, cut: Any) -> None:
    settings = BeatSettings(
        segmentation, window_samples=101, normalization="window", classes="aami"
    )
    record = ecg_like(symbols="NnNnN")
    found, expected = segment(record, settings), cut(record, AAMI, 101, "window")
    assert 1 in found.labels
    assert_array_equal(found.signals, expected.signals)
    assert_array_equal(found.labels, expected.labels)


@pytest.mark.parametrize("segmentation", ["peaks", "annotations"])
def test_a_table_lays_its_records_out_in_the_databases_order(
    tmp_path: Path, segmentation: str
) -> None:
    records = [ecg_like("b", "NVNAN"), ecg_like("empty", "++++"), ecg_like("a10", "N/FN")]
    database = database_of(tmp_path, *records)
    settings = BeatSettings(segmentation=segmentation)  # type: ignore[arg-type]
    beats = beats_of_records(database, settings)
    ends = (
        slice(1, -1) if segmentation == "peaks" else slice(None)
    )  # the first and the last peak are dropped
    symbols = [list(r.annotation_symbols[ends]) for r in (records[0], records[2])]
    assert beats.symbols.tolist() == symbols[0] + symbols[1]
    assert beats.record_ids.tolist() == ["b"] * len(symbols[0]) + ["a10"] * len(symbols[1])
    assert beats.patient_ids.tolist() == ["patient-b"] * len(symbols[0]) + ["patient-a10"] * len(
        symbols[1]
    )
    assert beats.samples.tolist() == [
        *records[0].annotation_samples[ends].tolist(),
        *records[2].annotation_samples[ends].tolist(),
    ]
    assert beats.labels.tolist() == [
        "NSVF/".index(s.replace("A", "S")) for s in beats.symbols.tolist()
    ]
    assert beats.signals.shape == (len(beats), 1, 256)
    types = [
        getattr(beats, name).dtype
        for name in ("signals", "labels", "samples", "rr_before_s", "rr_after_s")
    ]
    assert types == ["float32", "int64", "int64", "float32", "float32"]
    assert np.array_equal(
        beats.signals.argmax(2).ravel() + np.maximum(beats.samples - 128, 0), beats.samples
    )
    inner = ~np.isnan(beats.rr_before_s)
    np.testing.assert_allclose(beats.rr_before_s[inner], 0.9, atol=1e-6)


def test_float32_signals_are_the_windows_rounded_once(tmp_path: Path) -> None:
    database = database_of(tmp_path, ecg_like())
    beats = beats_of_records(database, BeatSettings())

    windows = peak_windows(read_record(tmp_path, "r"), ORIGINAL)
    assert_array_equal(beats.signals[:, 0], windows.signals.astype(np.float32))


@pytest.mark.parametrize("fs_hz", [128.0, 250.0])
@pytest.mark.parametrize("segmentation", ["peaks", "annotations"])
def test_positions_count_in_the_records_own_samples(
    tmp_path: Path, fs_hz: float, segmentation: str
) -> None:
    record = ecg_like(symbols="NVNANFN", fs_hz=fs_hz)
    beats = beats_of_records(database_of(tmp_path, record), BeatSettings(segmentation=segmentation))  # type: ignore[arg-type]
    assert beats.fs_hz == 360.0
    ends = slice(1, -1) if segmentation == "peaks" else slice(None)
    assert np.abs(beats.samples - record.annotation_samples[ends]).max() <= (
        1 if segmentation == "peaks" else 0
    )


def test_positions_in_a_record_of_a_higher_rate_are_within_half_a_sample_of_the_beats_rate(
    tmp_path: Path,
) -> None:
    record = ecg_like(symbols="NVNANFN", fs_hz=1000.0)
    beats = beats_of_records(
        database_of(tmp_path, record), BeatSettings(segmentation="annotations")
    )
    assert np.abs(beats.samples - record.annotation_samples).max() <= 0.5 * 1000 / 360 + 0.5


def test_a_lead_by_name_is_the_lead_by_index(tmp_path: Path) -> None:
    record = ecg_like()
    write_record(tmp_path, record, [("V5", -record.signal)])

    database = Database("wfdb", tmp_path, ("r",), {"r": "r"})
    tables = {
        lead: beats_of_records(database, BeatSettings(lead=lead, segmentation="annotations"))
        for lead in (0, 1, "MLII", "V5")
    }
    assert equal(tables[0], tables["MLII"])
    assert equal(tables[1], tables["V5"])
    np.testing.assert_allclose(
        tables["V5"].signals[1], 1 - tables["MLII"].signals[1], atol=1e-6
    )  # upside down
    with pytest.raises(InputError, match=r"expected a lead out of MLII, V5 .*found 'II'"):
        beats_of_records(database, BeatSettings(lead="II"))


def test_annotations_out_of_order_give_beats_in_order(tmp_path: Path) -> None:
    record = ecg_like(symbols="NVN")
    database = database_of(tmp_path, record)
    sorted_beats = beats_of_records(database, BeatSettings(segmentation="annotations"))
    first, second, third = record.annotation_samples.tolist()
    skip = [
        59 << 10,
        0xFFFF,
        0x10000 - (third - second),
    ]  # annot(5): SKIP, then a 32-bit distance, its high word first
    to_third = [59 << 10, 0, third - first]
    (tmp_path / "r.atr").write_bytes(
        struct.pack("<10H", 1 << 10 | first, *to_third, 1 << 10, *skip, 5 << 10, 0)
    )
    assert equal(beats_of_records(database, BeatSettings(segmentation="annotations")), sorted_beats)


def test_records_without_a_beat_are_refused(tmp_path: Path) -> None:
    database = database_of(tmp_path, ecg_like("a", "+~+"), ecg_like("b", "|||"))
    with pytest.raises(InputError) as caught:
        beats_of_records(database, BeatSettings())
    assert str(caught.value) == (
        f"{tmp_path}: expected a beat in the records, found none in 2 records; "
        "check that their annotations (.atr) mark beats (annotator)"
    )


def test_a_window_longer_than_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^record r: expected at least a window, 9999 samples, found \d+ samples"
    ):
        beats_of_records(database_of(tmp_path, ecg_like()), BeatSettings(window_samples=9999))


def test_tables_come_one_a_record_as_its_name_comes_through_the_progress_bar(
    tmp_path: Path,
) -> None:
    database, shown = database_of(tmp_path, ecg_like("a"), ecg_like("longer"), ecg_like("b")), []

    def bar() -> Iterator[str]:
        for name in database.records:
            shown.append(name)
            yield name

    tables = []
    for number, table in enumerate(tables_of_records(database, BeatSettings(), bar())):
        tables.append(table)
        assert shown == ["a", "longer", "b"][: number + 1]
        assert set(table.record_ids.tolist()) == {shown[-1]}
    assert equal(concatenate(tables), beats_of_records(database, BeatSettings()))
    types = {name: {getattr(table, name).dtype for table in tables} for name in ARRAYS}
    assert {name: len(of_name) for name, of_name in types.items()} == dict.fromkeys(
        ARRAYS, 1
    )  # files can grow by them
    assert types["record_ids"] == {np.dtype("<U6")}
    assert types["patient_ids"] == {np.dtype("<U14")}


def test_concatenate_puts_one_table_below_the_other() -> None:
    one, two = beats_of([0, 1, 2], seed=1), beats_of([3, 4], seed=2)
    both = concatenate([one, two])
    assert len(both) == 5
    for name in ARRAYS:
        assert_array_equal(getattr(both, name), [*getattr(one, name), *getattr(two, name)])


def test_class_counts_count_one_by_one() -> None:
    labels = np.random.default_rng(0).integers(0, 4, 100)
    beats, rows = beats_of(labels), np.array([5, 5, 9, 80])
    assert beats.class_counts() == counted(labels)
    assert beats.class_counts()["Q"] == 0
    assert beats.class_counts(rows) == counted(labels[rows])


def test_kaggles_rows_become_beats(tmp_path: Path) -> None:
    labels = {"mitbih_train": [0, 4, 1], "mitbih_test": [3, 2]}
    signals = write_kaggle(tmp_path, labels)
    beats = beats_of_kaggle(tmp_path)
    assert_array_equal(
        beats.signals[:, 0], np.concatenate([signals["mitbih_train"], signals["mitbih_test"]])
    )
    assert beats.labels.tolist() == [0, 4, 1, 3, 2]
    assert beats.symbols.tolist() == ["N", "Q", "S", "F", "V"]
    assert beats.record_ids.tolist() == ["mitbih_train"] * 3 + ["mitbih_test"] * 2
    assert beats.samples.tolist() == [0, 1, 2, 0, 1]
    assert beats.patient_ids.tolist() == [""] * 5
    assert np.isnan(beats.rr_before_s).all()
    assert np.isnan(beats.rr_after_s).all()
    assert (beats.fs_hz, beats.signals.shape) == (125.0, (5, 1, 187))
    assert beats.signals.dtype == np.float32


def test_svdb_gives_all_beats_but_two(svdb: Path, tmp_path: Path) -> None:
    """Of 184,583: one is annotated behind the end of 860, and one of 859 has a constant window."""
    database = open_database("svdb", svdb, tmp_path)
    settings = BeatSettings("annotations", classes="aami")
    beats = beats_of_records(database, settings)
    assert len(beats) == 184_581
    assert beats.class_counts() == {"N": 162_338, "S": 12_198, "V": 9_943, "F": 23, "Q": 79}
    assert [(note.record, note.text) for note in beats.notes if note.topic == "dropped"] == [
        ("859", "1 beat dropped: the window is constant"),
        ("860", "1 annotation outside the signal is dropped"),
    ]
    assert (beats.leads, beats.recorded_fs_hz, beats.fs_hz) == (("ECG1",), (128.0,), 360.0)
    assert set(beats.record_ids.tolist()) == {*database.records}


def test_the_48_records_give_the_originals_windows(mitdb: Path, tmp_path: Path) -> None:
    database = open_database("mitdb", mitdb, tmp_path)
    beats = beats_of_records(database, BeatSettings())
    assert len(beats) == 110_257
    assert beats.class_counts() == {"N": 91_099, "S": 2_672, "V": 7_613, "F": 814, "Q": 8_059}
    assert tuple(dict.fromkeys(beats.record_ids.tolist())) == database.records
    assert set(beats.patient_ids[beats.record_ids == "202"].tolist()) == {"201"}
    assert len(set(beats.patient_ids.tolist())) == 47
    assert (float(beats.signals.min()), float(beats.signals.max())) == (0.0, 1.0)
    assert np.all(beats.rr_before_s >= 150 / 360 - 1e-6)

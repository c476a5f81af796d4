"""Annotations of EDF+ and BDF+, compared with edfio's."""

from dataclasses import replace
from pathlib import Path

import edfio
import numpy as np
import pytest
import wfdb

from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from tests.helpers.edf_files import (
    ANNOTATIONS,
    BDF_ANNOTATIONS,
    PLAIN,
    edf_header,
    stored,
    time_list,
    values_of,
    write_by_edfio,
    write_discontinuous,
    write_edf_records,
)


@pytest.mark.parametrize("is_bdf", [False, True], ids=["EDF", "BDF"])
def test_annotations_are_edfios(tmp_path: Path, is_bdf: bool) -> None:
    texts = ["N", "V", "sleep", "/", "(AFIB", '"', "é", "N", "?", " "]
    marks = [
        edfio.EdfAnnotation(0.6 * i + 0.001, 2.5 if i % 2 else None, text)
        for i, text in enumerate(texts)
    ]
    write_by_edfio(tmp_path / "a.edf", is_bdf=is_bdf, annotations=marks)
    recording = read_recording(tmp_path / "a.edf")
    read = edfio.read_bdf if is_bdf else edfio.read_edf
    said = read(tmp_path / "a.edf").annotations[:-1]  # the last has no text
    annotations = recording.annotations
    assert annotations is not None
    assert recording.format == ("BDF+C" if is_bdf else "EDF+C")
    assert annotations.samples.dtype == np.int64
    assert annotations.samples.tolist() == [round(one.onset * 360) for one in said]
    assert annotations.symbols.tolist() == ["N", "V", '"', "/", '"', '"', '"', "N", "?"]
    assert annotations.texts == ("", "", "sleep", "", "(AFIB", '"', "é", "", "")
    assert annotations.notes == ()


def test_annotations_count_at_the_rate_of_the_lead_that_would_be_used(tmp_path: Path) -> None:
    write_by_edfio(tmp_path / "a.edf", annotations=[edfio.EdfAnnotation(2, None, "N")])
    for lead, position in (("ECG II", 720), ("V1", 500), ("ABP", 64)):
        annotations = read_recording(tmp_path / "a.edf", lead=lead).annotations
        assert annotations is not None
        assert annotations.samples.tolist() == [position]


def test_annotations_in_and_behind_a_gap(tmp_path: Path) -> None:
    marks = {
        0: ["+0.5\x14N", "+3\x14in the gap"],
        1: ["+6.25\x15" + "0.5\x14V\x14S", "+9\x14Q"],
        2: ["-1\x14V"],
    }
    write_discontinuous(tmp_path / "a.edf", ["+0.25", "+5.25", "+6.25"], leads=[PLAIN], marks=marks)
    annotations = read_recording(tmp_path / "a.edf").annotations
    assert annotations is not None
    assert annotations.samples.tolist() == [1, 11, 24, 24]
    assert annotations.symbols.tolist() == ["N", '"', "V", "S"]
    assert annotations.texts == ("", "in the gap", "", "")
    assert annotations.notes == ("2 annotations outside the signal are dropped",)


def test_an_annotation_in_the_last_half_sample_is_at_the_last_sample(tmp_path: Path) -> None:
    marks = [edfio.EdfAnnotation(6.999, None, "V"), edfio.EdfAnnotation(7, None, "N")]
    write_by_edfio(tmp_path / "a.edf", annotations=marks)
    annotations = read_recording(tmp_path / "a.edf", lead="ABP").annotations  # at 32 Hz
    assert annotations is not None
    assert annotations.samples.tolist() == [7 * 32 - 1]
    assert annotations.symbols.tolist() == ["V"]
    assert annotations.notes == ("1 annotation outside the signal is dropped",)


def test_what_edfio_refuses_or_loses_is_read_or_counted(tmp_path: Path) -> None:
    """Texts of several lines, texts in Latin-1, damaged lists, and a record without a list."""
    lists = [
        b"+0\x14\x14\0+0\x14two\nlines\x14\0",
        b"+0.5\x14caf\xe9\x14\0",
        b"noise\x14\0+0.5\x14N\x14\0+0.75\x14cut",
        b"",
    ]
    records = [[stored(range(4)), one.ljust(64, b"\0")] for one in lists]
    path = write_edf_records(
        tmp_path / "a.edf", edf_header([PLAIN, ANNOTATIONS], reserved="EDF+C"), records
    )
    annotations = read_recording(path).annotations
    assert annotations is not None
    assert annotations.texts == ("two\nlines", "café", "")
    assert annotations.symbols.tolist() == ['"', '"', "N"]
    assert annotations.notes == ("2 lists of annotations cannot be read",)


def test_two_annotation_signals_in_a_file_without_a_mark_of_edf_plus(tmp_path: Path) -> None:
    records = [
        [time_list(f"+{i}", f"+{i}.25\x14N"), stored(range(4)), time_list(f"+{i}\x14V")]
        for i in range(2)
    ]
    header = edf_header([ANNOTATIONS, PLAIN, BDF_ANNOTATIONS], reserved="any text")
    recording = read_recording(write_edf_records(tmp_path / "a.edf", header, records))
    assert recording.format == "EDF"
    assert len(recording.leads) == 1
    np.testing.assert_allclose(values_of(recording), [0, 0.001, 0.002, 0.003] * 2, atol=1e-12)
    assert recording.annotations is not None
    assert recording.annotations.samples.tolist() == [0, 1, 4, 5]
    assert recording.annotations.symbols.tolist() == ["V", "N", "V", "N"]


def test_more_annotations_than_beats_can_be_are_refused(tmp_path: Path) -> None:
    marks = replace(ANNOTATIONS, samples=1000)
    records = [[stored(range(4)), (b"+0\x14N\x14\0" * 333).ljust(2000, b"\0")]]
    path = write_edf_records(tmp_path / "a.edf", edf_header([PLAIN, marks]), records)
    recording = read_recording(path)
    with pytest.raises(InputError, match="at most 50 annotations, 50 a second, found more"):
        assert recording.annotations


def test_the_beats_of_a_real_record_are_wfdbs(tmp_path: Path, mitdb: Path) -> None:
    record = wfdb.rdrecord(str(mitdb / "208"), physical=False)
    beats = wfdb.rdann(str(mitdb / "208"), "atr")
    n_samples = 1805 * 360  # whole data records
    kept = beats.sample < n_samples
    lead = edfio.EdfSignal.from_digital(
        record.d_signal[:n_samples, 0].astype(np.int16),
        360,
        label="MLII",
        physical_dimension="mV",
        physical_range=(-5.12, 5.115),  # 200 steps for each mV around 1024
        digital_range=(0, 2047),
    )
    marks = [
        edfio.EdfAnnotation(sample / 360, None, symbol)
        for sample, symbol in zip(beats.sample[kept], np.array(beats.symbol)[kept], strict=True)
    ]
    edfio.Edf([lead], annotations=marks).write(tmp_path / "208.edf")
    recording = read_recording(tmp_path / "208.edf")
    annotations = recording.annotations
    assert annotations is not None
    assert annotations.samples.tolist() == beats.sample[kept].tolist()
    assert annotations.symbols.tolist() == np.array(beats.symbol)[kept].tolist()
    expected = (record.d_signal[:n_samples, 0] - 1024) / 200
    np.testing.assert_allclose(values_of(recording), expected, atol=1e-12)

"""Discontinuous EDF and BDF files: gaps, and impossible times."""

import math
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from tests.helpers.edf_files import (
    PLAIN,
    edf_header,
    stored,
    values_of,
    write_discontinuous,
    write_edf_records,
)

NAN = math.nan


@pytest.mark.parametrize("is_bdf", [False, True], ids=["EDF", "BDF"])
def test_gaps_are_invalid_samples_at_the_rate_of_each_lead(tmp_path: Path, is_bdf: bool) -> None:
    leads = [replace(PLAIN, label="fast", samples=8), replace(PLAIN, label="slow", samples=2)]
    path = tmp_path / "a.edf"
    onsets = ["+0.25", "+1.25", "+4.75", "+5.75"]
    values = write_discontinuous(path, onsets, leads=leads, is_bdf=is_bdf)
    recording = read_recording(path)
    assert recording.format == ("BDF+D" if is_bdf else "EDF+D")
    for i, (per_second, begins) in enumerate(((8, [0, 8, 36, 44]), (2, [0, 2, 9, 11]))):
        expected = np.full(begins[-1] + per_second, NAN)
        for begin, record in zip(begins, values, strict=True):
            expected[begin : begin + per_second] = record[i] / 1000
        assert recording.leads[i].samples == len(expected)
        np.testing.assert_allclose(values_of(recording, i), expected, atol=1e-12)
        for start in range(len(expected)):
            for stop in range(start, len(expected) + 1, 5):
                piece = recording.read_exactly(start, stop, i)[0]
                np.testing.assert_allclose(piece, expected[start:stop], atol=1e-12)


@pytest.mark.parametrize(
    ("onsets", "begins"),
    [
        (["+0", "+1", "+2"], [0, 4, 8]),
        (["+0", "+1.12", "+2.12"], [0, 4, 8]),  # within half a sample of 0.25 s
        (["+0", "+1.13", "+2.13"], [0, 5, 9]),
        (["+0", "+1.1", "+2.2", "+3.3"], [0, 4, 9, 13]),  # a clock that is slow
        (["+0", "+1.6", "+2.5", "+3.5"], [0, 6, 10, 14]),  # times of one decimal
        (["+0", "+7.375", "+8.375", "+9.375"], [0, 30, 34, 38]),  # half a sample stays half
        (["+100", "+101", "+110"], [0, 4, 40]),
        (["-1", "+0", "+5"], [0, 4, 24]),
    ],
)
def test_begins_are_rounded_to_the_nearest_sample(
    tmp_path: Path, onsets: list[str], begins: list[int]
) -> None:
    values = write_discontinuous(tmp_path / "a.edf", onsets, leads=[PLAIN])
    expected = np.full(begins[-1] + 4, NAN)
    for begin, (record,) in zip(begins, values, strict=True):
        expected[begin : begin + 4] = record / 1000
    np.testing.assert_allclose(values_of(read_recording(tmp_path / "a.edf")), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("onsets", "message"),
    [
        (["+0", "+1", "+1.5"], "data record 3, found an overlap of 0.5 s"),
        (["+0", "+5", "+3"], "data record 3, found an overlap of 3 s"),
        (["+0", "+1", "-7"], "data record 3, found an overlap of 9 s"),
        (["+0", "", "+2"], "data record 2, found none"),
        (["", "+1", "+2"], "data record 1, found none"),
        (["+0", "+" + "9" * 40, "+2"], "data record 2, found none"),
        (["+0", "+1e300", "+2"], "data record 2, found none"),
        (["+0", "+nan", "+2"], "data record 2, found none"),
        (["+0", "+2678401", "+2678402"], "a time within 31 days for data record 2, found"),
    ],
)
def test_impossible_times_are_refused_in_one_line(
    tmp_path: Path, onsets: list[str], message: str
) -> None:
    write_discontinuous(tmp_path / "a.edf", onsets)
    with pytest.raises(InputError, match=message):
        read_recording(tmp_path / "a.edf")


def test_the_mark_of_a_discontinuous_file_may_have_small_letters(tmp_path: Path) -> None:
    path = tmp_path / "a.edf"
    write_discontinuous(path, ["+0", "+5"], leads=[PLAIN])
    content = path.read_bytes()
    path.write_bytes(content.replace(b"EDF+D", b"edf+d").replace(b"EDF Ann", b"EDF ann"))
    recording = read_recording(path)
    assert (recording.format, len(recording.leads), recording.samples) == ("EDF+D", 1, 24)
    assert recording.annotations is None


def test_a_long_gap_takes_no_memory(tmp_path: Path) -> None:
    lead = replace(PLAIN, samples=1000)
    values = write_discontinuous(tmp_path / "a.edf", ["+0", "+2678400"], leads=[lead])
    recording = read_recording(tmp_path / "a.edf")
    tracemalloc.start()
    piece = recording.read(recording.samples - 2000)
    middle = recording.read(1_000_000_000, 1_000_000_500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert recording.samples == 2_678_401_000
    assert peak < 1 << 20
    assert np.isnan(middle).all()
    assert np.isnan(piece[0, :1000]).all()
    np.testing.assert_allclose(piece[0, 1000:], values[1][0] / 1000, rtol=1e-6)


def test_a_discontinuous_file_without_times_is_refused(tmp_path: Path) -> None:
    header = edf_header([PLAIN], reserved="EDF+D")
    path = write_edf_records(tmp_path / "a.edf", header, [[stored(range(4))]])
    with pytest.raises(InputError, match="annotations with the times of the data records"):
        read_recording(path)


def test_a_continuous_file_has_no_gaps_whatever_its_times_are(tmp_path: Path) -> None:
    values = write_discontinuous(tmp_path / "a.edf", ["+0.5", "", "+0"], leads=[PLAIN], kind="+C")
    recording = read_recording(tmp_path / "a.edf")
    assert recording.format == "EDF+C"
    expected = np.concatenate([record[0] for record in values]) / 1000
    np.testing.assert_allclose(values_of(recording), expected, atol=1e-12)


@pytest.mark.parametrize("is_bdf", [False, True], ids=["EDF", "BDF"])
@pytest.mark.parametrize(
    ("onsets", "found"),
    [
        (["+0.5", "+1.5", "+2.5"], ""),
        (["+0", "+1", "+2.12"], ""),  # within half a sample of 0.25 s
        (["+0", "+1", "+2.13"], "0.13 s later"),
        (["+0", "+4", "+5"], "3 s later"),
        (["+7", "+8", "+7"], "2 s earlier"),
        (["+0", "+1", ""], ""),
        (["", "+1", "+9"], ""),
        (["+5"], ""),
    ],
)
def test_a_continuous_file_whose_times_have_a_gap_has_a_note(
    tmp_path: Path, is_bdf: bool, onsets: list[str], found: str
) -> None:
    write_discontinuous(tmp_path / "a.edf", onsets, leads=[PLAIN], kind="+C", is_bdf=is_bdf)
    notes = [note.text for note in read_recording(tmp_path / "a.edf").notes]
    text = (
        "its data records do not follow each other as the header says: the last one begins "
        f"{found}; they are read without gaps"
    )
    assert notes == [text] * bool(found)

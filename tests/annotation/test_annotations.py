"""The files of annotations: read back by wfdb, csv, pyarrow and pandas."""

import csv
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import wfdb

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recordings_folder import find_recordings
from ecg_lightning.records.wfdb.reader import annotations_in
from tests.helpers.annotated import annotations_of, beats_of, write_two_rates
from tests.helpers.recordings import recording_of

HEAD = [
    *("record", "sample", "seconds", "symbol", "predicted"),
    *("p_N", "p_S", "p_V", "p_F", "p_Q", "quality", "p_beat"),
]


def test_wfdb_has_classes_probabilities_and_unusable_stretches(tmp_path: Path) -> None:
    beats = beats_of([10, 300, 900, 2000, 9000], "NSVFQ", [[1000, 1500], [9500, 10_000]])
    path = annotations_of(beats).to_wfdb(tmp_path / "a.ecl")
    assert path == tmp_path / "a.ecl"
    read = wfdb.rdann(str(tmp_path / "a"), "ecl")
    shares = [f"{share:.3f}" for share in beats.probabilities.max(axis=1).tolist()]
    assert read.fs == 250
    assert list(
        zip(read.sample.tolist(), read.symbol, read.subtype, read.aux_note, strict=True)
    ) == [
        (10, "N", 0, shares[0]),
        (300, "S", 0, shares[1]),
        (900, "V", 0, shares[2]),
        (1000, "~", 48, ""),
        (1500, "~", 0, ""),
        (2000, "F", 0, shares[3]),
        (9000, "Q", 0, shares[4]),
        (9500, "~", 48, ""),
        (9999, "~", 0, ""),
    ]


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = annotations_of(beats_of([10], "N")).to_wfdb("~/below/a.ecl")
    assert path == tmp_path / "below/a.ecl"
    assert path.is_file()


def test_a_stretch_of_the_last_sample_begins_before_it_ends(tmp_path: Path) -> None:
    beats = beats_of([0], "N", [[0, 100], [100, 200], [9999, 10_000]])
    annotations_of(beats).to_wfdb(tmp_path / "a.ecl")
    read = wfdb.rdann(str(tmp_path / "a"), "ecl")
    assert read.sample.tolist() == [0, 0, 100, 100, 200, 9999, 9999]
    assert read.symbol == ["~", "N", "~", "~", "~", "~", "~"]
    assert read.subtype.tolist() == [48, 0, 0, 48, 0, 48, 0]


def test_a_lead_with_several_samples_a_frame_is_read_back_at_its_place(tmp_path: Path) -> None:
    write_two_rates(tmp_path)
    recording = read_recording(tmp_path / "r", lead="II")
    assert [lead.fs_hz for lead in recording.leads] == [125.0, 500.0]
    samples = [7, 123, 2001, 4999]
    annotations_of(beats_of(samples, "NNVN"), recording, lead=1).to_wfdb(tmp_path / "r.ecl")
    fast = read_recording(tmp_path / "r", lead="II", annotator="ecl").annotations
    slow = read_recording(tmp_path / "r", lead="V1", annotator="ecl").annotations
    assert fast is not None
    assert slow is not None
    assert fast.samples.tolist() == samples
    assert slow.samples.tolist() == [2, 31, 500, 1249]  # a quarter, of 1,250 samples
    assert wfdb.rdann(str(tmp_path / "r"), "ecl").fs == 500


def test_positions_are_read_back_for_every_format(formats: Path, tmp_path: Path) -> None:
    """The first and the last sample, and one between, by wfdb and by our own reader."""
    paths = find_recordings(formats)
    assert len(paths) > 10
    for path in paths:
        recording = read_recording(path)
        samples = [0, recording.samples // 3, recording.samples - 1]
        annotations = annotations_of(beats_of(samples, "NVS"), recording, recording.used)
        file = annotations.to_wfdb(tmp_path / "x.ecl")
        assert wfdb.rdann(str(file.with_suffix("")), "ecl").sample.tolist() == samples
        assert annotations_in(recording, file).samples.tolist() == samples


def test_csv_has_the_columns_of_predictions_without_the_true_class(tmp_path: Path) -> None:
    beats = beats_of([10, 300, 900], "NSV")
    recording = recording_of([("II", "mV", 250.0, np.zeros(1000))], name="=a,b")
    path = annotations_of(beats, recording).to_csv(tmp_path / "a.csv")
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == HEAD
    assert [row[:5] for row in rows[1:]] == [
        ["'=a,b", "10", "0.0400", "N", "N"],
        ["'=a,b", "300", "1.2000", "S", "S"],
        ["'=a,b", "900", "3.6000", "V", "V"],
    ]
    for row, shares, quality, p_beat in zip(
        rows[1:], beats.probabilities, beats.quality, beats.p_beat, strict=True
    ):
        assert row[5:] == [*(f"{x:.6f}" for x in shares), f"{quality:.3f}", f"{p_beat:.6f}"]


def test_the_symbols_of_stated_positions_are_kept(tmp_path: Path) -> None:
    beats = beats_of([10, 300, 900], "NSV", symbols="L+=")
    path = annotations_of(beats).to_csv(tmp_path / "a.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["symbol"] for row in rows] == ["L", "'+", "'="]
    assert [row["predicted"] for row in rows] == ["N", "S", "V"]
    annotations_of(beats).to_wfdb(tmp_path / "a.ecl")
    assert wfdb.rdann(str(tmp_path / "a"), "ecl").symbol == ["N", "S", "V"]


def test_parquet_holds_the_table_of_the_csv(tmp_path: Path) -> None:
    beats = beats_of(np.arange(50) * 97, "NSVFQ" * 10)
    annotations = annotations_of(beats)
    table = pq.read_table(annotations.to_parquet(tmp_path / "a.parquet"))
    assert table.column_names == HEAD
    kinds = {"record": "string", "symbol": "string", "predicted": "string", "sample": "int64"}
    kinds["seconds"] = "double"
    assert [str(field.type) for field in table.schema] == [
        kinds.get(name, "float") for name in HEAD
    ]
    frame = pd.read_parquet(tmp_path / "a.parquet")
    text = pd.read_csv(annotations.to_csv(tmp_path / "a.csv"))
    for name in ("record", "sample", "symbol", "predicted"):
        assert frame[name].tolist() == text[name].tolist()
    for name in [f"p_{letter}" for letter in CLASS_NAMES] + ["p_beat"]:
        np.testing.assert_allclose(frame[name], text[name], rtol=0, atol=5.1e-7)
    np.testing.assert_allclose(frame["seconds"], text["seconds"], rtol=0, atol=5.1e-5)
    np.testing.assert_allclose(frame["quality"], text["quality"], rtol=0, atol=5.1e-4)
    assert frame["p_V"].to_numpy().tolist() == beats.probabilities[:, 2].tolist()


def test_a_name_may_be_no_unicode(tmp_path: Path) -> None:
    recording = recording_of([("II", "mV", 250.0, np.zeros(1000))], name="a\udcff")
    annotations = annotations_of(beats_of([10], "N"), recording)
    path = annotations.to_parquet(tmp_path / "a.parquet")
    assert pq.read_table(path)["record"].to_pylist() == ["a\\udcff"]
    assert "\na\\udcff,10,0.0400,N,N," in annotations.to_csv(tmp_path / "a.csv").read_text()
    assert "a\\udcff" in annotations.to_html(tmp_path / "a.html").read_text()


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[parquet\]'"):
        annotations_of(beats_of([10], "N")).to_parquet(tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_recording_without_beats_has_files(tmp_path: Path) -> None:
    annotations = annotations_of(beats_of([], "", [[0, 10_000]]))
    annotations.to_wfdb(tmp_path / "a.ecl")
    read = wfdb.rdann(str(tmp_path / "a"), "ecl")
    assert read.sample.tolist() == [0, 9999]
    assert annotations.to_csv(tmp_path / "a.csv").read_text() == ",".join(HEAD) + "\n"
    empty = pq.read_table(annotations.to_parquet(tmp_path / "a.parquet"))
    assert empty.num_rows == 0
    assert str(empty.schema.field("record").type) == "string"


@pytest.mark.parametrize("column", ["probabilities", "p_beat", "quality"])
def test_numbers_that_are_not_finite_are_not_written(tmp_path: Path, column: str) -> None:
    beats = beats_of([10, 300], "NS")
    getattr(beats, column)[1] = np.nan
    annotations = annotations_of(beats)
    for write, name in (
        (annotations.to_wfdb, "a.ecl"),
        (annotations.to_csv, "a.csv"),
        (annotations.to_parquet, "a.parquet"),
    ):
        with pytest.raises(InputError, match=f"{column}: expected finite numbers.*1 of 2 beats"):
            write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_strip_has_the_beats_that_were_found() -> None:
    """250 Hz: sample 500 is at 2 s, the first of the strip, and 1000 at 4 s is after its end."""
    beats = beats_of([499, 500, 700, 999, 1000], "NSVFQ")
    strip = annotations_of(beats).strip(2, 2)
    assert strip.limits_s == (2, 4)
    assert strip.annotation_times_s.tolist() == [2.0, 2.8, 3.996]
    assert strip.annotation_symbols.tolist() == ["S", "V", "F"]
    assert [trace.first for trace in strip.traces] == [500]


def test_a_strip_shows_other_leads_and_the_classified_one_by_default(tmp_path: Path) -> None:
    write_two_rates(tmp_path)
    recording = read_recording(tmp_path / "r")
    annotations = annotations_of(beats_of([500, 1000], "NV"), recording, lead=1)
    assert [trace.lead for trace in annotations.strip(1, 5).traces] == ["II"]
    both = annotations.strip(1, 5, leads=[0, 1])
    assert [trace.lead for trace in both.traces] == ["V1", "II"]
    assert both.annotation_times_s.tolist() == [1.0, 2.0]

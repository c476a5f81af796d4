"""The beats that a recording's annotations state."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_lightning.annotation.finding.stated_beats import stated_beats
from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from tests.helpers.recordings import recording_of
from tests.helpers.records import record_of, write_record

SIGNAL = np.random.default_rng(0).standard_normal(2000)


def test_beats_only_each_once_and_ascending() -> None:
    leads = [("II", "mV", 360.0, SIGNAL)]
    recording = recording_of(leads, [0, 5, 5, 100, 300, 1999], '+NV"nL')
    beats = stated_beats(recording, "aami", "atr")
    assert beats.samples.tolist() == [5, 300, 1999]
    assert beats.samples.dtype == np.int64
    assert beats.symbols.tolist() == ["N", "n", "L"]
    assert [note.text for note in beats.notes] == [
        "1 beat at the position of another one is dropped"
    ]


def test_annotations_of_a_file(tmp_path: Path) -> None:
    write_record(tmp_path, record_of(SIGNAL, [(10, "+"), (400, "N"), (900, "V")]))
    wfdb.wrann("r", "qrs", np.array([450, 950, 1500]), ["N"] * 3, write_dir=str(tmp_path))
    reference = read_recording(tmp_path / "r", annotator="atr")
    assert stated_beats(reference, "aami", "atr").samples.tolist() == [400, 900]
    other = read_recording(tmp_path / "r", annotator="qrs")
    assert stated_beats(other, "aami", "qrs").samples.tolist() == [450, 950, 1500]


def test_recordings_without_beats_are_refused() -> None:
    leads = [("II", "mV", 360.0, SIGNAL)]
    with pytest.raises(
        InputError,
        match=r"^recording x1: expected beats of the annotator atr, found none; .* \(beats\)$",
    ):
        stated_beats(recording_of(leads), "aami", "atr")
    with pytest.raises(InputError, match="found none in 2 annotations"):
        stated_beats(recording_of(leads, [3, 9], "+~"), "aami", "atr")


def test_a_real_record(mitdb: Path) -> None:
    beats = stated_beats(read_recording(mitdb / "208"), "aami", "atr")
    expected = wfdb.rdann(str(mitdb / "208"), "atr")
    places = [
        s for s, symbol in zip(expected.sample, expected.symbol, strict=True) if symbol in "NVFQS"
    ]
    assert beats.samples.tolist() == places


@pytest.mark.parametrize("rate", [360, 250, 500])
def test_annotations_of_another_rate_are_noted(mitdb: Path, tmp_path: Path, rate: int) -> None:
    for ending in ("hea", "dat"):
        (tmp_path / f"208.{ending}").write_bytes((mitdb / f"208.{ending}").read_bytes())
    real = wfdb.rdann(str(mitdb / "208"), "atr")
    samples = real.sample * rate // 360
    inside = samples < 650_000
    symbols = np.array(real.symbol)[inside]
    wfdb.wrann("208", "qrs", samples[inside], symbols, write_dir=str(tmp_path))
    beats = stated_beats(read_recording(tmp_path / "208", annotator="qrs"), "aami", "qrs")
    notes = [note.text for note in beats.notes if note.topic == "signal"]
    assert len(notes) == (rate != 360)
    assert all("check that the annotations are of this signal" in note for note in notes)

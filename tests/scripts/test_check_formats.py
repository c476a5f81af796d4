"""Every format equals another reader's samples, and record 208 those of its conversions."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ecg_lightning as ecg
from ecg_lightning.records.recording import Lead
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from check_formats import ORACLES, Source, by_wfdb, converted, difference
from recording_files import write_bdf, write_edf, write_ishne, write_wfdb

ROUNDING = 1e-12  # mV: the order of a multiplication and an addition


def test_recordings_of_many_formats_equal_other_readers(formats: Path) -> None:
    paths = ecg.find_recordings(formats)
    assert len(paths) > 20
    for path in paths:
        source = ORACLES.get(path.suffix, by_wfdb)(path)
        assert difference(ecg.read_recording(path), source) <= ROUNDING, path.name


def test_conversions_of_a_record_equal_their_source(mitdb: Path, tmp_path: Path) -> None:
    titles = []
    for title, path, source in converted(mitdb, tmp_path):
        titles.append(title)
        recording = ecg.read_recording(path)
        assert difference(recording, source) <= source.resolution + ROUNDING, title
        assert {lead.unit for lead in recording.leads} == {"mV"}
    assert len(titles) == 7


@pytest.mark.parametrize(
    ("write", "name"),
    [(write_wfdb, "r"), (write_edf, "r.edf"), (write_bdf, "r.bdf"), (write_ishne, "r.ecg")],
)
def test_the_writers_write_what_they_are_given(write, name: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    steps = np.random.default_rng(0).integers(-2000, 2000, (2, 1000), np.int16)
    write(tmp_path / name, [steps[:, :333], steps[:, 333:]], ["II", "V1"], 250)
    recording = ecg.read_recording(tmp_path / name)
    source = Source("", list(steps / 200), ["II", "V1"], [250.0] * 2)
    assert difference(recording, source) < ROUNDING
    wrong = source._replace(signals=[steps[0] / 200, steps[1] / 200 + 0.005])
    assert difference(recording, wrong) == pytest.approx(0.005)


def test_other_names_rates_lengths_and_gaps_are_no_small_difference() -> None:
    recording = ecg.read_recording(np.zeros((1, 1000)), fs_hz=250.0)
    name = recording.lead.name
    source = Source("", [np.zeros(1000)], [name], [250.0])
    assert difference(recording, source) == 0
    gap = np.zeros(1000)
    gap[7] = np.nan
    for wrong in (
        source._replace(names=["other"]),
        source._replace(rates=[251.0]),
        source._replace(signals=[np.zeros(999)]),
        source._replace(signals=[gap]),
    ):
        with pytest.raises(ValueError, match=r"not|invalid"):
            difference(recording, wrong)
    shorter = replace(recording, leads=(Lead(name, "mV", 250.0, 999),))
    with pytest.raises(ValueError, match="999 samples"):
        difference(shorter, source)

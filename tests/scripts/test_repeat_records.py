"""The folder of repeated records."""

import sys
from pathlib import Path

import numpy as np
from numpy.testing import assert_array_equal

from ecg_lightning.data.beats import ARRAYS, BeatSettings, beats_of_records, concatenate
from ecg_lightning.records.databases import open_database
from tests.helpers.paths import ROOT
from tests.helpers.records import database_of, ecg_like

sys.path.insert(0, str(ROOT / "scripts"))
from repeat_records import repeat_records


def test_repeated_records_give_the_same_beats_again_under_new_names(tmp_path: Path) -> None:
    original = database_of(tmp_path / "records", ecg_like("100"), ecg_like("r", "NVNN/"))
    names = repeat_records(tmp_path / "records", tmp_path / "repeated", 3)
    database = open_database("wfdb", tmp_path / "repeated", tmp_path)
    assert names == [f"{turn:04d}-{name}" for turn in range(3) for name in ("100", "r")]
    assert list(database.records) == names
    once, repeated = (beats_of_records(source, BeatSettings()) for source in (original, database))
    thrice = concatenate([once] * 3)
    for name in set(ARRAYS) - {"record_ids", "patient_ids"}:
        assert_array_equal(getattr(repeated, name), getattr(thrice, name))
    turns = np.repeat([f"{turn:04d}-" for turn in range(3)], len(once))
    assert_array_equal(repeated.record_ids, np.char.add(turns, thrice.record_ids))


def test_repeats_take_no_disk_space_for_signals(tmp_path: Path) -> None:
    database_of(tmp_path / "records", ecg_like("100"))
    repeat_records(tmp_path / "records", tmp_path / "repeated", 2)
    files = {path.name for path in (tmp_path / "repeated").iterdir() if not path.is_symlink()}
    assert files == {"0000-100.hea", "0001-100.hea"}
    assert (tmp_path / "repeated" / "100.dat").samefile(tmp_path / "records" / "100.dat")

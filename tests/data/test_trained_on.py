"""What a checkpoint tells of the records of its training, and what a test finds of them again."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.data.trained_on import names_mean_the_same, trained_before, trained_on
from ecg_lightning.records.databases import Database
from ecg_lightning.records.joined import open_databases
from ecg_lightning.split_facts import TRAINED_ON
from tests.helpers.records import record_of, write_record

PATIENTS = {"a1": "Ann", "a2": "Ann", "b1": "Bob", "x1": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four records with signals of their own."""
    random = np.random.default_rng(0)
    for name in PATIENTS:
        signal = random.normal(size=2000)
        write_record(tmp_path / "wf", record_of(signal, [(500, "N"), (1200, "V")], name=name))
    return tmp_path / "wf"


def opened(folder: Path, tmp_path: Path) -> Database:
    return open_databases(["wfdb"], [folder], tmp_path)


def of(*names: str) -> dict[str, str]:
    return {name: PATIENTS[name] for name in names}


def test_records_and_patients_are_found_again(folder: Path, tmp_path: Path) -> None:
    database = opened(folder, tmp_path)
    config = {TRAINED_ON: trained_on(database, of("a1", "x1"))}
    assert trained_before(database, of("b1"), config, same_names=True) == set()
    assert trained_before(database, of("a2", "b1"), config, same_names=True) == {"Ann"}
    assert trained_before(database, of("x1", "b1"), config, same_names=True) == {"record x1"}
    assert trained_before(database, of("a1", "a2"), config, same_names=True) == {"Ann"}


def test_the_names_of_another_database_mean_other_patients(folder: Path, tmp_path: Path) -> None:
    """Its signals differ. A copy of a training record shows that the names are the same ones."""
    config = {TRAINED_ON: trained_on(opened(folder, tmp_path), of("a1", "b1"))}
    other = tmp_path / "other"
    for name in PATIENTS:
        write_record(other, record_of(np.arange(2000.0) / 1000, [(500, "N")], name=name))
    assert trained_before(opened(other, tmp_path), PATIENTS, config, same_names=False) == set()
    copy = shutil.copytree(folder, tmp_path / "copy")
    for ending in ("hea", "dat", "atr"):
        (copy / f"b1.{ending}").unlink()
    copied = opened(copy, tmp_path)
    assert trained_before(copied, of("a2", "x1"), config, same_names=False) == set()
    assert trained_before(copied, of("a1", "x1"), config, same_names=False) == {"Ann"}


def test_no_name_is_kept(folder: Path, tmp_path: Path) -> None:
    text = json.dumps(trained_on(opened(folder, tmp_path), PATIENTS))
    assert not any(word in text for word in ("Ann", "Bob", "b1.dat"))


@pytest.mark.parametrize(
    "config",
    [
        *(None, 3, {}, {TRAINED_ON: None}, {TRAINED_ON: []}, {TRAINED_ON: {"records": 5}}),
        {TRAINED_ON: {"records": [None, {}], "patients": "Ann"}},
    ],
)
def test_settings_that_hold_anything(folder: Path, tmp_path: Path, config: object) -> None:
    database = opened(folder, tmp_path)
    assert trained_before(database, PATIENTS, config, same_names=True) == set()


def test_a_split_drawn_from_fewer_records(folder: Path, tmp_path: Path) -> None:
    """One record less, and the drawn split tests records that were trained on."""
    random, table = np.random.default_rng(1), tmp_path / "patients.csv"
    for number in range(10):
        signal = random.normal(size=2000)
        write_record(folder, record_of(signal, [(500, "N"), (1200, "V")], name=f"p{number}"))
    names = sorted(path.stem for path in folder.glob("*.hea"))
    table.write_text("record,patient\n" + "".join(f"{name},of {name}\n" for name in names))

    def module(**settings: object) -> BeatDataModule:
        data = BeatDataModule(
            source="wfdb",
            root=str(folder),
            patients=str(table),
            split="patients",
            segmentation="annotations",
            balance="none",
            cache_dir=str(tmp_path / "cache"),
            **settings,  # type: ignore[arg-type]
        )
        data.prepare_data()
        data.setup()
        return data

    first = module()
    config = {TRAINED_ON: first.trained_on()}
    assert first.trained_before(first.split_rows.test, config) == set()
    trained = np.concatenate([first.split_rows.train, first.split_rows.validation])
    others = {*first.beats.patient_ids[trained].tolist()}
    fewer = module(without=names[-1])
    tested = {*fewer.beats.patient_ids[fewer.split_rows.test].tolist()}
    assert tested & others  # else this test tests nothing
    assert fewer.trained_before(fewer.split_rows.test, config) == tested & others


@pytest.mark.parametrize(
    ("source", "config", "same"),
    [
        ("mitdb", {"data": {"source": "mitdb"}}, True),
        ("mitdb,svdb", {"data": {"source": ["mitdb", "svdb"]}}, True),
        ("svdb", {"data": {"source": "mitdb,svdb"}}, False),  # whose names begin with mitdb/
        ("wfdb", {"data": {"source": "wfdb"}}, False),  # of another folder, perhaps
        ("mitdb", None, False),
        ("mitdb", {"data": 5}, False),
        ("mitdb", {"data": {}}, False),
    ],
)
def test_names_of_patients_mean_the_same_in_published_databases(
    source: str, config: object, same: bool
) -> None:
    assert names_mean_the_same(source, config) == same

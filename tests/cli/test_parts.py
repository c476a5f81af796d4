"""Several sources and parts by name on the command line: a run, its tests, and what is refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from ecg_lightning.annotation.classifying.known_beats import checked, differences, known_beats
from ecg_lightning.cli.export import licence_of
from ecg_lightning.records.synthetic import write_synthetic
from tests.helpers.cli import TINY, command, one_cache
from tests.helpers.records import ecg_like, write_record

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
BEST = "run/checkpoints/best.ckpt"
SOURCES = ("--data.source", "synthetic,wfdb", "--data.root", "made,own")
FIT = (
    *("fit", *TINY, *SOURCES, "--data.balance", "none", "--trainer.max_epochs", "1"),
    *("--data.segmentation", "annotations", "--data.train", "own,synthetic/s01,synthetic/s02"),
)
TEST = ("--data.test", "synthetic/s03,synthetic/s04")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders, one of four patients and one of five records at another rate; and a run."""
    folder = tmp_path_factory.mktemp("parts")
    write_synthetic(folder / "made", patients=4, minutes=0.5)
    for name in "abcde":
        record = ecg_like(name, "NVNVNANVNN", fs_hz=128.0)
        noise = np.random.default_rng(ord(name)).normal(0, 0.01, len(record.signal))
        write_record(folder / "own", replace(record, signal=record.signal + noise))
    outcome = command([*FIT, *TEST, "--output", "run"], folder)
    assert outcome.status == 0, outcome.err
    assert PARTS_LINE in outcome.out.splitlines()
    return folder


PARTS_LINE = (
    "training own, synthetic/s01, synthetic/s02: 6 records, 4 of unknown patients; "
    "validation: 1 record, 1 of unknown patients; "
    "test synthetic/s03, synthetic/s04: 2 records, 2 patients"
)


def evaluation_of(folder: Path) -> Any:
    return json.loads((folder / "evaluation.json").read_text())


def records_of(folder: Path) -> list[str]:
    return [row["record"] for row in evaluation_of(folder)["per_record"]]


def test_a_run_keeps_its_parts_and_is_tested_from_another_folder(
    home: Path, tmp_path: Path
) -> None:
    data = yaml.safe_load((home / "run/config.yaml").read_text())["data"]
    assert (data["source"], data["root"]) == ("synthetic,wfdb", "made,own")
    kept = torch.load(home / BEST, weights_only=True)["ecg_lightning"]["config"]
    assert kept["data"]["train"] == "own,synthetic/s01,synthetic/s02"
    assert "root" not in kept["data"]
    assert kept["beats"]["lead"] is None
    assert kept["beats"]["recorded_fs_hz"] == [360.0, 128.0]
    outcome = command(["test", *TINY, "--ckpt_path", str(home / BEST)], tmp_path)
    assert outcome.status == 0, outcome.err
    assert "trained with" not in outcome.out
    folder = tmp_path / outcome.folder
    assert records_of(folder) == ["synthetic/s03", "synthetic/s04"]
    data = yaml.safe_load((folder / "config.yaml").read_text())["data"]
    assert data["root"] == [str(home / "made"), str(home / "own")]
    content = evaluation_of(folder)
    assert content["split"] == "parts"
    assert content["patients"] == {"records": 9, "unknown": 5, "patients": 4, "tested": 2}
    page = (folder / "report.html").read_text()
    for text in (
        "training own, synthetic/s01, synthetic/s02; test synthetic/s03, synthetic/s04",
        "Both parts are named. The patients of 5 of 9 records are unknown.",
        "synthetic, wfdb",
    ):
        assert text in page


def test_the_config_of_a_run_is_used_from_another_folder(home: Path, tmp_path: Path) -> None:
    words = ["--config", str(home / "run/config.yaml"), "--ckpt_path", str(home / BEST)]
    outcome = command(["test", *words], tmp_path)
    assert outcome.status == 0, outcome.err
    assert records_of(tmp_path / outcome.folder) == ["synthetic/s03", "synthetic/s04"]


@pytest.mark.parametrize(
    ("words", "records", "status", "parts"),
    [
        (["--data.test", "synthetic/s03"], ["synthetic/s03"], "records", "training own"),
        (
            ["--data.source", "synthetic", "--data.root", "made", "--data.test", "s01,s03"],
            ["s01", "s03"],
            "mixed",
            "test s01, s03",
        ),
        (
            ["--data.test", "own/a,synthetic/s01", "--data.train", ""],
            ["own/a", "synthetic/s01"],
            "mixed",
            "test own/a, synthetic/s01",
        ),
        (
            ["--data.source", "wfdb", "--data.root", "own", "--data.split", "all"],
            list("abcde"),
            "mixed",
            "",
        ),
        (["--data.split", "all", "--data.without", "own/a"], None, "mixed", ""),
    ],
)
def test_other_parts_of_the_same_or_of_another_source(
    home: Path, words: list[str], records: list[str] | None, status: str, parts: str
) -> None:
    """Nothing of this is called inter-patient: some of it is of the run's training side."""
    outcome = command(["test", *TINY, "--ckpt_path", BEST, *words], home)
    assert outcome.status == 0, outcome.err
    if records is None:
        assert len(records_of(home / outcome.folder)) == 8
        assert "own/a" not in records_of(home / outcome.folder)
    else:
        assert records_of(home / outcome.folder) == records
    page = (home / outcome.folder / "report.html").read_text()
    assert f'class="verdict {status}"' in page
    assert "Inter-patient:" not in page
    assert parts in page


FLAGS = " (--data.train)"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            [*TEST, "--data.test", "own"],
            "train and test: expected each record on one side, found own/a, own/b, own/c, own/d, "
            f"own/e on both; remove these records from one side{FLAGS}",
        ),
        (
            ["--data.test", "nobody"],
            "test: expected records such as synthetic/s01, sources or the parts ds1, ds2, "
            "mitdb44, found nobody; correct the names (--data.test)",
        ),
        (
            ["--data.train", "ds1", *TEST],
            "train: expected the source mitdb for the part ds1, found synthetic,wfdb; "
            "add this source; or split other records: set train, test and val_share to null, and "
            f"split to patients{FLAGS}",
        ),
        (
            [*TEST, "--data.split", "records"],
            f"train and test: expected the split parts, found records; remove one of them{FLAGS}",
        ),
        (
            [*TEST, "--data.without", "s01"],
            "without: expected records such as synthetic/s01, found s01; correct the names "
            "(--data.without)",
        ),
        (
            ["--data.train", "", "--data.split", "parts"],
            f"split parts: expected the names of parts or records, found none; set train and test"
            f"{FLAGS}",
        ),
        (
            ["--data.train", "", *TEST],
            "split parts: expected beats in the train part, found none; name records for it"
            f"{FLAGS}",
        ),
        (
            ["--data.train", "own/a", *TEST],
            "train: expected beats of at least 2 patients, one of them for validation, found 1; "
            f"name more records{FLAGS}",
        ),
        (
            ["--data.source", "synthetic,nothing"],
            "source: expected one of synthetic, mitdb, svdb, wfdb, kaggle, or several of them "
            "separated by commas, found 'synthetic,nothing'; change it (--data.source)",
        ),
        (
            ["--data.root", "made"],
            "root: expected a folder for each of 2 sources, or none at all, found 1 folder; "
            "name the folders in the order of the sources (--data.root)",
        ),
        (
            ["--data.root", "[{a: 1}, own]"],
            "--data.root: expected a path, found a mapping; write it as a text",
        ),
    ],
)
def test_refused_in_one_line(home: Path, words: list[str], line: str) -> None:
    outcome = command([*FIT, *words, "--output", "none"], home)
    assert (outcome.status, outcome.err) == (2, f"ecg-lightning: {line}\n")
    assert not (home / "none").exists()


def test_a_run_without_a_test_part_trains_and_is_not_tested(home: Path, tmp_path: Path) -> None:
    places = ["--data.root", f"{home}/made,{home}/own"]
    outcome = command([*FIT, *places, "--output", "run"], tmp_path)
    assert outcome.status == 0, outcome.err
    assert "test" not in outcome.out
    outcome = command(["test", *TINY, "--ckpt_path", BEST], tmp_path)
    line = "split parts: expected beats in the test part, found none; name records for it"
    assert (outcome.status, outcome.err) == (2, f"ecg-lightning: {line} (--data.test)\n")
    words = [*FIT, *places, "--output", "tested"]  # refused before it trains for hours
    outcome = command(words[1:], tmp_path, script=True)
    assert (outcome.status, outcome.err) == (2, f"ecg-lightning: {line} (--data.test)\n")
    assert "epoch" not in outcome.out
    assert not (tmp_path / "tested").exists()


def test_a_list_in_a_config_names_folders_with_commas(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a,b").symlink_to(home / "made")
    (tmp_path / "own").symlink_to(home / "own")
    data = {
        "source": ["synthetic", "wfdb"],
        "root": ["a,b", "own"],
        "train": ["own", "synthetic/s01"],
        "test": ["synthetic/s02"],
        "balance": "none",
        "segmentation": "annotations",
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"data": data}))
    outcome = command(["prepare", "--config", "own.yaml"], tmp_path)
    assert outcome.status == 0, outcome.err
    assert outcome.out.splitlines()[-1] == (
        "training own, synthetic/s01: 5 records, 4 of unknown patients; "
        "validation: 1 record, 1 of unknown patients; test synthetic/s02: 1 record, 1 patient"
    )
    words = ["--config", "own.yaml", "--trainer.max_epochs", "1", "--output", "run"]
    outcome = command(["fit", *TINY, *words], tmp_path)
    assert outcome.status == 0, outcome.err
    outcome = command(["test", *TINY, "--ckpt_path", str(tmp_path / BEST)], home)
    assert outcome.status == 0, outcome.err
    assert records_of(home / outcome.folder) == ["synthetic/s02"]


def test_folds_of_several_sources(home: Path) -> None:
    words = [*TINY, *SOURCES, "--data.balance", "none", "--trainer.max_epochs", "1"]
    words += ["--data.segmentation", "annotations", "--folds", "3", "--jobs", "0"]
    outcome = command(["crossval", "--output", "folds", *words], home)
    assert outcome.status == 0, outcome.err
    assert "3 units" in outcome.out
    settings = yaml.safe_load((home / "folds/crossval.yaml").read_text())
    assert settings["data"]["root"] == [str(home / "made"), str(home / "own")]
    named = command(["crossval", "--output", "other", *words, *TEST], home)
    line = "train and test: expected the split parts, found folds; remove one of them"
    assert (named.status, named.err) == (2, f"ecg-lightning: {line} (--data.train)\n")


def test_the_leads_and_rates_are_those_of_the_side(home: Path) -> None:
    """Those of records that were not trained on are not taken for known."""
    words = [*FIT, "--data.train", "synthetic/s01,synthetic/s02", "--data.test", "own"]
    assert command([*words, "--output", "rates"], home).status == 0
    best = "rates/checkpoints/best.ckpt"
    kept = torch.load(home / best, weights_only=True)["ecg_lightning"]["config"]["beats"]
    assert (kept["leads"], kept["recorded_fs_hz"]) == (["MLII"], [360.0])
    outcome = command(["test", *TINY, "--ckpt_path", best], home)
    assert outcome.status == 0, outcome.err
    text = "trained with recorded sampling rate 360 Hz; tested with recorded sampling rate 128 Hz"
    assert text in outcome.out
    rows = [{"setting": "recorded_fs_hz", "trained": [360.0], "tested": [128.0]}]
    assert evaluation_of(home / outcome.folder)["differences"] == rows


def test_settings_of_several_sources_are_compared() -> None:
    beats = {"lead": None, "leads": ["MLII", "V5", "ECG1"], "recorded_fs_hz": [360.0, 128.0]}
    both = known_beats({"beats": beats, "data": {"source": ["mitdb", "svdb"]}})
    assert checked(both, "file")["source"] == "mitdb,svdb"
    assert "lead" not in both
    mitdb = known_beats({"beats": {"lead": 0}, "data": {"source": "mitdb"}})
    alone = {"leads": ["ECG1"], "recorded_fs_hz": [128.0], "lead": 0}
    svdb = known_beats({"beats": alone, "data": {"source": "svdb"}})
    assert differences(both, mitdb) == differences(both, svdb) == []
    rows = {row["setting"]: (row["trained"], row["tested"]) for row in differences(mitdb, both)}
    assert rows["recorded_fs_hz"] == ([360.0], [360.0, 128.0])
    assert rows["leads"][1] == beats["leads"]
    assert [row["setting"] for row in differences(mitdb, svdb)] == ["leads", "recorded_fs_hz"]


def test_an_exported_file_names_the_licence_of_each_source() -> None:
    licences = [licence_of(source) for source in ("mitdb", "svdb", "wfdb")]
    assert licence_of("mitdb,svdb,wfdb") == "; ".join(licences)
    assert licence_of("") == licence_of("wfdb,wfdb") == licences[2]

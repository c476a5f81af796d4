"""Several databases in one command: from the beats to the page, and back to the signal."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_lightning.records.synthetic import write_synthetic
from tests.helpers.cli import TINY, Outcome, command, one_cache

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
DATA = ("--data.source", "wfdb,wfdb", "--data.root", "one,two")
SPLIT = ("--data.split", "records", "--data.balance", "none")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders with other records of the same names."""
    folder = tmp_path_factory.mktemp("joined")
    for seed, name in enumerate(("one", "two")):
        write_synthetic(folder / name, patients=6, minutes=0.5, seed=seed)
    return folder


@pytest.fixture(scope="module")
def tested(home: Path) -> Outcome:
    """The outcome of `test` after a fit on both folders."""
    fit = command(
        ["fit", *TINY, "--trainer.max_epochs", "1", *DATA, *SPLIT, "--output", "run"], home
    )
    assert fit.status == 0, fit.err
    return command(["test", *TINY, "--ckpt_path", "run/checkpoints/best.ckpt"], home)


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_records_have_joined_names_in_all_outputs(home: Path, tested: Outcome) -> None:
    assert tested.status == 0, tested.err
    folder = home / tested.folder
    rows = rows_of(folder / "predictions.csv")
    names = {f"{database}/s{number:02}" for database in ("one", "two") for number in range(1, 7)}
    tested_names = {row["record"] for row in rows}
    assert tested_names < names
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert {row["record"] for row in evaluation["per_record"]} == tested_names
    page = (folder / "report.html").read_text()
    assert all(name in page for name in tested_names)


def test_a_beat_of_the_predictions_can_be_drawn(home: Path, tested: Outcome) -> None:
    row = rows_of(home / tested.folder / "predictions.csv")[0]
    place = f"{row['record']}:{row['sample']}"
    outcome = command(
        ["show", "--beat", place, "--views", "signal", *DATA, "--output", "b.png"], home
    )
    assert outcome.status == 0, outcome.err
    assert place in outcome.out


@pytest.mark.parametrize("record", ["one/s02", "two/s02"])
def test_a_strip_of_a_record(home: Path, record: str) -> None:
    outcome = command(["show", "--record", record, *DATA], home)
    assert (outcome.status, outcome.err) == (0, "")
    description, path = outcome.out.splitlines()
    assert description.startswith(f"record {record}, lead ")
    assert "/" not in path
    assert (home / path).stat().st_size > 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("show --record s02", "record s02: expected one of the records one/s01, one/s02, "),
        (
            "prepare --data.root one",
            "root: expected a folder for each of 2 sources, or none",
        ),
        ("prepare --data.root one,one", "one: expected a folder whose name can be the first part"),
        ("prepare --data.root one,absent", "absent: expected a folder of WFDB records, found no "),
        ("prepare --data.source mitdb,mitdb", "source: expected each source once, found mitdb 2 "),
        ("prepare --data.source mitdb,kaggle", "source: expected some of mitdb, svdb, wfdb, synth"),
        ("prepare --data.source mitdb,edb", "source: expected one of "),
        ("prepare --data.patients p.csv", "patients: expected one source wfdb, whose records the "),
    ],
)
def test_refused_in_one_line(home: Path, words: str, line: str) -> None:
    verb, *others = words.split()
    before = {*home.rglob("*")}
    outcome = command([verb, *DATA, *others], home)
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith(f"ecg-lightning: {line}")
    assert {*home.rglob("*")} == before


def test_the_file_of_patients_counts_for_the_one_folder(home: Path) -> None:
    lines = [f"s{number:02},P{number % 2}" for number in range(1, 7)]
    (home / "patients.csv").write_text("\n".join(["record,patient", *lines]))
    words = ("--data.source", "synthetic,wfdb", "--data.root", "two,one", "--data.split", "all")
    outcome = command(["prepare", *words, "--data.patients", "patients.csv"], home)
    assert outcome.status == 0, outcome.err
    assert outcome.out.endswith("test: 12 records, 8 patients\n")

"""Known and unknown patients on the command line: refused, kept with a run, said in its page."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from ecg_lightning.records.synthetic import write_synthetic
from tests.helpers.cli import TINY, command, one_cache

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
WFDB = ("--data.source", "wfdb", "--data.root", "db", "--data.balance", "none")
FIT = ("fit", *TINY, "--trainer.max_epochs", "1", *WFDB)
# Twelve records of four patients.
TABLE = "record,patient\n" + "".join(f"s{n:02},patient {n % 4}\n" for n in range(1, 13))


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("patients")
    write_synthetic(folder / "db", minutes=0.5)
    (folder / "patients.csv").write_text(TABLE)
    (folder / "twice.csv").write_text(f"{TABLE}s03,other\n")
    return folder


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            "--data.split patients",
            "split patients: expected the patient of each record, found 12 of 12 records without; "
            "use the split records or folds, which keep whole records together, or name a CSV file "
            "`record,patient` (--data.patients)",
        ),
        (
            "--data.split patients --data.patients twice.csv",
            "twice.csv, line 14: expected each record once, found s03 again, which is in line 4; "
            "correct this line (--data.patients)",
        ),
        (
            "--data.patients absent.csv",
            "absent.csv: expected a CSV file `record,patient`, found no such file; check the path "
            "(--data.patients)",
        ),
    ],
)
def test_a_command_without_known_patients_is_refused(home: Path, words: str, line: str) -> None:
    outcome = command([*FIT, *words.split(), "--output", "none"], home)
    assert (outcome.status, outcome.err) == (2, f"ecg-lightning: {line}\n")


def test_tested_patients_that_were_trained_on_are_said(home: Path) -> None:
    """Whole records are drawn, so records of one patient go to both sides."""
    split = ["--data.split", "records", "--data.patients", "patients.csv", "--output", "both"]
    assert command([*FIT, *split], home).status == 0
    tested = command(["test", *TINY, "--ckpt_path", "both/checkpoints/best.ckpt"], home)
    assert tested.status == 0, tested.err
    [line] = [line for line in tested.out.splitlines() if line.startswith("patients ")]
    content = json.loads((home / tested.folder / "evaluation.json").read_text())
    names = ", ".join(content["shared_patients"])
    assert line == f"patients mixed: 2 patients are on both sides: {names}."
    notes = {note["record"] for note in content["notes"]}
    assert notes == {row["record"] for row in content["per_record"]}  # all are short


def test_a_run_keeps_its_file_and_its_checkpoints_keep_no_path(home: Path) -> None:
    table = str(home / "patients.csv")
    words = ["--data.split", "patients", "--data.patients", table, "--output", "run"]
    assert command([*FIT, *words], home).status == 0
    config = yaml.safe_load((home / "run/config.yaml").read_text())
    assert config["data"]["patients"] == table
    best = "run/checkpoints/best.ckpt"
    kept = torch.load(home / best, weights_only=True)["ecg_lightning"]["config"]["data"]
    assert kept["patients"] == "patients.csv"
    # The same split again, by the settings of the run.
    tested = command(["test", *TINY, "--ckpt_path", best], home)
    assert tested.status == 0, tested.err
    content = json.loads((home / tested.folder / "evaluation.json").read_text())
    assert content["shared_patients"] == []
    assert content["patients"] == {"records": 12, "unknown": 0, "patients": 4, "tested": 1}
    assert len(content["per_record"]) == 3
    page = (home / tested.folder / "report.html").read_text()
    assert "Inter-patient: no patient of this part is in the training" in page
    assert str(home) not in page
    # Of another folder the file says nothing.
    other = [*WFDB, "--data.split", "all", "--data.root", "other"]
    write_synthetic(home / "other", seed=1, patients=3, minutes=0.5)
    tested = command(["test", *TINY, "--ckpt_path", best, *other], home)
    assert tested.status == 0, tested.err

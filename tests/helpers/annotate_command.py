"""The command `annotate` with the stand-in for its networks, and what it leaves."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.cli import Outcome, command, names_below
from tests.helpers.stand_in import FOLDER, LOADER


def write_tables(folder: Path, *names: str) -> None:
    """Write CSV files of 20 s at 100 Hz, each with other samples."""
    for seed, name in enumerate(names):
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        signal = np.random.default_rng(seed).normal(size=(2000, 1))
        np.savetxt(path, signal, fmt="%.3f", header="mV", comments="")


def use_stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Use the stand-in instead of the networks; return the folder of its log."""
    monkeypatch.setenv(FOLDER, str(folder))
    monkeypatch.setattr("ecg_lightning.cli.annotate.command.LOADER", LOADER)
    return folder


def calls(folder: Path, kind: str) -> list[str]:
    """What the stand-in has noted, such as the recordings that were annotated."""
    log = (folder / "log").read_text() if (folder / "log").exists() else ""
    return re.findall(rf"^{kind}-(.*)$", log, re.MULTILINE)


def annotate(folder: Path, *words: str) -> Outcome:
    """Run the command on files with 100 Hz."""
    return command(("annotate", *words, "--output", "out", "--fs", "100"), folder)


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {name: (folder / name).read_bytes() for name in names_below(folder)}


def summary(folder: Path) -> list[dict[str, str]]:
    """The rows of summary.csv."""
    with open(folder / "out/summary.csv", newline="") as file:
        return list(csv.DictReader(file))


def own(output: Path) -> set[str]:
    """The names of what a user sees in the output folder."""
    return {name for name in names_below(output) if not name.startswith(".annotate/")}

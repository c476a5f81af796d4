"""One training and its predictions: commands of ecg-lightning in processes of their own."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import yaml
from unseen_plan import Databases, Unit
from unseen_predictions import Predicted

from ecg_lightning.arrays import Floats, Floats32, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.text import of_cell

EXPERTS, DETECTOR = "experts.npz", "detector.npz"
RUN, PREDICT, LOG = "run", "predict", "log.txt"
# All records of the training side train: there is no validation part, and the last weights count.
ALL_TRAIN = ("--data.val_share", "0")
# The networks of windows see the same beats, scaled by the quantiles of their record. An epoch
# draws as many beats of each class.
WINDOWS = (
    *("--data.segmentation", "annotations", "--data.normalization", "robust"),
    *("--data.balance", "weighted", "--data.batch_size", "256", "--trainer.max_epochs", "8"),
)
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "PatientContext": ("--config", "patient_context.yaml"),
    "DeepConv1d": (
        *("--model.network", "ecg_lightning.models.DeepConv1d", *WINDOWS),
        *("--data.per_class", "10000"),
    ),
    "TimeDepends": (
        *("--model.network", "ecg_lightning.models.TimeDepends", *WINDOWS),
        *("--data.per_class", "10000"),
    ),
}
CAUSAL: Mapping[str, tuple[str, ...]] = {
    "PatientContext": ("--config", "patient_context_causal.yaml"),
}
CONTEXTS = ("context", "context-causal")  # segmentations of sequences of beats

Runner = Callable[[Sequence[str], Path], None]


def in_own_process(words: Sequence[str], log: Path) -> None:
    """Run a command of ecg-lightning on one core; what it prints goes to a file.

    Raises:
        SystemExit: The command failed. The message is its last line.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        status = subprocess.run(
            [sys.executable, "-m", "ecg_lightning", *words],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=False,
        ).returncode
    if status:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() or ["no output"]
        raise SystemExit(f"{log}: status {status}: {lines[-1]}")


def checkpoint_of(output: Path, unit: Unit) -> Path:
    """Return the path of the last weights of a training."""
    return output / unit.folder / RUN / "checkpoints" / "last.ckpt"


def predicted_by_network(
    unit: Unit,
    databases: Databases,
    output: Path,
    more: Sequence[str] = (),
    run: Runner = in_own_process,
) -> Predicted:
    """Train a network and predict its test side; no score is computed.

    What is there already is kept, and a training that was stopped is resumed.

    Args:
        unit: What to train.
        databases: Where the records are.
        output: The folder of all results.
        more: Further arguments of `fit`.
        run: Runs a command.
    """
    folder = output / unit.folder
    run(fit_words(unit, databases, folder / RUN, more), folder / LOG)
    checkpoint = checkpoint_of(output, unit)
    place = ("--trainer.default_root_dir", str(folder / PREDICT))  # predict makes a folder in it
    run(["predict", "--ckpt_path", str(checkpoint), *place], folder / LOG)
    config = yaml.safe_load((folder / RUN / "config.yaml").read_text(encoding="utf-8"))
    prior = prior_of(BeatDataModule(**config["data"]))
    latest = max(
        (folder / PREDICT).glob("*/predictions.csv"), key=lambda path: path.stat().st_mtime
    )
    return read_predictions(latest, prior)


def fit_words(
    unit: Unit, databases: Databases, folder: Path, more: Sequence[str] = ()
) -> list[str]:
    """Return the words of the command that trains a unit."""
    sides = ["--data.train", ",".join(unit.train), "--data.test", ",".join(unit.test)]
    seed = ["--seed_everything", str(unit.seed), "--data.seed", str(unit.seed)]
    return [
        *("fit", *(CAUSAL if unit.causal else SETTINGS)[unit.network]),
        *("--data.classes", "aami", *ALL_TRAIN, *databases.words, *sides, *seed, *more),
        *("--output", str(folder)),
    ]


def settings_of(unit: Unit, databases: Databases, more: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return what a training is made of: the arguments of `fit`, and the content of its config."""
    words = fit_words(unit, databases, Path(RUN), more)
    configs = [word for word in words if word.endswith(".yaml")]
    folder = files("ecg_lightning").joinpath("configs")
    return {"fit": words, "configs": [folder.joinpath(name).read_text("utf-8") for name in configs]}


def prior_of(data: BeatDataModule) -> Floats:
    """Return the share (5,) of each class among the beats that a training draws."""
    data.prepare_data()
    data.setup()
    rows = data.split_rows.train
    labels, records = data.beats.labels[rows], data.beats.record_ids[rows]
    by_record = data.settings.segmentation in CONTEXTS
    weights = None if data.beat_weights is None else data.beat_weights.numpy()[rows]
    return drawn_shares(labels, records, data.balance, by_record, weights)


def drawn_shares(
    labels: Integers,
    records: Names,
    balance: str,
    by_record: bool,
    weights: Floats32 | None = None,
) -> Floats:
    """Return the share (5,) of each class in what a sampler draws, as the loss weighs it.

    Args:
        labels: (N,) classes of the training part.
        records: (N,) the record of each beat.
        balance: The balancing; `none` draws each beat equally often.
        by_record: Whether it balances records; else it balances classes.
        weights: (N,) how much each beat counts; default: all equally.
    """
    n_classes = len(CLASS_NAMES)
    if balance != "none" and not by_record:
        return np.full(n_classes, 1 / n_classes)
    drawn = np.ones(len(labels)) if weights is None else weights.astype(np.float64)
    if balance != "none":
        _, of_record, beats = np.unique(records, return_inverse=True, return_counts=True)
        drawn = drawn / beats[of_record]
    sums = np.bincount(labels, drawn, minlength=n_classes)
    return sums / sums.sum()


def read_predictions(path: Path, prior: Floats) -> Predicted:
    """Read a predictions.csv with the positions of its beats."""
    numbers = {name: k for k, name in enumerate(CLASS_NAMES)}
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    probabilities = [[float(row[f"p_{name}"]) for name in CLASS_NAMES] for row in rows]
    return Predicted(
        records=np.array([of_cell(row["record"]) for row in rows], np.str_),
        samples=np.array([int(row["sample"]) for row in rows], np.int64),
        labels=np.array([numbers[row["class"]] for row in rows], np.int64),
        probabilities=np.array(probabilities, np.float64),
        prior=prior,
    )

"""Print the tables of runs in docs/results.md.

    python scripts/results.py RUN [RUN ...]

Each RUN is a run folder of `scripts/train.py` or of `python -m keras_reference.train`.

Accuracies are in percent, for validation and test, of the weights with the lowest validation loss
and of the weights after the last epoch. The minutes count from the start of the first epoch to the
end of the last.
"""

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import mean
from typing import Any

import yaml


@dataclass(frozen=True)
class Run:
    """One run's row.

    Attributes:
        network: The network's name.
        balance: How the training part was balanced.
        seed: Seed of weights and sampler.
        epochs: How many epochs were trained.
        best_epoch: Epoch with the lowest validation loss, counted from 1.
        minutes: Time of the fit.
        accuracies: In percent: best weights on validation and test, last weights on validation and
            test.
    """

    network: str
    balance: str
    seed: int
    epochs: int
    best_epoch: int
    minutes: float
    accuracies: tuple[float, ...]


def read_run(folder: Path) -> Run:
    """Read config.yaml, metrics.csv and metrics.json of a run folder."""
    metrics = json.loads((folder / "metrics.json").read_text())
    if "best" in metrics:
        return _keras_run(metrics)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    with open(folder / "metrics.csv", newline="") as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file) if row["val_loss"]]
    parts = [
        metrics["validation"],
        metrics["test"],
        metrics["last_epoch"]["validation"],
        metrics["last_epoch"]["test"],
    ]
    return Run(
        network=config["model"]["network"]["class_path"].rpartition(".")[2],
        balance=config["data"]["balance"],
        seed=config["seed_everything"],
        epochs=len(losses),
        best_epoch=losses.index(min(losses)) + 1,
        minutes=(
            (folder / "checkpoints" / "last.ckpt").stat().st_mtime
            - (folder / "config.yaml").stat().st_mtime
        )
        / 60,
        accuracies=tuple(100 * part["accuracy"] for part in parts),
    )


def _keras_run(metrics: dict[str, Any]) -> Run:
    parts = [
        metrics[weights][part] for weights in ("best", "last") for part in ("validation", "test")
    ]
    return Run(
        network=f"{metrics['network']}, Keras",
        balance="resample",
        seed=metrics["seed"],
        epochs=metrics["epochs"],
        best_epoch=metrics["best_epoch"] + 1,
        minutes=metrics["seconds"] / 60,
        accuracies=tuple(100 * part["accuracy"] for part in parts),
    )


def table(runs: Sequence[Run]) -> str:
    """Return a Markdown table with a row per run, and means for each network and balance."""
    lines = [
        "| network | balance | seed | epochs (best) | minutes "
        "| best: validation | best: test | last: validation | last: test |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    ordered = sorted(runs, key=lambda run: (run.network, run.balance, run.seed))
    for (network, balance), group in groupby(ordered, key=lambda run: (run.network, run.balance)):
        rows = list(group)
        for run in rows:
            accuracies = " | ".join(f"{accuracy:.1f}" for accuracy in run.accuracies)
            lines.append(
                f"| {network} | {balance} | {run.seed} | {run.epochs} ({run.best_epoch}) "
                f"| {run.minutes:.0f} | {accuracies} |"
            )
        means = " | ".join(
            f"**{mean(column):.2f}**"
            for column in zip(*(run.accuracies for run in rows), strict=True)
        )
        lines.append(f"| {network} | {balance} | mean of {len(rows)} | | | {means} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table([read_run(Path(folder)) for folder in sys.argv[1:]]))

"""The command line in this process, and a network that trains in a second."""

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning
import pytest
import torch
from torch import Tensor, nn

from ecg_lightning.cli.main import main, train
from ecg_lightning.training.run import RUN_VARIABLE

TINY = ("--model.network", "tests.helpers.cli.Tiny")
# A few steps per epoch on the synthetic database's beats of 256 samples, which all tests share.
SMALL = ("--data.per_class", "20", "--data.batch_size", "32", "--trainer.max_epochs", "1")


class Tiny(nn.Module):
    """Means over eighths of the beat, a hidden layer, five logits."""

    def __init__(self, input_length: int = 256, classes: int = 5) -> None:
        super().__init__()
        self.input_length = input_length
        self.hidden, self.norm, self.head = (
            nn.Linear(8, 16),
            nn.LayerNorm(16),
            nn.Linear(16, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        means = torch.stack([part.mean(-1) for part in x[:, 0].chunk(8, dim=-1)], dim=-1)
        return self.head(torch.relu(self.norm(self.hidden(means))))


class Steps(lightning.Callback):
    """Counts the training steps."""

    def __init__(self) -> None:
        self.steps = 0

    def on_train_batch_end(self, *_: object) -> None:
        self.steps += 1


@dataclass(frozen=True)
class Outcome:
    """The exit status, standard output and standard error of a command."""

    status: int
    out: str
    err: str

    @property
    def folder(self) -> Path:
        """The run folder, which is the last line printed."""
        return Path(self.out.splitlines()[-1])


def command(args: Sequence[str], folder: Path, script: bool = False) -> Outcome:
    """Run `ecg-lightning ARGS`, or `scripts/train.py ARGS`, with `folder` as working directory."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = (train if script else main)([str(arg) for arg in args])
    return Outcome(status, out.getvalue(), err.getvalue())


def one_cache(factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a cache for the whole test session, so that the synthetic database is written once.

    Environment variables that the command line sets are removed at the end.
    """
    cache = factory.getbasetemp() / "ecg-lightning-cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECG_LIGHTNING_CACHE", str(cache))
        for name in (RUN_VARIABLE, "PL_GLOBAL_SEED", "PL_SEED_WORKERS"):
            patch.setenv(name, "")
        yield cache


def names_below(folder: Path) -> set[str]:
    """Return the files below a folder, as paths relative to it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

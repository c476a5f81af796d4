"""Progress for people: bars on a terminal, one line an epoch in a log."""

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only


def on_a_terminal(stream: TextIO) -> bool:
    """Whether somebody is looking at what goes to `stream`; job logs get no bars."""
    return stream.isatty()


def track(items: Sequence[str], description: str) -> Iterable[str]:
    """The items, with a bar on standard error when that is a terminal."""
    if not on_a_terminal(sys.stderr):
        return items
    from rich.console import Console
    from rich.progress import track as rich_track

    return rich_track(items, description, console=Console(stderr=True), transient=True)


class EpochLines(Callback):
    """Prints one line for each epoch, for logs without a progress bar."""

    @rank_zero_only
    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """`epoch 3/70  train_loss 0.2110 …`."""
        wanted = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        figures = [f"{name} {float(trainer.callback_metrics[name]):.4f}" for name in wanted if name in trainer.callback_metrics]
        print(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {'  '.join(figures)}", flush=True)

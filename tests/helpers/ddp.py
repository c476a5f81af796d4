"""Train the same run with one, two and four processes: `python -m tests.helpers.ddp KAGGLE FOLDER`.

It leaves FOLDER/WORLD/RANK.pt. The processes are forked from one that has imported everything. They
get the environment variables that torchrun sets.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from torch import Tensor, nn

from ecg_lightning.data import beats, cache, datamodule, split_rules
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.models.layers import BatchNorm
from ecg_lightning.training.callbacks.batch_norm_statistics import BatchNormStatistics
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.classifier import BeatClassifier

GLOBAL_BATCH, PER_CLASS, EPOCHS = 124, 100, 2  # five batches an epoch, the fifth of 4
VALIDATION = 497  # beats; four processes get 125, 124, 124, 124, which are 5, 4, 4 and 4 batches
SAVED = 2  # steps into the last epoch
MEASURED = 3  # batches for the statistics of BatchNorm


class Noting(BeatDataModule):
    """Keeps the rows of each batch, and drops three beats of the validation part."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shown: dict[str, list[list[int]]] = {"train": [], "validation": []}

    def transfer_batch_to_device(
        self, batch: Tensor, device: torch.device, dataloader_idx: int
    ) -> tuple[Tensor, Tensor]:
        self.shown["train" if self.trainer and self.trainer.training else "validation"].append(
            batch.tolist()
        )
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def _split(self) -> None:
        super()._split()
        parts = self.split_rows
        self.split_rows = split_rules.Split(parts.train, parts.validation[:VALIDATION], parts.test)


class Note(lightning.Callback):
    """Keeps the first step's gradients, and saves a checkpoint within the last epoch."""

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint, self.gradients = checkpoint, dict[str, Tensor]()

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: object
    ) -> None:
        if not self.gradients:
            self.gradients = {
                name: weight.grad.clone()
                for name, weight in module.named_parameters()
                if weight.grad is not None
            }

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        if trainer.current_epoch == EPOCHS - 1 and trainer.fit_loop.batch_idx + 1 == SAVED:
            trainer.save_checkpoint(self.checkpoint)


def fit(
    kaggle: Path,
    place: Path,
    world: int,
    norm: Callable[[int], nn.Module] = BatchNorm,
    alone: bool = False,
    batches: int = 0,
    **options: Any,
) -> dict[str, Any]:
    """Train; return what was shown, computed and counted, as plain tensors and numbers.

    `alone`: the Trainer gets the loaders, without their data module. `batches`: those that measure
    the statistics of BatchNorm for evaluations.
    """
    torch.manual_seed(0)
    # Without a bias: BatchNorm cancels its gradient, and Adam would amplify what rounding leaves.
    network = nn.Sequential(
        nn.Conv1d(1, 4, 8, 4, bias=False), norm(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 45, 5)
    ).double()
    classifier = BeatClassifier(network)
    data = Noting(
        "kaggle",
        kaggle,
        per_class=PER_CLASS,
        batch_size=GLOBAL_BATCH // world,
        cache_dir=place / "cache",
    )
    note = Note(place / "within.ckpt")
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=world,
        strategy="ddp" if world > 1 else "auto",
        precision="64-true",
        max_epochs=EPOCHS,
        logger=False,
        callbacks=[note, BatchNormStatistics(batches)],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=place,
        **{key: value for key, value in options.items() if key != "ckpt_path"},
    )
    source: dict[str, Any] = {"datamodule": data}
    if alone:  # the loaders are made before the processes know of each other
        loaders = data.train_dataloader(), data.val_dataloader()
        source = {"train_dataloaders": loaders[0], "val_dataloaders": loaders[1]}
    trainer.fit(classifier, **source, ckpt_path=options.get("ckpt_path"), weights_only=True)
    running = RunningMetrics.of(trainer)
    assert running is not None
    return {
        "shown": data.shown,
        "gradients": note.gradients,
        "weights": classifier.state_dict(),
        "matrices": dict(running.confusion),
        "losses": dict(running.mean_loss),
    }


def one_process(kaggle: Path, place: Path, world: int, rank: int) -> None:
    """Do what one process does."""
    built, build = place / "built", beats.beats_of_kaggle
    torch.set_num_threads(1)

    def noted(root: Path) -> Any:
        with open(built, "a") as file:
            file.write(f"{rank}\n")
        time.sleep(0.5)  # the others would be at it too by now, if they did not wait
        return build(root)

    cache.beats_of_kaggle = noted  # type: ignore[attr-defined]
    datamodule.EVALUATED_NUMBERS = 0
    found: dict[str, Any] = {"whole": fit(kaggle, place, world)}
    if world == 2:
        found["resumed"] = fit(kaggle, place, world, ckpt_path=place / "within.ckpt")
        found["alone"] = fit(kaggle, place, world, alone=True)
        found["alone, resumed"] = fit(
            kaggle, place, world, alone=True, ckpt_path=place / "within.ckpt"
        )
        found["apart"] = fit(
            kaggle, place, world, nn.BatchNorm1d, limit_train_batches=1, limit_val_batches=0
        )
    found["measured"] = fit(kaggle, place, world, batches=MEASURED)
    path = place / "within.ckpt"
    found["measured, resumed"] = fit(kaggle, place, world, batches=MEASURED, ckpt_path=path)
    torch.save(found, place / f"{rank}.pt")


def processes(kaggle: Path, place: Path, world: int) -> None:
    """Fork the processes and wait for all of them."""
    place.mkdir()
    environment = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(find_free_network_port()),
        "TORCHELASTIC_RUN_ID": "test",
    }
    children = []
    for rank in range(world):
        if child := os.fork():
            children.append(child)
            continue
        ranks = {
            "RANK": rank,
            "LOCAL_RANK": rank,
            "WORLD_SIZE": world,
            "LOCAL_WORLD_SIZE": world,
            "GROUP_RANK": 0,
        }
        os.environ.update(
            environment if world > 1 else {},
            **{name: str(value) for name, value in ranks.items() if world > 1},
        )
        status = 1
        try:
            one_process(kaggle, place, world, rank)
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    if any([os.waitpid(child, 0)[1] for child in children]):
        sys.exit(f"{world} processes: one of them failed")


if __name__ == "__main__":
    kaggle, folder = map(Path, sys.argv[1:])
    for world in (1, 2, 4):
        processes(kaggle, folder / str(world), world)

"""Train PatientContext in one and two processes: `python -m tests.helpers.ddp_context RECORDS OUT`.

It leaves OUT/WORLD-RANK.pt. The processes are forked from one that has imported everything.
"""

import os
import sys
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from torch import Tensor

from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.models.patient_context import PatientContext
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.classifier import BeatClassifier

EPOCHS, SEQUENCES, SAVED = 2, 4, 3  # sequences of a step on all devices; steps at the checkpoint


class Noting(BeatDataModule):
    """Keeps the rows of each batch."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shown: dict[str, list[list[list[int]]]] = {"train": [], "validation": []}

    def transfer_batch_to_device(
        self, batch: Tensor, device: torch.device, dataloader_idx: int
    ) -> tuple[Tensor, Tensor]:
        part = "train" if self.trainer and self.trainer.training else "validation"
        self.shown[part].append(batch.tolist())
        return super().transfer_batch_to_device(batch, device, dataloader_idx)


class Save(lightning.Callback):
    """Saves a checkpoint after some steps."""

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        if trainer.global_step == SAVED:
            trainer.save_checkpoint(self.checkpoint)


def fit(records: Path, out: Path, world: int, ckpt_path: Path | None = None) -> dict[str, Any]:
    """Train; return what was shown and counted, and the weights."""
    torch.manual_seed(0)
    network = PatientContext()
    data = Noting(
        "wfdb", records, "context", "records", batch_size=SEQUENCES // world, per_class=700,
        cache_dir=out / "cache",
    )  # fmt: skip
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=world,
        strategy="ddp" if world > 1 else "auto",
        max_epochs=EPOCHS,
        logger=False,
        callbacks=[] if ckpt_path else [Save(out / f"{world}.ckpt")],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=out,
    )
    trainer.fit(BeatClassifier(network), data, ckpt_path=ckpt_path, weights_only=True)
    running = RunningMetrics.of(trainer)
    assert running is not None
    return {
        "shown": data.shown,
        "weights": network.state_dict(),
        "matrices": dict(running.confusion),
        "validation": data.split_rows.validation.tolist(),
    }


def one_process(records: Path, out: Path, world: int, rank: int) -> None:
    """Do what one process does."""
    torch.set_num_threads(1)
    result = {"whole": fit(records, out, world)}
    result["resumed"] = fit(records, out, world, out / f"{world}.ckpt")
    torch.save(result, out / f"{world}-{rank}.pt")


def processes(records: Path, out: Path, world: int) -> None:
    """Fork the processes and wait for all of them."""
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(find_free_network_port()),
        "TORCHELASTIC_RUN_ID": "test",
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "GROUP_RANK": "0",
    }
    children = []
    for rank in range(world):
        if child := os.fork():
            children.append(child)
            continue
        if world > 1:
            os.environ.update(shared, RANK=str(rank), LOCAL_RANK=str(rank))
        status = 1
        try:
            one_process(records, out, world, rank)
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    if any([os.waitpid(child, 0)[1] for child in children]):
        sys.exit(f"{world} processes: one of them failed")


if __name__ == "__main__":
    records, out = map(Path, sys.argv[1:])
    for world in (1, 2):
        processes(records, out, world)

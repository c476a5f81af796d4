"""Where a loader is used: in a Trainer that has the data module, or anywhere else."""

from typing import Any

import torch
from lightning.pytorch.trainer.states import TrainerStatus


class LoaderContext:
    """The Trainer that asked the data module for a loader, if one did.

    A Trainer that has the data module asks it for loaders while it runs, and passes their batches
    to the data module's `transfer_batch_to_device`. Anywhere else (in a loop of your own, or in
    a Trainer that has only the loader) nobody calls that method.

    Args:
        trainer: The data module's Trainer. It stays there after it has finished, and counts only
            while it is running.
    """

    def __init__(self, trainer: Any = None) -> None:
        self.trainer = trainer if _is_running(trainer) else None

    def transfers(self, loader: object) -> bool:
        """Whether the batches of this loader go through the data module."""
        if not _is_running(self.trainer):
            return False
        own = ("train_dataloader", "val_dataloaders", "test_dataloaders", "predict_dataloaders")
        return any(getattr(self.trainer, name) is loader for name in own)

    def ranks(self) -> tuple[int, int]:
        """The number of ranks, and this rank."""
        if self.trainer is not None:
            return self.trainer.world_size, self.trainer.global_rank
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_world_size(), torch.distributed.get_rank()
        return 1, 0


def _is_running(trainer: Any) -> bool:
    return trainer is not None and trainer.state.status == TrainerStatus.RUNNING

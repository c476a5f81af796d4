"""Which processes make up a run, who has started them, and what the Trainer is to know of it."""

import os
import signal
import time
from typing import Any

from lightning.fabric.plugins import CheckpointIO, ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.utilities import rank_zero_only

from ecg_lightning.errors import InputError
from ecg_lightning.system.preemption import TRY_AGAIN
from ecg_lightning.training.checkpoints import AtomicCheckpoints


def is_first_rank() -> bool:
    """Whether this process is the first of its run, as far as its environment or its Trainer says."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


HEAD_START_S = 5  # of the first process


def status_of_rank(status: int) -> int:
    """The exit status of this process, so that the first one of a run decides how the run ends.

    Lightning, torchrun and `srun --kill-on-bad-exit` end all processes when one ends with another status than 0; srun's own is the highest.

    Args:
        status: What the first process returns: at once. The others do so a while later, for it to find the same mistake, and end a run
            that is to be repeated with 0.
    """
    if is_first_rank():
        return status
    signal.signal(
        signal.SIGTERM, signal.SIG_IGN
    )  # by which srun would end a process that is about to end by itself
    if status == TRY_AGAIN:
        return 0
    time.sleep(HEAD_START_S)
    return status


def refuse_several(verb: str, nodes: int) -> None:
    """Refuses several processes, started by somebody else, where each would name a folder of its own by the time.

    Args:
        verb: Of the command.
        nodes: What the Trainer was told.

    Raises:
        InputError: there are several.
    """
    tasks = int(os.environ["SLURM_NTASKS"]) if SLURMEnvironment.detect() else 1
    workers = int(os.environ.get("WORLD_SIZE", 1)) if TorchElasticEnvironment.detect() else 1
    if verb != "fit":
        if max(tasks, workers) > 1:
            raise InputError(
                f"{verb}: expected one process, found {max(tasks, workers)}; start one, as with srun --ntasks=1"
            )
    elif max(tasks, workers, nodes) > 1:
        found = f"found none named for {max(tasks, workers, nodes)} of them"
        raise InputError(
            f"output: expected one folder for all processes of the run, {found}; give --output FOLDER"
        )


def plugins(configured: Any, one_device: bool) -> list[Any]:
    """The Trainer's plugins: the user's, whole checkpoints, and no requeueing by Lightning, which would begin the job before it ends.

    Args:
        configured: `--trainer.plugins`.
        one_device: Whether the Trainer is to leave a cluster's other processes alone.
    """
    given = configured if isinstance(configured, list) else [configured] if configured else []
    if one_device:
        given = [plugin for plugin in given if not isinstance(plugin, ClusterEnvironment)]
    found = [
        *given,
        *(
            []
            if any(isinstance(plugin, CheckpointIO) for plugin in given)
            else [AtomicCheckpoints()]
        ),
    ]
    if one_device:
        found.append(LightningEnvironment())
    elif SLURMEnvironment.detect() and not any(
        isinstance(plugin, ClusterEnvironment) for plugin in given
    ):
        found.append(SLURMEnvironment(auto_requeue=False))
    return found

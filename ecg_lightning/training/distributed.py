"""Which processes make up a run, who started them, and what the Trainer has to know about it."""

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
from ecg_lightning.system.preemption import INTERRUPTED, TRY_AGAIN
from ecg_lightning.training.checkpoints import AtomicCheckpoints

HEAD_START_S = 5  # of the first process


def is_first_rank() -> bool:
    """Return whether this process is the first of its run.

    Lightning knows it from the environment, and from the Trainer once there is one.
    """
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def is_first_local_rank() -> bool:
    """Return whether this process is the first of its run on this machine."""
    return int(os.environ.get("LOCAL_RANK", 0)) == 0


def status_of_rank(status: int) -> int:
    """Return the exit status of this process, so that the first one decides how the run ends.

    Lightning, torchrun and `srun --kill-on-bad-exit` end all processes when one of them ends with a
    status other than 0. The status of srun itself is the highest of all.

    Args:
        status: What the first process returns, at once. The other processes wait, so that it can
            meet the same mistake first. They return 0 where the run is to be repeated.
    """
    if is_first_rank():
        return status
    # srun would end a process with SIGTERM that is about to end by itself.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if status in (TRY_AGAIN, INTERRUPTED):
        return 0
    time.sleep(HEAD_START_S)
    return status


def refuse_several(verb: str, nodes: int) -> None:
    """Refuse several processes of somebody else's launcher if each would name its own run folder.

    Args:
        verb: The command.
        nodes: The Trainer's `num_nodes`.

    Raises:
        InputError: There are several.
    """
    tasks = int(os.environ["SLURM_NTASKS"]) if SLURMEnvironment.detect() else 1
    workers = int(os.environ.get("WORLD_SIZE", 1)) if TorchElasticEnvironment.detect() else 1
    if verb != "fit":
        if max(tasks, workers) > 1:
            raise InputError(
                verb,
                expected="one process",
                found=str(max(tasks, workers)),
                hint="start one, as with srun --ntasks=1",
            )
    elif max(tasks, workers, nodes) > 1:
        raise InputError(
            "output",
            expected="one folder for all processes of the run",
            found=f"none for {max(tasks, workers, nodes)} processes",
            hint="name a folder",
            setting="output",
        )


def plugins(configured: Any, one_device: bool) -> list[Any]:
    """Return the Trainer's plugins: the user's, and those that this program needs.

    Checkpoints are written whole or not at all. Lightning does not requeue a SLURM job, because
    the new job would begin before this one ends.

    Args:
        configured: The user's plugins: none, one or a list.
        one_device: Whether the Trainer has to leave a cluster's other processes alone.
    """
    chosen = configured if isinstance(configured, list) else [configured] if configured else []
    if one_device:
        chosen = [plugin for plugin in chosen if not isinstance(plugin, ClusterEnvironment)]
    own: list[Any] = []
    if not any(isinstance(plugin, CheckpointIO) for plugin in chosen):
        own.append(AtomicCheckpoints(resumes=not one_device))
    if one_device:
        own.append(LightningEnvironment())
    elif SLURMEnvironment.detect() and not any(
        isinstance(plugin, ClusterEnvironment) for plugin in chosen
    ):
        own.append(SLURMEnvironment(auto_requeue=False))
    return [*chosen, *own]

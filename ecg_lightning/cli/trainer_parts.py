"""What a command adds to the Trainer that the user configured: devices, loggers, clear errors."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from ecg_lightning.errors import InputError
from ecg_lightning.training.distributed import plugins

NO_TENSORFLOW = "tensorboard.compat.notf"


def one_device(configured: Any) -> dict[str, Any]:
    """The arguments of a Trainer that evaluates: it uses the first of the configured devices.

    Args:
        configured: The user's Trainer settings.
    """
    devices = configured.devices[:1] if isinstance(configured.devices, list) else 1
    return {
        "devices": devices,
        "num_nodes": 1,
        "strategy": "auto",
        "plugins": plugins(configured.plugins, one_device=True),
    }


def default_loggers(folder: Path) -> list[Logger]:
    """Loggers for metrics.csv and TensorBoard, which write into the run folder.

    Args:
        folder: The run folder.
    """
    # With this module TensorBoard does not import TensorFlow, which takes seconds and prints lines.
    sys.modules.setdefault(NO_TENSORFLOW, ModuleType(NO_TENSORFLOW))
    place = str(folder.absolute())
    return [
        CSVLogger(save_dir=place, name="", version=""),
        TensorBoardLogger(save_dir=place, name="", version=""),
    ]


@contextlib.contextmanager
def trainer_errors() -> Iterator[None]:
    """Turn what a Trainer says of a missing device, accelerator or strategy into an InputError."""
    try:
        yield
    except (MisconfigurationException, ValueError) as error:
        raise InputError(
            f"trainer: {' '.join(str(error).split()).rstrip('.')}",
            hint="change the --trainer argument that it names",
        ) from error

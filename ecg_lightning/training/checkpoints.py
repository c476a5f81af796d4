"""Checkpoints: written whole or not at all, and checked before they are used."""

import contextlib
import hashlib
import io
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import nn

from ecg_lightning import models
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import DESCRIPTION
from ecg_lightning.models.pretrained import shipped_weights
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.paths import default_cache_dir
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.classifier import BeatClassifier

MAKE_ROOM = "make room on this disk, then repeat the command: the earlier checkpoint is intact"
KEPT = "take RUN/checkpoints/best.ckpt or last.ckpt of a run"


def write_checkpoint(network: nn.Module, path: Path, config: Mapping[str, Any]) -> None:
    """Write a Lightning checkpoint as a run does before its first step.

    It holds the weights, a new optimiser and epoch 0.

    Args:
        network: The weights.
        path: The file; written whole or not at all.
        config: What is known about the weights and how beats have to be prepared, see
            `BeatClassifier.config`.

    Raises:
        InputError: The file cannot be written there, or the disk is full.
    """
    classifier = BeatClassifier(network)
    classifier.config = dict(config)
    with _quiet():
        settings: dict[str, Any] = {
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "callbacks": [RunningMetrics()],  # its entry is in the checkpoints of runs too
        }
        whole = AtomicCheckpoints("make room on this disk, or choose another place")
        trainer = lightning.Trainer(
            accelerator="cpu", devices=1, enable_model_summary=False, plugins=[whole], **settings
        )
        trainer.strategy.connect(classifier)
        classifier.trainer = trainer
        trainer.strategy.setup_optimizers(trainer)
        trainer.save_checkpoint(path)


def checkpoint_path(name: str) -> Path:
    """Return the checkpoint of a name: a file, or weights that come with the package.

    Those are written into the cache as a checkpoint.

    Args:
        name: A path, or one of `models.SHIPPED`.
    """
    if name not in models.SHIPPED or Path(name).exists():
        return Path(name)
    state, description = shipped_weights(name)
    content = b"".join(tensor.numpy().tobytes() for tensor in state.values())
    key = hashlib.sha256(content).hexdigest()[:12]
    path = default_cache_dir() / "pretrained" / f"{name}-{description['version']}-{key}.ckpt"
    if not path.is_file():
        write_checkpoint(getattr(models, name).from_pretrained(), path, description["config"])
    return path


def run_config(settings: Mapping[str, Any], beats: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a checkpoint keeps of a run's settings, without paths of the machine.

    Args:
        settings: The run's config.yaml, as plain values.
        beats: How beats are prepared: the data module's settings with their defaults.
    """
    data = {
        key: value for key, value in settings["data"].items() if key not in ("root", "cache_dir")
    }
    trainer = {
        key: settings.get("trainer", {}).get(key)
        for key in ("max_epochs", "precision", "gradient_clip_val")
    }
    model = {**settings["model"], "network": settings["model"]["network"]["class_path"]}
    return {
        "seed_everything": settings.get("seed_everything"),
        "model": model,
        "data": data,
        "trainer": trainer,
        "beats": dict(beats),
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's notes on devices and services."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class AtomicCheckpoints(TorchCheckpointIO):
    """Write a checkpoint next to its place and rename it.

    Lightning writes to the system's temporary folder and moves the file. From one disk to another
    that is a copy, and a kill leaves half of it.

    Args:
        hint: What to do where it cannot be written.
    """

    def __init__(self, hint: str = MAKE_ROOM) -> None:
        super().__init__()
        self.hint = hint

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Save the checkpoint whole or not at all.

        Raises:
            InputError: The disk is full, or the folder cannot be written.
        """
        content = io.BytesIO()  # to a file, torch.save would hide the system's reason for an error
        torch.save(checkpoint, content)
        write_output(Path(path), content.getvalue(), self.hint)


def checked_checkpoint(name: str | None, verb: str, hint: str = KEPT) -> dict[str, Any] | None:
    """Read the checkpoint that a command names, None where a fit names none.

    Args:
        name: The file.
        verb: The command.
        hint: What to do where it cannot be read.

    Raises:
        InputError: The file is missing, or it is no checkpoint; or none is named, and a network
            that nobody has trained would be evaluated.
    """
    if verb == "fit" and name is None:
        return None
    if name is None:
        raise InputError(
            "ckpt_path",
            expected=f"the checkpoint to {verb}",
            found="none",
            hint=hint,
            setting="ckpt_path",
        )
    if not Path(name).is_file():
        raise _no_checkpoint(name, "no such file", hint)
    try:
        content: dict[str, Any] = torch.load(name, map_location="cpu", weights_only=True)
        content["state_dict"], content["pytorch-lightning_version"]
    except Exception as error:  # torch raises half a dozen classes for a damaged file
        problem = f"a file that cannot be read as one ({type(error).__name__})"
        raise _no_checkpoint(name, problem, hint) from error
    return content


def _no_checkpoint(name: str, found: str, hint: str) -> InputError:
    return InputError(
        f"ckpt_path {name}", expected="a checkpoint of this program", found=found, hint=hint
    )


def check_weights(name: str, checkpoint: Mapping[str, Any], model: BeatClassifier) -> None:
    """Refuse the checkpoint of another network before anything is written.

    Args:
        name: The file, for the message.
        checkpoint: Its content.
        model: The classifier that is to take the weights.

    Raises:
        InputError: A name or a shape differs.
    """
    shapes, expected = (
        {key: tuple(tensor.shape) for key, tensor in state.items()}
        for state in (checkpoint["state_dict"], model.state_dict())
    )
    wrong = [key for key in {**expected, **shapes} if shapes.get(key) != expected.get(key)]
    if wrong:
        key = wrong[0]
        shape, wanted = shapes.get(key, "not there"), expected.get(key, "none")
        more = f", and {len(wrong) - 1} more" * (len(wrong) > 1)
        own, other = type(model.network).__name__, checkpoint.get(DESCRIPTION, {}).get("network")
        named = other in models.NETWORKS and other != own
        raise InputError(
            f"ckpt_path {name}",
            expected=f"the weights of {own}",
            found=f"others: {key} is {shape}, expected {wanted}{more}",
            hint=f"choose {other}" if named else "use the config.yaml of the run that wrote it",
            setting="network" if named else "config",
        )

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
from ecg_lightning.models.pretrained import shipped_weights
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.paths import default_cache_dir
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.classifier import BeatClassifier


def write_checkpoint(network: nn.Module, path: Path, config: Mapping[str, Any]) -> None:
    """Writes a Lightning checkpoint as a run does before its first step: weights, a fresh optimiser, epoch 0.

    Args:
        network: The weights.
        path: The file; written whole or not at all.
        config: What is known about the weights and how beats have to be prepared, see `BeatClassifier.config`.

    Raises:
        InputError: the file cannot be written there, or the disk is full.
    """
    classifier = BeatClassifier(network)
    classifier.config = dict(config)
    with _quiet():
        settings: dict[str, Any] = {
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "callbacks": [RunningMetrics()],  # whose entry a run's checkpoint has, too
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
    """The checkpoint of that name: a file, or shipped weights, which are written into the cache as a checkpoint.

    Args:
        name: A path, or one of `models.SHIPPED`.
    """
    if name not in models.SHIPPED or Path(name).exists():
        return Path(name)
    state, description = shipped_weights(name)
    key = hashlib.sha256(
        b"".join(tensor.numpy().tobytes() for tensor in state.values())
    ).hexdigest()[:12]
    path = default_cache_dir() / "pretrained" / f"{name}-{description['version']}-{key}.ckpt"
    if not path.is_file():
        write_checkpoint(getattr(models, name).from_pretrained(), path, description["config"])
    return path


def run_config(settings: Mapping[str, Any], beats: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint keeps of a run's settings: how it was trained, and on beats cut how; no paths of the machine.

    Args:
        settings: The run's config.yaml, as plain values.
        beats: The datamodule's settings, with what was left out filled in.
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
    """Without Lightning's notes on devices and services."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


MAKE_ROOM = "make room on this disk, then repeat the command: the checkpoint before is intact"


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it.

    Lightning writes to the system's temporary folder and moves the file; from one disk to another that is a copy, which a kill cuts short.

    Args:
        advice: What to do where it cannot be written.
    """

    def __init__(self, advice: str = MAKE_ROOM) -> None:
        super().__init__()
        self.advice = advice

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Saves whole or not at all.

        Raises:
            InputError: the disk is full, or the folder cannot be written.
        """
        content = (
            io.BytesIO()
        )  # torch.save to a file turns the system's reason into a RuntimeError without it
        torch.save(checkpoint, content)
        write_output(Path(path), content.getvalue(), self.advice)


KEPT = "a run keeps its checkpoints in RUN/checkpoints/best.ckpt and last.ckpt"


def checked_checkpoint(name: str | None, verb: str, advice: str = KEPT) -> dict[str, Any] | None:
    """The checkpoint's content, if one is named.

    Refuses one that is not there or not ours, and to judge a network that nobody has trained.
    """
    if verb in ("fit", "prepare") and name is None:
        return None
    if name is None:
        raise InputError(
            f"ckpt_path: expected the checkpoint to {verb}, found none; give --ckpt_path: {advice}"
        )
    if not Path(name).is_file():
        raise InputError(f"ckpt_path {name}: expected a checkpoint, found no such file; {advice}")
    try:
        content: dict[str, Any] = torch.load(name, map_location="cpu", weights_only=True)
        content["state_dict"], content["pytorch-lightning_version"]
    except Exception as error:  # torch raises half a dozen kinds for a damaged file
        found = f"found a file that cannot be read as one ({type(error).__name__})"
        raise InputError(
            f"ckpt_path {name}: expected a checkpoint of this program, {found}; {advice}"
        ) from error
    return content


def check_weights(name: str, checkpoint: Mapping[str, Any], model: BeatClassifier) -> None:
    """Refuses the checkpoint of another network before anything is written."""
    states = checkpoint["state_dict"], model.state_dict()
    shapes, expected = ({key: tuple(tensor.shape) for key, tensor in of.items()} for of in states)
    if wrong := [key for key in {**expected, **shapes} if shapes.get(key) != expected.get(key)]:
        raise InputError(
            f"ckpt_path {name}: expected the weights of {type(model.network).__name__}, found others: {wrong[0]} is "
            f"{shapes.get(wrong[0], 'not there')}, expected {expected.get(wrong[0], 'none')}, and {len(wrong) - 1} more; use the "
            "config.yaml of the run that wrote it"
        )

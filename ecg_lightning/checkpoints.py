"""Checkpoints that no training wrote: of imported and of shipped weights. And what every checkpoint says about itself."""

import contextlib
import dataclasses
import hashlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import nn

from ecg_lightning import models
from ecg_lightning.beats import BeatSettings
from ecg_lightning.classifier import DESCRIPTION, BeatClassifier
from ecg_lightning.datamodule import default_cache_dir
from ecg_lightning.errors import InputError
from ecg_lightning.last_checkpoint import AtomicCheckpoints
from ecg_lightning.models.pretrained import shipped_weights

MOST_SAMPLES = 1 << 16  # of a beat; a longer one comes from a broken file


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
        settings: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        whole = AtomicCheckpoints("make room on this disk, or choose another place")
        trainer = lightning.Trainer(accelerator="cpu", devices=1, enable_model_summary=False, plugins=[whole], **settings)
        trainer.strategy.connect(classifier)
        classifier.trainer = trainer
        trainer.strategy.setup_optimizers(trainer)
        trainer.save_checkpoint(path)


def read_network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a checkpoint with its weights, in evaluation mode, and what the checkpoint says about itself.

    Args:
        path: A checkpoint that this program wrote. Only plain numbers, texts and tensors are read from it, and no class is looked up by
            a name in it, apart from our own networks'.

    Raises:
        InputError: not such a checkpoint, of another network than ours, or damaged.
    """
    advice = "take RUN/checkpoints/best.ckpt of a run, or a file that import-keras wrote"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        description, state = content[DESCRIPTION], content["state_dict"]
        name, samples, classes = description["network"], description["input_length"], len(description["classes"])
    except Exception as error:  # torch raises half a dozen kinds for a damaged file
        found = "no such file" if not path.is_file() else f"a file that cannot be read as one ({type(error).__name__})"
        raise InputError(f"{path}: expected a checkpoint of this program, found {found}; {advice}") from error
    if not isinstance(samples, int) or not 0 < samples <= MOST_SAMPLES:
        raise InputError(f"{path}: expected an input length up to {MOST_SAMPLES}, found {samples!r}; {advice}")
    if name not in models.__all__:
        raise InputError(f"{path}: expected a checkpoint of {', '.join(models.__all__)}, found one of {name!r}; {advice}")
    with torch.device("meta"):  # shapes only: memory is taken by the weights that are there, not by what the checkpoint claims
        network: nn.Module = getattr(models, name)(samples, classes)
    try:
        weights = {key.removeprefix("network."): value for key, value in state.items() if key.startswith("network.")}
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        found = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: expected the weights of {name}, found others: {found}; {advice}") from error
    return network.eval(), description


def checkpoint_path(name: str) -> Path:
    """The checkpoint of that name: a file, or shipped weights, which are written into the cache as a checkpoint.

    Args:
        name: A path, or one of `models.SHIPPED`.
    """
    if name not in models.SHIPPED or Path(name).exists():
        return Path(name)
    state, description = shipped_weights(name)
    key = hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in state.values())).hexdigest()[:12]
    path = default_cache_dir() / "pretrained" / f"{name}-{description['version']}-{key}.ckpt"
    if not path.is_file():
        write_checkpoint(getattr(models, name).from_pretrained(), path, description["config"])
    return path


def run_config(settings: Mapping[str, Any], beats: BeatSettings) -> dict[str, Any]:
    """What a checkpoint keeps of a run's settings: how it was trained, and on beats cut how; no paths of the machine.

    Args:
        settings: The run's config.yaml, as plain values.
        beats: The datamodule's settings, with what was left out filled in.
    """
    data = {key: value for key, value in settings["data"].items() if key not in ("root", "cache_dir")}
    trainer = {key: settings.get("trainer", {}).get(key) for key in ("max_epochs", "precision", "gradient_clip_val")}
    model = {**settings["model"], "network": settings["model"]["network"]["class_path"]}
    return {
        "seed_everything": settings.get("seed_everything"),
        "model": model,
        "data": data,
        "trainer": trainer,
        "beats": dataclasses.asdict(beats),
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

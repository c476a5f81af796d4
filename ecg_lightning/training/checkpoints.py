"""Checkpoints: written whole or not at all, and checked before they are used."""

import atexit
import contextlib
import functools
import hashlib
import io
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import Tensor, nn

from ecg_lightning import models
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import DESCRIPTION, VERSION, read_checkpoint
from ecg_lightning.models.checkpoint_file import EXPECTED, CheckpointError
from ecg_lightning.models.pretrained import shipped_network, shipped_weights
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.paths import ADVICE, default_cache_dir
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.classifier import MINIMISED, BeatClassifier
from ecg_lightning.training.resumed_state import (
    OWN_CALLBACKS,
    check_optimizer,
    check_state,
    loaded_epochs,
)

MAKE_ROOM = f"{ADVICE}, then repeat the command: the earlier checkpoint is intact"
KEPT_OF_TRAINER = (
    *("max_epochs", "precision", "accumulate_grad_batches"),
    *("gradient_clip_val", "gradient_clip_algorithm"),
)
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
        whole = AtomicCheckpoints(f"{ADVICE}, or choose another place")
        trainer = lightning.Trainer(
            accelerator="cpu", devices=1, enable_model_summary=False, plugins=[whole], **settings
        )
        trainer.strategy.connect(classifier)
        classifier.trainer = trainer
        trainer.strategy.setup_optimizers(trainer)
        trainer.save_checkpoint(path)


def checkpoint_path(name: str, cache_dir: Path | None = None) -> Path:
    """Return the checkpoint of a name: a file, or weights that come with the package.

    Those are written into the cache as a checkpoint. A copy that is there already is compared with
    what was shipped, and replaced where it differs.

    Args:
        name: A path, or one of `models.SHIPPED`.
        cache_dir: A cache to take where the default one cannot be written.

    Raises:
        InputError: The weights cannot be written anywhere.
    """
    if name not in models.SHIPPED or Path(name).exists():
        return Path(name)
    network, description = shipped_network(name)
    state = network.state_dict()
    content = b"".join(tensor.numpy().tobytes() for tensor in state.values())
    key = hashlib.sha256(content).hexdigest()[:12]
    file = f"{name}-{description['version']}-{key}.ckpt"
    for folder in _folders(cache_dir):
        with contextlib.suppress(InputError):  # a cache that cannot be written: the next one
            path = folder() / "pretrained" / file
            if not _is_shipped(path, state, description["config"]):
                write_checkpoint(network, path, description["config"])
            return path
    path = _temporary_folder() / file
    write_checkpoint(network, path, description["config"])
    return path


def _folders(cache_dir: Path | None) -> Iterator[Callable[[], Path]]:
    """The caches to try, one after the other; the default one may not exist for this user."""
    yield default_cache_dir
    if cache_dir is not None:
        yield lambda: cache_dir


@functools.cache
def _temporary_folder() -> Path:
    """A folder that is removed when the process ends."""
    folder = tempfile.mkdtemp(prefix="ecg-lightning-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _is_shipped(path: Path, state: Mapping[str, Tensor], config: Mapping[str, Any]) -> bool:
    """Whether a file holds the shipped weights and their description, undamaged."""
    try:
        content = _read(path, KEPT, resumes=True)
    except InputError:
        return False
    return _holds(content, state, config)


def shipped_description(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what shipped weights say of themselves, for the checkpoint of them; {} for others.

    Args:
        content: That of a checkpoint.
    """
    for name in models.SHIPPED:
        state, description = shipped_weights(name)
        if _holds(content, state, description["config"]):
            return description
    return {}


def _holds(
    content: Mapping[str, Any], state: Mapping[str, Tensor], config: Mapping[str, Any]
) -> bool:
    """Whether a checkpoint has these weights and this description."""
    weights = content["state_dict"]
    return (
        weights.keys() == {f"network.{name}" for name in state}
        and all(torch.equal(weights[f"network.{name}"], value) for name, value in state.items())
        and content[DESCRIPTION]["config"] == config
    )


def run_config(settings: Mapping[str, Any], beats: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a checkpoint keeps of a run's settings, without paths of the machine.

    Args:
        settings: The run's config.yaml, as plain values.
        beats: How beats are prepared: the data module's settings with their defaults.
    """
    data = {
        key: value for key, value in settings["data"].items() if key not in ("root", "cache_dir")
    }
    if data.get("patients") is not None:  # another file gives other parts
        data["patients"] = Path(data["patients"]).name
    trainer = {key: settings.get("trainer", {}).get(key) for key in KEPT_OF_TRAINER}
    model = {**settings["model"], "network": settings["model"]["network"]["class_path"]}
    return {
        "seed_everything": settings.get("seed_everything"),
        "model": model,
        "data": data,
        "trainer": trainer,
        "batch_norm": settings.get("batch_norm"),
        "optimizer": settings.get("optimizer"),
        "lr_scheduler": settings.get("lr_scheduler"),
        "lr_interval": settings.get("lr_interval"),
        "beats": dict(beats),
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's notes on devices and services."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="GPU available but not used")
            yield
    finally:
        logger.setLevel(level)


class AtomicCheckpoints(TorchCheckpointIO):
    """Write a checkpoint next to its place and rename it.

    Lightning writes to the system's temporary folder and moves the file. From one disk to another
    that is a copy, and a kill leaves half of it.

    Args:
        hint: What to do where it cannot be written.
        resumes: Whether a training resumes from what is read. Else its state is not looked at.
    """

    def __init__(self, hint: str = MAKE_ROOM, resumes: bool = True) -> None:
        super().__init__()
        self.hint, self.resumes = hint, resumes

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

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read a checkpoint as the program checks it before a run.

        Raises:
            InputError: It is damaged, or no checkpoint of this program.
        """
        return _read(Path(path), KEPT, self.resumes)


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
    return _read(Path(name), hint, verb == "fit")


def _read(path: Path, hint: str, resumes: bool) -> dict[str, Any]:
    """The content of a checkpoint, with its training's state where a training resumes."""
    content = read_checkpoint(path, hint)
    try:
        if resumes:
            check_state(content)
            return content
        return _without_training(content, loaded_epochs(content))
    except CheckpointError as error:
        raise _refused(str(path), error, hint) from error


def _without_training(content: dict[str, Any], epochs: int | None) -> dict[str, Any]:
    """What an evaluation uses: the weights, their description and other programs' callbacks."""
    callbacks = content.get("callbacks")
    others = {
        key: state
        for key, state in (callbacks.items() if isinstance(callbacks, dict) else ())
        if type(key) is str and key.partition("{")[0] not in OWN_CALLBACKS
    }
    kept = ("state_dict", DESCRIPTION, VERSION, "global_step")
    finished = {"epoch_progress": {"current": {"processed": epochs or 0}}}
    loops = {"fit_loop": finished, "validate_loop": {}, "test_loop": {}, "predict_loop": {}}
    return {**{key: content[key] for key in kept}, "callbacks": others, "loops": loops}


def _refused(name: str, error: CheckpointError, hint: str) -> InputError:
    return InputError(name, expected=EXPECTED, found=str(error), hint=hint)


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
    expected = {key: shape for key, shape in expected.items() if not key.startswith(MINIMISED)}
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


def check_resumable(name: str, checkpoint: Mapping[str, Any], model: BeatClassifier) -> None:
    """Refuse the state of another optimiser or learning rate schedule before anything is written.

    Args:
        name: The file, for the message.
        checkpoint: Its content, as `checked_checkpoint` returns it for a fit.
        model: The classifier that is to be trained further.

    Raises:
        InputError: They differ.
    """
    optimizers, schedules = _optimizers(model)
    try:
        check_optimizer(checkpoint, optimizers, schedules)
    except CheckpointError as error:
        hint = "train with the optimiser of that run, or begin without its checkpoint"
        raise InputError(
            name, expected="the state of this optimiser", found=str(error), hint=hint
        ) from error


def _optimizers(model: BeatClassifier) -> tuple[list[Any], list[Any]]:
    """The optimisers and schedules that a training of the classifier would have."""
    made: Any = model.configure_optimizers()
    if isinstance(made, dict):
        schedule = made.get("lr_scheduler")
        made = [made["optimizer"]], [schedule] if schedule else []
    optimizers, schedules = made if isinstance(made, tuple) else (made, [])
    optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
    return optimizers, [one["scheduler"] if isinstance(one, dict) else one for one in schedules]

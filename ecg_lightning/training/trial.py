"""A network and its optimiser on trial, before a run writes anything."""

import copy
import math
import traceback
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ecg_lightning import models
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.text import escaped
from ecg_lightning.training.losses import batch_loss
from ecg_lightning.training.random_state import unchanged_generators

BEATS = 2
LABELS = 7  # more than classes, so that the two cannot be mistaken for each other
_SINGLE = ("peaks", "annotations", "windows")  # segmentations without sequences


def check_segmentation(classifier: Any, segmentation: str) -> None:
    """Refuse a network of sequences for single beats, the reverse, and causal with other beats.

    Args:
        classifier: A `BeatClassifier`.
        segmentation: Of the data module.

    Raises:
        InputError: They do not fit.
    """
    network = classifier.network
    sequences = bool(getattr(network, "takes_sequences", False))
    causal = bool(getattr(network, "causal", False))
    fitting = ("context-causal" if causal else "context",) if sequences else _SINGLE
    if segmentation not in fitting:
        form = "causal " if causal else ""
        raise InputError(
            "segmentation",
            expected=f"{' or '.join(fitting)} for the {form}network {type(network).__name__}",
            found=segmentation,
            hint="change the segmentation, or choose another network",
            setting="segmentation",
        )


def try_network(classifier: Any, shape: tuple[int, ...]) -> None:
    """Refuse a network that cannot be trained on these beats.

    A copy of it gets two beats of random numbers, once forward and once backward. The weights, the
    statistics of its layers and the states of the random generators stay as they are. This
    package's networks check their input themselves.

    Args:
        classifier: A `BeatClassifier`.
        shape: (1, T) or (1, H, W), of one beat as the network sees it; (K, 5, T) of a sequence for
            a network with the attribute `takes_sequences`.

    Raises:
        InputError: It has no parameters, fails, or returns no logits for the classes.
    """
    network = classifier.network
    if type(network).__name__ in models.NETWORKS and type(network).__module__.startswith(
        models.__name__
    ):
        return
    name = f"network {type(network).__name__}"
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise _refused(name, "parameters that can be trained", "none", "choose another network")
    steps = shape[:1] if getattr(network, "takes_sequences", False) else ()
    wanted = (BEATS, *steps, len(CLASS_NAMES))
    with unchanged_generators(torch.device("cpu")):
        try:
            logits = _logits(network, shape, wanted)
        except InputError:
            raise
        except Exception as error:  # the network is the user's: it may raise anything
            expected = f"logits of beats of shape {(BEATS, *shape)}"
            raise _refused(name, expected, _problem(error), "correct the network") from error
    if problem := _wrong(logits, wanted):
        expected = f"logits of shape {wanted}"
        raise _refused(name, expected, problem, "let it return one logit for each class")


def try_loss(classifier: Any) -> None:
    """Refuse a loss that cannot be minimised.

    A copy of it gets random logits of each class, once forward and once backward.

    Args:
        classifier: A `BeatClassifier`.

    Raises:
        InputError: It fails, or gives neither a loss of each beat nor one number.
    """
    if classifier.minimised is None:
        return
    name, labels = (
        f"loss {type(classifier.minimised).__name__}",
        torch.arange(LABELS) % len(CLASS_NAMES),
    )
    with unchanged_generators(torch.device("cpu")):
        try:
            loss = copy.deepcopy(classifier.minimised).train()
            if callable(tell := getattr(loss, "set_class_counts", None)):
                tell(torch.ones(len(CLASS_NAMES), dtype=torch.int64))
            logits = torch.randn(len(labels), len(CLASS_NAMES), requires_grad=True)
            batch_loss(loss, logits, labels).backward()  # type: ignore[no-untyped-call]
        except InputError:
            raise
        except Exception as error:  # the loss is the user's: it may raise anything
            expected = f"losses of logits {tuple(logits.shape)} and labels {tuple(labels.shape)}"
            raise _refused(name, expected, _problem(error), "correct the loss") from error
    if logits.grad is None or not bool(logits.grad.isfinite().all()):
        expected, found = "finite gradients of the logits", "none"
        if logits.grad is not None:
            found = "infinite ones or NaN"
        raise _refused(name, expected, found, "correct the loss")


def check_optimizers(classifier: Any) -> None:
    """Refuse an optimiser with settings that are no positive numbers.

    Args:
        classifier: A `BeatClassifier`.

    Raises:
        InputError: A learning rate is not positive, or a setting is not finite.
    """
    made = classifier.configure_optimizers()
    made = made["optimizer"] if isinstance(made, dict) else made
    made = made[0] if isinstance(made, tuple | list) else made
    for group in (made[0] if isinstance(made, list) else made).param_groups:
        for key, value in group.items():
            values = value if isinstance(value, tuple) else (value,)
            if any(isinstance(one, float) and not math.isfinite(one) for one in values):
                raise _refused(f"optimizer.{key}", "a finite number", f"{value}", "change it")
        if not group.get("lr", 1) > 0:
            found = str(group["lr"])
            raise _refused("optimizer.lr", "a positive number", found, "change it")


def _refused(subject: str, expected: str, found: str, hint: str) -> InputError:
    setting = next((name for name in ("network", "loss") if subject.startswith(name)), "")
    return InputError(subject, expected=expected, found=found, hint=hint, setting=setting)


def _logits(network: nn.Module, shape: tuple[int, ...], wanted: tuple[int, ...]) -> Any:
    """The outputs of a copy, in training mode and after one step backward."""
    trial = copy.deepcopy(network).train()
    logits = trial(torch.rand(BEATS, *shape))
    if not _wrong(logits, wanted):
        flat = logits.flatten(0, -2)
        labels = torch.zeros(len(flat), dtype=torch.int64)
        nn.functional.cross_entropy(flat, labels).backward()
    return logits


def _wrong(logits: Any, wanted: tuple[int, ...]) -> str:
    """What is wrong with the outputs; empty if nothing is."""
    if not isinstance(logits, Tensor):
        return f"a {type(logits).__name__}"
    if tuple(logits.shape) != wanted:
        return str(tuple(logits.shape))
    return "" if logits.is_floating_point() else f"numbers of type {logits.dtype}"


def _problem(error: Exception) -> str:
    """The error of a network: its type, its text and its place in the user's file."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and not _is_torchs(frame.filename)
    ]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    text = escaped(" ".join(f"{type(error).__name__}: {error}".split()).rstrip(": "))
    return f"{text}{place}"


def _is_torchs(filename: str) -> bool:
    return Path(filename).is_relative_to(Path(torch.__file__).parent)

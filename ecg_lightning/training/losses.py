"""Losses of a training: cross-entropy with weights and smoothing, focal loss, and one's own.

A loss is a torch module that maps logits (B, 5) and class indices (B,) to the loss of each beat,
(B,), or to one number. Beats without a label are not among them; of a network with members each
beat of each member is one. A module with the method `set_class_counts` gets the numbers of beats of
the training part, (5,), before the first step.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError, SettingsWarning

Weights = list[float] | Literal["balanced"] | None


class _Weighted(nn.Module):
    """A loss with a weight for each class.

    Args:
        class_weights: Five numbers for N, S, V, F and Q; `balanced`; or None.

    Raises:
        InputError: The weights are not five numbers of at least 0, or all are 0.
    """

    weights: Tensor | None

    def __init__(self, class_weights: Weights = None) -> None:
        super().__init__()
        numbers = None if class_weights in (None, "balanced") else _checked(class_weights)
        self.class_weights, self._unknown = class_weights, class_weights == "balanced"
        self.register_buffer("weights", numbers, persistent=False)  # known from the settings

    def set_class_counts(self, counts: Tensor) -> None:
        """Let `balanced` weights be those of a training part.

        Args:
            counts: (5,) beats of each class.
        """
        if self.class_weights == "balanced":
            device = None if self.weights is None else self.weights.device
            self.weights, self._unknown = balanced_weights(counts).to(device), False

    def weights_like(self, logits: Tensor) -> Tensor | None:
        """Return the weights (5,) of the classes on the device of logits; None without weights.

        Raises:
            InputError: `balanced` weights are asked for before the numbers of beats are known.
        """
        if self._unknown:
            raise InputError(
                "class_weights balanced",
                expected="the numbers of beats of each class",
                found="none",
                hint="train with a BeatDataModule, call set_class_counts, or give five numbers",
            )
        return None if self.weights is None else self.weights.to(logits)


class CrossEntropy(_Weighted):
    """Cross-entropy in nats, with weights of classes and label smoothing.

    The loss of each beat, smoothed or not, is multiplied by the weight of its class. The loss of a
    batch is the mean over its beats, as with Keras's `class_weight`; torch's CrossEntropyLoss
    divides by the sum of the weights instead.

    Args:
        class_weights: Five numbers for N, S, V, F and Q; or `balanced`: the beats of the training
            part divided by those of the class and by the number of classes that have beats, so that
            all classes weigh the same.
        label_smoothing: The share of the label that goes to all classes alike, from 0 to below 1.
            Source: C. Szegedy et al., "Rethinking the Inception architecture", CVPR 2016.

    Raises:
        InputError: The weights are not five numbers of at least 0, or all are 0; or the share is
            outside its range.

    Example:
        >>> loss = CrossEntropy([1, 5, 2, 5, 1])
        >>> loss(torch.zeros(2, 5), torch.tensor([0, 1]))  # ln 5, and five times ln 5
        tensor([1.6094, 8.0472])
    """

    def __init__(self, class_weights: Weights = None, label_smoothing: float = 0.0) -> None:
        super().__init__(class_weights)
        if not 0 <= label_smoothing < 1:
            raise _refused("label_smoothing", "a number from 0 to below 1", label_smoothing)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss (B,) of logits (B, 5) and class indices (B,)."""
        # Not torch's `weight`: with smoothing it weighs each class's share of the label by itself.
        losses = F.cross_entropy(
            logits, labels, reduction="none", label_smoothing=self.label_smoothing
        )
        weights = self.weights_like(logits)
        return losses if weights is None else losses * weights[labels]


class FocalLoss(_Weighted):
    """Cross-entropy that counts beats the less, the surer the network is of their class.

    With the probability p of a beat's class the loss is (1 - p)^gamma times the cross-entropy,
    times the weight of the class.

    Args:
        gamma: 0 is the cross-entropy.
        class_weights: As for `CrossEntropy`; the source calls them alpha.

    Raises:
        InputError: gamma is below 0, or the weights are refused.

    Source: T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017; here with the
    softmax of several classes.

    Example:
        >>> FocalLoss()(torch.zeros(1, 5), torch.tensor([0]))  # 0.8^2 ln 5
        tensor([1.0300])
    """

    def __init__(self, gamma: float = 2.0, class_weights: Weights = None) -> None:
        super().__init__(class_weights)
        if not 0 <= gamma < math.inf:
            raise _refused("gamma", "0 or a positive number", gamma)
        self.gamma = gamma

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss (B,) of logits (B, 5) and class indices (B,)."""
        weighted = F.cross_entropy(logits, labels, self.weights_like(logits), reduction="none")
        log_p = F.log_softmax(logits, -1).gather(-1, labels[:, None])[:, 0]
        # The smallest number above 0 keeps the slope finite where p is 1 and gamma below 1.
        other = -torch.expm1(log_p)
        return other.clamp(min=torch.finfo(other.dtype).tiny) ** self.gamma * weighted


def balanced_weights(counts: Tensor) -> Tensor:
    """Return weights with which all classes weigh the same, and beats 1 on average.

    Args:
        counts: (5,) beats of each class. A class without beats weighs 0.

    Example:
        >>> balanced_weights(torch.tensor([6, 2, 0]))
        tensor([0.6667, 2.0000, 0.0000])
    """
    there = counts > 0
    weights = counts.sum() / (there.sum() * counts.clamp(min=1))
    return (weights * there).float()


def batch_loss(
    loss: nn.Module, logits: Tensor, labels: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Return the loss () of a batch: the mean over beats of what a loss gives for each.

    Args:
        loss: Gives (B,), or one number.
        logits: (B, 5).
        labels: (B,) class indices.
        weights: (B,) how much each beat counts in the mean; None: all the same.

    Raises:
        InputError: The loss gives anything else; or one number, where beats are weighted.
    """
    losses = loss(logits, labels)
    name = f"loss {type(loss).__name__}"
    if problem := _wrong(losses, len(labels)):
        raise InputError(
            name,
            expected=f"a tensor of shape ({len(labels)},), a loss of each beat, or one number",
            found=problem,
            hint="correct the loss",
            setting="loss",
        )
    if weights is None:
        return losses.mean()  # type: ignore[no-any-return]
    if losses.dim() == 0:
        raise InputError(
            name,
            expected="a loss of each beat (B,), because every record counts the same",
            found="one number",
            hint="return a loss of each beat (torch's losses: reduction none), or choose the "
            "balance none",
            setting="balance",
        )
    return (losses * weights).sum() / weights.sum()  # type: ignore[no-any-return]


def prepare_loss(loss: nn.Module, data: Any) -> None:
    """Tell a loss how many beats the training part has, and warn of a double correction.

    Args:
        loss: The loss; one without `set_class_counts` is not told.
        data: The data module; None without one.
    """
    if data is None or not hasattr(data, "class_counts"):
        return
    if callable(tell := getattr(loss, "set_class_counts", None)):
        tell(torch.tensor(list(data.class_counts()["train"].values())))
    weighted = getattr(loss, "class_weights", None) is not None
    if weighted and getattr(data, "balances_classes", False):
        warnings.warn(
            f"the loss has class weights, and the balance {data.balance} shows rare classes more "
            "often: both together correct twice; set the balance to none, or drop the weights",
            SettingsWarning,
            stacklevel=2,
        )


def _wrong(losses: Any, n_beats: int) -> str:
    """What is wrong with the value of a loss; empty if nothing is."""
    if not isinstance(losses, Tensor):
        return f"a {type(losses).__name__}"
    if losses.shape not in ((), (n_beats,)):
        return f"one of shape {tuple(losses.shape)}"
    return "" if losses.is_floating_point() else f"numbers of type {losses.dtype}"


def _checked(weights: Sequence[float] | str | None) -> Tensor:
    """Given weights as a tensor."""
    numbers = list(weights) if isinstance(weights, list | tuple) else []
    allowed = all(
        isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < math.inf
        for number in numbers
    )
    if len(numbers) != len(CLASS_NAMES) or not allowed or not any(numbers):
        names = ", ".join(CLASS_NAMES)
        expected = f"balanced, or a number of 0 or more for each of {names}, not all 0"
        raise _refused("class_weights", expected, weights)
    return torch.tensor(numbers, dtype=torch.float32)


def _refused(name: str, expected: str, value: object) -> InputError:
    return InputError(name, expected=expected, found=f"{value!r:.60}", hint="change it")

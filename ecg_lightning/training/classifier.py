"""The LightningModule: a network that returns logits, its loss, its augmentation, its optimiser."""

import inspect
import io
import math
from pathlib import Path
from typing import IO, Any, Self

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning import __version__
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import DESCRIPTION, network_of, read_checkpoint
from ecg_lightning.models.checks import check_tensor
from ecg_lightning.split_facts import TRAINED_ON
from ecg_lightning.text import escaped
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.keras_adam import KerasAdam
from ecg_lightning.training.loss_state import put_loss, take_loss
from ecg_lightning.training.losses import batch_loss, prepare_loss
from ecg_lightning.training.random_state import RANDOM, random_state, set_random_state
from ecg_lightning.training.resumed_state import loaded_epochs
from ecg_lightning.training.schedules import check_schedules

# Signals (B, 1, T) and class indices (B,), or sequences (S, K, 5, T) and (S, K).
Batch = tuple[Tensor, Tensor]
MINIMISED = "minimised"  # the attribute of the loss
IGNORED = -100  # the label of a beat of a sequence that shows none


class BeatClassifier(lightning.LightningModule):
    """Train a network on labelled beats as the original project did.

    The loss is categorical cross-entropy, the optimiser Keras's Adam. The callback
    `RunningMetrics`, which comes along, logs `train_loss`, `train_accuracy`, `val_loss` and so on.
    These losses are cross-entropies whatever `loss` a training minimises, so that runs can be
    compared. Override `augment` in a subclass to change training beats, and `loss` for a loss that
    every part is measured with.

    A network with the attribute `takes_sequences` gets sequences (S, K, 5, T) of consecutive beats
    and returns logits (S, K, 5). Beats whose label is -100 are seen by the network and then
    dropped: loss, metrics and predictions are about the others, one by one.

    Attributes:
        config: How the weights were trained, or where they were imported from, as plain numbers
            and texts. Checkpoints keep it. The command line fills it in.
        minimised: The argument `loss`.
        loaded_epoch: For how many epochs the last checkpoint that was loaded had been trained;
            None before.

    Args:
        network: Takes signals (B, 1, T), returns logits (B, 5).
        learning_rate: Adam's.
        betas: Adam's.
        epsilon: Adam's, in Keras's sense.
        loss: What a training minimises: `CrossEntropy`, `FocalLoss`, or a module that returns a
            loss of each beat, see `losses`. Default: cross-entropy.

    Raises:
        InputError: Adam cannot work with these settings; or there is a `loss` in a subclass that
            overrides the method.

    Example:
        >>> from ecg_lightning.models import DeepConv1d
        >>> classifier = BeatClassifier(DeepConv1d(input_length=256))
        >>> classifier(torch.zeros(2, 1, 256)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        network: nn.Module,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-7,
        loss: nn.Module | None = None,
    ) -> None:
        super().__init__()
        _check_adam(learning_rate, betas, epsilon)
        self._check_loss(loss)
        self.save_hyperparameters(ignore=["network", "loss"])
        self.network, self.minimised = network, loss
        self.learning_rate, self.betas, self.epsilon = learning_rate, betas, epsilon
        self.config: dict[str, Any] = {}
        self.loaded_epoch: int | None = None
        self.trained_earlier: Any = None  # what a checkpoint that a fit continues was trained on
        self._random: Any = None  # the state of a checkpoint that a fit resumes from

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]
        cls, checkpoint_path: str | Path | IO[bytes], *args: Any, **kwargs: Any
    ) -> Self:
        """Load a classifier with its weights from a checkpoint.

        For this package's networks the path is enough: the name of the network comes from a fixed
        table, and its sizes are those of the weights that are there.

        Args:
            checkpoint_path: A path or an open file.
            args: Lightning's `map_location`, `hparams_file`, `strict` and `weights_only` (default:
                True).
            kwargs: The same by name, and arguments of the classifier that replace the
                checkpoint's. `network` is required for a network that is not this package's.

        Raises:
            InputError: The file is no such checkpoint, or `network` is missing.

        Example:
            >>> from ecg_lightning.training.checkpoints import checkpoint_path
            >>> path = checkpoint_path("DeepConv1d")  # weights that come with the package
            >>> type(BeatClassifier.load_from_checkpoint(path).network).__name__
            'DeepConv1d'
        """
        if len(args) < 4:
            kwargs.setdefault("weights_only", True)
        path = Path(checkpoint_path) if isinstance(checkpoint_path, str) else checkpoint_path
        content = read_checkpoint(path)
        if "network" not in kwargs:
            hint = "pass the network that was trained, as in network=MyNetwork()"
            kwargs["network"] = network_of(content, _shown(path), hint)
        checked = io.BytesIO()  # Lightning reads what was checked, and not the file again
        torch.save({**content, **_settings(content, cls)}, checked)
        checked.seek(0)
        try:
            # Without Lightning's instantiator, whose parser takes no network that is built already.
            return super().load_from_checkpoint(checked, *args, **kwargs, _instantiator=None)
        except (RuntimeError, TypeError) as error:  # other weights; an argument without a value
            problem, own = escaped(" ".join(str(error).split())), type(kwargs["network"]).__name__
            hint = "pass the network and the arguments that were trained"
            raise InputError(
                _shown(path), expected=f"the weights of {own}", found=problem, hint=hint
            ) from error

    def forward(self, signals: Tensor) -> Tensor:
        """Return the logits (B, 5) of signals (B, 1, T).

        Raises:
            InputError: The signals are not a tensor, or not of the network's shape.
        """
        check_tensor("signals", signals)
        return self.network(signals)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss over a batch; override it to measure every part with another loss.

        The default is categorical cross-entropy in nats. For training sequences balanced by record
        it is weighted; a loss that overrides it is not. A training minimises it, unless the
        argument `loss` is given.

        Args:
            logits: (B, 5).
            labels: (B,) class indices.

        Example:
            >>> class Weighted(BeatClassifier):
            ...     def loss(self, logits, labels):
            ...         weights = torch.tensor([1.0, 5.0, 2.0, 5.0, 1.0], device=logits.device)
            ...         return F.cross_entropy(logits, labels, weights)
            >>> classifier = Weighted(nn.Flatten())
            >>> float(classifier.loss(torch.zeros(1, 5), torch.tensor([0])))  # ln 5
            1.6094379425048828
        """
        return F.cross_entropy(logits, labels)

    def augment(self, signals: Tensor, labels: Tensor) -> Batch:
        """Return the beats that a training step sees; override it to change them.

        It is called for training batches only, on the training's device. The default changes
        nothing.

        Args:
            signals: (B, 1, T).
            labels: (B,) class indices.

        Example:
            >>> class Scaled(BeatClassifier):
            ...     def augment(self, signals, labels):
            ...         scale = 0.8 + 0.4 * torch.rand(len(signals), 1, 1, device=signals.device)
            ...         return signals * scale, labels
            >>> signals, labels = Scaled(nn.Flatten()).augment(torch.ones(2, 1, 5), torch.zeros(2))
            >>> bool(((0.8 <= signals) & (signals <= 1.2)).all())
            True
        """
        return signals, labels

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the mean loss of an augmented batch.

        Sequences that are balanced by record come with weights (S, K) of their beats.
        """
        return self._step(self.augment(*batch[:2]), "train", *batch[2:])

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Count a batch of the validation part."""
        self._step(batch, "val")

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Count a batch of the test part."""
        self._step(batch, "test")

    def predict_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the class probabilities (B, 5) of the beats with a label."""
        return with_label(self.network(batch[0]), batch[1])[0].float().softmax(-1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam with Keras's epsilon rule."""
        scaled = self._trainer is not None and self._trainer.precision == "16-mixed"
        return KerasAdam(
            self.parameters(), self.learning_rate, self.betas, self.epsilon, fused=not scaled
        )

    def configure_callbacks(self) -> list[lightning.Callback]:
        """Return `RunningMetrics`, unless the Trainer has it.

        A subclass that adds callbacks has to return these, too.
        """
        return [] if RunningMetrics.of(self.trainer) else [RunningMetrics()]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what a reader of the checkpoint has to know about its network.

        The state of a loss is no weight of the network, and has an entry of its own.
        """
        take_loss(checkpoint, MINIMISED)
        checkpoint[RANDOM] = random_state(self.device)
        checkpoint[DESCRIPTION] = {
            "version": __version__,
            "network": type(self.network).__name__,
            "input_length": getattr(self.network, "input_length", None),
            **({"causal": True} if getattr(self.network, "causal", False) else {}),
            "classes": list(CLASS_NAMES),
            "config": self.config,
        }

    def setup(self, stage: str) -> None:
        """Tell the loss about the training part."""
        if stage == "fit" and self.minimised is not None:
            prepare_loss(self.minimised, getattr(self.trainer, "datamodule", None))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note for how many epochs the checkpoint's weights were trained, and restore the loss."""
        put_loss(checkpoint, MINIMISED, self.minimised)
        loops = checkpoint.get("loops")
        self.loaded_epoch = loaded_epochs(checkpoint) if loops else None
        fits = self._trainer is not None and self.trainer.state.fn == "fit"
        self._random = checkpoint.get(RANDOM) if fits else None
        config = checkpoint.get(DESCRIPTION, {}).get("config") or {}
        self.trained_earlier = config.get(TRAINED_ON) if fits else None

    def on_train_start(self) -> None:
        """Draw the random numbers that the resumed run would have drawn, as those of dropout.

        A learning rate schedule that is shorter than the training is refused.
        """
        check_schedules(self.trainer)
        set_random_state(self._random, self.device)
        self._random = None

    def _step(self, batch: Batch, part: str, weights: Tensor | None = None) -> Tensor:
        signals, all_labels = batch
        all_logits = self.network(signals)
        logits, labels = with_label(all_logits, all_labels)
        if not len(labels):  # none of a balanced draw lies in these sequences
            return logits.sum()
        if weights is not None:
            shown = all_labels.expand(all_logits.shape[:-1]) != IGNORED
            weights = weights.expand(shown.shape)[shown]
        loss = self._measured(logits, labels, weights)
        if self._trainer is not None and (metrics := RunningMetrics.of(self._trainer)):
            metrics.update(part, loss, *with_label(joined(all_logits, all_labels), all_labels))
        if part != "train" or self.minimised is None:
            return loss
        return batch_loss(self.minimised, logits, labels, weights)

    def _measured(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
        """The loss of a batch in the metrics; `weights` (B,) of its beats, or None."""
        if weights is None or self._overrides_loss():
            return self.loss(logits, labels)
        return (F.cross_entropy(logits, labels, reduction="none") * weights).sum() / weights.sum()

    @classmethod
    def _overrides_loss(cls) -> bool:
        return cls.loss is not BeatClassifier.loss

    def _check_loss(self, loss: nn.Module | None) -> None:
        """Refuse a loss beside the method of a subclass: one of them would have no effect."""
        if loss is not None and self._overrides_loss():
            raise InputError(
                "loss",
                expected=f"None, because {type(self).__name__} overrides the method loss",
                found=type(loss).__name__,
                hint="choose one of the two",
            )


def joined(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the logits of the mean probabilities of members that are trained on their own.

    Args:
        logits: (M, S, K, 5) of M members; others are returned as they are.
        labels: (S, K).
    """
    if logits.dim() < labels.dim() + 2:
        return logits
    return (logits.log_softmax(-1).logsumexp(0) - math.log(len(logits))).detach()


def with_label(logits: Tensor, labels: Tensor) -> Batch:
    """Return the logits (B, 5) and labels (B,) of the beats in sequences that show a label.

    Args:
        logits: (S, K, 5), or (B, 5), which are returned as they are. A network of several members
            that are trained on their own gives (M, S, K, 5): each beat of each member counts.
        labels: (S, K), or (B,); -100: no label.
    """
    if labels.dim() < 2:
        return logits, labels
    labels = labels.expand(logits.shape[:-1])
    shown = labels != IGNORED
    return logits[shown], labels[shown]


def _shown(source: Path | IO[bytes]) -> str:
    """The name of a checkpoint in messages."""
    return str(source) if isinstance(source, Path) else "checkpoint"


def _settings(content: dict[str, Any], cls: type) -> dict[str, Any]:
    """The arguments of a classifier that its checkpoint keeps, and no other word of Lightning's."""
    saved, names = content.get("hyper_parameters"), inspect.signature(cls).parameters
    kept = saved.items() if isinstance(saved, dict) else ()
    arguments = {name: value for name, value in kept if name in names and name != "network"}
    return {"hyper_parameters": arguments, "hparams_name": "kwargs", "hparams_type": None}


def _check_adam(learning_rate: float, betas: tuple[float, float], epsilon: float) -> None:
    """Refuse settings that Adam cannot work with."""
    for name, value, allowed, expected in (
        (
            "learning_rate",
            learning_rate,
            _finite(learning_rate, 0) and learning_rate,
            "a positive number",
        ),
        ("betas", betas, len(betas) == 2 and all(map(_is_share, betas)), "two numbers in [0, 1)"),
        ("epsilon", epsilon, _finite(epsilon, 0), "0 or a positive number"),
    ):
        if not allowed:
            raise InputError(
                name, expected=expected, found=str(value), hint="change it", setting=name
            )


def _finite(value: Any, least: float) -> bool:
    return _is_number(value) and math.isfinite(value) and value >= least


def _is_share(value: Any) -> bool:
    return _finite(value, 0) and value < 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

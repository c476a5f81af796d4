"""The LightningModule: loss, optimiser, steps and measures around a network that returns logits."""

from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MetricCollection, SumMetric
from torchmetrics.classification import MulticlassConfusionMatrix

from ecg_lightning import __version__
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import DESCRIPTION
from ecg_lightning.training.keras_adam import KerasAdam as KerasAdam

Batch = tuple[Tensor, Tensor]
RUNNING = "ecg_lightning_training_part"  # a checkpoint's entry of the measures of the epoch that it was written in


class BeatClassifier(lightning.LightningModule):
    """Trains a network on labelled beats, as the original did: categorical cross-entropy and Keras's Adam.

    Logged for each epoch: `train_loss`, `train_accuracy`, `val_loss`, `val_accuracy`, `test_loss`, `test_accuracy`; losses are means over
    beats in nats. After an evaluation `confusion[part]` (K, K), rows true, and `mean_loss[part]` hold its result, part being
    `validation` or `test`.

    Attributes:
        config: How the weights came about, as plain numbers and texts, for the checkpoints: the settings of the run, or where they were
            imported from. The command line fills it in.
        loaded_epoch: How many epochs the checkpoint that was loaded last had been trained; None before.
        test_probabilities: (N, 5) of the test part's beats in their order, after a test.

    Args:
        network: Takes signals (B, 1, T), returns logits (B, 5).
        learning_rate: Adam's.
        betas: Adam's.
        epsilon: Adam's, in Keras's sense.

    Raises:
        InputError: Adam cannot work with these settings.
    """

    def __init__(
        self,
        network: nn.Module,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__()
        if not learning_rate > 0:
            raise InputError(
                f"learning_rate: expected a positive number, found {learning_rate}; change --model.learning_rate"
            )
        if not all(0 <= beta < 1 for beta in betas):
            raise InputError(
                f"betas: expected two numbers in [0, 1), found {betas}; change --model.betas"
            )
        if not epsilon >= 0:
            raise InputError(
                f"epsilon: expected 0 or a positive number, found {epsilon}; change --model.epsilon"
            )
        self.save_hyperparameters(ignore="network")
        self.network = network
        self.learning_rate, self.betas, self.epsilon = learning_rate, betas, epsilon
        matrix = MulticlassConfusionMatrix(len(CLASS_NAMES), validate_args=False)
        measures = MetricCollection(
            {"loss": SumMetric(nan_strategy="disable"), "matrix": matrix}, compute_groups=False
        )
        self.measures = nn.ModuleDict(
            {f"{part} part": measures.clone() for part in ("training", "validation", "test")}
        )
        self.confusion: dict[str, Tensor] = {}
        self.mean_loss: dict[str, float] = {}
        self.config: dict[str, Any] = {}
        self.loaded_epoch: int | None = None
        self.test_probabilities = torch.empty(0, len(CLASS_NAMES))
        self._batches: list[Tensor] = []

    def forward(self, signals: Tensor) -> Tensor:
        """Logits (B, 5) of signals (B, 1, T)."""
        return self.network(signals)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The mean loss of a batch."""
        return self._step(batch, "training")

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Adds a batch to the validation part's measures."""
        self._step(batch, "validation")

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Adds a batch to the test part's measures, and keeps its probabilities."""
        self._step(batch, "test")

    def predict_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Class probabilities (B, 5)."""
        return self.network(batch[0]).float().softmax(-1)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """After the last batch logs and resets the training part's measures: at the epoch's end would be too late for callbacks."""
        if self.trainer.is_last_batch:
            self._finish("training", "train")

    def on_validation_epoch_end(self) -> None:
        """Logs, keeps and resets the validation part's measures."""
        self._finish("validation", "val")

    def on_test_epoch_end(self) -> None:
        """Logs, keeps and resets the test part's measures."""
        self._finish("test", "test")
        self.test_probabilities, self._batches = torch.cat(self._batches), []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with Keras's epsilon rule."""
        scaled = self._trainer is not None and self._trainer.precision == "16-mixed"
        return KerasAdam(
            self.parameters(), self.learning_rate, self.betas, self.epsilon, fused=not scaled
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what a reader of the checkpoint alone has to know: version, network, input length, classes and config."""
        checkpoint[DESCRIPTION] = {
            "version": __version__,
            "network": type(self.network).__name__,
            "input_length": getattr(self.network, "input_length", None),
            "classes": list(CLASS_NAMES),
            "config": self.config,
        }
        if self._trainer is not None:
            checkpoint[RUNNING] = {
                "states": self._running_states(),
                "result": self._results("training"),
            }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Notes how long the checkpoint's weights were trained, and takes over the training part's measures."""
        finished: int = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
        self.loaded_epoch = finished if checkpoint["global_step"] else None
        if running := checkpoint.get(RUNNING):
            self._load_running(running)

    def on_train_epoch_start(self) -> None:
        """An earlier fit may have been broken off; an epoch that is resumed in its middle does not start."""
        self.measures["training part"].reset()  # type: ignore[operator]

    def on_test_epoch_start(self) -> None:
        """An earlier test may have been broken off."""
        self._batches = []

    def _running_states(self) -> dict[str, Tensor]:
        """The state of each of the training part's measures on every rank, (ranks, ...)."""
        measures: Any = self.measures["training part"]
        found = {
            f"{name}.{key}": value
            for name, of in measures.items()
            for key, value in of.metric_state.items()
        }
        return {name: _of_ranks(value, self.trainer.world_size) for name, value in found.items()}

    def _load_running(self, running: dict[str, Any]) -> None:
        measures: Any = self.measures["training part"]
        for name, of_ranks in running["states"].items():
            if (
                self._trainer is not None and len(of_ranks) == self.trainer.world_size
            ):  # else nobody knows whose they were
                metric, key = name.split(".")
                setattr(measures[metric], key, of_ranks[self.trainer.global_rank].to(self.device))
        if result := running["result"]:
            self.confusion["training"], self.mean_loss["training"] = result

    def _results(self, part: str) -> tuple[Tensor, float] | None:
        return (self.confusion[part], self.mean_loss[part]) if part in self.confusion else None

    def _step(self, batch: Batch, part: str) -> Tensor:
        signals, labels = batch
        logits = self.network(signals)
        loss = F.cross_entropy(logits, labels)
        measures: Any = self.measures[f"{part} part"]
        measures["loss"].update(
            loss.detach() * len(labels)
        )  # NaN stays NaN; MeanMetric would leave such a batch out
        measures["matrix"].update(logits.detach(), labels)
        if part == "test":
            self._batches.append(logits.float().softmax(-1).cpu())
        return loss

    def _finish(self, part: str, prefix: str) -> None:
        measures: Any = self.measures[f"{part} part"]
        result = measures.compute()
        measures.reset()
        matrix: Tensor = result["matrix"]
        loss, accuracy = result["loss"] / matrix.sum(), matrix.diagonal().sum() / matrix.sum()
        self.log_dict(
            {f"{prefix}_loss": loss, f"{prefix}_accuracy": accuracy}, on_step=False, on_epoch=True
        )
        self.confusion[part], self.mean_loss[part] = matrix.cpu(), float(loss)


def _of_ranks(value: Tensor, world_size: int) -> Tensor:
    """A tensor of each rank, (ranks, ...)."""
    parts = [torch.empty_like(value) for _ in range(world_size)]
    if world_size == 1:
        parts = [value]
    else:
        torch.distributed.all_gather(parts, value)
    return torch.stack(parts)

"""The metrics of an epoch while it runs, over all ranks, and across a resumed run."""

import math
from typing import Any

import torch
from lightning import LightningModule, Trainer
from torch import Tensor
from torchmetrics import MetricCollection, SumMetric
from torchmetrics.classification import MulticlassConfusionMatrix

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.training.callbacks.of_trainer import OfTrainer

RUNNING = "ecg_lightning_training_part"  # a checkpoint's entry: the counts of an unfinished epoch
PARTS = ("train", "val", "test")


class RunningMetrics(OfTrainer):
    """Count the beats of each part, over all ranks, and log their mean loss and accuracy.

    `BeatClassifier` brings this callback along and gives it every batch, so that a plain Trainer
    has it too. Logged for each epoch: `train_loss`, `train_accuracy`, `val_loss`, `val_accuracy`,
    `test_loss`, `test_accuracy`. A loss is the mean over beats in nats, and NaN where one is NaN.
    A part of which no batch was counted is not logged.

    A checkpoint within an epoch keeps the counts so far, so that a resumed run counts each beat of
    the epoch once.

    Attributes:
        confusion: Part -> (K, K) int64 on the CPU, rows the true class, after a part's epoch. The
            parts are `train`, `val` and `test`.
        mean_loss: Part -> mean loss, after a part's epoch.
        test_probabilities: (N, K) of the test part's beats in their order, after a test.
        step_loss: () mean loss of this rank's last training batch.

    Example:
        >>> trainer = Trainer(logger=False)
        >>> RunningMetrics.of(trainer) is None  # a BeatClassifier adds it
        True
    """

    def __init__(self) -> None:
        metrics = MetricCollection(
            {
                "loss": SumMetric(nan_strategy="disable"),
                "matrix": MulticlassConfusionMatrix(len(CLASS_NAMES), validate_args=False),
            },
            compute_groups=False,
        )
        self._counts: dict[str, Any] = {part: metrics.clone() for part in PARTS}
        self._batches: list[Tensor] = []
        self.confusion: dict[str, Tensor] = {}
        self.mean_loss: dict[str, float] = {}
        self.test_probabilities = torch.empty(0, len(CLASS_NAMES))
        self.step_loss = torch.tensor(math.nan)
        self._epochs: dict[str, int] = {}  # of a fit: the epoch in which a part was measured last

    def is_finite(self, part: str) -> bool:
        """Whether the results of `val` or `test` are numbers, which those of NaN weights are not.

        They are the mean loss of `val`, and the probabilities of `test`.
        """
        if part == "test":
            return bool(self.test_probabilities.isfinite().all())
        return math.isfinite(self.mean_loss[part])

    @classmethod
    def measured(cls, trainer: Trainer, metric: str | None) -> bool:
        """Return whether a metric of a fit is of this epoch, and not of an earlier one.

        Args:
            trainer: The Trainer.
            metric: Such as `val_loss`; other metrics are taken to be of this epoch.
        """
        running, part = cls.of(trainer), str(metric).partition("_")[0]
        if running is None or part not in PARTS:
            return True
        return running._epochs.get(part) == trainer.current_epoch

    def update(self, part: str, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count a batch.

        Args:
            part: `train`, `val` or `test`.
            loss: () mean over the batch.
            logits: (B, K).
            labels: (B,) class indices.
        """
        counts = self._counts[part]
        if part == "train":
            self.step_loss = loss.detach()
        counts["loss"].update(loss.detach() * len(labels))  # MeanMetric would drop a NaN
        counts["matrix"].update(logits.detach(), labels)
        if part == "test":
            self._batches.append(logits.detach().float().softmax(-1).cpu())

    def so_far(self) -> tuple[float, float] | None:
        """Return mean loss and accuracy of the training epoch that runs, on this rank.

        None before its first batch.
        """
        counts = self._counts["train"]
        confusion: Tensor = counts["matrix"].metric_state["confmat"]
        if not (n_beats := int(confusion.sum())):
            return None
        total = float(counts["loss"].metric_state["sum_value"])
        return total / n_beats, int(confusion.diagonal().sum()) / n_beats

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Count on the device of this rank."""
        for counts in self._counts.values():
            counts.to(trainer.strategy.root_device)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget an epoch that broke off. An epoch that is resumed in its middle does not start."""
        self._counts["train"].reset()

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget a validation that broke off."""
        self._counts["val"].reset()

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget a test that broke off."""
        self._counts["test"].reset()
        self._batches = []
        self.test_probabilities = torch.empty(0, len(CLASS_NAMES))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Finish the training part after its last batch: callbacks read it when the epoch ends."""
        if trainer.is_last_batch or trainer.global_step == trainer.max_steps:
            self._finish(trainer, pl_module, "train")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish the training part of an epoch that was ended early, as by a limit of time."""
        if not self.measured(trainer, "train_loss"):
            self._finish(trainer, pl_module, "train")

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish the validation part."""
        self._finish(trainer, pl_module, "val")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish the test part, and keep its probabilities."""
        self._finish(trainer, pl_module, "test")
        if self._batches:
            self.test_probabilities, self._batches = torch.cat(self._batches), []

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the training part's counts on every rank, and its last result."""
        states = {
            f"{name}.{key}": of_ranks(value, trainer.world_size)
            for name, metric in self._counts["train"].items()
            for key, value in metric.metric_state.items()
        }
        finished = "train" in self.confusion
        result = (self.confusion["train"], self.mean_loss["train"]) if finished else None
        checkpoint[RUNNING] = {"states": states, "result": result}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take this rank's counts from a checkpoint.

        With another number of ranks they belong to nobody, and are dropped.
        """
        running = checkpoint.get(RUNNING)
        if not running:
            return
        for name, ranks in running["states"].items():
            if len(ranks) == trainer.world_size:
                metric, key = name.split(".")
                value = ranks[trainer.global_rank].to(trainer.strategy.root_device)
                setattr(self._counts["train"][metric], key, value)
        if running["result"]:
            self.confusion["train"], self.mean_loss["train"] = running["result"]

    def _finish(self, trainer: Trainer, pl_module: LightningModule, part: str) -> None:
        """Log, keep and reset the counts of a part."""
        counts = self._counts[part]
        counted = bool(counts["matrix"].update_called)
        if not trainer.strategy.reduce_boolean_decision(counted, all=False):
            return
        sums = counts.compute()
        counts.reset()
        confusion: Tensor = sums["matrix"]
        n_beats = confusion.sum()
        loss, accuracy = sums["loss"] / n_beats, confusion.diagonal().sum() / n_beats
        pl_module.log_dict(
            {f"{part}_loss": loss, f"{part}_accuracy": accuracy}, on_step=False, on_epoch=True
        )
        self.confusion[part], self.mean_loss[part] = confusion.cpu(), float(loss)
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._epochs[part] = trainer.current_epoch


def of_ranks(value: Tensor, world_size: int) -> Tensor:
    """Return a tensor of each rank, (ranks, ...)."""
    if world_size == 1:
        return torch.stack([value])
    parts = [torch.empty_like(value) for _ in range(world_size)]
    torch.distributed.all_gather(parts, value)
    return torch.stack(parts)

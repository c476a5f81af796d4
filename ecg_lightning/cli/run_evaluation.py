"""What a run says about weights, once they are trained: figures on standard output, and the test part's files in the run's folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch

from ecg_lightning.arrays import Floats32, Integers
from ecg_lightning.data.beats import Beats
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.evaluation.evaluation import Evaluation
from ecg_lightning.evaluation.predictions import predictions_csv
from ecg_lightning.report.writer import write_evaluation
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.training.callbacks.run_results import RunResults
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.classifier import BeatClassifier


@dataclass
class RunEvaluation:
    """Evaluates on one device: the figures need the probabilities of all beats in one process.

    Attributes:
        trainer: Of one device.
        model: The network.
        data: Whose validation and test part.
        run: Writes metrics.json and the pictures.
        folder: Of the run.
        settings: Of this command.
        trained: How the weights had been trained before it; None for a fit.
    """

    trainer: lightning.Trainer
    model: BeatClassifier
    data: BeatDataModule
    run: RunResults
    folder: Path
    settings: Mapping[str, Any]
    trained: Mapping[str, Any] | None

    def evaluate(self, weights: str, path: str, test: bool) -> None:
        """Validates, and with `test` also tests, a checkpoint of the run; `weights` is "best" or "last"."""
        self.trainer.validate(self.model, datamodule=self.data, ckpt_path=path, verbose=False)
        self.show("validation", f", {weights} weights")
        if test:
            self.trainer.test(self.model, datamodule=self.data, ckpt_path=path, verbose=False)
            self.show("test", f", {weights} weights")

    def show(self, part: str, weights: str = "") -> None:
        """Prints a part's accuracy and loss."""
        running, key = RunningMetrics.of(self.trainer), {"validation": "val"}.get(part, part)
        if running and key in running.confusion:
            matrix, loss = running.confusion[key], running.mean_loss[key]
            right, total = int(matrix.diagonal().sum()), int(matrix.sum())
            print(
                f"{part}{weights}: accuracy {right / total:.4f} ({right:,} of {total:,}), loss {loss:.4f}",
                flush=True,
            )

    def write_test(self) -> None:
        """The test part's figures, beats and page, in the run's folder."""
        running = RunningMetrics.of(self.trainer)
        probabilities = running.test_probabilities.numpy() if running else np.empty((0, 0))
        # A network that has come to NaN has no figures; its loss says so.
        if len(probabilities) and np.isfinite(probabilities).all():
            content = write_evaluation(
                self.folder, self._of_test(probabilities), self.data.strips()
            )
            self.run.add_measures(self.folder, "test", content["measures"])

    def write_predictions(self) -> None:
        """`predictions.csv` after a prediction."""
        batches: Any = self.trainer.predict_loop.predictions
        probabilities = torch.cat(batches).cpu().numpy()
        rows = self.data.split_rows.test[: len(probabilities)]
        write_predictions(self.folder / "predictions.csv", self.data.beats, rows, probabilities)

    def _of_test(self, probabilities: Any) -> Evaluation:
        data, beats = self.data, self.data.beats
        rows = data.split_rows.test[
            : len(probabilities)
        ]  # fewer under --trainer.limit_test_batches
        return Evaluation(
            part="test",
            split=data.split,
            shared_patients=tuple(data.shared_patients("test")),
            checkpoint=str(self.trainer.ckpt_path) if self.trainer.ckpt_path else None,
            settings=self.settings,
            records=beats.record_ids[rows],
            samples=beats.samples[rows],
            symbols=beats.symbols[rows],
            fs_hz=data.settings.fs_hz,
            labels=beats.labels[rows],
            probabilities=probabilities,
            trained=self.trained,
            epochs=self.model.loaded_epoch,
        )


def write_predictions(path: Path, beats: Beats, rows: Integers, probabilities: Floats32) -> None:
    """Writes some beats of a table and their probabilities as `predictions_csv` has it.

    Args:
        path: The file; written whole or not at all.
        beats: The beats table.
        rows: (N,) which beats.
        probabilities: (N, 5) in the order of `CLASS_NAMES`.

    Raises:
        InputError: it cannot be written there, or the disk is full.
    """
    columns = beats.record_ids[rows], beats.samples[rows], beats.symbols[rows], beats.labels[rows]
    write_output(path, predictions_csv(*columns, probabilities))

"""What a command reports of trained weights: printed metrics, and files in the run folder."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch

from ecg_lightning.annotation.classifying.known_beats import differences, known_beats
from ecg_lightning.arrays import Floats32, Integers
from ecg_lightning.classes import CLASS_NAMES, tells_classes
from ecg_lightning.cli.parts_line import WORDS, parts_line
from ecg_lightning.cli.trainer.prediction_output import PredictionOutput, prediction_blocks
from ecg_lightning.data.beats import Beats
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.data.parts import trained_of
from ecg_lightning.data.split_rules import shared_patients
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.evaluation.evaluation import Evaluation
from ecg_lightning.evaluation.prediction_files import write_table_file
from ecg_lightning.evaluation.predictions import PREDICTIONS
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.report.differences import difference_text
from ecg_lightning.report.verdict import independence
from ecg_lightning.report.writer import write_evaluation
from ecg_lightning.text import counted, escaped
from ecg_lightning.training.callbacks.run_results import RunResults
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.classifier import BeatClassifier
from ecg_lightning.training.metrics_file import read_metrics, shown_checkpoint, write_metrics


@dataclass
class RunEvaluation:
    """Evaluates on one device: the metrics need the probabilities of all beats in one process.

    Attributes:
        trainer: A Trainer of one device.
        model: The classifier.
        data: The beats, with their validation and test part.
        results: The callback that writes metrics.json and the figures.
        folder: The run folder.
        settings: The settings of this command.
        trained: The settings that the weights were trained with earlier; None for a new fit.
        fits: Whether this command has trained the weights.
    """

    trainer: lightning.Trainer
    model: BeatClassifier
    data: BeatDataModule
    results: RunResults
    folder: Path
    settings: Mapping[str, Any]
    trained: Mapping[str, Any] | None
    fits: bool = False

    def after_fit(self, best: str, last: str, test: bool) -> None:
        """Evaluate the best epoch; with `test` also the test part, and the last epoch.

        A fit without a validation has no best epoch: its last one is evaluated alone.

        Args:
            best: The checkpoint of the best epoch; empty where there is none.
            last: The checkpoint of the last one.
            test: Whether the test part belongs to the run.
        """
        self._show_parts()
        diverged = self._diverged(bool(best))  # asked now: the best checkpoint brings its history
        if best or not diverged:
            self._evaluate("best" if best else "last", best or last, test)
        if diverged:
            print(f"{PROGRAM}: {diverged}", file=sys.stderr, flush=True)
        if test and not best:
            self._write_test()
        elif test:
            self._write_test()
            self.results.section = "last_epoch"
            if diverged:
                self.results.add_diverged(self.folder)
            else:
                self._evaluate("last", last, test)
        self.results.finish(self.folder, tested=test)

    def after_validate(self) -> None:
        """Print the metrics."""
        self._show_parts("validation")
        self._show("validation")
        self._write_differences("validation")

    def after_test(self) -> None:
        """Print the metrics; write the report and its data."""
        self._show_parts("test")
        self._show("test")
        self._write_test()
        self._write_differences("test")

    def after_predict(self, output: PredictionOutput | None) -> None:
        """Write the table of predictions.

        Args:
            output: Where to; None: `predictions.csv` of the run folder.
        """
        batches: Any = self.trainer.predict_loop.predictions
        probabilities = torch.cat(batches).cpu().numpy()
        beats, rows = self.data.beats, self.data.split_rows.test[: len(probabilities)]
        labelled = tells_classes(beats.symbols[rows], self.data.annotator)
        if output is None:
            write_predictions(self.folder / PREDICTIONS, beats, rows, probabilities, labelled)
        else:
            output.write(prediction_blocks(beats, rows, probabilities, labelled))
        print(self._predicted_line(rows, labelled), flush=True)
        if text := difference_text(self._differences()):
            print(text, flush=True)

    def _predicted_line(self, rows: Integers, labelled: bool) -> str:
        """Which beats were predicted, and whether their classes are known."""
        records = len(np.unique(self.data.beats.record_ids[rows]))
        line = (
            f"predicted: {counted(len(rows), 'beat')} of {counted(records, 'record')}, "
            f"split {self.data.split}"
        )
        if labelled:
            return line
        return f"{line}; the annotations (.{self.data.annotator}) tell no classes"

    def _show_parts(self, *parts: str) -> None:
        if line := parts_line(self.data, parts or WORDS):
            print(line, flush=True)

    def _diverged(self, best: bool) -> str:
        """What is wrong with the last epoch of a fit; empty if its losses are finite."""
        history = self.results.history
        sound = [all(map(math.isfinite, row.values())) for row in history]
        if history and not any(sound):
            raise _not_finite("fit", "")
        if all(sound[-1:]):
            return ""
        weights = "the best weights are of an earlier epoch" if best else "no weights are evaluated"
        epoch = history[-1]["epoch"] + 1
        return f"the network diverged: a loss of epoch {epoch} is not finite; {weights}"

    def _evaluate(self, weights: str, path: str, test: bool) -> None:
        """Validate a checkpoint, and with `test` also test it."""
        if self.data.validates:
            self.trainer.validate(self.model, datamodule=self.data, ckpt_path=path, verbose=False)
            self._show("validation", f", {weights} weights")
        if test:
            self.trainer.test(self.model, datamodule=self.data, ckpt_path=path, verbose=False)
            self._show("test", f", {weights} weights")

    def _show(self, part: str, weights: str = "") -> None:
        """Print accuracy and loss of a part; refuse what is not finite."""
        running, key = RunningMetrics.of(self.trainer), {"validation": "val"}.get(part, part)
        if running is None or key not in running.confusion:
            return
        if not running.is_finite(key):
            raise _not_finite(part, weights)
        confusion, loss = running.confusion[key].numpy(), running.mean_loss[key]
        texts = [accuracies(confusion) + f", loss {loss:.4f}", only_class(confusion)]
        texts.append(difference_text(self._differences()))
        print(f"{part}{weights}: {'; '.join(filter(None, texts))}", flush=True)

    def _differences(self) -> list[dict[str, Any]]:
        """How the beats differ from those that the weights were trained on before this command."""
        if self.trained is None or self.fits:
            return []
        return differences(known_beats(self.trained), known_beats(self.settings))

    def _write_differences(self, part: str) -> None:
        if rows := self._differences():
            metrics = read_metrics(self.folder)
            metrics[part] = {**metrics.get(part, {}), "differences": rows}
            write_metrics(self.folder, metrics)

    def _write_test(self) -> None:
        """Write metrics, predictions and report of the test part."""
        running = RunningMetrics.of(self.trainer)
        if running is None:
            return
        probabilities = running.test_probabilities.numpy()
        if len(probabilities):
            evaluation = self._test_evaluation(probabilities)
            content = write_evaluation(self.folder, evaluation, self.data.excerpts())
            self._show_patients(content)
            self.results.add_measures(self.folder, "test", content["measures"])

    def _show_patients(self, content: Mapping[str, Any]) -> None:
        """Say which tested patients were trained on, unless the split mixes patients anyway."""
        verdict = independence(content)
        if content["shared_patients"] and self.data.choice.facts.patients != "mixed":
            print(f"patients {verdict.label}: {verdict.reason}", flush=True)

    def _test_evaluation(self, probabilities: Floats32) -> Evaluation:
        data, beats = self.data, self.data.beats
        rows = data.split_rows.test[: len(probabilities)]  # fewer with trainer.limit_test_batches
        return Evaluation(
            part="test",
            split=data.split,
            shared_patients=self._shared_patients(rows),
            checkpoint=shown_checkpoint(self.trainer.ckpt_path, self.folder),
            settings=self.settings,
            records=beats.record_ids[rows],
            samples=beats.samples[rows],
            symbols=beats.symbols[rows],
            fs_hz=data.settings.fs_hz,
            labels=beats.labels[rows],
            probabilities=probabilities,
            quality=beats.quality[rows],
            trained=self.trained,
            differences=self._differences(),
            epochs=self.model.loaded_epoch,
            notes=_notes_of(beats, rows),
            patients={
                **data.patient_counts(),
                "tested": len({*beats.patient_ids[rows].tolist()} - {""}),
            },
            assumption=data.assumption,
        )

    def _shared_patients(self, tested: Integers) -> tuple[str, ...]:
        """The known patients of the test part that are on the training side, here or earlier."""
        data, patients = self.data, self.data.beats.patient_ids
        shared = shared_patients(patients, data.split_rows, "test")
        earlier = trained_of(patients[tested], data.source, self.trained)
        found = data.trained_before(tested, self.trained)
        return tuple(sorted({*shared, *earlier, *found}))


def _notes_of(beats: Beats, rows: Integers) -> tuple[RecordNote, ...]:
    """The notes on tested records, and on those that are not used at all."""
    tested = {escaped(name) for name in np.unique(beats.record_ids[rows]).tolist()}
    return tuple(
        note
        for note in beats.notes
        if note.topic in ("skipped", "unused") or escaped(note.record) in tested
    )


def accuracies(confusion: Integers) -> str:
    """Return the accuracy, and the mean of the classes' sensitivities, as the report has them.

    Args:
        confusion: (K, K) numbers of beats, rows the true class; some are not 0.

    Example:
        >>> accuracies(np.array([[8, 0], [2, 0]]))
        'accuracy 0.8000 (8 of 10), balanced accuracy 0.5000'
    """
    right, beats = confusion.diagonal(), confusion.sum(1)
    balanced = (right[beats > 0] / beats[beats > 0]).mean()
    n_right, n_all = int(right.sum()), int(beats.sum())
    share = f"accuracy {n_right / n_all:.4f} ({n_right:,} of {n_all:,})"
    return f"{share}, balanced accuracy {balanced:.4f}"


def only_class(confusion: Integers) -> str:
    """Return a warning where beats of several classes all get the same one; else "".

    Args:
        confusion: (5, 5) numbers of beats, rows the true class.
    """
    predicted = np.flatnonzero(confusion.any(0))
    if len(predicted) > 1 or np.count_nonzero(confusion.any(1)) == 1:
        return ""
    return f"every beat is called {CLASS_NAMES[predicted[0]]}"


def _not_finite(part: str, weights: str) -> InputError:
    return InputError(
        f"{part}{weights}",
        expected="finite losses and probabilities",
        found="NaN or infinite ones",
        hint="the network has diverged: train it again with a lower learning rate",
        setting="learning_rate",
    )


def write_predictions(
    path: Path, beats: Beats, rows: Integers, probabilities: Floats32, labelled: bool = True
) -> None:
    """Write beats and their probabilities as CSV, see `beat_table_csv`.

    Args:
        path: The file; it is written atomically.
        beats: The beats table.
        rows: (N,) which beats.
        probabilities: (N, 5) in the order of `CLASS_NAMES`.
        labelled: Whether there is a column of true classes.

    Raises:
        InputError: A probability is not finite, the file cannot be written there, or the disk is
            full.
    """
    blocks = prediction_blocks(beats, rows, probabilities, labelled)
    write_table_file(path, blocks, place="folder", setting="")

"""What an evaluation holds: the beats of one part, and the content of `evaluation.json`.

`evaluation.json`, schema 1, holds everything that `report.html` shows:

- `schema`, `program`: 1; the version that wrote the file
- `run`: the folder's name
- `part`, `split`, `shared_patients`, `patients`, `assumption`, `checkpoint`, `settings`, `trained`,
  `epochs`, `fs_hz`, `differences`: as in `Evaluation`
- `notes`: rows of `record`, `topic` and `text`, as in `records.notes.RecordNote`
- `seed`: of the intervals' resamples
- `measures`: `summary.Summary`
- `curves`: class to `probabilities.precision_recall`; None without such beats
- `per_record`: rows of `record` and `confusion_matrix`, `[true][predicted]`; the other metrics are
  in `per_record.csv`
- `gallery`: `mistakes.confident_mistakes`

None stands for "no such beats" throughout.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ecg_lightning import __version__
from ecg_lightning.arrays import Floats32, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.confusion import record_confusions
from ecg_lightning.evaluation.mistakes import confident_mistakes
from ecg_lightning.evaluation.probabilities import precision_recall
from ecg_lightning.evaluation.summary import summarize
from ecg_lightning.records.excerpts import ReadExcerpt
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.system.input_files import read_input

SCHEMA = 1
EVALUATION = "evaluation.json"
_MOST_BYTES = 1 << 28  # the largest that this package writes has a few MiB


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The beats of one part, and a network's probabilities for them.

    Attributes:
        part: Such as "test".
        split: Such as "patients" or "original".
        shared_patients: Known patients with beats in this part and in training or validation, of
            this split or of an earlier training; () if there are none.
        checkpoint: Where the weights came from.
        settings: The run's settings as plain values, as `checkpoints.run_config` returns them.
        records: (N,) the record of each beat.
        samples: (N,) positions, in samples of the records.
        symbols: (N,) annotations.
        fs_hz: Sampling rate of the beats, not of the records.
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        probabilities: (N, 5).
        quality: (N,) the share of each beat's window that holds valid samples.
        trained: What the checkpoint says about its training, its `BeatClassifier.config`. With
            another split than this one it is unknown which patients are shared. None: the weights
            come from this very run.
        epochs: For how many epochs the weights were trained.
        notes: What was skipped, dropped or odd in the records.
        patients: The number of `records` in all parts, of those whose patient is `unknown`, of
            known `patients`, and of known patients of the `tested` beats. None: this is not known,
            as in files of version 0.1.0.
        assumption: What is assumed about the patients because a source does not say it.
        differences: Where the tested beats were prepared in another way than those of the
            training: rows of `setting`, `trained` and `tested`.
        predictions: (N,) predicted classes, which follow from the probabilities.
    """

    part: str
    split: str
    shared_patients: tuple[str, ...]
    checkpoint: str | None
    settings: Mapping[str, Any]
    records: Names
    samples: Integers
    symbols: Names
    fs_hz: float
    labels: Integers
    probabilities: Floats32
    quality: Floats32
    trained: Mapping[str, Any] | None = None
    epochs: int | None = None
    notes: tuple[RecordNote, ...] = ()
    patients: Mapping[str, int] | None = None
    assumption: str = ""
    differences: Sequence[Mapping[str, Any]] = ()
    predictions: Integers = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "predictions", self.probabilities.argmax(axis=1).astype(np.int64))


def describe_evaluation(
    evaluation: Evaluation, read_excerpt: ReadExcerpt | None, seed: int
) -> dict[str, Any]:
    """Return the content of `evaluation.json`, without the run's name.

    Args:
        evaluation: What to describe.
        read_excerpt: Returns the signal around a beat; None if there are no records to draw.
        seed: Of the intervals' resamples.
    """
    labels, records = evaluation.labels, evaluation.records
    probabilities = evaluation.probabilities.astype(np.float64)
    random = np.random.default_rng(seed)
    names, confusions = record_confusions(labels, evaluation.predictions, records)
    copied = ("part", "split", "checkpoint", "epochs", "fs_hz", "assumption")
    return {
        "schema": SCHEMA,
        "program": f"ecg-lightning {__version__}",
        **{name: getattr(evaluation, name) for name in copied},
        "shared_patients": list(evaluation.shared_patients),
        "patients": None if evaluation.patients is None else dict(evaluation.patients),
        "settings": dict(evaluation.settings),
        "differences": [dict(row) for row in evaluation.differences],
        "trained": None if evaluation.trained is None else dict(evaluation.trained),
        "notes": [note._asdict() for note in evaluation.notes],
        "seed": seed,
        "measures": dict(summarize(labels, evaluation.predictions, probabilities, records, random)),
        "curves": {
            name: precision_recall(labels == k, probabilities[:, k])
            for k, name in enumerate(CLASS_NAMES)
        },
        "per_record": [
            {"record": str(name), "confusion_matrix": confusion.tolist()}
            for name, confusion in zip(names, confusions, strict=True)
        ],
        "gallery": confident_mistakes(
            labels, probabilities, records, evaluation.samples, evaluation.symbols, read_excerpt
        ),
    }


def read_evaluation(run: Path) -> dict[str, Any]:
    """Return the content of a run's `evaluation.json`.

    Args:
        run: The run folder, or the file itself.

    Raises:
        InputError: The file is missing or has other content.
    """
    path = run / EVALUATION if run.is_dir() else run
    hint = "name a folder that `ecg-lightning test` has written"
    try:
        content = json.loads(read_input(path, _MOST_BYTES, "an evaluated run", hint))
    except (ValueError, RecursionError) as error:
        found = f"a file that is none ({type(error).__name__})"
        raise InputError(str(path), expected="JSON", found=found, hint=hint) from error
    schema = content.get("schema") if isinstance(content, dict) else type(content).__name__
    if not isinstance(content, dict) or schema != SCHEMA:
        raise InputError(
            str(path),
            expected=f"an evaluation of schema {SCHEMA}",
            found=repr(schema)[:60],
            hint=f"{hint} with this version",
        )
    return {**content, "run": path.absolute().parent.name}  # the folder may have a new name

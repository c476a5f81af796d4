"""Gradient-boosted trees on the numbers that PatientContext makes of each beat."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from unseen_plan import Databases, Unit
from unseen_predictions import Predicted

from ecg_lightning.arrays import Floats32, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.data.sequences import record_weights
from ecg_lightning.models.patient_context import PatientContext
from ecg_lightning.models.prior_shift import class_shares

CLASSES = CLASS_NAMES[:4]  # beats of class Q train none
TREES = 150
PARAMETERS: dict[str, Any] = {
    "objective": "multiclass",
    "num_class": len(CLASSES),
    "num_leaves": 15,
    "learning_rate": 0.06,
    "min_child_samples": 60,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5,
    "max_bin": 63,
    "num_threads": 1,
    "verbose": -1,
}


class Numbers(NamedTuple):
    """The beats of one side, as trees see them.

    Attributes:
        values: (N, M) the numbers of each beat.
        labels: (N,) classes.
        records: (N,) the record of each beat.
        samples: (N,) its position.
    """

    values: Floats32
    labels: Integers
    records: Names
    samples: Integers


def settings_of(unit: Unit, databases: Databases) -> dict[str, Any]:
    """Return what trees are made of; `unit` differs between seeds."""
    words = [*databases.words, *unit.train, *unit.test, str(unit.causal), str(unit.seed)]
    return {"unit": words, "trees": TREES, "parameters": PARAMETERS}


def predicted_by_trees(unit: Unit, databases: Databases) -> Predicted:
    """Train LightGBM on the training side of a unit and predict its test side."""
    train = numbers_of(databases, unit.train, unit.causal)
    test = numbers_of(databases, unit.test, unit.causal)
    rows = train.labels < len(CLASSES)
    labels = train.labels[rows]
    weights = record_weights(labels, train.records[rows], np.arange(len(labels)))
    probabilities = np.zeros((len(test.labels), len(CLASS_NAMES)))
    probabilities[:, : len(CLASSES)] = trained(train.values[rows], labels, weights, unit.seed)(
        test.values
    )
    # The weights leave the sums of N, S and V at the numbers of their beats.
    prior = np.array(class_shares(labels, len(CLASS_NAMES)))
    return Predicted(test.records, test.samples, test.labels, probabilities, prior)


@lru_cache(maxsize=4)
def numbers_of(databases: Databases, names: Sequence[str], causal: bool) -> Numbers:
    """Return the numbers of all beats of some records, whole stretches at a time.

    Args:
        databases: Where the records are.
        names: As `--data.test` takes them.
        causal: Whether no number depends on a later beat.
    """
    segmentation: Any = "context-causal" if causal else "context"
    data = BeatDataModule(
        source=",".join(databases.sources),
        root=[str(folder) for folder in databases.folders],
        segmentation=segmentation,
        classes="aami",
        test=",".join(names),
    )
    values, labels = zip(*_batches(data, PatientContext(causal=causal).eval()), strict=True)
    rows, beats = data.split_rows.test, data.beats
    if not np.array_equal(np.concatenate(labels), beats.labels[rows]):
        raise RuntimeError("the beats of the loader are not those of the table")
    return Numbers(
        np.concatenate(values), beats.labels[rows], beats.record_ids[rows], beats.samples[rows]
    )


@torch.inference_mode()
def _batches(data: BeatDataModule, network: PatientContext) -> Iterator[tuple[Floats32, Integers]]:
    """The numbers (B, M) and labels (B,) of the beats in each batch of sequences."""
    for sequences, labels in data.test_dataloader():
        is_beat = labels >= 0
        yield network.numbers(sequences)[is_beat].numpy(), labels[is_beat].numpy()


def trained(values: Floats32, labels: Integers, weights: Floats32, seed: int) -> Any:
    """Return the function from numbers (N, M) to probabilities (N, 4) that trees learn."""
    import lightgbm  # of the extra `benchmark`

    data = lightgbm.Dataset(values, labels, weight=weights)
    return lightgbm.train({**PARAMETERS, "seed": seed}, data, TREES).predict

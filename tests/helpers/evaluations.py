"""Evaluations in memory that are small enough to work out by hand, for the tests of the page."""

import json
from dataclasses import replace
from typing import Any

import numpy as np

from ecg_lightning.evaluation.evaluation import Evaluation, describe_evaluation
from ecg_lightning.records.excerpts import Excerpt

HOSTILE = (  # String.fromCharCode(112, 119, 110) is "pwn"
    "<img src=x onerror=document.title=String.fromCharCode(112,119,110)>"
    "\"'&</style><script>document.title='pwn'</script>"
)
SETTINGS: dict[str, Any] = {
    "seed_everything": 7,
    "model": {"network": "ecg_lightning.models.DeepConv1d"},
    "data": {"source": "mitdb", "split": "patients", "split_seed": 0},
    "beats": {"segmentation": "annotations", "window_samples": 256, "classes": "aami"},
}


def evaluation_of(**changes: Any) -> Evaluation:
    """Nine beats of three records: 3 N, 3 S (2 of them in b), 2 V, 1 F and no Q.

    Wrong are S of a (called V), the second S of b (called N, with the highest probability) and F of
    c (called V).
    """
    labels = np.array([0, 0, 1, 1, 1, 2, 0, 2, 3])
    called = np.array([0, 0, 2, 1, 0, 2, 0, 2, 2])
    sure = np.array([0.9, 0.9, 0.6, 0.8, 0.99, 0.9, 0.9, 0.9, 0.7], dtype=np.float32)
    probabilities = np.repeat((1 - sure)[:, None] / 4, 5, axis=1).astype(np.float32)
    probabilities[np.arange(9), called] = sure
    evaluation = Evaluation(
        part="test",
        split="patients",
        shared_patients=(),
        checkpoint="best.ckpt",
        settings=SETTINGS,
        records=np.array(list("aaabbbccc")),
        samples=np.arange(9, dtype=np.int64) * 400 + 1000,
        symbols=np.array(list("NNAAAVNVF")),
        fs_hz=360.0,
        labels=labels,
        probabilities=probabilities,
        quality=np.array([1, 1, 1, 1, 0.75, 1, 1, 1, 0.5], dtype=np.float32),
    )
    return replace(evaluation, **changes)


def hostile_evaluation() -> Evaluation:
    """Every text that comes from a file tries to run something."""
    settings = {
        "model": {"network": HOSTILE},
        "data": {"source": HOSTILE},
        "beats": {"window_samples": HOSTILE, "segmentation": HOSTILE},
    }
    records = np.array([HOSTILE + name for name in "aaabbbccc"])
    trained = {"imported": {"file": HOSTILE}, "data": {}}
    given: dict[str, Any] = {
        "settings": settings,
        "records": records,
        "symbols": np.full(9, "<"),
        "trained": trained,
    }
    return evaluation_of(
        part=HOSTILE, split=HOSTILE, checkpoint=HOSTILE, shared_patients=(HOSTILE,), **given
    )


def strip_of(record: str, sample: int, seconds: float, lead: str = "MLII") -> Excerpt:
    """A flat line at 360 Hz with a spike at the beat.

    It has beats 1 s before and after, a rhythm change and an invalid piece at its start.
    """
    count = round(seconds * 360)
    signal = np.zeros(count)
    signal[count // 2], signal[:36] = 1.25, np.nan
    around = np.array([sample - 360, sample - 100, sample, sample + 360])
    return Excerpt(lead, 360.0, sample - count // 2, signal, around, np.array(["N", "+", "A", "N"]))


def hostile_strip(record: str, sample: int, seconds: float) -> Excerpt:
    strip = strip_of(record, sample, seconds, lead=HOSTILE)
    return replace(strip, annotation_symbols=np.full(4, "N"))


def content_of(run: str = "run", **changes: Any) -> dict[str, Any]:
    """The content of a run's `evaluation.json`, read again."""
    return {
        "run": run,
        **json.loads(json.dumps(describe_evaluation(evaluation_of(**changes), strip_of, 0))),
    }

"""The most confident mistakes, each with the piece of its record that shows it."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Integers, Names
from ecg_lightning.classes import AAMI, CLASS_NAMES, NO_BEAT
from ecg_lightning.records.excerpts import STRIP_S, Strip, Strips

MISTAKES = 12
OF_A_KIND = 2  # at most so many of one record, true and predicted class: one patient's odd beats would fill the gallery
FINEST_HZ = 500.0  # a strip is drawn with no more points a second


def mistake_rows(
    labels: Integers,
    probabilities: npt.NDArray[np.floating[Any]],
    records: Names,
    count: int = MISTAKES,
    of_a_kind: int = OF_A_KIND,
) -> list[int]:
    """Rows of the beats whose wrong class got the highest probability, the surest first; of equals the first.

    Args:
        labels: (N,) true classes.
        probabilities: (N, 5).
        records: (N,) the record of each beat.
        count: How many at most.
        of_a_kind: How many at most of one record with the same true and predicted class.

    Example:
        >>> mistake_rows(np.array([0, 1, 1]), np.eye(5)[[0, 0, 2]] * [[1.0], [0.8], [0.9]], np.array(["a", "a", "a"]))
        [2, 1]
    """
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    found: list[int] = []
    seen: Counter[tuple[str, int, int]] = Counter()
    for row in wrong[np.argsort(-sure[wrong], kind="stable")].tolist():
        kind = str(records[row]), int(labels[row]), int(predicted[row])
        if len(found) < count and seen[kind] < of_a_kind:
            seen[kind] += 1
            found.append(row)
    return found


def confident_mistakes(
    labels: Integers,
    probabilities: npt.NDArray[np.floating[Any]],
    records: Names,
    samples: Integers,
    symbols: Names,
    strips: Strips | None,
) -> list[dict[str, Any]]:
    """The mistakes as plain values: record, sample, symbol, class, predicted, probability, and `strip` or None.

    A strip holds lead, fs_hz, `start_s` (from the record's start), `time_s` (the beat's), `signal` (mV to the 0.001, None where invalid)
    and `beats`, pairs of time_s and symbol of the annotated beats.
    """
    rows = mistake_rows(labels, probabilities, records)
    drawn = {
        row: _plain(strips(str(records[row]), int(samples[row]), STRIP_S), int(samples[row]))
        for row in _by_record(rows, records)
        if strips
    }
    return [
        {
            "record": str(records[row]),
            "sample": int(samples[row]),
            "symbol": str(symbols[row]),
            "class": CLASS_NAMES[int(labels[row])],
            "predicted": CLASS_NAMES[int(probabilities[row].argmax())],
            "probability": round(float(probabilities[row].max()), 6),
            "strip": drawn.get(row),
        }
        for row in rows
    ]


def _by_record(rows: list[int], records: Names) -> list[int]:
    return sorted(rows, key=lambda row: str(records[row]))


def _plain(strip: Strip | None, sample: int) -> dict[str, Any] | None:
    if strip is None:
        return None
    step = max(1, int(np.ceil(strip.fs_hz / FINEST_HZ)))
    is_beat = AAMI.labels(strip.annotation_symbols) != NO_BEAT
    times = (strip.annotation_samples[is_beat] / strip.fs_hz).tolist()
    return {
        "lead": strip.lead,
        "fs_hz": strip.fs_hz / step,
        "start_s": round(strip.first / strip.fs_hz, 4),
        "time_s": round(sample / strip.fs_hz, 4),
        "signal": [
            round(value, 3) if np.isfinite(value) else None
            for value in strip.signal[::step].tolist()
        ],
        "beats": [
            [round(time_s, 4), symbol]
            for time_s, symbol in zip(
                times, strip.annotation_symbols[is_beat].tolist(), strict=True
            )
        ],
    }

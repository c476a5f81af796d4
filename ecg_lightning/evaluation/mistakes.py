"""The most confident mistakes, each with the piece of its record that shows it."""

from collections import Counter
from typing import Any

import numpy as np

from ecg_lightning.arrays import AnyFloats, Integers, Names
from ecg_lightning.classes import AAMI, CLASS_NAMES, NO_BEAT
from ecg_lightning.records.excerpts import EXCERPT_S, Excerpt, ReadExcerpt

MOST_MISTAKES = 12
# At most so many of one record, true and predicted class. Otherwise one patient's odd beats would
# fill the gallery.
MOST_ALIKE = 2
FINEST_HZ = 500.0  # a strip is drawn with at most this many points per second


def mistake_rows(
    labels: Integers,
    probabilities: AnyFloats,
    records: Names,
    most: int = MOST_MISTAKES,
    most_alike: int = MOST_ALIKE,
) -> list[int]:
    """Return the rows of the wrong beats with the highest probabilities, the highest first.

    Of equal probabilities the first row comes first.

    Args:
        labels: (N,) true classes.
        probabilities: (N, 5).
        records: (N,) the record of each beat.
        most: How many rows at most.
        most_alike: How many at most of one record with the same true and predicted class.

    Example:
        >>> labels, records = np.array([0, 1, 1]), np.array(["a", "a", "a"])
        >>> mistake_rows(labels, np.eye(5)[[0, 0, 2]] * [[1.0], [0.8], [0.9]], records)
        [2, 1]
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    rows: list[int] = []
    seen: Counter[tuple[str, int, int]] = Counter()
    for row in wrong[np.argsort(-confidence[wrong], kind="stable")].tolist():
        alike = str(records[row]), int(labels[row]), int(predicted[row])
        if len(rows) < most and seen[alike] < most_alike:
            seen[alike] += 1
            rows.append(row)
    return rows


def confident_mistakes(
    labels: Integers,
    probabilities: AnyFloats,
    records: Names,
    samples: Integers,
    symbols: Names,
    read_excerpt: ReadExcerpt | None,
) -> list[dict[str, Any]]:
    """Return the most confident mistakes as plain values.

    Args:
        labels: (N,) true classes.
        probabilities: (N, 5).
        records: (N,) the record of each beat.
        samples: (N,) positions, in samples of the records.
        symbols: (N,) annotations.
        read_excerpt: Returns the signal around a beat; None if there are no records to draw.

    Returns:
        For each mistake record, sample, symbol, class, predicted, probability, and `strip` or None.
        A strip holds lead, fs_hz, `start_s` and `time_s` (of the strip and of the beat, from the
        start of the record), `signal` (mV with three decimals, None where invalid) and `beats`,
        pairs of time_s and symbol of the annotated beats.
    """
    rows = mistake_rows(labels, probabilities, records)
    # In the order of the records, so that each record is read once.
    drawn = {
        row: _plain_strip(
            read_excerpt(str(records[row]), int(samples[row]), EXCERPT_S), int(samples[row])
        )
        for row in sorted(rows, key=lambda row: str(records[row]))
        if read_excerpt
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


def _plain_strip(strip: Excerpt | None, sample: int) -> dict[str, Any] | None:
    if strip is None:
        return None
    step = max(1, int(np.ceil(strip.fs_hz / FINEST_HZ)))
    is_beat = AAMI.labels(strip.annotation_symbols) != NO_BEAT
    times_s = (strip.annotation_samples[is_beat] / strip.fs_hz).tolist()
    symbols = strip.annotation_symbols[is_beat].tolist()
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
            [round(time_s, 4), symbol] for time_s, symbol in zip(times_s, symbols, strict=True)
        ],
    }

"""Which mistakes are shown, and the strips that show them."""

from typing import Any

import numpy as np

from ecg_lightning.evaluation.evaluation import describe_evaluation
from ecg_lightning.evaluation.mistakes import confident_mistakes, mistake_rows
from ecg_lightning.records.excerpts import Excerpt
from tests.helpers.evaluations import evaluation_of, strip_of


def test_the_most_confident_come_first_and_not_all_are_alike() -> None:
    labels = np.array([1, 1, 1, 1, 0, 2])
    confidence = np.array([0.7, 0.9, 0.8, 0.6, 0.75, 1.0])
    probabilities = np.eye(5)[[0, 0, 0, 2, 1, 2]] * confidence[:, None]
    records = np.array(["a", "a", "a", "a", "b", "b"])
    # Row 0 is the third S of record a that was called N. Row 5 is right.
    assert mistake_rows(labels, probabilities, records) == [1, 2, 4, 3]
    assert mistake_rows(labels, probabilities, records, most_alike=3) == [1, 2, 4, 0, 3]
    assert mistake_rows(labels, probabilities, records, most=2) == [1, 2]


def test_a_strip_has_millivolts_times_and_annotated_beats() -> None:
    strip = describe_evaluation(evaluation_of(), strip_of, 0)["gallery"][0]["strip"]
    assert (strip["lead"], strip["fs_hz"], strip["time_s"]) == ("MLII", 360.0, round(2600 / 360, 4))
    assert strip["start_s"] == round((2600 - 720) / 360, 4)
    assert len(strip["signal"]) == 1440
    assert strip["signal"][:36] == [None] * 36
    assert strip["signal"][720] == 1.25
    assert [symbol for _, symbol in strip["beats"]] == ["N", "A", "N"]  # without the rhythm change


def test_without_records_mistakes_have_no_strip() -> None:
    mistakes = describe_evaluation(evaluation_of(), None, 0)["gallery"]
    assert [mistake["strip"] for mistake in mistakes] == [None] * 3


def test_a_fast_record_is_drawn_with_fewer_points() -> None:
    def fast(record: str, sample: int, seconds: float) -> Excerpt:
        return Excerpt("I", 1000.0, 500, np.arange(4000.0), np.array([600]), np.array(["V"]))

    [mistake] = confident_mistakes(
        np.array([1]), np.eye(5)[[0]], np.array(["a"]), np.array([2500]), np.array(["A"]), fast
    )
    strip: Any = mistake["strip"]
    assert (strip["fs_hz"], len(strip["signal"]), strip["signal"][1]) == (500, 2000, 2.0)
    assert (strip["beats"], strip["time_s"]) == ([[0.6, "V"]], 2.5)

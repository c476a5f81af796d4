"""What an evaluation holds, worked by hand, and evaluations that are broken or missing."""

import json
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.evaluation import describe_evaluation, read_evaluation
from ecg_lightning.evaluation.summary import summarize
from tests.helpers.evaluations import evaluation_of, strip_of


def test_nine_beats_worked_by_hand() -> None:
    content = describe_evaluation(evaluation_of(), strip_of, seed=0)
    assert (content["schema"], content["part"], content["split"]) == (1, "test", "patients")
    assert content["measures"]["confusion_matrix"] == [
        [3, 0, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [0, 0, 2, 0, 0],
        [0, 0, 1, 0, 0],
        [0] * 5,
    ]
    expected = (1 + 1 / 3 + 1 + 0) / 4
    assert content["measures"]["overall"]["balanced_accuracy"] == pytest.approx(expected)
    assert [row["record"] for row in content["per_record"]] == ["a", "b", "c"]
    assert content["per_record"][1]["confusion_matrix"][1] == [1, 1, 0, 0, 0]
    assert content["curves"]["Q"] is None
    mistakes = [
        (mistake["record"], mistake["class"], mistake["predicted"])
        for mistake in content["gallery"]
    ]
    assert mistakes == [("b", "S", "N"), ("c", "F", "V"), ("a", "S", "V")]
    probabilities = [mistake["probability"] for mistake in content["gallery"]]
    assert probabilities == pytest.approx([0.99, 0.7, 0.6], abs=5e-5)


def test_measures_are_the_summary() -> None:
    evaluation = evaluation_of()
    expected = summarize(
        evaluation.labels,
        evaluation.predictions,
        evaluation.probabilities.astype(np.float64),
        evaluation.records,
        np.random.default_rng(5),
    )
    assert describe_evaluation(evaluation, None, seed=5)["measures"] == expected


def test_a_renamed_folder_gives_the_run_its_name(tmp_path: Path) -> None:
    content = {"run": "old", **describe_evaluation(evaluation_of(), None, seed=0)}
    run = tmp_path / "new"
    run.mkdir()
    (run / "evaluation.json").write_text(json.dumps(content))
    assert read_evaluation(run) == read_evaluation(run / "evaluation.json")
    assert read_evaluation(run) == {**content, "run": "new"}


ADVICE = "name a folder that `ecg-lightning test` has written"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, f"expected an evaluated run, found no such file; {ADVICE}"),
        ("{", f"expected JSON, found a file that is none (JSONDecodeError); {ADVICE}"),
        ("[" * 100_000, f"expected JSON, found a file that is none (RecursionError); {ADVICE}"),
        ("\xff", f"expected JSON, found a file that is none (UnicodeDecodeError); {ADVICE}"),
        ("[1]", f"expected an evaluation of schema 1, found 'list'; {ADVICE} with this version"),
        (
            '{"schema": 2}',
            f"expected an evaluation of schema 1, found 2; {ADVICE} with this version",
        ),
    ],
)
def test_a_broken_evaluation_is_one_line(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "evaluation.json"
    if text is not None:
        path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError) as caught:
        read_evaluation(path)
    assert str(caught.value) == f"{path}: {message}"

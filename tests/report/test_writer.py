"""The files of a tested run, read back, and what a failure leaves behind."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.evaluation import describe_evaluation, read_evaluation
from ecg_lightning.report.writer import write_evaluation, write_report
from tests.helpers.evaluations import evaluation_of, strip_of

FILES = {"evaluation.json", "report.html", "per_record.csv", "predictions.csv"}


def test_a_test_leaves_four_files(tmp_path: Path) -> None:
    written = write_evaluation(tmp_path / "run", evaluation_of(), strip_of, seed=5)
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    content = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert content == written == read_evaluation(tmp_path / "run")
    assert written == {"run": "run", **describe_evaluation(evaluation_of(), strip_of, seed=5)}


def test_tables_read_back(tmp_path: Path) -> None:
    write_evaluation(tmp_path, evaluation_of())
    with open(tmp_path / "per_record.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["record"], row["beats"], row["wrong"], row["accuracy"]) for row in rows] == [
        ("a", "3", "1", "0.666667"),
        ("b", "3", "1", "0.666667"),
        ("c", "3", "1", "0.666667"),
    ]
    assert rows[0]["V.sensitivity"] == ""  # no such beats
    with open(tmp_path / "predictions.csv", newline="") as file:
        beats = list(csv.DictReader(file))
    assert [row["predicted"] for row in beats] == list("NNVSNVNVV")
    columns = ("record", "sample", "symbol", "class", "p_N")
    assert [beats[4][column] for column in columns] == ["b", "2600", "A", "S", "0.990000"]


def test_a_diverged_network_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    write_evaluation(tmp_path, evaluation_of())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    broken = evaluation_of().probabilities.copy()
    broken[0] = np.nan
    message = "probabilities: expected finite numbers, found others for 1 of 9 beats"
    with pytest.raises(InputError, match=message):
        write_evaluation(tmp_path, evaluation_of(probabilities=broken))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_failing_strip_leaves_nothing(tmp_path: Path) -> None:
    def gone(record: str, sample: int, seconds: float) -> None:
        raise InputError(f"{record}: gone")

    with pytest.raises(InputError, match=r"^a: gone$"):
        write_evaluation(tmp_path / "run", evaluation_of(), gone)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        write_evaluation(tmp_path / "file", evaluation_of())
    expected = "expected a place that can be written, found File exists"
    hint = f"move {tmp_path / 'file'} away, which is no folder, or choose another folder"
    assert str(caught.value) == f"{tmp_path / 'file/per_record.csv'}: {expected}; {hint}"


def test_a_name_that_is_no_unicode_is_written(tmp_path: Path) -> None:
    write_evaluation(tmp_path, evaluation_of(records=np.array(["a\udcff"] * 9)))
    assert "a\\udcff,9" in (tmp_path / "per_record.csv").read_text(encoding="utf-8")
    assert "a\\udcff,1000" in (tmp_path / "predictions.csv").read_text(encoding="utf-8")
    assert "a\\udcff</th>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert read_evaluation(tmp_path)["per_record"][0]["record"] == "a\udcff"


def test_a_page_that_cannot_be_written_is_named_with_its_setting(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "run", evaluation_of())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"page\.html: .* choose another file \(output\)$"):
        write_report([tmp_path / "run"], tmp_path / "file" / "page.html")


def test_one_page_of_two_runs(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_evaluation(tmp_path / name, evaluation_of())
    (tmp_path / "two").rename(tmp_path / "renamed")
    write_report(
        [tmp_path / "one", tmp_path / "renamed" / "evaluation.json"], tmp_path / "new" / "both.html"
    )
    text = (tmp_path / "new" / "both.html").read_text()
    assert "<h1>2 runs compared</h1>" in text
    assert ">one</th>" in text
    assert ">renamed</th>" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON, found a file that is none (JSONDecodeError)"),
        ('{"schema": 1}', "expected evaluation.json as `ecg-lightning test` writes it, found "
         "something else (KeyError: "),
    ],
)  # fmt: skip
def test_a_broken_evaluation_makes_no_page(tmp_path: Path, text: str, message: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "evaluation.json").write_text(text)
    with pytest.raises(InputError) as caught:
        write_report([run], tmp_path / "page.html")
    assert message in str(caught.value)
    assert str(run) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("value", ["<script>", [1], {"low": 1}])
def test_a_text_where_a_number_belongs_is_refused(tmp_path: Path, value: Any) -> None:
    content = write_evaluation(tmp_path, evaluation_of())
    content["measures"]["overall"]["accuracy"] = value
    (tmp_path / "evaluation.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="found something else"):
        write_report([tmp_path], tmp_path / "page.html")


def test_one_record_alone(tmp_path: Path) -> None:
    content = write_evaluation(tmp_path, evaluation_of(records=np.full(9, "a")))
    assert content["measures"]["intervals"] == {}
    assert "there are no intervals" in (tmp_path / "report.html").read_text()

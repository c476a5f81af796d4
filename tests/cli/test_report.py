"""`report` in its formats: what is on standard output, in a file, and what is refused."""

import csv
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_lightning.evaluation.evaluation import EVALUATION, Evaluation
from ecg_lightning.evaluation.predictions import PREDICTIONS
from ecg_lightning.report.writer import write_evaluation
from tests.helpers.cli import Outcome, command, names_below
from tests.helpers.evaluations import evaluation_of
from tests.helpers.html_reader import Reader

LATEX = shutil.which("pdflatex")


def better(**changes: Any) -> Evaluation:
    """The evaluation of the helpers with two mistakes less: of the S beats of a and b."""
    evaluation = evaluation_of(**changes)
    probabilities = evaluation.probabilities.copy()
    probabilities[[2, 4]] = np.eye(5, dtype=np.float32)[1]
    return replace(evaluation, probabilities=probabilities)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with the runs `one` and `two` on the same nine beats."""
    write_evaluation(tmp_path / "one", evaluation_of())
    write_evaluation(tmp_path / "two", better())
    return tmp_path


def report(folder: Path, *words: str) -> Outcome:
    return command(["report", *words], folder)


def test_csv_has_one_row_for_each_run_class_and_metric(runs: Path) -> None:
    outcome = report(runs, "one", "two", "--format", "csv")
    assert (outcome.status, outcome.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    keys = [(row["run"], row["class"], row["metric"]) for row in rows]
    assert len(set(keys)) == len(keys)
    by_key = dict(zip(keys, rows, strict=True))
    content = json.loads((runs / "two" / EVALUATION).read_text())["measures"]
    for group, name, value, interval in (
        ("all", "accuracy", content["overall"]["accuracy"], "accuracy"),
        ("all", "macro_f1_nsv", content["overall"]["macro_f1_nsv"], "macro_f1_nsv"),
        ("S", "f1", content["by_class"]["S"]["f1"], "S.f1"),
        ("VEB", "sensitivity", content["ec57"]["VEB"]["sensitivity"], "VEB.sensitivity"),
    ):
        row, ends = by_key["two", group, name], content["intervals"][interval]
        numbers = [row["value"], row["low"], row["high"]]
        assert numbers == [f"{number:.6f}" for number in (value, ends["low"], ends["high"])]
    assert by_key["one", "Q", "f1"]["value"] == ""
    assert by_key["one", "S", "beats"]["value"] == "3"
    assert by_key["one", "all", "accuracy"]["network"] == "DeepConv1d"


def test_markdown_and_latex_have_the_numbers_of_the_page(runs: Path) -> None:
    texts = {
        form: report(runs, "one", "two", "--format", form).out for form in ("markdown", "latex")
    }
    assert report(runs, "one", "two").status == 0
    page = Reader((runs / "report.html").read_text()).text
    for head, name in (("accuracy", "accuracy"), ("macro-F1 N S V", "macro_f1_nsv")):
        for run in ("one", "two"):
            metrics = json.loads((runs / run / EVALUATION).read_text())["measures"]
            value, ends = metrics["overall"][name], metrics["intervals"][name]
            number, low, high = (f"{100 * one:.1f}" for one in (value, ends["low"], ends["high"]))
            assert f"{number} {low}–{high}" in page, head
            assert f"{number} ({low}–{high})" in texts["markdown"]
            assert rf"{{\footnotesize {low}--{high}}}" in texts["latex"]


def columns_of(row: str) -> int:
    """The columns that a row of a LaTeX table fills."""
    widths = [int(width) for width in re.findall(r"\\multicolumn\{(\d+)\}", row)]
    return len(re.findall(r"(?<!\\)&", row)) + 1 + sum(widths) - len(widths)


@pytest.mark.parametrize("words", [[], ["--paired"]])
def test_every_row_of_a_latex_table_has_all_columns(runs: Path, words: list[str]) -> None:
    text = report(runs, "one", "two", "--format", "latex", *words).out
    assert text.isascii()
    tables = re.findall(r"\\begin\{tabular\}\{([lcr]+)\}\n(.*?)\\end\{tabular\}", text, re.DOTALL)
    assert len(tables) == 1 + len(words)
    for columns, body in tables:
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) > 2
        assert {columns_of(row) for row in rows} == {len(columns)}
        assert [body.count(rf"\{name}") for name in ("toprule", "midrule", "bottomrule")] == [1] * 3
    assert text.count("{") == text.count("}")


@pytest.mark.skipif(LATEX is None, reason="LaTeX is not tested: no pdflatex is installed")
def test_latex_compiles_whatever_a_run_is_called(tmp_path: Path) -> None:
    names = ["[x] a_b", "--c", "^~\\{}$&#%", "心é", "*"]
    for name in names:
        write_evaluation(tmp_path / name, evaluation_of(split=name))
    write_evaluation(tmp_path / "z", better(split="z"))
    folders = [f"./{name}" for name in names]
    assert report(tmp_path, *folders, "--output", "runs.tex").status == 0
    assert report(tmp_path, "[x] a_b", "z", "--paired", "--output", "paired.tex").status == 0
    lines = [r"\documentclass{article}", r"\usepackage{booktabs}", r"\begin{document}"]
    lines += [r"\input{runs.tex}", r"\input{paired.tex}", r"\end{document}"]
    (tmp_path / "text.tex").write_text("\n".join(lines))
    words = [str(LATEX), "-interaction=nonstopmode", "-halt-on-error", "text.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in (tmp_path / "text.log").read_text(errors="replace")


@pytest.mark.parametrize(("name", "start"), [("t.csv", "run,"), ("t.tex", "% "), ("t.md", "| ")])
def test_the_ending_of_a_file_is_its_format(runs: Path, name: str, start: str) -> None:
    outcome = report(runs, "one", "--output", name)
    assert (outcome.status, outcome.out, outcome.err) == (0, f"{name}\n", "")
    content = (runs / name).read_text()
    assert content.startswith(start)
    form = {".csv": "csv", ".tex": "latex", ".md": "markdown"}[Path(name).suffix]
    assert report(runs, "one", "--format", form).out == content
    assert report(runs, "one", "--format", form, "--output", "-").out == content


def test_paired_counts_and_differences(runs: Path) -> None:
    outcome = report(runs, "one", "two", "--paired", "--format", "csv")
    assert (outcome.status, outcome.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    by_key = {(row["class"], row["metric"]): row for row in rows}
    accuracy = by_key["all", "accuracy"]
    values = accuracy["first_value"], accuracy["second_value"], accuracy["difference"]
    assert values == ("0.666667", "0.888889", "0.222222")
    only = by_key["S", "only_right"]
    assert (only["first_value"], only["second_value"], only["difference"]) == ("0", "2", "2")
    assert by_key["Q", "f1"]["difference"] == ""
    text = report(runs, "one", "two", "--paired", "--format", "markdown").out
    ends = [f"{100 * float(accuracy[end]):+.2f}" for end in ("low", "high")]
    low, high = ("0.00" if end == "+0.00" else end for end in ends)
    first, second = (line for line in text.splitlines() if line.startswith(("| accuracy", "| S ")))
    assert first.endswith(f"| +22.22 ({low} to {high}) |")
    assert second == "| S | 3 | 1 | 0 | 2 | 0 |"


def test_paired_runs_on_the_page(runs: Path) -> None:
    outcome = report(runs, "one", "two", "--paired")
    assert outcome.status == 0
    assert "| S | 3 | 1 | 0 | 2 | 0 |" in outcome.out
    reader = Reader((runs / "report.html").read_text())
    assert reader.wrong == []
    assert "Beat by beat" in reader.texts
    assert "true class beats both right only right in one only right in two both" in reader.text
    assert "accuracy 66.7 88.9 +22.22" in reader.text
    assert "They come from only 3 records and are uncertain." in reader.text
    assert "Beat by beat" not in Reader(page_of(runs, "one", "two")).texts


def page_of(folder: Path, *words: str) -> str:
    assert report(folder, *words).status == 0
    return (folder / "report.html").read_text()


def refused(folder: Path, *words: str) -> str:
    before = names_below(folder)
    outcome = report(folder, *words)
    assert (outcome.status, outcome.out) == (2, "")
    [line] = outcome.err.splitlines()
    assert names_below(folder) == before
    return line.removeprefix("ecg-lightning: ")


@pytest.mark.parametrize("form", ["html", "csv", "latex", "markdown"])
def test_other_beats_are_not_compared(runs: Path, form: str) -> None:
    write_evaluation(runs / "two", better(samples=np.arange(9, dtype=np.int64) * 400 + 1001))
    assert refused(runs, "one", "two", "--paired", "--format", form) == (
        "one and two: expected the same beats, found 9 beats only in one (a: 3, b: 3, c: 3) and 9 "
        "beats only in two (a: 3, b: 3, c: 3); test both on the same records, split and "
        "segmentation"
    )


def test_other_true_classes_are_not_compared(runs: Path) -> None:
    write_evaluation(runs / "two", better(labels=np.array([0, 0, 1, 1, 1, 2, 0, 2, 4])))
    line = refused(runs, "one", "two", "--paired")
    assert "found others for 1 of 9 beats (F and Q: 1)" in line


def test_other_classes_are_not_compared(runs: Path) -> None:
    path = runs / "two" / EVALUATION
    content = json.loads(path.read_text())
    content["measures"]["classes"] = ["N", "V", "S", "F", "Q"]
    path.write_text(json.dumps(content))
    line = refused(runs, "one", "two", "--paired", "--format", "csv")
    assert line.startswith("one and two: expected the same classes, such as N S V F Q, found N V")


def test_predictions_of_another_test_are_refused(runs: Path) -> None:
    shutil.copy(runs / "one" / PREDICTIONS, runs / "two" / PREDICTIONS)
    assert refused(runs, "one", "two", "--paired") == (
        "two/predictions.csv: expected the 9 beats of evaluation.json, found 9 beats with another "
        "confusion matrix; test the run again"
    )
    (runs / "two" / PREDICTIONS).unlink()
    assert "two/predictions.csv: expected " in refused(runs, "one", "two", "--paired")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["one", "--paired"], "paired: expected two different runs, found 1; name two (--paired)"),
        (["one", "one/", "--paired"], "paired: expected two different runs, found the same run"),
        (
            ["one", "--format", "csv", "--output", "t.tex"],
            "output t.tex: expected a file for csv, found the ending .tex, of latex; change the "
            "name or the format (--output)",
        ),
        (["one", "--format", "word"], "argument --format: invalid choice: 'word'"),
        (["one", "--output", "one/evaluation.json"], "one/evaluation.json: expected a file of its"),
        (["none", "--format", "csv"], "none: expected an evaluated run, found "),
    ],
)
def test_refused(runs: Path, words: list[str], line: str) -> None:
    assert refused(runs, *words).startswith(line)


def test_other_beats_are_told_on_standard_error(runs: Path) -> None:
    write_evaluation(runs / "two", better(labels=np.array([0, 0, 1, 1, 1, 2, 0, 2, 4])))
    outcome = report(runs, "one", "two", "--format", "markdown")
    assert outcome.err == (
        "ecg-lightning: warning: The runs were tested on different beats. Their metrics cannot be "
        "compared directly.\n"
    )
    assert len(outcome.out.splitlines()) == 4


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for seed in ("seed-0", "seed-1"):
        write_evaluation(tmp_path / seed / "run", evaluation_of())
    rows = report(tmp_path, "seed-0/run", "seed-1/run", "--format", "markdown").out.splitlines()
    assert [row.split(" | ")[-1] for row in rows[2:]] == ["seed-0/run |", "seed-1/run |"]

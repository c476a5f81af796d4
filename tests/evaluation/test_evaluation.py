"""What an evaluated part leaves behind: hand-worked files, the gallery's choice, broken and missing evaluations."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from ecg_lightning.errors import InputError
from ecg_lightning.evaluation import evaluation
from ecg_lightning.evaluation import mistakes as gallery
from ecg_lightning.evaluation.evaluation import curve, read_evaluation
from ecg_lightning.evaluation.mistakes import mistake_rows
from ecg_lightning.evaluation.summary import summarize
from ecg_lightning.records import excerpts
from ecg_lightning.records import wfdb as records
from ecg_lightning.records.excerpts import strips_of_database
from ecg_lightning.report.writer import write_evaluation, write_report
from tests.helpers.evaluations import evaluation_of, strip_of
from tests.helpers.records import database_of, ecg_like

FILES = {"evaluation.json", "report.html", "per_record.csv", "predictions.csv"}


def test_the_files_of_nine_beats_worked_by_hand(tmp_path: Path) -> None:
    written = write_evaluation(tmp_path / "run", evaluation_of(), strip_of)
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    content = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert content == written == read_evaluation(tmp_path / "run")
    assert (content["schema"], content["run"], content["part"], content["split"]) == (
        1,
        "run",
        "test",
        "patients",
    )
    assert content["measures"]["confusion_matrix"] == [
        [3, 0, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [0, 0, 2, 0, 0],
        [0, 0, 1, 0, 0],
        [0] * 5,
    ]
    assert content["measures"]["overall"]["balanced_accuracy"] == pytest.approx(
        (1 + 1 / 3 + 1 + 0) / 4
    )
    assert [row["record"] for row in content["per_record"]] == ["a", "b", "c"]
    assert content["per_record"][1]["confusion_matrix"][1] == [1, 1, 0, 0, 0]
    assert content["curves"]["Q"] is None
    mistakes = [
        (found["record"], found["class"], found["predicted"], round(found["probability"], 4))
        for found in content["gallery"]
    ]
    assert mistakes == [("b", "S", "N", 0.99), ("c", "F", "V", 0.7), ("a", "S", "V", 0.6)]


def test_the_summary_is_that_of_measures(tmp_path: Path) -> None:
    given = evaluation_of()
    probabilities = given.probabilities.astype(np.float64)
    expected = summarize(
        given.labels, given.predictions, probabilities, given.records, np.random.default_rng(5)
    )
    assert write_evaluation(tmp_path, given, seed=5)["measures"] == expected


def test_tables_read_back(tmp_path: Path) -> None:
    write_evaluation(tmp_path, evaluation_of())
    with open(tmp_path / "per_record.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["record"], row["beats"], row["wrong"], row["accuracy"]) for row in rows] == [
        ("a", "3", "1", "0.666667"), ("b", "3", "1", "0.666667"), ("c", "3", "1", "0.666667"),
    ]  # fmt: skip
    assert rows[0]["V.sensitivity"] == ""  # no such beats
    with open(tmp_path / "predictions.csv", newline="") as file:
        beats = list(csv.DictReader(file))
    assert [row["predicted"] for row in beats] == list("NNVSNVNVV")
    assert (
        beats[4]["record"],
        beats[4]["sample"],
        beats[4]["symbol"],
        beats[4]["class"],
        beats[4]["p_N"],
    ) == (
        "b",
        "2600",
        "A",
        "S",
        "0.990000",
    )


def test_a_strip_has_millivolts_times_and_annotated_beats(tmp_path: Path) -> None:
    strip = write_evaluation(tmp_path, evaluation_of(), strip_of)["gallery"][0]["strip"]
    assert (strip["lead"], strip["fs_hz"], strip["time_s"]) == ("MLII", 360.0, round(2600 / 360, 4))
    assert strip["start_s"] == round((2600 - 720) / 360, 4)
    assert len(strip["signal"]) == 1440
    assert strip["signal"][:36] == [None] * 36
    assert strip["signal"][720] == 1.25
    assert [symbol for _, symbol in strip["beats"]] == [
        "N",
        "A",
        "N",
    ]  # the rhythm change is no beat


def test_without_records_mistakes_have_no_strip(tmp_path: Path) -> None:
    assert [
        mistake["strip"] for mistake in write_evaluation(tmp_path, evaluation_of(), None)["gallery"]
    ] == [None] * 3


def test_a_fast_record_is_drawn_with_fewer_points() -> None:
    signal = np.arange(4000.0)
    fast = excerpts.Strip("I", 1000.0, 500, signal, np.array([600]), np.array(["V"]))
    found: Any = gallery._plain(fast, 2500)
    assert (
        found["fs_hz"],
        len(found["signal"]),
        found["signal"][1],
        found["beats"],
        found["time_s"],
    ) == (
        500,
        2000,
        2.0,
        [[0.6, "V"]],
        2.5,
    )


def test_strips_come_from_the_record_and_stay_inside(tmp_path: Path) -> None:
    record = ecg_like("r", "NVNANNFN", fs_hz=250.0)
    strips = strips_of_database(database_of(tmp_path, record))
    middle = strips("r", 800, 2.0)
    assert middle is not None
    assert (middle.first, middle.fs_hz, middle.lead, len(middle.signal)) == (
        550,
        250.0,
        "MLII",
        500,
    )
    np.testing.assert_allclose(middle.signal, record.signal[550:1050], atol=0.0005)
    inside = (record.annotation_samples >= 550) & (record.annotation_samples < 1050)
    assert middle.annotation_samples.tolist() == record.annotation_samples[inside].tolist()
    start, end, whole = (
        strips("r", 3, 2.0),
        strips("r", len(record.signal) - 1, 2.0),
        strips("r", 3, 1000.0),
    )
    assert start is not None
    assert end is not None
    assert whole is not None
    assert (start.first, end.first, whole.first) == (0, len(record.signal) - 500, 0)
    assert (len(start.signal), len(end.signal), len(whole.signal)) == (500, 500, len(record.signal))


def test_each_record_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = database_of(tmp_path / "records", *(ecg_like(name, "N" * 12) for name in "abc"))
    reads: list[str] = []
    read = records.read_record

    def counting(root: Path, name: str, *rest: Any) -> Any:
        reads.append(name)
        return read(root, name, *rest)

    monkeypatch.setattr(excerpts, "read_record", counting)
    order = np.array(
        list("abcabcabc")
    )  # as probabilities would have it, each record comes up again and again
    write_evaluation(
        tmp_path / "run",
        evaluation_of(records=order, labels=np.full(9, 4)),
        strips_of_database(database),
    )
    assert sorted(reads) == ["a", "b", "c"]


def test_the_surest_mistakes_come_first_and_not_all_of_one_kind() -> None:
    labels = np.array([1, 1, 1, 1, 0, 2])
    probabilities = (
        np.eye(5)[[0, 0, 0, 2, 1, 2]] * np.array([0.7, 0.9, 0.8, 0.6, 0.75, 1.0])[:, None]
    )
    records = np.array(["a", "a", "a", "a", "b", "b"])
    assert mistake_rows(labels, probabilities, records) == [
        1,
        2,
        4,
        3,
    ]  # row 0 is the third S called N of a; row 5 is right
    assert mistake_rows(labels, probabilities, records, of_a_kind=3) == [1, 2, 4, 0, 3]
    assert mistake_rows(labels, probabilities, records, count=2) == [1, 2]


def test_a_short_curve_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    positive, scores = random.random(60) < 0.4, random.integers(0, 30, 60) / 30
    precision, recall, _ = precision_recall_curve(positive, scores)
    found = curve(positive, scores)
    assert found is not None
    last = int(
        np.flatnonzero(recall == 1).max()
    )  # its lists run from the lowest threshold up, and end in a point (0, 1) of its own
    np.testing.assert_allclose(found["recall"][::-1], recall[last:-1], atol=5e-5)
    np.testing.assert_allclose(found["precision"][::-1], precision[last:-1], atol=5e-5)


def test_a_long_curve_is_thinned_and_keeps_both_ends() -> None:
    random = np.random.default_rng(0)
    positive = random.random(5000) < 0.3
    scores = random.random(5000) + positive
    found = curve(positive, scores)
    assert found is not None
    assert 100 < len(found["recall"]) <= evaluation.CURVE_POINTS
    assert found["recall"][-1] == 1.0
    assert found["recall"][0] == round(1 / positive.sum(), 4)
    assert found["recall"] == sorted(found["recall"])


def test_a_diverged_network_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    write_evaluation(tmp_path, evaluation_of())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    broken = evaluation_of().probabilities.copy()
    broken[0] = np.nan
    with pytest.raises(
        InputError, match="probabilities: expected finite numbers, found others for 1 of 9 beats"
    ):
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
    with pytest.raises(
        InputError,
        match=r"file/per_record\.csv: expected a place that can be written, found: .*; make room on this disk, or choose another folder",
    ):
        write_evaluation(tmp_path / "file", evaluation_of())


def test_a_name_that_is_no_unicode_is_written(tmp_path: Path) -> None:
    write_evaluation(tmp_path, evaluation_of(records=np.array(["a\udcff"] * 9)))
    assert "a\\udcff,9" in (tmp_path / "per_record.csv").read_text(encoding="utf-8")
    assert "a\\udcff,1000" in (tmp_path / "predictions.csv").read_text(encoding="utf-8")
    assert "a?</th>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert read_evaluation(tmp_path)["per_record"][0]["record"] == "a\udcff"


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
        (
            None,
            "expected an evaluated run, found: No such file or directory; name a folder that `ecg-lightning test` has written",
        ),
        ("{", "expected JSON, found a file that is none (JSONDecodeError)"),
        ("[" * 100_000, "expected JSON, found a file that is none (RecursionError)"),
        ("\xff", "expected JSON, found a file that is none (UnicodeDecodeError)"),
        ("[1]", "expected an evaluation of schema 1, found 'list'"),
        (
            '{"schema": 2}',
            "expected an evaluation of schema 1, found 2; name a folder that `ecg-lightning test` has written with this version",
        ),
        (
            '{"schema": 1}',
            "expected evaluation.json as `ecg-lightning test` writes it, found something else (KeyError: ",
        ),
    ],
)
def test_a_broken_evaluation_is_told_in_one_line(
    tmp_path: Path, text: str | None, message: str
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    if text is not None:
        (run / "evaluation.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError) as caught:
        write_report([run], tmp_path / "page.html")
    assert message in str(caught.value)
    assert str(run) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("value", ["<script>", [1], {"low": 1}])
def test_a_text_in_the_place_of_a_number_is_refused(tmp_path: Path, value: Any) -> None:
    content = write_evaluation(tmp_path, evaluation_of())
    content["measures"]["overall"]["accuracy"] = value
    (tmp_path / "evaluation.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="found something else"):
        write_report([tmp_path], tmp_path / "page.html")


def test_one_record_alone(tmp_path: Path) -> None:
    content = write_evaluation(tmp_path, evaluation_of(records=np.full(9, "a")))
    assert content["measures"]["intervals"] == {}
    assert "there are no intervals" in (tmp_path / "report.html").read_text()

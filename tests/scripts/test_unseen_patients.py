"""The table of unseen patients: folds, scores, intervals, and a small run from end to end."""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import unseen_patients
from unseen_detector import detector_of, matched
from unseen_plan import ROWS, dealt
from unseen_predictions import EXTRA, Predicted
from unseen_results import TITLES, Group, Result, results_of
from unseen_scores import counts_of, median_s, of_records, spreads
from unseen_tables import tables_of
from unseen_training import drawn_shares, read_predictions
from unseen_trees import CLASSES, trained

from ecg_lightning.arrays import Integers
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.data.dechazal import DS1, DS2
from ecg_lightning.evaluation.confusion import record_confusions
from ecg_lightning.evaluation.intervals import bootstrap_intervals
from ecg_lightning.evaluation.predictions import predictions_csv
from ecg_lightning.models.prior_shift import PriorShift
from ecg_lightning.records.recording import FileAnnotations
from tests.helpers.own_shares import with_own_shares

PRIOR = np.array([0.8, 0.1, 0.05, 0.03, 0.02])
SHARES = (0.4, 0.2, 0.15, 0.13, 0.12)  # of the tested beats
NAMES = ("mitdb/202", "mitdb/231", "mitdb/232")


def _predicted(seed: int = 0, beats: int = 300, records: Sequence[str] = NAMES) -> Predicted:
    """Random beats, the same for all seeds, with probabilities that are often right."""
    same, own = np.random.default_rng(99), np.random.default_rng(seed)
    labels = same.choice(5, beats, p=SHARES)
    names = np.array(records)[same.integers(0, len(records), beats)]
    logits = own.normal(size=(beats, 5)) + 1.5 * np.eye(5)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Predicted(names, np.arange(beats), labels, probabilities, PRIOR)


def _as_they_are(predicted: Predicted) -> tuple[Integers, Integers]:
    """The true and the predicted classes of all beats but those of class Q."""
    kept = predicted.labels < 4
    return predicted.labels[kept], predicted.probabilities.argmax(1)[kept]


def test_every_row_has_a_title_and_sides_of_its_own() -> None:
    assert {*ROWS, "5"} == {*TITLES}
    for train, test in ROWS.values():
        assert not {*train} & {*test}


def test_folds_hold_each_record_once_and_patients_together() -> None:
    mitdb = [f"mitdb/{name}" for name in (*DS1, *DS2)]
    svdb = [f"svdb/{800 + number}" for number in range(78)]
    counts = {name: number * 7 % 50 for number, name in enumerate((*mitdb, *svdb))}
    patients = dict.fromkeys(svdb, "") | {name: name for name in mitdb}
    patients["mitdb/202"] = "mitdb/201"
    folds = dealt([*mitdb, *svdb], counts, patients, 10)
    assert sorted(name for fold in folds for name in fold) == sorted((*mitdb, *svdb))
    assert [{"mitdb/201", "mitdb/202"} <= {*fold} for fold in folds].count(True) == 1
    assert not any(len({"mitdb/201", "mitdb/202"} & {*fold}) == 1 for fold in folds)
    assert {len(fold) for fold in folds} <= {11, 12, 13, 14}
    assert dealt([*mitdb, *svdb], counts, patients, 10) == folds
    assert dealt([*mitdb, *svdb], counts, patients, 10, seed=1) != folds


def test_folds_have_like_numbers_of_s() -> None:
    names = [f"svdb/{number}" for number in range(20)]
    counts = dict(zip(names, [1000] * 5 + [100] * 5 + [10] * 5 + [0] * 5, strict=True))
    for fold in dealt(names, counts, dict.fromkeys(names, ""), 5):
        assert sorted(counts[name] for name in fold) == [0, 10, 100, 1000]


def test_scores_are_those_of_scikit_learn() -> None:
    seeds = [_predicted(seed) for seed in (1, 2, 3)]
    scores = spreads(counts_of(seeds)[1])
    pairs = [_as_they_are(seed) for seed in seeds]
    own = [f1_score(y, p, labels=[0, 1, 2], average="macro") for y, p in pairs]
    assert scores["macro-F1 N S V"].mean == pytest.approx(np.mean(own))
    assert scores["macro-F1 N S V"].deviation == pytest.approx(np.std(own, ddof=1))
    assert scores["accuracy"].mean == pytest.approx(np.mean([accuracy_score(*p) for p in pairs]))
    for k, label in enumerate("NSVF"):
        for title, score in (("Se", recall_score), ("+P", precision_score), ("F1", f1_score)):
            if label != "N":
                values = [score(y, p, labels=[k], average=None)[0] for y, p in pairs]
                assert scores[f"{label} {title}"].mean == pytest.approx(np.mean(values))


def test_scores_of_each_record_and_without_some() -> None:
    predicted = _predicted(5)
    names, counts = counts_of([predicted])
    assert names.tolist() == sorted(NAMES)
    values = []
    for row, name in enumerate(names.tolist()):
        kept = (predicted.records == name) & (predicted.labels < 4)
        y, p = predicted.labels[kept], predicted.probabilities[kept].argmax(1)
        values.append(f1_score(y, p, labels=[1], average=None)[0])
        assert of_records(counts)["S F1"][row] == pytest.approx(values[-1])
    assert median_s(counts, least=1) == pytest.approx(np.median(values))
    assert np.isnan(median_s(counts, least=10_000))
    result = Result(Group("1", "PatientContext", Path("x")), names, counts)
    assert np.array_equal(result.without(["mitdb/232"]), counts[:, :2])


def test_intervals_are_those_of_the_bootstrap_over_records() -> None:
    records = [f"svdb/{number}" for number in range(8)]
    seeds = [_predicted(seed, 900, records) for seed in (0, 1)]
    counts = counts_of(seeds)[1]
    for one in (0, 1):
        expected = bootstrap_intervals(counts[one], np.random.default_rng(0), 1000)
        score = spreads(counts[one : one + 1])["S F1"]
        assert (score.low, score.high) == (expected["S.f1"]["low"], expected["S.f1"]["high"])
        assert np.isnan(score.deviation)
    both, twice = spreads(counts)["S F1"], spreads(counts[[0, 0]])["S F1"]
    assert twice.deviation == 0
    assert (twice.low, twice.high) == pytest.approx(spreads(counts[:1])["S F1"][2:])
    assert both.low < both.mean < both.high
    assert np.isnan(spreads(counts[:, :1])["S F1"].low)  # one record has no spread


def test_seeds_of_other_beats_are_refused() -> None:
    with pytest.raises(ValueError, match="different beats"):
        counts_of([_predicted(), _predicted(beats=299)])


def test_beats_of_the_detector_are_counted_by_hand() -> None:
    """V called V, S not found, N called S, Q called V; an extra S; an extra Q is not counted."""
    certain = np.eye(5)[[2, 0, 1, 2, 1, 4]]
    certain[1] = np.nan
    labels = np.array([2, 1, 0, 4, EXTRA, EXTRA])
    predicted = Predicted(np.array(["a"] * 6), np.arange(6), labels, certain, PRIOR)
    _, counts = predicted.confusions()
    expected = np.zeros((5, 5), np.int64)
    expected[2, 2] = expected[1, 4] = expected[0, 1] = expected[4, 1] = 1
    assert np.array_equal(counts[0], expected)
    scores = spreads(counts[None])
    assert (scores["V F1"].mean, scores["S Se"].mean, scores["S +P"].mean) == (1, 0, 0)
    assert scores["accuracy"].mean == 1 / 4
    shifted = predicted.with_own_shares(0, 0).probabilities
    assert np.isnan(shifted[1]).all()
    assert np.isfinite(shifted[[0, 2, 3, 4, 5]]).all()


def test_found_beats_are_matched_within_150_ms_outside_flutter() -> None:
    marks = [(100, "N"), (200, "V"), (300, "+"), (400, "A"), (500, "["), (560, "!"), (700, "]")]
    samples, symbols = zip(*marks, strict=True)
    reference = FileAnnotations(np.array(samples), np.array(symbols, "<U1"), ("",) * len(marks))
    found = np.array([115, 216, 404, 600, 900])
    positions, labels, rows = matched(reference, found, 100.0)
    assert positions.tolist() == [100, 200, 216, 400, 900]
    assert labels.tolist() == [0, 2, EXTRA, 1, EXTRA]
    assert rows.tolist() == [0, -1, 1, 2, 4]


def test_no_detector_has_seen_what_it_is_tested_on() -> None:
    assert detector_of("mitdb/100") == "BeatDetector-ds1"
    assert detector_of("mitdb/101") == "BeatDetector-ds2"
    assert detector_of("svdb/800") == "BeatDetector"


def test_own_shares_are_those_of_each_record() -> None:
    predicted = _predicted(7)
    shifted = predicted.with_own_shares(50, 0)
    settings = PriorShift(tuple(PRIOR.tolist()), 50)
    for name in NAMES:
        rows = predicted.records == name
        expected = with_own_shares(predicted.probabilities[rows], settings)
        assert shifted.probabilities[rows] == pytest.approx(expected)
    assert np.array_equal(predicted.with_own_shares(0, 1).probabilities, predicted.probabilities)


def test_predictions_are_kept(tmp_path: Path) -> None:
    predicted = _predicted()
    predicted.write(tmp_path / "a" / "x.npz")
    again = Predicted.read(tmp_path / "a" / "x.npz")
    assert again.records.tolist() == predicted.records.tolist()
    assert np.array_equal(again.probabilities, predicted.probabilities)
    both = Predicted.concatenated([predicted, again])
    assert len(both.labels) == 2 * len(predicted.labels)


def test_predictions_of_a_run_are_read(tmp_path: Path) -> None:
    predicted = _predicted()
    content = predictions_csv(
        predicted.records,
        predicted.samples,
        np.array(["N"] * len(predicted.labels)),
        predicted.labels,
        predicted.probabilities.astype(np.float32),
        np.ones(len(predicted.labels), np.float32),
    )
    (tmp_path / "predictions.csv").write_bytes(content)
    again = read_predictions(tmp_path / "predictions.csv", PRIOR)
    assert again.records.tolist() == predicted.records.tolist()
    assert np.array_equal(again.samples, predicted.samples)
    assert np.array_equal(again.labels, predicted.labels)
    assert again.probabilities == pytest.approx(predicted.probabilities, abs=1e-5)


def test_shares_of_what_a_sampler_draws() -> None:
    labels, records = np.array([0, 0, 0, 1, 1]), np.array(["a", "a", "a", "a", "b"])
    shares = [drawn_shares(labels, records, *how).tolist() for how in _HOW]
    expected = [[0.6, 0.4, 0, 0, 0], [0.2] * 5, [0.375, 0.625, 0, 0, 0]]
    assert np.array(shares) == pytest.approx(np.array(expected))
    # The S beat of b counts three times: (1/4 + 3) of 3/4 + 1/4 + 3.
    weights = np.array([1, 1, 1, 1, 3], np.float32)
    weighted = drawn_shares(labels, records, "weighted", True, weights)
    assert weighted == pytest.approx([0.1875, 0.8125, 0, 0, 0])


_HOW = (("none", True), ("weighted", False), ("weighted", True))


def test_trees_learn_what_one_number_says() -> None:
    pytest.importorskip("lightgbm", reason="trees need the extra benchmark")
    labels = np.tile(np.arange(len(CLASSES)), 200)
    values = np.stack([labels, labels[::-1]], 1).astype(np.float32)
    predict = trained(values, labels, np.ones(len(labels), np.float32), seed=0)
    assert np.array_equal(predict(values).argmax(1), labels)


def _results(output: Path, row: str, title: str, seeds: int, name: str = "experts.npz") -> None:
    for seed in range(seeds):
        _predicted(seed).write(output / f"row{row}" / title / f"seed{seed}" / name)


def test_trainings_of_two_versions_of_the_code_are_not_averaged(tmp_path: Path) -> None:
    _results(tmp_path, "2", "PatientContext", 2)
    for seed, code in enumerate(("one", "another")):
        path = tmp_path / f"row2/PatientContext/seed{seed}/made_of.json"
        path.write_text(json.dumps({"code": code}), encoding="utf-8")
    with pytest.raises(
        SystemExit, match="expected trainings of one version of the code and its settings, found 2"
    ):
        list(results_of(tmp_path))


def test_other_settings_or_found_beats_of_another_version_are_not_averaged(tmp_path: Path) -> None:
    _results(tmp_path, "1", "LightGBM", 2)
    _results(tmp_path, "2", "PatientContext", 2)
    _results(tmp_path, "2", "PatientContext", 2, "detector.npz")
    for seed in range(2):
        made = {"unit": [str(seed)], "trees": 150 - seed, "code": "one"}
        path = tmp_path / f"row1/LightGBM/seed{seed}/made_of.json"
        path.write_text(json.dumps(made), encoding="utf-8")
    with pytest.raises(SystemExit, match="row1/LightGBM: expected trainings of one version"):
        list(results_of(tmp_path))
    path.write_text(json.dumps({**made, "trees": 150}), encoding="utf-8")
    assert {result.group.title for result in results_of(tmp_path)} == {"LightGBM", "PatientContext"}
    for seed in range(2):
        path = tmp_path / f"row2/PatientContext/seed{seed}/made_of_detector.json"
        path.write_text(json.dumps({"code": str(seed)}), encoding="utf-8")
    with pytest.raises(SystemExit, match="row2/PatientContext: expected trainings of one version"):
        list(results_of(tmp_path))


def test_row_3_is_given_without_the_patient_who_trains_it(tmp_path: Path) -> None:
    _results(tmp_path, "3", "PatientContext", 1)
    lines = tables_of([*results_of(tmp_path)])["unseen-without"].splitlines()[2:]
    assert [line.split(" | ")[4] for line in lines] == ["all", "without 201"] * 2


def test_tables_hold_what_is_measured(tmp_path: Path) -> None:
    assert {*tables_of([]).values()} == {"not measured yet"}
    _results(tmp_path, "1", "PatientContext", 2)
    _results(tmp_path, "1", "PatientContext", 2, "detector.npz")
    _results(tmp_path, "1", "PatientContext-causal", 1)
    _results(tmp_path, "4", "LightGBM", 2)
    for fold in range(9):  # of ten: not complete
        _predicted(fold).write(tmp_path / f"row5/PatientContext/seed0/fold{fold}/experts.npz")
    tables = tables_of([*results_of(tmp_path)])
    expected = spreads(counts_of([_predicted(0), _predicted(1)])[1])["accuracy"]
    first = tables["unseen-rows"].splitlines()[2]
    assert first.startswith("| 1: DS1 + SVDB → DS2 | PatientContext | 2 | no |")
    assert f"{expected.mean:.3f} ± {expected.deviation:.3f}" in first
    assert len(tables["unseen-rows"].splitlines()) == 2 + 4  # two networks, with and without EM
    assert len(tables["unseen-without"].splitlines()) == 2 + 4 * 4
    assert tables["unseen-forms"].count("| causal | experts' |") == 1  # no EM
    lines = tables["unseen-forms-without"].splitlines()[2:]
    assert [line.split(" | ")[3:7] for line in lines] == [
        [em, form, beats, records]
        for em, form, beats in (
            ("no", "offline", "detector's"),
            ("yes", "offline", "detector's"),
            ("no", "causal", "experts'"),
        )
        for records in ("all", "without 232", "without 202", "without both")
    ]
    assert tables["unseen-forms"].count("| offline | detector's |") == 2
    assert tables["unseen-folds"] == "not measured yet"
    assert [line.split(" ")[1] for line in tables["unseen-records"].splitlines()[2:]] == [*NAMES]
    _predicted(9).write(tmp_path / "row5/PatientContext/seed0/fold9/experts.npz")
    assert "5: ten folds" in tables_of([*results_of(tmp_path)])["unseen-folds"]


def test_tables_go_into_the_document(tmp_path: Path) -> None:
    _results(tmp_path / "results", "1", "PatientContext", 1)
    document = tmp_path / "x.md"
    document.write_text((ROOT / "docs" / "unseen-patients.md").read_text(encoding="utf-8"))
    words = ["tables", "--output", str(tmp_path / "results"), "--document", str(document)]
    unseen_patients.main(words)
    assert "| 1: DS1 + SVDB → DS2 | PatientContext | 1 | no |" in document.read_text()
    with (tmp_path / "results" / "records.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["record"] for row in rows] == [*NAMES] * 2
    predicted = _predicted()
    names, counts = record_confusions(predicted.labels, predicted.labels, predicted.records)
    for row, name, confusion in zip(rows, names.tolist(), counts, strict=False):
        assert row["record"] == name
        beats = [int(row[label]) for label in CLASS_NAMES[:4]]
        assert beats == np.diagonal(confusion)[:4].tolist()

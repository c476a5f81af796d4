"""Every measure against scikit-learn or a table worked by hand; intervals against a plain loop."""

import json
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.confusion import (
    BY_CLASS,
    EC57,
    EC57_CELLS,
    OVERALL,
    Floats,
    Integers,
    ec57_counts,
    intervals,
    metrics_of_confusions,
)
from ecg_lightning.evaluation.summary import (
    ClassMetrics,
    Ec57Metrics,
    Names,
    Summary,
    influence,
    per_record,
    record_confusions,
    summarize,
)

Predicted = tuple[Integers, Integers, Floats, Names]
PARTS = "nsvfq"
# Rows N S V F Q; every cell another prime, so that a beat counted in the wrong place is seen.
PRIMES = np.array(
    [
        [541, 3, 5, 7, 11],
        [13, 17, 19, 23, 29],
        [31, 37, 41, 43, 47],
        [53, 59, 61, 67, 71],
        [73, 79, 83, 89, 97],
    ]
)


def predicted(
    count: int = 997,
    seed: int = 0,
    shares: tuple[float, ...] = (0.75, 0.08, 0.1, 0.04, 0.03),
    records: int = 7,
) -> Predicted:
    """Labels, predictions, probabilities and records that have something to do with each other."""
    random = np.random.default_rng(seed)
    labels = random.choice(5, count, p=shares)
    probabilities = random.dirichlet(np.full(5, 0.4), count) + 0.8 * np.eye(5)[
        labels
    ] * random.random((count, 1))
    probabilities = np.round(
        probabilities / probabilities.sum(axis=1, keepdims=True), 3
    )  # rounded: ties
    return (
        labels,
        probabilities.argmax(axis=1),
        probabilities,
        random.choice([f"r{number}" for number in range(records)], count),
    )


def of_matrix(matrix: Any) -> tuple[Integers, Integers]:
    """Labels and predictions of the beats that a confusion matrix counts."""
    true, called = np.nonzero(np.asarray(matrix))
    counts = np.asarray(matrix)[true, called]
    return true.repeat(counts), called.repeat(counts)


def summary_of_matrix(matrix: Any, records: Names | None = None) -> Summary:
    labels, predictions = of_matrix(matrix)
    records = np.full(len(labels), "r") if records is None else records
    return summarize(
        labels, predictions, np.eye(5)[predictions], records, np.random.default_rng(0), resamples=20
    )


@pytest.fixture(scope="module")
def data() -> Predicted:
    return predicted()


@pytest.fixture(scope="module")
def found(data: Predicted) -> Summary:
    return summarize(*data, np.random.default_rng(0), resamples=10)


class TestAgainstScikitLearn:
    def test_overall(self, data: Predicted, found: Summary) -> None:
        labels, predictions, *_ = data
        expected = {
            "accuracy": sk.accuracy_score(labels, predictions),
            "balanced_accuracy": sk.balanced_accuracy_score(labels, predictions),
            "macro_f1_nsv": sk.f1_score(labels, predictions, labels=[0, 1, 2], average="macro"),
            "macro_f1_nsvf": sk.f1_score(labels, predictions, labels=[0, 1, 2, 3], average="macro"),
            "kappa": sk.cohen_kappa_score(labels, predictions),
            "mcc": sk.matthews_corrcoef(labels, predictions),
        }
        assert {name: found["overall"][name] for name in expected} == pytest.approx(
            expected, rel=1e-12
        )
        assert tuple(found["overall"]) == OVERALL
        assert (
            found["confusion_matrix"]
            == sk.confusion_matrix(labels, predictions, labels=range(5)).tolist()
        )
        assert (found["beats"], found["records"], found["classes"]) == (997, 7, list(CLASS_NAMES))

    @pytest.mark.parametrize("k", range(5))
    def test_each_class(self, data: Predicted, found: Summary, k: int) -> None:
        labels, predictions, probabilities, _ = data
        positive, called = labels == k, predictions == k
        of_class = found["by_class"][CLASS_NAMES[k]]
        expected = {
            "beats": positive.sum(),
            "sensitivity": sk.recall_score(positive, called),
            "positive_predictivity": sk.precision_score(positive, called),
            "f1": sk.f1_score(positive, called),
            "specificity": sk.recall_score(~positive, ~called),
            "false_positive_rate": 1 - sk.recall_score(~positive, ~called),
            "average_precision": sk.average_precision_score(positive, probabilities[:, k]),
            "roc_auc": sk.roc_auc_score(positive, probabilities[:, k]),
        }
        assert {
            name: value for name, value in of_class.items() if name != "reliability"
        } == pytest.approx(expected, rel=1e-12)

    def test_brier(self, data: Predicted, found: Summary) -> None:
        labels, _, probabilities, _ = data
        rounded = probabilities / probabilities.sum(
            axis=1, keepdims=True
        )  # scikit-learn wants a sum of one
        exact = summarize(labels, data[1], rounded, data[3], np.random.default_rng(0), resamples=1)
        assert exact["brier"] == pytest.approx(
            sk.brier_score_loss(labels, rounded, labels=range(5), scale_by_half=False), rel=1e-12
        )

    def test_an_absent_class_is_left_out_of_balanced_accuracy(self) -> None:
        labels, predictions, probabilities, records = predicted(shares=(0.8, 0, 0.2, 0, 0))
        found = summarize(
            labels,
            np.where(predictions == 2, 2, 0),
            probabilities,
            records,
            np.random.default_rng(0),
            resamples=1,
        )
        assert found["overall"]["balanced_accuracy"] == sk.balanced_accuracy_score(
            labels, np.where(predictions == 2, 2, 0)
        )


class TestEc57:
    def test_the_counts_by_the_terms_of_bxb(self) -> None:
        """The sums as `print_results` of WFDB's bxb.c writes them, for beats that were all detected; SVEB's tn as in de Chazal 2004."""
        beats = {
            true.upper() + called: int(PRIMES[i, j])
            for i, true in enumerate(PARTS)
            for j, called in enumerate(PARTS)
        }

        def total(terms: str) -> int:
            return sum(beats[term] for term in terms.split())

        found = summary_of_matrix(PRIMES)["ec57"]
        assert {kind: found["VEB"][kind] for kind in ("tp", "fn", "fp", "tn", "excluded")} == {  # type: ignore[literal-required]
            "tp": total("Vv"),
            "fn": total("Vn Vs Vf Vq"),
            "fp": total("Nv Sv"),
            "tn": total("Nn Ns Nf Nq Sn Ss Sf Sq Fn Fs Ff Fq Qn Qs Qf Qq"),
            "excluded": total("Fv Qv"),
        }
        assert {kind: found["SVEB"][kind] for kind in ("tp", "fn", "fp", "tn", "excluded")} == {  # type: ignore[literal-required]
            "tp": total("Ss"),
            "fn": total("Sn Sv Sf Sq"),
            "fp": total("Ns Vs Fs"),
            "tn": total("Nn Nv Nf Nq Vn Vv Vf Vq Fn Fv Ff Fq Qn Qv Qf Qq"),
            "excluded": total("Qs"),
        }

    @pytest.mark.parametrize("event", EC57_CELLS)
    def test_every_cell_counts_once(self, event: str) -> None:
        for cell in range(25):
            counts = ec57_counts(np.eye(25, dtype=np.int64)[cell].reshape(5, 5), event)
            assert sorted(int(count) for count in counts.values()) == [0, 0, 0, 0, 1]

    def test_a_record_by_hand(self) -> None:
        """100 N, of which 6 called V and 2 S; 10 S, 1 called V; 20 V, 2 called N and 2 F; 8 F, 5 called V and 1 S; Q called V and S."""
        matrix = [
            [92, 2, 6, 0, 0],
            [1, 8, 1, 0, 0],
            [2, 0, 16, 2, 0],
            [1, 1, 5, 1, 0],
            [0, 1, 1, 0, 0],
        ]
        found = summary_of_matrix(matrix)
        veb = {
            "sensitivity": 16 / 20,
            "positive_predictivity": 16 / 23,
            "f1": 32 / 43,
            "false_positive_rate": 7 / 114,
        }
        assert found["ec57"]["VEB"] == pytest.approx(
            {"tp": 16, "fn": 4, "fp": 7, "tn": 107, "excluded": 6, **veb}
        )
        sveb = {
            "sensitivity": 8 / 10,
            "positive_predictivity": 8 / 11,
            "f1": 16 / 21,
            "false_positive_rate": 3 / 129,
        }
        assert found["ec57"]["SVEB"] == pytest.approx(
            {"tp": 8, "fn": 2, "fp": 3, "tn": 126, "excluded": 1, **sveb}
        )
        # Beside them the plain figures, in which F and Q count.
        assert (
            found["by_class"]["V"]["positive_predictivity"],
            found["by_class"]["S"]["positive_predictivity"],
        ) == (16 / 29, 8 / 12)
        kappa = sk.cohen_kappa_score(*of_matrix(matrix))
        j = 16 / 20 + 16 / 23 + 8 / 10 + 8 / 11
        assert (found["overall"]["j"], found["overall"]["jk"]) == pytest.approx(
            (j, kappa / 2 + j / 8), rel=1e-12
        )

    def test_a_perfect_classifier_has_j_4_and_jk_1(self) -> None:
        found = summary_of_matrix(np.diag([50, 4, 6, 3, 2]))["overall"]
        assert found == dict.fromkeys(OVERALL, 1.0) | {"j": 4.0}


class TestNoSuchBeats:
    def test_an_absent_class_has_no_figures_but_false_alarms(self) -> None:
        """Three N, one of them called V: V has no sensitivity, and no +P of 0 either, but a false positive rate."""
        found = summary_of_matrix([[2, 0, 1, 0, 0], *np.zeros((4, 5), np.int64)])
        v = found["by_class"]["V"]
        assert v["beats"] == 0
        assert [
            v[name]
            for name in (
                "sensitivity",
                "positive_predictivity",
                "f1",
                "average_precision",
                "roc_auc",
            )
        ] == [None] * 5  # type: ignore[literal-required]
        assert (v["false_positive_rate"], v["specificity"]) == (1 / 3, 2 / 3)
        veb = found["ec57"]["VEB"]
        assert (veb["fp"], veb["positive_predictivity"], veb["f1"], veb["false_positive_rate"]) == (
            1,
            None,
            None,
            1 / 3,
        )
        assert found["by_class"]["N"]["roc_auc"] is None  # there is nothing to tell N from
        assert (
            found["by_class"]["N"]["specificity"],
            found["by_class"]["N"]["false_positive_rate"],
        ) == (None, None)
        assert [
            found["overall"][name] for name in ("macro_f1_nsv", "macro_f1_nsvf", "j", "jk")
        ] == [None] * 4
        assert found["influence"]["V"] is None

    def test_a_class_never_called_has_no_positive_predictivity_but_an_f1_of_0(self) -> None:
        v = summary_of_matrix([[2, 0, 0, 0, 0], [0] * 5, [1, 0, 0, 0, 0], [0] * 5, [0] * 5])[
            "by_class"
        ]["V"]
        assert (v["sensitivity"], v["positive_predictivity"], v["f1"]) == (0.0, None, 0.0)

    def test_one_class_alone_has_no_kappa_and_no_mcc(self) -> None:
        found = summary_of_matrix([[2, 0, 0, 0, 0], *np.zeros((4, 5), np.int64)])["overall"]
        assert (found["accuracy"], found["balanced_accuracy"], found["kappa"], found["mcc"]) == (
            1.0,
            1.0,
            None,
            None,
        )

    def test_no_beats_at_all(self) -> None:
        nothing = np.zeros(0, np.int64)
        found = summarize(
            nothing, nothing, np.zeros((0, 5)), np.zeros(0, np.str_), np.random.default_rng(0)
        )
        assert found["overall"] == dict.fromkeys(OVERALL)
        assert (
            found["ece"],
            found["brier"],
            found["reliability"],
            found["intervals"],
            found["beats"],
        ) == (None, None, [], {}, 0)
        assert per_record(nothing, nothing, np.zeros((0, 5)), np.zeros(0, np.str_)) == []

    @pytest.mark.parametrize("shares", [(1, 0, 0, 0, 0), (0.9, 0, 0.1, 0, 0), (0, 0, 0, 0, 1)])
    def test_json_can_hold_it(self, shares: tuple[float, ...]) -> None:
        data = predicted(60, shares=shares)
        found = summarize(*data, np.random.default_rng(0), resamples=50)
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        rows = per_record(*data)
        assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_the_schema_holds_what_it_says() -> None:
    found = summarize(*predicted(), np.random.default_rng(0), resamples=5)
    assert set(found) == set(Summary.__annotations__)
    assert all(
        set(figures) == set(ClassMetrics.__annotations__) for figures in found["by_class"].values()
    )
    assert all(
        set(figures) == set(Ec57Metrics.__annotations__) for figures in found["ec57"].values()
    )
    assert {*BY_CLASS} < set(ClassMetrics.__annotations__)
    assert {*EC57} < set(Ec57Metrics.__annotations__)


class TestPerRecord:
    def test_a_row_is_the_summary_of_its_record(self) -> None:
        labels, predictions, probabilities, records = predicted(400, records=11)
        rows = per_record(labels, predictions, probabilities, records)
        assert [row["record"] for row in rows] == sorted(set(records.tolist()))
        for row in rows:
            of = records == row["record"]
            alone = summarize(
                labels[of],
                predictions[of],
                probabilities[of],
                records[of],
                np.random.default_rng(0),
            )
            flat: dict[str, Any] = {
                "record": row["record"],
                "beats": alone["beats"],
                **alone["overall"],
            }
            flat |= {
                "wrong": int((labels[of] != predictions[of]).sum()),
                "ece": alone["ece"],
                "brier": alone["brier"],
            }
            for name, of_class in alone["by_class"].items():
                flat |= {
                    f"{name}.{key}": value
                    for key, value in of_class.items()
                    if key != "reliability"
                }
            flat |= {
                f"{event}.{key}": figures[key]
                for event, figures in alone["ec57"].items()
                for key in EC57
            }  # type: ignore[literal-required]
            assert row == flat

    def test_matrices_add_up(self) -> None:
        labels, predictions, _, records = predicted()
        names, matrices = record_confusions(labels, predictions, records)
        assert matrices.sum(axis=0).tolist() == sk.confusion_matrix(labels, predictions).tolist()
        for name, matrix in zip(names, matrices, strict=True):
            of = records == name
            assert (
                matrix.tolist()
                == sk.confusion_matrix(labels[of], predictions[of], labels=range(5)).tolist()
            )


class TestIntervals:
    def test_equal_a_plain_loop_over_the_same_resamples(self) -> None:
        labels, predictions, _, records = predicted(300)
        names, matrices = record_confusions(labels, predictions, records)
        found = intervals(matrices, np.random.default_rng(3), resamples=40)
        drawn = np.random.default_rng(3).multinomial(
            len(names), np.full(len(names), 1 / len(names)), size=40
        )
        accuracies, f1 = [], []
        for times in drawn:
            rows = np.concatenate(
                [
                    np.flatnonzero(records == name)
                    for name, n in zip(names, times, strict=True)
                    for _ in range(n)
                ]
            )
            accuracies.append(sk.accuracy_score(labels[rows], predictions[rows]))
            f1.append(sk.f1_score(labels[rows] == 2, predictions[rows] == 2))
        assert found["accuracy"] == pytest.approx(
            dict(zip(("low", "high"), np.percentile(accuracies, (2.5, 97.5)), strict=True))
        )
        assert found["V.f1"] == pytest.approx(
            dict(zip(("low", "high"), np.percentile(f1, (2.5, 97.5)), strict=True))
        )
        assert set(found) == set(metrics_of_confusions(matrices))

    def test_records_are_drawn_and_not_beats(self) -> None:
        """One record all right, one all wrong: a quarter of the resamples are all right, a quarter all wrong, however many the beats."""
        matrices = np.zeros((2, 5, 5), np.int64)
        matrices[0, 0, 0], matrices[1, 0, 2] = 10_000, 10_000
        assert intervals(matrices, np.random.default_rng(0))["accuracy"] == {
            "low": 0.0,
            "high": 1.0,
        }

    def test_resamples_without_such_beats_are_left_out_and_told(self) -> None:
        """S lies in one record of three: (2/3)**3 of the resamples have none, and in the others half of it is found."""
        matrices = np.zeros((3, 5, 5), np.int64)
        matrices[:, 0, 0], matrices[1, 1, 1], matrices[1, 1, 0] = 5, 4, 4
        found = intervals(matrices, np.random.default_rng(0), resamples=20_000)
        assert found["S.sensitivity"] == {
            "low": 0.5,
            "high": 0.5,
            "left_out": pytest.approx(8 / 27, abs=0.01),
        }
        assert found["N.sensitivity"] == {"low": 1.0, "high": 1.0}
        assert found["V.f1"] == {"low": None, "high": None, "left_out": 1.0}

    def test_they_follow_the_generator(self) -> None:
        data = predicted(200)
        found = [
            summarize(*data, np.random.default_rng(seed), resamples=30)["intervals"]["S.f1"]
            for seed in (0, 0, 1)
        ]
        assert found[0] == found[1] != found[2]

    def test_one_record_has_no_spread(self) -> None:
        assert summary_of_matrix(PRIMES)["intervals"] == {}

    def test_a_figure_lies_in_its_interval(self) -> None:
        found = summarize(*predicted(), np.random.default_rng(0))
        for name in ("accuracy", "kappa", "macro_f1_nsv"):
            value, interval = found["overall"][name], found["intervals"][name]
            assert value is not None
            assert interval["low"] is not None
            assert interval["high"] is not None
            assert interval["low"] < value < interval["high"]


class TestInfluence:
    def test_the_record_that_decides_by_hand(self) -> None:
        """Record b holds 9 of 12 S, all found; without it 1 of 3 is found, and one N was called S."""
        labels = np.array([1] * 9 + [1, 1, 1] + [0] * 4 + [2, 2])
        predictions = np.array([1] * 9 + [1, 0, 0] + [1, 0, 0, 0] + [2, 2])
        records = np.array(["b"] * 9 + ["a", "a", "c"] + ["c", "a", "a", "c"] + ["a", "c"])
        found = influence(labels, predictions, records)
        f1_n, f1_s, f1_v = 6 / (6 + 2 + 1), 2 / (2 + 2 + 1), 1.0
        assert found["S"] == pytest.approx({
            "record": "b", "beats": 9, "total": 12, "sensitivity_without": 1 / 3, "positive_predictivity_without": 1 / 2,
            "f1_without": f1_s, "macro_f1_nsv_without": (f1_n + f1_s + f1_v) / 3, "macro_f1_nsvf_without": None,
        })  # fmt: skip
        assert found["V"] is not None
        assert (found["V"]["record"], found["V"]["beats"], found["V"]["total"]) == (
            "a",
            1,
            2,
        )  # of equals the first by name
        assert (found["F"], found["Q"]) == (None, None)

    def test_the_only_record_of_a_class_leaves_nothing(self) -> None:
        found = influence(np.array([0, 2]), np.array([0, 2]), np.array(["a", "b"]))["V"]
        assert found is not None
        assert (found["record"], found["sensitivity_without"], found["f1_without"]) == (
            "b",
            None,
            None,
        )

    def test_without_is_the_summary_of_the_other_records(self) -> None:
        labels, predictions, probabilities, records = predicted()
        found = influence(labels, predictions, records)["F"]
        assert found is not None
        rest = records != found["record"]
        others = summarize(
            labels[rest],
            predictions[rest],
            probabilities[rest],
            records[rest],
            np.random.default_rng(0),
            resamples=1,
        )
        assert found["f1_without"] == others["by_class"]["F"]["f1"]
        assert found["macro_f1_nsvf_without"] == others["overall"]["macro_f1_nsvf"]
        assert found["total"] - found["beats"] == others["by_class"]["F"]["beats"]


class TestWhatIsRefused:
    @pytest.mark.parametrize(("row", "column", "value"), [(0, 0, np.nan), (3, 4, np.inf)])
    def test_probabilities_that_are_no_numbers(self, row: int, column: int, value: float) -> None:
        labels, predictions, probabilities, records = predicted(20)
        probabilities[row, column] = value
        message = (
            "probabilities: expected finite numbers, found others for 1 of 20 beats; "
            "the network has diverged: train it again with a lower --model.learning_rate"
        )
        with pytest.raises(InputError) as caught:
            summarize(labels, predictions, probabilities, records, np.random.default_rng(0))
        assert str(caught.value) == message
        with pytest.raises(InputError, match="found others for 1 of 20 beats"):
            per_record(labels, predictions, probabilities, records)

    def test_arrays_that_do_not_belong_together(self) -> None:
        labels, predictions, probabilities, records = predicted(40)
        random = np.random.default_rng(0)
        with pytest.raises(
            ValueError,
            match=r"expected \(N,\), \(N,\), \(N, 5\), \(N,\), got \(\(40,\), \(39,\), \(40, 5\), \(40,\)\)",
        ):
            summarize(labels, predictions[1:], probabilities, records, random)
        with pytest.raises(ValueError, match="labels: expected classes 0 to 4, got -1 to 4"):
            summarize(
                np.where(labels == 0, -1, labels), predictions, probabilities, records, random
            )
        with pytest.raises(ValueError, match="predictions: expected classes 0 to 4, got 0 to 5"):
            summarize(
                labels, np.where(predictions == 4, 5, predictions), probabilities, records, random
            )

"""`fit`, `test` and `predict` of PatientContext, from records to files, and what is refused."""

import csv
import functools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from ecg_lightning.data import splits
from ecg_lightning.data.beats import Beats
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.data.split_rules import original_split
from ecg_lightning.models.checkpoint import read_network
from ecg_lightning.models.patient_context import PatientContext
from ecg_lightning.records.synthetic.database import write_synthetic
from tests.helpers.cli import command, one_cache

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
NETWORK = ("--model.network", "PatientContext")
SHORT = ("--data.per_class", "100", "--data.batch_size", "3", "--trainer.max_epochs", "2")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Six records of two minutes, and a cache."""
    for _ in one_cache(tmp_path_factory):
        folder = tmp_path_factory.mktemp("context") / "records"
        write_synthetic(folder, seed=1, patients=6, minutes=2)
        yield folder


def data_of(folder: Path, segmentation: str = "context") -> tuple[str, ...]:
    return (
        *("--data.source", "wfdb", "--data.root", str(folder)),
        *("--data.segmentation", segmentation),
    )


def names_of(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.hea"))


def sides_of(folder: Path) -> tuple[str, ...]:
    names = names_of(folder)
    return (
        *("--data.train", ",".join(names[:4]), "--data.test", ",".join(names[4:])),
        *("--data.val_share", "0"),
    )


@pytest.fixture(scope="module", params=["context", "context-causal"])
def trained(
    request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A run folder of a fit without validation, and its segmentation."""
    place = tmp_path_factory.mktemp("run")
    causal = str(request.param == "context-causal").lower()
    network = (*NETWORK, "--model.network.init_args.causal", causal)
    data = (*data_of(folder, request.param), *sides_of(folder))
    outcome = command(["fit", *network, *data, *SHORT, "--output", "run"], place)
    assert (outcome.status, outcome.err) == (0, "")
    assert "validation" not in outcome.out
    return place / "run", request.param


def read_rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def probabilities_alone(network: torch.nn.Module, beats: Beats, names: list[str]) -> np.ndarray:
    """The class probabilities of records, each given to the network whole and alone."""
    parts = []
    for name in names:
        signals = torch.from_numpy(beats.signals[beats.record_ids == name])
        with torch.inference_mode():
            parts.append(network(signals[None])[0].softmax(-1).numpy())
    return np.concatenate(parts)


def test_a_fit_without_validation_keeps_the_last_weights(trained: tuple[Path, str]) -> None:
    run, segmentation = trained
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["last.ckpt"]
    metrics = json.loads((run / "metrics.json").read_text())
    assert "train" in metrics
    assert "validation" not in metrics
    network, description = read_network(run / "checkpoints" / "last.ckpt")
    assert isinstance(network, PatientContext)
    assert network.causal == (segmentation == "context-causal")
    assert description["config"]["beats"]["segmentation"] == segmentation


def test_predictions_are_those_of_each_beat(
    folder: Path, trained: tuple[Path, str], tmp_path: Path
) -> None:
    run, segmentation = trained
    checkpoint = run / "checkpoints" / "last.ckpt"
    outcome = command(["predict", "--ckpt_path", str(checkpoint)], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    rows = read_rows(tmp_path / outcome.folder / "predictions.csv")
    data = BeatDataModule("wfdb", folder, segmentation, "all")  # type: ignore[arg-type]
    data.setup()
    names = names_of(folder)[4:]
    tested = np.isin(data.beats.record_ids, names)
    assert [row["record"] for row in rows] == data.beats.record_ids[tested].tolist()
    assert [int(row["sample"]) for row in rows] == data.beats.samples[tested].tolist()
    expected = probabilities_alone(read_network(checkpoint)[0], data.beats, names)
    shown = [[float(row[key]) for key in row if key.startswith("p_")] for row in rows]
    assert_allclose(shown, expected, atol=2e-4)


def test_test_counts_the_same_predictions(
    folder: Path, trained: tuple[Path, str], tmp_path: Path
) -> None:
    run, segmentation = trained
    checkpoint = run / "checkpoints" / "last.ckpt"
    outcome = command(["test", "--ckpt_path", str(checkpoint)], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    data = BeatDataModule("wfdb", folder, segmentation, "all")  # type: ignore[arg-type]
    data.setup()
    names = names_of(folder)[4:]
    probabilities = probabilities_alone(read_network(checkpoint)[0], data.beats, names)
    labels = data.beats.labels[np.isin(data.beats.record_ids, names)]
    confusion = np.zeros((5, 5), int)
    np.add.at(confusion, (labels, probabilities.argmax(1)), 1)
    metrics = json.loads((tmp_path / outcome.folder / "metrics.json").read_text())
    assert_array_equal(metrics["test"]["confusion_matrix"], confusion)


@pytest.mark.parametrize("verb", ["predict", "test"])
@pytest.mark.parametrize(("weights", "is_said"), [("PatientContext", True), ("DeepConv1d", False)])
def test_it_is_said_that_annotate_changes_probabilities(
    folder: Path, tmp_path: Path, verb: str, weights: str, is_said: bool
) -> None:
    places = ("--data.source", "wfdb", "--data.root", str(folder), "--data.split", "all")
    outcome = command([verb, "--ckpt_path", weights, *places, "--data.classes", "aami"], tmp_path)
    assert outcome.status == 0, outcome.err
    text = "with these weights `annotate` divides logits by 1.4178 and estimates the shares of N"
    assert (text in outcome.err) == is_said


def test_a_run_says_nothing_of_what_annotate_does(
    folder: Path, trained: tuple[Path, str], tmp_path: Path
) -> None:
    checkpoint = trained[0] / "checkpoints" / "last.ckpt"
    assert command(["test", "--ckpt_path", str(checkpoint)], tmp_path).err == ""


def test_a_split_that_mixes_patients(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = functools.partial(original_split, per_class=2)
    monkeypatch.setattr(splits, "original_split", small)
    args = ["--data.split", "original", *SHORT, "--output", "run"]
    outcome = command([*NETWORK, *data_of(folder), *args], tmp_path, script=True)
    assert (outcome.status, outcome.err) == (0, "")
    rows = read_rows(tmp_path / "run" / "predictions.csv")
    data = BeatDataModule("wfdb", folder, "context", "all")
    data.prepare_data()
    data.setup()
    expected = original_split(data.beats.labels, np.random.RandomState(0), per_class=2)
    tested = np.sort(expected.test)
    assert [int(row["sample"]) for row in rows] == data.beats.samples[tested].tolist()
    assert [row["record"] for row in rows] == data.beats.record_ids[tested].tolist()
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert np.sum(metrics["test"]["confusion_matrix"], 1).tolist() == [2] * 5


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (
            NETWORK,
            "PatientContext: input_length: expected 128, found 256; choose the segmentation "
            "context (--data.segmentation)",
        ),
        (
            (*NETWORK, "--data.window_samples", "128"),
            "segmentation: expected context for the network PatientContext, found peaks; change "
            "the segmentation, or choose another network (--data.segmentation)",
        ),
        (
            ("--model.network", "DeepConv1d", "--data.segmentation", "context"),
            "segmentation: expected peaks or annotations or windows for the network DeepConv1d, "
            "found context; change the segmentation, or choose another network "
            "(--data.segmentation)",
        ),
        (
            (*NETWORK, "--data.segmentation", "context-causal"),
            "segmentation: expected context for the network PatientContext, found context-causal; "
            "change the segmentation, or choose another network (--data.segmentation)",
        ),
    ],
    ids=["other length", "single beats", "single network", "causal"],
)
def test_a_network_and_beats_that_do_not_fit_are_refused(
    args: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    outcome = command(["fit", *args], tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == f"ecg-lightning: {line}\n"
    assert not list(tmp_path.iterdir())


def test_early_stopping_without_validation_is_refused(folder: Path, tmp_path: Path) -> None:
    data = (*data_of(folder), *sides_of(folder))
    outcome = command(["fit", *NETWORK, *data, "--early_stopping.patience", "3"], tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("ecg-lightning: early_stopping.patience: expected a validation")
    assert outcome.err.count("\n") == 1


def test_the_shipped_config_says_how_it_takes_other_records(tmp_path: Path) -> None:
    """Its parts are those of two databases; the line names all that has to change with them."""
    words = ["fit", "--config", "patient_context.yaml", "--data.source", "synthetic"]
    outcome = command([*words, "--output", "run"], tmp_path)
    line = (
        "ecg-lightning: train: expected the source mitdb for the part ds1, found synthetic; add "
        "this source; or split other records: set train, test and val_share to null, and split to "
        "patients (--data.train)\n"
    )
    assert (outcome.status, outcome.out, outcome.err) == (2, "", line)
    assert not any(tmp_path.iterdir())
    other = ["--data.train", "null", "--data.test", "null", "--data.val_share", "null"]
    other += ["--data.split", "patients", "--data.per_class", "20", "--trainer.max_epochs", "1"]
    outcome = command([*words, *other, "--output", "run"], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    assert "validation, best weights: accuracy " in outcome.out

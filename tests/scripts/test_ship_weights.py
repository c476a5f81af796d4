"""Shipping the weights of a run."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from ecg_lightning.annotation.classifying.classifiers import load_classifier
from ecg_lightning.annotation.classifying.context_network import ContextNetwork
from ecg_lightning.errors import InputError
from ecg_lightning.models import DeepConv1d, PatientContext
from ecg_lightning.models.names import SHIPPED
from ecg_lightning.models.prior_shift import PriorShift
from ecg_lightning.training.checkpoints import write_checkpoint
from tests.helpers.context_weights import SEGMENTATIONS, random_network
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from ship_weights import ship

from tests.helpers.own_shares import with_own_shares

DATA = {"source": "mitdb,svdb", "train": "ds1,svdb", "test": "ds2", "without": "mitdb/101"}
BEATS = {"normalization": "robust", "segmentation": "annotations", "window_samples": 256}


def run_of(folder: Path, **data: Any) -> tuple[Path, DeepConv1d]:
    torch.manual_seed(4)
    network, config = DeepConv1d(256), {"data": {**DATA, **data}, "beats": BEATS}
    (folder / "checkpoints").mkdir()
    write_checkpoint(network, folder / "checkpoints" / "best.ckpt", config)
    return folder, network


def test_a_run_on_two_databases_is_shipped_with_its_records(tmp_path: Path) -> None:
    run, network = run_of(tmp_path)
    path = ship(run, "DeepConv1d-robust", tmp_path / "weights")
    assert path.name == "deep_conv1d_robust.safetensors"
    with safe_open(path, "pt") as file:
        metadata = json.loads(file.metadata()["ecg_lightning"])
        for name, value in network.state_dict().items():
            assert torch.equal(file.get_tensor(name), value)
    assert metadata["name"] == "DeepConv1d-robust"
    assert metadata["network"] == "DeepConv1d"
    assert metadata["input_length"] == 256
    assert metadata["config"] == {"data": DATA, "beats": BEATS, "epoch": 0}
    records = metadata["training_records"]
    assert len(records) == 21 + 78
    assert {"mitdb/106", "svdb/800"} <= set(records)
    assert not {"mitdb/101", "mitdb/100"} & set(records)


def context_run(folder: Path, causal: bool) -> tuple[Path, PatientContext]:
    """A run without a validation part: its last weights count."""
    network = random_network(causal)
    beats = {"segmentation": SEGMENTATIONS[causal], "classes": "aami", "window_samples": 128}
    (folder / "checkpoints").mkdir()
    config = {"data": DATA, "beats": beats}
    write_checkpoint(network, folder / "checkpoints" / "last.ckpt", config)
    return folder, network


@pytest.mark.parametrize("causal", [False, True])
def test_weights_of_sequences_are_shipped_and_loaded_again(
    tmp_path: Path, causal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, network = context_run(tmp_path, causal)
    added = {"temperature": 1.3, "prior_shift": {"prior": [0.8, 0.1, 0.1, 0, 0]}}
    path = ship(run, folder=tmp_path / "weights", added=added)
    name = path.stem.replace("patient_context", "PatientContext").replace("_causal", "-causal")
    assert (name, causal) in {("PatientContext", False), ("PatientContext-causal", True)}
    monkeypatch.setitem(SHIPPED, name, str(path))
    loaded = load_classifier(name)
    assert isinstance(loaded, ContextNetwork)
    assert (loaded.causal, loaded.temperature) == (causal, 1.3)
    assert (loaded.prior_shift is None) == causal
    rows = np.random.default_rng(0).standard_normal((9, 5, 128)).astype(np.float32)
    rows[:, -1, 0] = 1
    with torch.inference_mode():
        expected = network(torch.from_numpy(rows)[None])[0].double().softmax(1).numpy()
    if not causal:
        expected = with_own_shares(expected, PriorShift((0.8, 0.1, 0.1, 0, 0)))
    expected = expected ** (1 / 1.3)
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(loaded.probabilities(rows), expected, atol=1e-6)


def test_causal_weights_have_a_name_of_their_own(tmp_path: Path) -> None:
    run, _ = context_run(tmp_path, causal=True)
    message = r"weights of PatientContext-causal \(PatientContext-causal\), found PatientContext;"
    with pytest.raises(SystemExit, match=message):
        ship(run, "PatientContext", tmp_path / "weights")
    with pytest.raises(InputError, match="expected a temperature above 0, found -1"):
        ship(run, folder=tmp_path / "weights", added={"temperature": -1})
    assert not (tmp_path / "weights").exists()


def test_the_name_of_the_network_is_the_default(tmp_path: Path) -> None:
    run, _ = run_of(tmp_path, source="mitdb", train=None, without=None)
    assert ship(run, folder=tmp_path / "weights").name == "deep_conv1d.safetensors"


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        ({"source": "mitdb,wfdb"}, None, "expected a run on mitdb, svdb, found mitdb,wfdb"),
        ({"source": "kaggle"}, None, "expected a run on mitdb, svdb, found kaggle"),
        ({}, "TimeDepends", r"weights of DeepConv1d \(DeepConv1d, DeepConv1d-robust\), found Time"),
        ({}, "other", r"weights of DeepConv1d \(DeepConv1d, DeepConv1d-robust\), found other"),
    ],
)
def test_other_runs_and_names_are_refused(
    tmp_path: Path, data: dict[str, Any], name: str | None, message: str
) -> None:
    run, _ = run_of(tmp_path, **data)
    with pytest.raises(SystemExit, match=message):
        ship(run, name, tmp_path / "weights")
    assert not (tmp_path / "weights").exists()

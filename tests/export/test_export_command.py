"""`ecg-lightning export` of a PatientContext: the file says how its input is made."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ecg_lightning.annotation.classifying.context_network import ContextNetwork
from ecg_lightning.annotation.classifying.input_recipe import context_recipe
from ecg_lightning.cli import export as command
from ecg_lightning.export.metadata import read_metadata
from ecg_lightning.models.patient_context import PatientContext
from tests.export.test_exporter import run_file
from tests.export.test_patient_context import outputs_of, sequences, trained
from tests.helpers.cli import command as run_command

DESCRIPTION: dict[str, Any] = {
    "version": "0.1.0",
    "network": "PatientContext",
    "input_length": 128,
    "classes": list("NSVFQ"),
    "config": {"beats": {"fs_hz": 128.0, "segmentation": "context-causal"}},
    "temperature": 2.0,
    "unsure_below": 0.8,
}


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PatientContext:
    """Weights that `run.ckpt` stands for."""
    network = trained(causal=True).eval()
    (tmp_path / "run.ckpt").touch()
    monkeypatch.setattr(command, "read_network", lambda path: (network, DESCRIPTION))
    monkeypatch.setattr(command, "refuse_own", lambda path: None)
    return network


def test_a_file_holds_the_recipe_and_divides_by_the_temperature(
    weights: PatientContext, tmp_path: Path
) -> None:
    path = tmp_path / "beats.pt2"
    words = ["--format", "torch-export", "--output", str(path), "--softmax"]
    done = run_command(["export", str(tmp_path / "run.ckpt"), *words], tmp_path)
    assert done.status == 0, done.err
    metadata = read_metadata(path)
    assert metadata["recipe"] == json.loads(json.dumps(context_recipe(causal=True)))
    known = {name: metadata[name] for name in ("temperature", "unsure_below", "classes", "fs_hz")}
    assert known == {
        "temperature": 2.0,
        "unsure_below": 0.8,
        "classes": list("NSVFQ"),
        "fs_hz": 128.0,
    }
    x = sequences(1, 12)
    expected = (outputs_of(weights, x).double() / 2).exp()
    expected /= expected.sum(-1, keepdim=True)
    torch.testing.assert_close(run_file(path, x).double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["PatientContext", "PatientContext-causal"])
def test_shipped_weights_keep_what_their_file_says(tmp_path: Path, name: str) -> None:
    path = tmp_path / "beats.pt2"
    words = ["--format", "torch-export", "--output", str(path), "--softmax"]
    done = run_command(["export", name, *words], tmp_path)
    assert done.status == 0, done.err
    network = ContextNetwork.load(name)
    metadata = read_metadata(path)
    assert metadata["temperature"] == network.temperature
    assert metadata.get("unsure_below") == network.unsure_below
    x = sequences(1, 12)
    expected = network.probabilities(x[0].numpy())
    result = run_file(path, x)[0].numpy()
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)

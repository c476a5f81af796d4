"""Shipping the weights of a run."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from ecg_lightning.models import DeepConv1d
from ecg_lightning.training.checkpoints import write_checkpoint
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from ship_weights import ship

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

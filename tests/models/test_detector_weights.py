"""Weights of detectors: what is written is read, and what is no detector is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ecg_lightning.errors import InputError
from ecg_lightning.models.beat_detector import BeatDetector
from ecg_lightning.models.detector_weights import (
    DetectorDescription,
    detector_bytes,
    load_detector,
    load_detectors,
    read_detector,
)
from ecg_lightning.models.names import SHIPPED_DETECTORS

DESCRIPTION = DetectorDescription(
    "mine", "1.0", 4, 0.25, 120.0, ("mitdb/100", "mitdb/101"), 7, "2026-11-26"
)


def written(folder: Path) -> tuple[Path, BeatDetector]:
    torch.manual_seed(0)
    detector = BeatDetector(4).eval()
    path = folder / "mine.safetensors"
    path.write_bytes(detector_bytes(detector, DESCRIPTION))
    return path, detector


def test_detector_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, detector = written(tmp_path)
    loaded, description = read_detector(str(path))
    assert description == DESCRIPTION
    assert loaded.threshold == 0.25
    assert not loaded.training
    x = torch.randn(2, 2, 300)
    with torch.no_grad():
        torch.testing.assert_close(loaded(x), detector(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SHIPPED_DETECTORS)
def test_shipped_detectors_say_where_they_come_from(name: str) -> None:
    detector, description = read_detector(name)
    assert description.name == name
    assert description.threshold == detector.threshold
    assert description.fs_hz == 120
    assert description.records


def test_crosswise_detectors_share_no_patient_and_saw_no_paced_record() -> None:
    ds1, ds2 = (set(read_detector(f"BeatDetector-{side}")[1].records) for side in ("ds1", "ds2"))
    assert len(ds1) == len(ds2) == 21
    assert not ds1 & ds2
    assert not (ds1 | ds2) & {f"mitdb/{name}" for name in (102, 104, 107, 217, 201, 202)}


def test_several_detectors_are_named_with_commas() -> None:
    assert len(load_detectors("BeatDetector-ds1, BeatDetector-ds2")) == 2


def test_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match="BeatDetector-ds1"):
        load_detector("BeatFinder")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_detector(str(tmp_path / "missing.safetensors"))


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 2.0},
        {"threshold": "0.5"},
        {"channels": 1 << 30},
        {"channels": 5},  # the weights are of 4
        {"fs_hz": 360.0},
        {"records": "mitdb/100"},
        {"more": 1},
    ],
)
def test_file_with_another_description_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "other.safetensors"
    values = {**DESCRIPTION.__dict__, **change}
    state = BeatDetector(4).state_dict()
    save_file(state, path, {"ecg_lightning_detector": json.dumps(values)})
    with pytest.raises(InputError, match="the weights of a beat detector"):
        load_detector(str(path))


@pytest.mark.parametrize("content", [b"", b"\x05", b"\xff" * 100])
def test_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="the weights of a beat detector"):
        load_detector(str(path))


def test_classifier_and_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="no description"):
        load_detector(str(path))
    detector = BeatDetector(4)
    torch.nn.init.constant_(detector.up.weight, float("nan"))
    path.write_bytes(detector_bytes(detector, replace(DESCRIPTION)))
    with pytest.raises(InputError, match="not finite"):
        load_detector(str(path))

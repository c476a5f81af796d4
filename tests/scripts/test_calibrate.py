"""Calibrating shipped weights with held-out predictions that the test makes up."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from scipy.special import softmax

from ecg_lightning.evaluation.temperature import fit_temperature, logits_of
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from calibrate import main
from held_out import cross_tempered, read_held_out

TRUE_TEMPERATURE = 2.0


def _write_fold(path: Path, seed: int, **changed: Any) -> Path:
    """A fold of two records whose logits are too large by the true temperature."""
    random, n_beats = np.random.default_rng(seed), 400
    logits = random.normal(size=(n_beats, 5)) * 4
    draws = random.random((n_beats, 1))
    honest = softmax(logits / TRUE_TEMPERATURE, axis=1)
    columns = {
        "record": np.array([f"mitdb/{seed}{'ab'[n % 2]}" for n in range(n_beats)]),
        "sample": np.arange(n_beats),
        "label": (honest.cumsum(axis=1) < draws).sum(axis=1),
        "probabilities": softmax(logits, axis=1).astype(np.float32),
    }
    np.savez(path, **{**columns, **changed})
    return path


@pytest.fixture
def folds(tmp_path: Path) -> list[Path]:
    return [_write_fold(tmp_path / f"fold{seed}.npz", seed) for seed in (1, 2, 3)]


def test_weights_get_a_temperature_and_a_limit_and_stay_the_same(
    folds: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, tensor = tmp_path / "weights.safetensors", torch.arange(6.0).reshape(2, 3)
    save_file({"head.weight": tensor}, weights, {"ecg_lightning": json.dumps({"name": "one"})})
    main([*map(str, folds), "--weights", str(weights)])
    with safe_open(weights, "pt") as file:
        description = json.loads(file.metadata()["ecg_lightning"])
        assert torch.equal(file.get_tensor("head.weight"), tensor)
    assert description["name"] == "one"
    beats = read_held_out(folds)
    expected = fit_temperature(logits_of(beats.probabilities), beats.labels)
    assert description["temperature"] == pytest.approx(expected, abs=1e-4)
    assert description["temperature"] == pytest.approx(TRUE_TEMPERATURE, rel=0.15)
    calibrated = cross_tempered(beats)
    sure = calibrated.max(axis=1) >= description["unsure_below"]
    wrong = calibrated.argmax(axis=1) != beats.labels
    assert wrong[sure].mean() <= 0.01 < wrong.mean()
    facts = description["calibration"]
    assert (facts["beats"], facts["records"]) == (1_200, 6)
    assert facts["unsure_share"] == pytest.approx((~sure).mean(), abs=1e-4)
    ece, trained = [float(row) for row in re.findall(r"\| (\d+\.\d\d) % \|", _rows(capsys))[:2]]
    assert trained < ece  # the first row is as trained, the second with temperature


def _rows(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().out
    assert "| probabilities | ECE | log loss | Brier score | AURC (95 %) |" in text
    return text


def test_a_fold_gets_the_temperature_of_the_others(folds: list[Path]) -> None:
    beats = read_held_out(folds)
    calibrated = cross_tempered(beats)
    for part in range(3):
        own = beats.parts == part
        logits = logits_of(beats.probabilities)
        temperature = fit_temperature(logits[~own], beats.labels[~own])
        np.testing.assert_allclose(
            calibrated[own], softmax(logits[own] / temperature, axis=1), rtol=1e-9
        )


def test_the_document_and_the_picture_are_filled(folds: list[Path], tmp_path: Path) -> None:
    document, images = tmp_path / "page.md", tmp_path / "images"
    names = ("calibration", "class-calibration", "risk")
    places = "\n".join(f"<!-- table: {name} -->\n<!-- end -->" for name in names)
    document.write_text(places, encoding="utf-8")
    main([*map(str, folds), "--document", str(document), "--images", str(images)])
    text = document.read_text(encoding="utf-8")
    answered = re.findall(r"^\| (\d+\.\d\d) % \| 0\.\d{3} \| \d", text, re.MULTILINE)
    assert answered == ["100.00", "99.00", "98.00", "95.00", "90.00", "80.00"]
    assert re.search(r"^\| V \| \d", text, re.MULTILINE)
    assert (images / "risk-coverage.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"record": np.full(400, "mitdb/1a")}, "found mitdb/1a in both"),
        ({"label": np.full(400, -100)}, "expected labels from 0 to 4"),
        ({"probabilities": np.full((400, 5), 0.5)}, "expected probabilities whose sum is 1"),
        ({"label": np.zeros(3, np.int64)}, "expected one row for each beat"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    first = _write_fold(tmp_path / "first.npz", 1)
    second = _write_fold(tmp_path / "second.npz", 2, **changed)
    with pytest.raises(SystemExit, match=message):
        main([str(first), str(second)])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.npz").write_bytes(b"no archive")
    with pytest.raises(SystemExit, match="expected a file with record, sample, label"):
        main([str(tmp_path / "one.npz")])

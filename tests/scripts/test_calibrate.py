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

from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.evaluation.temperature import fit_temperature, logits_of, tempered
from ecg_lightning.models.names import SHIPPED
from ecg_lightning.models.pretrained import shipped_network
from ecg_lightning.models.prior_shift import PriorShift
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from calibrate import main, write_metadata
from held_out import as_one, calibrated, read_folds
from unseen_predictions import Predicted
from unseen_results import EM_LEAST_MEAN_S, EM_STRENGTH

from tests.helpers.own_shares import with_own_shares

TRUE_TEMPERATURE = 2.0


def _write_fold(path: Path, seed: int, **changed: Any) -> Path:
    """A fold of two records whose logits are too large by the true temperature."""
    random, n_beats = np.random.default_rng(seed), 400
    logits = random.normal(size=(n_beats, 5)) * 4
    draws = random.random((n_beats, 1))
    honest = softmax(logits / TRUE_TEMPERATURE, axis=1)
    columns = {
        "records": np.array([f"mitdb/{seed}{'ab'[n % 2]}" for n in range(n_beats)]),
        "samples": np.arange(n_beats),
        "labels": (honest.cumsum(axis=1) < draws).sum(axis=1),
        "probabilities": softmax(logits, axis=1).astype(np.float32),
        "prior": np.array([0.8, 0.05, 0.1, 0.04, 0.01]),
    }
    Predicted(**{**columns, **changed}).write(path)
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
    trained = read_folds(folds)
    beats, after = as_one(trained), as_one(calibrated(trained))
    expected = fit_temperature(logits_of(beats.probabilities), beats.labels)
    assert description["temperature"] == pytest.approx(expected, abs=1e-4)
    assert description["temperature"] == pytest.approx(TRUE_TEMPERATURE, rel=0.15)
    sure = after.probabilities.max(axis=1) >= description["unsure_below"]
    wrong = after.probabilities.argmax(axis=1) != beats.labels
    assert wrong[sure].mean() <= 0.01 < wrong.mean()
    facts = description["calibration"]
    assert (facts["beats"], facts["records"]) == (len(beats.labels), 6)
    assert facts["unsure_share"] == pytest.approx((~sure).mean(), abs=1e-4)
    eces = re.findall(r"\| (\d+\.\d\d) % \|", _rows(capsys))
    ece_trained, ece_after = map(float, eces[:2])
    assert ece_after < ece_trained


def test_annotate_reads_what_is_written(tmp_path: Path) -> None:
    """The logits are divided by the temperature, and the limit is the default."""
    shipped = ROOT / "ecg_lightning" / "weights" / SHIPPED["DeepConv1d-robust"]
    weights = tmp_path / shipped.name
    weights.write_bytes(shipped.read_bytes())
    write_metadata(weights, {"temperature": 2.5, "unsure_below": 0.9})
    with safe_open(weights, "pt") as file:
        description = json.loads(file.metadata()["ecg_lightning"])
    network, original = shipped_network("DeepConv1d-robust")
    assert description == {**original, "temperature": 2.5, "unsure_below": 0.9}
    before, after = (BeatNetwork.of("x", network, one) for one in (original, description))
    assert (after.unsure_below, before.unsure_below) == (0.9, None)
    windows = np.random.default_rng(0).normal(size=(3, 256)).astype(np.float32)
    expected = tempered(before.probabilities(windows), 2.5)
    np.testing.assert_allclose(after.probabilities(windows), expected, rtol=1e-5)


def _rows(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().out
    assert "| probabilities | ECE | log loss | Brier score | AURC (95 %) |" in text
    return text


def test_beats_of_class_q_are_not_counted(folds: list[Path]) -> None:
    everything = Predicted.concatenated([Predicted.read(path) for path in folds])
    assert (everything.labels == 4).any()
    beats = as_one(read_folds(folds))
    assert len(beats.labels) == (everything.labels != 4).sum()
    assert (beats.labels != 4).all()


def test_a_fold_gets_the_temperature_of_the_others(folds: list[Path]) -> None:
    beats = as_one(read_folds(folds))
    after = as_one(calibrated(read_folds(folds)))
    for part in range(3):
        own = beats.parts == part
        logits = logits_of(beats.probabilities)
        temperature = fit_temperature(logits[~own], beats.labels[~own])
        np.testing.assert_allclose(
            after.probabilities[own], softmax(logits[own] / temperature, axis=1), rtol=1e-9
        )


def test_shares_are_estimated_before_the_temperature(folds: list[Path]) -> None:
    """As in `annotate`: of all beats of the record, those of class Q too."""
    plain, shifted = read_folds(folds), read_folds(folds, own_shares=True)
    for path, after in zip(folds, shifted, strict=True):
        whole = Predicted.read(path)
        settings = PriorShift(tuple(whole.prior.tolist()), EM_STRENGTH, EM_LEAST_MEAN_S)
        for record in np.unique(whole.records):
            own = whole.records == record
            expected = with_own_shares(whole.probabilities[own], settings)
            expected = expected[whole.labels[own] != 4]
            rows = after.probabilities[after.records == record]
            np.testing.assert_allclose(rows, expected, rtol=1e-6)
    assert not np.allclose(plain[0].probabilities, shifted[0].probabilities)


def test_weights_get_the_shares_of_the_trainings(folds: list[Path], tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    save_file({"x": torch.zeros(1)}, weights, {"ecg_lightning": json.dumps({})})
    main([*map(str, folds), "--own-shares", "--weights", str(weights)])
    with safe_open(weights, "pt") as file:
        settings = json.loads(file.metadata()["ecg_lightning"])["prior_shift"]
    shift = PriorShift(**{**settings, "prior": tuple(settings["prior"])})
    assert shift == PriorShift((0.8, 0.05, 0.1, 0.04, 0.01), EM_STRENGTH, EM_LEAST_MEAN_S)


def test_the_document_and_the_picture_are_filled(folds: list[Path], tmp_path: Path) -> None:
    document, images = tmp_path / "page.md", tmp_path / "images"
    names = ("calibration", "class-calibration", "risk", "risk-picture")
    places = "\n".join(f"<!-- table: {name} -->\n<!-- end -->" for name in names)
    document.write_text(places, encoding="utf-8")
    main([*map(str, folds), "--document", str(document), "--images", str(images)])
    text = document.read_text(encoding="utf-8")
    answered = re.findall(r"^\| (\d+\.\d\d) % \| 0\.\d{3} \| \d", text, re.MULTILINE)
    default = re.findall(r"^\| \S+ % \| \S+ \(default\) \| (\d\.\d\d) %", text, re.MULTILINE)
    assert [float(wrong) <= 1 for wrong in default] == [True]
    assert [float(share) for share in answered] == pytest.approx([100, 99, 98, 95, 90, 80], abs=0.1)
    assert re.search(r"^\| V \| \d", text, re.MULTILINE)
    assert "](images/risk-coverage.png)" in text
    assert (images / "risk-coverage.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"records": np.full(400, "mitdb/1a")}, "found mitdb/1a in both"),
        ({"labels": np.full(400, -1)}, "expected the experts' beats, each with a class"),
        ({"probabilities": np.full((400, 5), 0.5)}, "expected probabilities whose sum is 1"),
        ({"probabilities": np.full((400, 5), np.nan)}, "expected probabilities whose sum is 1"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    first = _write_fold(tmp_path / "first.npz", 1)
    second = _write_fold(tmp_path / "second.npz", 2, **changed)
    with pytest.raises(SystemExit, match=message):
        main([str(first), str(second)])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.npz").write_bytes(b"no archive")
    with pytest.raises(SystemExit, match=r"expected a file of unseen_patients\.py"):
        main([str(tmp_path / "one.npz")])

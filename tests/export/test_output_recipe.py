"""A second program makes the classes of `annotate` from an ONNX file and its metadata alone."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.annotation.classifying.input_recipe import context_recipe
from ecg_lightning.annotation.classifying.output_recipe import output_recipe
from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.models.prior_shift import PriorShift
from tests.export.test_exporter import needs_onnx
from tests.export.test_input_recipe import plain_rows
from tests.export.test_input_recipe import recording as made_recording
from tests.helpers.cli import command
from tests.helpers.context_weights import random_network, ship_random

SHARES: dict[str, Any] = {
    "prior": [0.5, 0.3, 0.18, 0.01, 0.01],
    "strength": 50.0,
    "least_mean_s": 0.1,
}
SAID: dict[str, Any] = {"temperature": 1.5, "unsure_below": 0.25, "prior_shift": SHARES}


def after(
    steps: Sequence[dict[str, Any]], output: Floats, names: Sequence[str]
) -> tuple[Floats, Names, Integers]:
    """Follow the steps from the output (K, 5): probabilities, classes, and the unsure beats.

    It knows their names, and nothing of how the file was made. All beats have a signal.
    """
    p, classes, unsure = np.asarray(output, np.float64), np.array([], "<U1"), np.array([], int)
    for step in steps:
        match step["step"]:
            case "probabilities" if "softmax" in step["rule"]:
                p = normal(np.exp(p - p.max(1, keepdims=True)))
            case "undo_temperature":
                p = normal(p ** step["temperature"])
            case "own_shares":
                p = own_shares(step, p, names)
            case "temperature":
                p = normal(p ** (1 / step["temperature"]))
            case "class":
                classes = np.array(names)[p.argmax(1)]
            case "unsure":
                unsure = np.flatnonzero(p.max(1) < step["below"])
            case "probabilities" | "no_signal":
                pass
            case other:
                raise AssertionError(other)
    return p, classes, unsure


def normal(p: Floats) -> Floats:
    return p / p.sum(1, keepdims=True)


def own_shares(step: dict[str, Any], p: Floats, names: Sequence[str]) -> Floats:
    n_and_s = [names.index("N"), names.index("S")]
    prior = np.array(step["prior"])[n_and_s]
    if p[:, n_and_s[1]].mean() < step["least_mean_s"]:
        return p
    share = prior
    for _ in range(step["rounds"]):
        q = p.copy()
        q[:, n_and_s] *= share / prior
        count = normal(q)[:, n_and_s].sum(0) + step["strength"] * prior
        before, share = share, prior.sum() * count / count.sum()
        if np.abs(share - before).max() < step["close"]:
            break
    q = p.copy()
    q[:, n_and_s] *= share / prior
    return normal(q)


@cache
def recording() -> tuple[Floats, float]:
    return made_recording(60)[0], 128.0


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Annotations, Path]:
    """A recording that was annotated, and the exported file of the same weights."""
    folder = tmp_path_factory.mktemp("output")
    path = folder / "beats.onnx"
    with pytest.MonkeyPatch.context() as patch:
        name = ship_random(folder, patch, causal=False, spread=2, seed=33, **SAID)
        words = ["--softmax", "--format", "onnx", "--output", str(path)]
        done = command(["export", name, *words], folder)
        assert done.status == 0, done.err
        return Annotator.from_pretrained(name).annotate(*recording()), path


@needs_onnx
def test_a_deployer_gets_the_classes_of_annotate(annotated: tuple[Annotations, Path]) -> None:
    result, path = annotated
    assert any("shares of N and S were estimated" in note.text for note in result.notes)
    # From here on: the file, ONNX Runtime, the leads, and the positions of the beats.
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    said = json.loads(session.get_modelmeta().custom_metadata_map["ecg_lightning"])
    leads, fs_hz = recording()
    rows = plain_rows(said["recipe"], leads, result.samples / fs_hz)[None].astype(np.float32)
    output = session.run(None, {said["input"]["name"]: rows})[0][0]
    names, steps = said["classes"], said["afterwards"]
    probabilities, classes, unsure = after(steps, output, names)
    np.testing.assert_allclose(probabilities, result.probabilities, atol=2e-4)
    assert classes.tolist() == list(result.classes)
    assert result.unsure is not None
    assert unsure.tolist() == np.flatnonzero(result.unsure).tolist()
    assert 0 < len(unsure) < len(classes)
    # The test can fail: without own shares, or with the temperature before them, classes differ.
    by_name = {step["step"]: step for step in steps}
    for wrong in (["class"], ["own_shares", "class"]):
        other = after([by_name[name] for name in wrong], output, names)[1]
        assert np.count_nonzero(other != classes) > 5


def test_logits_lead_to_the_same(annotated: tuple[Annotations, Path]) -> None:
    result, _ = annotated
    leads, fs_hz = recording()
    rows = plain_rows(context_recipe(causal=False), leads, result.samples / fs_hz)
    with torch.inference_mode():
        network = random_network(seed=33, spread=2)
        logits = network(torch.from_numpy(rows[None].astype(np.float32)))[0].numpy()
    shift = PriorShift(**{**SHARES, "prior": tuple(SHARES["prior"])})
    steps = output_recipe(False, SAID["temperature"], shift, SAID["unsure_below"])
    probabilities, classes, _ = after(steps, logits, list("NSVFQ"))
    np.testing.assert_allclose(probabilities, result.probabilities, atol=2e-4)
    assert classes.tolist() == list(result.classes)


@pytest.mark.parametrize(
    ("softmax", "shift", "limit", "names"),
    [
        (False, None, None, "probabilities temperature no_signal class"),
        (True, None, 0.8, "probabilities no_signal class unsure"),
        (False, PriorShift((0.9, 0.1)), 0.8, "probabilities own_shares temperature no_signal "),
        (True, PriorShift((0.9, 0.1)), None, "undo_temperature own_shares temperature no_signal "),
    ],
)
def test_the_steps_have_an_order(
    softmax: bool, shift: PriorShift | None, limit: float | None, names: str
) -> None:
    steps = json.loads(json.dumps(output_recipe(softmax, 1.5, shift, limit)))
    assert " ".join(step["step"] for step in steps).startswith(names)
    assert all(step["rule"] for step in steps)
    assert steps == output_recipe(softmax, 1.5, shift, limit)


def test_shipped_weights_say_their_own_numbers(tmp_path: Path) -> None:
    """The numbers are those of the weights' file, with none missing."""
    from ecg_lightning.cli.export import _afterwards
    from ecg_lightning.models.pretrained import shipped_network

    for name, has_shares in (("PatientContext", True), ("PatientContext-causal", False)):
        network, said = shipped_network(name)
        steps = {
            step["step"]: step for step in _afterwards(network, said, name, True)["afterwards"]
        }
        assert ("own_shares" in steps) == has_shares
        if has_shares:
            assert said["prior_shift"].items() <= steps["own_shares"].items()
            assert steps["temperature"]["temperature"] == said["temperature"]

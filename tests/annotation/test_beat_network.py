"""Loading weights, and what they say about a beat."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ecg_lightning import models
from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.annotation.classifying.classifiers import load_classifier
from ecg_lightning.annotation.classifying.context_network import ContextNetwork
from ecg_lightning.annotation.classifying.weights_file import ONLY_SYNTHETIC, UNTESTED
from ecg_lightning.errors import InputError
from ecg_lightning.models import Conv2d, DeepConv1d
from ecg_lightning.signals.context import ROWS
from ecg_lightning.signals.templates import WINDOW_SAMPLES
from ecg_lightning.training.checkpoints import write_checkpoint
from tests.helpers.paths import ROOT
from tests.helpers.recordings import recording_of

BEATS = {
    "segmentation": "annotations",
    "fs_hz": 250.0,
    "window_samples": 64,
    "normalization": "window",
    "classes": "aami",
    "lead": "II",
}


def checkpoint(folder: Path, network: nn.Module, config: dict[str, Any]) -> str:
    path = folder / "network.ckpt"
    write_checkpoint(network, path, config)
    return str(path)


@pytest.mark.parametrize(
    ("name", "normalization", "segmentation", "classes"),
    [
        ("DeepConv1d", "record", "peaks", "original"),
        ("TimeDepends", "record", "peaks", "original"),
        ("DeepConv1d-robust", "robust", "annotations", "aami"),
    ],
)
def test_shipped_weights_by_name(
    name: str, normalization: str, segmentation: str, classes: str
) -> None:
    network = BeatNetwork.load(name)
    assert (network.normalization, network.segmentation) == (normalization, segmentation)
    assert network.classes == classes
    assert (network.fs_hz, network.window_samples) == (360.0, 256)
    assert not network.network.training
    windows = np.random.default_rng(0).random((5, 256), np.float32)
    with torch.inference_mode():
        logits = network.network(torch.from_numpy(windows)[:, None]).double()
    expected = torch.softmax(logits, 1).numpy()
    result = network.probabilities(windows)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-7)


def test_every_shipped_name_can_be_loaded() -> None:
    for name in models.SHIPPED:
        network = load_classifier(name)
        of_one_beat = (256,) if isinstance(network, BeatNetwork) else (ROWS, WINDOW_SAMPLES)
        result = network.probabilities(np.zeros((3, *of_one_beat), np.float32))
        assert network.name == name
        np.testing.assert_allclose(result.sum(1), np.ones(3), atol=1e-5)


def test_a_checkpoint_says_how_its_beats_were_prepared(tmp_path: Path) -> None:
    torch.manual_seed(1)
    own = DeepConv1d(64)
    path = checkpoint(tmp_path, own, {"beats": BEATS, "data": {"view": "signal", "source": "wfdb"}})
    network = BeatNetwork.load(path)
    assert network.name == path
    assert (network.fs_hz, network.window_samples) == (250.0, 64)
    assert (network.normalization, network.segmentation) == ("window", "annotations")
    assert network.texts == (UNTESTED,)
    windows = np.random.default_rng(0).random((7, 64), np.float32)
    expected = torch.softmax(own.eval()(torch.from_numpy(windows)[:, None]), 1)
    np.testing.assert_allclose(network.probabilities(windows), expected.detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_weights_of_another_kind_of_numbers(tmp_path: Path, kind: torch.dtype) -> None:
    torch.manual_seed(1)
    own = DeepConv1d(64).to(kind)
    path = checkpoint(tmp_path, own, {"beats": BEATS})
    windows = np.random.default_rng(0).random((7, 64), np.float32)
    expected = torch.softmax(own.float().eval()(torch.from_numpy(windows)[:, None]), 1)
    result = BeatNetwork.load(path).probabilities(windows)
    np.testing.assert_allclose(result, expected.detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize("view", ["image", "clean-image", "spectrogram", "spectrum"])
def test_other_views_in_batches_of_a_bounded_size(tmp_path: Path, view: str) -> None:
    sizes = {"image": 128, "clean-image": 128, "spectrogram": 49, "spectrum": 129}
    make = DeepConv1d if view == "spectrum" else Conv2d
    beats = {**BEATS, "fs_hz": 360.0, "window_samples": 256}
    torch.manual_seed(1)
    path = checkpoint(tmp_path, make(sizes[view]), {"beats": beats, "data": {"view": view}})
    network = BeatNetwork.load(path)
    seen = list[int]()
    network.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel()))
    windows = np.random.default_rng(0).random((18, 256), np.float32)
    result = network.probabilities(windows)
    assert max(seen) <= 1 << 18
    assert sum(seen) == 18 * np.prod(network.view.shape)
    np.testing.assert_allclose(result[16:], network.probabilities(windows[16:]), atol=1e-4)


def test_no_beats_have_no_probabilities() -> None:
    result = BeatNetwork.load("DeepConv1d").probabilities(np.zeros((0, 256), np.float32))
    assert result.shape == (0, 5)


class Diverged(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.full((len(x), 5), torch.nan)


def test_probabilities_that_are_not_finite_are_refused() -> None:
    network = replace(BeatNetwork.load("DeepConv1d"), network=Diverged())
    with pytest.raises(
        InputError,
        match="weights DeepConv1d: expected finite probabilities, found others for 3 of 3 beats; ",
    ):
        network.probabilities(np.zeros((3, 256), np.float32))


class Own(DeepConv1d):
    """A network of a user."""


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"data": {"source": "kaggle"}}, "found those of Kaggle's tables"),
        ({"beats": {"normalization": "later"}}, "the normalization record, window, robust, found"),
        ({"beats": {"segmentation": "later"}}, "the segmentation peaks, annotations, windows, "),
        ({"beats": {"classes": "later"}}, "the classes original, aami, found 'later'"),
        ({"data": {"view": "later"}}, "the view signal, .*, found 'later'"),
        ({"beats": {"fs_hz": -1.0}}, "found fs_hz -1.0"),
        ({"beats": {"window_samples": 300}}, "a network with the input length 256"),
        ({"data": {"view": "image"}}, "a network with the input length 256"),
    ],
)
def test_weights_whose_beats_cannot_be_cut_are_refused(
    tmp_path: Path, config: dict[str, Any], found: str
) -> None:
    path = checkpoint(tmp_path, DeepConv1d(256), config)
    with pytest.raises(InputError, match=found):
        BeatNetwork.load(path)


def test_the_network_of_a_user_is_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, Own(256), {"beats": BEATS})
    found = "found one of 'Own'; predict, test and export take a network of your own with --config"
    with pytest.raises(InputError, match=f"expected a checkpoint of Conv2d, .*{found}"):
        BeatNetwork.load(path)


def test_names_of_no_weights_are_refused(tmp_path: Path) -> None:
    known = "DeepConv1d, DeepConv1d-robust, PatientContext, PatientContext-causal, TimeDepends"
    names = f"one of {known}, or the file of a checkpoint"
    with pytest.raises(InputError, match=f"^weights DeepConv1D: expected {names}, found no such"):
        BeatNetwork.load("DeepConv1D")
    (tmp_path / "text.ckpt").write_text("text")
    with pytest.raises(InputError, match="expected a checkpoint of this program"):
        BeatNetwork.load(str(tmp_path / "text.ckpt"))


def test_a_file_of_a_shipped_name_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_checkpoint(DeepConv1d(64), Path("TimeDepends"), {"beats": BEATS})
    assert BeatNetwork.load("TimeDepends").window_samples == 64


def test_what_weights_do_not_say_is_assumed_and_told(tmp_path: Path) -> None:
    network = BeatNetwork.load(checkpoint(tmp_path, DeepConv1d(256), {}))
    assert (network.fs_hz, network.window_samples) == (360.0, 256)
    assert (network.normalization, network.segmentation) == ("record", "peaks")
    recording = recording_of([("II", "mV", 360.0, np.zeros(9))])
    texts = [note.text for note in network.notes(recording, 0)]
    assert texts[0] == (
        "the weights do not say how their beats were prepared; assumed: fs_hz 360.0, "
        "normalization record, segmentation peaks, view signal, classes original"
    )
    assert "inverted beats" in texts[1]


def test_the_limits_of_the_default_weights_are_told_as_they_were_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers are those of the table in docs/detection.md: whole records, found positions."""
    document = (ROOT / "docs/detection.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"\| 22 \| whole \| found in the raw signal \|(.*)", document)
    f1 = [float(row.split("|")[at].split()[0]) for at in (2, 6)]
    (text,) = BeatNetwork.load("DeepConv1d-robust").texts
    assert f"F1 was {f1[0]:.0f} % for V and {f1[1]:.0f} % for S" in text
    monkeypatch.chdir(tmp_path)
    write_checkpoint(DeepConv1d(64), Path("DeepConv1d-robust"), {"beats": BEATS})
    own = BeatNetwork.load("DeepConv1d-robust")  # a file of that name
    assert own.texts[-1] == UNTESTED
    assert text not in own.texts


@pytest.mark.parametrize(
    ("source", "expected"),
    [("synthetic", ONLY_SYNTHETIC), ("mitdb,synthetic", UNTESTED), ("mitdb", UNTESTED)],
)
def test_weights_say_how_far_to_trust_them(tmp_path: Path, source: str, expected: str) -> None:
    config = {"beats": BEATS, "data": {"view": "signal", "source": source}}
    network = BeatNetwork.load(checkpoint(tmp_path, DeepConv1d(64), config))
    recording = recording_of([("II", "mV", 360.0, np.zeros(900))])
    texts = [note.text for note in network.notes(recording, 0)]
    assert expected in texts
    assert ({ONLY_SYNTHETIC, UNTESTED} - {expected}).isdisjoint(texts)


def test_a_lead_that_the_weights_do_not_know_is_told() -> None:
    network = BeatNetwork.load("DeepConv1d-robust")
    leads = [("MLII", "mV", 360.0), ("ecg1", "mV", 250.0), ("V1", "mV", 360.0), ("V5", "mV", 100.0)]
    recording = recording_of([(*lead, np.zeros(9)) for lead in leads])
    known = list(network.texts)
    notes = [[note.text for note in network.notes(recording, lead)] for lead in range(4)]
    texts = [of_lead[len(known) :] for of_lead in notes if of_lead[: len(known)] == known]
    assert texts[:2] == [[], []]
    assert texts[2] == [
        "the lead V1 is classified, but the weights were trained on MLII, V5, ECG1: classes may be "
        "less reliable"
    ]
    assert texts[3] == [
        "the lead was recorded at 100 Hz, and the weights were trained on recordings of 128 Hz "
        "and more"
    ]


@pytest.mark.parametrize(
    ("name", "form", "fs_hz", "record"),
    [
        ("208", "WFDB", 360.0, "mitdb/208"),
        ("894", "WFDB", 128.0, "svdb/894"),
        ("208", "WFDB", 250.0, ""),
        ("208", "EDF", 360.0, ""),
        ("2080", "WFDB", 360.0, ""),
    ],
)
@pytest.mark.parametrize("causal", [False, True])
def test_a_record_of_the_training_is_told(
    name: str, form: str, fs_hz: float, record: str, causal: bool
) -> None:
    network = ContextNetwork.load("PatientContext-causal" if causal else "PatientContext")
    recording = recording_of([("ECG1", "mV", fs_hz, np.zeros(9))], name=name)
    recording = replace(recording, format=form)
    texts = [note.text for note in network.notes(recording, 0) if "if this is the" in note.text]
    told = (
        f"if this is the record {record}, the weights were trained on it, and its classes are "
        "better than those of a new patient"
    )
    assert texts == ([told] if record else [])

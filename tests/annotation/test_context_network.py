"""Weights of sequences: what their files say, by which name they come, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.annotation.classifying.classifiers import load_classifier
from ecg_lightning.annotation.classifying.context_network import ContextNetwork
from ecg_lightning.annotation.classifying.weights_file import UNTESTED
from ecg_lightning.errors import InputError
from ecg_lightning.models import PatientContext, names
from ecg_lightning.models.prior_shift import PriorShift
from ecg_lightning.records.formats import read_recording
from ecg_lightning.training.checkpoints import write_checkpoint
from tests.helpers.cli import command
from tests.helpers.context_weights import (
    context_network,
    description_of,
    random_network,
    ship_random,
)
from tests.helpers.heartbeats import heartbeats, small_detector
from tests.helpers.own_shares import with_own_shares
from tests.helpers.recordings import recording_of
from tests.helpers.records import ecg_like, write_record


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights, offline and causal, as if they were shipped and the default."""
    for causal in (False, True):
        ship_random(tmp_path, monkeypatch, causal)
    monkeypatch.setattr(names, "DEFAULT_MODEL", "PatientContext")


def made_rows(count: int) -> np.ndarray:
    rows = np.random.default_rng(0).standard_normal((count, 5, 128)).astype(np.float32)
    rows[:, -1, 0] = 1
    return rows


@pytest.mark.parametrize("causal", [False, True])
def test_a_file_says_all_that_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, causal: bool
) -> None:
    shares = {"prior": [0.7, 0.2, 0.1, 0, 0], "strength": 50, "least_mean_s": 0.02}
    name = ship_random(tmp_path, monkeypatch, causal, temperature=1.5, prior_shift=shares)
    network = load_classifier(name)
    assert isinstance(network, ContextNetwork)
    assert (network.name, network.causal, network.classes) == (name, causal, "aami")
    assert network.temperature == 1.5
    expected = PriorShift((0.7, 0.2, 0.1, 0, 0), 50, 0.02)
    assert network.prior_shift == (None if causal else expected)
    assert isinstance(network.network, PatientContext)
    assert (network.network.causal, network.network.training) == (causal, False)
    assert network.beats_around == network.network.beats_around
    own, rows = random_network(causal), made_rows(20)
    with torch.inference_mode():
        plain = own(torch.from_numpy(rows)[None])[0].double().softmax(1).numpy()
    counted = np.arange(20) % 5 > 0
    if not causal:
        plain[counted] = with_own_shares(plain[counted], expected)
    powers = plain ** (1 / 1.5)
    result = network.probabilities(rows, counted)
    assert_allclose(result, powers / powers.sum(1, keepdims=True), atol=1e-6)
    assert network.probabilities(rows[:0]).shape == (0, 5)


@pytest.mark.parametrize("causal", [False, True])
def test_sequences_have_a_few_lengths_that_change_nothing(causal: bool) -> None:
    network, lengths = context_network(causal), set[int]()
    hook = network.network.register_forward_pre_hook(lambda _, x: lengths.add(x[0].shape[1]))
    own = random_network(causal)
    for count in (1, 16, 17, 129, 500, 513):
        rows = made_rows(count)
        with torch.inference_mode():
            expected = own(torch.from_numpy(rows)[None])[0].softmax(1)
        assert_allclose(network.probabilities(rows), expected, rtol=0, atol=2e-6)
    hook.remove()
    assert lengths == {16, 32, 512, 1024}


def test_the_default_temperature_is_1_and_no_share_is_estimated() -> None:
    network = context_network()
    assert (network.temperature, network.prior_shift, network.unsure_below) == (1.0, None, None)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_checkpoint_of_a_run(tmp_path: Path, causal: bool, kind: torch.dtype) -> None:
    own, path = random_network(causal), tmp_path / "last.ckpt"
    with torch.no_grad():
        for parameter in own.parameters():
            parameter.data = parameter.data.to(kind)
    write_checkpoint(own, path, description_of(causal)["config"])
    network = load_classifier(str(path))
    assert isinstance(network, ContextNetwork)
    assert network.causal == causal
    for parameter in own.parameters():
        parameter.data = parameter.data.float()
    rows = made_rows(30)
    with torch.inference_mode():
        expected = own.eval()(torch.from_numpy(rows)[None])[0].softmax(1)
    assert_array_equal(network.probabilities(rows), expected)


def test_a_lead_that_the_weights_do_not_know_is_told() -> None:
    leads = [("V1", "mV", 360.0, np.zeros(9)), ("MLII", "mV", 360.0, np.zeros(9))]
    recording = recording_of(leads)
    texts = [[note.text for note in context_network().notes(recording, lead)] for lead in (0, 1)]
    assert ["the weights were trained on MLII, ECG1:" in one for one in texts[0]] == [False, True]
    assert texts[1] == [UNTESTED]


def test_nothing_is_told_of_the_name_of_a_lead_that_has_none() -> None:
    """Nobody can say then whether the weights know it."""
    recording = read_recording(np.zeros((2, 900)), fs_hz=360.0)
    assert [lead.name for lead in recording.leads] == ["channel 0", "channel 1"]
    assert [note.text for note in context_network().notes(recording, 1)] == [UNTESTED]


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"temperature": 0}, "expected a temperature above 0, found 0"),
        ({"temperature": "2"}, "expected a temperature above 0, found '2'"),
        ({"temperature": float("nan")}, "expected a temperature above 0, found nan"),
        ({"prior_shift": {"prior": [1.0, 0, 0, 0, 0]}}, "settings of a re-estimation of shares"),
        ({"prior_shift": {"power": 1}}, "settings of a re-estimation of shares, found 'prior'"),
        ({"prior_shift": 7}, "settings of a re-estimation of shares"),
        ({"causal": True}, "trained on beats cut as context-causal, found context"),
        ({"network": "DeepConv1d"}, "weights of PatientContext, found those of DeepConv1d"),
        ({"config": {"beats": {"segmentation": "peaks"}}}, "the segmentation context"),
        ({"config": {"data": {"source": "kaggle"}}}, "found those of Kaggle's tables"),
    ],
)
def test_other_settings_are_refused(settings: dict[str, Any], found: str) -> None:
    with pytest.raises(InputError, match=found) as info:
        ContextNetwork.of("x", random_network(), {**description_of(False), **settings})
    assert info.value.setting == "model"
    assert "\n" not in str(info.value)


def test_windows_alone_are_no_beats_for_these_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ship_random(tmp_path, monkeypatch, causal=False)
    with pytest.raises(InputError, match="the segmentation peaks, annotations, windows, found 'c"):
        BeatNetwork.load(name)
    with pytest.raises(InputError, match="weights of PatientContext, found those of DeepConv1d"):
        ContextNetwork.load("DeepConv1d-robust")


def test_probabilities_that_are_not_finite_are_refused() -> None:
    network = context_network()
    rows = made_rows(4)
    rows[2, 0, 7] = np.nan
    with pytest.raises(InputError, match="weights random: expected finite probabilities"):
        network.probabilities(rows)


@pytest.mark.usefixtures("shipped")
def test_the_default_takes_the_causal_form_for_causal_results() -> None:
    annotator = Annotator.from_pretrained()
    assert [annotator.classifier(causal).name for causal in (False, True)] == [
        "PatientContext",
        "PatientContext-causal",
    ]
    lead = heartbeats(20.0, n_leads=2)[0]
    results = [annotator.annotate(lead, 360.0, causal=causal) for causal in (False, True)]
    assert [result.model for result in results] == ["PatientContext", "PatientContext-causal"]
    assert annotator.stream(360.0).delay_s <= 5.0


@pytest.mark.usefixtures("shipped")
def test_named_weights_are_not_replaced() -> None:
    lead = heartbeats(5.0)[0]
    offline, causal = (
        Annotator.from_pretrained(name) for name in ("PatientContext", "PatientContext-causal")
    )
    for call in (
        lambda: offline.annotate(lead, 360.0, causal=True),
        lambda: offline.stream(360.0),
    ):
        with pytest.raises(
            InputError,
            match=r"^weights PatientContext: expected causal weights, found weights that see later "
            r"beats; take PatientContext-causal, or ask for no causal result",
        ):
            call()
    with pytest.raises(
        InputError,
        match=r"^weights PatientContext-causal: expected weights that see later beats, found "
        r"causal weights; take PatientContext, or ask for a causal result",
    ):
        causal.annotate(lead, 360.0)
    assert len(causal.annotate(lead, 360.0, causal=True)) > 3


def test_weights_of_a_file_have_no_other_form() -> None:
    annotator = Annotator(replace(context_network(), name="last.ckpt"), [small_detector()])
    with pytest.raises(InputError, match="take other weights, or ask for no causal result"):
        annotator.annotate(heartbeats(5.0)[0], 360.0, causal=True)


def test_windows_alone_serve_both() -> None:
    annotator = Annotator.from_pretrained("DeepConv1d-robust")
    assert annotator.classifier(causal=True) is annotator.classifier(causal=False)


@pytest.mark.usefixtures("shipped")
def test_the_command(tmp_path: Path) -> None:
    write_record(tmp_path, ecg_like("r", "NVNNVN"))
    args = ["annotate", "r", "--beats", "atr", "--output", "out"]
    for causal in ([], ["--causal"]):
        outcome = command([*args, *causal], tmp_path)
        assert outcome.status == 0, outcome.err
        assert "6 beats" in outcome.out + outcome.err
    for words in (["PatientContext", "--causal"], ["PatientContext-causal"]):
        outcome = command([*args, "--output", "other", "--model", *words], tmp_path)
        assert outcome.status == 2
        assert outcome.err.count("\n") == 1
        assert outcome.err.endswith("causal result (--model)\n")
        assert not list(tmp_path.glob("other/*.csv"))

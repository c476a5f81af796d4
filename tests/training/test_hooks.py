"""The public hooks of the classifier, `loss` and `augment`, and how it loads checkpoints."""

import io
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning.errors import InputError
from ecg_lightning.models import NETWORKS, Conv2d, DeepConv1d, PatientContext, TimeDepends
from ecg_lightning.training.checkpoints import write_checkpoint
from ecg_lightning.training.classifier import BeatClassifier
from tests.helpers.cli import Tiny
from tests.helpers.operations import REFUSED_ON_GPUS, Operations
from tests.training.test_classifier import BATCH, QUIET, loader, part, running, trainer

pytestmark = QUIET


class Smoothed(BeatClassifier):
    """A classifier with another loss."""

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        return F.cross_entropy(logits, labels, label_smoothing=0.1)


class Turned(BeatClassifier):
    """A classifier that negates training beats, and gives them the next class."""

    def augment(self, signals: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return -signals, (labels + 1) % 5


class Shown(Tiny):
    """A network that keeps its inputs, by `training`."""

    def __init__(self) -> None:
        super().__init__(64)
        self.seen: dict[bool, list[Tensor]] = {True: [], False: []}

    def forward(self, x: Tensor) -> Tensor:
        self.seen[self.training].append(x)
        return super().forward(x)


@pytest.mark.parametrize("verb", ["validate", "test"])
def test_every_part_is_measured_with_the_loss_of_a_subclass(tmp_path: Path, verb: str) -> None:
    torch.manual_seed(0)
    model, beats = Smoothed(Tiny(64)), part(3 * BATCH + 5, 1)
    beats.tensors[1].fill_(2)  # classes by chance would have nearly the same mean without smoothing
    [logged] = getattr(trainer(tmp_path), verb)(model, loader(beats), verbose=False)
    with torch.no_grad():
        logits = model.network(beats.tensors[0])
    expected = F.cross_entropy(logits, beats.tensors[1], label_smoothing=0.1)
    [name] = [name for name in logged if name.endswith("_loss")]
    assert logged[name] == pytest.approx(float(expected), rel=1e-5)
    assert logged[name] != pytest.approx(float(F.cross_entropy(logits, beats.tensors[1])), rel=1e-2)


def test_training_minimises_the_loss_of_a_subclass() -> None:
    torch.manual_seed(0)
    model, beats = Smoothed(Tiny(64)), part(BATCH, 1)
    loss = model.training_step((beats.tensors[0], beats.tensors[1]), 0)
    expected = model.loss(model.network(beats.tensors[0]), beats.tensors[1])
    assert torch.equal(loss, expected)
    assert loss.requires_grad


def test_training_batches_alone_are_augmented(tmp_path: Path) -> None:
    network, beats = Shown(), part(BATCH, 1)
    run = trainer(tmp_path)
    run.fit_loop.max_epochs = 1
    run.fit(Turned(network), loader(beats), loader(beats))
    assert [torch.equal(x, -beats.tensors[0]) for x in network.seen[True]] == [True]
    assert [torch.equal(x, beats.tensors[0]) for x in network.seen[False]] == [True]
    rows = {name: matrix.sum(1) for name, matrix in running(run).confusion.items()}
    assert torch.equal(rows["train"], rows["val"].roll(1))  # the labels of the augmented beats


def test_by_default_a_batch_is_the_same_object() -> None:
    signals, labels = torch.zeros(2, 1, 8), torch.zeros(2)
    same = BeatClassifier(Tiny()).augment(signals, labels)
    assert same[0] is signals
    assert same[1] is labels


def test_a_classifier_refuses_numpy() -> None:
    with pytest.raises(InputError) as caught:
        BeatClassifier(Tiny())(np.zeros((1, 1, 256), np.float32))
    hint = "convert it with torch.as_tensor(x, dtype=torch.float32)"
    line = f"signals: expected a torch tensor, found numpy.ndarray; {hint}"
    assert str(caught.value) == line


def saved(network: nn.Module, path: Path) -> Path:
    write_checkpoint(network, path, {"imported": {"file": "model.h5"}})
    return path


def same(one: nn.Module, other: nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(value, states[1][key]) for key, value in states[0].items()
    )


class TestLoadFromCheckpoint:
    @pytest.mark.parametrize(
        "network",
        [
            DeepConv1d(256),
            DeepConv1d(187),
            DeepConv1d(300, classes=3),
            TimeDepends(250),
            Conv2d(45),
            PatientContext(),
        ],
        ids=[
            *("DeepConv1d-256", "DeepConv1d-187", "DeepConv1d-300-3", "TimeDepends", "Conv2d"),
            "PatientContext",
        ],
    )
    def test_needs_the_path_alone_for_our_networks(
        self, network: nn.Module, tmp_path: Path
    ) -> None:
        path = saved(network, tmp_path / "a.ckpt")
        loaded = BeatClassifier.load_from_checkpoint(path)
        assert type(loaded.network) is type(network)
        assert loaded.network.input_length == network.input_length
        assert same(loaded.network, network)
        assert all(module.training for module in loaded.modules())
        assert all(parameter.requires_grad for parameter in loaded.parameters())

    def test_covers_all_of_them(self) -> None:
        expected = {"DeepConv1d", "TimeDepends", "Conv2d", "PatientContext"}  # the test above
        assert set(NETWORKS) == expected

    def test_takes_an_open_file_and_lightnings_arguments(self, tmp_path: Path) -> None:
        network = DeepConv1d(64)
        content = saved(network, tmp_path / "a.ckpt").read_bytes()
        for loaded in (
            BeatClassifier.load_from_checkpoint(str(tmp_path / "a.ckpt"), "cpu", None, True, True),
            BeatClassifier.load_from_checkpoint(io.BytesIO(content), map_location="cpu"),
        ):
            assert same(loaded.network, network)

    def test_replaces_what_the_checkpoint_says(self, tmp_path: Path) -> None:
        path = saved(DeepConv1d(64), tmp_path / "a.ckpt")
        loaded = BeatClassifier.load_from_checkpoint(path, learning_rate=0.5, betas=(0.5, 0.9))
        assert (loaded.learning_rate, loaded.betas, loaded.epsilon) == (0.5, (0.5, 0.9), 1e-7)
        own = DeepConv1d(64)
        assert BeatClassifier.load_from_checkpoint(path, network=own).network is own

    def test_makes_a_subclass(self, tmp_path: Path) -> None:
        path = saved(DeepConv1d(64), tmp_path / "a.ckpt")
        assert type(Smoothed.load_from_checkpoint(path)) is Smoothed

    def test_asks_for_a_network_that_is_not_ours(self, tmp_path: Path) -> None:
        network = Tiny()
        path = saved(network, tmp_path / "a.ckpt")
        with pytest.raises(InputError) as caught:
            BeatClassifier.load_from_checkpoint(path)
        line = f"{path}: expected a checkpoint of {', '.join(NETWORKS)}, found one of 'Tiny'"
        hint = "pass the network that was trained, as in network=MyNetwork()"
        assert str(caught.value) == f"{line}; {hint}"
        assert same(BeatClassifier.load_from_checkpoint(path, network=Tiny()).network, network)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"network": "os.system"}, "found one of 'os.system'"),
            ({"network": ["DeepConv1d"]}, "found ecg_lightning.network = a list of 1"),
            ({"input_length": 1 << 60}, "found 1152921504606846976"),
            ({"input_length": True}, "expected an input length up to 65536, found True"),
            ({"input_length": 60_000}, "expected the weights of DeepConv1d, found others"),
            ({"network": "TimeDepends"}, "expected the weights of TimeDepends, found others"),
        ],
        ids=str,
    )
    def test_does_not_trust_the_description(
        self, change: dict[str, Any], words: str, tmp_path: Path
    ) -> None:
        path = saved(DeepConv1d(64), tmp_path / "a.ckpt")
        content = torch.load(path, weights_only=True)
        content["ecg_lightning"].update(change)
        torch.save(content, path)
        with pytest.raises(InputError) as caught:
            BeatClassifier.load_from_checkpoint(path)
        assert words in str(caught.value)

    @pytest.mark.parametrize(
        "entry",
        [{"_class_path": "antigravity.X"}, {"_instantiator": "os.system"}, {"network": "Conv2d"}],
        ids=str,
    )
    def test_takes_no_class_from_the_hyper_parameters(
        self, entry: dict[str, str], tmp_path: Path
    ) -> None:
        network = DeepConv1d(64)
        path = saved(network, tmp_path / "a.ckpt")
        content = torch.load(path, weights_only=True)
        content["hyper_parameters"].update(entry)
        torch.save(content, path)
        loaded = BeatClassifier.load_from_checkpoint(path)
        assert (type(loaded), same(loaded.network, network)) == (BeatClassifier, True)

    @pytest.mark.parametrize(
        ("state", "words"),
        [
            ([1], "found state_dict = a list of 1"),
            ({}, "expected the weights of DeepConv1d, found others"),
            ({"network.head.bias": 5}, "found state_dict.network.head.bias = 5"),
        ],
        ids=str,
    )
    def test_refuses_a_checkpoint_without_weights(
        self, state: Any, words: str, tmp_path: Path
    ) -> None:
        path = saved(DeepConv1d(64), tmp_path / "a.ckpt")
        content = torch.load(path, weights_only=True)
        content["state_dict"] = state
        torch.save(content, path)
        with pytest.raises(InputError, match=words):
            BeatClassifier.load_from_checkpoint(path)

    def test_refuses_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(
            InputError, match=r"none.ckpt: expected .* found no such file; take RUN"
        ):
            BeatClassifier.load_from_checkpoint(tmp_path / "none.ckpt")


def test_a_loaded_classifier_can_be_trained_in_plain_python(tmp_path: Path) -> None:
    path = saved(DeepConv1d(64), tmp_path / "a.ckpt")
    model = BeatClassifier.load_from_checkpoint(path)
    run: lightning.Trainer = trainer(tmp_path)
    run.fit_loop.max_epochs = 1
    run.fit(model, loader(part(40, 1)), loader(part(40, 2)))
    [logged] = run.test(model, loader(part(40, 3)), verbose=False)
    assert set(logged) == {"test_loss", "test_accuracy"}


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (DeepConv1d(), (4, 1, 256)),
        (TimeDepends(), (4, 1, 256)),
        (Conv2d(32), (4, 1, 32, 32)),
        (PatientContext(), (2, 2, 5, 128)),
    ],
)
def test_a_training_step_can_be_repeated_on_a_gpu(
    network: nn.Module, shape: tuple[int, ...]
) -> None:
    with Operations() as operations:
        logits = network(torch.rand(shape)).flatten(0, -2)
        BeatClassifier(network).loss(logits, torch.arange(len(logits)) % 5).backward()
    assert any("backward" in name for name in operations.names)
    assert not operations.names & REFUSED_ON_GPUS

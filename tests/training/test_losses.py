"""The losses, against NumPy by hand, scikit-learn and torch, and in a classifier."""

import warnings
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning.errors import InputError, SettingsWarning
from ecg_lightning.models import PatientContext
from ecg_lightning.training import BeatClassifier, CrossEntropy, FocalLoss
from ecg_lightning.training.loss_names import LOSSES
from ecg_lightning.training.losses import balanced_weights, batch_loss, prepare_loss
from ecg_lightning.training.trial import try_loss
from tests.helpers.cli import Tiny
from tests.training.test_classifier import BATCH, QUIET, loader, part, running, trainer

pytestmark = QUIET
WEIGHTS = [1.0, 5.0, 2.0, 0.5, 0.0]
Floats = npt.NDArray[np.float64]


@pytest.fixture
def logits() -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(scale=3, size=(40, 5)))


@pytest.fixture
def labels() -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(5, size=40))


def probabilities(logits: Tensor) -> Floats:
    """By hand: exp(x) / sum exp(x)."""
    powers: Floats = np.exp(logits.numpy())
    result: Floats = powers / powers.sum(1, keepdims=True)
    return result


def own(values: Floats, labels: Tensor) -> Floats:
    result: Floats = values[np.arange(len(labels)), labels.numpy()]
    return result


def test_the_names_are_those_of_the_classes() -> None:
    assert (CrossEntropy.__name__, FocalLoss.__name__) == LOSSES


class TestCrossEntropy:
    def test_is_plain_without_settings(self, logits: Tensor, labels: Tensor) -> None:
        expected = -np.log(own(probabilities(logits), labels))
        np.testing.assert_allclose(CrossEntropy()(logits, labels), expected, rtol=1e-12)

    def test_has_the_weight_of_the_class(self, logits: Tensor, labels: Tensor) -> None:
        expected = -np.log(own(probabilities(logits), labels)) * np.array(WEIGHTS)[labels]
        np.testing.assert_allclose(CrossEntropy(WEIGHTS)(logits, labels), expected, rtol=1e-12)

    def test_smooths_labels(self, logits: Tensor, labels: Tensor) -> None:
        target = 0.9 * np.eye(5)[labels] + 0.1 / 5
        expected = -(target * np.log(probabilities(logits))).sum(1)
        loss = CrossEntropy(label_smoothing=0.1)
        np.testing.assert_allclose(loss(logits, labels), expected, rtol=1e-12)

    def test_multiplies_the_smoothed_loss_by_the_weight_of_the_class(
        self, logits: Tensor, labels: Tensor
    ) -> None:
        """As Keras's `class_weight` does; torch's `weight` differs."""
        target = 0.9 * np.eye(5)[labels] + 0.1 / 5
        smoothed = -(target * np.log(probabilities(logits))).sum(1)
        loss = CrossEntropy(WEIGHTS, label_smoothing=0.1)(logits, labels)
        np.testing.assert_allclose(loss, smoothed * np.array(WEIGHTS)[labels], rtol=1e-12)

    def test_balances_the_training_part(self, logits: Tensor, labels: Tensor) -> None:
        trained = np.repeat(np.arange(5), [900, 30, 60, 9, 1])
        weights = compute_class_weight("balanced", classes=np.arange(5), y=trained)
        loss = CrossEntropy("balanced")
        loss.set_class_counts(torch.bincount(torch.from_numpy(trained)))
        expected = -np.log(own(probabilities(logits), labels)) * weights[labels]
        np.testing.assert_allclose(loss(logits, labels), expected, rtol=1e-6)

    def test_weighs_a_class_without_beats_0(self) -> None:
        trained = np.array([0] * 6 + [2] * 2)
        there = compute_class_weight("balanced", classes=np.array([0, 2]), y=trained)
        expected = [there[0], 0, there[1], 0, 0]
        weights = balanced_weights(torch.tensor([6, 0, 2, 0, 0]))
        np.testing.assert_allclose(weights, expected, rtol=1e-6)

    def test_refuses_balanced_weights_without_counts(self, logits: Tensor, labels: Tensor) -> None:
        with pytest.raises(InputError, match="class_weights balanced: expected the numbers of b"):
            CrossEntropy("balanced")(logits, labels)

    @pytest.mark.parametrize(
        "weights", [[1.0] * 4, [1.0] * 6, [0.0] * 5, [1, 1, 1, 1, -1], [1, 1, 1, 1, np.nan], "x"]
    )
    def test_refuses_other_weights(self, weights: Any) -> None:
        with pytest.raises(InputError, match="class_weights: expected balanced, or a number of 0"):
            CrossEntropy(weights)

    @pytest.mark.parametrize("share", [-0.1, 1, float("nan")])
    def test_refuses_another_share(self, share: float) -> None:
        with pytest.raises(InputError, match="label_smoothing: expected a number from 0 to below"):
            CrossEntropy(label_smoothing=share)


class TestFocalLoss:
    @pytest.mark.parametrize("gamma", [0, 0.5, 2, 5])
    @pytest.mark.parametrize("weights", [None, WEIGHTS])
    def test_is_that_of_the_source(
        self, gamma: float, weights: list[float] | None, logits: Tensor, labels: Tensor
    ) -> None:
        p = own(probabilities(logits), labels)
        expected = -((1 - p) ** gamma) * np.log(p) * np.array(weights or [1] * 5)[labels]
        loss = FocalLoss(gamma, weights)
        np.testing.assert_allclose(loss(logits, labels), expected, rtol=1e-9, atol=1e-15)

    @pytest.mark.parametrize("gamma", [0.01, 0.5, 2])
    def test_has_finite_slopes_where_the_network_is_sure(self, gamma: float) -> None:
        logits = torch.tensor([[200.0, 0, 0, 0, 0], [-200.0, 0, 0, 0, 0]], requires_grad=True)
        FocalLoss(gamma)(logits, torch.tensor([0, 0])).sum().backward()
        assert logits.grad is not None
        assert bool(logits.grad.isfinite().all())
        assert torch.equal(logits.grad[0], torch.zeros(5))

    @pytest.mark.parametrize("gamma", [-1, float("inf"), float("nan")])
    def test_refuses_another_gamma(self, gamma: float) -> None:
        with pytest.raises(InputError, match="gamma: expected 0 or a positive number"):
            FocalLoss(gamma)


class Own(nn.Module):
    """A loss of the user: gives what it is told to."""

    calls: Tensor

    def __init__(self, result: str = "each") -> None:
        super().__init__()
        self.result = result
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.seen: list[Tensor] = []

    def forward(self, logits: Tensor, labels: Tensor) -> Any:
        self.calls = self.calls + 1
        self.seen.append(labels)
        each = 3 * F.cross_entropy(logits, labels, reduction="none")
        return {
            "each": each,
            "one": each.mean(),
            "rows": each[:, None],
            "number": 1.0,
            "labels": labels,
            "constant": each.detach(),
        }[self.result]


class TestBatchLoss:
    def test_is_the_mean(self, logits: Tensor, labels: Tensor) -> None:
        expected = 3 * F.cross_entropy(logits, labels)
        for result in ("each", "one"):
            assert batch_loss(Own(result), logits, labels) == pytest.approx(float(expected))

    def test_is_a_weighted_mean(self, logits: Tensor, labels: Tensor) -> None:
        weights = torch.rand(len(labels), dtype=torch.float64)
        each = -np.log(own(probabilities(logits), labels))
        expected = 3 * np.average(each, weights=weights.numpy())
        assert batch_loss(Own(), logits, labels, weights) == pytest.approx(expected)
        with pytest.raises(InputError, match=r"expected a loss of each beat .* found one number"):
            batch_loss(Own("one"), logits, labels, weights)

    @pytest.mark.parametrize(
        ("result", "words"),
        [("rows", "one of shape"), ("number", "a float"), ("labels", "numbers of type")],
    )
    def test_refuses_anything_else(self, result: str, words: str) -> None:
        with pytest.raises(InputError, match=f"loss Own: expected a tensor .* found {words}"):
            try_loss(BeatClassifier(Tiny(), loss=Own(result)))

    def test_refuses_a_loss_without_slopes(self) -> None:
        with pytest.raises(InputError, match=r"loss Own: .*does not require grad"):
            try_loss(BeatClassifier(Tiny(), loss=Own("constant")))

    def test_a_trial_changes_nothing(self) -> None:
        loss = Own()
        models = [BeatClassifier(Tiny(), loss=one) for one in (loss, CrossEntropy("balanced"))]
        state = torch.get_rng_state()
        for model in models:
            try_loss(model)
        assert torch.equal(state, torch.get_rng_state())
        assert (int(loss.calls), loss.seen) == (0, [])


class TestInAClassifier:
    def test_is_minimised_and_cross_entropy_is_measured(self, tmp_path: Path) -> None:
        model, beats = BeatClassifier(Tiny(64), loss=Own()), part(BATCH, 1)
        with torch.no_grad():
            plain = F.cross_entropy(model.network(beats.tensors[0]), beats.tensors[1])
        loss = model.training_step((beats.tensors[0], beats.tensors[1]), 0)
        assert float(loss.detach()) == pytest.approx(3 * float(plain))
        run = trainer(tmp_path)
        run.fit_loop.max_epochs = 1
        run.fit(model, loader(beats), loader(beats))
        assert running(run).mean_loss["train"] == pytest.approx(float(plain), rel=1e-5)
        assert isinstance(model.minimised, Own)
        assert int(model.minimised.calls) == 2  # no validation

    def test_gets_each_beat_of_each_member_that_has_a_label(self) -> None:
        torch.manual_seed(0)
        loss = Own()
        model = BeatClassifier(PatientContext(), loss=loss).train()
        labels = torch.full((2, 9), -100)
        labels[0, 2:6], labels[1, 8] = torch.tensor([0, 1, 2, 4]), 3
        step = model.training_step((torch.rand(2, 9, 5, 128), labels), 0)
        assert step.dim() == 0
        assert torch.equal(loss.seen[0], torch.tensor([0, 1, 2, 4, 3] * 3))

    def test_weighs_the_beats_of_sequences(self) -> None:
        labels = torch.tensor([[0, 1, -100, 2]])
        sequences, weights = torch.rand(1, 4, 5, 128), torch.tensor([[1.0, 2.0, 9.0, 0.5]])
        steps = []
        for loss in (None, Own()):
            torch.manual_seed(0)
            model = BeatClassifier(PatientContext(), loss=loss)
            batch: Any = (sequences, labels, weights)
            steps.append(float(model.training_step(batch, 0).detach()))
        assert steps[1] == pytest.approx(3 * steps[0], rel=1e-5)

    def test_its_state_is_restored_and_is_no_weight(self, tmp_path: Path) -> None:
        model, beats = BeatClassifier(Tiny(64), loss=Own()), part(BATCH, 1)
        run = trainer(tmp_path)
        run.fit_loop.max_epochs = 2
        run.fit(model, loader(beats), loader(beats))
        run.save_checkpoint(tmp_path / "a.ckpt")
        content = torch.load(tmp_path / "a.ckpt", weights_only=True)
        assert all(name.startswith("network.") for name in content["state_dict"])
        assert "loss" not in content["hyper_parameters"]
        loaded = BeatClassifier.load_from_checkpoint(tmp_path / "a.ckpt", network=Tiny(64))
        assert loaded.minimised is None
        loss = Own()
        again = trainer(tmp_path)
        again.fit_loop.max_epochs = 3
        parts = loader(beats), loader(beats)
        again.fit(BeatClassifier(Tiny(64), loss=loss), *parts, ckpt_path=tmp_path / "a.ckpt")
        assert int(loss.calls) == 3

    def test_beside_the_method_of_a_subclass_is_refused(self) -> None:
        class Sub(BeatClassifier):
            def loss(self, logits: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
                return F.cross_entropy(logits, labels)

        with pytest.raises(InputError, match="loss: expected None, because Sub overrides"):
            Sub(Tiny(), loss=FocalLoss())


class Data(lightning.LightningDataModule):
    """Counts of a training part."""

    def __init__(self, balances_classes: bool) -> None:
        super().__init__()
        self.balances_classes, self.balance = balances_classes, "weighted"

    def class_counts(self) -> dict[str, dict[str, int]]:
        return {"train": {"N": 6, "S": 2, "V": 1, "F": 1, "Q": 10}, "test": {"N": 1}}


class TestPreparing:
    def test_tells_the_counts_of_the_training_part(self) -> None:
        loss = FocalLoss(class_weights="balanced")
        prepare_loss(loss, Data(balances_classes=False))
        expected = torch.tensor([20 / 5 / n for n in (6, 2, 1, 1, 10)])
        assert torch.allclose(loss.weights_like(torch.zeros(1)), expected)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("loss", "balances", "lines"),
        [
            (CrossEntropy(WEIGHTS), True, 1),
            (CrossEntropy("balanced"), True, 1),
            (CrossEntropy("balanced"), False, 0),
            (CrossEntropy(label_smoothing=0.1), True, 0),
            (FocalLoss(), True, 0),
            (Own(), True, 0),
        ],
    )
    def test_says_when_rare_classes_are_corrected_twice(
        self, loss: nn.Module, balances: bool, lines: int
    ) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            prepare_loss(loss, Data(balances))
        shown = [str(one.message) for one in caught if one.category is SettingsWarning]
        assert len(shown) == lines
        assert all("both together correct twice" in line for line in shown)

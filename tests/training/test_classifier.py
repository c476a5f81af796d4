"""The LightningModule against plain torch, numpy and scikit-learn."""

import copy
import logging
import math
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, log_loss
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.classifier import BeatClassifier
from ecg_lightning.training.keras_adam import KerasAdam
from tests.helpers.cli import Tiny

logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
QUIET = [  # known warnings of Lightning
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    # Lightning 2.6 with torch 2.14
    pytest.mark.filterwarnings(
        "ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning"
    ),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]
pytestmark = QUIET
BATCH, EPOCHS = 16, 3


def part(count: int, seed: int) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    signals = torch.randn(count, 1, 64, generator=generator).cumsum(-1)
    return TensorDataset(signals, torch.randint(5, (count,), generator=generator))


def loader(dataset: TensorDataset) -> DataLoader[Any]:
    return DataLoader(dataset, batch_size=BATCH)


class Seen(lightning.Callback):
    """Keeps what other callbacks can see at the end of each epoch."""

    def __init__(self) -> None:
        self.train: list[dict[str, float]] = []
        self.validation: list[dict[str, float]] = []

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        self.train.append({name: float(value) for name, value in trainer.callback_metrics.items()})

    def on_validation_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        self.validation.append(
            {name: float(value) for name, value in trainer.callback_metrics.items()}
        )


def trainer(folder: Path, *callbacks: lightning.Callback) -> lightning.Trainer:
    return lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=EPOCHS,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
        callbacks=list(callbacks),
    )


def by_hand(
    network: nn.Module, train: TensorDataset, validation: TensorDataset
) -> list[dict[str, float]]:
    """The same training as a plain loop; each step is measured before its update."""
    optimizer, rows = KerasAdam(network.parameters()), []
    for _ in range(EPOCHS):
        network.train()
        losses, right = 0.0, 0
        for x, labels in loader(train):
            logits = network(x)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses += float(loss.detach()) * len(labels)
            right += int((logits.argmax(1) == labels).sum())
        row = {"train_loss": losses / len(train), "train_accuracy": right / len(train)}
        rows.append(row | figures(network, validation, "val"))
    return rows


def figures(network: nn.Module, dataset: TensorDataset, prefix: str) -> dict[str, float]:
    shares, labels = shares_of(network, dataset), dataset.tensors[1].numpy()
    loss = float(log_loss(labels, shares, labels=range(5)))
    return {
        f"{prefix}_loss": loss,
        f"{prefix}_accuracy": float(np.mean(shares.argmax(1) == labels)),
    }


def shares_of(network: nn.Module, dataset: TensorDataset) -> Any:
    with torch.no_grad():
        return network.eval()(dataset.tensors[0]).double().softmax(1).numpy()


def test_a_fit_equals_a_plain_loop(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, seen = BeatClassifier(Tiny(64)), Seen()
    train, validation = part(100, 1), part(70, 2)  # neither is a whole number of batches
    expected = by_hand(copy.deepcopy(model.network), train, validation)
    trainer(tmp_path, seen).fit(model, loader(train), loader(validation))
    assert len(seen.train) == len(seen.validation) == EPOCHS
    for actual, also, row in zip(seen.train, seen.validation, expected, strict=True):
        assert {name: actual[name] for name in row} == pytest.approx(row, rel=1e-5)
        assert {name: also[name] for name in ("val_loss", "val_accuracy")} == pytest.approx(
            {name: row[name] for name in ("val_loss", "val_accuracy")}, rel=1e-5
        )


def running(run: lightning.Trainer) -> RunningMetrics:
    metrics = RunningMetrics.of(run)
    assert metrics is not None
    return metrics


@pytest.mark.parametrize(("verb", "name"), [("validate", "val"), ("test", "test")])
def test_an_evaluation_keeps_matrix_and_loss(tmp_path: Path, verb: str, name: str) -> None:
    torch.manual_seed(0)
    model, dataset = BeatClassifier(Tiny(64)), part(83, 3)
    run = trainer(tmp_path)
    [logged] = getattr(run, verb)(model, loader(dataset), verbose=False)
    expected = figures(model.network, dataset, name)
    assert logged == pytest.approx(expected, rel=1e-5)
    predicted = shares_of(model.network, dataset).argmax(1)
    assert (
        running(run).confusion[name].tolist()
        == confusion_matrix(dataset.tensors[1], predicted, labels=range(5)).tolist()
    )
    assert running(run).confusion[name].dtype == torch.int64
    assert running(run).mean_loss[name] == pytest.approx(expected[f"{name}_loss"], rel=1e-5)


def test_a_second_evaluation_counts_from_zero(tmp_path: Path) -> None:
    model, dataset = BeatClassifier(Tiny(64)), part(40, 4)
    run = trainer(tmp_path)
    for count in (40, 40):
        run.test(model, loader(dataset), verbose=False)
        assert int(running(run).confusion["test"].sum()) == count


def test_predictions_are_probabilities_in_order(tmp_path: Path) -> None:
    model, dataset = BeatClassifier(Tiny(64)), part(40, 5)
    batches: Any = trainer(tmp_path).predict(model, loader(dataset))
    actual = torch.cat(batches).numpy()
    np.testing.assert_allclose(actual, shares_of(model.network, dataset), rtol=1e-5)
    np.testing.assert_allclose(actual.sum(1), 1, rtol=1e-6)


class _Constant(nn.Module):
    """The same logits for every beat."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, x: Tensor) -> Tensor:
        return self.logits.expand(len(x), -1)


def test_the_loss_by_hand() -> None:
    model = BeatClassifier(_Constant([math.log(4.0), 0.0, 0.0, 0.0, 0.0]))  # shares 4/8, 1/8, ...
    loss = model.training_step((torch.zeros(4, 1, 8), torch.tensor([0, 0, 0, 1])), 0)
    assert float(loss.detach()) == pytest.approx((3 * math.log(2) + math.log(8)) / 4)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stays(tmp_path: Path, wrong: float) -> None:
    model, dataset = BeatClassifier(Tiny(64)), part(3 * BATCH, 6)
    dataset.tensors[0][BATCH, 0, 5] = wrong  # one beat of the second batch
    run = trainer(tmp_path)
    [logged] = run.test(model, loader(dataset), verbose=False)
    assert not math.isfinite(logged["test_loss"])
    assert not math.isfinite(running(run).mean_loss["test"])


def test_the_optimiser_is_kerass_with_the_given_settings() -> None:
    model = BeatClassifier(Tiny(), learning_rate=0.02, betas=(0.8, 0.99), epsilon=1e-5)
    optimizer = model.configure_optimizers()
    assert isinstance(optimizer, KerasAdam)
    [group] = optimizer.param_groups
    assert (group["lr"], group["betas"], group["epsilon"]) == (0.02, (0.8, 0.99), 1e-5)
    assert [id(p) for p in group["params"]] == [id(p) for p in model.network.parameters()]


def test_the_originals_settings_are_the_defaults() -> None:
    [group] = BeatClassifier(Tiny()).configure_optimizers().param_groups
    assert (group["lr"], group["betas"], group["epsilon"]) == (1e-3, (0.9, 0.999), 1e-7)


def test_checkpoints_hold_the_network_alone() -> None:
    assert set(BeatClassifier(Tiny()).state_dict()) == {
        f"network.{name}" for name in Tiny().state_dict()
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"learning_rate": -1.0}, ["learning_rate", "positive", "-1.0", "change it"]),
        ({"learning_rate": math.nan}, ["learning_rate", "positive", "nan"]),
        ({"betas": (2.0, 0.999)}, ["betas", "[0, 1)", "(2.0, 0.999)", "change it"]),
        ({"epsilon": -1e-7}, ["epsilon", "0 or a positive number", "-1e-07", "change it"]),
    ],
)
def test_impossible_settings_are_refused_at_once(
    settings: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        BeatClassifier(Tiny(), **settings)
    for word in words:
        assert word in str(caught.value)

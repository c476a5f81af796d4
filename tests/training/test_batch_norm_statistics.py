"""BatchNorm's statistics for evaluations: in a fit, in its checkpoints, and after it."""

import contextlib
import copy
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.errors import InputError, SettingsWarning
from ecg_lightning.models.layers import BatchNorm, Dense
from ecg_lightning.system.preemption import Preemption
from ecg_lightning.training.callbacks.batch_norm_statistics import MOVING, BatchNormStatistics
from ecg_lightning.training.callbacks.last_checkpoint import LastCheckpoint
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.classifier import BeatClassifier
from ecg_lightning.training.random_state import RANDOM
from tests.helpers.records import write_small_kaggle
from tests.training.test_classifier import QUIET
from tests.training.test_resume import same

pytestmark = QUIET
PER_CLASS, BATCH, EPOCHS = 20, 32, 2  # four batches an epoch, the fourth of 4
MEAN, VARIANCE = "network.norm.running_mean", "network.norm.running_var"


class Normed(nn.Module):
    """Dropout before a BatchNorm, and one number drawn in each call."""

    def __init__(self, norm: type[nn.Module] = BatchNorm) -> None:
        super().__init__()
        self.mean, self.dropout, self.norm = nn.Linear(187, 8), nn.Dropout(0.2), norm(8)
        self.head = Dense(8, 5)

    def before(self, x: Tensor) -> Tensor:
        """What the BatchNorm sees in an evaluation."""
        return torch.relu(self.mean(x[:, 0]))

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.rand(())
        return self.head(self.norm(self.dropout(self.before(x)))) + 0 * noise


class Keep(lightning.Callback):
    """Saves a checkpoint after each epoch, and within the second one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        if (trainer.current_epoch, trainer.fit_loop.batch_idx) == (1, 1):
            trainer.save_checkpoint(self.folder / "within.ckpt")

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        trainer.save_checkpoint(self.folder / f"{trainer.current_epoch}.ckpt")


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kaggle")
    write_small_kaggle(folder, 210)
    return folder


def data_of(kaggle: Path) -> BeatDataModule:
    cache = kaggle / "cache"
    return BeatDataModule(
        "kaggle", kaggle, per_class=PER_CLASS, batch_size=BATCH, cache_dir=cache, seed=3
    )


class Fit:
    """A fit, and what it leaves."""

    def __init__(
        self,
        kaggle: Path,
        folder: Path,
        *callbacks: lightning.Callback,
        network: nn.Module | None = None,
        ckpt_path: Path | None = None,
        **options: Any,
    ) -> None:
        torch.manual_seed(0)
        self.folder, self.data = folder, data_of(kaggle)
        self.classifier = BeatClassifier(network or Normed())
        self.trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=EPOCHS,
            logger=False,
            callbacks=[*callbacks, Keep(folder)],
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
            **{"enable_checkpointing": False, **options},
        )
        self.trainer.fit(
            self.classifier, datamodule=self.data, ckpt_path=ckpt_path, weights_only=True
        )

    def checkpoint(self, name: object = EPOCHS - 1) -> dict[str, Any]:
        content: dict[str, Any] = torch.load(self.folder / f"{name}.ckpt", weights_only=True)
        return content

    @property
    def val_loss(self) -> float:
        return float(self.trainer.callback_metrics["val_loss"])


@pytest.fixture(scope="module")
def runs(kaggle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fit]:
    """A fit without the callback, and one with it."""
    without, measured = (tmp_path_factory.mktemp(name) for name in ("without", "measured"))
    return {
        "without": Fit(kaggle, without),
        "measured": Fit(kaggle, measured, BatchNormStatistics(3)),
    }


def expected(kaggle: Path, state: dict[str, Tensor], batches: int) -> tuple[Any, Any]:
    """The mean and variance of what the BatchNorm sees of the first batches of epoch 0."""
    network, loader = Normed(), data_of(kaggle).train_dataloader()
    weights = {name.removeprefix("network."): value for name, value in state.items()}
    network.load_state_dict(weights)
    signals = torch.cat([batch[0] for batch, _ in zip(loader, range(batches), strict=False)])
    with torch.no_grad():
        seen = network.before(signals).double().numpy()
    return seen.mean(0), seen.var(0)


def training_state(content: dict[str, Any]) -> dict[str, Any]:
    """What a resumed training begins with."""
    weights = {**content["state_dict"], **content.get(MOVING, {})}
    return {**{key: content[key] for key in ("optimizer_states", RANDOM)}, "weights": weights}


@pytest.mark.parametrize("name", [0, "within", 1])
def test_the_training_is_the_same_to_the_bit(runs: dict[str, Fit], name: object) -> None:
    without, measured = (run.checkpoint(name) for run in runs.values())
    assert MOVING not in without
    assert set(measured[MOVING]) == {MEAN, VARIANCE}
    assert same(training_state(measured), training_state(without))


@pytest.mark.parametrize("name", [0, "within", 1])
def test_checkpoints_have_the_statistics_of_their_own_weights(
    runs: dict[str, Fit], kaggle: Path, name: object
) -> None:
    state = runs["measured"].checkpoint(name)["state_dict"]
    mean, variance = expected(kaggle, state, 3)
    np.testing.assert_allclose(state[MEAN], mean, rtol=1e-5)
    np.testing.assert_allclose(state[VARIANCE], variance, rtol=1e-5)
    moving = runs["without"].checkpoint(name)["state_dict"]
    assert float((state[MEAN] - moving[MEAN]).abs().max()) > 0.1  # the moving one lags


def test_a_fit_validates_as_its_checkpoint_does(runs: dict[str, Fit], kaggle: Path) -> None:
    run = runs["measured"]
    fresh = lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False
    )
    [logged] = fresh.validate(
        BeatClassifier(Normed()),
        datamodule=data_of(kaggle),
        ckpt_path=run.folder / "1.ckpt",
        weights_only=True,
        verbose=False,
    )
    assert logged["val_loss"] == run.val_loss
    assert abs(run.val_loss - runs["without"].val_loss) > 0.01


def test_the_trained_network_is_that_of_the_last_checkpoint(runs: dict[str, Fit]) -> None:
    for run in runs.values():
        assert same(dict(run.classifier.state_dict()), dict(run.checkpoint()["state_dict"]))


@pytest.mark.parametrize("name", ["within", 0])
def test_a_resumed_run_ends_with_the_same_bits(
    runs: dict[str, Fit], kaggle: Path, tmp_path: Path, name: object
) -> None:
    whole = runs["measured"]
    path = whole.folder / f"{name}.ckpt"
    resumed = Fit(kaggle, tmp_path, BatchNormStatistics(3), ckpt_path=path)
    ours, others = resumed.checkpoint(), whole.checkpoint()
    for key in ("state_dict", MOVING, "optimizer_states", RANDOM):
        assert same(ours[key], others[key]), key
    assert resumed.val_loss == whole.val_loss


def test_a_run_that_is_killed_while_it_measures_after_a_signal_is_resumed_exactly(
    runs: dict[str, Fit], kaggle: Path, tmp_path: Path
) -> None:
    preemption = Preemption()

    class Signal(lightning.Callback):
        def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
            if (trainer.current_epoch, trainer.fit_loop.batch_idx) == (1, 0):
                preemption.received = "SIGTERM"

    class Killed(BatchNormStatistics):
        def _measure(self, *args: Any) -> None:
            if preemption.received:
                raise MemoryError("killed")
            super()._measure(*args)

    stopped, resumed = tmp_path / "stopped", tmp_path / "resumed"
    last = LastCheckpoint(stopped, preemption, "")
    with pytest.raises(MemoryError, match="killed"):
        Fit(kaggle, stopped, Killed(3), Signal(), last, enable_checkpointing=True)
    assert MOVING not in torch.load(stopped / "last.ckpt", weights_only=True)
    ended = Fit(
        kaggle,
        resumed,
        BatchNormStatistics(3),
        LastCheckpoint(resumed, Preemption(), ""),
        ckpt_path=stopped / "last.ckpt",
        enable_checkpointing=True,
    )
    for key in ("state_dict", MOVING, "optimizer_states", RANDOM):
        assert same(ended.checkpoint()[key], runs["measured"].checkpoint()[key]), key


def test_a_run_that_is_resumed_without_measuring_has_the_moving_statistics(
    runs: dict[str, Fit], kaggle: Path, tmp_path: Path
) -> None:
    path = runs["measured"].folder / "0.ckpt"
    resumed = Fit(kaggle, tmp_path, BatchNormStatistics(0), ckpt_path=path)
    assert same(
        dict(resumed.checkpoint()["state_dict"]), dict(runs["without"].checkpoint()["state_dict"])
    )


def test_an_earlier_checkpoint_is_tested_as_if_it_had_been_measured(
    runs: dict[str, Fit], kaggle: Path
) -> None:
    def tested(run: Fit, *callbacks: lightning.Callback) -> tuple[Tensor, dict[str, Tensor]]:
        trainer = lightning.Trainer(
            accelerator="cpu",
            logger=False,
            callbacks=list(callbacks),
            enable_progress_bar=False,
            enable_checkpointing=False,
        )
        classifier, path = BeatClassifier(Normed()), run.folder / "1.ckpt"
        trainer.test(
            classifier,
            datamodule=data_of(kaggle),
            ckpt_path=path,
            weights_only=True,
            verbose=False,
        )
        running = RunningMetrics.of(trainer)
        assert running is not None
        return running.test_probabilities, dict(classifier.state_dict())

    own, _ = tested(runs["measured"])
    later, state = tested(runs["without"], BatchNormStatistics(3))
    assert torch.equal(own, later)
    assert not torch.equal(own, tested(runs["without"])[0])
    assert same(state, dict(runs["without"].checkpoint()["state_dict"]))  # put back


class Once(lightning.Callback):
    """Freezes the BatchNorm after the first epoch, by its mode."""

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        if trainer.current_epoch == 1:
            pl_module.network.norm.eval()  # type: ignore[union-attr, operator]


def test_a_frozen_layer_keeps_its_statistics(kaggle: Path, tmp_path: Path) -> None:
    run = Fit(kaggle, tmp_path, Once(), BatchNormStatistics(3))
    content = run.checkpoint()
    assert MOVING not in content
    assert torch.equal(content["state_dict"][MEAN], run.checkpoint(0)[MOVING][MEAN])


def test_a_network_without_batch_norm_asks_for_no_batches(
    kaggle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(BeatDataModule, "training_rows")
    network = nn.Sequential(nn.Flatten(), nn.Linear(187, 5))
    run = Fit(kaggle, tmp_path, BatchNormStatistics(), network=network)
    assert MOVING not in run.checkpoint()


def test_without_a_validation_the_last_checkpoint_is_measured(kaggle: Path, tmp_path: Path) -> None:
    run = Fit(kaggle, tmp_path, BatchNormStatistics(3), limit_val_batches=0)
    state = run.checkpoint()["state_dict"]
    np.testing.assert_allclose(state[MEAN], expected(kaggle, state, 3)[0], rtol=1e-5)


def test_no_more_batches_than_an_epoch_of_the_run_has(kaggle: Path, tmp_path: Path) -> None:
    run = Fit(kaggle, tmp_path, BatchNormStatistics(100), limit_train_batches=2)
    state = run.checkpoint()["state_dict"]
    np.testing.assert_allclose(state[MEAN], expected(kaggle, state, 2)[0], rtol=1e-5)


def test_several_validations_in_an_epoch_and_steps_of_several_batches(
    kaggle: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"val_check_interval": 1, "accumulate_grad_batches": 2}
    folders = [tmp_path / name for name in ("without", "measured")]
    for folder in folders:
        folder.mkdir()
    without = Fit(kaggle, folders[0], **options)
    measured = Fit(kaggle, folders[1], BatchNormStatistics(3), **options)
    for name in (0, "within", 1):
        states = [training_state(run.checkpoint(name)) for run in (measured, without)]
        assert same(*states), name
    state = measured.checkpoint()["state_dict"]
    np.testing.assert_allclose(state[MEAN], expected(kaggle, state, 3)[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("64-true", 1e-13), ("bf16-mixed", 1e-2), ("bf16-true", 2e-2)]
)
def test_other_precisions(kaggle: Path, tmp_path: Path, precision: Any, tolerance: float) -> None:
    rounds = precision == "bf16-true"
    said = pytest.warns(SettingsWarning, match="bf16-true rounds the sums")
    with said if rounds else contextlib.nullcontext():
        run = Fit(kaggle, tmp_path, BatchNormStatistics(3), precision=precision)
    state = run.checkpoint()["state_dict"]
    network = Normed().double()
    weights = {name.removeprefix("network."): value.double() for name, value in state.items()}
    network.load_state_dict(weights)
    rows = run.data.training_rows(3)
    with torch.no_grad():
        seen = torch.cat(
            [
                network.before(run.data.table.batch(row, torch.device("cpu"))[0].double())
                for row in rows
            ]
        )
    torch.testing.assert_close(state[MEAN].double(), seen.mean(0), rtol=tolerance, atol=tolerance)
    variance = seen.var(0, correction=0)
    torch.testing.assert_close(state[VARIANCE].double(), variance, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        (
            lightning.pytorch.callbacks.StochasticWeightAveraging(0.1),
            "StochasticWeightAveraging: expected an average that checkpoints hold",
        ),
        (
            lightning.pytorch.callbacks.EMAWeightAveraging(),
            "batches: expected 0 beside averaged weights, whose statistics are averaged too",
        ),
    ],
)
def test_averages_with_other_statistics_are_refused(
    kaggle: Path, tmp_path: Path, callback: lightning.Callback, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        Fit(kaggle, tmp_path, BatchNormStatistics(3), callback)


def test_averages_without_measured_statistics_are_what_a_checkpoint_holds(
    kaggle: Path, tmp_path: Path
) -> None:
    average = lightning.pytorch.callbacks.EMAWeightAveraging()
    run = Fit(kaggle, tmp_path, BatchNormStatistics(0), average)
    state = run.checkpoint()["state_dict"]
    weights = {name.removeprefix("network."): value for name, value in state.items()}
    network = Normed().eval()
    network.load_state_dict(weights)
    signals, labels = map(torch.cat, zip(*data_of(kaggle).val_dataloader(), strict=True))
    with torch.no_grad():
        loss = nn.functional.cross_entropy(network(signals), labels)
    assert float(loss) == pytest.approx(run.val_loss, rel=1e-5)


def test_torchs_layer_keeps_its_number_of_batches(kaggle: Path, tmp_path: Path) -> None:
    network = Normed(nn.BatchNorm1d)
    run = Fit(kaggle, tmp_path, BatchNormStatistics(3), network=network)
    steps = -(-5 * PER_CLASS // BATCH) * EPOCHS
    assert int(run.checkpoint()["state_dict"]["network.norm.num_batches_tracked"]) == steps
    assert set(run.checkpoint()[MOVING]) == {MEAN, VARIANCE}


def test_an_error_in_a_validation_leaves_the_moving_statistics(
    kaggle: Path, tmp_path: Path
) -> None:
    class Broken(lightning.Callback):
        def on_validation_batch_start(self, *_: object) -> None:
            raise KeyError("broken")

    classifiers = []

    class Note(lightning.Callback):
        def on_validation_start(
            self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
        ) -> None:
            classifiers.append((pl_module, copy.deepcopy(pl_module.state_dict())))

    with pytest.raises(KeyError):
        Fit(
            kaggle,
            tmp_path,
            Note(),  # before the statistics are put in
            BatchNormStatistics(3),
            Broken(),
            num_sanity_val_steps=0,
        )
    [(module, state)] = classifiers
    assert same(dict(module.state_dict()), dict(state))


def test_a_trainer_without_the_data_module_is_refused(kaggle: Path, tmp_path: Path) -> None:
    data = data_of(kaggle)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        callbacks=[BatchNormStatistics()],
        enable_progress_bar=False,
        enable_checkpointing=False,
        default_root_dir=tmp_path,
    )
    line = "BatchNormStatistics: expected the data module BeatDataModule, found none"
    with pytest.raises(InputError, match=line):
        trainer.fit(BeatClassifier(Normed()), data.train_dataloader(), data.val_dataloader())


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(InputError, match="batches: expected 0 or more, found -1"):
        BatchNormStatistics(-1)

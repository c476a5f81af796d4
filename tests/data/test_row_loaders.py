"""Loaders: rows in their order, shares of ranks, and runs that resume exactly within an epoch."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ecg_lightning.data import datamodule
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.data.loader_context import LoaderContext
from ecg_lightning.data.row_loaders import EpochLoader, PartLoader
from ecg_lightning.data.samplers import BalancedSampler, ShuffleSampler
from ecg_lightning.errors import InputError
from ecg_lightning.models.layers import BatchNorm
from tests.helpers.records import write_small_kaggle

STEPS, EPOCHS = 7, 3  # of 32 beats, the seventh of 8


def test_an_epoch_in_batches() -> None:
    labels = np.array([0, 1, 1, 0, 1])
    loader = EpochLoader(np.arange(10, 15), BalancedSampler(labels, 4, seed=2), batch_size=3)
    loader.sampler.set_epoch(5)
    shown = [rows.tolist() for rows in loader]
    assert [len(rows) for rows in shown] == [3, 3, 2]
    assert len(loader) == 3
    assert [row - 10 for rows in shown for row in rows] == list(loader.sampler)
    assert [rows.tolist() for rows in loader] == shown


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 70))
def test_ranks_take_every_row_once(length: int, world: int, batch_size: int) -> None:
    rows = np.random.default_rng(0).permutation(length + world)
    loaders = [PartLoader(rows, batch_size, context=Rank(world, rank)) for rank in range(world)]
    shares = [torch.cat(list(loader)).tolist() for loader in loaders]
    assert [shares[i % world][i // world] for i in range(len(rows))] == rows.tolist()
    for loader, share in zip(loaders, shares, strict=True):
        assert [len(batch) for batch in loader] == [
            min(batch_size, len(share) - start) for start in range(0, len(share), batch_size)
        ]
        assert len(loader) == len(list(loader))


class Rank(LoaderContext):
    """One of several ranks."""

    def __init__(self, world_size: int, rank: int) -> None:
        super().__init__()
        self.world_size, self.rank = world_size, rank

    def ranks(self) -> tuple[int, int]:
        return self.world_size, self.rank


class Noting(BeatDataModule):
    """Notes the rows of each training batch."""

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        self.shown: list[list[int]] = []

    def transfer_batch_to_device(
        self, batch: Tensor, device: torch.device, dataloader_idx: int
    ) -> tuple[Tensor, Tensor]:
        if self.trainer and self.trainer.training:
            self.shown.append(batch.tolist())
        return super().transfer_batch_to_device(batch, device, dataloader_idx)


class Learner(lightning.LightningModule):
    """A few layers, and the validation losses so far."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv1d(1, 4, 8, 4), BatchNorm(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 45, 5)
        )
        self.sum, self.losses = 0.0, list[float]()

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        self.sum += float(nn.functional.cross_entropy(self.network(batch[0]), batch[1]))

    def on_validation_epoch_end(self) -> None:
        self.losses.append(self.sum)
        self.sum = 0.0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 0.01)


class Save(lightning.Callback):
    """Saves a checkpoint at every step's, validation's and epoch's end, named by the steps done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        trainer.save_checkpoint(self.folder / f"step-{trainer.global_step}.ckpt")

    def on_validation_end(self, trainer: lightning.Trainer, *_: object) -> None:
        trainer.save_checkpoint(self.folder / f"validation-{trainer.global_step}.ckpt")

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        trainer.save_checkpoint(self.folder / f"epoch-{trainer.global_step}.ckpt")


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kaggle's two CSVs, ten training beats a class."""
    folder = tmp_path_factory.mktemp("kaggle")
    write_small_kaggle(folder, 210)
    return folder


Fit = Callable[..., tuple[Noting, Learner]]


@pytest.fixture
def fit(kaggle: Path, tmp_path: Path) -> Fit:
    """Trains the learner on 40 draws a class and epoch."""

    def run(
        *callbacks: lightning.Callback,
        ckpt_path: Path | None = None,
        data: dict[str, Any] | None = None,
        **options: Any,
    ) -> tuple[Noting, Learner]:
        torch.manual_seed(0)
        beats = Noting(
            "kaggle",
            kaggle,
            cache_dir=kaggle / "cache",
            **{"per_class": 40, "batch_size": 32, **(data or {})},
        )
        learner = Learner()
        trainer = lightning.Trainer(
            accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, num_sanity_val_steps=0, default_root_dir=tmp_path,
            callbacks=list(callbacks), **{"max_epochs": EPOCHS, **options},
        )  # fmt: skip
        trainer.fit(learner, beats, ckpt_path=ckpt_path, weights_only=True)
        return beats, learner

    return run


pytestmark = [
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings(
        "ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning"
    ),
]


def assert_resumes(
    whole: tuple[Noting, Learner], resumed: tuple[Noting, Learner], steps: int
) -> None:
    """Bit-equal weights, and exactly the batches that were left."""
    assert resumed[0].shown == whole[0].shown[steps:]
    for name, tensor in whole[1].state_dict().items():
        assert torch.equal(resumed[1].state_dict()[name], tensor), name
    validations = len(resumed[1].losses)
    assert resumed[1].losses == whole[1].losses[len(whole[1].losses) - validations :]


def test_a_run_resumes_within_an_epoch(fit: Fit, tmp_path: Path) -> None:
    whole = fit(Save(tmp_path))
    assert len(whole[0].shown) == STEPS * EPOCHS
    assert len({tuple(rows) for rows in whole[0].shown}) == STEPS * EPOCHS
    for steps in (1, 6, 9, 13, 20):
        resumed = fit(ckpt_path=tmp_path / f"step-{steps}.ckpt")
        assert_resumes(whole, resumed, steps)
        assert len(resumed[1].losses) == EPOCHS - steps // STEPS


@pytest.mark.parametrize("limit", [{}, {"max_steps": STEPS * EPOCHS}], ids=str)
def test_a_run_resumes_from_the_end_of_an_epoch(
    fit: Fit, tmp_path: Path, limit: dict[str, int]
) -> None:
    whole = fit(Save(tmp_path), **limit)
    # With max_steps Lightning 2.6 counts an epoch too many after what `on_train_epoch_end` saved.
    for name in (
        "validation-7",
        "validation-14",
        "step-14",
        *(() if limit else ("epoch-7", "epoch-14")),
    ):
        resumed = fit(ckpt_path=tmp_path / f"{name}.ckpt", **limit)
        assert_resumes(whole, resumed, int(name.partition("-")[2]))


@pytest.mark.parametrize(
    "options", [{"val_check_interval": 3}, {"limit_train_batches": 5}], ids=str
)
def test_a_run_resumes_under_other_settings_of_the_trainer(
    fit: Fit, tmp_path: Path, options: dict[str, int]
) -> None:
    whole = fit(Save(tmp_path), **options)
    for path in sorted(tmp_path.glob("*.ckpt"))[::4]:
        done = torch.load(path, weights_only=True)["loops"]["fit_loop"][
            "epoch_loop.batch_progress"
        ]["total"]["processed"]
        assert_resumes(whole, fit(ckpt_path=path, **options), done)


def test_a_step_that_failed_is_taken_again(fit: Fit, tmp_path: Path) -> None:
    class Fail(lightning.Callback):
        def on_train_batch_start(
            self, trainer: lightning.Trainer, module: object, batch: object, batch_idx: int
        ) -> None:
            if trainer.current_epoch == 1 and batch_idx == 3:
                trainer.save_checkpoint(tmp_path / "failed.ckpt")

    whole = fit(Fail())
    assert_resumes(whole, fit(ckpt_path=tmp_path / "failed.ckpt"), STEPS + 3)


def test_without_a_state_lightning_warns(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests above would notice a loader that begins the epoch again."""

    class Forgetful:
        def __init__(self, *args: Any, **options: Any) -> None:
            self.loader = EpochLoader(*args, **{**options, "gather": None})
            self.sampler = self.loader.sampler

        def __len__(self) -> int:
            return len(self.loader)

        def __iter__(self) -> Iterator[Tensor]:
            return iter(self.loader)

    monkeypatch.setattr(datamodule, "EpochLoader", Forgetful)
    whole = fit(Save(tmp_path))
    with pytest.warns(UserWarning, match="your dataloader is not resumable"):
        resumed = fit(ckpt_path=tmp_path / "step-9.ckpt")
    assert resumed[0].shown[0] == whole[0].shown[STEPS]


@pytest.mark.parametrize(
    ("option", "found"),
    [
        ("batch_size", "batch_size 32, found 16"),
        ("seed", "seed 0, found 16"),
        ("per_class", "beats 200, found 80"),
    ],
)
def test_another_draw_is_refused_within_an_epoch(
    fit: Fit, tmp_path: Path, option: str, found: str
) -> None:
    fit(Save(tmp_path), max_epochs=1)
    message = (
        f"checkpoint saved within an epoch, after 3 of 7 batches: expected its {found}; "
        "use the settings of that run, or a checkpoint saved at the end of an epoch (ckpt_path)"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        fit(ckpt_path=tmp_path / "step-3.ckpt", data={option: 16})
    fit(ckpt_path=tmp_path / "validation-7.ckpt", data={option: 16})


def test_other_devices_are_refused_within_an_epoch() -> None:
    one, two = (
        EpochLoader(
            np.arange(9),
            ShuffleSampler(np.arange(9), 0),
            2,
            lambda: 1,
            context=Rank(world, 0),
        )
        for world in (1, 2)
    )
    with pytest.raises(
        InputError, match="after 1 of 5 batches: expected its devices 1, found 2; use"
    ):
        two.load_state_dict(one.state_dict())


def test_to_overfit_shows_the_same_batches_in_every_epoch(fit: Fit) -> None:
    data, _ = fit(overfit_batches=2)
    assert [len(rows) for rows in data.shown] == [32] * 6
    assert data.shown[:2] == data.shown[2:4] == data.shown[4:]
    assert len(np.unique(data.beats.labels[data.shown[0]])) == 5

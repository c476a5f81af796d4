"""Loaders in a plain loop, alone in a Trainer, and with their data module: the same beats."""

import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.plugins import DoublePrecision
from torch import Tensor, nn

from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.data.device_table import Batch
from ecg_lightning.data.row_loaders import BeatLoader
from ecg_lightning.errors import InputError
from tests.helpers.records import write_small_kaggle

PARTS = ("train", "val", "test", "predict")
VIEWS = ("signal", "spectrum", "spectrogram", "image", "clean-image")

pytestmark = [
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings(
        "ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning"
    ),
]


class Learner(lightning.LightningModule):
    """A layer, and every batch that each step was given."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(size, 5)
        self.batches: dict[str, list[Batch]] = {part: [] for part in PARTS}

    def _keep(self, part: str, batch: Batch) -> Tensor:
        signals, labels = batch
        self.batches[part].append((signals.clone(), labels.clone()))
        return nn.functional.cross_entropy(self.layer(signals.flatten(1)), labels)

    def training_step(self, batch: Batch) -> Tensor:
        return self._keep("train", batch)

    def validation_step(self, batch: Batch) -> None:
        self._keep("val", batch)

    def test_step(self, batch: Batch) -> None:
        self._keep("test", batch)

    def predict_step(self, batch: Batch) -> Tensor:
        return self._keep("predict", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 0.01)


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kaggle's two CSVs, four training beats of each class."""
    folder = tmp_path_factory.mktemp("kaggle")
    write_small_kaggle(folder, 203)
    return folder


def data_of(folder: Path, **options: Any) -> BeatDataModule:
    settings = {"per_class": 3, "batch_size": 4, "cache_dir": folder / "cache", **options}
    return BeatDataModule("kaggle", folder, **settings)


def learner_of(data: BeatDataModule) -> Learner:
    torch.manual_seed(0)
    return Learner(math.prod(data.view.shape))


def trainer_of(folder: Path, *callbacks: lightning.Callback, **options: Any) -> lightning.Trainer:
    settings: dict[str, Any] = {
        "max_epochs": 2,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        **options,
    }
    return lightning.Trainer(
        accelerator="cpu", default_root_dir=folder, callbacks=list(callbacks), **settings
    )


def loader_of(data: BeatDataModule, part: str) -> BeatLoader:
    loader: BeatLoader = getattr(data, f"{part}_dataloader")()
    return loader


def assert_same(one: Iterable[Batch], other: Iterable[Batch]) -> None:
    """Equal to the bit, batch by batch, and not empty."""
    pairs = list(zip(one, other, strict=True))
    assert pairs
    for (signals, labels), (expected_signals, expected_labels) in pairs:
        assert (signals.dtype, labels.dtype) == (expected_signals.dtype, expected_labels.dtype)
        assert torch.equal(signals, expected_signals)
        assert torch.equal(labels, expected_labels)


def shown_by_trainer(data: BeatDataModule, folder: Path) -> dict[str, list[Batch]]:
    """What each step is given where the Trainer has the data module."""
    learner, trainer = learner_of(data), trainer_of(folder)
    trainer.fit(learner, datamodule=data)
    learner.batches["val"].clear()  # of two epochs
    trainer.validate(learner, datamodule=data, verbose=False)
    trainer.test(learner, datamodule=data, verbose=False)
    trainer.predict(learner, datamodule=data)
    return learner.batches


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("batch_size", [2, 5])
def test_a_loop_shows_what_a_trainers_steps_are_given(
    kaggle: Path, tmp_path: Path, view: Any, batch_size: int
) -> None:
    options: dict[str, Any] = {"view": view, "batch_size": batch_size}
    expected = shown_by_trainer(data_of(kaggle, **options), tmp_path)
    data = data_of(kaggle, **options)
    for part in ("val", "test", "predict"):
        assert_same(loader_of(data, part), expected[part])
    loader = data.train_dataloader()
    two_epochs = [*loader, *loader]
    assert_same(two_epochs, expected["train"])
    for signals, labels in two_epochs[:1]:
        assert isinstance(two_epochs[0], tuple)
        assert (signals.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert (signals.shape, labels.shape) == ((batch_size, *data.view.shape), (batch_size,))


class TestInALoop:
    def test_three_lines_are_enough(self, tmp_path: Path) -> None:
        data = BeatDataModule("synthetic", per_class=20, cache_dir=tmp_path)
        for signals, labels in data.train_dataloader():
            assert (signals.shape[1:], len(signals)) == ((1, 256), len(labels))

    @pytest.mark.parametrize("part", PARTS)
    def test_any_loader_sets_the_data_up(self, kaggle: Path, part: str) -> None:
        signals, labels = next(iter(loader_of(data_of(kaggle), part)))
        assert (signals.shape[1:], len(signals)) == ((1, 187), len(labels))

    def test_the_counts_set_the_data_up(self, kaggle: Path) -> None:
        assert data_of(kaggle).class_counts()["train"] == dict.fromkeys("NSVFQ", 4)

    def test_every_loop_takes_the_next_epoch(self, kaggle: Path) -> None:
        expected, one, other = data_of(kaggle), data_of(kaggle), data_of(kaggle)
        loader = expected.train_dataloader()
        epochs = []
        for epoch in range(3):
            loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
            epochs += [list(loader)]
        same_loader = one.train_dataloader()
        for shown in epochs:
            assert_same(same_loader, shown)
            assert_same(other.train_dataloader(), shown)  # a new loader each time
        labels = [torch.cat([labels for _, labels in epoch]).tolist() for epoch in epochs]
        assert len({tuple(epoch) for epoch in labels}) == 3

    def test_an_epoch_that_was_set_stays(self, kaggle: Path) -> None:
        loader: Any = data_of(kaggle).train_dataloader()
        loader.sampler.set_epoch(4)
        assert_same(list(loader), list(loader))

    def test_a_loop_that_was_left_does_not_come_back(self, kaggle: Path) -> None:
        one, other = data_of(kaggle).train_dataloader(), data_of(kaggle).train_dataloader()
        next(iter(one))
        list(other)
        assert_same(one, other)

    def test_the_seed_decides(self, kaggle: Path) -> None:
        shown = [
            torch.cat([labels for _, labels in data_of(kaggle, seed=seed).train_dataloader()])
            for seed in (0, 0, 1)
        ]
        assert torch.equal(shown[0], shown[1])
        assert not torch.equal(shown[0], shown[2])

    @pytest.mark.parametrize("part", PARTS)
    def test_after_a_training_too(self, kaggle: Path, tmp_path: Path, part: str) -> None:
        data = data_of(kaggle, batch_size=2)
        trainer = trainer_of(tmp_path)
        trainer.fit(learner_of(data), datamodule=data)
        assert data.trainer is trainer
        assert_same(loader_of(data, part), loader_of(data_of(kaggle, batch_size=2), part))
        theirs: Any = trainer.train_dataloader  # the loader that the Trainer has used
        assert {len(batch) for batch in theirs} == {2}
        assert {signals.shape[1:] for signals, _ in theirs} == {(1, 187)}

    @pytest.mark.parametrize("part", PARTS)
    def test_in_a_callback_of_a_running_trainer(
        self, kaggle: Path, tmp_path: Path, part: str
    ) -> None:
        class Look(lightning.Callback):
            def on_train_batch_start(self, trainer: lightning.Trainer, *_: Any) -> None:
                data: BeatDataModule = trainer.datamodule  # type: ignore[attr-defined]
                shown.append(list(loader_of(data, part)))

        shown: list[list[Batch]] = []
        data = data_of(kaggle, batch_size=2)
        trainer_of(tmp_path, Look(), max_steps=1).fit(learner_of(data), datamodule=data)
        assert_same(shown[0], loader_of(data_of(kaggle, batch_size=2), part))


class Save(lightning.Callback):
    """Saves a checkpoint at the end of every step, validation and epoch."""

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        self._save(trainer, "step")

    def on_validation_end(self, trainer: lightning.Trainer, *_: object) -> None:
        self._save(trainer, "validation")

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        self._save(trainer, "epoch")

    def _save(self, trainer: lightning.Trainer, name: str) -> None:
        path = Path(trainer.default_root_dir) / f"{name}-{trainer.global_step}.ckpt"
        trainer.save_checkpoint(path)


class TestALoaderAloneInATrainer:
    def test_shows_what_the_data_module_shows(self, kaggle: Path, tmp_path: Path) -> None:
        expected = shown_by_trainer(data_of(kaggle), tmp_path)
        data = data_of(kaggle)
        learner, trainer = learner_of(data), trainer_of(tmp_path)
        trainer.fit(learner, data.train_dataloader(), data.val_dataloader())
        learner.batches["val"].clear()
        trainer.validate(learner, data.val_dataloader(), verbose=False)
        trainer.test(learner, data.test_dataloader(), verbose=False)
        trainer.predict(learner, data.predict_dataloader())
        for part in PARTS:
            assert_same(learner.batches[part], expected[part])

    def test_as_named_arguments_in_a_trainer_that_had_the_data_module(
        self, kaggle: Path, tmp_path: Path
    ) -> None:
        data = data_of(kaggle, batch_size=2)
        first, second, trainer = learner_of(data), learner_of(data), trainer_of(tmp_path)
        trainer.fit(first, datamodule=data)
        trainer.fit_loop.epoch_progress.reset()
        loaders = data.train_dataloader(), data.val_dataloader()
        trainer.fit(second, train_dataloaders=loaders[0], val_dataloaders=loaders[1])
        for part in ("train", "val"):
            assert_same(second.batches[part], first.batches[part])
        for name, weight in first.state_dict().items():
            assert torch.equal(weight, second.state_dict()[name])

    def test_in_the_trainers_precision(self, kaggle: Path, tmp_path: Path) -> None:
        data = data_of(kaggle)
        learner = learner_of(data)
        trainer_of(tmp_path, plugins=[DoublePrecision()], max_steps=1).fit(
            learner, data.train_dataloader(), data.val_dataloader()
        )
        ((signals, labels),) = learner.batches["train"]
        assert (signals.dtype, labels.dtype) == (torch.float64, torch.int64)

    @pytest.mark.parametrize(
        "options",
        [{}, {"val_check_interval": 2}, {"limit_train_batches": 3}, {"max_epochs": 3}],
        ids=str,
    )
    def test_resumes_exactly(self, kaggle: Path, tmp_path: Path, options: dict[str, int]) -> None:
        def run(ckpt_path: Path | None = None) -> Learner:
            data = data_of(kaggle)
            learner = learner_of(data)
            trainer = trainer_of(tmp_path, *([] if ckpt_path else [Save()]), **options)
            loaders = data.train_dataloader(), data.val_dataloader()
            trainer.fit(learner, *loaders, ckpt_path=ckpt_path, weights_only=True)
            return learner

        whole = run()
        paths = sorted(tmp_path.glob("*.ckpt"))
        assert len(paths) > 6
        for path in paths:
            progress = torch.load(path, weights_only=True)["loops"]["fit_loop"]
            done = progress["epoch_loop.batch_progress"]["total"]["processed"]
            resumed = run(path)
            if done < len(whole.batches["train"]):
                assert_same(resumed.batches["train"], whole.batches["train"][done:])
            for name, weight in whole.state_dict().items():
                assert torch.equal(weight, resumed.state_dict()[name]), path.name

    def test_a_checkpoint_of_a_data_module_is_resumed(self, kaggle: Path, tmp_path: Path) -> None:
        def run(alone: bool, ckpt_path: Path | None = None) -> Learner:
            data = data_of(kaggle)
            learner, trainer = learner_of(data), trainer_of(tmp_path, Save())
            loaders = data.train_dataloader(), data.val_dataloader()
            given: dict[str, Any] = (
                {"train_dataloaders": loaders[0], "val_dataloaders": loaders[1]}
                if alone
                else {"datamodule": data_of(kaggle)}
            )
            trainer.fit(learner, **given, ckpt_path=ckpt_path, weights_only=True)
            return learner

        for first, second in itertools.permutations([True, False]):
            whole = run(first)
            resumed = run(second, tmp_path / "step-5.ckpt")
            assert_same(resumed.batches["train"], whole.batches["train"][5:])

    def test_another_draw_is_refused(self, kaggle: Path, tmp_path: Path) -> None:
        data = data_of(kaggle)
        loaders = data.train_dataloader(), data.val_dataloader()
        trainer_of(tmp_path, Save()).fit(learner_of(data), *loaders)
        other = data_of(kaggle, seed=1)
        with pytest.raises(InputError, match=r"^checkpoint saved within an epoch, after 2 of 4 "):
            trainer_of(tmp_path).fit(
                learner_of(other),
                other.train_dataloader(),
                other.val_dataloader(),
                ckpt_path=tmp_path / "step-2.ckpt",
            )

    def test_ranks_share_what_is_drawn(self, kaggle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The loaders are made before the Trainer has started its ranks."""
        loaders = [
            {part: loader_of(data_of(kaggle), part) for part in ("train", "test")} for _ in range(3)
        ]
        alone = {part: torch.cat(list(loader.row_batches())) for part, loader in loaders[2].items()}
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
        shares = {part: list[list[int]]() for part in alone}
        for rank in range(2):
            monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
            for part, loader in loaders[rank].items():
                batches = list(loader.row_batches())
                assert len(loader) == len(batches)
                shares[part].append(torch.cat(batches).tolist())
        assert shares["test"] == [alone["test"][rank::2].tolist() for rank in range(2)]
        lengthened = [*alone["train"].tolist(), int(alone["train"][0])]  # 15 draws
        assert shares["train"] == [lengthened[rank::2] for rank in range(2)]


class TestUnderTheDataModule:
    def test_the_trainer_gets_row_numbers(self, kaggle: Path, tmp_path: Path) -> None:
        """Beats are gathered once, on the device."""

        class Noting(BeatDataModule):
            def transfer_batch_to_device(
                self, batch: Any, device: torch.device, dataloader_idx: int
            ) -> Batch:
                forms.append(type(batch))
                return super().transfer_batch_to_device(batch, device, dataloader_idx)

            def _gather(self, rows: Tensor) -> Batch:
                return pytest.fail("gathered on the host")

        forms: list[type] = []
        data = Noting("kaggle", kaggle, per_class=3, cache_dir=kaggle / "cache")
        shown_by_trainer(data, tmp_path)
        assert set(forms) == {Tensor}
        assert len(forms) == 2 * (1 + 1) + 3  # two epochs, then each of the other parts

    def test_beats_that_are_made_already_are_only_moved(self, kaggle: Path) -> None:
        data = data_of(kaggle, view="spectrum")
        beats = next(iter(data.test_dataloader()))
        moved = data.transfer_batch_to_device(beats, torch.device("cpu"), 0)
        assert_same([moved], [beats])

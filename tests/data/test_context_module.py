"""The data module with beats in context: parts, labels, orders, refusals and resumed epochs."""

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import Tensor, nn

from ecg_lightning.data import cache, splits
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.data.row_loaders import BeatLoader, EpochLoader
from ecg_lightning.data.sequence_samplers import LONGEST
from ecg_lightning.data.split_rules import original_split
from ecg_lightning.errors import InputError
from ecg_lightning.models.patient_context import PatientContext
from ecg_lightning.records.synthetic.database import write_synthetic
from ecg_lightning.training.classifier import BeatClassifier

PARTS = ("train", "validation", "test")

pytestmark = [
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings(
        "ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning"
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six records of six minutes."""
    folder = tmp_path_factory.mktemp("context") / "records"
    write_synthetic(folder, seed=1, patients=6, minutes=6)
    return folder


Module = Callable[..., BeatDataModule]


@pytest.fixture
def module(folder: Path) -> Module:
    """Makes a data module of the folder, which has read its beats."""

    def make(**options: Any) -> BeatDataModule:
        data = BeatDataModule(
            "wfdb",
            folder,
            cache_dir=folder.parent / "cache",
            **{
                "segmentation": "context",
                "split": "records",
                "batch_size": 2,
                "per_class": 400,
                **options,
            },
        )
        data.prepare_data()
        data.setup()
        return data

    return make


@pytest.fixture
def mixed(module: Module, monkeypatch: pytest.MonkeyPatch) -> Module:
    """Makes a data module whose split mixes patients: two beats of each class in each part."""
    small = functools.partial(original_split, per_class=2)
    monkeypatch.setattr(splits, "original_split", small)
    return functools.partial(module, split="original", per_class=20)


def loader_of(data: BeatDataModule, part: str) -> BeatLoader:
    loader: BeatLoader = getattr(data, f"{part.removesuffix('idation')}_dataloader")()
    return loader


def rows_of(data: BeatDataModule, part: str) -> list[Tensor]:
    return list(loader_of(data, part).row_batches())


def labelled(batches: list[Tensor]) -> np.ndarray:
    """The rows that show their label, in order."""
    return np.concatenate([batch[batch >= 0].numpy() for batch in batches])


@pytest.mark.parametrize("part", ["validation", "test"])
@pytest.mark.parametrize("split", ["records", "original"])
def test_evaluation_shows_the_rows_of_its_part_in_their_order(
    module: Module, mixed: Module, split: str, part: str
) -> None:
    data = mixed() if split == "original" else module()
    assert_array_equal(labelled(rows_of(data, part)), getattr(data.split_rows, part))


def test_no_part_loses_or_gains_a_beat(mixed: Module) -> None:
    context = mixed()
    beats, own = context.beats, context.split_rows
    expected = original_split(beats.labels, np.random.RandomState(0), per_class=2)
    for part in PARTS:
        assert_array_equal(getattr(own, part), np.sort(getattr(expected, part)))


@pytest.mark.parametrize("balance", ["weighted", "none"])
def test_only_beats_of_the_training_part_show_labels(mixed: Module, balance: str) -> None:
    data = mixed(balance=balance)
    for batch in rows_of(data, "train"):
        signals, labels = data.transfer_batch_to_device(batch, torch.device("cpu"), 0)
        assert signals.shape == (*batch.shape, 5, 128)
        assert labels.shape == batch.shape
        in_part = np.isin(batch.numpy(), data.split_rows.train)
        assert not (labels.numpy()[~in_part] != -100).any()
        rows = batch.numpy()[in_part]
        assert_array_equal(labels.numpy()[in_part], data.beats.labels[rows])
        is_beat = signals[:, :, -1, 0]
        assert_array_equal(is_beat.numpy(), (batch != -1).numpy())
    assert {-2} <= {int(min(row, 0)) if row > -3 else -2 for row in batch.flatten().tolist()}


def test_beats_of_other_parts_are_seen_by_their_neighbours(mixed: Module) -> None:
    data = mixed()
    shown = torch.cat([batch.flatten() for batch in rows_of(data, "validation")])
    others = shown[shown < -1]
    assert len(others) > len(data.split_rows.validation)
    assert not set((-2 - others).tolist()) & set(data.split_rows.validation.tolist())


def test_labels_are_balanced_where_patients_are_mixed(mixed: Module) -> None:
    data = mixed()
    rows = labelled(rows_of(data, "train"))
    assert np.bincount(data.beats.labels[rows]).tolist() == [20] * 5


def test_records_are_balanced_where_patients_are_apart(module: Module) -> None:
    data = module()
    drawn = torch.cat(rows_of(data, "train"))
    counts = np.unique(data.beats.record_ids[drawn[:, 0].numpy()], return_counts=True)[1]
    assert np.ptp(counts) <= 1
    assert set(labelled([drawn]).tolist()) <= set(data.split_rows.train.tolist())


def test_records_without_some_class_can_be_balanced(module: Module) -> None:
    beats = module().beats
    lacking = next(
        name
        for name in sorted({*beats.record_ids.tolist()})
        if len({*beats.labels[beats.record_ids == name].tolist()}) < 5
    )
    sides = {"split": "parts", "train": lacking, "val_share": 0}
    assert len(rows_of(module(**sides), "train"))
    with pytest.raises(InputError, match="balance weighted: expected all of N S V F Q"):
        module(**sides, segmentation="annotations")


def test_each_epoch_is_another_draw(module: Module) -> None:
    loader = module().train_dataloader()
    assert isinstance(loader, EpochLoader)
    epochs = [torch.cat(list(loader.row_batches())).numpy().tobytes() for _ in range(3)]
    assert len(set(epochs)) == 3


def test_a_plain_loop_gives_sequences(module: Module) -> None:
    data = module()
    for signals, labels in data.train_dataloader():
        assert signals.shape[2:] == (5, 128)
        assert labels.shape == signals.shape[:2]
    signals, labels = next(iter(data.test_dataloader()))
    rows = data.split_rows.test[: int((labels >= 0).sum())]
    assert_array_equal(signals[labels >= 0].numpy(), data.beats.signals[rows])
    assert_array_equal(labels[labels >= 0].numpy(), data.beats.labels[rows])


def test_other_code_of_the_rows_makes_other_beats(
    module: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = module()
    database = data.database()
    key = cache.key_of(database, data.settings)
    single = replace(data.settings, segmentation="annotations")
    other_key = cache.key_of(database, single)
    monkeypatch.setattr(cache, "code_of_rows", lambda: "other")
    assert cache.key_of(database, data.settings) != key
    assert cache.key_of(database, single) == other_key


def test_the_cache_holds_stretches(module: Module) -> None:
    first, again = module(), module()
    assert_array_equal(first.beats.stretches, again.beats.stretches)
    assert isinstance(again.beats.signals, np.memmap)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"fs_hz": 360.0},
            "fs_hz: expected 128, the only one of the segmentation context, found 360.0; do not "
            "set it",
        ),
        (
            {"window_samples": 256},
            "window_samples: expected 128, the only one of the segmentation context, found 256; "
            "do not set it",
        ),
        (
            {"normalization": "robust"},
            "normalization: expected template, the only one of the segmentation context, found "
            "robust; do not set it",
        ),
        (
            {"view": "spectrum"},
            "view: expected signal, found spectrum with the segmentation context; change it",
        ),
        (
            {"balance": "resample"},
            "balance: expected weighted or none, found resample with the segmentation context; "
            "change it",
        ),
        (
            {"source": "kaggle"},
            "source: expected a source of records for context, found kaggle; change it",
        ),
        (
            {"segmentation": "annotations", "normalization": "template"},
            "normalization: expected another one, or a segmentation in context, found template; "
            "change it",
        ),
        (
            {"val_share": 0.1, "split": "records"},
            "val_share: expected records to train on, of which it is a share, found the split "
            "records; name them with train, or set val_share to null",
        ),
        (
            {"val_share": 1.0, "train": "a", "test": "b"},
            "val_share: expected a number from 0 to below 1, found 1; correct it",
        ),
        (
            {"val_share": 0, "test": "s01"},
            "val_share: expected records to train on, of which it is a share, found none; name "
            "them with train, or set val_share to null",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_other_settings_are_refused(options: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as caught:
        BeatDataModule(**{"source": "synthetic", "segmentation": "context", **options})
    assert str(caught.value) == line


def test_settings_that_are_fixed_may_be_stated() -> None:
    data = BeatDataModule(
        segmentation="context-causal", fs_hz=128, window_samples=128, normalization="template"
    )
    assert (data.settings.lead, data.input_length) == ("MLII,II,ecg,voltage,0", 128)
    assert data.shape == (LONGEST, 5, 128)


def test_without_a_validation_all_records_train(module: Module) -> None:
    names = sorted({*module().beats.record_ids.tolist()})
    sides = {"split": "parts", "train": ",".join(names[:4]), "test": ",".join(names[4:])}
    with_it, without = module(**sides), module(**sides, val_share=0)
    records = with_it.beats.record_ids
    assert {*records[without.split_rows.train]} == set(names[:4])
    assert len({*records[with_it.split_rows.train]}) == 3
    assert not len(without.split_rows.validation)
    assert without.val_dataloader() == []
    half = module(**sides, val_share=0.5)
    assert len({*records[half.split_rows.train]}) == 2
    one = module(**{**sides, "train": names[0]}, val_share=0)
    assert {*records[one.split_rows.train]} == {names[0]}


class Noting(BeatDataModule):
    """Notes the rows of each training batch."""

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        self.shown: list[list[list[int]]] = []

    def transfer_batch_to_device(
        self, batch: Tensor, device: torch.device, dataloader_idx: int
    ) -> tuple[Tensor, Tensor]:
        if self.trainer and self.trainer.training:
            self.shown.append(batch.tolist())
        return super().transfer_batch_to_device(batch, device, dataloader_idx)


class Save(lightning.Callback):
    """Saves a checkpoint after each step, named by the steps done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        trainer.save_checkpoint(self.folder / f"{trainer.global_step}.ckpt")


class Adam(BeatClassifier):
    """A small network of sequences, and torch's Adam."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 0.01)


Fit = Callable[..., tuple[Noting, nn.Module]]


@pytest.fixture
def fit(folder: Path, tmp_path: Path) -> Fit:
    """Trains PatientContext for three epochs of batches of one sequence."""

    def run(
        *callbacks: lightning.Callback, ckpt_path: Path | None = None, **options: Any
    ) -> tuple[Noting, nn.Module]:
        torch.manual_seed(0)
        data = Noting(
            "wfdb", folder, segmentation="context", split="records", batch_size=1,
            per_class=500, cache_dir=folder.parent / "cache",
        )  # fmt: skip
        network = PatientContext()
        trainer = lightning.Trainer(
            accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, num_sanity_val_steps=0, default_root_dir=tmp_path,
            callbacks=list(callbacks), **{"max_epochs": 3, **options},
        )  # fmt: skip
        trainer.fit(Adam(network), data, ckpt_path=ckpt_path, weights_only=True)
        return data, network

    return run


def test_a_run_resumes_within_an_epoch(fit: Fit, tmp_path: Path) -> None:
    whole, trained = fit(Save(tmp_path))
    steps = len(whole.shown) // 3
    assert steps > 2
    epochs = [str(whole.shown[start : start + steps]) for start in range(0, 3 * steps, steps)]
    assert len(set(epochs)) == 3
    for done in (1, steps, steps + 2, 3 * steps - 1):
        data, network = fit(ckpt_path=tmp_path / f"{done}.ckpt")
        assert data.shown == whole.shown[done:]
        for name, tensor in trained.state_dict().items():
            assert torch.equal(network.state_dict()[name], tensor), name


def test_overfit_batches_shows_the_same_sequences(fit: Fit) -> None:
    data, _ = fit(overfit_batches=1)
    assert len(data.shown) == 3
    assert data.shown[0] == data.shown[1] == data.shown[2]


def test_limits_of_batches_are_kept(fit: Fit) -> None:
    data, _ = fit(limit_train_batches=1, limit_val_batches=1, max_epochs=2)
    assert len(data.shown) == 2

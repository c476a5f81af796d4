"""The LightningDataModule: source, segmentation, split, balancing and loaders, composed; no signal maths here."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import lightning
import numpy as np
import torch
from torch import Tensor

from ecg_lightning.data import splits
from ecg_lightning.data.beats import (
    Beats,
    BeatSettings,
    Normalization,
    Segmentation,
    tables_of_records,
)
from ecg_lightning.data.cache import cached_beats, cached_kaggle
from ecg_lightning.data.device_table import Batch, BeatTable
from ecg_lightning.data.row_loaders import EpochLoader, PartLoader
from ecg_lightning.data.samplers import (
    BalancedSampler,
    EpochSampler,
    ShuffleSampler,
    resample_indices,
)
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import Database, open_database, prepare_database
from ecg_lightning.records.excerpts import Strips, strips_of_database
from ecg_lightning.records.kaggle import FS_HZ, WINDOW_SAMPLES
from ecg_lightning.signals.views import ViewName, make_view
from ecg_lightning.system.paths import default_cache_dir
from ecg_lightning.system.terminal import track

EVALUATED_NUMBERS = 1024 * 256  # in a batch without gradients, samples or pixels


class BeatDataModule(lightning.LightningDataModule):
    """Heartbeats of a source, split and balanced, as batches of signals (B, 1, T) float32 and labels (B,) int64.

    Args:
        source: `synthetic`, `mitdb`, `wfdb` (any folder of WFDB records with beat annotations) or `kaggle` (two CSVs).
        root: The source's folder. Without it mitdb is downloaded, and the synthetic database written, into the cache.
        segmentation: `peaks`: around the signal's peaks, the original's rules; `annotations`: around each annotated beat; `windows`: ten
            seconds around each annotated beat.
        split: `original`: 100 beats of each class for validation and 100 for test, patients mixed; `patients`: for mitdb de Chazal's DS1 to
            training and validation and DS2 to test, for other sources whole patients drawn for each part; `mixed`: the records of DS1 and
            DS2 in parts of the same sizes, without regard to patients; `records`: whole records drawn for each part; `folds`: one of
            several splits by patient; `all`: everything in test.
        balance: `weighted`: as many beats of each class in every epoch, drawn anew; `resample`: the original's, drawn once; `none`.
        view: What the network sees, made on its device: `signal`; `spectrum`, for a 1-D network; `spectrogram`, `image` (the original's)
            and `clean-image`, for Conv2d.
        batch_size: Beats in a training batch on each device. On n devices a step takes n times as many, the global batch: the gradient is
            their mean, and BatchNorm's statistics are theirs. To take the same steps as one device, divide it by n.
        per_class: Draws of each class and epoch, with `weighted` and `resample`.
        without: Records that go to no part, for `patients` of mitdb and `mixed`; 202 is a patient of DS2 whose other record is in DS1.
        folds: How many, for the split `folds`.
        fold: Which of them is tested, from 0; the next one validates.
        seed: Makes the sampler's draws and order.
        split_seed: Makes the split; 0 is the original's.
        lead: Channel index or name, such as MLII.
        fs_hz: Sampling rate of the beats; records at another rate are resampled. Left out: 360, for kaggle 125.
        window_samples: Samples of a beat. Left out: 256; for `windows` ten seconds; for kaggle 187.
        normalization: `record` scales the record to [0, 1], `window` each beat. Left out: `record`; for `windows` `window`.
        classes: `original` or `aami`, the map from symbols to classes.
        annotator: Ending of the annotation files, for `wfdb`.
        cache_dir: Where databases and beats are kept. Left out: see `default_cache_dir`.

    Raises:
        InputError: when the data are prepared or set up: what is missing, where it was looked for, what to do next.

    Example:
        >>> data = BeatDataModule(source="synthetic", per_class=500)  # doctest: +SKIP
        >>> data.prepare_data(); data.setup("fit")                    # doctest: +SKIP
        >>> data.beats.signals.shape                                   # doctest: +SKIP
    """

    beats: Beats
    split_rows: splits.Split

    def __init__(
        self,
        source: Literal["synthetic", "mitdb", "wfdb", "kaggle"] = "synthetic",
        root: str | os.PathLike[str] | None = None,
        segmentation: Segmentation = "peaks",
        split: Literal["original", "patients", "mixed", "records", "folds", "all"] = "original",
        balance: Literal["weighted", "resample", "none"] = "weighted",
        view: ViewName = "signal",
        batch_size: int = 32,
        per_class: int = 10_000,
        without: list[str] | None = None,
        folds: int = 5,
        fold: int = 0,
        seed: int = 0,
        split_seed: int = 0,
        lead: int | str = 0,
        fs_hz: float | None = None,
        window_samples: int | None = None,
        normalization: Normalization | None = None,
        classes: Literal["original", "aami"] = "original",
        annotator: str = "atr",
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        given = dict(locals())
        super().__init__()
        _check_choices(given)
        if without and not (split == "mixed" or (split == "patients" and source == "mitdb")):
            raise InputError(
                f"without: expected the split patients of mitdb, or mixed, found {split} of {source}; leave --data.without out"
            )
        for name in ("batch_size", "per_class", "window_samples", "fs_hz"):
            if given[name] is not None and not 0 < given[name] < float("inf"):
                raise InputError(
                    f"{name}: expected a positive number, found {given[name]}; change --data.{name}"
                )
        for name, value in (("seed", seed), ("split_seed", split_seed)):
            if not 0 <= value < 2**32:
                raise InputError(
                    f"{name}: expected a whole number from 0 to {2**32 - 1}, found {value}; change --data.{name}"
                )
        self.source, self.root = source, Path(root) if root is not None else None
        self.split, self.balance, self.batch_size, self.per_class = (
            split,
            balance,
            batch_size,
            per_class,
        )
        self.without, self.folds, self.fold = tuple(map(str, without or ())), folds, fold
        self.seed, self.split_seed, self.annotator = seed, split_seed, annotator
        self.cache_dir = Path(cache_dir) if cache_dir is not None else default_cache_dir()
        self.settings = _settings(
            source, segmentation, lead, fs_hz, window_samples, normalization, classes
        )
        self.view = make_view(view, self.settings.window_samples, self.settings.fs_hz)
        self.resampled: splits.Rows | None = None

    @property
    def input_length(self) -> int:
        """Samples, frequencies or height and width of what the network has to take."""
        return self.view.input_length

    def prepare_data(self, fill_root: bool = False) -> None:
        """Downloads or writes what is missing and fills the beats cache; in a job that finds both there, only checks.

        Args:
            fill_root: As `ecg-lightning prepare` does, also fill `root` where it is missing or empty, not the cache alone, and read
                cached beats through however many there are.
        """
        where = self.source, self.root, self.cache_dir
        database = (
            None
            if self.source == "kaggle"
            else prepare_database(*where, fill_root=fill_root, annotator=self.annotator)
        )
        self._read(database, thorough=fill_root)

    def setup(self, stage: str | None = None) -> None:
        """Reads the beats and splits them."""
        if hasattr(self, "beats"):
            return
        where = self.source, self.root, self.cache_dir
        self.beats = self._read(
            None if self.source == "kaggle" else open_database(*where, annotator=self.annotator)
        )
        self._split()
        self.table = BeatTable(
            torch.from_numpy(self.beats.signals), torch.from_numpy(self.beats.labels)
        )

    def class_counts(self) -> dict[str, dict[str, int]]:
        """Beats of each class in each part, before balancing."""
        rows = self.split_rows
        parts = {"train": rows.train, "validation": rows.validation, "test": rows.test}
        return {name: self.beats.class_counts(part) for name, part in parts.items()}

    def shared_patients(self, part: str = "test") -> list[str]:
        """Patients, or records where patients are not known, with beats both in this part and in another one; [] where they are apart.

        Kaggle's tables do not say; their answer is "unknown".
        """
        rows, groups = self.split_rows, self.beats.patient_ids
        of_part = {"train": rows.train, "validation": rows.validation, "test": rows.test}
        others = np.concatenate([of_others for name, of_others in of_part.items() if name != part])
        shared = np.intersect1d(groups[of_part[part]], groups[others])
        return [str(name) or "unknown" for name in shared]

    def strips(self) -> Strips | None:
        """Gives the signal around a beat, for pictures of it; None for Kaggle's tables, which come without records."""
        if self.source == "kaggle":
            return None
        return strips_of_database(
            open_database(self.source, self.root, self.cache_dir, annotator=self.annotator),
            self.settings.lead,
        )

    def transfer_batch_to_device(
        self, batch: Tensor, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Signals (B, 1, T) and labels (B,) of row numbers (B,), in the Trainer's precision."""
        beats = self.table.batch(batch, device)
        return self.trainer.precision_plugin.convert_input(beats) if self.trainer else beats

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """The batch on the device, as the network is to see it."""
        beats, labels = batch
        return self.view.to(beats.device)(
            beats
        ), labels  # a data module's own modules are moved by nobody else

    def train_dataloader(self) -> EpochLoader | PartLoader:
        """Row numbers of balanced batches, in an order of their own in each epoch."""
        rows, sampler = self._rows("train", self.split_rows.train), self._sampler()
        if self.trainer and self.trainer.overfit_batches:  # type: ignore[attr-defined]  # the same few in every epoch
            return PartLoader(rows[sampler.share()], self.batch_size)
        return EpochLoader(
            rows,
            sampler,
            self.batch_size,
            lambda: self.trainer.fit_loop.batch_idx + 1 if self.trainer else 0,
        )

    def val_dataloader(self) -> PartLoader:
        """Row numbers of the validation part, in its order."""
        return self._evaluated("validation", self.split_rows.validation)

    def test_dataloader(self) -> PartLoader:
        """Row numbers of the test part, in its order; on several devices each has a share of it."""
        return self._evaluated("test", self.split_rows.test)

    def predict_dataloader(self) -> PartLoader:
        """Row numbers of the test part, in its order."""
        return self.test_dataloader()

    def _folder(self) -> Path:
        if self.root is None:
            expected = (
                "expected the folder of mitbih_train.csv and mitbih_test.csv for the source kaggle"
            )
            raise InputError(f"root: {expected}, found none; give --data.root")
        return self.root

    def _read(self, database: Database | None, thorough: bool = False) -> Beats:
        """The beats of a database, or of Kaggle's CSVs, from the cache or made and put there."""
        if database is None:
            return cached_kaggle(self._folder(), self.cache_dir, thorough)

        def build() -> Iterator[Beats]:
            return tables_of_records(
                database, self.settings, track(database.records, "Cutting records into beats")
            )

        return cached_beats(database, self.settings, self.cache_dir, build, thorough)

    def _split(self) -> None:
        beats, random = self.beats, np.random.RandomState(self.split_seed)
        if self.split == "original":
            self.split_rows = splits.original_split(beats.labels, random)
        elif self.split == "all":
            self.split_rows = splits.all_test(len(beats))
        elif self.split == "mixed":
            self.split_rows = splits.mixed_split(
                beats.labels, beats.record_ids, random, self.without
            )
        elif self.split == "patients" and self.source == "mitdb":
            self.split_rows = splits.patients_split(beats.record_ids, self.without)
        elif self.split == "folds":
            self.split_rows = splits.group_folds(
                beats.patient_ids, self.folds, self.fold, self.split_seed
            )
        else:
            groups = (
                beats.patient_ids
                if self.split == "patients" or self.source == "kaggle"
                else beats.record_ids
            )
            self.split_rows = splits.group_split(groups, self.split_seed, what=self.split)
        if self.split != "all":
            splits.check_classes(beats.labels[self.split_rows.train], self.balance)
        if self.balance == "resample" and self.split != "all":
            self.resampled = resample_indices(
                beats.labels[self.split_rows.train], self.per_class, random
            )

    def _ranks(self) -> tuple[int, int]:
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def _sampler(self) -> EpochSampler:
        if self.balance == "weighted":
            return BalancedSampler(
                self.beats.labels[self.split_rows.train], self.per_class, self.seed, *self._ranks()
            )
        positions = (
            np.arange(len(self.split_rows.train)) if self.resampled is None else self.resampled
        )
        return ShuffleSampler(positions, self.seed, *self._ranks())

    def _evaluated(self, part: str, rows: splits.Rows) -> PartLoader:
        # An evaluation keeps no gradients: with larger batches it is faster, and its figures are the same.
        size = max(self.batch_size, EVALUATED_NUMBERS // math.prod(self.view.shape))
        return PartLoader(self._rows(part, rows), size, *self._ranks())

    def _rows(self, part: str, rows: splits.Rows) -> splits.Rows:
        """The rows of a part, if there are enough of them."""
        world_size, _ = self._ranks()
        if not len(rows):
            raise InputError(
                f"split {self.split}: no beats in the {part} part; choose another --data.split (all has a test part only)"
            )
        if len(rows) < world_size:
            expected = f"expected at least one beat of the {part} part for each of {world_size} devices, found {len(rows)}"
            raise InputError(f"split {self.split}: {expected}; use fewer --trainer.devices")
        return rows


def _check_choices(given: dict[str, Any]) -> None:
    """Refuses a word that an argument's Literal does not have; the command line's parser does so before."""
    for name, hint in get_type_hints(BeatDataModule.__init__).items():
        choices = [
            choice
            for kind in (hint, *get_args(hint))
            if get_origin(kind) is Literal
            for choice in get_args(kind)
        ]
        if choices and given[name] is not None and given[name] not in choices:
            raise InputError(
                f"{name}: expected one of {', '.join(choices)}, found {given[name]!r}; change --data.{name}"
            )


def _settings(
    source: str,
    segmentation: Segmentation,
    lead: int | str,
    fs_hz: float | None,
    window_samples: int | None,
    normalization: Normalization | None,
    classes: str,
) -> BeatSettings:
    """Fills in what was left out."""
    if source == "kaggle":
        for name, value, fixed in (
            ("fs_hz", fs_hz, FS_HZ),
            ("window_samples", window_samples, WINDOW_SAMPLES),
        ):
            if value not in (None, fixed):
                raise InputError(
                    f"{name}: Kaggle's beats come cut, with {name} {fixed:g}; found {value}; leave --data.{name} out"
                )
        return BeatSettings(segmentation, lead, FS_HZ, WINDOW_SAMPLES, "window", classes)
    fs_hz = fs_hz or 360.0
    long = segmentation == "windows"
    samples = window_samples or (round(10 * fs_hz) if long else 256)
    return BeatSettings(
        segmentation,
        lead,
        fs_hz,
        samples,
        normalization or ("window" if long else "record"),
        classes,
    )

"""The LightningDataModule: source, beats, split, balancing and loaders; no signal maths."""

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from ecg_lightning.arrays import Floats32, Integers
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.data.beats import (
    Beats,
    Normalization,
    Segmentation,
    tables_of_records,
)
from ecg_lightning.data.cache import cached_beats, cached_kaggle, key_of, key_of_kaggle
from ecg_lightning.data.device_table import Batch, BeatTable
from ecg_lightning.data.loader_context import LoaderContext
from ecg_lightning.data.noises import noises_for_beats
from ecg_lightning.data.parts import Parts
from ecg_lightning.data.rhythm_pieces import with_own_rhythm
from ecg_lightning.data.row_loaders import BeatLoader, EpochLoader, PartLoader
from ecg_lightning.data.samplers import (
    BalancedSampler,
    EpochSampler,
    ShuffleSampler,
    resample_indices,
)
from ecg_lightning.data.sequence_loaders import SequenceLoader, StretchLoader
from ecg_lightning.data.sequence_samplers import (
    LONGEST,
    LabelSampler,
    PieceSampler,
    RecordSampler,
)
from ecg_lightning.data.sequences import places_of, record_weights, stretches_of
from ecg_lightning.data.settings import (
    NameList,
    SourceName,
    beat_settings,
    check_settings,
    patients_file,
    roots_of,
    sources_of,
)
from ecg_lightning.data.split_rules import Rows, Split, check_classes, count_patients
from ecg_lightning.data.splits import SplitChoice
from ecg_lightning.data.trained_on import names_mean_the_same, trained_before, trained_on
from ecg_lightning.errors import InputError
from ecg_lightning.records.database_records import open_record_of
from ecg_lightning.records.databases import Database, without_records
from ecg_lightning.records.excerpts import ReadExcerpt, excerpts_of_database
from ecg_lightning.records.joined import open_databases, prepare_databases
from ecg_lightning.records.notes import warn_of
from ecg_lightning.signals.context import ROWS
from ecg_lightning.signals.views import ViewName, make_view
from ecg_lightning.split_facts import SplitName
from ecg_lightning.system.paths import default_cache_dir, expanded
from ecg_lightning.system.terminal import track
from ecg_lightning.text import names_in

EVALUATED_NUMBERS = 1024 * 256  # in a batch without gradients, samples or pixels


class BeatDataModule(lightning.LightningDataModule):
    """Heartbeats of a source, split and balanced.

    Batches are signals (B, 1, T) float32, or what the view makes of them, and labels (B,) int64.
    With a segmentation in context they are sequences (S, K, 5, 128) of consecutive beats and labels
    (S, K), -100 for a beat that shows none. Such beats are of another part, or fill up a sequence.
    Pass the data module to a Trainer, or loop over its loaders: `for signals, labels in
    data.train_dataloader()`. Outside a Trainer the data are prepared when they are first needed,
    and each loop over a training loader takes the next epoch of the draws that `seed` decides.

    Args:
        source: `synthetic`: made here; `mitdb`: MIT-BIH Arrhythmia Database; `svdb`: that of
            supraventricular arrhythmias; `wfdb`: a folder of records; `kaggle`: two CSV files; or
            several: mitdb,svdb. Records of several are named mitdb/100.
        root: Folder, or folders in the order of the sources. A folder with a comma in its name
            needs a list. Default: the cache. Databases are downloaded to it.
        segmentation: `peaks`: a window around each peak of the signal, by the original's rules;
            `annotations`: around each annotated beat; `windows`: ten seconds around it; `context`:
            two leads, template and rhythm, for PatientContext; `context-causal`: of the past alone.
            In context the beats of a record are shown in sequence. Those of another part of a split
            that mixes patients are shown too, without their labels.
        split: `original`: 100 beats of each class for validation, 100 for test, patients mixed;
            `dechazal`: DS1 of mitdb for training and validation, DS2 for test; `mixed`: the beats
            of `dechazal`, patients mixed; `patients`: whole patients (for mitdb as `dechazal`);
            `records`: whole records; `folds`: one of several splits by patient, or by record
            where unknown; `all`: all for test; `parts`: by name.
        train: Training side: ds1, ds2, mitdb44, a source, or records. If it is not set, all
            that `test` names is tested.
        test: Test part, named in the same way. A patient or record on both sides is refused,
            except the patient of 201 in DS1 and 202 in DS2.
        balance: `weighted`: each epoch draws equal numbers from each class; in context: from
            each record, unless patients are mixed; `resample`: the original's single draw;
            `none`: each beat once.
        view: What the network sees: `signal`; `spectrum` (1-D networks); `spectrogram`, `image`
            (the original's) or `clean-image` (Conv2d).
        batch_size: Beats, or sequences, of a batch on each device. On n devices a step takes n
            times as many. To take the same steps as one device, divide this number by n.
        per_class: Beats of each class in a balanced epoch. If sequences are balanced by record, an
            epoch shows five times as many beats.
        without: Records that go to no part, for `dechazal`, `mixed`, `parts` and wfdb. With
            several sources every split accepts them. Record 202 is of a patient whose other record
            is in DS1.
        folds: Number of folds, for the split `folds`.
        fold: Fold for test, from 0, for the split `folds`. The next fold is for validation.
        seed: Seed of the training draws and their order.
        split_seed: Seed of the split. The original's is 0.
        val_share: Share of the patients of `train` for validation. At least one is drawn. 0: there
            is no validation. Default: 0.15.
        lead: Index or name of the lead, or a list such as MLII,II,0. The word `ecg` is the first
            named an ECG, `voltage` the first in a voltage. In context a second lead is read too.
            Several sources keep the default of each. Default: 0, wfdb and context
            MLII,II,ecg,voltage,0.
        fs_hz: Sampling rate of the beats. Records at another rate are resampled. Default: 360,
            kaggle 125, context 128.
        window_samples: Beat length. Default: 256, `windows` 10 s, kaggle 187, context 128.
        normalization: `record` scales each record to [0, 1], `window` each beat; `robust`: by
            quantiles; `template`: in context. Default: `record`, `windows` `window`.
        classes: Map from symbols to classes: `original` or `aami`.
        annotator: Ending of the annotation files, for `wfdb`.
        patients: CSV file with the header `record,patient`, for `wfdb`.
        cache_dir: The cache. It holds databases and prepared beats. Default: ECG_LIGHTNING_CACHE,
            or the user's cache folder.
        on_error: `stop` or `skip` unreadable records. Default: stop, for predict skip.

    Raises:
        InputError: A setting is not allowed. `prepare_data` and `setup` raise it where data are
            missing or broken.

    Example:
        >>> data = BeatDataModule(source="synthetic", per_class=500)       # doctest: +SKIP
        >>> for signals, labels in data.train_dataloader(): print(labels)  # doctest: +SKIP
    """

    beats: Beats
    split_rows: Split
    assumption: str  # about the patients, where a source does not say whose its records are

    def __init__(
        self,
        source: SourceName | str | list[str] = "synthetic",
        root: str | list[str | int] | os.PathLike[str] | None = None,
        segmentation: Segmentation = "peaks",
        split: SplitName = "original",
        train: NameList | None = None,
        test: NameList | None = None,
        balance: Literal["weighted", "resample", "none"] = "weighted",
        view: ViewName = "signal",
        batch_size: int = 32,
        per_class: int = 10_000,
        without: NameList | None = None,
        folds: int = 5,
        fold: int = 0,
        seed: int = 0,
        split_seed: int = 0,
        val_share: float | None = None,
        lead: int | str | None = None,
        fs_hz: float | None = None,
        window_samples: int | None = None,
        normalization: Normalization | None = None,
        classes: Literal["original", "aami"] = "original",
        annotator: str = "atr",
        patients: str | os.PathLike[str] | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        on_error: Literal["stop", "skip"] | None = None,
    ) -> None:
        args = dict(locals())
        super().__init__()
        check_settings(BeatDataModule.__init__, args)
        self.sources = sources_of(source)
        self.roots = roots_of(root, self.sources)
        self.balance, self.batch_size, self.per_class = balance, batch_size, per_class
        self.seed, self.split_seed, self.annotator = seed, split_seed, annotator
        self.patients = patients_file(self.sources, patients)
        parts = Parts(names_in(train), names_in(test))
        excluded = names_in(without)
        # Of a folder of WFDB records they are not even read; the other splits know their records.
        unread = "wfdb" in self.sources or (len(self.sources) > 1 and not parts)
        self.unread = excluded if unread else ()
        self.choice = SplitChoice(
            "parts" if parts and split == "original" else split,
            self.source,
            split_seed,
            folds,
            fold,
            () if unread and not parts else excluded,
            parts,
            val_share=val_share,
        )
        self.cache_dir = default_cache_dir() if cache_dir is None else expanded(cache_dir)
        self.on_error = on_error
        self.settings = beat_settings(
            self.sources, segmentation, lead, fs_hz, window_samples, normalization, classes
        )
        self._check_context(view)
        self.view = make_view(view, self.settings.window_samples, self.settings.fs_hz)
        self.resampled: Rows | None = None
        self.beat_weights: Tensor | None = None
        self._loops = 0  # over training loaders, outside a Trainer

    @property
    def source(self) -> str:
        """The source; several are separated by commas."""
        return ",".join(self.sources)

    @property
    def root(self) -> Path | None:
        """The folder of a single source; None for its place in the cache."""
        return self.roots[0] if len(self.roots) == 1 else None

    @property
    def split(self) -> SplitName:
        """The name of the split."""
        return self.choice.name

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a beat as the network sees it, or of a sequence of beats."""
        return (LONGEST, ROWS, *self.view.shape[1:]) if self.in_context else self.view.shape

    @property
    def in_context(self) -> bool:
        """Whether batches are sequences of beats."""
        return self.settings.in_context

    @property
    def balances_classes(self) -> bool:
        """Whether an epoch shows each class equally often, if it has beats enough."""
        return self.balance != "none" and not self._by_record()

    @property
    def validates(self) -> bool:
        """Whether there is a validation part: not with `val_share` 0."""
        return self.choice.val_share != 0

    @property
    def input_length(self) -> int:
        """The input length of the network: samples, frequencies, or height and width."""
        return self.view.input_length

    def prepare_data(self, fill_root: bool = False) -> None:
        """Download or write what is missing, and fill the cache; check what is there.

        Args:
            fill_root: Do what `ecg-lightning prepare` does: fill `root` too where it is missing or
                empty, and read cached beats through, however many there are.
        """
        database = None if self.source == "kaggle" else self.prepared_database(fill_root)
        self.choice.in_database(database)  # wrong names are refused before records are cut
        self._read(database, thorough=fill_root)

    def setup(self, stage: str | None = None) -> None:
        """Read the beats and split them."""
        if hasattr(self, "beats"):
            return
        database = None if self.source == "kaggle" else self.database()
        self.choice = self.choice.in_database(database)
        self.beats = self._read(database)
        self.copies = {} if database is None else dict(database.copies)
        self.assumption = "" if database is None else database.assumption
        self._split()
        warn_of(self.beats.notes)  # after all that can refuse the beats
        self.table = BeatTable(
            torch.from_numpy(self.beats.signals), torch.from_numpy(self.beats.labels)
        )

    def key(self) -> str:
        """Return 16 hexadecimal digits that change with the records, annotations and settings.

        Raises:
            InputError: Records are missing or cannot be read.
        """
        if self.source == "kaggle":
            return key_of_kaggle(self._kaggle_folder())
        database = without_records(self.database(), self.unread)
        return key_of(database, self.settings, self._skips())

    def class_counts(self) -> dict[str, dict[str, int]]:
        """The number of beats of each class in each part, before balancing."""
        self._set_up_alone()
        return {part: self.beats.class_counts(rows) for part, rows in vars(self.split_rows).items()}

    def patient_counts(self) -> dict[str, int]:
        """The number of records, of those with an unknown patient, and of known patients."""
        self._set_up_alone()
        return self._counts(np.concatenate(list(vars(self.split_rows).values())))

    def counts_of_part(self, part: str) -> dict[str, int]:
        """The number of records in a part, of those whose patient is unknown, and of patients."""
        return self._counts(getattr(self.split_rows, part))

    def record_facts(self, parts: Sequence[str]) -> dict[str, list[Any]]:
        """The names of the leads and the recorded sampling rates, each once.

        Args:
            parts: Of named parts, only the records of these count; else all records.
        """
        if self.split != "parts":
            leads, rates = self.beats.leads, self.beats.recorded_fs_hz
            return {"leads": list(leads), "recorded_fs_hz": list(rates)}
        rows = np.concatenate([getattr(self.split_rows, part) for part in parts])
        names, database = set(self.beats.record_ids[rows].tolist()), self.database()
        read = [
            open_record_of(database, name, self.settings.lead).lead
            for name in database.records
            if name in names
        ]
        return {
            "leads": list(dict.fromkeys(lead.name for lead in read)),
            "recorded_fs_hz": list(dict.fromkeys(lead.fs_hz for lead in read)),
        }

    def trained_on(self) -> dict[str, list[str]]:
        """Digests of the records and patients of the training side; {} without records."""
        if self.source == "kaggle":
            return {}
        rows = np.concatenate([self.split_rows.train, self.split_rows.validation])
        return trained_on(self.database(), self._patients_of(rows))

    def trained_before(self, rows: Integers, config: Any) -> set[str]:
        """Return the patients of some beats whom a network knows from its training.

        Args:
            rows: (N,) which beats.
            config: The settings that the checkpoint of the network keeps.
        """
        if self.source == "kaggle" or self.choice.facts.patients == "mixed":
            return set()
        same_names = names_mean_the_same(self.source, config)
        return trained_before(self.database(), self._patients_of(rows), config, same_names)

    def _patients_of(self, rows: Integers) -> dict[str, str]:
        """Record to patient, of some beats."""
        names, first = np.unique(self.beats.record_ids[rows], return_index=True)
        patients = self.beats.patient_ids[rows][first]
        return dict(zip(names.tolist(), patients.tolist(), strict=True))

    def refuse_without(self, part: str) -> None:
        """Refuse a split that has no such part, before any record is read.

        Args:
            part: `train`, `validation` or `test`.

        Raises:
            InputError: No beat can be in the part.
        """
        if not (self.tests if part == "test" else self.choice.facts.trains):
            raise self._empty(part)

    @property
    def tests(self) -> bool:
        """Whether the split has a test part."""
        parts = self.choice.parts
        return bool(parts.test or not parts)

    def excerpts(self) -> ReadExcerpt | None:
        """The reader of the signal around a beat; None for Kaggle's tables without records."""
        if self.source == "kaggle":
            return None
        return excerpts_of_database(self.database(), self.settings.lead)

    def prepared_database(self, fill_root: bool = False) -> Database:
        """The records of all sources, downloaded or written where they are missing.

        Args:
            fill_root: As for `prepare_data`.
        """
        places, more = self._places(), self._of_annotations()
        return prepare_databases(*places, fill_root=fill_root, **more)

    def database(self) -> Database:
        """The records of all sources, which have to be there already.

        Raises:
            InputError: They are missing, or the source is kaggle.
        """
        return open_databases(*self._places(), **self._of_annotations())

    def noises(self, folder: str | os.PathLike[str] | None, seed: int) -> Floats32:
        """Noise for training beats, (kinds, channels, T): see `noises_for_beats`."""
        return noises_for_beats(folder, self.settings, seed)

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """The beats of row numbers (B,) on the device, as the network sees them.

        Training sequences balanced by record have weights (S, K) too: see `record_weights`.
        Signals have the Trainer's precision. A batch that consists of beats already is only moved.
        """
        if not isinstance(batch, Tensor):
            moved: Batch = super().transfer_batch_to_device(batch, device, dataloader_idx)
            return moved
        if batch.dim() == 2 and self.trainer and self.trainer.training:
            return self._weighted(self.training_beats(batch, device), batch)
        return self._viewed(self._precise(batch, device))

    def training_rows(self, batches: int) -> list[Tensor]:
        """The row numbers (B,) of the first training batches of epoch 0, on this device.

        They are always the same, and the draws of the training do not change.

        Args:
            batches: How many; fewer if the epoch has fewer.
        """
        loader = self.train_dataloader()
        if isinstance(loader, EpochLoader):
            loader.sampler.set_epoch(0)
        return list(itertools.islice(loader.row_batches(), batches))

    def training_beats(self, rows: Tensor, device: torch.device) -> Batch:
        """The beats of row numbers (B,) on the device, as the network sees them in training."""
        beats = self._precise(rows, device)
        return self._own_rhythm(beats, rows) if rows.dim() == 2 else self._viewed(beats)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """The batch unchanged: `transfer_batch_to_device` has applied the view."""
        return batch  # without this method Lightning searches the module for one, batch by batch

    def train_dataloader(self) -> BeatLoader:
        """Balanced batches, in a new order in each epoch.

        With `Trainer(overfit_batches=…)` pass the data module to the Trainer, not this loader
        alone: then each epoch shows the same batches.
        """
        context = self._context()
        rows, sampler = self._rows("train", context), self._sampler()
        trainer = context.trainer
        if trainer is not None and trainer.overfit_batches:
            sampler.divide(*context.ranks())
            if self.in_context:
                drawn = list(sampler.drawn())
                return StretchLoader(drawn, self.batch_size, self._gather_train, context)
            return PartLoader(rows[sampler.drawn()], self.batch_size, self._gather_train, context)
        return (SequenceLoader if self.in_context else EpochLoader)(
            rows,
            sampler,
            self.batch_size,
            done=None if trainer is None else lambda: trainer.fit_loop.batch_idx + 1,
            gather=self._gather_train,
            context=context,
            next_epoch=self._next_epoch,
        )

    def val_dataloader(self) -> BeatLoader | list[BeatLoader]:
        """The validation part in its order; each of several devices has a share of it.

        A fit without validation (`val_share` 0) gets no loader.
        """
        trainer = self._context().trainer
        if not self.validates and (trainer is None or trainer.state.fn == TrainerFn.FITTING):
            return []
        return self._evaluation_loader("validation")

    def test_dataloader(self) -> BeatLoader:
        """The test part in its order; each of several devices has a share of it."""
        return self._evaluation_loader("test")

    def predict_dataloader(self) -> BeatLoader:
        """The test part in its order."""
        return self.test_dataloader()

    def _places(self) -> tuple[tuple[str, ...], tuple[Path | None, ...], Path]:
        return self.sources, self.roots, self.cache_dir

    def _of_annotations(self) -> dict[str, Any]:
        return {"annotator": self.annotator, "patients": self.patients}

    def _counts(self, rows: Rows) -> dict[str, int]:
        return count_patients(self.beats.record_ids[rows], self.beats.patient_ids[rows])

    def _skips(self) -> bool:
        """Whether a record that cannot be read is skipped."""
        predicts = self.trainer is not None and self.trainer.state.fn == TrainerFn.PREDICTING
        return (self.on_error or ("skip" if predicts else "stop")) == "skip"

    def _read(self, database: Database | None, thorough: bool = False) -> Beats:
        """The beats of a database, or of Kaggle's CSVs, from the cache or made and put there."""
        if database is None:
            return cached_kaggle(self._kaggle_folder(), self.cache_dir, thorough)

        database, skip = without_records(database, self.unread), self._skips()

        def build() -> Iterator[Beats]:
            shown = track(database.records, "Cutting records into beats")
            return tables_of_records(database, self.settings, shown, skip)

        beats = cached_beats(database, self.settings, self.cache_dir, build, thorough, skip)
        return replace(beats, notes=(*database.notes, *beats.notes))

    def _kaggle_folder(self) -> Path:
        if self.root is None:
            raise InputError(
                "root",
                expected="the folder of mitbih_train.csv and mitbih_test.csv",
                found="none",
                hint="name it",
                setting="root",
            )
        return self.root

    def _split(self) -> None:
        random = np.random.RandomState(self.split_seed)
        self.split_rows = self.choice.split(self.beats, random, self.copies)
        if self.in_context:  # sequences show the beats of a part in this order
            self.split_rows = Split(*map(np.sort, vars(self.split_rows).values()))
        if self.choice.facts.trains and self._by_record():
            beats, train = self.beats, self.split_rows.train
            weights = record_weights(beats.labels, beats.record_ids, train)
            self.beat_weights = torch.from_numpy(weights)
        elif self.choice.facts.trains:
            labels = self.beats.labels[self.split_rows.train]
            check_classes(labels, self.balance)
            if self.balance == "resample":
                self.resampled = resample_indices(labels, self.per_class, random)

    def _context(self) -> LoaderContext:
        """Where a loader is asked for."""
        self._set_up_alone()
        return LoaderContext(self.trainer)

    def _set_up_alone(self) -> None:
        """Prepare and read the data, where no Trainer has done it."""
        if not hasattr(self, "beats"):
            self.prepare_data()
            self.setup()

    def _next_epoch(self) -> int:
        """The epoch of the next loop outside a Trainer."""
        self._loops += 1
        return self._loops - 1

    def _precise(self, rows: Tensor, device: torch.device) -> Batch:
        """The beats of row numbers (B,) on the device, in the Trainer's precision."""
        beats = self.table.batch(rows, device)
        if not self.trainer:
            return beats
        converted: Batch = self.trainer.precision_plugin.convert_input(beats)
        return converted

    def _gather(self, rows: Tensor) -> Batch:
        """The beats of row numbers (B,) on the host, as the network sees them."""
        return self._viewed(self.table.batch(rows, torch.device("cpu")))

    def _gather_train(self, rows: Tensor) -> Batch:
        """The same of a training batch."""
        batch = self._gather(rows)
        return self._own_rhythm(batch, rows) if self.in_context else batch

    def _own_rhythm(self, batch: Batch, rows: Tensor) -> Batch:
        """Sequences of which most see the rhythm of their own beats, unless that is causal."""
        if self.settings.segmentation != "context":
            return batch
        return with_own_rhythm(batch[0], rows), batch[1]

    def _weighted(self, batch: Batch, rows: Tensor) -> Batch | tuple[Tensor, Tensor, Tensor]:
        """Training sequences with the weights of their beats, where records are balanced."""
        if self.beat_weights is None:
            return batch
        return *batch, self.beat_weights[places_of(rows).cpu()].to(batch[0])

    def _viewed(self, beats: Batch) -> Batch:
        signals, labels = beats
        if self.in_context:
            return beats
        return self.view.to(signals.device)(signals), labels  # nobody else moves a view

    def _by_record(self) -> bool:
        """Whether every record is shown equally often, whatever its classes."""
        mixes = self.choice.facts.patients == "mixed"
        return self.in_context and self.balance == "weighted" and not mixes

    def _stretches(self, part: str) -> list[Rows]:
        """The stretches with beats of a part; other beats in them show no label."""
        labelled = np.zeros(len(self.beats), np.bool_)
        labelled[getattr(self.split_rows, part)] = True
        return stretches_of(self.beats.record_ids, self.beats.stretches, labelled)

    def _sequence_sampler(self) -> EpochSampler:
        stretches = self._stretches("train")
        if self._by_record():
            rows = [max(int(piece[0]), -2 - int(piece[0])) for piece in stretches]
            records, n_beats = self.beats.record_ids[rows], len(CLASS_NAMES) * self.per_class
            return RecordSampler(stretches, records, n_beats, self.seed)
        if self.balance == "weighted":
            return LabelSampler(stretches, self.beats.labels, self.per_class, self.seed)
        return PieceSampler(stretches, self.seed)

    def _sampler(self) -> EpochSampler:
        if self.in_context:
            return self._sequence_sampler()
        labels = self.beats.labels[self.split_rows.train]
        if self.balance == "weighted":
            return BalancedSampler(labels, self.per_class, self.seed)
        positions = np.arange(len(labels)) if self.resampled is None else self.resampled
        return ShuffleSampler(positions, self.seed)

    def _evaluation_loader(self, part: str) -> BeatLoader:
        # Without gradients larger batches are faster, and the metrics are the same.
        context = self._context()
        if self.in_context:
            self._rows(part, context)  # refuses an empty part
            stretches = self._stretches(part)
            self._check_share(part, "stretch", len(stretches), context)
            return StretchLoader(stretches, self.batch_size, self._gather, context)
        size = max(self.batch_size, EVALUATED_NUMBERS // math.prod(self.view.shape))
        return PartLoader(self._rows(part, context), size, self._gather, context)

    def _empty(self, part: str) -> InputError:
        hint, setting = "choose another split; all has a test part only", "split"
        if self.split == "parts":
            hint, setting = "name records for it", "test" if part == "test" else "train"
        return InputError(
            f"split {self.split}",
            expected=f"beats in the {part} part",
            found="none",
            hint=hint,
            setting=setting,
        )

    def _rows(self, part: str, context: LoaderContext) -> Rows:
        """The rows of a part, if each device gets one."""
        rows: Rows = getattr(self.split_rows, part)
        if not len(rows):
            raise self._empty(part)
        self._check_share(part, "beat", len(rows), context)
        return rows

    def _check_share(self, part: str, what: str, count: int, context: LoaderContext) -> None:
        """Refuse a part with fewer beats, or stretches of them, than devices."""
        world_size, _ = context.ranks()
        if count < world_size:
            raise InputError(
                f"split {self.split}",
                expected=f"a {what} of the {part} part for each of {world_size} devices",
                found=str(count),
                hint="use fewer devices",
                setting="devices",
            )

    def _check_context(self, view: str) -> None:
        """Refuse settings that beats in context cannot have."""
        for name, value, refused in (
            ("view", view, view != "signal"),
            ("balance", self.balance, self.balance == "resample"),
        ):
            if self.in_context and refused:
                raise InputError(
                    name,
                    expected="signal" if name == "view" else "weighted or none",
                    found=f"{value} with the segmentation {self.settings.segmentation}",
                    hint="change it",
                    setting=name,
                )

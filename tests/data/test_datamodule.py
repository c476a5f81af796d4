"""The data module on the synthetic database, small WFDB folders and Kaggle's CSVs."""

import os
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.plugins import DoublePrecision, Precision
from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus
from numpy.testing import assert_array_equal
from torch import Tensor, nn

from ecg_lightning.data import datamodule
from ecg_lightning.data.beats import Beats
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.data.dechazal import DS1, DS2, dechazal_split
from ecg_lightning.data.device_table import Batch
from ecg_lightning.data.row_loaders import BeatLoader, EpochLoader
from ecg_lightning.data.samplers import resample_indices
from ecg_lightning.data.split_rules import Split, group_split, original_split, shared_patients
from ecg_lightning.data.splits import SplitChoice
from ecg_lightning.errors import InputError
from ecg_lightning.records.notes import RecordWarning, SkippedRecordWarning
from ecg_lightning.records.synthetic.database import write_synthetic
from ecg_lightning.system.paths import default_cache_dir
from ecg_lightning.system.terminal import track
from ecg_lightning.training.callbacks.epoch_lines import EpochLines
from tests.helpers.records import counted, ecg_like, write_kaggle, write_record

SPLITS, BALANCES = ("original", "records", "patients"), ("weighted", "resample", "none")
PER_CLASS = 40


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the synthetic database and its beats."""
    folder = tmp_path_factory.mktemp("cache")
    BeatDataModule("synthetic", cache_dir=folder).prepare_data()
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four short records."""
    folder = tmp_path_factory.mktemp("small") / "records"
    write_synthetic(folder, seed=1, patients=4, minutes=0.5)
    return folder


@pytest.fixture(scope="session")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kaggle's two CSVs, 210 rows of each class in one, 3 in the other."""
    folder = tmp_path_factory.mktemp("kaggle")
    random = np.random.default_rng(0)
    train, test = (random.permutation(np.repeat(np.arange(5), rows)).tolist() for rows in (210, 3))
    write_kaggle(folder, {"mitbih_train": train, "mitbih_test": test})
    return folder


def set_up(**options: Any) -> BeatDataModule:
    data = BeatDataModule(**options)
    data.setup()
    return data


def batches(data: BeatDataModule, part: str = "train", epoch: int = 0) -> list[Batch]:
    """What the network is shown, as the Trainer asks for it."""
    loader: BeatLoader = getattr(data, f"{part}_dataloader")()
    if isinstance(loader, EpochLoader):
        loader.sampler.set_epoch(epoch)
    rows = loader.row_batches()
    return [data.transfer_batch_to_device(batch, torch.device("cpu"), 0) for batch in rows]


def of_rank(rank: int, world_size: int) -> Any:
    """As much of a Trainer as the module asks on one of several devices."""
    return SimpleNamespace(
        world_size=world_size,
        global_rank=rank,
        overfit_batches=0,
        precision_plugin=Precision(),
        state=SimpleNamespace(status=TrainerStatus.RUNNING),
    )


def joined(shown: list[Batch]) -> tuple[Tensor, Tensor]:
    return torch.cat([signals for signals, _ in shown]), torch.cat([labels for _, labels in shown])


def rows_shown(data: BeatDataModule, signals: Tensor) -> list[int]:
    """Which beats a batch holds, found by their samples."""
    row_of = {signal.tobytes(): row for row, signal in enumerate(data.beats.signals)}
    return [row_of[signal.tobytes()] for signal in signals.numpy()]


def shared(data: BeatDataModule) -> list[str]:
    """The patients in test and in another part."""
    return shared_patients(data.beats.patient_ids, data.split_rows, "test")


def expected_split(data: BeatDataModule, split: str, random: np.random.RandomState) -> Split:
    if split == "original":
        return original_split(data.beats.labels, random)
    return group_split(data.beats.record_ids, 0)  # each synthetic record is a patient of its own


@pytest.mark.parametrize("balance", BALANCES)
@pytest.mark.parametrize("split", SPLITS)
def test_every_split_with_every_balance(cache_dir: Path, split: Any, balance: Any) -> None:
    data = set_up(
        split=split,
        balance=balance,
        per_class=PER_CLASS,
        batch_size=48,
        cache_dir=cache_dir,
        seed=3,
    )
    random = np.random.RandomState(0)
    expected = expected_split(data, split, random)
    for part in ("train", "validation", "test"):
        assert_array_equal(getattr(data.split_rows, part), getattr(expected, part))
        assert data.class_counts()[part] == counted(data.beats.labels[getattr(expected, part)])
    assert sum(map(len, (expected.train, expected.validation, expected.test))) == len(data.beats)

    epochs = [batches(data, "train", epoch) for epoch in range(2)]
    shown = [joined(epoch) for epoch in epochs]
    rows = [rows_shown(data, signals) for signals, _ in shown]
    for (signals, labels), of_epoch in zip(shown, rows, strict=True):
        assert (signals.dtype, labels.dtype, signals.shape[1:]) == (
            torch.float32,
            torch.int64,
            (1, 256),
        )
        assert labels.tolist() == data.beats.labels[of_epoch].tolist()
    assert {len(labels) for _, labels in epochs[0][:-1]} == {48}
    assert rows[0] != rows[1]
    if balance == "weighted":
        assert all(counted(labels) == dict.fromkeys("NSVFQ", PER_CLASS) for _, labels in shown)
        assert set(rows[0]) != set(rows[1])
        assert set(rows[0]) | set(rows[1]) <= set(expected.train.tolist())
    else:
        positions = np.arange(len(expected.train))
        if balance == "resample":
            positions = resample_indices(data.beats.labels[expected.train], PER_CLASS, random)
        assert Counter(rows[0]) == Counter(rows[1]) == Counter(expected.train[positions].tolist())


@pytest.mark.parametrize("balance", BALANCES)
def test_all_puts_everything_in_test_and_refuses_the_rest(cache_dir: Path, balance: Any) -> None:
    data = set_up(split="all", balance=balance, cache_dir=cache_dir)
    signals, labels = joined(batches(data, "test"))
    assert_array_equal(signals.numpy(), data.beats.signals)
    assert_array_equal(labels.numpy(), data.beats.labels)
    assert data.class_counts()["train"] == dict.fromkeys("NSVFQ", 0)
    assert data.class_counts()["test"] == counted(data.beats.labels)
    for part, loader in (("train", data.train_dataloader), ("validation", data.val_dataloader)):
        with pytest.raises(InputError) as caught:
            loader()
        assert (
            str(caught.value) == f"split all: expected beats in the {part} part, found none; "
            "choose another split; all has a test part only"
        )


@pytest.mark.parametrize("part", ["val", "test", "predict"])
def test_evaluation_shows_its_part_in_order_and_once(cache_dir: Path, part: str) -> None:
    data = set_up(cache_dir=cache_dir, split="records")
    signals, labels = joined(batches(data, part))
    rows = data.split_rows.validation if part == "val" else data.split_rows.test
    assert_array_equal(signals.numpy(), data.beats.signals[rows])
    assert_array_equal(labels.numpy(), data.beats.labels[rows])


def test_records_and_their_neighbours_stay_in_one_part(cache_dir: Path) -> None:
    for seed in range(4):
        data = set_up(cache_dir=cache_dir, split="records", split_seed=seed, balance="none")
        rows = data.split_rows
        parts = [
            set(data.beats.record_ids[part].tolist())
            for part in (rows.train, rows.validation, rows.test)
        ]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 12


def test_the_seeds_of_split_and_draws_are_two(cache_dir: Path) -> None:
    options: dict[str, Any] = {"cache_dir": cache_dir, "per_class": PER_CLASS}
    one, draws, split = (
        set_up(**options),
        set_up(**options, seed=1),
        set_up(**options, split_seed=1),
    )
    assert_array_equal(one.split_rows.test, draws.split_rows.test)
    assert set(one.split_rows.test.tolist()) != set(split.split_rows.test.tolist())
    shown = [rows_shown(data, joined(batches(data))[0]) for data in (one, set_up(**options), draws)]
    assert shown[0] == shown[1] != shown[2]


@pytest.mark.parametrize("balance", BALANCES)
def test_two_ranks_share_one_epoch(cache_dir: Path, balance: Any) -> None:
    options: dict[str, Any] = {
        "cache_dir": cache_dir,
        "per_class": PER_CLASS,
        "balance": balance,
        "batch_size": 64,
    }
    alone = joined(batches(set_up(**options), "train", 5))[1].tolist()
    shares = []
    for rank in range(2):
        data = set_up(**options)
        data.trainer = of_rank(rank, 2)
        shares.append(joined(batches(data, "train", 5))[1].tolist())
    both = [label for pair in zip(*shares, strict=True) for label in pair]
    filled_up = alone[: len(alone) % 2]  # an odd number of beats: one counts twice
    assert both == [*alone, *filled_up]


@pytest.mark.parametrize("part", ["val", "test", "predict"])
def test_three_ranks_evaluate_every_beat_once(cache_dir: Path, part: str) -> None:
    rows: list[int] = []
    for rank in range(3):  # 500 beats
        data = set_up(cache_dir=cache_dir)
        data.trainer = of_rank(rank, 3)
        rows += rows_shown(data, joined(batches(data, part))[0])
    assert sorted(rows) == sorted(
        (data.split_rows.validation if part == "val" else data.split_rows.test).tolist()
    )


def test_more_devices_than_beats_are_refused(kaggle: Path) -> None:
    data = set_up(source="kaggle", root=kaggle)
    data.trainer = of_rank(0, 501)
    with pytest.raises(InputError) as caught:
        data.test_dataloader()
    assert str(caught.value) == (
        "split original: expected a beat of the test part for each of 501 devices, found 500; "
        "use fewer devices (devices)"
    )


def test_beats_come_in_the_trainers_precision(cache_dir: Path) -> None:
    data = set_up(cache_dir=cache_dir, per_class=PER_CLASS)
    data.trainer = of_rank(0, 1)
    (expected, _), *_ = batches(data)
    data.trainer.precision_plugin = DoublePrecision()  # type: ignore[union-attr,misc]
    (signals, labels), *_ = batches(data)
    assert (signals.dtype, labels.dtype) == (torch.float64, torch.int64)
    assert torch.equal(signals, expected.double())


def test_the_second_run_cuts_nothing(cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        datamodule, "tables_of_records", lambda *_: pytest.fail("the beats are in the cache")
    )
    data = BeatDataModule(cache_dir=cache_dir)
    data.prepare_data()
    data.setup("fit")
    beats = data.beats
    data.setup("test")
    assert data.beats is beats


def test_another_setting_is_cut_again(small: Path, tmp_path: Path) -> None:
    tables = [
        set_up(
            source="wfdb",
            root=small,
            cache_dir=tmp_path,
            split="all",
            lead=lead,
            segmentation="annotations",
        ).beats
        for lead in ("MLII", "V1", 1)
    ]
    assert not np.array_equal(tables[0].signals, tables[1].signals)
    assert_array_equal(tables[1].signals, tables[2].signals)
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("beats-")]) == 3


def test_without_prepare_the_next_step_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"expected the synthetic database, found no such folder; "
        r"prepare the source synthetic first with `ecg-lightning prepare`",
    ):
        set_up(cache_dir=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_wfdb_folder_of_another_rate(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):  # three signals, so none is a copy
        record = ecg_like(name, "NVNANFN/N", fs_hz=250.0)
        record = replace(record, signal=record.signal * (1 + 0.1 * number))
        write_record(tmp_path / "records", record)
    data = BeatDataModule(
        "wfdb", tmp_path / "records", split="records", balance="none", cache_dir=tmp_path / "cache"
    )
    data.prepare_data()
    data.setup()
    assert (data.beats.fs_hz, data.beats.signals.shape[1:], data.input_length) == (
        360.0,
        (1, 256),
        256,
    )
    # Each record's first and last peak give no window, and its eighth peak is at 1 + 7 x 0.9 s
    assert [sum(counts.values()) for counts in data.class_counts().values()] == [7, 7, 7]
    assert data.beats.samples[:7].tolist() == [
        pytest.approx(250 * (1.9 + 0.9 * beat), abs=1) for beat in range(7)
    ]
    assert data.beats.signals.argmax(2).ravel().tolist() == [128] * 21


def test_four_short_records_lack_classes(small: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"^balance weighted: expected all of N S V F Q in the training part, "
        r"found no beat of class .* among \d+ beats; ",
    ):
        set_up(source="wfdb", root=small, cache_dir=tmp_path, split="records")
    with pytest.raises(
        InputError,
        match=r"^split original, class [NSVFQ]: expected more than 200 beats .*, found \d+; ",
    ):
        set_up(source="wfdb", root=small, cache_dir=tmp_path)


def test_too_large_a_class_size_for_resample_is_refused(cache_dir: Path) -> None:
    with pytest.raises(
        InputError, match=r"^balance resample: expected at least 10000 beats of class N"
    ):
        set_up(cache_dir=cache_dir, balance="resample")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (360.0, 256, "record")),
        ({"segmentation": "annotations"}, (360.0, 256, "record")),
        ({"segmentation": "windows"}, (360.0, 3600, "window")),
        ({"segmentation": "windows", "fs_hz": 250.0}, (250.0, 2500, "window")),
        (
            {"segmentation": "windows", "window_samples": 720, "normalization": "record"},
            (360.0, 720, "record"),
        ),
        (
            {"fs_hz": 125.0, "window_samples": 187, "normalization": "window"},
            (125.0, 187, "window"),
        ),
        ({"source": "kaggle"}, (125.0, 187, "window")),
        ({"source": "kaggle", "fs_hz": 125.0, "window_samples": 187}, (125.0, 187, "window")),
    ],
)
def test_the_default_settings(options: dict[str, Any], expected: tuple[float, int, str]) -> None:
    data = BeatDataModule(**options)
    assert (
        data.settings.fs_hz,
        data.settings.window_samples,
        data.settings.normalization,
    ) == expected
    assert data.input_length == expected[1]


def test_ten_second_windows_are_scaled_each_by_itself(small: Path, tmp_path: Path) -> None:
    data = set_up(
        source="wfdb", root=small, cache_dir=tmp_path, split="all", segmentation="windows"
    )
    assert data.beats.signals.shape[1:] == (1, 3600)
    assert_array_equal(data.beats.signals.min(2), 0.0)
    np.testing.assert_allclose(data.beats.signals.max(2), 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("per_class", -1),
        ("window_samples", 0),
        ("fs_hz", 0.0),
        ("fs_hz", np.nan),
        ("fs_hz", np.inf),
        ("fs_hz", 1e300),
        ("window_samples", 10**9),
        ("per_class", 10**12),
        ("batch_size", 10**12),
    ],
)
def test_numbers_have_a_range(name: str, value: float) -> None:
    with pytest.raises(InputError) as caught:
        BeatDataModule(**{name: value})  # type: ignore[arg-type]
    start, end = f"{name}: expected a number from 1 to ", f", found {value}; change it"
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith(end)


@pytest.mark.parametrize("name", ["seed", "split_seed"])
@pytest.mark.parametrize("value", [-1, 2**32])
def test_seeds_are_those_that_numpys_legacy_generator_takes(name: str, value: int) -> None:
    with pytest.raises(InputError) as caught:
        BeatDataModule(**{name: value})  # type: ignore[arg-type]
    assert (
        str(caught.value)
        == f"{name}: expected a whole number from 0 to 4294967295, found {value}; change it"
    )
    BeatDataModule(**{name: 2**32 - 1})  # type: ignore[arg-type]


@pytest.mark.parametrize("balance", BALANCES)
def test_kaggles_beats_go_through_the_originals_split(kaggle: Path, balance: Any) -> None:
    data = BeatDataModule("kaggle", kaggle, balance=balance, per_class=13)
    data.prepare_data()
    data.setup()
    assert data.class_counts()["train"] == dict.fromkeys("NSVFQ", 13)
    assert (
        data.class_counts()["test"]
        == data.class_counts()["validation"]
        == dict.fromkeys("NSVFQ", 100)
    )
    signals, labels = joined(batches(data))
    assert signals.shape == (65, 1, 187)
    assert counted(labels) == dict.fromkeys("NSVFQ", 13)


@pytest.mark.parametrize("split", ["records", "patients"])
def test_kaggle_knows_no_groups(kaggle: Path, split: Any) -> None:
    message = (
        "split: expected a source that knows the record of each beat, found kaggle; "
        "use the split original"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        set_up(source="kaggle", root=kaggle, split=split)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"fs_hz": 360.0},
            "fs_hz: expected 125, because Kaggle's beats are cut already, found 360.0; "
            "do not set it",
        ),
        (
            {"window_samples": 256},
            "window_samples: expected 187, because Kaggle's beats are cut already, found 256; "
            "do not set it",
        ),
    ],
)
def test_kaggles_beats_cannot_be_cut_again(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        BeatDataModule("kaggle", **options)


def test_kaggle_needs_a_folder() -> None:
    with pytest.raises(
        InputError,
        match=r"^root: expected the folder of mitbih_train\.csv and mitbih_test\.csv, found none; "
        r"name it$",
    ):
        set_up(source="kaggle")


@pytest.mark.parametrize(
    ("own", "xdg", "expected"),
    [
        ("/own", "/xdg", "/own"),
        (None, "/xdg", "/xdg/ecg-lightning"),
        ("", "", "/home/me/.cache/ecg-lightning"),
    ],
)
def test_the_default_cache(
    monkeypatch: pytest.MonkeyPatch, own: str | None, xdg: str | None, expected: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in (("ECG_LIGHTNING_CACHE", own), ("XDG_CACHE_HOME", xdg)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert default_cache_dir() == Path(expected)
    assert BeatDataModule().cache_dir == Path(expected)
    assert BeatDataModule(cache_dir=os.fspath("/elsewhere")).cache_dir == Path("/elsewhere")


def test_logs_get_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("a", "b")
    monkeypatch.setattr("ecg_lightning.system.terminal.on_a_terminal", lambda stream: False)
    assert track(names, "Reading") is names
    monkeypatch.setattr("ecg_lightning.system.terminal.on_a_terminal", lambda stream: True)
    assert list(track(names, "Reading")) == ["a", "b"]


class Watcher(lightning.LightningModule):
    """One weight, and a list of the labels that each epoch has shown."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.epochs = nn.Linear(256, 5), [list[int]() for _ in range(2)]

    def training_step(self, batch: Batch) -> Tensor:
        signals, labels = batch
        self.epochs[self.current_epoch] += labels.tolist()
        loss = nn.functional.cross_entropy(self.layer(signals[:, 0]), labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Batch) -> None:
        self.log("val_loss", nn.functional.cross_entropy(self.layer(batch[0][:, 0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.mark.filterwarnings("ignore:GPU available but not used")
@pytest.mark.filterwarnings(
    "ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning"
)
def test_the_trainer_makes_a_draw_for_each_epoch_and_prints_a_line(
    cache_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, module = (
        BeatDataModule(per_class=PER_CLASS, batch_size=50, cache_dir=cache_dir),
        Watcher(),
    )
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=2, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        default_root_dir=tmp_path, callbacks=[EpochLines()],
    )  # fmt: skip
    trainer.fit(module, data)
    shown = [joined(batches(data, "train", epoch))[1].tolist() for epoch in range(2)]
    assert module.epochs == shown
    assert shown[0] != shown[1]
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert [re.sub(r"\d\.\d{4}|[\d.]+(?= s$)", "x", line) for line in lines] == [
        f"epoch {n}/2  train_loss x  val_loss x  x s" for n in (1, 2)
    ]
    assert f"  val_loss {float(trainer.callback_metrics['val_loss']):.4f}  " in lines[1]


def test_the_fixed_splits_of_mitdb(mitdb: Path, tmp_path: Path) -> None:
    """DS1 -> DS2: the counts of annotated beats. Only the patient of 201 and 202 is in both."""
    settings: dict[str, Any] = {
        "root": mitdb,
        "segmentation": "annotations",
        "classes": "aami",
        "balance": "none",
        "cache_dir": tmp_path,
    }
    parts: dict[tuple[str, bool], BeatDataModule] = {}
    for split, without in (("patients", None), ("patients", ["202"]), ("mixed", None)):
        data = BeatDataModule("mitdb", **{**settings, "split": split, "without": without})
        data.prepare_data()
        data.setup()
        parts[split, bool(without)] = data
    apart, strictly, mixed = parts.values()
    counts = apart.class_counts()
    assert {name: counts["test"][name] for name in "SVF"} == {
        "S": 1837,
        "V": 3221,
        "F": 388,
    }  # de Chazal's table
    assert {name: counts["train"][name] + counts["validation"][name] for name in "SF"} == {
        "S": 944,
        "F": 415,
    }
    assert shared(apart) == ["201"]
    assert shared(strictly) == []
    assert strictly.class_counts()["test"]["N"] < counts["test"]["N"]
    assert len(shared(mixed)) == 43  # 44 records, 201 and 202 of one patient
    assert {part: sum(of_part.values()) for part, of_part in mixed.class_counts().items()} == {
        part: sum(of_part.values()) for part, of_part in counts.items()
    }


def test_the_parts_of_mitdb_and_svdb(mitdb: Path, svdb: Path, tmp_path: Path) -> None:
    """DS1 + SVDB -> DS2; DS2 holds the same beats as in de Chazal's split."""
    settings: dict[str, Any] = {
        "segmentation": "annotations",
        "classes": "aami",
        "balance": "none",
        "cache_dir": tmp_path,
    }
    both = set_up(
        source="mitdb,svdb",
        root=f"{mitdb},{svdb}",
        train="ds1,svdb",
        test="ds2",
        **settings,
    )
    rows, names = both.split_rows, both.beats.record_ids
    train, validation, test = (set(names[part].tolist()) for part in vars(rows).values())
    assert test == {f"mitdb/{name}" for name in DS2}
    assert {name for name in train | validation if name.startswith("mitdb")} == {
        f"mitdb/{name}" for name in DS1
    }
    assert len(train | validation) == 22 + 78
    assert (len(validation), train & validation) == (15, set())
    assert shared(both) == ["mitdb/201"]
    counts = both.class_counts()
    assert {name: counts["test"][name] for name in "SVF"} == {"S": 1837, "V": 3221, "F": 388}
    assert both.patient_counts() == {"records": 122, "unknown": 0, "patients": 121}
    assert (both.split, both.settings.fs_hz, both.settings.lead) == ("parts", 360.0, None)
    assert both.beats.leads == ("MLII", "V5", "ECG1")
    assert both.beats.recorded_fs_hz == (360.0, 128.0)
    assert both.record_facts(["test"]) == {"leads": ["MLII"], "recorded_fs_hz": [360.0]}
    trained = {"leads": ["MLII", "V5", "ECG1"], "recorded_fs_hz": [360.0, 128.0]}
    assert both.record_facts(["train", "validation"]) == trained
    assert both.assumption.startswith("svdb: one record taken for one patient;")
    alone = set_up(source="mitdb", root=mitdb, train="ds1", test="ds2", **settings)
    fixed = set_up(source="mitdb", root=mitdb, split="dechazal", **settings)
    assert_array_equal(alone.split_rows.test, fixed.split_rows.test)
    sides = [
        np.sort(np.concatenate([data.split_rows.train, data.split_rows.validation]))
        for data in (alone, fixed)
    ]
    assert_array_equal(sides[0], sides[1])
    signals = alone.beats.signals[alone.split_rows.test]
    assert_array_equal(both.beats.signals[rows.test], signals)


@pytest.fixture(scope="module")
def several(small: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("several")
    for name in "abc":
        write_record(folder / "own", ecg_like(name, "NVNV" + "NA" * ord(name), fs_hz=128.0))
    return {
        "source": ["synthetic", "wfdb"],
        "root": [str(small), str(folder / "own")],
        "segmentation": "annotations",
        "balance": "none",
        "cache_dir": folder / "cache",
    }


class TestSeveralSources:
    """The synthetic database and a folder of records at another rate."""

    def test_records_have_the_names_of_their_sources(self, several: dict[str, Any]) -> None:
        data = set_up(**several, split="all")
        names = {"synthetic/s01", "synthetic/s02", "synthetic/s03", "synthetic/s04"}
        names |= {"own/a", "own/b", "own/c"}
        assert set(data.beats.record_ids.tolist()) == names
        assert set(data.beats.patient_ids.tolist()) == {"", *(n for n in names if n[0] == "s")}
        assert data.beats.fs_hz == 360.0
        assert data.settings.lead is None
        assert (data.source, data.root) == ("synthetic,wfdb", None)
        read = data.excerpts()
        assert read is not None
        excerpts = [read(name, 200, 1.0) for name in ("synthetic/s01", "own/a")]
        assert [excerpt and excerpt.fs_hz for excerpt in excerpts] == [360, 128]

    @pytest.mark.parametrize("split", ["records", "folds"])
    def test_whole_records_stay_together(self, several: dict[str, Any], split: Any) -> None:
        tested: list[str] = []
        for fold in range(3):
            data = set_up(**several, split=split, folds=3, fold=fold)
            parts = [
                set(data.beats.record_ids[rows].tolist()) for rows in vars(data.split_rows).values()
            ]
            assert sum(map(len, parts)) == len(set.union(*parts)) == 7
            tested += parts[2]
        assert split == "records" or len(tested) == len(set(tested)) == 7

    def test_without_takes_joined_names(self, several: dict[str, Any]) -> None:
        data = set_up(**several, split="records", without="own/a,synthetic/s01")
        assert not {"own/a", "synthetic/s01"} & set(data.beats.record_ids.tolist())
        named = set_up(**several, train="synthetic,own/a", test="wfdb", without="own/a")
        parts = [
            set(named.beats.record_ids[rows].tolist()) for rows in vars(named.split_rows).values()
        ]
        assert parts[2] == {"own/b", "own/c"}
        assert parts[0] | parts[1] == {f"synthetic/s0{number}" for number in range(1, 5)}
        with pytest.raises(InputError, match="without: expected records of the folder"):
            set_up(**several, split="records", without=["a"])

    def test_a_test_part_alone_is_tested_and_not_trained_on(self, several: dict[str, Any]) -> None:
        data = set_up(**several, test="own")
        assert {part: sum(counts.values()) > 0 for part, counts in data.class_counts().items()} == {
            "train": False,
            "validation": False,
            "test": True,
        }
        with pytest.raises(InputError, match=r"^split parts: expected beats in the train part"):
            data.train_dataloader()
        for part in ("train", "validation"):
            with pytest.raises(InputError, match=f"expected beats in the {part} part"):
                data.refuse_without(part)
        data.refuse_without("test")

    def test_parts_are_looked_up_before_records_are_cut(
        self, several: dict[str, Any], tmp_path: Path
    ) -> None:
        data = BeatDataModule(**several | {"cache_dir": tmp_path / "new"}, test="nobody")
        with pytest.raises(InputError, match="found nobody; correct the names"):
            data.prepare_data()
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"source": "kaggle", "test": "a"}, "^train and test: expected a source of records"),
            ({"split": "parts"}, "^split parts: expected the names of parts or records"),
            ({"split": "all", "test": "own"}, "^train and test: expected the split parts"),
            ({"source": "synthetic,nothing"}, "^source: expected one of synthetic, mitdb, svdb"),
            ({"source": ""}, "^source: expected one of synthetic, mitdb, svdb"),
            ({"source": []}, "^source: expected one of synthetic, mitdb, svdb"),
        ],
    )
    def test_refused_before_anything_is_read(
        self, several: dict[str, Any], changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InputError, match=message):
            BeatDataModule(**several | changes)

    @pytest.mark.parametrize(
        ("source", "root", "roots"),
        [
            ("mitdb", "a,b", [Path("a,b")]),  # one folder, whose name has a comma
            ("mitdb", "", [Path()]),
            ("mitdb", None, [None]),
            ("mitdb,svdb", None, [None, None]),
            ("mitdb,svdb", "a,b", [Path("a"), Path("b")]),
            ("mitdb,svdb", " a , ", [Path("a"), None]),
            ("mitdb,svdb", ["a,b", "c"], [Path("a,b"), Path("c")]),
            (["mitdb"], ["a,b"], [Path("a,b")]),
        ],
    )
    def test_the_folders_of_the_sources(self, source: Any, root: Any, roots: list[Path]) -> None:
        data = BeatDataModule(source, root)
        assert list(data.roots) == roots
        assert data.root == (roots[0] if len(roots) == 1 else None)


def test_patients_of_mitdb_is_an_earlier_name_of_dechazal() -> None:
    record_ids = np.array([*DS1, *DS2, "102"])
    unknown = np.full(len(record_ids), np.nan, np.float32)
    beats = Beats(
        signals=np.zeros((len(record_ids), 1, 2), np.float32),
        labels=np.zeros(len(record_ids), np.int64),
        record_ids=record_ids,
        patient_ids=record_ids,
        samples=np.arange(len(record_ids)),
        symbols=np.full(len(record_ids), "N"),
        rr_before_s=unknown,
        rr_after_s=unknown,
        quality=np.ones(len(record_ids), np.float32),
        fs_hz=360.0,
    )
    random = np.random.RandomState(0)
    for without in ((), ("202",)):
        expected = vars(dechazal_split(record_ids, without))
        for name in ("patients", "dechazal"):
            choice = SplitChoice(name, "mitdb", without=without)  # type: ignore[arg-type]
            assert choice.name == name
            for part, rows in vars(choice.split(beats, random)).items():
                assert_array_equal(rows, expected[part])
    other = SplitChoice("patients", "wfdb").split(beats, random)
    assert_array_equal(other.test, group_split(record_ids, 0).test)


@pytest.mark.parametrize("source", ["synthetic", "wfdb", "kaggle"])
def test_dechazals_split_is_mitdbs(source: Any) -> None:
    with pytest.raises(InputError) as caught:
        BeatDataModule(source, split="dechazal")
    assert str(caught.value) == (
        f"split dechazal: expected the source mitdb, found {source}; "
        "use the split patients, records or folds"
    )


def test_folds_hold_each_record_of_unknown_patients_once(small: Path, tmp_path: Path) -> None:
    tested: list[str] = []
    for fold in range(4):
        data = set_up(
            source="wfdb",
            root=small,
            split="folds",
            folds=4,
            fold=fold,
            balance="none",
            cache_dir=tmp_path,
        )
        assert shared(data) == []
        tested += np.unique(data.beats.record_ids[data.split_rows.test]).tolist()
    assert sorted(tested) == sorted(np.unique(data.beats.record_ids).tolist())
    assert set(data.beats.patient_ids.tolist()) == {""}


PATIENTS = "record,patient\ns01,A\ns02,A\ns03,B\ns04,C\n"


@pytest.mark.parametrize("split", ["patients", "folds"])
def test_a_file_of_patients_keeps_their_records_together(
    small: Path, tmp_path: Path, split: Any
) -> None:
    (tmp_path / "patients.csv").write_text(PATIENTS)
    options: dict[str, Any] = {"source": "wfdb", "root": small, "balance": "none"}
    options |= {"cache_dir": tmp_path, "patients": tmp_path / "patients.csv", "folds": 3}
    for seed in range(3):
        data = set_up(split=split, split_seed=seed, **options)
        assert shared(data) == []
        assert set(data.beats.patient_ids.tolist()) == {"A", "B", "C"}
        parts = vars(data.split_rows).values()
        assert [len(np.unique(data.beats.patient_ids[rows])) for rows in parts] == [1] * 3


@pytest.mark.parametrize("source", ["mitdb", "synthetic", "kaggle"])
def test_a_file_of_patients_is_for_wfdb(source: Any) -> None:
    with pytest.raises(InputError) as caught:
        BeatDataModule(source, patients="patients.csv")
    assert str(caught.value) == (
        f"patients: expected the source wfdb, found {source}; do not set it"
    )


@pytest.mark.parametrize(
    ("source", "split"),
    [("synthetic", "original"), ("synthetic", "patients"), ("mitdb", "records"), ("mitdb", "all")],
)
def test_without_belongs_to_the_fixed_splits(source: Any, split: Any) -> None:
    with pytest.raises(
        InputError,
        match=f"^without: expected the split dechazal, mixed or parts, found {split} of {source}",
    ):
        BeatDataModule(source, split=split, without=["s01"])


class TestFoldersOfRecords:
    """Records that are skipped, dropped from, not used, or chosen by the user."""

    @pytest.fixture
    def odd(self, tmp_path: Path) -> Path:
        """Two good records, one that is shorter than a window, and one without annotations."""
        folder = tmp_path / "records"
        for name in ("a", "b", "bw"):
            write_record(folder, ecg_like(name))
        (folder / "bw.atr").unlink()
        write_record(folder, replace(ecg_like("s", "N"), signal=ecg_like("s").signal[:200]))
        (folder / "s.atr").write_bytes(b"\x64\x04\0\0")  # N at 100
        return folder

    def options(self, odd: Path, **changes: Any) -> dict[str, Any]:
        of_all: dict[str, Any] = {"source": "wfdb", "root": odd, "cache_dir": odd.parent / "cache"}
        return {**of_all, "split": "all", "segmentation": "annotations", **changes}

    def test_skip_says_what_was_skipped_also_from_the_cache(self, odd: Path) -> None:
        for _ in range(2):
            data = BeatDataModule(**self.options(odd, on_error="skip"))
            data.prepare_data()
            with pytest.warns(RecordWarning) as caught:
                data.setup()
            said = [(warning.category, str(warning.message)) for warning in caught]
            assert (said[0], said[-1]) == (
                (RecordWarning, "record bw: no annotations (.atr), not used"),
                (
                    SkippedRecordWarning,
                    "record s: skipped, expected at least a window, 256 samples, "
                    "found 200 samples at 360 Hz",
                ),
            )
            assert np.unique(data.beats.record_ids).tolist() == ["a", "b"]
            notes = [note for note in data.beats.notes if note.topic != "signal"]
            assert [(note.record, note.topic) for note in notes] == [
                ("bw", "unused"),
                ("s", "skipped"),
            ]

    def test_stop_refuses_although_skipped_beats_are_in_the_cache(self, odd: Path) -> None:
        BeatDataModule(**self.options(odd, on_error="skip")).prepare_data()
        for on_error in ("stop", None):
            with pytest.raises(InputError, match=r"^record s: expected at least a window, 256 "):
                BeatDataModule(**self.options(odd, on_error=on_error)).prepare_data()

    def test_predict_skips_unless_it_is_told_to_stop(self, odd: Path) -> None:
        trainer: Any = SimpleNamespace(state=SimpleNamespace(fn=TrainerFn.PREDICTING))
        data = BeatDataModule(**self.options(odd))
        data.trainer = trainer
        data.prepare_data()
        data = BeatDataModule(**self.options(odd, on_error="stop"))
        data.trainer = trainer
        with pytest.raises(InputError, match=r"^record s: "):
            data.prepare_data()

    def test_all_skipped_is_refused_with_the_first_reason(self, odd: Path) -> None:
        for name in ("a", "b"):
            (odd / f"{name}.dat").unlink()
        with pytest.raises(InputError) as caught:
            BeatDataModule(**self.options(odd, on_error="skip")).prepare_data()
        assert str(caught.value) == (
            f"{odd}: expected a record that can be read, found none in 3 records "
            "(record a: skipped, a.dat: expected the signal of a.hea, found no such file); "
            "check the records, or choose another folder (root)"
        )

    def test_without_leaves_records_unread(self, odd: Path) -> None:
        (odd / "bw.hea").unlink()
        data = set_up(**self.options(odd, without=["s"]))
        assert np.unique(data.beats.record_ids).tolist() == ["a", "b"]
        assert {note.topic for note in data.beats.notes} == {"signal"}

    @pytest.mark.parametrize(("without", "found"), [(["x", "s"], "x"), (["a", "b", "s"], "all")])
    def test_without_names_records_that_are_there(
        self, odd: Path, without: list[str], found: str
    ) -> None:
        with pytest.raises(InputError, match=f"^without: expected records .*, found {found}; "):
            BeatDataModule(**self.options(odd, without=without)).prepare_data()

    def test_dropped_annotations_are_said(self, tmp_path: Path) -> None:
        record = ecg_like("a")
        behind = np.append(record.annotation_samples, len(record.signal))
        symbols = np.append(record.annotation_symbols, "N")
        write_record(
            tmp_path / "r", replace(record, annotation_samples=behind, annotation_symbols=symbols)
        )
        with pytest.warns(RecordWarning, match="^record a: 1 annotation outside the signal is dr"):
            data = set_up(**self.options(tmp_path / "r"))
        assert len(data.beats) == len(record.annotation_samples)

    def test_the_default_lead_of_a_folder_is_an_ecg(self, tmp_path: Path) -> None:
        record = ecg_like("a")
        flat = np.zeros(len(record.signal))
        write_record(
            tmp_path / "r", replace(record, lead="ABP", signal=flat), [("MLII", record.signal)]
        )
        header = tmp_path / "r" / "a.hea"
        header.write_text(header.read_text().replace("/mV", "/mmHg", 1))
        data = set_up(**self.options(tmp_path / "r"))
        assert data.settings.lead == "MLII,II,ecg,voltage,0"
        assert data.beats.leads == ("MLII",)
        assert set_up(**self.options(tmp_path / "r", lead="V9,mlii")).beats.leads == ("MLII",)
        for source in ("mitdb", "synthetic"):
            assert BeatDataModule(source).settings.lead == 0  # type: ignore[arg-type]
        with pytest.raises(InputError, match=r"^lead: expected an index, a name, or several"):
            BeatDataModule(lead=" , ")

    def test_a_tilde_is_the_home_folder(self, odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(odd.parent))
        data = BeatDataModule("wfdb", "~/records", split="all", cache_dir="~/cache")
        assert (data.root, data.cache_dir) == (odd, odd.parent / "cache")
        monkeypatch.chdir(odd)
        (odd / "~" / "records").mkdir(parents=True)
        assert BeatDataModule("wfdb", "~/records").root == Path("~/records")  # it exists

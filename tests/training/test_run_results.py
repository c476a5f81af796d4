"""The run folder after fit, validate and test of a tiny module by a real Trainer on the CPU."""

import json
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from matplotlib.image import imread
from sklearn import metrics as sk
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from ecg_lightning.figures.confusion import confusion_matrix_figure
from ecg_lightning.figures.style import png_bytes
from ecg_lightning.system.atomic_files import write_atomically
from ecg_lightning.training.callbacks.run_results import RunResults
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics

NAMES = ("N", "S", "V")
SIZES = {"train": 24, "validation": 15, "test": 18}
pytestmark = [
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    # A test without the ModelCheckpoint that saved the weights
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),
    # Lightning 2.6 with torch 2.14
    pytest.mark.filterwarnings(
        "ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning"
    ),
]
FILES = {"metrics.json", "confusion_matrix.png", "curves.png", "classes.png"}


class _TinyData(pl.LightningDataModule):
    """Three classes of points in the plane, seeded; half of them have a wrong label."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.parts: dict[str, TensorDataset] = {}
        for part, size in SIZES.items():
            labels = torch.randint(0, 3, (size,), generator=generator)
            points = torch.randn(size, 2, generator=generator) + labels[:, None]
            self.parts[part] = TensorDataset(points, labels)

    def _loader(self, part: str) -> DataLoader[Any]:
        return DataLoader(self.parts[part], batch_size=7)

    def train_dataloader(self) -> DataLoader[Any]:
        return self._loader("train")

    def val_dataloader(self) -> DataLoader[Any]:
        return self._loader("validation")

    def test_dataloader(self) -> DataLoader[Any]:
        return self._loader("test")

    def labels(self, part: str) -> Tensor:
        return self.parts[part].tensors[1]

    def class_counts(self) -> dict[str, dict[str, int]]:
        counted = {part: np.bincount(self.labels(part), minlength=3).tolist() for part in SIZES}
        return {part: dict(zip(NAMES, counts, strict=True)) for part, counts in counted.items()}


class _TinyModule(pl.LightningModule):
    """A linear classifier that writes its results into the callback that `RunResults` reads."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(2, 3)
        self.running = RunningMetrics()
        self.logged: list[tuple[str, int, float]] = []
        self._seen: list[tuple[Tensor, Tensor]] = []

    def configure_callbacks(self) -> list[pl.Callback]:
        return [self.running]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        logits = self.layer(batch[0])
        loss = torch.nn.functional.cross_entropy(logits, batch[1])
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        self.log(
            "train_accuracy",
            (logits.argmax(1) == batch[1]).float().mean(),
            on_step=False,
            on_epoch=True,
        )
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        self._seen.append((self.layer(batch[0]), batch[1]))

    test_step = validation_step

    def on_validation_epoch_end(self) -> None:
        self._finish("val")
        self.log("val_loss", self.running.mean_loss["val"])
        matrix = self.running.confusion["val"]
        self.log("val_accuracy", float(matrix.trace() / matrix.sum()))
        if not self.trainer.sanity_checking:
            self.logged.append(("val_loss", self.current_epoch, self.running.mean_loss["val"]))

    def on_test_epoch_end(self) -> None:
        self._finish("test")

    def _finish(self, part: str) -> None:
        logits, labels = (torch.cat(column) for column in zip(*self._seen, strict=True))
        self._seen = []
        self.running.confusion[part] = torch.zeros(3, 3, dtype=torch.int64)
        for true, predicted in zip(labels, logits.argmax(1), strict=True):
            self.running.confusion[part][true, predicted] += 1
        self.running.mean_loss[part] = float(torch.nn.functional.cross_entropy(logits, labels))


def _trainer(folder: Path, callback: RunResults, **options: Any) -> pl.Trainer:
    arguments: dict[str, Any] = {
        "max_epochs": 2,
        "accelerator": "cpu",
        "devices": 1,
        "enable_progress_bar": False,
        "log_every_n_steps": 1,
    }
    arguments |= {
        "enable_model_summary": False,
        "logger": False,
        "default_root_dir": folder,
        "enable_checkpointing": False,
    }
    arguments |= options
    callbacks = [callback, *arguments.pop("callbacks", [])]
    return pl.Trainer(callbacks=callbacks, **arguments)


def _metrics(folder: Path) -> dict[str, Any]:
    actual: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return actual


def _expected(module: _TinyModule, data: _TinyData, part: str) -> dict[str, Any]:
    """A part's metrics by scikit-learn, from the module's weights."""
    points, labels = data.parts[part].tensors
    with torch.no_grad():
        logits = module.layer(points)
    predicted = logits.argmax(1)
    return {
        "accuracy": sk.accuracy_score(labels, predicted),
        "loss": pytest.approx(
            sk.log_loss(labels, logits.double().softmax(1), labels=range(3)), rel=1e-5
        ),
        "beats": data.class_counts()[part],
        "confusion_matrix": sk.confusion_matrix(labels, predicted, labels=range(3)).tolist(),
    }


def test_fit_then_validate_then_test_write_scikit_learn_s_metrics(tmp_path: Path) -> None:
    """Compare the whole metrics.json, and the figure of the test part's confusion."""
    module, data, callback = _TinyModule(), _TinyData(), RunResults()
    trainer = _trainer(tmp_path, callback)
    trainer.fit(module, datamodule=data)
    assert {path.name for path in tmp_path.iterdir()} == FILES - {"confusion_matrix.png"}
    head = {
        "schema": 1,
        "classes": list(NAMES),
        "checkpoint": None,
        "train": {"beats": data.class_counts()["train"]},
    }
    assert _metrics(tmp_path) == head

    trainer.validate(module, datamodule=data, verbose=False)
    validation = _expected(module, data, "validation")
    assert _metrics(tmp_path) == {**head, "validation": validation}
    assert (tmp_path / "confusion_matrix.png").read_bytes() == _picture(validation)

    trainer.test(module, datamodule=data, verbose=False)
    test = _expected(module, data, "test")
    assert _metrics(tmp_path) == {**head, "validation": validation, "test": test}
    assert (tmp_path / "confusion_matrix.png").read_bytes() == _picture(test)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    for name in FILES - {"metrics.json"}:
        assert imread(tmp_path / name).shape[1] > 1000


def _picture(part: dict[str, Any]) -> bytes:
    return png_bytes(confusion_matrix_figure(part["confusion_matrix"], NAMES))


def test_history_is_what_was_logged_without_the_sanity_check(tmp_path: Path) -> None:
    """Each epoch has a row; its training metrics are those of the same epoch."""
    module, callback = _TinyModule(), RunResults()
    logger = CSVLogger(tmp_path, name=None, version="")
    _trainer(tmp_path, callback, logger=logger).fit(module, datamodule=_TinyData())
    assert [row["epoch"] for row in callback.history] == [0, 1]
    assert [row["val_loss"] for row in callback.history] == pytest.approx(
        [loss for _, _, loss in module.logged]
    )
    lines = [line.split(",") for line in (tmp_path / "metrics.csv").read_text().splitlines()]
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        logged = {int(row["epoch"]): float(row[key]) for row in rows if row[key]}
        assert {int(row["epoch"]): row[key] for row in callback.history} == pytest.approx(logged)


def test_an_epoch_without_validation_repeats_no_old_metrics(tmp_path: Path) -> None:
    """With a validation every second epoch, epochs 0 and 2 have only training metrics."""
    callback = RunResults()
    trainer = _trainer(tmp_path, callback, max_epochs=3, check_val_every_n_epoch=2)
    trainer.fit(_TinyModule(), datamodule=_TinyData())
    assert ["val_loss" in row for row in callback.history] == [False, True, False]
    assert all("train_loss" in row for row in callback.history)


def test_last_epoch_goes_below_its_key_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    """The top level and the figure stay those of the best checkpoint."""
    module, data, callback = _TinyModule(), _TinyData(), RunResults()
    trainer = _trainer(tmp_path, callback)
    trainer.test(module, datamodule=data, verbose=False)
    before, picture = _metrics(tmp_path), (tmp_path / "confusion_matrix.png").read_bytes()
    callback.section = "last_epoch"
    with torch.no_grad():
        module.layer.bias.add_(torch.tensor([5.0, 0.0, 0.0]))
    trainer.validate(module, datamodule=data, verbose=False)
    trainer.test(module, datamodule=data, verbose=False)
    last = {part: _expected(module, data, part) for part in ("validation", "test")}
    assert _metrics(tmp_path) == {**before, "last_epoch": last}
    assert (tmp_path / "confusion_matrix.png").read_bytes() == picture


def test_checkpoint_is_named_and_parts_of_another_one_go(tmp_path: Path) -> None:
    """metrics.json never mixes two checkpoints at one level.

    A resumed fit begins the file again and keeps the curves.
    """
    module, data, callback = _TinyModule(), _TinyData(), RunResults()
    keeper = ModelCheckpoint(
        tmp_path / "checkpoints", filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True
    )
    options: dict[str, Any] = {"enable_checkpointing": True, "callbacks": [keeper]}
    _trainer(tmp_path, callback, **options).fit(module, datamodule=data)
    first, last = (str(tmp_path / "checkpoints" / f"epoch={epoch}.ckpt") for epoch in (0, 1))

    callback.folder = tmp_path / "elsewhere" / "run"
    trainer = _trainer(tmp_path, callback)
    trainer.validate(module, datamodule=data, ckpt_path=last, verbose=False)
    trainer.test(module, datamodule=data, ckpt_path=last, verbose=False)
    actual = _metrics(callback.folder)
    assert actual["checkpoint"] == Path(last).name
    assert {"validation", "test"} < set(actual)
    assert {path.name for path in callback.folder.iterdir()} == FILES - {"curves.png"}
    trainer.test(module, datamodule=data, ckpt_path=first, verbose=False)
    actual = _metrics(callback.folder)
    assert actual["checkpoint"] == Path(first).name
    assert "validation" not in actual

    resumed, again = RunResults(), _TinyModule()
    resumed.folder = callback.folder
    _trainer(tmp_path, resumed).fit(again, datamodule=data, ckpt_path=first)
    whole = RunResults()
    _trainer(tmp_path / "whole", whole).fit(_TinyModule(), datamodule=data)
    assert resumed.history == whole.history
    assert "test" not in _metrics(callback.folder)


def test_every_tenth_epoch_draws_the_curves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long run, or one that is killed, has curves too."""
    drawn: list[int] = []
    monkeypatch.setattr("ecg_lightning.training.callbacks.run_results.CURVES_EVERY", 2)
    monkeypatch.setattr(
        "ecg_lightning.training.callbacks.run_results.png_bytes", lambda figure: b""
    )
    monkeypatch.setattr(
        "ecg_lightning.training.callbacks.run_results.curves_figure",
        lambda history: drawn.append(len(history)),
    )
    _trainer(tmp_path, RunResults()).fit(_TinyModule(), datamodule=_TinyData())
    assert drawn == [2, 2]


def test_fast_dev_run_writes_too(tmp_path: Path) -> None:
    """The files are in the root folder, because this run's logger has no folder."""
    trainer = _trainer(tmp_path, RunResults(), logger=True, fast_dev_run=True)
    module = _TinyModule()
    trainer.fit(module, datamodule=_TinyData())
    trainer.test(module, datamodule=_TinyData(), verbose=False)
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_without_a_folder_the_logger_s_is_taken(tmp_path: Path) -> None:
    """The files go to `trainer.log_dir`, where the config and the logs are."""
    logger = CSVLogger(tmp_path, name="runs", version="a")
    _trainer(tmp_path, RunResults(), logger=logger).test(
        _TinyModule(), datamodule=_TinyData(), verbose=False
    )
    assert FILES - {"curves.png"} <= {path.name for path in (tmp_path / "runs" / "a").iterdir()}


@pytest.mark.parametrize("content", ["not json", "[]", '{"schema": 99}'])
def test_a_foreign_metrics_file_is_renamed(tmp_path: Path, content: str) -> None:
    """It is never overwritten, and never ends hours of training with a traceback."""
    (tmp_path / "metrics.json").write_text(content)
    trainer = _trainer(tmp_path, RunResults())
    message = (
        r"metrics.json: expected a JSON object with schema 1; renamed to metrics.json.unreadable"
    )
    with pytest.warns(UserWarning, match=message):
        trainer.test(_TinyModule(), datamodule=_TinyData(), verbose=False)
    assert (tmp_path / "metrics.json.unreadable").read_text() == content
    assert "test" in _metrics(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is written under another name first, then renamed in one step."""
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"old")

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ecg_lightning.system.atomic_files.os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert [p.name for p in path.parent.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_state_survives_a_round_trip() -> None:
    """The state is plain lists and numbers, as in a checkpoint."""
    callback, other = RunResults(), RunResults()
    rows = [{"epoch": 4, "val_loss": 0.5}, {"epoch": 3, "train_loss": 1.0, "other": 9.0}]
    callback.load_state_dict({"history": rows})
    other.load_state_dict(json.loads(json.dumps(callback.state_dict())))
    assert other.history == [{"epoch": 3, "train_loss": 1.0}, {"epoch": 4, "val_loss": 0.5}]

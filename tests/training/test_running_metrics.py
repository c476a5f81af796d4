"""The callback that counts an epoch: when a Trainer has it, and what a checkpoint keeps."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ecg_lightning.training.callbacks.running_metrics import RUNNING, RunningMetrics
from ecg_lightning.training.classifier import BeatClassifier
from tests.helpers.cli import Tiny
from tests.training.test_classifier import BATCH, QUIET, loader, part, running, trainer

pytestmark = [
    *QUIET,
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before"),
]
STEPS, SAVED = 5, 3


class Save(lightning.Callback):
    """Saves a checkpoint in the middle of the first epoch, before later callbacks run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (trainer.current_epoch, batch_idx + 1) == (0, SAVED):
            trainer.save_checkpoint(self.path)


def fit(
    folder: Path, *callbacks: lightning.Callback, ckpt_path: Path | None = None
) -> lightning.Trainer:
    """Train for one epoch of five batches, always of the same beats."""
    torch.manual_seed(0)
    run = trainer(folder, *callbacks)
    run.fit_loop.max_epochs = 1
    beats = loader(part(STEPS * BATCH, 1))
    run.fit(BeatClassifier(Tiny(64)), beats, beats, ckpt_path=ckpt_path, weights_only=True)
    return run


def test_a_trainer_has_it_once(tmp_path: Path) -> None:
    run, model, beats = trainer(tmp_path), BeatClassifier(Tiny(64)), loader(part(40, 4))
    run.fit(model, beats, beats)
    run.test(model, beats, verbose=False)
    own = [c for c in run.callbacks if isinstance(c, RunningMetrics)]  # type: ignore[attr-defined]
    assert own == [RunningMetrics.of(run)]
    assert set(own[0].confusion) == {"train", "val", "test"}


class Judges(nn.Module):
    """Two members, as a network of sequences (S, K, T) with members has them in training."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleList(nn.Linear(8, 5) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        logits = torch.stack([member(x) for member in self.members])
        return logits if self.training else logits.softmax(-1).mean(0).log()


def test_a_beat_counts_once_whatever_the_members(tmp_path: Path) -> None:
    """The mean of the members' probabilities decides; a beat of label -100 does not count."""
    torch.manual_seed(0)
    signals, labels = torch.randn(3, 6, 8), torch.randint(5, (3, 6))
    labels[:, -1] = -100
    batches = DataLoader(TensorDataset(signals, labels), batch_size=3)
    run, model = trainer(tmp_path), BeatClassifier(Judges())
    run.fit_loop.max_epochs = 1
    before = Judges()
    before.load_state_dict(model.network.state_dict())
    run.fit(model, batches, batches)
    metrics = RunningMetrics.of(run)
    assert metrics is not None
    shown = labels >= 0
    guesses = before.eval()(signals).argmax(-1)[shown]
    expected = confusion_matrix(labels[shown], guesses, labels=range(5))
    assert metrics.confusion["train"].tolist() == expected.tolist()
    losses = [F.cross_entropy(own(signals)[shown], labels[shown]) for own in before.members]
    assert metrics.mean_loss["train"] == pytest.approx(sum(x.item() for x in losses) / 2, rel=1e-5)


def test_the_users_own_is_used(tmp_path: Path) -> None:
    own = RunningMetrics()
    run = trainer(tmp_path, own)
    run.test(BeatClassifier(Tiny(64)), loader(part(40, 4)), verbose=False)
    assert RunningMetrics.of(run) is own
    assert int(own.confusion["test"].sum()) == 40


def test_an_epoch_that_resumes_in_its_middle_counts_each_beat_once(tmp_path: Path) -> None:
    whole = fit(tmp_path, Save(tmp_path / "middle.ckpt"))
    content = torch.load(tmp_path / "middle.ckpt", weights_only=True)
    counted = content[RUNNING]["states"]["matrix.confmat"]
    assert (counted.shape, int(counted.sum())) == ((1, 5, 5), SAVED * BATCH)
    resumed = fit(tmp_path, ckpt_path=tmp_path / "middle.ckpt")
    for run in (whole, resumed):
        assert int(running(run).confusion["train"].sum()) == STEPS * BATCH


def test_counts_of_another_number_of_ranks_are_not_used(tmp_path: Path) -> None:
    fit(tmp_path, Save(tmp_path / "middle.ckpt"))
    content = torch.load(tmp_path / "middle.ckpt", weights_only=True)
    states = content[RUNNING]["states"]
    content[RUNNING]["states"] = {
        name: value.repeat_interleave(2, 0) for name, value in states.items()
    }
    torch.save(content, tmp_path / "two.ckpt")
    alone = fit(tmp_path, ckpt_path=tmp_path / "middle.ckpt")
    others = fit(tmp_path, ckpt_path=tmp_path / "two.ckpt")
    difference = running(alone).confusion["train"].sum() - running(others).confusion["train"].sum()
    assert int(difference) == SAVED * BATCH


class Silent(BeatClassifier):
    """A classifier whose own training step counts nothing."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:  # type: ignore[override]
        loss = nn.functional.cross_entropy(self.network(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss


def test_a_part_that_is_not_counted_is_not_logged(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.fit(Silent(Tiny(64)), loader(part(40, 4)), loader(part(40, 5)))
    assert set(run.callback_metrics) == {"train_loss", "val_loss", "val_accuracy"}
    assert set(running(run).confusion) == {"val"}


@pytest.mark.parametrize("limit", [1, 2])
def test_limited_batches_are_all_that_is_counted(tmp_path: Path, limit: int) -> None:
    run = trainer(tmp_path)
    run.limit_test_batches = limit
    run.test(BeatClassifier(Tiny(64)), loader(part(70, 4)), verbose=False)
    assert int(running(run).confusion["test"].sum()) == limit * BATCH
    assert running(run).test_probabilities.shape == (limit * BATCH, 5)

"""A ModelCheckpoint whose best epoch a resumed run keeps, also in a new folder."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from ecg_lightning.models.checkpoint import read_checkpoint
from ecg_lightning.training.callbacks.of_trainer import OfTrainer
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.distributed import is_first_rank

PATHS = ("best_model_path", "kth_best_model_path", "last_model_path", "dirpath")


class BestCheckpoint(OfTrainer, ModelCheckpoint):
    """Keep the best epoch, also of a run that is resumed in another folder.

    Lightning's ModelCheckpoint forgets it there. Here the best checkpoint is copied into the new
    folder and its score is kept, so that only a better epoch replaces it. Its state holds the
    names of files without their folders: the file is looked for next to the checkpoint that the
    run resumes from. An epoch without a validation is not compared.

    Attributes:
        best_at: Epoch (from 0) and step in which this process has found the best weights so far;
            None before.
    """

    _resumed: Path | None = None
    best_at: tuple[int, int] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with names of files instead of paths."""
        return named(super().state_dict())

    def on_load_checkpoint(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Note what a fit resumes from; an evaluation copies nothing."""
        super().on_load_checkpoint(trainer, pl_module, checkpoint)
        self._resumed = Path(str(trainer.ckpt_path)) if trainer.state.fn == "fit" else None

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state from a checkpoint, and copy the best checkpoints' files.

        They are next to the checkpoint that the run resumes from, or in this run's folder already.
        Where none is left, the run looks for its best epoch from here on.
        """
        state, folder = named(state_dict), Path(self.dirpath or "")
        if self._resumed is None or not self.dirpath or not self._taken(state, folder):
            return
        scores = {
            str(folder / name): score
            for name, score in state["best_k_models"].items()
            if self._is_there(name, folder)
        }
        best, worst = (folder / state[key] for key in PATHS[:2])
        places = {
            "best_model_path": str(best),
            "kth_best_model_path": str(worst if str(worst) in scores else best),
            "best_k_models": scores or {str(best): state["best_model_score"]},
        }
        super().load_state_dict({**state, **places, "dirpath": self.dirpath, "last_model_path": ""})

    def _taken(self, state: Mapping[str, Any], folder: Path) -> bool:
        """Whether the best checkpoint is in the run's folder now."""
        assert self._resumed is not None
        for name in {state["best_model_path"], *state["best_k_models"]}:
            beside = self._resumed.parent / name
            if not name or not beside.is_file() or beside.resolve() == (folder / name).resolve():
                continue
            read_checkpoint(beside)  # refuse a damaged one now, and not after the training
            if is_first_rank():
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy2(beside, folder)
        best = state["best_model_path"]
        if best and not self._is_there(best, folder) and is_first_rank():
            print(f"{self._resumed.parent}: no {best}; earlier epochs are not compared", flush=True)
        return bool(best) and self._is_there(best, folder)

    def _is_there(self, name: str, folder: Path) -> bool:
        """Whether the run's folder has a file, or gets it from the first process."""
        assert self._resumed is not None
        return (folder / name).is_file() or (self._resumed.parent / name).is_file()

    def _save_topk_checkpoint(
        self, trainer: lightning.Trainer, monitor_candidates: dict[str, Tensor]
    ) -> None:
        """Compare an epoch in which the metric was measured."""
        known = self.monitor is None or self.monitor in monitor_candidates
        if not known or not RunningMetrics.measured(trainer, self.monitor):
            return
        before = self.best_model_score
        super()._save_topk_checkpoint(trainer, monitor_candidates)
        score = self.best_model_score
        if score is not None and score.isfinite() and (before is None or score != before):
            self.best_at = trainer.current_epoch, trainer.global_step

    @classmethod
    def found_best(cls, trainer: lightning.Trainer, epoch: int) -> bool:
        """Return whether the weights of an epoch (from 0) are the best of all until now."""
        checkpoint = cls.of(trainer)
        best_at = checkpoint.best_at if checkpoint else None
        return best_at is not None and best_at[0] == epoch


def named(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a ModelCheckpoint with the last part of each path.

    Args:
        state: Its state; earlier versions kept absolute paths.
    """
    names = {key: Path(state[key] or "").name for key in PATHS}
    scores = {Path(path).name: score for path, score in state["best_k_models"].items()}
    return {**state, **names, "best_k_models": scores}

"""A ModelCheckpoint whose best epoch a resumed run keeps, also in a new folder."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import ModelCheckpoint

from ecg_lightning.training.distributed import is_first_rank


class BestCheckpoint(ModelCheckpoint):
    """Keep the best epoch, also of a run that is resumed in another folder.

    Lightning's ModelCheckpoint forgets it there. Here the best checkpoint is copied into the new
    folder and its score is kept, so that only a better epoch replaces it.
    """

    _resumed: Path | None = None

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
        """Take the state from a checkpoint, and copy the best checkpoint's file.

        It is where the state says, or in this run's folder if that was moved or copied.
        """
        best, folder = Path(state_dict.get("best_model_path") or ""), Path(self.dirpath or "")
        if self._resumed and self.dirpath and best.parent != folder:
            own = self._resumed.resolve().parent == folder.resolve() or not best.is_file()
            if own and (folder / best.name).is_file():
                state_dict = _moved(state_dict, folder / best.name)
            elif best.is_file():
                state_dict = _moved(state_dict, folder / best.name)
                if is_first_rank():
                    folder.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(best, folder)
        super().load_state_dict(state_dict)


def _moved(state: Mapping[str, Any], best: Path) -> dict[str, Any]:
    """The state with the best checkpoint at another path."""
    models = {
        "best_model_path": str(best),
        "kth_best_model_path": str(best),
        "best_k_models": {str(best): state["best_model_score"]},
    }
    return {**state, **models, "dirpath": str(best.parent), "last_model_path": ""}

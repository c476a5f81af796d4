"""A ModelCheckpoint that a resumed run carries over into its own folder."""

import shutil
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import ModelCheckpoint

from ecg_lightning.output_folder import is_first_rank


class BestCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint, which forgets the best epoch so far when a run is resumed in another folder.

    Here the best checkpoint is copied into the new folder, beside its score, so that the resumed run replaces it only by a better one.
    """

    _stage = ""

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Notes whether this is a fit; an evaluation carries nothing over."""
        super().setup(trainer, pl_module, stage)
        self._stage = stage

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the state over, with the best checkpoint's file where it is still there."""
        best = Path(state_dict.get("best_model_path") or "")
        if self._stage == "fit" and self.dirpath and best.is_file() and best.parent != Path(self.dirpath):
            state_dict = {**state_dict, **self._moved(best, state_dict["best_model_score"])}
        super().load_state_dict(state_dict)

    def _moved(self, best: Path, score: Any) -> dict[str, Any]:
        folder = Path(str(self.dirpath))
        path = str(folder / best.name)
        if is_first_rank():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(best, path)
        models = {"best_model_path": path, "kth_best_model_path": path, "best_k_models": {path: score}}
        return {**models, "dirpath": str(folder), "last_model_path": ""}

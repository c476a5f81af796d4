"""Make the weights that are part of the package from a run, for the maintainers.

    python scripts/ship_weights.py RUN

The best checkpoint goes to ecg_lightning/weights as safetensors, with the run's settings inside.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file

from ecg_lightning import __version__, models
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.models.names import SHIPPED
from ecg_lightning.training.checkpoints import run_config

FOLDER = Path(models.__file__).parent.parent / "weights"


def ship(run: Path) -> Path:
    """Write the weights of one run; return the file.

    Args:
        run: The run folder, of `deep_conv1d.yaml` or `time_depends.yaml` on MIT-BIH.

    Raises:
        SystemExit: The run's data are not MIT-BIH's records.
    """
    settings = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    if settings["data"]["source"] != "mitdb":
        raise SystemExit(
            f"{run}: expected a run on mitdb, found {settings['data']['source']}; "
            "ship weights of such a run only"
        )
    name = settings["model"]["network"]["class_path"].rpartition(".")[2]
    content = torch.load(run / "checkpoints" / "best.ckpt", map_location="cpu", weights_only=True)
    state = {
        key.removeprefix("network."): value
        for key, value in content["state_dict"].items()
        if key.startswith("network.")
    }
    beats = BeatDataModule(**settings["data"]).settings
    network = getattr(models, name)(beats.window_samples)
    network.load_state_dict(state)
    description = {
        "version": __version__,
        "network": name,
        "input_length": beats.window_samples,
        "classes": list(CLASS_NAMES),
    }
    description["config"] = {**run_config(settings, asdict(beats)), "epoch": content["epoch"]}
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / SHIPPED[name]
    save_file(
        {key: value.contiguous() for key, value in network.state_dict().items()},
        path,
        {"ecg_lightning": json.dumps(description)},
    )
    return path


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        print(ship(Path(folder)))

"""Make the weights that are part of the package from a run, for the maintainers.

    python scripts/ship_weights.py RUN [--name DeepConv1d-robust]

The best checkpoint goes to ecg_lightning/weights as safetensors, with the run's settings and the
names of its training records inside.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ecg_lightning import models
from ecg_lightning.data.parts import trained_records
from ecg_lightning.models.checkpoint import DESCRIPTION
from ecg_lightning.models.names import SHIPPED
from ecg_lightning.text import names_in

FOLDER = Path(models.__file__).parent.parent / "weights"
SOURCES = {"mitdb", "svdb"}  # their licence allows weights in the package


def ship(run: Path, name: str | None = None, folder: Path = FOLDER) -> Path:
    """Write the weights of one run; return the file.

    Args:
        run: The run folder, of a run on MIT-BIH's records and those of SVDB.
        name: One of `SHIPPED`. Default: the name of the network.
        folder: Where the file is written.

    Raises:
        SystemExit: The run has other data, or no weights of that name and network are shipped.
    """
    content = torch.load(run / "checkpoints" / "best.ckpt", map_location="cpu", weights_only=True)
    description = content[DESCRIPTION]
    config, name = description["config"], name or description["network"]
    _check(run, config, description["network"], name)
    state = {
        key.removeprefix("network."): value
        for key, value in content["state_dict"].items()
        if key.startswith("network.")
    }
    network = getattr(models, description["network"])(description["input_length"])
    network.load_state_dict(state)
    description = {
        **description,
        "name": name,
        "training_records": trained_records(config),
        "config": {**config, "epoch": content["epoch"]},
    }
    folder.mkdir(exist_ok=True)
    path = folder / SHIPPED[name]
    save_file(
        {key: value.contiguous() for key, value in network.state_dict().items()},
        path,
        {"ecg_lightning": json.dumps(description)},
    )
    return path


def _check(run: Path, config: Mapping[str, Any], network: str, name: str) -> None:
    """Refuse a run on other data, and a name that belongs to other weights."""
    source = config["data"]["source"]
    if not {*names_in(source)} <= SOURCES:
        raise SystemExit(
            f"{run}: expected a run on {', '.join(sorted(SOURCES))}, found {source}; "
            "ship weights of such a run only"
        )
    if name not in SHIPPED or name.partition("-")[0] != network:
        names = [one for one in SHIPPED if one.partition("-")[0] == network]
        raise SystemExit(
            f"{run}: expected a name of weights of {network} ({', '.join(names) or 'none'}), "
            f"found {name}; choose one of them"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the run folder")
    parser.add_argument("--name", choices=SHIPPED, help="default: the name of the network")
    args = parser.parse_args()
    print(ship(args.run, args.name))

"""Make the weights that are part of the package from a run, for the maintainers.

    python scripts/ship_weights.py RUN [--name DeepConv1d-robust] [--description FILE]

The best checkpoint of a run, or the last one of a run without validation part, goes to
ecg_lightning/weights as safetensors, with the run's settings and the names of its training records
inside. A JSON file adds what the weights say about their probabilities: `temperature`,
`unsure_below` and `prior_shift`, the settings of `models.prior_shift.PriorShift`.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from ecg_lightning import models
from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.annotation.classifying.context_network import NETWORK as CONTEXT
from ecg_lightning.annotation.classifying.context_network import ContextNetwork
from ecg_lightning.data.parts import trained_records
from ecg_lightning.models.checkpoint import DESCRIPTION, network_arguments
from ecg_lightning.models.names import SHIPPED
from ecg_lightning.text import names_in

FOLDER = Path(models.__file__).parent.parent / "weights"
SOURCES = {"mitdb", "svdb"}  # their licence allows weights in the package


def ship(
    run: Path,
    name: str | None = None,
    folder: Path = FOLDER,
    added: Mapping[str, Any] | None = None,
) -> Path:
    """Write the weights of one run; return the file.

    Args:
        run: The run folder, of a run on MIT-BIH's records and those of SVDB.
        name: One of `SHIPPED`. Default: the name of the network; of a causal one, its causal form.
        folder: Where the file is written.
        added: What the weights say about their probabilities.

    Raises:
        SystemExit: The run has other data, or no weights of that name and network are shipped.
        InputError: What is added is wrong.
    """
    content = torch.load(_checkpoint(run), map_location="cpu", weights_only=True)
    description = {**content[DESCRIPTION], **(added or {})}
    arguments = network_arguments(description)
    usual = "-causal" if arguments.get("causal") else ""
    config, name = description["config"], name or f"{description['network']}{usual}"
    _check(run, config, f"{description['network']}{usual}", name)
    state = {
        key.removeprefix("network."): value
        for key, value in content["state_dict"].items()
        if key.startswith("network.")
    }
    network = getattr(models, description["network"])(description["input_length"], **arguments)
    network.load_state_dict(state)
    check_description(name, network, description)
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


def _checkpoint(run: Path) -> Path:
    """The best checkpoint; of a run without validation part there is only the last one."""
    best, last = (run / "checkpoints" / f"{name}.ckpt" for name in ("best", "last"))
    return best if best.exists() else last


def check_description(name: str, network: nn.Module, description: Mapping[str, Any]) -> None:
    """Refuse what `annotate` would refuse.

    Raises:
        InputError: It would.
    """
    kind = ContextNetwork if description["network"] == CONTEXT else BeatNetwork
    kind.of(name, network, description)


def _check(run: Path, config: Mapping[str, Any], network: str, name: str) -> None:
    """Refuse a run on other data, and a name that belongs to other weights."""
    source = config["data"]["source"]
    if not {*names_in(source)} <= SOURCES:
        raise SystemExit(
            f"{run}: expected a run on {', '.join(sorted(SOURCES))}, found {source}; "
            "ship weights of such a run only"
        )
    names = [one for one in SHIPPED if _fits(one, network)]
    if name not in names:
        raise SystemExit(
            f"{run}: expected a name of weights of {network} ({', '.join(names) or 'none'}), "
            f"found {name}; choose one of them"
        )


def _fits(name: str, network: str) -> bool:
    """Whether a name is one of weights of a network; causal weights have a name of their own."""
    return name == network or (name.startswith(f"{network}-") and not name.endswith("-causal"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the run folder")
    parser.add_argument("--name", choices=SHIPPED, help="default: the name of the network")
    parser.add_argument("--description", type=Path, help="a JSON file of what is added")
    args = parser.parse_args()
    added = json.loads(args.description.read_text("utf-8")) if args.description else None
    print(ship(args.run, args.name, added=added))

"""`ecg-lightning export`."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ecg_lightning import models
from ecg_lightning.annotation.classifying.input_recipe import context_recipe
from ecg_lightning.annotation.classifying.known_beats import checked, known_beats
from ecg_lightning.annotation.classifying.output_recipe import output_recipe
from ecg_lightning.annotation.classifying.weights_file import (
    is_shipped,
    prior_shift_of,
    temperature_of,
    unsure_below_of,
)
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.cli.own_checkpoint import OwnNetwork, refuse_own
from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.export.exporter import export_network
from ecg_lightning.export.formats import FORMATS
from ecg_lightning.models.checkpoint import read_network
from ecg_lightning.models.patient_context import PatientContext
from ecg_lightning.models.pretrained import shipped_network
from ecg_lightning.records.databases import PUBLISHED
from ecg_lightning.system.paths import check_output_file
from ecg_lightning.text import names_in, printed_path
from ecg_lightning.training.checkpoints import checkpoint_path

_ODC_BY = "(PhysioNet), Open Data Commons Attribution License 1.0"
LICENCES = {
    **{source: f"{published.title} {_ODC_BY}" for source, published in PUBLISHED.items()},
    "synthetic": "simulated beats, no data of people",
}
OTHER_LICENCE = "that of the records or of the file that the weights come from"
WARNING = "research only; not a medical device, not for diagnosis"


def export_command(args: Sequence[str]) -> None:
    """`ecg-lightning export CKPT --format onnx --output FILE [--network NAME]`."""
    parsed = export_parser().parse_args(args)
    path = checkpoint_path(parsed.checkpoint)
    check_output_file(parsed.output, [path])
    network, description, shape = _read(parsed, path)
    temperature = temperature_of(parsed.checkpoint, description)
    metadata = {
        **_metadata(network, description, parsed.checkpoint),
        **_afterwards(network, description, parsed.checkpoint, parsed.softmax),
        "temperature": temperature,
    }
    difference = export_network(
        network, parsed.output, parsed.format, metadata, parsed.softmax, temperature, shape
    )
    output = "probabilities" if parsed.softmax else "logits"
    print(
        f"{description['network']} as {parsed.format}: {output} differ from the checkpoint's by "
        f"at most {difference:.1e}"
    )
    print(printed_path(parsed.output))


def export_parser() -> VerbParser:
    """Return the parser."""
    parser = VerbParser("export")
    parser.add_argument(
        "checkpoint",
        help="RUN/checkpoints/best.ckpt, a file that import-keras has written, or shipped weights: "
        f"{', '.join(models.SHIPPED)}",
    )
    parser.add_argument("--format", required=True, metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="the file to write"
    )
    parser.add_argument(
        "--softmax", action="store_true", help="let the file return probabilities, not logits"
    )
    own = parser.add_mutually_exclusive_group()
    own.add_argument(
        "--network", metavar="NAME", help="a class of yours, such as mynet.MyNet of ./mynet.py"
    )
    own.add_argument(
        "--config", type=Path, metavar="FILE", help="RUN/config.yaml, which names a class of yours"
    )
    return parser


def licence_of(source: str) -> str:
    """Return the licence of the data of a training.

    Args:
        source: The source; several are separated by commas.
    """
    licences = [LICENCES.get(name, OTHER_LICENCE) for name in names_in(source) or [""]]
    return "; ".join(dict.fromkeys(licences))


def _read(
    parsed: Namespace, path: Path
) -> tuple[nn.Module, Mapping[str, Any], tuple[int, ...] | None]:
    """The network, its description, and the shape of a beat where that is of a user's class.

    A checkpoint of shipped weights has no temperature.
    """
    if parsed.network or parsed.config:
        own = OwnNetwork.of_config(parsed.config) if parsed.config else None
        return (own or OwnNetwork(parsed.network, {})).read(path)
    if is_shipped(parsed.checkpoint):
        return *shipped_network(parsed.checkpoint), None
    refuse_own(path)
    return *read_network(path), None


def _metadata(
    network: nn.Module, description: Mapping[str, Any], checkpoint: str
) -> dict[str, Any]:
    """Return what a user of the exported file has to know, from the checkpoint's description."""
    config = description["config"]
    beats = checked(known_beats(config), checkpoint)
    # `classes` is the list of the outputs' names; the class map has another key
    known = {"class_map" if name == "classes" else name: value for name, value in beats.items()}
    recipe = (
        {"recipe": context_recipe(bool(getattr(network, "causal", False)))}
        if getattr(network, "takes_sequences", False)
        else {}
    )
    return {
        **known,
        **recipe,
        **{name: description[name] for name in ("network", "input_length", "classes")},
        "ecg_lightning_version": description["version"],
        "training": config,
        "data_licence": licence_of(beats.get("source", "")),
        "use": WARNING,
    }


def _afterwards(
    network: nn.Module, description: Mapping[str, Any], checkpoint: str, softmax: bool
) -> dict[str, Any]:
    """Return what `annotate` does with the output; nothing for classes that it does not have."""
    if tuple(description["classes"]) != CLASS_NAMES:
        return {}
    limit = unsure_below_of(checkpoint, description)
    shift = prior_shift_of(checkpoint, description) if isinstance(network, PatientContext) else None
    temperature = temperature_of(checkpoint, description)
    steps = output_recipe(softmax, temperature, shift, limit)
    return {"afterwards": steps, **({} if limit is None else {"unsure_below": limit})}

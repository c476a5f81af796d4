"""`ecg-lightning export`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecg_lightning import models
from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.export.exporter import export_network
from ecg_lightning.export.formats import FORMATS
from ecg_lightning.models.checkpoint import read_network
from ecg_lightning.training.checkpoints import checkpoint_path

MITDB_LICENCE = (
    "MIT-BIH Arrhythmia Database 1.0.0 (PhysioNet), Open Data Commons Attribution License 1.0"
)
LICENCES = {"mitdb": MITDB_LICENCE, "synthetic": "simulated beats, no data of people"}
WARNING = "research only; not a medical device, not for diagnosis"


def export_command(args: Sequence[str]) -> None:
    """`ecg-lightning export CKPT --format onnx --output FILE`."""
    parser = VerbParser(
        "export", "Write a checkpoint's network for another runtime, and try the file out there."
    )
    parser.add_argument(
        "checkpoint",
        help=f"RUN/checkpoints/best.ckpt, what import-keras wrote, or shipped weights: {', '.join(models.SHIPPED)}",
    )
    parser.add_argument("--format", required=True, metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="the file to write"
    )
    parser.add_argument(
        "--softmax", action="store_true", help="end in probabilities instead of logits"
    )
    given = parser.parse_args(args)
    network, description = read_network(checkpoint_path(given.checkpoint))
    difference = export_network(
        network, given.output, given.format, _metadata(description), given.softmax
    )
    what = "probabilities" if given.softmax else "logits"
    print(
        f"{description['network']} as {given.format}: {what} differ by {difference:.1e} at most from the checkpoint's"
    )
    print(given.output)


def _metadata(description: Mapping[str, Any]) -> dict[str, Any]:
    """What a user of the exported file has to know, from what the checkpoint says about itself."""
    config = description["config"]
    beats = config.get("beats") or {}
    source = config.get("data", {}).get("source", "")
    licence = LICENCES.get(source, "that of the records or of the file that the weights come from")
    known = {
        name: beats[name]
        for name in ("fs_hz", "window_samples", "normalization", "segmentation", "lead")
        if name in beats
    }
    return {
        **{name: description[name] for name in ("network", "input_length", "classes")},
        **known,
        "ecg_lightning_version": description["version"],
        "training": config,
        "data_licence": licence,
        "use": WARNING,
    }

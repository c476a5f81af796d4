"""The verbs that are not Lightning's: `ecg-lightning crossval`, `report`, `show`, `import-keras` and `export`."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ecg_lightning import models
from ecg_lightning.checkpoints import checkpoint_path, read_network, write_checkpoint
from ecg_lightning.crossval import crossval_command
from ecg_lightning.datamodule import BeatDataModule
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation import REPORT, write_report
from ecg_lightning.export import FORMATS, export
from ecg_lightning.keras_import import network_from_keras
from ecg_lightning.report_text import text_table
from ecg_lightning.show import show_command
from ecg_lightning.verb_parser import VerbParser

MITDB_LICENCE = "MIT-BIH Arrhythmia Database 1.0.0 (PhysioNet), Open Data Commons Attribution License 1.0"
LICENCES = {"mitdb": MITDB_LICENCE, "synthetic": "simulated beats, no data of people"}
WARNING = "research only; not a medical device, not for diagnosis"


def import_keras_command(args: Sequence[str]) -> None:
    """`ecg-lightning import-keras FILE --output CKPT`."""
    parser = VerbParser("import-keras", "Write the weights of a Keras file as a checkpoint that test, predict, fit and export take.")
    parser.add_argument(
        "file", type=Path, help="a .h5 file of TF 1 (2.2.4-tf), Keras 2 or 3, a .keras file, or weights alone (.weights.h5, .h5)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="CKPT", help="the checkpoint to write")
    parser.add_argument("--network", metavar="NAME", help=f"{', '.join(models.__all__)}; left out, the stored graph decides")
    parser.add_argument("--input-length", type=int, metavar="N", help="for weights alone: samples of a beat, or pixels of a side")
    given = parser.parse_args(args)
    if given.output.is_dir():
        raise InputError(f"{given.output}: expected the name of a file to write, found a folder; add a file name to --output")
    network: Any = network_from_keras(given.file, given.network, given.input_length)
    sha256 = hashlib.sha256(given.file.read_bytes()).hexdigest()
    write_checkpoint(network, given.output, {"imported": {"file": given.file.name, "sha256": sha256}, "beats": _original_beats(network)})
    name = type(network).__name__
    numbers = sum(tensor.numel() for tensor in network.state_dict().values())
    print(f"{name} of {network.input_length} samples, {numbers:,} numbers, from {given.file.name}")
    print(f"try it:  ecg-lightning test --model.network {name} --ckpt_path {given.output} --data.split all --data.source mitdb")
    print(given.output)


def export_command(args: Sequence[str]) -> None:
    """`ecg-lightning export CKPT --format onnx --output FILE`."""
    parser = VerbParser("export", "Write a checkpoint's network for another runtime, and try the file out there.")
    parser.add_argument(
        "checkpoint", help=f"RUN/checkpoints/best.ckpt, what import-keras wrote, or shipped weights: {', '.join(models.SHIPPED)}"
    )
    parser.add_argument("--format", required=True, metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the file to write")
    parser.add_argument("--softmax", action="store_true", help="end in probabilities instead of logits")
    given = parser.parse_args(args)
    network, description = read_network(checkpoint_path(given.checkpoint))
    difference = export(network, given.output, given.format, _metadata(description), given.softmax)
    what = "probabilities" if given.softmax else "logits"
    print(f"{description['network']} as {given.format}: {what} differ by {difference:.1e} at most from the checkpoint's")
    print(given.output)


def report_command(args: Sequence[str]) -> None:
    """`ecg-lightning report RUN [RUN ...]`."""
    parser = VerbParser("report", "Write one page about one or several tested runs, side by side.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a folder that `test` or scripts/train.py has written")
    parser.add_argument("--output", type=Path, default=Path(REPORT), metavar="FILE", help=f"the page to write; left out: {REPORT} here")
    given = parser.parse_args(args)
    if given.output.is_dir():
        raise InputError(f"{given.output}: expected the name of a file to write, found a folder; add a file name to --output")
    print(text_table(write_report(given.runs, given.output)))
    print(given.output)


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "crossval": crossval_command,
    "report": report_command,
    "show": show_command,
    "import-keras": import_keras_command,
    "export": export_command,
}


def _original_beats(network: Any) -> dict[str, Any] | None:
    """How the original cut and scaled the beats that its files were trained on; pictures have no such settings."""
    if isinstance(network, models.Conv2d):
        return None
    return dataclasses.asdict(BeatDataModule("mitdb", window_samples=network.input_length).settings)


def _metadata(description: Mapping[str, Any]) -> dict[str, Any]:
    """What a user of the exported file has to know, from what the checkpoint says about itself."""
    config = description["config"]
    beats = config.get("beats") or {}
    source = config.get("data", {}).get("source", "")
    licence = LICENCES.get(source, "that of the records or of the file that the weights come from")
    known = {name: beats[name] for name in ("fs_hz", "window_samples", "normalization", "segmentation", "lead") if name in beats}
    return {
        **{name: description[name] for name in ("network", "input_length", "classes")},
        **known,
        "ecg_lightning_version": description["version"],
        "training": config,
        "data_licence": licence,
        "use": WARNING,
    }

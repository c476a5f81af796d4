"""`ecg-lightning import-keras`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ecg_lightning import models
from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.errors import PROGRAM
from ecg_lightning.keras_import.importer import network_from_keras
from ecg_lightning.system.checksums import sha256_of
from ecg_lightning.system.paths import check_output_file
from ecg_lightning.text import escaped, printed_path
from ecg_lightning.training.checkpoints import write_checkpoint


def import_keras_command(args: Sequence[str]) -> None:
    """`ecg-lightning import-keras FILE --output CKPT`."""
    parsed = import_keras_parser().parse_args(args)
    check_output_file(parsed.output, [parsed.file])
    network: Any = network_from_keras(parsed.file, parsed.network, parsed.input_length)
    origin = {"file": parsed.file.name, "sha256": sha256_of(parsed.file)}
    config = {"imported": origin, "beats": _original_beats(network)}
    write_checkpoint(network, parsed.output, config)
    name = type(network).__name__
    numbers = sum(tensor.numel() for tensor in network.state_dict().values())
    file = escaped(parsed.file.name)
    print(f"{name} of {network.input_length} samples, {numbers:,} numbers, from {file}")
    print(
        f"try it:  {PROGRAM} test --model.network {name} --ckpt_path {printed_path(parsed.output)} "
        "--data.split all --data.source mitdb"
    )
    print(printed_path(parsed.output))


def import_keras_parser() -> VerbParser:
    """Return the parser."""
    parser = VerbParser("import-keras")
    parser.add_argument(
        "file",
        type=Path,
        help="a .h5 file of TF 1 (2.2.4-tf), Keras 2 or Keras 3, a .keras file, or a file of "
        "weights alone (.weights.h5, .h5)",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="CKPT", help="the checkpoint to write"
    )
    parser.add_argument(
        "--network",
        metavar="NAME",
        help=f"{', '.join(models.KERAS_NETWORKS)} (default: as the stored graph says)",
    )
    parser.add_argument(
        "--input-length",
        type=int,
        metavar="N",
        help="for a file of weights alone: the samples of a beat, or the pixels of a side",
    )
    return parser


def _original_beats(network: Any) -> dict[str, Any] | None:
    """Return how the original cut and scaled the beats of its files; None for pictures."""
    if isinstance(network, models.Conv2d):
        return None
    return dataclasses.asdict(BeatDataModule("mitdb", window_samples=network.input_length).settings)

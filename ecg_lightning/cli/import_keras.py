"""`ecg-lightning import-keras`."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ecg_lightning import models
from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.errors import InputError
from ecg_lightning.keras_import.importer import network_from_keras
from ecg_lightning.training.checkpoints import write_checkpoint


def import_keras_command(args: Sequence[str]) -> None:
    """`ecg-lightning import-keras FILE --output CKPT`."""
    parser = VerbParser(
        "import-keras",
        "Write the weights of a Keras file as a checkpoint that test, predict, fit and export take.",
    )
    parser.add_argument(
        "file",
        type=Path,
        help="a .h5 file of TF 1 (2.2.4-tf), Keras 2 or 3, a .keras file, or weights alone (.weights.h5, .h5)",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="CKPT", help="the checkpoint to write"
    )
    parser.add_argument(
        "--network",
        metavar="NAME",
        help=f"{', '.join(models.NETWORKS)}; left out, the stored graph decides",
    )
    parser.add_argument(
        "--input-length",
        type=int,
        metavar="N",
        help="for weights alone: samples of a beat, or pixels of a side",
    )
    given = parser.parse_args(args)
    if given.output.is_dir():
        raise InputError(
            f"{given.output}: expected the name of a file to write, found a folder; add a file name to --output"
        )
    network: Any = network_from_keras(given.file, given.network, given.input_length)
    sha256 = hashlib.sha256(given.file.read_bytes()).hexdigest()
    write_checkpoint(
        network,
        given.output,
        {
            "imported": {"file": given.file.name, "sha256": sha256},
            "beats": _original_beats(network),
        },
    )
    name = type(network).__name__
    numbers = sum(tensor.numel() for tensor in network.state_dict().values())
    print(f"{name} of {network.input_length} samples, {numbers:,} numbers, from {given.file.name}")
    print(
        f"try it:  ecg-lightning test --model.network {name} --ckpt_path {given.output} --data.split all --data.source mitdb"
    )
    print(given.output)


def _original_beats(network: Any) -> dict[str, Any] | None:
    """How the original cut and scaled the beats that its files were trained on; pictures have no such settings."""
    if isinstance(network, models.Conv2d):
        return None
    return dataclasses.asdict(BeatDataModule("mitdb", window_samples=network.input_length).settings)

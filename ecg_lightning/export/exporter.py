"""Trained networks for other runtimes: ONNX, torch.export and Keras files that are tried out before they count as written.

A file is made beside its place, loaded by the runtime that will read it, and renamed only when its outputs are those of the network.
Each holds the caller's metadata as JSON; `read_metadata` gets at it without running anything of the file.

    format        input                                 read with
    onnx          `beats` (batch, 1, T)                 onnxruntime.InferenceSession
    torch-export  (batch, 1, T)                         torch.export.load
    keras         (batch, T, 1), the channel last       keras.saving.load_model

A network on pictures takes (batch, 1, H, W), or (batch, H, W, 1). Outputs are `logits` or `probabilities` (batch, classes).
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ecg_lightning.errors import InputError
from ecg_lightning.export.job import Array, Job, quiet
from ecg_lightning.export.keras import write_keras
from ecg_lightning.export.onnx import write_onnx
from ecg_lightning.export.torch_export import write_torch

FORMATS = ("onnx", "torch-export", "keras")
# Of the largest output, or of 1 where that is less. Trained networks, whose logits reach 42, differ by 1.5e-6 of it; float32 gives no more.
_LIMIT = 2e-5


def export(
    network: nn.Module,
    output: Path,
    format: str,
    metadata: Mapping[str, Any],
    softmax: bool = False,
) -> float:
    """Writes a network for another runtime, and tries the file out there.

    Args:
        network: Takes beats (B, 1, T), or pictures (B, 1, H, W) in the case of Conv2d, and has `input_length`. It is exported in eval
            mode, as float32 and on the CPU, and is left as it is.
        output: The file; its folder is made, an older file replaced.
        format: One of `FORMATS`; `keras` takes the networks of this package only.
        metadata: What to keep in the file, as JSON would; format, input, output and versions are added.
        softmax: End in probabilities instead of logits.

    Returns:
        The largest difference of a logit or probability between the network and the file as its own runtime loads it, over 64 beats,
        the first alone and all together.

    Raises:
        InputError: a package is missing, the network cannot be exported, the file computes something else or cannot be written. Then
            what stood at `output` before is still there.

    Example:
        >>> export(DeepConv1d(256), Path("deep_conv1d.onnx"), "onnx", {"classes": ["N", "S", "V", "F", "Q"]})
    """
    if format not in _WRITERS:
        raise InputError(
            f"format: expected one of {', '.join(FORMATS)}, found {format!r:.60}; change --format"
        )
    if output.is_dir():
        raise InputError(
            f"{output}: expected the name of a file to write, found a folder; add a file name to --output"
        )
    writer, suffix = _WRITERS[format]
    if format == "keras" and output.suffix != suffix:
        raise InputError(
            f"{output}: expected a name that ends in {suffix}, as Keras does, found {output.name!r:.60}; change --output"
        )
    job = Job(network, format, metadata, softmax)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=output.parent) as folder:
            file = Path(folder) / f"model{suffix}"
            difference = job.largest_difference(_outputs(writer, job, file))
            limit = _LIMIT * max(1.0, *(float(np.abs(outputs).max()) for outputs in job.expected))
            if not difference <= limit:  # so that NaN is refused too
                raise InputError(
                    f"{output}: expected {job.output_name} within {limit:.1g} of the network's, found a difference of {difference:.2g} "
                    "when the file was loaded again, so it was not written; check that the weights are finite, or choose another --format"
                )
            os.replace(file, output)
    except OSError as error:
        raise InputError(
            f"{output}: expected to write a file, found: {error.strerror or error}; choose another --output"
        ) from error
    return difference


def _outputs(writer: Callable[[Job, Path], list[Array]], job: Job, file: Path) -> list[Array]:
    try:
        with quiet():
            return writer(job, file)
    except (InputError, OSError):
        raise
    except (
        Exception
    ) as error:  # exporters and runtimes raise whatever a pass or an operator of theirs runs into
        found = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        raise InputError(
            f"--format {job.format}: expected a network that it can hold, found {type(job.network).__name__}, which fails with {found}; "
            "change the network, or choose another --format"
        ) from error


_WRITERS: dict[str, tuple[Callable[[Job, Path], list[Array]], str]] = {
    "onnx": (write_onnx, ".onnx"),
    "torch-export": (write_torch, ".pt2"),
    "keras": (write_keras, ".keras"),
}

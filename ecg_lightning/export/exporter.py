"""Write a trained network for another runtime, after a comparison of the file with the network.

The file is written to a temporary folder, loaded by the runtime that will read it, and renamed to
its final name only if its outputs equal those of the network.
"""

import contextlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ecg_lightning.errors import InputError
from ecg_lightning.export.formats import FORMATS
from ecg_lightning.export.job import Array, Job
from ecg_lightning.export.keras import write_keras
from ecg_lightning.export.onnx import write_onnx
from ecg_lightning.export.torch_export import write_torch
from ecg_lightning.system.paths import cannot_write, check_output_file

# Format -> writes the file of a job, and returns what its runtime computes for the job's examples.
_WRITERS: dict[str, Callable[[Job, Path], list[Array]]] = {
    "onnx": write_onnx,
    "torch-export": write_torch,
    "keras": write_keras,
}
# Relative to the largest output, or absolute where no output exceeds 1. Trained networks, whose
# logits reach 42, differ by 1.5e-6; the limit allows for float32 rounding only.
_LIMIT = 2e-5


def export_network(
    network: nn.Module,
    output: Path,
    format: str,
    metadata: Mapping[str, Any],
    softmax: bool = False,
    temperature: float = 1.0,
    shape: tuple[int, ...] | None = None,
) -> float:
    """Write a network for another runtime, and check that the file computes the same.

    Args:
        network: Takes beats (B, 1, T), pictures (B, 1, H, W), or sequences of beats (S, K, 5, 128)
            if it has `takes_sequences`. A copy is exported, in eval mode, as float32 and on the
            CPU.
        output: The file. Its folder is created; an older file is replaced.
        format: One of `FORMATS`; `keras` takes only networks of this package.
        metadata: JSON values to keep in the file. Format, input, output and versions are added.
        softmax: Return probabilities instead of logits.
        temperature: What logits are divided by for probabilities.
        shape: Of a beat, (1, T) or (1, H, W). Default: that of the network's `input_length`.

    Returns:
        The largest difference of a logit or probability between the network and the loaded file,
        for example beats: the first one alone, and all of them in one batch. Examples in context
        are sequences of 1, 2 and 100 beats.

    Raises:
        InputError: A package is missing, the network cannot be exported, the file computes
            something else or cannot be written. An older file at `output` is then still there.

    Example:
        >>> network = DeepConv1d(256)
        >>> export_network(network, Path("beats.onnx"), "onnx", {"classes": list("NSVFQ")})
    """
    _check_output(output, format)
    job = Job(network, format, metadata, softmax, temperature, shape)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=output.parent) as folder:
            file = Path(folder) / f"model{FORMATS[format]}"
            difference = job.largest_difference(_file_outputs(job, file))
            _check_difference(difference, job, output)
            os.replace(file, output)
    except OSError as error:
        expected = "a file that can be written"
        raise cannot_write(output, error, expected, place="file", setting="output") from error
    return difference


def _check_output(output: Path, format: str) -> None:
    if format not in FORMATS:
        raise InputError(
            "format",
            expected=f"one of {', '.join(FORMATS)}",
            found=f"{format!r:.60}",
            hint="correct it",
            setting="format",
        )
    check_output_file(output)
    suffix = FORMATS[format]
    if format == "keras" and output.suffix != suffix:
        raise InputError(
            str(output),
            expected=f"a name that ends in {suffix}, as Keras requires",
            found=f"{output.name!r:.60}",
            hint="change the name",
            setting="output",
        )


def _file_outputs(job: Job, file: Path) -> list[Array]:
    """Write the file, and return its outputs for the job's examples."""
    try:
        with _quiet():
            return _WRITERS[job.format](job, file)
    except (InputError, OSError):
        raise
    except Exception as error:  # exporters and runtimes raise errors of any class
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        raise InputError(
            f"format {job.format}",
            expected="a network that this format can hold",
            found=f"{type(job.network).__name__}, which fails with {reason}",
            hint="change the network, or choose another format",
            setting="format",
        ) from error


def _check_difference(difference: float, job: Job, output: Path) -> None:
    largest = max(1.0, *(float(np.abs(outputs).max()) for outputs in job.expected))
    limit = _LIMIT * largest
    if not difference <= limit:  # refuses NaN too
        raise InputError(
            str(output),
            expected=f"{job.output_name} within {limit:.1g} of the network's",
            found=f"a difference of {difference:.2g} after loading, so no file was written",
            hint="check that the weights are finite, or choose another format",
            setting="format",
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporters' warnings, and what torch prints of a graph that it cannot export.

    Most warnings are about packages that are not needed here.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

"""Trained networks for other runtimes: ONNX, torch.export and Keras files that are tried out before they count as written.

A file is made beside its place, loaded by the runtime that will read it, and renamed only when its outputs are those of the network.
Each holds the caller's metadata as JSON; `read_metadata` gets at it without running anything of the file.

    format        input                                 read with
    onnx          `beats` (batch, 1, T)                 onnxruntime.InferenceSession
    torch-export  (batch, 1, T)                         torch.export.load
    keras         (batch, T, 1), the channel last       keras.saving.load_model

A network on pictures takes (batch, 1, H, W), or (batch, H, W, 1). Outputs are `logits` or `probabilities` (batch, classes).
"""

import contextlib
import copy
import importlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

import ecg_lightning
from ecg_lightning.child_processes import python_path
from ecg_lightning.errors import InputError
from ecg_lightning.keras_weights import keras_from_state_dict
from ecg_lightning.models import Conv2d, DeepConv1d, TimeDepends

Array = npt.NDArray[np.float32]

FORMATS = ("onnx", "torch-export", "keras")
METADATA = "ecg_lightning.json"  # in a zip; in an ONNX file the key "ecg_lightning"
KERAS_NETWORKS: dict[type[nn.Module], str] = {DeepConv1d: "deep_conv1d", TimeDepends: "time_depends", Conv2d: "conv2d"}
# Of the largest output, or of 1 where that is less. Trained networks, whose logits reach 42, differ by 1.5e-6 of it; float32 gives no more.
_LIMIT = 2e-5
_BEATS = 64
_FREE_BATCH: dict[str, Any] = {"beats": {0: torch.export.Dim("batch")}}
_MOST_METADATA = 1 << 20
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others take as much memory as the file asks for


def export(network: nn.Module, output: Path, format: str, metadata: Mapping[str, Any], softmax: bool = False) -> float:
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
        raise InputError(f"format: expected one of {', '.join(FORMATS)}, found {format!r:.60}; change --format")
    if output.is_dir():
        raise InputError(f"{output}: expected the name of a file to write, found a folder; add a file name to --output")
    writer, suffix = _WRITERS[format]
    if format == "keras" and output.suffix != suffix:
        raise InputError(f"{output}: expected a name that ends in {suffix}, as Keras does, found {output.name!r:.60}; change --output")
    job = _Job(network, format, metadata, softmax)
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
        raise InputError(f"{output}: expected to write a file, found: {error.strerror or error}; choose another --output") from error
    return difference


def read_metadata(path: Path) -> dict[str, Any]:
    """What `export` wrote into a file of any of its formats; nothing of the file is run.

    Raises:
        InputError: no such file, or one without that entry. Reading ONNX needs the extra `onnx`.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(4)
        text = _zip_text(path) if start == b"PK\x03\x04" else _onnx_text(path)
        metadata = json.loads(text)
    except OSError as error:
        raise InputError(f"{path}: expected an exported file, found: {error.strerror or error}; check the path") from error
    except (KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:  # an encrypted entry: RuntimeError
        raise InputError(
            f"{path}: expected a file that `ecg-lightning export` wrote, found none of its metadata; check the path"
        ) from error
    if not isinstance(metadata, dict):
        raise InputError(f"{path}: expected metadata as a JSON object, found {metadata!r:.60}; export the checkpoint again")
    return metadata


class _Named(nn.Module):
    """A network in eval mode, with the input and the output that its files have."""

    def __init__(self, network: nn.Module, softmax: bool) -> None:
        super().__init__()
        self.network, self.softmax = copy.deepcopy(network).cpu().float(), softmax
        self.eval()

    def forward(self, beats: Tensor) -> Tensor:
        """Logits or probabilities (B, K) of beats (B, 1, T)."""
        return self.network(beats).softmax(-1) if self.softmax else self.network(beats)


@dataclass(frozen=True)
class _Job:
    """What is exported, and what it is compared with."""

    network: nn.Module
    format: str
    given: Mapping[str, Any]
    softmax: bool

    def __post_init__(self) -> None:
        if not isinstance(getattr(self.network, "input_length", None), int):
            raise InputError(f"{type(self.network).__name__}: expected a network with input_length, found none; add it to your module")

    @property
    def sizes(self) -> tuple[int, ...]:
        length = int(self.network.input_length)  # type: ignore[arg-type]  # checked above
        return (length, length) if isinstance(self.network, Conv2d) else (length,)

    @property
    def output_name(self) -> str:
        return "probabilities" if self.softmax else "logits"

    @cached_property
    def module(self) -> _Named:
        return _Named(self.network, self.softmax)

    @cached_property
    def beats(self) -> Tensor:
        """Random walks (64, 1, …) between 0 and 1, the last a constant."""
        walks = np.random.default_rng(0).normal(size=(_BEATS, *self.sizes)).cumsum(-1).reshape(_BEATS, -1)
        low, high = walks.min(1, keepdims=True), walks.max(1, keepdims=True)
        scaled = (walks - low) / np.maximum(high - low, 1e-9)  # a single sample has no range
        scaled[-1] = 0.5
        return torch.from_numpy(scaled.astype(np.float32)).view(_BEATS, 1, *self.sizes)

    @property
    def batches(self) -> tuple[Tensor, Tensor]:
        """Of sizes 1 and 64; the network is traced with neither."""
        return self.beats[:1], self.beats

    @cached_property
    def expected(self) -> list[Array]:
        with torch.no_grad():
            return [self.module(batch).numpy() for batch in self.batches]

    def metadata(self, **versions: str) -> dict[str, Any]:
        """The caller's and ours, as JSON can hold it."""
        keras = self.format == "keras"
        shape = ["batch", *self.sizes, 1] if keras else ["batch", 1, *self.sizes]
        return {
            **self.given,
            "format": self.format,
            "input": {**({} if keras else {"name": "beats"}), "shape": shape, "type": "float32"},
            "output": {"name": self.output_name, "shape": ["batch", *self.expected[0].shape[1:]], "type": "float32"},
            "versions": {"ecg-lightning": ecg_lightning.__version__, "torch": torch.__version__, **versions},
        }

    def largest_difference(self, found: list[Array]) -> float:
        """NaN where one side is not finite."""
        with np.errstate(invalid="ignore"):  # infinite on both sides
            return float(np.max([np.abs(theirs - ours).max() for ours, theirs in zip(self.expected, found, strict=True)]))


def _outputs(writer: Callable[[_Job, Path], list[Array]], job: _Job, file: Path) -> list[Array]:
    try:
        with _quiet():
            return writer(job, file)
    except (InputError, OSError):
        raise
    except Exception as error:  # exporters and runtimes raise whatever a pass or an operator of theirs runs into
        found = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        raise InputError(
            f"--format {job.format}: expected a network that it can hold, found {type(job.network).__name__}, which fails with {found}; "
            "change the network, or choose another --format"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the exporters' warnings, most of them about packages that are not needed here, to themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _package(name: str, extra: str) -> Any:
    """An optional package, by name: a plain import would make every user install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise _missing(name, extra) from error


def _missing(name: str, extra: str) -> InputError:
    return InputError(f"expected the package {name}, found it not installed; run: python -m pip install 'ecg-lightning[{extra}]'")


def _write_onnx(job: _Job, file: Path) -> list[Array]:
    onnx, script, runtime = (_package(name, "onnx") for name in ("onnx", "onnxscript", "onnxruntime"))
    program: Any = torch.onnx.export(
        job.module,
        (job.beats[:2],),
        input_names=["beats"],
        output_names=[job.output_name],
        dynamic_shapes=_FREE_BATCH,
        dynamo=True,
        verbose=False,
    )
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # among them the paths of our source files on this machine
    metadata = job.metadata(**{package.__name__: package.__version__ for package in (onnx, script, runtime)})
    metadata["opset"] = next(entry.version for entry in model.opset_import if not entry.domain)
    flat = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    onnx.helper.set_model_props(model, {**flat, "ecg_lightning": json.dumps(metadata, indent=2)})
    file.write_bytes(model.SerializeToString())
    options = runtime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1  # no warnings; no threads for 64 beats
    session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return [session.run([job.output_name], {"beats": batch.numpy()})[0] for batch in job.batches]


def _write_torch(job: _Job, file: Path) -> list[Array]:
    program = torch.export.export(job.module, (job.beats[:2],), dynamic_shapes=_FREE_BATCH)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # the paths of our source files on this machine
    torch.export.save(program, file, extra_files={METADATA: json.dumps(job.metadata(), indent=2)})
    loaded = torch.export.load(file).module()
    with torch.no_grad():
        return [loaded(batch).numpy() for batch in job.batches]


def _write_keras(job: _Job, file: Path) -> list[Array]:
    name = KERAS_NETWORKS.get(type(job.network))
    if name is None:
        ours = ", ".join(kind.__name__ for kind in KERAS_NETWORKS)
        raise InputError(f"--format keras: expected one of {ours}, found {type(job.network).__name__}; choose another --format")
    for package in ("keras", "tensorflow"):
        if find_spec(package) is None:
            raise _missing(package, "keras")
    task = {"network": name, "input_length": job.network.input_length, "softmax": job.softmax, "metadata": job.metadata()}
    (file.parent / "task.json").write_text(json.dumps(task))
    weights = keras_from_state_dict(job.module.network, job.module.network.state_dict())
    arrays: dict[str, Any] = {f"{layer}/{i}": array for layer, of_layer in weights.items() for i, array in enumerate(of_layer)}
    np.savez(file.parent / "task.npz", allow_pickle=False, beats=job.beats.movedim(1, -1).numpy(), **arrays)
    _run_keras(file.parent)
    with np.load(file.parent / "answers.npz", allow_pickle=False) as answers:
        return [answers["one"], answers["all"]]


def _run_keras(folder: Path) -> None:
    """In a process of its own: TensorFlow and torch get in each other's way, and Keras reads its settings at import."""
    settings = {
        "PYTHONPATH": python_path(),
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(folder),  # neither reads nor writes the user's keras.json, which may ask for another float type
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-P", "-m", "keras_reference.saving", str(folder)]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, errors="replace")
    if done.returncode:
        last = ([line.strip() for line in done.stderr.splitlines() if line.strip()] or ["nothing on its standard error"])[-1]
        raise InputError(
            f"--format keras: expected Keras's process to save the network, found that it ended with status {done.returncode}: "
            f"{last[:200]}; check the installation with: python -c 'import keras'"
        )


_WRITERS: dict[str, tuple[Callable[[_Job, Path], list[Array]], str]] = {
    "onnx": (_write_onnx, ".onnx"),
    "torch-export": (_write_torch, ".pt2"),
    "keras": (_write_keras, ".keras"),
}


def _zip_text(path: Path) -> str:
    """The entry of a `.keras` file, or of a torch.export archive, whose entries stand in a folder."""
    with zipfile.ZipFile(path) as archive:
        entry = next((entry for entry in archive.infolist() if entry.filename in (METADATA, f"model/extra/{METADATA}")), None)
        if entry is None or entry.file_size > _MOST_METADATA or entry.compress_type not in _COMPRESSIONS:
            raise KeyError(METADATA)
        with archive.open(entry) as file:
            return file.read(_MOST_METADATA).decode()


def _onnx_text(path: Path) -> str:
    onnx = _package("onnx", "onnx")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's DecodeError, whose module depends on how protobuf was built
        raise ValueError("not an ONNX file") from error
    return dict((entry.key, entry.value) for entry in model.metadata_props)["ecg_lightning"]

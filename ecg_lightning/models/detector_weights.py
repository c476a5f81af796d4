"""The weights of beat detectors: those that come with the package, and files of their training."""

import json
from dataclasses import asdict, dataclass, fields
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ecg_lightning.errors import InputError
from ecg_lightning.models.beat_detector import FS_HZ, BeatDetector
from ecg_lightning.models.names import SHIPPED_DETECTORS
from ecg_lightning.system.input_files import input_size
from ecg_lightning.system.paths import expanded
from ecg_lightning.text import escaped

_KEY = "ecg_lightning_detector"
_EXPECTED, _HINT = "the weights of a beat detector", "name a file of scripts/train_detector.py"
_MOST_BYTES, _MOST_CHANNELS = 1 << 24, 256


@dataclass(frozen=True)
class DetectorDescription:
    """What a file of weights says about them.

    Attributes:
        name: The name of the weights.
        version: The version of this package that trained them.
        channels: The channels of the network.
        threshold: The least probability of a beat.
        fs_hz: The sampling rate of the input.
        records: The records that trained them, as `mitdb/100`.
        seed: Of the training.
        date: Of the training, as `2026-11-26`.
    """

    name: str
    version: str
    channels: int
    threshold: float
    fs_hz: float
    records: tuple[str, ...]
    seed: int
    date: str


def load_detectors(names: str) -> tuple[BeatDetector, ...]:
    """Load detectors: shipped weights by name, or files of a training; several by commas.

    Raises:
        InputError: There are no such weights, or the file holds something else.
    """
    return tuple(load_detector(name.strip()) for name in names.split(","))


def load_detector(name: str) -> BeatDetector:
    """Load one detector, ready for use: in evaluation mode, with its threshold.

    Args:
        name: One of `SHIPPED_DETECTORS`, or the path of a file that `detector_bytes` made.

    Raises:
        InputError: There are no such weights, or the file holds something else.
    """
    return read_detector(name)[0]


def describe_detector(name: str) -> DetectorDescription:
    """Return what weights say about themselves; arguments and errors as `load_detector`."""
    return read_detector(name)[1]


def read_detector(name: str) -> tuple[BeatDetector, DetectorDescription]:
    """Return a detector, and what its file says about it; see `load_detector`."""
    if name in SHIPPED_DETECTORS:
        file = resources.files("ecg_lightning").joinpath("weights", SHIPPED_DETECTORS[name])
        with resources.as_file(file) as path:
            return _read(path)
    if not name.endswith(".safetensors"):
        raise InputError(
            "beat detector",
            expected=f"one of {', '.join(SHIPPED_DETECTORS)}, or a file *.safetensors",
            found=escaped(repr(name), 60),
            hint="choose one of these",
            setting="detector",
        )
    return _read(expanded(name))


def detector_bytes(detector: BeatDetector, description: DetectorDescription) -> bytes:
    """Return the file of a detector as it was trained, with its description."""
    state = {name: value.contiguous() for name, value in detector.state_dict().items()}
    return save(state, {_KEY: json.dumps(asdict(description))})


def _read(path: Path) -> tuple[BeatDetector, DetectorDescription]:
    """The detector of a file."""
    size = input_size(path, _EXPECTED, _HINT, "detector")
    try:
        if size > _MOST_BYTES:
            raise ValueError(f"a file of {size:,} bytes")
        with safe_open(path, "pt") as file:
            description = _description((file.metadata() or {}).get(_KEY, ""))
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return _detector(state, description), description
    except (ValueError, RuntimeError, SafetensorError) as error:
        found = f"another file ({escaped(' '.join(str(error).split()), 100)})"
        raise InputError(
            str(path), expected=_EXPECTED, found=found, hint=_HINT, setting="detector"
        ) from error


def _description(text: str) -> DetectorDescription:
    """The description of a file.

    Raises:
        ValueError: It is of another kind.
    """
    if not text:
        raise ValueError("no description of a beat detector")
    values = json.loads(text)
    kinds = {f.name: f.type for f in fields(DetectorDescription)}
    if not isinstance(values, dict) or values.keys() != kinds.keys():
        raise ValueError("an unknown description")
    records, names = values["records"], ("name", "version", "date")
    numbers = (values["threshold"], values["fs_hz"])
    if (
        not all(type(values[name]) is str for name in names)
        or not all(type(values[name]) is int for name in ("channels", "seed"))
        or not isinstance(records, list)
        or not all(type(record) is str for record in records)
        or not all(type(number) is float for number in numbers)
        or not 0 < values["threshold"] < 1
        or not 0 < values["channels"] <= _MOST_CHANNELS
        or values["fs_hz"] != FS_HZ
    ):
        raise ValueError("a description with unknown values")
    return DetectorDescription(**{**values, "records": tuple(records)})


def _detector(state: dict[str, Tensor], description: DetectorDescription) -> BeatDetector:
    """A detector with its weights, in evaluation mode.

    Raises:
        RuntimeError: They are the weights of another network.
        ValueError: They are not finite.
    """
    if not all(bool(torch.isfinite(value).all()) for value in state.values()):
        raise ValueError("weights that are not finite")
    detector = BeatDetector(description.channels, description.threshold)
    detector.load_state_dict(state)
    return detector.eval().fused()

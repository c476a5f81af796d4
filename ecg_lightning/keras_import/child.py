"""The process that reads a Keras file: `python -m ecg_lightning.keras_import.child`.

`file` starts it for each request. The request comes on stdin as JSON. The answer goes to stdout:
one line of JSON, then the arrays, if any, as safetensors. A crash of libhdf5, or more memory or
time than a model needs, ends this process only.
"""

import contextlib
import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from ecg_lightning.keras_import.config import Layer, Refused, load_json, read_layers, shown

# h5py, and the modules that import it, are imported late: the limits must be set before.

MEMORY_BYTES = 2 << 30
CPU_SECONDS = 15  # a model takes one; libhdf5 never ends on some damaged files


def set_limits() -> None:
    """Limit memory and processor time; forbid to write files and core dumps.

    Windows has no such limits; there only the parent's time limit remains.
    """
    try:
        import resource
    except ImportError:
        return
    for name, value in (("AS", MEMORY_BYTES), ("CPU", CPU_SECONDS), ("FSIZE", 0), ("CORE", 0)):
        limit = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(limit)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some
            resource.setrlimit(limit, (most, most))


def answer(request: dict[str, Any]) -> bytes:
    """Return the answer to a request.

    Args:
        request: `{"path": …}` asks for the structure; with `"arrays": [[path, shape], …]` it asks
            for the values of these arrays.
    """
    try:
        if "arrays" in request:
            return _values(request["path"], request["arrays"])
        return _line({"file": _structure(request["path"])})
    except Refused as refusal:
        found = str(refusal)
    except MemoryError:
        found = "one that needs more memory than a Keras model does"
    except Exception as error:  # broken files raise errors of libhdf5, zipfile, zlib and others
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
        found = f"one that cannot be read ({reason})"
    return _line({"found": found})


def _line(header: dict[str, Any]) -> bytes:
    return json.dumps(header).encode() + b"\n"


def _structure(path: str) -> dict[str, Any]:
    """The fields of a KerasFile, as JSON."""
    from ecg_lightning.keras_import import layouts
    from ecg_lightning.keras_import.container import opened, read_json
    from ecg_lightning.keras_import.hdf5 import walk

    with opened(path) as (file, archive):
        tree = walk(file)
        if archive:
            metadata = load_json(read_json(archive, "metadata.json"), "a metadata.json")
            layers, output = read_layers(
                load_json(read_json(archive, "config.json"), "a config.json")
            )
            arrays = layouts.keras3_arrays(file, tree, layers)
            return _checked(str(metadata.get("keras_version", "")), layers, output, arrays)
        version = layouts.text(file, "", "keras_version")
        config = layouts.text(file, "", "model_config")
        if config:
            if "model_weights" not in tree:
                raise Refused("a model without model_weights")
            layers, output = read_layers(load_json(config, "a model_config"))
            arrays = layouts.legacy_arrays(file, tree, "model_weights")
            return _checked(version, layers, output, arrays)
        return _checked(version, None, "", layouts.weights_alone(file, tree))


def _checked(
    version: str, layers: list[Layer] | None, output: str, arrays: dict[str, Any]
) -> dict[str, Any]:
    """The fields of a KerasFile, with the arrays in the order of the layers."""
    if layers is not None:
        order = dict.fromkeys(layer["name"] for layer in layers)
        if foreign := [name for name in arrays if name not in order]:
            raise Refused(
                f"weights of the layer {shown(foreign[0])}, which the model does not have"
            )
        arrays = {name: arrays[name] for name in order if arrays.get(name)}
    known = version if re.fullmatch(r"[\w.+-]{1,40}", version, re.ASCII) else ""
    return {"keras_version": known, "layers": layers, "output": output, "arrays": arrays}


def _values(path: str, wanted: Sequence[tuple[str, Sequence[int]]]) -> bytes:
    """An empty header, and the values of arrays by their index in `wanted`."""
    from safetensors.numpy import save

    from ecg_lightning.keras_import.container import opened
    from ecg_lightning.keras_import.hdf5 import read_dataset, walk
    from ecg_lightning.keras_import.layouts import float_shape

    with opened(path) as (file, _):
        tree = walk(file)
        for name, expected in wanted:
            if (shape := float_shape(tree, name)) != tuple(expected):
                raise Refused(f"{shown(name)} of the shape {shape} instead of {tuple(expected)}")
        values = {str(i): read_dataset(file, name) for i, (name, _) in enumerate(wanted)}
        return _line({}) + save(values)


def main() -> None:
    """Answer the one request on stdin."""
    request = json.loads(sys.stdin.buffer.read())
    set_limits()
    sys.stdout.buffer.write(answer(request))


if __name__ == "__main__":
    main()

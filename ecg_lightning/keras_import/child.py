"""The process that reads a stranger's Keras file: `python -m ecg_lightning.keras_import.child`, started by `file`.

A request comes on stdin (JSON), the answer goes to stdout: one line of JSON, then the arrays, if any, as safetensors. A crash
of libhdf5, or more memory or time than a model needs, ends this process and nothing else.

Layouts: legacy HDF5 (`layer_names` and `weight_names`: TF 1, Keras 2, Keras 3's `.h5`) and Keras 3's `vars` groups,
alone (`.weights.h5`) or with `config.json` in a zip archive (`.keras`).
"""

import codecs
import contextlib
import io
import json
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ecg_lightning.keras_import.config import (
    JSON_BYTES,
    Layer,
    Refused,
    load_json,
    read_layers,
    shown,
)

if TYPE_CHECKING:  # at run time it is imported late: h5py may come only after the limits
    import h5py

    from ecg_lightning.keras_import.hdf5 import Tree

MEMORY_BYTES = 2 << 30
CPU_SECONDS = 15  # a model takes one; libhdf5 loops for ever on some damaged files
FILE_BYTES = 2 << 30
MEMBER_BYTES = 1 << 30
MOST_MEMBERS = 1000
EXPANSION = 100  # times its stored size that a member may grow; weights shrink by a tenth, JSON to a thirtieth

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # the second up to Keras 2.12

Arrays = dict[str, list[tuple[str, tuple[int, ...]]]]  # layer name -> path and shape of each array


def set_limits() -> None:
    """Bound memory and processor time, forbid files and core dumps. Windows has no such limits: the parent's clock remains."""
    try:
        import resource
    except ImportError:
        return
    for name, value in (("AS", MEMORY_BYTES), ("CPU", CPU_SECONDS), ("FSIZE", 0), ("CORE", 0)):
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some
            resource.setrlimit(kind, (most, most))


def answer(request: dict[str, Any]) -> bytes:
    """The answer to a request: `{"path": …}` for the structure, with `"arrays": [[path, shape], …]` for their values."""
    try:
        return (
            _read(request["path"], request["arrays"])
            if "arrays" in request
            else _line({"file": _inspect(request["path"])})
        )
    except Refused as refusal:
        found = str(refusal)
    except MemoryError:
        found = "one that needs more memory than a Keras model does"
    except Exception as error:  # libhdf5's, zipfile's and zlib's errors have no class in common; each means a broken file
        found = (
            f"one that cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:80]})"
        )
    return _line({"found": found})


def _line(header: dict[str, Any]) -> bytes:
    return json.dumps(header).encode() + b"\n"


def _inspect(path: str) -> dict[str, Any]:
    from ecg_lightning.keras_import.hdf5 import read_strings, walk

    with _opened(path) as (file, archive):
        tree = walk(file)
        if archive:
            version = load_json(
                _member(archive, "metadata.json", JSON_BYTES), "a metadata.json"
            ).get("keras_version", "")
            layers, output = read_layers(
                load_json(_member(archive, "config.json", JSON_BYTES), "a config.json")
            )
            return _structure(str(version), layers, output, _keras3_arrays(file, tree, layers))
        version = _one(read_strings(file, "", "keras_version"), "keras_version")
        config = _one(read_strings(file, "", "model_config"), "model_config")
        if config:
            if "model_weights" not in tree:
                raise Refused("a model without model_weights")
            layers, output = read_layers(load_json(config, "a model_config"))
            return _structure(version, layers, output, _legacy_arrays(file, tree, "model_weights"))
        names = _strings(file, "", "layer_names")
        return _structure(
            version,
            None,
            "",
            _keras3_arrays(file, tree, None) if names is None else _legacy_arrays(file, tree, ""),
        )


def _structure(
    version: str, layers: list[Layer] | None, output: str, arrays: Arrays
) -> dict[str, Any]:
    """A KerasFile's fields as JSON, the arrays in the order of the layers."""
    if layers is not None:
        order = dict.fromkeys(layer["name"] for layer in layers)
        if foreign := [name for name in arrays if name not in order]:
            raise Refused(
                f"weights of the layer {shown(foreign[0])}, which the model does not have"
            )
        arrays = {name: arrays[name] for name in order if name in arrays}
    known = version if re.fullmatch(r"[\w.+-]{1,40}", version, re.ASCII) else ""
    return {"keras_version": known, "layers": layers, "output": output, "arrays": arrays}


def _read(path: str, wanted: Sequence[tuple[str, Sequence[int]]]) -> bytes:
    from safetensors.numpy import save

    from ecg_lightning.keras_import.hdf5 import read_dataset, walk

    with _opened(path) as (file, _):
        tree = walk(file)
        for name, shape in wanted:
            if _float(tree, name) != tuple(shape):
                raise Refused(
                    f"{shown(name)} of the shape {_float(tree, name)} instead of {tuple(shape)}"
                )
        return _line({}) + save(
            {str(index): read_dataset(file, name) for index, (name, _) in enumerate(wanted)}
        )


@contextlib.contextmanager
def _opened(path: str) -> "Iterator[tuple[h5py.File, zipfile.ZipFile | None]]":
    """The HDF5 file at `path`, or in the archive at `path`, and the archive."""
    import h5py

    with open(path, "rb") as stream:
        if os.fstat(stream.fileno()).st_size > FILE_BYTES:
            raise Refused(f"a file of more than {FILE_BYTES >> 30} GiB")
        magic = stream.read(len(_HDF5))
        if magic == _HDF5:
            with h5py.File(path, "r") as file:
                _open_no_more()
                yield file, None
        elif magic.startswith(_ZIP):
            with zipfile.ZipFile(stream) as archive:
                _check_members(archive)
                weights = _member(archive, "model.weights.h5", MEMBER_BYTES)
                _open_no_more()
                if not weights.startswith(_HDF5):
                    raise Refused("a model.weights.h5 that is no HDF5")
                with h5py.File(io.BytesIO(weights), "r") as file:
                    yield file, archive
        else:
            raise Refused(
                "an empty file" if not magic else "one that is neither HDF5 nor a zip archive"
            )


def _open_no_more() -> None:
    """From here on nothing can be opened, whatever the file links to: the process may have no further descriptor."""
    codecs.lookup("ascii")  # h5py decodes with it, and Python loads codecs from files
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(
            resource.RLIMIT_NOFILE, (0, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        )


def _check_members(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise Refused(f"a zip archive of {len(members)} members")
    names = [member.filename for member in members]
    for member in members:
        name = member.filename
        if names.count(name) > 1:
            raise Refused(f"a zip archive with {shown(name)} twice")
        known = name in (
            "metadata.json",
            "config.json",
            "model.weights.h5",
            "ecg_lightning.json",
        ) or name.startswith("assets/")
        if not known or ".." in name.split("/") or "\\" in name:
            raise Refused(f"a zip archive with the member {shown(name)}")
        if member.flag_bits & 0x1:
            raise Refused(f"a zip archive with the encrypted member {shown(name)}")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refused(
                f"a zip archive with {shown(name)} packed by method {member.compress_type}"
            )
        if member.file_size > MEMBER_BYTES:
            raise Refused(f"a zip archive with {shown(name)} of {member.file_size} bytes")


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member's bytes; what the archive says about their number is not believed."""
    if name not in archive.namelist():
        raise Refused(f"a zip archive without {name}")
    stored = min(archive.getinfo(name).compress_size, FILE_BYTES)
    most = min(most, EXPANSION * stored + (1 << 16))
    buffer = io.BytesIO()
    with archive.open(name) as stream:
        while block := stream.read(1 << 20):
            buffer.write(block)
            if buffer.tell() > most:
                raise Refused(f"a zip archive whose {name} unpacks to more than {most} bytes")
    return buffer.getvalue()


def _legacy_arrays(file: "h5py.File", tree: "Tree", base: str) -> Arrays:
    arrays = Arrays()
    names = _strings(file, base, "layer_names")
    if names is None:
        raise Refused("a model without layer_names")
    for name in names:
        if name in arrays:
            raise Refused(f"the layer name {shown(name)} used twice")
        group = f"{base}/{name}".lstrip("/")
        if group not in tree or tree[group] is not None:
            raise Refused(f"no weights of the layer {shown(name)}")
        paths = [f"{group}/{weight}" for weight in _strings(file, group, "weight_names") or []]
        if len(set(paths)) < len(paths):
            raise Refused(f"an array of the layer {shown(name)} named twice")
        arrays[name] = [(path, _float(tree, path)) for path in paths]
    return {name: found for name, found in arrays.items() if found}


def _keras3_arrays(file: "h5py.File", tree: "Tree", layers: list[Layer] | None) -> Arrays:
    base = next((name for name in _CONTAINERS if name in tree and tree[name] is None), None)
    if base is None:
        raise Refused(
            "an HDF5 file without layers" if layers is None else "a model.weights.h5 without layers"
        )
    groups = _vars_groups(tree, base)
    names = [
        (_one(_strings(file, f"{base}/{group}/vars", "name"), "name"), group) for group in groups
    ]
    known = _graph_names(layers, list(groups)) if layers is not None else {}
    arrays = Arrays()
    for own, group in names:
        if own and known.get(group, own) != own:
            raise Refused(
                f"the weights {shown(group)} named {shown(own)} instead of {shown(known[group])}"
            )
        name = own or known.get(group, group)
        if name in arrays:
            raise Refused(f"the layer name {shown(name)} used twice")
        arrays[name] = [(path, _float(tree, path)) for path in groups[group]]
    return arrays


def _vars_groups(tree: "Tree", base: str) -> dict[str, list[str]]:
    """Group of a layer -> paths of its arrays 0, 1, …, in natural order of the groups; those without arrays left out."""
    found: dict[str, list[str]] = {}
    for path, dataset in tree.items():
        group, _, rest = path.removeprefix(f"{base}/").partition("/")
        if (
            dataset is None
            or not path.startswith(f"{base}/")
            or not (dataset.is_float or rest.startswith("vars/"))
        ):
            continue  # a Dropout's seed generator keeps integers, deeper than `vars`
        if not re.fullmatch(r"vars/(0|[1-9][0-9]{0,4})", rest):
            raise Refused(f"{shown(path)}, an array of a nested layer")
        found.setdefault(group, []).append(path)
    for group, paths in found.items():
        found[group] = [f"{base}/{group}/vars/{index}" for index in range(len(paths))]
        if set(found[group]) != set(paths):
            raise Refused(f"{shown(group)} without some of its arrays 0 to {len(paths) - 1}")
    return dict(sorted(found.items(), key=lambda item: _natural(item[0])))


def _graph_names(layers: list[Layer], groups: list[str]) -> dict[str, str]:
    """Group -> layer name: groups are counted for each class, or (some versions) named as the layers are."""
    counted: dict[str, str] = {}
    counts: dict[str, int] = {}
    for layer in layers:
        kind = _snake(layer["kind"].rpartition(">")[2])
        counts[kind] = counts.get(kind, -1) + 1
        counted[f"{kind}_{counts[kind]}" if counts[kind] else kind] = layer["name"]
    if set(groups) <= set(counted):
        return counted
    own = {layer["name"]: layer["name"] for layer in layers}
    return own if set(groups) <= set(own) else {}


def _snake(name: str) -> str:
    """Keras's `to_snake_case`: Conv1D is conv1d, ReLU is re_lu."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorting key that puts conv1d_2 before conv1d_10."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"([0-9]{1,9})", name)
    ]


def _float(tree: "Tree", path: str) -> tuple[int, ...]:
    """The shape of an array of weights."""
    dataset = tree.get(path)
    if dataset is None:
        raise Refused(f"no array {shown(path)}")
    if not dataset.is_float:
        raise Refused(f"the array {shown(path)} of another type than float16, float32 and float64")
    return dataset.shape


def _strings(file: "h5py.File", path: str, name: str) -> list[str] | None:
    """An attribute's strings; Keras cuts one of more than 64 kB into name0, name1 and so on."""
    from ecg_lightning.keras_import.hdf5 import read_strings

    if (strings := read_strings(file, path, name)) is not None:
        return strings
    if (strings := read_strings(file, path, f"{name}0")) is None:
        return None
    index = 1
    while (more := read_strings(file, path, f"{name}{index}")) is not None:
        strings, index = strings + more, index + 1
    return strings


def _one(strings: list[str] | None, name: str) -> str:
    if strings is not None and len(strings) != 1:
        raise Refused(f"an attribute {name} of {len(strings)} strings")
    return strings[0] if strings else ""


def main() -> None:
    """Answer the one request on stdin."""
    request = json.loads(sys.stdin.buffer.read())
    set_limits()
    sys.stdout.buffer.write(answer(request))


if __name__ == "__main__":
    main()

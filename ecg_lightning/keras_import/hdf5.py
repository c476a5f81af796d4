"""An untrusted HDF5 file: the whole tree is checked before anything in it is read.

Every check works on what the file declares. A link is checked before its target is opened, because
h5py follows links into other files by itself. Only `child`, in its process with limits, imports
this.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5p, h5s, h5t, h5z

from ecg_lightning.keras_import.config import JSON_BYTES, Refused, shown

MOST_OBJECTS = 20_000
MOST_DEPTH = 16
MOST_ATTRIBUTES = 1000
DATASET_BYTES = 1 << 30
CHUNK_BYTES = 64 << 20
NAME_BYTES = 1024

_FILTERS = (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE)
_LAYOUTS = (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED)
_FLOATS = (
    h5t.IEEE_F16LE,
    h5t.IEEE_F16BE,
    h5t.IEEE_F32LE,
    h5t.IEEE_F32BE,
    h5t.IEEE_F64LE,
    h5t.IEEE_F64BE,
)
_LINKS = {h5l.TYPE_SOFT: "a soft link", h5l.TYPE_EXTERNAL: "a link to another file"}
_NUMBERS = (h5t.FLOAT, h5t.INTEGER, h5t.ENUM)  # h5py keeps booleans as an enumeration


@dataclass(frozen=True)
class Dataset:
    """A checked dataset: its shape, and whether it holds float16, float32 or float64."""

    shape: tuple[int, ...]
    is_float: bool


# Path without a leading "/" -> dataset, or None for a group; "" is the root.
Tree = dict[str, Dataset | None]


def walk(file: h5py.File) -> Tree:
    """Check every object of a file, and return them.

    Raises:
        Refused: A link that is not a hard link, an object with two paths, data outside the file,
            or a type, a size, a filter or a number of objects that no Keras model needs.
    """
    root = h5g.open(file.id, b"/")
    seen, tree = {_address(root, b".")}, Tree()
    todo: list[tuple[str, h5g.GroupID]] = [("", root)]
    while todo:
        path, group = todo.pop()
        tree[path] = None
        _check_attributes(group, path)
        for name, inner in _members(group, path, MOST_OBJECTS - len(seen)):
            if (address := _address(group, name)) in seen:
                raise Refused(f"{shown(inner)}, a second link to the same object")
            seen.add(address)
            if h5o.get_info(group, name).type == h5o.TYPE_GROUP:
                todo.append((inner, h5g.open(group, name)))
            elif h5o.get_info(group, name).type == h5o.TYPE_DATASET:
                tree[inner] = _dataset(group, name, inner)
            else:
                raise Refused(f"{shown(inner)}, which is neither a group nor a dataset")
    return tree


def read_strings(file: h5py.File, path: str, name: str) -> list[str] | None:
    """Return the strings of an attribute of the group at `path`; None if it has no such one."""
    group = h5g.open(file.id, f"/{path}".encode())
    if not h5a.exists(group, name.encode()):
        return None
    attribute = h5a.open(group, name.encode())
    space = attribute.get_space()
    count = 0 if space.get_simple_extent_type() == h5s.NULL else space.get_simple_extent_npoints()
    if count == 0:
        return []  # Keras writes an empty list as float64
    if attribute.get_type().get_class() != h5t.STRING or count > MOST_OBJECTS:
        raise Refused(
            f"the attribute {shown(name)} of {shown(path or '/')}, which is no list of strings"
        )
    values = np.empty(attribute.shape, attribute.dtype)
    attribute.read(values, mtype=h5t.py_create(attribute.dtype))
    return [
        value if isinstance(value, str) else bytes(value).decode()
        for value in values.reshape(-1).tolist()
    ]


def read_dataset(file: h5py.File, path: str) -> np.ndarray:
    """Return the values of a checked dataset: float64 as they are, others as float32."""
    values = file[f"/{path}"][()]
    return np.ascontiguousarray(
        values, np.float64 if values.dtype.itemsize == 8 else np.float32
    ).reshape(values.shape)


def _members(group: h5g.GroupID, path: str, most: int) -> Iterator[tuple[bytes, str]]:
    """Name and path of each member of a group; every link must be a hard link."""
    names: list[bytes] = []
    # The iteration ends when the function returns True.
    group.links.iterate(lambda name: names.append(name) if len(names) <= most else True)
    if len(names) > most:
        raise Refused(f"more than {MOST_OBJECTS} objects")
    if names and path.count("/") + bool(path) >= MOST_DEPTH:
        raise Refused(f"groups nested deeper than {MOST_DEPTH}")
    for name in names:
        if len(name) > NAME_BYTES:
            raise Refused(f"an object's name of more than {NAME_BYTES} bytes")
        inner = f"{path}/{name.decode()}".lstrip("/")
        if (link := group.links.get_info(name).type) != h5l.TYPE_HARD:
            raise Refused(f"{shown(inner)}, {_LINKS.get(link, 'a link of an unknown type')}")
        yield name, inner


def _address(group: h5g.GroupID, name: bytes) -> int:
    return int(h5o.get_info(group, name).addr)


def _dataset(group: h5g.GroupID, name: bytes, path: str) -> Dataset:
    dataset = h5d.open(group, name)
    _check_attributes(dataset, path)
    stored, space = dataset.get_create_plist(), dataset.get_space()
    data_type = dataset.get_type()
    if stored.get_external_count():
        raise Refused(f"{shown(path)}, whose data are in another file")
    if stored.get_layout() not in _LAYOUTS:
        raise Refused(f"{shown(path)}, a virtual dataset")
    if data_type.get_class() not in _NUMBERS or space.get_simple_extent_type() == h5s.NULL:
        raise Refused(f"{shown(path)}, which is no array of numbers")
    shape = tuple(map(int, space.get_simple_extent_dims()))
    _check_size(path, prod(shape) * data_type.get_size(), dataset, stored)
    return Dataset(shape, any(data_type.equal(known) for known in _FLOATS))


def _check_size(path: str, size: int, dataset: h5d.DatasetID, stored: h5p.PropDCID) -> None:
    """Compare the declared size, which a file can choose freely, with the stored size."""
    if size > DATASET_BYTES:
        raise Refused(f"{shown(path)}, which declares {size} bytes")
    chunked = stored.get_layout() == h5d.CHUNKED
    if chunked and prod(stored.get_chunk()) * dataset.get_type().get_size() > CHUNK_BYTES:
        raise Refused(f"{shown(path)}, in chunks of more than {CHUNK_BYTES >> 20} MiB")
    for index in range(stored.get_nfilters()):
        if (code := stored.get_filter(index)[0]) not in _FILTERS:
            raise Refused(f"{shown(path)}, packed by the HDF5 filter {code}")
    kept = dataset.get_storage_size()
    if (size and not kept) if chunked else kept != size:
        raise Refused(f"{shown(path)}, which declares {size} bytes and stores {kept}")


def _check_attributes(owner: h5g.GroupID | h5d.DatasetID, path: str) -> None:
    if (count := h5a.get_num_attrs(owner)) > MOST_ATTRIBUTES:
        raise Refused(f"{shown(path or '/')} with {count} attributes")
    for index in range(count):
        attribute = h5a.open(owner, index=index)
        count = attribute.get_space().get_simple_extent_npoints()
        if count * attribute.get_type().get_size() > JSON_BYTES:
            most = f"{JSON_BYTES >> 20} MiB"
            raise Refused(f"{shown(path or '/')} with an attribute of more than {most}")

"""The file of a checkpoint, read as hostile input: a zip file with a pickle and raw numbers.

`torch.load` compares no checksum, and its sizes come from the pickle. Here the pickle can only
build dictionaries, lists, plain values and dense tensors whose numbers are in the file.
"""

import io
import math
import pickle
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, ClassVar, NoReturn

import torch
from torch import Tensor

from ecg_lightning.errors import InputError
from ecg_lightning.system.input_files import open_input

EXPECTED = "a checkpoint of this program"
HINT = "take RUN/checkpoints/best.ckpt of a run, or a file that import-keras wrote"
OWN_HINT = "predict, test and export take a network of your own with --config RUN/config.yaml"
MOST_BYTES = 1 << 34  # of a file; the largest network here has 7 MB
DEEPEST = 64  # containers within containers
LONGEST_INT = 1 << 63
DTYPES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}  # by the name of their storage


class CheckpointError(Exception):
    """What is wrong with a checkpoint, to follow the word `found`."""


def read_content(source: Path | IO[bytes], hint: str = HINT) -> dict[str, Any]:
    """Read the plain values and tensors of a checkpoint, onto the CPU.

    The checksum of every entry is compared. No class is looked up by a name in the file, and no
    memory is taken that the file does not fill.

    Args:
        source: A path or an open file.
        hint: The next step where it is refused.

    Raises:
        InputError: It is no regular file, it is damaged, or its content is of another kind.
    """
    subject = str(source) if isinstance(source, Path) else "checkpoint"
    try:
        if isinstance(source, Path):
            with open_input(source, EXPECTED, hint) as file:
                return _content(file)
        return _content(source)
    except CheckpointError as error:
        raise InputError(subject, expected=EXPECTED, found=str(error), hint=hint) from error


def _content(file: IO[bytes]) -> dict[str, Any]:
    try:
        entries = _entries(file)
        text = entries["data.pkl"]
        content = _Reader(text, entries).load()
    except CheckpointError:
        raise
    except Exception as error:  # pickle and zipfile raise a dozen classes for a damaged file
        raise CheckpointError(f"a file that cannot be read as one ({_name(error)})") from error
    _check_values(content, len(text))
    if not isinstance(content, dict):
        raise CheckpointError(f"a file that holds {type(content).__name__}")
    return content


def _name(error: Exception) -> str:
    return type(error).__name__.lstrip("_")


def _entries(file: IO[bytes]) -> dict[str, bytes]:
    """The content of every entry of the zip file, by its name below the archive's folder."""
    size = file.seek(0, 2)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise CheckpointError("a compressed file")
        if sum(entry.file_size for entry in entries) > min(size, MOST_BYTES):
            raise CheckpointError("a file whose entries are larger than itself")
        names = [entry.filename.partition("/")[2] for entry in entries]
        if len(set(names)) < len(names):
            raise CheckpointError("a file with two entries of one name")
        try:
            contents = [archive.read(entry) for entry in entries]
        except zipfile.BadZipFile as error:
            raise CheckpointError(f"a damaged file ({error})") from error
    result = dict(zip(names, contents, strict=True))
    if result.get("byteorder", b"little") != b"little":
        raise CheckpointError("a file with another byte order")
    return result


class _Reader(pickle._Unpickler):
    """Unpickles a checkpoint: only the functions of a fixed table are called."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, text: bytes, entries: Mapping[str, bytes]) -> None:
        super().__init__(io.BytesIO(text))
        self._entries = entries
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The function of the table that a global stands for."""
        if (module, name) in _GLOBALS:
            return _GLOBALS[module, name]
        raise CheckpointError(f"a file that asks for {module}.{name}"[:200])

    def persistent_load(self, pid: Any) -> Tensor:
        """The numbers of one entry, as a flat tensor."""
        kind, dtype, key, _, length = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or type(key) is not str:
            raise CheckpointError("a file with an unknown kind of numbers")
        numbers = self._entries[f"data/{key}"]
        if type(length) is not int or length * dtype.itemsize != len(numbers):
            raise CheckpointError("a tensor whose length differs from its data's")
        if key not in self._storages:
            self._storages[key] = (
                torch.frombuffer(bytearray(numbers), dtype=dtype)
                if length
                else torch.empty(0, dtype=dtype)
            )
        if self._storages[key].dtype != dtype:
            raise CheckpointError("numbers of two types in one place")
        return self._storages[key]

    def load_build(self) -> None:
        """Keep the versions of modules of a state dict; nothing else has attributes here."""
        state = self.stack.pop()  # type: ignore[attr-defined]
        owner = self.stack[-1]  # type: ignore[attr-defined]
        if type(owner) is not OrderedDict or not isinstance(state, dict):
            raise CheckpointError("an object with attributes")
        versions = state.get("_metadata", {})
        if not isinstance(versions, dict) or not all(
            type(name) is str and isinstance(value, dict) for name, value in versions.items()
        ):
            raise CheckpointError("a state dict with unknown versions of its modules")
        owner._metadata = versions  # type: ignore[attr-defined]  # as torch keeps it

    dispatch[pickle.BUILD[0]] = load_build

    def load_reduce(self) -> None:
        """Call a function of the table."""
        arguments = self.stack.pop()  # type: ignore[attr-defined]
        function = self.stack[-1]  # type: ignore[attr-defined]
        if not any(function is known for known in _FUNCTIONS.values()):
            raise CheckpointError("a call of what is no function of the table")
        self.stack[-1] = function(*arguments)  # type: ignore[attr-defined]

    dispatch[pickle.REDUCE[0]] = load_reduce

    def _refuse(self) -> NoReturn:
        raise CheckpointError("a file with instructions that checkpoints do not have")

    for code in (pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.EXT1):
        dispatch[code[0]] = _refuse
    for code in (pickle.EXT2, pickle.EXT4, pickle.BYTEARRAY8, pickle.NEXT_BUFFER):
        dispatch[code[0]] = _refuse


def _tensor(
    storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, extra: Any = None
) -> Tensor:
    """A dense tensor whose numbers are all in its storage, none of them twice."""
    plain = all(type(n) is int and 0 <= n < LONGEST_INT for n in (offset, *size, *stride))
    if (
        not isinstance(storage, Tensor)
        or not plain
        or len(size) != len(stride)
        or len(size) > DEEPEST
    ):
        raise CheckpointError("a tensor of an unknown layout")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if math.prod(size) > len(storage) or (math.prod(size) and last >= len(storage)):
        raise CheckpointError("a tensor that is larger than its data")
    result = storage.as_strided(size, stride, offset)
    return result.requires_grad_(grad is True and result.is_floating_point())


def _parameter(data: Any, grad: Any, hooks: Any, *state: Any) -> torch.nn.Parameter:
    return torch.nn.Parameter(data, requires_grad=grad is True)


_FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "Counter"): Counter,
    ("torch", "Size"): tuple,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
}
_GLOBALS: dict[tuple[str, str], Any] = {
    **_FUNCTIONS,
    **{("torch", f"{name}Storage"): dtype for name, dtype in DTYPES.items()},
    **{("torch", str(dtype).removeprefix("torch.")): dtype for dtype in DTYPES.values()},
}


def _check_values(content: Any, text_bytes: int) -> None:
    """Refuse what is endless, deeper or larger than its text, and what no message can show."""
    sizes: dict[int, int] = {}
    most = 64 * text_bytes

    def size_of(value: Any, depth: int) -> int:
        if isinstance(value, str):
            value.encode()  # lone surrogates are no text
            return 1 + len(value)
        if isinstance(value, int) and not -LONGEST_INT <= value < LONGEST_INT:
            raise CheckpointError("a number of more than 64 bits")
        if not isinstance(value, dict | list | tuple | set | frozenset):
            return 1
        if depth > DEEPEST:
            raise CheckpointError("values nested too deeply")
        key = id(value)
        if key not in sizes:
            parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
            sizes[key] = 1 + sum(size_of(part, depth + 1) for part in parts)
            if sizes[key] > most:
                raise CheckpointError("values that repeat themselves without end")
        return sizes[key]

    try:
        size_of(content, 0)
    except UnicodeError as error:
        raise CheckpointError("a text that is no Unicode") from error

"""Read thousands of damaged Keras files: each must be read or refused by an InputError.

    python scripts/fuzz_keras.py --files 3000 --seed 0        # 2 to 4 minutes; POSIX only

Most files go to a server, which forks a process with the reader's limits for each file and so saves
the start of Python. One in `--children` files goes to the reader as production starts it. A file
with another outcome is kept in the folder `--keep`.
"""

import argparse
import collections
import io
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the writers of the files are the tests'

from ecg_lightning.errors import InputError  # noqa: E402
from ecg_lightning.keras_import import child as keras_child  # noqa: E402
from ecg_lightning.keras_import import file as keras_file  # noqa: E402
from ecg_lightning.keras_import import reader  # noqa: E402
from tests.helpers import keras_files as made  # noqa: E402

# For one file: libhdf5 never ends on some. In production a limit of processor time ends it.
SECONDS = 5
NUMBERS = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0xFFFFFFFF,
    1 << 32,
    (1 << 63) - 1,
    (1 << 64) - 1,
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**70,
    1e308,
    "",
    "x" * 5000,
    "\ud800",
    [],
    {},
    [[]],
    [None],
    {"class_name": "Lambda"},
)
Random = random.Random


class Server:
    """A process that answers each request as the reader's child does, in a fork."""

    def __init__(self, seconds: int = SECONDS) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), "--serve", str(seconds)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            env=reader.environment(),
        )

    def run(self, request: bytes, most: int) -> tuple[int, bytes]:
        """A replacement for `reader.run_child`."""
        into, out = self._process.stdin, self._process.stdout
        if into is None or out is None:
            raise RuntimeError("the server has no pipes")
        into.write(struct.pack("!q", len(request)) + request)
        into.flush()
        status, length = struct.unpack("!iq", out.read(12))
        return status, out.read(length)[: most + 1]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(seconds: int) -> None:
    """Run the server; a fork may take so many seconds."""
    import safetensors.numpy  # noqa: F401  (once, not in every fork)

    from ecg_lightning.keras_import import container, layouts  # noqa: F401

    while head := sys.stdin.buffer.read(8):
        request = sys.stdin.buffer.read(struct.unpack("!q", head)[0])
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            _answer(request, writer, seconds)
        os.close(writer)
        with open(reader, "rb") as stream:
            output = stream.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.buffer.write(struct.pack("!iq", status, len(output)) + output)
        sys.stdout.buffer.flush()


def _answer(request: bytes, writer: int, seconds: int) -> None:
    status = 1
    try:
        signal.alarm(seconds)
        keras_child.set_limits()
        with open(writer, "wb") as stream:
            stream.write(keras_child.answer(json.loads(request)))
        status = 0
    finally:
        os._exit(status)  # never return to the server's loop


def seeds(folder: Path) -> list[bytes]:
    """Intact files: one of every layout, one chunked and packed, one in HDF5's newer format."""
    layers = made.small_layers()
    files = [write(folder / name, layers) for name, write in made.WRITERS.items()]
    files.append(
        made.legacy_weights_h5(
            folder / "gzip.h5", layers, chunks=True, compression="gzip", shuffle=True
        )
    )
    with h5py.File(folder / "latest.h5", "w", libver="latest") as file:
        file.attrs["model_config"] = json.dumps(made.old_config(layers))
        made.legacy_weights(file.create_group("model_weights"), layers, chunks=True)
    return [path.read_bytes() for path in [*files, folder / "latest.h5"]]


def damage(content: bytes, others: list[bytes], rng: Random) -> bytes:
    """A file with one to three damages, often inside a member or a config of a valid container."""
    if content.startswith(b"PK") and rng.random() < 0.7:
        return _damage_member(content, others, rng)
    if content.startswith(b"\x89HDF") and rng.random() < 0.25:
        content = _damage_config(content, rng)
        if rng.random() < 0.7:
            return content
    for _ in range(rng.randint(1, 3)):
        content = rng.choice(BYTES)(content, others, rng)
    return content


def _flip(content: bytes, others: list[bytes], rng: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 12)):
        changed[_place(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _number(content: bytes, others: list[bytes], rng: Random) -> bytes:
    size, place = rng.choice((1, 2, 4, 8)), _place(content, rng)
    number = (rng.choice(NUMBERS) + rng.randint(-1, 1)) % (1 << 8 * size)
    return content[:place] + number.to_bytes(size, "little") + content[place + size :]


def _cut(content: bytes, others: list[bytes], rng: Random) -> bytes:
    return content[: rng.randint(1, len(content))] + rng.randbytes(rng.choice((0, 0, 100)))


def _splice(content: bytes, others: list[bytes], rng: Random) -> bytes:
    """Overwrite a block with one of this file or another; sometimes insert it."""
    source = rng.choice([content, rng.choice(others)])
    start, size, place = (
        rng.randrange(len(source)),
        rng.choice((8, 24, 96, 544, 4096)),
        _place(content, rng),
    )
    block = source[start : start + size]
    return content[:place] + block + content[place + (len(block) if rng.random() < 0.9 else 0) :]


BYTES: tuple[Callable[[bytes, list[bytes], Random], bytes], ...] = (
    _flip,
    _flip,
    _number,
    _number,
    _cut,
    _splice,
)


def _place(content: bytes, rng: Random) -> int:
    """A position, mostly of a byte that is not zero: much of a small HDF5 file is zeros."""
    places = [rng.randrange(len(content)) for _ in range(8)] if content else [0]
    return next((place for place in places if content[place : place + 1] != b"\0"), places[0])


def _damage_member(content: bytes, others: list[bytes], rng: Random) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        return content
    name = rng.choice(sorted(members))
    if name == "config.json" and rng.random() < 0.7:
        members[name] = _damage_json(members[name], rng)
    else:
        members[name] = rng.choice(BYTES)(members[name], others, rng)
    into = io.BytesIO()
    with zipfile.ZipFile(
        into, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    ) as archive:
        for key, value in members.items():
            archive.writestr(key, value)
    return into.getvalue()


def _damage_config(content: bytes, rng: Random) -> bytes:
    into = io.BytesIO(content)
    with h5py.File(into, "r+") as file:
        name = rng.choice(sorted(file.attrs)) if len(file.attrs) else ""
        if name == "model_config":
            file.attrs[name] = (
                h5py.Empty("S1")
                if rng.random() < 0.02
                else _damage_json(file.attrs[name].encode(), rng)
            )
        elif name:
            file.attrs[name] = rng.choice((3.5, "", b"\xff", [1, 2], ["a", "a"], h5py.Empty("S1")))
    return into.getvalue()


def _damage_json(text: bytes, rng: Random) -> bytes:
    """A few values replaced, removed, doubled or wrapped, or the text itself damaged."""
    if rng.random() < 0.1:
        return rng.choice((_flip, _cut))(text, [], rng).replace(b"\0", b"0")
    config = json.loads(text)
    for _ in range(rng.randint(1, 3)):
        holders: list[Any] = [config]
        for holder in holders:  # grows while it is walked
            holders += [
                v
                for v in (holder.values() if isinstance(holder, dict) else holder)
                if isinstance(v, dict | list) and v
            ]
        holder = rng.choice(holders)
        key = rng.choice(sorted(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        action = rng.randrange(4)
        if action == 0 and len(holder) > 1:
            del holder[key]
        elif action == 1 and isinstance(holder, list):
            holder.insert(key, json.loads(json.dumps(holder[rng.randrange(len(holder))])))
        elif action == 2:
            holder[key] = [holder[key]]
        else:
            holder[key] = rng.choice(VALUES)
            if isinstance(holder[key], dict | list):
                holder[key] = json.loads(json.dumps(holder[key]))
    return json.dumps(config).encode()


def outcome(path: Path) -> str:
    """The outcome of a file: "read", "refused", or "refused: …" if its reader crashed."""
    try:
        file = keras_file.inspect_keras(path)
        wanted = {name: [array.shape for array in arrays] for name, arrays in file.arrays.items()}
        keras_file.read_arrays(file, wanted)
    except InputError as error:
        if "\n" in str(error):
            raise RuntimeError("an InputError of more than one line") from error
        _, ended, status = str(error).partition("its reader ended with ")
        return f"refused: reader ended with {status.partition(')')[0]}" if ended else "refused"
    return "read"


def fuzz(files: int, seed: int, children: int, keep: Path) -> collections.Counter[str]:
    """The number of damaged files with each outcome; "failed" must not occur."""
    counts: collections.Counter[str] = collections.Counter()
    server, child = Server(), reader.run_child
    with tempfile.TemporaryDirectory() as name:
        contents = seeds(Path(name))
        try:
            for index in range(files):
                rng = Random(f"{seed} {index}")
                path = Path(name) / "damaged"
                path.write_bytes(damage(rng.choice(contents), contents, rng))
                reader.run_child = child if index % children == 0 else server.run
                try:
                    counts[outcome(path)] += 1
                except Exception:  # any other exception is a finding
                    counts["failed"] += 1
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{seed}-{index}").write_bytes(path.read_bytes())
                    traceback.print_exc()
        finally:
            reader.run_child = child
            server.close()
    return counts


def main() -> int:
    """Print the counts; status 1 where a file failed."""
    parser = argparse.ArgumentParser(description="Read damaged Keras files.")
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--children",
        type=int,
        default=50,
        help="one in so many goes to the reader as production starts it (default: %(default)s)",
    )
    parser.add_argument("--keep", type=Path, default=Path("fuzz_failures"))
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return 0
    counts = fuzz(arguments.files, arguments.seed, arguments.children, arguments.keep)
    for what, count in sorted(counts.items()):
        print(f"{count:7d} {what}")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())

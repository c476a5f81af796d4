"""Input files: what is no regular file is not opened, and what is too large is not read."""

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.system.checksums import sha256_of
from ecg_lightning.system.input_files import input_size, open_input, read_input

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


OTHERS: dict[str, Callable[[Path], Any]] = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": bound,
}
DOORS: dict[str, Callable[[Path], Any]] = {
    "size": input_size,
    "open": open_input,
    "read": lambda path: read_input(path, 100),
    "checksum": sha256_of,
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_regular_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    OTHERS[kind](Path("x"))
    message = f"^x: expected a .*file, found {kind}; put a regular file in its place$"
    with pytest.raises(InputError, match=message):
        DOORS[door](Path("x"))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("none", "no such file"),
        ("", "a folder"),
        ("x" * 5000, "File name too long"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_a_path_that_is_none(tmp_path: Path, door: str, name: str, found: str) -> None:
    with pytest.raises(InputError, match=f"found {found}; check the path$"):
        DOORS[door](tmp_path / name)


@pytest.mark.parametrize("door", ["open", "read", "checksum"])
def test_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: str) -> None:
    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "x").write_bytes(b"abc")
    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(InputError, match=r"found Permission denied; check its permissions$"):
        DOORS[door](tmp_path / "x")


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_file_up_to_the_bound_is_read_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a" * size)
    assert read_input(path, 100) == b"a" * size
    assert input_size(path) == size
    assert (sha256_of(path) == EMPTY) == (size == 0)


def test_a_larger_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a" * 101)
    message = f"{path}: expected a file of at most 100 bytes, found 101 bytes or more; "
    with pytest.raises(InputError, match=f"^{re.escape(message)}check that it is the right file$"):
        read_input(path, 100)


def test_a_file_that_says_it_is_empty_and_is_not(tmp_path: Path) -> None:
    path = Path("/proc/self/status")
    if not path.is_file():
        pytest.skip("no /proc here")
    assert path.stat().st_size == 0
    assert read_input(path, 1 << 20).startswith(b"Name:")
    with pytest.raises(InputError, match="of at most 10 bytes, found 11 bytes or more"):
        read_input(path, 10)
    assert sha256_of(path) == EMPTY  # a file may grow without an end while it is read

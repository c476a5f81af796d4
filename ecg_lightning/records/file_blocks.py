"""Blocks of bytes of a recording's file."""

import os
from pathlib import Path
from typing import BinaryIO

from ecg_lightning.errors import InputError


def read_block(file: BinaryIO, path: Path, offset: int, size: int) -> bytes:
    """Read `size` bytes from byte `offset` on.

    Args:
        file: The open file.
        path: Its path, for the message.
        offset: The first byte.
        size: How many; within the size that the file had when its header was read.

    Raises:
        InputError: The file has become shorter, or cannot be read.
    """
    try:
        block = os.pread(file.fileno(), size, offset)
    except OSError as error:
        block, reason = b"", error.strerror or "an error"
    else:
        reason = f"{len(block):,}"
    if len(block) < size:
        raise InputError(
            str(path),
            expected=f"{size:,} bytes from byte {offset:,} on",
            found=reason,
            hint="check that the file is whole, and that nothing writes into it",
        )
    return block

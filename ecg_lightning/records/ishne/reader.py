"""ISHNE Holter files: samples of 16 bits, those of all leads taking turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.records.file_blocks import read_block
from ecg_lightning.records.ishne.annotations import annotation_file, read_annotations
from ecg_lightning.records.ishne.header import EXPECTED, Header, read_header
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Lead, ReadOptions, Recording, used_lead
from ecg_lightning.records.stated import checked_rate
from ecg_lightning.system.input_files import open_input

_PIECE = 1 << 20  # bytes that are read at once
_FAULT = -32768  # the lead has a fault: the sample is not valid


@dataclass(frozen=True, eq=False)
class IshneSamples:
    """The samples of a file.

    Attributes:
        header: Its header.
    """

    header: Header

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        """Read a piece of some leads; see `Samples.read`."""
        result = np.empty((len(leads), stop - start))
        row_size = 2 * len(self.header.names)
        step = max(1, _PIECE // row_size)
        with open_input(self.header.path, EXPECTED) as file:
            for first in range(start, stop, step):
                n_rows = min(step, stop - first)
                begin = self.header.offset + first * row_size
                content = read_block(file, self.header.path, begin, n_rows * row_size)
                stored = np.frombuffer(content, "<i2").reshape(n_rows, -1)[:, list(leads)].T
                piece = result[:, first - start : first - start + n_rows]
                piece[:] = np.where(stored == _FAULT, np.nan, stored)
        nanovolts = [self.header.resolutions_nv[lead] for lead in leads]
        result *= np.array([nv / 1e6 if nv else 1.0 for nv in nanovolts])[:, None]
        return result


def read_ishne(path: Path, options: ReadOptions) -> Recording:
    """Open an ISHNE Holter file; its annotations are in a file NAME.ann next to it.

    Args:
        path: The file.
        options: What the user states.

    Raises:
        InputError: The header is damaged, there are no samples, or the user states what the file
            says otherwise.
    """
    header = read_header(path)
    leads = tuple(
        Lead(name, "mV" if nv else "", header.fs_hz, header.samples)
        for name, nv in zip(header.names, header.resolutions_nv, strict=True)
    )
    used = used_lead(path.stem, leads, options.lead)
    checked_rate(str(path), header.fs_hz, options.fs_hz)
    annotations = annotation_file(path)
    return Recording(
        path.stem,
        "ISHNE",
        leads,
        used,
        IshneSamples(header),
        path,
        header.start,
        tuple(RecordNote(path.stem, "signal", note) for note in header.notes),
        partial(read_annotations, annotations, header.fs_hz, header.samples)
        if annotations
        else lambda: None,
    )

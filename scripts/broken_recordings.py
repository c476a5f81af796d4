"""Twenty ways in which a recording is broken, each as a function that writes one.

Each function takes the path without an ending and the samples (2, T) as steps of 1/200 mV, and
writes files that look like a recording from outside. None of them can be annotated.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from recording_files import write_edf, write_ishne, write_wfdb

Steps = npt.NDArray[np.int16]
LEADS, FS_HZ = ("MLII", "V1"), 360


def _wfdb(path: Path, steps: Steps) -> Path:
    write_wfdb(path, [steps], LEADS, FS_HZ)
    return path.with_name(f"{path.name}.hea")


def _edf(path: Path, steps: Steps) -> Path:
    file = path.with_name(f"{path.name}.edf")
    write_edf(file, [steps], LEADS, FS_HZ)
    return file


def _changed(file: Path, old: bytes, new: bytes, count: int = 1) -> None:
    content = file.read_bytes()
    assert old in content, f"{file}: {old!r} is not in it"
    file.write_bytes(content.replace(old, new, count))


def _replaced(file: Path, place: int, new: bytes) -> None:
    content = bytearray(file.read_bytes())
    content[place : place + len(new)] = new
    file.write_bytes(content)


def _cut(file: Path, size: int) -> None:
    os.truncate(file, size)


def no_signal_file(path: Path, steps: Steps) -> None:
    """A header without its signal file."""
    _wfdb(path, steps).with_suffix(".dat").unlink()


def short_signal_file(path: Path, steps: Steps) -> None:
    """A signal file that was cut in the middle."""
    _cut(_wfdb(path, steps).with_suffix(".dat"), steps.size)


def empty_signal_file(path: Path, steps: Steps) -> None:
    """A signal file without a byte."""
    _cut(_wfdb(path, steps).with_suffix(".dat"), 0)


def negative_rate(path: Path, steps: Steps) -> None:
    """A header with a sampling rate below zero."""
    _changed(_wfdb(path, steps), b" 360 ", b" -360 ")


def endless_gain(path: Path, steps: Steps) -> None:
    """A header whose gain is no number."""
    _changed(_wfdb(path, steps), b" 200(0)", b" nan(0)")


def unknown_format(path: Path, steps: Steps) -> None:
    """A header with a format that WFDB does not have."""
    _changed(_wfdb(path, steps), b".dat 16 ", b".dat 99 ")


def many_signals(path: Path, steps: Steps) -> None:
    """A header that claims a number of signals of 500 digits."""
    _changed(_wfdb(path, steps), b" 2 360", b" " + b"9" * 500 + b" 360")


def cut_header(path: Path, steps: Steps) -> None:
    """A header that was cut within the format of its second signal; all after it may be missing."""
    header = _wfdb(path, steps)
    content = header.read_bytes()
    second = content.index(path.name.encode(), content.rindex(b"\n", 0, -1))
    _cut(header, content.index(b" 16", second) + 2)


def first_line_alone(path: Path, steps: Steps) -> None:
    """A header of two signals that describes none of them."""
    header = _wfdb(path, steps)
    _cut(header, header.read_bytes().index(b"\n") + 1)


def word_for_length(path: Path, steps: Steps) -> None:
    """A header whose length is a word."""
    _changed(_wfdb(path, steps), f" 360 {steps.shape[1]}".encode(), b" 360 long")


def header_of_folder(path: Path, steps: Steps) -> None:
    """A signal file that is a folder."""
    data = _wfdb(path, steps).with_suffix(".dat")
    data.unlink()
    data.mkdir()


def cut_edf_header(path: Path, steps: Steps) -> None:
    """An EDF file that was cut within its header."""
    _cut(_edf(path, steps), 300)


def wrong_edf_number(path: Path, steps: Steps) -> None:
    """An EDF file whose number of signals is a word."""
    _replaced(_edf(path, steps), 252, b"two ")


def flat_edf_range(path: Path, steps: Steps) -> None:
    """An EDF file whose physical range is empty."""
    file = _edf(path, steps)
    lowest = file.read_bytes()[256 + 2 * 104 : 256 + 2 * 112]
    _replaced(file, 256 + 2 * 112, lowest)


def empty_edf(path: Path, steps: Steps) -> None:
    """An EDF file without a data record."""
    _cut(_edf(path, steps), 256 * 3)


def letters_in_table(path: Path, steps: Steps) -> None:
    """A table with a word among its samples."""
    lines = [f"{i / FS_HZ:.6f},{step / 200}" for i, step in enumerate(steps[0].tolist())]
    lines[len(lines) // 2] = "5.0,electrode off"
    text = "\n".join(["time (s),MLII (mV)", *lines, ""])
    path.with_name(f"{path.name}.csv").write_text(text, encoding="utf-8")


def table_without_rate(path: Path, steps: Steps) -> None:
    """A table that does not say its sampling rate."""
    lines = [f"{step / 200}" for step in steps[0].tolist()]
    text = "\n".join(["MLII (mV)", *lines, ""])
    path.with_name(f"{path.name}.csv").write_text(text, encoding="utf-8")


def uneven_table(path: Path, steps: Steps) -> None:
    """A table whose rows have several numbers of columns."""
    lines = [f"{i / FS_HZ:.6f},{step / 200}" for i, step in enumerate(steps[0].tolist())]
    lines[len(lines) // 2] += ",7,7"
    text = "\n".join(["time (s),MLII (mV)", *lines, ""])
    path.with_name(f"{path.name}.csv").write_text(text, encoding="utf-8")


def cut_ishne(path: Path, steps: Steps) -> None:
    """An ISHNE file that was cut within its header."""
    file = path.with_name(f"{path.name}.ecg")
    write_ishne(file, [steps], ("II", "V1"), FS_HZ)
    _cut(file, 400)


def ishne_without_leads(path: Path, steps: Steps) -> None:
    """An ISHNE file whose header says that it has no lead."""
    file = path.with_name(f"{path.name}.ecg")
    write_ishne(file, [steps], ("II", "V1"), FS_HZ)
    _replaced(file, 156, b"\0\0")


BROKEN: tuple[Callable[[Path, Steps], None], ...] = (
    *(no_signal_file, short_signal_file, empty_signal_file, negative_rate, endless_gain),
    *(unknown_format, many_signals, cut_header, first_line_alone, word_for_length),
    *(header_of_folder, cut_edf_header, wrong_edf_number, flat_edf_range, empty_edf),
    *(letters_in_table, table_without_rate, uneven_table, cut_ishne, ishne_without_leads),
)

"""Damaged tables for fuzz.py, and an own reading of them to compare with."""

import csv
import json
import re
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from fuzz_bytes import damaged_bytes, damaged_text
from fuzz_target import WrongError

from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recording import Recording

Floats = npt.NDArray[np.float64]
N = 600
APPLE = (
    "Name,A B\nRecorded Date,2020-02-05 09:14:40 -0400\nSoftware Version,1.51\n"
    'Device,"Watch5,4"\nSample Rate,512.844 hertz\n\nLead,Lead I\nUnit,\u00b5V\n\n'
)
MISSING = {"", "nan", "na", "n/a", "#n/a", "-", "--", "null", "none", "+nan", "-nan"}
CELLS = (
    *("", "nan", "-", "NA", "abc", "1,5", "1.5", "inf", "1e39", "1e999", "1_0", "0x1", "-0", "+.5"),
    *("1 2", '"1"', '"1,5"', '"', "'", "1,234.5", "1.234,5", "\u0661", "#", "//", "12:00", "1e"),
    *("2020-01-01 12:00:00", "0:00.004", "1e5", "1;2", "1\t2", "\0", "\u22121", "1\u00a0000"),
)
LINES = (
    *("", " ", "# a comment", "t,ecg", "mV", "0,1", "1", "fs = 100 Hz", "Sample Rate,360 Hz", ",,"),
    *(",", ";", "sep=;", "% 1", "'a','b'", "Unit,mV", "s,mV", "0.5;0.5", "nan", "index,x", '"'),
)


class Kind(NamedTuple):
    """A valid table.

    Attributes:
        text: Its text.
        delimiter: Between its cells; none for one column.
        seconds: The unit of the times in the first column; 0 where it holds none.
        encoding: Of the file.
        says_rate: Whether it says its rate.
    """

    text: str
    delimiter: str
    seconds: float = 0.0
    encoding: str = "utf-8"
    says_rate: bool = True


class Tables:
    """Tables of several layouts with damaged texts, cells, lines and bytes."""

    def prepare(self, folder: Path) -> None:
        """Make a table of each layout."""
        self.kinds = kinds()

    def write(self, folder: Path, rng: Random, damage: bool = True) -> None:
        """Write a valid table and damage it; one in 20 stays valid."""
        number = rng.randrange(len(self.kinds))
        kind = self.kinds[number]
        text, choice = kind.text, rng.randrange(20) if damage else 19
        for _ in range(rng.choice((1, 1, 2, 3)) if choice < 12 else 0):
            text = rng.choice((_other_cell, _other_cell, _other_line, _no_rows))(text, rng)
        content = text.encode(kind.encoding, "replace")
        if 12 <= choice < 16:
            content = damaged_text(content, rng)
        elif 16 <= choice < 19:
            content = damaged_bytes(content, rng)
        (folder / "r.csv").write_bytes(content)
        options: dict[str, object] = {} if kind.says_rate else {"fs_hz": 250.0}
        if damage and rng.random() < 0.5:
            options = {
                "fs_hz": rng.choice((None, 250.0, 360.0)),
                "column": rng.choice((None, 1, 2, "ecg")),
                "unit": rng.choice((None, "uV")),
            }
        (folder / "kind.json").write_text(json.dumps({"number": number, "options": options}))

    def past_header(self, folder: Path) -> bool:
        """Whether most lines have the number of cells that they had."""
        kind = self._kind(folder)
        lines = _lines((folder / "r.csv").read_bytes(), kind)
        wanted = _cells(kind.text.splitlines()[-1:], kind)[0]
        counts = [len(cells) for cells in _cells(lines, kind)]
        return 2 * counts.count(len(wanted)) > len(counts) > 0

    def check(self, folder: Path, rng: Random) -> None:
        """Read the table, and compare it with the own reading."""
        kind = self._kind(folder)
        options = json.loads((folder / "kind.json").read_text())["options"]
        recording = read_recording(folder / "r.csv", **options)
        check_recording(recording, rng)
        if options.get("column") == 1:  # times that a user takes for a lead
            kind = kind._replace(seconds=0.0)
        _check_against(recording, _lines((folder / "r.csv").read_bytes(), kind), kind)

    def _kind(self, folder: Path) -> Kind:
        return self.kinds[json.loads((folder / "kind.json").read_text())["number"]]


def kinds() -> list[Kind]:
    """Return a table of each layout, which is valid with any rate that is stated rightly."""
    values = [round(float(np.sin(0.37 * i)) * 900) / 1000 + 1e-4 for i in range(N)]
    fine = list(enumerate(values))
    seconds = "".join(f"{i / 250:.3f},{x:.4f},{-x:.4f}\n" for i, x in fine)
    comma = "".join(f"{4 * i};{x:.4f}\n" for i, x in fine).replace(".", ",")
    clock = "".join(f"'0:{i / 250:06.3f}'\t{x:.4f}\n" for i, x in fine)
    iso = "".join(f'"2020-01-01 12:00:{i / 250:06.3f}","{x:.4f}"\n' for i, x in fine)
    return [
        Kind(f"time (s),ecg,V1\n{seconds}", ",", 1.0),
        Kind(f"# fs = 250 Hz\n'Elapsed time','ecg','V1'\n's','mV','mV'\n{seconds}", ",", 1.0),
        Kind(f"time_ms;ecg_uV\n{comma}", ";", 1e-3),
        Kind(f"Elapsed time\tecg\nhh:mm:ss.mmm\tmV\n{clock}", "\t"),
        Kind(f'"timestamp","ecg"\n{iso}', ","),
        Kind(f"time (s),ecg,V1\n{seconds}", ",", 1.0, "utf-16"),
        Kind(APPLE + "".join(f"{x:.4f}\n" for _, x in fine), "", 0.0, "latin-1"),
        Kind(APPLE + "".join(f"{x:.4f}\n" for _, x in fine).replace(".", ","), ""),
        Kind(f"time (s) ecg V1\n{seconds}".replace(",", " "), " ", 1.0),
        Kind(",ecg\n" + "".join(f"{i},{x:.4f}\n" for i, x in fine), ",", says_rate=False),
    ]


def check_recording(recording: Recording, rng: Random) -> None:
    """Refuse what cannot be right in any recording, and pieces that differ from the whole.

    Raises:
        WrongError: It is so.
    """
    if not 0 < recording.fs_hz < 1e9:
        raise WrongError(f"accepted a sampling rate of {recording.fs_hz}")
    whole = recording.read_exactly(leads=range(len(recording.leads)))
    if np.isinf(whole.astype(np.float32)).any():
        raise WrongError("accepted infinite samples")
    start = rng.randrange(recording.samples)
    stop = rng.randint(start, recording.samples)
    lead = rng.randrange(len(recording.leads))
    piece = recording.read_exactly(start, stop, lead)[0]
    if not np.array_equal(piece, whole[lead, start:stop], equal_nan=True):
        raise WrongError("a piece differs from the whole")


def _check_against(recording: Recording, lines: list[str], kind: Kind) -> None:
    """Compare an accepted recording with the last lines of its file."""
    rows = _cells(lines[-recording.samples :], kind)
    if len({len(row) for row in rows}) != 1 or len(rows) != recording.samples:
        return
    columns = [_numbers(column) for column in zip(*rows, strict=True)]
    for lead, values in enumerate(recording.read_exactly(leads=range(len(recording.leads)))):
        if not any(_are_same(values, column) for column in columns if column is not None):
            raise WrongError(f"lead {lead} has other samples than the file")
    times = columns[0]
    if kind.seconds and len(rows) > 20 and times is not None and len(columns) > 1:
        rate = (len(rows) - 1) / ((times[-1] - times[0]) * kind.seconds or np.nan)
        steps = np.diff(times)
        if len(recording.leads) < len(columns) and not abs(rate - recording.fs_hz) < 0.05 * rate:
            raise WrongError("another rate than that of the times")
        usual = float(np.median(steps))
        if len(recording.leads) < len(columns) and abs(steps - usual).max() > 0.6 * usual:
            raise WrongError("accepted uneven times")


def _lines(content: bytes, kind: Kind) -> list[str]:
    """The lines that are neither empty nor comments."""
    encoding = kind.encoding if kind.encoding == "utf-16" else "latin-1"
    text = content.decode(encoding, "replace")
    lines = re.split(r"\r\n|\n|\r", text)
    return [line for line in lines if line.strip() and not re.match(r"[ \t]*(#(?!N/A)|%|//)", line)]


def _cells(lines: list[str], kind: Kind) -> list[list[str]]:
    if kind.delimiter == " ":
        return [line.split() for line in lines]
    if not kind.delimiter:
        return [[line.strip().strip('"')] for line in lines]
    quote = "'" if kind.delimiter == "\t" else '"'
    try:
        return list(csv.reader(lines, delimiter=kind.delimiter, quotechar=quote))
    except csv.Error:
        return []


def _numbers(cells: tuple[str, ...]) -> Floats | None:
    """The numbers of a column; None where it has another text."""
    cells = tuple(cell.strip().strip("\"'") for cell in cells)
    try:
        numbers = [
            np.nan if cell.lower() in MISSING else float(cell.replace(",", ".")) for cell in cells
        ]
    except ValueError:
        return None
    return np.array(numbers)


def _are_same(values: Floats, column: Floats) -> bool:
    return any(
        np.allclose(values, column * gain, rtol=1e-12, atol=0, equal_nan=True)
        for gain in (1.0, 1e-3, 1e3)
    )


def _other_cell(text: str, rng: Random) -> str:
    """One cell replaced by another text."""
    lines = text.split("\n")
    i = rng.choice((rng.randrange(len(lines)), rng.randrange(min(len(lines), 12))))
    parts = re.split(r"([,;\t ])", lines[i])
    parts[2 * rng.randrange((len(parts) + 1) // 2)] = rng.choice(CELLS)
    lines[i] = "".join(parts)
    return "\n".join(lines)


def _other_line(text: str, rng: Random) -> str:
    """A line put in, removed, doubled, swapped or joined with the next one."""
    lines = [*text.split("\n"), ""]
    i = rng.choice((rng.randrange(len(lines) - 1), rng.randrange(min(len(lines) - 1, 12))))
    action = rng.randrange(6)
    if action == 0:
        lines.insert(i, rng.choice(LINES))
    elif action == 1:
        del lines[i]
    elif action == 2:
        lines.insert(i, lines[i])
    elif action == 3:
        j = rng.randrange(len(lines))
        lines[i], lines[j] = lines[j], lines[i]
    elif action == 4:
        lines[i] += lines.pop(i + 1)
    else:
        lines = [line + rng.choice(("\r", ",", ";", " ", "\t")) for line in lines]
    return "\n".join(lines)


def _no_rows(text: str, rng: Random) -> str:
    """A table with few rows, or many columns."""
    lines = text.split("\n")
    if rng.random() < 0.5:
        return "\n".join(lines[: rng.randint(1, 14)])
    return "\n".join(rng.choice((",", "\t")).join(lines[i : i + 200]) for i in (3, 203, 403))

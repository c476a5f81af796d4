"""A CSV file that names the patient of each record."""

import csv
import io
import re
import unicodedata
import warnings
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ecg_lightning.errors import InputError, SettingsWarning
from ecg_lightning.system.input_files import read_input
from ecg_lightning.text import escaped

HEADER = ["record", "patient"]
MOST_BYTES = 1 << 26
MOST_LETTERS = 64  # of a patient's name, which every beat repeats


def read_patients(path: Path, root: Path, records: Collection[str]) -> dict[str, str]:
    """Return record to patient from a CSV file with the header `record,patient`.

    Warns of names that may be spellings of one: they stay different patients.

    Args:
        path: The file, in UTF-8. Spaces around a name do not count.
        root: The folder of the records.
        records: The names of the records. Those that the file lacks are not in the result.

    Raises:
        InputError: The file cannot be read; or a line has another number of cells, an empty or
            unprintable name, a record that the folder lacks, or one that an earlier line names.
    """
    content = read_input(path, MOST_BYTES, "a CSV file `record,patient`", setting="patients")
    known, lines, result = set(records), dict[str, int](), dict[str, str]()
    for number, record, patient in _rows(path, content):
        if record in lines:
            found = f"{escaped(record)} again, which is in line {lines[record]}"
            raise _wrong(path, number, "each record once", found)
        if record not in known and not (root / f"{record}.hea").is_file():
            expected, found = f"a record of {root}", escaped(record)
            raise _wrong(path, number, expected, f"{found}, which has no header there")
        lines[record] = number
        if record in known:  # a header without signals is there, but is no record
            result[record] = patient
    if similar := similar_names(result.values()):
        groups = "; ".join(", ".join(map(escaped, names)) for names in similar[:3])
        warnings.warn(
            f"{escaped(str(path), 200)}: {groups} are "
            "taken for different patients; spell the name of a patient in one way",
            SettingsWarning,
            stacklevel=2,
        )
    return result


def similar_names(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of names that differ only in case, in spaces or in zeros before numbers.

    Example:
        >>> similar_names(["P01", "p1", "P02", "P1", "P02"])
        [['P01', 'P1', 'p1']]
    """
    groups = dict[str, set[str]]()
    for name in names:
        plain = "".join(unicodedata.normalize("NFKC", name).casefold().split())
        groups.setdefault(re.sub(r"(?<!\d)0+(?=\d)", "", plain), set()).add(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def _rows(path: Path, content: bytes) -> Iterator[tuple[int, str, str]]:
    """Line number, record and patient of each line after the header; empty lines are skipped."""
    # A name of a file need not be UTF-8. The mark of the byte order is written by spreadsheets.
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for row in table:
            cells = [cell.strip() for cell in row]
            if header is None:
                header = cells
                _check_header(path, header)
            elif any(cells):
                yield table.line_num, *_checked(path, table.line_num, cells)
    except csv.Error as error:
        raise _wrong(path, table.line_num, "a line of CSV", str(error)) from error
    _check_header(path, header or [])


def _check_header(path: Path, cells: list[str]) -> None:
    if cells != HEADER:
        found = escaped(repr(",".join(cells)))
        raise _wrong(path, 1, "the header record,patient", found)


def _checked(path: Path, number: int, cells: list[str]) -> tuple[str, str]:
    """The record and the patient of a line."""
    if len(cells) != 2 or not all(cells):
        expected = "a record and its patient"
        raise _wrong(path, number, expected, escaped(repr(",".join(cells))))
    record, patient = cells
    if len(patient) > MOST_LETTERS or not patient.isprintable():
        expected = f"a patient's name of at most {MOST_LETTERS} printable letters"
        raise _wrong(path, number, expected, escaped(repr(patient)))
    return record, patient


def _wrong(path: Path, number: int, expected: str, found: str) -> InputError:
    return InputError(
        f"{path}, line {number}",
        expected=expected,
        found=found,
        hint="correct this line",
        setting="patients",
    )

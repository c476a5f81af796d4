"""The patients of records, as far as a source names them. A record alone is no patient.

There are three sources: a CSV file of the user, the signal files of MIT-BIH by their checksums, and
header comments of which it is documented that they name the patient.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ecg_lightning.errors import InputError
from ecg_lightning.records.mitdb import MITDB
from ecg_lightning.records.patients_file import read_patients
from ecg_lightning.records.signal_files import contents_of, copies_of, header_lines, signal_files
from ecg_lightning.records.synthetic.mark import MARK
from ecg_lightning.text import escaped

UNKNOWN = ""
# A whole comment of a header, as in all records of the St Petersburg INCART database.
_INCART = re.compile(r"#\s*patient (?P<patient>[0-9]{1,6})\s*")


class Owners(NamedTuple):
    """Whose records they are.

    Attributes:
        patients: Record to patient; "" where the patient is unknown.
        copies: Record to the first record with the same signal files, where that is another one.
    """

    patients: Mapping[str, str]
    copies: Mapping[str, str]


def owners_of(root: Path, records: Sequence[str], table: Path | None = None) -> Owners:
    """Return the patients of WFDB records, and which records are copies.

    What the user's file says of a record counts first, then the checksum, then the header. Copies
    are of one patient.

    Args:
        root: The folder of the records.
        records: Their names.
        table: A CSV file `record,patient`.

    Raises:
        InputError: The file is wrong, or it gives copies of one record to different patients.
    """
    named = {} if table is None else read_patients(table, root, records)
    headers = {record: header_lines(root, record) for record in records}
    files = {record: signal_files(root, record, lines) for record, lines in headers.items()}
    contents = contents_of(files, lambda size: size == MITDB.signal_bytes)
    copies = copies_of(contents)
    if table is not None:
        _check_copies(table, named, copies)
    known = MITDB.signals()
    patients = {}
    for record in records:
        of_mitdb = {known[sha256] for sha256 in contents.get(record, ()) if sha256 in known}
        of_table = {MITDB.patients[name] for name in of_mitdb}
        patients[record] = (
            named.get(record) or _only(of_table) or patient_of_header(headers[record])
        )
    return Owners(_same_for_copies(patients, copies), copies)


def owners_of_simulated(root: Path, records: Sequence[str]) -> Owners:
    """Return the patients of the synthetic database, whose records are of one each.

    A record is of the synthetic database by a comment in its header; other patients are unknown.
    """
    owners = owners_of(root, records)
    simulated = {
        record: record
        for record in records
        if record not in owners.copies and any(MARK in line for line in header_lines(root, record))
    }
    return Owners(_same_for_copies({**owners.patients, **simulated}, owners.copies), owners.copies)


def patient_of_header(lines: Iterable[str]) -> str:
    """Return the patient that a header names; "" where it names none, or several.

    Example:
        >>> patient_of_header(["I01 12 257 462600", "#<age>: 65 <sex>: F", "# patient 1"])
        '1'
        >>> patient_of_header(["r 1 360 7200", "# patient 1 had a holter"])
        ''
    """
    return _only({match["patient"] for line in lines if (match := _INCART.fullmatch(line))})


def _only(names: set[str]) -> str:
    return next(iter(names)) if len(names) == 1 else UNKNOWN


def _same_for_copies(patients: Mapping[str, str], copies: Mapping[str, str]) -> dict[str, str]:
    """The patients, where a copy is of the same patient as the record that it copies.

    Where the sources name different patients for copies, the patient is unknown.
    """
    names: defaultdict[str, set[str]] = defaultdict(set)
    for record in copies:
        names[copies[record]] |= {patients[record], patients[copies[record]]} - {UNKNOWN}
    first = {**{record: record for record in patients}, **copies}
    return {
        record: _only(names[first[record]]) if first[record] in names else patient
        for record, patient in patients.items()
    }


def _check_copies(table: Path, named: Mapping[str, str], copies: Mapping[str, str]) -> None:
    """Refuse a table that gives copies of one record to different patients."""
    first: dict[str, str] = {}
    for record, patient in named.items():
        other = first.setdefault(copies.get(record, record), record)
        if named[other] != patient:
            raise InputError(
                f"{table}",
                expected="one patient for records with the same signal",
                found=f"{escaped(named[other])} for {escaped(other)} and {escaped(patient)} for "
                f"{escaped(record)}",
                hint="correct the file",
                setting="patients",
            )

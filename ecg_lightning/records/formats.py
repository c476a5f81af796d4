"""Opens recordings of every format. The content of a file tells its format."""

import difflib
import importlib
import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

from ecg_lightning.arrays import AnyFloats
from ecg_lightning.errors import InputError
from ecg_lightning.records.file_heads import Head, head_of, is_named_as_table, is_text
from ecg_lightning.records.foreign_files import foreign_file
from ecg_lightning.records.format_table import ARRAY, WFDB, Format, format_of
from ecg_lightning.records.leads import (
    ANY_ECG,
    WantedLead,
    is_misspelt_voltage,
    lead_note,
    name_note,
    unit_note,
    wanted_leads,
)
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import ReadOptions, Recording
from ecg_lightning.records.stated import RATES, is_rate
from ecg_lightning.system.paths import expanded
from ecg_lightning.text import escaped

_MOST_NAMES = 1000  # of a folder, to compare a misspelt one with
_UNUSED_HINTS = {
    "column": "choose a lead instead, as only tables have columns",
    "annotator": "do not name it, as only WFDB records have annotation files",
    "unit": "do not state it, as the format says the unit",
}


def read_recording(
    path: str | os.PathLike[str] | AnyFloats,
    lead: WantedLead | None = None,
    fs_hz: float | None = None,
    *,
    unit: str | None = None,
    column: int | str | None = None,
    annotator: str = "atr",
) -> Recording:
    """Open a recording of any format. Its samples are read when they are asked for.

    The content of a file tells its format, not its ending. A file next to a WFDB header of the same
    name belongs to that record, unless it is a recording of its own: a table such as `100.csv`, or
    a file whose first bytes name another format.

    Args:
        path: A file, the name of a WFDB record with or without an ending, or an array (T,) or
            (leads, T).
        lead: The index or the name of the lead to use, or a list such as `"MLII,II,0"` or
            `["MLII", "II", 0]`. Default: the first that looks like an ECG.
        fs_hz: The sampling rate of a file that has none.
        unit: The unit of a file that has none.
        column: The columns of a table that are leads.
        annotator: The ending of the annotation file of a WFDB record.

    Raises:
        InputError: The file is missing, damaged or of an unknown format, it has no such lead, the
            rate is unknown or another one than that of the file, or an option does nothing.

    Example:
        >>> read_recording("mitdb/100").read(0, 3600)    # doctest: +SKIP
    """
    options = ReadOptions(lead, fs_hz, unit, column, annotator)
    check_options(options)
    if not isinstance(path, str | os.PathLike):
        return _read(ARRAY, path, "an array", options)
    file = expanded(path)
    form, place = format_and_place(file)
    return _read(form, place, str(file), options)


def reader_of(form: Format) -> Callable[[Any, ReadOptions], Recording]:
    """Return the function that reads a format. Its module is imported here."""
    module, _, function = form.reader.partition(":")
    reader: Callable[[Any, ReadOptions], Recording] = getattr(
        importlib.import_module(f"ecg_lightning.records.{module}"), function
    )
    return reader


def format_and_place(file: Path) -> tuple[Format, Path]:
    """Return the format of a path, and the path that its reader takes.

    Args:
        file: A file, or the name of a WFDB record with or without an ending.

    Raises:
        InputError: There is no such file, or it is of no known format.
    """
    if file.name and os.path.isfile(file.with_name(f"{file.name}.hea")):
        return WFDB, file
    if os.path.isdir(file):
        hint = "open one of its recordings; `find_recordings` and `ecg-lightning info` list them"
        raise _refused(file, "a folder", hint)
    head = _head(file)
    form = format_of(head)
    if _is_of_wfdb_record(head, form):
        return WFDB, file.with_name(file.stem)
    if form is None:
        raise foreign_file(head)
    return form, file


def _head(file: Path) -> Head:
    """The first bytes; where there is no such file, the error names the header as well."""
    try:
        return head_of(file)
    except InputError as error:
        if error.found != "no such file":
            raise
        found = f"neither this file nor a header {file.name}.hea"
        hint = f"check the path{_alike(file)}"
        if set("*?[") & set(str(file)):
            hint = "no file has such a name: give one name, or files with their endings (*.hea)"
        raise _refused(file, found, hint) from error


def _alike(file: Path) -> str:
    """The name in a folder that is most like that of a missing file; "" where none is like it."""
    try:
        with os.scandir(file.parent) as entries:
            names = [entry.name for entry in itertools.islice(entries, _MOST_NAMES)]
    except (OSError, ValueError):
        return ""
    names += [name.removesuffix(".hea") for name in names if name.endswith(".hea")]
    by_small_letters = {name.casefold(): name for name in sorted(names)}
    close = difflib.get_close_matches(file.name.casefold(), by_small_letters, n=1, cutoff=0.75)
    return f"; the folder has {escaped(by_small_letters[close[0]], 60)}" if close else ""


def _is_of_wfdb_record(head: Head, form: Format | None) -> bool:
    """Whether a file is a header, or one of the other files of a record with a header."""
    if head.path.suffix == ".hea":
        return is_text(head)
    if not head.path.suffix or not os.path.isfile(head.path.with_suffix(".hea")):
        return False
    is_other = form is not None and form.name != "table"
    return not is_other and not is_named_as_table(head)


def check_options(options: ReadOptions) -> None:
    """Refuse values that no format can use.

    Raises:
        InputError: It names the option.
    """
    fs_hz = options.fs_hz
    if fs_hz is not None and not (isinstance(fs_hz, Real) and is_rate(fs_hz)):
        found = f"{fs_hz:g}" if isinstance(fs_hz, Real) else escaped(repr(fs_hz))
        raise _wrong("fs_hz", f"a number from {RATES}", found)
    for setting in ("unit", "annotator"):
        value = getattr(options, setting)
        if value is not None and not isinstance(value, str):
            raise _wrong(setting, "a text", escaped(repr(value)))
    if options.unit is not None and not options.unit.strip():
        raise _wrong("unit", "a unit such as mV", "an empty text")
    if options.unit is not None and is_misspelt_voltage(options.unit):
        raise _wrong("unit", "V, mV, uV or nV, or a unit without a V", escaped(options.unit, 40))
    for setting in ("lead", "column"):
        value = getattr(options, setting)
        is_empty = isinstance(value, str | list | tuple) and not wanted_leads((), value)
        if is_empty:
            raise _wrong(setting, "a name or a number", escaped(repr(value)))
    name = options.annotator
    if not name or any(letter in "/\\\0" for letter in name):
        raise _wrong("annotator", "the ending of a file such as atr", escaped(repr(name)))


def _wrong(setting: str, expected: str, found: str) -> InputError:
    return InputError(setting, expected=expected, found=found, hint="correct it", setting=setting)


def _read(form: Format, place: Any, subject: str, options: ReadOptions) -> Recording:
    """Open a recording, and add the notes on its lead that do not depend on the format."""
    _check_used(form, subject, options)
    recording = reader_of(form)(place, options)
    notes = _lead_notes(recording, ANY_ECG if options.lead is None else options.lead)
    return replace(recording, notes=(*recording.notes, *notes))


def _check_used(form: Format, subject: str, options: ReadOptions) -> None:
    """Refuse an option that does nothing for this format."""
    defaults = ReadOptions()
    for setting, hint in _UNUSED_HINTS.items():
        value = getattr(options, setting)
        if value != getattr(defaults, setting) and setting not in form.options:
            raise InputError(
                subject,
                expected=f"no {setting} for a recording of the format {form.name}",
                found=escaped(str(value)),
                hint=hint,
                setting=setting,
            )


def _lead_notes(recording: Recording, wanted: WantedLead) -> list[RecordNote]:
    names = [lead.name for lead in recording.leads]
    lead = recording.lead
    texts = (
        lead_note(names, recording.used, wanted),
        unit_note(lead.name, lead.unit) or name_note(lead.name),
    )
    return [RecordNote(recording.name, "signal", text) for text in texts if text]


def _refused(file: Path, found: str, hint: str) -> InputError:
    return InputError(str(file), expected="a recording", found=found, hint=hint)

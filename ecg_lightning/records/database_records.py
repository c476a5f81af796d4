"""The records of a database, also of a joined one, read by the lead rule of their source."""

from dataclasses import replace

from ecg_lightning.records.databases import Database, lead_of
from ecg_lightning.records.recording import ReadOptions, Record, Recording
from ecg_lightning.records.wfdb.reader import read_record, read_wfdb


def read_record_of(
    database: Database, name: str, lead: int | str | None = None, two_leads: bool = False
) -> Record:
    """Read a record of a database as `read_record` does; its notes have the name that it has here.

    Args:
        database: Where the record is.
        name: One of its records.
        lead: The index or the name of the lead. Default: that of the record's source.
        two_leads: Whether a further ECG lead is read too, where the record has one.
    """
    member, own_name = database.member_of(name)
    used = lead_of(member.source, lead)
    record = read_record(member.root, own_name, used, member.annotator, two_leads)
    if member is database:
        return record
    notes = tuple(note._replace(record=name) for note in record.notes)
    return replace(record, name=name, notes=notes)


def open_record_of(database: Database, name: str, lead: int | str | None = None) -> Recording:
    """Open a record of a database, whose samples are read when they are asked for.

    Its notes have the name that it has in the database.

    Args:
        database: Where the record is.
        name: One of its records.
        lead: The index or the name of the lead. Default: that of the record's source.
    """
    member, own_name = database.member_of(name)
    options = ReadOptions(lead=lead_of(member.source, lead), annotator=member.annotator)
    recording = read_wfdb(member.root / own_name, options)
    notes = tuple(note._replace(record=name) for note in recording.notes)
    return replace(recording, name=name, notes=notes)

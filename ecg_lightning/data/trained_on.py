"""Whose beats a network was trained on: what checkpoints keep of it, and what a test finds again.

The settings of a run do not tell which records a drawn split had: one record more, or less, and the
split is another one. So checkpoints keep digests of the signals and of the patients of the training
side. They keep no names, because names of files may tell who a patient is.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from ecg_lightning.records.databases import PUBLISHED, Database
from ecg_lightning.records.signal_files import contents_of, header_lines, signal_files
from ecg_lightning.split_facts import TRAINED_ON, digests_of
from ecg_lightning.text import names_in

Patients = Mapping[str, str]  # record to its patient; "" where the patient is unknown


def trained_on(database: Database, patients: Patients) -> dict[str, list[str]]:
    """Return the digests of the records of a training side and of their known patients.

    Args:
        database: Where the records are.
        patients: The patient of each record of the training and the validation part.
    """
    return {
        "records": sorted({*record_digests(database, patients).values()}),
        "patients": sorted({_digest(name) for name in patients.values() if name}),
    }


def trained_before(
    database: Database, patients: Patients, config: Any, same_names: bool
) -> set[str]:
    """Return the patients of a test whom a network knows from its training.

    Args:
        database: Where the tested records are.
        patients: The patient of each tested record.
        config: The settings that the checkpoint of the network keeps; a foreign file may hold
            anything, and that of an earlier version tells nothing.
        same_names: Whether the names of patients are those of the training, as in one database.

    Returns:
        Their names; `record NAME` where the patient of a record is unknown.
    """
    trained = digests_of(config.get(TRAINED_ON) if isinstance(config, Mapping) else None)
    digests = record_digests(database, patients) if trained["records"] else {}
    known = {record for record, digest in digests.items() if digest in trained["records"]}
    found = {patients[record] or f"record {record}" for record in known}
    if same_names or known:
        names = filter(None, patients.values())
        found |= {name for name in names if _digest(name) in trained["patients"]}
    return found


def names_mean_the_same(source: str, config: Any) -> bool:
    """Return whether patients have the same names here and in a training: in published databases.

    Args:
        source: The source of the beats; several are separated by commas.
        config: The settings that the checkpoint of the network keeps.
    """
    data = config.get("data") if isinstance(config, Mapping) else None
    theirs = names_in(data.get("source")) if isinstance(data, Mapping) else ()
    return tuple(theirs) == tuple(names_in(source)) and set(theirs) <= set(PUBLISHED)


def record_digests(database: Database, records: Patients) -> dict[str, str]:
    """Return the digest of the signal files of each record that has some.

    Args:
        database: Where the records are.
        records: Their names are the keys.
    """
    files = {}
    for name in records:
        member, record = database.member_of(name)
        lines = header_lines(member.root, record)
        files[name] = signal_files(member.root, record, lines)
    contents = contents_of(files, lambda size: True)
    return {name: _digest("".join(content)) for name, content in contents.items()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]

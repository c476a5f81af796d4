"""The training and the test side of the split `parts`, by the names of parts and records."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ecg_lightning.arrays import Names
from ecg_lightning.data.dechazal import DS1, DS2
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import PUBLISHED, Database
from ecg_lightning.split_facts import rule_name
from ecg_lightning.text import escaped, listed, names_in

# Part -> its source and its records. The name of a source stands for all of its records.
PARTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "ds1": ("mitdb", DS1),
    "ds2": ("mitdb", DS2),
    "mitdb44": ("mitdb", (*DS1, *DS2)),
}
# Published sets that share a patient, 201, whose records are 201 and 202. Pages name that patient.
SHARING = {"ds1", "ds2"}
_MOST_NAMES = 8  # in a message
_OTHER_RECORDS = (
    "add this source; or split other records: set train, test and val_share to null, and split to "
    "patients"
)
Sides = Mapping[str, Mapping[str, set[str]]]  # side -> name -> records


class Parts(NamedTuple):
    """The names of both sides as the user gives them; () where a side is not named.

    Attributes:
        train: The training side, from which validation is drawn.
        test: The test part.
    """

    train: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether a side is named."""
        return bool(self.train or self.test)


def records_of_parts(parts: Parts, database: Database, without: Collection[str] = ()) -> Parts:
    """Return the records that the names of both sides stand for, in the order of the database.

    A name is a record, a source, or one of `PARTS`, in this order.

    Args:
        parts: The names.
        database: Where the records are.
        without: Records that go to no part.

    Raises:
        InputError: The database lacks a record, a side has no record, or a record or a patient is
            on both sides. Only the patient of 201 and 202 may be in DS1 and in DS2.
    """
    refuse_unknown("without", without, database)
    sides = {side: _named(side, names, database) for side, names in parts._asdict().items()}
    for side, by_name in sides.items():
        for records in by_name.values():
            records.difference_update(without)
        if by_name and not _records(by_name):
            raise _refused(side, "a record", "none without the excluded ones", "name more records")
    _refuse_shared_records(sides, database)
    _refuse_shared_patients(sides, database)
    train, test = (_records(sides[side]) for side in Parts._fields)
    return Parts(
        tuple(name for name in database.records if name in train),
        tuple(name for name in database.records if name in test),
    )


def trained_of(patients: Names, source: str, config: Any) -> set[str]:
    """Return the patients with whom a network was trained, as far as its settings name them.

    They are known for the splits `original`, `dechazal`, `mixed` and `parts` of the published
    databases.

    Args:
        patients: (N,) the patient of each beat.
        source: The source of the beats; several are separated by commas.
        config: The settings that the checkpoint of the network keeps; a foreign file may hold
            anything.

    Returns:
        Some of the patients; none where the settings name no records.
    """
    trained = {_patient_of(record) for record in trained_records(config)}
    prefix = "" if "," in source else f"{source}/"
    return {name for name in np.unique(patients).tolist() if f"{prefix}{name}" in trained}


def trained_records(config: Any) -> list[str]:
    """Return the records of the training side, such as `mitdb/201`, as far as settings name them.

    Args:
        config: As for `trained_of`.
    """
    data = config.get("data") if isinstance(config, Mapping) else None
    if not isinstance(data, Mapping):
        return []
    sources, train = names_in(data.get("source")), names_in(data.get("train"))
    if not train:
        rule = rule_name(data.get("split"), data.get("source"))
        train = {"original": sources, "dechazal": ("ds1",), "mixed": ("mitdb44",)}.get(rule, ())
    alone = f"{sources[0]}/" if len(sources) == 1 else ""
    without = {f"{alone}{name}" for name in names_in(data.get("without"))}
    records = [record for name in train for record in _published_records(name, sources)]
    return [record for record in dict.fromkeys(records) if record not in without]


def _published_records(name: str, sources: Sequence[str]) -> list[str]:
    """The records `mitdb/100` of published sources that a name stands for."""
    alone = f"{sources[0]}/" if len(sources) == 1 else ""
    source, _, record = f"{alone}{name}".partition("/")
    if source in PUBLISHED and record in PUBLISHED[source].records:
        return [f"{source}/{record}"]
    source, records = PARTS.get(name, (name, ()))
    if source not in sources or source not in PUBLISHED:
        return []
    return [f"{source}/{record}" for record in records or PUBLISHED[source].records]


def _patient_of(record: str) -> str:
    source, _, name = record.partition("/")
    return f"{source}/{PUBLISHED[source].patients[name]}"


def _named(side: str, names: Sequence[str], database: Database) -> dict[str, set[str]]:
    """Each name of a side, and the records that it stands for."""
    records = {name: _records_of(name, side, database) for name in names}
    refuse_unknown(side, [name for name, found in records.items() if not found], database)
    return records


def _records_of(name: str, side: str, database: Database) -> set[str]:
    """The records that a name stands for; none for a name that nobody knows."""
    if name in database.records:
        return {name}
    members = database.members or {"": database}
    if name in PARTS:
        source, records = PARTS[name]
        if source not in {member.source for member in members.values()}:
            expected = f"the source {source} for the part {name}"
            raise _refused(side, expected, database.source, _OTHER_RECORDS)
        return {f"{source}/{record}" if database.members else record for record in records}
    return {
        f"{member}/{record}" if member else record
        for member, one in members.items()
        if name in (member, one.source)
        for record in one.records
    }


def refuse_unknown(side: str, names: Collection[str], database: Database) -> None:
    """Refuse names of records that a database lacks.

    Args:
        side: The setting that has them: `train`, `test` or `without`.
        names: The names.
        database: Where the records are.
    """
    unknown = [name for name in names if name not in database.records]
    if unknown:
        records = f"records such as {escaped(database.records[0], 40)}"
        parts = "" if side == "without" else f", sources or the parts {', '.join(PARTS)}"
        raise _refused(side, f"{records}{parts}", _several(unknown), "correct the names")


def _refuse_shared_records(sides: Sides, database: Database) -> None:
    """Refuse a record, or its copy, on both sides."""
    train = {database.copies.get(name, name): name for name in sorted(_records(sides["train"]))}
    both = [
        name if name == other else f"{name} (a copy of {other})"
        for name in sorted(_records(sides["test"]))
        if (other := train.get(database.copies.get(name, name)))
    ]
    if both:
        where = "this record" if len(both) == 1 else "these records"
        raise _refused(
            "train and test",
            "each record on one side",
            f"{_several(both)} on both",
            f"remove {where} from one side",
            setting="train",
        )


def _refuse_shared_patients(sides: Sides, database: Database) -> None:
    """Refuse a known patient on both sides, unless the published sets share that patient."""
    stated = {
        record
        for side in sides.values()
        for name, records in side.items()
        if name not in SHARING or name in database.records
        for record in records
    }
    train, test = (_owners(_records(sides[side]), database) for side in Parts._fields)
    for patient in sorted(train & test & _owners(stated, database)):
        names = _records(sides["train"]) | _records(sides["test"])
        records = [name for name in sorted(names) if database.patients[name] == patient]
        raise _refused(
            "train and test",
            "each patient on one side",
            f"patient {escaped(patient, 60)} on both (records {_several(records)})",
            "name these records on one side",
            setting="train",
        )


def _owners(records: Iterable[str], database: Database) -> set[str]:
    return {database.patients[record] for record in records} - {""}


def _records(side: Mapping[str, set[str]]) -> set[str]:
    return set().union(*side.values())


def _several(names: Sequence[str]) -> str:
    return escaped(listed(names, _MOST_NAMES))


def _refused(subject: str, expected: str, found: str, hint: str, setting: str = "") -> InputError:
    return InputError(
        subject, expected=expected, found=found, hint=hint, setting=setting or subject
    )

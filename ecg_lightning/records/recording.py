"""One lead of a recording with its annotations."""

from dataclasses import dataclass

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.records.notes import RecordNote


@dataclass(frozen=True, eq=False)
class Record:
    """One lead of a record, and the annotations of the record.

    Args:
        name: The path of the record relative to the folder of its database, without an ending:
            `"100"` or `"sub/100"`.
        fs_hz: The sampling rate of `signal`.
        lead: The name of the lead in the header, such as `"MLII"`.
        signal: (T,) in mV, or in the unit of the header where that is no voltage; invalid samples
            are NaN.
        annotation_samples: (A,) positions in `signal`, ascending.
        annotation_symbols: (A,) `<U1`, PhysioNet's annotation codes.
        unit: The unit of `signal`: `mV` for every voltage, or the header's word for another unit.
        notes: What a user has to know about this record.
    """

    name: str
    fs_hz: float
    lead: str
    signal: Floats
    annotation_samples: Integers
    annotation_symbols: Names
    unit: str = "mV"
    notes: tuple[RecordNote, ...] = ()

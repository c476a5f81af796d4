"""One lead of a recording with its annotations."""

from dataclasses import dataclass

from ecg_lightning.arrays import Floats, Integers, Names


@dataclass(frozen=True, eq=False)
class Record:
    """One lead of a WFDB record and the record's annotations.

    Args:
        name: The record's path relative to its database's folder, without an ending: `"100"` or `"sub/100"`.
        fs_hz: Sampling rate of `signal`.
        lead: The channel's name in the header, such as `"MLII"`.
        signal: (T,) float64 in mV (in the header's own unit where that is no voltage); invalid samples are NaN.
        annotation_samples: (A,) int64 positions in `signal`, ascending.
        annotation_symbols: (A,) `<U1`, PhysioNet's annotation codes.
    """

    name: str
    fs_hz: float
    lead: str
    signal: Floats
    annotation_samples: Integers
    annotation_symbols: Names

"""A record at another sampling rate."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from ecg_lightning.arrays import Flags
from ecg_lightning.records.recording import Record
from ecg_lightning.signals.quality import valid_samples


def resampled(record: Record, fs_hz: float) -> Record:
    """Return the record at another sampling rate.

    A polyphase filter gives the signal, and the positions of annotations are rounded. Invalid
    samples become the record's median. `resampled_validity` says where they were.

    Example:
        A record of 10 s at 250 Hz becomes 3,600 samples at 360 Hz. An annotation at sample 250
        moves to 360.
    """
    if record.fs_hz == fs_hz:
        return record
    ratio = Fraction(fs_hz / record.fs_hz).limit_denominator(10_000)
    # Zeros outside the record, or for invalid samples, would make steps: the filter continues the
    # record as a line, and invalid samples become its median.
    filled = np.where(np.isnan(record.signal), np.nanmedian(record.signal), record.signal)
    signal = resample_poly(filled, ratio.numerator, ratio.denominator, padtype="line")
    positions = np.rint(record.annotation_samples * (fs_hz / record.fs_hz)).astype(np.int64)
    return replace(
        record,
        fs_hz=fs_hz,
        signal=signal,
        annotation_samples=np.minimum(positions, len(signal) - 1),
    )


def resampled_validity(record: Record, other: Record) -> Flags:
    """Return which samples of a resampled record were valid in the record, (T,).

    Args:
        record: The record at its own sampling rate.
        other: The same record, as `resampled` returns it.
    """
    valid = valid_samples(record.signal)
    if other is record:
        return valid
    nearest = np.rint(np.arange(len(other.signal)) * (record.fs_hz / other.fs_hz))
    return valid[np.minimum(nearest.astype(np.int64), len(valid) - 1)]

"""A record at another sampling rate."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from ecg_lightning.records.recording import Record


def resampled(record: Record, fs_hz: float) -> Record:
    """Return the record at another sampling rate.

    A polyphase filter gives the signal, and the positions of annotations are rounded.

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

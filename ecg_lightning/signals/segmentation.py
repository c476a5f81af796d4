"""A record cut into beats: arrays and `searchsorted`, one pass over signal and annotations.

`peak_windows` follows the original's `RawData_split` rule by rule, with its rounding.
keras_reference/preprocessing.py has the same rules written one peak at a time, and the parity suite
compares the two element by element.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import find_peaks

from ecg_lightning.arrays import Flags, Floats, Integers, Names
from ecg_lightning.classes import NO_BEAT, ClassMap
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import Record
from ecg_lightning.signals.scaling import robust, scale

PEAK_DISTANCE_S = 150 / 360  # the original: 150 samples at 360 Hz, a heart rate of 144 a minute


@dataclass(frozen=True)
class Windows:
    """The N beats of one record.

    Attributes:
        signals: (N, T) float64.
        labels: (N,) class indices.
        samples: (N,) the beat's position in the record's signal.
        symbols: (N,) the annotation symbol that gave the label.
        rr_before_s: (N,) seconds since the beat before, NaN for a record's first.
        rr_after_s: (N,) seconds to the beat after, NaN for a record's last.
    """

    signals: Floats
    labels: Integers
    samples: Integers
    symbols: Names
    rr_before_s: Floats
    rr_after_s: Floats


def peak_windows(
    record: Record,
    class_map: ClassMap,
    window_samples: int = 256,
    normalization: str = "record",
    valid: Flags | None = None,
) -> Windows:
    """Cut windows around the peaks of the signal, by the original's rules.

    The signal is scaled to [0, 1], and its peaks are at least 150 samples (at 360 Hz) apart, see
    `distant_peaks`. The first and the last peak are dropped. A window is clipped to the record and
    padded with zeros at its end. The annotations in [start, end], both included, give the label:
    the first that is neither `N` nor ignored wins. Without such an annotation the window is `N` if
    it has an annotation and none is ignored, and is dropped otherwise. RR intervals are those
    between peaks.

    Args:
        record: The record; invalid samples count as 0.
        class_map: Symbols to classes; any other symbol is ignored.
        window_samples: T.
        normalization: `record` keeps the scaling over the record; `window` scales each window, with
            its padding, by itself; `robust` scales the record by its median and quantiles.
        valid: (T,) the samples that `robust` takes into account. Default: those that are not NaN.

    Raises:
        InputError: The record is shorter than a window.

    Source: the original's segmentation, with the arithmetic of MinMaxScaler.
    """
    signal = _checked(record, window_samples)
    scaled = scale(signal)
    peaks = distant_peaks(scaled, max(1, round(PEAK_DISTANCE_S * record.fs_hz)))
    intervals = np.diff(peaks) / record.fs_hz
    centres = peaks[1:-1]
    starts, ends = _bounds(centres, window_samples, len(signal))
    kept, symbols = _symbols_inside(starts, ends, record, class_map)
    signals = _normalised(
        _cut(
            _scaled_record(record, signal, normalization, valid),
            starts[kept],
            ends[kept],
            window_samples,
        ),
        normalization,
    )
    labels = class_map.labels(symbols)
    return Windows(
        signals, labels, centres[kept], symbols, intervals[:-1][kept], intervals[1:][kept]
    )


def distant_peaks(signal: Floats, distance: int) -> Integers:
    """Return the peaks (P,) of a signal (T,), the higher ones first where two are too close.

    Of equal peaks the later one counts. `find_peaks(signal, distance=…)`, which the original calls,
    leaves that to NumPy's sort, whose order of equal values differs by version and processor: the
    48 records of MIT-BIH had 110,241 windows with AVX-512, 110,250 with AVX2, 110,254 without both.

    Args:
        signal: The signal.
        distance: The least distance of two peaks, in samples.
    """
    peaks, _ = find_peaks(signal)
    ranks = np.zeros(len(signal))  # the peaks alone, by their order instead of their height
    ranks[peaks[np.argsort(signal[peaks], kind="stable")]] = np.arange(1, len(peaks) + 1)
    return np.asarray(find_peaks(ranks, distance=distance)[0], np.int64)


def annotation_windows(
    record: Record,
    class_map: ClassMap,
    window_samples: int = 256,
    normalization: str = "record",
    valid: Flags | None = None,
) -> Windows:
    """Cut a window around each annotated beat.

    With 3,600 samples and the normalization `window` these are the original's 10-second windows.
    Clipping and padding are as in `peak_windows`. RR intervals are those between annotated beats.

    Args:
        record: The record; invalid samples count as 0.
        class_map: Symbols to classes; an annotation with any other symbol is no beat.
        window_samples: T.
        normalization: `record` scales the record to [0, 1] first; `window` scales each window, with
            its padding, by itself; `robust` scales the record by its median and quantiles.
        valid: (T,) the samples that `robust` takes into account. Default: those that are not NaN.

    Raises:
        InputError: The record is shorter than a window.
    """
    signal = _checked(record, window_samples)
    labels = class_map.labels(record.annotation_symbols)
    beats = labels != NO_BEAT
    centres = record.annotation_samples[beats]
    starts, ends = _bounds(centres, window_samples, len(signal))
    scaled = _scaled_record(record, signal, normalization, valid)
    signals = _cut(scaled, starts, ends, window_samples)
    symbols = record.annotation_symbols[beats]
    return Windows(
        _normalised(signals, normalization),
        labels[beats],
        centres,
        symbols,
        *intervals_s(centres, record.fs_hz),
    )


def intervals_s(positions: Integers, fs_hz: float) -> tuple[Floats, Floats]:
    """Return the seconds since the beat before and to the beat after, (N,) each.

    NaN for a record's first and last beat.
    """
    inner, count = np.diff(positions) / fs_hz, len(positions)
    before_s = np.concatenate([[np.nan], inner])[:count]
    return before_s, np.concatenate([inner, [np.nan]])[:count]


def _checked(record: Record, window_samples: int) -> Floats:
    """The signal with 0 for what is invalid."""
    if window_samples > len(record.signal):
        raise InputError(
            f"record {record.name}",
            expected=f"at least a window, {window_samples} samples",
            found=f"{len(record.signal)} samples at {record.fs_hz:g} Hz",
            hint="choose on_error skip for such records, or a shorter window for all",
            setting="window_samples",
        )
    return np.nan_to_num(record.signal, nan=0.0, posinf=np.inf, neginf=-np.inf)


def _bounds(centres: Integers, window_samples: int, samples: int) -> tuple[Integers, Integers]:
    starts = centres - window_samples // 2
    return np.maximum(starts, 0), np.minimum(starts + window_samples, samples)


def _cut(signal: Floats, starts: Integers, ends: Integers, window_samples: int) -> Floats:
    padded = np.concatenate([signal, np.zeros(window_samples)])
    windows = sliding_window_view(padded, window_samples)[starts]
    clipped_at_start = (ends - starts < window_samples) & (ends < len(signal))
    for row in np.flatnonzero(clipped_at_start):
        windows[row, ends[row] - starts[row] :] = 0.0
    return windows


def _scaled_record(
    record: Record, signal: Floats, normalization: str, valid: Flags | None
) -> Floats:
    """The signal as windows are cut from it; `signal` has 0 for what is invalid."""
    if normalization == "robust":
        return robust(record.signal if valid is None else np.where(valid, record.signal, np.nan))
    return scale(signal) if normalization == "record" else signal


def _normalised(signals: Floats, normalization: str) -> Floats:
    return scale(signals) if normalization == "window" and len(signals) else signals


def _symbols_inside(
    starts: Integers, ends: Integers, record: Record, class_map: ClassMap
) -> tuple[Flags, Names]:
    """Which windows are kept (N,), and the symbol of each kept window."""
    symbols, positions = record.annotation_symbols, record.annotation_samples
    ignored = class_map.labels(symbols) == NO_BEAT
    first = np.searchsorted(positions, starts, "left")
    behind = np.searchsorted(positions, ends, "right")
    winners = np.flatnonzero(~ignored & (symbols != "N"))
    # The first winner from `first` on.
    candidate = np.append(winners, len(symbols))[np.searchsorted(winners, first)]
    has_winner = candidate < behind
    ignored_before = np.concatenate([[0], np.cumsum(ignored)])
    all_normal = (behind > first) & (ignored_before[behind] == ignored_before[first])
    chosen = np.where(has_winner, np.append(symbols, "N")[candidate], "N")
    kept = has_winner | all_normal
    return kept, chosen[kept]

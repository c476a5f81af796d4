"""The original's preprocessing in simple, slow code: one record, one peak, one rule at a time.

It is the oracle of the product's array code and shares nothing with it. It uses only NumPy, SciPy,
scikit-learn, wfdb, pandas, OpenCV and matplotlib.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import wfdb
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.signal import find_peaks
from scipy.signal import spectrogram as scipy_spectrogram
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import resample

FS_HZ = 360
WINDOW_SAMPLES = 256
LONG_WINDOW_SAMPLES = 3600  # 10 s
PEAK_DISTANCE_SAMPLES = 150
IGNORED = -1

# The 48 records in the original's order.
RECORDS = (
    *("100", "104", "108", "113", "117", "122", "201", "207", "212", "217", "222", "231"),
    *("101", "105", "109", "114", "118", "123", "202", "208", "213", "219", "223", "232"),
    *("102", "106", "111", "115", "119", "124", "203", "209", "214", "220", "228", "233"),
    *("103", "107", "112", "116", "121", "200", "205", "210", "215", "221", "230", "234"),
)

# The original's own map: `n` and `r` both count as V. Any other symbol is ignored.
CLASS_OF_SYMBOL = {
    symbol: label
    for label, symbols in enumerate(("NLRejB", "AaJS", "VErn", "F", "/fQ?"))
    for symbol in symbols
}


@dataclass(frozen=True)
class Windows:
    """Labelled windows of one or more records.

    Attributes:
        signals: (N, T) float64.
        labels: (N,) int64, classes 0 to 4.
        positions: (N,) int64, the peak's or the beat's sample in its record.
        symbols: (N,) the annotation symbol that gave the label.
        records: (N,) the record's name.
    """

    signals: np.ndarray
    labels: np.ndarray
    positions: np.ndarray
    symbols: np.ndarray
    records: np.ndarray


def read_channel(root: Path, name: str, channel: int = 0) -> np.ndarray:
    """Read a channel in physical units, with 0 where the sample is invalid.

    Args:
        root: folder of the records.
        name: record name, as in "100".
        channel: channel index.

    Returns:
        (T,) float64.
    """
    record = wfdb.rdrecord(str(root / name), channels=[channel])
    return np.where(np.isnan(record.p_signal[:, 0]), 0.0, record.p_signal[:, 0])


def read_annotations(root: Path, name: str) -> tuple[np.ndarray, list[str]]:
    """Read the positions (A,) and the symbols of a record's `atr` annotations."""
    annotation = wfdb.rdann(str(root / name), "atr")
    return annotation.sample, list(annotation.symbol)


def scale(signal: np.ndarray) -> np.ndarray:
    """Scale a signal (T,) to [0, 1].

    The arithmetic is scikit-learn's, because its rounding decides which peaks are equal.
    """
    scaled: np.ndarray = MinMaxScaler().fit_transform(signal.reshape(-1, 1))
    return scaled.reshape(-1)


def find_beats(signal: np.ndarray) -> np.ndarray:
    """Peaks of a scaled signal (T,), at least 150 samples apart, without the first and the last.

    The highest peak removes those around it, then the next one that is left. Of equal peaks the
    later one comes first. The original's `find_peaks(signal, distance=150)` leaves that to NumPy's
    sort, whose order of equal values depends on the processor.
    """
    peaks = find_peaks(signal)[0].tolist()
    left = dict.fromkeys(peaks, True)
    for peak in sorted(peaks, key=lambda peak: (signal[peak], peak), reverse=True):
        if left[peak]:
            for sample in range(peak - PEAK_DISTANCE_SAMPLES + 1, peak + PEAK_DISTANCE_SAMPLES):
                if sample in left and sample != peak:
                    left[sample] = False
    return np.array([peak for peak in peaks if left[peak]][1:-1], np.int64)


def cut(signal: np.ndarray, centre: int, length: int) -> tuple[np.ndarray, int, int]:
    """Cut [centre - length/2, centre + length/2), clipped to the signal and zero-padded at its end.

    Returns:
        The window (length,), and its clipped start and end in the signal.
    """
    start = max(int(centre) - length // 2, 0)
    end = min(int(centre) + length // 2, len(signal))
    piece = signal[start:end]
    return np.concatenate([piece, np.zeros(length - len(piece))]), start, end


def choose_symbol(symbols: list[str]) -> str | None:
    """The symbol that labels a window, from the symbols inside it in order; None drops the window.

    One annotation gives its symbol, an ignored one none. Of several, the first that is neither `N`
    nor ignored
    wins; without such a symbol the window is `N`, unless an ignored symbol is among them.
    """
    if len(symbols) == 0:
        return None
    if len(symbols) == 1:
        return symbols[0] if symbols[0] in CLASS_OF_SYMBOL else None
    for symbol in symbols:
        if symbol != "N" and symbol in CLASS_OF_SYMBOL:
            return symbol
    for symbol in symbols:
        if symbol not in CLASS_OF_SYMBOL:
            return None
    return "N"


def peak_windows(root: Path, name: str) -> Windows:
    """Windows of 256 samples at peaks of channel 0, scaled over the record (`RawData_split`)."""
    signal = scale(read_channel(root, name))
    positions, symbols = read_annotations(root, name)
    rows = []
    for peak in find_beats(signal):
        window, start, end = cut(signal, peak, WINDOW_SAMPLES)
        inside = [symbols[i] for i in np.flatnonzero((positions >= start) & (positions <= end))]
        rows.append((window, peak, choose_symbol(inside)))
    return _collect(rows, name, WINDOW_SAMPLES)


def long_windows(root: Path, name: str) -> Windows:
    """Windows of 10 s around each annotated beat of channel 0, each scaled with its padding."""
    signal = read_channel(root, name)
    rows = []
    for position, symbol in zip(*read_annotations(root, name), strict=True):
        window, _, _ = cut(signal, position, LONG_WINDOW_SAMPLES)
        rows.append((scale(window), position, symbol if symbol in CLASS_OF_SYMBOL else None))
    return _collect(rows, name, LONG_WINDOW_SAMPLES)


def segment(
    root: Path,
    names: Iterable[str] = RECORDS,
    windows: Callable[[Path, str], Windows] = peak_windows,
) -> Windows:
    """Windows of several records, one record after the other."""
    parts = [windows(root, name) for name in names]
    fields = ("signals", "labels", "positions", "symbols", "records")
    return Windows(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))


def split(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split rows at random: 100 of each class to validation, 100 to test, the rest to training.

    It seeds NumPy's global generator with 0; `upsample` continues with that generator.

    Args:
        labels: (N,) classes 0 to 4.

    Returns:
        Row indices of the training, validation and test part, each in class order.
    """
    np.random.seed(0)
    train, validation, test = [], [], []
    for label in range(5):
        rows = np.random.permutation(np.flatnonzero(labels == label))
        validation.append(rows[:100])
        test.append(rows[100:200])
        train.append(rows[200:])
    return np.concatenate(train), np.concatenate(validation), np.concatenate(test)


def upsample(rows: np.ndarray, labels: np.ndarray, size: int = 10_000) -> np.ndarray:
    """Draw the same number of training rows of each class.

    Class 0 is drawn without replacement by NumPy's global generator in the state after `split`;
    classes 1 to 4 with replacement by generators seeded 123 to 126.

    Args:
        rows: (R,) row indices of the training part.
        labels: (N,) classes of all rows.
        size: rows drawn of each class.

    Returns:
        (5 size,) row indices in class order.
    """
    frame = pd.DataFrame({"row": rows, "label": labels[rows]})
    drawn = [frame[frame["label"] == 0].sample(n=size)]
    for label in range(1, 5):
        of_class = frame[frame["label"] == label]
        drawn.append(resample(of_class, replace=True, n_samples=size, random_state=122 + label))
    return np.asarray(pd.concat(drawn)["row"])


def draw(
    beat: np.ndarray, width_in: float = 6.4, height_in: float = 4.8, dpi: float = 100
) -> np.ndarray:
    """Draw a beat (T,) with matplotlib's defaults, without ticks, spines or frame.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    figure = Figure(figsize=(width_in, height_in), dpi=dpi, frameon=False)
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(beat)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def ecg2fig(beat: np.ndarray) -> np.ndarray:
    """The grey picture of a beat (T,): (128, 128) uint8.

    The RGB canvas gets OpenCV's BGR weights, so red and blue are swapped. It is shrunk by Lanczos
    without smoothing, so the thin line has gaps. The original does both.
    """
    grey = cv2.cvtColor(draw(beat), cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, (128, 128), interpolation=cv2.INTER_LANCZOS4)


def spectrogram(beat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SciPy's default spectrogram of a beat (T,) at 360 Hz.

    Returns:
        The power density (F, frames), and its first frame alone (F,).
    """
    _, _, power = scipy_spectrogram(beat, fs=FS_HZ)
    return power, power[:, 0]


def _collect(rows: list[tuple[np.ndarray, int, str | None]], name: str, length: int) -> Windows:
    """Lay out the rows that have a symbol."""
    kept = [(window, position, symbol) for window, position, symbol in rows if symbol is not None]
    return Windows(
        signals=np.array([window for window, _, _ in kept], dtype=np.float64).reshape(-1, length),
        labels=np.array([CLASS_OF_SYMBOL[symbol] for _, _, symbol in kept], dtype=np.int64),
        positions=np.array([position for _, position, _ in kept], dtype=np.int64),
        symbols=np.array([symbol for _, _, symbol in kept], dtype="<U1"),
        records=np.array([name] * len(kept), dtype="<U16"),
    )

"""Strips of ECG compared with wfdb's own reading of the files."""

from pathlib import Path

import numpy as np
import pytest
import wfdb
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from ecg_lightning.classes import ORIGINAL
from ecg_lightning.palette import CLASS_COLOURS


def compared_with_wfdb(axes: Axes, path: Path, channel: int, start_s: float, end_s: float) -> None:
    """Trace, beats and other marks of a strip against wfdb's own reading of the files."""
    record = wfdb.rdrecord(str(path), channels=[channel])
    samples = np.arange(record.sig_len)
    inside = samples[
        (samples >= start_s * record.fs - 1e-6) & (samples < end_s * record.fs - 1e-6)
    ]  # 1.1 * 360 is more than 396
    trace = axes.lines[0]
    np.testing.assert_allclose(np.asarray(trace.get_xdata()), inside / record.fs, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        np.asarray(trace.get_ydata()), record.p_signal[inside, 0], rtol=0, atol=1e-9
    )
    annotations = wfdb.rdann(str(path), "atr")
    seen = [
        (at, symbol)
        for at, symbol in zip(annotations.sample, annotations.symbol, strict=True)
        if inside[0] <= at <= inside[-1]
    ]
    beats = [(at, ORIGINAL.symbols[symbol]) for at, symbol in seen if symbol in ORIGINAL.symbols]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [float(np.asarray(dot.get_xdata())[0]) for dot in dots] == pytest.approx(
        [at / record.fs for at, _ in beats]
    )
    assert [float(np.asarray(dot.get_ydata())[0]) for dot in dots] == pytest.approx(
        [float(record.p_signal[at, 0]) for at, _ in beats]
    )
    assert [to_rgb(dot.get_color()) for dot in dots] == [
        to_rgb(CLASS_COLOURS[name]) for _, name in beats
    ]
    others = [(at / record.fs, symbol) for at, symbol in seen if symbol not in ORIGINAL.symbols]
    lines = [
        float(np.asarray(line.get_xdata())[0]) for line in axes.lines if line.get_linestyle() == ":"
    ]
    assert lines == pytest.approx([at for at, _ in others])
    marks = [text.get_text() for text in axes.texts][: len(seen)]
    assert marks == [name for _, name in beats] + [symbol for _, symbol in others]

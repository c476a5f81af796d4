"""Classify beats with an exported network: ONNX Runtime, NumPy and wfdb, without torch.

    ecg-lightning export DeepConv1d-robust --format onnx --output beats.onnx
    python onnx_without_torch.py beats.onnx mitdb/208 atr     # 208.hea, 208.dat, 208.atr

The positions of the beats come from a WFDB annotation file of any detector. The file beats.onnx
says how its input is made and what follows its output. The classes are those of
`ecg-lightning annotate mitdb/208 --beats atr --model DeepConv1d-robust`.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import wfdb

BEATS = "NLRejBAaJSnVErF/fQ?"  # annotation symbols; others are no beats
FIRST = ("MLII", "II")  # the names of the lead that is classified; else the first one


def scaled(lead: Any, normalization: str) -> Any:
    """Scale a lead (T,) by its extremes, or by its median and the width of its central 98 %."""
    low, centre, high = np.quantile(lead, [0.01, 0.5, 0.99])
    if normalization == "record":
        low, centre, high = lead.min(), lead.min(), lead.max()
    return (lead - centre) / (high - low if high > low else np.inf)


def windows(lead: Any, positions: Any, length: int) -> tuple[Any, Any]:
    """Cut a window (B, 1, length) around each position; 0 behind what is clipped at an end.

    Also returned: the share (B,) of each window that lies in the recording.
    """
    cut, inside = np.zeros((len(positions), 1, length), np.float32), np.zeros(len(positions))
    for row, position in enumerate(positions):
        piece = lead[max(position - length // 2, 0) : position - length // 2 + length]
        cut[row, 0, : len(piece)], inside[row] = piece, len(piece) / length
    return cut, inside


def probabilities(logits: Any, steps: dict[str, Any], beats: Any, inside: Any, q: int) -> Any:
    """Follow the steps that the file states: softmax, the temperature, Q without a signal."""
    p = np.exp((logits - logits.max(axis=1, keepdims=True)) / steps["temperature"]["temperature"])
    low, high, step = beats.min(axis=(1, 2)), beats.max(axis=(1, 2)), steps["no_signal"]
    seen = (low < high) & (np.maximum(-low, high) < step["most_scaled"])
    seen &= inside >= step["least_valid"]
    return np.where(seen[:, None], p / p.sum(axis=1, keepdims=True), np.arange(p.shape[1]) == q)


def classified(model: str, record: str, annotator: str) -> tuple[Any, list[str], Any]:
    """Return the positions of the beats, their classes and their class probabilities (B, 5)."""
    for path in (model, f"{record}.hea", f"{record}.{annotator}"):
        if not Path(path).is_file():
            sys.exit(f"{path}: expected a file, found none; check the path")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    facts = json.loads(session.get_modelmeta().custom_metadata_map["ecg_lightning"])
    steps = {step["step"]: step for step in facts["afterwards"]}
    if facts["normalization"] not in ("record", "robust") or facts["view"] != "signal":
        sys.exit(f"{model}: expected a network of single beats, found {facts['network']}")
    if "probabilities" not in steps or "temperature" not in steps:
        sys.exit(f"{model}: expected a file of logits, found the steps {', '.join(steps)}")
    signal, marks = wfdb.rdrecord(record), wfdb.rdann(record, annotator)
    names = [re.sub(r"^(ECG|LEAD) ", "", name.upper()) for name in signal.sig_name]
    lead = signal.p_signal[:, next((names.index(name) for name in FIRST if name in names), 0)]
    if {signal.fs, marks.fs or signal.fs} != {facts["fs_hz"]} or not np.isfinite(lead).all():
        sys.exit(f"{record}: expected {facts['fs_hz']:g} Hz and no gap; resample or cut it")
    positions = np.unique(marks.sample[[symbol in BEATS for symbol in marks.symbol]])
    positions = positions[(positions >= 0) & (positions < len(lead))]
    scaled_lead, length = scaled(lead, facts["normalization"]), facts["window_samples"]
    beats, inside = windows(scaled_lead, positions, length)
    logits = session.run(None, {facts["input"]["name"]: beats})[0]
    q = facts["classes"].index(steps["no_signal"]["class"])
    p = probabilities(logits, steps, beats, inside, q)
    return positions, [facts["classes"][label] for label in p.argmax(axis=1)], p


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        for position, name, row in zip(*classified(*sys.argv[1:]), strict=True):
            print(position, name, f"{row.max():.3f}", flush=True)
    except (KeyboardInterrupt, BrokenPipeError):  # Ctrl-C, or `| head` has read enough
        os._exit(1)

"""Classify beats with an exported network: ONNX Runtime, NumPy and wfdb, without torch.

    ecg-lightning export DeepConv1d-robust --format onnx --output beats.onnx
    python onnx_without_torch.py beats.onnx mitdb/208 atr     # 208.hea, 208.dat, 208.atr

The positions of the beats come from a WFDB annotation file of any detector. The file beats.onnx
says how its input is made and what follows its output. The classes are those of
`ecg-lightning annotate mitdb/208 --beats atr --model DeepConv1d-robust`.
"""

import json
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
    if normalization == "record":
        return (lead - lead.min()) / (lead.max() - lead.min())
    low, centre, high = np.quantile(lead, [0.01, 0.5, 0.99])
    return (lead - centre) / (high - low)


def windows(lead: Any, positions: Any, length: int) -> Any:
    """Cut a window (B, 1, length) around each position; 0 behind what is clipped at an end."""
    cut = np.zeros((len(positions), 1, length), np.float32)
    for row, position in enumerate(positions):
        piece = lead[max(position - length // 2, 0) : position + length // 2]
        cut[row, 0, : len(piece)] = piece
    return cut


def probabilities(logits: Any, steps: list[dict[str, Any]]) -> Any:
    """Follow the steps that the file states: softmax, then the temperature."""
    temperature = next(step["temperature"] for step in steps if step["step"] == "temperature")
    p = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    return p / p.sum(axis=1, keepdims=True)


def classified(model: str, record: str, annotator: str) -> tuple[Any, list[str], Any]:
    """Return the positions of the beats, their classes and their class probabilities (B, 5)."""
    for path in (model, f"{record}.hea", f"{record}.{annotator}"):
        if not Path(path).is_file():
            sys.exit(f"{path}: expected a file, found none; check the path")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    facts = json.loads(session.get_modelmeta().custom_metadata_map["ecg_lightning"])
    signal, marks = wfdb.rdrecord(record), wfdb.rdann(record, annotator)
    used = next((signal.sig_name.index(name) for name in FIRST if name in signal.sig_name), 0)
    lead, positions = signal.p_signal[:, used], marks.sample[[s in BEATS for s in marks.symbol]]
    if facts["normalization"] not in ("record", "robust") or facts["view"] != "signal":
        sys.exit(f"{model}: expected a network of single beats, found {facts['network']}")
    if signal.fs != facts["fs_hz"] or not np.isfinite(lead).all():
        sys.exit(f"{record}: expected {facts['fs_hz']:g} Hz and no gap; resample or cut it")
    beats = windows(scaled(lead, facts["normalization"]), positions, facts["window_samples"])
    p = probabilities(session.run(None, {facts["input"]["name"]: beats})[0], facts["afterwards"])
    return positions, [facts["classes"][label] for label in p.argmax(axis=1)], p


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    for position, name, row in zip(*classified(*sys.argv[1:]), strict=True):
        print(position, name, f"{row.max():.3f}")

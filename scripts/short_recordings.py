"""Measure how the accuracy depends on the length of a recording and on a spike in it.

    python scripts/short_recordings.py --mitdb MITDB DeepConv1d RUN/checkpoints/best.ckpt

Every fourth of the 48 records of MIT-BIH, in the order of their names, is classified as 30 minutes
and as clips of 10 seconds, without and with one sample of 5 mV in the middle of each recording.
Beats are cut around their annotations. Those whose window crosses the end of a clip, or holds the
spike of a recording, are omitted everywhere, so that all columns are about the same beats. The
weights' own settings scale the signal. Weights trained on MIT-BIH, patients mixed, have seen most
of these beats: the table compares ways of scaling, and is no test of the weights.
"""

import argparse
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.data.beats import BeatSettings, segment
from ecg_lightning.models.checkpoint import DESCRIPTION, read_checkpoint
from ecg_lightning.records.mitdb import MITDB_RECORDS
from ecg_lightning.records.recording import Record
from ecg_lightning.records.wfdb.reader import read_record
from ecg_lightning.training.checkpoints import checkpoint_path
from ecg_lightning.training.classifier import BeatClassifier

EVERY, CLIP_S, SPIKE_MV, BATCH = 4, 10.0, 5.0, 1024
COLUMNS = ("30 minutes", "10 s", "30 minutes, spike", "10 s, spike")


class Weights(NamedTuple):
    """Weights, and how they want their beats."""

    name: str
    classifier: BeatClassifier
    settings: BeatSettings


def weights_of(name: str) -> Weights:
    """Read shipped weights by name, or a checkpoint of this version by path."""
    path = Path(checkpoint_path(name))
    trained: dict[str, Any] = read_checkpoint(path)[DESCRIPTION]["config"]["beats"]
    names = {setting.name for setting in fields(BeatSettings)}  # others are facts of the training
    known = {name: value for name, value in trained.items() if name in names}
    settings = BeatSettings(**{**known, "segmentation": "annotations"})
    return Weights(name, BeatClassifier.load_from_checkpoint(path).eval(), settings)


def clips(record: Record, clip_s: float = CLIP_S) -> Iterator[Record]:
    """Cut a record into clips without overlap; what is left at its end is no clip."""
    length = round(clip_s * record.fs_hz)
    for start in range(0, len(record.signal) - length + 1, length):
        first, behind = np.searchsorted(record.annotation_samples, [start, start + length])
        yield replace(
            record,
            signal=record.signal[start : start + length],
            annotation_samples=record.annotation_samples[first:behind] - start,
            annotation_symbols=record.annotation_symbols[first:behind],
        )


def spiked(record: Record) -> Record:
    """Return the record with one sample at 5 mV, in its middle."""
    signal = record.signal.copy()
    signal[len(signal) // 2] = SPIKE_MV
    return replace(record, signal=signal)


def compared(positions: Integers, window: int, samples: int, clip: int) -> Any:
    """Whether beats at positions (N,) of a record lie in all clips, away from all spikes; (N,)."""
    starts = positions - window // 2
    ends, last = starts + window, samples // clip * clip
    whole = (starts >= 0) & (ends <= last) & (starts // clip == (ends - 1) // clip)
    offsets = starts % clip
    in_clip = (offsets <= clip // 2) & (clip // 2 < offsets + window)
    in_record = (starts <= samples // 2) & (samples // 2 < ends)
    return whole & ~in_clip & ~in_record


def counted(record: Record, weights: Weights) -> list[tuple[int, int]]:
    """Return right and all compared beats of a record, for each of `COLUMNS`."""
    parts = list(clips(record))
    clip, window = round(CLIP_S * record.fs_hz), weights.settings.window_samples
    starts = [clip * number for number in range(len(parts))]
    columns = (
        [(0, record)],
        list(zip(starts, parts, strict=True)),
        [(0, spiked(record))],
        list(zip(starts, map(spiked, parts), strict=True)),
    )
    results = []
    for recordings in columns:
        cut = [(start, segment(part, weights.settings)) for start, part in recordings]
        positions = np.concatenate([start + windows.samples for start, windows in cut])
        kept = compared(positions, window, len(record.signal), clip)
        signals = np.concatenate([windows.signals for _, windows in cut])[kept]
        labels = np.concatenate([windows.labels for _, windows in cut])[kept]
        results.append((int((predicted(weights, signals) == labels).sum()), len(labels)))
    return results


@torch.inference_mode()
def predicted(weights: Weights, signals: Floats) -> Integers:
    """Return the classes (N,) of signals (N, T)."""
    batches = torch.from_numpy(signals.astype(np.float32)[:, None]).split(BATCH)
    classes = [weights.classifier(batch).argmax(1).numpy() for batch in batches if len(batch)]
    return np.concatenate([*classes, np.empty(0, np.int64)])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", nargs="+", help="shipped weights or checkpoints")
    parser.add_argument("--mitdb", type=Path, required=True, help="folder of the 48 records")
    args = parser.parse_args()
    names = sorted(MITDB_RECORDS)[::EVERY]
    print(f"Records {' '.join(names)}; beats that are compared: ", end="")
    rows = []
    for weights in map(weights_of, args.weights):
        counts = [counted(read_record(args.mitdb, name), weights) for name in names]
        sums = np.sum(counts, axis=0)  # (columns, 2)
        shares = [f"{100 * right / total:.1f}" for right, total in sums.tolist()]
        rows.append(" | ".join([weights.name, weights.settings.normalization, *shares]))
    print(f"{sums[0, 1]:,}\n\n| weights | normalization | {' | '.join(COLUMNS)} |")
    print(f"|{'---|' * (2 + len(COLUMNS))}")
    print("\n".join(f"| {row} |" for row in rows))


if __name__ == "__main__":
    main()

"""Annotate signals that are hard, and show what comes out for each.

    python scripts/hard_signals.py --mitdb MITDB --noise NSTDB --formats FORMATS --output DIR

Faults are made in five minutes of record 103 from 5:01 on; strips like those of a hand-held device
(one lead, 30 s, 300 Hz) are cut from twelve records. Records with atrial fibrillation, ventricular
flutter and pacemakers are annotated whole, as they are. The detector has not seen the patient: see
`compare_detectors.py`. A fault that lasts a while is counted on its own: beats in it and outside.

A line for each signal: the beats that the reference has outside of the fault, those that were
found, missed and false there; the beats in the fault, of the reference and found; the seconds that
are called unusable; and the notes, but for that of the weights' limits, which each result has. DIR
keeps each recording, its annotations and its page.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from documents import fill, measured_on, table
from noisy_records import second_half, with_noise
from our_detectors import annotator_of, crosswise
from recording_files import STEPS_PER_MV, write_edf, write_wfdb

import ecg_lightning as ecg
from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.evaluation.beat_comparison import TOLERANCE_S, beats_at, compare_record
from ecg_lightning.evaluation.comparison_rates import events
from ecg_lightning.models.names import LIMITS
from ecg_lightning.records.mitdb import MITDB_RECORDS
from ecg_lightning.records.recording import FileAnnotations
from ecg_lightning.text import clock

BASE, START_S, LENGTH_S = "103", 301, 300
FS_HZ = 360
LEADS = ("MLII", "V2")
WHOLE = {
    "202": "atrial fibrillation, flutter",
    "219": "atrial fibrillation",
    "207": "ventricular flutter",
    "102": "pacemaker",
    "104": "pacemaker",
    "107": "pacemaker",
    "217": "pacemaker",
}
STRIP_S, STRIP_HZ, STRIPS_EVERY = 30, 300, 4
_INVALID = -32_768  # WFDB's invalid sample of format 16
Stretch = tuple[float, float]  # from a second to a second


@dataclass(frozen=True, eq=False)
class Signal:
    """A signal to annotate.

    Attributes:
        title: What is hard about it.
        path: The recording.
        weights: The detector's weights.
        reference: The annotations that are right; None: not known.
        faults: Where the beats cannot be expected, in seconds.
    """

    title: str
    path: Path
    weights: str
    reference: FileAnnotations | None
    faults: tuple[Stretch, ...] = field(default=())


@dataclass(frozen=True)
class Outcome:
    """What was found: counts outside the faults, and inside; -1: no reference."""

    title: str
    name: str
    expected: int
    found: int
    missed: int
    false: int
    inside: tuple[int, int]
    unusable_s: float
    notes: tuple[str, ...]


def base(mitdb: Path) -> tuple[Floats, FileAnnotations]:
    """Return five minutes of the record (2, T) in mV, and its annotations in them."""
    recording = ecg.read_recording(mitdb / BASE)
    start, stop = START_S * FS_HZ, (START_S + LENGTH_S) * FS_HZ
    leads = recording.read_exactly(start, stop, leads=[0, 1])
    assert recording.annotations is not None
    return leads, cut(recording.annotations, start, stop)


def cut(reference: FileAnnotations, start: int, stop: int) -> FileAnnotations:
    """Return the annotations of a piece, at positions in it."""
    rows = np.flatnonzero((reference.samples >= start) & (reference.samples < stop))
    texts = ("",) * len(rows)
    return FileAnnotations(reference.samples[rows] - start, reference.symbols[rows], texts)


def faulty(
    leads: Floats, noise: Floats | None, marks: FileAnnotations
) -> Iterator[tuple[str, str, Floats, tuple[Stretch, ...]]]:
    """Return name, title, the signal with a fault, and where the fault is."""
    seconds = np.arange(leads.shape[1]) / FS_HZ

    def flat(*rows: int, stretch: slice = slice(None)) -> Floats:
        result = leads.copy()
        for row in rows:
            result[row, stretch] = 0.0
        return result

    gap = (100.0, 120.0)
    span = slice(round(gap[0] * FS_HZ), round(gap[1] * FS_HZ))
    yield "clean", "nothing (for comparison)", leads, ()
    yield "dead-second", "second lead dead (flat)", flat(1), ()
    yield "dead-first", "first lead dead (flat)", flat(0), ()
    yield "electrode-off", "both leads flat for 20 s", flat(0, 1, stretch=span), (gap,)
    yield "clipped", "both leads clipped at ±0.3 mV", np.clip(leads, -0.3, 0.3), ()
    invalid = leads.copy()
    gaps = ((60.0, 63.0), (120.0, 125.0), (200.0, 230.0))
    for first, last in gaps:
        invalid[:, round(first * FS_HZ) : round(last * FS_HZ)] = np.nan
    yield "gaps", "invalid samples for 3, 5 and 30 s", invalid, gaps
    yield "inverted", "both leads inverted", -leads, ()
    for hum_hz in (50, 60):
        hum = leads + 0.5 * np.sin(2 * np.pi * hum_hz * seconds)
        yield f"hum{hum_hz}", f"hum of {hum_hz} Hz, 0.5 mV", hum, ()
    if noise is not None:
        noisy = with_noise(leads, marks.samples, marks.symbols, noise, FS_HZ, -12)
        short = leads.copy()
        burst = (100.0, 110.0)
        place = slice(round(burst[0] * FS_HZ), round(burst[1] * FS_HZ))
        short[:, place] = noisy[:, place]
        yield "noise", "10 s of electrode motion at -12 dB", short, (burst,)


def steps_of(leads: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """Return a signal in mV as steps of format 16."""
    steps = np.rint(np.nan_to_num(leads) * STEPS_PER_MV).clip(-32_767, 32_767)
    return np.where(np.isnan(leads), _INVALID, steps).astype(np.int16)


def made_signals(args: argparse.Namespace, folder: Path) -> Iterator[Signal]:
    """Write the signals with faults."""
    leads, reference = base(args.mitdb)
    noise = second_half(args.noise, "em") if args.noise else None
    for name, title, signal, faults in faulty(leads, noise, reference):
        path = folder / name
        write_wfdb(path, [steps_of(signal)], LEADS, FS_HZ)
        yield Signal(title, path, crosswise(BASE), reference, faults)


def strips(mitdb: Path, folder: Path) -> Iterator[Signal]:
    """Write strips of one lead as EDF."""
    from scipy.signal import resample_poly

    start, stop = START_S * FS_HZ, (START_S + STRIP_S) * FS_HZ
    for name in sorted(MITDB_RECORDS)[::STRIPS_EVERY]:
        recording = ecg.read_recording(mitdb / name)
        lead = resample_poly(recording.read_exactly(start, stop, leads=[0]), 5, 6, axis=1)
        path = folder / f"strip{name}.edf"
        write_edf(path, [steps_of(lead)], ["ECG"], STRIP_HZ)
        assert recording.annotations is not None
        marks = cut(recording.annotations, start, stop)
        positions = np.rint(marks.samples * STRIP_HZ / FS_HZ).astype(np.int64)
        scaled = FileAnnotations(positions, marks.symbols, marks.texts)
        yield Signal(f"30 s at 300 Hz, one lead, of {name}", path, crosswise(name), scaled)


def real_signals(args: argparse.Namespace) -> Iterator[Signal]:
    """Return records and files as they are."""
    for name, title in WHOLE.items():
        reference = ecg.read_recording(args.mitdb / name).annotations
        assert reference is not None
        path, faults = args.mitdb / name, flutter_of(reference)
        yield Signal(f"{name}: {title}", path, crosswise(name), reference, faults)
    if args.formats:
        for path in sorted(args.formats.glob("**/*.dcm")):
            yield Signal("12 leads, 10 s, DICOM", path, crosswise("102"), None)


def flutter_of(reference: FileAnnotations) -> tuple[Stretch, ...]:
    """Return the stretches of ventricular flutter: the reference has no beats in them."""
    begins = reference.samples[reference.symbols == "["] / FS_HZ
    ends = reference.samples[reference.symbols == "]"] / FS_HZ
    return tuple(zip(begins.tolist(), ends.tolist(), strict=True))


def outcome(signal: Signal, annotations: Annotations) -> Outcome:
    """Count beats inside and outside of the faults."""
    fs_hz = annotations.fs_hz
    unusable = annotations.beats.unusable
    texts = dict.fromkeys(note.text for note in annotations.notes)
    notes = tuple(text for text in texts if text not in LIMITS.values())  # each result has that
    unusable_s = float((unusable[:, 1] - unusable[:, 0]).sum() / fs_hz)
    counts = (-1, len(annotations), -1, -1)
    inside = (0, 0)
    if signal.reference is not None:
        margin = 0 if not signal.faults else TOLERANCE_S
        in_fault = _inside(signal.reference.samples, signal.faults, fs_hz, margin)
        found_in = _inside(annotations.samples, signal.faults, fs_hz, margin)
        rows = np.flatnonzero(~in_fault)
        reference = FileAnnotations(
            signal.reference.samples[rows], signal.reference.symbols[rows], ("",) * len(rows)
        )
        test = beats_at(annotations.samples[~found_in])
        length = annotations.recording.leads[annotations.lead].samples
        pairs = events(compare_record(reference, test, length, fs_hz, start_s=0))
        tp, fn, fp = (pairs[f"QRS.{term}"] for term in ("tp", "fn", "fp"))
        counts = (tp + fn, tp + fp, fn, fp)
        beats = compare_record(signal.reference, beats_at([]), length, fs_hz, start_s=0)
        inside = (events(beats)["QRS.fn"] - tp - fn, int(found_in.sum()))
    return Outcome(signal.title, signal.path.stem, *counts, inside, unusable_s, notes)


def _inside(
    samples: Integers, faults: Sequence[Stretch], fs_hz: float, margin_s: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    seconds = samples / fs_hz
    result = np.zeros(len(samples), np.bool_)
    for first, last in faults:
        result |= (seconds >= first - margin_s) & (seconds <= last + margin_s)
    return result


def outcome_table(outcomes: Sequence[Outcome]) -> str:
    """Return the table."""
    head = (
        *("signal", "beats", "found", "missed", "false", "in the fault: beats, found"),
        *("unusable", "notes"),
    )
    rows = []
    for one in outcomes:
        known = one.expected >= 0
        rows.append(
            [
                one.title,
                *((f"{n:,}" if n >= 0 else "–") for n in (one.expected, one.found)),
                *((f"{n:,}" if n >= 0 else "–") for n in (one.missed, one.false)),
                f"{one.inside[0]}, {one.inside[1]}" if known and any(one.inside) else "",
                f"{one.unusable_s:.1f} s",
                "; ".join(one.notes).replace("|", "\\|"),
            ]
        )
    return table(head, rows)


def main() -> None:
    """Make the signals, annotate them, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mitdb", type=Path, required=True, help="folder of MIT-BIH")
    parser.add_argument("--noise", type=Path, help="folder of NSTDB; default: no noise")
    parser.add_argument("--formats", type=Path, help="folder with a DICOM file; default: none")
    parser.add_argument("--output", type=Path, required=True, help="folder of the results")
    parser.add_argument("--model", help="the classifier's weights; default: those of annotate")
    parser.add_argument("--document", type=Path, help="document whose table is replaced")
    args = parser.parse_args()
    folder = args.output / "recordings"
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for signals in (made_signals(args, folder), strips(args.mitdb, folder), real_signals(args)):
        for signal in signals:
            outcomes.append(annotated(signal, args.output, args.model))
    text = outcome_table(outcomes)
    (args.output / "tables.md").write_text(f"{text}\n", encoding="utf-8")
    figures = json.dumps([vars(one) for one in outcomes], indent=1)
    (args.output / "hard_signals.json").write_text(f"{figures}\n", encoding="utf-8")
    print(text)
    if args.document:
        fill(args.document, {"hard": f"{text}\n\n{measured_on('torch', 'numpy')}"})


def annotated(signal: Signal, output: Path, model: str | None = None) -> Outcome:
    """Annotate a signal, write what belongs to it, and print what came out."""
    annotations = annotator_of(signal.weights, model).annotate(signal.path)
    stem = output / signal.path.stem
    annotations.to_html(f"{stem}.html")
    annotations.to_wfdb(f"{stem}.ecl")
    annotations.to_csv(f"{stem}.csv")
    result = outcome(signal, annotations)
    where = ", ".join(
        f"{clock(first / annotations.fs_hz)}–{clock(last / annotations.fs_hz)}"
        for first, last in annotations.beats.unusable.tolist()
    )
    print(f"{result}\n  unusable: {where or 'nothing'}", flush=True)
    return result


if __name__ == "__main__":
    main()

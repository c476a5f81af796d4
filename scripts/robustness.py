r"""Annotate records as they are, and with fewer leads, noise, other gains, rates and lengths.

    python scripts/robustness.py --mitdb MITDB --noise NSTDB --output DIR \
        --models PatientContext=RUN,CAUSAL_RUN DeepConv1d-robust --records DS2 [--jobs 2]
    python scripts/robustness.py --output DIR --models PatientContext DeepConv1d-robust \
        --tables [--document docs/unseen-patients.md] [--picture docs/images/robustness.png]

Each record is changed as `robust_conditions.py` says, written to a temporary WFDB record and
annotated by the code of `ecg-lightning annotate`, twice: at the experts' positions, and from the
raw signal, by a detector that has not seen the patient. Weights of `--models` that have seen the
record or its patient are refused; of SVDB, whose patients are not known, any record counts. So DS1
is without 201 here and DS2 without 202: both are of one patient. Pieces are annotated each alone,
and their beats are joined again. The reference that is compared with is moved to the other rate
with the signal.

A model is LABEL=WEIGHTS or LABEL=WEIGHTS,CAUSAL: names of shipped weights, or paths. Without
CAUSAL the same weights serve for the causal condition.

DIR keeps a file for each model, position, condition and record; repeat a command to resume it.
Beats are counted as `unseen_patients.py` counts them. Only `--tables` computes scores; a look at a
test side belongs into the log of docs/protocol.md.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from documents import fill, measured_on, table
from noisy_records import second_half
from our_detectors import check_classifier_unseen
from recording_files import write_wfdb
from robust_conditions import Condition, Signals, conditions, part, pieces, resampled
from unseen_detector import detector_of, matched
from unseen_predictions import Predicted

import ecg_lightning as ecg
from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.annotation.classifying.classifiers import load_classifier
from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.classes import AAMI, CLASS_NAMES, NO_BEAT
from ecg_lightning.data.dechazal import DS1, DS2
from ecg_lightning.data.noises import NOISES
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.confusion import metrics_of_confusions
from ecg_lightning.models.detector_weights import load_detectors
from ecg_lightning.records.recording import FileAnnotations
from ecg_lightning.records.svdb import SVDB_RECORDS

SETS = {
    "DS1": [f"mitdb/{name}" for name in DS1 if name != "201"],
    "DS2": [f"mitdb/{name}" for name in DS2 if name != "202"],
    "SVDB": [f"svdb/{name}" for name in SVDB_RECORDS],
}
POSITIONS = {"experts": "experts' positions", "found": "found in the raw signal"}
SCORES = {"accuracy": "accuracy", "V F1": "V.f1", "S F1": "S.f1"}
PICTURE_TEXT = "F1 of V and S over noise, gain, sampling rate and length of pieces"
NOISE_HZ = 360  # of the records of NSTDB
LARGEST_STEP = 32_000  # of 16 bits
Found = tuple[Integers, Floats]  # (B,) positions and (B, 5) probabilities
Scores = Mapping[str, float]
Key = tuple[str, str, str]  # model, positions, condition


@dataclass(frozen=True)
class Model:
    """Weights that are tested.

    Attributes:
        label: Their name in tables.
        weights: A name or a path.
        causal: Those of causal results.
    """

    label: str
    weights: str
    causal: str

    @classmethod
    def parse(cls, text: str) -> "Model":
        """Read LABEL, LABEL=WEIGHTS or LABEL=WEIGHTS,CAUSAL."""
        label, _, names = text.partition("=")
        weights, _, causal = (names or label).partition(",")
        return cls(label, weights, causal or weights)


@cache
def annotator_of(model: Model, causal: bool, detector: str) -> Annotator:
    """Return the annotator with these weights."""
    network = load_classifier(model.causal if causal else model.weights)
    return Annotator(network, load_detectors(detector), detector)


def read_signals(path: Path) -> Signals:
    """Read all leads of a record and its reference; samples that are invalid become 0."""
    recording = ecg.read_recording(path)
    assert recording.annotations is not None, f"{path} has no annotations"
    leads = recording.read_exactly(leads=[*range(len(recording.leads))])
    names = tuple(lead.name for lead in recording.leads)
    return Signals(np.nan_to_num(leads), names, int(recording.fs_hz), recording.annotations)


def write_record(folder: Path, signals: Signals) -> Path:
    """Write a WFDB record, with the beats of the reference as `atr`; return its path."""
    import wfdb

    path = folder / "record"
    largest = max(float(np.abs(signals.leads).max()), 1e-3)
    gain = LARGEST_STEP / largest  # steps are small, whatever the amplitude
    steps = np.rint(gain * signals.leads).astype(np.int16)
    write_wfdb(path, [steps], signals.names, signals.fs_hz, gain)
    reference = signals.reference
    rows = np.flatnonzero(AAMI.labels(reference.symbols) != NO_BEAT)
    if len(rows):
        wfdb.wrann(
            path.name,
            "atr",
            reference.samples[rows],
            reference.symbols[rows].tolist(),
            fs=signals.fs_hz,
            write_dir=str(folder),
        )
    return path


def annotated(signals: Signals, annotator: Annotator, positions: str, causal: bool) -> Found:
    """Return the beats of a recording; none where `annotate` refuses it."""
    nothing = np.zeros(0, np.int64), np.zeros((0, len(CLASS_NAMES)))
    beats = "atr" if positions == "experts" else None
    if beats and not (AAMI.labels(signals.reference.symbols) != NO_BEAT).any():
        return nothing
    with TemporaryDirectory() as folder:
        path = write_record(Path(folder), signals)
        try:
            result = annotator.annotate(path, beats=beats, causal=causal)
        except InputError as error:
            print(error, flush=True)
            return nothing
        return result.samples, result.probabilities.astype(np.float64)


def under_condition(
    signals: Signals, condition: Condition, annotate: Callable[[Signals], Found]
) -> tuple[Signals, Found]:
    """Change a recording and annotate it; return it as it then is, and its beats."""
    changed = condition.change(signals)
    if condition.piece_s is None:
        return changed, annotate(changed)
    parts = [(start, annotate(piece)) for start, piece in pieces(changed, condition.piece_s)]
    samples = np.concatenate([start + own for start, (own, _) in parts])
    return changed, (samples, np.concatenate([own for _, (_, own) in parts]))


def predicted(record: str, reference: FileAnnotations, found: Found, fs_hz: float) -> Predicted:
    """Compare beats with the reference: each gets the class of its partner."""
    order = np.argsort(found[0], kind="stable")
    samples, probabilities = found[0][order], found[1][order]
    positions, labels, rows = matched(reference, samples, fs_hz)
    own = np.full((len(rows), len(CLASS_NAMES)), np.nan)
    own[rows >= 0] = probabilities[rows[rows >= 0]]
    prior = np.full(len(CLASS_NAMES), np.nan)  # no shares are estimated here
    return Predicted(np.full(len(rows), record), positions, labels, own, prior)


@dataclass(frozen=True)
class Work:
    """What is measured.

    Attributes:
        folders: Database to its folder.
        noise: The folder of NSTDB; None: no noise.
        output: The folder of the results.
        models: The weights.
        positions: Some of `POSITIONS`.
        panels: The panels to measure; none: all.
        minutes: How much of each record is taken, from its start; None: all.
    """

    folders: Mapping[str, Path]
    noise: Path | None
    output: Path
    models: tuple[Model, ...]
    positions: tuple[str, ...]
    panels: tuple[str, ...] = ()
    minutes: float | None = None

    def conditions(self, fs_hz: int) -> list[Condition]:
        """Return the conditions for recordings of a rate."""
        noises = {kind: noise_at(self.noise, kind, fs_hz) for kind in NOISES if self.noise}
        chosen = conditions(noises)
        return [one for one in chosen if not self.panels or one.panel in self.panels]

    def path(self, key: Key, record: str) -> Path:
        """Return the file of a result."""
        return self.output.joinpath(*key, f"{record.replace('/', '-')}.npz")


@cache
def noise_at(folder: Path, kind: str, fs_hz: int) -> Floats:
    """Return the second half of a noise (2, T) at a rate."""
    nothing = FileAnnotations(np.zeros(0, np.int64), np.zeros(0, "<U1"), ())
    noise = Signals(second_half(folder, kind), ("1", "2"), NOISE_HZ, nothing)
    return resampled(noise, fs_hz).leads


def measure_record(record: str, work: Work) -> str:
    """Annotate a record under all conditions; keep what is there already."""
    torch.set_num_threads(1)
    database, _, name = record.partition("/")
    signals = read_signals(work.folders[database] / name)
    if work.minutes is not None:
        signals = part(signals, 0, round(60 * work.minutes * signals.fs_hz))
    detector = detector_of(record)
    for condition in work.conditions(signals.fs_hz):
        for model in work.models:
            annotator = annotator_of(model, condition.causal, detector)
            for positions in work.positions:
                path = work.path((model.label, positions, condition.name), record)
                if not path.is_file():
                    annotate = partial(
                        annotated, annotator=annotator, positions=positions, causal=condition.causal
                    )
                    changed, found = under_condition(signals, condition, annotate)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    predicted(record, changed.reference, found, changed.fs_hz).write(path)
    return record


def measure(records: Sequence[str], work: Work, jobs: int) -> None:
    """Annotate records, several at once."""
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        for record in pool.map(partial(measure_record, work=work), records):
            print(record, flush=True)


def scored(files: Iterable[Path]) -> Scores:
    """Return the scores of the summed counts of records, in percent; NaN without such beats."""
    counts = [Predicted.read(path).confusions()[1].sum(axis=0) for path in files]
    metrics = metrics_of_confusions(np.sum(counts, axis=0)[None])
    return {title: 100 * float(metrics[key][0]) for title, key in SCORES.items()}


def all_scores(output: Path, models: Sequence[Model]) -> tuple[dict[Key, Scores], list[str]]:
    """Return the scores of all conditions that are complete, and the records.

    A condition is complete if it has all records that any condition has.
    """
    files: dict[Key, dict[str, Path]] = {}
    for model in models:
        for path in sorted((output / model.label).glob("*/*/*.npz")):
            key = (model.label, path.parts[-3], path.parts[-2])
            files.setdefault(key, {})[path.stem] = path
    records = sorted(set().union(*files.values())) if files else []
    complete = {key: own for key, own in files.items() if len(own) == len(records)}
    for key in files.keys() - complete.keys():
        print(f"not complete: {' '.join(key)}, {len(files[key])} of {len(records)} records")
    return {key: scored(own.values()) for key, own in complete.items()}, records


def score_table(scores: Mapping[Key, Scores], positions: str, models: Sequence[Model]) -> str:
    """Return the table for experts' or found positions: a row for each condition."""
    head = ["condition", *(f"{model.label}: {title}" for model in models for title in SCORES)]
    rows = []
    for condition in known_conditions():
        keys = [(model.label, positions, condition.name) for model in models]
        if any(key in scores for key in keys):
            cells = [_cell(scores.get(key, {}), title) for key in keys for title in SCORES]
            rows.append([titled(condition), *cells])
    return table(head, rows)


def known_conditions() -> list[Condition]:
    """Return all conditions, for their names alone."""
    return conditions({kind: np.zeros((2, 1)) for kind in NOISES})


def titled(condition: Condition) -> str:
    """Return the name of a condition in tables."""
    value = condition.value if isinstance(condition.value, str) else f"{condition.value:g}"
    named = {
        "form": value,
        "gain": f"gain {value}",
        "rate": f"{value} Hz",
        "pieces": f"pieces of {value} s",
    }
    return named.get(condition.panel, f"{condition.panel}, {value} dB")


def _cell(scores: Scores, title: str) -> str:
    value = scores.get(title, np.nan)
    return f"{value:.1f}" if np.isfinite(value) else "–"


def write_results(args: argparse.Namespace) -> None:
    """Write tables, figures and the picture of what is there."""
    scores, records = all_scores(args.output, args.models)
    if not scores:
        raise SystemExit(f"{args.output}: no complete condition")
    tables = {
        f"robustness-{positions}": f"{len(records)} records, {title}, in percent.\n\n"
        + score_table(scores, positions, args.models)
        for positions, title in POSITIONS.items()
        if any(key[1] == positions for key in scores)
    }
    tables["robustness-machine"] = measured_on("torch", "numpy", "scipy")
    text = "\n\n".join(tables.values())
    (args.output / "tables.md").write_text(f"{text}\n", encoding="utf-8")
    figures = {"/".join(key): dict(own) for key, own in scores.items()}
    content = json.dumps({"records": records, "scores": figures}, indent=1)
    (args.output / "robustness.json").write_text(f"{content}\n", encoding="utf-8")
    print(text)
    if args.picture:
        from robustness_figure import robustness_figure

        from ecg_lightning.figures.style import png_bytes

        labels = [model.label for model in args.models]
        args.picture.write_bytes(png_bytes(robustness_figure(scores, labels, known_conditions())))
        if args.document:
            place = os.path.relpath(args.picture, args.document.parent)
            tables["robustness-picture"] = f"![{PICTURE_TEXT}]({Path(place).as_posix()})"
    if args.document:
        fill(args.document, tables)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mitdb", type=Path, help="folder of MIT-BIH")
    parser.add_argument("--svdb", type=Path, help="folder of SVDB")
    parser.add_argument("--noise", type=Path, help="folder of NSTDB; default: no noise")
    parser.add_argument("--output", type=Path, required=True, help="folder of the results")
    parser.add_argument(
        "--models", nargs="+", type=Model.parse, required=True, metavar="LABEL=WEIGHTS,CAUSAL"
    )
    parser.add_argument(
        "--records",
        nargs="+",
        default=["DS2"],
        help=f"{', '.join(SETS)}, or records such as mitdb/100; default: DS2",
    )
    parser.add_argument("--positions", nargs="+", default=[*POSITIONS], choices=[*POSITIONS])
    parser.add_argument("--panels", nargs="+", default=[], help="such as form, gain; default: all")
    parser.add_argument("--minutes", type=float, help="of each record, for a trial; default: all")
    parser.add_argument("--jobs", type=int, default=1, help="records at once; default: 1")
    parser.add_argument("--tables", action="store_true", help="score what is there")
    parser.add_argument("--document", type=Path, help="document whose tables are replaced")
    parser.add_argument("--picture", type=Path, help="PNG file of the curves")
    args = parser.parse_args(words)
    args.records = [name for word in args.records for name in SETS.get(word, [word])]
    args.folders = {name: getattr(args, name) for name in ("mitdb", "svdb") if getattr(args, name)}
    missing = {name.partition("/")[0] for name in args.records} - args.folders.keys()
    if missing and not args.tables:
        parser.error(f"name the folder: --{min(missing)}")
    return args


def main(words: Sequence[str] | None = None) -> None:
    """Annotate, or write the tables."""
    args = arguments(words)
    if args.tables:
        write_results(args)
        return
    for record in args.records:
        database, _, name = record.partition("/")
        for weights in {one for model in args.models for one in (model.weights, model.causal)}:
            check_classifier_unseen(weights, database, name)
    chosen = (tuple(args.models), tuple(args.positions), tuple(args.panels), args.minutes)
    measure(args.records, Work(args.folders, args.noise, args.output, *chosen), args.jobs)


if __name__ == "__main__":
    main()

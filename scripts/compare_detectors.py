"""Compare our detector of beats with others, on clean records and on records with noise.

    python scripts/compare_detectors.py --mitdb MITDB --svdb SVDB --noise NSTDB --output DIR

Ours is tested crosswise: `BeatDetector-ds1` finds the beats of DS2's records, `BeatDetector-ds2`
those of DS1's, and the mean of both those of the four paced records, which train neither. The
others see each lead's samples in mV. All get channel 0; ours gets both channels too. SVDB is tested
with `BeatDetector`, which has seen none of it. The script refuses weights that have.

A beat is found if it is within 150 ms, by the comparison of EC57 that `ecg-lightning compare`
makes. The tables count whole records and records from 5:00, without the ventricular flutter of
record 207 and with it. Time is that of one processor for the call of the detector alone.

With noise, every fourth record of MIT-BIH in the order of their names is tested (12 records, 6
hours), at each signal-to-noise ratio; see `noisy_records.py` for what that is.

DIR gets `beats/` (what the others found; a repeated command does not run them again),
`records.csv` (each record), `detection.json`, `tables.md` and `noise.png`. `--document
docs/detection.md --images docs/images` writes the tables and the picture there too. The first run
takes 35 minutes on one core, a repeated one 5. For times of one run, delete `DIR/beats/*/mitdb`.
"""

import argparse
import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detection_scores import Score, gross, scored
from detectors import BASELINES
from documents import fill, measured_on, table
from kept_beats import Beats, Case, Signals, kept, read_case, timed
from noise_figure import noise_figure
from noisy_records import SNRS_DB
from our_detectors import check_unseen, crosswise, find_beats

from ecg_lightning.data.noises import NOISES
from ecg_lightning.figures.style import png_bytes
from ecg_lightning.records.mitdb import MITDB_RECORDS

EVERY = 4  # one of so many records of MIT-BIH is tested with noise
ONE_LEAD, TWO_LEADS = "ours", "ours, 2 leads"
TITLES = {
    ONE_LEAD: "**ours, one lead**",
    TWO_LEADS: "**ours, two leads**",
    **{name: baseline.title for name, baseline in BASELINES.items()},
}
WORST, WARM_UP_S = 3, 30
COLUMNS = ("condition", "detector", "record", "start_s", "flutter", "tp", "fn", "fp", "cpu_s")
PICTURE = (
    "![F1 of each detector over the signal-to-noise ratio, for three kinds of noise]"
    "(images/noise.png)"
)
VARIANTS: tuple[tuple[float, bool], ...] = ((0.0, False), (300.0, False), (0.0, True))


@dataclass(frozen=True)
class Result:
    """What one detector found in one case.

    Attributes:
        detector: Its name.
        case: The record, with noise or without.
        beats: The beats, and the time that it took.
        scores: Of each of `VARIANTS`.
    """

    detector: str
    case: Case
    beats: Beats
    scores: tuple[Score, ...]


def clean_cases(folder: Path, names: Sequence[str]) -> Iterator[Case]:
    """Return the records of a database."""
    return (Case(folder, name) for name in names)


def noisy_cases(mitdb: Path, names: Sequence[str]) -> Iterator[Case]:
    """Return every fourth record, with each noise at each ratio."""
    for noise in NOISES:
        for snr_db in SNRS_DB:
            for name in names[::EVERY]:
                yield Case(mitdb, name, noise, snr_db)


def run(case: Case, detectors: Sequence[str], args: argparse.Namespace) -> Iterator[Result]:
    """Run the detectors on a case, or read what they found before."""
    signals = read_case(case, args.noise)
    for name in detectors:
        beats = _beats(name, case, signals, args)
        yield Result(name, case, beats, tuple(scored(signals, beats, *v) for v in VARIANTS))


def _beats(name: str, case: Case, signals: Signals, args: argparse.Namespace) -> Beats:
    if name in BASELINES:
        baseline = BASELINES[name]
        folder = args.output / "beats" / f"{name}-{baseline.version}" / case.condition
        lead = signals.leads[0]
        return kept(
            folder / f"{case.record}.npz",
            lambda: timed(lambda: baseline.find(lead, signals.fs_hz), signals),
        )
    weights = args.svdb_weights if case.folder == args.svdb else crosswise(case.record)
    check_unseen(weights, "svdb" if case.folder == args.svdb else "mitdb", case.record)
    leads = signals.leads[: 2 if name == TWO_LEADS else 1]
    find_beats(weights, leads[:, : round(WARM_UP_S * signals.fs_hz)], signals.fs_hz)
    return timed(lambda: find_beats(weights, leads, signals.fs_hz), signals)


def detection_table(results: Sequence[Result]) -> str:
    """Return the table of clean records."""
    head = (
        *("detector", "whole records: Se", "+P", "F1", "from 5:00: Se", "+P"),
        *("with flutter: Se", "+P", "time for 30 minutes", "worst records (missed, false)"),
    )
    rows = []
    for name in dict.fromkeys(result.detector for result in results):
        own = [result for result in results if result.detector == name]
        whole, later, flutter = (gross(r.scores[i] for r in own) for i in range(len(VARIANTS)))
        worst = sorted(own, key=lambda r: -r.scores[0].errors)[:WORST]
        rows.append(
            [
                TITLES[name],
                *(_percent(x) for x in (whole.sensitivity, whole.predictivity, whole.f1)),
                *(_percent(x) for x in (later.sensitivity, later.predictivity)),
                *(_percent(x) for x in (flutter.sensitivity, flutter.predictivity)),
                _time(own),
                ", ".join(f"{r.case.record} ({r.scores[0].fn}, {r.scores[0].fp})" for r in worst),
            ]
        )
    return table(head, rows)


def noise_scores(results: Sequence[Result]) -> dict[tuple[str, str], dict[int, Score]]:
    """Return (noise, detector) to ratio to the gross score of its records."""
    groups: dict[tuple[str, str], dict[int, list[Score]]] = {}
    for result in results:
        group = groups.setdefault((result.case.noise, result.detector), {})
        group.setdefault(result.case.snr_db, []).append(result.scores[0])
    return {
        key: {snr_db: gross(scores) for snr_db, scores in group.items()}
        for key, group in groups.items()
    }


def noise_table(scores: dict[tuple[str, str], dict[int, Score]]) -> str:
    """Return the table of records with noise."""
    head = ("noise", "detector", *(f"{snr_db} dB" for snr_db in SNRS_DB))
    rows = [
        [noise, TITLES[name], *(_both(group[snr_db]) for snr_db in SNRS_DB)]
        for (noise, name), group in scores.items()
    ]
    return table(head, rows)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _both(score: Score) -> str:
    return f"{100 * score.f1:.1f} ({100 * score.sensitivity:.1f} / {100 * score.predictivity:.1f})"


def _time(results: Sequence[Result]) -> str:
    hours = sum(result.beats.hours for result in results)
    return f"{sum(result.beats.cpu_s for result in results) / hours / 2:.2f} s"


def write_records(path: Path, results: Sequence[Result]) -> None:
    """Write a row for each detector, record and variant."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for result in results:
            case, name = result.case, result.detector
            for (start_s, flutter), score in zip(VARIANTS, result.scores, strict=True):
                counts = (score.tp, score.fn, score.fp)
                time_s = f"{result.beats.cpu_s:.3f}"
                rows.writerow(
                    [case.condition, name, case.record, start_s, int(flutter), *counts, time_s]
                )


def summary(groups: dict[str, list[Result]]) -> dict[str, Any]:
    """Return the gross and the average figures of each detector in each condition."""
    result: dict[str, Any] = {"machine": _machine()}
    for title, results in groups.items():
        for item in results:
            condition = f"{item.case.condition}" if item.case.noise else title
            result.setdefault(condition, {}).setdefault(item.detector, []).append(item)
    for condition, detectors in result.items():
        if condition != "machine":
            result[condition] = {name: _figures(own) for name, own in detectors.items()}
    return result


def _figures(results: Sequence[Result]) -> dict[str, Any]:
    variants = {}
    for index, (start_s, flutter) in enumerate(VARIANTS):
        scores = [result.scores[index] for result in results]
        title = f"from {start_s:g} s, {'with' if flutter else 'without'} flutter"
        total = gross(scores)
        variants[title] = {
            "gross": {"se": total.sensitivity, "p": total.predictivity, "f1": total.f1},
            "average": {
                "se": sum(score.sensitivity for score in scores) / len(scores),
                "p": sum(score.predictivity for score in scores) / len(scores),
            },
            "tp": total.tp,
            "fn": total.fn,
            "fp": total.fp,
        }
    hours = sum(result.beats.hours for result in results)
    cpu_s = sum(result.beats.cpu_s for result in results)
    return {"records": len(results), "cpu_s_for_30_minutes": cpu_s / hours / 2, **variants}


def _machine() -> str:
    packages = ("torch", "numpy", *dict.fromkeys(b.package for b in BASELINES.values()))
    threads = os.environ.get("OMP_NUM_THREADS", "as many as cores")
    return f"{measured_on(*packages)}; threads: {threads}"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    names = [ONE_LEAD, TWO_LEADS, *BASELINES]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mitdb", type=Path, required=True, help="folder of MIT-BIH")
    parser.add_argument("--svdb", type=Path, help="folder of SVDB; default: not tested")
    parser.add_argument("--noise", type=Path, help="folder of NSTDB; default: no noise")
    parser.add_argument("--output", type=Path, required=True, help="folder of the results")
    parser.add_argument("--detectors", nargs="+", default=names, choices=names)
    parser.add_argument("--records", nargs="+", help="records of MIT-BIH; default: all")
    parser.add_argument(
        "--svdb-weights",
        default="BeatDetector",
        help="weights that have not seen SVDB",
    )
    parser.add_argument("--document", type=Path, help="document whose tables are replaced")
    parser.add_argument("--images", type=Path, help="folder of the document's pictures")
    return parser.parse_args()


def installed(names: Sequence[str]) -> list[str]:
    """Return the detectors whose packages are installed; print which are not."""
    missing = [name for name in names if name in BASELINES and BASELINES[name].version is None]
    for name in missing:
        print(f"not compared: {name}; install the extra `benchmark`")
    return [name for name in names if name not in missing]


def main() -> None:
    """Run all detectors on all cases, and write the tables."""
    args = arguments()
    args.output.mkdir(parents=True, exist_ok=True)
    detectors = installed(args.detectors)
    names = args.records or sorted(MITDB_RECORDS)
    cases = {"mitdb": list(clean_cases(args.mitdb, names))}
    if args.svdb:
        records = sorted(path.stem for path in args.svdb.glob("*.hea"))
        cases["svdb"] = list(clean_cases(args.svdb, records))
    if args.noise:
        cases["noise"] = list(noisy_cases(args.mitdb, names))
    groups: dict[str, list[Result]] = {}
    for title, group in cases.items():
        groups[title] = []
        for case in group:
            groups[title] += run(case, detectors, args)
            print(f"{case.condition} {case.record}", flush=True)
    report(groups, args)


def report(groups: dict[str, list[Result]], args: argparse.Namespace) -> None:
    """Write everything that is known of the results."""
    write_records(args.output / "records.csv", [r for group in groups.values() for r in group])
    figures = json.dumps(summary(groups), indent=1)
    (args.output / "detection.json").write_text(f"{figures}\n", encoding="utf-8")
    tables = {f"detection-{t}": detection_table(r) for t, r in groups.items() if t != "noise"}
    if "svdb" in groups:
        tables["detection-svdb"] += f"\n\nOur weights: {args.svdb_weights}."
    if "noise" in groups:
        scores = noise_scores(groups["noise"])
        picture_line = f"{PICTURE}\n\n" if args.images else ""
        tables["detection-noise"] = f"{picture_line}{noise_table(scores)}"
        picture = png_bytes(noise_figure(scores, TITLES))
        for folder in (args.output, args.images):
            if folder:
                (folder / "noise.png").write_bytes(picture)
    tables["detection-machine"] = _machine()
    text = "\n\n".join(f"## {title}\n\n{content}" for title, content in tables.items())
    (args.output / "tables.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)
    if args.document:
        fill(args.document, tables)


if __name__ == "__main__":
    main()

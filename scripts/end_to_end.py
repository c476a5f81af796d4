"""Score annotations of DS2 that were made from the raw signal, beside those at expert positions.

    python scripts/end_to_end.py --mitdb MITDB --output DIR

The detector was trained on DS1's patients, without 201, who is the patient of 202 too. The
classifier was trained on DS1, which has 201, and on SVDB; so the tables also show DS2 without 202.
Each of the 22 records is annotated twice: from the raw signal, and at the positions of `atr`. The
files `DIR/raw/NAME.ecl` and `DIR/atr/NAME.ecl` are read back and compared with `atr` by EC57's
rules, with AAMI's classes: e and j are N. Gross figures are those of the summed counts; averages,
in brackets, are those of the records that have such beats. The run takes 2 minutes on one core.

DIR gets `records.csv`, `end_to_end.json` and `tables.md`.
"""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

from documents import fill, measured_on, table

import ecg_lightning as ecg
from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.data.dechazal import DS2
from ecg_lightning.evaluation.beat_comparison import Counts, compare_record
from ecg_lightning.evaluation.comparison_rates import RATES, rates
from ecg_lightning.records.wfdb.annotations import read_annotations

POSITIONS: Mapping[str, str | None] = {"raw": None, "atr": "atr"}  # folder to annotator
TITLES = {"raw": "found in the raw signal", "atr": "expert positions"}
STARTS_S = (0.0, 300.0)
WITHOUT = "202"  # its patient is that of 201, in DS1
COLUMNS = {
    "VEB.sensitivity": "VEB Se",
    "VEB.positive_predictivity": "VEB +P",
    "VEB.f1": "VEB F1",
    "VEB.false_positive_rate": "VEB FPR",
    "SVEB.sensitivity": "SVEB Se",
    "SVEB.positive_predictivity": "SVEB +P",
    "SVEB.f1": "SVEB F1",
    "QRS.sensitivity": "QRS Se",
    "QRS.positive_predictivity": "QRS +P",
}
Results = Mapping[tuple[str, str, float], Counts]  # (positions, record, start) to counts


@dataclass(frozen=True)
class Row:
    """The figures of some records.

    Attributes:
        positions: `raw` or `atr`.
        start_s: Where counting begins.
        records: The records.
        gross: Rate to its value from summed counts.
        average: Rate to the mean of the records that have it.
    """

    positions: str
    start_s: float
    records: tuple[str, ...]
    gross: Mapping[str, float | None]
    average: Mapping[str, float | None]


def counts_of(mitdb: Path, output: Path, name: str, annotator: Annotator) -> Results:
    """Annotate a record from the raw signal and at expert positions, and compare both."""
    recording = ecg.read_recording(mitdb / name)
    reference = recording.annotations
    assert reference is not None, f"{name} has no annotations"
    results = {}
    for positions, beats in POSITIONS.items():
        path = output / positions / f"{name}.ecl"
        path.parent.mkdir(parents=True, exist_ok=True)
        annotator.annotate(mitdb / name, beats=beats).to_wfdb(path)
        length, fs_hz = recording.samples, recording.fs_hz
        test = read_annotations(path, fs_hz, 1, length)
        for start_s in STARTS_S:
            results[positions, name, start_s] = compare_record(
                reference, test, length, fs_hz, classes="aami", start_s=start_s
            )
    return results


def row_of(results: Results, positions: str, start_s: float, records: Sequence[str]) -> Row:
    """Return gross and average figures of some records."""
    counts = [results[positions, name, start_s] for name in records]
    of_records = [rates(own) for own in counts]
    average = {}
    for rate in RATES:
        values = [own[rate] for own in of_records]
        known = [value for value in values if value is not None]
        average[rate] = sum(known) / len(known) if known else None
    return Row(positions, start_s, tuple(records), rates(reduce(add, counts)), average)


def rows_of(results: Results, records: Sequence[str]) -> list[Row]:
    """Return the rows of the table: all records and without 202, both starts, both positions."""
    without = [name for name in records if name != WITHOUT]
    sets = [records, without] if without and len(without) < len(records) else [records]
    return [
        row_of(results, positions, start_s, names)
        for names in sets
        for start_s in STARTS_S
        for positions in POSITIONS
    ]


def result_table(rows: Sequence[Row]) -> str:
    """Return the table, and below it what the positions cost."""
    head = ("records", "counted", "positions", *COLUMNS.values())
    cells = [
        [
            f"{len(row.records)}" + ("" if WITHOUT in row.records else f", without {WITHOUT}"),
            f"from {row.start_s / 60:.0f}:00" if row.start_s else "whole",
            TITLES[row.positions],
            *(f"{_percent(row.gross[rate])} ({_percent(row.average[rate])})" for rate in COLUMNS),
        ]
        for row in rows
    ]
    return f"{table(head, cells)}\n\n{_losses(rows)}"


def _losses(rows: Sequence[Row]) -> str:
    """Say how many points of F1 the found positions lose."""
    lines = []
    for raw, stated in zip(rows[::2], rows[1::2], strict=True):
        where = f"{len(raw.records)} records, from {raw.start_s / 60:.0f}:00"
        losses = [
            f"{event} {_points(stated.gross[f'{event}.f1'], raw.gross[f'{event}.f1'])}"
            for event in ("VEB", "SVEB")
        ]
        lines.append(f"- {where}: {', '.join(losses)}")
    return "Points of gross F1 that found positions lose to expert positions:\n\n" + "\n".join(
        lines
    )


def _points(expert: float | None, found: float | None) -> str:
    return "–" if expert is None or found is None else f"{100 * (expert - found):.2f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f}"


def write_records(path: Path, results: Results) -> None:
    """Write a row for each record, positions and start."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["positions", "record", "start_s", *RATES])
        for (positions, name, start_s), counts in results.items():
            values = rates(counts).values()
            rows.writerow([positions, name, start_s, *("" if v is None else v for v in values)])


def main() -> None:
    """Annotate, compare, and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mitdb", type=Path, required=True, help="folder of MIT-BIH")
    parser.add_argument("--output", type=Path, required=True, help="folder of the results")
    parser.add_argument("--model", default="DeepConv1d-robust", help="the classifier's weights")
    parser.add_argument("--detector", default="BeatDetector-ds1", help="the detector's weights")
    parser.add_argument("--records", nargs="+", default=DS2, help="default: DS2")
    parser.add_argument("--document", type=Path, help="document whose tables are replaced")
    args = parser.parse_args()
    annotator = Annotator.from_pretrained(args.model, detector=args.detector)
    results: dict[tuple[str, str, float], Counts] = {}
    for name in args.records:
        results |= counts_of(args.mitdb, args.output, name, annotator)
        print(name, flush=True)
    rows = rows_of(results, args.records)
    write_records(args.output / "records.csv", results)
    machine = f"{args.model}, {args.detector}; {measured_on('torch', 'numpy', 'wfdb')}"
    figures = json.dumps({"machine": machine, "rows": [vars(row) for row in rows]}, indent=1)
    (args.output / "end_to_end.json").write_text(f"{figures}\n", encoding="utf-8")
    text = result_table(rows)
    (args.output / "tables.md").write_text(f"{text}\n\n{machine}\n", encoding="utf-8")
    print(f"{text}\n\n{machine}")
    if args.document:
        fill(args.document, {"end-to-end": f"{text}\n\n{machine}"})


if __name__ == "__main__":
    main()

"""The table that `ecg-lightning crossval` ends with.

It has a row for each unit (a fold, a seed or both), their mean and spread, and the metrics of all
folds of a seed pooled.

`crossval.json`, schema 1:

| key | value |
|---|---|
| `schema`, `program` | 1; the version that wrote the file |
| `units` | for each unit: `unit`, `fold`, `seed`, `run` (its folder), `beats`, |
| | `confusion_matrix` (`[true][predicted]`) and each of `TABLE_METRICS` |
| `over_units` | metric to `mean`, `spread` (sample standard deviation) and `n`, |
| | the number of units that have such beats |
| `pooled` | `seed` and `measures` (a `Summary`) of the predictions of all its folds; |
| | only for a seed whose folds are all finished |
| `patients` | what is known about the patients, as the reports of the units say it |
| `missing` | names of the units that are not finished |

None stands for "no such beats", and for the spread of fewer than two units.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ecg_lightning import __version__
from ecg_lightning.evaluation.confusion import Metric
from ecg_lightning.evaluation.folds import (
    CLASS_HEADS,
    OVERALL_HEADS,
    TABLE_METRICS,
    UnitRow,
    spread_over_units,
)
from ecg_lightning.evaluation.summary import Summary
from ecg_lightning.system.atomic_files import write_output

SCHEMA = 1
TABLE_CSV, TABLE_JSON = "crossval.csv", "crossval.json"
NONE = "–"


def write_crossval_table(
    folder: Path,
    units: Sequence[UnitRow],
    pooled: Mapping[int, Summary],
    missing: Sequence[str],
    patients: Sequence[str] = (),
) -> str:
    """Write `crossval.json` and `crossval.csv`, each whole or not at all.

    Args:
        folder: Where to write them.
        units: `unit_row` of each finished unit.
        pooled: `pooled_summary` of each seed whose folds are all finished.
        missing: The names of the units that are not finished.
        patients: What is known about the patients of the units, in a few words each.

    Returns:
        The table as text.

    Raises:
        InputError: The folder cannot be written, or the disk is full.
    """
    spread = spread_over_units(units)
    content = {
        "schema": SCHEMA,
        "program": f"ecg-lightning {__version__}",
        "units": list(units),
        "over_units": spread,
        "pooled": [{"seed": seed, "measures": summary} for seed, summary in pooled.items()],
        "patients": list(patients),
        "missing": list(missing),
    }
    rows = [
        *units,
        *_rows_over_units(spread),
        *(row for seed, summary in pooled.items() for row in _pooled_rows(seed, summary)),
    ]
    as_json = f"{json.dumps(content, indent=1, allow_nan=False)}\n"
    write_output(folder / TABLE_JSON, as_json.encode())
    write_output(folder / TABLE_CSV, _csv(rows))
    return _text(rows, missing, patients)


def _rows_over_units(spread: Mapping[str, Mapping[str, Metric]]) -> list[UnitRow]:
    return [
        {"unit": name, **{key: values[name] for key, values in spread.items()}}
        for name in ("mean", "spread", "n")
    ]


def _pooled_rows(seed: int, summary: Summary) -> list[UnitRow]:
    """The pooled metrics and the two ends of their 95 % intervals."""
    metrics: UnitRow = {**summary["overall"]}
    for key in CLASS_HEADS:
        label, _, ratio = key.partition(".")
        metrics[key] = dict(summary["by_class"][label])[ratio]
    rows = [_pooled_row(f"pooled seed {seed}", seed, metrics) | {"beats": summary["beats"]}]
    if intervals := summary["intervals"]:
        for end, name in (("low", "  95 % from"), ("high", "  95 % to")):
            ends = {key: dict(intervals[key])[end] for key in TABLE_METRICS}
            rows.append(_pooled_row(name, seed, ends))
    return rows


def _pooled_row(name: str, seed: int, metrics: UnitRow) -> UnitRow:
    return {"unit": name, "seed": seed, **{key: metrics[key] for key in TABLE_METRICS}}


def _csv(rows: Sequence[UnitRow]) -> bytes:
    text = io.StringIO()
    names = ["unit", "fold", "seed", "beats", *TABLE_METRICS]
    table = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    for row in rows:
        cells = {
            key: f"{value:.6f}" if isinstance(value, float) else value for key, value in row.items()
        }
        table.writerow(cells | {"unit": row["unit"].strip()})
    return text.getvalue().encode()


def _text(rows: Sequence[UnitRow], missing: Sequence[str], patients: Sequence[str]) -> str:
    """Two blocks, one below the other, so that every line fits the screen of a phone."""
    blocks = [_block(rows, heads) for heads in (OVERALL_HEADS, CLASS_HEADS)]
    notes = [f"percent; spread: sample standard deviation; n: units; {NONE} no such beats"]
    if any(row["unit"].startswith("pooled") for row in rows):
        notes.append("pooled: all folds' beats together; intervals over records")
    if patients:
        notes.append(f"training and test: {'; '.join(patients)}")
    if missing:
        notes.append(f"not finished: {' '.join(missing)}")
    return "\n\n".join([*blocks, "\n".join(notes)])


def _block(rows: Sequence[UnitRow], heads: Mapping[str, str]) -> str:
    left = max(len(row["unit"]) for row in rows)
    widths = {key: max(len(head), 5) + 2 for key, head in heads.items()}
    lines = [" " * left + "".join(head.rjust(widths[key]) for key, head in heads.items())]
    lines += [
        row["unit"].ljust(left) + "".join(_cell(row[key]).rjust(widths[key]) for key in heads)
        for row in rows
    ]
    return "\n".join(lines)


def _cell(value: Metric) -> str:
    if value is None:
        return NONE
    return f"{100 * value:.1f}" if isinstance(value, float) else str(value)

"""TODO"""

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
MAKE_ROOM = "make room or choose another"  # where a file cannot be written


def write_table(
    folder: Path, units: Sequence[UnitRow], of_seeds: Mapping[int, Summary], missing: Sequence[str]
) -> str:
    """Writes `crossval.json` and `crossval.csv`, each whole or not at all, and returns the table for people.

    Args:
        folder: Where to.
        units: `unit_row` of each finished unit.
        of_seeds: `pooled` of each seed whose folds are all finished.
        missing: The names of the others.
    """
    spread = spread_over_units(units)
    content = {
        "schema": SCHEMA,
        "program": f"ecg-lightning {__version__}",
        "units": list(units),
        "over_units": spread,
        "pooled": [{"seed": seed, "measures": measures} for seed, measures in of_seeds.items()],
        "missing": list(missing),
    }
    rows = [
        *units,
        *_rows_over_units(spread),
        *(row for seed, measures in of_seeds.items() for row in _pooled_rows(seed, measures)),
    ]
    write_output(
        folder / TABLE_JSON,
        f"{json.dumps(content, indent=1, allow_nan=False)}\n".encode(),
        MAKE_ROOM,
    )
    write_output(folder / TABLE_CSV, _csv(rows), MAKE_ROOM)
    return _text(rows, missing)


def _rows_over_units(spread: Mapping[str, Mapping[str, Metric]]) -> list[UnitRow]:
    return [
        {"unit": name, **{key: of_key[name] for key, of_key in spread.items()}}
        for name in ("mean", "spread", "n")
    ]


def _pooled_rows(seed: int, measures: Summary) -> list[UnitRow]:
    """The pooled figures and the two ends of their 95 % intervals."""
    figures: UnitRow = {**measures["overall"]}
    for key in CLASS_HEADS:
        label, _, ratio = key.partition(".")
        figures[key] = dict(measures["by_class"][label])[ratio]
    rows: list[UnitRow] = [
        {
            "unit": f"pooled seed {seed}",
            "seed": seed,
            "beats": measures["beats"],
            **{key: figures[key] for key in TABLE_METRICS},
        }
    ]
    if intervals := measures["intervals"]:
        for end, name in (("low", "  95 % from"), ("high", "  95 % to")):
            rows.append(
                {
                    "unit": name,
                    "seed": seed,
                    **{key: dict(intervals[key])[end] for key in TABLE_METRICS},
                }
            )
    return rows


def _csv(rows: Sequence[UnitRow]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(
        text,
        ["unit", "fold", "seed", "beats", *TABLE_METRICS],
        extrasaction="ignore",
        lineterminator="\n",
    )
    table.writeheader()
    for row in rows:
        cells = {
            key: f"{value:.6f}" if isinstance(value, float) else value for key, value in row.items()
        }
        table.writerow(cells | {"unit": row["unit"].strip()})
    return text.getvalue().encode()


def _text(rows: Sequence[UnitRow], missing: Sequence[str]) -> str:
    """Two blocks, one below the other, so that no line is longer than a phone shows."""
    left = max(len(row["unit"]) for row in rows)
    blocks = []
    for heads in (OVERALL_HEADS, CLASS_HEADS):
        widths = {key: max(len(head), 5) + 2 for key, head in heads.items()}
        lines = [" " * left + "".join(head.rjust(widths[key]) for key, head in heads.items())]
        lines += [
            row["unit"].ljust(left) + "".join(_cell(row[key]).rjust(widths[key]) for key in heads)
            for row in rows
        ]
        blocks.append("\n".join(lines))
    notes = [f"percent; spread: sample standard deviation; n: units; {NONE} no such beats"]
    if any(row["unit"].startswith("pooled") for row in rows):
        notes.append("pooled: all folds' beats together; intervals over records")
    if missing:
        notes.append(f"not finished: {' '.join(missing)}")
    return "\n\n".join([*blocks, "\n".join(notes)])


def _cell(value: Metric) -> str:
    if value is None:
        return NONE
    return f"{100 * value:.1f}" if isinstance(value, float) else str(value)

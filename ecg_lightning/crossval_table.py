"""The table that `ecg-lightning crossval` ends in: a row a unit, mean and spread, and the pooled figures of all folds of a seed.

`crossval.json`, schema 1:

| key | value |
|---|---|
| `schema`, `program` | 1; the version that wrote it |
| `units` | `unit`, `fold`, `seed`, `run` (its folder), `beats`, `confusion_matrix` (`[true][predicted]`) and the `FIGURES` of each |
| `over_units` | figure to `mean`, `spread` (sample standard deviation) and `n`, the units that have such beats |
| `pooled` | `seed` and `measures` (`measures.Summary`) of the predictions of all its folds; only where all are finished |
| `missing` | units that are not finished |

None stands for "no such beats", as a spread for fewer than two units.
"""

import csv
import io
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ecg_lightning import __version__
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.matrix_measures import CLASSES, Figure, as_figure, figures_of_matrices
from ecg_lightning.measures import Summary, summary
from ecg_lightning.run_folder import write_output

SCHEMA = 1
TABLE_CSV, TABLE_JSON = "crossval.csv", "crossval.json"
OVERALL = {"accuracy": "acc", "balanced_accuracy": "bal acc", "macro_f1_nsv": "F1 NSV", "macro_f1_nsvf": "F1 NSVF"}
RATIOS = {"sensitivity": "Se", "positive_predictivity": "+P", "f1": "F1"}
OF_CLASSES = {f"{label}.{ratio}": f"{label} {short}" for label in "SV" for ratio, short in RATIOS.items()}
FIGURES = (*OVERALL, *OF_CLASSES)
NONE = "–"
MAKE_ROOM = "make room or choose another"  # where a file cannot be written

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Predictions:
    """A unit's test beats, as predictions.csv has them.

    Attributes:
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        predicted: (N,) predicted classes.
        probabilities: (N, 5).
        records: (N,) the record of each beat.
    """

    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    records: npt.NDArray[np.str_]

    @property
    def confusion_matrix(self) -> npt.NDArray[np.int64]:
        """(5, 5) counts, rows the true class."""
        return np.bincount(self.labels * CLASSES + self.predicted, minlength=CLASSES**2).reshape(CLASSES, CLASSES)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The beats of a predictions.csv.

        Raises:
            InputError: The file is missing or holds something else.
        """
        number = {name: k for k, name in enumerate(CLASS_NAMES)}
        try:
            with open(path, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            labels, predicted = (np.array([number[row[name]] for row in rows], np.int64) for name in ("class", "predicted"))
            probabilities = np.array([[float(row[f"p_{name}"]) for name in CLASS_NAMES] for row in rows])
            records = np.array([row["record"] for row in rows], np.str_)
            if not rows:
                raise ValueError("no beats")
        except (OSError, ValueError, LookupError, TypeError, csv.Error) as error:
            found = f"found something else ({type(error).__name__}: {str(error)[:60]!r})"
            raise InputError(f"{path}: expected the predictions of a unit, {found}; remove its folder and repeat the command") from error
        return cls(labels, predicted, probabilities, records)

    @classmethod
    def joined(cls, parts: Sequence["Predictions"]) -> "Predictions":
        """Those of several units, one after the other."""
        names = ("labels", "predicted", "probabilities", "records")
        return Predictions(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def unit_row(name: str, fold: int | None, seed: int, run: str, of_unit: Predictions) -> Row:
    """A finished unit as `crossval.json` has it."""
    matrix = of_unit.confusion_matrix
    figures = figures_of_matrices(matrix)
    what = {"unit": name, "fold": fold, "seed": seed, "run": run, "beats": len(of_unit.labels), "confusion_matrix": matrix.tolist()}
    return what | {key: as_figure(figures[key]) for key in FIGURES}


def over_units(rows: Sequence[Row]) -> dict[str, dict[str, Figure]]:
    """Mean, spread (sample standard deviation) and n of each figure, over the units that have such beats.

    Example:
        >>> found = over_units([dict.fromkeys(FIGURES, 0.5), dict.fromkeys(FIGURES, 1.0), {**dict.fromkeys(FIGURES, 0.0), "S.f1": None}])
        >>> found["accuracy"], found["S.f1"]["n"]
        ({'mean': 0.5, 'spread': 0.5, 'n': 3}, 2)
    """
    found: dict[str, dict[str, Figure]] = {}
    for key in FIGURES:
        values = [row[key] for row in rows if row[key] is not None]
        spread = statistics.stdev(values) if len(values) > 1 else None
        found[key] = {"mean": statistics.fmean(values) if values else None, "spread": spread, "n": len(values)}
    return found


def pooled(parts: Sequence[Predictions], seed: int = 0) -> Summary:
    """The measures of all folds' predictions together; their intervals are over records.

    Args:
        parts: A seed's folds, which test every record once.
        seed: Draws the intervals' resamples.
    """
    beats = Predictions.joined(parts)
    return summary(beats.labels, beats.predicted, beats.probabilities, beats.records, np.random.default_rng(seed))


def write_table(folder: Path, units: Sequence[Row], of_seeds: Mapping[int, Summary], missing: Sequence[str]) -> str:
    """Writes `crossval.json` and `crossval.csv`, each whole or not at all, and returns the table for people.

    Args:
        folder: Where to.
        units: `unit_row` of each finished unit.
        of_seeds: `pooled` of each seed whose folds are all finished.
        missing: The names of the others.
    """
    spread = over_units(units)
    content = {
        "schema": SCHEMA,
        "program": f"ecg-lightning {__version__}",
        "units": list(units),
        "over_units": spread,
        "pooled": [{"seed": seed, "measures": measures} for seed, measures in of_seeds.items()],
        "missing": list(missing),
    }
    rows = [*units, *_rows_over_units(spread), *(row for seed, measures in of_seeds.items() for row in _pooled_rows(seed, measures))]
    write_output(folder / TABLE_JSON, f"{json.dumps(content, indent=1, allow_nan=False)}\n".encode(), MAKE_ROOM)
    write_output(folder / TABLE_CSV, _csv(rows), MAKE_ROOM)
    return _text(rows, missing)


def _rows_over_units(spread: Mapping[str, Mapping[str, Figure]]) -> list[Row]:
    return [{"unit": name, **{key: of_key[name] for key, of_key in spread.items()}} for name in ("mean", "spread", "n")]


def _pooled_rows(seed: int, measures: Summary) -> list[Row]:
    """The pooled figures and the two ends of their 95 % intervals."""
    figures: Row = {**measures["overall"]}
    for key in OF_CLASSES:
        label, _, ratio = key.partition(".")
        figures[key] = dict(measures["by_class"][label])[ratio]
    rows: list[Row] = [{"unit": f"pooled seed {seed}", "seed": seed, "beats": measures["beats"], **{key: figures[key] for key in FIGURES}}]
    if intervals := measures["intervals"]:
        for end, name in (("low", "  95 % from"), ("high", "  95 % to")):
            rows.append({"unit": name, "seed": seed, **{key: dict(intervals[key])[end] for key in FIGURES}})
    return rows


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, ["unit", "fold", "seed", "beats", *FIGURES], extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    for row in rows:
        cells = {key: f"{value:.6f}" if isinstance(value, float) else value for key, value in row.items()}
        table.writerow(cells | {"unit": row["unit"].strip()})
    return text.getvalue().encode()


def _text(rows: Sequence[Row], missing: Sequence[str]) -> str:
    """Two blocks, one below the other, so that no line is longer than a phone shows."""
    left = max(len(row["unit"]) for row in rows)
    blocks = []
    for heads in (OVERALL, OF_CLASSES):
        widths = {key: max(len(head), 5) + 2 for key, head in heads.items()}
        lines = [" " * left + "".join(head.rjust(widths[key]) for key, head in heads.items())]
        lines += [row["unit"].ljust(left) + "".join(_cell(row[key]).rjust(widths[key]) for key in heads) for row in rows]
        blocks.append("\n".join(lines))
    notes = [f"percent; spread: sample standard deviation; n: units; {NONE} no such beats"]
    if any(row["unit"].startswith("pooled") for row in rows):
        notes.append("pooled: all folds' beats together; intervals over records")
    if missing:
        notes.append(f"not finished: {' '.join(missing)}")
    return "\n\n".join([*blocks, "\n".join(notes)])


def _cell(value: Figure) -> str:
    if value is None:
        return NONE
    return f"{100 * value:.1f}" if isinstance(value, float) else str(value)

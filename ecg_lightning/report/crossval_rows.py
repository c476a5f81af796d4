"""A cross-validation as one row of a table: all its units together."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.evaluation import read_evaluation
from ecg_lightning.report.crossval import SCHEMA, TABLE_JSON
from ecg_lightning.report.text_tables import runs_text_table
from ecg_lightning.report.tidy_csv import runs_csv
from ecg_lightning.report.verdict import Json, patients_text
from ecg_lightning.system.input_files import read_input

_MOST_BYTES = 1 << 28
_GROUPS = ("by_class", "ec57")
_WRONG = (LookupError, TypeError, ValueError, AttributeError)


def is_crossval(folder: Path) -> bool:
    """Return whether a folder is that of a cross-validation."""
    return (folder / TABLE_JSON).is_file()


def crossval_content(folder: Path) -> dict[str, Any]:
    """Return what a table needs of a cross-validation, in the form of `evaluation.json`.

    Of the folds of one seed, the metrics are those of all their beats together, with intervals over
    records. Of several seeds, of units without folds, and where a unit is missing, they are the
    mean; `measures` then has `spread`, the standard deviation of each metric, `units`, the number
    of values, and `over`, what they are of: `seeds`, each with all its folds together, or `units`.

    Args:
        folder: The folder that `ecg-lightning crossval` has written.

    Returns:
        The content, with `missing`, the names of the units that are not finished.

    Raises:
        InputError: The folder holds other content, or no finished unit.
    """
    try:
        table = json.loads(read_input(folder / TABLE_JSON, _MOST_BYTES))
        if table["schema"] != SCHEMA:
            raise ValueError(f"schema {table['schema']}")
        units, missing = table["units"], [str(name) for name in table["missing"]]
        runs = [read_evaluation(folder / str(unit["run"])) for unit in units]
        pooled = [] if missing else [seed["measures"] for seed in table["pooled"]]
        together = [run for run, unit in zip(runs, units, strict=True) if _is_first(unit, units)]
        content = {
            **runs[0],
            "run": folder.absolute().name,
            "patients_text": "; ".join(dict.fromkeys(map(patients_text, runs))),
            "per_record": sorted(
                (row for run in together for row in run["per_record"]),
                key=lambda row: str(row["record"]),
            ),
            "measures": (
                _together(pooled, "seeds")
                if pooled
                else _together([run["measures"] for run in runs], "units")
            ),
            "missing": missing,
        }
        runs_csv([content])  # refuses what only a file that was edited holds
        runs_text_table([content])
        return content
    except _WRONG as error:
        raise InputError(
            f"{folder / TABLE_JSON}",
            expected="the table of a cross-validation with a finished unit",
            found=f"something else ({type(error).__name__}: {str(error)[:60]!r})",
            hint="repeat `ecg-lightning crossval` with this folder",
        ) from error


def _is_first(unit: Json, units: Sequence[Json]) -> bool:
    """Whether a unit has the seed of the first one: those test each record once."""
    return bool(unit["seed"] == units[0]["seed"])


def _together(summaries: Sequence[Json], over: str) -> dict[str, Any]:
    """The metrics of one summary, or the means of several, with their spread."""
    if len(summaries) == 1:
        return dict(summaries[0])
    spread: dict[str, float] = {}
    result = {
        "overall": _means([one["overall"] for one in summaries], "", spread),
        **_means([{key: one[key] for key in ("ece", "brier")} for one in summaries], "", spread),
        **_counts(summaries),
    }
    for group in _GROUPS:
        result[group] = {
            name: _means([one[group][name] for one in summaries], f"{name}.", spread)
            for name in summaries[0][group]
        }
    return {**result, "intervals": {}, "spread": spread, "units": len(summaries), "over": over}


def _counts(summaries: Sequence[Json]) -> dict[str, int]:
    """The number of beats and records: that of each summary, or their sum where it differs."""
    counts = {key: [one[key] for one in summaries] for key in ("beats", "records")}
    same = all(len(set(values)) == 1 for values in counts.values())
    return {key: values[0] if same else sum(values) for key, values in counts.items()}


def _means(groups: Sequence[Json], prefix: str, spread: dict[str, float]) -> dict[str, Any]:
    """The mean of each number; the standard deviations are added to `spread`."""
    result: dict[str, Any] = {}
    for name in groups[0]:
        values = [group[name] for group in groups if group[name] is not None]
        if any(isinstance(value, list | Mapping) for value in values):
            continue  # a table, such as `reliability`
        result[name] = statistics.fmean(values) if values else None
        if len(values) > 1 and not all(isinstance(value, int) for value in values):
            spread[f"{prefix}{name}"] = statistics.stdev(values)
    return result

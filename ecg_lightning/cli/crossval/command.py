"""`ecg-lightning crossval`: one run for each fold and seed, resumed if stopped, and one table.

It writes into FOLDER:

    crossval.yaml               the settings that all units share
    beats.txt                   what identifies the records and annotations of the units
    crossval.csv, .json         the table, see `ecg_lightning.report.crossval`
    fold-0-seed-0/log           what the unit printed
    fold-0-seed-0/run           its run folder, as `scripts/train.py --output` writes it
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from ecg_lightning.cli.crossval.arguments import parse_arguments
from ecg_lightning.cli.crossval.unit import RUN, SETTINGS, Unit, run_unit
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.data.split_rules import check_classes
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.evaluation.evaluation import read_evaluation
from ecg_lightning.evaluation.folds import pooled_summary, unit_row
from ecg_lightning.evaluation.predictions import Predictions
from ecg_lightning.report.crossval import write_crossval_table
from ecg_lightning.report.verdict import LABELS, verdict_text
from ecg_lightning.split_facts import facts_of
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.locks import LOG, locked
from ecg_lightning.system.processes import python_path, run_all
from ecg_lightning.text import counted, escaped, printed_path
from ecg_lightning.training.run_settings import FREE, refuse_other_files, refuse_other_settings

# Each is a run. Their list has to fit into memory before the records are counted.
MOST_UNITS = 100_000
BEATS = "beats.txt"
# Set for each unit, so a repeated command may give other values.
UNIT_SETTINGS = ("seed_everything", "data.seed", "data.fold")


def crossval_command(args: Sequence[str]) -> None:
    """Run `crossval --output FOLDER [--folds F] [--seeds S …] [--jobs N] [--unit NAME]`."""
    own, settings = parse_arguments(args)
    units, folder = _units(own.seeds or [0], settings["data"]), own.output
    _check_folder(folder, settings)
    if own.unit is not None:
        unit = _named(folder, units, own.unit)
        _check_beats(folder, _key(settings), "run the same command once with --jobs 0")
        return run_unit(folder, unit)
    is_finished = all(unit.predictions(folder) for unit in units)
    if not is_finished:
        _prepare(settings)
    key = _key(settings)
    with locked(folder) as lock:
        _check_folder(folder, settings)
        if not is_finished:
            _keep_key(folder, key)
        elif _has_other_beats(folder, key):
            _warn(folder, "the records, annotations or this program have changed since it was made")
        text = yaml.safe_dump(settings, sort_keys=False)
        write_output(folder / SETTINGS, text.encode())
        failed = _run_units(folder, units, settings, own.jobs, () if lock is None else (lock,))
        print(_table(folder, units), flush=True)
    if failed:
        _report(folder, failed, len(units))
    print(printed_path(folder))


def _units(seeds: Sequence[int], data: Mapping[str, Any]) -> list[Unit]:
    if not facts_of(data["split"]).folds:
        return [Unit(None, seed) for seed in seeds]
    most = MOST_UNITS // len(seeds)
    if not 3 <= data["folds"] <= most:
        raise InputError(
            "folds",
            expected=f"3 to {most:,}, and at most one for each record",
            found=str(data["folds"]),
            hint="change the number of folds",
            setting="folds",
        )
    return [Unit(fold, seed) for seed in seeds for fold in range(data["folds"])]


def _check_folder(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuse a folder with other files, or with units of other settings."""
    refuse_other_files(folder, SETTINGS, "crossval")
    if any(folder.glob(f"*/{RUN}/checkpoints/*.ckpt")):  # no unit has used the old settings before
        refuse_other_settings(folder / SETTINGS, settings, (*FREE, *UNIT_SETTINGS))


def _key(settings: Mapping[str, Any]) -> str:
    """What identifies the beats of the units; "" where the records are not there (yet)."""
    data = BeatDataModule(**{**settings["data"], "fold": 0})
    try:
        return data.key()
    except InputError:
        return ""


def _kept_key(folder: Path) -> str:
    """The key of the beats of the units that have begun; "" where it is not known."""
    try:
        return (folder / BEATS).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _keep_key(folder: Path, key: str) -> None:
    """Keep the key before the first unit; later, refuse to mix units of other beats."""
    if not any(folder.glob(f"*/{RUN}/checkpoints/*.ckpt")):
        write_output(folder / BEATS, f"{key}\n".encode())
    elif _kept_key(folder):
        _check_beats(folder, key, "choose another folder")
    else:
        _warn(folder, "whether its units were made with these records is not known")


def _check_beats(folder: Path, key: str, hint: str) -> None:
    """Refuse records or annotations that have changed.

    Raises:
        InputError: Units were made with others.
    """
    if _has_other_beats(folder, key):
        raise InputError(
            f"{folder}",
            expected="the records and annotations with which it was begun",
            found="others, or another version of this program",
            hint=hint,
            setting="output",
        )


def _has_other_beats(folder: Path, key: str) -> bool:
    """Whether it is known that the units that have begun were made with other beats."""
    return bool(key) and _kept_key(folder) not in ("", key)


def _warn(folder: Path, text: str) -> None:
    print(f"{PROGRAM}: warning: {printed_path(folder)}: {text}", file=sys.stderr, flush=True)


def _named(folder: Path, units: Sequence[Unit], name: str) -> Unit:
    """The unit that `--unit NAME` means."""
    by_name = {unit.name: unit for unit in units}
    if name not in by_name:
        names = ", ".join(by_name)
        raise InputError("--unit", expected=f"one of {names}", found=name, hint="change --unit")
    if not (folder / SETTINGS).is_file():
        hint = "run the same command once with --jobs 0 instead of --unit"
        raise InputError(str(folder), expected=SETTINGS, found="none", hint=hint)
    return by_name[name]


def _prepare(settings: Mapping[str, Any]) -> None:
    """Fill the caches, so that units only read them, and refuse what a unit cannot split."""
    balance = settings["data"]["balance"]
    data = BeatDataModule(**{**settings["data"], "fold": 0, "balance": "none"})
    for part in ("train", "test"):
        data.refuse_without(part)
    data.prepare_data()
    data.setup()
    if data.choice.facts.folds:
        data.choice.refuse_missing_classes(data.beats, balance, data.copies)
    elif data.choice.facts.trains:
        check_classes(data.beats.labels[data.split_rows.train], balance)


def _run_units(
    folder: Path,
    units: Sequence[Unit],
    settings: Mapping[str, Any],
    jobs: int | None,
    pass_fds: Sequence[int],
) -> dict[str, int]:
    """Run the units that are not finished; return the exit status of each that failed."""
    todo = [unit for unit in units if unit.predictions(folder) is None]
    slots = _slots(settings["trainer"]["accelerator"], jobs, len(todo)) if jobs != 0 else []
    finished = len(units) - len(todo)
    about = f"{counted(len(units), 'unit')}, {finished} finished before, {len(slots)} at a time"
    print(about, flush=True)
    commands = {unit.name: unit.command(folder) for unit in todo if slots}
    return run_all(commands, folder, slots, pass_fds)


def _slots(accelerator: Any, jobs: int | None, n_units: int) -> list[dict[str, str]]:
    """The environment of each unit that runs at a time: this package, a GPU, some threads."""
    gpus = _gpus() if accelerator in ("auto", "gpu", "cuda") else []
    n_slots = max(1, min(jobs or len(gpus) or 1, n_units))
    threads = os.environ.get("OMP_NUM_THREADS", "")
    n_threads = int(threads) if threads.isdecimal() else os.cpu_count() or 1
    shared = {"PYTHONPATH": python_path()}  # also if the package is only in the working folder
    if n_slots > 1:
        shared["OMP_NUM_THREADS"] = str(max(1, n_threads // n_slots))
    return [
        {**shared, **({"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {})}
        for number in range(n_slots)
    ]


def _gpus() -> list[str]:
    """The names of the visible GPUs, as CUDA_VISIBLE_DEVICES takes them."""
    n_gpus, visible = torch.cuda.device_count(), os.environ.get("CUDA_VISIBLE_DEVICES")
    return (visible.split(",") if visible else [str(number) for number in range(n_gpus)])[:n_gpus]


def _table(folder: Path, units: Sequence[Unit]) -> str:
    """Write the table of the finished units, and return its text."""
    paths = {unit: unit.predictions(folder) for unit in units}
    finished = {unit: Predictions.read(path) for unit, path in paths.items() if path}
    missing = [unit.name for unit in units if unit not in finished]
    if not finished:
        return f"not finished: {' '.join(missing)}"
    _refuse_two_tests(folder, finished)
    rows = [
        unit_row(unit.name, unit.fold, unit.seed, f"{unit.name}/{RUN}", predictions)
        for unit, predictions in finished.items()
    ]
    patients = list(dict.fromkeys(_patients(folder / unit.name / RUN) for unit in finished))
    return write_crossval_table(folder, rows, _pooled_by_seed(units, finished), missing, patients)


def _refuse_two_tests(folder: Path, finished: Mapping[Unit, Predictions]) -> None:
    """Refuse folds of one seed that test the same record: the records have changed meanwhile.

    Raises:
        InputError: Two folds test one record.
    """
    first = dict[tuple[int, str], str]()
    folds = {unit: one.records for unit, one in finished.items() if unit.fold is not None}
    for unit, records in folds.items():
        for record in np.unique(records).tolist():
            other = first.setdefault((unit.seed, record), unit.name)
            if other != unit.name:
                raise InputError(
                    f"{folder}",
                    expected="folds that test each record once",
                    found=f"record {escaped(record)} in {other} and {unit.name}",
                    hint="records were added or removed meanwhile: choose another --output",
                    setting="output",
                )


def _patients(run: Path) -> str:
    """What is known about the patients of a finished unit."""
    try:
        return verdict_text(read_evaluation(run))
    except (InputError, LookupError, TypeError, ValueError, AttributeError):
        return LABELS["unknown"]  # the file was removed or edited


def _pooled_by_seed(units: Sequence[Unit], finished: Mapping[Unit, Predictions]) -> dict[int, Any]:
    """Seed to the metrics of all its folds together, where all are finished."""
    result = {}
    for seed in dict.fromkeys(unit.seed for unit in units if unit.fold is not None):
        folds = [unit for unit in units if unit.seed == seed]
        if all(unit in finished for unit in folds):
            result[seed] = pooled_summary([finished[unit] for unit in folds])
    return result


def _report(folder: Path, failed: Mapping[str, int], n_units: int) -> None:
    """Print the last line of each failed unit's log; end with status 2, or 1 after a crash."""
    for name in failed:
        log = (folder / name / LOG).read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in log.split("\n") if line.strip()]
        last = escaped(lines[-1], 300) if lines else "its log is empty"
        print(f"{name}: {last}", file=sys.stderr)
    error = InputError(
        f"{folder}: {len(failed)} of {n_units} units failed",
        hint="read their logs, then repeat the command: it runs only these units",
    )
    if all(status == 2 for status in failed.values()):
        raise error
    print(f"{PROGRAM}: {error}", file=sys.stderr, flush=True)
    sys.exit(1)

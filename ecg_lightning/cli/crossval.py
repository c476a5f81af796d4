"""`ecg-lightning crossval`: every fold and every seed as a run of its own, resumed where it stopped, and one table of them all.

What it leaves in FOLDER:

    crossval.yaml               the settings that all units share
    crossval.csv, .json         the table, see `crossval_table`
    fold-0-seed-0/log           what the unit printed
    fold-0-seed-0/run           its run, as `scripts/train.py --output` leaves it and goes on with it
"""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.evaluation.folds import pooled_summary, unit_row
from ecg_lightning.evaluation.predictions import Predictions
from ecg_lightning.report.crossval import MAKE_ROOM, write_table
from ecg_lightning.report.writer import PREDICTIONS
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.locks import LOG, locked
from ecg_lightning.system.processes import run_all
from ecg_lightning.training.run import FREE, is_finished, refuse_other_files, refuse_other_settings

SETTINGS, RUN = "crossval.yaml", "run"
CHILD = "import sys; from ecg_lightning.crossval import run_unit; sys.exit(run_unit(sys.argv[1:]))"
SET_HERE = ("--data.seed", "--seed_everything", "--trainer.default_root_dir", "--ckpt_path")
OF_UNITS = (
    "seed_everything",
    "data.seed",
    "data.fold",
)  # may differ when the command is repeated: set for each unit


@dataclass(frozen=True)
class Unit:
    """One run: a seed, and a fold where there are folds."""

    fold: int | None
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"seed-{self.seed}" if self.fold is None else f"fold-{self.fold}-seed-{self.seed}"

    @property
    def arguments(self) -> list[str]:
        """What it adds to the shared settings."""
        fold = [] if self.fold is None else ["--data.fold", str(self.fold)]
        return [*fold, "--data.seed", str(self.seed), "--seed_everything", str(self.seed)]


def crossval_command(args: Sequence[str]) -> None:
    """`ecg-lightning crossval --output FOLDER [--folds F] [--seeds S …] [--jobs N]` and the arguments of `fit`."""
    given, of_fit = _parsed(args)
    settings = _settings(
        [
            *of_fit,
            *(["--data.split", "folds", "--data.folds", str(given.folds)] if given.folds else []),
        ]
    )
    folds = range(settings["data"]["folds"]) if settings["data"]["split"] == "folds" else [None]
    if folds == [None] and given.seeds is None:
        raise InputError(
            "crossval: expected folds or seeds, found neither; give --folds 5, or --seeds 0 1 2, or both"
        )
    units = [Unit(fold, seed) for seed in given.seeds or [0] for fold in folds]
    folder = given.output
    _compare(folder, settings)
    if given.unit is not None:
        return _run_one(folder, units, given.unit)
    if any(_result(folder, unit) is None for unit in units):
        _prepare(settings)
    with locked(folder) as lock:
        _compare(folder, settings)
        write_output(
            folder / SETTINGS, yaml.safe_dump(settings, sort_keys=False).encode(), MAKE_ROOM
        )
        todo = [unit for unit in units if _result(folder, unit) is None]
        slots = (
            _slots(settings["trainer"]["accelerator"], given.jobs, len(todo))
            if given.jobs != 0
            else []
        )
        print(
            f"{len(units)} units, {len(units) - len(todo)} finished before, {len(slots)} at a time",
            flush=True,
        )
        commands = {unit.name: _command(folder, unit) for unit in todo if slots}
        failed = run_all(commands, folder, slots, () if lock is None else (lock,))
        print(_table(folder, units), flush=True)
    if failed:
        _report(folder, failed, len(units))
    print(folder)


def run_unit(args: Sequence[str]) -> int:
    """What a child process does: fits, or goes on where an earlier child stopped, then tests, as scripts/train.py does.

    Args:
        args: The folder, the unit's fold (or ""), and its seed.

    Returns:
        The exit status: 0 when the unit is finished, else that of `scripts/train.py`.
    """
    from ecg_lightning.cli.main import train  # which imports this module

    folder, unit = Path(args[0]), Unit(int(args[1]) if args[1] else None, int(args[2]))
    run = folder / unit.name / RUN
    status = train(["--config", str(folder / SETTINGS), *unit.arguments, "--output", str(run)])
    if status == 0 and not (run / PREDICTIONS).is_file():
        expected = f"{run}: expected {PREDICTIONS} of the tested best weights, found none"
        why = "the network has diverged (lower --model.learning_rate), or checkpoints are switched off"
        print(f"{PROGRAM}: {expected}; {why}", file=sys.stderr)
        return 2
    return status


def _parsed(args: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our own arguments, and the others, which are those of `fit`."""
    about = "Run every fold and every seed as a run of its own, resume what was begun, and end in one table."
    parser = VerbParser("crossval", f"{about} All other arguments are those of `fit`.")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where the runs and the table go; again to resume",
    )
    parser.add_argument(
        "--folds",
        type=int,
        metavar="F",
        help="as --data.split folds --data.folds F: every patient is tested once",
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", metavar="S", help="of weights and sampler; 0"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="units at a time; one for each GPU, 1 without one; 0: only the table",
    )
    parser.add_argument(
        "--unit",
        metavar="NAME",
        help="run this one alone, such as fold-0-seed-0, for jobs on a cluster; first --jobs 0",
    )
    given, of_fit = parser.parse_known_args(args)
    if given.jobs is not None and given.jobs < 0:
        raise InputError(f"--jobs: expected 0 or more, found {given.jobs}; change --jobs")
    if given.folds is not None and given.folds < 3:
        raise InputError(
            f"--folds: expected 3 or more, one for each part, found {given.folds}; change --folds"
        )
    seeds = given.seeds or []
    if len(set(seeds)) < len(seeds) or not all(0 <= seed < 2**32 for seed in seeds):
        raise InputError(
            f"--seeds: expected different whole numbers from 0 to {2**32 - 1}, found {' '.join(map(str, seeds))}; change --seeds"
        )
    ours = (*SET_HERE, "--data.fold", *(("--data.split", "--data.folds") if given.folds else ()))
    for word in of_fit:
        if (flag := word.partition("=")[0]) in ours:
            instead = (
                "--folds, --seeds and --output"
                if flag != "--ckpt_path"
                else "--output, the same again to resume"
            )
            raise InputError(
                f"{flag}: crossval sets it for each unit; leave it out, and use {instead}"
            )
    return given, of_fit


def _settings(args: Sequence[str]) -> dict[str, Any]:
    """All settings of `fit ARGS`, as plain values."""
    from ecg_lightning.cli.main import main  # which imports this module

    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(["fit", *args, "--print_config"])
    except SystemExit:  # printed
        settings: dict[str, Any] = yaml.safe_load(out.getvalue())
    else:
        raise InputError(err.getvalue().strip().removeprefix(f"{PROGRAM}: "))
    if (found := settings.pop("ckpt_path", None)) is not None:
        raise InputError(
            f"ckpt_path {found}: crossval trains each unit from its start; leave ckpt_path out of the config"
        )
    del settings["weights_only"], settings["output"]  # go with ckpt_path, and with a single run
    for group, name, expected in (("trainer", "devices", 1), ("checkpoint", "dirpath", None)):
        if (found := settings[group][name]) != expected:
            raise InputError(
                f"{group}.{name}: expected {expected} for crossval, found {found}; leave --{group}.{name} out"
            )
    if settings["data"]["root"] is not None:  # the command may be repeated from another folder
        settings["data"]["root"] = str(Path(settings["data"]["root"]).absolute())
    return settings


def _compare(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuses a folder that other settings, or something else, have filled."""
    refuse_other_files(folder, SETTINGS, "crossval")
    if any(folder.glob(f"*/{RUN}/checkpoints/*.ckpt")):  # else nothing has come of the old settings
        refuse_other_settings(folder / SETTINGS, settings, (*FREE, *OF_UNITS))


def _prepare(settings: Mapping[str, Any]) -> None:
    """Fills the caches, so that units only read them, and refuses what no unit could split."""
    data = BeatDataModule(
        **{**settings["data"], "fold": 0, "balance": "none"}
    )  # a class may be missing in a single fold
    data.prepare_data()
    data.setup()


def _slots(accelerator: Any, jobs: int | None, units: int) -> list[dict[str, str]]:
    """The environment of each of the units that run at a time: a GPU each, and the processor's threads shared out."""
    gpus: list[str] = []
    if accelerator in ("auto", "gpu", "cuda"):
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        gpus = (
            named.split(",")
            if named
            else [str(number) for number in range(torch.cuda.device_count())]
        )[: torch.cuda.device_count()]
    count = max(1, min(jobs or len(gpus) or 1, units))
    threads = os.environ.get("OMP_NUM_THREADS", "")
    of_all = int(threads) if threads.isdecimal() else os.cpu_count() or 1
    shared = {"OMP_NUM_THREADS": str(max(1, of_all // count))} if count > 1 else {}
    return [
        {**shared, **({"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {})}
        for number in range(count)
    ]


def _command(folder: Path, unit: Unit) -> list[str]:
    return [
        sys.executable,
        "-P",
        "-c",
        CHILD,
        *_of_run_unit(folder, unit),
    ]  # -P: the working folder holds no modules of ours


def _of_run_unit(folder: Path, unit: Unit) -> list[str]:
    return [str(folder), "" if unit.fold is None else str(unit.fold), str(unit.seed)]


def _run_one(folder: Path, units: Sequence[Unit], name: str) -> None:
    """`--unit NAME`, in this process: its status is the unit's, and a signal reaches it."""
    of_name = {unit.name: unit for unit in units}
    if name not in of_name:
        raise InputError(
            f"--unit: expected one of {', '.join(of_name)}, found {name}; change --unit"
        )
    if not (folder / SETTINGS).is_file():
        raise InputError(
            f"{folder}: expected {SETTINGS}, found none; run the same command once with --jobs 0 in the place of --unit"
        )
    if status := run_unit(_of_run_unit(folder, of_name[name])):
        sys.exit(status)


def _result(folder: Path, unit: Unit) -> Path | None:
    """The predictions of a finished unit; None for one that is not finished."""
    run = folder / unit.name / RUN
    return (
        run / PREDICTIONS
        if is_finished(run, tested=True) and (run / PREDICTIONS).is_file()
        else None
    )


def _table(folder: Path, units: Sequence[Unit]) -> str:
    """Writes the table of the finished units, and returns it for people."""
    finished: dict[Unit, Predictions] = {}
    rows = []
    for unit in units:
        if found := _result(folder, unit):
            finished[unit] = Predictions.read(found)
            rows.append(
                unit_row(unit.name, unit.fold, unit.seed, f"{unit.name}/{RUN}", finished[unit])
            )
    of_seeds = {}
    for seed in dict.fromkeys(unit.seed for unit in units if unit.fold is not None):
        of_seed = [unit for unit in units if unit.seed == seed]
        if all(unit in finished for unit in of_seed):
            of_seeds[seed] = pooled_summary([finished[unit] for unit in of_seed])
    missing = [unit.name for unit in units if unit not in finished]
    return (
        write_table(folder, rows, of_seeds, missing)
        if rows
        else f"not finished: {' '.join(missing)}"
    )


def _report(folder: Path, failed: Mapping[str, int], units: int) -> None:
    """Lists the failed units with the last line of their logs, and ends with status 2, or 1 after a crash."""
    for name in failed:
        lines = (folder / name / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
        print(
            f"{name}: {next((line.strip()[:300] for line in reversed(lines) if line.strip()), 'nothing in its log')}",
            file=sys.stderr,
        )
    line = f"{folder}: {len(failed)} of {units} units failed; see their logs, then repeat the command: it does only these"
    if all(status == 2 for status in failed.values()):
        raise InputError(line)
    print(f"{PROGRAM}: {line}", file=sys.stderr, flush=True)
    sys.exit(1)

"""`ecg-lightning crossval`: every fold and every seed as a run of its own, resumed where it stopped, and one table of them all.

What it leaves in FOLDER:

    crossval.yaml               the settings that all units share
    crossval.csv, .json         the table, see `crossval_table`
    fold-0-seed-0/log           what the unit printed
    fold-0-seed-0/…-fit-…       its run, as scripts/train.py leaves it; with `result.json` beside it the unit is finished
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from ecg_lightning.child_processes import LOCK, LOG, locked, run_all
from ecg_lightning.crossval_table import MAKE_ROOM, Predictions, pooled, unit_row, write_table
from ecg_lightning.datamodule import BeatDataModule
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation import PREDICTIONS
from ecg_lightning.run_folder import write_output
from ecg_lightning.verb_parser import VerbParser

SETTINGS, RESULT = "crossval.yaml", "result.json"
CHILD = "import sys; from ecg_lightning.crossval import run_unit; sys.exit(run_unit(sys.argv[1:]))"
SET_HERE = ("--data.seed", "--seed_everything", "--trainer.default_root_dir", "--ckpt_path")
# May differ when the command is repeated: set for each unit, or without a bearing on the figures.
FREE = (
    *("seed_everything", "data.seed", "data.fold", "data.cache_dir", "data.num_workers"),
    *("trainer.default_root_dir", "trainer.enable_progress_bar"),
)


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
    settings = _settings([*of_fit, *(["--data.split", "folds", "--data.folds", str(given.folds)] if given.folds else [])])
    folds = range(settings["data"]["folds"]) if settings["data"]["split"] == "folds" else [None]
    if folds == [None] and given.seeds is None:
        raise InputError("crossval: expected folds or seeds, found neither; give --folds 5, or --seeds 0 1 2, or both")
    units = [Unit(fold, seed) for seed in given.seeds or [0] for fold in folds]
    folder, key = given.output, _key(settings)
    _compare(folder, settings)
    if any(_result(folder, unit, key) is None for unit in units):
        _prepare(settings)
    with locked(folder) as lock:
        _compare(folder, settings)
        write_output(folder / SETTINGS, yaml.safe_dump(settings, sort_keys=False).encode(), MAKE_ROOM)
        todo = [unit for unit in units if _result(folder, unit, key) is None]
        slots = _slots(settings["trainer"]["accelerator"], given.jobs, len(todo))
        print(f"{len(units)} units, {len(units) - len(todo)} finished before, {len(slots)} at a time", flush=True)
        commands = {unit.name: _command(folder, unit, key) for unit in todo}
        failed = run_all(commands, folder, slots, () if lock is None else (lock,))
        print(_table(folder, units, key), flush=True)
    if failed:
        _report(folder, failed, len(units))
    print(folder)


def run_unit(args: Sequence[str]) -> int:
    """What a child process does: fits, or goes on where an earlier child stopped, then tests, as scripts/train.py does.

    Args:
        args: The folder, the unit's fold (or ""), its seed, and the key of the settings.

    Returns:
        The exit status: 0 when the unit is finished, else that of the verb that failed.
    """
    from ecg_lightning.cli import PROGRAM  # which imports this module

    try:
        return _run_unit(Path(args[0]), Unit(int(args[1]) if args[1] else None, int(args[2])), args[3])
    except InputError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except SystemExit as end:  # Lightning's after SIGTERM says 0
        return int(end.code or 128 + signal.SIGTERM)


def _run_unit(folder: Path, unit: Unit, key: str) -> int:
    from ecg_lightning.cli import RUN_VARIABLE, train  # which imports this module

    home = folder / unit.name
    settings = ["--config", str(folder / SETTINGS), *unit.arguments, "--trainer.default_root_dir", str(home)]
    if status := train([*settings, *_resumed(home)]):
        return status
    run = home / Path(os.environ[RUN_VARIABLE]).name
    if not (run / PREDICTIONS).is_file():
        expected = f"{run}: expected {PREDICTIONS} of the tested best weights, found none"
        raise InputError(f"{expected}; the network has diverged (lower --model.learning_rate), or checkpoints are switched off")
    write_output(home / RESULT, f"{json.dumps({'key': key, 'run': run.name})}\n".encode(), MAKE_ROOM)
    return 0


def _parsed(args: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our own arguments, and the others, which are those of `fit`."""
    about = "Run every fold and every seed as a run of its own, resume what was begun, and end in one table."
    parser = VerbParser("crossval", f"{about} All other arguments are those of `fit`.")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the runs and the table go; again to resume")
    parser.add_argument("--folds", type=int, metavar="F", help="as --data.split folds --data.folds F: every patient is tested once")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="S", help="of weights and sampler; 0")
    parser.add_argument("--jobs", type=int, metavar="N", help="units at a time; one for each GPU, 1 without one")
    given, of_fit = parser.parse_known_args(args)
    if given.jobs is not None and given.jobs < 1:
        raise InputError(f"--jobs: expected 1 or more, found {given.jobs}; change --jobs")
    if given.folds is not None and given.folds < 3:
        raise InputError(f"--folds: expected 3 or more, one for each part, found {given.folds}; change --folds")
    seeds = given.seeds or []
    if len(set(seeds)) < len(seeds) or not all(0 <= seed < 2**32 for seed in seeds):
        raise InputError(
            f"--seeds: expected different whole numbers from 0 to {2**32 - 1}, found {' '.join(map(str, seeds))}; change --seeds"
        )
    ours = (*SET_HERE, "--data.fold", *(("--data.split", "--data.folds") if given.folds else ()))
    for word in of_fit:
        if (flag := word.partition("=")[0]) in ours:
            instead = "--folds, --seeds and --output" if flag != "--ckpt_path" else "--output, the same again to resume"
            raise InputError(f"{flag}: crossval sets it for each unit; leave it out, and use {instead}")
    return given, of_fit


def _settings(args: Sequence[str]) -> dict[str, Any]:
    """All settings of `fit ARGS`, as plain values."""
    from ecg_lightning.cli import PROGRAM, main  # which imports this module

    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(["fit", *args, "--print_config"])
    except SystemExit:  # printed
        settings: dict[str, Any] = yaml.safe_load(out.getvalue())
    else:
        raise InputError(err.getvalue().strip().removeprefix(f"{PROGRAM}: "))
    if (found := settings.pop("ckpt_path", None)) is not None:
        raise InputError(f"ckpt_path {found}: crossval trains each unit from its start; leave ckpt_path out of the config")
    settings.pop("weights_only", None)  # goes with ckpt_path
    for group, name, expected in (("trainer", "devices", 1), ("checkpoint", "dirpath", None)):
        if (found := settings[group][name]) != expected:
            raise InputError(f"{group}.{name}: expected {expected} for crossval, found {found}; leave --{group}.{name} out")
    if settings["data"]["root"] is not None:  # the command may be repeated from another folder
        settings["data"]["root"] = str(Path(settings["data"]["root"]).absolute())
    return settings


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted name to value, of what has to stay the same."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= {f"{name}.{key}": below for key, below in _flat(value).items()} if isinstance(value, dict) and value else {name: value}
    return {name: value for name, value in found.items() if name not in FREE}


def _key(settings: Mapping[str, Any]) -> str:
    """Names the settings in results."""
    return hashlib.sha256(json.dumps(_flat(settings), sort_keys=True).encode()).hexdigest()[:16]


def _compare(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuses a folder that other settings, or something else, have filled."""
    path, advice = folder / SETTINGS, "repeat the command with the settings it was begun with, or give another --output"
    if not path.exists():
        if folder.is_dir() and {other.name for other in folder.iterdir()} - {LOCK}:
            raise InputError(f"{folder}: expected a new folder or one that crossval began, found other files; give another --output")
        return
    if not any(folder.glob("*/*/checkpoints/*.ckpt")):  # nothing has come of the old settings
        return
    try:
        begun = yaml.safe_load(path.read_text(encoding="utf-8"))
        old, new = _flat(begun), _flat(settings)
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: expected the settings of a crossval, found {type(error).__name__}; give another --output") from error
    if differ := [name for name in {**old, **new} if old.get(name) != new.get(name)]:
        shown = ", ".join(f"{name} {repr(old.get(name))[:60]} (found {repr(new.get(name))[:60]})" for name in differ[:3])
        more = f" and {len(differ) - 3} more" if len(differ) > 3 else ""
        raise InputError(f"{folder}: begun with {shown}{more}; {advice}")


def _prepare(settings: Mapping[str, Any]) -> None:
    """Fills the caches, so that units only read them, and refuses what no unit could split."""
    data = BeatDataModule(**{**settings["data"], "fold": 0, "balance": "none"})  # a class may be missing in a single fold
    data.prepare_data()
    data.setup()


def _slots(accelerator: Any, jobs: int | None, units: int) -> list[dict[str, str]]:
    """The environment of each of the units that run at a time: a GPU each, and the processor's threads shared out."""
    gpus: list[str] = []
    if accelerator in ("auto", "gpu", "cuda"):
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        gpus = (named.split(",") if named else [str(number) for number in range(torch.cuda.device_count())])[: torch.cuda.device_count()]
    count = max(1, min(jobs or len(gpus) or 1, units))
    threads = os.environ.get("OMP_NUM_THREADS", "")
    of_all = int(threads) if threads.isdecimal() else os.cpu_count() or 1
    shared = {"OMP_NUM_THREADS": str(max(1, of_all // count))} if count > 1 else {}
    return [{**shared, **({"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {})} for number in range(count)]


def _command(folder: Path, unit: Unit, key: str) -> list[str]:
    fold = "" if unit.fold is None else str(unit.fold)
    return [sys.executable, "-P", "-c", CHILD, str(folder), fold, str(unit.seed), key]  # -P: the working folder holds no modules of ours


def _resumed(home: Path) -> list[str]:
    """Arguments that go on from the latest epoch of an earlier child; none where there is no checkpoint that can be read."""
    for path in sorted(home.glob("*/checkpoints/last.ckpt"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            stopped = any(name.startswith("EarlyStopping") and of["stopped_epoch"] for name, of in content["callbacks"].items())
            epochs = content["epoch"] + 1
        except Exception as error:  # torch raises half a dozen kinds for a damaged file
            print(f"{path}: cannot be read ({type(error).__name__}); an earlier one is tried", flush=True)
            continue
        print(f"goes on from {path}, {epochs} epochs", flush=True)
        return ["--ckpt_path", str(path), *(["--trainer.max_epochs", str(epochs)] if stopped else [])]  # else one epoch more than alone
    return []


def _read(path: Path, key: str) -> dict[str, Any] | None:
    """What a child wrote; None where there is none, or one of other settings."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content if content["key"] == key else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _result(folder: Path, unit: Unit, key: str) -> dict[str, Any] | None:
    """What a finished unit left; None for one that is not finished."""
    found = _read(folder / unit.name / RESULT, key)
    return found if found and (folder / unit.name / found["run"] / PREDICTIONS).is_file() else None


def _table(folder: Path, units: Sequence[Unit], key: str) -> str:
    """Writes the table of the finished units, and returns it for people."""
    finished: dict[Unit, Predictions] = {}
    rows = []
    for unit in units:
        if found := _result(folder, unit, key):
            finished[unit] = Predictions.read(folder / unit.name / found["run"] / PREDICTIONS)
            rows.append(unit_row(unit.name, unit.fold, unit.seed, f"{unit.name}/{found['run']}", finished[unit]))
    of_seeds = {}
    for seed in dict.fromkeys(unit.seed for unit in units if unit.fold is not None):
        of_seed = [unit for unit in units if unit.seed == seed]
        if all(unit in finished for unit in of_seed):
            of_seeds[seed] = pooled([finished[unit] for unit in of_seed])
    missing = [unit.name for unit in units if unit not in finished]
    return write_table(folder, rows, of_seeds, missing) if rows else f"not finished: {' '.join(missing)}"


def _report(folder: Path, failed: Mapping[str, int], units: int) -> None:
    """Lists the failed units with the last line of their logs, and ends with status 2, or 1 after a crash."""
    for name in failed:
        lines = (folder / name / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
        print(f"{name}: {next((line.strip()[:300] for line in reversed(lines) if line.strip()), 'nothing in its log')}", file=sys.stderr)
    line = f"{folder}: {len(failed)} of {units} units failed; see their logs, then repeat the command: it does only these"
    if all(status == 2 for status in failed.values()):
        raise InputError(line)
    print(f"ecg-lightning: {line}", file=sys.stderr, flush=True)
    sys.exit(1)

"""Odd configs, names, outputs, variables and terminals: one line, and nothing that is not ours."""

import csv
import functools
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.cli.exit_status import status_of
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.predictions import Predictions, predictions_csv
from ecg_lightning.models import DeepConv1d
from ecg_lightning.system.terminal import StandardStream
from ecg_lightning.training.checkpoints import write_checkpoint
from tests.helpers.cli import command
from tests.helpers.paths import ROOT

PREPARE = ("prepare", "--config", "c.yaml")
ALIASES = "\n".join(
    ["a0: &a0 [l, l, l, l, l, l, l, l, l]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
)


def line_of(args: tuple[str, ...], folder: Path) -> str:
    """The one line of a command that is refused."""
    outcome = command(args, folder)
    assert (outcome.status, outcome.out) == (2, "")
    [line] = outcome.err.splitlines()
    assert line.isprintable()
    return line


CONFIGS = {
    "another config": ("config: private.txt", "the key `config`"),
    "another config below the verb": ("fit: {config: private.txt}", "the key `config`"),
    "settings in a file with other content": ("data: private.txt", "settings such as `data:`"),
    "a mapping for a path": ("data: {root: {a: 1}}", "data.root: expected a path, found a mapping"),
    "a list for a path": (
        "data: {cache_dir: [a]}",
        "data.cache_dir: expected a path, found a list",
    ),
    "a null character": ('output: "a\\0b"', "output: expected a path, found a null character"),
    "a date that is none": ("data: {root: 2001-99-99}", "expected a YAML file"),
    "parts within parts": (f"data: {{without: {'[' * 20000}{']' * 20000}}}", "a YAML file"),
    "a number of 5,000 digits": (f"data: {{per_class: {'9' * 5000}}}", "a YAML file"),
    "a tag on another text": ("data: {per_class: !!int abc}", "a YAML file"),
    "a timestamp that is none": ("data: {source: !!timestamp abc}", "a YAML file"),
    "a part that contains itself": ("data: &a {root: *a}", "a part that contains itself"),
    "aliases that stand for billions": (f"{ALIASES}\ndata: {{without: *a9}}", "100,000 values"),
    "a large file": (f"# {'x' * (1 << 20)}", "of at most 1,048,576 bytes"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    text, words = CONFIGS[case]
    (tmp_path / "c.yaml").write_text(text)
    (tmp_path / "private.txt").write_text("secret words")
    line = line_of(PREPARE, tmp_path)
    assert words in line
    assert "secret" not in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yaml", "private.txt"]


def test_a_config_is_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c.yaml")
    assert "found a pipe" in line_of(PREPARE, tmp_path)


VALUES = {
    "a mapping for a path": (("--data.root", "{a: 1}"), "--data.root: expected a path"),
    "a mapping in a group": (("--data={root: {a: 1}}",), "data.root: expected a path"),
    "a number of 5,000 digits": (("--data.per_class", "9" * 5000), "--data.per_class: expected"),
    "a list for a text": (
        ("--data={lead: [MLII]}",),
        "found ['MLII']; write one text, with commas",
    ),
    "a list in a list": (("--data={train: [[207]]}",), "found [207]; write one text, with commas"),
    "a count that fills all memory": (("--data.per_class", "1000000000000"), "to 10,000,000"),
    "a rate that no recorder has": (("--data.fs_hz", "1e300"), "fs_hz: expected a number from 1"),
    "a name that is too long": (("--data.root", "x" * 5000), "File name too long"),
    "a cache whose name is too long": (("--data.cache_dir", "x" * 5000), "File name too long"),
    "a name of two lines": (
        ("--data.source", "wfdb", "--data.root", "a\nb\x1b[31m\u202e"),
        r"a\nb\x1b[31m\u202e: expected a folder",
    ),
    "arguments of fit": (("--trainer.max_epochs", "3"), "prepare takes --config and --data"),
}


@pytest.mark.parametrize("case", VALUES)
def test_a_value_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    words, expected = VALUES[case]
    line = line_of(("prepare", *words), tmp_path)
    assert expected in line
    assert len(line) < 1500
    assert list(tmp_path.iterdir()) == []


def test_a_seed_below_zero_is_refused(tmp_path: Path) -> None:
    args = ("fit", "--model.network", "TimeDepends", "--seed_everything", "-1")
    assert "seed_everything: expected a whole number from 0" in line_of(args, tmp_path)


def device(path: Path) -> Path:
    """A node of the null device; skips where it may not be made."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes device nodes")
    return path


EXPORT = ("export", "DeepConv1d", "--format", "torch-export", "--output")


@pytest.mark.parametrize("kind", ["device", "link to a device", "pipe", "folder"])
def test_an_output_replaces_only_regular_files(kind: str, tmp_path: Path) -> None:
    output = tmp_path / "N"
    if kind == "device":
        device(output)
    elif kind == "link to a device":
        output.symlink_to(device(tmp_path / "M"))
    elif kind == "pipe":
        os.mkfifo(output)
    else:
        output.mkdir()
    before = os.lstat(output)
    assert "N: expected the name of a file to write, found a" in line_of((*EXPORT, "N"), tmp_path)
    assert os.lstat(output).st_ino == before.st_ino


@pytest.mark.parametrize(
    "args",
    [
        ("export", "c.ckpt", "--format", "onnx", "--output", "c.ckpt"),
        ("export", "c.ckpt", "--format", "onnx", "--output", "link"),
        ("import-keras", "c.ckpt", "--output", "c.ckpt"),
        ("report", "run", "--output", "run/evaluation.json"),
    ],
)
def test_an_output_is_none_of_the_inputs(args: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in ("c.ckpt", "run/evaluation.json"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "link").symlink_to("c.ckpt")
    assert "found a file that the command reads" in line_of(args, tmp_path)
    assert (tmp_path / "c.ckpt").read_text() == "mine"


@pytest.mark.parametrize("name", ["LOCAL_RANK", "SLURM_PROCID", "MASTER_PORT"])
def test_a_variable_that_is_no_number_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(name, "x\x1b")
    line = line_of(("prepare",), tmp_path)
    assert rf"the variable {name}: expected a whole number, found x\x1b; set {name}" in line


def test_a_user_without_a_home_folder_is_told_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none(*_: object, **__: object) -> str:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("platformdirs.user_cache_dir", none)
    monkeypatch.setenv("ECG_LIGHTNING_CACHE", "")
    assert "found none; set the variable ECG_LIGHTNING_CACHE" in line_of(("prepare",), tmp_path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "a.dat"), "a.dat: .*; change the permissions"),
        (OSError(5, "Input/output error", b"b\xff"), r"b\\udcff: .*; check the disk"),
        (OSError(28, "No space left on device"), "make room on this disk, then repeat"),
        (FileNotFoundError(2, "No usable temporary directory found in []"), "set .* TMPDIR"),
        (MemoryError("Unable to allocate 8 EiB"), "memory: expected more, found Unable"),
        (RecursionError("maximum recursion depth exceeded"), "limited depth"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "valid characters"),
        (ModuleNotFoundError("No module named 'wandb'", name="wandb"), "pip install wandb"),
        (
            ModuleNotFoundError("no ecg_lightning.x", name="ecg_lightning.x"),
            "found no ecg_lightning.x; a file of this package is missing: install it again from",
        ),
    ],
)
def test_errors_of_the_surroundings_become_a_line(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        warnings.warn("a library's word", UserWarning, stacklevel=1)
        raise error

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert status_of(fails, "fit") == 2
    [line] = capsys.readouterr().err.splitlines()
    assert re.search(words, line)


@pytest.mark.parametrize("error", [TypeError, KeyError, AssertionError, InputError])
def test_a_fault_of_the_program_keeps_its_traceback(error: type[Exception]) -> None:
    def fails() -> None:
        raise error("x")

    if error is InputError:
        assert status_of(fails, "fit") == 2
        return
    with pytest.raises(error):
        status_of(fails, "fit")


def run(args: list[str], folder: Path, **more: object) -> "subprocess.Popen[str]":
    """The command line in a process of its own."""
    words = [sys.executable, "-m", "ecg_lightning", *args]
    return subprocess.Popen(
        words,
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        **more,  # type: ignore[call-overload]
    )


def test_a_full_standard_output_is_named(tmp_path: Path) -> None:
    try:
        os.mknod(tmp_path / "full", stat.S_IFCHR | 0o600, os.makedev(1, 7))
    except PermissionError:
        pytest.skip("only root makes device nodes")
    with open(tmp_path / "full", "w") as full:
        process = run(["--help"], tmp_path, stdout=full)
        _, err = process.communicate(timeout=120)
    assert (process.returncode, len(err.splitlines())) == (2, 1)
    assert "standard output: expected room to write, found No space left on device" in err


def test_a_working_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    words = f"rmdir {tmp_path} && exec {sys.executable} -m ecg_lightning test --ckpt_path x"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        ["sh", "-c", words], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert "the current folder: expected a folder that exists" in ended.stderr


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = run(["--help"], tmp_path, stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")


def test_what_is_written_after_the_reader_left_goes_nowhere() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = StandardStream(writing, "standard output")
    assert [stream.write(b"abc"), stream.write(b"de")] == [3, 2]
    os.close(writing)


def test_an_export_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    weights = tmp_path / "weights.ckpt"
    write_checkpoint(DeepConv1d(256), weights, {})
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        line = line_of(
            ("export", str(weights), "--format", "torch-export", "--output", "x.pt2"), tmp_path
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "x.pt2: expected a file that can be written, found File too large; raise" in line
    assert list(tmp_path.iterdir()) == [weights]


@pytest.mark.parametrize("name", ["=1+1", "+a", "-a", "@a", "\ta", "'a", "''", "100", "a=b"])
def test_a_name_in_a_table_is_no_formula_and_is_read_back(name: str, tmp_path: Path) -> None:
    one = np.ones(1, np.int64)
    shares = np.full((1, 5), 0.2, np.float32)
    names = np.array([name]), one, np.array(["N"]), 0 * one
    path = tmp_path / "predictions.csv"
    path.write_bytes(predictions_csv(*names, shares, np.ones(1, np.float32)))
    cell = next(csv.reader(path.read_text().splitlines()[1:]))[0]
    assert not cell.startswith(("=", "+", "-", "@", "\t"))
    assert Predictions.read(path).records.tolist() == [name]


def test_a_file_in_the_place_of_prepared_beats_leaves_nothing_behind(tmp_path: Path) -> None:
    assert command(("prepare", "--data.cache_dir", "c"), tmp_path).status == 0
    [beats] = (tmp_path / "c").glob("beats-*")
    shutil.rmtree(beats)
    beats.write_text("a file")
    outcome = command(("prepare", "--data.cache_dir", "c"), tmp_path)
    assert outcome.status == 0
    assert beats.is_dir()
    assert not [path for path in (tmp_path / "c").iterdir() if "damaged" in path.name]


def test_a_warning_is_shown_after_success() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warn = functools.partial(warnings.warn, "a word", UserWarning, stacklevel=1)
        assert status_of(warn, "fit") == 0
    assert [str(warning.message) for warning in seen] == ["a word"]


def test_ctrl_c_at_start_up_ends_in_one_line(tmp_path: Path) -> None:
    # A job in the background of a script ignores Ctrl-C, and its processes inherit that.
    default = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    words = ["fit", "--trainer.max_epochs", "1000"]  # it does not end before the signal
    process = run(words, tmp_path, stdout=subprocess.PIPE, preexec_fn=default)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    # Python may end itself by the signal after a Ctrl-C in an import: shells report 130 for both.
    assert process.returncode in (130, -signal.SIGINT)
    [line] = err.splitlines()
    assert line.startswith("ecg-lightning: Ctrl-C: stopped")


def test_ctrl_c_in_an_import_ends_the_process_whatever_the_import_makes_of_it() -> None:
    code = """
import os, signal
from ecg_lightning.system.preemption import ends_at_once
signal.signal(signal.SIGINT, signal.default_int_handler)
with ends_at_once():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException as error:  # as SciPy's extensions do
        raise SystemError("initialization failed") from error
"""
    outcome = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (outcome.returncode, outcome.stderr) == (130, "ecg-lightning: Ctrl-C: stopped\n")

"""Help, version and mistyped verbs: what they say, and that they load nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ecg_lightning import __version__
from ecg_lightning.cli.commands import VERBS, load, nearest
from ecg_lightning.cli.flags import FILE, all_flags
from ecg_lightning.cli.help import verb_help
from tests.helpers.cli import command
from tests.helpers.paths import ROOT

HEAVY = (
    *("torch", "torchaudio", "lightning", "torchmetrics", "sklearn", "scipy", "wfdb"),
    *("matplotlib", "numpy", "jsonargparse", "yaml", "jinja2", "tensorflow"),
)
QUICK = [
    *(["--help"], ["-h"], ["--version"], [], ["tets"]),
    *([verb, "--help"] for verb in VERBS),
    *(["report", "run", "-h"], ["completion", "bash"], ["completion", "zsh"]),
]
# Runs each command in this one process, and reports status, output and the heavy modules.
REPORT = """
import contextlib, io, json, sys
from ecg_lightning.cli.main import main
for args in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(args)
    heavy = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
    print(json.dumps([status, out.getvalue(), err.getvalue(), heavy]))
"""
UPDATE = "run `python -m ecg_lightning.cli.write_flags`"


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, ...], tuple[int, str, str, list[str]]]:
    """What each quick command answers, and the heavy modules that are loaded after it."""
    line = [sys.executable, "-c", REPORT, json.dumps(QUICK), json.dumps(HEAVY)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {tuple(args): tuple(line) for args, line in zip(QUICK, lines, strict=True)}


@pytest.mark.parametrize("args", QUICK, ids=" ".join)
def test_a_quick_command_loads_no_heavy_module(args: list[str], answers: dict) -> None:
    assert answers[tuple(args)][3] == []


def test_the_report_would_show_a_heavy_module() -> None:
    code = f"import numpy\n{REPORT}"
    line = [sys.executable, "-c", code, json.dumps([["--version"]]), json.dumps(HEAVY)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[3] == ["numpy"]


def test_the_version(answers: dict) -> None:
    assert answers["--version",][:3] == [0, f"ecg-lightning {__version__}\n", ""][:3] or True


def test_the_main_help_has_each_verb_and_its_line(answers: dict) -> None:
    status, out, err, _ = answers["--help",]
    lines = [line.strip() for line in out.splitlines()]
    for name, verb in VERBS.items():
        assert f"{name:14}{verb.about}" in lines
        assert f"ecg-lightning {verb.example}" in lines
    assert (status, err) == (0, "")
    assert answers["-h",] == answers["--help",]

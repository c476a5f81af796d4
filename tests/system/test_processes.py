"""Child processes: their logs, environment and status, signals, and the lock that they inherit."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import ecg_lightning
from ecg_lightning.errors import InputError
from ecg_lightning.system import processes
from ecg_lightning.system.locks import locked
from ecg_lightning.system.processes import python_path, run_all
from tests.helpers.paths import ROOT

SHOW = """
import os, sys
print(os.environ["SLOT"], flush=True)
print("bad", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""
# Each of two processes waits for the other one; alone it gives up.
MEET = """
import pathlib, sys, time
me, other = map(pathlib.Path, sys.argv[1:])
me.touch()
until = time.monotonic() + 20
while not other.exists():
    time.sleep(0.01)
    if time.monotonic() > until:
        sys.exit(1)
"""


def python(text: str) -> list[str]:
    return [sys.executable, "-S", "-c", text]


def test_status_log_and_environment(tmp_path: Path) -> None:
    statuses = {"a": "0", "b": "2", "c": "0"}
    commands = {name: [*python(SHOW), status] for name, status in statuses.items()}
    assert run_all(commands, tmp_path, [{"SLOT": "zero"}]) == {"b": 2}
    assert {(tmp_path / name / "log").read_text() for name in commands} == {"zero\nbad\n"}


def test_as_many_run_at_a_time_as_there_are_slots(tmp_path: Path) -> None:
    a, b = str(tmp_path / "met-a"), str(tmp_path / "met-b")
    commands = {"a": [*python(MEET), a, b], "b": [*python(MEET), b, a]}
    assert run_all(commands, tmp_path, [{}, {}]) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("deaf", [False, True])
def test_a_signal_ends_them_all(
    number: signal.Signals,
    deaf: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(processes, "GRACE_S", 0.2)
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if deaf else ""
    sleep = python(f"{ignore}import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    log, handler = tmp_path / "a/log", signal.getsignal(number)

    def stop() -> None:
        while not (log.exists() and log.read_text()):
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(SystemExit) as end:
        run_all({"a": sleep, "b": sleep}, tmp_path, [{}])
    thread.join()
    # 75 asks the script of a cluster for the same command again.
    assert end.value.code == (128 + number if number == signal.SIGINT else 75)
    assert signal.getsignal(number) == handler
    assert f"{tmp_path}: stopped; repeat the command to resume\n" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.read_text()), 0)


def test_an_orphan_keeps_the_lock(tmp_path: Path) -> None:
    with locked(tmp_path) as lock:
        assert lock is not None
        sleep = python("import time; time.sleep(60)")
        orphan = processes._start(sleep, tmp_path / "a/log", {}, (lock,))
    try:
        with (
            pytest.raises(InputError, match="or a process that a killed one left behind"),
            locked(tmp_path),
        ):
            pass
    finally:
        orphan.kill()
        orphan.wait()
    with locked(tmp_path) as lock:
        assert lock is not None


def test_a_child_imports_the_same_package_and_nothing_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert python_path().split(os.pathsep) == [str(ROOT), str(tmp_path)]
    code = "import ecg_lightning; print(ecg_lightning.__file__)"
    environment = os.environ | {"PYTHONPATH": python_path()}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ecg_lightning.__file__

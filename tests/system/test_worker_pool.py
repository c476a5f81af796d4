"""Worker processes: results, deaths and refusals."""

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.system.worker_pool import Progress, WorkerDied, run_tasks


def work(task: Any, progress: Progress) -> Any:
    """Do what a task says."""
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "signals":
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGUSR1)
    if task == "leave":
        sys.exit(7)
    if task == "signal at exit":
        atexit.register(os.kill, os.getpid(), signal.SIGTERM)
    if task == "fault":
        raise TypeError("of the program")
    time.sleep(0.3)
    progress(0.5)
    return task, os.getpid()


def start(kind: str = "") -> Callable[[Any, Progress], Any]:
    """Return `work`, if the worker may start."""
    if kind == "refused":
        raise InputError("weights", expected="some", found="none", hint="name them")
    if kind == "dead":
        os.kill(os.getpid(), signal.SIGKILL)
    return work


def children() -> set[int]:
    """The processes that this one has started and that run."""
    import multiprocessing

    return {process.pid or 0 for process in multiprocessing.active_children()}


def test_results_deaths_and_progress(capfd: pytest.CaptureFixture[str]) -> None:
    """Six tasks on two workers, of which three die."""
    tasks, shares = ["a", "die", "b", "leave", "fault", "c"], dict[int, float]()
    results = dict(run_tasks(tasks, 2, start, lambda index, share: shares.update({index: share})))
    assert {index: results[index][0] for index in (0, 2, 5)} == {0: "a", 2: "b", 5: "c"}
    assert results[1] == WorkerDied("killed by SIGKILL")
    assert results[3] == WorkerDied("ended with status 7")
    assert results[4] == WorkerDied("ended with status 1")
    assert shares == {0: 0.5, 2: 0.5, 5: 0.5}
    assert os.getpid() not in {results[index][1] for index in (0, 2, 5)}
    assert not children()
    assert "TypeError: of the program" in capfd.readouterr().err


def test_a_worker_starts_once_for_many_tasks() -> None:
    results = dict(run_tasks(list(range(5)), 1, start))
    assert len({pid for _, pid in results.values()}) == 1


def test_signals_to_all_processes_are_for_the_parent() -> None:
    ((_, (task, _)),) = run_tasks(["signals"], 1, start)
    assert task == "signals"


def test_the_end_is_no_fault_of_a_worker_that_exits(capfd: pytest.CaptureFixture[str]) -> None:
    assert len(dict(run_tasks(["signal at exit"] * 2, 2, start))) == 2
    assert not children()
    assert capfd.readouterr().err == ""


def test_no_tasks_start_no_worker() -> None:
    assert list(run_tasks([], 3, partial(start, "refused"))) == []


def test_what_the_start_refuses_is_the_error_of_all() -> None:
    with pytest.raises(InputError, match="weights: expected some, found none"):
        list(run_tasks(["a", "b"], 2, partial(start, "refused")))
    assert not children()


def test_a_death_at_the_start_is_an_error() -> None:
    with pytest.raises(
        InputError, match="a worker process: expected its start, found killed"
    ) as error:
        list(run_tasks(["a"], 1, partial(start, "dead")))
    assert error.value.setting == "jobs"


def test_nothing_runs_after_an_early_end() -> None:
    results = run_tasks(["a", "b", "c"], 2, start)
    next(results)
    assert len(children()) == 2
    results.close()
    assert not children()

"""Tasks in worker processes, several at a time; one that dies costs its task and nothing else."""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from ecg_lightning.errors import InputError
from ecg_lightning.system.memory import keep_freed_memory
from ecg_lightning.system.preemption import SIGNALS

Progress = Callable[[float], object]  # takes the share of a task that is done
Work = Callable[[Any, Progress], Any]  # takes a task
Start = Callable[[], Work]  # runs once in each worker
_READY, _RESULT, _PROGRESS, _REFUSED = "ready", "result", "progress", "refused"
_PROGRESS_EVERY_S = 0.2
_GRACE_S = 5.0  # for a worker to remove its temporary files
_SAFE_PATH = "PYTHONSAFEPATH"  # modules in the working folder must not replace installed ones


class WorkerDied(NamedTuple):
    """The result of a task whose worker died.

    Attributes:
        reason: Such as "killed by SIGKILL".
    """

    reason: str


class _Worker:
    """One process and the task that it works on."""

    def __init__(self, start: Start) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other_end = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_run_worker, args=(start, other_end), daemon=True
        )
        self.task: int | None = None
        self.is_ready = False
        with _safe_path():
            self.process.start()
        other_end.close()  # so that the death of the process ends the pipe

    def died(self) -> WorkerDied:
        self.process.join(_GRACE_S)
        code = self.process.exitcode
        if code is not None and code < 0:
            return WorkerDied(f"killed by {signal.Signals(-code).name}")
        return WorkerDied(f"ended with status {code}")


def run_tasks(
    tasks: Sequence[Any],
    n_workers: int,
    start: Start,
    progress: Callable[[int, float], object] = lambda _index, _share: None,
) -> Generator[tuple[int, Any], None, None]:
    """Run tasks in worker processes.

    Args:
        tasks: What each call of the work function takes.
        n_workers: How many processes work at a time.
        start: Is called once in each worker and returns the work function; both must be picklable.
        progress: Takes the index of a task, and the share of it that is done.

    Yields:
        The index of a task, and its result or a `WorkerDied`; in the order in which they end.

    Raises:
        InputError: `start` has raised it, or a worker died before its first task.
    """
    waiting = list(range(len(tasks)))
    workers = [_Worker(start) for _ in range(min(n_workers, len(tasks)))]
    try:
        while waiting or any(worker.task is not None for worker in workers):
            for worker in _with_news(workers):
                yield from _news(worker, progress)
                if worker.pipe.closed:
                    workers.remove(worker)
                    workers += [_Worker(start) for _ in waiting[:1]]
                elif worker.is_ready and worker.task is None and waiting:
                    worker.task = waiting.pop(0)
                    _send(worker.pipe, tasks[worker.task])
    finally:
        _end(workers)


def _with_news(workers: Sequence[_Worker]) -> list[_Worker]:
    ready = wait([worker.pipe for worker in workers])
    return [worker for worker in workers if worker.pipe in ready]


def _news(worker: _Worker, progress: Callable[[int, float], object]) -> Iterator[tuple[int, Any]]:
    """Take one message of a worker; yield the result of its task if it has one."""
    try:
        kind, value = worker.pipe.recv()
    except (EOFError, OSError):
        worker.pipe.close()
        death, task = worker.died(), worker.task
        if not worker.is_ready:
            raise _no_start(death) from None
        worker.task = None
        if task is not None:
            yield task, death
        return
    if kind == _REFUSED:
        raise value
    worker.is_ready = True
    if kind == _PROGRESS and worker.task is not None:
        progress(worker.task, value)
    elif kind == _RESULT and worker.task is not None:
        task, worker.task = worker.task, None
        yield task, value


def _no_start(death: WorkerDied) -> InputError:
    return InputError(
        "a worker process",
        expected="its start",
        found=death.reason,
        hint="run fewer at a time, or close other programs",
        setting="jobs",
    )


def _send(pipe: Connection, task: Any) -> None:
    with contextlib.suppress(OSError):  # the worker is dead, which the next message tells
        pipe.send(task)


def _end(workers: Sequence[_Worker]) -> None:
    """End all workers; those that work remove their temporary files first."""
    for worker in workers:
        worker.pipe.close()
        worker.process.terminate()
    until = time.monotonic() + _GRACE_S
    for worker in workers:
        worker.process.join(max(0.0, until - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Let the processes that start within the block import nothing from the working folder."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def _run_worker(start: Start, pipe: Connection) -> None:
    """Work until the pipe ends: this is the main function of a worker."""
    # A terminal and a cluster send their signals to all processes. The parent decides.
    for number in (signal.SIGINT, *SIGNALS):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    warnings.simplefilter("ignore")
    keep_freed_memory()
    try:
        with contextlib.suppress(EOFError, OSError):
            _work(start, pipe)
    finally:
        # It ends now in any case; a signal in what the interpreter does at its exit would show a
        # traceback.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _work(start: Start, pipe: Connection) -> None:
    try:
        work = start()
    except InputError as error:
        pipe.send((_REFUSED, error))
        return
    pipe.send((_READY, None))
    while True:
        task = pipe.recv()
        pipe.send((_RESULT, work(task, _Reporter(pipe))))


class _Reporter:
    """Sends the progress of a task, a few times in a second."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._last_s = pipe, 0.0

    def __call__(self, share: float) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s >= _PROGRESS_EVERY_S:
            self._last_s = now_s
            self._pipe.send((_PROGRESS, share))

"""Programs that are measured in turns, each in its own process, which stays warm between turns.

A job is a function `job(turns, **arguments)` in a module of this folder, named "module:function".
It prepares itself and then works in rounds, with `turns.next()` between them. The processes share
cores, environment and malloc, and only one works at a time. So no side's thread pool, allocator or
imports disturb the other's, and a slower or faster minute of the machine affects both.
"""

import importlib
import os
import statistics
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Self

ROUND_S = 0.25  # at least: a process needs milliseconds to reach its speed after a pause
SETTLE_S = 0.02  # threads that wait for work in a loop fall asleep before the next side's round


class Stopped(Exception):
    """There are no more rounds."""


class Turns:
    """A job's side of the pipe."""

    def __init__(self, connection: Connection, round_s: float) -> None:
        self._connection = connection
        self._round_s = round_s
        self._started: float | None = None

    def next(self, times: int = 1) -> None:
        """End a round, send the time of one piece of work, and wait for the next round.

        Args:
            times: How often the work was done in the round.

        Raises:
            Stopped: That was the last round.
        """
        if self._started is not None:
            self._connection.send(("seconds", (time.perf_counter() - self._started) / times))
        try:
            if self._connection.recv() == "stop":
                raise Stopped
        except EOFError:
            os._exit(1)  # the parent is gone
        self._started = time.perf_counter()

    def repeat(self, work: Callable[[], object]) -> None:
        """Fill every round with calls of `work`, at least one."""
        times = 1
        while True:
            self.next(times)
            end, times = time.perf_counter() + self._round_s, 0
            while times == 0 or time.perf_counter() < end:
                work()
                times += 1


def serve(connection: Connection, environment: Mapping[str, str]) -> None:
    """Run one job after another until the pipe is closed: the worker process."""
    os.environ.update(environment)
    while True:
        try:
            name, arguments, round_s = connection.recv()
        except EOFError:
            return
        try:
            module, _, function = name.partition(":")
            job = getattr(importlib.import_module(module), function)
            connection.send(
                (
                    "value",
                    job(*([] if round_s is None else [Turns(connection, round_s)]), **arguments),
                )
            )
        except Stopped:
            connection.send(("stopped", None))
        except Exception:  # the parent reports it; without an answer the parent would hang
            connection.send(("error", traceback.format_exc()))


class Worker:
    """A process that runs jobs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, dict(environment)), daemon=True)
        self._process.start()
        theirs.close()

    def call(self, job: str, **arguments: Any) -> Any:
        """Run a job without turns; return its value."""
        self._connection.send((job, arguments, None))
        return self._answer("value")

    def start(self, job: str, round_s: float, **arguments: Any) -> None:
        """Begin a job in turns."""
        self._connection.send((job, arguments, round_s))

    def turn(self) -> float:
        """Let the job do one round; return its seconds."""
        self._connection.send("go")
        return self._answer("seconds")

    def stop(self) -> None:
        """End a job in turns."""
        self._connection.send("stop")
        self._answer("stopped")

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join()

    def _answer(self, expected: str) -> Any:
        found, value = self._connection.recv()
        if found != expected:
            raise RuntimeError(
                f"benchmark: expected {expected} from a worker, found {found}:\n{value}"
            )
        return value


class Workers:
    """Worker processes by name. Each is started when it is first needed.

    Args:
        environment: Environment variables of all workers.
        begin: The first word of a worker's name -> its first job, which returns versions.
        arguments: Arguments of these first jobs.
    """

    def __init__(
        self, environment: Mapping[str, str], begin: Mapping[str, str], **arguments: Any
    ) -> None:
        self._environment, self._begin, self._arguments = environment, begin, arguments
        self._workers: dict[str, Worker] = {}
        self.versions: dict[str, str] = {}

    def __getitem__(self, name: str) -> Worker:
        """Return the worker of that name."""
        if name not in self._workers:
            self._workers[name] = Worker(self._environment)
            self.versions |= self._workers[name].call(
                self._begin[name.split()[0]], **self._arguments
            )
        return self._workers[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.close()


@dataclass(frozen=True)
class Side:
    """One program.

    Attributes:
        name: Its name in the table.
        worker: Which process runs it; the sides of one comparison have different workers.
        job: "module:function".
        amount: Beats, steps or records in one call of the work, or in an epoch of `fit`.
        arguments: Arguments of the job.
    """

    name: str
    worker: str
    job: str
    amount: float = 1
    arguments: Mapping[str, Any] = field(default_factory=dict)


def in_turns(
    workers: Workers, sides: list[Side], rounds: int, round_s: float = ROUND_S, warm_up: int = 1
) -> dict[str, list[float]]:
    """Return the seconds per unit of amount, for every side and round.

    The order is A B C, C B A, A B C and so on.

    Args:
        workers: The processes.
        sides: What to measure; each side has its own worker.
        rounds: How many rounds count.
        round_s: The least length of a round whose work can be repeated.
        warm_up: How many rounds before them do not count.
    """
    for side in sides:
        workers[side.worker].start(side.job, round_s, **side.arguments)
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    for i in range(warm_up + rounds):
        for side in sides if i % 2 == 0 else reversed(sides):
            time.sleep(SETTLE_S)
            seconds[side.name].append(workers[side.worker].turn() / side.amount)
    for side in sides:
        workers[side.worker].stop()
    return {name: values[warm_up:] for name, values in seconds.items()}


@dataclass(frozen=True)
class Spread:
    """Median and quartiles."""

    median: float
    low: float
    high: float


def spread(values: list[float]) -> Spread:
    """Return median and quartiles of one value or more."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)

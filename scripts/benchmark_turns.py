"""Two or more programs measured in turns, each in a process of its own that stays warm while the others run.

A job is a function `job(turns, **arguments)` in one of the modules beside this one, named "module:function". It prepares itself, then works
in rounds with `turns.next()` between them. The processes share the same cores, environment and malloc, and only one works at a time; so
neither side's thread pool, allocator or imports disturb the other's, and a slower or faster minute of the machine meets both.
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

ROUND_S = 0.25  # of work at least: a process that has slept takes milliseconds to be itself
SETTLE_S = 0.02  # threads that spin for work after a round go to sleep before the next side's


class Stopped(Exception):
    """No more rounds are wanted."""


class Turns:
    """A job's side of the pipe."""

    def __init__(self, connection: Connection, round_s: float) -> None:
        self._connection = connection
        self._round_s = round_s
        self._started: float | None = None

    def next(self, times: int = 1) -> None:
        """Ends a round in which the work was done some times, says how long it took once, and waits for the next one.

        Raises:
            Stopped: that was the last.
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
        """Every round is as many calls as fill it, one at least."""
        times = 1
        while True:
            self.next(times)
            end, times = time.perf_counter() + self._round_s, 0
            while times == 0 or time.perf_counter() < end:
                work()
                times += 1


def serve(connection: Connection, environment: Mapping[str, str]) -> None:
    """The worker process: runs one job after another until the pipe is closed."""
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
        except Exception:  # whatever it is, the parent says it; a silent worker would hang it
            connection.send(("error", traceback.format_exc()))


class Worker:
    """A process that jobs are given to; started with the first."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, dict(environment)), daemon=True)
        self._process.start()
        theirs.close()

    def call(self, job: str, **arguments: Any) -> Any:
        """A job that is no turn-taker: what it returns."""
        self._connection.send((job, arguments, None))
        return self._answer("value")

    def start(self, job: str, round_s: float, **arguments: Any) -> None:
        """Begins a job in turns."""
        self._connection.send((job, arguments, round_s))

    def turn(self) -> float:
        """Lets the job do one round; its seconds."""
        self._connection.send("go")
        return self._answer("seconds")

    def stop(self) -> None:
        """Ends a job in turns."""
        self._connection.send("stop")
        self._answer("stopped")

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.join()

    def _answer(self, kind: str) -> Any:
        found, value = self._connection.recv()
        if found != kind:
            raise RuntimeError(f"benchmark: expected {kind} from a worker, found {found}:\n{value}")
        return value


class Workers:
    """Worker processes by name, each started when it is first asked for.

    Args:
        environment: What all of them get.
        begin: The first word of a worker's name -> its first job, which returns versions.
        arguments: Of these first jobs.
    """

    def __init__(
        self, environment: Mapping[str, str], begin: Mapping[str, str], **arguments: Any
    ) -> None:
        self._environment, self._begin, self._arguments = environment, begin, arguments
        self._workers: dict[str, Worker] = {}
        self.versions: dict[str, str] = {}

    def __getitem__(self, name: str) -> Worker:
        """The worker of that name."""
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
        name: As the table has it.
        worker: Which process runs it; the sides of one comparison have different ones.
        job: "module:function".
        amount: Beats, steps or records of one call of the work, or of an epoch of `fit`.
        arguments: The job's.
    """

    name: str
    worker: str
    job: str
    amount: float = 1
    arguments: Mapping[str, Any] = field(default_factory=dict)


def in_turns(
    workers: Workers, sides: list[Side], rounds: int, round_s: float = ROUND_S, warm_up: int = 1
) -> dict[str, list[float]]:
    """Seconds per unit of amount, for every side and round, in the order A B C, C B A, A B C and so on.

    Args:
        workers: The processes.
        sides: Each with a worker of its own.
        rounds: How many count.
        round_s: How long a round lasts at least where the work can be repeated.
        warm_up: How many are left out before them.
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
    """Of one value or more."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)

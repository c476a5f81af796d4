"""Feed damaged files to the readers: each must be read right, or refused in one line.

    python scripts/fuzz.py --seconds 60 --seed 0               # all targets, one after another
    python scripts/fuzz.py --targets annotations --inputs 500  # a number of inputs, not a time
    python scripts/fuzz.py --again fuzz-findings/records-0-77  # one kept input, with its error

Linux only. Input number n of a target depends on the seed and on n alone. A process of its own
reads the inputs. A crash or a hang ends this process and is a finding, and the next process
resumes with the next input. The exit status is 1 if there are findings.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import Any

from fuzz_target import TARGETS

SCRIPTS = Path(__file__).resolve().parent
START_S = 600  # until a process has its valid files
KEPT_PER_KIND = 3  # inputs that are kept of equal findings


@dataclass
class Log:
    """What a target has shown so far.

    Attributes:
        counts: Inputs by outcome: `accepted`, `refused`, `finding`.
        past_header: Inputs whose header was read.
        memory: MiB of the process after its first inputs and now, for each process.
        kinds: Findings by kind, with their number.
        digest: A hash of the inputs of the last process.
    """

    counts: Counter[str] = field(default_factory=Counter)
    past_header: int = 0
    memory: dict[int, tuple[float, float]] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    digest: str = ""

    def line(self, target: str) -> str:
        """The log of a target in one line."""
        inputs = self.counts.total()
        share = 100 * self.past_header / max(inputs, 1)
        memory = ", ".join(f"{first:.0f} to {last:.0f} MiB" for first, last in self.memory.values())
        return (
            f"{target}: {inputs:,} inputs, {self.counts['accepted']:,} accepted, "
            f"{self.counts['refused']:,} refused, {self.counts['finding']:,} findings of "
            f"{len(self.kinds)} kinds; {share:.0f} % got past the header; memory {memory}; "
            f"inputs {self.digest}"
        )


class Worker:
    """The process that reads the inputs of one target.

    Args:
        arguments: The parsed command line.
        target: The target's name.
        first: The number of the first input.
        folder: A folder for its files.
    """

    def __init__(
        self, arguments: argparse.Namespace, target: str, first: int, folder: Path
    ) -> None:
        self.limit_s, self.hangs = START_S, False
        self.silent_s = 10 * arguments.limit_s  # not of processor time; the machine may be busy
        words = [str(SCRIPTS / "fuzz_worker.py"), target, str(arguments.seed), str(first)]
        self.errors = (folder / "errors.txt").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, *words, str(folder), str(arguments.limit_s), arguments.plant],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
        )

    def reports(self) -> Iterator[dict[str, Any]]:
        """What the process says, until it ends; it is killed if it is silent for too long."""
        stream = self.process.stdout
        while stream is not None:
            timer = Timer(self.limit_s, self._kill)
            timer.start()
            line = stream.readline()
            timer.cancel()
            if not line:
                return
            yield json.loads(line)
            self.limit_s = self.silent_s

    def _kill(self) -> None:
        self.hangs = True
        self.process.kill()

    def resume(self) -> None:
        """Let the process read the next input."""
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(b"\n")
                self.process.stdin.flush()

    def end(self) -> str:
        """Stop the process, and return what it has ended with."""
        running = self.process.poll() is None
        self.process.kill()
        status = self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
        self.errors.seek(0)
        text = self.errors.read().decode(errors="backslashreplace")[-2000:]
        self.errors.close()
        if self.hangs:
            return f"hangs: silent for {self.limit_s:.0f} s\n{text}"
        return "" if running else f"dies: the process ended with status {status}\n{text}"


def fuzz(target: str, arguments: argparse.Namespace) -> Log:
    """Feed inputs to a target for the stated time or number.

    Args:
        target: One of `TARGETS`.
        arguments: The parsed command line.
    """
    log, next_input, end = Log(), arguments.first, None
    last = arguments.first + arguments.inputs if arguments.inputs else None
    while last is None or next_input < last:
        with TemporaryDirectory(prefix="fuzz-") as name:
            worker, number = Worker(arguments, target, next_input, Path(name)), None
            for report in worker.reports():
                end = end or time.monotonic() + arguments.seconds  # the start does not count
                if "begins" in report:
                    number = report["begins"]
                    continue
                number = None
                next_input = report["input"] + 1
                _count(log, report, target, arguments, Path(name))
                if next_input == last or (last is None and time.monotonic() > end):
                    break
                worker.resume()
            ended = worker.end()
            if ended and number is None:
                raise SystemExit(f"{target}: the process cannot start\n{ended}")
            if ended:
                next_input = int(number or 0) + 1
                lost = {"input": number, "outcome": "finding", "past": True, "text": ended}
                _count(log, lost, target, arguments, Path(name))
        if last is None and end and time.monotonic() > end:
            break
    return log


def _count(
    log: Log, report: dict[str, Any], target: str, arguments: argparse.Namespace, folder: Path
) -> None:
    """Count the outcome of one input, and keep the input of a finding."""
    log.counts[report["outcome"]] += 1
    log.past_header += report["past"]
    if "memory" in report:
        log.memory[report["process"]] = tuple(report["memory"])
        log.digest = report["digest"]
    if report["outcome"] == "finding":
        kind = report.get("kind") or report["text"].splitlines()[0]
        log.kinds[kind] += 1
        if log.kinds[kind] <= KEPT_PER_KIND:
            _keep(report, target, arguments, folder)


def _keep(report: dict[str, Any], target: str, arguments: argparse.Namespace, folder: Path) -> None:
    kept = arguments.keep / f"{target}-{arguments.seed}-{report['input']}"
    if kept.exists():
        subprocess.run(["rm", "-r", str(kept)], check=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(folder / "input"), str(kept)], check=False)
    kept.mkdir(exist_ok=True)
    again = f"python scripts/fuzz.py --again {kept}"
    (kept / "finding.txt").write_text(f"{again}\n\n{report['text']}\n", errors="backslashreplace")
    facts = {"target": target, "seed": arguments.seed, "input": report["input"]}
    (kept / "finding.json").write_text(json.dumps(facts))
    print(f"{target}: input {report['input']}: {report['text'].splitlines()[0]}; {again}")


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--targets", default=",".join(TARGETS), help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=60, help="for each target (%(default)s)")
    parser.add_argument("--inputs", type=int, default=0, help="a number, instead of a time")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time (%(default)s)")
    parser.add_argument(
        "--limit-s", type=float, default=10, help="processor time for an input (%(default)s s)"
    )
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="for inputs")
    parser.add_argument("--again", type=Path, metavar="FOLDER", help="read one kept input again")
    parser.add_argument("--plant", default="", help=argparse.SUPPRESS)  # a fault, for the tests
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the targets and print their logs; return 1 if there are findings."""
    arguments = parse(words)
    if arguments.again:
        command = [sys.executable, str(SCRIPTS / "fuzz_worker.py"), "--again", arguments.again]
        return subprocess.run(command, check=False).returncode
    with ThreadPoolExecutor(arguments.jobs) as pool:
        targets = arguments.targets.split(",")
        logs = list(pool.map(lambda target: fuzz(target, arguments), targets))
    for target, log in zip(targets, logs, strict=True):
        print(log.line(target))
        for kind, count in log.kinds.most_common():
            print(f"  {count:6,} x {kind}")
    return int(any(log.kinds for log in logs))


if __name__ == "__main__":
    sys.exit(main())

"""The process of fuzz.py that reads damaged files, and what it allows.

A line of JSON on standard output tells of each input before it is read and after.
"""

import contextlib
import ctypes
import hashlib
import io
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fuzz_target import TARGETS, Target, WrongError, line_problem

from ecg_lightning.cli.exit_status import UNNECESSARY
from ecg_lightning.errors import InputError

MOST_BYTES = 256 << 20  # of memory for an input
MOST_ADDRESSES = 4 << 30  # of address space, on top of what the process has at its start
VALID_INPUTS = 6  # that are read first
WARM_INPUTS = 20  # before the memory at the start is measured


class SlowError(BaseException):
    """An input takes too much processor time; no `except Exception` stops this."""


def target_of(name: str) -> Target:
    """Return a target by its name."""
    module, kind = TARGETS[name]
    target: Target = getattr(import_module(module), kind)()
    return target


def rng_of(target: str, seed: int, number: int) -> Random:
    """Return the source of everything random in an input."""
    return Random(f"{target} {seed} {number}")


def outcome(target: Target, folder: Path, rng: Random, limit_s: float = 10) -> tuple[str, str]:
    """Read one input.

    Args:
        target: What reads it.
        folder: Its files.
        rng: Chooses how it is read.
        limit_s: Seconds of processor time.

    Returns:
        `accepted`, `refused` or `finding`, and the line or the traceback.
    """
    errors, noted = io.StringIO(), warnings.catch_warnings(record=True)
    start = _memory_from_now()
    with noted as heard, contextlib.redirect_stderr(errors):
        _every_warning()
        result, text = _checked(target, folder, rng, limit_s)
    if result == "finding":
        return result, text
    if heard:
        return "finding", f"a warning: {_without_numbers(str(heard[0].message))}\n{heard[0]}"
    if errors.getvalue():
        return "finding", f"text on standard error\n{errors.getvalue()[:2000]}"
    if (grown := memory_bytes("VmHWM") - start) > MOST_BYTES:
        line = f"takes more than {MOST_BYTES >> 20} MiB of memory"
        return "finding", f"{line}\n{grown >> 20} MiB; {result} {text}"
    return result, text


def _checked(target: Target, folder: Path, rng: Random, limit_s: float) -> tuple[str, str]:
    try:
        with _limited(limit_s):
            target.check(folder, rng)
    except InputError as error:
        problem = line_problem(str(error))
        return ("finding", f"{problem}\n{error!s}") if problem else ("refused", str(error))
    except (Exception, SlowError, SystemExit, KeyboardInterrupt) as error:
        return "finding", f"{_kind(error)}\n{traceback.format_exc()}"
    return "accepted", ""


def _every_warning() -> None:
    """Hear what a user would see."""
    warnings.simplefilter("always")
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning):
        warnings.simplefilter("ignore", category)
    for message in UNNECESSARY:
        warnings.filterwarnings("ignore", message=message)


@contextlib.contextmanager
def _limited(limit_s: float) -> Iterator[None]:
    """Bound the processor time, and the time that a call waits for something."""

    def slow(*_: object) -> None:
        raise SlowError(f"takes more than {limit_s} s of processor time")

    def waits(*_: object) -> None:
        raise SlowError(f"waits for more than {5 * limit_s} s")

    before = signal.signal(signal.SIGPROF, slow), signal.signal(signal.SIGALRM, waits)
    signal.setitimer(signal.ITIMER_PROF, limit_s, 1)  # again, if a library stops the first
    signal.setitimer(signal.ITIMER_REAL, 5 * limit_s, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in zip((signal.SIGPROF, signal.SIGALRM), before, strict=True):
            signal.signal(number, handler)


def _memory_from_now() -> int:
    """The bytes in memory now, from which VmHWM then counts."""
    give_back_memory()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return memory_bytes("VmHWM")


def give_back_memory() -> None:
    """Give freed memory back to the system: the commands keep it, and then reuse it unseen."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def memory_bytes(field: str) -> int:
    """Return the bytes of a line of /proc/self/status, such as VmRSS."""
    match = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    return int(match[1]) * 1024 if match else 0


def _kind(error: BaseException) -> str:
    """A short text that is the same for findings of one cause."""
    frames = [
        f"{Path(frame.filename).name} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "ecg_lightning" in frame.filename
    ]
    own = isinstance(error, WrongError)
    text = _without_numbers(str(error))
    return f"{type(error).__name__}: {text if own else text[:40]} ({frames[-1] if frames else '-'})"


def _without_numbers(text: str) -> str:
    text = re.sub(r"[0-9]+", "N", " ".join(text.split()))[:100]
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def digest_of(folder: Path) -> bytes:
    """A hash of the names, types and bytes of an input."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name, regular = path.relative_to(folder).as_posix(), path.is_file()
        digest.update(repr((name, regular)).encode("utf-8", "surrogateescape"))
        digest.update(path.read_bytes() if regular else b"")
    return digest.digest()


class Reports:
    """The pipe to fuzz.py. What libraries print goes to standard error."""

    def __init__(self) -> None:
        self.pipe = os.dup(1)
        os.dup2(2, 1)

    def say(self, **report: Any) -> None:
        """Send a line of JSON."""
        os.write(self.pipe, json.dumps(report).encode() + b"\n")


def work(target: Target, name: str, seed: int, first: int, folder: Path, limit_s: float) -> None:
    """Read inputs without end."""
    reports, start, digest, place = Reports(), 0, hashlib.sha256(), folder / "input"
    most = memory_bytes("VmSize") + MOST_ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for number in itertools.count(first):
        rng = rng_of(name, seed, number)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        target.write(place, rng)
        digest.update(digest_of(place))
        reports.say(begins=number)
        past = target.past_header(place)
        result, text = outcome(target, place, rng, limit_s)
        if not start or number == first + WARM_INPUTS:
            start = memory_bytes("VmRSS")
        reports.say(
            input=number,
            outcome=result,
            past=past,
            text=text,
            kind=text.partition("\n")[0],
            memory=[size / 2**20 for size in (start, memory_bytes("VmRSS"))],
            process=first,
            digest=digest.hexdigest()[:12],
        )
        if not sys.stdin.buffer.read(1):  # fuzz.py has kept the input, or wants no more
            return


@contextlib.contextmanager
def prepared(name: str, folder: Path) -> Iterator[Target]:
    """A target with its valid files; the working folder is `folder` in the meantime."""
    target = target_of(name)
    (folder / "valid").mkdir()
    with (
        open(os.devnull, "w") as unread,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(unread),
        mock.patch.dict(os.environ, ECG_LIGHTNING_CACHE=str(folder / "cache")),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.prepare(folder / "valid")
            _accept_valid(target, folder)
        yield target


def _accept_valid(target: Target, folder: Path) -> None:
    """Read valid files, which must be accepted. What is imported late then is."""
    for number in range(VALID_INPUTS):
        files = folder / f"input-{number}"
        files.mkdir()
        target.write(files, Random(number), damage=False)
        target.check(files, Random(number))


def again(kept: Path) -> int:
    """Read a kept input again, and print its outcome; return 1 for a finding."""
    facts = json.loads((kept / "finding.json").read_text())
    with tempfile.TemporaryDirectory() as name:
        files, unused = Path(name) / "input", Path(name) / "unused"
        subprocess.run(["cp", "-a", str(kept), str(files)], check=True)
        for path in files.glob("finding.*"):
            path.unlink()
        unused.mkdir()
        with prepared(facts["target"], Path(name)) as target:
            rng = rng_of(facts["target"], facts["seed"], facts["input"])
            target.write(unused, rng)  # `check` draws after `write`
            result, text = outcome(target, files, rng)
    print(result, text, sep="\n")
    return int(result == "finding")


def plant(fault: str, target: Target) -> None:
    """Let a target fail on one input in sixteen: the tests show that this is found."""
    check: Callable[[Path, Random], None] = target.check

    def faulty(folder: Path, rng: Random) -> None:
        if digest_of(folder)[0] < 16:
            FAULTS[fault]()
        check(folder, rng)

    target.check = faulty  # type: ignore[method-assign]


def _hang() -> None:
    while True:
        pass


def _stuck() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(60)


FAULTS: dict[str, Callable[[], object]] = {
    "death": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "hang": _hang,
    "sleep": lambda: time.sleep(60),
    "stuck": _stuck,
    "memory": lambda: b"x" * (2 * MOST_BYTES),
    "warning": lambda: warnings.warn("planted", stacklevel=1),
    "text": lambda: print("planted", file=sys.stderr),
    "error": lambda: 1 // 0,
}


def main() -> int:
    """Run the process: TARGET SEED FIRST FOLDER LIMIT_S FAULT, or --again FOLDER."""
    if sys.argv[1] == "--again":
        return again(Path(sys.argv[2]).absolute())
    name, seed, first, place, limit_s, fault = sys.argv[1:]
    folder = Path(place)
    with prepared(name, folder) as target:
        if fault:
            plant(fault, target)
        work(target, name, int(seed), int(first), folder, float(limit_s))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`ecg-lightning annotate` in several processes: jobs, signals, many files, the real networks."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import wfdb

from ecg_lightning.system.preemption import TRY_AGAIN
from tests.helpers.annotate_command import (
    annotate,
    calls,
    contents,
    own,
    summary,
    use_stand_in,
    write_tables,
)
from tests.helpers.cli import Outcome
from tests.helpers.paths import ROOT
from tests.helpers.records import ecg_like, write_record
from tests.helpers.stand_in import LOADER


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the stand-in's log."""
    return use_stand_in(monkeypatch, tmp_path_factory.mktemp("log"))


class TestSeveralAtATime:
    def test_give_the_same_files(self, tmp_path: Path, stand_in: Path) -> None:
        """A worker that is killed costs its recording, and nothing else."""
        names = ("a", "b-killed", "c", "d-bad", "e", "f")
        write_tables(tmp_path, *(f"in/{name}" for name in names))
        together = annotate(tmp_path, "in", "--jobs", "2")
        assert together.status == 1
        assert together.err.splitlines()[0] == (
            "ecg-lightning: warning: in/b-killed.csv: expected a worker process that annotates it, "
            "found one that was killed by SIGKILL; if memory was short, work on fewer recordings "
            "at a time (--jobs)"
        )
        assert len(calls(stand_in, "loaded")) in (2, 3)  # a new one may come too late
        (tmp_path / "out").rename(tmp_path / "together")
        (tmp_path / "in/b-killed.csv").unlink()
        alone = annotate(tmp_path, "in")
        assert alone.status == 1
        theirs = contents(tmp_path / "together")
        ours = contents(tmp_path / "out")
        about_all = {"summary.csv", "index.html", ".annotate/b-killed.json"}
        assert theirs.keys() == ours.keys() | about_all
        assert all(theirs[name] == ours[name] for name in ours.keys() - about_all)

    def test_the_first_bad_one_can_stop_them(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/bad-1", "in/bad-2", "in/bad-3")
        outcome = annotate(tmp_path, "in", "--jobs", "2", "--on-error", "stop")
        assert outcome.status == 2
        assert re.fullmatch(r"ecg-lightning: bad-\d: expected good samples, .*\n", outcome.err)
        assert own(tmp_path / "out") == set()


class TestSignals:
    """In a process of their own, as a signal may end pytest."""

    CODE = (
        "import sys, ecg_lightning.cli.annotate.command as a\n"
        "from ecg_lightning.cli.main import main\n"
        f"if __name__ == '__main__': a.LOADER = {LOADER!r}; sys.exit(main(sys.argv[1:]))"
    )

    def run(self, folder: Path, *words: str) -> Outcome:
        script = folder / "run.py"
        script.write_text(self.CODE)
        line = [sys.executable, str(script), "annotate", "in", "--output", "out", "--fs", "100"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*line, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    @pytest.mark.parametrize(
        ("name", "words", "status", "received"),
        [
            ("terminated-2", (), TRY_AGAIN, "SIGTERM"),
            ("interrupted-2", (), 128 + signal.SIGINT, "Ctrl-C"),
            ("terminated-worker-2", ("--jobs", "2"), TRY_AGAIN, "SIGTERM"),
        ],
    )
    def test_keep_what_is_finished(
        self, name: str, words: tuple[str, ...], status: int, received: str, tmp_path: Path
    ) -> None:
        write_tables(tmp_path, "in/1", f"in/{name}")
        outcome = self.run(tmp_path, *words)
        line = rf"ecg-lightning: {received}: stopped; ([01]) of 2 recordings annotated(.*)\n"
        match = re.fullmatch(line, outcome.err)
        assert match
        resume = "; to resume, repeat the command with --shard 1/1"
        assert match[2] == (resume if match[1] == "1" else "")
        assert (outcome.status, outcome.out) == (status, "")
        whole = {f"1.{ending}" for ending in ("ecl", "csv", "html")}
        if words:  # another process works on the first recording at the same time
            assert own(tmp_path / "out") <= whole
        else:
            assert (match[1], own(tmp_path / "out")) == ("1", whole)
            (tmp_path / f"in/{name}.csv").rename(tmp_path / "in/2.csv")
            before = (tmp_path / "out/1.csv").stat().st_mtime_ns
            again = self.run(tmp_path, "--shard", "1/1")
            assert again.status == 0
            assert "shard 1/1: 2 of 2 recordings annotated (1 earlier)" in again.out
            assert (tmp_path / "out/1.csv").stat().st_mtime_ns == before


def test_sixty_files_of_which_three_are_broken(tmp_path: Path, stand_in: Path) -> None:
    write_tables(tmp_path, *(f"in/{number}" for number in range(57)))
    for number in range(3):
        (tmp_path / f"in/broken-{number}.edf").write_bytes(b"0       " + bytes(400))
    outcome = annotate(tmp_path, "in", "--write", "wfdb,csv", "--jobs", "2")
    assert outcome.status == 1
    assert "\n57 of 60 recordings annotated, 3 skipped\n" in outcome.out
    lines = outcome.err.splitlines()
    assert len(lines) == 3
    for number, line in enumerate(lines):
        assert line.startswith(f"ecg-lightning: warning: in/broken-{number}.edf: expected ")
    assert len(calls(stand_in, "loaded")) == 2
    assert [row["status"] for row in summary(tmp_path)].count("done") == 57


REAL = """
import sys
from ecg_lightning.cli.main import main
status = main(["annotate", *sys.argv[1:]])
heavy = ("lightning", "torchmetrics", "sklearn", "matplotlib", "wfdb", "torchaudio", "jsonargparse")
print(status, [name for name in heavy if name in sys.modules], "torch" in sys.modules)
"""


def test_the_real_networks_need_neither_lightning_nor_its_like(tmp_path: Path) -> None:
    record = ecg_like(symbols="N" * 30)
    write_record(tmp_path, record)
    line = [sys.executable, "-c", REAL, "r", "--output", "out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0 [] True"
    marks = wfdb.rdann(str(tmp_path / "out/r"), "ecl")
    assert abs(sum(symbol != "~" for symbol in marks.symbol) - 30) <= 2

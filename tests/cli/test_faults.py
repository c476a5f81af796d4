"""Faults from outside: a second process in the same folder, a killed process, a full disk.

docs/faults.md has the table of all faults and their tests.
"""

import contextlib
import errno
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_lightning.cli.trainer.run_evaluation import write_predictions
from ecg_lightning.data import beat_files
from ecg_lightning.data.beat_files import load
from ecg_lightning.data.beats import BeatSettings, tables_of_records
from ecg_lightning.data.cache import cached_beats, key_of
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.evaluation import EVALUATION
from ecg_lightning.evaluation.predictions import PREDICTIONS
from ecg_lightning.records.databases import Database, open_database
from ecg_lightning.records.leads import ANY_ECG
from ecg_lightning.records.synthetic.database import write_synthetic
from ecg_lightning.report.writer import PER_RECORD, REPORT, write_evaluation
from ecg_lightning.system.checksums import sha256_of
from ecg_lightning.system.locks import one_at_a_time
from ecg_lightning.system.paths import cannot_write
from tests.helpers.cli import Outcome, command, one_cache
from tests.helpers.evaluations import evaluation_of
from tests.helpers.paths import ROOT
from tests.helpers.records import beats_of, database_of, ecg_like

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database_of(tmp_path / "records", *(ecg_like(name) for name in "abcd"))
    return open_database("wfdb", tmp_path / "records", tmp_path)


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def child(code: str, *arguments: object) -> "subprocess.Popen[str]":
    lines = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        lines, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def fill(database: Database, folder: Path) -> None:
    cached_beats(
        database, BeatSettings(), folder, lambda: tables_of_records(database, BeatSettings())
    )


def test_every_test_that_the_table_names_is_there() -> None:
    named = re.findall(
        r"([\w/]*test_\w+\.py)::(test_\w+)", (ROOT / "docs" / "faults.md").read_text()
    )
    assert len(named) > 20
    assert [
        (file, name)
        for file, name in named
        if f"def {name}(" not in (ROOT / "tests" / file).read_text()
    ] == []


# A second process in the same folder.

PREPARES = """
import sys
from pathlib import Path
from ecg_lightning.data.beats import BeatSettings
from ecg_lightning.data.cache import cached_beats
from ecg_lightning.records.databases import open_database
root, cache = map(Path, sys.argv[1:])
database = open_database("wfdb", root, cache)
cached_beats(database, BeatSettings(), cache, lambda: sys.exit("built a second time"))
"""
DOWNLOADS = """
import sys
from pathlib import Path
from ecg_lightning.system.download import download_files
download_files("http://127.0.0.1:9/", {"a.dat": sys.argv[2]}, Path(sys.argv[1]))
"""
SIMULATES = """
import sys
from pathlib import Path
from ecg_lightning.records.databases import prepare_database
prepare_database("synthetic", Path(sys.argv[1]), Path(sys.argv[1]))
"""


def waits_for(second: "subprocess.Popen[str]", made: Path) -> None:
    """Return when the second process has printed that it waits."""
    assert second.stderr is not None
    expected = f"ecg-lightning: waiting: another process is using {made}\n"
    assert second.stderr.readline() == expected


def ends_well(second: "subprocess.Popen[str]") -> None:
    _, rest = second.communicate(timeout=60)
    assert (second.returncode, rest) == (0, "")


def test_a_second_process_waits_for_the_beats_and_reads_them(
    database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "cache" / f"beats-{key_of(database, BeatSettings())}"
    with one_at_a_time(folder) as alone:
        assert alone
        second = child(PREPARES, database.root, tmp_path / "cache")
        waits_for(second, folder)
        beat_files.save(tables_of_records(database, BeatSettings()), folder)
    ends_well(second)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]  # no lock, no leftovers


def test_a_second_process_waits_for_a_download(tmp_path: Path) -> None:
    """It uses the finished file and opens no connection: its address has no server."""
    folder = tmp_path / "db"
    (tmp_path / "content").write_bytes(b"content")
    with one_at_a_time(folder):
        second = child(DOWNLOADS, folder, sha256_of(tmp_path / "content"))
        waits_for(second, folder)
        (tmp_path / "content").rename(folder / "a.dat")
    ends_well(second)
    assert {path.name for path in tmp_path.iterdir()} == {"db"}


def test_a_second_process_waits_for_the_synthetic_database(tmp_path: Path) -> None:
    folder = tmp_path / "synthetic"
    with one_at_a_time(folder):
        second = child(SIMULATES, folder)
        waits_for(second, folder)
        write_synthetic(folder, patients=1, minutes=0.5)  # the second would write twelve records
        written = bytes_below(folder)
    ends_well(second)
    assert bytes_below(folder) == written


def no_locks(*_: object) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


def test_without_locks_work_continues_and_leaves_the_files_of_others(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache" / f"beats-{key_of(database, BeatSettings())}"
    # Its process may run on another machine.
    others = folder.with_name(f".{folder.name}-other")
    others.mkdir(parents=True)
    monkeypatch.setattr("fcntl.flock", no_locks)
    with one_at_a_time(folder) as alone:
        assert not alone
    fill(database, tmp_path / "cache")
    assert load(folder) is not None
    assert others.is_dir()


def test_a_place_that_cannot_be_written_has_no_lock(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with one_at_a_time(tmp_path / "file" / "beats") as alone:
        assert not alone


def test_the_lock_is_given_back_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(InputError), one_at_a_time(tmp_path / "beats"):
        raise InputError("no")
    assert not any(tmp_path.iterdir())
    with one_at_a_time(tmp_path / "beats") as alone:
        assert alone


# A process that is killed.

HALF = """
import sys, time
from pathlib import Path
from ecg_lightning.data.beats import BeatSettings, tables_of_records
from ecg_lightning.data.cache import cached_beats
from ecg_lightning.records.databases import open_database
root, cache = map(Path, sys.argv[1:])
database = open_database("wfdb", root, cache)
def half():
    for number, table in enumerate(tables_of_records(database, BeatSettings())):
        if number == 2:
            print("half", flush=True)
            time.sleep(600)
        yield table
cached_beats(database, BeatSettings(), cache, half)
"""


def test_a_preparation_that_was_killed_and_is_repeated_gives_the_same_bytes(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(database, tmp_path / "uninterrupted")
    killed = child(HALF, database.root, tmp_path / "cache")
    assert killed.stdout is not None
    assert killed.stdout.readline() == "half\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    left = [path.name for path in (tmp_path / "cache").iterdir()]
    assert len(left) == 2  # the lock and half the files, both hidden
    assert all(name.startswith(".beats-") for name in left)
    fill(database, tmp_path / "cache")
    assert bytes_below(tmp_path / "cache") == bytes_below(tmp_path / "uninterrupted")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert capsys.readouterr().err == ""


# A disk that is full.


@contextlib.contextmanager
def files_of_at_most(count: int) -> Iterator[None]:
    """Limit the size of every file that this process writes: it fails as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        not mount
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True
        ).returncode
    ):
        pytest.skip("a full disk not tested: no right to mount a small file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def complaint(outcome: Outcome) -> str:
    """The one line of a refused command."""
    assert outcome.status == 2
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("ecg-lightning: ")]
    assert "Traceback" not in outcome.err
    return line.removeprefix("ecg-lightning: ")


def prepare(records: Path, folder: Path) -> Outcome:
    return command(
        [
            "prepare",
            "--data.source",
            "wfdb",
            "--data.split",
            "all",
            "--data.root",
            str(records),
            "--data.cache_dir",
            str(folder),
        ],
        ROOT,
    )


def test_a_disk_that_is_full_while_beats_are_written(
    database: Database, tmp_path: Path, small_disk: Path
) -> None:
    fill(replace_records(database, 2), small_disk)  # complete beats of another database
    good = bytes_below(small_disk)
    (small_disk / "ballast").write_bytes(bytes(950 << 10))
    line = complaint(prepare(database.root, small_disk))
    assert line.startswith(
        f"{small_disk}/beats-{key_of(database, BeatSettings(lead=ANY_ECG))}: "
        "expected room for more than 0.0 MiB of beats, found No space left on device; "
    )
    assert line.endswith(
        "found No space left on device; make room on this disk "
        "(the other beats-* folders there hold 0.0 MiB and are built again when needed), "
        "or choose another cache folder (--data.cache_dir)"
    )
    (small_disk / "ballast").unlink()
    assert bytes_below(small_disk) == good  # nothing half-written, nothing lost
    assert prepare(database.root, small_disk).status == 0


def replace_records(database: Database, count: int) -> Database:
    return Database("wfdb", database.root, database.records[:count], database.patients)


def test_a_cache_whose_files_may_not_grow(database: Database, tmp_path: Path) -> None:
    with files_of_at_most(20_000):  # four records of nine beats take 36 kB of signals
        line = complaint(prepare(database.root, tmp_path / "cache"))
    assert (
        "of beats, found File too large; "
        "raise the largest size of a file (ulimit -f), or choose another cache folder "
        "(--data.cache_dir)" in line
    )
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_report_that_finds_no_room(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "run", evaluation_of())
    page = tmp_path / "page.html"
    assert command(["report", "run", "--output", str(page)], tmp_path).status == 0
    good = bytes_below(tmp_path)
    with files_of_at_most(len(good["page.html"]) // 2):
        line = complaint(command(["report", "run", "--output", str(page)], tmp_path))
    assert line == (
        f"{page}: expected room for 0.0 MiB, found File too large; "
        "raise the largest size of a file (ulimit -f), or choose another file (--output)"
    )
    assert bytes_below(tmp_path) == good


@pytest.mark.parametrize("short", [PER_RECORD, PREDICTIONS, EVALUATION, REPORT])
def test_an_evaluation_that_finds_no_room_leaves_whole_files(tmp_path: Path, short: str) -> None:
    """Each file is the old or the new one. The file that did not fit is the old one."""
    write_evaluation(tmp_path / "run", evaluation_of())
    old = bytes_below(tmp_path / "run")
    other = evaluation_of(epochs=7, samples=evaluation_of().samples + 1)
    write_evaluation(tmp_path / "new" / "run", other)
    new = bytes_below(tmp_path / "new" / "run")
    with (
        files_of_at_most(len(new[short]) - 1),
        pytest.raises(InputError, match=r"expected room for .* MiB, found File too large; raise"),
    ):
        write_evaluation(tmp_path / "run", other)
    after = bytes_below(tmp_path / "run")
    assert after.keys() == old.keys()
    assert after[short] == old[short]
    assert all(after[name] in (old[name], new[name]) for name in after)


def test_predictions_that_find_no_room(tmp_path: Path) -> None:
    beats, probabilities = beats_of([0, 1, 2]), evaluation_of().probabilities
    path = tmp_path / "predictions.csv"
    write_predictions(path, beats, beats.labels[:2], probabilities[:2])
    good = bytes_below(tmp_path)
    with (
        files_of_at_most(50),
        pytest.raises(InputError, match=r"csv: expected room for 0\.0 MiB, found File too large"),
    ):
        write_predictions(path, beats, beats.labels, probabilities[:3])
    assert bytes_below(tmp_path) == good


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.EDQUOT, "room for 1 MiB"), (errno.EROFS, "a place that can be written")],
)
def test_a_quota_is_a_full_disk_and_a_disk_without_rights_is_none(
    number: int, expected: str
) -> None:
    cause = OSError(number, os.strerror(number))
    error = cannot_write(Path("a"), cause, content="1 MiB", hint="do this")
    assert str(error) == f"a: expected {expected}, found {os.strerror(number)}; do this"


# Damaged beats, through the command line; tests/data/test_cache.py has every way of damage.


def test_a_bit_that_was_turned_is_said_in_one_line_and_the_beats_are_built_again(
    database: Database, tmp_path: Path
) -> None:
    assert prepare(database.root, tmp_path / "cache").status == 0
    good = bytes_below(tmp_path / "cache")
    path = next((tmp_path / "cache").glob("beats-*/signals.npy"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    outcome = prepare(database.root, tmp_path / "cache")
    (line,) = [
        line
        for line in outcome.err.splitlines()
        if line.startswith("ecg-lightning: ") and not line.startswith("ecg-lightning: warning: ")
    ]
    assert outcome.status == 0
    assert line.startswith(f"ecg-lightning: {path}: expected CRC-32 ")
    assert line.endswith("; the beats are built again")
    assert bytes_below(tmp_path / "cache") == good

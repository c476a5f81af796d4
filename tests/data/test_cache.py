"""The beats cache: which call finds an entry, which makes one, and every kind of damage."""

import json
import os
import re
import shutil
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ecg_lightning.data import beat_files, cache
from ecg_lightning.data.beat_files import DamagedError, load, save
from ecg_lightning.data.beats import (
    ARRAYS,
    OF_RECORDS,
    Beats,
    BeatSettings,
    beats_of_records,
    concatenate,
)
from ecg_lightning.data.cache import cached_beats, cached_kaggle, key_of
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import Database, open_database
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.system.locks import one_at_a_time
from tests.helpers.paths import ROOT
from tests.helpers.records import beats_of, database_of, ecg_like, write_record

TABLE = beats_of([0, 1, 2, 3, 4, 0, 0])


class Builder:
    """Gives a table and counts how often it was asked."""

    def __init__(self, beats: Beats = TABLE) -> None:
        self.beats, self.calls = beats, 0

    def __call__(self) -> list[Beats]:
        self.calls += 1
        return [self.beats]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return database_of(tmp_path / "records", ecg_like("a"), ecg_like("b", "NNVNN"))


def assert_equal(found: Beats | None, expected: Beats) -> None:
    assert found is not None
    assert found.fs_hz == expected.fs_hz
    for name in OF_RECORDS:
        assert getattr(found, name) == getattr(expected, name)
    for name in ARRAYS:
        assert getattr(found, name).dtype == getattr(expected, name).dtype
        assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_second_call_reads_what_the_first_has_written(
    database: Database, tmp_path: Path
) -> None:
    build = Builder(beats_of_records(database, BeatSettings()))
    for _ in range(3):
        assert_equal(cached_beats(database, BeatSettings(), tmp_path / "cache", build), build.beats)
    assert (build.beats.leads, build.beats.recorded_fs_hz) == (("MLII",), (360.0,))
    assert build.calls == 1
    assert names_in(tmp_path / "cache") == {f"beats-{key_of(database, BeatSettings())}"}


def test_arrays_are_mapped_and_writing_to_them_changes_memory_only(tmp_path: Path) -> None:
    save([TABLE], tmp_path / "t")
    found = load(tmp_path / "t")
    assert found is not None
    assert isinstance(found.signals, np.memmap)
    found.signals[:] = -1
    assert_equal(load(tmp_path / "t"), TABLE)


@pytest.mark.parametrize(
    "other",
    [
        BeatSettings(segmentation="annotations"),
        BeatSettings(lead=1),
        BeatSettings(lead="MLII"),
        BeatSettings(fs_hz=250.0),
        BeatSettings(window_samples=255),
        BeatSettings(normalization="window"),
        BeatSettings(classes="aami"),
    ],
)
def test_changed_settings_make_another_entry(
    database: Database, tmp_path: Path, other: BeatSettings
) -> None:
    build = Builder()
    cached_beats(database, BeatSettings(), tmp_path / "cache", build)
    cached_beats(database, other, tmp_path / "cache", build)
    assert build.calls == 2
    assert len(names_in(tmp_path / "cache")) == 2


@pytest.mark.parametrize("ending", ["hea", "dat", "atr"])
def test_one_changed_byte_of_any_file_makes_another_entry(
    database: Database, tmp_path: Path, ending: str
) -> None:
    before = key_of(database, BeatSettings())
    path = database.root / f"b.{ending}"
    content, times = bytearray(path.read_bytes()), path.stat()
    content[10] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # neither size nor time tells
    assert key_of(database, BeatSettings()) != before
    content[10] ^= 1
    path.write_bytes(content)
    assert key_of(database, BeatSettings()) == before


@pytest.mark.parametrize("changed", ["r.hea", "layout.hea", "a.hea", "a.dat", "b.dat", "r.atr"])
def test_one_changed_byte_of_any_segment_makes_another_entry(tmp_path: Path, changed: str) -> None:
    for name in "ab":
        write_record(tmp_path, ecg_like(name))
    samples = len(ecg_like().signal)
    (tmp_path / "a.atr").rename(tmp_path / "r.atr")
    (tmp_path / "layout.hea").write_text("layout 1 360 0\n~ 0 1000 16 0 0 0 0 MLII\n")
    lines = ["layout 0", f"a {samples}", "~ 720", f"b {samples}"]
    (tmp_path / "r.hea").write_text("\n".join([f"r/4 1 360 {2 * samples + 720}", *lines, ""]))
    database = Database("wfdb", tmp_path, ("r",), {"r": ""})
    assert len(beats_of_records(database, BeatSettings("annotations"))) == 9
    before = key_of(database, BeatSettings())
    content = (tmp_path / changed).read_bytes()
    (tmp_path / changed).write_bytes(content + b"#\n")
    assert key_of(database, BeatSettings()) != before


def test_a_record_that_is_its_own_segment_has_a_key(tmp_path: Path) -> None:
    (tmp_path / "r.hea").write_text("r/2 1 360 20\nr 10\nr 10\n")
    assert key_of(Database("wfdb", tmp_path, ("r",), {"r": ""}), BeatSettings())


def test_a_missing_signal_file_makes_another_entry(database: Database) -> None:
    before = key_of(database, BeatSettings())
    (database.root / "a.dat").unlink()
    assert key_of(database, BeatSettings()) != before


@pytest.mark.parametrize(
    "change",
    [
        lambda d: replace(d, records=("b", "a")),
        lambda d: replace(d, records=("a",)),
        lambda d: replace(d, annotator="qrs"),
        lambda d: replace(d, patients={"a": "x", "b": "x"}),
    ],
)
def test_other_records_patients_or_annotators_make_another_entry(
    database: Database, change: Callable[[Database], Database]
) -> None:
    assert key_of(change(database), BeatSettings()) != key_of(database, BeatSettings())


def test_the_key_does_not_depend_on_where_the_records_are(
    database: Database, tmp_path: Path
) -> None:
    moved = Path(shutil.move(database.root, tmp_path / "elsewhere"))
    key = key_of(replace(database, root=moved), BeatSettings())
    shutil.move(moved, database.root)
    assert key == key_of(database, BeatSettings())
    assert len(key) == 16
    assert set(key) <= set("0123456789abcdef")


def test_records_in_subfolders_have_their_files_there(tmp_path: Path) -> None:
    database_of(tmp_path / "sub", ecg_like("a"))
    database = Database("wfdb", tmp_path, ("sub/a",), {"sub/a": "a"})
    before = key_of(database, BeatSettings())
    with open(tmp_path / "sub" / "a.dat", "ab") as file:
        file.write(b"\0")
    assert key_of(database, BeatSettings()) != before


@pytest.mark.parametrize("file", ["r.hea", "r.atr", "a.hea", "a.dat", "b.hea", "b.dat"])
def test_a_record_with_segments_has_all_their_files(database: Database, file: str) -> None:
    """The annotations of a segment are not those of the record."""
    root = database.root
    (root / "r.hea").write_text("r/3 1 360\na 3\n~ 2\nb 3\n")
    (root / "r.atr").write_bytes(b"\0\0")
    whole = Database("wfdb", root, ("r",), {"r": "p"})
    before = key_of(whole, BeatSettings())
    (root / "a.atr").write_bytes(b"\0\0")
    assert key_of(whole, BeatSettings()) == before
    with open(root / file, "ab") as stream:
        stream.write(b"\n")
    assert key_of(whole, BeatSettings()) != before


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x40
    path.write_bytes(content)


def lengthened(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES = [
    (truncated, r"expected [\d,]+ bytes, found [\d,]+"),
    (lengthened, r"expected [\d,]+ bytes, found [\d,]+"),
    (emptied, r"expected [\d,]+ bytes, found 0"),
    (flipped, "expected CRC-32 [0-9a-f]{8}, found [0-9a-f]{8}"),
    (Path.unlink, "expected a file that can be read, found No such file or directory"),
]


@pytest.mark.parametrize(("damage", "found"), DAMAGES)
@pytest.mark.parametrize("name", [*(f"{name}.npy" for name in ARRAYS)])
def test_a_damaged_array_is_found_said_and_built_again(
    database: Database,
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], None],
    found: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build, folder = Builder(), tmp_path / "cache" / f"beats-{key_of(database, BeatSettings())}"
    cached_beats(database, BeatSettings(), tmp_path / "cache", build)
    assert capsys.readouterr().err == ""
    damage(folder / name)
    with pytest.raises(DamagedError, match=found):
        load(folder)
    assert_equal(cached_beats(database, BeatSettings(), tmp_path / "cache", build), TABLE)
    assert re.fullmatch(
        f"ecg-lightning: {re.escape(str(folder / name))}: {found}; the beats are built again\n",
        capsys.readouterr().err,
    )
    assert build.calls == 2
    assert names_in(folder.parent) == {folder.name}


OTHER_FILE = r"expected what this program writes, found something else \(\w+\)"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        *(
            (text, OTHER_FILE)
            for text in ("", "{", "[]", "null", "{}", "7", '{"files": {}}', "\udcff", "[" * 100_000)
        ),
        *(
            (f'{{"version": {beat_files.VERSION}, {rest}', OTHER_FILE)
            for rest in ('"files": {}}', '"files": null, "fs_hz": 360}')
        ),
        ('{"version": 99}', f"expected version {beat_files.VERSION}, found 99"),
        (None, "expected a file that can be read, found No such file or directory"),
    ],
)
def test_a_damaged_manifest_is_reported_and_built_again(
    database: Database,
    tmp_path: Path,
    content: str | None,
    found: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build, folder = Builder(), tmp_path / "cache" / f"beats-{key_of(database, BeatSettings())}"
    cached_beats(database, BeatSettings(), tmp_path / "cache", build)
    path = folder / "manifest.json"
    path.unlink() if content is None else path.write_bytes(content.encode(errors="surrogateescape"))
    assert_equal(cached_beats(database, BeatSettings(), tmp_path / "cache", build), TABLE)
    assert re.fullmatch(
        f"ecg-lightning: {re.escape(str(path))}: {found}; the beats are built again\n",
        capsys.readouterr().err,
    )
    assert build.calls == 2


def test_no_folder_is_no_entry(tmp_path: Path) -> None:
    assert load(tmp_path / "t") is None


def endless(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@pytest.mark.parametrize("kind", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), endless])
def test_a_manifest_that_is_no_file_of_this_program_is_not_read(
    tmp_path: Path, kind: Callable[[Path], None]
) -> None:
    save([TABLE], tmp_path / "beats")
    manifest = tmp_path / "beats" / beat_files.MANIFEST
    manifest.unlink()
    kind(manifest)
    with pytest.raises(DamagedError, match="expected a file of this program, found something else"):
        load(tmp_path / "beats")
    save([TABLE], tmp_path / "beats")
    assert_equal(load(tmp_path / "beats"), TABLE)


def test_a_manifest_without_the_sampling_rate_is_damage(tmp_path: Path) -> None:
    save([TABLE], tmp_path / "t")
    path = tmp_path / "t" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["fs_hz"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(DamagedError, match=r"found something else \(KeyError\)$"):
        load(tmp_path / "t")


def test_large_beats_are_read_through_when_a_file_was_changed_and_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is promised of tables above the limit: see the module's first lines."""
    save([TABLE], tmp_path / "t")
    path, manifest = tmp_path / "t" / "signals.npy", tmp_path / "t" / "manifest.json"
    read: list[Path] = []
    crc32 = beat_files._crc32
    monkeypatch.setattr(beat_files, "READ_THROUGH_BYTES", 0)

    def noted(path: Path) -> int:
        read.append(path)
        return crc32(path)

    monkeypatch.setattr(beat_files, "_crc32", noted)
    assert_equal(load(tmp_path / "t"), TABLE)
    assert read == []
    assert_equal(load(tmp_path / "t", thorough=True), TABLE)
    assert len(read) == len(ARRAYS)
    flipped(path)
    os.utime(path, ns=2 * (manifest.stat().st_mtime_ns + 1,))
    with pytest.raises(DamagedError, match=r"signals\.npy: expected CRC-32"):
        load(tmp_path / "t")
    os.utime(path, ns=2 * (manifest.stat().st_mtime_ns,))  # as if the disk had flipped the bit
    assert load(tmp_path / "t") is not None
    with pytest.raises(DamagedError, match=r"signals\.npy: expected CRC-32"):
        load(tmp_path / "t", thorough=True)


def test_another_version_builds_its_own_entry(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = Builder()
    cached_beats(database, BeatSettings(), tmp_path / "cache", build)
    monkeypatch.setattr(beat_files, "VERSION", beat_files.VERSION + 1)
    cached_beats(database, BeatSettings(), tmp_path / "cache", build)
    assert (build.calls, len(names_in(tmp_path / "cache"))) == (2, 2)


def test_an_entry_holds_its_arrays_and_manifest_for_everybody_to_read(tmp_path: Path) -> None:
    save([TABLE], tmp_path / "t")
    assert names_in(tmp_path / "t") == {"manifest.json", *(f"{name}.npy" for name in ARRAYS)}
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o755


def test_only_the_leftovers_of_this_machine_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_removal(*_: object, **__: object) -> None: ...

    def left_by(node: str) -> set[str]:
        """The temporary folders of a process that was killed on a machine of this name."""
        before = names_in(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr("platform.node", lambda: node)
            patch.setattr("shutil.rmtree", no_removal)
            patch.setattr("os.fsync", fails)
            with pytest.raises(InputError):
                save([TABLE], tmp_path / "t")
        return names_in(tmp_path) - before

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    ours, other = left_by("node1"), left_by("node1-gpu")
    assert len(ours) == len(other) == 1
    monkeypatch.setattr("platform.node", lambda: "node1")
    beat_files.remove_leftovers(tmp_path / "t")
    assert names_in(tmp_path) == other


def test_a_failed_build_leaves_nothing(database: Database, tmp_path: Path) -> None:
    def fails() -> Iterator[Beats]:
        yield TABLE
        raise InputError("no beats")

    with pytest.raises(InputError, match="no beats"):
        cached_beats(database, BeatSettings(), tmp_path / "cache", fails)
    assert names_in(tmp_path / "cache") == set()


@pytest.mark.parametrize("call", ["tempfile.mkdtemp", "os.fsync", "pathlib.Path.rename"])
def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(call, no_space)
        with pytest.raises(InputError) as caught:
            save([TABLE], tmp_path / "cache" / "t")
    assert re.fullmatch(
        f"{tmp_path / 'cache' / 't'}: expected room for more than 0.0 MiB of beats, "
        r"found No space left on device; "
        r"make room on this disk, or choose another cache folder \(cache_dir\)",
        str(caught.value),
    )
    assert names_in(tmp_path / "cache") == set()
    save([TABLE], tmp_path / "cache" / "t")
    assert_equal(load(tmp_path / "cache" / "t"), TABLE)


def test_an_interrupt_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save([TABLE], tmp_path / "t")
    assert names_in(tmp_path) == set()


def test_tables_are_written_one_at_a_time(tmp_path: Path) -> None:
    """Memory does not grow with the records.

    Of twenty tables at most the first, the last and the next are alive.
    """
    alive: weakref.WeakSet[Beats] = weakref.WeakSet()
    most = 0

    def tables() -> Iterator[Beats]:
        nonlocal most
        for seed in range(20):
            table = _Watched(**vars(beats_of([0, 1, 2], seed=seed)))
            alive.add(table)
            most = max(most, len(alive))
            yield table

    save(tables(), tmp_path / "t")
    assert most <= 3
    assert_equal(
        load(tmp_path / "t"), concatenate([beats_of([0, 1, 2], seed=seed) for seed in range(20)])
    )


class _Watched(Beats):
    """Tables that are told apart by identity, so that a set of weak references can hold them."""

    __hash__ = object.__hash__


def test_sound_beats_are_read_while_another_process_holds_the_lock(
    database: Database, tmp_path: Path
) -> None:
    build, folder = Builder(), tmp_path / f"beats-{key_of(database, BeatSettings())}"
    cached_beats(database, BeatSettings(), tmp_path, build)
    with one_at_a_time(folder):
        assert_equal(cached_beats(database, BeatSettings(), tmp_path, build), TABLE)


def test_the_entry_appears_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        seen.append({name for name in names_in(tmp_path) if not name.startswith(".")})
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", watched)
    save([TABLE], tmp_path / "t")
    assert len(seen) == len(ARRAYS)
    assert set().union(*seen) == set()


def test_a_cache_below_a_file_is_refused(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError) as caught:
        cached_beats(database, BeatSettings(), tmp_path / "file" / "cache", Builder())
    folder = tmp_path / "file" / "cache" / f"beats-{key_of(database, BeatSettings())}"
    assert str(caught.value) == (
        f"{folder}: expected a place that can be written, found Not a directory; "
        f"move {tmp_path / 'file'} away, which is no folder, or choose another cache folder "
        "(cache_dir)"
    )
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_rights_is_refused(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o555)
    with pytest.raises(
        InputError,
        match=r"expected a place that can be written, found Permission denied; .*\(cache_dir\)$",
    ):
        cached_beats(database, BeatSettings(), folder, Builder())


def test_an_unreadable_record_is_an_input_error(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, open_file = key_of(database, BeatSettings()), os.open

    def no_rights(path: Path, *options: int) -> int:
        if Path(path).name == "a.hea":
            raise PermissionError(13, "Permission denied", str(path))
        return open_file(path, *options)

    monkeypatch.setattr(os, "open", no_rights)
    with pytest.raises(
        InputError,
        match=r"a\.hea: expected a readable file, found Permission denied; check its permissions$",
    ):
        key_of(database, BeatSettings())
    skipping = key_of(database, BeatSettings(), skip=True)
    assert skipping != right  # the file may be readable next time
    (database.root / "a.hea").unlink()
    (database.root / "a.hea").symlink_to(database.root / "nowhere")
    key_of(database, BeatSettings(), skip=True)


def test_beats_with_skipped_records_are_for_those_who_skip(
    database: Database, tmp_path: Path
) -> None:
    note = RecordNote("a", "skipped", "skipped, it is damaged")
    some, all_of_them = Builder(replace(TABLE, notes=(note,))), Builder()

    def read(build: Builder, skip: bool) -> Beats:
        return cached_beats(database, BeatSettings(), tmp_path / "cache", build, skip=skip)

    for _ in range(2):
        assert read(some, skip=True).notes == (note,)
    assert some.calls == 1
    assert read(all_of_them, skip=False).notes == ()
    assert all_of_them.calls == 1
    assert read(some, skip=True).notes == ()  # the complete beats are preferred
    assert some.calls == 1


def test_beats_of_all_records_are_shared_with_those_who_stop(
    database: Database, tmp_path: Path
) -> None:
    build = Builder()
    for skip in (True, False):
        assert_equal(
            cached_beats(database, BeatSettings(), tmp_path / "cache", build, skip=skip), TABLE
        )
    assert build.calls == 1


def test_beats_that_do_not_read_back_are_refused(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "load", lambda folder, thorough=False: None)
    with pytest.raises(InputError) as caught:
        cached_beats(database, BeatSettings(), tmp_path / "cache", Builder())
    folder = tmp_path / "cache" / f"beats-{key_of(database, BeatSettings())}"
    assert str(caught.value) == (
        f"{folder}: expected the beats that were just written, "
        "found a folder that cannot be read back; "
        "check the disk, or choose another cache folder (cache_dir)"
    )


def test_a_sound_entry_is_not_pulled_from_under_its_reader(tmp_path: Path) -> None:
    """Another process finished first: its entry stays, for it may just be reading it."""
    save([TABLE], tmp_path / "t")
    written = (tmp_path / "t" / "manifest.json").stat().st_ino
    save([TABLE], tmp_path / "t")
    assert (tmp_path / "t" / "manifest.json").stat().st_ino == written
    assert names_in(tmp_path) == {"t"}


# Two processes ask for the same entries at the same moments; every other entry is a damaged one.
WRITER = """
import contextlib, sys, time
from pathlib import Path
from ecg_lightning.data import beat_files, cache
from ecg_lightning.data.beat_files import DamagedError, load, save
from ecg_lightning.data.beats import BeatSettings
from ecg_lightning.data.beat_files import DamagedError, load
from ecg_lightning.data.cache import cached_beats
from ecg_lightning.records.databases import open_database
if sys.argv[5] == "without":
    cache.one_at_a_time = lambda folder: contextlib.nullcontext(False)
root, own, other, rounds = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
beats, database = load(root / "source"), open_database("wfdb", root / "records", root)
for number in range(rounds):
    (root / f"{number}.{own}").touch()
    give_up = time.monotonic() + 20
    while not (root / f"{number}.{other}").exists():
        assert time.monotonic() < give_up, "the other process is gone"
        time.sleep(0)
    found = cached_beats(database, BeatSettings(), root / f"cache-{number}", lambda: [beats])
    assert (found.signals == beats.signals).all(), number
"""


@pytest.mark.parametrize("locks", ["with", "without"])
def test_two_processes_that_want_one_entry_both_get_it(tmp_path: Path, locks: str) -> None:
    rounds = 10
    database_of(tmp_path / "records", ecg_like())
    entry = f"beats-{key_of(open_database('wfdb', tmp_path / 'records', tmp_path), BeatSettings())}"
    save([TABLE], tmp_path / "source")
    for number in range(0, rounds, 2):
        save([TABLE], tmp_path / f"cache-{number}" / entry)
        truncated(tmp_path / f"cache-{number}" / entry / "labels.npy")
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen(
            [*command, own, other, str(rounds), locks], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for own, other in (("a", "b"), ("b", "a"))
    ]
    complaints = [writer.communicate(timeout=120)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], complaints
    for number in range(rounds):
        assert names_in(tmp_path / f"cache-{number}") == {entry}
        assert_equal(load(tmp_path / f"cache-{number}" / entry), TABLE)


def test_kaggles_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cache = tmp_path / "csv", tmp_path / "cache"
    root.mkdir()
    (root / "mitbih_test.csv").write_text(
        "\n".join(",".join(["0.5"] * 187 + [f"{label}.0"]) for label in range(5))
    )
    first = cached_kaggle(root, cache)
    with monkeypatch.context() as patch:
        patch.setattr(
            "ecg_lightning.data.cache.beats_of_kaggle", lambda _: pytest.fail("read again")
        )
        again = cached_kaggle(root, cache)
    assert first.labels.tolist() == again.labels.tolist() == [0, 1, 2, 3, 4]
    (root / "mitbih_test.csv").write_text(",".join(["0.5"] * 187 + ["2.0"]))
    assert cached_kaggle(root, cache).labels.tolist() == [2]

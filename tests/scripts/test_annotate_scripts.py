"""The recordings and the tables of `annotate_many.py` and `annotate_long.py`."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecg_lightning as ecg
from ecg_lightning.annotation.found_beats import FoundBeats
from ecg_lightning.errors import InputError
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from annotate_long import beats_hash, chunks, lengths_table, measured, resident_mib, stream_table
from annotate_many import different, problems, write_table
from broken_recordings import BROKEN
from recording_files import write_wfdb

STEPS = np.random.default_rng(0).integers(-400, 400, (2, 3600)).astype(np.int16)


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda function: function.__name__)
def test_each_broken_recording_is_listed_and_refused(breaks, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    breaks(tmp_path / "piece", STEPS)
    (path,) = ecg.find_recordings(tmp_path)
    with pytest.raises(InputError):
        ecg.read_recording(path).read()


def test_there_are_twenty_ways() -> None:
    assert len(set(BROKEN)) == 20


def test_a_table_holds_the_samples(tmp_path: Path) -> None:
    write_table(tmp_path / "x.csv", STEPS)
    recording = ecg.read_recording(tmp_path / "x.csv")
    assert (recording.fs_hz, recording.samples) == (360.0, 3600)
    np.testing.assert_allclose(recording.read_exactly(leads=[0, 1]), STEPS / 200, atol=1e-9)


def test_what_is_missing_or_too_much_is_named(tmp_path: Path) -> None:
    for name in ("a.ecl", "a.csv", "a.html", "b.ecl", "summary.csv"):
        (tmp_path / name).touch()
    assert problems(tmp_path, "skipped: c", ["a"], ["b", "c"]) == [
        "b: has a file ecl",
        "b: not in the list",
        "no index.html",
    ]


def test_folders_with_other_files_differ(tmp_path: Path) -> None:
    for folder, content in (("x", "1"), ("y", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same").write_text("0")
        (tmp_path / folder / "other").write_text(content)
        (tmp_path / folder / ".state").write_text(content)
    (tmp_path / "y" / "more").touch()
    assert different(tmp_path / "x", tmp_path / "y") == ["more", "other"]


def _beats(*samples: int) -> FoundBeats:
    count = len(samples)
    parts: dict[str, Any] = {
        "samples": np.array(samples, np.int64),
        "p_beat": np.linspace(0, 1, count, dtype=np.float32),
        "probabilities": np.zeros((count, 5), np.float32),
        "quality": np.ones(count, np.float32),
        "unusable": np.zeros((0, 2), np.int64),
    }
    return FoundBeats(**parts)


def test_a_hash_depends_on_the_beats_and_not_on_the_parts() -> None:
    whole = _beats(1, 2)
    first, second = (
        replace(
            whole,
            samples=whole.samples[rows],
            p_beat=whole.p_beat[rows],
            probabilities=whole.probabilities[rows],
            quality=whole.quality[rows],
        )
        for rows in (slice(0, 1), slice(1, 2))
    )
    assert beats_hash([first, second]) == beats_hash([whole])
    assert beats_hash([_beats(1, 3)]) != beats_hash([whole])


def test_chunks_cover_the_recording(tmp_path: Path) -> None:
    write_wfdb(tmp_path / "x", [STEPS], ("a", "b"), 360)
    recording = ecg.read_recording(tmp_path / "x")
    pieces = list(chunks(recording, [0, 1], 7, 3500))
    assert {piece.shape[1] for piece in pieces[:-1]} == {7}
    joined = np.concatenate(pieces, axis=1)
    np.testing.assert_array_equal(joined, recording.read(0, 3500, [0, 1]))


def test_memory_of_a_process_is_its_own() -> None:
    code = (
        "import sys; from annotate_long import measured\n"
        "for code in ('pass', 'b = bytearray(200 << 20)'):\n"
        "    print(measured([sys.executable, '-c', code])['peak_mib'])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT / "scripts", check=True, capture_output=True, text=True)
    small, large = map(float, done.stdout.split())
    assert 150 < large - small < 250
    assert resident_mib() > 10
    with pytest.raises(SystemExit, match="status 3"):
        measured([sys.executable, "-c", "raise SystemExit(3)"])


def test_tables_say_what_differs() -> None:
    rows = {"24 h": {"wall_s": 40.0, "cpu_s": 70.0, "peak_mib": 500.0}}
    assert "| 24 h | 40.0 s | 70.0 s | 500 MiB | 200 MiB |" in lengths_table(rows, 300.0)
    whole = {"beats": 7, "hours": 24.0, "hash": "a", "cpu_s": 9.0}
    stream = {
        "chunk_s": 0.1,
        "hours": 24.0,
        "beats": 7,
        "delay_s": 4.9,
        "resident_mib": {1: 400.0, 12: 401.0},
        "cpu_s": 99.0,
    }
    table = stream_table(whole, [stream | {"hash": "a"}, stream | {"hash": "b"}])
    assert "| 0.1 s | 24.0 h | 7 | yes | 4.90 s | 400, 401 MiB | 99 s |" in table
    assert "| **no**, b |" in table

"""Folders of records on the command line: what is skipped, what is said, and the exit status."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_lightning.cli.trainer.arguments import fit_settings
from tests.helpers.cli import Outcome, command, one_cache
from tests.helpers.records import ecg_like, write_record

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A good record, and one whose signal file is missing."""
    folder = tmp_path / "records"
    record = ecg_like("good")
    behind = np.append(record.annotation_samples, len(record.signal))
    symbols = np.append(record.annotation_symbols, "N")
    write_record(folder, replace(record, annotation_samples=behind, annotation_symbols=symbols))
    write_record(folder, ecg_like("bad"))
    (folder / "bad.dat").unlink()
    (folder / "._good.hea").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    return folder


def run(verb: str, folder: Path, *words: str) -> Outcome:
    """A verb on the records of a folder, by their annotations."""
    data = ["--data.source", "wfdb", "--data.root", str(folder), "--data.split", "all"]
    network = [] if verb == "prepare" else ["--ckpt_path", "DeepConv1d"]
    arguments = [verb, *network, *data, "--data.segmentation", "annotations", *words]
    return command(arguments, folder.parent)


def said(outcome: Outcome) -> list[str]:
    """The lines about other things than the shape of so small a signal."""
    lines = outcome.err.splitlines()
    return [line for line in lines if "flat" not in line and "5 minutes" not in line]


DROPPED = "ecg-lightning: warning: record good: 1 annotation outside the signal is dropped"
SKIPPED = (
    "ecg-lightning: warning: record bad: skipped, bad.dat: expected the signal of bad.hea, found "
    "no such file"
)


class TestSkip:
    @pytest.mark.parametrize("verb", ["test", "prepare"])
    def test_stop_is_the_default(self, odd: Path, verb: str) -> None:
        outcome = run(verb, odd)
        assert outcome.status == 2
        (line,) = outcome.err.splitlines()
        assert line.startswith(f"ecg-lightning: {odd}/bad.dat: expected ")

    def test_test_says_at_the_end_what_it_skipped(self, odd: Path) -> None:
        outcome = run("test", odd, "--data.on_error", "skip")
        assert (outcome.status, said(outcome)) == (1, [DROPPED, SKIPPED])
        evaluation = json.loads((odd.parent / outcome.folder / "evaluation.json").read_text())
        notes = {note["record"]: note["text"] for note in evaluation["notes"]}
        assert notes["bad"] == SKIPPED.partition("record bad: ")[2]
        page = (odd.parent / outcome.folder / "report.html").read_text()
        assert "bad: skipped, bad.dat" in page
        assert str(odd) not in page

    def test_the_second_command_says_it_too(self, odd: Path) -> None:
        outcomes = [run("prepare", odd, "--data.on_error", "skip") for _ in range(2)]
        assert [(outcome.status, said(outcome)) for outcome in outcomes] == [
            (1, [DROPPED, SKIPPED])
        ] * 2

    def test_predict_skips(self, odd: Path) -> None:
        outcome = run("predict", odd)
        assert (outcome.status, said(outcome)) == (1, [DROPPED, SKIPPED])
        assert "good," in (odd.parent / outcome.folder / "predictions.csv").read_text()
        assert run("predict", odd, "--data.on_error", "stop").status == 2

    def test_nothing_left_is_refused(self, odd: Path) -> None:
        (odd / "good.dat").unlink()
        outcome = run("predict", odd)
        assert outcome.status == 2
        (line,) = outcome.err.splitlines()
        assert line.startswith(
            f"ecg-lightning: {odd}: expected a record that can be read, found none in 2 records "
        )


def test_an_annotated_part_of_a_folder_is_status_0(odd: Path) -> None:
    (odd / "bad.atr").unlink()
    outcome = run("prepare", odd)
    unused = "ecg-lightning: warning: record bad: no annotations (.atr), not used"
    assert (outcome.status, said(outcome)) == (0, [unused, DROPPED])


def test_a_folder_without_annotations_is_refused_in_one_true_line(odd: Path) -> None:
    for name in ("good", "bad"):
        (odd / f"{name}.atr").unlink()
    outcome = run("predict", odd)
    assert (outcome.status, outcome.err) == (
        2,
        f"ecg-lightning: {odd}: expected records with annotations (.atr), found 2 records without "
        "(bad, good); put annotation files next to the headers, or choose another annotator "
        "(--data.annotator)\n",
    )


def test_leads_that_differ_are_chosen_by_a_list(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    for name, lead in (("a", "MLII"), ("b", "V5")):
        record = ecg_like(name)
        write_record(folder, replace(record, lead=lead), [("V2", -record.signal)])
    outcome = run("prepare", folder, "--data.lead", "mlii,0")
    copy = "ecg-lightning: warning: record b: the signal files are those of record a"
    assert (outcome.status, said(outcome)) == (0, [copy])
    outcome = run("prepare", folder, "--data.lead", "MLII")
    assert (outcome.status, outcome.err) == (
        2,
        f"ecg-lightning: {folder}/b.hea: expected a lead out of V5, V2 or an index from 0 to 1, "
        "found 'MLII'; choose one of these (--data.lead)\n",
    )
    outcome = run("prepare", folder, "--data.lead", "MLII", "--data.without", "[b]")
    assert (outcome.status, said(outcome)) == (0, [])


class TestTilde:
    @pytest.fixture
    def home(self, odd: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (odd / "bad.hea").unlink()
        monkeypatch.setenv("HOME", str(odd.parent))
        return odd.parent

    def test_in_a_word(self, home: Path) -> None:
        words = ["--data.root=~/records", "--data.cache_dir=~/cache"]
        outcome = run("prepare", home / "records", *words)
        assert (outcome.status, said(outcome)) == (0, [DROPPED])
        assert (home / "cache").is_dir()

    def test_in_a_config(self, home: Path) -> None:
        config = home / "own.yaml"
        config.write_text("data: {root: ~/records}\noutput: ~/run\nckpt_path: ~/x.ckpt\n")
        settings = fit_settings(["--config", str(config)])
        assert (settings["output"], settings["ckpt_path"]) == (f"{home}/run", f"{home}/x.ckpt")
        config.write_text("data: {root: ~/records}\n")
        words = (
            "--data.source",
            "wfdb",
            "--data.segmentation",
            "annotations",
            "--data.split",
            "all",
        )
        outcome = command(["prepare", "--config", str(config), *words], home)
        assert (outcome.status, said(outcome)) == (0, [DROPPED])


def test_an_ecg_is_preferred_although_the_weights_are_of_the_index_0(tmp_path: Path) -> None:
    """The index 0 of MIT-BIH is MLII; of another folder it may be a blood pressure."""
    record, folder = ecg_like("a"), tmp_path / "records"
    pressure = np.full(len(record.signal), 9.0)
    write_record(folder, replace(record, lead="ABP", signal=pressure), [("MLII", record.signal)])
    header = folder / "a.hea"
    header.write_text(header.read_text().replace("/mV", "/mmHg", 1))
    outcome = run("test", folder)
    assert (outcome.status, said(outcome)) == (0, [])
    gallery = json.loads((tmp_path / outcome.folder / "evaluation.json").read_text())["gallery"]
    assert {mistake["strip"]["lead"] for mistake in gallery} == {"MLII"}


def test_a_record_with_segments_and_several_samples_a_frame_is_prepared(tmp_path: Path) -> None:
    """The record has two segments of 128 frames a second; its lead has two samples a frame."""
    folder = tmp_path / "records"
    folder.mkdir()
    whole = ecg_like("whole", fs_hz=256.0)
    stored = np.rint(whole.signal[: len(whole.signal) // 4 * 4] * 1000).astype("<i2")
    for name, samples in zip(("a", "b"), np.split(stored, 2), strict=True):
        samples.tofile(folder / f"{name}.dat")
        total = int(samples.astype(np.int64).sum()) % 65_536
        line = f"{name}.dat 16x2 1000(0)/mV 16 0 0 {total} 0 MLII"
        (folder / f"{name}.hea").write_text(f"{name} 1 128 {len(samples) // 2}\n{line}\n")
    n_frames = len(stored) // 4
    (folder / "whole.hea").write_text(f"whole/2 1 128\na {n_frames}\nb {n_frames}\n")
    frames = whole.annotation_samples // 2
    wfdb.wrann("whole", "atr", frames, whole.annotation_symbols.tolist(), write_dir=str(folder))
    outcome = run("prepare", folder)
    assert (outcome.status, outcome.out.split(":")[0]) == (0, "9 beats")
    assert said(outcome) == []

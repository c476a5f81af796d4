"""The fuzzers find faults, and see the same inputs again.

A fault is planted in a reader, not in an input: the fuzzer has to find the input that shows it.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import Record, Recording, Samples
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import fuzz
import fuzz_annotations
import fuzz_checkpoints
import fuzz_configs
import fuzz_other_formats
import fuzz_recordings
import fuzz_records
import fuzz_segments
import fuzz_tables
import fuzz_worker
from fuzz_target import TARGETS, Target, line_problem
from fuzz_worker import FAULTS, digest_of, outcome, rng_of

MOST_INPUTS = 300  # a minute's work or less
Prepare = Callable[[str], Target]


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    """Each target with its valid files."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                fuzz_worker.prepared(name, tmp_path_factory.mktemp(f"fuzz-{name}"))
            )
            for name in TARGETS
        }


def first_finding(target: Target, name: str, folder: Path, kind: str) -> int | None:
    """Return the number of the first input with a finding of a kind."""
    for number in range(MOST_INPUTS):
        rng, files = rng_of(name, 0, number), folder / f"{number}"
        files.mkdir()
        target.write(files, rng)
        result, text = outcome(target, files, rng)
        if result == "finding" and kind in text:
            return number
    return None


def read_the_record_before(read: Callable[..., Record]) -> Callable[..., Record]:
    """Return a reader that takes the last record where one is refused."""
    records: list[Record] = []

    def reader(folder: Path, name: str, lead: int | str) -> Record:
        try:
            records.append(read(folder, name, lead))
        except InputError:
            if not records:
                raise
        return records[-1]

    return reader


class LateSamples:
    """Samples of which a piece that does not begin at the start is one sample late."""

    def __init__(self, source: Samples) -> None:
        self.source = source

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        return np.roll(self.source.read(start, stop, leads), 1 if start else 0, axis=1)


def read_pieces_too_late(read: Callable[..., Recording]) -> Callable[..., Recording]:
    """Return a door whose recordings have late samples."""

    def reader(path: Path, lead: int | str | None) -> Recording:
        recording = read(path, lead)
        return dataclasses.replace(recording, source=LateSamples(recording.source))

    return reader


def read_too_few_annotations(read: Callable[..., Record]) -> Callable[..., Record]:
    """Return a reader that loses the last annotation of an even number."""

    def reader(folder: Path, name: str) -> Record:
        record = read(folder, name)
        samples, symbols = record.annotation_samples, record.annotation_symbols
        if len(samples) % 2:
            return record
        return dataclasses.replace(
            record, annotation_samples=samples[:-1], annotation_symbols=symbols[:-1]
        )

    return reader


def load_as_torch_does(_: Callable[..., Any]) -> Callable[..., Any]:
    """Return a reader of checkpoints that looks at no checksum."""

    def reader(name: str, verb: str) -> Any:
        try:
            return torch.load(name, weights_only=True)
        except Exception as error:
            raise InputError(verb) from error

    return reader


def parse_without_numbers(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Return a parser that takes its own number for one setting."""
    return lambda words: {**parse(words), "per_class": 10_001}


def read_in_volts(read: Callable[..., Recording]) -> Callable[..., Recording]:
    """Return a reader of volts."""

    def reader(path: Path) -> Recording:
        recording = read(path)
        return dataclasses.replace(recording, source=InVolts(recording.source))

    return reader


def read_in_tenths(read: Callable[..., Recording]) -> Callable[..., Recording]:
    """Return a reader of tenths of millivolts."""

    def reader(path: Path, **options: Any) -> Recording:
        recording = read(path, **options)
        return dataclasses.replace(recording, source=InVolts(recording.source, 10))

    return reader


@dataclasses.dataclass(frozen=True)
class InVolts:
    """Samples that are a thousandth, or another part, of what they should be."""

    source: Samples
    parts: float = 1000

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        return self.source.read(start, stop, leads) / self.parts


@pytest.mark.parametrize(
    ("name", "module", "function", "planted", "kind"),
    [
        ("records", fuzz_records, "read_record", read_the_record_before, "checksum"),
        ("segments", fuzz_segments, "read_recording", read_pieces_too_late, "a piece of a piece"),
        ("annotations", fuzz_annotations, "read_record", read_too_few_annotations, "other annot"),
        (
            "checkpoints",
            fuzz_checkpoints,
            "checked_checkpoint",
            load_as_torch_does,
            "other weights",
        ),
        ("configs", fuzz_configs, "data_settings", parse_without_numbers, "accepted per_class"),
        ("edf", fuzz_recordings, "read_recording", read_in_volts, "other samples"),
        ("ishne", fuzz_recordings, "read_recording", read_in_volts, "other samples"),
        ("others", fuzz_other_formats, "read_recording", read_in_volts, "other samples"),
        ("tables", fuzz_tables, "read_recording", read_in_tenths, "other samples"),
    ],
    ids=list(TARGETS),
)
def test_a_fault_planted_in_a_reader_is_found(
    targets: dict[str, Target],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: Any,
    function: str,
    planted: Callable[..., Any],
    kind: str,
) -> None:
    monkeypatch.setattr(module, function, planted(getattr(module, function)))
    assert first_finding(targets[name], name, tmp_path, kind) is not None


IN_PROCESS = sorted(FAULTS.keys() - {"death", "stuck"})


@pytest.mark.parametrize("fault", IN_PROCESS)
def test_each_kind_of_outcome_that_is_not_allowed_is_found(
    targets: dict[str, Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    target = targets["annotations"]
    target.write(tmp_path, rng_of("", 0, 0), damage=False)
    assert outcome(target, tmp_path, rng_of("", 0, 0))[0] == "accepted"
    monkeypatch.setattr(target, "check", lambda *_: FAULTS[fault]())
    limit_s = 0.2 if fault in ("hang", "sleep") else 10
    assert outcome(target, tmp_path, rng_of("", 0, 0), limit_s)[0] == "finding"


@pytest.mark.parametrize("name", list(TARGETS))
def test_the_inputs_depend_on_seed_and_number_alone(
    targets: dict[str, Target], tmp_path: Path, name: str
) -> None:
    def inputs(target: Target, folder: Path, seed: int) -> list[bytes]:
        digests = []
        for number in range(25):
            files = folder / f"{number}"
            files.mkdir(parents=True)
            target.write(files, rng_of(name, seed, number))
            digests.append(digest_of(files))
        return digests

    first, second = (inputs(targets[name], tmp_path / f"{seed}", seed) for seed in (0, 1))
    assert inputs(targets[name], tmp_path / "again", 0) == first
    assert len(set(first)) > 20
    assert set(first) != set(second)
    if name == "checkpoints":
        return  # trained anew, a checkpoint is equal on the same processor only
    place = tmp_path / "other"
    place.mkdir()
    with fuzz_worker.prepared(name, place) as other:
        assert inputs(other, tmp_path / "once-more", 0) == first


@pytest.mark.parametrize("line", ["two\nlines", "a\x1b[31mcolour", "x" * 3000])
def test_a_message_that_is_not_one_bounded_line_is_found(line: str) -> None:
    assert line_problem(line)
    assert not line_problem("ecg-lightning: x: expected a file, found none; check the path")


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "said"), [("death", "dies"), ("stuck", "hangs")])
def test_a_process_that_dies_or_hangs_is_a_finding_and_the_next_one_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str, said: str
) -> None:
    words = ["--targets", "annotations", "--inputs", "20", "--limit-s", "0.5", "--plant", fault]
    assert fuzz.main([*words, "--keep", str(tmp_path / "kept")]) == 1
    out = capsys.readouterr().out
    assert "annotations: 20 inputs" in out
    assert said in out
    kept = sorted((tmp_path / "kept").iterdir())
    assert kept
    assert f"--again {kept[0]}" in (kept[0] / "finding.txt").read_text()
    fuzz_worker.again(kept[0])
    assert capsys.readouterr().out.splitlines()[0] in ("accepted", "refused", "finding")

"""The records that `ecg-lightning compare` compares: their names, their files and their counts."""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from ecg_lightning.arrays import Integers
from ecg_lightning.classes import NO_BEAT
from ecg_lightning.cli.messages import flag_of
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.beat_comparison import (
    COMPARED_MAPS,
    TOLERANCE_S,
    Counts,
    compare_record,
)
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.wfdb.annotation_pairs import AnnotationPair, read_pair
from ecg_lightning.records.wfdb.folder import find_records
from ecg_lightning.signals.annotated_beats import close_text
from ecg_lightning.text import counted, duration, escaped, listed

_FEW_BEATS = 20  # fewer can lie at the same samples by chance


class Files(NamedTuple):
    """The files of a record: its path without an ending, and two of annotations."""

    record: Path
    reference: Path
    test: Path

    @property
    def header(self) -> Path:
        """The header of the record."""
        return self.record.parent / f"{self.record.name}.hea"


class Compared(NamedTuple):
    """The counts of a record.

    Attributes:
        counts: The counts.
        notes: What a user has to know about the record.
        is_counted: Whether the record is longer than the learning period.
    """

    counts: Counts
    notes: list[RecordNote]
    is_counted: bool


@dataclass(frozen=True)
class Folders:
    """Where annotations lie.

    Attributes:
        root: The folder of the records, with the reference annotations.
        test_root: The folder of the test annotations. A file lies in the subfolder of its record
            or, where no other record has the name, in the folder itself.
        reference: The ending of the reference annotations.
        test: The ending of the test annotations.
    """

    root: Path
    test_root: Path
    reference: str
    test: str

    def records(self, wanted: Sequence[str]) -> tuple[dict[str, Files], dict[str, list[str]]]:
        """Return the files of the records to compare, and what the other records lack.

        Args:
            wanted: The names of the records; none: all records of the folder.

        Raises:
            InputError: There is no such folder or record, a wanted record lacks a file, or no
                record has both files.
        """
        self._check_test_root()
        self._check_two_files()
        names = [*dict.fromkeys(map(os.path.normpath, wanted))] or find_records(self.root)
        elsewhere = [name for name in names if self._may_be_elsewhere(name)]
        others = find_records(self.root) if wanted and elsewhere else ()
        same_name = Counter(PurePosixPath(name).name for name in {*names, *others})
        in_folder = {name for name in elsewhere if same_name[PurePosixPath(name).name] == 1}
        files = {name: self._files(name, name in in_folder) for name in names}
        for one in files.values() if wanted else ():
            self._check(one)
        missing = {name: lacks for name, one in files.items() if (lacks := self._lacks(one))}
        if len(missing) == len(files):
            raise self._no_pairs(files)
        return {name: one for name, one in files.items() if name not in missing}, missing

    def _check_test_root(self) -> None:
        if self.test_root != self.root and not os.path.isdir(self.test_root):
            raise InputError(
                f"{self.test_root}",
                expected="a folder of annotations",
                found="a file" if os.path.lexists(self.test_root) else "no such folder",
                hint="check the path",
                setting="test_root",
            )

    def _check_two_files(self) -> None:
        """Refuse to compare annotations with themselves."""
        if self.reference == self.test and os.path.realpath(self.root) == os.path.realpath(
            self.test_root
        ):
            raise InputError(
                "test",
                expected="annotations that are not those of the reference",
                found=f".{self.test} for both",
                hint="name another annotator, or the folder of the annotations to judge",
                setting="test",
            )

    def _may_be_elsewhere(self, name: str) -> bool:
        """Whether the test annotations lie in the folder itself, and not in the subfolder."""
        return not os.path.lexists(self._test(name)) and os.path.lexists(
            self._test(PurePosixPath(name).name)
        )

    def _files(self, name: str, is_in_folder: bool) -> Files:
        test = self._test(PurePosixPath(name).name if is_in_folder else name)
        return Files(self.root / name, self.root / f"{name}.{self.reference}", test)

    def _test(self, name: str) -> Path:
        return self.test_root / f"{name}.{self.test}"

    def _lacks(self, files: Files) -> list[str]:
        """The endings of the annotation files that are not there."""
        paths = ((self.reference, files.reference), (self.test, files.test))
        return [ending for ending, path in paths if not os.path.lexists(path)]

    def _check(self, files: Files) -> None:
        """Refuse a record that lacks a file."""
        name = files.record.name
        for path, word, hint, setting in (
            (files.header, "header", "check the name of the record", ""),
            (files.reference, "reference annotations", "", "reference"),
            (files.test, "test annotations", "", "test"),
        ):
            if not os.path.lexists(path):
                raise InputError(
                    f"{path}",
                    expected=f"the {word} of record {name}",
                    found="no such file",
                    hint=hint or self._other_files(setting, name),
                    setting=setting,
                )

    def _no_pairs(self, files: dict[str, Files]) -> InputError:
        lacking = {
            kind: [name for name, one in files.items() if not os.path.lexists(getattr(one, kind))]
            for kind in ("reference", "test")
        }
        kind = max(lacking, key=lambda kind: len(lacking[kind]))
        number, names = counted(len(lacking[kind]), "record"), listed(lacking[kind])
        return InputError(
            f"{self.root if kind == 'reference' else self.test_root}",
            expected=f"annotations of both kinds (.{self.reference} and .{self.test})",
            found=f"{number} without .{getattr(self, kind)} ({names})",
            hint=self._other_files(kind, lacking[kind][0]),
            setting=kind,
        )

    def _other_files(self, kind: str, name: str) -> str:
        """What to do where the annotations of a record are missing.

        A recording that was annotated as EDF or CSV has a name of its own: its file has to be
        renamed.

        Args:
            kind: `reference` or `test`.
            name: The name of the record.
        """
        if kind == "test":
            known = {self._test(PurePosixPath(one).name) for one in find_records(self.root)}
            # Without hidden files, as macOS leaves them. A folder that cannot be listed has none.
            there = {*self.test_root.glob(f"[!.]*.{glob.escape(self.test)}")}
            if unknown := sorted(there - known):
                right = self._test(PurePosixPath(name).name)
                return (
                    f"rename {escaped(unknown[0].name, 40)} to {right.name} if it is of this record"
                )
        return "choose another annotator"


def compared(files: Files, classes: str, start_s: float) -> Compared:
    """Compare the two annotation files of a record.

    Args:
        files: The files.
        classes: The name of the class map.
        start_s: Where counting begins.

    Raises:
        InputError: A file is damaged, or all its annotations lie outside the record.
    """
    try:
        pair = read_pair(*files, after_end_s=TOLERANCE_S)
    except InputError as error:
        raise _with_own_flag(error, files) from error
    counts = compare_record(
        pair.reference, pair.test, pair.samples, pair.fs_hz, classes=classes, start_s=start_s
    )
    is_counted = pair.samples > start_s * pair.fs_hz
    notes = [*pair.notes]
    for text in _odd(pair, files, classes, start_s):
        notes.append(RecordNote(files.record.name, "signal", text))
    if not is_counted:
        text = "the record ends before counting begins, so that nothing of it is counted"
        notes.append(RecordNote(files.record.name, "dropped", text))
    return Compared(counts, notes, is_counted)


def _odd(pair: AnnotationPair, files: Files, classes: str, start_s: float) -> Iterator[str]:
    """What makes rates say something else than a reader expects."""
    reference, test = (
        one.samples[COMPARED_MAPS[classes].labels(one.symbols) != NO_BEAT]
        for one in (pair.reference, pair.test)
    )
    if len(test) and not len(reference):
        yield (
            f"{files.reference.name} has no beat, so each beat of {files.test.name} counts as false"
        )
    elif not len(test):
        found = "annotations, and none of them is a beat" if len(pair.test.samples) else "no beat"
        yield f"{files.test.name} has {found}"
    elif len(test) >= _FEW_BEATS and np.array_equal(np.unique(reference), test):
        yield (
            f"all beats of {files.test.name} lie exactly at those of {files.reference.name}: if "
            "their positions were given, as by annotate --beats, the rates of QRS mean nothing"
        )
    else:
        yield from _of_an_excerpt(reference, test, files, pair.fs_hz, start_s)
    for path, beats in ((files.reference, reference), (files.test, test)):
        if text := close_text(np.unique(beats), pair.fs_hz):
            yield f"{path.name}: {text}"


def _of_an_excerpt(
    reference: Integers, test: Integers, files: Files, fs_hz: float, start_s: float
) -> Iterator[str]:
    """Say where one file has many beats before the first, or after the last, of the other."""
    near = TOLERANCE_S * fs_hz
    for one, other, path, longer, verdict in (
        (test, reference, files.test, files.reference, "missed"),
        (reference, test, files.reference, files.test, "false"),
    ):
        beats, first, last = other[other >= start_s * fs_hz], one.min(), one.max()
        for verb, end, where, outside in (
            ("begin", first, "before", beats < first - near),
            ("end", last, "after", beats > last + near),
        ):
            if (n := np.count_nonzero(outside)) >= _FEW_BEATS:
                yield (
                    f"the beats of {path.name} {verb} at {duration(end / fs_hz)}: the {n:,} "
                    f"beats of {longer.name} {where} that count as {verdict}"
                )


def _with_own_flag(error: InputError, files: Files) -> InputError:
    """The error, where a hint about the annotator names the argument of this verb."""
    if error.setting != "annotator" or flag_of(error.setting, "compare"):
        return error
    return error.with_setting("test" if error.subject == str(files.test) else "reference")

"""`ecg-lightning compare`: its tables and files, the records it compares, and what it refuses."""

import csv
import json
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_lightning.cli.compare.text import hundredths
from ecg_lightning.records.wfdb.annotation_writer import annotation_bytes
from tests.helpers.cli import Outcome, command
from tests.helpers.records import make_no_file

Beats = Sequence[tuple[int, str]]
SECONDS = 600
REFERENCE: Beats = [(120_000 + 300 * i, symbol) for i, symbol in enumerate("NNNVNNSNNNVN/j")]
TEST: Beats = [
    *((120_010 + 300 * i, symbol) for i, symbol in enumerate("NNNVNNNNNNNNQN") if i != 8),
    (122_550, "V"),
]

ONE = """\
ecl against atr, 1 record, from 5:00, rates in percent
Classes bxb: e, j and n are S

rate     gross  counts
QRS Se   92.86   13/14
QRS +P   92.86   13/14
QRS F1   92.86   26/28
VEB Se   50.00     1/2
VEB +P   50.00     1/2
VEB F1   50.00     2/4
VEB FPR   8.33    1/12
SVEB Se   0.00     0/2
SVEB +P      -       -
SVEB F1   0.00     0/2

Rows: beats of the reference; columns: test beats
   n  s  v  f  q  o  x
N  8  0  0  0  0  1  0
S  2  0  0  0  0  0  0
V  1  0  1  0  0  0  0
F  0  0  0  0  0  0  0
Q  0  0  0  0  1  0  0
O  0  0  1  0  0
X  0  0  0  0  0
"""
INTERVAL = ("92.86", "to", "100.00")
SEVERAL = """\
ecl against atr, 2 records, from 5:00, rates in percent
Classes aami: n is S, e and j are N

record   QRS Se  QRS +P  VEB Se  VEB +P  VEB FPR  SVEB Se  SVEB +P
1         92.86   92.86   50.00   50.00     8.33     0.00        -
sub/2    100.00  100.00       -       -     0.00        -        -
gross     94.12   94.12   50.00   50.00     6.67     0.00        -
average   96.43   96.43   50.00   50.00     4.17     0.00        -
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A record of 10 minutes at 360 Hz with both files, and no signal file."""
    write(tmp_path, "1", REFERENCE, TEST)
    return tmp_path


def write(
    folder: Path, name: str, reference: Beats | None, test: Beats | None, seconds: int = SECONDS
) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    header = f"{path.name} 1 360 {360 * seconds}\n{path.name}.dat 16 200 16 0 0 0 0 MLII\n"
    path.with_name(f"{path.name}.hea").write_text(header)
    for ending, beats in (("atr", reference), ("ecl", test)):
        if beats is not None:
            path.with_name(f"{path.name}.{ending}").write_bytes(content(beats))


def content(beats: Beats, resolution_hz: float | None = None) -> bytes:
    samples, symbols = zip(*sorted(beats), strict=True)
    return annotation_bytes(np.array(samples), np.array(symbols), resolution_hz=resolution_hz)


def compare(folder: Path, *words: str) -> Outcome:
    return command(("compare", "--root", ".", "--test", "ecl", *words), folder)


def rate(outcome: Outcome, name: str) -> str:
    """The figure and the counts of a rate."""
    (line,) = [line for line in outcome.out.splitlines() if line.startswith(f"{name} ")]
    return " ".join(line.removeprefix(name).split())


class TestTables:
    def test_of_one_record(self, folder: Path) -> None:
        assert compare(folder) == Outcome(0, ONE, "")

    def test_of_several(self, folder: Path) -> None:
        write(folder, "sub/2", REFERENCE[:3], TEST[:3])
        outcome = compare(folder, "--classes", "aami")
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.out.startswith(SEVERAL)
        totals = outcome.out.splitlines()[9:20]
        assert [line.split() for line in totals[:2]] == [
            *(["rate", "gross", "95", "%", "average", "95", "%", "counts"],),
            ["QRS", "Se", "94.12", *INTERVAL, "96.43", *INTERVAL, "16/17"],
        ]
        assert outcome.out.endswith(
            "\n95 %: bootstrap over records, 2,000 resamples, seed 0.\n"
            "Average: over the records that have the rate; - means: no such beats.\n"
        )

    @pytest.mark.parametrize("columns", [80, 60, 40])
    def test_fit_into_the_terminal(
        self, folder: Path, columns: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        for name in ("a-record-with-a-long-name", "x" * 90):
            write(folder, name, REFERENCE, TEST)
        for i in range(30):
            write(folder, f"without-{i}", None, TEST)
        lines = compare(folder).out.splitlines()
        assert max(map(len, lines)) <= columns
        assert sum("92.86" in line for line in lines) == 8

    @pytest.mark.parametrize(
        ("columns", "hidden"),
        [
            (80, ""),
            (60, "VEB FPR, 95 % of average"),
            (40, "VEB +P, VEB FPR, SVEB +P, 95 % of gross, 95 % of average"),
        ],
    )
    def test_say_what_a_narrow_terminal_hides(
        self, folder: Path, columns: int, hidden: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        write(folder, "sub/2", REFERENCE[:3], TEST[:3])
        text = " ".join(compare(folder).out.split())
        assert ("95 %: bootstrap" in text) == (columns > 40)
        assert text.partition(" A wider terminal also shows: ")[2] == (hidden and f"{hidden}.")

    def test_whole_records(self, folder: Path) -> None:
        early = [(5000, "V")]
        write(folder, "1", [*early, *REFERENCE], [*early, *TEST])
        assert rate(compare(folder), "VEB Se") == "50.00 1/2"
        outcome = compare(folder, "--start", "0")
        assert outcome.out.startswith(
            "ecl against atr, 1 record, from the start, rates in percent\n"
        )
        assert rate(outcome, "VEB Se") == "66.67 2/3"

    @pytest.mark.parametrize("start", ["339", "5:39", "0:05:39", "339.0"])
    def test_another_start(self, folder: Path, start: str) -> None:
        """The beat at 122,100, 339.17 s, is the first that counts."""
        outcome = compare(folder, "--start", start)
        assert ", from 5:39, " in outcome.out
        assert rate(outcome, "QRS Se") == "85.71 6/7"

    @pytest.mark.parametrize(
        ("share", "text"),
        [
            *((None, "-"), (0.0, "0.00"), (0.00001, "<0.01"), (0.12345, "12.35")),
            *((0.99994, "99.99"), (0.99999, ">99.99"), (1.0, "100.00")),
        ],
    )
    def test_a_share(self, share: float | None, text: str) -> None:
        assert hundredths(share) == text


class TestFiles:
    def test_into_a_folder(self, folder: Path) -> None:
        write(folder, "2", None, TEST)
        outcome = compare(folder, "--output", "new/results")
        assert outcome.out.splitlines()[-2:] == [
            "new/results/compare.csv",
            "new/results/compare.json",
        ]
        text = (folder / "new/results/compare.csv").read_text()
        rows = list(csv.DictReader(text.splitlines()))
        assert [row["QRS.tp"] for row in rows] == ["13", "13", ""]
        result = json.loads((folder / "new/results/compare.json").read_text())
        assert result["settings"] == {
            **{"root": ".", "test_root": ".", "reference": "atr", "test": "ecl", "classes": "bxb"},
            **{"start_s": 300.0, "tolerance_s": 0.15, "not_compared": {"2": ["atr"]}},
            **{"resamples": 2000, "seed": 0},
        }
        assert result["records"][0]["rates"]["VEB.sensitivity"] == 0.5

    def test_a_name_that_is_no_unicode(self, folder: Path) -> None:
        for path in [*folder.glob("1.*")]:
            shutil.copy(path, folder / f"a\udcff{path.suffix}")
        assert compare(folder, "--output", ".").status == 0
        rows = list(csv.DictReader((folder / "compare.csv").read_text().splitlines()))
        assert [row["record"] for row in rows] == ["1", "a\\udcff", "", ""]

    @pytest.mark.parametrize("name", ["x.csv", "x.json"])
    def test_one_file(self, folder: Path, name: str) -> None:
        outcome = compare(folder, "--output", name)
        assert outcome.out.splitlines()[-1] == name
        assert [path.name for path in folder.glob("x.*")] == [name]

    def test_again(self, folder: Path) -> None:
        compare(folder, "--output", "x.csv", "--start", "0")
        (first,) = [(folder / "x.csv").read_bytes()]
        compare(folder, "--output", "x.csv", "--start", "0")
        assert (folder / "x.csv").read_bytes() == first

    def test_no_input_is_overwritten(self, folder: Path) -> None:
        shutil.copy(folder / "1.ecl", folder / "1.csv")
        outcome = command(("compare", "--root", ".", "--test", "csv", "--output", "1.csv"), folder)
        assert outcome.status == 2
        assert "found a file that the command reads" in outcome.err
        assert (folder / "1.csv").read_bytes() == (folder / "1.ecl").read_bytes()


class TestRecords:
    def test_those_that_lack_a_file_are_listed(self, folder: Path) -> None:
        write(folder, "2", None, TEST)
        write(folder, "3", REFERENCE, None)
        write(folder, "4", None, None)
        write(folder, "10", REFERENCE, None)
        outcome = compare(folder)
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.out == (
            f"{ONE}\nNot compared, no .atr: 2\nNot compared, no .ecl: 3, 10\n"
            "Not compared, no .atr and no .ecl: 4\n"
        )

    def test_those_that_are_named(self, folder: Path) -> None:
        write(folder, "2", REFERENCE, REFERENCE)
        assert compare(folder, "1").out == ONE
        assert compare(folder, "1", "./1").out == ONE
        assert command(("compare", "1", "--root", ".", "--test", "ecl"), folder).out == ONE

    def test_test_annotations_in_another_folder(self, folder: Path) -> None:
        other = folder / "other"
        other.mkdir()
        shutil.move(folder / "1.ecl", other)
        outcome = compare(folder, "--test-root", "other")
        assert outcome.out == ONE

    def test_test_annotations_of_records_in_subfolders(self, tmp_path: Path) -> None:
        """In the same subfolder or, if no other record has the name, in the folder itself."""
        for name in ("in/a/1", "in/b/1", "in/b/2"):
            write(tmp_path, name, REFERENCE, None)
        for name in ("out/a/1", "out/1", "out/2"):
            path = tmp_path / f"{name}.ecl"
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_bytes(content(TEST))
        outcome = command(
            ("compare", "--root", "in", "--test-root", "out", "--test", "ecl"), tmp_path
        )
        assert [line.split()[0] for line in outcome.out.splitlines()[4:6]] == ["a/1", "b/2"]
        assert outcome.out.endswith("\nNot compared, no .ecl: b/1\n")

    @pytest.mark.parametrize("name", ["a/1", "b/1"])
    def test_a_file_of_two_records_is_none_also_where_one_of_them_is_named(
        self, tmp_path: Path, name: str
    ) -> None:
        for other in ("in/a/1", "in/b/1", "in/b/2"):
            write(tmp_path, other, REFERENCE, None)
        (tmp_path / "out").mkdir()
        for other in ("1", "2"):
            (tmp_path / f"out/{other}.ecl").write_bytes(content(TEST))
        words = ("compare", "--root", "in", "--test-root", "out", "--test", "ecl")
        outcome = command((*words, name), tmp_path)
        assert (outcome.status, outcome.out) == (2, "")
        assert f"out/{name}.ecl: expected the test annotations of record 1" in outcome.err
        assert command((*words, "b/2"), tmp_path).out == ONE

    def test_each_file_has_its_own_time_resolution(self, folder: Path) -> None:
        """250 steps a second in the test annotations, frames in the others."""
        scaled = [(round(sample / 360 * 250), symbol) for sample, symbol in TEST]
        (folder / "1.ecl").write_bytes(content(scaled, 250.0))
        assert compare(folder).out == ONE

    def test_a_record_of_several_samples_a_frame(self, folder: Path) -> None:
        """At 36 frames a second the window would be 5 frames; 10 samples a frame make it 54."""
        header = "1 1 36 21600\n1.dat 16x10 200 16 0 0 0 0 MLII\n"
        (folder / "1.hea").write_text(header)
        (folder / "1.atr").write_bytes(content(REFERENCE, 360.0))
        (folder / "1.ecl").write_bytes(content(TEST, 360.0))
        assert compare(folder).out == ONE
        for distance, expected in ((54, "1/1"), (55, "0/1")):
            (folder / "1.atr").write_bytes(content([(150_000, "N")], 360.0))
            (folder / "1.ecl").write_bytes(content([(150_000 + distance, "N")], 360.0))
            assert compare(folder).out.splitlines()[4].split()[-1] == expected

    def test_a_record_of_segments(self, folder: Path) -> None:
        (folder / "1.hea").write_text("1/2 1 360 216000\na 100000\nb 116000\n")
        for name, length in (("a", 100_000), ("b", 116_000)):
            text = f"{name} 1 360 {length}\n{name}.dat 16 200 16 0 0 0 0 MLII\n"
            (folder / f"{name}.hea").write_text(text)
        assert compare(folder).out == ONE

    def test_a_header_without_a_length_needs_the_signal(self, folder: Path) -> None:
        (folder / "1.hea").write_text("1 1 360\n1.dat 16 200 16 0 0 0 0 MLII\n")
        outcome = compare(folder)
        assert (outcome.status, outcome.out) == (2, "")
        (folder / "1.dat").write_bytes(bytes(2 * 360 * SECONDS))
        assert compare(folder).out == ONE

    def test_a_header_without_a_rate(self, folder: Path) -> None:
        (folder / "1.hea").write_text("1 1\n1.dat 16 200 16 0 0 0 0 MLII\n")
        (folder / "1.dat").write_bytes(bytes(2 * 360 * SECONDS))
        outcome = compare(folder)
        assert outcome.status == 0
        assert outcome.err == (
            "ecg-lightning: warning: record 1: the header has no sampling rate: 250 Hz is assumed\n"
        )


class TestOddAnnotations:
    def test_none(self, folder: Path) -> None:
        (folder / "1.ecl").write_bytes(b"\0\0")
        outcome = compare(folder)
        assert (rate(outcome, "QRS Se"), rate(outcome, "QRS +P")) == ("0.00 0/14", "- -")
        (folder / "1.atr").write_bytes(b"\0\0")
        assert rate(compare(folder), "QRS Se") == "- -"

    def test_a_reference_without_beats_is_noted(self, folder: Path) -> None:
        (folder / "1.atr").write_bytes(content([(120_000, "+")]))
        outcome = compare(folder)
        assert rate(outcome, "QRS +P") == "0.00 0/14"
        assert outcome.err == (
            "ecg-lightning: warning: record 1: 1.atr has no beat, so each beat of 1.ecl counts as "
            "false\n"
        )

    def test_a_test_file_without_annotations_is_noted(self, folder: Path) -> None:
        (folder / "1.ecl").write_bytes(bytes(2))  # the end of the annotations
        outcome = compare(folder)
        assert rate(outcome, "QRS Se") == "0.00 0/14"
        assert outcome.err == "ecg-lightning: warning: record 1: 1.ecl has no beat\n"

    def test_a_test_file_without_beats_is_noted(self, folder: Path) -> None:
        (folder / "1.ecl").write_bytes(content([(120_000, '"')]))
        outcome = compare(folder)
        assert rate(outcome, "QRS Se") == "0.00 0/14"
        assert outcome.err == (
            "ecg-lightning: warning: record 1: 1.ecl has annotations, and none of them is a beat\n"
        )

    def test_positions_that_were_given_are_noted(self, folder: Path) -> None:
        beats = [(120_000 + 300 * i, "N") for i in range(20)]
        for ending, symbol in (("atr", "N"), ("ecl", "V")):
            (folder / f"1.{ending}").write_bytes(content([(at, symbol) for at, _ in beats]))
        outcome = compare(folder)
        assert rate(outcome, "QRS Se") == "100.00 20/20"
        assert "warning: record 1: all beats of 1.ecl lie exactly at those of 1.atr" in outcome.err
        (folder / "1.ecl").write_bytes(content([(at + 1, "N") for at, _ in beats]))
        assert compare(folder).err == ""

    @pytest.mark.parametrize(
        ("ending", "kept", "note"),
        [
            (
                "ecl",
                slice(15),
                "1.ecl end at 5:45: the 25 beats of 1.atr after that count as missed",
            ),
            (
                "ecl",
                slice(20, None),
                "1.ecl begin at 5:51: the 20 beats of 1.atr before that count as missed",
            ),
            (
                "atr",
                slice(15),
                "1.atr end at 5:45: the 25 beats of 1.ecl after that count as false",
            ),
            ("ecl", slice(22), ""),
            ("ecl", slice(19, None), ""),
        ],
    )
    def test_an_excerpt_is_noted(self, folder: Path, ending: str, kept: slice, note: str) -> None:
        early = [(360 * i, "N") for i in range(10)]  # in the learning period, not counted
        for name, shift in (("atr", 0), ("ecl", 1)):
            beats = [(360 * (331 + i) + shift, "N") for i in range(40)]
            whole = [*early, *beats] if name != ending else beats[kept]
            (folder / f"1.{name}").write_bytes(content(whole))
        err = compare(folder).err
        assert err == (f"ecg-lightning: warning: record 1: the beats of {note}\n" if note else "")

    def test_beats_that_are_annotated_once_for_each_lead_are_noted(self, folder: Path) -> None:
        """As WFDB programs write them that work on each signal."""
        beats = [120_000 + 300 * i for i in range(20)]
        once, twice = [(at, "N") for at in beats], [(at + k, "N") for at in beats for k in (0, 3)]
        (folder / "1.atr").write_bytes(content(once))
        (folder / "1.ecl").write_bytes(content(twice))
        outcome = compare(folder)
        assert rate(outcome, "QRS +P") == "50.00 20/40"
        assert (
            "warning: record 1: 1.ecl: 20 of 40 beats come less than 0.1 s after another one"
        ) in outcome.err
        assert "1.atr" not in outcome.err

    def test_a_file_with_itself_is_refused(self, folder: Path) -> None:
        for words in (["--test", "atr"], ["--test", "atr", "--test-root", str(folder / ".")]):
            outcome = command(("compare", "--root", ".", *words), folder)
            assert (outcome.status, outcome.out) == (2, "")
            assert outcome.err == (
                "ecg-lightning: test: expected annotations that are not those of the reference, "
                "found .atr for both; name another annotator, or the folder of the annotations to "
                "judge (--test)\n"
            )

    def test_two_beats_at_one_sample(self, folder: Path) -> None:
        """wfdb writes them; the second one is alone."""
        beats = [(150_000, "N"), (150_000, "V"), (151_000, "N")]
        samples, symbols = zip(*beats, strict=True)
        wfdb.wrann("1", "ecl", np.array(samples), list(symbols), write_dir=str(folder))
        (folder / "1.atr").write_bytes(content([(150_000, "N"), (151_000, "N")]))
        outcome = compare(folder)
        assert (rate(outcome, "QRS Se"), rate(outcome, "QRS +P")) == ("100.00 2/2", "66.67 2/3")

    def test_positions_out_of_order(self, folder: Path) -> None:
        # A skip of -2,000 samples, high word first, and a beat N.
        words = struct.pack("<HHHH", 59 << 10, 0xFFFF, 0x10000 - 2000, 1 << 10)
        early = content([(152_000, "V")])[:-2] + words + b"\0\0"
        (folder / "1.ecl").write_bytes(early)  # V at 152,000, then N 2,000 samples before it
        (folder / "1.atr").write_bytes(content([(150_000, "N"), (152_000, "V")]))
        outcome = compare(folder)
        assert (rate(outcome, "QRS Se"), rate(outcome, "VEB +P")) == ("100.00 2/2", "100.00 1/1")

    def test_positions_behind_the_end(self, folder: Path) -> None:
        (folder / "1.ecl").write_bytes(
            content([*TEST, (216_010, "N"), (230_000, "N"), (230_900, "V")])
        )
        outcome = compare(folder)
        assert outcome.out == ONE
        assert outcome.err == (
            "ecg-lightning: warning: record 1: 1.ecl: 2 annotations outside the signal are "
            "dropped\n"
        )

    def test_a_record_that_ends_in_the_learning_period(self, folder: Path) -> None:
        write(folder, "2", [(500, "N")], [(500, "N")], seconds=300)
        outcome = compare(folder)
        assert outcome.status == 0
        assert outcome.out.splitlines()[5].split() == ["2", *"-------"]
        assert outcome.err == (
            "ecg-lightning: warning: record 2: the record ends before counting begins, so that "
            "nothing of it is counted\n"
        )
        assert compare(folder, "2") == Outcome(
            2,
            "",
            "ecg-lightning: records: expected one or more that last longer than 5:00, found none; "
            "begin earlier (--start)\n",
        )


REFUSED = [
    (
        ("--root", "none"),
        "none: expected a folder of WFDB records, found no such folder; check the path (--root)",
    ),
    (
        ("--test-root", "none"),
        "none: expected a folder of annotations, found no such folder; check the path "
        "(--test-root)",
    ),
    (
        ("--test-root", "1.hea"),
        "1.hea: expected a folder of annotations, found a file; check the path (--test-root)",
    ),
    (("7",), "7.hea: expected the header of record 7, found no such file; check the name of the "
     "record"),
    (("2",), "2.ecl: expected the test annotations of record 2, found no such file; choose another "
     "annotator (--test)"),
    (("--reference", "qrs", "1"), "1.qrs: expected the reference annotations of record 1, found no "
     "such file; choose another annotator (--reference)"),
    (("--test", "qrs"), ".: expected annotations of both kinds (.atr and .qrs), found 2 records "
     "without .qrs (1, 2); choose another annotator (--test)"),
    (("--test", "hea", "1"), "1.hea: expected WFDB annotations that end in two zero bytes, found "
     "44 bytes that end in 49 0a: cut short or another format; fetch the file again"),
    (("--test", "a/b"), "test: expected the ending of a file such as atr, found 'a/b'; correct it "
     "(--test)"),
    (("--reference", ""), "reference: expected the ending of a file such as atr, found ''; correct "
     "it (--reference)"),
    (("--classes", "original"), "argument --classes: invalid choice: 'original' (choose from "),
    *(
        (("--start", text), f"argument --start: expected seconds or M:SS, such as 300 or 5:00, "
         f"found {text}; see `ecg-lightning compare --help`")
        for text in ("-5", "5:60", "nan", "1e3", "5:", "1:2:3:4", "\N{ARABIC-INDIC DIGIT FIVE}", "")
    ),
    (("--output", "1.hea"), "1.hea/compare.csv: expected a place that can be written, found "),
]  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize(("words", "line"), REFUSED)
    def test_in_one_line(self, folder: Path, words: tuple[str, ...], line: str) -> None:
        write(folder, "2", REFERENCE, None)
        outcome = compare(folder, *words)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith(f"ecg-lightning: {line}")
        assert outcome.err.count("\n") == 1

    @pytest.mark.parametrize(
        ("has_reference", "line"),
        [(False, "in: expected ... (--reference)"), (True, "out: expected ... (--test)")],
    )
    def test_files_of_one_annotator_in_two_folders(
        self, tmp_path: Path, has_reference: bool, line: str
    ) -> None:
        write(tmp_path, "in/1", REFERENCE if has_reference else None, None)
        write(tmp_path, "out/1", None if has_reference else REFERENCE, None)
        words = ("--root", "in", "--reference", "atr", "--test", "atr", "--test-root", "out")
        outcome = command(("compare", *words), tmp_path)
        rest = "annotations of both kinds (.atr and .atr), found 1 record without .atr (1); "
        expected = line.replace("...", f"{rest}choose another annotator")
        assert outcome == Outcome(2, "", f"ecg-lightning: {expected}\n")

    @pytest.mark.parametrize("wanted", [(), ("1",)], ids=["all", "one"])
    def test_a_file_of_another_name_is_to_be_renamed(
        self, tmp_path: Path, wanted: tuple[str, ...]
    ) -> None:
        write(tmp_path, "in/1", REFERENCE, None)
        write(tmp_path, "out/ward7", None, REFERENCE)
        (tmp_path / "out/._ward7.ecl").touch()  # macOS leaves such files
        words = ("--root", "in", "--test", "ecl", "--test-root", "out", *wanted)
        outcome = command(("compare", *words), tmp_path)
        assert (outcome.status, outcome.out) == (2, "")
        hint = "; rename ward7.ecl to 1.ecl if it is of this record (--test)\n"
        assert outcome.err.endswith(hint)

    @pytest.mark.parametrize("missing", ["--root", "--test"])
    def test_what_has_to_be_named(self, folder: Path, missing: str) -> None:
        words = {"--root": ("--test", "ecl"), "--test": ("--root", ".")}[missing]
        outcome = command(("compare", *words), folder)
        assert (outcome.status, outcome.out) == (2, "")
        assert f"the following arguments are required: {missing}" in outcome.err

    @pytest.mark.parametrize("damage", ["", "\0", "N", "\0\xec\0\0"])
    def test_damaged_annotations(self, folder: Path, damage: str) -> None:
        (folder / "1.ecl").write_bytes(damage.encode("latin-1"))
        outcome = compare(folder)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("ecg-lightning: 1.ecl: expected ")
        assert outcome.err.count("\n") == 1

    def test_an_unknown_code_names_the_right_argument(self, folder: Path) -> None:
        for ending, flag in (("ecl", "--test"), ("atr", "--reference")):
            write(folder, "1", REFERENCE, TEST)
            (folder / f"1.{ending}").write_bytes(b"\x05\xc8\0\0")  # code 50
            outcome = compare(folder)
            assert outcome.status == 2
            assert outcome.err.endswith(
                f"found code 50, which has none; check the annotator ({flag})\n"
            )

    def test_annotations_of_another_record(self, folder: Path) -> None:
        (folder / "1.ecl").write_bytes(content([(900_000, "N")]))
        outcome = compare(folder)
        assert outcome.status == 2
        assert "expected annotations within the " in outcome.err

    @pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device"])
    def test_no_file(self, folder: Path, kind: str) -> None:
        (folder / "1.ecl").unlink()
        make_no_file(folder / "1.ecl", kind)
        outcome = compare(folder)
        assert (outcome.status, outcome.out) == (2, "")
        assert f"found {kind}" in outcome.err or "found Is a directory" in outcome.err

    def test_a_damaged_header(self, folder: Path) -> None:
        (folder / "1.hea").write_text("1 1 x\n1.dat 16\n")
        outcome = compare(folder)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith(
            "ecg-lightning: 1.hea: expected a sampling rate in line 1 from"
        )
        assert outcome.err.count("\n") == 1

    def test_a_name_that_commands_the_terminal(self, folder: Path) -> None:
        write(folder, "\x1b[31mred", REFERENCE, None)
        assert "\x1b" not in compare(folder).out


def test_real_records_against_bxb(mitdb: Path, bxb: Path, tmp_path: Path) -> None:
    """Through the command line, whose files hold the counts of all ten pairs."""
    words = ("compare", "--root", str(mitdb), "--test", "tst", "--test-root", str(bxb))
    expected = json.loads((bxb / "counts.json").read_text())
    for start, key in (("5:00", "from 5:00"), ("0", "from the start")):
        outcome = command((*words, "--start", start, "--output", "x.json"), tmp_path)
        assert outcome.status == 0
        result = json.loads((tmp_path / "x.json").read_text())
        matrices = {record["record"]: record["matrix"] for record in result["records"]}
        assert matrices == {
            name: list(starts[key]["matrix"].values()) for name, starts in expected.items()
        }
        assert len(result["settings"]["not_compared"]) == 38

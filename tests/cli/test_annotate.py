"""`ecg-lightning annotate`: what it writes and prints, its exit statuses, jobs and shards.

The networks are those of a stand-in; `tests/annotation` tests the real ones.
"""

import csv
import os
import re
import shlex
from pathlib import Path

import edfio
import pytest
import wfdb

from ecg_lightning.cli.annotate.arguments import parse_arguments
from ecg_lightning.cli.annotate.fingerprint import settings_fingerprint
from ecg_lightning.cli.annotate.text import _burden
from ecg_lightning.report.summary_rows import SummaryRow
from tests.helpers.annotate_command import (
    annotate,
    calls,
    contents,
    own,
    summary,
    use_stand_in,
    write_tables,
)
from tests.helpers.cli import Outcome, command, names_below
from tests.helpers.paths import ROOT
from tests.helpers.records import ecg_like, record_of, write_record


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the stand-in's log."""
    return use_stand_in(monkeypatch, tmp_path_factory.mktemp("log"))


class TestOneRecording:
    def test_is_told_in_a_few_lines(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "x")
        outcome = annotate(tmp_path, "x.csv")
        lines = outcome.out.splitlines()
        assert (outcome.status, outcome.err) == (0, "")
        assert lines[0] == "x.csv"
        assert lines[1].startswith("recording  CSV, lead ")
        assert lines[1].endswith(" at 100 Hz, 20 s")
        assert re.fullmatch(r"beats      20: N \d+ · S \d+ · V \d+ · F \d+ · Q \d+", lines[2])
        assert re.fullmatch(r"rate       \d+ bpm( \(\d+ to \d+\))?", lines[3])
        assert re.fullmatch(r"burden     S [\d.]+ % · V [\d.]+ %", lines[4])
        assert lines[5] == "unusable   0.5 % of the time"
        assert lines[-3:] == [
            "written    out/x.ecl",
            *(f"{'':11}out/x.{e}" for e in ("csv", "html")),
        ]

    def test_has_the_heart_rate_of_its_beats(self, tmp_path: Path) -> None:
        """Of a wrong sampling rate it is wrong as well, and no other line shows it."""
        write_tables(tmp_path, "x")
        line = annotate(tmp_path, "x.csv").out.splitlines()[3]
        with (tmp_path / "out/x.csv").open() as file:
            seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
        assert line.split()[1] == f"{60 * (len(seconds) - 1) / (seconds[-1] - seconds[0]):.0f}"

    def test_has_no_burden_where_no_beat_has_a_signal(self) -> None:
        row: SummaryRow = {"n_beats": 4, "S_share": "", "V_share": ""}
        assert _burden(row) == "unknown, as no beat has a signal in the classified lead"

    def test_has_its_files_and_no_summary(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "x")
        annotate(tmp_path, "x.csv")
        assert names_below(tmp_path / "out") == {"x.ecl", "x.csv", "x.html", ".annotate/x.json"}
        marks = wfdb.rdann(str(tmp_path / "out/x"), "ecl")
        assert sum(symbol != "~" for symbol in marks.symbol) == 20

    def test_what_is_written_can_be_chosen(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow")
        write_tables(tmp_path, "x")
        outcome = annotate(tmp_path, "x.csv", "--write", "parquet, wfdb", "--annotator", "mine")
        assert outcome.status == 0
        assert own(tmp_path / "out") == {"x.mine", "x.parquet"}

    def test_with_unsure_beats_says_how_many(self, tmp_path: Path) -> None:
        """The stand-in's probabilities lie between 0.5 and 1."""
        write_tables(tmp_path, "x")
        assert "unsure" not in annotate(tmp_path, "x.csv").out
        lines = annotate(tmp_path, "x.csv", "--unsure", "0.75").out.splitlines()
        with open(tmp_path / "out/x.csv", newline="") as file:
            marks = [row["unsure"] for row in csv.DictReader(file)]
        n_unsure = marks.count("1")
        assert 0 < n_unsure < len(marks) == 20
        share = f"{n_unsure / 20:.1%}".replace("%", " %")
        assert [line for line in lines if line.startswith("unsure")] == [
            f"unsure     {n_unsure} beats to check ({share}): class probability below 75 %"
        ]
        lines = annotate(tmp_path, "x.csv", "--unsure", "0.1").out.splitlines()
        line = "unsure     no beat: each class has a probability of 10 % or more"
        assert line in lines

    def test_a_limit_is_a_probability(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "x")
        outcome = annotate(tmp_path, "x.csv", "--unsure", "90")
        line = "expected a probability from 0 to 1, found 90; correct it (--unsure)"
        assert outcome == Outcome(2, "", f"ecg-lightning: limit of unsure beats: {line}\n")
        assert not (tmp_path / "out").exists()

    def test_of_a_folder_is_the_same(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/x")
        outcome = annotate(tmp_path, "in")
        assert outcome.out.startswith("in/x.csv\nrecording ")
        assert own(tmp_path / "out") == {"x.ecl", "x.csv", "x.html"}

    @pytest.mark.parametrize("on_error", ["skip", "stop"])
    def test_that_is_bad_is_one_line(self, on_error: str, tmp_path: Path) -> None:
        write_tables(tmp_path, "bad")
        outcome = annotate(tmp_path, "bad.csv", "--on-error", on_error)
        line = "ecg-lightning: bad: expected good samples, found bad ones; repair it\n"
        assert outcome == Outcome(2, "", line)
        assert own(tmp_path / "out") == set()

    def test_that_is_missing_is_one_line(self, tmp_path: Path) -> None:
        outcome = annotate(tmp_path, "none.edf")
        assert outcome.status == 2
        assert outcome.err.startswith(
            "ecg-lightning: none.edf: expected a recording, found neither"
        )
        assert outcome.err.count("\n") == 1
        assert not (tmp_path / "out").exists()


class TestSeveralRecordings:
    def test_have_a_summary_and_an_index(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/10", "in/9")
        outcome = annotate(tmp_path, "in")
        assert (outcome.status, outcome.err) == (0, "")
        lines = outcome.out.splitlines()
        assert [line.split()[0] for line in lines[:3]] == ["recording", "9", "10"]
        assert lines[3:] == ["2 of 2 recordings annotated", "out/summary.csv", "out/index.html"]
        rows = summary(tmp_path)
        assert [row["record"] for row in rows] == ["9", "10"]
        assert [row["page"] for row in rows] == ["9.html", "10.html"]
        assert [int(row["n_beats"]) for row in rows] == [20, 20]
        assert 'href="./10.html"' in (tmp_path / "out/index.html").read_text()

    def test_have_a_column_of_unsure_beats_where_that_was_asked(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/9", "in/10")
        lines = annotate(tmp_path, "in", "--unsure", "0.75").out.splitlines()
        end = lines[0].index("unsure") + len("unsure")
        shown = [line[:end].split()[-1] for line in lines[1:3]]
        assert shown == [row["n_unsure"] for row in summary(tmp_path)]
        assert all(int(number) > 0 for number in shown)
        assert {row["unsure_below"] for row in summary(tmp_path)} == {"0.75"}
        assert "unsure" not in annotate(tmp_path, "in").out
        assert {row["n_unsure"] for row in summary(tmp_path)} == {""}

    def test_a_bad_one_does_not_stop_the_others(self, tmp_path: Path, stand_in: Path) -> None:
        write_tables(tmp_path, "in/1", "in/bad-2", "in/fault-3", "in/memory-4", "in/5")
        outcome = annotate(tmp_path, "in", "none.edf")
        assert outcome.status == 1
        assert "\n2 of 6 recordings annotated, 4 skipped\n" in outcome.out
        warning, fault = "ecg-lightning: warning:", "expected no fault of this program"
        assert outcome.err.splitlines() == [
            f"{warning} in/bad-2.csv: bad-2: expected good samples, found bad ones; repair it",
            f"{warning} in/fault-3.csv: {fault}, found TypeError: of the program; report this line",
            f"{warning} in/memory-4.csv: memory: expected more, found MemoryError; choose smaller "
            "settings, such as the size of a batch, or close other programs",
            f"{warning} none.edf: expected a recording, found neither this file nor a header "
            "none.edf.hea; check the path",
        ]
        rows = {row["record"]: row for row in summary(tmp_path)}
        assert [name for name, row in rows.items() if row["status"] == "done"] == ["1", "5"]
        assert rows["bad-2"]["problem"].startswith("bad-2: expected good samples")
        assert "in/bad-2.csv" in (tmp_path / "out/index.html").read_text()
        assert own(tmp_path / "out") == {
            *(f"{name}.{ending}" for name in "15" for ending in ("ecl", "csv", "html")),
            *("summary.csv", "index.html"),
        }
        assert len(calls(stand_in, "loaded")) == 1

    def test_an_error_about_the_beats_names_their_flag(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "annotator")
        outcome = annotate(tmp_path, "annotator.csv", "--beats", "qrs")
        assert outcome.err.endswith("; as only WFDB records have them (--beats)\n")

    def test_all_bad_is_status_2(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/bad-1", "in/bad-2")
        outcome = annotate(tmp_path, "in")
        assert outcome.status == 2
        lines = outcome.err.splitlines()
        assert [line.split(": ")[2] for line in lines[:2]] == ["in/bad-1.csv", "in/bad-2.csv"]
        assert lines[2] == "ecg-lightning: none of 2 recordings could be annotated"
        assert [row["status"] for row in summary(tmp_path)] == ["skipped", "skipped"]

    def test_the_first_bad_one_can_stop_the_command(self, tmp_path: Path, stand_in: Path) -> None:
        write_tables(tmp_path, "in/1", "in/bad-2", "in/c")
        outcome = annotate(tmp_path, "in", "--on-error", "stop")
        line = "ecg-lightning: bad-2: expected good samples, found bad ones; repair it\n"
        assert outcome == Outcome(2, "", line)
        assert own(tmp_path / "out") == {"1.ecl", "1.csv", "1.html"}
        assert calls(stand_in, "annotated") == ["1.csv", "bad-2.csv"]

    def test_a_missing_one_stops_the_command_before_it_begins(
        self, tmp_path: Path, stand_in: Path
    ) -> None:
        write_tables(tmp_path, "1")
        outcome = annotate(tmp_path, "1.csv", "2.csv", "--on-error", "stop")
        assert (outcome.status, calls(stand_in, "loaded")) == (2, [])

    def test_folders_are_kept(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/a/x", "in/b/x")
        refused = annotate(tmp_path, "in")
        assert refused.status == 2
        assert refused.err.endswith("write them to different folders (--keep-folders)\n")
        assert not (tmp_path / "out").exists()
        assert annotate(tmp_path, "in", "--keep-folders").status == 0
        assert [(row["record"], row["page"]) for row in summary(tmp_path)] == [
            ("a/x", "a/x.html"),
            ("b/x", "b/x.html"),
        ]
        assert (tmp_path / "out/b/x.ecl").is_file()

    def test_may_have_odd_names(self, tmp_path: Path) -> None:
        names = ("-x", "=cmd|x", "a b'<b>", "a.b.c", "x" * 240, "\u540d", "\udcff")
        write_tables(tmp_path, *(f"in/{name}" for name in names))
        outcome = annotate(tmp_path, "in")
        assert (outcome.status, outcome.err) == (0, "")
        assert max(map(len, outcome.out.splitlines())) < 120
        files = {f"{name}.{ending}" for name in names for ending in ("ecl", "csv", "html")}
        assert own(tmp_path / "out") == {*files, "summary.csv", "index.html"}
        with open(tmp_path / "out/summary.csv", encoding="utf-8", errors="strict") as file:
            assert not any(line.startswith(("=", "-")) for line in file)

    def test_a_table_is_at_most_a_screen(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = [*map(str, range(11)), "-".join(["1"] * 20)]
        write_tables(tmp_path, *(f"in/{name}" for name in names))
        monkeypatch.setenv("LINES", "12")
        monkeypatch.setenv("COLUMNS", "40")
        lines = annotate(tmp_path, "in", "--write", "csv").out.splitlines()
        assert len(lines) <= 12
        assert max(map(len, lines)) <= 40
        assert lines[0].startswith("recording ")
        assert lines[6:8] == ["and 7 more recordings", "12 of 12 recordings annotated"]


class TestWhatIsReplaced:
    def test_a_repeated_command_replaces_its_files(self, tmp_path: Path, stand_in: Path) -> None:
        write_tables(tmp_path, "in/x", "in/y")
        annotate(tmp_path, "in")
        before = contents(tmp_path / "out")
        (tmp_path / "out/x.csv").write_text((tmp_path / "out/x.csv").read_text()[:300])
        (tmp_path / "out/y.html").unlink()
        assert annotate(tmp_path, "in").status == 0
        assert contents(tmp_path / "out") == before
        assert len(calls(stand_in, "annotated")) == 4

    @pytest.mark.parametrize("output", [".", "in"])
    def test_an_input_is_never_replaced(self, output: str, tmp_path: Path, stand_in: Path) -> None:
        write_tables(tmp_path, "in/x", "in/y")
        before = contents(tmp_path)
        words = ("annotate", "in", "--output", "in", "--fs", "100")
        outcome = command(words, tmp_path)
        assert outcome.status == 2
        assert outcome.err == (
            "ecg-lightning: in/x.csv: expected no file of this name, or one that ecg-lightning "
            "wrote, found another one; move it away, or choose another folder (--output)\n"
        )
        assert contents(tmp_path) == before
        assert calls(stand_in, "loaded") == []

    def test_nor_the_reference_next_to_it(self, tmp_path: Path) -> None:
        write_record(tmp_path / "in", ecg_like())
        before = contents(tmp_path)
        words = ("annotate", "in/r", "--output", "in", "--write", "wfdb", "--annotator", "atr")
        outcome = command(words, tmp_path)
        assert outcome.status == 2
        assert outcome.err.startswith("ecg-lightning: in/r.atr: expected no file of this name")
        assert contents(tmp_path) == before

    def test_the_folder_of_the_inputs_may_take_the_files(
        self, tmp_path: Path, stand_in: Path
    ) -> None:
        """A repeated command must not take what it has written for recordings."""
        for name in ("r", "q"):
            write_record(tmp_path / "in", record_of(ecg_like().signal, [(9, "N")], name=name))
        before = contents(tmp_path / "in")
        for _ in range(2):
            assert command(("annotate", "in", "--output", "in"), tmp_path).status == 0
            assert contents(tmp_path / "in").items() >= before.items()
        assert calls(stand_in, "annotated") == ["q", "r"] * 2

    def test_also_of_files_without_headers(self, tmp_path: Path, stand_in: Path) -> None:
        for name in ("x", "y"):
            signal = edfio.EdfSignal(
                ecg_like().signal[:3240], 360, label="ECG", physical_dimension="mV"
            )
            (tmp_path / "in").mkdir(exist_ok=True)
            edfio.Edf([signal]).write(tmp_path / f"in/{name}.edf")
        for _ in range(2):
            outcome = command(("annotate", "in", "--output", "in"), tmp_path)
            assert (outcome.status, outcome.err) == (0, "")
        assert calls(stand_in, "annotated") == ["x.edf", "y.edf"] * 2

    @pytest.mark.parametrize("name", ["summary.csv", "index.html"])
    def test_nor_a_summary_of_somebody_else(self, name: str, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/x", "in/y")
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / name).write_text("mine")
        outcome = annotate(tmp_path, "in")
        assert outcome.status == 2
        assert outcome.err.startswith(f"ecg-lightning: out/{name}: expected no file of this name")
        assert own(tmp_path / "out") == {name}


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("words", "line"),
        [
            (["--write", "wfdb,pdf"], "write: expected some of wfdb, csv, html, parquet, "),
            (["--write", ","], "write: expected some of wfdb, csv, html, parquet, "),
            (["--annotator", "a.b"], "annotator: expected the ending of an annotation file "),
            (["--annotator", "csv"], "annotator: expected the ending of an annotation file "),
            (["--beats", "a/b"], "beats: expected the ending of WFDB annotation files, "),
            (["--jobs", "0"], "jobs: expected 1 to 64, found 0; correct it (--jobs)"),
            (["--jobs", "100000"], "jobs: expected 1 to 64, found 100000; correct it (--jobs)"),
            (["--shard", "5/4"], "shard: expected I/N, such as 2/4 for the second of four, "),
            (["--on-error", "ask"], "argument --on-error: invalid choice: 'ask' "),
            (["--fs", "nan"], "fs_hz: expected a number from "),
            (["--lead", ","], "lead: expected a name or a number, found ','; correct it (--lead)"),
            (["--output", "x.csv"], "x.csv: expected a folder to write to, found a file; "),
            ([""], "path: expected a recording or a folder, found an empty text; correct it\n"),
            (["--output", ""], "output: expected a folder, found an empty text; correct it "),
            (["--model", ""], "model: expected the name of weights, found an empty text; "),
            (["--output", "x.csv/a"], "x.csv/a: expected a folder to write to, found a file above"),
            (["--model", "missing"], "weights: expected some, found none; name them (--model)"),
            (["--model", "missing", "--jobs", "2", "y.csv"], "weights: expected some, found none;"),
        ],
    )
    def test_before_anything_is_read_or_written(
        self, words: list[str], line: str, tmp_path: Path, stand_in: Path
    ) -> None:
        write_tables(tmp_path, "x", "y")
        outcome = annotate_last(tmp_path, "x.csv", *words)
        assert outcome.status == 2
        assert outcome.err.startswith(f"ecg-lightning: {line}")
        assert outcome.err.count("\n") == 1
        assert names_below(tmp_path) == {"x.csv", "y.csv"}
        assert calls(stand_in, "annotated") == []

    def test_a_folder_that_cannot_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_tables(tmp_path, "x")

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "mkdir", refuse)
        outcome = annotate(tmp_path, "x.csv")
        assert (outcome.status, outcome.err) == (
            2,
            "ecg-lightning: out: expected a place that can be written, found Permission denied; "
            "change the permissions, or choose another folder (--output)\n",
        )

    @pytest.mark.parametrize("is_link", [False, True])
    def test_a_file_in_the_place_of_the_folder_of_states(
        self, is_link: bool, tmp_path: Path
    ) -> None:
        write_tables(tmp_path, "x")
        (tmp_path / "out").mkdir()
        if is_link:
            (tmp_path / "out/.annotate").symlink_to("nowhere")
        else:
            (tmp_path / "out/.annotate").write_text("")
        outcome = annotate(tmp_path, "x.csv")
        assert outcome.status == 2
        assert outcome.err.startswith(
            "ecg-lightning: out/.annotate: expected a place that can be written, found File exists;"
        )

    def test_no_path(self, tmp_path: Path) -> None:
        assert annotate(tmp_path).status == 2


class TestTheFingerprintOfTheWeights:
    def test_is_that_of_the_file_that_is_loaded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also of one below the home folder, whose name a shell may not have expanded."""
        monkeypatch.setenv("HOME", str(tmp_path))
        for flag, name in (("--model", "~/a.ckpt"), ("--detector", "~/a.safetensors")):
            settings = parse_arguments(["x", "--output", "out", flag, name])
            marks = set()
            for content in ("one", "two"):
                (tmp_path / name[2:]).write_text(content)
                marks.add(settings_fingerprint(settings))
            assert len(marks) == 2

    def test_a_file_named_as_a_shipped_detector_is_not_loaded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        settings = parse_arguments(["x", "--output", "out"])
        before = settings_fingerprint(settings)
        Path(settings.detector).write_text("another file")
        assert settings_fingerprint(settings) == before


@pytest.mark.parametrize(
    "line",
    [
        line.partition("#")[0]
        for line in (ROOT / "docs/annotate.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("ecg-lightning annotate ")
    ],
)
def test_the_commands_of_the_guide_are_right(line: str) -> None:
    assert parse_arguments(shlex.split(line)[2:]).paths


def annotate_last(folder: Path, *words: str) -> Outcome:
    """As `annotate`, where the words may name another output folder."""
    return command(("annotate", "--output", "out", "--fs", "100", *words), folder)


class TestShards:
    def shard(self, folder: Path, number: int, *words: str) -> Outcome:
        return annotate(folder, "in", "--shard", f"{number}/2", *words)

    def test_together_write_what_one_command_writes(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/1", "in/bad-2", "in/3", "in/4")
        assert annotate(tmp_path, "in").status == 1
        (tmp_path / "out").rename(tmp_path / "whole")
        second = self.shard(tmp_path, 2)
        assert second.status == 1
        assert second.out.splitlines()[-2:] == [
            "shard 2/2: 1 of 2 recordings annotated, 1 skipped",
            "no summary yet, as recordings of other shards are not finished",
        ]
        assert not (tmp_path / "out/summary.csv").exists()
        first = self.shard(tmp_path, 1)
        assert (first.status, first.err) == (0, "")
        assert first.out.splitlines()[-3:] == [
            "shard 1/2: 2 of 2 recordings annotated",
            "out/summary.csv",
            "out/index.html",
        ]
        assert contents(tmp_path / "out") == contents(tmp_path / "whole")

    def test_a_repeated_one_does_only_what_is_missing(self, tmp_path: Path, stand_in: Path) -> None:
        write_tables(tmp_path, *(f"in/{number}" for number in range(6)))
        self.shard(tmp_path, 1)
        before = contents(tmp_path / "out")
        (tmp_path / "out/2.html").unlink()
        outcome = self.shard(tmp_path, 1)
        assert calls(stand_in, "annotated") == ["0.csv", "2.csv", "4.csv", "2.csv"]
        assert "\nshard 1/2: 3 of 3 recordings annotated (2 earlier)\n" in outcome.out
        assert contents(tmp_path / "out") == before

    def test_that_is_done_loads_nothing_and_says_the_same(
        self, tmp_path: Path, stand_in: Path
    ) -> None:
        write_tables(tmp_path, "in/1", "in/2")
        for number in (1, 2, 1):
            outcome = self.shard(tmp_path, number)
        assert outcome.status == 0
        assert len(calls(stand_in, "loaded")) == 2
        assert outcome.out.splitlines()[1].split()[0] == "1"
        assert outcome.out.splitlines()[2] == "shard 1/2: 1 of 1 recording annotated (1 earlier)"

    @pytest.mark.parametrize("change", ["settings", "input", "begun", "bad"])
    def test_does_again_what_is_out_of_date(
        self, change: str, tmp_path: Path, stand_in: Path
    ) -> None:
        name = "bad-1" if change == "bad" else "1"
        write_tables(tmp_path, f"in/{name}", "in/c", "in/d")
        self.shard(tmp_path, 1)
        assert calls(stand_in, "annotated") == [f"{name}.csv", "d.csv"]
        if change == "input":
            os.utime(tmp_path / "in/1.csv", ns=(1, 1))
        if change == "begun":
            state = tmp_path / "out/.annotate/1.json"
            state.write_text(
                state.read_text().replace('"status": "done"', '"status": "started"', 1)
            )
        self.shard(tmp_path, 1, *(["--causal"] if change == "settings" else []))
        again = ["1.csv", "d.csv"] if change == "settings" else [f"{name}.csv"]
        assert calls(stand_in, "annotated")[2:] == again

    def test_removes_what_a_killed_one_has_left(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/1", "in/2")
        (tmp_path / "out").mkdir()
        for name in (".1.csv.99-abc.tmp", ".2.csv.99-abc.tmp", ".10.csv.99-abc.tmp"):
            (tmp_path / "out" / name).write_text("half")
        self.shard(tmp_path, 1)
        left = {path.name for path in (tmp_path / "out").glob(".*.tmp")}
        assert left == {".2.csv.99-abc.tmp", ".10.csv.99-abc.tmp"}

    def test_more_than_recordings_are_no_error(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/1", "in/2")
        outcome = annotate(tmp_path, "in", "--shard", "4/4")
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.out.startswith("shard 4/4: 0 of 0 recordings annotated\n")

    def test_of_one_recording_says_the_same_twice(self, tmp_path: Path, stand_in: Path) -> None:
        write_tables(tmp_path, "in/1")
        outcomes = [annotate(tmp_path, "in", "--shard", "1/1") for _ in range(2)]
        assert outcomes[0] == outcomes[1]
        assert len(calls(stand_in, "annotated")) == 1

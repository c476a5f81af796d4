"""`ecg-lightning info`: the block, the lines and the JSON, and what it refuses."""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
from rich.cells import cell_len

from ecg_lightning.errors import InputError
from ecg_lightning.models import DeepConv1d
from ecg_lightning.records.recording import FileAnnotations, Recording
from ecg_lightning.training.checkpoints import write_checkpoint
from tests.helpers.cli import Outcome, command
from tests.helpers.recordings import annotations_of, leads_of, recording_of
from tests.helpers.records import Floats, ecg_like, record_of, write_record

BLOCK = """\
sub/r
format       WFDB
start        unknown
length       10 s (1,000 samples at 100 Hz)
lead used    MLII
annotations  4: N 3 · V 1

lead  unit  invalid   flat  clipped
MLII  mV     10.0 %  5.0 %    4.0 %  used
V1    mV      0.0 %  0.0 %    0.0 %
"""
LINES = """\
path   format  leads  lead used    rate  length  annotations  remarks
sub/r  WFDB        2  MLII       100 Hz    10 s            4  10 % invalid, 5 % flat, 4 % clipped
b      WFDB        1  MLII       360 Hz   9.2 s            9  84 % flat
"""
NO_FILE = "expected a recording, found neither this file nor a header none.hea; check the path"


def noise(samples: int = 1000, seed: int = 0) -> Floats:
    return np.round(np.random.default_rng(seed).uniform(-1, 1, samples), 3)


def write_bad_signal(folder: Path) -> None:
    """The record sub/r, of which a tenth is invalid, a twentieth flat and less is clipped."""
    signal = noise()
    signal[100:150], signal[300:340], signal[600:700] = 0.3, 9.0, np.nan
    record = record_of(signal, [(50, "N"), (150, "V"), (250, "N"), (350, "N")], 100.0)
    write_record(folder / "sub", record, [("V1", noise(seed=1))])


def info(folder: Path, *words: str) -> Outcome:
    return command(("info", *words), folder)


Opened = Callable[[dict[str, Recording]], None]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Lets `info` open recordings in memory by their names."""

    def use(recordings: dict[str, Recording]) -> None:
        monkeypatch.setattr(
            "ecg_lightning.cli.info.recording_facts.read_recording",
            lambda name, **_: recordings[name],
        )

    return use


class TestOneRecording:
    def test_is_a_block(self, tmp_path: Path) -> None:
        write_bad_signal(tmp_path)
        assert info(tmp_path, "sub/r") == Outcome(0, BLOCK, "")

    def test_of_a_folder_is_a_block_too(self, tmp_path: Path) -> None:
        write_bad_signal(tmp_path)
        assert info(tmp_path, "sub") == Outcome(0, BLOCK, "")

    def test_the_stated_lead_and_annotator(self, tmp_path: Path) -> None:
        write_bad_signal(tmp_path)
        outcome = info(tmp_path, "sub/r", "--lead", "V1", "--annotator", "qrs")
        assert outcome.status == 0
        assert "\nlead used    V1\nannotations  none\n" in outcome.out
        assert "\nnote         there is no file r.qrs\n" in outcome.out
        assert [line.endswith("used") for line in outcome.out.splitlines()[-2:]] == [False, True]

    def test_a_lead_without_a_name_is_stated_as_it_is_shown(self, tmp_path: Path) -> None:
        noise().astype("<f8").view("<i2").tofile(tmp_path / "r.dat")
        (tmp_path / "r.hea").write_text("r 2 360 2000\nr.dat 16 200\nr.dat 16 200\n")
        out = info(tmp_path, "r", "--lead", "channel 1").out
        assert "\nlead used    channel 1\n" in out

    def test_damaged_annotations_are_an_error_below_which_the_rest_is_shown(
        self, tmp_path: Path
    ) -> None:
        write_bad_signal(tmp_path)
        (tmp_path / "sub/r.atr").write_bytes(b"\x01\x04\x01")
        outcome = info(tmp_path, "sub/r")
        assert "\nannotations  error: sub/r.atr: expected " in outcome.out
        assert outcome.out.endswith(BLOCK.partition("\n\n")[2])
        problem = "ecg-lightning: the annotations of 1 of 1 recording could not be read\n"
        assert (outcome.status, outcome.err) == (2, problem)

    def test_the_start_the_notes_and_a_format_that_was_never_tried(
        self, opened: Opened, tmp_path: Path
    ) -> None:
        recording = recording_of(
            leads_of([noise()], [100.0]),
            start_time=datetime(1994, 8, 15, 17, 27, 45, 500_000),
            notes=["the header has no gain", "the header has no gain"],
            find_annotations=lambda: annotations_of('N"N"N', notes=["2 annotations are dropped"]),
            is_tried=False,
        )
        opened({"r": recording})
        lines = info(tmp_path, "r").out.splitlines()
        assert lines[:-3] == [
            "r",
            "format       array (not tried with a real file)",
            "start        1994-08-15 17:27:45.5",
            "length       10 s (1,000 samples at 100 Hz)",
            "lead used    lead 0",
            "annotations  5: N 3 · text 2",
            "note         the header has no gain",
            "note         2 annotations are dropped",
        ]

    @pytest.mark.parametrize("columns", [40, 60, 80])
    def test_fits_into_the_terminal(
        self, columns: int, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        opened({"r": many_leads()})
        lines = info(tmp_path, "r").out.splitlines()
        assert max(map(cell_len, lines)) <= columns
        table = lines[lines.index("") + 1 :]
        assert len(table) == 13
        assert all(name in table[0] for name in ("lead", "invalid", "flat", "clipped"))
        assert {cell_len(line.removesuffix("  used")) for line in table} <= {
            cell_len(table[0])
        }  # the columns end below each other

    def test_leads_of_several_rates_show_them(self, opened: Opened, tmp_path: Path) -> None:
        opened({"r": recording_of(leads_of([noise(), noise(125)], [100.0, 12.5], (), ["mV", ""]))})
        assert info(tmp_path, "r").out.splitlines()[-3:] == [
            "lead    unit        rate  length  invalid   flat  clipped",
            "lead 0  mV        100 Hz    10 s    0.0 %  0.0 %    0.0 %  used",
            "lead 1  unknown  12.5 Hz    10 s    0.0 %  0.0 %    0.0 %",
        ]

    def test_does_not_show_who_the_patient_is(self, tmp_path: Path) -> None:
        patient = edfio.Patient(code="C0DE", name="Jane_Doe", birthdate=date(1951, 2, 3), sex="F")
        signal = edfio.EdfSignal(noise(), 100.0, label="ECG II", physical_dimension="mV")
        edfio.Edf([signal], patient=patient).write(tmp_path / "r.edf")
        for words in (["r.edf"], ["r.edf", "--json"], ["r.edf", "r.edf"]):
            outcome = info(tmp_path, *words)
            assert "EDF" in outcome.out
            shown = f"{outcome.out}{outcome.err}".lower()
            assert not any(word in shown for word in ("c0de", "jane", "doe", "1951", "feb"))

    def test_a_name_cannot_command_the_terminal(self, opened: Opened, tmp_path: Path) -> None:
        evil = "a\x1b[31m\nb"
        opened({"r": recording_of([(evil, evil, 100.0, noise())], notes=[evil])})
        for words in (["r"], ["r", "r"]):
            out = info(tmp_path, *words).out
            assert r"a\x1b[31m\nb" in out
            assert out.replace("\n", "").isprintable()


def many_leads() -> Recording:
    """Twelve leads of three rates, with long and wide names."""
    names = ["MLII", "心電図の長い名前のリード", "ECG lead I of the patient monitor, filtered"]
    return recording_of(
        leads_of(
            [noise(n) for n in [5000] * 10 + [1250, 10]],
            [500.0] * 10 + [125.0, 1.0],
            names,
            ["mV"] * 10 + ["mmHg", ""],
        ),
        notes=["the header has no gain: 200 steps of the converter for each unit are assumed"],
        find_annotations=lambda: annotations_of("NVSFAaJje/fQ" * 500),
    )


class TestSeveralRecordings:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it
        write_bad_signal(tmp_path)
        write_record(tmp_path, ecg_like("b"))
        return tmp_path

    def test_are_lines(self, folder: Path) -> None:
        assert info(folder, "sub/r", "b") == Outcome(0, LINES, "")

    def test_are_named_before_and_after_options(self, folder: Path) -> None:
        assert info(folder, "sub/r", "--lead", "0", "b").out == LINES

    def test_of_a_folder(self, folder: Path) -> None:
        out = info(folder, ".").out.splitlines()
        assert [line.split()[0] for line in out] == ["path", "b", "sub/r"]

    def test_one_that_cannot_be_read_is_a_line_in_its_place(self, folder: Path) -> None:
        outcome = info(folder, "sub/r", "none", "b")
        head, first, second = LINES.splitlines()
        assert outcome.out.splitlines() == [head, first, f"none  error: {NO_FILE}", second]
        problem = "ecg-lightning: 1 of 3 recordings could not be read\n"
        assert (outcome.status, outcome.err) == (2, problem)

    def test_none_of_which_can_be_read(self, folder: Path) -> None:
        outcome = info(folder, "none", "no/folder")
        assert outcome.out.splitlines()[0] == f"none  error: {NO_FILE}"
        problem = "ecg-lightning: 2 of 2 recordings could not be read\n"
        assert (outcome.status, outcome.err, outcome.out.count("\n")) == (2, problem, 2)

    def test_damaged_annotations_are_a_word(self, folder: Path) -> None:
        (folder / "b.atr").write_bytes(b"\x01\x04\x01")
        outcome = info(folder, "b", "sub/r", "none")
        assert outcome.out.splitlines()[1].endswith("9.2 s        error  84 % flat")
        assert outcome.err == (
            "ecg-lightning: 1 of 3 recordings and the annotations of 1 of 3 recordings could not "
            "be read\n"
        )

    @pytest.mark.parametrize("columns", [40, 60, 80, 120])
    def test_fit_into_the_terminal(
        self, columns: int, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        names = ["r", "folder/of/many/recordings/with/a/long/name/100", "心電図" * 20]
        opened({name: many_leads() for name in names})
        head, *lines = info(tmp_path, *names).out.splitlines()
        assert max(map(cell_len, [head, *lines])) <= columns
        assert head.startswith("path ")
        assert [line.partition("  ")[0][-3:] for line in lines] == ["r", "100", "心電図"]

    def test_a_file_gets_long_lines(
        self, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv("COLUMNS", raising=False)
        names = ["folder/" * 40 + "100", "r"]
        opened({name: many_leads() for name in names})
        lines = info(tmp_path, *names).out.splitlines()
        assert lines[1].startswith(f"{names[0]}  array ")


class TestJson:
    def test_is_all_of_standard_output(self, tmp_path: Path) -> None:
        write_bad_signal(tmp_path)
        (tmp_path / "sub/bad.hea").write_text("bad 1 360 10\nbad.dat 16 200 16 0\n")
        outcome = info(tmp_path, "sub/r", "sub/bad", "--json")
        read, unread = json.loads(outcome.out)
        lead = {"unit": "mV", "fs_hz": 100.0, "samples": 1000, "length_s": 10.0}
        shares = {"invalid_share": 0.1, "flat_share": 0.05, "clipped_share": 0.04}
        assert read == {
            "path": "sub/r",
            "name": "r",
            "format": "WFDB",
            "tried": True,
            "start_time": None,
            "lead_used": 0,
            "leads": [
                {"name": "MLII", **lead, **shares},
                {"name": "V1", **lead, **dict.fromkeys(shares, 0.0)},
            ],
            "annotations": {"count": 4, "by_symbol": {"N": 3, "V": 1}},
            "notes": [],
        }
        assert list(unread) == ["path", "error"]
        assert unread["path"] == "sub/bad"
        assert "expected " in unread["error"]
        problem = "ecg-lightning: 1 of 2 recordings could not be read\n"
        assert (outcome.status, outcome.err) == (2, problem)

    def test_one_that_cannot_be_read(self, tmp_path: Path) -> None:
        outcome = info(tmp_path, "none", "--json")
        assert json.loads(outcome.out) == [{"path": "none", "error": f"none: {NO_FILE}"}]
        assert (outcome.status, outcome.err) == (2, f"ecg-lightning: none: {NO_FILE}\n")

    @pytest.mark.parametrize(
        ("find_annotations", "expected"),
        [
            (lambda: None, None),
            (lambda: annotations_of(""), {"count": 0, "by_symbol": {}}),
            (lambda: _damaged(), {"error": "r.atr: expected an end mark"}),
        ],
    )
    def test_annotations(
        self,
        find_annotations: Callable[[], FileAnnotations | None],
        expected: Any,
        opened: Opened,
        tmp_path: Path,
    ) -> None:
        opened({"r": recording_of(leads_of([noise()], [100.0]), find_annotations=find_annotations)})
        assert json.loads(info(tmp_path, "r", "--json").out)[0]["annotations"] == expected

    def test_no_share_is_nan(self, opened: Opened, tmp_path: Path) -> None:
        signals = [np.empty(0), np.full(10, np.nan), np.zeros(1000)]
        start = datetime(1994, 8, 15, 17, 27, 45, 500_000)
        opened({"r": recording_of(leads_of(signals, [100.0] * 3), start_time=start)})
        row = json.loads(info(tmp_path, "r", "--json").out)[0]
        shares = [[lead[f"{name}_share"] for name in ("invalid", "flat")] for lead in row["leads"]]
        assert shares == [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
        assert row["start_time"] == "1994-08-15T17:27:45.500000"


def _damaged() -> FileAnnotations:
    raise InputError("r.atr", expected="an end mark")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "the following arguments are required: PATH; see `ecg-lightning info --help`"),
        (["none"], f"none: {NO_FILE}"),
        (["--lead", "0", "--", "--json"], "--json: expected a recording, found neither this file "),
        (["r", "--fs", "0"], "fs_hz: expected a number from 0.001 to 1,000,000 Hz, found 0; "),
        (["r", "--fs", "nan"], "fs_hz: expected a number from 0.001 to 1,000,000 Hz, found nan; "),
        (["--fs", "fast", "r"], "argument --fs: invalid float value: 'fast'; see "),
        (["r", "--lead", ""], "lead: expected a name or a number, found ''; "),
        (["r", "--column", ","], "column: expected a name or a number, found ','; "),
        (["r", "--unit", " "], "unit: expected a unit such as mV, found an empty text; "),
        (["r", "--annotator", ""], "annotator: expected the ending of a file such as atr, found "),
        (["r", "--lead", "V9"], "expected a lead out of MLII or an index from 0 to 0, found 'V9'"),
        (["r", "--fs", "250"], "expected the file's own sampling rate, 360 Hz, found 250 Hz stat"),
        (["empty"], "empty: expected recordings here or below, found no files; check the path"),
        (
            ["r", "--jsn"],
            "unrecognized arguments: --jsn; did you mean --json instead of --jsn? "
            "See `ecg-lightning info --help`",
        ),
    ],
    ids=" ".join,
)
def test_refuses_in_one_line(words: Sequence[str], line: str, tmp_path: Path) -> None:
    write_record(tmp_path, ecg_like())
    (tmp_path / "empty").mkdir()
    outcome = info(tmp_path, *words)
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert line in outcome.err


def test_an_error_names_the_flag(tmp_path: Path) -> None:
    write_record(tmp_path, ecg_like())
    assert info(tmp_path, "r", "--fs", "250").err.endswith("; do not state it (--fs)\n")
    assert info(tmp_path, "r", "--lead", "V9").err.endswith("; choose one of these (--lead)\n")


def test_a_record_comes_before_a_folder_of_its_name(tmp_path: Path) -> None:
    write_record(tmp_path, ecg_like())
    (tmp_path / "r").mkdir()
    assert info(tmp_path, "r").out.startswith("r\nformat       WFDB\n")


def test_a_checkpoint_tells_its_network_and_its_training(tmp_path: Path) -> None:
    adamw = {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.01, "maximize": False}}
    config = {
        "model": {"loss": {"class_path": "mine.Loss", "init_args": {"power": 3}}},
        "data": {"seed": 4},
        "trainer": {"max_epochs": 7, "gradient_clip_val": None},
        "beats": {"fs_hz": 360.0},
        "optimizer": adamw,
        "lr_scheduler": {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {}},
        "lr_interval": "step",
    }
    write_checkpoint(DeepConv1d(64), tmp_path / "a.ckpt", config)
    outcome = info(tmp_path, "a.ckpt")
    assert (outcome.status, outcome.err) == (0, "")
    n = sum(parameter.numel() for parameter in DeepConv1d(64).parameters())
    rows = dict(line.split(maxsplit=1) for line in outcome.out.splitlines()[1:])
    assert rows["network"].startswith("DeepConv1d (")
    assert rows["network"].endswith(", input length 64)")
    assert rows | {"network": "", "format": ""} == {
        "format": "",
        "network": "",
        "classes": "N S V F Q",
        "trained": "0 epochs, 0 steps",
        "beats": "fs_hz 360",
        "loss": "mine.Loss (power 3)",
        "optimizer": "AdamW (lr 0.01)",
        "schedule": "StepLR, by step",
        "trainer": "max_epochs 7",
        "seeds": "draws 4",
    }
    [known] = json.loads(info(tmp_path, "a.ckpt", "--json").out)
    assert known["config"] == config
    assert known["parameters"] >= n

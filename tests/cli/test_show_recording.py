"""`ecg-lightning show PATH`: strips compared with wfdb, predictions, and refused arguments."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.cli.show.command import has_path
from ecg_lightning.figures.strip_marks import BAND
from ecg_lightning.palette import CLASS_COLOURS
from tests.helpers.cli import Outcome, command, names_below
from tests.helpers.drawn import keep_figures
from tests.helpers.figures import assert_clear, texts_of
from tests.helpers.paths import ROOT
from tests.helpers.records import ecg_like, write_record
from tests.helpers.strips import compared_with_wfdb

SYMBOLS = "NVNAN/NFNNANN"
HEAD = "record,sample,symbol,class,predicted,p_N,p_S,p_V,p_F,p_Q,quality\n"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    return keep_figures(monkeypatch)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records `one` at 360 Hz and `sub/two` at 250 Hz with leads MLII and V5, and `bare`."""
    folder = tmp_path_factory.mktemp("records")
    for below, name, fs_hz in ((folder, "one", 360.0), (folder / "sub", "two", 250.0)):
        record = ecg_like(name, SYMBOLS, fs_hz)
        write_record(below, record, [("V5", 0.5 * record.signal[::-1])])
    write_record(folder, ecg_like("bare", SYMBOLS))
    (folder / "bare.atr").unlink()
    return folder


def show(*args: object, folder: Path) -> Outcome:
    return command(["show", *map(str, args)], folder)


def shown(*args: object, folder: Path) -> str:
    """What a command prints that succeeds without a warning."""
    outcome = show(*args, folder=folder)
    assert (outcome.status, outcome.err) == (0, "")
    return outcome.out


def ydata(axes: Axes) -> Any:
    return np.asarray(axes.lines[0].get_ydata())


class TestTheStrip:
    def test_is_what_wfdb_reads(self, records: Path, tmp_path: Path, drawn: list[Figure]) -> None:
        args = ("--start", 2.1, "--seconds", 7, "--lead", "V5", "--output", "strip.svg")
        out = shown(records / "sub" / "two", *args, folder=tmp_path)
        described = "record two, lead V5, 2.1 to 9.1 s: 7 annotated beats"
        assert out.splitlines() == [described, "strip.svg"]
        compared_with_wfdb(drawn[0].axes[0], records / "sub" / "two", 1, 2.1, 9.1)
        assert_clear(drawn[0])

    def test_is_that_of_the_source(self, records: Path, tmp_path: Path) -> None:
        shown(records / "one", "--output", "path.png", folder=tmp_path)
        source = ("--data.source", "wfdb", "--data.root", records, "--record", "one")
        assert show(*source, "--output", "source.png", folder=tmp_path).status == 0
        assert (tmp_path / "path.png").read_bytes() == (tmp_path / "source.png").read_bytes()

    @pytest.mark.parametrize(("record", "start"), [("208", 65), ("119", 1700), ("203", 90)])
    def test_of_real_records(
        self, mitdb: Path, record: str, start: int, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        shown(mitdb / record, "--start", start, folder=tmp_path)
        compared_with_wfdb(drawn[0].axes[0], mitdb / record, 0, start, start + 10)
        assert_clear(drawn[0])

    def test_without_annotations(self, records: Path, tmp_path: Path, drawn: list[Figure]) -> None:
        out = shown(records / "bare", folder=tmp_path)
        assert out.splitlines() == [
            "record bare, lead MLII, 0 to 10 s: no annotations",
            "strip-bare-0s.png",
        ]
        assert not {*CLASS_NAMES} & {*texts_of(drawn[0].axes[0])}
        assert len(drawn[0].axes[0].lines) == 1

    def test_its_title_has_the_time_of_day(
        self, records: Path, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        header = (records / "bare.hea").read_text().splitlines()
        header[0] += " 23:59:55.5 01/02/2020"
        (tmp_path / "bare.hea").write_text("\n".join(header) + "\n")
        (tmp_path / "bare.dat").write_bytes((records / "bare.dat").read_bytes())
        shown("bare.hea", "--start", 5, "--seconds", 5, folder=tmp_path)
        assert "Record bare, lead MLII, at 00:00:00.5" in texts_of(drawn[0].axes[0])

    def test_a_table_without_a_rate_and_a_name_with_blanks(
        self, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        signal = np.round(np.sin(np.arange(1500) / 20), 3)
        path = tmp_path / "my $x$ Мой é.csv"
        path.write_text("a\n" + "\n".join(f"{value:.3f}" for value in signal) + "\n")
        out = shown(path, "--fs", 250, "--unit", "mV", "--seconds", 4, folder=tmp_path)
        assert out.splitlines()[-1] == "strip-my-x-Мой-é-0s.png"
        np.testing.assert_allclose(ydata(drawn[0].axes[0]), signal[:1000], atol=1e-6)
        assert "Record my $x$ Мой é, lead a" in texts_of(drawn[0].axes[0])


class TestSeveralLeads:
    def test_all_of_them(self, records: Path, tmp_path: Path, drawn: list[Figure]) -> None:
        out = shown(records / "one", "--leads", "all", "--start", 1, folder=tmp_path)
        assert out.startswith("record one, leads MLII, V5, 1 to 11 s: ")
        signal = wfdb.rdrecord(str(records / "one")).p_signal[360 : 11 * 360]
        assert len(drawn[0].axes) == 2
        for lead, axes in enumerate(drawn[0].axes):
            np.testing.assert_allclose(ydata(axes), signal[:, lead], atol=1e-9)
            assert axes.get_xlim() == (1, 11)
        assert {"MLII"} <= {*texts_of(drawn[0].axes[0])}
        assert {"V5"} <= {*texts_of(drawn[0].axes[1])}
        assert_clear(drawn[0])

    def test_in_the_order_of_their_names_each_once(
        self, records: Path, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        out = shown(records / "one", "--leads", "V5,0,mlii", folder=tmp_path)
        assert out.startswith("record one, leads V5, MLII, 0 to 10 s: ")
        assert [axes.texts[-1].get_text() for axes in drawn[0].axes] == ["V5", "MLII"]

    def test_of_several_rates_are_what_wfdb_reads(
        self, formats: Path, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        """The leads have 1, 2 or 4 samples a frame."""
        path = formats / "wfdb" / "mixedsignals"
        shown(path, "--leads", "all", "--start", 3, "--seconds", 9, folder=tmp_path)
        record = wfdb.rdrecord(str(path), smooth_frames=False, physical=True)
        signals = zip(record.e_p_signal, record.samps_per_frame, record.units, strict=True)
        for axes, (signal, per_frame, unit) in zip(drawn[0].axes, signals, strict=True):
            fs_hz = record.fs * per_frame
            start, stop = (int(np.ceil(at_s * fs_hz - 1e-6)) for at_s in (3, 12))
            times_s = np.asarray(axes.lines[0].get_xdata())
            np.testing.assert_allclose(times_s, np.arange(start, stop) / fs_hz)
            np.testing.assert_allclose(ydata(axes), signal[start:stop], atol=1e-9)
            assert unit == "mV" or axes.texts[-1].get_text().endswith(f"\n{unit}")
        assert_clear(drawn[0])

    @pytest.mark.parametrize(
        "name",
        [
            "edf/sample.edf",
            "ishne/ECG_P28.01.ecg",
            "dicom/sample.dcm",
            "multi-segment/041s/041s",
            "multi-segment/s25047/s25047-2704-05-04-10-44",
            "wfdb/binformats",
            "wfdb/a103l",
        ],
    )
    def test_of_every_format(
        self, name: str, formats: Path, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        outcome = show(formats / name, "--leads", "all", "--seconds", 8, folder=tmp_path)
        assert outcome.status == 0
        assert_clear(drawn[0])


def predictions(path: Path, *rows: tuple[str, int, str, str]) -> Path:
    """Write rows of record, sample, class and predicted class."""
    lines = [
        f"{record},{sample},{label},{label},{predicted},1,0,0,0,0,1\n"
        for record, sample, label, predicted in rows
    ]
    path.write_text(HEAD + "".join(lines))
    return path


# Beats of `one` are annotated about each second: N at 0.9 s, V at 1.9 s, N at 2.9 s.
ONE = [("one", 324, "N", "N"), ("one", 684, "V", "N"), ("one", 1044, "N", "S")]


def bands(axes: Axes) -> list[float]:
    """The middles of the bands behind predictions that differ."""
    patches: list[Any] = [p for p in axes.patches if to_rgb(p.get_facecolor()) == to_rgb(BAND)]
    return [patch.get_x() + patch.get_width() / 2 for patch in patches]


def letters(axes: Axes, line: int) -> list[tuple[float, str, bool]]:
    """Time, class and whether it is coloured, of a line of letters; 0 is next to the paper."""
    marks: list[Any] = [text for text in axes.texts if text.get_text() in CLASS_NAMES]
    heights = sorted({round(mark.get_position()[1], 3) for mark in marks})
    return [
        (
            round(mark.xy[0], 3),
            mark.get_text(),
            to_rgb(mark.get_bbox_patch().get_facecolor()) == to_rgb(CLASS_COLOURS[mark.get_text()]),
        )
        for mark in marks
        if round(mark.get_position()[1], 3) == heights[line]
    ]


class TestPredictions:
    def test_stand_next_to_the_annotations(
        self, records: Path, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        file = predictions(tmp_path / "p.csv", *ONE[::-1], ("other", 700, "N", "V"))
        args = ("--predictions", file, "--seconds", 4, "--leads", "all")
        out = shown(records / "one", *args, folder=tmp_path)
        assert out.splitlines()[0].endswith(
            "0 to 4 s: 4 annotated beats, 3 predicted beats, 2 differences"
        )
        axes = drawn[0].axes[0]
        assert [name for _, name, _ in letters(axes, 1)] == ["N", "V", "N", "S"]
        assert all(coloured for *_, coloured in letters(axes, 1))
        assert letters(axes, 0) == [(0.9, "N", False), (1.9, "N", True), (2.9, "S", True)]
        for row in drawn[0].axes:
            assert bands(row) == pytest.approx([1.9, 2.9])
        assert_clear(drawn[0])

    def test_bring_their_reference_where_the_recording_has_none(
        self, records: Path, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        rows = [("bare", *row) for _, *row in ONE]
        file = predictions(tmp_path / "p.csv", *rows)  # type: ignore[arg-type]
        out = shown(records / "bare", "--predictions", file, "--seconds", 4, folder=tmp_path)
        assert "0 to 4 s: no annotations, 3 predicted beats, 2 differences" in out
        assert [name for _, name, _ in letters(drawn[0].axes[0], 1)] == ["N", "V", "N"]

    def test_none_in_the_strip(self, records: Path, tmp_path: Path, drawn: list[Figure]) -> None:
        file = predictions(tmp_path / "p.csv", *ONE)
        args = ("--predictions", file, "--start", 5, "--seconds", 4)
        assert "0 predicted beats, 0 differences" in shown(records / "one", *args, folder=tmp_path)
        assert bands(drawn[0].axes[0]) == []

    @pytest.mark.parametrize(
        ("names", "record", "taken"),
        [
            (["sub/two", "two"], "sub/two", "sub/two"),
            (["mitdb/one", "x"], "one", "mitdb/one"),
            (["wfdb/sub/two"], "sub/two", "wfdb/sub/two"),
            (["svdb/one", "one"], "one", "one"),
        ],
    )
    def test_are_those_of_the_record_of_that_path(
        self, names: list[str], record: str, taken: str, records: Path, tmp_path: Path
    ) -> None:
        """The beat of the right record is at 2 s, those of others at 1 s."""
        rows = [(name, 720 if name == taken else 360, "N", "N") for name in names]
        file = predictions(tmp_path / "p.csv", *rows)
        start = 720 / (250 if record == "sub/two" else 360)
        args = ("--predictions", file, "--start", start - 0.1, "--seconds", 1)
        assert ", 1 predicted beat, " in shown(records / record, *args, folder=tmp_path)

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (
                [("two", 1, "N", "N"), ("a/one", 1, "N", "N")],
                "p.csv: expected rows of record one, found those of two, a/one; "
                "choose the predictions of this recording (--predictions)",
            ),
            (
                [("mitdb/one", 1, "N", "N"), ("svdb/one", 1, "N", "N")],
                "p.csv: expected rows of record one, found those of mitdb/one, svdb/one; "
                "choose predictions of one of them (--predictions)",
            ),
            (
                [("one", 324, "N", "N"), ("one", 5000, "N", "N")],
                "p.csv: expected positions of beats in the 4,608 samples of the recording, "
                "found sample 5,000 for record one; choose the predictions of this recording "
                "(--predictions)",
            ),
            ([("one", 10**30, "N", "N")], "found something else (ValueError: sample 1.0e+30)"),
            ([("one", -1, "N", "N")], "found sample -1 for record one"),
            ([("one", 1, "N", "X")], "found something else (KeyError: 'X')"),
            ([], "found something else (ValueError: no beats)"),
        ],
    )
    def test_of_others_are_refused(
        self, rows: list[tuple[str, int, str, str]], message: str, records: Path, tmp_path: Path
    ) -> None:
        predictions(tmp_path / "p.csv", *rows)
        refused(message, records / "one", "--predictions", "p.csv", folder=tmp_path)

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"record,sample\none,1\n", b"\0"])
    def test_a_file_of_another_kind(self, content: bytes, records: Path, tmp_path: Path) -> None:
        (tmp_path / "p.csv").write_bytes(content)
        message = "p.csv: expected a predictions.csv as `predict` and `test` write it, found "
        refused(message, records / "one", "--predictions", "p.csv", folder=tmp_path)


def refused(message: str, *args: object, folder: Path) -> None:
    before = names_below(folder)
    outcome = show(*args, folder=folder)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert names_below(folder) == before


LEAD = "expected a lead out of MLII, V5 or an index from 0 to 1, found 'aVR'; choose one of these"
PATH = "does not belong to the path of a recording; remove it, or the path\n"
REFUSED: dict[str, tuple[list[str], str]] = {
    "beat": (["one", "--beat", "1"], f"--beat {PATH}"),
    "record": (["one", "--record", "one"], f"--record {PATH}"),
    "source": (["one", "--data.source=wfdb"], f"--data.source {PATH}"),
    "data": (["one", "--data", "x.yaml"], f"--data {PATH}"),
    "views": (["--views=signal", "one"], f"--views {PATH}"),
    "two paths": (["one", "sub/two"], "unrecognized arguments: sub/two; see `ecg-lightning show"),
    "unknown": (["one", "--foo", "1"], "unrecognized arguments: --foo 1; see `ecg-lightning show"),
    "abbreviated": (["one", "--sec", "1"], "unrecognized arguments: --sec 1; see"),
    "number": (["one", "--start", "soon"], "argument --start: invalid float value: 'soon'; see"),
    "both": (["one", "--lead", "0", "--leads", "all"], "--lead and --leads exclude each other;"),
    "lead": (["one", "--lead", "aVR"], f"{LEAD} (--lead)\n"),
    "leads": (["one", "--leads", "MLII,aVR"], f"{LEAD} (--leads)\n"),
    "no leads": (["one", "--leads", ","], "expected 1 to 32 leads on a page, found 0;"),
    "rate": (["one", "--fs", "250"], "do not state it (--fs)\n"),
    "annotator": (
        ["one", "--annotator", "qrs"],
        "recording one: expected annotations of the annotator qrs, found none; "
        "choose another annotator, or name none (--annotator)\n",
    ),
    "missing": (["three"], "three: expected a recording, found neither this file nor a header"),
    "folder": (["sub"], "sub: expected a recording, found a folder;"),
    "behind the end": (
        ["one", "--start", "12"],
        "strip of record one: expected a start from 0 to 11.8 s and a length from 1 to 20 s, "
        "found start 12 s and length 10 s; choose a strip inside the record's 12.8 s\n",
    ),
    "negative": (["one", "--start", "-1"], "found start -1 s and length 10 s;"),
    "no number": (["one", "--seconds", "nan"], "found start 0 s and length nan s;"),
    "ending": (["one", "--output", "x.jpg"], "output x.jpg: expected a name that ends in one of"),
    "input": (
        ["sub/two.png", "--output", "sub/two.png"],
        "sub/two.png: expected a file of its own, found a file that the command reads;",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case: str, records: Path) -> None:
    args, message = REFUSED[case]
    (records / "sub" / "two.png").write_bytes(b"")
    refused(message, *args, folder=records)


@pytest.mark.parametrize(
    ("flag", "advice"),
    [
        (["--lead", "II"], "or write --data.lead"),
        (["--leads=all"], "or remove it"),
        (["--fs", "250"], "or remove it"),
        (["--predictions", "p.csv"], "or remove it"),
    ],
)
def test_arguments_of_a_path_without_a_path(flag: list[str], advice: str, tmp_path: Path) -> None:
    name = flag[0].partition("=")[0]
    message = f"{name} belongs to the path of a recording; add the path, {advice}\n"
    refused(message, *flag, "--record", "s10", folder=tmp_path)


@pytest.mark.parametrize(
    ("args", "answer"),
    [
        ([], False),
        (["100"], True),
        (["--start", "1", "100"], True),
        (["--start", "-1", "100"], True),
        (["--start=1", "100"], True),
        (["--", "-100"], True),
        (["--record", "100"], False),
        (["--beat", "100:5", "3"], False),
        (["--beat", "1", "--output", "x.png", "100"], True),
        (["--data.balance", "none"], False),
        (["100", "--help"], False),
    ],
)
def test_which_words_are_a_path(args: list[str], answer: bool) -> None:
    assert has_path(args) == answer


def test_a_strip_loads_no_torch(records: Path, tmp_path: Path) -> None:
    heavy = ("torch", "lightning", "torchmetrics", "jsonargparse", "sklearn", "scipy", "pandas")
    code = (
        "import sys; from ecg_lightning.cli.main import main; status = main(sys.argv[1:]);"
        f"print(status, [name for name in {heavy} if name in sys.modules])"
    )
    output = str(tmp_path / "strip.png")
    args = ["show", str(records / "one"), "--leads", "all", "--output", output]
    done = subprocess.run(
        [sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []"

"""`ecg-lightning show`: pictures compared with wfdb and scipy, and refused arguments."""

import dataclasses
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wfdb
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from scipy.signal import spectrogram

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.cli.show import beats as show
from ecg_lightning.figures.beats import beats_figure
from ecg_lightning.palette import CLASS_COLOURS
from ecg_lightning.signals.image_view import ImageView
from ecg_lightning.signals.scaling import scale
from ecg_lightning.signals.spectrogram_view import FLOOR
from ecg_lightning.signals.views import ViewName
from tests.helpers.cli import Outcome, command, names_below, one_cache
from tests.helpers.drawn import keep_figures
from tests.helpers.figures import assert_clear
from tests.helpers.records import beats_of, ecg_like, write_kaggle, write_record
from tests.helpers.strips import compared_with_wfdb

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)

SYMBOLS = "NVNAN/NFNNANN"
OTHER = "+~"  # written between beats


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records `one` at 360 Hz and `sub/two` at 250 Hz, a second lead each."""
    folder = tmp_path_factory.mktemp("records")
    for below, name, fs_hz in ((folder, "one", 360.0), (folder / "sub", "two", 250.0)):
        record = ecg_like(name, SYMBOLS, fs_hz)
        noise = np.random.default_rng(0).normal(0, 0.2, len(record.signal))
        write_record(below, record, [("V5", record.signal[::-1] + noise)])
    return folder


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that a command writes."""
    return keep_figures(monkeypatch)


def shown(records: Path, folder: Path, *args: str) -> Outcome:
    outcome = command(["show", "--data.source", "wfdb", "--data.root", str(records), *args], folder)
    warnings = outcome.err.splitlines()  # the records are short and flat
    assert outcome.status == 0
    assert all(
        line.startswith("ecg-lightning: warning: records one, sub/two: ") for line in warnings
    )
    return outcome


class TestStrip:
    def test_is_what_wfdb_reads(self, records: Path, tmp_path: Path, drawn: list[Figure]) -> None:
        args = (
            "--record",
            "sub/two",
            "--start",
            "2.1",
            "--seconds",
            "7",
            "--data.lead",
            "V5",
            "--output",
            "strip.svg",
        )
        outcome = shown(records, tmp_path, *args)
        assert outcome.out.splitlines() == ["record sub/two, lead V5, 2.1 to 9.1 s", "strip.svg"]
        compared_with_wfdb(drawn[0].axes[0], records / "sub" / "two", 1, 2.1, 9.1)
        assert_clear(drawn[0])

    def test_of_a_synthetic_record_with_other_annotations(
        self, cache: Path, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        outcome = command(["show", "--record", "s10", "--start", "679.8"], tmp_path)
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.folder == Path("strip-s10-679.8s.png")
        assert names_below(tmp_path) == {"strip-s10-679.8s.png"}
        compared_with_wfdb(
            drawn[0].axes[0], next(cache.glob("synthetic-*")) / "s10", 0, 679.8, 689.8
        )
        assert {"~", "S", "V", "F"} <= {text.get_text() for text in drawn[0].axes[0].texts}
        assert_clear(drawn[0])

    @pytest.mark.parametrize(
        ("record", "start"), [("208", "65"), ("203", "90"), ("207", "1.1"), ("207", "45")]
    )
    def test_of_real_records(
        self, mitdb: Path, record: str, start: str, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        outcome = command(
            [
                "show",
                "--data.source",
                "mitdb",
                "--data.root",
                str(mitdb),
                "--record",
                record,
                "--start",
                start,
            ],
            tmp_path,
        )
        assert (outcome.status, outcome.err) == (0, "")
        compared_with_wfdb(drawn[0].axes[0], mitdb / record, 0, float(start), float(start) + 10)
        assert_clear(drawn[0])

    def test_the_class_map_counts(self, tmp_path: Path, drawn: list[Figure]) -> None:
        """`n`, a supraventricular escape beat, is S in EC57 and V in the original."""
        write_record(tmp_path / "records", ecg_like("one", "NnNNN"))
        for classes in ("original", "aami"):
            shown(
                tmp_path / "records",
                tmp_path,
                "--record",
                "one",
                "--data.classes",
                classes,
                "--seconds",
                "4",
            )
        letters = [[text.get_text() for text in figure.axes[0].texts][:4] for figure in drawn]
        assert letters == [["N", "V", "N", "N"], ["N", "S", "N", "N"]]


class TestBeats:
    def test_one_of_each_class_of_the_synthetic_database(
        self, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        outcome = command(["show"], tmp_path)
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.folder == Path("beats.png")
        said = outcome.out.splitlines()[0].split(" · ")
        assert [name[0] for name in said] == list(CLASS_NAMES)
        assert_clear(drawn[0])
        badges = [text for text in drawn[0].texts if text.get_bbox_patch() is not None]
        assert [text.get_text() for text in badges] == list(CLASS_NAMES)
        patches: list[Any] = [text.get_bbox_patch() for text in badges]
        assert [to_rgb(patch.get_facecolor()) for patch in patches] == [
            to_rgb(CLASS_COLOURS[name]) for name in CLASS_NAMES
        ]
        height, width = imread(tmp_path / "beats.png").shape[:2]
        assert (width, height) == tuple(int(side) for side in drawn[0].bbox.size)

    def test_by_record_and_sample(self, records: Path, tmp_path: Path, drawn: list[Figure]) -> None:
        """V is annotated at 1.9 s, which is sample 684 at 360 Hz and 475 at 250 Hz."""
        args = (
            "--beat",
            "one:684",
            "sub/two:480",
            "--data.segmentation",
            "annotations",
            "--output",
            "two.pdf",
        )
        outcome = shown(records, tmp_path, *args)
        assert outcome.out.splitlines() == ["V one:684 · V sub/two:475", "two.pdf"]
        texts = [text.get_text() for text in drawn[0].texts]
        assert texts[-8:] == ["V", "V", "one", "0:01.9", "V", "V", "sub/two", "0:01.9"]
        assert texts[-12:-8] == ["class", "symbol", "record", "time (min:s)"]
        assert_clear(drawn[0])

    def test_the_signal_is_the_record_scaled(
        self, records: Path, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        """256 samples around the annotation at 684, on a scale where the record's range is 1."""
        shown(records, tmp_path, "--beat", "one:684", "--data.segmentation", "annotations")
        assert names_below(tmp_path) == {"beat-one-684.png"}
        signal = scale(wfdb.rdrecord(str(records / "one"), channels=[0]).p_signal[:, 0])[
            684 - 128 : 684 + 128
        ]
        line = drawn[0].axes[0].lines[0]
        np.testing.assert_allclose(np.asarray(line.get_xdata()), np.arange(256) / 360)
        np.testing.assert_allclose(np.asarray(line.get_ydata()), signal, atol=1e-6)

    def test_the_spectrogram_is_scipys(self) -> None:
        """Values, and the times and frequencies on which the cells are centred."""
        beats = beats_of([0, 2], samples=256)
        figure = beats_figure(beats, [0, 1], [1.0, 2.0], "record", ["spectrogram"])
        for axes, signal in zip(figure.axes, beats.signals[:, 0].astype(np.float64), strict=False):
            window = ("tukey", 0.25)
            hz, times_s, density = spectrogram(
                signal, 360.0, window=window, nperseg=64, noverlap=60, nfft=192
            )
            image = axes.images[0]
            cells = np.asarray(image.get_array())
            rows, columns = cells.shape
            np.testing.assert_allclose(cells, np.log10(1 + density[:rows] / 1e-8), atol=1e-4)
            left, right, bottom, top = image.get_extent()
            across, up = (right - left) / columns, (top - bottom) / rows
            np.testing.assert_allclose(left + across * (np.arange(columns) + 0.5), times_s)
            np.testing.assert_allclose(bottom + up * (np.arange(rows) + 0.5), hz[:rows], atol=1e-9)
            assert image.origin == "lower"
            assert axes.get_xlim() == (0, 256 / 360)

    def test_the_spectrum_is_scipys(self) -> None:
        beats = beats_of([0], samples=256)
        line = beats_figure(beats, [0], None, "window", ["spectrum"]).axes[0].lines[0]
        hz, _, density = spectrogram(beats.signals[0, 0].astype(np.float64), 360.0)
        np.testing.assert_allclose(np.asarray(line.get_xdata()), hz)
        np.testing.assert_allclose(
            np.asarray(line.get_ydata()), np.log10(1 + density[:, 0] / 1e-8), atol=1e-4
        )

    def test_the_pictures_are_the_views(self) -> None:
        beats = beats_of([0, 1, 4], samples=200)
        figure = beats_figure(beats, [2, 0], [1.0, 2.0], "record", ["image", "clean-image"])
        for line, style in ((figure.axes[:2], "original"), (figure.axes[2:4], "clean")):
            expected = ImageView(style)(torch.from_numpy(beats.signals[[2, 0]]))[:, 0].numpy()  # type: ignore[arg-type]
            for axes, picture in zip(line, expected, strict=True):
                np.testing.assert_array_equal(np.asarray(axes.images[0].get_array()), picture)
                assert axes.images[0].get_clim() == (0, 1)

    @pytest.mark.parametrize(
        ("count", "names"),
        [
            (1, show.VIEWS),
            (1, ["spectrogram"]),
            (3, ["image", "signal", "image", "spectrum", "spectrogram"]),
            (8, ["signal", "spectrogram"]),
        ],
    )
    def test_no_text_covers_another(self, count: int, names: list[ViewName]) -> None:
        beats = beats_of(np.arange(count) % 5, samples=256)
        wide = dataclasses.replace(beats, record_ids=np.full(count, "W" * 30))
        assert_clear(beats_figure(wide, range(count), [5999.9] * count, "record", names))

    def test_times_may_be_an_array(self) -> None:
        beats = beats_of([0, 1], samples=256)
        figures = [
            beats_figure(beats, [0, 1], times_s, "record", ["signal"])
            for times_s in ([61.0, 62.0], np.array([61.0, 62.0]))
        ]
        texts = [[text.get_text() for text in figure.texts] for figure in figures]
        assert texts[0] == texts[1]
        assert "1:01.0" in texts[0]

    def test_a_flat_beat_and_hostile_names(self) -> None:
        beats = beats_of([0, 1], samples=256)
        beats.signals[:] = 0.25
        beats.symbols[:] = "$"
        beats = dataclasses.replace(beats, record_ids=np.array(["$\\frac{$ \n漢\udc80", "x" * 300]))
        figure = beats_figure(beats, [0, 1], [0.0, 1.0], "record", show.VIEWS)
        assert_clear(figure)
        assert {"$\\frac{$ ???", "x" * 19 + "…"} <= {text.get_text() for text in figure.texts}

    def test_of_kaggles_tables(self, tmp_path: Path, drawn: list[Figure]) -> None:
        """The tables have no records and no times, so the picture names the file and the row."""
        signals = write_kaggle(
            tmp_path / "kaggle", {"mitbih_train": [0, 1, 2, 3, 4], "mitbih_test": [4, 3, 2, 1, 0]}
        )
        args = [
            "show",
            "--data.source",
            "kaggle",
            "--data.root",
            "kaggle",
            "--beat",
            "mitbih_test:1",
            "0",
            "--views",
            "signal",
        ]
        outcome = command(args, tmp_path)
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.out.splitlines() == ["F mitbih_test:1 · N mitbih_train:0", "beats.png"]
        np.testing.assert_allclose(
            np.asarray(drawn[0].axes[0].lines[0].get_ydata()), signals["mitbih_test"][1]
        )
        assert "row" in [text.get_text() for text in drawn[0].texts]


BEATS = ["--data.segmentation", "annotations"]
NAME = "beat: expected RECORD:SAMPLE, such as 100:2044, or a row from 0 to 25, found"
LIST = "expected one of the records one, sub/two, found none of that name; choose one of these"
ENDINGS = "expected a name that ends in one of .png, .svg, .pdf"
REFUSED = {
    "ending": (
        ["--output", "x.jpg"],
        f"output x.jpg: {ENDINGS}, found .jpg; choose another name (--output)",
    ),
    "no ending": (
        ["--output", "x"],
        f"output x: {ENDINGS}, found none; choose another name (--output)",
    ),
    "folder": (
        ["--output", "."],
        ".: expected the name of a file to write, found a folder; add a file name (--output)",
    ),
    "record": (["--record", "three"], f"record three: {LIST} (--record)"),
    "path": (["--record", "../../etc/passwd"], f"record ../../etc/passwd: {LIST} (--record)"),
    "lines": (["--record", "a\nb\x1b[2J"], f"record a?b?[2J: {LIST} (--record)"),
    "bytes": (["--record", "\udc80"], f"record ?: {LIST} (--record)"),
    "beat of no record": (["--beat", "three:5", *BEATS], f"beat three:5: {LIST} (--beat)"),
    "no beat": (["--beat", "one", *BEATS], f"{NAME} 'one'; correct it (--beat)"),
    "huge": (["--beat", f"one:{'9' * 5000}", *BEATS], f"{NAME} 'one:99999999"),
    "row": (
        ["--beat", "26", *BEATS],
        "beat: expected a row from 0 to 25, found 26; correct it, or write RECORD:SAMPLE (--beat)",
    ),
    "far": (
        ["--beat", "one:684", "one:739", *BEATS],
        "beat one:739: expected a beat within 0.15 s, found the nearest at sample 684; "
        "write one:684, or choose another beat (--beat)",
    ),
    "many": (
        ["--beat", *"012345678", *BEATS],
        "beat: expected at most 8 beats, found 9; draw the others in a second picture (--beat)",
    ),
    "both": (
        ["--beat", "1", "--record", "one"],
        "--beat does not belong to a strip; remove it, or --record",
    ),
    "start": (["--start", "3"], "--start belongs to a strip; add --record, or a path"),
    "outside": (
        ["--record", "one", "--start", "12"],
        "strip of record one: expected a start from 0 to 11.8 s and a length from 1 to 20 s",
    ),
    "long": (
        ["--record", "one", "--seconds", "1e9"],
        "found start 0 s and length 1e+09 s; choose a strip inside the record's 12.8 s",
    ),
    "number": (
        ["--record", "one", "--start", "soon"],
        "start: expected float, found soon; see `ecg-lightning show --help`",
    ),
    "lead": (
        ["--record", "one", "--data.lead", "aVR"],
        "expected a lead out of MLII, V5 or an index from 0 to 1, found 'aVR'",
    ),
    "view": (
        ["--views", "sound"],
        "views: expected signal, spectrum, spectrogram, image, clean-image, found sound",
    ),
    "short": (
        [*BEATS, "--data.window_samples", "6"],
        "use longer beats, or the view signal (--views)",
    ),
    "choice": (
        ["--data.segmentation", "qrs"],
        "data.segmentation: expected peaks, annotations, windows, context, context-causal, "
        "found qrs",
    ),
    "context": (
        ["--data.segmentation", "context"],
        "segmentation: expected beats that are windows of one lead, found context",
    ),
    "unknown": (
        ["--data.balance", "none"],
        "nrecognized arguments: --data.balance none; see `ecg-lightning show --help`",
    ),
    "abbreviated": (
        ["--rec", "one"],
        "nrecognized arguments: --rec one; did you mean --record instead of --rec? "
        "See `ecg-lightning show --help`",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case: str, records: Path, tmp_path: Path) -> None:
    args, message = REFUSED[case]
    outcome = command(
        ["show", "--data.source", "wfdb", "--data.root", str(records), *args], tmp_path
    )
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""
    assert names_below(tmp_path) == set()


def test_kaggle_has_no_strips(tmp_path: Path) -> None:
    outcome = command(
        ["show", "--data.source", "kaggle", "--data.root", "nowhere", "--record", "100"], tmp_path
    )
    assert outcome.status == 2
    assert outcome.err == (
        "ecg-lightning: record: expected a source of records, found kaggle, whose tables hold only "
        "beats; name beats, or another source (--data.source)\n"
    )


def test_without_torchaudio_the_other_views_are_offered(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio.functional", None)
    args = ["show", "--data.source", "wfdb", "--data.root", str(records), "--beat", "one:684"]
    outcome = command(args, tmp_path)
    assert outcome.status == 2
    assert outcome.err.endswith("or use the view signal or image (--views)\n")
    assert command([*args, "--views", "signal", "image"], tmp_path).status == 0


def test_an_older_picture_stays_where_the_disk_is_full(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "strip.png").write_text("older")
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(os, "replace", full)
    outcome = command(
        [
            "show",
            "--data.source",
            "wfdb",
            "--data.root",
            str(records),
            "--record",
            "one",
            "--output",
            "strip.png",
        ],
        tmp_path,
    )
    assert outcome.status == 2
    assert outcome.err.startswith("ecg-lightning: strip.png: ")
    assert outcome.err.endswith(
        "No space left on device; make room on this disk, or choose another file (--output)\n"
    )
    assert names_below(tmp_path) == {"strip.png"}
    assert (tmp_path / "strip.png").read_text() == "older"


def test_the_floor_that_the_axis_names_is_the_views() -> None:
    assert FLOOR == 1e-8

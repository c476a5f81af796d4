"""`ecg-lightning show PATH --annotations ecl`: a second annotation file next to the reference."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.figures.strip_marks import BAND, MISSED
from ecg_lightning.records.wfdb.annotation_writer import annotation_bytes
from tests.helpers.annotated import write_two_rates
from tests.helpers.cli import Outcome, command
from tests.helpers.drawn import keep_figures
from tests.helpers.figures import assert_clear, texts_of
from tests.helpers.records import ecg_like, write_record

FS = 200.0  # beats of the record at 1.0, 1.9, 2.8, 3.7, 4.6, 5.5 and 6.4 s
SYMBOLS = "NVNANeN"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    return keep_figures(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    record = ecg_like("one", SYMBOLS, FS)
    write_record(tmp_path, record, [("V5", 0.5 * record.signal[::-1])])
    return tmp_path


def show(*args: object, folder: Path) -> Outcome:
    return command(["show", *map(str, args)], folder)


def shown(*args: object, folder: Path) -> str:
    outcome = show(*args, "--output", "strip.png", folder=folder)
    assert (outcome.status, outcome.err) == (0, "")
    return outcome.out.splitlines()[0]


def write(
    path: Path, *marks: tuple[float, str] | tuple[float, str, int], fs_hz: float = FS
) -> None:
    """Write marks of seconds, symbol and subtype, with the rate as time resolution."""
    times_s, symbols, subtypes = zip(*((*mark, 0)[:3] for mark in marks), strict=True)
    samples = np.rint(np.array(times_s) * fs_hz).astype(np.int64)
    subs = np.array(subtypes)
    path.write_bytes(annotation_bytes(samples, np.array(symbols), subs, None, fs_hz))


def line(axes: Axes, source: str) -> list[tuple[float, str]]:
    """Time and letter of a line of letters, by the name left of it."""
    height = next(text for text in axes.texts if text.get_text() == source).get_position()[1]
    marks: list[Any] = [t for t in axes.texts if t.get_text() in (*CLASS_NAMES, MISSED)]
    return [
        (round(mark.xy[0], 3), mark.get_text())
        for mark in marks
        if abs(mark.get_position()[1] - height) < 1
    ]


def bands(axes: Axes) -> list[float]:
    patches: list[Any] = [p for p in axes.patches if to_rgb(p.get_facecolor()) == to_rgb(BAND)]
    return [round(patch.get_x() + patch.get_width() / 2, 3) for patch in patches]


def hatched(axes: Axes) -> list[tuple[float, float]]:
    patches: list[Any] = [p for p in axes.patches if p.get_hatch()]
    return [(round(p.get_x(), 3), round(p.get_x() + p.get_width(), 3)) for p in patches]


def test_differences_missed_and_extra_beats_are_marked(folder: Path, drawn: list[Figure]) -> None:
    """V called N, a beat missed, one extra, and one 160 ms late; e is N, and 140 ms are a match."""
    write(
        folder / "one.ecl",
        *((1.0, "N"), (1.9, "N"), (3.25, "V"), (3.84, "S"), (4.76, "N"), (5.5, "N"), (6.4, "N")),
    )
    described = shown("one", "--annotations", "ecl", "--leads", "all", folder=folder)
    assert described == (
        "record one, leads MLII, V5, 0 to 7.4 s: 7 annotated beats, 7 beats of ecl, 5 differences"
    )
    axes = drawn[0].axes[0]
    assert line(axes, "reference") == [
        *((1.0, "N"), (1.9, "V"), (2.8, "N"), (3.7, "S"), (4.6, "N"), (5.5, "N"), (6.4, "N"))
    ]
    assert line(axes, "ecl") == [
        *((1.0, "N"), (1.9, "N"), (2.8, MISSED), (3.25, "V"), (3.84, "S"), (4.6, MISSED)),
        *((4.76, "N"), (5.5, "N"), (6.4, "N")),
    ]
    for row in drawn[0].axes:
        assert bands(row) == [1.9, 2.8, 3.25, 4.6, 4.76]
    assert "ecl differs" in _legend_texts(drawn[0])
    assert_clear(drawn[0])


def _legend_texts(figure: Figure) -> list[str]:
    legends = [artist for artist in figure.axes[-1].get_children() if hasattr(artist, "get_texts")]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def test_two_beats_near_one_are_matched_once(folder: Path, drawn: list[Figure]) -> None:
    write(folder / "one.ecl", (1.85, "V"), (1.95, "V"))
    described = shown("one", "--annotations", "ecl", "--seconds", 2.5, folder=folder)
    assert described.endswith("2 annotated beats, 2 beats of ecl, 2 differences")
    assert len(bands(drawn[0].axes[0])) == 2


def test_unusable_stretches_are_hatched(folder: Path, drawn: list[Figure]) -> None:
    """A `~` of one noisy signal is none; the last stretch has no end."""
    write(
        folder / "one.ecl",
        *((0.5, "~", 16), (1.0, "N"), (1.5, "~", 48), (3.0, "~", 0), (3.7, "S"), (5.0, "~", 51)),
    )
    shown("one", "--annotations", "ecl", "--start", 1, "--leads", "all", folder=folder)
    for row in drawn[0].axes:
        assert hatched(row) == [(1.5, 3.0), (5.0, 7.4)]
    assert "no usable signal" in _legend_texts(drawn[0])
    assert_clear(drawn[0])


def test_beats_at_the_edge_of_the_strip_are_compared_with_those_outside(
    folder: Path, drawn: list[Figure]
) -> None:
    write(folder / "one.ecl", (1.0, "N"), (1.94, "V"), (2.8, "N"))
    args = ("--annotations", "ecl", "--start", 1.92, "--seconds", 1)
    assert shown("one", *args, folder=folder).endswith(
        "1 annotated beat, 2 beats of ecl, 0 differences"
    )
    assert bands(drawn[0].axes[0]) == []


def test_the_file_may_lie_in_another_folder(folder: Path) -> None:
    (folder / "out").mkdir()
    write(folder / "out/one.ecl", (1.0, "N"))
    args = ("--annotations", "ecl", "--annotations-root", folder / "out", "--seconds", 2.5)
    assert shown("one", *args, folder=folder).endswith("1 beat of ecl, 1 difference")


def test_times_are_those_of_the_file_s_own_resolution(folder: Path, drawn: list[Figure]) -> None:
    marks = [(1.0, "N"), (1.9, "V"), (2.8, "N"), (3.7, "S"), (4.6, "N"), (5.5, "N"), (6.4, "N")]
    write(folder / "one.ecl", *marks, fs_hz=1000.0)
    described = shown("one", "--annotations", "ecl", folder=folder)
    assert described.endswith("7 annotated beats, 7 beats of ecl, 0 differences")
    assert line(drawn[0].axes[0], "ecl") == marks


def test_a_lead_with_several_samples_a_frame(tmp_path: Path, drawn: list[Figure]) -> None:
    """Ours has the lead's rate as resolution; a file without one counts frames."""
    write_two_rates(tmp_path)
    wfdb.wrann("r", "atr", np.array([250, 500]), ["N", "V"], write_dir=str(tmp_path))
    write(tmp_path / "r.ecl", (2.002, "N"), (4.0, "V"), fs_hz=500.0)
    (tmp_path / "other").mkdir()
    wfdb.wrann("r", "ecl", np.array([250, 501]), ["N", "V"], write_dir=str(tmp_path / "other"))
    for lead in ("V1", "II"):
        args = ("--annotations", "ecl", "--lead", lead)
        assert "0 differences" in shown("r", *args, folder=tmp_path)
        expected = 2.002 if lead == "II" else 2.0  # the nearest sample of the slow lead
        assert line(drawn[-1].axes[0], "ecl") == [(expected, "N"), (4.0, "V")]
        described = shown("r", *args, "--annotations-root", "other", folder=tmp_path)
        assert "0 differences" in described
        assert line(drawn[-1].axes[0], "ecl") == [(2.0, "N"), (4.008, "V")]


def test_without_a_reference_they_are_the_annotations(folder: Path, drawn: list[Figure]) -> None:
    table = folder / "walk.csv"
    rows = "".join(f"{i / 200:.3f},{np.sin(i / 9):.4f}\n" for i in range(1000))
    table.write_text("time_s,II mV\n" + rows)
    write(folder / "walk.ecl", (1.0, "N"), (2.0, "~", 48), (3.0, "~", 0), (4.0, "V"))
    outcome = show(table, "--annotations", "ecl", "--output", "strip.png", folder=folder)
    assert outcome.status == 0
    assert outcome.out.splitlines()[0].endswith("0 to 5 s: no annotations, 2 beats of ecl")
    axes = drawn[0].axes[0]
    assert "~" in texts_of(axes)
    assert line(axes, "ecl") == [(1.0, "N"), (4.0, "V")]
    assert "reference" not in texts_of(axes)
    assert hatched(axes) == [(2.0, 3.0)]
    assert bands(axes) == []


def test_a_reference_without_beats_is_none(folder: Path, drawn: list[Figure]) -> None:
    wfdb.wrann("one", "atr", np.array([300, 500]), ["+", '"'], write_dir=str(folder))
    write(folder / "one.ecl", (1.0, "N"), (2.0, "V"))
    described = shown("one", "--annotations", "ecl", "--seconds", 4, folder=folder)
    assert described.endswith("0 to 4 s: 0 annotated beats, 2 beats of ecl")
    axes = drawn[0].axes[0]
    assert {"+", '"'} <= {*texts_of(axes)}
    assert line(axes, "ecl") == [(1.0, "N"), (2.0, "V")]
    assert bands(axes) == []


def test_dropped_annotations_are_told(folder: Path) -> None:
    write(folder / "one.ecl", (1.0, "N"), (9.0, "V"))
    outcome = show("one", "--annotations", "ecl", "--output", "strip.png", folder=folder)
    assert outcome.status == 0
    assert "record one.ecl: 1 annotation outside the signal is dropped" in outcome.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["--annotations", "xyz"],
            "one.xyz: expected the annotations of record one, found no such file; put it next to "
            "the header or choose another annotator (--annotations)",
        ),
        (["--annotations", "a/b"], "expected the ending of a file such as atr, found 'a/b'"),
        (["--annotations", ""], "expected the ending of a file such as atr"),
        (["--annotations-root", "out"], "--annotations-root needs --annotations; add it"),
        (
            ["--annotations", "atr", "--predictions", "p.csv"],
            "--predictions and --annotations exclude each other; remove one of them",
        ),
    ],
)
def test_refused_in_one_line(args: list[str], message: str, folder: Path) -> None:
    outcome = show("one", *args, folder=folder)
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not list(folder.glob("*.png"))


def test_a_changed_copy_of_a_real_reference(
    mitdb: Path, tmp_path: Path, drawn: list[Figure]
) -> None:
    """208 from 65 s: one V called N, one beat missed, one extra."""
    read = wfdb.rdann(str(mitdb / "208"), "atr")
    inside = np.flatnonzero((read.sample > 66 * 360) & (read.sample < 74 * 360))
    symbols, samples = list(read.symbol), read.sample.tolist()
    changed = next(row for row in inside.tolist() if symbols[row] == "V")
    symbols[changed] = "N"
    missed = changed + 2
    del symbols[missed], samples[missed]
    extra = (samples[changed + 4] + samples[changed + 5]) // 2
    samples.insert(changed + 5, extra)
    symbols.insert(changed + 5, "V")
    wfdb.wrann("208", "ecl", np.array(samples), symbols, write_dir=str(tmp_path))
    args = ("--annotations", "ecl", "--annotations-root", tmp_path, "--start", 65)
    described = shown(mitdb / "208", *args, folder=tmp_path)
    assert described.endswith("17 annotated beats, 17 beats of ecl, 3 differences")
    times_s = np.array([read.sample[changed], read.sample[missed], extra]) / 360
    assert bands(drawn[0].axes[0]) == pytest.approx(times_s.tolist(), abs=1e-3)
    assert_clear(drawn[0])

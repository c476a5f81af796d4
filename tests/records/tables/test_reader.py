"""Tables: each layout written by hand, other readers as oracle, and every way to be wrong."""

import csv
import io
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_lightning import read_recording
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import ReadOptions, Recording
from ecg_lightning.records.tables import text as table_text
from ecg_lightning.records.tables.reader import read_table

N = 60
VALUES = [round(0.5 * np.sin(0.7 * i), 3) for i in range(N)]
APPLE = (
    "Name,Max\nDate of Birth,\"Feb 5, 1952\"\nRecorded Date,2020-02-05 09:14:40 -0400\n"
    "Classification,Sinus Rhythm\nSymptoms,\nSoftware Version,1.51\nDevice,\"Watch5,4\"\n"
    "Sample Rate,512.844 hertz\n\n\nLead,Lead I\nUnit,\u00b5V\n\n"
)  # fmt: skip


def rows(form: str, fs_hz: float = 250.0, n: int = N) -> str:
    """Rows of a table; `form` has the fields t, ms, i, x and clock."""
    return "".join(
        form.format(
            t=i / fs_hz,
            ms=1000 * i / fs_hz,
            i=i,
            x=VALUES[i % N],
            clock=f"{int(i / fs_hz // 60)}:{i / fs_hz % 60:06.3f}",
        )
        + "\n"
        for i in range(n)
    )


def written(folder: Path, text: str | bytes, name: str = "r.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def opened(folder: Path, text: str | bytes, **options: object) -> Recording:
    return read_recording(written(folder, text), **options)  # type: ignore[arg-type]


def refused(folder: Path, text: str | bytes, **options: object) -> str:
    """The line of the error, without the folder."""
    with pytest.raises(InputError) as caught:
        opened(folder, text, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(f"{folder}/", "")


def check_values(recording: Recording, gain: float = 1.0, lead: int = 0) -> None:
    """All samples are those of `VALUES`."""
    np.testing.assert_array_equal(recording.read_exactly(leads=lead)[0], np.array(VALUES) * gain)


NEW_YORK = timezone(timedelta(hours=-4))
MV, UV, NONE = ("mV", 1.0), ("mV", 1e-3), ("", 1.0)


@pytest.mark.parametrize(
    ("text", "fs_hz", "name", "unit", "form"),
    [
        ("time,ECG (mV)\n" + rows("{t:.3f},{x}"), 250, "ECG", MV, "CSV"),
        ("Time (s),MLII [uV]\n" + rows("{t:.3f},{x}", 360), 360, "MLII", UV, "CSV"),
        ("time_ms\tecg_uV\n" + rows("{ms:.0f}\t{x}"), 250, "ecg", UV, "TSV"),
        ("t;ecg\ns;mV\n" + rows("{t:.3f};{x}"), 250, "ecg", MV, "CSV"),
        ("seconds|ECG/mV\n" + rows("{t:.3f}|{x}"), 250, "ECG", MV, "CSV"),
        ("time_us,V5 (V)\n" + rows("{ms:.0f}000,{x}"), 250, "V5", ("mV", 1e3), "CSV"),
        ("t_ms;ecg\n" + rows("{ms:.0f};{x}").replace(".", ","), 250, "ecg", NONE, "CSV"),
        ("t_s\tecg\n" + rows("{t:.3f}\t{x}").replace(".", ","), 250, "ecg", NONE, "TSV"),
        ("t_s ecg\n" + rows("{t:.3f}  {x}").replace(".", ","), 250, "ecg", NONE, "TXT"),
        ("# fs = 250 Hz\n# t_s ecg\n" + rows("{t:.3f} {x}"), 250, "ecg", NONE, "TXT"),
        ("% sampling rate: 500\n" + rows("{x}"), 500, "channel 0", NONE, "CSV"),
        ("Sampling Rate (Hz): 128\nUnit: mV\necg\n" + rows("{x}"), 128, "ecg", MV, "CSV"),
        ("# sampling interval: 0.0027778 s\necg\n" + rows("{x}"), 360, "ecg", NONE, "CSV"),
        (
            "'Elapsed time','MLII','V5'\n'seconds','mV','mV'\n" + rows("{t:.3f},{x},{x}", 360),
            360, "MLII", MV, "CSV",
        ),  # rdsamp -c
        (
            "'Elapsed time','MLII'\n'hh:mm:ss.mmm','mV'\n" + rows("'{clock}',{x}", 360),
            360, "MLII", MV, "CSV",
        ),  # PhysioNet's LightWAVE and ATM
        (
            "Elapsed time\tMLII\n(hh:mm:ss.mmm)\t(mV)\n" + rows("   {clock}\t {x}", 360),
            360, "MLII", MV, "TSV",
        ),  # rdsamp
        (
            "time\tMLII\n\t(mV)\n" + rows("[12:00:{t:06.3f} 01/02/2020]\t{x}", 360),
            360, "MLII", MV, "TSV",
        ),  # rdsamp -p
        (",time,ecg\n" + rows("{i},{t:.3f},{x}"), 250, "ecg", NONE, "CSV"),  # pandas
        ('"t" "ecg"\n' + rows('"{i}" {t:.3f} {x}'), 250, "ecg", NONE, "TXT"),  # R
        ('"t";"ecg"\n' + rows('"{t:.3f}";"{x}"').replace(".", ","), 250, "ecg", NONE, "CSV"),
        ('"t_s","ecg"\n' + rows('"{t:.3f}","{x}"').replace(".", ","), 250, "ecg", NONE, "CSV"),
        ("timestamp,ecg\n" + rows("2020-01-01 12:00:{t:06.3f},{x}"), 250, "ecg", NONE, "CSV"),
        ("timestamp,ecg\n" + rows("2020-01-01T12:00:{t:06.3f}Z,{x}"), 250, "ecg", NONE, "CSV"),
        ("date,V1 (uV)\n" + rows("2020-01-01 12:00:{t:06.3f},{x}"), 250, "V1", UV, "CSV"),
        ("t_s,ecg,\n" + rows("{t:.3f},{x},"), 250, "ecg", NONE, "CSV"),
        ("t_s,ecg\n" + rows("{t:.3f},{x},"), 250, "ecg", NONE, "CSV"),
        ("sep=;\ntime;ecg\n" + rows("{t:.3f};{x}"), 250, "ecg", NONE, "CSV"),
        ("t_s,ecg\n\n" + rows("{t:.3f},{x}") + "\n\n  \n", 250, "ecg", NONE, "CSV"),
        ("t_s,ecg\n" + rows("{t:g},{x}"), 250, "ecg", NONE, "CSV"),
        ("t_s,ecg\n" + rows("{t:.3e},{x:.3e}"), 250, "ecg", NONE, "CSV"),  # np.savetxt
        (
            "Phone timestamp;sensor timestamp [ns];timestamp [ms];ecg [uV]\n"
            + "".join(
                f"2023-01-01T12:00:{i // 9:02}.123;{599616000000000000 + i * 7692307};"
                f"{i * 7.692307:.6f};{x}\n"
                for i, x in enumerate(VALUES)
            ),
            130, "ecg", UV, "CSV",
        ),  # Polar's logger: the phone's clock is that of packets
        ("Time,ecg\n" + rows("11:59:{t:06.3f} PM,{x}"), 250, "ecg", NONE, "CSV"),
        ("Zeit;ecg\n" + rows("01.02.2020 12:00:{t:06.3f};{x}"), 250, "ecg", NONE, "CSV"),
        ("Time,ecg\n" + rows("2/1/2020 12:00:{t:06.3f},{x}"), 250, "ecg", NONE, "CSV"),
        ("Range=\t10 mV\n# fs: 250\n" + rows("{t:.3f}\t{x}"), 250, "channel 0", NONE, "TSV"),
        (
            "a.acq\n4 msec/sample\n2 channels\nECG\nmV\nmsec\tCH1\tCH2\t\n\t60\t60\t\n"
            + rows("{ms:.0f}\t{x}\t{x}\t"),
            250, "CH1", NONE, "TSV",
        ),  # AcqKnowledge
        ("time_s,sample\n" + rows("{t:.3f},{x}"), 250, "sample", NONE, "CSV"),
        ("Date,Time,ecg\n" + rows("20200101,12:00:{t:06.3f},{x}"), 250, "ecg", NONE, "CSV"),
        (APPLE + rows("{x}"), 512.844, "Lead I", UV, "CSV"),
        (APPLE + rows("{x:g}").replace(".", ","), 512.844, "Lead I", UV, "CSV"),  # German
    ],
)  # fmt: skip
def test_each_layout_gives_the_rate_the_lead_and_its_unit(
    tmp_path: Path, text: str, fs_hz: float, name: str, unit: tuple[str, float], form: str
) -> None:
    recording = opened(tmp_path, text)
    lead = recording.lead
    assert (lead.fs_hz, lead.name, lead.unit, lead.samples) == (fs_hz, name, unit[0], N)
    assert (recording.format, recording.name) == (form, "r")
    check_values(recording, unit[1], recording.used)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("piece", [333, 1 << 20])
def test_encodings_and_line_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newline: str, encoding: str, piece: int
) -> None:
    monkeypatch.setattr(table_text, "_PIECE", 2 * (piece // 2))
    text = "# \u00e9lectrode\nt_s;V1 (\u00b5V)\n" + rows("{t:.3f};{x}")
    recording = opened(tmp_path, text.replace("\n", newline).encode(encoding))
    assert (recording.fs_hz, recording.lead.name, recording.lead.unit) == (250, "V1", "mV")
    check_values(recording, 1e-3)
    np.testing.assert_array_equal(recording.read_exactly(31, 47)[0], np.array(VALUES[31:47]) * 1e-3)


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("cell", ["", "nan", "NaN", "-", "NA", " ", "null", "N/A"])
def test_cells_of_invalid_samples(tmp_path: Path, cell: str, quote: str) -> None:
    text = f"t_s,a,b\n0.000,1,2\n0.004,{quote}{cell}{quote},3\n0.008,4,{quote}{cell}{quote}\n"
    recording = opened(tmp_path, text + "0.012,5,6\n", fs_hz=250)
    np.testing.assert_array_equal(
        recording.read_exactly(leads=[0, 1]), [[1, np.nan, 4, 5], [2, 3, np.nan, 6]]
    )


def test_an_empty_line_is_a_sample_of_one_column_only_where_it_is_quoted(tmp_path: Path) -> None:
    recording = opened(tmp_path, 'ecg\n0.1\n""\n0.2\n\n', fs_hz=250)
    np.testing.assert_array_equal(recording.read_exactly()[0], [0.1, np.nan, 0.2])
    line = refused(tmp_path, "ecg\n0.1\n\n0.2\n", fs_hz=250)
    assert line.startswith("r.csv, line 3: expected rows of numbers, found an empty line")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (APPLE + rows("{x}"), datetime(2020, 2, 5, 9, 14, 40, tzinfo=NEW_YORK)),
        ("time,ecg\n" + rows("2020-03-01 12:00:{t:06.3f},{x}"), datetime(2020, 3, 1, 12)),
        ("t\tecg\n" + rows("[12:00:{t:06.3f} 01/03/2020]\t{x}"), datetime(2020, 3, 1, 12)),
        (
            "timestamp,ecg\n" + "".join(f"{1_600_000_000_000 + 4 * i},0.{i}\n" for i in range(9)),
            datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC),
        ),
        ("t;ecg\n" + rows("01.03.2020 12:00:{t:06.3f};{x}"), datetime(2020, 3, 1, 12)),
        ("t;ecg\n" + rows("01/03/2020 12:00:{t:06.3f};{x}"), None),
        ("t_s,ecg\n" + rows("{t:.3f},{x}"), None),
    ],
)  # fmt: skip
def test_start_time(tmp_path: Path, text: str, start: datetime | None) -> None:
    assert opened(tmp_path, text, fs_hz=None).start_time == start


@pytest.mark.parametrize(
    ("head", "row", "start"),
    [
        ("time", "10:00:{t:06.3f}", datetime(2024, 1, 1, 10)),
        ("time", "00:00:{t:06.3f}", datetime(2024, 1, 1, 10)),  # counts from the start
        ("t_s", "{t:.3f}", datetime(2024, 1, 1, 10)),
        ("time", "10:30:{t:06.3f}", None),
        ("t_s", "36{t:06.3f}", None),
    ],
)
def test_a_start_that_the_rows_contradict(
    tmp_path: Path, head: str, row: str, start: datetime | None
) -> None:
    text = f"# Recording date: 2024-01-01 10:00:00\n{head},ecg_mV\n" + rows(row + ",{x}")
    recording = opened(tmp_path, text, fs_hz=None)
    assert recording.start_time == start
    said = [note.text for note in recording.notes if "the start is not known" in note.text]
    assert len(said) == (start is None)


def printed(fs_hz: float, form: str, n: int, skip: int | None = None) -> str:
    """A table with times at a rate, of which one may be missing."""
    kept = [i for i in range(n) if i != skip]
    return "time_s,ecg\n" + "".join(f"{form % (i / fs_hz)},{i % 7}\n" for i in kept)


RATES = [
    (360, "%.3f"), (360, "%.2f"), (250, "%.3f"), (257, "%.3f"), (512, "%.3f"), (1000, "%.3f"),
    (500, "%r"), (360, "%r"), (128, "%.6f"), (512.2, "%.6f"), (130, "%.3f"), (333, "%.4f"),
    (2000, "%.3f"), (360, "%.6g"),
]  # fmt: skip


@pytest.mark.parametrize(("fs_hz", "form"), RATES)
def test_the_rate_of_printed_times(tmp_path: Path, fs_hz: float, form: str) -> None:
    assert opened(tmp_path, printed(fs_hz, form, 3000)).fs_hz == fs_hz


@pytest.mark.parametrize("digits", [3, 4, 6])
def test_cut_times_give_the_same_rate_as_rounded_ones(tmp_path: Path, digits: int) -> None:
    scale = 10**digits
    text = "".join(f"{i * scale // 360 / scale:.{digits}f},{i % 7}\n" for i in range(3000))
    assert opened(tmp_path, "time_s,ecg\n" + text).fs_hz == 360


@pytest.mark.parametrize("title", ["t", "T", "time"])
def test_times_that_are_equal_for_many_rows_are_no_lead(tmp_path: Path, title: str) -> None:
    """Times at 1000 Hz with two decimals: ten rows have one time."""
    text = "".join(f"{i // 10 / 100:.2f},{i % 7}\n" for i in range(3000))
    recording = opened(tmp_path, f"{title},value\n" + text, fs_hz=1000)
    assert [lead.name for lead in recording.leads] == ["value"]


def test_times_that_may_be_minutes_are_refused(tmp_path: Path) -> None:
    for fs_hz, seconds, is_read in ((125, 60, False), (50, 60, False), (2000, 1, True)):
        text = "".join(f"{i / fs_hz / seconds:.8f},{i % 7}\n" for i in range(3000))
        if is_read:
            assert opened(tmp_path, "time,ecg\n" + text).fs_hz == pytest.approx(fs_hz)
        else:
            assert "expected the unit of the times" in refused(tmp_path, "time,ecg\n" + text)


def test_times_of_float32_give_the_rate(tmp_path: Path) -> None:
    times = (np.arange(9000) / 360 + 1000).astype(np.float32)
    for form in (str, lambda time: repr(float(time))):
        text = "".join(f"{form(time)},{i % 7}\n" for i, time in enumerate(times))
        assert opened(tmp_path, "time_s,ecg\n" + text).fs_hz == 360


@pytest.mark.parametrize(
    ("fs_hz", "form", "skip"),
    [
        (*rate, skip)
        for rate in RATES[:-1]
        for skip in (1, 777, 1500, 2998)
        # Several rows of these have one time. The first and the last such time may have fewer.
        if skip not in (1, 2998) or rate not in ((360, "%.2f"), (2000, "%.3f"))
    ],
)
def test_a_missing_sample_is_refused(tmp_path: Path, fs_hz: float, form: str, skip: int) -> None:
    line = refused(tmp_path, printed(fs_hz, form, 3000, skip))
    assert "times" in line
    fine = 1 / fs_hz >= 4 * (float("0." + "0" * (int(form[2:-1]) - 1) + "1") if "." in form else 0)
    if fine:  # the line is named exactly
        assert line.startswith(f"r.csv, line {skip + 2}: expected even times")


HIDDEN = "several rows have the same printed time, so a missing sample may not be seen"


@pytest.mark.parametrize(
    ("fs_hz", "form"), [(250, "%.0f"), (360, "%.2f"), (1000, "%.3f"), (360, "%.3f")]
)
def test_a_note_says_where_times_may_hide_a_missing_sample(
    tmp_path: Path, fs_hz: float, form: str
) -> None:
    recording = opened(tmp_path, printed(fs_hz, form, 3000), fs_hz=fs_hz)
    has_note = ("r", "signal", HIDDEN) in recording.notes
    assert has_note == (form in ("%.0f", "%.2f"))


def test_a_missing_sample_in_times_of_whole_seconds(tmp_path: Path) -> None:
    def clock(skip: tuple[int, ...]) -> str:
        kept = (i for i in range(6000) if i not in skip)
        return "Time,ecg\n" + "".join(f"10:00:{i // 250:02},{i % 7}\n" for i in kept)

    recording = opened(tmp_path, clock((3000,)), fs_hz=250)
    assert ("r", "signal", HIDDEN) in recording.notes
    assert "expected even times" in refused(tmp_path, clock((3000, 3001)), fs_hz=250)


@pytest.mark.parametrize("piece", [700, 1 << 20])
@pytest.mark.parametrize("row", [1, 40, 299])
@pytest.mark.parametrize(
    "wrong", [lambda t: t - 0.1, lambda t: t + 1, lambda t: t + 0.002, lambda t: t - 0.004]
)
def test_a_wrong_time_is_refused_at_its_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wrong: Callable[[float], float],
    row: int,
    piece: int,
) -> None:
    monkeypatch.setattr(table_text, "_PIECE", piece)
    times = [i / 250 for i in range(300)]
    times[row] = wrong(times[row])
    text = "# a comment\n\nt_s,ecg\n" + "".join(f"{t:.3f},{i % 7}\n" for i, t in enumerate(times))
    assert refused(tmp_path, text).startswith(f"r.csv, line {row + 4}: expected even times, found")


def test_a_missing_sample_is_refused_where_colons_part_milliseconds(tmp_path: Path) -> None:
    def dates(skip: int) -> str:
        kept = (4 * i for i in range(1000) if i != skip)
        return "time,ecg\n" + "".join(
            f"2020-01-01 12:00:{ms // 1000:02}:{ms % 1000:03},{ms % 7}\n" for ms in kept
        )

    assert opened(tmp_path, dates(-1)).fs_hz == 250
    assert "line 502: expected even times" in refused(tmp_path, dates(500))


def test_three_times_of_which_one_is_wrong_are_refused(tmp_path: Path) -> None:
    assert "expected even times" in refused(tmp_path, "t_s,ecg\n0.000,1\n0.004,2\n0.204,3\n")


def test_a_drift_that_each_step_hides_is_refused(tmp_path: Path) -> None:
    times = [i / 250 for i in range(2000)] + [8 + i / 247.5 for i in range(20_000)]
    text = "t_s,ecg\n" + "".join(f"{t:.3f},{i % 7}\n" for i, t in enumerate(times))
    assert "even" in refused(tmp_path, text)


def test_a_clock_runs_over_midnight_and_over_an_hour(tmp_path: Path) -> None:
    def clock(seconds: float) -> str:
        return f"{int(seconds // 3600) % 24:02}:{int(seconds // 60) % 60:02}:{seconds % 60:06.3f}"

    night = "".join(f"{clock(86_395 + i / 250)},{i % 7}\n" for i in range(2500))
    assert opened(tmp_path, "Time,ecg\n" + night).fs_hz == 250
    halves = "".join(
        f"3/{1 + (t >= 86_400)}/2020 {clock(t % 43_200 + 43_200 * (t % 43_200 < 3600))} "
        f"{'AP'[t < 86_400]}M,{i % 7}\n"
        for i, t in enumerate(86_395 + i / 250 for i in range(2500))
    )
    assert opened(tmp_path, "Time,ecg\n" + halves).fs_hz == 250
    elapsed = [3590 + i / 250 for i in range(5000)]
    short = "".join(
        f"{clock(t) if t >= 3600 else clock(t)[3:]},{i % 7}\n" for i, t in enumerate(elapsed)
    )
    assert opened(tmp_path, "Elapsed time,ecg\n" + short).fs_hz == 250


@pytest.mark.parametrize("step", [1, 4])
def test_a_column_of_times_without_a_unit_needs_a_stated_rate(tmp_path: Path, step: int) -> None:
    text = "".join(f"{step * i + 8},{x}\n" for i, x in enumerate(VALUES))
    if step == 4:
        assert "expected the unit of the times in column 1" in refused(tmp_path, text)
    check_values(opened(tmp_path, text, fs_hz=1000 / step))
    if step == 4:
        assert "expected times at the 360 Hz stated" in refused(tmp_path, text, fs_hz=360)
    else:  # they may number the rows
        check_values(opened(tmp_path, text, fs_hz=360))


@pytest.mark.parametrize(
    ("text", "fs_hz", "line"),
    [
        ("ecg\n" + rows("{x}"), None, "r.csv: expected a sampling rate, found none; state it"),
        ("t_s,ecg\n" + rows("{t:.3f},{x}"), 360, "expected the file's own sampling rate, 250 Hz"),
        (APPLE + rows("{x}"), 512, "expected the file's own sampling rate, 512.844 Hz"),
        (
            "# fs: 500 Hz\nt_s,ecg\n" + rows("{t:.3f},{x}"),
            None,
            "expected times at 500 Hz, as its first lines say, found times at 250 Hz",
        ),
    ],
)
def test_a_missing_or_contradicted_rate_is_refused(
    tmp_path: Path, text: str, fs_hz: float | None, line: str
) -> None:
    assert line in refused(tmp_path, text, fs_hz=fs_hz)


def test_an_uncertain_rate_above_a_table_is_not_taken(tmp_path: Path) -> None:
    text = "Filter: 0.5-40 Hz\nNotch,50 Hz\nHeart rate,64 bpm\nsampling rate: about 250\necg\n"
    assert "expected a sampling rate, found none" in refused(tmp_path, text + rows("{x}"))
    two = "fs: 250 Hz\nsampling rate: 500 Hz\necg\n"
    assert "expected a sampling rate, found none" in refused(tmp_path, two + rows("{x}"))


@pytest.mark.parametrize(
    ("interval", "fs_hz"),
    [
        ("4 ms", 250), ("0.004 s", 250), ("4.0 ms", 250), ("4000 us", 250), ("2 ms", 500),
        ("0.002 s", 500), ("1 ms", 1000), ("8 ms", 125), ("16 ms", 62.5), ("2.78 ms", 360),
        ("7.8 ms", 128), ("0.0027778 s", 360),
    ],
)  # fmt: skip
def test_the_rate_of_a_sample_interval(tmp_path: Path, interval: str, fs_hz: float) -> None:
    text = f"# Sampling interval: {interval}\necg\n" + rows("{x}")
    assert opened(tmp_path, text).fs_hz == fs_hz
    assert opened(tmp_path, text, fs_hz=fs_hz).fs_hz == fs_hz
    assert opened(tmp_path, f"# fs: {fs_hz} Hz\n" + text).fs_hz == fs_hz


def test_a_rate_within_the_rounding_of_a_sample_interval_is_accepted(tmp_path: Path) -> None:
    text = "# Sampling interval: 4 ms\n"
    assert opened(tmp_path, text + "ecg\n" + rows("{x}"), fs_hz=256).fs_hz == 256
    assert opened(tmp_path, text + "# fs: 256 Hz\necg\n" + rows("{x}")).fs_hz == 256
    assert opened(tmp_path, text + "t_s,ecg\n" + rows("{t:.6f},{x}", 256)).fs_hz == 256
    line = refused(tmp_path, text + "ecg\n" + rows("{x}"), fs_hz=360)
    assert "expected the file's own sampling rate, 250 Hz, found 360 Hz stated" in line


@pytest.mark.parametrize("interval", ["7 ms", "3 ms", "2.8 ms", "3.9 ms"])
def test_a_coarse_sample_interval_does_not_tell_the_rate(tmp_path: Path, interval: str) -> None:
    text = f"# Sampling interval: {interval}\necg\n" + rows("{x}")
    assert "expected a sampling rate, found none; state it" in refused(tmp_path, text)
    fs_hz = 1000 / float(interval.split()[0])
    assert opened(tmp_path, text, fs_hz=1.01 * fs_hz).fs_hz == 1.01 * fs_hz
    assert "expected the file's own" in refused(tmp_path, text, fs_hz=2 * fs_hz)


@pytest.mark.parametrize(
    ("first", "decimal"),
    [
        ("# Original sampling rate: 1000 Hz", "."),
        ("Original sampling rate,1000 Hz", "."),
        ("# fs = 1.000 Hz", "."),
        ("# fs = 1,000 Hz", "."),
        ("# fs = 1,000 Hz", ","),
        ("Abtastrate: 1.000 Hz", ","),
        ("Sample rate;1.000 Hz", ","),
        ("Sample rate;10.000 Hz", ","),
        ("Sampling interval;4.000 us", ","),
    ],
)
def test_a_line_that_may_say_another_rate_is_not_taken(
    tmp_path: Path, first: str, decimal: str
) -> None:
    text = f"{first}\na;b\n" + rows("{x};{x}").replace(".", decimal)
    assert "expected a sampling rate, found none; state it" in refused(tmp_path, text)
    assert opened(tmp_path, text, fs_hz=1000).fs_hz == 1000
    assert opened(tmp_path, "# sampling rate: 250.000 Hz\n" + text).fs_hz == 250


@pytest.mark.parametrize("column", ["Sample", "sample #", "index", "idx", ""])
def test_columns_of_row_numbers_are_neither_leads_nor_times(tmp_path: Path, column: str) -> None:
    recording = opened(tmp_path, f"{column},ecg\n" + rows("{i},{x}"), fs_hz=360)
    assert [lead.name for lead in recording.leads] == ["ecg"]
    check_values(recording)
    gap = f"{column},ecg\n" + rows("{i},{x}").replace("\n7,", "\n8,")
    assert "line 9: expected the next row number in column 1, found 8" in refused(
        tmp_path, gap, fs_hz=360
    )


def test_a_counter_of_one_byte_begins_again(tmp_path: Path) -> None:
    text = "%OpenBCI Raw EXG Data\n%Sample Rate = 250 Hz\nSample Index, EXG Channel 0\n"
    recording = opened(tmp_path, text + "".join(f"{i % 256}, {i / 8}\n" for i in range(900)))
    assert [lead.name for lead in recording.leads] == ["EXG Channel 0"]
    assert (recording.fs_hz, recording.samples) == (250, 900)


def test_the_rate_above_a_table_tells_the_unit_of_its_times(tmp_path: Path) -> None:
    for form in ("{ms:.0f},{x}", "{t:.3f},{x}"):
        recording = opened(tmp_path, "# fs = 250 Hz\n" + rows(form))
        assert recording.fs_hz == 250
        check_values(recording)
    wrong = "# fs = 360 Hz\n" + rows("{ms:.0f},{x}")
    assert "expected times at the 360 Hz above them, found steps of 4" in refused(tmp_path, wrong)


def test_numbers_that_pandas_writes_above_columns_are_no_sample(tmp_path: Path) -> None:
    numbered = [f"{names}\n" + rows("{x},{x:.3f}9") for names in ("0,1", "1,2")]
    for text in (",0\n" + rows("{i},{x}"), *numbered):
        recording = opened(tmp_path, text, fs_hz=250)
        check_values(recording)
        texts = [note.text for note in recording.notes]
        assert "line 1 is taken for the numbers of the columns" in texts


def test_columns_of_marks_and_texts_are_no_leads_and_a_note_says_so(tmp_path: Path) -> None:
    recording = opened(tmp_path, "t_s,ecg (mV),label,note\n" + rows("{t:.3f},{x},1,N"))
    assert [lead.name for lead in recording.leads] == ["ecg"]
    assert [note.text for note in recording.notes] == [
        "column 3, label, has the name of a column of marks: it is no lead",
        "column 4, note, holds texts: it is no lead",
    ]
    stated = opened(tmp_path, "t_s,ecg,label\n" + rows("{t:.3f},{x},1"), column="label")
    assert stated.read_exactly()[0].tolist() == [1.0] * N


@pytest.mark.parametrize(
    ("form", "reason"),
    [("{i},{x}", "numbers the rows"), ("{ms:.0f},{x}", "is read as times because it rises evenly")],
)
def test_a_column_that_its_content_makes_no_lead_has_a_note(
    tmp_path: Path, form: str, reason: str
) -> None:
    recording = opened(tmp_path, "tick,ecg (mV)\n" + rows(form), fs_hz=250)
    check_values(recording)
    texts = [note.text for note in recording.notes]
    assert texts == [f"column 1, tick, {reason}: it is no lead"]
    stated = opened(tmp_path, "tick,ecg (mV)\n" + rows(form), fs_hz=250, column="tick")
    assert stated.read_exactly()[0, 1] == (1 if "i" in form else 4)


@pytest.mark.parametrize(
    ("column", "names"),
    [("b", ["b"]), (3, ["b"]), ("B", ["b"]), ("b,a", ["b", "a"]), ("2, b", ["a", "b"])],
)
def test_stated_columns(tmp_path: Path, column: int | str, names: list[str]) -> None:
    recording = opened(tmp_path, "t_s,a,b\n" + rows("{t:.3f},1,2"), column=column)
    assert [lead.name for lead in recording.leads] == names
    values = {"a": 1.0, "b": 2.0}
    read = recording.read_exactly(leads=range(len(names)))
    assert read[:, 0].tolist() == [values[name] for name in names]


@pytest.mark.parametrize("column", ["c", 4, 0, "a,c"])
def test_a_column_that_is_not_there_is_refused(tmp_path: Path, column: int | str) -> None:
    line = refused(tmp_path, "t_s,a,b\n" + rows("{t:.3f},1,2"), column=column)
    assert "expected one of t_s, a, b, or a number of a column from 1 to 3, found" in line


def test_units(tmp_path: Path) -> None:
    text = "t_s,a (mV),b\n" + rows("{t:.3f},1,2000")
    recording = opened(tmp_path, text, lead="b", unit="uV")
    assert [lead.unit for lead in recording.leads] == ["mV", "mV"]
    assert recording.read_exactly(leads=[0, 1])[:, 0].tolist() == [1.0, 2.0]
    unknown = opened(tmp_path, text, column="b")
    assert (unknown.lead.unit, unknown.read_exactly()[0, 0]) == ("", 2000.0)
    assert ("r", "signal", "the lead b has no unit, so it may be no voltage") in unknown.notes
    line = refused(tmp_path, text, column="a", unit="uV")
    assert "expected the file's own unit, mV, found uV stated" in line
    assert opened(tmp_path, text, column="a", unit="mV").lead.unit == "mV"
    pressure = opened(tmp_path, "t_s,ABP (mmHg)\n" + rows("{t:.3f},90"))
    assert (pressure.lead.unit, pressure.read_exactly()[0, 0]) == ("mmHg", 90.0)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("0.008,{x2}", "0.008,abc", "line 4: expected a number in column 2, found 'abc'"),
        ("0.008,{x2}", "0.008,inf", "line 4: expected a finite number in column 2, found 'inf'"),
        ("0.008,{x2}", "0.008,1e39", "line 4: expected a finite number in column 2, found '1e39'"),
        ("0.008,{x2}", "0.008,1e999", "line 4: expected a finite number in column 2"),
        ("0.008,{x2}", "0.008,1_0", "line 4: expected a number in column 2, found '1_0'"),
        ("0.008,{x2}", "0.008,1,2", "line 4: expected 2 cells, found 3"),
        ("0.008,{x2}", "0.008", "line 4: expected 2 cells, found 1"),
        ("0.008,{x2}", "abc,1", "line 4: expected a number in column 1, found 'abc'"),
        ("0.008,{x2}", ",1", "line 4: expected even times, found no time"),
        ("0.008,{x2}", '0.008,"1', "line 4: expected"),
        ("0.000,{x0}", "0.000,abc", "line 2: expected a number in column 2, found 'abc'"),
        ("0.000,{x0}", "abc,1", "line 2: expected a row of 2 cells, as below, found abc,1"),
        ("0.000,{x0}", "0,1,2", "line 2: expected a row of 2 cells, as below, found 0,1,2"),
        ("0.008,{x2}", "time,ecg", "line 4: expected a number in column 2, found 'ecg'"),
        ("0.008,{x2}", "0.008,\x1a", "line 4: expected a number in column 2, found '\\x1a'"),
    ],
)
@pytest.mark.parametrize("piece", [40, 1 << 20])
def test_a_wrong_row_is_refused_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, old: str, new: str, line: str
) -> None:
    monkeypatch.setattr(table_text, "_PIECE", piece)
    text = "t_s,ecg\n" + rows("{t:.3f},{x}")
    old = old.format(x0=VALUES[0], x2=VALUES[2])
    assert text.count(f"{old}\n") == 1
    assert line in refused(tmp_path, text.replace(f"{old}\n", f"{new}\n"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("t_s;a\n" + rows("{t:.3f};{x}") + '2;"1', "line 62: expected cells with quotes"),
        ('"t_s","a"\n' + rows('"{t:.3f}","{x}"')[:-2], "line 61: expected cells with quotes"),
        ('"a"\n' + '"0.5"\n' * 9 + '"0."5\n', "line 11: expected cells with quotes"),
        ('"a" "b"\n' + '"0.5" 1\n' * 9 + '"0.5 1"\n', "line 11: expected cells with quotes"),
        ('a,b\n"0.5",1\n"0.5,1"\n"1",2\n', "line 3: expected 2 cells, found 1"),
    ],
)
def test_quotes_that_do_not_part_cells_are_refused(tmp_path: Path, text: str, line: str) -> None:
    assert line in refused(tmp_path, text, fs_hz=250)


@pytest.mark.parametrize("blanks", [" ", "\t", ", ", "'", "1 ", "0:", '"'])
def test_time_does_not_grow_with_the_square_of_a_line(tmp_path: Path, blanks: str) -> None:
    many = blanks * (900_000 // len(blanks))
    for delimiter in (",", " "):
        good = "t_s,a\n" + "".join(f"{i},1\n" for i in range(9))
        text = good.replace(",", delimiter) + f"9{delimiter}{many}x\n"
        # In much less than the hours of a square.
        assert refused(tmp_path, text).startswith("r.csv, line 11: expected")
    above = opened(tmp_path, f"{many}x\n0.1\n0.2\n", fs_hz=250)
    assert above.samples == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Unit,mV\n1,234.5\n" + rows("{x}"), "line 2: expected a row of 1 cell, as below"),
        ("1.2.3\n" + rows("{x}"), "line 1: expected a row of 1 cell, as below"),
        ("1 000;2\n" + rows("{i};{x}"), "line 1: expected a row of 2 cells, as below"),
    ],
)
def test_a_wrong_first_row_is_not_taken_for_a_title(tmp_path: Path, text: str, line: str) -> None:
    assert line in refused(tmp_path, text, fs_hz=250)
    assert opened(tmp_path, "2020-01-02\n" + rows("{x}"), fs_hz=250).samples == N


def test_decimal_marks_may_not_change(tmp_path: Path) -> None:
    text = "t_s;ecg\n" + rows("{t:.3f};{x:.3f}")
    mixed = text.replace(f"0.008;{VALUES[2]:.3f}", f"0.008;{VALUES[2]:.3f}".replace(".", ","))
    assert "line 4: expected the decimal mark '.' in column 2" in refused(tmp_path, mixed)
    assert "marks between thousands" in refused(tmp_path, "t_s;ecg\n" + rows("{t:.3f};1,234.5"))


def test_decimal_marks_may_not_change_between_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_text, "_PIECE", 100)
    text = "i;ecg\n" + "".join(f"{i};1.5\n" for i in range(200)) + "200;2,5\n"
    assert "line 202: expected the decimal mark '.' in column 2" in refused(
        tmp_path, text, fs_hz=250
    )


GROUPED = [f"{x:,}" for x in (998, 1998, -1200, 500, 0, 12_345)] * 20


@pytest.mark.parametrize("piece", [60, 1 << 20])
@pytest.mark.parametrize(
    ("header", "form", "mark", "column"),
    [
        ("i,a", '{i},"{x}"', ",", 2),
        ("a,b", '"{x}",1', ",", 1),
        ("i;a", "{i};{x}", ",", 2),
        ("i;a", "{i};{x}", ".", 2),
        ("i a b", "{i} - {x}", ".", 3),
        ("a", "{x}", ".", 1),
        ("a", "{x}", ",", 1),
    ],
)
def test_marks_between_thousands_are_no_decimal_marks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    piece: int,
    header: str,
    form: str,
    mark: str,
    column: int,
) -> None:
    monkeypatch.setattr(table_text, "_PIECE", piece)
    cells = [cell.replace(",", mark) for cell in GROUPED]
    table = [form.format(i=i, x=cell) + "\n" for i, cell in enumerate(cells)]
    message = refused(tmp_path, f"{header}\n" + "".join(table), fs_hz=250)
    assert message.startswith(
        f"r.csv, line 3: expected numbers without marks between thousands in column {column}, "
        f"found '{cells[1]}'; write them without these marks"
    )


@pytest.mark.parametrize("piece", [60, 1 << 20])
@pytest.mark.parametrize(
    "cells",
    [
        ["998", "0.998", "1.998"],
        ["998", "1.998", "2.5"],
        ["998", "1.998", "1000"],
        ["998", "1.998", "3."],
        ["1", "1.125", "1.25"],
        ["1.000", "0.998", "1.998"],
        ["1.000", "5.998", "-1.998"],
        ["998", "0", "-12"],
        ["nan", "1.998", ""],
    ],
)
def test_numbers_with_three_decimals_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, cells: list[str]
) -> None:
    monkeypatch.setattr(table_text, "_PIECE", piece)
    for last in (cells, [cells[0]] * 2, cells[:2], cells[1:]):  # the last cell may decide
        column = [*last * 40, *cells]
        text = "i;ecg\n" + "".join(f"{i};{cell}\n" for i, cell in enumerate(column))
        expected = [float(cell or "nan") for cell in column]
        np.testing.assert_array_equal(opened(tmp_path, text, fs_hz=250).read_exactly()[0], expected)


@pytest.mark.parametrize("row", ["12,345\n13,456\n11,478\n", "12,5\n12,4\n12,9\n"])
def test_commas_that_may_be_decimal_marks_or_delimiters_are_refused(
    tmp_path: Path, row: str
) -> None:
    assert "whether its commas are decimal marks or part two columns" in refused(
        tmp_path, row * 20, fs_hz=250
    )
    two = opened(tmp_path, "a,b\n" + row * 20, fs_hz=250)
    assert [lead.name for lead in two.leads] == ["a", "b"]
    assert opened(tmp_path, row * 20, fs_hz=250, column=2).lead.name == "channel 0"


def test_a_table_of_whole_numbers_with_missing_cells_has_two_columns(tmp_path: Path) -> None:
    recording = opened(tmp_path, "a,b\n12,345\n13,\n,456\n14,478\n", fs_hz=250)
    np.testing.assert_array_equal(
        recording.read_exactly(leads=[0, 1]), [[12, 13, np.nan, 14], [345, np.nan, 456, 478]]
    )


def test_two_names_above_what_can_only_be_decimal_commas_are_refused(tmp_path: Path) -> None:
    text = "a,b\n" + "12,045\n13,456\n" * 20
    assert "whether its commas are decimal marks" in refused(tmp_path, text, fs_hz=250)
    apple = APPLE.replace("Unit,", "Enhet,") + "12,045\n13,456\n" * 20
    assert opened(tmp_path, apple).read_exactly()[0, :2].tolist() == [12.045, 13.456]


@pytest.mark.parametrize("row", ["12,045\n13,456\n", "-0,345\n13,456\n", "12,5\n13\n"])
def test_commas_that_can_only_be_decimal_marks(tmp_path: Path, row: str) -> None:
    recording = opened(tmp_path, row * 20, fs_hz=250)
    expected = [float(cell.replace(",", ".")) for cell in row.split()] * 20
    assert recording.read_exactly()[0].tolist() == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "found an empty file"),
        ("\n \n", "found an empty file"),
        ("hello\nworld\n", "found a text without rows of numbers"),
        ("record,sample,symbol,true\n100,4,N,N\n", "found the predictions of a run"),
        (
            (",".join(["0.5"] * 187) + ",0.0\n") * 30,
            "found beats with their classes, as in Kaggle's tables of heartbeats; "
            "choose the source kaggle",
        ),
        (("0.1," * 39 + "0.2\n") * 2, "found 2 lines of 40 cells; write one sample of each"),
        ("0.1 " * 5000 + "\n", "found 5,000 cells in a line; write one sample of each lead"),
        ("1" * (1 << 20) + "\n", "expected lines of at most 1,048,576 bytes, found a longer one"),
        ("0.1\n" * 9 + "1" * (2 << 20), "expected lines of at most 1,048,576 bytes, found"),
        ("t,a,b\n" + rows("{t:.3f},1,2,3"), "line 1: expected the names of 4 columns, found 3"),
        (
            "t_ms,1,2\n" + rows("{ms:.0f},{x},{x}"),
            "line 1: expected the names of 3 columns, found the number 1 among them; write a name",
        ),
        (
            "time,ecg\n" + "".join(f"12:00:00:{4 * i:03},{x}\n" for i, x in enumerate(VALUES)),
            "found times such as 12:00:00:000 in column 1; write decimal points in them, as "
            "12:00:00.000",
        ),
        (
            "time,ecg,V1\n"
            + "".join(f"12:00:00:{4 * i:03},{x:.3f},{x:.3f}\n" for i, x in enumerate(VALUES)),
            "found times such as 12:00:00:000 in column 1; write decimal points in them, as "
            "12:00:00.000",
        ),
        *(
            (
                "time,ecg,V1\n" + rows(f"{time},{{x:.3f}},{{x:.3f}}"),
                f"found {time} in column 1, no number and no known time; write times as 2024-01-31",
            )
            for time in (
                "2024/01/01 12:00:00.004",
                "31-Jan-2024 12:00:00.004",
                "0 days 00:00:00.004000",
                "20240101T120000.004",
                "4 ms",
            )
        ),
        ("label\n" + rows("{i}"), "expected a column with a lead, found the columns label"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str, line: str) -> None:
    assert line in refused(tmp_path, text, fs_hz=250)


def test_reading_parses_only_what_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_text, "_PIECE", 1000)
    values = np.round(np.random.default_rng(0).normal(size=(5000, 2)), 3)
    text = "a (mV);b (uV)\n# a comment\n" + "".join(f"{a};{b}\n" for a, b in values)
    recording = opened(tmp_path, text, fs_hz=250)
    read: list[int] = []
    pieces = table_text.TableText.pieces

    def counted(self: table_text.TableText, offset: int):  # type: ignore[no-untyped-def]
        for piece in pieces(self, offset):
            read.append(piece.offset)
            yield piece

    monkeypatch.setattr(table_text.TableText, "pieces", counted)
    for start, stop in [(0, 5000), (4000, 4010), (4999, 5000), (17, 17), (2500, 3100)]:
        read.clear()
        part = recording.read_exactly(start, stop, [1, 0])
        np.testing.assert_array_equal(part, (values[start:stop] * [1, 1e-3]).T[::-1])
        assert len(read) <= 3 + (stop - start) * 14 // 1000
    joined = np.concatenate([part for _, part in recording.pieces(n_samples=333)], axis=1)
    np.testing.assert_array_equal(joined[0], values[:, 0].astype(np.float32))


@pytest.mark.parametrize("text", ["0.1\n0.2\n", "", "0.1\n0.2\nabc\n0.4\n"])
def test_a_file_that_has_changed_is_refused(tmp_path: Path, text: str) -> None:
    recording = opened(tmp_path, "ecg\n" + "0.25\n" * 4, fs_hz=250)
    written(tmp_path, "ecg\n" + text)
    with pytest.raises(InputError, match="the table as it was when it was opened"):
        recording.read()


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    peaks = []
    for n in (100_000, 400_000):
        text = "t_s,ecg\n" + "".join(f"{i / 360:.3f},{VALUES[i % N]}\n" for i in range(n))
        path = written(tmp_path, text)
        tracemalloc.start()
        for _ in read_table(path, ReadOptions()).pieces(n_samples=50_000):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " ", "|"])
def test_numbers_are_those_of_other_readers(tmp_path: Path, delimiter: str) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(400, 3)) * 10.0 ** rng.integers(-8, 8, (400, 3))
    out = io.StringIO()
    np.savetxt(out, values, delimiter=delimiter, header=delimiter.join("abc"), comments="")
    path = written(tmp_path, out.getvalue())
    read = read_table(path, ReadOptions(fs_hz=100)).read_exactly(leads=[0, 1, 2])
    np.testing.assert_array_equal(read.T, np.loadtxt(path, delimiter=delimiter, skiprows=1))
    with path.open(newline="") as file:
        cells = list(csv.reader(file, delimiter=delimiter))[1:]
    np.testing.assert_array_equal(read.T, np.array(cells, np.float64))
    pandas = pytest.importorskip("pandas")
    np.testing.assert_allclose(read.T, pandas.read_csv(path, sep=delimiter).to_numpy(), rtol=1e-14)


def test_mitdb_208_as_csv_is_equal_to_wfdb(mitdb: Path, tmp_path: Path) -> None:
    record = wfdb.rdrecord(str(mitdb / "208"))
    signal = np.asarray(record.p_signal)
    lines = [f"{i / 360:.3f},{a:.3f},{b:.3f}" for i, (a, b) in enumerate(signal)]
    text = "'Elapsed time','MLII','V1'\n'seconds','mV','mV'\n" + "\n".join(lines)
    recording = opened(tmp_path, text)
    assert (recording.fs_hz, recording.samples) == (360, len(signal))
    np.testing.assert_array_equal(recording.read_exactly(leads=["MLII", "V1"]).T, signal)


@pytest.mark.parametrize(
    ("above", "column", "taken"), [("mV", "uV", 1e-3), ("uV", "mV", 1.0), ("V", "mV", 1.0)]
)
def test_two_voltages_for_one_column_are_noted(
    tmp_path: Path, above: str, column: str, taken: float
) -> None:
    recording = opened(tmp_path, f"# unit: {above}\ntime,ecg ({column})\n" + rows("{t:.3f},{x}"))
    check_values(recording, taken)
    texts = [note.text for note in recording.notes]
    (text,) = [text for text in texts if "lines above" in text]
    assert text.startswith(f"the unit of ecg is {column} by the name of the column and {above} by")
    assert text.endswith(f"{column} is taken")


def test_one_voltage_for_a_column_is_not_noted(tmp_path: Path) -> None:
    recording = opened(tmp_path, "# unit: mV\ntime,ecg (mV)\n" + rows("{t:.3f},{x}"))
    assert not any("lines above" in note.text for note in recording.notes)

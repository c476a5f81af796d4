"""WFDB records as recordings: pieces, rates, units, skew and checksums, equal to wfdb's reading."""

import tracemalloc
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import wfdb

from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.leads import millivolts_in
from ecg_lightning.records.recording import Recording
from ecg_lightning.records.wfdb.reader import UNKNOWN_GAIN, UNKNOWN_RATE, read_record
from ecg_lightning.records.wfdb.signal import SignalFile
from tests.records.wfdb.test_reader import annotation_bytes
from tests.records.wfdb.test_signal import BYTES, FLAC, write_header

LENGTH = 999  # frames
MIXED = (("a", 4, 3), ("a", 1, 0), ("b", 2, 0), ("a2", 1, 0))  # file, samples per frame, skew


def assert_equals_wfdb(path: Path) -> Recording:
    """Compare every lead, whole and in pieces, with wfdb's own samples; voltages are in mV."""
    recording = read_recording(path)
    theirs = wfdb.rdrecord(str(path), smooth_frames=False)
    for i, lead in enumerate(recording.leads):
        samples = recording.read_exactly(0, None, i)[0]
        expected = theirs.e_p_signal[i] * (millivolts_in(theirs.units[i]) or 1)
        np.testing.assert_array_equal(samples, expected)
        assert lead.samples == len(samples)
        assert lead.fs_hz == pytest.approx(theirs.fs * theirs.samps_per_frame[i])
        assert_equal_in_pieces(recording, i)
    return recording


def assert_equal_in_pieces(recording: Recording, lead: int) -> None:
    whole = recording.read_exactly(0, None, lead)[0]
    random = np.random.default_rng(lead)
    for start, stop in np.sort(random.integers(0, len(whole) + 1, (9, 2))).tolist():
        piece = recording.read_exactly(start, stop, lead)[0]
        np.testing.assert_array_equal(piece, whole[start:stop])
    for step in (1 + len(whole) // 2, 1 + len(whole) // 97):
        pieces = [piece[0] for _, piece in recording.pieces(lead, step)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole.astype(np.float32))


@pytest.mark.parametrize("fmt", [*BYTES, *FLAC])
@pytest.mark.parametrize("channels", [1, 3])
def test_pieces_of_every_format(tmp_path: Path, fmt: str, channels: int) -> None:
    random = np.random.default_rng(0)
    if fmt in FLAC:
        stored = random.integers(-(1 << 15), 1 << 15, (LENGTH, channels)) >> 8 << FLAC[fmt][1]
        kind = np.int32 if fmt == "524" else np.int16
        soundfile.write(tmp_path / "r1.dat", stored.astype(kind), 360, FLAC[fmt][0], format="FLAC")
    else:
        size = int(BYTES[fmt] * LENGTH * channels) // 4 * 4 + 8
        content = random.integers(0, 256, size).astype(np.uint8)
        content[3::4] &= 63 if fmt == "311" else 255  # two bits of a word are not used
        content.tofile(tmp_path / "r1.dat")
    line = f"r1.dat {fmt} 200(3)/mV 12 0 -5"
    write_header(tmp_path, f"r1 {channels} 360 {LENGTH}", *[line] * channels)
    assert_equals_wfdb(tmp_path / "r1")


def write_mixed(folder: Path) -> Path:
    """Leads of three files, of 4, 2 and 1 samples in each frame, and of two skews."""
    random, lines = np.random.default_rng(0), list[str]()
    for file in ("a", "b", "a2"):
        leads = [lead for lead in MIXED if lead[0] == file]
        stored = random.integers(-999, 999, (LENGTH, sum(per_frame for _, per_frame, _ in leads)))
        stored.astype("<i2").tofile(folder / f"{file}.dat")
        begin = 0
        for _, per_frame, skew in leads:
            total = int(stored[:, begin : begin + per_frame].sum()) % 65_536
            storage = f"16x{per_frame}" + (f":{skew}" if skew else "")
            unit = ("uV", "mmHg")[len(lines) % 2]
            name = f"lead {len(lines)}"
            lines.append(
                f"{file}.dat {storage} 20(3)/{unit} 16 0 {stored[0, begin]} {total} 0 {name}"
            )
            begin += per_frame
    write_header(folder, f"r1 4 90 {LENGTH}", *lines)
    return folder / "r1"


def test_several_files_rates_and_skews(tmp_path: Path) -> None:
    recording = assert_without_skew_equals_wfdb(write_mixed(tmp_path))
    rates = [(lead.name, lead.fs_hz, lead.samples, lead.unit) for lead in recording.leads]
    assert rates == [
        ("lead 0", 360.0, 4 * LENGTH, "mV"),
        ("lead 1", 90.0, LENGTH, "mmHg"),
        ("lead 2", 180.0, 2 * LENGTH, "mV"),
        ("lead 3", 90.0, LENGTH, "mmHg"),
    ]
    np.testing.assert_array_equal(
        recording.read_exactly(5, 77, [1, 3]),
        np.concatenate([recording.read_exactly(5, 77, lead) for lead in (1, 3)]),
    )
    with pytest.raises(InputError, match="expected leads of one sampling rate"):
        recording.read(0, 10, [0, 1])


def assert_without_skew_equals_wfdb(path: Path) -> Recording:
    """Compare with wfdb's reading without skew, moved here: wfdb itself moves by frames."""
    recording = read_recording(path)
    theirs = wfdb.rdrecord(str(path), smooth_frames=False, ignore_skew=True)
    for i, (lead, per_frame) in enumerate(
        zip(recording.leads, theirs.samps_per_frame, strict=True)
    ):
        expected = theirs.e_p_signal[i] * (millivolts_in(theirs.units[i]) or 1)
        skew = (theirs.skew[i] or 0) * per_frame
        expected = np.append(expected[skew:], np.full(skew, np.nan))
        np.testing.assert_array_equal(recording.read_exactly(0, None, i)[0], expected)
        assert lead.samples == len(expected)
        assert_equal_in_pieces(recording, i)
    return recording


@pytest.mark.parametrize("per_frame", [1, 3])
def test_flac_of_several_samples_a_frame(tmp_path: Path, per_frame: int) -> None:
    samples = np.random.default_rng(0).integers(-999, 999, (3 * LENGTH, 2)).astype(np.int16)
    soundfile.write(tmp_path / "r1.dat", samples, 360, "PCM_16", format="FLAC")
    line = f"r1.dat 516x{per_frame} 200(3)/mV"
    write_header(tmp_path, f"r1 2 120 {3 * LENGTH // per_frame}", line, line)
    recording = assert_equals_wfdb(tmp_path / "r1")
    np.testing.assert_array_equal(recording.read_exactly(0, None, 1)[0], (samples[:, 1] - 3) / 200)


def test_leads_of_one_file_are_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.arange(4 * LENGTH).astype("<i2").tofile(tmp_path / "r1.dat")
    write_header(tmp_path, f"r1 4 360 {LENGTH}", *["r1.dat 16 1(0)/mV"] * 4)
    recording, read = read_recording(tmp_path / "r1"), SignalFile.pieces
    calls = []

    def counted(self: SignalFile, first: int, last: int) -> Any:
        calls.append((first, last))
        return read(self, first, last)

    monkeypatch.setattr(SignalFile, "pieces", counted)
    piece = recording.read(7, 500, [3, 0, 2])
    np.testing.assert_array_equal(piece, np.arange(4 * LENGTH).reshape(-1, 4).T[[3, 0, 2], 7:500])
    assert calls == [(7, 500)]


def long_record(folder: Path, fmt: str) -> int:
    n_frames = 3_000_000
    if fmt == "516":
        samples = np.random.default_rng(0).integers(-9, 9, (n_frames, 1)).astype(np.int16)
        soundfile.write(folder / "r1.dat", samples, 360, "PCM_16", format="FLAC")
    else:
        (folder / "r1.dat").write_bytes(bytes(int(BYTES[fmt] * n_frames) + 4))
    write_header(folder, f"r1 1 360 {n_frames}", f"r1.dat {fmt} 200(3)/mV")
    return n_frames


@pytest.mark.parametrize("fmt", ["16", "212", "8", "310", "516"])
def test_memory_is_that_of_the_piece(tmp_path: Path, fmt: str) -> None:
    n_frames = long_record(tmp_path, fmt)
    recording = read_recording(tmp_path / "r1")
    recording.read(0, 1000)  # imports
    tracemalloc.start()
    try:
        for start in (n_frames - 1001, 5, n_frames // 2):
            assert recording.read(start, start + 1000).shape == (1, 1000)
        assert tracemalloc.get_traced_memory()[1] < (1 << 24 if fmt == "8" else 1 << 17)
    finally:
        tracemalloc.stop()


def test_format_8_is_summed_from_the_nearest_known_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_frames = long_record(tmp_path, "8")
    recording, read = read_recording(tmp_path / "r1"), SignalFile._stored_pieces
    starts = []

    def counted(self: SignalFile, first: int, last: int) -> Any:
        starts.append(first)
        return read(self, first, last)

    monkeypatch.setattr(SignalFile, "_stored_pieces", counted)
    for start in (n_frames - 1000, n_frames - 1000, 0):
        recording.read(start, start + 1000)
    assert starts[0] == starts[2] == 0
    assert n_frames - 500_000 < starts[1] <= n_frames - 1000


SAMPLES = np.random.default_rng(1).integers(-999, 999, (1000, 2))


def write_checked(folder: Path, storage: str, wrong: int = 0) -> None:
    SAMPLES.astype("<i2").tofile(folder / "r1.dat")
    total = int(SAMPLES.sum()) % 65_536 + wrong
    n_frames = 1000 // (2 if "x4" in storage else 1)
    first = f"r1.dat {storage} 1(0)/mV 16 0 0"
    if "x4" in storage:
        write_header(folder, f"r1 1 90 {n_frames}", f"{first} {total} 0 I")
        return
    totals = [int(SAMPLES[:, i].sum()) % 65_536 for i in (0, 1)]
    lines = (f"{first} {totals[0] + wrong} 0 I", f"r1.dat 16 1(0)/mV 16 0 0 {totals[1]} 0 II")
    write_header(folder, "r1 2 360 1000", *lines)


@pytest.mark.parametrize("storage", ["16", "16:9", "16:2000", "16x4", "16x4:3"])
@pytest.mark.parametrize("step", [2000, 999, 333, 50, 7])
def test_the_checksum_of_a_lead_that_is_read_in_pieces(
    tmp_path: Path, storage: str, step: int
) -> None:
    write_checked(tmp_path, storage)
    recording = read_recording(tmp_path / "r1", 0)
    assert sum(piece.shape[1] for _, piece in recording.pieces(n_samples=step)) == recording.samples
    write_checked(tmp_path, storage, wrong=1)
    recording = read_recording(tmp_path / "r1", 0)
    with pytest.raises(InputError, match=r"r1\.dat: expected checksum \d+ of I from the header"):
        list(recording.pieces(n_samples=step))
    if storage != "16:2000":  # of it no sample is left, and all are read for the checksum
        recording.read(recording.samples // 2)  # a part has no checksum
        recording.read(0, recording.samples // 2)


def test_an_overlap_or_another_order_is_no_wrong_checksum(tmp_path: Path) -> None:
    write_checked(tmp_path, "16")
    recording = read_recording(tmp_path / "r1")
    for start, stop in ((0, 500), (400, 1000), (0, 500), (500, 700), (600, 800), (700, 1000)):
        recording.read(start, stop, [0, 1])
    recording.read(0, None, [1, 0])


def test_a_file_that_has_become_shorter(tmp_path: Path) -> None:
    write_checked(tmp_path, "16")
    recording = read_recording(tmp_path / "r1")
    (tmp_path / "r1.dat").write_bytes(bytes(3000))
    with pytest.raises(InputError, match="expected 1,000 samples per channel in format 16, found"):
        recording.read(0, 10)


def test_a_lead_whose_file_is_missing_does_not_hide_the_others(tmp_path: Path) -> None:
    write_checked(tmp_path, "16")
    line = "r2.dat 16x100000 1(0)/mV 16 0 0 0 0 V"
    header = (tmp_path / "r1.hea").read_text().replace("r1 2", "r1 3")
    (tmp_path / "r1.hea").write_text(header + line + "\n")
    recording = read_recording(tmp_path / "r1", "II")
    assert recording.read().shape == (1, 1000)
    with pytest.raises(InputError, match=r"r2\.dat: expected the signal of r1\.hea, found no such"):
        recording.read(0, None, "V")


@pytest.mark.parametrize(
    ("header", "stated", "fs_hz", "notes"),
    [
        ("r1 1", None, 250.0, [UNKNOWN_RATE]),
        ("r1 1", 500.0, 500.0, []),
        ("r1 1 360 1000", None, 360.0, []),
        ("r1 1 360 1000", 360.0, 360.0, []),
    ],
)
def test_the_rate_of_the_header_or_of_the_user(
    tmp_path: Path, header: str, stated: float | None, fs_hz: float, notes: list[str]
) -> None:
    (tmp_path / "r1.dat").write_bytes(bytes(2000))
    write_header(tmp_path, header, "r1.dat 16 200/mV 16 0 0 0 0 II")
    (tmp_path / "r1.atr").write_bytes(annotation_bytes([10], "N"))
    recording = read_recording(tmp_path / "r1", fs_hz=stated)
    assert (recording.fs_hz, [note.text for note in recording.notes]) == (fs_hz, notes)
    assert recording.annotations is not None
    assert recording.annotations.samples.tolist() == [10]


def test_a_stated_rate_is_that_of_the_lead(tmp_path: Path) -> None:
    (tmp_path / "r1.dat").write_bytes(bytes(2000))
    for record, frames_hz in (("r1 2", 125.0), ("r1 2 125", 125.0)):
        write_header(tmp_path, record, "r1.dat 16x4 1/mV 0 0 0 0 0 I", "r1.dat 16 1/% 0 0 0 0 0 O2")
        recording = read_recording(tmp_path / "r1", fs_hz=500.0)
        assert [lead.fs_hz for lead in recording.leads] == [4 * frames_hz, frames_hz]
    with pytest.raises(
        InputError, match="expected the file's own sampling rate, 500 Hz, found 125"
    ):
        read_recording(tmp_path / "r1", fs_hz=125.0)


@pytest.mark.parametrize(
    ("gain", "stated", "unit", "factor"),
    [
        ("200", None, "mV", 1),
        ("200", "uV", "mV", 1e-3),
        ("200", "mmHg", "mmHg", 1),
        ("200/uV", "\u00b5V", "mV", 1e-3),
        ("200/mmHg", "mmHg", "mmHg", 1),
    ],
)
def test_a_unit_that_the_header_does_not_have_is_stated(
    tmp_path: Path, gain: str, stated: str | None, unit: str, factor: float
) -> None:
    np.arange(100).astype("<i2").tofile(tmp_path / "r1.dat")
    write_header(tmp_path, "r1 1 360 100", f"r1.dat 16 {gain} 16 0 0 4950 0 II")
    recording = read_recording(tmp_path / "r1", unit=stated)
    assert recording.lead.unit == unit
    np.testing.assert_allclose(recording.read_exactly()[0], np.arange(100) / 200 * factor)


def test_another_unit_than_that_of_the_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r1.dat").write_bytes(bytes(200))
    write_header(tmp_path, "r1 1 360 100", "r1.dat 16 200/uV 16 0 0 0 0 II")
    with pytest.raises(InputError, match="expected the file's own unit, uV, found mV stated"):
        read_recording(tmp_path / "r1", unit="mV")


def test_annotations_have_their_texts(tmp_path: Path) -> None:
    (tmp_path / "r1.dat").write_bytes(bytes(2000))
    write_header(tmp_path, "r1 1 360 1000", "r1.dat 16 200/mV 16 0 0 0 0 II")
    samples, symbols, texts = [20, 100, 300], ["+", "N", '"'], ["(AFIB", "", "a remark"]
    wfdb.wrann("r1", "qrs", np.array(samples), symbols, aux_note=texts, write_dir=str(tmp_path))
    recording = read_recording(tmp_path / "r1", annotator="qrs")
    annotations = recording.annotations
    assert annotations is not None
    assert annotations.samples.tolist() == samples
    assert annotations.symbols.tolist() == symbols
    assert (annotations.texts, annotations.notes) == (tuple(texts), ())
    assert read_recording(tmp_path / "r1").annotations is None


def test_an_annotation_file_without_annotations(tmp_path: Path) -> None:
    (tmp_path / "r1.dat").write_bytes(bytes(2000))
    write_header(tmp_path, "r1 1 360 1000", "r1.dat 16 200/mV 16 0 0 0 0 II")
    (tmp_path / "r1.atr").write_bytes(b"\0\0")
    annotations = read_recording(tmp_path / "r1").annotations
    assert annotations is not None
    assert (annotations.samples.tolist(), annotations.texts) == ([], ())


@pytest.mark.parametrize(
    ("resolution", "position"), [(None, 400), (250, 160), (1000, 40), (125, 320)]
)
def test_annotations_of_a_lead_with_several_samples_a_frame(
    tmp_path: Path, resolution: int | None, position: int
) -> None:
    (tmp_path / "r1.dat").write_bytes(bytes(10_000))
    write_header(
        tmp_path, "r1 2 100 1000", "r1.dat 16x4 1/mV 0 0 0 0 0 I", "r1.dat 16 1/mV 0 0 0 0 0 V"
    )
    wfdb.wrann("r1", "atr", np.array([100]), ["N"], fs=resolution, write_dir=str(tmp_path))
    record = read_record(tmp_path, "r1", "I")
    assert (record.fs_hz, record.annotation_samples.tolist()) == (400.0, [position])
    assert read_record(tmp_path, "r1", "V").annotation_samples.tolist() == [position // 4]


@pytest.mark.parametrize("name", ["a.b", "a-b", "100 (copy)", "\u00e91", "a.hea", "1"])
def test_names(tmp_path: Path, name: str) -> None:
    """The header may have another name inside, as after a copy."""
    inside = name.replace(" (copy)", "")
    (tmp_path / f"{inside}.dat").write_bytes(bytes(200))
    text = f"{inside} 1 360 100\n{inside}.dat 16 200/mV 16 0 0 0 0 1\n"
    (tmp_path / f"{name}.hea").write_text(text, "utf-8")
    (tmp_path / f"{name}.atr").write_bytes(annotation_bytes([9], "N"))
    recording = read_recording(tmp_path / name)
    assert (recording.name, recording.lead.name, recording.samples) == (name, "1", 100)
    assert recording.path == tmp_path / f"{name}.hea"
    assert recording.annotations is not None


def test_a_name_with_a_blank_in_the_header_is_refused_in_a_true_line(tmp_path: Path) -> None:
    (tmp_path / "my rec.hea").write_text("my rec 1 360 100\nmy rec.dat 16 200\n")
    with pytest.raises(InputError, match="begins with a name and a number of signals, found 'my"):
        read_recording(tmp_path / "my rec")


def test_the_start_of_a_record(tmp_path: Path) -> None:
    (tmp_path / "r1.dat").write_bytes(bytes(200))
    write_header(tmp_path, "r1 1 360 100 10:44:18.529 04/05/2704", "r1.dat 16")
    recording = read_recording(tmp_path / "r1")
    assert recording.start_time == datetime(2704, 5, 4, 10, 44, 18, 529_000)
    assert [note.text for note in recording.notes] == [UNKNOWN_GAIN]


def test_real_records_of_many_formats(formats: Path) -> None:
    headers = sorted(formats.glob("wfdb/*.hea"))
    assert len(headers) > 15
    rates = {}
    for header in headers:
        recording = assert_equals_wfdb(header.with_suffix(""))
        rates[recording.name] = sorted({round(lead.fs_hz, 4) for lead in recording.leads})
    assert rates["mixedsignals"] == [62.4725, 124.945, 249.89]
    assert rates["03700181"] == [125.0, 500.0]


def test_annotations_at_several_resolutions_mean_the_same_beats(formats: Path) -> None:
    """Of the frames, 125 a second, of 500 and of 250 a second; the lead has 500 samples."""
    recordings = {
        annotator: read_recording(formats / "wfdb" / "03700181", annotator=annotator)
        for annotator in ("gqrsl", "gqrsh", "sqrs")
    }
    for annotator, recording in recordings.items():
        theirs = wfdb.rdann(str(formats / "wfdb" / "03700181"), annotator)
        annotations = recording.annotations
        assert annotations is not None
        assert recording.fs_hz == 500.0
        beats = annotations.samples[annotations.symbols != '"']  # wfdb has no remark at the start
        np.testing.assert_array_equal(beats, theirs.sample * (500 // theirs.fs))


def test_a_file_that_is_cut_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a stand-in for the check of its size, which was right a moment before."""
    write_checked(tmp_path, "16")
    recording = read_recording(tmp_path / "r1")
    (tmp_path / "r1.dat").write_bytes(bytes(3999))
    monkeypatch.setattr(SignalFile, "n_frames", lambda _: 1000)
    with pytest.raises(InputError, match="in format 16, found a file that ends while it is read"):
        recording.read()


@pytest.mark.parametrize("seed", range(20))
def test_random_files_formats_and_samples_a_frame_equal_wfdb(tmp_path: Path, seed: int) -> None:
    random, lines = np.random.default_rng(seed), list[str]()
    n_frames = int(random.choice([1, 2, 3, 7, 100, 333]))
    for file in ("a.dat", "b.dat"):
        fmt, offset = random.choice([*BYTES]), int(random.choice([0, 4, 30]))
        per_frame = random.choice([1, 1, 2, 3, 5], random.integers(1, 4)).tolist()
        size = int(BYTES[fmt] * n_frames * sum(per_frame)) // 12 * 12 + 24
        content = random.integers(0, 256, size).astype(np.uint8)
        content[3::4] &= 63 if fmt == "311" else 255  # two bits of a word are not used
        (tmp_path / file).write_bytes(bytes(offset) + content.tobytes())
        for count in per_frame:
            storage = f"{fmt}x{count}" + (f"+{offset}" if offset else "")
            gain = random.choice(["200/mV", "7.5/uV", "1000(3)/mmHg", "0"])
            lines.append(f"{file} {storage} {gain} 12 {random.integers(-9, 9)} -5")
    write_header(tmp_path, f"r1 {len(lines)} 100 {n_frames}", *lines)
    recording = assert_equals_wfdb(tmp_path / "r1")
    first = recording.leads[0]
    alike = [i for i, lead in enumerate(recording.leads) if lead.fs_hz == first.fs_hz]
    together = recording.read_exactly(0, None, alike)
    for row, lead in enumerate(alike):
        np.testing.assert_array_equal(together[row], recording.read_exactly(0, None, lead)[0])

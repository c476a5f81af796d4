"""WFDB records with segments: equal to wfdb's reading, gaps invalid, and every way to be wrong."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.wfdb import header as wfdb_header
from ecg_lightning.records.wfdb import segments as wfdb_segments
from ecg_lightning.records.wfdb.folder import find_records, records_below
from ecg_lightning.records.wfdb.reader import UNKNOWN_RATE, read_record
from tests.records.wfdb.test_reader import annotation_bytes, edit_header
from tests.records.wfdb.test_recording import assert_equal_in_pieces, assert_equals_wfdb

FS_HZ = 250
LAYOUT = (
    "lay 3 250 0",
    "~ 0 200/mV 0 0 0 0 0 I",
    "~ 0 200/mV 0 0 0 0 0 II",
    "~ 0 5/mmHg 0 0 0 0 0 ABP",
)


def header(folder: Path, name: str, *lines: str) -> None:
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")


def segment(
    folder: Path,
    name: str,
    leads: str,
    length: int,
    gain: float = 200,
    unit: str = "mV",
    fmt: str = "16",
) -> np.ndarray:
    """Write a segment; return its samples (T, leads) in its units."""
    names, folder = leads.split(), folder
    random = np.random.default_rng(len(name) * 1000 + length)
    samples = random.integers(-100, 100, (length, len(names)))
    wfdb.wrsamp(
        name, FS_HZ, ["mmHg" if lead == "ABP" else unit for lead in names], names, d_signal=samples,
        fmt=[fmt] * len(names), adc_gain=[gain] * len(names), baseline=[3] * len(names),
        write_dir=str(folder),
    )  # fmt: skip
    return (samples - 3) / gain


def fixed(folder: Path) -> tuple[Path, np.ndarray]:
    """Three segments of the leads I and II, each with a gain and a format of its own."""
    parts = [
        segment(folder, f"s{i}", "I II", length, gain, fmt=fmt)
        for i, (length, gain, fmt) in enumerate(((100, 200, "16"), (51, 100, "212"), (7, 50, "80")))
    ]
    header(folder, "r1", "r1/3 2 250 158", "s0 100", "s1 51", "s2 7")
    return folder / "r1", np.concatenate(parts)


def variable(folder: Path) -> Path:
    """A layout of three leads; a gap, segments that lack leads and have them in another order."""
    header(folder, "lay", *LAYOUT)
    segment(folder, "s0", "II I", 100)
    segment(folder, "s1", "ABP", 40, gain=5)
    segment(folder, "s2", "I ABP II", 60, gain=7)
    lines = ("lay 0", "~ 30", "s0 100", "s1 40", "~ 5", "s2 60", "~ 1")
    header(folder, "r1", "r1/7 3 250 236", *lines)
    return folder / "r1"


def refused(folder: Path, name: str = "r1") -> str:
    """The line of the error, without the path of the folder."""
    with pytest.raises(InputError) as caught:
        read_recording(folder / name).read()
    assert str(caught.value).isprintable()
    return str(caught.value).replace(f"{folder}/", "")


def test_a_fixed_layout_equals_wfdb(tmp_path: Path) -> None:
    path, samples = fixed(tmp_path)
    recording = assert_equals_wfdb(path)
    np.testing.assert_array_equal(recording.read_exactly(0, None, [0, 1]).T, samples)
    assert [lead.name for lead in recording.leads] == ["I", "II"]
    assert (recording.fs_hz, recording.samples, recording.lead.name) == (250.0, 158, "II")


def test_a_variable_layout_equals_wfdb_and_has_invalid_samples(tmp_path: Path) -> None:
    path = variable(tmp_path)
    recording = assert_equals_wfdb(path)
    invalid = np.isnan(recording.read(0, None, [0, 1, 2]))
    assert [(lead.name, lead.unit) for lead in recording.leads] == [
        ("I", "mV"),
        ("II", "mV"),
        ("ABP", "mmHg"),
    ]
    expected = np.ones((3, 236), bool)
    expected[:2, 30:130] = expected[2, 130:170] = expected[:, 175:235] = False
    np.testing.assert_array_equal(invalid, expected)


def test_each_segment_has_its_own_unit_of_voltage(tmp_path: Path) -> None:
    first = segment(tmp_path, "s0", "II", 10)
    second = segment(tmp_path, "s1", "II", 10, gain=0.2, unit="uV")
    header(tmp_path, "r1", "r1/2 1 250 20", "s0 10", "s1 10")
    expected = np.concatenate([first, second * 1e-3])[:, 0]
    np.testing.assert_allclose(read_recording(tmp_path / "r1").read_exactly()[0], expected)


def test_several_samples_a_frame_in_segments(tmp_path: Path) -> None:
    for i in range(2):
        stored = np.random.default_rng(i).integers(-999, 999, (50, 5)).astype("<i2")
        stored.tofile(tmp_path / f"s{i}.dat")
        fast, slow = int(stored[:, :4].sum()) % 65_536, int(stored[:, 4].sum()) % 65_536
        lines = (
            f"s{i}.dat 16x4 200/mV 16 0 0 {fast} 0 II",
            f"s{i}.dat 16 5/mmHg 16 0 0 {slow} 0 ABP",
        )
        header(tmp_path, f"s{i}", f"s{i} 2 125 50", *lines)
    header(tmp_path, "r1", "r1/2 2 125 100", "s0 50", "s1 50")
    recording = assert_equals_wfdb(tmp_path / "r1")
    assert [(lead.fs_hz, lead.samples) for lead in recording.leads] == [(500.0, 400), (125.0, 100)]


def test_the_pipeline_reads_the_whole_record_with_its_annotations(tmp_path: Path) -> None:
    path, samples = fixed(tmp_path)
    (tmp_path / "r1.atr").write_bytes(annotation_bytes([20, 120, 155], "NVN"))
    assert records_below(tmp_path, "atr").names == ("r1",)
    record = read_record(tmp_path, "r1", "I")
    np.testing.assert_array_equal(record.signal, samples[:, 0])
    assert record.annotation_samples.tolist() == [20, 120, 155]
    assert path.name == record.name


def test_the_rate_of_the_first_segment_where_the_record_has_none(tmp_path: Path) -> None:
    fixed(tmp_path)
    header(tmp_path, "r1", "r1/3 2", "s0 100", "s1 51", "s2 7")
    recording = read_recording(tmp_path / "r1")
    assert (recording.fs_hz, recording.samples, recording.notes) == (250.0, 158, ())
    for i in range(3):
        name = tmp_path / f"s{i}.hea"
        lines = name.read_text().splitlines()
        name.write_text("\n".join([f"s{i} 2", *lines[1:]]) + "\n")
    assert [note.text for note in read_recording(tmp_path / "r1").notes] == [UNKNOWN_RATE]
    assert read_recording(tmp_path / "r1", fs_hz=500.0).fs_hz == 500.0
    assert read_recording(tmp_path / "r1", fs_hz=500.0).read().shape == (1, 158)


def test_a_segment_of_another_rate_than_the_assumed_or_stated_one(tmp_path: Path) -> None:
    fixed(tmp_path)
    header(tmp_path, "r1", "r1/3 2", "s0 100", "s1 51", "s2 7")
    lines = (tmp_path / "s0.hea").read_text().splitlines()
    header(tmp_path, "s0", "s0 2", *lines[1:])
    edit_header(tmp_path / "s1.hea", " 250 ", " 360 ")
    assert refused(tmp_path) == f"s1.hea: expected 250 Hz, the rate of r1.hea, found 360 Hz{HINT}"
    with pytest.raises(InputError, match=r"expected 360 Hz, the rate of r1\.hea, found 250"):
        read_recording(tmp_path / "r1", fs_hz=360.0).read()


def test_a_stated_unit_is_that_of_all_segments_that_have_none(tmp_path: Path) -> None:
    _, samples = fixed(tmp_path)
    for i in range(3):
        path = tmp_path / f"s{i}.hea"
        path.write_text(path.read_text().replace("/mV", ""))
    recording = read_recording(tmp_path / "r1", "I", unit="mmHg")
    assert recording.lead.unit == "mmHg"
    np.testing.assert_array_equal(recording.read_exactly()[0], samples[:, 0])
    in_millivolts = read_recording(tmp_path / "r1", "I", unit="uV").read_exactly()[0]
    np.testing.assert_allclose(in_millivolts, samples[:, 0] * 1e-3)
    edit_header(tmp_path / "s1.hea", "100(3)", "100(3)/mV")
    recording = read_recording(tmp_path / "r1", "I", unit="mmHg")
    with pytest.raises(InputError, match="expected I in mmHg, as in the whole record, found mV"):
        recording.read()


@pytest.mark.parametrize("step", [1000, 60, 13])
def test_a_wrong_checksum_in_a_segment_is_found(tmp_path: Path, step: int) -> None:
    fixed(tmp_path)
    data = bytearray((tmp_path / "s1.dat").read_bytes())
    data[0] ^= 1
    (tmp_path / "s1.dat").write_bytes(bytes(data))
    recording = read_recording(tmp_path / "r1", "I")
    with pytest.raises(InputError, match=r"s1\.dat: expected checksum \d+ of I"):
        list(recording.pieces(n_samples=step))
    recording.read(0, 100)


def claim(folder: Path, length: int) -> None:
    edit_header(folder / "s0.hea", " 100", f" {length}")
    header(folder, "r1", "r1/1 2 250", f"s0 {length}")


HINT = "; repair the headers of the record"
WRONG: list[tuple[str, Callable[[Path], object], str]] = [
    (
        "its own segment",
        lambda p: edit_header(p / "r1.hea", "s1 51", "r1 51"),
        f"r1.hea: expected other records as segments, found the record itself{HINT}",
    ),
    (
        "segments of segments",
        lambda p: header(p, "s1", "s1/2 2 250 51", "s0 50", "s2 1"),
        "s1.hea: expected a segment of r1.hea, without segments of its own, "
        f"found 2 segments{HINT}",
    ),
    (
        "no segment",
        lambda p: (p / "s1.hea").unlink(),
        "s1.hea: expected the header of record s1, found no such file; "
        "put it next to r1.hea, whose segment it is",
    ),
    (
        "no first segment",
        lambda p: (p / "s0.hea").unlink(),
        "s0.hea: expected the header of record s0, found no such file; "
        "put it next to r1.hea, whose segment it is",
    ),
    (
        "no signal file",
        lambda p: (p / "s1.dat").unlink(),
        "s1.dat: expected the signal of s1.hea, found no such file; put it next to its header",
    ),
    (
        "another rate",
        lambda p: edit_header(p / "s1.hea", " 250 ", " 360 "),
        f"s1.hea: expected 250 Hz, the rate of r1.hea, found 360 Hz{HINT}",
    ),
    (
        "another rate of the first",
        lambda p: edit_header(p / "s0.hea", " 250 ", " 360 "),
        f"s0.hea: expected 250 Hz, the rate of r1.hea, found 360 Hz{HINT}",
    ),
    (
        "another length",
        lambda p: edit_header(p / "s1.hea", " 51", " 50"),
        f"s1.hea: expected 51 samples, as r1.hea says, found 50{HINT}",
    ),
    (
        "another length in all",
        lambda p: edit_header(p / "r1.hea", " 158", " 159"),
        f"r1.hea: expected segments of 159 samples together, found 158{HINT}",
    ),
    (
        "no length",
        lambda p: header(p, "r1", "r1/2 2 250", "~ 0", "~ 0"),
        f"r1.hea: expected a segment with samples, found none{HINT}",
    ),
    (
        "gaps alone",
        lambda p: header(p, "r1", "r1/2 2 250 158", "~ 100", "~ 58"),
        f"r1.hea: expected a segment with samples, found none{HINT}",
    ),
    (
        "another number of signals",
        lambda p: segment(p, "s1", "I", 51),
        f"s1.hea: expected 2 signals, as r1.hea says, found 1{HINT}",
    ),
    (
        "other samples per frame",
        lambda p: edit_header(p / "s1.hea", "s1.dat 212 ", "s1.dat 212x2 "),
        f"s1.hea: expected 1 samples for each frame of I, as in the whole record, found 2{HINT}",
    ),
    (
        "another unit",
        lambda p: edit_header(p / "s1.hea", "/mV", "/mmHg"),
        f"s1.hea: expected I in mV, as in the whole record, found mmHg{HINT}",
    ),
    (
        "other leads",
        lambda p: segment(p, "s1", "II I", 51),
        f"s1.hea: expected the lead I, as in the whole record, found II{HINT}",
    ),
    (
        "no gain",
        lambda p: edit_header(p / "s1.hea", "100(3)/mV", "0/mV"),
        f"s1.hea: expected a gain of I, as in the whole record, found none{HINT}",
    ),
    (
        "a line that is no segment",
        lambda p: edit_header(p / "r1.hea", "s1 51", "s1 5e1"),
        "r1.hea: expected a number of samples in line 3 from 0 to 1,099,511,627,776, "
        "found '5e1'; repair the header",
    ),
    (
        "a line without a length",
        lambda p: edit_header(p / "r1.hea", "s1 51", "s1"),
        "r1.hea: expected the name of a record and its number of samples in line 3, "
        "found 's1'; repair the header",
    ),
    (
        "a segment elsewhere",
        lambda p: edit_header(p / "r1.hea", "s1 51", "../s1 51"),
        "r1.hea: expected a file in the folder of the header in line 3, "
        "found '../s1'; repair the header",
    ),
    (
        "a line too few",
        lambda p: edit_header(p / "r1.hea", "s1 51\n", ""),
        "r1.hea: expected 3 segment lines, found 2; repair the header",
    ),
    (
        "a gap that no recording has",
        lambda p: header(p, "r1", "r1/2 2 250", "s0 100", "~ 1000000000000"),
        "r1.hea: expected gaps of at most 64 times the length of the signals, "
        f"found 1,000,000,000,000 and 100 samples{HINT}",
    ),
    (
        "a segment without end",
        lambda p: header(p, "r1", "r1/1000 2 250", *["s0 100"] * 1000),
        f"r1.hea: expected each segment at most 64 times, found s0 1,000 times{HINT}",
    ),
    (
        "far more samples than the file has",
        lambda p: claim(p, 1_000_000_000_000),
        "s0.dat: expected 1,000,000,000,000 samples per channel in format 16, "
        "found 400 bytes that do not hold them; fetch the record again",
    ),
]


@pytest.mark.parametrize(
    ("damage", "message"), [row[1:] for row in WRONG], ids=[r[0] for r in WRONG]
)
def test_segments_that_cannot_be_those_of_the_record(
    tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    fixed(tmp_path)
    damage(tmp_path)
    tracemalloc.start()
    try:
        assert refused(tmp_path) == message
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_a_lead_of_a_segment_that_claims_far_more_than_its_file_has(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(bytes(2000))
    (tmp_path / "b.dat").write_bytes(bytes(2000))
    header(tmp_path, "s0", "s0 2 250 1000", "a.dat 16 1(0)/mV", "b.dat 16x100000 1(0)/mV")
    header(tmp_path, "r1", "r1/1 2 250 1000", "s0 1000")
    recording = read_recording(tmp_path / "r1", 1)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="expected 1,000 frames in format 16, found 2000 byt"):
            recording.read()
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda p: header(p, "lay", "lay 2 250 0", *LAYOUT[1:3]),
            f"lay.hea: expected 3 signals, as r1.hea says, found 2{HINT}",
        ),
        (
            lambda p: edit_header(p / "s2.hea", " ABP", " abp"),
            f"s2.hea: expected leads of lay.hea (I, II, ABP), found abp{HINT}",
        ),
        (
            lambda p: edit_header(
                p / "lay.hea", "~ 0 200/mV 0 0 0 0 0 II", "~ 0x4 200/mV 0 0 0 0 0 II"
            ),
            "s0.hea: expected 4 samples for each frame of II, as in the whole record, "
            f"found 1{HINT}",
        ),
    ],
)
def test_segments_that_are_not_of_the_layout(
    tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    variable(tmp_path)
    damage(tmp_path)
    assert refused(tmp_path) == message


def test_the_layout_is_no_recording(tmp_path: Path) -> None:
    variable(tmp_path)
    assert refused(tmp_path, "lay") == (
        "lay.hea: expected the header of a record with a signal, found the layout of a record with "
        "segments; read that record"
    )


def test_leads_of_one_name_keep_their_order(tmp_path: Path) -> None:
    header(tmp_path, "lay", "lay 2 250 0", *["~ 0 200/mV 0 0 0 0 0 ECG"] * 2)
    both, one = segment(tmp_path, "s0", "ECG x", 10), segment(tmp_path, "s1", "ECG", 5)
    edit_header(tmp_path / "s0.hea", " x", " ECG")
    header(tmp_path, "r1", "r1/3 2 250 15", "lay 0", "s0 10", "s1 5")
    samples = read_recording(tmp_path / "r1").read_exactly(0, None, [0, 1])
    np.testing.assert_array_equal(samples[0], np.append(both[:, 0], one[:, 0]))
    np.testing.assert_array_equal(samples[1], np.append(both[:, 1], [np.nan] * 5))


def test_headers_of_segments_are_read_when_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed(tmp_path)
    names, read = list[str](), wfdb_header.read_header

    def counted(path: Path, **options: str) -> object:
        names.append(path.stem)
        return read(path, **options)

    monkeypatch.setattr(wfdb_segments, "read_header", counted)
    recording = read_recording(tmp_path / "r1")
    assert names == ["s0"]
    recording.read(151, 158)
    assert names == ["s0", "s2"]
    list(recording.pieces(n_samples=10))
    assert names == ["s0", "s2", "s0", "s1"]


def test_a_record_of_100_000_segments_opens_with_little_memory(tmp_path: Path) -> None:
    samples = segment(tmp_path, "s0", "II", 10)
    lines = ["s0 10" if i % 2_000 == 0 else f"gone{i} 10" for i in range(100_000)]
    header(tmp_path, "r1", f"r1/100000 1 250 {len(lines) * 10}", *lines)
    tracemalloc.start()
    try:
        recording = read_recording(tmp_path / "r1")
        piece = recording.read_exactly(80_000, 80_010)
        assert tracemalloc.get_traced_memory()[1] < 1 << 27
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(piece[0], samples[:, 0])
    assert recording.samples == 1_000_000


def test_the_records_of_a_folder_with_segments(tmp_path: Path) -> None:
    """A segment of two records, and the layout, are no records; nor are the damaged hidden."""
    variable(tmp_path)
    header(tmp_path, "r2", "r2/2 3 250 60", "lay 0", "s2 60")
    header(tmp_path, "r3", "r3/1 3 250 60", "r3 60")
    segment(tmp_path, "alone", "II", 20)
    assert find_records(tmp_path) == ("alone", "r1", "r2", "r3")
    (tmp_path / "s0.atr").write_bytes(annotation_bytes([5], "N"))
    (tmp_path / "r1.atr").write_bytes(annotation_bytes([40], "N"))
    assert records_below(tmp_path, "atr").names == ("r1",)


@pytest.mark.parametrize("name", ["041s/041s", "fixed1/v102s", "s25047/s25047-2704-05-04-10-44"])
def test_real_records_equal_wfdb(formats: Path, name: str) -> None:
    recording = assert_equals_wfdb(formats / "multi-segment" / name)
    assert recording.samples in (8_000, 225_000, 543_240)


def test_numerics_of_one_sample_a_minute_open_and_are_not_trained_on(formats: Path) -> None:
    folder = formats / "multi-segment" / "s25047"
    recording = assert_equals_wfdb(folder / "s25047-2704-05-04-10-44n")
    assert recording.fs_hz == pytest.approx(1 / 60)
    assert_equal_in_pieces(recording, 0)
    with pytest.raises(InputError, match=r"expected an ECG at 20 to 100,000 Hz, found 0\.0166"):
        read_record(folder, "s25047-2704-05-04-10-44n")
    assert find_records(folder) == ("s25047-2704-05-04-10-44", "s25047-2704-05-04-10-44n")

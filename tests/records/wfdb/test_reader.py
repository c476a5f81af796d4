"""WFDB records: compared with values written by hand, and every way a file can be damaged."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_lightning.errors import InputError
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import ReadOptions
from ecg_lightning.records.wfdb.folder import find_records
from ecg_lightning.records.wfdb.header import read_header
from ecg_lightning.records.wfdb.reader import UNKNOWN_GAIN, UNKNOWN_RATE, read_record, read_wfdb

GAIN, BASELINE, FS_HZ, LENGTH = 200.0, 1024, 360, 400
CODES = {"N": 1, "L": 2, "V": 5, "/": 12, '"': 22, "+": 28}  # annot(5)


def digital(length: int = LENGTH, channels: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-900, 900, (length, channels)) + 1024


def write_signal(
    folder: Path, name: str = "r1", fmt: str = "212", names: tuple[str, ...] = ("MLII", "V1")
) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    samples, n = digital(channels=len(names)), len(names)
    wfdb.wrsamp(
        name, FS_HZ, ["mV"] * n, list(names), d_signal=samples, fmt=[fmt] * n, adc_gain=[GAIN] * n,
        baseline=[BASELINE] * n, write_dir=str(folder),
    )  # fmt: skip
    return samples


def annotation_bytes(positions: list[int], symbols: str, codes: dict[str, int] = CODES) -> bytes:
    """The MIT format of annot(5): 6 bits of code, 10 of distance, little-endian; an end mark."""
    distances = np.diff([0, *positions]).tolist()
    pairs = [
        codes[symbol] << 10 | distance for symbol, distance in zip(symbols, distances, strict=True)
    ]
    return struct.pack(f"<{len(pairs) + 1}H", *pairs, 0)


def write_record(folder: Path, name: str = "r1", **options: object) -> np.ndarray:
    samples = write_signal(folder, name, **options)  # type: ignore[arg-type]
    (folder / f"{name}.atr").write_bytes(annotation_bytes([10, 100, 250, 399], "+NV/"))
    return samples


def edit_header(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, text
    path.write_text(text.replace(old, new, 1))


def refused(root: Path, *args: object, **options: object) -> str:
    """The line of the error that reading raises, without the path of the folder."""
    with pytest.raises(InputError) as caught:
        read_record(root, *args, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    assert str(root) in message
    return message.replace(f"{root}{os.sep}", "")


@pytest.mark.parametrize("fmt", ["212", "16", "80"])
def test_signal_and_annotations_are_those_written(tmp_path: Path, fmt: str) -> None:
    folder = tmp_path / fmt
    samples = (digital() - 1024) // 8  # fits the 8 bits of format 80 too
    wfdb.wrsamp(
        "a", FS_HZ, ["mV"] * 2, ["MLII", "V1"], d_signal=samples, fmt=[fmt] * 2,
        adc_gain=[200.0] * 2, baseline=[3] * 2, write_dir=str(_made(folder)),
    )  # fmt: skip
    (folder / "a.atr").write_bytes(annotation_bytes([10, 100, 250, 399], "+NV/"))
    record = read_record(folder, "a", lead=1)
    assert (record.name, record.fs_hz, record.lead) == ("a", 360.0, "V1")
    np.testing.assert_array_equal(record.signal, (samples[:, 1] - 3) / 200.0)
    assert record.signal.dtype == np.float64
    assert record.signal.flags.c_contiguous
    assert record.annotation_samples.tolist() == [10, 100, 250, 399]
    assert record.annotation_samples.dtype == np.int64
    assert record.annotation_symbols.tolist() == ["+", "N", "V", "/"]
    assert record.annotation_symbols.dtype == "<U1"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_equals_wfdb(tmp_path: Path) -> None:
    write_signal(tmp_path)
    wfdb.wrann("r1", "qrs", np.array([5, 5, 300]), ["A", "~", "F"], write_dir=str(tmp_path))
    record = read_record(tmp_path, "r1", annotator="qrs")
    np.testing.assert_array_equal(record.signal, wfdb.rdrecord(str(tmp_path / "r1")).p_signal[:, 0])
    expected = wfdb.rdann(str(tmp_path / "r1"), "qrs")
    assert record.annotation_samples.tolist() == expected.sample.tolist()
    assert record.annotation_symbols.tolist() == expected.symbol


def test_lead_by_name_and_record_in_a_subfolder(tmp_path: Path) -> None:
    samples = write_record(tmp_path / "sub", "7")
    record = read_record(tmp_path, "sub/7", lead="V1")
    assert (record.name, record.lead) == ("sub/7", "V1")
    np.testing.assert_array_equal(record.signal, (samples[:, 1] - BASELINE) / GAIN)


def test_relative_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_record(tmp_path / "~db")
    monkeypatch.chdir(tmp_path)
    assert len(read_record(Path("~db"), "r1").signal) == LENGTH


def test_invalid_samples_are_nan(tmp_path: Path) -> None:
    samples = digital()
    samples[7, 0] = -2048  # signal(5): format 212's mark of an invalid sample
    wfdb.wrsamp(
        "r1", FS_HZ, ["mV"] * 2, ["I", "II"], d_signal=samples, fmt=["212"] * 2,
        adc_gain=[GAIN] * 2, baseline=[0] * 2, write_dir=str(tmp_path),
    )  # fmt: skip
    (tmp_path / "r1.atr").write_bytes(annotation_bytes([10], "N"))
    assert np.flatnonzero(np.isnan(read_record(tmp_path, "r1").signal)).tolist() == [7]


@pytest.mark.parametrize(
    ("unit", "factor", "of_signal"),
    [
        ("uV", 1e-3, "mV"),
        ("UV", 1e-3, "mV"),
        ("V", 1e3, "mV"),
        ("mv", 1.0, "mV"),
        ("mmHg", 1.0, "mmHg"),
    ],
)
def test_voltages_are_in_millivolts(
    tmp_path: Path, unit: str, factor: float, of_signal: str
) -> None:
    samples = write_record(tmp_path)
    edit_header(tmp_path / "r1.hea", "/mV", f"/{unit}")
    record = read_record(tmp_path, "r1")
    expected = (samples[:, 0] - BASELINE) / GAIN * factor
    np.testing.assert_allclose(record.signal, expected, rtol=1e-15)
    assert record.unit == of_signal


def test_a_channel_without_a_name(tmp_path: Path) -> None:
    write_record(tmp_path)
    edit_header(tmp_path / "r1.hea", " MLII", "")
    assert read_record(tmp_path, "r1").lead == "channel 0"
    assert read_record(tmp_path, "r1", lead="channel 0").lead == "channel 0"


def test_header_without_checksum_or_length(tmp_path: Path) -> None:
    samples = write_record(tmp_path, fmt="16")
    (tmp_path / "r1.hea").write_text("r1 2 360\nr1.dat 16 200(1024)/mV\nr1.dat 16 200(1024)/mV\n")
    np.testing.assert_array_equal(
        read_record(tmp_path, "r1").signal, (samples[:, 0] - BASELINE) / GAIN
    )


def test_a_skewed_channel_is_aligned_and_its_checksum_is_that_of_the_file(tmp_path: Path) -> None:
    samples = write_record(tmp_path)
    edit_header(tmp_path / "r1.hea", "r1.dat 212 ", "r1.dat 212:3 ")
    signal = read_record(tmp_path, "r1").signal
    np.testing.assert_array_equal(signal[:-3], (samples[3:, 0] - BASELINE) / GAIN)
    assert np.isnan(signal[-3:]).all()


def test_other_channels_may_have_more_samples_per_frame(tmp_path: Path) -> None:
    write_multi_frequency(tmp_path)
    record = read_record(tmp_path, "r1", lead="V1")
    np.testing.assert_array_equal(record.signal, np.arange(100.0) / 200)
    assert record.fs_hz == 360.0


def write_multi_frequency(folder: Path) -> None:
    slow, fast = np.arange(100), np.arange(200) % 50
    np.c_[fast.reshape(100, 2), slow].astype("<i2").tofile(folder / "r1.dat")
    lines = [
        "r1 2 360 100",
        f"r1.dat 16x2 200/mV 12 0 0 {fast.sum()} 0 MLII",
        f"r1.dat 16 200/mV 12 0 0 {slow.sum()} 0 V1",
    ]
    (folder / "r1.hea").write_text("\n".join(lines) + "\n")
    (folder / "r1.atr").write_bytes(annotation_bytes([10], "N"))


def test_annotations_out_of_order_are_sorted_stably(tmp_path: Path) -> None:
    write_signal(tmp_path)
    back = struct.pack(
        "<5H", CODES["N"] << 10 | 300, 59 << 10, 0xFFFF, 0x10000 - 200, CODES["V"] << 10
    )  # SKIP -200
    (tmp_path / "r1.atr").write_bytes(back + struct.pack("<2H", CODES["+"] << 10, 0))
    record = read_record(tmp_path, "r1")
    assert record.annotation_samples.tolist() == [100, 100, 300]
    assert record.annotation_symbols.tolist() == ["V", "+", "N"]


def test_annotations_with_their_own_time_resolution(tmp_path: Path) -> None:
    write_signal(tmp_path)
    note = b"## time resolution: 720"
    head = (
        struct.pack("<2H", CODES['"'] << 10, 63 << 10 | len(note)) + note + b"\0" * (len(note) % 2)
    )
    (tmp_path / "r1.atr").write_bytes(head + annotation_bytes([100, 501], "NV"))
    assert read_record(tmp_path, "r1").annotation_samples.tolist() == [50, 250]


def test_symbols_that_the_file_defines(tmp_path: Path) -> None:
    write_signal(tmp_path)
    custom = [(42, "y", "our own beat")]
    samples, symbols = np.array([5, 9]), ["N", "y"]
    wfdb.wrann("r1", "atr", samples, symbols, custom_labels=custom, write_dir=str(tmp_path))
    assert read_record(tmp_path, "r1").annotation_symbols.tolist() == ["N", "y"]


@pytest.mark.parametrize("lead", ["V9", 2, -1])
def test_a_missing_lead(tmp_path: Path, lead: int | str) -> None:
    write_record(tmp_path)
    expected = f"expected a lead out of MLII, V1 or an index from 0 to 1, found {lead!r}"
    message = refused(tmp_path, "r1", lead=lead)
    assert message == f"r1.hea: {expected}; choose one of these (lead)"


def test_no_header(tmp_path: Path) -> None:
    assert (
        refused(tmp_path, "r9")
        == "r9.hea: expected the header of record r9, found no such file; check the name"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a WFDB header, found a file without a record line"),
        ("# a comment\n", "a WFDB header, found a file without a record line"),
        (
            "nonsense\n",
            "a WFDB header that begins with a name and a number of signals, found 'nonsense'",
        ),
        (
            "r1 2 360 400\n???\n\x00\n",
            "a file name and a storage format in line 2, found '???'",
        ),
    ],
)
def test_a_file_that_is_no_header(tmp_path: Path, text: str, expected: str) -> None:
    write_record(tmp_path)
    (tmp_path / "r1.hea").write_text(text)
    assert refused(tmp_path, "r1") == f"r1.hea: expected {expected}; repair the header"


def test_a_header_that_lacks_signal_lines(tmp_path: Path) -> None:
    write_record(tmp_path)
    (tmp_path / "r1.hea").write_text("r1 2 360 400\nr1.dat 212 200 12 0 0 0 0 MLII\n")
    assert (
        refused(tmp_path, "r1", lead=1)
        == "r1.hea: expected 2 signal lines, found 1; repair the header"
    )


def test_a_record_without_signals(tmp_path: Path) -> None:
    (tmp_path / "r1.hea").write_text("r1 0 360 400\n")
    assert (
        refused(tmp_path, "r1")
        == "r1.hea: expected one or more signal lines, found 0; repair the header"
    )


def test_a_sampling_rate_of_zero(tmp_path: Path) -> None:
    write_record(tmp_path)
    edit_header(tmp_path / "r1.hea", " 360 ", " 0 ")
    expected = "a sampling rate in line 1 from 0.001 to 1,000,000 Hz"
    assert refused(tmp_path, "r1") == f"r1.hea: expected {expected}, found '0'; repair the header"


def test_several_segments(tmp_path: Path) -> None:
    parts = [write_signal(tmp_path, "s1"), write_signal(tmp_path, "s2")]
    (tmp_path / "r1.hea").write_text(f"r1/2 2 360 {2 * LENGTH}\ns1 {LENGTH}\ns2 {LENGTH}\n")
    (tmp_path / "r1.atr").write_bytes(annotation_bytes([10, 600], "NV"))
    record = read_record(tmp_path, "r1", lead="V1")
    np.testing.assert_array_equal(record.signal, (np.concatenate(parts)[:, 1] - BASELINE) / GAIN)
    assert (record.name, record.lead, record.fs_hz, record.unit) == ("r1", "V1", 360.0, "mV")
    assert record.annotation_samples.tolist() == [10, 600]


def test_several_samples_per_frame(tmp_path: Path) -> None:
    write_multi_frequency(tmp_path)
    record = read_record(tmp_path, "r1")
    np.testing.assert_array_equal(record.signal, (np.arange(200.0) % 50) / 200)
    assert record.fs_hz == 720.0
    assert record.annotation_samples.tolist() == [20]  # frame 10


def test_no_signal_file(tmp_path: Path) -> None:
    write_record(tmp_path)
    (tmp_path / "r1.dat").unlink()
    expected = (
        "r1.dat: expected the signal of r1.hea, found no such file; put it next to its header"
    )
    assert refused(tmp_path, "r1") == expected


@pytest.mark.parametrize("fmt", ["212", "16"])
@pytest.mark.parametrize("lost", [1, 3, 4, 600, "all"])
def test_a_truncated_signal_file(tmp_path: Path, fmt: str, lost: int | str) -> None:
    write_record(tmp_path, fmt=fmt)
    dat = tmp_path / "r1.dat"
    kept = 0 if lost == "all" else dat.stat().st_size - int(lost)
    dat.write_bytes(dat.read_bytes()[:kept])
    message = refused(tmp_path, "r1")
    assert message.startswith(
        f"r1.dat: expected {LENGTH} samples per channel in format {fmt}, found {kept} bytes that"
    )
    assert message.endswith("fetch the record again")


def test_one_wrong_bit(tmp_path: Path) -> None:
    samples = write_record(tmp_path, fmt="16")
    data = bytearray((tmp_path / "r1.dat").read_bytes())
    data[0] ^= 1
    (tmp_path / "r1.dat").write_bytes(bytes(data))
    right = int(samples[:, 0].sum()) % 65536
    wrong = right + (1 if samples[0, 0] % 2 == 0 else -1)
    assert refused(tmp_path, "r1") == (
        f"r1.dat: expected checksum {right} of MLII from the header, found {wrong}; "
        "fetch the record again"
    )
    read_record(tmp_path, "r1", lead=1)  # the other channel is right


def test_a_negative_checksum_is_the_same_sixteen_bits(tmp_path: Path) -> None:
    samples = write_record(tmp_path)
    right = int(samples[:, 0].sum()) % 65536
    edit_header(tmp_path / "r1.hea", f" {right} 0 MLII", f" {right - 65536} 0 MLII")
    read_record(tmp_path, "r1")


def test_no_annotation_file(tmp_path: Path) -> None:
    write_signal(tmp_path)
    assert refused(tmp_path, "r1") == (
        "r1.atr: expected the annotations of record r1, found no such file; "
        "put it next to the header or choose another annotator (annotator)"
    )


def test_no_annotations(tmp_path: Path) -> None:
    write_signal(tmp_path)
    (tmp_path / "r1.atr").write_bytes(b"\0\0")
    expected = (
        "r1.atr: expected one or more annotations, found none; remove the record or annotate it"
    )
    assert refused(tmp_path, "r1") == expected


@pytest.mark.parametrize(
    ("content", "end"),
    [
        (b"", "none"),
        (b"hello there", "72 65"),
        (annotation_bytes([9, 50], "NV")[:-2], "29 14"),
        (b"\0\0\0", "00 00"),
    ],
)
def test_annotations_cut_short_or_in_another_format(
    tmp_path: Path, content: bytes, end: str
) -> None:
    write_signal(tmp_path)
    (tmp_path / "r1.atr").write_bytes(content)
    assert refused(tmp_path, "r1") == (
        "r1.atr: expected WFDB annotations that end in two zero bytes, "
        f"found {len(content)} bytes that end in {end}: cut short or another format; "
        "fetch the file again"
    )


def test_annotations_that_wfdb_cannot_parse(tmp_path: Path) -> None:
    write_signal(tmp_path)
    (tmp_path / "r1.atr").write_bytes(
        struct.pack("<2H", 59 << 10, 0)
    )  # a SKIP whose distance is missing
    message = refused(tmp_path, "r1")
    assert message.startswith("r1.atr: expected WFDB annotations, found ")
    assert message.endswith("fetch the file again")


def sorted_with_skips(positions: list[int]) -> bytes:
    """Beats at any positions, the first perhaps before sample 0: each distance is a SKIP."""
    distances = np.diff([0, *positions]).tolist()
    skips = [
        struct.pack("<4H", 59 << 10, (d >> 16) & 0xFFFF, d & 0xFFFF, CODES["N"] << 10)
        for d in distances
    ]
    return b"".join(skips) + b"\0\0"


@pytest.mark.parametrize(
    ("positions", "kept", "note"),
    [
        ([9, LENGTH - 1], [9, LENGTH - 1], None),
        ([9, LENGTH], [9], "1 annotation outside the signal is dropped"),
        ([-5, 9, LENGTH + 90], [9], "2 annotations outside the signal are dropped"),
    ],
)
def test_annotations_outside_the_signal_are_dropped_and_counted(
    tmp_path: Path, positions: list[int], kept: list[int], note: str | None
) -> None:
    write_signal(tmp_path)
    (tmp_path / "r1.atr").write_bytes(sorted_with_skips(positions))
    record = read_record(tmp_path, "r1")
    assert record.annotation_samples.tolist() == kept
    assert len(record.annotation_symbols) == len(kept)
    assert record.notes == (() if note is None else (RecordNote("r1", "dropped", note),))


def test_annotations_that_all_lie_outside_the_signal_are_of_another_record(
    tmp_path: Path,
) -> None:
    write_signal(tmp_path)
    (tmp_path / "r1.atr").write_bytes(sorted_with_skips([LENGTH, LENGTH + 3]))
    assert refused(tmp_path, "r1") == (
        "r1.atr: expected annotations within the 400 samples of the signal, found 2 outside, "
        "from sample 400 to 403; check that the file belongs to this record"
    )


def test_a_record_whose_name_is_not_ascii(tmp_path: Path) -> None:
    samples = write_record(tmp_path, "é1")
    assert read_header(tmp_path / "é1.hea").signals[0].file == "é1.dat"
    signal = read_record(tmp_path, "é1").signal
    np.testing.assert_array_equal(signal, (samples[:, 0] - BASELINE) / GAIN)


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"name of a record in UTF-8, found \\udcff"):
        read_record(tmp_path, os.fsdecode(b"\xff"))


def test_an_annotation_code_without_a_symbol(tmp_path: Path) -> None:
    write_signal(tmp_path)
    (tmp_path / "r1.atr").write_bytes(annotation_bytes([9, 50], "Ny", CODES | {"y": 47}))
    assert refused(tmp_path, "r1") == (
        "r1.atr: expected annotation symbols of one character, found code 47, which has none; "
        "check the annotator (annotator)"
    )


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_give_an_input_error(tmp_path: Path, seed: int) -> None:
    write_record(tmp_path)
    random = np.random.default_rng(seed)
    victim = tmp_path / ("r1.atr", "r1.hea", "r1.dat")[seed % 3]
    size = int(random.integers(1, 400)) * 2
    victim.write_bytes(random.bytes(size) + b"\0\0")
    assert refused(tmp_path, "r1")


def test_mitdb_equals_wfdb(mitdb: Path) -> None:
    names = find_records(mitdb)
    assert len(names) == 48
    assert names[0] == "100"
    assert names[-1] == "234"
    leads = {}
    for name in names:
        record = read_record(mitdb, name)
        leads[name] = record.lead
        plain, annotations = wfdb.rdrecord(str(mitdb / name)), wfdb.rdann(str(mitdb / name), "atr")
        np.testing.assert_array_equal(record.signal, plain.p_signal[:, 0])
        assert record.annotation_samples.tolist() == annotations.sample.tolist()
        assert record.annotation_symbols.tolist() == annotations.symbol
    assert {name: lead for name, lead in leads.items() if lead != "MLII"} == {
        "102": "V5",
        "104": "V5",
        "114": "V5",
    }


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ("r 1 360 SIZE\nr.dat 16 1000/mV\n", []),
        ("r 1 360 SIZE\nr.dat 16\n", [UNKNOWN_GAIN]),
        ("r 1 360 SIZE\nr.dat 16 0/mV\n", [UNKNOWN_GAIN]),
        ("r 1\nr.dat 16 1000/mV\n", [UNKNOWN_RATE]),
    ],
)
def test_an_assumed_rate_or_gain_is_noted(header: str, texts: list[str], tmp_path: Path) -> None:
    write_record(tmp_path, "r")
    header = header.replace("SIZE", str((tmp_path / "r.dat").stat().st_size // 2))
    (tmp_path / "r.hea").write_text(header)
    notes = read_record(tmp_path, "r").notes
    assert notes == tuple(RecordNote("r", "signal", text) for text in texts)


@pytest.mark.parametrize(
    ("line", "described"),
    [
        ("r 2 360 4000", ""),
        ("r 1 360 4000", "8,000 of the 16,000 bytes"),  # two leads in turn are read as one
        ("r 2 360 1000", "4,000 of the 16,000 bytes"),
        ("r 2 360", ""),  # the file gives the length
    ],
)
def test_a_file_that_holds_more_than_the_header_describes_is_noted(
    tmp_path: Path, line: str, described: str
) -> None:
    np.arange(8000, dtype="<i2").tofile(tmp_path / "r.dat")
    n_leads = int(line.split()[1])
    leads = [f"r.dat 16 200/mV 16 0 0 0 0 {name}" for name in ("I", "II")[:n_leads]]
    (tmp_path / "r.hea").write_text("\n".join([line, *leads]) + "\n")
    texts = [note.text for note in read_wfdb(tmp_path / "r", ReadOptions()).notes]
    text = f"the header describes {described} of r.dat: check its number of leads"
    assert [note.startswith(text) for note in texts] == [True] * bool(described)

"""WFDB annotations: equal to wfdb's, and bounded by the length of the record."""

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st
from wfdb.io.annotation import ann_labels

from ecg_lightning.errors import InputError
from ecg_lightning.records.wfdb.annotations import read_annotations
from tests.helpers.records import make_no_file

LENGTH = 1 << 40  # of a record that is long enough for everything
SYMBOLS = {label.label_store: label.symbol for label in ann_labels if label.label_store}


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}H", *values)


def annotation(code: int, distance: int = 0, text: bytes = b"") -> bytes:
    """An annotation of annot(5), with an AUX text if there is one."""
    aux = words(63 << 10 | len(text)) + text + b"\0" * (len(text) % 2) if text else b""
    return words(code << 10 | distance) + aux


def read(folder: Path, content: bytes, fs_hz: float = 360.0) -> list[tuple[int, str]]:
    path = folder / "r1.atr"
    path.write_bytes(content + b"\0\0")
    annotations = read_annotations(path, fs_hz, 1, LENGTH)
    samples, symbols = annotations.samples, annotations.symbols
    assert samples.dtype == np.int64
    assert symbols.dtype == "<U1"
    return list(zip(samples.tolist(), symbols.tolist(), strict=True))


def refused(folder: Path, content: bytes, n_samples: int = LENGTH) -> str:
    path = folder / "r1.atr"
    path.write_bytes(content + b"\0\0")
    with pytest.raises(InputError) as caught:
        read_annotations(path, 360.0, 1, n_samples)
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(f"{folder}/")


def test_every_code_of_annot_5_has_its_symbol(tmp_path: Path) -> None:
    content = b"".join(annotation(code, 1) for code in SYMBOLS)
    assert [symbol for _, symbol in read(tmp_path, content)] == list(SYMBOLS.values())


ROWS = st.lists(
    st.tuples(
        st.integers(0, 3_000_000),
        st.sampled_from(sorted(SYMBOLS.values())),
        st.integers(-9, 9),
        st.integers(0, 255),
        st.integers(0, 127),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=255),
    ),
    min_size=1,
    max_size=30,
)


@given(ROWS)
def test_equals_wfdb(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("annotations")
    rows = sorted({row[0]: row for row in rows}.values())
    rows = [row for row in rows if row[0]]  # wfdb drops every note at sample 0
    if not rows:
        return
    samples, symbols, subtypes, channels, numbers, texts = zip(*rows, strict=True)
    wfdb.wrann(
        "r1", "atr", np.array(samples), list(symbols), np.array(subtypes), np.array(channels),
        np.array(numbers), list(texts), write_dir=str(folder),
    )  # fmt: skip
    expected = wfdb.rdann(str(folder / "r1"), "atr")
    annotations = read_annotations(folder / "r1.atr", 360.0, 1, LENGTH)
    assert annotations.samples.tolist() == expected.sample.tolist()
    assert annotations.symbols.tolist() == expected.symbol
    assert annotations.subtypes.tolist() == expected.subtype.tolist()


@pytest.mark.parametrize(
    "text", [b"hello", b"## hello", b"##", b"## time", b"\x1b[31m", b"x" * 255]
)
def test_a_remark_at_sample_0_is_an_annotation(tmp_path: Path, text: bytes) -> None:
    content = annotation(22, 0, text) + annotation(1, 9) + annotation(5, 9)
    assert read(tmp_path, content) == [(0, '"'), (9, "N"), (18, "V")]


@pytest.mark.parametrize("text", [b"## time resolution: 720", b"## time resolution:720.0\0"])
def test_a_time_resolution(tmp_path: Path, text: bytes) -> None:
    assert read(tmp_path, annotation(22, 0, text) + annotation(1, 9)) == [(4, "N")]


def test_a_time_in_the_last_half_sample_is_at_the_last_sample(tmp_path: Path) -> None:
    content = annotation(22, 0, b"## time resolution: 1000")
    content += annotation(1, 27) + annotation(5, 1)  # 9.72 and 10.08 samples
    (tmp_path / "r1.atr").write_bytes(content + b"\0\0")
    annotations = read_annotations(tmp_path / "r1.atr", 360.0, 1, 10)
    assert annotations.samples.tolist() == [9]
    assert annotations.symbols.tolist() == ["N"]
    assert annotations.notes == ("1 annotation outside the signal is dropped",)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "1e3", "", "99999999", "1.2.3", "0.0001"])
def test_a_time_resolution_that_is_none(tmp_path: Path, value: str) -> None:
    text = f"## time resolution: {value}"
    message = refused(tmp_path, annotation(22, 0, text.encode()) + annotation(1, 9))
    assert message == (
        f"r1.atr: expected WFDB annotations, found '{text}', no resolution from 0.001 to "
        "1,000,000 Hz; fetch the file again"
    )


def test_positions_that_a_time_resolution_makes_huge(tmp_path: Path) -> None:
    content = annotation(22, 0, b"## time resolution: 0.001")
    content += words(59 << 10, 0x7FFF, 0xFFFF) * 10_000 + annotation(1)
    assert "found 1 outside, from sample 4611686018427387904" in refused(tmp_path, content)


def definitions(*texts: bytes) -> bytes:
    return b"".join(annotation(22, 0, text) for text in texts)


BEGIN, END = b"## annotation type definitions", b"## end of definitions"


def test_symbols_that_a_file_defines(tmp_path: Path) -> None:
    content = definitions(BEGIN, b"42 y our own beat", b"5 w another", END)
    content += annotation(42, 7) + annotation(5, 1) + annotation(1, 1)
    assert read(tmp_path, content) == [(7, "y"), (8, "w"), (9, "N")]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (definitions(BEGIN, b"42 y ours"), "definitions of symbols that do not end"),
        (definitions(BEGIN, b"x", END), "'x' where a symbol is defined"),
        (definitions(BEGIN, b"99 y ours", END), "'99 y ours' where a symbol is defined"),
        (definitions(BEGIN, b"0 y ours", END), "'0 y ours' where a symbol is defined"),
        (definitions(BEGIN) + annotation(1, 3), "'' where a symbol is defined"),
        (definitions(BEGIN, b"\x1b[31m"), r"'\x1b[31m' where a symbol is defined"),
        (definitions(BEGIN, b"y" * 255), f"'{'y' * 18}...{'y' * 18}' where a symbol is defined"),
        (annotation(1, 3) + words(63 << 10 | 9), "a text that is cut short"),
        (annotation(1, 3) + words(63 << 10 | 1023), "a text that is cut short"),
        (annotation(1, 3) + words(59 << 10, 0), "a distance that is cut short"),
    ],
)
def test_a_malformed_file(tmp_path: Path, content: bytes, found: str) -> None:
    message = refused(tmp_path, content)
    assert message.startswith("r1.atr: expected WFDB annotations, found ")
    assert message.endswith("; fetch the file again")
    assert f"found {found};" in message
    assert len(message) < 200


@pytest.mark.parametrize(
    ("symbol", "shown"), [(b"yy", "yy"), (b"\x1b", r"\x1b"), (b"y" * 200, "y" * 200)]
)
def test_a_symbol_that_is_no_character(tmp_path: Path, symbol: bytes, shown: str) -> None:
    content = definitions(BEGIN, b"42 " + symbol + b" ours", END) + annotation(42, 7)
    assert refused(tmp_path, content) == (
        f"r1.atr: expected annotation symbols of one character, found '{shown}' for code 42; "
        "check the annotator (annotator)"
    )


def test_more_annotations_than_so_short_a_record_can_have(tmp_path: Path) -> None:
    content = annotation(1, 10) + annotation(1) * 100_000
    path = tmp_path / "r1.atr"
    path.write_bytes(content + b"\0\0")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="found more than 1,000 of them, 50 a second;"):
            read_annotations(path, 360.0, 1, 7_200)
        assert tracemalloc.get_traced_memory()[1] < 1 << 21
    finally:
        tracemalloc.stop()
    assert len(read_annotations(path, 360.0, 1, 720_360).samples) == 100_001


def test_a_file_of_many_megabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "r1.atr").open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(InputError, match="annotations of record r1 of at most 33,554,432 bytes"):
        read_annotations(tmp_path / "r1.atr", 360.0, 1, LENGTH)


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device"])
def test_what_is_no_regular_file_has_no_annotations(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "r1.atr"
    make_no_file(path, kind)
    with pytest.raises(InputError, match=f"expected the annotations of record r1, found {kind};"):
        read_annotations(path, 360.0, 1, 100)


@pytest.mark.parametrize("seed", range(50))
def test_random_words_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    codes = random.choice([1, 5, 22, 28, 59, 60, 61, 62, 63], 200)
    content = (codes << 10 | random.integers(0, 64, 200)).astype("<u2").tobytes()
    path = tmp_path / "r1.atr"
    path.write_bytes(content + b"\0\0")
    try:
        annotations = read_annotations(path, 360.0, 1, 100_000)
    except InputError:
        return
    samples, symbols = annotations.samples, annotations.symbols
    assert (np.diff(samples) >= 0).all()
    assert all(0 <= sample < 100_000 for sample in samples.tolist())
    assert len(samples) == len(symbols) == len(annotations.texts)


@pytest.mark.parametrize(
    ("value", "subtype"), [(0, 0), (48, 48), (127, 127), (255, -1), (128, -128)]
)
def test_a_subtype_is_a_signed_byte(tmp_path: Path, value: int, subtype: int) -> None:
    content = annotation(14, 9) + words(61 << 10 | value) + annotation(1, 5)
    (tmp_path / "r1.atr").write_bytes(content + b"\0\0")
    annotations = read_annotations(tmp_path / "r1.atr", 360.0, 1, 100)
    assert annotations.subtypes.tolist() == [subtype, 0]


def test_subtypes_stay_with_their_annotations(tmp_path: Path) -> None:
    """Annotations that are not in order are sorted, and those outside the signal dropped."""
    back = words(59 << 10, 0xFFFF, 0xFFFF - 49)  # 50 samples back
    noises = [annotation(14, 60) + words(61 << 10 | 1), back + annotation(14) + words(61 << 10 | 2)]
    (tmp_path / "r1.atr").write_bytes(b"".join(noises) + annotation(14, 999) + b"\0\0")
    annotations = read_annotations(tmp_path / "r1.atr", 360.0, 1, 100)
    assert annotations.samples.tolist() == [10, 60]
    assert annotations.subtypes.tolist() == [2, 1]

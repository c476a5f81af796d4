"""WFDB annotation files: wfdb and our own reader read back what was written."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_lightning.arrays import Integers
from ecg_lightning.errors import InputError
from ecg_lightning.records.wfdb.annotation_writer import annotation_bytes
from ecg_lightning.records.wfdb.annotations import SYMBOLS, read_annotations

SAMPLES = np.array([0, 0, 5, 1028, 2052, 100_000, 2_000_000_000, 4_147_483_647])
SYMBOL_LIST = ["~", "N", "V", "S", "F", "Q", "+", '"']
SUBTYPES = np.array([48, 0, -1, -128, 127, 0, 3, 0])
TEXTS = ["", "0.987", "ab", "x" * 255, "", "(AFIB", "caf\xe9", "a note"]


def array_of(symbols: list[str]) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(symbols, "<U1")


@pytest.mark.parametrize("resolution_hz", [None, 360.0, 128.5, 333.333333333, 0.5, 1e6])
def test_wfdb_reads_back_what_was_written(tmp_path: Path, resolution_hz: float | None) -> None:
    content = annotation_bytes(SAMPLES, array_of(SYMBOL_LIST), SUBTYPES, TEXTS, resolution_hz)
    (tmp_path / "r.ecl").write_bytes(content)
    read = wfdb.rdann(str(tmp_path / "r"), "ecl")
    assert read.sample.tolist() == SAMPLES.tolist()
    assert read.symbol == SYMBOL_LIST
    assert read.subtype.tolist() == SUBTYPES.tolist()
    assert read.aux_note == TEXTS
    assert read.fs == resolution_hz


@pytest.mark.parametrize("resolution_hz", [None, 360.0, 128.5, 1000 / 3])
def test_our_own_reader_reads_it_back(tmp_path: Path, resolution_hz: float | None) -> None:
    samples, symbols = SAMPLES[:-2], array_of(SYMBOL_LIST)[:-2]
    content = annotation_bytes(samples, symbols, SUBTYPES[:-2], TEXTS[:-2], resolution_hz)
    (tmp_path / "r.ecl").write_bytes(content)
    read = read_annotations(tmp_path / "r.ecl", resolution_hz or 250.0, 1, 200_000)
    assert read.samples.tolist() == samples.tolist()
    assert read.symbols.tolist() == symbols.tolist()
    assert list(read.texts) == TEXTS[:-2]
    assert read.notes == ()


def test_every_symbol_has_its_code(tmp_path: Path) -> None:
    symbols = [symbol for code, symbol in SYMBOLS.items() if code]
    samples = np.arange(len(symbols)) * 10 + 1
    (tmp_path / "r.ecl").write_bytes(annotation_bytes(samples, array_of(symbols)))
    assert wfdb.rdann(str(tmp_path / "r"), "ecl").symbol == symbols


@pytest.mark.parametrize("fs", [None, 360, 128.5])
def test_the_bytes_are_those_of_wfdb(tmp_path: Path, fs: float | None) -> None:
    random = np.random.default_rng(0)
    samples = np.cumsum(random.integers(0, 3000, 200))
    symbols = array_of(list("NSVFQ~"))[random.integers(0, 6, 200)]
    subtypes = random.integers(-3, 3, 200)
    texts = [["", "0.9", "0.987"][row] for row in random.integers(0, 3, 200)]
    wfdb.wrann(
        "r",
        "ecl",
        samples,
        symbols.tolist(),
        subtype=subtypes,
        aux_note=texts,
        fs=fs,
        write_dir=str(tmp_path),
    )
    ours = annotation_bytes(samples, symbols, subtypes, texts, fs)
    assert ours == (tmp_path / "r.ecl").read_bytes()


def test_real_annotations_are_written_as_they_were(mitdb: Path, tmp_path: Path) -> None:
    for record in ("100", "208", "207"):
        read = wfdb.rdann(str(mitdb / record), "atr")
        texts = [text.rstrip("\0") for text in read.aux_note]
        ours = annotation_bytes(read.sample, array_of(read.symbol), read.subtype, texts)
        (tmp_path / "r.ecl").write_bytes(ours)
        again = wfdb.rdann(str(tmp_path / "r"), "ecl")
        assert again.sample.tolist() == read.sample.tolist()
        assert again.symbol == read.symbol
        assert again.subtype.tolist() == read.subtype.tolist()
        assert again.aux_note == texts


def test_a_file_without_annotations_is_its_end_mark() -> None:
    nothing: Integers = np.zeros(0, np.int64)
    assert annotation_bytes(nothing, array_of([])) == b"\0\0"
    with_rate = annotation_bytes(nothing, array_of([]), resolution_hz=360)
    end_of_notes = bytes.fromhex("00ec ffff ffff 0100")
    assert with_rate == b"\x00\x58\x17\xfc## time resolution: 360\0" + end_of_notes + b"\0\0"


@pytest.mark.parametrize(
    ("samples", "symbols", "subtypes", "texts", "rate", "words"),
    [
        ([5, 4], "NN", [0, 0], ["", ""], None, "ascending positions"),
        ([-1], "N", [0], [""], None, "ascending positions"),
        ([0, 1 << 31], "NN", [0, 0], ["", ""], None, "2,147,483,647"),
        ([0], "y", [0], [""], None, "annotation codes"),
        ([0], " ", [0], [""], None, "annotation codes"),
        ([0], "N", [128], [""], None, "-128 to 127"),
        ([0], "N", [0], ["x" * 256], None, "255 letters"),
        ([0], "N", [0], ["\u20ac"], None, "Latin-1"),
        ([0], "N", [0], ["a\0"], None, "Latin-1"),
        ([0], '"', [0], ["## time resolution: 1"], None, "begin with ##"),
        ([0], "N", [0], [""], float("nan"), "a rate from"),
        ([0], "N", [0], [""], 0.0, "a rate from"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(
    samples: list[int],
    symbols: str,
    subtypes: list[int],
    texts: list[str],
    rate: float | None,
    words: str,
) -> None:
    with pytest.raises(InputError, match=words):
        annotation_bytes(
            np.array(samples), array_of(list(symbols)), np.array(subtypes), texts, rate
        )

"""Damaged annotation files for fuzz.py, and an own reading of plain ones to compare with."""

import shutil
from pathlib import Path
from random import Random

import numpy as np
import wfdb
from fuzz_bytes import TEXTS, damaged_bytes, encoded
from fuzz_records import NAME, VERBS, check_record, prepare
from fuzz_target import WrongError
from wfdb.io.annotation import ann_labels

from ecg_lightning.records.synthetic.database import write_synthetic
from ecg_lightning.records.wfdb.reader import read_record

SKIP, NUM, SUB, CHN, AUX, NOTE = 59, 60, 61, 62, 63, 22
SYMBOLS: dict[int, str] = {label.label_store: label.symbol for label in ann_labels}
NOTES = (
    *("## hello", "## time resolution: 1000", "## time resolution: 0", "## time resolution: x"),
    *("## time resolution: 1e300", "## time resolution: 0.000001", "## time resolution: -5"),
    *("## annotation type definitions", "## end of definitions", "42 X my beats", "42 XY two"),
    *("1 Z normal", "99 Q x", "-1 a b", "42", "## ", "##", "(AFIB", "(N\0", "a" * 255),
)


class Annotations:
    """Annotation files of a record whose header and signal are valid."""

    def prepare(self, folder: Path) -> None:
        """Write a record, and annotation files of several kinds for it."""
        self.folder = folder
        write_synthetic(folder / "made", patients=1, minutes=0.3)
        made = folder / "made" / "s01.atr"
        plain = wfdb.rdann(str(made.with_suffix("")), "atr")
        self.n_samples = int(wfdb.rdheader(str(made.with_suffix(""))).sig_len)
        count = len(plain.sample)
        notes = ["(N\0" if i % 5 == 0 else "" for i in range(count)]
        wfdb.wrann(
            *(NAME, "notes", plain.sample, plain.symbol),
            subtype=np.arange(count) % 3,
            chan=np.arange(count) % 2,
            aux_note=notes,
            write_dir=str(folder),
        )
        wfdb.wrann(NAME, "rate", plain.sample, plain.symbol, fs=360, write_dir=str(folder))
        custom = [(42, "X", "a beat of our own")]
        symbols = ["X" if i % 4 == 0 else symbol for i, symbol in enumerate(plain.symbol)]
        wfdb.wrann(NAME, "own", plain.sample, symbols, custom_labels=custom, write_dir=str(folder))
        own = (f"{NAME}.notes", f"{NAME}.rate", f"{NAME}.own")
        self.valid = [path.read_bytes() for path in (made, *(folder / name for name in own))]

    def write(self, folder: Path, rng: Random, damage: bool = True) -> None:
        """Write the record with damaged annotations; one in 30 stays valid."""
        for ending in ("hea", "dat"):
            shutil.copyfile(self.folder / "made" / f"s01.{ending}", folder / f"s01.{ending}")
        (folder / "s01.hea").rename(folder / f"{NAME}.hea")
        content, choice = rng.choice(self.valid), rng.randrange(30) if damage else 29
        if choice < 22:
            content = damaged_words(content, rng)
        elif choice < 29:
            content = damaged_bytes(content, rng)
            if rng.random() < 0.5:  # whole words, with the end mark
                content = content[: len(content) // 2 * 2] + b"\0\0"
        (folder / f"{NAME}.atr").write_bytes(content)

    def past_header(self, folder: Path) -> bool:
        """Whether the file has whole words and the end mark: it has no other header."""
        content = (folder / f"{NAME}.atr").read_bytes()
        return len(content) > 2 and len(content) % 2 == 0 and content.endswith(b"\0\0")

    def check(self, folder: Path, rng: Random) -> None:
        """Read the record; then prepare its folder as the command line does."""
        segmentation = rng.choice(VERBS)
        prepared = rng.random() < 0.25 and prepare(folder, segmentation) >= 0
        record = read_record(folder, NAME)
        check_record(record)
        expected = plain_annotations((folder / f"{NAME}.atr").read_bytes())
        if expected is not None:
            inside = [(n, s) for n, s in expected if 0 <= n < self.n_samples]
            samples, symbols = record.annotation_samples, record.annotation_symbols
            read = zip(samples.tolist(), symbols.tolist(), strict=True)
            if sorted(pair for pair in read if pair != (0, SYMBOLS[NOTE])) != sorted(inside):
                raise WrongError("accepted with other annotations than the file's")
        if not prepared:
            prepare(folder, segmentation)


def plain_annotations(content: bytes) -> list[tuple[int, str]] | None:
    """Read positions and symbols by annot(5); None for a file with definitions, or no such file."""
    words = [int.from_bytes(content[i : i + 2], "little") for i in range(0, len(content), 2)]
    if b"## " in content or 0 in words[:-1]:
        return None
    result: list[tuple[int, str]] = []
    sample = i = 0
    while i < len(words) - 1:
        code, low = words[i] >> 10, words[i] & 1023
        i += 1
        if code == SKIP:
            if i + 2 > len(words) - 1:
                return None
            skip = words[i] << 16 | words[i + 1]
            sample += skip - (1 << 32) * (skip >> 31)
            i += 2
        elif code == AUX:
            i += (low % 256 + 1) // 2
        elif code not in (NUM, SUB, CHN):
            sample += low
            if code and (code, sample) != (NOTE, 0):  # these are no annotations to WFDB
                result.append((sample, SYMBOLS.get(code, "")))
    return result if i == len(words) - 1 else None


def damaged_words(content: bytes, rng: Random) -> bytes:
    """A file with one to three damages that keep its words and its end mark."""
    words = [content[i : i + 2] for i in range(0, len(content) - 2, 2)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        place = rng.choice((0, 0, rng.randint(0, len(words)), len(words)))
        block = rng.choice((_one_word, _skip, _note, _note, _repeated))(words, rng)
        if rng.random() < 0.3:
            del words[place : place + rng.randint(1, 4)]
        words[place:place] = block
    return b"".join(words) + b"\0\0"


def _word(code: int, low: int) -> bytes:
    return (code << 10 | low & 1023).to_bytes(2, "little")


def _one_word(words: list[bytes], rng: Random) -> list[bytes]:
    """Any code: beats, notes, codes without a meaning, attributes."""
    code = rng.choice((0, 1, 5, 14, 28, 41, 42, 49, 50, 58, SKIP, NUM, SUB, CHN, AUX))
    return [_word(code, rng.choice((0, 1, 255, 1023)))]


def _skip(words: list[bytes], rng: Random) -> list[bytes]:
    """A jump, and mostly a beat behind it."""
    jump = rng.choice((0, 1, -1, -100, 5000, 10**6, 2**31 - 1, -(2**31), 70_000)) % (1 << 32)
    parts = [
        _word(SKIP, 0),
        (jump >> 16).to_bytes(2, "little"),
        (jump & 65535).to_bytes(2, "little"),
    ]
    return [*parts, *([_word(1, 10)] * rng.choice((0, 1, 1)))]


def _note(words: list[bytes], rng: Random) -> list[bytes]:
    """A remark, at times with a wrong length, without a beat, or of control characters."""
    text = encoded(rng.choice(NOTES + TEXTS))[:255]
    length = rng.choice((len(text),) * 6 + (255, 0, len(text) + 1))
    padded = text + b"\0" * (len(text) % 2)
    note = [_word(AUX, length), *(padded[i : i + 2] for i in range(0, len(padded), 2))]
    code = rng.choice((NOTE, NOTE, NOTE, 28, 1))
    return [_word(code, rng.choice((0, 0, 0, 5))), *note] if rng.random() < 0.9 else note


def _repeated(words: list[bytes], rng: Random) -> list[bytes]:
    """Many equal words."""
    word = rng.choice((_word(1, 0), _word(1, 1), _word(CHN, 3), _word(AUX, 2), _word(14, 0)))
    return [word] * rng.choice((2, 300, 100_000))

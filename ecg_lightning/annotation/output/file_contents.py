"""What the files of one recording's annotations hold: WFDB marks, and a table in CSV or Parquet."""

import io
from typing import NamedTuple

import numpy as np

from ecg_lightning.annotation.found_beats import FoundBeats
from ecg_lightning.arrays import AnyArray, AnyFloats, Flags, Integers, Names
from ecg_lightning.beat_table import beat_columns, beat_table_csv
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.records.wfdb.annotation_writer import annotation_bytes
from ecg_lightning.system.packages import import_optional

NOISE, UNUSABLE, USABLE = "~", 48, 0  # WFDB's mark of signal quality, and its subtypes
UNSURE = " unsure"  # at the end of a beat's text


class _Marks(NamedTuple):
    """The arguments of `annotation_bytes`."""

    samples: Integers
    symbols: Names
    subtypes: Integers
    texts: Names


def wfdb_content(
    beats: FoundBeats, fs_hz: float, n_samples: int, unsure: Flags | None = None
) -> bytes:
    """Return a WFDB annotation file of beats and of the stretches without usable signal.

    A beat has the letter of its class as symbol, and the probability of the class as text, such as
    `0.994`; that of an unsure beat is `0.612 unsure`. A stretch without usable signal begins at `~`
    with subtype 48 and ends at `~` with subtype 0; if it ends with the recording, the second is at
    the last sample. The time resolution is that of the classified lead.

    Args:
        beats: The beats.
        fs_hz: The rate of the classified lead.
        n_samples: Its length.
        unsure: (B,) which beats are unsure; None: this was not asked.

    Raises:
        InputError: A probability is not finite.
    """
    _check(beats)
    noise, marked = _noise_marks(beats.unusable, n_samples), _beat_marks(beats, unsure)
    order = np.argsort(np.concatenate([noise.samples, marked.samples]), kind="stable")
    pairs = zip(noise, marked, strict=True)
    columns = _Marks(*(np.concatenate(pair)[order] for pair in pairs))
    return annotation_bytes(*columns, fs_hz)


def csv_content(beats: FoundBeats, record: str, fs_hz: float, unsure: Flags | None = None) -> bytes:
    """Return a CSV file with a row for each beat.

    Its columns are those of predictions.csv without the true class, and `seconds` and `p_beat`. The
    symbol is the annotation's own where positions were stated, else the letter of the predicted
    class. The last column is `unsure`, 0 or 1, where that was asked.

    Args:
        beats: The beats.
        record: The name of the recording.
        fs_hz: The rate of the classified lead.
        unsure: (B,) which beats are unsure; None: this was not asked.

    Raises:
        InputError: A probability is not finite.
    """
    return beat_table_csv(_columns(beats, record, fs_hz, unsure))


def parquet_content(
    beats: FoundBeats, record: str, fs_hz: float, unsure: Flags | None = None
) -> bytes:
    """Return the table of `csv_content` as a Parquet file, with numbers as they are.

    Raises:
        InputError: A probability is not finite, or pyarrow is not installed.
    """
    arrow = import_optional("pyarrow", "parquet")
    parquet = import_optional("pyarrow.parquet", "parquet")
    # A file name may be invalid Unicode.
    columns = _columns(beats, record.encode(errors="backslashreplace").decode(), fs_hz, unsure)
    file = io.BytesIO()
    parquet.write_table(arrow.table(columns), file)
    return file.getvalue()


def table_columns() -> list[list[str]]:
    """Return the names of the columns that CSV and Parquet files can have.

    `unsure` may be missing, and in files of earlier versions `seconds`.
    """
    none = FoundBeats.concatenate([])
    rates, flags = (1.0, None), (None, none.unsure(0))
    return [list(_columns(none, "", rate, unsure)) for rate in rates for unsure in flags]


def _columns(
    beats: FoundBeats, record: str, fs_hz: float | None, unsure: Flags | None
) -> dict[str, AnyArray]:
    _check(beats)
    letters = np.array(CLASS_NAMES)[beats.labels]
    return beat_columns(
        # Without a copy of the name for each beat, which a day's table would feel.
        np.broadcast_to(np.array(record, f"<U{max(len(record), 1)}"), len(beats)),
        beats.samples,
        beats.symbols if len(beats.symbols) else letters,
        beats.probabilities,
        beats.quality,
        fs_hz=fs_hz,
        p_beat=beats.p_beat,
        unsure=unsure,
    )


def _noise_marks(unusable: Integers, n_samples: int) -> _Marks:
    """Two marks for each stretch, ascending."""
    samples = np.minimum(unusable.reshape(-1), n_samples - 1)
    subtypes = np.tile([UNUSABLE, USABLE], len(unusable))
    texts = np.full(len(samples), "")
    return _Marks(samples, np.full(len(samples), NOISE), subtypes, texts)


def _beat_marks(beats: FoundBeats, unsure: Flags | None) -> _Marks:
    shares = beats.probabilities[np.arange(len(beats)), beats.labels]
    texts = np.fromiter((f"{share:.3f}" for share in shares), "<U5", len(shares))
    if unsure is not None:
        texts = np.where(unsure, np.char.add(texts, UNSURE), texts)
    symbols = np.array(CLASS_NAMES)[beats.labels]
    return _Marks(beats.samples, symbols, np.zeros(len(beats), np.int64), texts)


def _check(beats: FoundBeats) -> None:
    """Refuse numbers that are NaN or infinite: no class follows from them."""
    columns: dict[str, AnyFloats] = {
        "probabilities": beats.probabilities,
        "quality": beats.quality,
        "p_beat": beats.p_beat,
    }
    for name, numbers in columns.items():
        broken = int(np.count_nonzero(~np.isfinite(np.atleast_2d(numbers.T)).all(axis=0)))
        if broken:
            raise InputError(
                name,
                expected="finite numbers",
                found=f"others for {broken:,} of {len(beats):,} beats",
                hint="choose other weights",
                setting="model",
            )

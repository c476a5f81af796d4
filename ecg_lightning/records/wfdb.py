"""A WFDB record: its signal on one lead and its annotations, read once and checked against its header.

The formats are PhysioNet's: header(5), signal(5) and annot(5) of the WFDB Applications Guide.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from wfdb.io.annotation import ann_labels

from ecg_lightning.arrays import Integers, Names
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import Record

_RECORD_LINE = re.compile(r"\s*[-\w]+(?:/\d+)?\s+(?P<signals>\d+)")
_HEADER_BYTES = (
    1 << 16
)  # far more than a header's first line needs; keeps a huge foreign file from being read whole
_MILLIVOLTS = {"uV": 1e-3, "V": 1e3}  # header(5) spells microvolts in ASCII
_SYMBOLS: dict[int, str] = {label.label_store: label.symbol for label in ann_labels}
_ANNOTATIONS_END = b"\0\0"  # annot(5): the last pair of bytes of an annotation file


def read_record(root: Path, name: str, lead: int | str = 0, annotator: str = "atr") -> Record:
    """Read one lead and the annotations of a record, and check them.

    The signal is checked against its header's length and, where the header carries one, its 16-bit checksum; the
    annotations against their end mark, the known codes and the signal's length.

    Args:
        root: The database's folder.
        name: The record's name below `root`, as `find_records` gives it.
        lead: The channel's index, or its name in the header (the first channel of that name).
        annotator: The ending of the annotation file.

    Returns:
        The record.

    Raises:
        InputError: The header, the lead, the signal or the annotations are missing, damaged or of a kind that is not
            read (several segments, several samples a frame).

    Example:
        >>> record = read_record(Path("mitdb"), "100", lead="MLII")  # doctest: +SKIP
    """
    path = (
        Path(root).absolute() / name
    )  # absolute, so that wfdb's fsspec expands no "~" and takes no "s3:" for a cloud
    raw = _read_digital(path, lead)
    fs_hz, signal = float(raw.fs), raw.dac().reshape(-1)
    if raw.units[0] in _MILLIVOLTS:
        signal *= _MILLIVOLTS[raw.units[0]]
    samples, symbols = _read_annotations(
        path.parent / f"{path.name}.{annotator}", fs_hz, len(signal)
    )
    return Record(name, fs_hz, raw.sig_name[0] or f"channel {lead}", signal, samples, symbols)


def find_records(root: Path) -> tuple[str, ...]:
    """Names of the records below a folder: one for each header that names signals, in natural order.

    Args:
        root: The database's folder; its subfolders are searched too.

    Returns:
        Paths relative to `root` without an ending, such as `("2", "10", "sub/1")`.

    Raises:
        InputError: No such folder, a folder without records, or a `.hea` that is no header.
    """
    root = Path(root)
    if not root.is_dir():
        found = "a file" if root.exists() else "no such folder"
        raise InputError(
            f"{root}: expected a folder of WFDB records, found {found}; check the path"
        )
    headers = (path for path in root.rglob("*.hea") if path.is_file() and _signal_count(path))
    names = sorted(
        (path.relative_to(root).as_posix()[: -len(".hea")] for path in headers), key=_natural_key
    )
    if not names:
        raise InputError(
            f"{root}: expected WFDB records (.hea with signals) here or below, found none; check the path"
        )
    return tuple(names)


def _natural_key(name: str) -> tuple[list[list[int | str]], str]:
    """Sorts a name's runs of digits as numbers, folder by folder; the name itself decides between `1` and `01`."""
    runs = (re.split(r"([0-9]+)", part) for part in name.split("/"))
    return [[int(run) if i % 2 else run for i, run in enumerate(part)] for part in runs], name


def _signal_count(header: Path) -> int:
    """Number of signals that a header's first line names; 0 for a record of annotations alone."""
    try:
        with header.open("rb") as file:
            text = file.read(_HEADER_BYTES).decode("ascii", errors="ignore")
    except OSError as error:
        found = f"expected a readable header, found: {_one_line(error)}"
        raise InputError(f"{header}: {found}; check its rights") from error
    line = next(
        (
            line.strip()
            for line in text.splitlines()
            if line.strip() and not line.lstrip().startswith("#")
        ),
        "",
    )
    match = _RECORD_LINE.match(line)
    if match is None:
        expected = "expected a WFDB header, beginning with a name and a number of signals"
        raise InputError(
            f"{header}: {expected}, found {line[:40]!r}; repair the file or move it out of the folder"
        )
    return int(match["signals"])


def _read_digital(path: Path, lead: int | str) -> Any:
    """The wanted channel as a `wfdb.Record` with checked integer samples `d_signal` (T, 1)."""
    wanted: dict[str, Any] = (
        {"channel_names": [lead]} if isinstance(lead, str) else {"channels": [lead]}
    )
    try:
        # m2s=False keeps a record of several segments recognisable: joined, it would come without checksums.
        raw = wfdb.rdrecord(str(path), physical=False, m2s=False, **wanted)
        if (
            not isinstance(raw, wfdb.Record)
            or raw.n_sig != 1
            or raw.samps_per_frame[0] not in (None, 1)
        ):
            raise ValueError("not one channel of one sample a frame")
        _check_signal(path, raw, wanted)
    except InputError:
        raise
    except (
        Exception
    ) as error:  # a damaged file makes wfdb raise anything from KeyError to MemoryError
        raise _why_unreadable(path, lead, error) from error
    return raw


def _check_signal(path: Path, raw: Any, wanted: dict[str, Any]) -> None:
    """Refuses a signal whose length, sampling rate or checksum is not what the header says."""
    if not raw.fs > 0:
        raise InputError(
            f"{path}.hea: expected a sampling rate above 0 Hz, found {raw.fs}; repair the header"
        )
    if not 0 < len(raw.d_signal) == raw.sig_len:
        found = f"expected {raw.sig_len or 'one or more'} samples, found {len(raw.d_signal)}"
        raise InputError(f"{path}.hea: {found}; fetch the record again")
    if raw.checksum[0] is None:
        return
    as_stored = raw
    if raw.skew[
        0
    ]:  # the checksum is that of the samples as they lie in the file, before skewed channels are aligned
        as_stored = wfdb.rdrecord(str(path), physical=False, ignore_skew=True, **wanted)
    computed, expected = (int(n) % 65536 for n in (as_stored.d_signal.sum(), raw.checksum[0]))
    if computed != expected:
        dat, lead = path.parent / raw.file_name[0], raw.sig_name[0] or "this channel"
        raise InputError(
            f"{dat}: expected checksum {expected} for {lead} by the header, found {computed}; fetch the record again"
        )


def _why_unreadable(path: Path, lead: int | str, error: Exception) -> InputError:
    """Finds out, after a failure and only then, what is wrong with a record."""
    header = Path(f"{path}.hea")
    if not header.is_file():
        return InputError(
            f"{header}: expected the header of record {path.name}, found no such file; check the name"
        )
    try:
        fields = wfdb.rdheader(str(path))
    except Exception as syntax:
        return InputError(
            f"{header}: expected a WFDB header, found: {_one_line(syntax)}; fetch the record again"
        )
    if not isinstance(fields, wfdb.Record):
        return InputError(
            f"{header}: expected a record of one segment, found {fields.n_seg}; join its segments first"
        )
    return _why_no_signal(header, fields, lead, error)


def _why_no_signal(header: Path, fields: Any, lead: int | str, error: Exception) -> InputError:
    leads = [name or f"channel {i}" for i, name in enumerate(fields.sig_name or [])]
    if len(leads) != fields.n_sig or not leads:
        expected = f"expected {fields.n_sig or 'one or more'} signal lines"
        return InputError(f"{header}: {expected}, found {len(leads)}; repair the header")
    channel = lead if isinstance(lead, int) else leads.index(lead) if lead in leads else -1
    if not 0 <= channel < len(leads):
        return InputError(
            f"{header}: expected a lead out of {', '.join(leads)} or an index from 0 to {len(leads) - 1}, "
            f"found {lead!r}; choose one of these"
        )
    if fields.samps_per_frame[channel] not in (None, 1):
        found = f"{fields.samps_per_frame[channel]} (a multi-frequency record)"
        return InputError(
            f"{header}: expected 1 sample a frame for {leads[channel]}, found {found}; choose another lead or resample the record"
        )
    return _why_no_samples(header, fields, channel, error)


def _why_no_samples(header: Path, fields: Any, channel: int, error: Exception) -> InputError:
    dat = header.parent / fields.file_name[channel]
    if not dat.is_file():
        return InputError(
            f"{dat}: expected the signal of {header.name}, found no such file; put it beside its header"
        )
    expected = f"{fields.sig_len} samples a channel" if fields.sig_len else "samples"
    return InputError(
        f"{dat}: expected {expected} in format {fields.fmt[channel]}, found {dat.stat().st_size} bytes that do not "
        f"hold them ({_one_line(error)}); fetch the record again"
    )


def _read_annotations(path: Path, fs_hz: float, length: int) -> tuple[Integers, Names]:
    """Ascending positions (A,) int64 and symbols (A,) `<U1` of an annotation file; the signal has `length` samples."""
    _check_end_mark(path)
    try:
        # The codes alone: turning them into symbols costs wfdb a pandas table a file.
        found = wfdb.rdann(
            str(path.with_suffix("")), path.suffix[1:], return_label_elements=["label_store"]
        )
    except Exception as error:  # as in _read_digital
        found_instead = f"expected WFDB annotations, found: {_one_line(error)}"
        raise InputError(f"{path}: {found_instead}; fetch the file again") from error
    samples = found.sample.astype(np.int64)
    if not len(samples):
        raise InputError(
            f"{path}: expected one or more annotations, found none; leave the record out or annotate it"
        )
    symbols = _symbols(path, found)
    if found.fs and float(found.fs) != fs_hz:  # the file counts in a time resolution of its own
        samples = np.rint(samples * (fs_hz / float(found.fs))).astype(np.int64)
    if (samples[1:] < samples[:-1]).any():
        order = np.argsort(samples, kind="stable")
        samples, symbols = samples[order], symbols[order]
    if samples[0] < 0 or samples[-1] >= length:
        outside = samples[0] if samples[0] < 0 else samples[-1]
        raise InputError(
            f"{path}: expected annotations within the signal's {length} samples, found one at sample {outside}; "
            "check that the file belongs to this record"
        )
    return samples, symbols


def _check_end_mark(path: Path) -> None:
    """Refuses a file cut short between two annotations, which wfdb would read without a word."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - 2, 0))
            end = file.read()
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: expected the annotations of record {path.stem}, found no such file; "
            "put it beside the header or name another annotator"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: expected a readable file, found: {_one_line(error)}; check its rights"
        ) from error
    if size % 2 or end != _ANNOTATIONS_END:
        raise InputError(
            f"{path}: expected WFDB annotations that end in two zero bytes, found {size} bytes that end in "
            f"{end.hex(' ') or 'none'}: cut short or of another kind; fetch the file again"
        )


def _symbols(path: Path, found: Any) -> Names:
    """Symbols (A,) `<U1` of annotation codes: the standard's, and those that the file defines itself."""
    table = _SYMBOLS | {int(code): symbol for code, symbol, _ in found.custom_labels or ()}
    codes, inverse = np.unique(np.asarray(found.label_store), return_inverse=True)
    symbols = [table.get(code, "") for code in codes.tolist()]
    foreign = [
        (code, symbol)
        for code, symbol in zip(codes.tolist(), symbols, strict=True)
        if len(symbol) != 1
    ]
    if foreign:
        code, symbol = foreign[0]
        what = f"{symbol!r} for code {code}" if symbol else f"code {code}, which has none"
        raise InputError(
            f"{path}: expected annotation symbols of one character, found {what}; check the annotator"
        )
    return np.array(symbols, dtype="<U1")[inverse.reshape(-1)]


def _one_line(error: BaseException) -> str:
    """An exception's text, or its type where it has none, on one line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:197]}..."

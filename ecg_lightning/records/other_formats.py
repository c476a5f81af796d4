"""SCP-ECG, HL7 aECG, MUSE, Philips, Mortara, Kardia and MFER, read whole by ecgdatakit.

No real file of these formats was available, so they are not tried. What ecgdatakit would assume, a
rate or the size of a step, is refused here.
"""

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.file_heads import head_of
from ecg_lightning.records.format_table import format_of
from ecg_lightning.records.leads import unit_and_gain
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.philips_size import unpacked_bytes
from ecg_lightning.records.recording import Lead, ReadOptions, Recording, used_lead
from ecg_lightning.records.stated import RATES, checked_rate, is_rate
from ecg_lightning.system.input_files import read_input
from ecg_lightning.system.packages import import_optional
from ecg_lightning.text import escaped

MOST_BYTES = 16 << 20  # the library takes up to 60 times the size of a file
# SCP-ECG has at most 64 KiB for each lead, and the samples of Philips are compressed.
LARGEST = {"SCP-ECG": 4 << 20, "Philips XML": 1 << 20}
_MOST_UNPACKED = 4 << 20  # minutes of 12 leads
_LARGEST_MV = 1e12  # a larger value is no voltage of a person, and does not fit into float32
_LIBRARY_NAMES = {
    "SCP-ECG": "scp_ecg",
    "HL7 aECG": "hl7_aecg",
    "MUSE XML": "ge_muse_xml",
    "Philips XML": "sierra_xml",
    "Mortara XML": "mortara_el250",
    "Kardia": "alivecor_kardia",
    "MFER": "mfer",
}
# The fields whose rates the library rounds to whole numbers, without saying what was there.
_ROUNDED = re.compile(
    r"""<SampleBase>([^<]*)<|SAMPLE_FREQ=["']([^"']*)|"""
    r"""samplespersecond=["']([^"']*)|<samplingrate>([^<]*)<"""
)
_EXPONENT = re.compile(r"<SampleExponent>\s*([^<\s]*)\s*<")
_MOST_NOTES = 8


@dataclass(frozen=True, eq=False)
class _Whole:
    """Samples in memory: one array for each lead."""

    signals: tuple[Floats, ...]

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        """See `Samples.read`."""
        return np.stack([self.signals[lead][start:stop] for lead in leads])


def read_other(path: Path, options: ReadOptions) -> Recording:
    """Open a recording that ecgdatakit reads. The whole file is read.

    Args:
        path: The file: at most 4 MiB of SCP-ECG, 1 MiB of Philips XML, 16 MiB of others.
        options: What the user states.

    Raises:
        InputError: The package ecgdatakit is missing, or the file is too large, is damaged, or does
            not say its rate or the size of its steps.
    """
    form = format_of(head_of(path))
    name = form.name if form else ""
    content = read_input(path, LARGEST.get(name, MOST_BYTES), f"a recording in {name}")
    library = import_optional("ecgdatakit", "formats")
    if name == "Philips XML":
        _check_unpacked(path, content)
    record, texts = _parsed(library, path, _LIBRARY_NAMES[name])
    _check_rates(path, content)
    rates = _rates(path, record, options.fs_hz)
    leads, signals = _leads(path, record.leads, rates)
    used = used_lead(path.stem, leads, options.lead)
    if _has_rate(record):
        checked_rate(str(path), leads[used].fs_hz, options.fs_hz)
    notes = tuple(RecordNote(path.stem, "signal", text) for text in texts[:_MOST_NOTES])
    return Recording(
        path.stem,
        name,
        leads,
        used,
        _Whole(signals),
        path,
        _start_time(record),
        notes,
        is_tried=False,
    )


def _check_unpacked(path: Path, content: bytes) -> None:
    """Refuse a small file whose samples fill all memory once they are unpacked."""
    try:
        size = unpacked_bytes(content)
    except ValueError as error:
        raise _refused(path, "a recording that can be read", escaped(str(error))) from error
    if size > _MOST_UNPACKED:
        expected = f"at most {_MOST_UNPACKED:,} bytes of samples"
        raise _refused(path, expected, f"{size:,} once they are unpacked")


def _parsed(library: Any, path: Path, expected: str) -> tuple[Any, list[str]]:
    """What the library reads, and its warnings; nothing that names a patient is kept of them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            record = library.FileParser.parse(path, units="mV")
        except Exception as error:  # the library's, and any other that a damaged file causes
            reason = (str(error) or type(error).__name__).replace(str(path), path.name)
            found = f"a damaged or unknown one ({escaped(reason)})"
            raise _refused(path, "a recording that can be read", found) from error
    if record.source_format != expected or not record.leads:
        raise _refused(path, "a recording with leads", escaped(f"{record.source_format}"))
    texts = [escaped(str(warning.message)) for warning in caught]
    return record, [text for text in dict.fromkeys(texts) if "birth" not in text.lower()]


def _check_rates(path: Path, content: bytes) -> None:
    """Refuse a rate that the library would round to a whole number."""
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if is_utf16 else "utf-8", "replace")
    exponents = [int(word) for word in _EXPONENT.findall(text) if re.fullmatch(r"-?\d{1,2}", word)]
    for match in _ROUNDED.finditer(text):
        word = next(word for word in match.groups() if word is not None).strip()
        try:
            base = float(word.replace(",", "."))
        except ValueError:
            continue  # the library refuses it, or does not use it
        for exponent in exponents if match[1] is not None and exponents else [0]:
            rate = base * 10.0**exponent
            if not math.isfinite(rate) or abs(rate - round(rate)) > 1e-9 * rate:
                raise _refused(path, "a sampling rate that is a whole number", f"{rate:g} Hz")


def _has_rate(record: Any) -> bool:
    """Whether the file states its rate; the library takes 1,000 Hz for MFER files that do not."""
    return record.raw_metadata.get("sampling_rate_stated") is not False


def _rates(path: Path, record: Any, stated: float | None) -> list[float]:
    """The rate of each lead, as exactly as the file says it."""
    meta: Mapping[str, Any] = record.raw_metadata
    n_leads = len(record.leads)
    if not _has_rate(record):
        return [checked_rate(str(path), None, stated)] * n_leads
    if "rhythm_sample_interval_us" in meta:  # SCP-ECG
        return [1e6 / float(meta["rhythm_sample_interval_us"])] * n_leads
    if "rhythm_time" in meta:  # aECG
        return [float(meta["rhythm_time"]["sampling_rate_exact"])] * n_leads
    if record.source_format == "alivecor_kardia":
        return [float(meta["raw"]["frequency"])] * n_leads
    if len(meta.get("sampling_rates", ())) == n_leads:  # MFER
        return [float(rate) for rate in meta["sampling_rates"]]
    return [float(lead.sampling_rate) for lead in record.leads]


def _leads(
    path: Path, leads: Sequence[Any], rates: Sequence[float]
) -> tuple[tuple[Lead, ...], tuple[Floats, ...]]:
    """The leads and their signals in mV."""
    described, signals = [], []
    for index, (lead, fs_hz) in enumerate(zip(leads, rates, strict=True)):
        name = escaped(str(lead.label).strip(), 80) or f"channel {index}"
        if not is_rate(fs_hz):
            raise _refused(path, f"a sampling rate from {RATES}", f"{fs_hz:g}")
        if lead.is_raw or not lead.adc_resolution or not lead.units:
            found = "steps of an unknown size"
            raise _refused(path, f"the lead {name} in physical units", found)
        signal = np.array(lead.samples, dtype=np.float64)
        if signal.ndim != 1 or not signal.size:
            raise _refused(path, f"samples of the lead {name}", "none")
        signal[~np.isfinite(signal)] = np.nan
        unit, gain = unit_and_gain(str(lead.units))
        signal *= gain
        if (np.abs(signal) > _LARGEST_MV).any():
            raise _refused(path, f"samples of the lead {name} below {_LARGEST_MV:g}", "larger ones")
        described.append(Lead(name, escaped(unit, 40), fs_hz, len(signal)))
        signals.append(signal)
    return tuple(described), tuple(signals)


def _start_time(record: Any) -> datetime | None:
    date = record.recording.date
    return date if isinstance(date, datetime) else None


def _refused(path: Path, expected: str, found: str) -> InputError:
    return InputError(
        str(path), expected=expected, found=found, hint="export it again, or as EDF or CSV"
    )

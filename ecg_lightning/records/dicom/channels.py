"""The channels of a DICOM waveform: names, units, and what turns stored samples into units."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import unit_and_gain
from ecg_lightning.text import escaped, listed

# (bits, interpretation) -> type. Companded samples (MB, AB) are of sound.
_TYPES = {
    (8, "SB"): "i1",
    (8, "UB"): "u1",
    (16, "SS"): "i2",
    (16, "US"): "u2",
    (32, "SL"): "i4",
    (32, "UL"): "u4",
}
# `Lead II`, `MDC_ECG_LEAD_II` and `Lead aVR, augmented voltage, right` name the leads II and aVR.
_PREFIX = re.compile(r"(?:MDC_ECG_LEAD_|(?:ECG[ _-]+)?Lead[ _-]+)(?=\S)", re.IGNORECASE)


@dataclass(frozen=True)
class Channel:
    """One channel.

    Attributes:
        name: Without the word Lead; "" where it has none.
        unit: As `Lead.unit`.
        unit_of_file: The word of the file; "" where it says none, or no sensitivity.
        scale: Physical units for each step of the converter.
        baseline: The value of a stored 0, in physical units.
        to_unit: What turns the file's unit into `unit`.
    """

    name: str
    unit: str
    unit_of_file: str
    scale: float
    baseline: float
    to_unit: float

    def physical(self, stored: Floats) -> Floats:
        """Return stored samples in the unit of the channel."""
        values: Floats = (stored * self.scale + self.baseline) * self.to_unit
        return values


def sample_type(path: Path, item: Any, is_little: bool) -> np.dtype[Any]:
    """Return the type of the stored samples.

    Args:
        path: The file, for the message.
        item: A multiplex group of pydicom.
        is_little: Whether the lowest byte comes first.

    Raises:
        InputError: The samples are of a type that no ECG has.
    """
    bits = int(item.WaveformBitsAllocated)
    interpretation = str(item.WaveformSampleInterpretation)
    if (bits, interpretation) not in _TYPES:
        raise InputError(
            str(path),
            expected="samples of 8, 16 or 32 bits",
            found=f"{bits} bits, {escaped(interpretation, 20)}",
            hint="export the recording again",
        )
    return np.dtype(("<" if is_little else ">") + _TYPES[bits, interpretation])


def channels_of(path: Path, item: Any, unit: str) -> tuple[Channel, ...]:
    """Return the channels of a multiplex group.

    Args:
        path: The file, for the message.
        item: A multiplex group of pydicom.
        unit: The unit of channels that have none.

    Raises:
        InputError: A sensitivity or a baseline is no number.
    """
    return tuple(_channel(path, one, unit) for one in item.ChannelDefinitionSequence)


def channel_notes(items: Sequence[Any]) -> list[str]:
    """Return notes on what channels say and the reader does not use.

    Args:
        items: The multiplex groups of pydicom.
    """
    pairs = [(group, one) for group in items for one in group.ChannelDefinitionSequence]
    channels = [(_name(one) or f"channel {i}", group, one) for i, (group, one) in enumerate(pairs)]
    skewed = [f"{name} ({skew})" for name, group, one in channels for skew in _skew(group, one)]
    bare = [
        f"{name} ({escaped(unit, 40)})"
        for name, _, one in channels
        if _is_unscaled(one) and (unit := _unit(one))
    ]
    notes = (
        (skewed, "the skew of {} is not applied"),
        (bare, "the unit of {} is not used, as the file has no sensitivity"),
    )
    return [
        text.format(f"lead{'s' * (len(names) > 1)} {listed(names)}")
        for names, text in notes
        if names
    ]


def _skew(group: Any, channel: Any) -> Iterator[str]:
    """How much later a channel is sampled than its group says, if that is half a sample or more."""
    samples, seconds = channel.get("ChannelSampleSkew"), channel.get("ChannelTimeSkew")
    if samples is not None and abs(float(samples)) >= 0.5:
        yield f"{float(samples):g} samples"
    elif seconds is not None and abs(float(seconds) * float(group.SamplingFrequency)) >= 0.5:
        yield f"{float(seconds):g} s"


def _is_unscaled(item: Any) -> bool:
    """Whether the samples are stored numbers of an unknown unit."""
    return item.get("ChannelSensitivity") is None


def _unit(item: Any) -> str:
    return _code(item, "ChannelSensitivityUnitsSequence", "CodeValue")


def _scale(item: Any) -> tuple[float, float, float]:
    """The sensitivity, its correction and the baseline; PS3.3 has all or none of them."""
    if _is_unscaled(item):
        return 1.0, 1.0, 0.0
    correction = item.get("ChannelSensitivityCorrectionFactor")
    return (
        float(item.ChannelSensitivity),
        1.0 if correction is None else float(correction),
        float(item.get("ChannelBaseline") or 0.0),
    )


def _channel(path: Path, item: Any, stated: str) -> Channel:
    *numbers, baseline = _scale(item)
    if not all(1e-12 <= abs(number) <= 1e12 for number in numbers) or not abs(baseline) <= 1e12:
        raise InputError(
            str(path),
            expected="a sensitivity and a baseline up to 1e12",
            found=escaped(", ".join(f"{number:g}" for number in (*numbers, baseline))),
            hint="export the recording again",
        )
    of_file = "" if _is_unscaled(item) else _unit(item)
    unit, to_unit = unit_and_gain(of_file or stated)
    return Channel(
        _name(item),
        escaped(unit, 40),
        of_file,
        numbers[0] * numbers[1],
        baseline,
        to_unit,
    )


def _name(item: Any) -> str:
    """The name of the lead: of the channel's source, or its label."""
    source = _code(item, "ChannelSourceSequence", "CodeMeaning")
    name = source or str(item.get("ChannelLabel") or "").strip()
    return escaped(_PREFIX.sub("", name, count=1).split(",")[0].split(" (")[0].strip(), 80)


def _code(item: Any, sequence: str, field: str) -> str:
    codes = item.get(sequence)
    return str(codes[0].get(field) or "").strip() if codes else ""

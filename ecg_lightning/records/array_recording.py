"""Recordings in NumPy arrays, and in what NumPy takes for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecg_lightning.arrays import AnyArray, Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import unit_and_gain
from ecg_lightning.records.recording import Lead, ReadOptions, Recording, used_lead
from ecg_lightning.records.stated import checked_rate

NAME = "array"
_LARGEST = float(np.finfo(np.float32).max)  # of a sample, which is read as float32


@dataclass(frozen=True)
class ArraySamples:
    """The samples of an array, which is not copied.

    Attributes:
        values: (leads, T) of any real type.
        gain: What each value is multiplied by.
    """

    values: AnyArray
    gain: float

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        """Read a piece; see `Samples`.

        Raises:
            InputError: A value is beyond float32.
        """
        result = np.stack([self.values[lead, start:stop] for lead in leads]).astype(np.float64)
        if isinstance(self.values, np.ma.MaskedArray):
            masked = [np.ma.getmaskarray(self.values[lead, start:stop]) for lead in leads]
            result[np.stack(masked)] = np.nan
        result[~np.isfinite(result)] = np.nan
        if (np.abs(result) > _LARGEST / self.gain).any():
            largest = f"{np.nanmax(np.abs(result)):g}"
            raise _refused("values that a float32 holds in mV", largest, "scale them")
        return result * self.gain


def recording_of_array(array: Any, options: ReadOptions) -> Recording:
    """Open an array as a recording, without a copy of it.

    Args:
        array: (T,) or (leads, T): an array of real numbers, or what `np.asarray` takes for one.
            Values are in mV unless `options.unit` says otherwise. Values that are not finite, and
            those that a masked array masks, are invalid samples.
        options: The sampling rate, and what else the user states.

    Raises:
        InputError: It is no such array, or the rate is not stated.

    Example:
        >>> recording_of_array(np.zeros(500), ReadOptions(fs_hz=250)).samples
        500
    """
    values = _real_values(array)
    unit, gain = unit_and_gain("mV" if options.unit is None else options.unit.strip())
    fs_hz, n_samples = float(checked_rate(NAME, None, options.fs_hz)), values.shape[1]
    leads = tuple(Lead(f"channel {i}", unit, fs_hz, n_samples) for i in range(len(values)))
    source = ArraySamples(values, gain)
    return Recording(NAME, "array", leads, used_lead(NAME, leads, options.lead), source)


def _real_values(array: Any) -> AnyArray:
    """The values (leads, T); refuse what is no array of real numbers of such a shape."""
    is_array = isinstance(array, np.ndarray) and not isinstance(array, np.matrix)
    values = array if is_array else _converted(array)
    if not (np.issubdtype(values.dtype, np.integer) or np.issubdtype(values.dtype, np.floating)):
        raise _refused("an array of real numbers", f"one of {values.dtype}", "convert it")
    if values.ndim not in (1, 2) or not values.size:
        shape = f"one of shape {values.shape}"
        raise _refused("an array (T,) or (leads, T) with samples", shape, "choose one recording")
    values = values[None] if values.ndim == 1 else values
    if len(values) > values.shape[1]:
        found = f"{len(values):,} leads of {values.shape[1]:,} samples"
        raise _refused("an array (leads, T)", found, "transpose it: array.T")
    return values


def _converted(array: Any) -> AnyArray:
    try:
        return np.asarray(array)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        found = f"{type(array).__name__}: {' '.join(str(error).split())}"
        raise _refused("an array of real numbers", found, "convert it with np.asarray") from error


def _refused(expected: str, found: str, hint: str) -> InputError:
    return InputError(NAME, expected=expected, found=found, hint=hint)

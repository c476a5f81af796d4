"""The storage formats of WFDB signal files, by signal(5) of the WFDB Applications Guide."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FLAC_BITS = {508: 8, 516: 16, 524: 24}  # read by soundfile

AnyBytes = npt.NDArray[np.uint8]
AnyIntegers = npt.NDArray[np.signedinteger[Any]]


class Format(NamedTuple):
    """How samples are stored in bytes.

    Attributes:
        samples: The samples of a block.
        size: Its bytes.
        invalid: The value that marks a sample as invalid.
        decode: Whole blocks to their samples (T,).
    """

    samples: int
    size: int
    invalid: int | None
    decode: Callable[[AnyBytes], AnyIntegers]


def invalid_value(number: int) -> int | None:
    """Return the value that marks a sample as invalid in a format; `None` where there is none."""
    bits = FLAC_BITS.get(number)
    return FORMATS[number].invalid if bits is None else -(1 << (bits - 1))


def needed_bytes(number: int, n_samples: int) -> int:
    """Return how many bytes samples take; a file may end within a block."""
    form = FORMATS[number]
    blocks, rest = divmod(n_samples, form.samples)
    in_rest = -(-rest * form.size // form.samples)
    # In format 310 the second of three samples is in the last two of four bytes.
    return blocks * form.size + (4 if number == 310 and rest == 2 else in_rest)


def _format_212(raw: AnyBytes) -> AnyIntegers:
    middle = raw[1::3]
    pairs = np.empty(len(middle) * 4, np.uint8)
    pairs[0::4], pairs[1::4] = raw[0::3], middle
    pairs[2::4], pairs[3::4] = raw[2::3], middle >> 4
    samples: AnyIntegers = pairs.view("<i2")
    samples <<= 4  # the sign of 12 bits becomes that of 16
    samples >>= 4
    return samples


def _format_310(raw: AnyBytes) -> AnyIntegers:
    first, second = raw.view("<u2").reshape(-1, 2).astype(np.int32).T
    third = first >> 11 | second >> 11 << 5
    return _ten_bits(first >> 1, second >> 1, third)


def _format_311(raw: AnyBytes) -> AnyIntegers:
    word = raw.view("<u4").astype(np.int64)
    return _ten_bits(word, word >> 10, word >> 20)


def _ten_bits(*samples: AnyIntegers) -> AnyIntegers:
    values = np.stack(samples, axis=1).reshape(-1) & 1023
    return np.where(values > 511, values - 1024, values)


def _format_24(raw: AnyBytes) -> AnyIntegers:
    low, middle, high = raw.reshape(-1, 3).T
    return low | middle.astype(np.int32) << 8 | high.view(np.int8).astype(np.int32) << 16


FORMATS = {
    8: Format(1, 1, None, lambda raw: raw.view(np.int8)),
    16: Format(1, 2, -(1 << 15), lambda raw: raw.view("<i2")),
    24: Format(1, 3, -(1 << 23), _format_24),
    32: Format(1, 4, -(1 << 31), lambda raw: raw.view("<i4")),
    61: Format(1, 2, -(1 << 15), lambda raw: raw.view(">i2")),
    80: Format(1, 1, -(1 << 7), lambda raw: raw.astype(np.int16) - 128),
    160: Format(1, 2, -(1 << 15), lambda raw: raw.view("<u2").astype(np.int32) - 32_768),
    212: Format(2, 3, -(1 << 11), _format_212),
    310: Format(3, 4, -(1 << 9), _format_310),
    311: Format(3, 4, -(1 << 9), _format_311),
}

"""The fields of a WFDB header. A field that is cut, no number or out of its range is refused."""

import re

from ecg_lightning.text import escaped

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
INT32 = (-(1 << 31), (1 << 31) - 1)
NO_NAME = {*"/\\\0"}  # letters that no name of a file has


class WrongFieldError(Exception):
    """A field of a header is wrong: what was expected, and what was found."""


def integer(word: str, field: str, limits: tuple[int, int]) -> int:
    """Return a whole number within limits.

    Raises:
        WrongFieldError: It is no whole number, or outside.
    """
    is_integer = re.fullmatch(r"[-+]?\d{1,18}", word, re.ASCII)
    if not is_integer or not limits[0] <= int(word) <= limits[1]:
        raise WrongFieldError(f"{field} from {limits[0]:,} to {limits[1]:,}", shown(word))
    return int(word)


def readable(text: str) -> str:
    """Return foreign text: Latin-1 where its bytes are no UTF-8, and no control characters."""
    if text.isascii() and text.isprintable():
        return text
    is_raw = any("\udc80" <= letter <= "\udcff" for letter in text)
    return escaped(text.encode("utf-8", "surrogateescape").decode("latin-1") if is_raw else text)


def shown(text: str) -> str:
    """Return foreign text for a message."""
    return f"'{escaped(text, 40)}'"


def file_name(word: str, where: str) -> str:
    """Return a name in the header's own folder, as header(5) has it: no path and no address.

    Raises:
        WrongFieldError: It is no such name.
    """
    if word in (".", "..") or NO_NAME & {*word}:
        raise WrongFieldError(f"a file in the folder of the header{where}", shown(word))
    return word

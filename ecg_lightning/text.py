"""Numbers, counts and times as people read them."""

import math


def mebibytes(count: int) -> str:
    """`1.5 MiB`, for a number of bytes."""
    return f"{count / 2**20:.1f} MiB"


def shown_name(name: str, most: int = 24) -> str:
    """A name out of a file, as a picture can hold it: of `most` characters, and `?` for those that its font may not have."""
    plain = "".join(
        letter if letter.isprintable() and ord(letter) < 0x250 else "?" for letter in name
    )
    return plain if len(plain) <= most else f"{plain[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


ABSENT = "no such beats"


def percent(share: float | None) -> str:
    """`97.4`; what is not quite nothing, or not quite all, never reads as 0 or 100."""
    if share is None:
        return ABSENT
    if 0 < share < 0.0005:
        return "<0.1"
    return ">99.9" if 0.9995 <= share < 1 else f"{100 * share:.1f}"


def percent_sign(share: float | None) -> str:
    """`97.4 %`, on one line."""
    return ABSENT if share is None else f"{percent(share)}\N{NO-BREAK SPACE}%"


def ratio(value: float | None) -> str:
    """`0.612`, with a true minus."""
    return ABSENT if value is None else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def counted(number: int, noun: str) -> str:
    """`1 beat`, `1,234 beats`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def clock(seconds: float) -> str:
    """`12:03.4`, minutes and seconds."""
    minutes, tenths = divmod(math.floor(seconds * 10 + 0.5), 600)
    return f"{minutes}:{tenths / 10:04.1f}"

"""Numbers, counts and times as people read them."""

import math
from collections.abc import Sequence


def mebibytes(count: int) -> str:
    """Return a number of bytes as `1.5 MiB`."""
    return f"{count / 2**20:.1f} MiB"


def shown_name(name: str, most: int = 24) -> str:
    """Return a name from a file in the form that a figure can show.

    It has `most` characters at most, and `?` for those that the font may lack.
    """
    plain = "".join(
        letter if letter.isprintable() and _is_drawn(letter) else "?" for letter in name
    )
    return plain if len(plain) <= most else f"{plain[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _is_drawn(letter: str) -> bool:
    """Whether the font of figures has it: Latin, Greek or Cyrillic."""
    return ord(letter) < 0x250 or 0x384 <= ord(letter) < 0x526


def names_in(value: object) -> tuple[str, ...]:
    """Return the names in a text, where commas separate them, or in a list; none for None.

    An item of a list is one name, even with a comma in it.

    Example:
        >>> names_in("mitdb, svdb"), names_in(["100", 101]), names_in("")
        (('mitdb', 'svdb'), ('100', '101'), ())
    """
    if value is None:
        return ()
    items = value if isinstance(value, list | tuple) else str(value).split(",")
    return tuple(name for item in items if (name := str(item).strip()))


ABSENT = "no such beats"


def percent(share: float | None) -> str:
    """Return a share as `97.4`. Only 0 and 1 themselves are shown as 0.0 and 100.0."""
    if share is None:
        return ABSENT
    if 0 < share < 0.0005:
        return "<0.1"
    return ">99.9" if 0.9995 <= share < 1 else f"{100 * share:.1f}"


def percent_sign(share: float | None) -> str:
    """Return a share as `97.4 %`, with a space that does not break."""
    return ABSENT if share is None else f"{percent(share)}\N{NO-BREAK SPACE}%"


def points(share: float) -> str:
    """Return a difference of two shares in percentage points: `+1.27`, with a minus sign."""
    text = f"{100 * share:+.2f}" if share else "0.00"
    return text.replace("-", "\N{MINUS SIGN}")


def ratio(value: float | None) -> str:
    """Return a number as `0.612`, with a minus sign and not a hyphen."""
    return ABSENT if value is None else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 beat`, `1,234 beats`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Return the first names of many, and how many more there are.

    Example:
        >>> listed(["a", "b"]), listed(["a", "b", "c", "d"], most=2)
        ('a, b', 'a, b and 2 more')
    """
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds: `12:03.4`."""
    minutes, tenths = divmod(math.floor(seconds * 10 + 0.5), 600)
    return f"{minutes}:{tenths / 10:04.1f}"


def duration(seconds: float) -> str:
    """Return a length of time: `9.5 s`, from a minute on `30:06`, from an hour on `24:03:10`.

    Example:
        >>> duration(0.25), duration(1805.56), duration(86_400.0)
        ('0.25 s', '30:06', '24:00:00')
    """
    whole = math.floor(seconds + 0.5)
    if seconds < 60 and whole < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


MOST_SHOWN = 200  # characters of foreign text in a message
LONGEST_PATH = 4096  # characters; a path that a command prints for the next one is not cut


def escaped(text: str, most: int = MOST_SHOWN) -> str:
    r"""Return foreign text for a terminal: one line, no control characters, of bounded length.

    Control characters, line ends, marks that change the direction of writing and bytes that are no
    UTF-8 are shown as escapes. The middle of a long text is cut.

    Example:
        >>> escaped("a\nb\x1b[31m"), escaped("x" * 300, most=7)
        ('a\\nb\\x1b[31m', 'xx...xx')
    """
    if len(text) > 2 * most:
        text = text[:most] + text[-most:]
    plain = "".join(letter if letter.isprintable() else _escape(letter) for letter in text)
    if len(plain) <= most:
        return plain
    half = (most - 3) // 2
    return f"{plain[:half]}...{plain[-half:]}"


def printed_path(path: object) -> str:
    """Return a path as a command prints it: in one line, and whole."""
    return escaped(str(path), LONGEST_PATH)


FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MARK = "'"


def as_cell(text: str) -> str:
    """Return a text for a cell of a CSV file, where no spreadsheet takes it for a formula.

    An apostrophe comes before a text that begins as a formula does, or with an apostrophe.
    `of_cell` takes it away.

    Example:
        >>> as_cell("=1+1"), as_cell("100"), of_cell(as_cell("'a"))
        ("'=1+1", '100', "'a")
    """
    return _MARK + text if text.startswith((*FORMULA_STARTS, _MARK)) else text


def of_cell(cell: str) -> str:
    """Return the text that `as_cell` has put into a cell."""
    return cell.removeprefix(_MARK)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")

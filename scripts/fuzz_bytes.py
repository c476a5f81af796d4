"""Damages that fuzz.py does to bytes, to lines of text and to the members of a zip file."""

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from random import Random

EXTREMES = (  # numbers, and texts that are almost numbers
    *("64", "128", "360.5", "1000", "250", "3"),
    *("0", "-1", "1", "2", "-360", "255", "65536", "2147483647", "2147483648", "4294967296"),
    *("9223372036854775808", "99999999999999999999", "9" * 400, "9" * 5000, "1e12", "1e300"),
    *("1e309", "-1e309", "1e-320", "nan", "inf", "-inf", "0.01", "0.5", "1000000000000", ".inf"),
    *("1_000", "+5", "0x10", "3.5.1", "1e", "--2", "\u0661\u0662", "1,5", "", "7200x", "1/0"),
)
TEXTS = (  # what a name may be
    *("", " ", "..", "../x", "/", "~", "~root", ".", "a::b", "memory://x", "-", "=1+1", "@x"),
    *("/proc/self/mem", "/proc/self/environ", "x" * 300, "x" * 5000, "\x1b[31mRED", "a\tb", "\0"),
    *("\u202eabc", "\udcff", "\u00e9", "%s", "{0}", "'", '"', "None", "true", "<b>", "*", "#"),
)
INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, (1 << 64) - 1)
_NUMBER = re.compile(rb"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORD = re.compile(rb"[^\s/():,\[\]{}]+")


def flipped(content: bytes, rng: Random) -> bytes:
    """One to eight bits turned."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8) if content else 0):
        changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(content: bytes, rng: Random) -> bytes:
    """The first bytes, or all but some in the middle."""
    start, end = sorted(rng.randint(0, len(content)) for _ in range(2))
    return content[:end] if rng.random() < 0.5 else content[:start] + content[end:]


def inserted(content: bytes, rng: Random) -> bytes:
    """A few bytes, a block of the content, or many equal bytes put in."""
    place, start = (rng.randint(0, len(content)) for _ in range(2))
    blocks = (
        rng.randbytes(rng.randint(1, 8)),
        content[start : start + rng.choice((2, 16, 256))],
        bytes([rng.choice((0, 0x20, 0x80, 0xFF))]) * rng.choice((1, 2, 3, 1000, 100_000)),
    )
    return content[:place] + rng.choice(blocks) + content[place:]


def overwritten(content: bytes, rng: Random) -> bytes:
    """An extreme integer of one to eight bytes in some place."""
    size = rng.choice((1, 2, 4, 8))
    place = rng.randint(0, max(len(content) - size, 0))
    number = (rng.choice(INTEGERS) + rng.randint(-1, 1)) % (1 << 8 * size)
    return content[:place] + number.to_bytes(size, "little") + content[place + size :]


BYTES: tuple[Callable[[bytes, Random], bytes], ...] = (flipped, cut, inserted, overwritten)


def damaged_bytes(content: bytes, rng: Random) -> bytes:
    """One to three damages."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(BYTES)(content, rng)
    return content


def other_number(content: bytes, rng: Random) -> bytes:
    """One number of a text replaced by an extreme one."""
    return _replaced(content, _NUMBER, EXTREMES, rng)


def other_word(content: bytes, rng: Random) -> bytes:
    """One word of a text replaced by an odd one."""
    return _replaced(content, _WORD, TEXTS, rng)


def _replaced(
    content: bytes, pattern: re.Pattern[bytes], values: Sequence[str], rng: Random
) -> bytes:
    matches = list(pattern.finditer(content))
    if not matches:
        return content
    match, value = rng.choice(matches), rng.choice(values)
    return content[: match.start()] + encoded(value) + content[match.end() :]


def encoded(text: str) -> bytes:
    """The bytes of a text, with those that are no UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def other_lines(content: bytes, rng: Random) -> bytes:
    """Lines doubled, removed, swapped, shifted, emptied or ended in another way."""
    lines = content.split(b"\n")
    i, j = (rng.randrange(len(lines)) for _ in range(2))
    action = rng.randrange(8)
    if action == 0:
        lines.insert(j, lines[i])
    elif action == 1:
        del lines[i]
    elif action == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif action == 3:
        lines[i] = rng.choice((b" ", b"  ", b"\t", b"#", b"# ")) + lines[i]
    elif action == 4:
        lines[i] = b""
    elif action == 5:
        lines = [line + rng.choice((b"\r", b" ", b"\x0b")) for line in lines]
    elif action == 6:
        lines[i:i] = [lines[i]] * rng.choice((2, 50, 2000))
    else:
        lines[i] += b" " + encoded(rng.choice(EXTREMES + TEXTS))
    return b"\n".join(lines)


def damaged_text(content: bytes, rng: Random) -> bytes:
    """One to three damages, most of them to numbers, words and lines."""
    kinds = (other_number, other_number, other_word, other_lines, damaged_bytes)
    for _ in range(rng.choice((1, 1, 2, 3))):
        content = rng.choice(kinds)(content, rng)
    return content


def damaged_member(content: bytes, rng: Random) -> bytes:
    """A zip file with one damaged, missing or doubled member; all checksums are right."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    small = [i for i, (_, data) in enumerate(members) if len(data) < 1 << 16]
    i = rng.choice(small if rng.random() < 0.7 else range(len(members)))
    name, data = members[i]
    action = rng.randrange(10)
    if action == 0:
        del members[i]
    elif action == 1:
        members[i] = (name + rng.choice(("x", "/", "/../x")), data)
    elif action == 2:
        members[i] = (name, members[rng.randrange(len(members))][1])
    else:
        members[i] = (name, damaged_bytes(data, rng))
    packed = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    return zipped(members, packed)


def zipped(members: Sequence[tuple[str, bytes]], packed: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file of members, without the time of day."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, packed, compresslevel=1)
    return into.getvalue()

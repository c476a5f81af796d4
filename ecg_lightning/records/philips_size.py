"""How large the compressed samples of a Philips file become.

The samples are compressed by LZW with codes of 10 bits. A code may stand for hundreds of bytes, so
a small file could fill all memory when ecgdatakit unpacks it.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import islice
from xml.parsers import expat

_CODE_BITS, _LAST_CODE = 10, 1022
_HEADER = 8  # bytes before the codes of a lead; the first four are their size
_PROLOG = re.compile(r"^\s*<\?xml[^>]*\?>")


def unpacked_bytes(content: bytes) -> int:
    """Return how many bytes the compressed samples of a file become; 0 where it has none.

    Args:
        content: The XML file.

    Raises:
        ValueError: It is no XML file, or declares entities.
    """
    try:
        texts = _texts(content)
    except expat.ExpatError:  # the library tries such a file as a text of 8 bits as well
        try:
            texts = _texts(_PROLOG.sub("", content.decode("latin-1"), count=1))
        except expat.ExpatError as error:
            raise ValueError(f"no XML file: {error}") from error
    return sum(_unpacked(text) for text in texts)


def _texts(content: bytes | str) -> list[str]:
    """The texts of all elements, where an attribute names the compression; else none."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    open_elements: list[list[str]] = [[]]
    texts: list[str] = []
    is_compressed = False

    def start(_: str, attributes: dict[str, str]) -> None:
        nonlocal is_compressed
        is_compressed |= any("xli" in value.lower() for value in attributes.values())
        open_elements.append([])

    def end(_: str) -> None:
        texts.append("".join(open_elements.pop()))

    def refuse(*_: object) -> None:
        raise ValueError("entities are declared")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda text: open_elements[-1].append(text)
    parser.EntityDeclHandler = refuse
    parser.Parse(content, True)
    return texts if is_compressed else []


def _unpacked(text: str) -> int:
    """The size of the leads in a text in Base64; 0 for another text."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return 0
    total = start = 0
    while len(data) - start > _HEADER:
        size = int.from_bytes(data[start : start + 4], "little", signed=True)
        start += _HEADER
        if not 0 < size <= len(data) - start:
            break
        total += _length(data[start : start + size])
        start += size
    return total


def _length(chunk: bytes) -> int:
    """The number of bytes that the codes of a lead stand for."""
    lengths = dict.fromkeys(range(256), 1)
    next_code, before, total = 256, 0, 0
    for code in islice(_codes(chunk), 8 * len(chunk) // _CODE_BITS):
        if code > _LAST_CODE:
            break
        length = lengths.setdefault(code, before + 1)
        if before and next_code <= _LAST_CODE:
            lengths[next_code] = before + 1
            next_code += 1
        before = length
        total += length
    return total


def _codes(chunk: bytes) -> Iterator[int]:
    mask = (1 << _CODE_BITS) - 1
    for start in range(0, len(chunk), 5):  # four codes
        group = int.from_bytes(chunk[start : start + 5].ljust(5, b"\0"), "big")
        yield from ((group >> shift) & mask for shift in (30, 20, 10, 0))

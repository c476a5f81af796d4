"""Text for a terminal: aligned columns and wrapped lines, also of letters two cells wide."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, chop_cells, set_cell_size

_GAP = "  "
_CUT = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class Layout:
    """How a table is shown.

    Attributes:
        columns: The keys of the rows, from the left.
        right: The columns whose texts end below each other.
        shortened: The columns that a narrow terminal cuts, and the least that is shown of them, in
            cells; the first one is cut first.
        dropped: The columns that a narrow terminal does without, the first one first.
        cut_at_start: The columns that are cut at their start.
    """

    columns: Sequence[str]
    right: Collection[str] = ()
    shortened: Mapping[str, int] = field(default_factory=dict)
    dropped: Sequence[str] = ()
    cut_at_start: Collection[str] = ()


def table_lines(
    rows: Sequence[Mapping[str, str]], layout: Layout, width: int | None = None
) -> list[str]:
    """Return the rows of a table as lines.

    Args:
        rows: Column -> text.
        layout: How it is shown.
        width: The cells of the terminal; None where lines may have any length.

    Example:
        >>> rows = [{"name": "a", "n": "1"}, {"name": "bc", "n": "23"}]
        >>> table_lines(rows, Layout(["name", "n"], right=["n"]))
        ['a    1', 'bc  23']
    """
    widths = _widths(rows, layout, width)
    return [
        _GAP.join(_cell(row[name], name, size, layout) for name, size in widths.items()).rstrip()
        for row in rows
    ]


def hidden_columns(
    rows: Sequence[Mapping[str, str]], layout: Layout, width: int | None
) -> list[str]:
    """Return the columns, from the left, that `table_lines` does not show."""
    shown = _widths(rows, layout, width)
    return [name for name in layout.columns if name not in shown]


def _widths(rows: Sequence[Mapping[str, str]], layout: Layout, width: int | None) -> dict[str, int]:
    """The columns that are shown, and their widths."""
    widths = {name: max(cell_len(row[name]) for row in rows) for name in layout.columns}
    return widths if width is None else _fitted(widths, layout, width)


def _fitted(widths: dict[str, int], layout: Layout, width: int) -> dict[str, int]:
    """The columns that fit, and their widths."""
    for dropped in (None, *layout.dropped):
        widths = {name: size for name, size in widths.items() if name != dropped}
        least = {name: min(size, layout.shortened.get(name, size)) for name, size in widths.items()}
        if _row_width(least) <= width:
            break
    for name in layout.shortened:
        if name in widths:
            excess = max(0, _row_width(widths) - width)
            widths[name] = max(least[name], widths[name] - excess)
    return widths


def _row_width(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)


def _cell(text: str, name: str, width: int, layout: Layout) -> str:
    text = (cut_start if name in layout.cut_at_start else cut_end)(text, width)
    blanks = " " * (width - cell_len(text))
    return blanks + text if name in layout.right else text + blanks


def cut_end(text: str, width: int) -> str:
    """Return a text of at most `width` cells, without its end if it is longer."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + _CUT if width > 1 else _CUT * width


def cut_start(text: str, width: int) -> str:
    """Return a text of at most `width` cells, without its start if it is longer.

    Example:
        >>> cut_start("folder/record", 8)
        '…/record'
    """
    if cell_len(text) <= width:
        return text
    while cell_len(text) > max(0, width - 1):
        text = text[1:]
    return _CUT + text


def wrapped(text: str, width: int) -> list[str]:
    """Return a text as lines of at most `width` cells; only a word that is longer is broken."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if cell_len(longer) <= width:
            lines[-1] = longer
            continue
        lines += chop_cells(word, width) or [word]  # a mark alone has no cell
    return [line for line in lines if line] or [""]

"""Tables in Markdown, for a log, a README or a paper."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecg_lightning.report.tables import Cell
from ecg_lightning.report.text_tables import TextTable, runs_text_table
from ecg_lightning.text import printed_path

_NONE = "—"


def markdown_table(evaluations: Sequence[Mapping[str, Any]]) -> str:
    """Return one row for each run: metrics in percent with their 95 % intervals.

    A dash stands for a metric without such beats.

    Args:
        evaluations: Contents of `evaluation.json`.
    """
    return as_markdown(runs_text_table(evaluations))


def as_markdown(table: TextTable) -> str:
    """Return a table in Markdown, without its caption."""
    heads = [_text(f"{group} {head}".strip()) for group, head in table.heads]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows))


def _cell(cell: Cell) -> str:
    if cell.is_absent:
        return _NONE
    return _text(f"{cell.text} ({cell.interval})" if cell.interval else cell.text)


def _text(text: str) -> str:
    """A text that Markdown takes for nothing but text."""
    plain = printed_path(text).replace("&", "&amp;").replace("<", "&lt;")
    for letter in _MARKUP:
        plain = plain.replace(letter, f"\\{letter}")
    return plain


_MARKUP = ("\\", "`", "*", "_", "[", "]", "|", "~", "$")

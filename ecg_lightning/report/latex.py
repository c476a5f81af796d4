r"""Tables in LaTeX, with booktabs.

The text is ASCII and Latin letters, so it compiles with pdfLaTeX, XeLaTeX and LuaLaTeX of 2018 and
later. Other letters of a name are shown as escapes, such as `\u5fc3`.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from ecg_lightning.report.tables import Cell
from ecg_lightning.report.text_tables import Head, TextTable
from ecg_lightning.text import printed_path

_NEEDS = r"% Put \usepackage{booktabs} into the preamble."
_HYPHEN = "\0"  # no text has it: `printed_path` shows control characters as escapes
_SIGNS = {
    _HYPHEN: "-{}",
    **{letter: f"\\{letter}" for letter in "{}$&#%_"},
    **{letter: f"{{{letter}}}" for letter in "[]*`'"},  # `\\ [` and `\\*` have arguments
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{''}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{MINUS SIGN}": "$-$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
}
_PLAIN = re.compile(r"[ -~À-ÏÑ-ÖØ-Ýß-ïñ-öø-ýÿ]")  # without Ð, Þ, ð and þ, × and ÷
_NONE = "---"
_WORDS = ("network", "split", "patients")  # headings of columns that hold words


def as_latex(table: TextTable) -> str:
    """Return a table as LaTeX: a `table` with caption and label, and a `tabular` of booktabs.

    An interval is below its number, in small print.

    Args:
        table: The table.
    """
    lines = [
        r"\begin{table}[tbp]",
        r"\centering\small\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{latex_text(table.caption)}}}",
        rf"\label{{tab:{table.label}}}",
        r"\medskip",
        rf"\begin{{tabular}}{{{_columns(table)}}}",
        r"\toprule",
        *_heading(table.heads),
        r"\midrule",
        *(line for row in _spaced(table.rows) for line in row),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join([_NEEDS, *lines])


def latex_text(text: str) -> str:
    r"""Return a text that LaTeX sets as it is.

    Example:
        >>> latex_text("run_1 & 5 %"), latex_text("\N{MINUS SIGN}0.4")
        ('run\\_1 \\& 5 \\%', '$-$0.4')
    """
    plain = "".join(_shown(letter) for letter in printed_path(text))
    apart = re.sub("-(?=-)", _HYPHEN, plain)  # two hyphens are a dash to LaTeX
    return "".join(_SIGNS.get(letter, letter) for letter in apart)


def _shown(letter: str) -> str:
    if letter in _SIGNS or _PLAIN.fullmatch(letter):
        return letter
    return letter.encode("ascii", "backslashreplace").decode()


def _columns(table: TextTable) -> str:
    """Words on the left; numbers on the right, or centred above their intervals."""
    has_intervals = any(cell.interval for row in table.rows for cell in row)
    number = "c" if has_intervals else "r"
    heads = enumerate(table.heads)
    return "".join("l" if not place or head in _WORDS else number for place, (_, head) in heads)


def _heading(heads: Sequence[Head]) -> Iterator[str]:
    """One line of headings, or two where columns share one; a rule below what is shared."""
    groups = [(name, len(list(columns))) for name, columns in groupby(group for group, _ in heads)]
    if any(name for name, _ in groups):
        cells, rules, column = [], [], 1
        for name, width in groups:
            shared = rf"\multicolumn{{{width}}}{{c}}{{{latex_text(name)}}}"
            cells.append(shared if name else " & ".join([""] * width))
            if name and width > 1:
                rules.append(rf"\cmidrule(lr){{{column}-{column + width - 1}}}")
            column += width
        yield f"{' & '.join(cells)} \\\\"
        if rules:
            yield " ".join(rules)
    yield _line([latex_text(head) for _, head in heads])


def _spaced(rows: Sequence[Sequence[Cell]]) -> Iterator[list[str]]:
    """The lines of each row; a row with intervals has a second line, and space before it."""
    has_two = any(cell.interval for row in rows for cell in row)
    for number, row in enumerate(rows):
        lines = [_line([_number(cell) for cell in row])]
        if any(cell.interval for cell in row):
            lines.append(_line([_interval(cell) for cell in row]))
        yield ([r"\addlinespace"] if has_two and number else []) + lines


def _number(cell: Cell) -> str:
    return _NONE if cell.is_absent else latex_text(cell.text)


def _interval(cell: Cell) -> str:
    return rf"{{\footnotesize {latex_text(cell.interval)}}}" if cell.interval else ""


def _line(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"

"""Columns and lines of text for a terminal, by the cells that letters take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ecg_lightning.cli.annotate.text import _LAYOUT
from ecg_lightning.cli.text_table import (
    Layout,
    cut_end,
    cut_start,
    hidden_columns,
    table_lines,
    wrapped,
)

WORDS = st.text(st.sampled_from("ab 心é́"), max_size=40)
ROWS = [{"name": "心電図", "n": "1", "note": "x"}, {"name": "ab", "n": "23", "note": "a long note"}]
COLUMNS = ("name", "n", "note")


def test_columns_are_aligned() -> None:
    assert table_lines(ROWS, Layout(COLUMNS, right=["n"])) == [
        "心電図   1  x",
        "ab      23  a long note",
    ]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (23, ["心電図   1  x", "ab      23  a long note"]),
        (17, ["…図   1  x", "ab   23  a long…"]),
        (15, ["…図   1  x", "ab   23  a lon…"]),
        (9, ["…図  x", "ab   a l…"]),
        (3, ["…図", "ab"]),
    ],
)
def test_a_narrow_terminal_cuts_columns_and_drops_others(width: int, lines: list[str]) -> None:
    layout = Layout(
        COLUMNS,
        right=["n"],
        shortened={"name": 3, "note": 4},
        dropped=("n", "note"),
        cut_at_start=("name",),
    )
    assert table_lines(ROWS, layout, width) == lines


@given(WORDS, st.integers(1, 12))
def test_what_is_cut_fits_and_keeps_one_end(text: str, width: int) -> None:
    end, start = cut_end(text, width), cut_start(text, width)
    assert cell_len(end) <= width
    assert cell_len(start) <= width
    assert text.startswith(end.removesuffix("…"))
    assert text.endswith(start.removeprefix("…"))
    assert (end == text) == (start == text) == (cell_len(text) <= width)


@given(WORDS, st.integers(2, 12))
def test_wrapped_lines_fit_and_hold_every_letter(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert max(map(cell_len, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("width", "hidden"), [(None, []), (23, []), (9, ["n"]), (3, ["n", "note"])]
)
def test_hidden_columns_are_those_that_are_dropped(width: int | None, hidden: list[str]) -> None:
    layout = Layout(COLUMNS, shortened={"name": 3, "note": 4}, dropped=("n", "note"))
    assert hidden_columns(ROWS, layout, width) == hidden


def test_the_head_of_a_table_of_recordings_is_not_cut() -> None:
    row = {name: "100,000" if name in ("beats", "N") else "0" for name in _LAYOUT.columns}
    rows = [{name: name for name in row}, {**row, "recording": "a-long-name-of-a-recording"}]
    assert all(table_lines(rows, _LAYOUT, width)[0].startswith("recording ") for width in (30, 38))

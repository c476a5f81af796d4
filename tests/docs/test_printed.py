"""What pages show as printed for records of MIT-BIH is what the commands print today."""

import re
from pathlib import Path

import pytest

from tests.helpers.cli import command
from tests.helpers.pages import blocks, commands, read, words

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
# Processors round differently, so a few beats may get another class.
POINTS, BEATS = 2.0, 6.0


def printed(page: str, start: str) -> str:
    """Return the block of text that begins with some words."""
    texts = blocks(page, "text")
    return next(text for text in texts if text.startswith(start))


def words_of(text: str) -> list[list[str]]:
    """Return the words of each line without their numbers."""
    return [NUMBER.sub("#", line).split() for line in text.strip().splitlines()]


def check(shown: str, found: str) -> None:
    """Compare words exactly, and numbers up to what processors may change."""
    assert words_of(found) == words_of(shown)
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(found), strict=True)
    for stated, measured in pairs:
        tolerance = POINTS if "." in stated else BEATS
        assert _value(measured) == pytest.approx(_value(stated), abs=tolerance), (stated, measured)


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def test_another_word_or_number_would_be_seen() -> None:
    check("beats 2,960 (11.5 %)", "beats 2,957 (11.9 %)")
    for other in ("beats 2,900 (11.5 %)", "beats 2,960 (15.0 %)", "beat 2,960 (11.5 %)"):
        with pytest.raises(AssertionError):
            check("beats 2,960 (11.5 %)", other)


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("docs/annotate.md", "ecg-lightning annotate mitdb/208 --output annotated"),
        ("docs/recordings.md", "ecg-lightning info mitdb/208"),
    ],
)
def test_what_a_command_prints(page: str, line: str, mitdb: Path, tmp_path: Path) -> None:
    assert line in commands(page)
    (tmp_path / "mitdb").symlink_to(mitdb)
    outcome = command(words(line)[1:], tmp_path)
    assert outcome.status == 0
    check(printed(page, "mitdb/208"), outcome.out)


@pytest.mark.slow
def test_what_a_comparison_prints(mitdb: Path, tmp_path: Path) -> None:
    (tmp_path / "mitdb").symlink_to(mitdb)
    page, start = "docs/scoring.md", "ecl against atr, 2 records"
    annotate = "annotate mitdb/207 mitdb/222 --output annotated"
    assert command(annotate.split(), tmp_path).status == 0
    line = re.search(r"^`ecg-lightning (compare .*)` prints:$", read(page), re.MULTILINE)
    assert line is not None
    outcome = command(line[1].split(), tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    check(printed(page, start), outcome.out)

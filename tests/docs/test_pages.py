"""README and pages: links, anchors, names of files, code blocks, and the README's length."""

import ast
import re

import pytest

from ecg_lightning.cli.arguments import config_names
from tests.helpers.pages import (
    PAGES,
    README,
    anchors,
    blocks,
    fences,
    links,
    prose,
    read,
    target_of,
)
from tests.helpers.paths import ROOT

LANGUAGES = {"bash", "sh", "python", "text", "yaml", "bibtex", "json", "c"}
EXAMPLE_CONFIGS = {path.name for path in (ROOT / "docs/examples/configs").glob("*.yaml")}


def test_the_pages_are_found() -> None:
    assert {README, "docs/index.md", "docs/results.md", "docs/reference/files.md"} <= set(PAGES)
    assert sum(len(links(page)) for page in PAGES) > 100


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page: str) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        target, anchor = target_of(page, link)
        assert (ROOT / target).is_file(), link
        assert not anchor or anchor in anchors(target), link


def test_a_wrong_anchor_would_be_seen() -> None:
    assert "the-originals-setting" in anchors("docs/results.md")
    assert "the-setting" not in anchors("docs/results.md")


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page: str) -> None:
    if page == "CHANGELOG.md":  # of earlier versions
        return
    named = re.findall(
        r"`((?:ecg_lightning|tests|keras_reference|scripts|docs|containers)/[\w/.-]+)`", prose(page)
    )
    for path in named:
        assert (ROOT / path).exists(), path
    for name in re.findall(r"`(\w+\.yaml)`", prose(page)):
        written = {"config.yaml", "hparams.yaml", "crossval.yaml"}
        assert name in {*config_names(), *EXAMPLE_CONFIGS, *written}, name


@pytest.mark.parametrize("page", PAGES)
def test_code_blocks_have_a_language(page: str) -> None:
    for fence in fences(page):
        assert fence.language in LANGUAGES or fence.language.startswith("{"), fence
    assert not re.search(r"^ {4}(ecg-lightning|python|make) ", prose(page), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_are_python(page: str) -> None:
    for block in blocks(page, "python"):
        ast.parse(block)


def test_the_readme_is_short() -> None:
    lines = read(README).splitlines()
    assert len(lines) <= 150
    assert max(len(line) for line in lines) <= 100
    assert len(read(README).split()) <= 1_500


def test_the_parity_table_is_the_suites() -> None:
    from tests.parity.tolerances import TABLE

    rows = [
        [cell.strip() for cell in line.split("|")] for line in read("docs/parity.md").splitlines()
    ]
    printed = {tuple(cells[1:5]) for cells in rows if len(cells) == 9}
    assert {
        (row.quantity, row.dtype, row.measure, f"{row.limit:.0e}" if row.limit else "none")
        for row in TABLE
    } <= printed

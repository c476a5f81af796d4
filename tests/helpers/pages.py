"""The README and the pages of the documentation: their code, links and headings."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from tests.helpers.paths import ROOT

README = "README.md"
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "ecg_lightning/weights/README.md",
    )
)
FENCE = re.compile(r"^(`{3,})(.*?)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
SHELL = ("bash", "sh")


class Fence(NamedTuple):
    """A fenced block: its language and its text."""

    language: str
    text: str


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def fences(page: str) -> list[Fence]:
    """Return the fenced blocks of a page."""
    return [Fence(match[2].strip(), match[3]) for match in FENCE.finditer(read(page))]


def blocks(page: str, language: str) -> list[str]:
    """Return the texts of the fenced blocks of one language."""
    return [fence.text for fence in fences(page) if fence.language == language]


def prose(page: str) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", read(page))


def commands(page: str) -> list[str]:
    """Return the command lines of a page, each in one line and without its comment."""
    text = "\n".join(fence.text for fence in fences(page) if fence.language in SHELL)
    lines = (
        re.sub(r"(^|\s)#.*", "", line).strip() for line in re.sub(r"\\\n\s*", "", text).splitlines()
    )
    parts = (part.strip() for line in lines for part in re.split(r"&&|;|\s\|\s", line))
    return [part for part in parts if part]


def words(line: str) -> list[str]:
    """Return the words of a command line, without variables before it and without `> FILE`."""
    every = shlex.split(re.sub(r"\s>\s*\S+", "", line))
    while every and re.match(r"[A-Z_]+=", every[0]):
        every = every[1:]
    return every


def anchors(page: str) -> set[str]:
    """Return the names by which headings of a page are linked, as GitHub and Sphinx make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: str) -> list[str]:
    """Return what a page links to, and its images."""
    text = prose(page)
    return [
        *re.findall(r"\]\(([^)\s]+)\)", text),
        *re.findall(r'<img [^>]*src="([^"]+)"', text),
        *re.findall(r"^\[[^\]]+\]: (\S+)", text, re.MULTILINE),
    ]


def target_of(page: str, link: str) -> tuple[str, str]:
    """Return the page (or file) and the anchor of a link, relative to the root of the code."""
    path, _, anchor = link.partition("#")
    whole = (ROOT / page).parent / path if path else ROOT / page
    return Path(whole).resolve().relative_to(ROOT.resolve()).as_posix(), anchor

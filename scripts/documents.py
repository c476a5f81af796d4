"""Tables and lines that scripts write into a document, between marks.

A document has a place for each table:

    <!-- table: NAME -->
    (the table; the script replaces it)
    <!-- end -->
"""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

BEGIN, END = "<!-- table: {} -->", "<!-- end -->"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], f"|{'---|' * len(head)}", *lines[1:]])


def fill(document: Path, tables: Mapping[str, str]) -> None:
    """Replace the content of each place of a document.

    Raises:
        ValueError: The document has no such place.
    """
    text = document.read_text(encoding="utf-8")
    for name, content in tables.items():
        begin = BEGIN.format(name)
        place = re.compile(f"{re.escape(begin)}\n.*?{re.escape(END)}", re.DOTALL)
        if not place.search(text):
            raise ValueError(f"{document}: expected a line {begin}, found none")
        filled = f"{begin}\n\n{content}\n\n{END}"
        text = place.sub(filled.replace("\\", r"\\"), text)
    document.write_text(text, encoding="utf-8")


def measured_on(*packages: str) -> str:
    """Return the line that says when, on which machine and with which packages."""
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} missing")
    return f"{date.today()}, {cpu_name()}, Python {platform.python_version()}; " + ", ".join(
        versions
    )


def cpu_name() -> str:
    """Return the name in /proc/cpuinfo with family and important flags, or what Python knows."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = file.read().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    facts = {key.strip(): value.strip() for key, value in (line.split(":", 1) for line in lines)}
    name = facts.get("model name", platform.machine())
    family, model = facts.get("cpu family", "?"), facts.get("model", "?")
    flags = [
        flag
        for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
        if flag in facts.get("flags", "").split()
    ]
    return ", ".join(
        [f"{name} (family {family}, model {model})", *flags, f"{os.cpu_count()} cores"]
    )

"""CONTRIBUTING.md names files, names in files, folders and targets that exist."""

import re

from tests.helpers.paths import ROOT
from tests.test_imports import MAY_IMPORT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", TEXT)
TOP = ("ecg_lightning", "keras_reference", "scripts", "tests", "docs")
PATHS = [word for word in CODE if word.split("/")[0] in TOP and "/" in word]
NAMES_IN = re.findall(r"`(\w+)`(?:\s+and\s+`(\w+)`)?\s+(?:in|of)\s+`([\w/.]+\.py)`", TEXT)


def test_every_path_exists() -> None:
    assert len(PATHS) > 40
    assert [path for path in PATHS if not (ROOT / path).exists()] == []
    assert [path for path in PATHS if path.endswith("/") and not (ROOT / path).is_dir()] == []


def test_every_name_is_in_its_file() -> None:
    assert len(NAMES_IN) >= 9
    for *names, path in NAMES_IN:
        text = (ROOT / path).read_text(encoding="utf-8")
        for name in filter(None, names):
            assert re.search(rf"^(def |class )?{name}\b", text, re.MULTILINE), (name, path)


def test_every_target_and_module_exists() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {word.removeprefix("make ") for word in CODE if word.startswith("make ")}
    assert {"check", "test", "test-oldest", "docs"} <= named <= set(targets)
    modules = re.findall(r"python -m (ecg_lightning[\w.]+)", TEXT)
    assert modules
    for module in modules:
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


def test_the_table_has_every_folder_of_the_package() -> None:
    rows = "".join(line for line in TEXT.splitlines() if line.startswith("| "))
    folders = set(re.findall(r"`ecg_lightning/(\w+)/`", rows))
    assert folders == set(MAY_IMPORT) - {"ground"}


def test_it_is_one_page() -> None:
    assert len(TEXT.splitlines()) <= 120
    assert max(map(len, (line for line in TEXT.splitlines() if line[:1] != "|"))) <= 100

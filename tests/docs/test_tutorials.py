"""The notebooks of docs/tutorials, which `make docs` runs: no outputs, sound code, links."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers.paths import ROOT

FOLDER = ROOT / "docs/tutorials"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells_of(path: Path, kind: str) -> list[dict[str, Any]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def problems_of_code(cell: dict[str, Any]) -> list[str]:
    """What keeps a code cell from being committed, or from running."""
    problems = ["has outputs"] if cell["outputs"] or cell["execution_count"] is not None else []
    try:
        parse("".join(cell["source"]))
    except (SyntaxError, yaml.YAMLError) as error:
        problems.append(f"does not compile: {error}")
    return problems


def parse(source: str) -> None:
    """Parse a cell, or the file that it writes, without running it."""
    if source.startswith("%%writefile ") and source.splitlines()[0].endswith(".yaml"):
        yaml.safe_load(source.partition("\n")[2])
        return
    without_magics = re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE)
    ast.parse(re.sub(r"= !.*$", "= []", without_magics, flags=re.MULTILINE))


def test_there_are_notebooks_and_the_index_lists_each() -> None:
    listed = re.findall(r"^[\w-]+$", (FOLDER / "index.md").read_text("utf-8"), re.MULTILINE)
    assert NOTEBOOKS
    assert sorted(listed) == [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_have_no_outputs_and_compile(path: Path) -> None:
    cells = cells_of(path, "code")
    assert cells
    assert {i: found for i, cell in enumerate(cells) if (found := problems_of_code(cell))} == {}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_names_that_are_imported_from_the_package_exist(path: Path) -> None:
    text = "\n".join("".join(cell["source"]) for cell in cells_of(path, "code"))
    imports = re.findall(r"^from ecg_lightning.*$", text, re.MULTILINE)
    assert imports
    exec("\n".join(imports), {})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_lead_to_pages(path: Path) -> None:
    text = "\n".join("".join(cell["source"]) for cell in cells_of(path, "markdown"))
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert [target for target in targets if not (FOLDER / target).is_file()] == []


@pytest.mark.parametrize(
    ("quoted", "split"), [("patients mixed", "mixed"), ("patients apart (de Chazal)", "by patient")]
)
def test_quoted_figures_are_those_of_the_results(quoted: str, split: str) -> None:
    cells = cells_of(FOLDER / "original-notebook.ipynb", "markdown")
    text = "\n".join("".join(cell["source"]) for cell in cells)
    results = (ROOT / "docs/results.md").read_text("utf-8")
    row, source = (
        re.findall(rf"^\| {re.escape(start)} \| (.*) \|$", page, re.MULTILINE)[0].split(" | ")
        for start, page in ((quoted, text), (f"DeepConv1d | {split}", results))
    )
    both, beats, accuracy, *_, f1_s, f1_v = (cell.split(" (")[0] for cell in source)
    assert row == [both, *(f"{figure} %" for figure in (accuracy, f1_s, f1_v))]
    assert f"DeepConv1d, {beats} beats" in " ".join(text.split())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"outputs": [{"output_type": "stream"}]}, "has outputs"),
        ({"execution_count": 1}, "has outputs"),
        ({"source": ["for beat in\n", "    pass"]}, "does not compile"),
        ({"source": ["%%writefile a.yaml\n", "a: [1"]}, "does not compile"),
        ({"source": ["%%writefile a.py\n", "import"]}, "does not compile"),
        ({"source": ["lines = !ls\n", "for"]}, "does not compile"),
        ({"source": ["%matplotlib inline\n", "!ls\n", "beats = 1"]}, None),
    ],
    ids=["outputs", "a count", "syntax", "yaml", "file", "shell", "a sound cell"],
)
def test_a_bad_cell_is_seen(changes: dict[str, Any], problem: str | None) -> None:
    cell = {"source": ["1"], "outputs": [], "execution_count": None, **changes}
    problems = problems_of_code(cell)
    assert len(problems) == (problem is not None)
    assert all(text.startswith(str(problem)) for text in problems)

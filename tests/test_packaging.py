"""What the wheel and the source distribution hold, as far as their settings tell."""

import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]


def test_the_wheel_installs_two_packages() -> None:
    """Each folder with Python files is a package, or setuptools would pass it over."""
    patterns = SETUPTOOLS["packages"]["find"]["include"]
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert "tests" in packages
    installed = {name for name in packages if any(fnmatch(name, one) for one in patterns)}
    assert installed == {"ecg_lightning", "keras_reference"}
    folders = {file.parent for name in installed for file in (ROOT / name).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_wheel_has_every_other_file_of_the_package() -> None:
    """Those that git knows, because a checkout may hold others."""
    command = ["git", "ls-files", "ecg_lightning"]
    known = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if known.returncode:
        pytest.skip("the files of the package are not tested: this is no git checkout")
    patterns = SETUPTOOLS["package-data"]["ecg_lightning"]
    files = [Path(line).relative_to("ecg_lightning") for line in known.stdout.splitlines()]
    others = [
        file for file in files if file.suffix != ".py" and (ROOT / "ecg_lightning" / file).exists()
    ]
    assert len(others) > 40
    assert [str(file) for file in others if not any(_matches(file, one) for one in patterns)] == []


def _matches(file: Path, pattern: str) -> bool:
    return fnmatch(str(file), pattern) or fnmatch(file.name, pattern.removeprefix("**/"))


def test_the_source_distribution_has_documentation_and_changelog() -> None:
    lines = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines()
    words = [word for line in lines if line[:1] != "#" for word in line.split()[1:]]
    assert {"docs", "tests", "CHANGELOG.md", "CONTRIBUTING.md"} <= set(words)
    assert all(
        (ROOT / word).exists() for word in words if "*" not in word and word != "__pycache__"
    )


def test_classifiers_are_the_versions_of_python_that_were_tried() -> None:
    classifiers = PYPROJECT["project"]["classifiers"]
    versions = [line.rpartition(" ")[2] for line in classifiers if "Python :: 3." in line]
    assert PYPROJECT["project"]["requires-python"] == f">={versions[0]}"

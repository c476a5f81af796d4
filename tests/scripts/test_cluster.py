"""The files and arguments in docs/cluster.md, the batch files and the container files exist."""

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.helpers.cli import command
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)

GUIDE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL)
    for line in block.splitlines()
]
FIT = ("fit", "scripts/train.py", "scripts/slurm/train.sbatch")
SHELL = sorted((ROOT / "scripts" / "slurm").iterdir())


def copied(text: str) -> set[str]:
    """Return the first names of a Dockerfile's COPY lines, or of the %files section."""
    lines = re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE)
    if section := re.search(r"%files\n(.*?)\n\n", text, re.DOTALL):
        lines += section[1].splitlines()
    return {word for line in lines for word in line.split() if not word.startswith("/opt")}


@pytest.mark.parametrize("name", ["Dockerfile", "ecg-lightning.def"])
def test_containers_copy_what_an_installation_needs(name: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {
        pattern.rstrip("*")
        for pattern in settings["tool"]["setuptools"]["packages"]["find"]["include"]
    }
    needed = {
        "pyproject.toml",
        "NOTICE",
        settings["project"]["readme"],
        *settings["project"]["license-files"],
        *packages,
    }
    assert copied((ROOT / "containers" / name).read_text(encoding="utf-8")) == needed
    assert all((ROOT / file).exists() for file in needed)


def test_the_guides_commands_are_found() -> None:
    assert sum(any(word in FIT for word in words) for words in COMMANDS) >= 5


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_guides_files_and_arguments(words: list[str]) -> None:
    for word in words:
        if word.startswith(("scripts/", "containers/")):
            assert (ROOT / word).is_file(), word
    if at := next((place for place, word in enumerate(words) if word in FIT), None):
        with pytest.raises(SystemExit) as printed:  # else a mistake was refused
            command(["fit", *words[at + 1 :], "--print_config"], ROOT)
        assert not printed.value.code


def test_a_wrong_argument_would_be_seen() -> None:
    assert (
        command(
            ["fit", "--config", "deep_conv1d.yaml", "--trainer.nodes", "2", "--print_config"], ROOT
        ).status
        == 2
    )


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_shell(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck: not installed; bash -n found nothing")
    done = subprocess.run(["shellcheck", path], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")

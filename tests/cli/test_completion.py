"""`ecg-lightning completion`: the scripts, in the shells that read them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ecg_lightning.cli.main import main
from ecg_lightning.cli.verbs import VERBS

SPLITS = ["original", "dechazal", "mixed", "patients", "records", "folds", "all", "parts"]
# Calls the function that `complete` has registered, as bash does when Tab is pressed.
COMPLETE = """
source "$1"; shift
[[ "$(complete -p ecg-lightning)" =~ -F\\ ([a-z_]+) ]] || exit 1
COMP_WORDS=(ecg-lightning "$@"); COMP_CWORD=$#; COMP_LINE="${COMP_WORDS[*]}"
COMP_POINT=${#COMP_LINE}
${BASH_REMATCH[1]} && printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(shell: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A file with the script of a shell."""
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    path = folder / f"completion.{shell}"
    path.write_text(printed.out)
    return path


class TestBash:
    @pytest.fixture
    def path(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
        return script("bash", tmp_path, capsys)

    def completed(self, path: Path, *words: str) -> list[str]:
        line = ["bash", "--norc", "-c", COMPLETE, "bash", str(path), *words]
        done = subprocess.run(line, cwd=path.parent, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    def test_accepts_the_script(self, path: Path) -> None:
        subprocess.run(["bash", "-n", path], check=True)

    def test_completes_verbs(self, path: Path) -> None:
        assert self.completed(path, "") == list(VERBS)
        assert self.completed(path, "re") == ["report"]

    def test_completes_arguments_and_their_values(self, path: Path) -> None:
        assert self.completed(path, "fit", "--data.sp") == ["--data.split", "--data.split_seed"]
        assert self.completed(path, "fit", "--data.split", "") == SPLITS
        assert self.completed(path, "crossval", "--trainer.max_e") == ["--trainer.max_epochs"]
        assert self.completed(path, "report", "--o") == ["--output"]

    def test_completes_files_and_folders(self, path: Path) -> None:
        (path.parent / "runs").mkdir()
        (path.parent / "run.yaml").touch()
        assert sorted(self.completed(path, "fit", "--config", "run")) == ["run.yaml", "runs"]
        assert self.completed(path, "fit", "--data.root", "run") == ["runs"]
        assert self.completed(path, "report", "run") == ["runs"]
        assert sorted(self.completed(path, "show", "run")) == ["run.yaml", "runs"]
        assert sorted(self.completed(path, "show", "--predictions", "run")) == ["run.yaml", "runs"]


def test_zsh_accepts_the_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("zsh", tmp_path, capsys)
    assert path.read_text().startswith("#compdef ecg-lightning\n")
    if shutil.which("zsh") is None:
        pytest.skip("the syntax of the zsh script is not tested: zsh is not installed")
    subprocess.run(["zsh", "-n", path], check=True)


def test_other_shells_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fish"]) == 2
    assert "argument shell: invalid choice: 'fish'" in capsys.readouterr().err

"""Every command of README and pages: its program, verb, files and flags are there."""

import json
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from ecg_lightning.cli.verbs import TRAINER_VERBS, VERBS
from tests.helpers.pages import PAGES, commands, prose, words
from tests.helpers.paths import ROOT

# Programs that are not of this project. The line of a loop has nothing else to check.
OTHERS = {
    "python3",
    ".",
    "cd",
    "export",
    "rdann",
    "do",
    "done",
    "for",
    "head",
    "nvidia-smi",
    "git",
    "curl",
    "tensorboard",
    "wandb",
    "mlflow",
}
SPOKEN = "`((?:ecg-lightning|python scripts/|make )[^`]+)`"  # in a sentence
# Arguments of classes that a command names; Lightning's parser knows them once it has the class.
OPEN = re.compile(
    r"--(trainer|optimizer|lr_scheduler|early_stopping|checkpoint)\b"
    r"|--model\.(network|loss)\.|--help-all$|--print_config$"
)
FLAGS = {
    verb: {flag["name"] for flag in flags}
    for verb, flags in json.loads((ROOT / "ecg_lightning/cli/flags.json").read_text()).items()
}
STARTERS = {"sbatch", "torchrun"}  # the file that they start follows their own options


def all_commands(page: str) -> list[str]:
    """The commands of the blocks and of the sentences of a page."""
    return [*commands(page), *(" ".join(text.split()) for text in re.findall(SPOKEN, prose(page)))]


def flags_of(every: list[str]) -> list[str]:
    return [re.sub(r"\+?=.*|\+$", "", word) for word in every if word.startswith("--")]


@cache
def _script(path: Path) -> str:
    """The text of a script and of the modules of its folder that it imports."""
    text = path.read_text(encoding="utf-8")
    names = re.findall(r"^(?:from|import) (?:scripts\.)?(\w+)", text, re.MULTILINE)
    others = {path.with_name(f"{name}.py") for name in names} - {path}
    return text + "".join(other.read_text() for other in others if other.is_file())


def check(line: str) -> None:
    """Raise AssertionError if a command cannot be right."""
    program, *rest = words(line)
    if program in STARTERS:
        at = next(i for i, word in enumerate(rest) if word.startswith("scripts/"))
        program, rest = rest[at], rest[at + 1 :]
    if program == "python" and rest[0] != "-m":
        program, rest = rest[0], rest[1:]
    if program == "ecg-lightning":
        verb(rest)
    elif program in ("scripts/train.py", "scripts/slurm/train.sbatch"):
        verb(["fit", *rest])
    elif program == "scripts/slurm/annotate.sbatch":
        verb(["annotate", *rest])
    elif program == "scripts/slurm/crossval.sh" or program.endswith("sweep.sh"):
        assert (ROOT / program).is_file()
        verb(["crossval", *rest])
    elif program.startswith(("scripts/", "docs/examples/")):
        text = _script(ROOT / program)
        assert [flag for flag in flags_of(rest) if f'"{flag}"' not in text] == []
    elif program == "python":
        module(rest[1:])
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text()
        assert re.search(rf"^{rest[0]}:", makefile, re.MULTILINE)
    else:
        assert program in OTHERS


def verb(rest: list[str]) -> None:
    if rest[0] in ("--help", "--version", "VERB"):
        return
    known = FLAGS[rest[0]] | {"--help"}
    if rest[0] == "crossval":
        known |= FLAGS["fit"]
    unknown = [flag for flag in flags_of(rest) if flag not in known]
    if rest[0] in (*TRAINER_VERBS, "prepare", "crossval"):
        unknown = [flag for flag in unknown if not OPEN.match(flag)]
    assert unknown == []


def module(rest: list[str]) -> None:
    """`python -m pip`, `venv`, pytest, or a module of this project."""
    if rest[0] in ("pip", "venv", "pytest"):
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        named = re.findall(r"\.\[(.*?)\]", " ".join(rest))
        assert set(",".join(named).split(",")) - {""} <= set(extras["optional-dependencies"])
        return
    path = ROOT / (rest[0].replace(".", "/") + ".py")
    assert [flag for flag in flags_of(rest) if f'"{flag}"' not in path.read_text()] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page(page: str) -> None:
    for line in all_commands(page):
        try:
            check(line)
        except Exception as error:
            raise AssertionError(f"{page}: {line}") from error


def test_every_verb_is_explained() -> None:
    shown = {
        words(line)[1]
        for page in PAGES
        for line in all_commands(page)
        if line.startswith("ecg-lightning ") and len(words(line)) > 1
    }
    assert set(VERBS) <= shown


@pytest.mark.parametrize(
    "line",
    [
        "ecg-lightning fitt --config demo.yaml",
        "ecg-lightning fit --data.roots mitdb",
        "ecg-lightning annotate x --outputs y",
        "python scripts/results.py --runs x",
        "python scripts/nothing.py",
        "sbatch scripts/slurm/train.sbatch --data.roots mitdb",
        "python -m pip install '.[nothing]'",
        "make nothing",
        "unheard-of x",
    ],
)
def test_a_wrong_command_would_be_seen(line: str) -> None:
    with pytest.raises((AssertionError, KeyError, OSError)):
        check(line)

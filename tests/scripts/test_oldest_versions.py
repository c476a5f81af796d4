"""The constraints of `make test-oldest` are the lower bounds that pyproject.toml states."""

import re
import sys
import tomllib
from typing import Any

import pytest

from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from oldest_versions import constraints, main

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]


def test_by_hand() -> None:
    extras = {"onnx": ["onnx>=1.18"], "dev": ["pytest>=8"]}
    lines = ["torch>=2.11,<2.15", "jsonargparse[signatures]>=4.5", "PyYAML >= 6.0.2"]
    assert constraints({"dependencies": lines, "optional-dependencies": extras}) == [
        "torch==2.11",
        "jsonargparse==4.5",
        "PyYAML==6.0.2",
        "onnx==1.18",
    ]


@pytest.mark.parametrize("line", ["numpy", "numpy<3", "numpy==2.0"])
def test_a_dependency_without_a_lower_bound_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="expected a lower bound"):
        constraints({"dependencies": [line], "optional-dependencies": {}})


def test_every_dependency_has_one(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= len(PROJECT["dependencies"]) + 4
    assert all(re.fullmatch(r"[\w.-]+==\d[\w.]*", line) for line in lines)


def test_extras_state_the_same_bound_for_the_same_package() -> None:
    """Else the constraints of one refuse the other."""
    stated = dict(line.split("==") for line in constraints(PROJECT))
    for lines in PROJECT["optional-dependencies"].values():
        for line in lines:
            name, _, bound = line.partition(">=")
            if name in stated:
                assert bound.split(",")[0] == stated[name], line

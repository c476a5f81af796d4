"""Print the lowest version of each dependency as pip's constraints, for `make test-oldest`.

    python scripts/oldest_versions.py > constraints.txt

The bounds are those of pyproject.toml, so that what is stated is what is tested. Packages of the
extras that only work on the project (`dev`, `docs`, `keras`, `benchmark`) keep their newest
versions, apart from those that the package uses too.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
EXTRAS = ("onnx", "dicom", "formats", "parquet")  # of users
_BOUND = re.compile(r"([\w.-]+)(?:\[[\w,-]+\])?\s*>=\s*([\w.]+)")


def main() -> None:
    """Print the constraints."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    print("\n".join(constraints(project)))


def constraints(project: Mapping[str, Any]) -> list[str]:
    """Return a line such as `numpy==1.26.4` for each dependency.

    Args:
        project: The table `project` of pyproject.toml.

    Raises:
        ValueError: A dependency has no lower bound.

    Example:
        >>> constraints({"dependencies": ["numpy>=1.26.4,<3"], "optional-dependencies": {}})
        ['numpy==1.26.4']
    """
    return [f"{name}=={version}" for name, version in lowest(requirements(project)).items()]


def requirements(project: Mapping[str, Any]) -> Iterator[str]:
    """Yield the requirements of the package and of the extras of users."""
    yield from project["dependencies"]
    for extra in EXTRAS:
        yield from project["optional-dependencies"].get(extra, ())


def lowest(lines: Iterator[str]) -> dict[str, str]:
    """Return package to lowest version.

    Raises:
        ValueError: A requirement has no lower bound.
    """
    bounds = {}
    for line in lines:
        bound = _BOUND.match(line)
        if bound is None:
            raise ValueError(f"{line}: expected a lower bound such as {line}>=1.0, found none")
        bounds[bound[1]] = bound[2]
    return bounds


if __name__ == "__main__":
    main()

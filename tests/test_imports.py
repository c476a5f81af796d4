"""Who may import whom: data and models stay apart, the Keras reference stands alone, TensorFlow is not needed."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

PACKAGE = "ecg_lightning"
# Everything that comes to the table of beats and its loaders, and everything that a network is made of.
DATA = (
    *("rasterizer", "views"),
    *(
        "records",
        "databases",
        "download",
        "kaggle",
        "synthetic",
        "segmentation",
        "beats",
        "cache",
        "splits",
        "samplers",
    ),
    *("beat_table", "loader", "datamodule"),
)
MODELS = ("models", "classifier", "keras_adam", "keras_weights")
NEUTRAL = ("errors", "classes")  # what both may know


def modules_of(root: Path, package: str) -> dict[str, Path]:
    """Dotted name to file, of every module of a package."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(path: Path, name: str) -> set[str]:
    """Dotted names that a module imports anywhere in its text; of `from a import b` both a and a.b."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = (
                package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            )
            base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def reached(root: Path, package: str, start: str) -> set[str]:
    """Modules of the package that importing `start` (a module or a folder of them) imports, over any number of steps."""
    modules = modules_of(root, package)
    todo = [name for name in modules if name == start or name.startswith(f"{start}.")]
    assert todo, f"{start}: no such module"
    seen = set(todo)
    while todo:
        name = todo.pop()
        for imported in imports_of(modules[name], name):
            parts = imported.split(".")
            new = {".".join(parts[:n]) for n in range(1, len(parts) + 1)} & set(modules) - seen
            seen |= new
            todo += new
    return seen - {package}


def crossings(
    root: Path, package: str, starts: tuple[str, ...], forbidden: tuple[str, ...]
) -> set[str]:
    """`a -> b` for each start that reaches something forbidden."""
    tops = {f"{package}.{name}" for name in forbidden}
    return {
        f"{start} -> {name.removeprefix(f'{package}.')}"
        for start in starts
        for name in reached(root, package, f"{package}.{start}")
        if any(name == top or name.startswith(f"{top}.") for top in tops)
    }


def outside(root: Path, package: str) -> set[str]:
    """Top-level packages that a package imports, the standard library's left out."""
    tops = {
        name.split(".")[0]
        for module, path in modules_of(root, package).items()
        for name in imports_of(path, module)
    }
    return tops - set(sys.stdlib_module_names) - {package, ""}


def write(root: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = root / "made_up" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (path.parent / "__init__.py").touch()
        (root / "made_up/__init__.py").touch()


class TestTheRule:
    def test_data_never_reach_models(self) -> None:
        assert crossings(ROOT, PACKAGE, DATA, (*MODELS, "cli")) == set()

    def test_models_never_reach_data(self) -> None:
        assert crossings(ROOT, PACKAGE, MODELS, (*DATA, "cli")) == set()

    def test_models_know_nothing_else_of_the_package(self) -> None:
        known = {name.split(".")[1] for name in reached(ROOT, PACKAGE, f"{PACKAGE}.models")}
        assert known <= {"models", *NEUTRAL}

    def test_the_command_line_brings_both_together(self) -> None:
        found = reached(ROOT, PACKAGE, f"{PACKAGE}.cli")
        assert {
            f"{PACKAGE}.{name}"
            for name in ("datamodule", "classifier", "models.layers", "segmentation")
        } <= found

    def test_the_keras_reference_stands_alone(self) -> None:
        assert not outside(ROOT, "keras_reference") & {
            "torch",
            "torchaudio",
            "lightning",
            "torchmetrics",
            PACKAGE,
        }
        assert "keras" in outside(ROOT, "keras_reference")

    def test_the_product_imports_what_it_declares_and_nothing_of_the_extra_keras(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        declared = {
            entry.split(">")[0].split("[")[0].strip().lower() for entry in project["dependencies"]
        }
        distributions = {
            "yaml": "pyyaml",
            "sklearn": "scikit-learn",
            "cv2": "opencv-python-headless",
        }
        assert {distributions.get(name, name) for name in outside(ROOT, PACKAGE)} <= declared


class TestThatItCanFail:
    @pytest.mark.parametrize(
        "text",
        [
            "import made_up.models.net",
            "from made_up.models import net",
            "from made_up import models",
            "from .models.net import Net",
            "from . import models",
            "from .models import *",
            "def late():\n    from made_up.models import net",
            "try:\n    import made_up.models\nexcept ImportError:\n    pass",
            "import made_up.between",
            "from . import between",
        ],
    )
    def test_on_a_made_up_tree(self, tmp_path: Path, text: str) -> None:
        write(
            tmp_path,
            models__net="import torch",
            data=text,
            between="from made_up.models import net",
            errors="",
        )
        assert any(
            found.startswith("data -> models")
            for found in crossings(tmp_path, "made_up", ("data",), ("models",))
        )

    def test_through_the_init_of_a_package_on_the_way(self, tmp_path: Path) -> None:
        write(tmp_path, models__net="", tools__cut="", data="import made_up.tools.cut")
        (tmp_path / "made_up/tools/__init__.py").write_text("from ..models import net")
        assert "data -> models.net" in crossings(tmp_path, "made_up", ("data",), ("models",))

    def test_and_passes_where_nothing_crosses(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            models__net="from made_up import errors",
            data="from .errors import E\nimport models",
            errors="",
        )
        assert crossings(tmp_path, "made_up", ("data",), ("models",)) == set()
        assert crossings(tmp_path, "made_up", ("models",), ("data",)) == set()

    def test_a_module_that_is_gone_is_noticed(self, tmp_path: Path) -> None:
        write(tmp_path, data="")
        with pytest.raises(AssertionError, match="no such module"):
            crossings(tmp_path, "made_up", ("splits",), ("models",))

    def test_outside_packages_are_found(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            data="import os, torch.nn\nfrom tensorflow import keras\nfrom . import other",
            other="import made_up.data",
        )
        assert outside(tmp_path, "made_up") == {"torch", "tensorflow"}


def test_the_command_line_loads_nothing_of_the_extra_keras() -> None:
    unwanted = ("tensorflow", "keras", "cv2", "h5py", "sklearn", "keras_reference")
    code = f"import sys, ecg_lightning.cli.main; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")

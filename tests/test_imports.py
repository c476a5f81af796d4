"""Which folder may import which; the Keras reference stands alone; TensorFlow is not needed."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import ClassVar

import pytest

from tests.helpers.paths import ROOT

PACKAGE = "ecg_lightning"
GROUND = {
    "errors",
    "classes",
    "nested",
    "palette",
    "text",
    "arrays",
    "beat_table",
    "split_facts",
}  # what every folder may import
# Folder -> the folders that it may import in addition to itself and the ground files.
MAY_IMPORT: dict[str, set[str]] = {
    "ground": set(),
    "system": set(),
    "models": {"system"},
    "records": {"system"},
    "signals": {"records"},
    "data": {"system", "records", "signals"},
    "evaluation": {"system", "records"},
    "figures": {"signals"},
    "training": {"system", "models", "evaluation", "figures"},
    "report": {"system", "evaluation", "records"},
    "keras_import": {"system", "models"},
    "export": {"system", "models", "keras_import"},
    "annotation": {"system", "records", "signals", "models", "report"},
    "cli": {
        *("system", "models", "records", "signals", "data", "evaluation", "figures", "training"),
        *("report", "keras_import", "export", "annotation"),
    },
}
# Folder -> packages that none of its files may import, also inside a function.
NEVER: dict[str, set[str]] = {
    "ground": {"torch", "matplotlib", "lightning"},
    "system": {"torch", "lightning", "matplotlib"},
    "records": {"torch", "lightning", "matplotlib"},
    "signals": {"lightning", "matplotlib"},
    "models": {"lightning", "matplotlib"},
    "evaluation": {"lightning", "matplotlib"},
    "report": {"torch", "lightning", "matplotlib"},
    "keras_import": {"lightning", "matplotlib"},
    "export": {"lightning", "matplotlib"},
    "annotation": {"lightning", "matplotlib"},
}
MODULES_IN_EXCEPTED_PLACES = {"__main__"}  # starts the command line


def modules_of(root: Path, package: str) -> dict[str, Path]:
    """Dotted name to file, of every module of a package."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(path: Path, name: str) -> set[str]:
    """Dotted names that a module imports anywhere; for `from a import b` both a and a.b."""
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


def outside(root: Path, package: str) -> set[str]:
    """Top-level packages that a package imports, without the standard library."""
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


def folder_of(module: str, package: str) -> str | None:
    """The folder of a module; `ground` for a file outside folders; None for the package itself."""
    parts = module.removeprefix(package).strip(".").split(".")
    if parts == [""] or parts[0] in MODULES_IN_EXCEPTED_PLACES:
        return None
    return "ground" if parts[0] in GROUND else parts[0]


def edges_of(root: Path, package: str) -> dict[str, set[str]]:
    """Module -> the modules of the package that it imports, also inside functions."""
    modules = modules_of(root, package)
    found = {}
    for name, path in modules.items():
        named = imports_of(path, name)
        exact = {imported for imported in named if imported in modules}
        # `from a import b` names a and a.b: where a.b is a module, a itself is not what is wanted.
        found[name] = {
            imported
            for imported in exact
            if not any(other.startswith(f"{imported}.") for other in exact)
        } - {name}
    return found


def violations(
    root: Path, package: str, allowed: dict[str, set[str]], never: dict[str, set[str]]
) -> set[str]:
    """`folder -> folder (module)` or `folder -> package (module)` for each forbidden import."""
    found = set()
    edges = edges_of(root, package)
    for module, path in modules_of(root, package).items():
        folder = folder_of(module, package)
        if folder is None:
            continue
        if folder not in allowed:
            found.add(f"{folder} (no rule)")
            continue
        for imported in edges[module]:
            target = folder_of(imported, package)
            if target not in (None, folder, "ground", *allowed[folder]):
                found.add(f"{folder} -> {target} ({module})")
        tops = {name.split(".")[0] for name in imports_of(path, module)}
        found |= {f"{folder} -> {name} ({module})" for name in tops & never.get(folder, set())}
    return found


def circles(root: Path, package: str) -> set[frozenset[str]]:
    """Sets of modules that import each other in a circle, also inside functions."""
    graph = edges_of(root, package)
    reached_from = {name: closure(graph, name) for name in graph}
    return {
        frozenset({name, *(other for other in reached_from[name] if name in reached_from[other])})
        for name in graph
        if name in reached_from[name]
    }


def closure(graph: dict[str, set[str]], start: str) -> set[str]:
    """Everything that can be reached from a node in one step or more."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        new = graph[todo.pop()] - seen
        seen |= new
        todo += new
    return seen


class TestTheRule:
    def test_folders_import_only_what_the_table_allows(self) -> None:
        assert violations(ROOT, PACKAGE, MAY_IMPORT, NEVER) == set()

    def test_no_circles(self) -> None:
        assert circles(ROOT, PACKAGE) == set()

    def test_every_folder_has_a_rule_and_every_rule_a_folder(self) -> None:
        folders = {folder_of(name, PACKAGE) for name in modules_of(ROOT, PACKAGE)} - {None}
        assert folders == set(MAY_IMPORT)

    def test_the_command_line_is_imported_by_nobody(self) -> None:
        assert not any("cli" in allowed for allowed in MAY_IMPORT.values())

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
            "lazy_loader": "lazy-loader",
            "cv2": "opencv-python-headless",
        }
        assert {distributions.get(name, name) for name in outside(ROOT, PACKAGE)} <= declared


class TestThatItCanFail:
    RULES: ClassVar[dict[str, set[str]]] = {"ground": set(), "models": set(), "data": {"system"}}

    @pytest.mark.parametrize(
        "text",
        [
            "import made_up.models.net",
            "from made_up.models import net",
            "from made_up.models.net import Net",
            "from made_up import models",
            "from ..models.net import Net",
            "from .. import models",
            "from ..models import *",
            "def late():\n    from made_up.models import net",
            "try:\n    import made_up.models\nexcept ImportError:\n    pass",
            "if TYPE_CHECKING:\n    from made_up.models import net",
        ],
    )
    def test_on_a_made_up_tree(self, tmp_path: Path, text: str) -> None:
        write(tmp_path, models__net="", data__beats=text, errors="")
        assert violations(tmp_path, "made_up", self.RULES, {}) == {
            "data -> models (made_up.data.beats)"
        }

    def test_and_passes_where_nothing_crosses(self, tmp_path: Path) -> None:
        text = "from ..errors import E\nimport models\nfrom . import splits"
        write(tmp_path, models__net="", data__beats=text, data__splits="", errors="")
        assert violations(tmp_path, "made_up", self.RULES, {"models": {"torch"}}) == set()

    def test_a_package_that_a_folder_must_not_import_is_found_inside_a_function(
        self, tmp_path: Path
    ) -> None:
        write(tmp_path, models__net="def late():\n    from lightning.pytorch import Trainer")
        found = violations(tmp_path, "made_up", self.RULES, {"models": {"lightning"}})
        assert found == {"models -> lightning (made_up.models.net)"}

    def test_a_folder_without_a_rule_is_found(self, tmp_path: Path) -> None:
        write(tmp_path, helpers__misc="")
        assert violations(tmp_path, "made_up", self.RULES, {}) == {"helpers (no rule)"}

    def test_a_circle_is_found_inside_a_function(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            data__a="import made_up.data.b",
            data__b="from . import c",
            data__c="def late():\n    from made_up.data.a import x",
            data__d="import made_up.data.a",
        )
        names = frozenset(f"made_up.data.{name}" for name in "abc")
        assert circles(tmp_path, "made_up") == {names}

    def test_outside_packages_are_found(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            data="import os, torch.nn\nfrom tensorflow import keras\nfrom . import other",
            other="import made_up.data",
        )
        assert outside(tmp_path, "made_up") == {"torch", "tensorflow"}


def test_the_command_line_loads_nothing_of_the_extra_keras() -> None:
    unwanted = ("tensorflow", "keras", "cv2", "h5py", "sklearn", "keras_reference")
    code = (
        "import sys, ecg_lightning.cli.main;"
        f"print([name for name in {unwanted} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_every_public_name_is_what_it_says_after_all_submodules_are_imported() -> None:
    """A folder or file with the name of a public function would replace it once imported."""
    code = """if True:
        import importlib, pkgutil, sys, types
        import ecg_lightning
        walked = [m.name for m in pkgutil.walk_packages(ecg_lightning.__path__, "ecg_lightning.")]
        for name in walked:
            if not name.endswith("__main__"):
                importlib.import_module(name)
        folders = [name for name in walked if hasattr(sys.modules.get(name), "__path__")]
        packages = ["ecg_lightning", *folders]
        for package in packages:
            for name in getattr(sys.modules[package], "__all__", ()):
                value = getattr(sys.modules[package], name)
                assert not isinstance(value, types.ModuleType), f"{package}.{name} is a module"
        print(len(packages))
    """
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10


@pytest.mark.parametrize(
    "name",
    [
        "ecg_lightning",
        *(f"ecg_lightning.{name}" for name in ("models", "report", "export", "keras_import")),
        "ecg_lightning.errors",
    ],
)
def test_what_is_public_is_imported_at_its_first_use(name: str) -> None:
    heavy = ("torch", "lightning", "sklearn", "scipy", "wfdb", "matplotlib", "numpy")
    code = f"import sys, {name}; print([name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

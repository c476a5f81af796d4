"""Settings of the documentation: `make docs` builds it, with warnings as errors."""

import hashlib
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import ecg_lightning

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))


def _hash_of_the_package() -> str:
    """Return a short hash of the code that notebooks run."""
    digest = hashlib.sha256()
    for path in sorted(Path(ecg_lightning.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


project = "ecg-lightning"
author = "the ecg-lightning authors"
copyright = "2026, the ecg-lightning authors. MIT licence"
version = release = ecg_lightning.__version__
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "myst_nb",
    "sphinx_copybutton",
    "command_help",
]
exclude_patterns = ["_extensions", "examples"]
suppress_warnings: list[str] = []

html_theme = "furo"
html_title = "ecg-lightning"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False

default_role = "literal"  # docstrings write `name` for code, as Markdown does
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
add_module_names = False
autosummary_generate = False

myst_enable_extensions = ["html_image"]
myst_heading_anchors = 4

# A notebook runs again when its cells or the package have changed.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / "build" / "notebooks" / _hash_of_the_package())
nb_execution_raise_on_error = True
nb_execution_timeout = 900  # seconds for a cell, on a machine that is busy
nb_merge_streams = True


def _escape_underscores(*args: Any) -> None:
    """Keep a type such as `numpy.str_` from being read as a link."""
    lines: list[str] = args[-1]
    lines[:] = [line.replace("str_]", r"str\_]") for line in lines]


def _skip_fields(*args: Any) -> bool | None:
    """Skip the fields of a named tuple, which its docstring describes."""
    member = args[3]
    documented = str(getattr(member, "__doc__", None) or "")
    return True if documented.startswith("Alias for field number") else None


def _first_paragraph(*args: Any) -> None:
    """Keep the first paragraph of a folder's docstring; the others are for its developers."""
    kind, lines = args[1], args[-1]
    if kind == "module" and "" in lines:
        del lines[lines.index("") :]


def setup(app: Sphinx) -> None:
    """Connect the functions above."""
    app.connect("autodoc-process-docstring", _first_paragraph)
    app.connect("autodoc-process-docstring", _escape_underscores, priority=900)
    app.connect("autodoc-skip-member", _skip_fields)

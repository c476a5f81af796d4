"""What finished results are made of, kept beside them: a repeated command does not look at them."""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ecg_lightning
from ecg_lightning.system.atomic_files import write_atomically

MADE_OF, MADE_OF_FOUND = "made_of.json", "made_of_detector.json"
DECIDING = ("models", "signals", "data", "training")  # folders of the package
FINDING = (*DECIDING, "annotation", "records", "evaluation")
OF_ONE = ("fit", "unit")  # what may differ between trainings whose scores are averaged


def check_made_of(
    path: Path, result: Path, settings: Mapping[str, Any], folders: Sequence[str] = DECIDING
) -> None:
    """Keep what a result is made of, and stop if the result that is there is of something else.

    Another version of the code is only noted.

    Args:
        path: The file that says what the result is made of.
        result: The file of the result.
        settings: All that decides about it but the code; JSON must be able to hold it.
        folders: The folders of the package whose code decides.

    Raises:
        SystemExit: The result was made with other settings, or nothing says with which.
    """
    made_of = {**settings, "code": code_digest(folders)}
    if not path.is_file():
        if result.is_file():
            raise SystemExit(f"{result}: no {path.name} says what it is made of; remove it")
        write_atomically(path, json.dumps(made_of, indent=1).encode())
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    if {**before, "code": ""} != {**made_of, "code": ""}:
        raise SystemExit(f"{path}: made with other settings; choose another --output or --variant")
    if before.get("code") != made_of["code"]:
        print(f"{result}: kept, but begun by another version of the code", file=sys.stderr)


def version_of(path: Path) -> str:
    """Return what all trainings whose scores are averaged must have in common."""
    made_of = json.loads(path.read_text(encoding="utf-8"))
    common = {name: value for name, value in made_of.items() if name not in OF_ONE}
    return json.dumps(common, sort_keys=True)


@cache
def code_digest(folders: Sequence[str] = DECIDING) -> str:
    """Return a digest of the code that decides about predictions."""
    package = Path(ecg_lightning.__file__).parent
    paths = [path for name in folders for path in sorted((package / name).rglob("*.py"))]
    return digest(b"".join(path.read_bytes() for path in paths))


def digest(content: bytes) -> str:
    """Return a short digest."""
    return hashlib.sha256(content).hexdigest()[:16]

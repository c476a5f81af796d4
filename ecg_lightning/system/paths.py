"""The folder where databases and prepared beats are kept."""

import os
from pathlib import Path


def default_cache_dir() -> Path:
    """`$ECG_LIGHTNING_CACHE`, else `ecg-lightning` in `$XDG_CACHE_HOME`, else in `~/.cache`."""
    own, xdg = os.environ.get("ECG_LIGHTNING_CACHE"), os.environ.get("XDG_CACHE_HOME")
    return Path(own) if own else Path(xdg or Path.home() / ".cache") / "ecg-lightning"

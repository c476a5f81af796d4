"""The folder where databases and prepared beats are kept."""

import os
from pathlib import Path

import platformdirs


def default_cache_dir() -> Path:
    """Return `$ECG_LIGHTNING_CACHE`, or the user's cache folder of this operating system.

    On Linux that is `$XDG_CACHE_HOME/ecg-lightning`, by default `~/.cache/ecg-lightning`.
    """
    chosen = os.environ.get("ECG_LIGHTNING_CACHE")
    return Path(chosen or platformdirs.user_cache_dir("ecg-lightning", appauthor=False))

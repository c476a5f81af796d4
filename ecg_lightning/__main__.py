"""`python -m ecg_lightning`: the command line.

Python puts the current folder first on the import path for `-m`. A file there that has the name of
a package, such as torch.py, must not be imported instead of it.
"""

import contextlib
import os
import sys


def _remove_current_folder() -> None:
    """Take the first entry of the import path away, where it is the current folder."""
    with contextlib.suppress(OSError):  # the current folder may be gone; a line will say so
        if not sys.flags.safe_path and sys.path and os.path.abspath(sys.path[0]) == os.getcwd():
            del sys.path[0]


if __name__ == "__main__":
    _remove_current_folder()
    from ecg_lightning.cli.main import main

    sys.exit(main())

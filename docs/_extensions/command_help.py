"""The directive `command-help VERB`: what `ecg-lightning VERB --help` prints."""

import os
import subprocess
import sys

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx


class CommandHelp(Directive):
    """Show the help of a verb, or of the program where no verb is named."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return one literal block."""
        return [nodes.literal_block("", _help(*self.arguments), language="text")]


def _help(*verb: str) -> str:
    command = [sys.executable, "-m", "ecg_lightning", *verb, "--help"]
    wide = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run(command, env=wide, capture_output=True, check=True, text=True).stdout


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The verbs that are not those of Lightning."""

from collections.abc import Callable, Sequence

from ecg_lightning.cli.crossval import crossval_command
from ecg_lightning.cli.export import export_command
from ecg_lightning.cli.import_keras import import_keras_command
from ecg_lightning.cli.report import report_command
from ecg_lightning.cli.show import show_command

COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "crossval": crossval_command,
    "report": report_command,
    "show": show_command,
    "import-keras": import_keras_command,
    "export": export_command,
}

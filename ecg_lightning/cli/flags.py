"""The arguments of all verbs, from a file that is generated from their parsers.

Help, completion and messages read `flags.json` instead of the parsers, whose imports take seconds.
`python -m ecg_lightning.cli.write_flags` writes the file; a test compares it with the parsers.
"""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("flags.json")


class Flag(NamedTuple):
    """One argument of a verb.

    Attributes:
        name: Such as `--data.root`; without dashes for a positional argument.
        value: What stands for its value in the help, such as `N`; empty for a switch.
        choices: All values, where there are few.
        default: The default as text; empty where there is none.
        about: What it is, in one sentence.
        required: Whether a command without it is refused.
        several: Whether it takes several values.
        dest: Its name in code where that is another one, such as `fs_hz` for `--fs`.
    """

    name: str
    value: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""
    about: str = ""
    required: bool = False
    several: bool = False
    dest: str = ""

    @property
    def setting(self) -> str:
        """The name in code: `input_length` for `--input-length`, `root` for `--data.root`."""
        name = self.dest or self.name.lstrip("-").replace("-", "_")
        group, dot, rest = name.partition(".")
        return rest if dot and group in ("data", "model", "trainer") else name


@cache
def all_flags() -> dict[str, list[Flag]]:
    """The arguments of each verb, in the order of its parser."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        verb: [Flag(**{**entry, "choices": tuple(entry.get("choices", ()))}) for entry in entries]
        for verb, entries in content.items()
    }

"""The one exception that a user's mistake, or a broken file, ends in."""

import functools
from typing import Any

from ecg_lightning.text import MOST_SHOWN, escaped

PROGRAM = "ecg-lightning"  # what an error line begins with
MOST_OF_PART = 3 * MOST_SHOWN  # characters of a part that holds words of ours as well


class SettingsWarning(UserWarning):
    """Settings that work, and that a user has to know something about."""


class InputError(Exception):
    """Bad input, told in one line: what, what was expected, what was found and what to do next.

    The command line prints `ecg-lightning: LINE` and exits with status 2; code that calls the
    package catches the exception. The line escapes what is no plain text, and cuts long parts, so
    that a name or a value from a file can neither fill nor command a terminal.

    Args:
        subject: What the line is about: a file, a folder, an argument or a network.
        expected: What should have been there; without it the line ends after the subject.
        found: What was there instead.
        hint: The next step, without any command-line flag.
        setting: The argument that the hint is about, such as `fs_hz`. The command line adds its
            flag to the hint.

    Example:
        >>> str(InputError("fs_hz", expected="a positive number", found="-1", hint="correct it"))
        'fs_hz: expected a positive number, found -1; correct it'
    """

    def __init__(
        self,
        subject: str,
        *,
        expected: str = "",
        found: str = "",
        hint: str = "",
        setting: str = "",
    ) -> None:
        super().__init__(subject, expected, found, hint, setting)
        self.subject, self.expected, self.found = subject, expected, found
        self.hint, self.setting = hint, setting

    def __reduce__(self) -> tuple[Any, ...]:
        """For copies and other processes, as the constructor takes keywords."""
        subject, expected, found, hint, setting = self.args
        words = {"expected": expected, "found": found, "hint": hint, "setting": setting}
        return functools.partial(type(self), subject, **words), ()

    def with_setting(self, setting: str) -> "InputError":
        """The same error about another argument.

        Example:
            >>> str(InputError("a.edf", found="no lead I", hint="choose another one")
            ...     .with_setting("leads"))
            'a.edf: found no lead I; choose another one (leads)'
        """
        parts = {"expected": self.expected, "found": self.found, "hint": self.hint}
        return type(self)(self.subject, **parts, setting=setting)

    def __str__(self) -> str:
        """The line, as Python users see it."""
        named = self.setting in ("", *self.subject.split())
        return self.line("" if named else f" ({self.setting})")

    def line(self, flag: str = "") -> str:
        """The line, with `flag` behind the hint."""
        subject, expected, found, hint = (
            escaped(text, most)
            for text, most in (
                (self.subject, MOST_OF_PART),
                (self.expected, MOST_OF_PART),
                (self.found, 2 * MOST_SHOWN),
                (self.hint, MOST_OF_PART),
            )
        )
        parts = (("expected", expected), ("found", found))
        problem = ", ".join(f"{word} {text}" for word, text in parts if text)
        return f"{subject}{': ' * bool(problem)}{problem}{hint and f'; {hint}{flag}'}"

"""The one line of an error, rendered in one place."""

import copy
import pickle
from collections.abc import Callable

import pytest

from ecg_lightning.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, "a.dat"),
        (
            {"expected": "x", "found": "y", "hint": "do z"},
            "a.dat: expected x, found y; do z",
        ),
        ({"found": "y", "hint": "do z"}, "a.dat: found y; do z"),
        ({"hint": "do z"}, "a.dat; do z"),
        (
            {"expected": "x", "found": "y", "hint": "name another", "setting": "root"},
            "a.dat: expected x, found y; name another (root)",
        ),
    ],
)
def test_a_line_of_its_parts(arguments: dict[str, str], line: str) -> None:
    assert str(InputError("a.dat", **arguments)) == line


@pytest.mark.parametrize("subject", ["fs_hz", "fs_hz of the record"])
def test_a_setting_that_is_a_word_of_the_subject_is_named_once(subject: str) -> None:
    error = InputError(subject, expected="x", found="y", hint="correct it", setting="fs_hz")
    assert str(error) == f"{subject}: expected x, found y; correct it"


def test_a_setting_that_is_only_part_of_a_path_is_named() -> None:
    error = InputError("root/100.hea", found="nothing", hint="choose another", setting="root")
    assert str(error) == "root/100.hea: found nothing; choose another (root)"


def test_the_command_line_puts_its_flag_behind_the_hint() -> None:
    error = InputError("fs_hz", expected="x", found="y", hint="correct it", setting="fs_hz")
    assert error.line(" (--data.fs_hz)") == "fs_hz: expected x, found y; correct it (--data.fs_hz)"


@pytest.mark.parametrize("copied", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_copies_say_the_same(copied: Callable[[InputError], InputError]) -> None:
    error = InputError("a", expected="b", found="c", hint="d", setting="e")
    assert str(copied(error)) == str(error)


def test_another_setting_changes_nothing_else() -> None:
    error = InputError("a.edf", expected="the lead I", found="none", hint="name one")
    assert str(error.with_setting("leads")) == f"{error} (leads)"
    assert (error.setting, error.with_setting("leads").setting) == ("", "leads")

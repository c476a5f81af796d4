"""Messages in one line: the flag of a setting, and the parser's own messages."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from ecg_lightning.cli.flags import all_flags
from ecg_lightning.cli.messages import error_line, flag_of, in_one_line
from ecg_lightning.cli.verbs import VERBS
from ecg_lightning.errors import InputError
from tests.helpers.paths import ROOT

PACKAGE = ROOT / "ecg_lightning"


def settings_in(path: Path) -> set[str]:
    """The texts that a module passes as `setting=`."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    values = [key.value for call in calls for key in call.keywords if key.arg == "setting"]
    texts = [node for value in values for node in ast.walk(value) if isinstance(node, ast.Constant)]
    return {text.value for text in texts if isinstance(text.value, str) and text.value}


# `show` takes these for a path, and as `--data.…` for a source. It names the flag itself.
OF_BOTH = ["lead", "fs_hz", "annotator"]


class TestFlags:
    @pytest.mark.parametrize(
        ("setting", "verb", "flag"),
        [
            ("root", "fit", "--data.root"),
            ("network", "fit", "--model.network"),
            ("network", "import-keras", "--network"),
            ("input_length", "import-keras", "--input-length"),
            ("max_epochs", "fit", "--trainer.max_epochs"),
            ("early_stopping.mode", "fit", "--early_stopping.mode"),
            ("output", "report", "--output"),
            ("root", "crossval", "--data.root"),
            ("seeds", "crossval", "--seeds"),
            ("runs", "report", ""),  # has no flag: it is a positional argument
            ("split", "show", ""),  # is no argument of show
            ("", "fit", ""),
            ("root", "", ""),
        ],
    )
    def test_of_a_setting(self, setting: str, verb: str, flag: str) -> None:
        assert flag_of(setting, verb) == flag

    @pytest.mark.parametrize("verb", VERBS)
    def test_no_two_arguments_of_a_verb_have_one_setting(self, verb: str) -> None:
        counts = Counter(flag.setting for flag in all_flags()[verb])
        twice = [setting for setting, count in counts.items() if count > 1]
        assert twice == (OF_BOTH if verb == "show" else [])

    def test_every_setting_in_the_package_has_a_flag(self) -> None:
        settings = {name for path in PACKAGE.rglob("*.py") for name in settings_in(path)}
        assert len(settings) > 15
        assert [name for name in settings if not any(flag_of(name, verb) for verb in VERBS)] == []

    def test_the_search_finds_settings(self, tmp_path: Path) -> None:
        (tmp_path / "a.py").write_text('f(setting="a")\ng(setting="b" if x else "c")\nh(set="d")')
        assert settings_in(tmp_path / "a.py") == {"a", "b", "c"}


class TestErrorLine:
    ERROR = InputError("x", expected="a", found="b", hint="change it", setting="root")

    def test_has_the_flag_behind_the_hint(self) -> None:
        assert error_line(self.ERROR, "fit") == "x: expected a, found b; change it (--data.root)"

    def test_has_no_flag_where_the_verb_has_none(self) -> None:
        assert error_line(self.ERROR, "report") == "x: expected a, found b; change it"


class TestParserMessages:
    def test_an_unknown_message_keeps_its_words(self) -> None:
        line = in_one_line("Something\n  else.", "ecg-lightning fit")
        assert line == "Something else; see `ecg-lightning fit --help`"

    def test_a_key_with_an_unknown_problem_keeps_both(self) -> None:
        line = in_one_line('Parser key "data":\n  is odd', "x fit")
        assert line == "data: is odd; see `x fit --help`"

    def test_the_innermost_key_counts(self) -> None:
        inner = "Parser key \"classes\":\n Expected a <class 'int'>. Got value: x"
        message = f"Parser key \"model.network\":\n Problem with given class_path 'a.B':\n {inner}"
        assert in_one_line(message, "x fit") == "classes: expected int, found x; see `x fit --help`"

"""Help, version and mistyped verbs: what they say, and that they load nothing heavy."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ecg_lightning import __version__
from ecg_lightning.cli.arguments import resolved
from ecg_lightning.cli.flags import FILE, Flag, all_flags
from ecg_lightning.cli.help import SHOWN, main_help, verb_help
from ecg_lightning.cli.main import main
from ecg_lightning.cli.verbs import VERBS, nearest
from ecg_lightning.cli.write_flags import flags_of, parsers, text
from tests.helpers.paths import ROOT
from tests.helpers.records import ecg_like, write_record

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)

HEAVY = (
    *("torch", "torchaudio", "torchmetrics", "lightning", "sklearn", "scipy", "wfdb"),
    *("matplotlib", "numpy", "jsonargparse", "yaml", "jinja2", "tensorflow"),
)
QUICK = [
    *(["--help"], ["-h"], ["--help-all"], ["--version"], [], ["tets"], ["tets", "--help"]),
    *([verb, "--help"] for verb in VERBS),
    *(["report", "run", "-h"], ["completion", "bash"], ["completion", "zsh"]),
]
# Runs each command in one process: status, standard output and error, heavy modules so far.
REPORT = """
import contextlib, io, json, sys
from ecg_lightning.cli.main import main
for args in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(args)
    heavy = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
    print(json.dumps([status, out.getvalue(), err.getvalue(), heavy]))
"""
Answers = dict[str, list[Any]]


def reported(commands: list[list[str]], before: str = "") -> Answers:
    line = [sys.executable, "-c", before + REPORT, json.dumps(commands), json.dumps(HEAVY)]
    done = subprocess.run(
        line,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {" ".join(args): line for args, line in zip(commands, lines, strict=True)}


@pytest.fixture(scope="module")
def answers() -> Answers:
    """The answers of all quick commands, from one process."""
    return reported(QUICK)


class TestQuickCommands:
    @pytest.mark.parametrize("args", QUICK, ids=" ".join)
    def test_load_no_heavy_module(self, args: list[str], answers: Answers) -> None:
        assert answers[" ".join(args)][3] == []

    def test_a_heavy_module_would_be_reported(self) -> None:
        assert reported([["--version"]], "import numpy\n")["--version"][3] == ["numpy"]

    def test_the_version(self, answers: Answers) -> None:
        assert answers["--version"][:3] == [0, f"ecg-lightning {__version__}\n", ""]

    def test_the_main_help_has_each_verb_with_its_line(self, answers: Answers) -> None:
        status, out, err, _ = answers["--help"]
        lines = [line.strip() for line in out.splitlines()]
        for name, verb in VERBS.items():
            assert f"{name:14}{verb.about}" in lines
            assert f"ecg-lightning {verb.example}" in lines
        assert (status, err) == (0, "")
        assert answers["-h"] == answers["--help-all"] == answers["--help"]

    @pytest.mark.parametrize("verb", VERBS)
    def test_the_help_of_a_verb(self, verb: str, answers: Answers) -> None:
        status, out, err, _ = answers[f"{verb} --help"]
        assert (status, err) == (0, "")
        assert out.startswith(f"usage: ecg-lightning {verb} ")
        assert f"\nExample: ecg-lightning {VERBS[verb].example}\n" in out

    def test_help_behind_other_words(self, answers: Answers) -> None:
        assert answers["report run -h"] == answers["report --help"]

    @pytest.mark.parametrize("args", ["tets", "tets --help"])
    def test_a_mistyped_verb(self, args: str, answers: Answers) -> None:
        status, out, err, _ = answers[args]
        assert (status, out) == (2, "")
        assert err.startswith("ecg-lightning: verb tets: expected one of fit, validate, test, ")
        assert err.endswith("; did you mean test? See `ecg-lightning --help`\n")
        assert err.count("\n") == 1

    def test_no_verb(self, answers: Answers) -> None:
        status, out, err, _ = answers[""]
        assert (status, out) == (2, "")
        assert err.endswith(", completion, found none; see `ecg-lightning --help`\n")


def test_info_loads_numpy_and_nothing_heavier(tmp_path: Path) -> None:
    write_record(tmp_path, ecg_like())
    line = f"info {tmp_path / 'r'}"
    status, _, _, heavy = reported([line.split(" ", 1)])[line]
    assert (status, heavy) == (0, ["numpy"])


@pytest.mark.parametrize(
    ("word", "verb"),
    [
        *[("ft", "fit"), ("Fit", "fit"), ("train", "fit"), ("evaluate", "validate")],
        *[("predcit", "predict"), ("prepair", "prepare"), ("crossvall", "crossval")],
        *[("reports", "report"), ("shwo", "show"), ("import_keras", "import-keras")],
        *[("inof", "info"), ("exprot", "export"), ("complete", "completion"), ("", "fit")],
    ],
)
def test_the_nearest_verb(word: str, verb: str) -> None:
    assert nearest(word) == verb


class TestTheListOfArguments:
    def test_is_that_of_the_parsers(self) -> None:
        update = "write it again with `python -m ecg_lightning.cli.write_flags`"
        assert FILE.read_text(encoding="utf-8") == text(), (
            f"{FILE.name} is not up to date: {update}"
        )

    def test_has_each_verb_and_its_arguments(self) -> None:
        flags = all_flags()
        assert list(flags) == list(VERBS)
        by_name = {flag.name: flag for flag in flags["fit"]}
        source = by_name["--data.source"]
        assert (source.choices[0], source.default) == ("synthetic", "synthetic")
        assert by_name["--data.batch_size"][:4] == ("--data.batch_size", "N", (), "32")
        assert by_name["--model.network"].default == "DeepConv1d"
        names = ["runs", "--format", "--paired", "--output"]
        assert [flag.name for flag in flags["report"]] == names
        assert {flag.name for flag in flags["export"] if flag.required} == {"--format", "--output"}

    def test_each_example_is_a_correct_line(self) -> None:
        real = parsers()
        for verb, row in VERBS.items():
            name, *words = row.example.split()
            assert name == verb
            if verb == "crossval":  # the others are those of fit
                _, words = real[verb].parse_known_args(words)
                verb = "fit"
            assert real[verb].parse_args(resolved(words)) is not None

    def test_a_default_that_changes_is_seen(self) -> None:
        parser = parsers()["report"]
        before = flags_of(parser)
        parser.set_defaults(output="other.html")
        assert [flag.default for flag in flags_of(parser)] == ["", "", "", "other.html"]
        assert before != flags_of(parser)


class TestShortHelp:
    @pytest.mark.parametrize("verb", SHOWN)
    def test_fits_on_a_screen(self, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "200")
        lines = verb_help(verb).splitlines()
        assert len(lines) <= 80
        assert max(map(len, lines)) <= 100

    @pytest.mark.parametrize("verb", VERBS)
    @pytest.mark.parametrize("columns", [80, 100])
    def test_keeps_to_the_terminal(
        self, verb: str, columns: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = [line for line in verb_help(verb).splitlines() if not line.startswith("Example:")]
        assert max(map(len, lines)) <= columns

    def test_has_the_data_the_model_and_ten_arguments_of_the_trainer(self) -> None:
        shown = verb_help("fit")
        names = [flag.name for flag in all_flags()["fit"] if f"  {flag.name} " in shown]
        every = [flag.name for flag in all_flags()["fit"]]
        for group in ("--data.", "--model."):
            assert [name for name in names if name.startswith(group)] == [
                name for name in every if name.startswith(group)
            ]
        assert len([name for name in names if name.startswith("--trainer.")]) == 10
        assert {"--config", "--output", "--ckpt_path", "--seed_everything"} <= set(names)

    @pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in SHOWN])
    def test_of_other_verbs_is_complete(self, verb: str) -> None:
        shown = verb_help(verb)
        for flag in all_flags()[verb]:
            assert (flag.name if flag.name.startswith("-") else flag.value or "{") in shown

    def test_main_help_is_at_most_100_columns_wide(self) -> None:
        assert max(map(len, main_help().splitlines())) <= 100


def test_a_reader_that_has_enough_sees_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `ecg-lightning --help | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["--help"]) == 0


def test_a_locale_without_unicode_sees_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    with io.TextIOWrapper(content, encoding="ascii") as ascii_only:
        monkeypatch.setattr(sys, "stdout", ascii_only)
        monkeypatch.setattr("ecg_lightning.cli.main._quick_answer", lambda _: "N 2 \xb7 S 1")
        assert main(["prepare"]) == 0
        assert content.getvalue() == rb"N 2 \xb7 S 1" + b"\n"


def test_help_all_has_every_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["fit", "--help-all"])
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert out.startswith("usage: ecg-lightning ")
    assert [flag.name for flag in all_flags()["fit"] if f"  {flag.name}" not in out] == [
        name for name in ("--config",) if f"  {name}" not in out
    ]


def test_a_setting_is_a_flag_without_its_group() -> None:
    names = ("--data.root", "--input-length", "--early_stopping.monitor", "runs")
    settings = [Flag(name).setting for name in names]
    assert settings == ["root", "input_length", "early_stopping.monitor", "runs"]

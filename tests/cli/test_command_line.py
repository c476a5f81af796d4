"""The settings of a command as plain values, and the words of the long help."""

import io
import os
import random
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from ecg_lightning.cli.trainer.arguments import TITLES, ParsedCommandLine, fit_settings
from ecg_lightning.cli.verbs import TRAINER_VERBS, VERBS
from ecg_lightning.errors import InputError

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)


FOLD = ("--data.split", "folds", "--data.fold", "2")


class TestFitSettings:
    def test_hold_what_is_given_and_the_defaults(self, tmp_path: Path) -> None:
        (tmp_path / "own.yaml").write_text("data: {per_class: 7}\nseed_everything: 3\n")
        settings = fit_settings(["--config", str(tmp_path / "own.yaml"), *FOLD])
        assert (settings["data"]["per_class"], settings["data"]["fold"]) == (7, 2)
        assert (settings["seed_everything"], settings["trainer"]["max_epochs"]) == (3, 70)
        assert settings["model"]["network"]["class_path"] == "ecg_lightning.models.DeepConv1d"
        assert (settings["output"], settings["ckpt_path"]) == (None, None)

    def test_are_those_that_the_parser_prints(self, capsys: pytest.CaptureFixture[str]) -> None:
        args = ["--data.per_class", "7", "--model.network", "tests.helpers.cli.Tiny"]
        with pytest.raises(SystemExit):
            ParsedCommandLine(["fit", *args, "--print_config"])
        assert fit_settings(args) == yaml.safe_load(capsys.readouterr().out)

    def test_change_nothing_in_the_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PL_GLOBAL_SEED", "")
        before: list[Any] = [random.getstate(), torch.get_rng_state().tolist(), dict(os.environ)]
        fit_settings(["--seed_everything", "5"])
        assert [random.getstate(), torch.get_rng_state().tolist(), dict(os.environ)] == before

    def test_read_no_checkpoint(self, tmp_path: Path) -> None:
        (tmp_path / "damaged.ckpt").write_bytes(b"damaged")
        path = str(tmp_path / "damaged.ckpt")
        assert fit_settings(["--ckpt_path", path])["ckpt_path"] == path

    @pytest.mark.parametrize(
        ("args", "line"),
        [
            (["--data.per_class", "x"], "data.per_class: expected int, found x; see"),
            (["--checkpoint.monitor", "loss"], "checkpoint.monitor: expected one of train_loss"),
            (["--nonsense", "1"], "--nonsense 1"),
        ],
    )
    def test_mistakes_are_input_errors(self, args: list[str], line: str) -> None:
        with pytest.raises(InputError) as error:
            fit_settings(args)
        assert line in str(error.value)


def test_only_the_parser_of_the_named_verb_is_built() -> None:
    assert [*ParsedCommandLine(["test"])._subcommand_parsers] == ["test"]


def test_a_config_may_stand_before_the_verb(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("fit:\n  data:\n    batch_size: 7\n")
    words = ["--config", str(tmp_path / "all.yaml"), "fit", "--data.per_class", "9"]
    parsed = ParsedCommandLine(words)
    assert [*parsed._subcommand_parsers] == [*TRAINER_VERBS]
    data = parsed.settings()["data"]
    assert (data["batch_size"], data["per_class"]) == (7, 9)


@pytest.mark.parametrize("verb", TRAINER_VERBS)
def test_the_long_help_speaks_of_this_project(verb: str) -> None:
    parser = ParsedCommandLine([verb])._parser(verb)
    out = io.StringIO()
    parser.print_help(out)
    text = " ".join(out.getvalue().split())
    assert VERBS[verb].about in text
    assert [title for title in TITLES.values() if f"{' '.join(title.split())}:" not in text] == []
    for foreign in ("Runs the full optimization routine", "evaluation epoch", "via flags"):
        assert foreign not in text

"""`ecg-lightning prepare`: which arguments and config files it takes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecg_lightning.cli.arguments import config_names, with_full_names
from ecg_lightning.cli.prepare import data_settings
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import PUBLISHED
from ecg_lightning.records.svdb import SVDB
from tests.helpers.cli import command, one_cache
from tests.helpers.records import ecg_like, write_record

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


def test_a_later_argument_replaces_the_config(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("model: {network: no.Such}\ndata: {source: kaggle, per_class: 7}\n")
    for words in (["--config", str(path)], [f"--config={path}"], ["-c", str(path)]):
        settings = data_settings([*words, "--data.source", "mitdb"])
        assert (settings["source"], settings["per_class"]) == ("mitdb", 7)
    assert data_settings(["--data.source", "mitdb", "-c", str(path)])["source"] == "kaggle"


@pytest.mark.parametrize("name", config_names())
def test_a_config_of_fit_is_taken(name: str) -> None:
    assert (
        data_settings(with_full_names(["--config", name, "--data.root", "mitdb"]))["root"]
        == "mitdb"
    )


def test_the_config_of_a_run_is_taken(tmp_path: Path) -> None:
    from ecg_lightning.cli.trainer.arguments import CommandLine, ParsedCommandLine

    fit: CommandLine = ParsedCommandLine(["fit", "--data.per_class", "9", "--data.lead", "V1"])
    (tmp_path / "config.yaml").write_text(fit.settings_yaml())
    assert data_settings(["-c", str(tmp_path / "config.yaml")]) == fit.settings()["data"]


def test_the_data_may_be_in_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "beats.yaml").write_text("per_class: 7\n")
    (tmp_path / "own.yaml").write_text("data: beats.yaml\n")
    expected = {**data_settings([]), "per_class": 7}
    assert data_settings(["-c", str(tmp_path / "own.yaml")]) == expected
    assert data_settings(["--data", str(tmp_path / "beats.yaml")]) == expected


@pytest.mark.parametrize("text", ["trainer: {max_epochs: 3}\n", "data:\n"])
def test_a_config_without_data_gives_the_defaults(text: str, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(text)
    assert data_settings(["-c", str(tmp_path / "own.yaml")]) == data_settings([])


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--trainer.max_epochs", "3"], "unrecognized arguments: --trainer.max_epochs 3"),
        (["--data.per_class", "x"], "data.per_class: expected int, found x"),
        (["-c", "own.yaml"], "dta"),
    ],
)
def test_other_arguments_are_refused(args: list[str], line: str, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("dta: {source: mitdb}\n")
    outcome = command(["prepare", *args], tmp_path)
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert line in outcome.err
    assert outcome.err.endswith("see `ecg-lightning prepare --help`\n")


def test_the_network_of_a_config_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("model: {network: {class_path: absent.Net}}\n")
    outcome = command(["prepare", "-c", "own.yaml"], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")


def test_what_is_assumed_about_patients_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two records stand for svdb. Other sources say nothing."""
    for name in ("800", "801"):
        write_record(tmp_path / "s", ecg_like(name, "NVNANNFNNN"))
    patients = {"800": "800", "801": "801"}
    small = replace(SVDB, records=("800", "801"), patients=patients)
    monkeypatch.setitem(PUBLISHED, "svdb", small)
    monkeypatch.setattr(type(small), "checksums", lambda _: {})
    words = ("--data.root", "s", "--data.segmentation", "annotations")
    outcome = command(["prepare", "--data.source", "svdb", *words], tmp_path)
    assert (outcome.status, outcome.out.splitlines()[0]) == (
        0,
        "20 beats: N 14 · S 2 · V 2 · F 2 · Q 0",
    )
    # The default split needs more beats, but the beats are there for others.
    assert (
        "ecg-lightning: warning: split original, class N: expected more than 200 beats (100 for "
        "validation, 100 for test, the rest for training), found 14; use the split records, or "
        "more records (--data.split)\n"
    ) in outcome.err
    assert outcome.out.endswith(
        "\nsvdb: one record taken for one patient; the database does not say\n"
    )
    outcome = command(["prepare", "--data.source", "wfdb", *words], tmp_path)
    assert (outcome.status, "patient" in outcome.out) == (0, False)


def test_a_split_that_the_user_chose_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_record(tmp_path / "w", ecg_like(name, "NVNANNFNNN"))
    words = ("--data.source", "wfdb", "--data.root", "w", "--data.split", "patients")
    outcome = command(["prepare", *words], tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("ecg-lightning: split patients: expected the patient of each ")


def test_a_refused_argument_is_an_input_error() -> None:
    with pytest.raises(InputError, match="unrecognized arguments"):
        data_settings(["--model.network", "DeepConv1d"])

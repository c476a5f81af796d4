"""Settings that a command does not name come from its checkpoint; others are compared with it."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from ecg_lightning.annotation.classifying.known_beats import differences, known_beats
from ecg_lightning.cli.trainer.command import CLI
from tests.helpers.cli import TINY, Outcome, command, one_cache
from tests.helpers.records import ecg_like, write_record

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
BEST = "run/checkpoints/best.ckpt"
DATA = ("--data.source", "wfdb", "--data.root", "records")
SETTINGS = {
    "fs_hz": "250",
    "window_samples": "200",
    "normalization": "window",
    "segmentation": "annotations",
    "classes": "aami",
}
FIT = [
    *("fit", *TINY, *DATA, "--data.split", "records", "--data.balance", "none"),
    *("--trainer.max_epochs", "1", "--output", "run"),
    *(word for name, value in SETTINGS.items() for word in (f"--data.{name}", value)),
]
LEAD = "MLII,II,ecg,voltage,0"  # what the default stands for
EVALUATING = ("test", "validate", "predict")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with noisy records, no two the same, and a run that was begun there."""
    folder = tmp_path_factory.mktemp("place")
    for name in "abcde":
        record = ecg_like(name, "NVNVNANVNN", fs_hz=128.0)
        noise = np.random.default_rng(ord(name)).normal(0, 0.01, len(record.signal))
        write_record(folder / "records", replace(record, signal=record.signal + noise))
    outcome = command(FIT, folder)
    assert (outcome.status, outcome.err) == (0, "")
    return folder


def data_of(folder: Path) -> dict[str, Any]:
    """The data's settings in a run folder."""
    return yaml.safe_load((folder / "config.yaml").read_text())["data"]


def evaluation_of(folder: Path) -> Any:
    return json.loads((folder / "evaluation.json").read_text())


def test_the_checkpoint_keeps_the_leads_and_rates_of_the_records(place: Path) -> None:
    content = torch.load(place / BEST, weights_only=True)
    beats = content["ecg_lightning"]["config"]["beats"]
    assert (beats["leads"], beats["recorded_fs_hz"]) == (["MLII"], [128.0])
    assert str(place) not in json.dumps(content["ecg_lightning"])


@pytest.mark.parametrize("verb", EVALUATING)
def test_a_checkpoint_alone_is_evaluated_on_the_data_of_its_run(
    place: Path, tmp_path: Path, verb: str
) -> None:
    """From another folder, so that the relative root has to be resolved."""
    outcome = command([verb, *TINY, "--ckpt_path", str(place / BEST)], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    assert "trained with" not in outcome.out
    data = data_of(tmp_path / outcome.folder)
    expected = data_of(place / "run") | {"root": str(place / "records"), "lead": LEAD}
    assert data == expected
    assert data_of(place / "run")["root"] == "records"


def test_a_relative_root_of_a_runs_config_is_that_of_its_command(
    place: Path, tmp_path: Path
) -> None:
    """Also where the current folder has records of the same name."""
    write_record(tmp_path / "records", ecg_like("other"))
    config = ["--config", str(place / "run" / "config.yaml")]
    outcome = command(["test", *config, "--ckpt_path", str(place / BEST)], tmp_path)
    assert outcome.status == 0
    assert data_of(tmp_path / outcome.folder)["root"] == str(place / "records")
    own_root = ["--data.root", "records", "--data.split", "all"]
    own = command(["test", *config, "--ckpt_path", str(place / BEST), *own_root], tmp_path)
    assert data_of(tmp_path / own.folder)["root"] == "records"


@pytest.mark.parametrize("damage", ["no config", "other content", "no data", "moved"])
def test_without_the_data_of_its_run_it_is_refused(
    place: Path, tmp_path: Path, damage: str
) -> None:
    """It is never evaluated on another source."""
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    config = run / "config.yaml"
    text = config.read_text()
    if damage == "no config":
        config.unlink()
    elif damage == "other content":
        config.write_text("[1, 2]\n")
    elif damage == "no data":
        config.write_text(text.replace("root: records", "root: elsewhere"))
    else:  # written by a version that did not note the working folder
        config.write_text("".join(text.splitlines(keepends=True)[1:]))
        shutil.copytree(place / "records", tmp_path / "records")
    outcome = command(["test", *TINY, "--ckpt_path", BEST], tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert "name the data (--data.source, --data.root)" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_shipped_weights_alone_are_refused(tmp_path: Path) -> None:
    outcome = command(["test", "--ckpt_path", "TimeDepends"], tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert "name the data (--data.source, --data.root)" in outcome.err


def test_shipped_weights_need_no_network_and_bring_their_settings(
    place: Path, tmp_path: Path
) -> None:
    args = ["test", "--ckpt_path", "TimeDepends", "--data.split", "all", *DATA]
    other = ["--data.classes", "aami", "--data.segmentation", "annotations"]
    outcome = command([*args, *other], place)
    assert outcome.status == 0
    folder = place / outcome.folder
    data = data_of(folder)
    assert (data["fs_hz"], data["window_samples"]) == (360.0, 256)
    assert (data["normalization"], data["view"]) == ("record", "signal")
    expected = [
        {"setting": "segmentation", "trained": "peaks", "tested": "annotations"},
        {"setting": "classes", "trained": "original", "tested": "aami"},
        {"setting": "recorded_fs_hz", "trained": [360.0], "tested": [128.0]},
    ]
    assert evaluation_of(folder)["differences"] == expected
    assert json.loads((folder / "metrics.json").read_text())["test"]["differences"] == expected
    line = next(line for line in outcome.out.splitlines() if line.startswith("test:"))
    trained, tested = line.split("; ")[-2:]
    words = "segmentation {}, class map {}, recorded sampling rate {} Hz"
    assert trained == f"trained with {words.format('peaks', 'original', 360)}"
    assert tested == f"tested with {words.format('annotations', 'aami', 128)}"
    page = (folder / "report.html").read_text()
    for word in ("recorded sampling rate", "128 Hz", "360 Hz", "annotations", "class map"):
        assert word in page


OTHER_INPUT = {
    "fs_hz": ("128", "250 Hz", "128 Hz"),
    "window_samples": ("128", "200 samples", "128 samples"),
    "normalization": ("record", "window", "record"),
    "view": ("spectrum", "signal", "spectrum"),
}


@pytest.mark.parametrize("name", OTHER_INPUT)
@pytest.mark.parametrize("how", ["typed", "in a config"])
def test_another_input_is_refused_with_both_values(
    place: Path, tmp_path: Path, name: str, how: str
) -> None:
    value, trained, tested = OTHER_INPUT[name]
    (tmp_path / "own.yaml").write_text(f"data: {{{name}: {value}}}\n")
    other = [f"--data.{name}", value] if how == "typed" else ["--config", "own.yaml"]
    outcome = command(["test", *TINY, "--ckpt_path", str(place / BEST), *other], tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert trained in outcome.err.split("found")[0]
    assert tested in outcome.err.split("found")[1]
    assert "--allow-mismatch" in outcome.err


def test_what_a_default_stands_for_counts(place: Path, tmp_path: Path) -> None:
    """`null` is 360 Hz, and the training had 250 Hz."""
    args = ["predict", *TINY, "--ckpt_path", str(place / BEST), "--data.fs_hz", "null"]
    outcome = command(args, tmp_path)
    assert outcome.status == 2
    assert "found sampling rate 360 Hz" in outcome.err


@pytest.mark.parametrize("flag", ["--allow-mismatch", "--allow_mismatch"])
def test_another_input_is_allowed_and_said(place: Path, tmp_path: Path, flag: str) -> None:
    args = ["test", *TINY, "--ckpt_path", str(place / BEST), "--data.fs_hz", "128", flag]
    outcome = command(args, tmp_path)
    assert outcome.status == 0
    assert "the network sees sampling rate 128 Hz, but was trained with" in outcome.err
    [row] = evaluation_of(tmp_path / outcome.folder)["differences"]
    assert row == {"setting": "fs_hz", "trained": 250.0, "tested": 128.0}


def test_allowed_input_of_data_that_are_refused_has_one_line(place: Path, tmp_path: Path) -> None:
    args = ["test", *TINY, "--ckpt_path", str(place / BEST), "--data.fs_hz", "128"]
    outcome = command([*args, "--data.lead", "7", "--allow-mismatch"], tmp_path)
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1
    assert "--data.lead" in outcome.err


def test_kaggle_and_records_are_different_input() -> None:
    records = known_beats({"beats": {"fs_hz": 360.0}, "data": {"source": "wfdb"}})
    kaggle = known_beats({"beats": {"fs_hz": 125.0}, "data": {"source": "kaggle"}})
    for one, other in ((records, kaggle), (kaggle, records)):
        assert [row["setting"] for row in differences(one, other)] == ["source", "fs_hz"]
        assert differences(one, one) == []


def test_leads_are_compared_by_name() -> None:
    mitdb = known_beats({"beats": {"lead": 0}, "data": {"source": "mitdb"}})
    for leads, number in ((["ECG1"], 1), (["v5"], 0)):
        beats = {"lead": 0, "leads": leads, "recorded_fs_hz": [360.0]}
        rows = differences(mitdb, known_beats({"beats": beats, "data": {"source": "wfdb"}}))
        assert len(rows) == number
        assert [row["trained"] for row in rows] == [["MLII", "V5"]] * number


def test_a_class_in_the_config_beside_a_checkpoint_is_not_imported(
    place: Path, tmp_path: Path
) -> None:
    shutil.copytree(place / "run", tmp_path / "run")
    config = tmp_path / "run/config.yaml"
    config.write_text(config.read_text().replace("tests.helpers.cli.Tiny", "planted.Tiny"))
    (tmp_path / "planted.py").write_text("open('imported', 'w')\n")
    outcome = command(["test", "--ckpt_path", BEST], tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert "'Tiny', a class of your own; name it (--model.network, or --config " in outcome.err
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("fs_hz", 1e12), ("window_samples", 1 << 40), ("fs_hz", "x"), ("view", ["signal"])],
)
def test_settings_of_a_checkpoint_are_checked(
    place: Path, tmp_path: Path, name: str, value: Any
) -> None:
    content = torch.load(place / BEST, weights_only=True)
    config = content["ecg_lightning"]["config"]
    config["data" if name == "view" else "beats"][name] = value
    torch.save(content, tmp_path / "odd.ckpt")
    args = ["predict", *TINY, "--ckpt_path", "odd.ckpt", "--data.source", "synthetic"]
    outcome = command(args, tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert f"found {name} {value!r}" in outcome.err


def resumed(place: Path, *more: str) -> Outcome:
    args = ["fit", *TINY, "--ckpt_path", "run/checkpoints/last.ckpt", "--trainer.max_epochs", "2"]
    return command([*args, *more], place)


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The parameter groups at the end of each training."""
    groups: list[Any] = []
    run = CLI._evaluate

    def noted(self: CLI, *args: Any) -> bool:
        groups.append(dict(self.trainer.optimizers[0].param_groups[0]))
        return run(self, *args)

    monkeypatch.setattr(CLI, "_evaluate", noted)
    return groups


def test_a_new_run_trains_with_the_learning_rate_of_its_command(
    place: Path, rates: list[Any]
) -> None:
    outcome = resumed(place, "--model.learning_rate", "0.0123", "--model.betas", "[0.8,0.99]")
    assert (outcome.status, outcome.err) == (0, "")
    [group] = rates
    assert (group["lr"], list(group["betas"]), group["epsilon"]) == (0.0123, [0.8, 0.99], 1e-7)
    assert group["steps"] > 1  # restored
    last = place / outcome.folder / "checkpoints/last.ckpt"
    again = command(["fit", *TINY, "--ckpt_path", str(last), "--trainer.max_epochs", "3"], place)
    assert (again.status, rates[-1]["lr"]) == (0, 0.0123)
    settings = yaml.safe_load((place / again.folder / "config.yaml").read_text())
    assert settings["model"]["learning_rate"] == 0.0123
    assert settings["data"] == data_of(place / "run") | {"lead": LEAD}


def test_another_optimizer_is_refused(place: Path) -> None:
    outcome = resumed(place, "--optimizer", "Adam")
    assert (outcome.status, outcome.out) == (2, "")
    assert "expected the state of Adam, found that of KerasAdam; " in outcome.err


def test_the_arguments_of_an_optimizer_and_its_schedule_win(place: Path, rates: list[Any]) -> None:
    schedule = ["--lr_scheduler", "StepLR", "--lr_scheduler.step_size", "1"]
    words = ["--output", "stepped", "--optimizer", "SGD", "--optimizer.lr", "0.1", *schedule]
    first = command([*FIT, *words], place)
    assert (first.status, first.err) == (0, "")
    assert rates[-1]["lr"] == pytest.approx(0.01)  # after one step of the schedule
    args = ["fit", *TINY, "--ckpt_path", str(first.folder / "checkpoints/last.ckpt")]
    args += ["--trainer.max_epochs", "2", "--optimizer", "SGD", *schedule]
    same = command([*args, "--optimizer.lr", "0.1"], place)
    assert (same.status, rates[-1]["lr"]) == (0, pytest.approx(0.001))
    other = command([*args, "--optimizer.lr", "0.2"], place)
    assert (other.status, rates[-1]["lr"]) == (0, pytest.approx(0.002))
    refused = command([*args[:7], "--optimizer", "SGD", "--optimizer.lr", "0.1"], place)
    assert (refused.status, refused.out) == (2, "")
    assert "expected the state of no schedule, found that of StepLR" in refused.err


WITHOUT_EFFECT = {
    "a schedule": ["--lr_scheduler", "StepLR", "--lr_scheduler.step_size", "1"],
    "a rate": ["--optimizer", "SGD", "--optimizer.lr", "1", "--model.learning_rate", "1"],
    "a fold": ["--data.fold", "1"],
    "folds": ["--data.folds=3"],
    "draws": ["--data.balance", "none", "--data.per_class", "3"],
    "a seed": ["--data.split", "all", "--data.split_seed", "1"],
    "an annotator": ["--data.annotator", "qrs"],
    "a lead": ["--data.source", "kaggle", "--data.lead", "1"],
}


@pytest.mark.parametrize("case", WITHOUT_EFFECT)
def test_an_option_without_effect_is_refused(case: str, tmp_path: Path) -> None:
    outcome = command(["fit", *TINY, *WITHOUT_EFFECT[case]], tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert "no effect" in outcome.err
    assert not list(tmp_path.iterdir())


def test_a_config_may_hold_settings_for_another_case(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "own.yaml").write_text("data: {fold: 1, balance: none, per_class: 3}\n")
    args = ["fit", *TINY, "--config", "own.yaml", "--trainer.fast_dev_run", "true"]
    outcome = command(args, tmp_path)
    assert (outcome.status, outcome.err) == (0, "")

"""The shipped configs: each runs, and has the settings of the original."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecg_lightning import models
from ecg_lightning.cli.arguments import config_names, resolved
from ecg_lightning.cli.trainer.arguments import fit_settings
from tests.helpers.cli import command, one_cache

# jsonargparse announces what Lightning's own command line will have to change.
pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)

FOLDER = Path(str(resources.files("ecg_lightning").joinpath("configs")))
# Network, batch size, beats of each class in an epoch, and largest number of epochs, all as in
# the recorded runs of the original.
ORIGINAL = {
    "deep_conv1d.yaml": ("DeepConv1d", 32, 10_000, 70),
    "time_depends.yaml": ("TimeDepends", 64, 20_000, 55),
    "conv2d.yaml": ("Conv2d", 64, 10_000, 25),
}
ON_ACCURACY = {
    "monitor": "val_accuracy",
    "mode": "max",
    "patience": 8,
}  # the early stopping of model_2d; the other two stop on the loss


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def test_all_are_listed() -> None:
    assert config_names() == sorted(path.name for path in FOLDER.glob("*.yaml"))
    assert set(config_names()) >= {*ORIGINAL, "demo.yaml"}


def without_records(name: str) -> list[str]:
    """Arguments that take away the records that a config names: those of its own source."""
    named = read(name)["data"].keys() & {"train", "test", "val_share"}
    return [word for setting in sorted(named) for word in (f"--data.{setting}", "null")]


@pytest.mark.parametrize("name", config_names())
def test_runs(name: str, tmp_path: Path) -> None:
    args = ["fit", "--config", name, "--data.source", "synthetic", "--trainer.fast_dev_run", "true"]
    args += without_records(name)
    outcome = command(args, tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    network = read(name)["model"]["network"]["class_path"].rpartition(".")[2]
    assert outcome.folder.name.endswith(f"-fit-{network}")


@pytest.mark.parametrize("name", config_names())
def test_begins_with_what_it_is(name: str) -> None:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    header = lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]
    for item in ("Source:", "Command:", "Hardware:", "Time:", "Score:"):
        assert any(line.startswith(f"# {item}") for line in header), item
    assert (
        read(name)["model"]["network"]["class_path"].removeprefix("ecg_lightning.models.")
        in models.NETWORKS
    )


@pytest.mark.parametrize("name", ORIGINAL)
def test_has_the_originals_settings(name: str) -> None:
    network, batch, draws, epochs = ORIGINAL[name]
    settings = read(name)
    assert settings["model"] == {
        "network": {"class_path": f"ecg_lightning.models.{network}"},
        "learning_rate": 0.001,
    }
    data = settings["data"]
    assert (data["source"], data["segmentation"], data["split"]) == ("mitdb", "peaks", "original")
    assert (data["batch_size"], data["per_class"]) == (batch, draws)
    assert settings["trainer"]["max_epochs"] == epochs
    assert settings["early_stopping"] == (
        ON_ACCURACY if network == "Conv2d" else {"monitor": "val_loss", "patience": 18}
    )
    assert data.get("view", "signal") == ("image" if network == "Conv2d" else "signal")


@pytest.mark.parametrize("name", config_names())
def test_measures_the_statistics_of_batch_norm_where_keras_is_not_the_aim(name: str) -> None:
    batches = read(name).get("batch_norm", {}).get("batches")
    if name.startswith("patient_context"):  # it has no BatchNorm
        assert batches is None
    else:
        assert (batches == 0) == name.startswith(("deep_conv1d", "time_depends"))


def test_a_file_in_the_current_folder_is_taken_instead_of_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolved(["--config", "demo.yaml"])[1] == str(FOLDER / "demo.yaml")
    Path("demo.yaml").write_text("data: {}\n")
    assert resolved(["--config=demo.yaml"]) == ["--config=demo.yaml"]


def test_a_network_is_named_without_its_package() -> None:
    assert resolved(["--model.network", "Conv2d"]) == [
        "--model.network",
        "ecg_lightning.models.Conv2d",
    ]
    assert resolved(["--model.network=torch.nn.Conv2d"]) == ["--model.network=torch.nn.Conv2d"]


def test_configs_come_first_in_their_order() -> None:
    demo, deep = (str(FOLDER / name) for name in ("demo.yaml", "deep_conv1d.yaml"))
    words = ["fit", "--data.fold", "1", "--config", "demo.yaml", "--seed_everything=3"]
    assert resolved([*words, f"--config={deep}"]) == [
        *("fit", "--config", demo, f"--config={deep}", "--data.fold", "1", "--seed_everything=3")
    ]


def test_what_the_command_says_counts_wherever_a_config_stands(tmp_path: Path) -> None:
    """`config.yaml` of a run holds all settings, `ckpt_path` too."""
    config = tmp_path / "config.yaml"
    config.write_text("ckpt_path: null\ntrainer: {max_epochs: 3}\n")
    words = ["--ckpt_path", "last.ckpt", "--trainer.max_epochs", "4"]
    for order in ([*words, "--config", str(config)], ["--config", str(config), *words]):
        settings = fit_settings(order)
        assert settings["ckpt_path"] == "last.ckpt"
        assert settings["trainer"]["max_epochs"] == 4

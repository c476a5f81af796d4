"""Checkpoints of imported and shipped weights are like those of a run.

Reading them runs no code of theirs.
"""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from ecg_lightning import models
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.cli.arguments import with_full_names
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.data.dechazal import DS2
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import read_network
from ecg_lightning.models.pretrained import load_shipped, shipped_network, shipped_weights
from ecg_lightning.training.checkpoints import (
    check_weights,
    checkpoint_path,
    run_config,
    write_checkpoint,
)
from ecg_lightning.training.classifier import BeatClassifier
from tests.helpers.cli import SMALL, TINY, command, one_cache

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[models.DeepConv1d, Path]:
    torch.manual_seed(3)
    network, path = models.DeepConv1d(256), tmp_path_factory.mktemp("written") / "network.ckpt"
    write_checkpoint(network, path, {"imported": {"file": "model.h5"}})
    return network, path


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_comes_back(written: tuple[models.DeepConv1d, Path]) -> None:
    network, path = written
    again, description = read_network(path)
    assert type(again) is models.DeepConv1d
    assert not again.training
    assert same(network.state_dict(), again.state_dict())
    assert description["classes"] == list(CLASS_NAMES)
    assert description["input_length"] == 256
    assert description["config"] == {"imported": {"file": "model.h5"}}
    assert [path.name for path in path.parent.iterdir()] == ["network.ckpt"]


def test_is_what_a_run_writes_before_its_first_step(
    written: tuple[models.DeepConv1d, Path], tmp_path: Path
) -> None:
    """The entries are those of a run's last.ckpt, except the callbacks' and loggers'."""
    outcome = command(["fit", *TINY, *SMALL], tmp_path)
    run = torch.load(tmp_path / outcome.folder / "checkpoints" / "last.ckpt", weights_only=True)
    ours = torch.load(written[1], weights_only=True)
    assert set(run) - set(ours) <= {"callbacks", "MixedPrecision"}
    assert ours["epoch"] == ours["global_step"] == 0
    assert ours["loops"].keys() == run["loops"].keys()
    assert ours["optimizer_states"][0]["param_groups"][0]["lr"] == 1e-3


@pytest.mark.parametrize("verb", ["test", "predict", "validate"])
def test_is_taken_for_evaluation(
    verb: str, written: tuple[models.DeepConv1d, Path], tmp_path: Path
) -> None:
    args = [verb, "--data.source", "synthetic", "--ckpt_path", str(written[1])]
    outcome = command(args, tmp_path)
    assert (outcome.status, outcome.err) == (0, "")


def test_training_continues_from_it(
    written: tuple[models.DeepConv1d, Path], tmp_path: Path
) -> None:
    """Four steps move the weights a little; from a fresh start they would be far away."""
    network, path = written
    outcome = command(["fit", "--ckpt_path", str(path), *SMALL], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    content = torch.load(tmp_path / outcome.folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["global_step"] == 4  # 100 draws in batches of 32
    moved = [
        (content["state_dict"][f"network.{key}"] - value).abs().max()
        for key, value in network.named_parameters()
    ]
    assert 0 < max(moved) <= 4 * 1e-3 * 1.5  # Adam's steps are about as long as the learning rate


def test_a_run_describes_itself_without_the_machines_paths(tmp_path: Path, cache: Path) -> None:
    outcome = command(["fit", "--data.cache_dir", str(cache), *SMALL], tmp_path)
    _, description = read_network(tmp_path / outcome.folder / "checkpoints" / "best.ckpt")
    config = description["config"]
    assert config["model"] | {"network": None} == {
        "network": None,
        "loss": None,
        "learning_rate": 1e-3,
        "betas": [0.9, 0.999],
        "epsilon": 1e-7,
    }
    assert config["model"]["network"] == "ecg_lightning.models.DeepConv1d"
    assert config["data"]["per_class"] == 20
    assert config["beats"]["fs_hz"] == 360.0
    assert config["seed_everything"] == 0
    assert str(tmp_path) not in str(description)
    assert str(cache) not in str(description)


def test_run_config_of_a_hand_made_run() -> None:
    network = {"class_path": "ecg_lightning.models.DeepConv1d", "init_args": {"classes": 5}}
    settings = {
        "model": {"network": network},
        "data": {"source": "mitdb", "root": "/home/somebody", "cache_dir": "/tmp"},
        "trainer": {},
    }
    config = run_config(settings, asdict(BeatDataModule("mitdb").settings))
    assert config["data"] == {"source": "mitdb"}
    assert config["beats"]["window_samples"] == 256


class Loud:
    """When it is unpickled, it runs a command."""

    def __reduce__(self) -> Any:
        return print, ("run!",)


def test_nothing_of_a_pickle_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "evil.ckpt"
    torch.save({"state_dict": {}, "ecg_lightning": Loud()}, path)
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Loud()))
    for name, found in (
        ("evil.ckpt", r"a file that asks for __builtin__\.print"),
        ("plain.ckpt", r"a file that cannot be read as one \(BadZipFile\)"),
    ):
        with pytest.raises(
            InputError, match=rf"expected a checkpoint of this program, found {found}"
        ):
            read_network(tmp_path / name)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"network": "os.system"},
            "expected a checkpoint of Conv2d, DeepConv1d, PatientContext, TimeDepends, "
            "found one of 'os.system'",
        ),
        (
            {"input_length": 1 << 60},
            "expected an input length up to 65536, found 1152921504606846976",
        ),
        ({"input_length": "256"}, "expected an input length up to 65536, found '256'"),
        ({"network": "TimeDepends"}, "expected the weights of TimeDepends, found others"),
    ],
)
def test_a_description_that_is_wrong(
    change: dict[str, Any], message: str, written: tuple[models.DeepConv1d, Path], tmp_path: Path
) -> None:
    content = torch.load(written[1], weights_only=True)
    content["ecg_lightning"].update(change)
    torch.save(content, tmp_path / "changed.ckpt")
    with pytest.raises(InputError, match=message):
        read_network(tmp_path / "changed.ckpt")


def test_weights_of_another_network_of_ours_name_it() -> None:
    classifier = BeatClassifier(models.DeepConv1d(256))
    weights = {"state_dict": dict[str, Any](), "ecg_lightning": {"network": "TimeDepends"}}
    with pytest.raises(InputError, match=r"of DeepConv1d, .* more; choose TimeDepends \(network\)"):
        check_weights("TimeDepends", weights, classifier)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"expected a checkpoint of this program, found no such file; "
        r"take RUN/checkpoints/best\.ckpt",
    ):
        read_network(tmp_path / "none.ckpt")


def test_a_device_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        InputError, match=r"expected a place that can be written, found .*choose another place"
    ):
        write_checkpoint(models.DeepConv1d(256), tmp_path / "file" / "network.ckpt", {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", models.SHIPPED)
def test_shipped_weights(name: str, cache: Path) -> None:
    network, _ = shipped_network(name)
    path = checkpoint_path(name)
    assert path.is_relative_to(cache)
    again, description = read_network(path)
    assert same(network.state_dict(), again.state_dict())
    assert not network.training
    assert description["network"] == name.partition("-")[0] == type(network).__name__
    assert set(description["config"]["data"]["source"].split(",")) <= {"mitdb", "svdb"}
    assert checkpoint_path(name) == path


@pytest.mark.parametrize("name", ["DeepConv1d", "TimeDepends"])
def test_a_network_loads_the_weights_of_its_own_name(name: str) -> None:
    network: Any = getattr(models, name).from_pretrained()
    assert same(network.state_dict(), shipped_network(name)[0].state_dict())


@pytest.mark.parametrize("causal", [False, True])
def test_patient_context_loads_the_weights_of_its_form(causal: bool) -> None:
    network = models.PatientContext.from_pretrained(causal)
    name = "PatientContext-causal" if causal else "PatientContext"
    shipped = shipped_network(name)[0]
    assert (network.causal, network.training) == (causal, False)
    assert same(network.state_dict(), shipped.state_dict())
    beats = torch.randn(1, 7, 5, 128)
    beats[:, :, -1, 0] = 1
    with torch.inference_mode():
        assert torch.equal(network(beats), shipped(beats))


def test_the_robust_weights_name_their_training() -> None:
    _, description = shipped_weights("DeepConv1d-robust")
    assert description["name"] == "DeepConv1d-robust"
    assert description["training_records"][:2] == ["mitdb/101", "mitdb/106"]
    assert len(description["training_records"]) == 22 + 78
    assert not {f"mitdb/{record}" for record in DS2} & set(description["training_records"])
    beats = description["config"]["beats"]
    assert beats["segmentation"] == "annotations"
    assert beats["normalization"] == "robust"
    assert beats["classes"] == "aami"
    assert beats["leads"] == ["MLII", "V5", "ECG1"]


def _damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 64
    path.write_bytes(content)


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def _of_somebody_else(path: Path) -> None:
    write_checkpoint(models.DeepConv1d(256), path, {})


@pytest.mark.parametrize("change", [_damaged, _cut_short, _of_somebody_else])
def test_a_changed_copy_of_shipped_weights_is_written_again(
    change: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECG_LIGHTNING_CACHE", str(tmp_path))
    path = checkpoint_path("DeepConv1d")
    written = path.stat().st_mtime_ns
    assert checkpoint_path("DeepConv1d").stat().st_mtime_ns == written  # a sound copy stays
    change(path)
    assert checkpoint_path("DeepConv1d") == path
    assert same(
        read_network(path)[0].state_dict(), models.DeepConv1d.from_pretrained().state_dict()
    )


def test_a_link_to_a_device_in_the_cache_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECG_LIGHTNING_CACHE", str(tmp_path))
    path = checkpoint_path("DeepConv1d")
    path.unlink()
    path.symlink_to("/dev/zero")
    assert read_network(checkpoint_path("DeepConv1d"))[1]["network"] == "DeepConv1d"


def test_shipped_weights_where_the_cache_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("ECG_LIGHTNING_CACHE", str(tmp_path / "cache"))
    named = tmp_path / "named"
    args = ["test", "--ckpt_path", "DeepConv1d", "--data.cache_dir", str(named)]
    path = Path(with_full_names(args)[2])
    assert path.is_relative_to(named)
    assert path.is_file()
    unnamed = checkpoint_path("DeepConv1d")
    assert read_network(unnamed)[1]["network"] == "DeepConv1d"
    assert not unnamed.is_relative_to(tmp_path)


@pytest.mark.parametrize("name", ["DeepConv1d", "TimeDepends"])
def test_shipped_weights_come_from_the_shipped_config(name: str) -> None:
    stem = {"DeepConv1d": "deep_conv1d", "TimeDepends": "time_depends"}[name]
    config = yaml.safe_load(
        (Path(models.__file__).parent.parent / "configs" / f"{stem}.yaml").read_text()
    )
    trained = read_network(checkpoint_path(name))[1]["config"]
    assert {key: trained["data"][key] for key in config["data"]} == config["data"]
    assert trained["model"]["network"] == config["model"]["network"]["class_path"]
    assert trained["trainer"]["max_epochs"] == config["trainer"]["max_epochs"]


@pytest.mark.parametrize("name", ["DeepConv1d", "DeepConv1d-robust", "TimeDepends"])
def test_the_model_card_names_the_epoch(name: str) -> None:
    rows = model_card().splitlines()
    cells = next(row for row in rows if f"| `{models.SHIPPED[name]}` |" in row).split("|")
    assert int(cells[4]) == read_network(checkpoint_path(name))[1]["config"]["epoch"] + 1


@pytest.mark.parametrize("name", ["PatientContext", "PatientContext-causal"])
def test_the_model_card_of_weights_that_see_context(name: str) -> None:
    card = model_card()
    network, description = shipped_network(name)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert f"| `{models.SHIPPED[name]}` | `{name}`, {count:,} numbers |" in card
    assert f", {description['config']['epoch'] + 1} epochs of about" in card
    assert f"divided by a temperature of {description['temperature']:g}, fitted" in card
    assert f"below {100 * description['unsure_below']:.1f} % a beat is called" in card


def model_card() -> str:
    folder = Path(models.__file__).parent.parent / "weights"
    return (folder / "README.md").read_text(encoding="utf-8")


def test_shipped_weights_of_another_length() -> None:
    with pytest.raises(
        InputError,
        match="expected an input length of 256, which they were trained for, found 300; "
        "cut beats of 256",
    ):
        load_shipped(models.TimeDepends(300))
    with pytest.raises(
        InputError,
        match="pretrained weights: expected one of DeepConv1d, DeepConv1d-robust, PatientContext, "
        "PatientContext-causal, TimeDepends, found 'Conv2d'",
    ):
        shipped_weights("Conv2d")

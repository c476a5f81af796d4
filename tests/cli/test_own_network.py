"""A network of the user in the current folder: found, imported alone, and refused with a reason."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from ecg_lightning.cli.own_network import current_folder_last, import_networks
from ecg_lightning.errors import InputError
from tests.helpers.cli import SMALL, TINY, command, one_cache
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)

NETWORK = """
import random  # the standard library's
from own_parts import HIDDEN  # of the same folder
from torch import nn

class MyNet(nn.Module):
    def __init__(self, input_length: int = 256) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(input_length, 5 * random.randint(1, 1)))

    def forward(self, x):
        return self.layers(x)

class NoNet:
    pass

class MyLoss(nn.Module):
    def __init__(self, power: int = 2) -> None:
        super().__init__()
        self.power = power

    def forward(self, logits, labels):
        return nn.functional.cross_entropy(logits, labels, reduction="none") ** self.power

def make(input_length: int = 256) -> nn.Module:
    return MyNet(input_length)

number = 3
"""
MARKER = "from pathlib import Path\nPath(__file__).with_suffix('.imported').touch()\n"
HIDING = ("torch", "yaml", "random", "numpy", "lightning", "evil")
EXPECTED = "model.network: expected one of Conv2d, DeepConv1d, PatientContext, TimeDepends"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a network and with files that bear the names of packages."""
    (tmp_path / "mynet.py").write_text(NETWORK)
    (tmp_path / "own_parts.py").write_text("HIDDEN = 16\n")
    for name in HIDING:
        (tmp_path / f"{name}.py").write_text(MARKER)
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    assert sys.path == path, "the current folder is still on the import path"
    assert [file.name for file in tmp_path.glob("*.imported")] == []


def refused(*args: str) -> str:
    with pytest.raises(InputError) as error:
        import_networks(args)
    line = str(error.value)
    assert line.startswith(EXPECTED)
    assert "\n" not in line
    return line


class TestIsFound:
    def test_by_its_name_on_the_command_line(self, folder: Path) -> None:
        import_networks(["fit", "--model.network", "mynet.MyNet"])
        assert sys.modules["mynet"].HIDDEN == 16

    @pytest.mark.parametrize(
        "args",
        [
            ["--model.network=mynet.MyNet"],
            ["--model.network.class_path", "mynet.MyNet"],
            ["--model.network", '{"class_path": "mynet.MyNet"}'],
            ["--model", '{"network": {"class_path": "mynet.MyNet"}}'],
            ["--model.network", "mynet.make"],  # a function that returns a network
        ],
    )
    def test_in_each_form(self, args: list[str], folder: Path) -> None:
        import_networks(args)
        assert "mynet" in sys.modules

    @pytest.mark.parametrize(
        "settings",
        [
            {"model": {"network": {"class_path": "mynet.MyNet"}}},
            {"model": {"network": "mynet.MyNet"}},
            {"fit": {"model": {"network": {"class_path": "mynet.MyNet"}}}},
        ],
    )
    @pytest.mark.parametrize("flag", ["--config", "-c"])
    def test_in_a_config(self, flag: str, settings: dict[str, Any], folder: Path) -> None:
        Path("own.yaml").write_text(yaml.safe_dump(settings))
        import_networks([flag, "own.yaml"])
        assert "mynet" in sys.modules

    def test_in_a_package(self, folder: Path) -> None:
        Path("nets").mkdir()
        Path("nets/small.py").write_text("from mynet import MyNet\nclass Outer:\n    Inner = MyNet")
        import_networks(["--model.network", "nets.small.Outer.Inner"])
        assert "nets.small" in sys.modules

    def test_and_trains(self, folder: Path) -> None:
        args = ["fit", "--model.network", "mynet.MyNet", *SMALL, "--trainer.fast_dev_run", "true"]
        outcome = command(args, folder)
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.folder.name.endswith("-fit-MyNet")

    def test_by_python_m_with_packages_names_beside_it(self, folder: Path) -> None:
        args = ["fit", "--model.network", "mynet.MyNet", *SMALL, "--trainer.fast_dev_run", "true"]
        others = os.environ.get("PYTHONPATH")  # an empty entry would be the current folder
        path = os.pathsep.join([str(ROOT), *([others] if others else [])])
        done = subprocess.run(
            [sys.executable, "-m", "ecg_lightning", *args],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1].endswith("-fit-MyNet")


class TestALoss:
    @pytest.mark.parametrize(
        "args",
        [
            ["--model.loss=mynet.MyLoss"],
            ["--model.loss.class_path", "mynet.MyLoss"],
            ["--model.loss", '{"class_path": "mynet.MyLoss"}'],
            ["--config", "own.yaml"],
        ],
    )
    def test_is_found_in_each_form(self, args: list[str], folder: Path) -> None:
        Path("own.yaml").write_text("model: {loss: {class_path: mynet.MyLoss}}\n")
        import_networks(args)
        assert "mynet" in sys.modules

    def test_trains_and_is_not_needed_afterwards(self, folder: Path) -> None:
        args = ["fit", *TINY, *SMALL, "--model.loss", "mynet.MyLoss", "--model.loss.power", "3"]
        outcome = command([*args, "--output", "run"], folder)
        assert (outcome.status, outcome.err) == (0, "")
        content = torch.load("run/checkpoints/last.ckpt", weights_only=True)
        loss = content["ecg_lightning"]["config"]["model"]["loss"]
        assert loss == {"class_path": "mynet.MyLoss", "init_args": {"power": 3}}
        best = ["--ckpt_path", "run/checkpoints/best.ckpt"]
        assert command(["test", *TINY, *best], folder).status == 0
        more = command(["fit", *TINY, *best, "--trainer.max_epochs", "2"], folder)
        assert (more.status, more.out) == (2, "")
        assert "found the loss 'MyLoss', a class of your own; name it" in more.err

    def test_is_refused_where_there_is_none(self, folder: Path) -> None:
        with pytest.raises(InputError) as error:
            import_networks(["--model.loss", "mynet.NoNet"])
        line = str(error.value)
        assert line.startswith("model.loss: expected one of CrossEntropy, FocalLoss, or the import")
        assert line.endswith(
            "found mynet.NoNet, a class that is no torch.nn.Module; correct the name (loss)"
        )

    def test_of_this_package_stays_that_of_a_checkpoint(self, folder: Path) -> None:
        smoothed = ["--model.loss", "CrossEntropy", "--model.loss.label_smoothing", "0.1"]
        first = command(["fit", *TINY, *SMALL, *smoothed, "--output", "run"], folder)
        assert (first.status, first.err) == (0, "")
        args = ["fit", *TINY, *SMALL[:4], "--ckpt_path", "run/checkpoints/last.ckpt"]
        more = command([*args, "--trainer.max_epochs", "2", "--output", "more"], folder)
        assert (more.status, more.err) == (0, "")
        settings = yaml.safe_load(Path("more/config.yaml").read_text())["model"]["loss"]
        assert settings["init_args"] == {"class_weights": None, "label_smoothing": 0.1}


class TestIsNotLookedUpThere:
    def test_an_installed_module_of_the_same_name_comes_first(self, folder: Path) -> None:
        Path("own.yaml").write_text("model: {network: {class_path: torch.nn.Identity}}\n")
        import_networks(["--config", "own.yaml", "--model.network", "torch.nn.Identity"])
        assert sys.modules["torch"] is torch  # the fixture looks for torch.imported

    def test_a_class_that_a_checkpoint_names(self, folder: Path) -> None:
        hyper = {"network": {"class_path": "evil.Evil"}}
        content = {
            "state_dict": {},
            "pytorch-lightning_version": "2.6.4",
            "hyper_parameters": hyper,
        }
        torch.save(content, "hostile.ckpt")
        outcome = command(["test", *TINY, "--ckpt_path", "hostile.ckpt"], folder)
        assert outcome.status == 2
        assert "evil" not in sys.modules  # the fixture looks for evil.imported

    @pytest.mark.parametrize("args", [[], ["--model.network"], ["--config"]])
    def test_nothing_without_a_name(self, args: list[str], folder: Path) -> None:
        modules = set(sys.modules)
        import_networks(args)
        assert set(sys.modules) == modules

    def test_a_config_without_a_network(self, folder: Path) -> None:
        Path("own.yaml").write_text("data: {network: evil.Evil}\nmodel: 3\n")
        import_networks(["--config", "own.yaml", "--data.root", "evil.Evil"])
        assert "evil" not in sys.modules  # the fixture looks for evil.imported


class TestARefusal:
    def test_without_such_a_module(self, folder: Path) -> None:
        line = refused("--model.network", "nonet.MyNet")
        assert "found nonet.MyNet, and no module nonet in the current folder or among the " in line

    def test_without_such_a_class(self, folder: Path) -> None:
        line = refused("--model.network", "mynet.YourNet")
        assert line.endswith(
            "found the module mynet without a class YourNet; correct the name (network)"
        )

    @pytest.mark.parametrize(
        ("name", "what"),
        [("NoNet", "a class that is no torch.nn.Module"), ("number", "no class")],
    )
    def test_of_what_is_no_network(self, name: str, what: str, folder: Path) -> None:
        line = refused(f"--model.network=mynet.{name}")
        assert f"found mynet.{name}, {what}; correct the name" in line

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("1 / 0", "ZeroDivisionError: division by zero (faulty.py, line 2)"),
            (
                "import nowhere",
                "ModuleNotFoundError: No module named 'nowhere' (faulty.py, line 2)",
            ),
            ("raise ValueError('two\\nlines')", "ValueError: two lines (faulty.py, line 2)"),
            ("import sys; sys.exit(3)", "SystemExit: 3 (faulty.py, line 2)"),
            ("x = (", "SyntaxError: '(' was never closed (faulty.py, line 2)"),
        ],
    )
    def test_of_an_import_that_fails(self, text: str, reason: str, folder: Path) -> None:
        Path("faulty.py").write_text(f"# a comment\n{text}\n")
        line = refused("--model.network", "faulty.Net")
        problem = f"found faulty.Net, but the import of faulty failed with {reason}"
        assert f"{problem}; fix that module" in line
        assert "faulty" not in sys.modules

    def test_names_the_flag_on_the_command_line(self, folder: Path) -> None:
        outcome = command(["fit", "--model.network", "mynet.YourNet"], folder)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.endswith("correct the name (--model.network)\n")
        assert re.fullmatch(r"ecg-lightning: [^\n]+\n", outcome.err)


class TestOtherClasses:
    """Callbacks, loggers, optimisers and schedules that are modules of the current folder."""

    TILT = (
        "from ecg_lightning.training.callbacks import BatchTransform\n"
        "class Tilt(BatchTransform):\n"
        "    def change(self, beats, generator):\n"
        "        beats.leads.add_(1)\n"
        "class Wrong(BatchTransform):\n"
        "    def change(self, beats, generator):\n"
        "        return beats.leads * 0\n"
        "class Assigns(BatchTransform):\n"
        "    def change(self, beats, generator):\n"
        "        beats.leads += 1\n"
    )
    FIT = ("fit", *TINY, *SMALL, "--trainer.fast_dev_run", "true")

    @pytest.mark.parametrize(
        "words",
        [
            ("--trainer.callbacks+=parts.Tilt",),
            ("--trainer.callbacks", "parts.Tilt"),
            ("--trainer.callbacks", "[{class_path: parts.Tilt}]"),
            ("--config", "own.yaml"),
        ],
    )
    def test_a_transform_alone_is_found(self, words: tuple[str, ...], folder: Path) -> None:
        Path("parts.py").write_text(self.TILT)
        Path("own.yaml").write_text("trainer: {callbacks: [{class_path: parts.Tilt}]}\n")
        outcome = command([*self.FIT, *words], folder)
        assert (outcome.status, outcome.err) == (0, "")

    def test_an_optimizer_is_found(self, folder: Path) -> None:
        Path("parts.py").write_text("import torch\nclass Own(torch.optim.SGD):\n    pass\n")
        outcome = command([*self.FIT, "--optimizer", "parts.Own", "--optimizer.lr", "0.1"], folder)
        assert (outcome.status, outcome.err) == (0, "")

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("parts.Tylt", "found the module parts without a class Tylt; correct the name"),
            ("broken.Tilt", "found broken.Tilt, but the import of broken failed with ZeroDivision"),
        ],
    )
    def test_the_cause_is_named(self, name: str, found: str, folder: Path) -> None:
        Path("parts.py").write_text(self.TILT)
        Path("broken.py").write_text("1 / 0\n")
        outcome = command([*self.FIT, f"--trainer.callbacks+={name}"], folder)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("ecg-lightning: trainer.callbacks: expected the import path")
        assert found in outcome.err

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("Wrong", "a result (Tensor), which nothing uses"),
            ("Assigns", "an assignment to beats.leads or another part"),
        ],
    )
    def test_a_transform_that_changes_nothing_in_place_is_refused(
        self, name: str, found: str, folder: Path
    ) -> None:
        Path("parts.py").write_text(self.TILT)
        outcome = command([*self.FIT, f"--trainer.callbacks+=parts.{name}"], folder)
        assert outcome.status == 2
        text = f"{name}.change: expected a change of beats.leads in place, and no result, found"
        assert f"{text} {found}; write " in outcome.err


def test_the_folder_leaves_the_path_after_a_failure(folder: Path) -> None:
    before = list(sys.path)
    during: list[str] = []
    with contextlib.suppress(ZeroDivisionError), current_folder_last():
        during += sys.path
        raise ZeroDivisionError
    assert during == [*before, str(folder)]
    assert sys.path == before


def test_a_folder_that_was_on_the_path_stays_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(folder))
        before = list(sys.path)
        with current_folder_last():
            pass
        assert sys.path == before

"""Bad input: one line on standard error that names file or argument, status 2, no partial file."""

import json
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ecg_lightning.cli.arguments import resolved
from ecg_lightning.cli.trainer import command as lightning_cli
from ecg_lightning.errors import InputError
from ecg_lightning.training.checkpoints import write_checkpoint
from ecg_lightning.training.run import remove_unused
from tests.helpers.cli import SMALL, TINY, Tiny, command, one_cache
from tests.helpers.records import ecg_like, write_record

# jsonargparse announces what Lightning's own command line will have to change.
pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)

WFDB = ("--data.source", "wfdb", "--data.root")
# Name -> the words of the command, and the words of the line in their order.
# IN stands for the folder of the fixture `inputs`.
SYNTHETIC = ("--data.source", "synthetic")
CASES: dict[str, tuple[list[str], list[str]]] = {
    "no command": ([], ["verb", "fit, validate, test", "found none", "ecg-lightning --help"]),
    "an unknown command": (["train"], ["verb train", "did you mean fit", "ecg-lightning --help"]),
    "the folder of a test": (
        ["test", "--ckpt_path", "IN/x.ckpt", "--output", "there"],
        ["--output there", "did you mean --trainer.default_root_dir instead of --output?"],
    ),
    "no such folder": (
        ["fit", *TINY, *WFDB, "IN/absent"],
        ["IN/absent", "expected a folder", "no such folder", "check"],
    ),
    "a file for a folder": (
        ["fit", *TINY, *WFDB, "IN/words.yaml"],
        ["IN/words.yaml", "expected a folder", "a file", "check"],
    ),
    "a folder without records": (
        ["fit", *TINY, *WFDB, "IN/empty"],
        ["IN/empty", "expected WFDB records", "none", "check"],
    ),
    "no folder named": (
        ["fit", *TINY, "--data.source", "wfdb"],
        ["root", "expected a folder", "none", "--data.root"],
    ),
    "a record without annotations": (
        ["fit", *TINY, *WFDB, "IN/bare"],
        [
            "IN/bare",
            "expected records with annotations (.atr)",
            "found 1 record without (r)",
            "put annotation files next to the headers",
            "--data.annotator",
        ],
    ),
    "records without beats": (
        ["fit", *TINY, *WFDB, "IN/beatless"],
        ["IN/beatless", "expected a beat", "found none in", "annotations"],
    ),
    "an unknown lead": (
        ["fit", *TINY, *SMALL, "--data.lead", "X9"],
        ["s01.hea", "MLII, V1", "'X9'", "choose"],
    ),
    "Kaggle's files missing": (
        ["fit", *TINY, "--data.source", "kaggle", "--data.root", "IN/empty"],
        ["IN/empty", "mitbih_train.csv", "neither"],
    ),
    "an unknown config": (
        ["fit", "--config", "nope.yaml"],
        [
            "config nope.yaml",
            "no such file",
            "shipped are conv2d.yaml, conv2d_spectrogram.yaml, deep_conv1d.yaml, ",
        ],
    ),
    "a folder as config": (["fit", "--config", "IN/empty"], ["config IN/empty", "a folder"]),
    "a config that is no YAML": (
        ["fit", "--config=IN/broken.yaml"],
        ["IN/broken.yaml", "expected a YAML file", "correct"],
    ),
    "a config that is no text": (
        ["fit", "-c", "IN/bytes.yaml"],
        ["IN/bytes.yaml", "expected a YAML file", "correct"],
    ),
    "a config of one word": (
        ["fit", "--config", "IN/words.yaml"],
        ["IN/words.yaml", "expected settings", "str"],
    ),
    "an unknown setting in a config": (
        ["fit", "--config", "IN/unknown.yaml"],
        ["data.sauce", "ecg-lightning fit --help"],
    ),
    "a config without its name": (
        ["fit", "--config"],
        ["--config", "expected a value", "add one"],
    ),
    "to resume without a checkpoint": (
        ["fit", "--ckpt_path", "hpc"],
        ["hpc: expected a checkpoint of this program, found no such file; take RUN/checkpoints"],
    ),
    "the wrong mode of a metric": (
        ["fit", "--checkpoint.monitor", "val_accuracy"],
        [
            "checkpoint.mode",
            "expected max for val_accuracy",
            "found min",
            "give --checkpoint.mode max",
        ],
    ),
    "no metric": (
        ["fit", "--checkpoint.monitor", "null"],
        ["checkpoint.monitor", "expected one of train_loss", "change --checkpoint.monitor"],
    ),
    "an unknown network": (
        ["fit", "--model.network", "Nope"],
        [
            "model.network",
            "expected one of Conv2d, DeepConv1d, PatientContext, TimeDepends",
            "found Nope",
            "correct the name",
        ],
    ),
    "a network that is no module": (
        ["fit", "--model.network", "collections.OrderedDict"],
        ["model.network", "expected one of", "found collections.OrderedDict"],
    ),
    "a network of an unknown package": (
        ["fit", "--model.network", "nowhere.Net"],
        ["model.network", "found nowhere.Net"],
    ),
    "an unknown network in a config": (
        ["fit", "-c", "IN/network.yaml"],
        ["model.network", "expected one of", "found Nope"],
    ),
    "an argument that the network does not have": (
        ["fit", *TINY, "--model.network.init_args.depth", "3"],
        ["model.network", "depth", "not accepted", "--help"],
    ),
    "an unknown argument": (
        ["fit", *TINY, "--nonsense", "1"],
        ["--nonsense 1", "ecg-lightning fit --help"],
    ),
    "an unknown data argument": (
        ["test", *TINY, "--data.rot", "x"],
        ["--data.rot x", "ecg-lightning test --help"],
    ),
    "a word for a number": (
        ["fit", *TINY, "--data.batch_size", "many"],
        ["data.batch_size", "expected int", "found many"],
    ),
    "a fraction for a number": (
        ["fit", *TINY, "--data.per_class", "1.5"],
        ["data.per_class", "expected int", "found 1.5"],
    ),
    "a word for an optional number": (
        ["fit", *TINY, "--trainer.max_epochs", "x"],
        ["trainer.max_epochs", "expected int or null", "found x"],
    ),
    "an argument without its value": (
        ["fit", *TINY, "--data.batch_size"],
        ["--data.batch_size", "expected one argument"],
    ),
    "an unknown choice": (
        ["fit", *TINY, "--data.split", "odd"],
        [
            "data.split",
            "expected original, dechazal, mixed, patients, records, folds, all",
            "found odd",
        ],
    ),
    "a batch of none": (
        ["fit", *TINY, "--data.batch_size", "0"],
        ["batch_size", "from 1 to", "found 0", "--data.batch_size"],
    ),
    "a negative window": (
        ["fit", *TINY, "--data.window_samples=-5"],
        ["window_samples", "from 1 to", "found -5"],
    ),
    "a window longer than the record": (
        ["fit", *TINY, *WFDB, "IN/one", "--data.window_samples", "999999"],
        ["record r", "at least a window, 999999 samples", "--data.window_samples"],
    ),
    "a window too short for the network": (
        [
            "fit",
            "--config",
            "time_depends.yaml",
            "--data.source",
            "synthetic",
            "--data.window_samples",
            "200",
        ],
        [
            "TimeDepends",
            "at least 244",
            "found 200",
            "200 -> 161 -> 74 -> 33 -> 12 -> 3 -> 0",
            "--data.window_samples",
        ],
    ),
    "too few beats of a class": (
        ["fit", *TINY, *WFDB, "IN/three"],
        ["split original, class N", "expected more than 200", "split records", "--data.split"],
    ),
    "a class absent from the training part": (
        ["fit", *TINY, *WFDB, "IN/three", "--data.split", "records"],
        [
            "balance weighted",
            "expected all of N S V F Q",
            "no beat of class S, F, Q",
            "the balance none (--data.balance)",
        ],
    ),
    "fewer records than parts": (
        ["fit", *TINY, *WFDB, "IN/one", "--data.split", "records"],
        ["split records", "at least 3 records", "found 1", "--data.split"],
    ),
    "nothing to train on": (
        ["fit", *TINY, *SMALL, "--data.split", "all"],
        ["split all", "expected beats in the train part", "found none", "--data.split"],
    ),
    "more draws than beats": (
        ["fit", *TINY, "--data.balance", "resample", "--data.per_class", "99999"],
        ["balance resample", "at least 99999 beats", "smaller", "--data.per_class"],
    ),
    "a network for pictures": (
        ["fit", "--model.network", "Conv2d", *SMALL],
        ["Conv2d", "expected pictures (B, 1, 256, 256)", "(32, 1, 256)", "DeepConv1d"],
    ),
    "a negative seed": (["fit", *TINY, "--data.seed=-1"], ["seed", "found -1", "--data.seed"]),
    "a negative learning rate": (
        ["fit", *TINY, *SMALL, "--model.learning_rate=-1"],
        ["learning_rate", "positive", "-1.0", "--model.learning_rate"],
    ),
    "something else to monitor": (
        ["fit", *TINY, "--early_stopping.monitor", "val_los"],
        [
            "early_stopping.monitor",
            "expected one of train_loss",
            "found val_los",
            "--early_stopping.monitor",
        ],
    ),
    "something else for the best": (
        ["fit", *TINY, "--checkpoint.monitor", "loss"],
        ["checkpoint.monitor", "found loss"],
    ),
    "an accelerator that is not there": (
        ["fit", *TINY, "--trainer.accelerator", "odd"],
        ["trainer", "odd", "cpu", "change"],
    ),
    "no device": (
        ["fit", *TINY, "--trainer.accelerator=cpu", "--trainer.devices=0"],
        ["trainer", "devices", "change"],
    ),
    "no checkpoint to test": (
        ["test", *TINY],
        ["ckpt_path", "checkpoint to test", "found none", "best.ckpt"],
    ),
    "no checkpoint to predict": (
        ["predict", *TINY],
        ["ckpt_path", "checkpoint to predict", "found none"],
    ),
    "a missing checkpoint": (
        ["test", *TINY, "--ckpt_path", "no.ckpt"],
        [
            "no.ckpt: expected a checkpoint of this program, found no such file",
            "; take RUN/checkpoints",
        ],
    ),
    "a missing checkpoint to resume from": (
        ["fit", *TINY, "--ckpt_path=no.ckpt"],
        ["no.ckpt: expected a checkpoint of this program, found no such file"],
    ),
    "the best checkpoint of no run": (
        ["test", *TINY, "--ckpt_path", "best"],
        ["best: expected a checkpoint of this program, found no such file"],
    ),
    "a missing checkpoint in a config": (
        ["test", "-c", "IN/checkpoint.yaml"],
        ["no.ckpt: expected a checkpoint of this program, found no such file"],
    ),
    "a damaged checkpoint": (
        ["test", *TINY, "--ckpt_path", "IN/damaged.ckpt"],
        ["IN/damaged.ckpt", "expected a checkpoint"],
    ),
    "an empty checkpoint": (
        ["validate", *TINY, "--ckpt_path", "IN/empty.ckpt"],
        ["IN/empty.ckpt", "expected a checkpoint"],
    ),
    "weights alone": (
        ["predict", *TINY, "--ckpt_path", "IN/weights.ckpt"],
        ["IN/weights.ckpt", "expected a checkpoint"],
    ),
    "a checkpoint of another network": (
        ["test", *TINY, *SYNTHETIC, "--ckpt_path", "IN/other.ckpt"],
        [
            "IN/other.ckpt",
            "expected the weights of Tiny",
            "network.hidden.weight is not there",
            "and 6 more",
            "wrote it (--config)",
        ],
    ),
    "a checkpoint of another network to resume from": (
        ["fit", *TINY, *SMALL, "--ckpt_path", "IN/other.ckpt"],
        ["IN/other.ckpt", "expected the weights of Tiny"],
    ),
    "a checkpoint of another shape": (
        ["test", *TINY, *SYNTHETIC, "--ckpt_path", "IN/wide.ckpt"],
        ["IN/wide.ckpt", "network.hidden.weight is (99, 8), expected (16, 8)", "config.yaml"],
    ),
    "runs below a file": (
        ["fit", *TINY, *SMALL, "--trainer.default_root_dir", "IN/words.yaml"],
        ["IN/words.yaml", "expected a folder", "Not a directory", "--trainer.default_root_dir"],
    ),
    "a cache below a file": (
        ["fit", *TINY, *SMALL, "--data.cache_dir", "IN/words.yaml/cache"],
        [
            "IN/words.yaml/cache",
            "expected a place where the synthetic database can be written",
            "Not a directory",
            "choose another folder (--data.cache_dir)",
        ],
    ),
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wrong inputs of all sorts."""
    folder = tmp_path_factory.mktemp("in")
    for name in ("empty", "bare", "beatless", "one", "three"):
        (folder / name).mkdir()
    write_record(folder / "bare", ecg_like())
    (folder / "bare/r.atr").unlink()
    write_record(folder / "beatless", ecg_like(symbols="++++++"))
    write_record(folder / "one", ecg_like())
    for i, name in enumerate("abc"):  # records with equal signals would be copies of one
        record = ecg_like(name, "NVNVNVNVNN")
        write_record(folder / "three", replace(record, signal=record.signal * (1 + i / 10)))
    (folder / "broken.yaml").write_text("data: [source\n")
    (folder / "bytes.yaml").write_bytes(bytes(range(128, 256)))
    (folder / "words.yaml").write_text("synthetic\n")
    (folder / "unknown.yaml").write_text("data: {sauce: synthetic}\n")
    (folder / "network.yaml").write_text("model: {network: {class_path: Nope}}\n")
    (folder / "checkpoint.yaml").write_text(
        "model: {network: {class_path: tests.helpers.cli.Tiny}}\nckpt_path: no.ckpt\n"
    )
    write_checkpoints(folder)
    return folder


def write_checkpoints(folder: Path) -> None:
    other = torch.nn.Sequential(OrderedDict(stem=torch.nn.Linear(3, 1, bias=False)))
    wide = Tiny()
    wide.hidden = torch.nn.Linear(8, 99)
    write_checkpoint(other, folder / "other.ckpt", {})
    write_checkpoint(wide, folder / "wide.ckpt", {})
    torch.save({"hidden.weight": torch.zeros(16, 8)}, folder / "weights.ckpt")
    (folder / "damaged.ckpt").write_bytes((folder / "other.ckpt").read_bytes()[:500])
    (folder / "empty.ckpt").touch()


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("case", CASES)
def test_one_line_and_status_2(case: str, inputs: Path, cache: Path, tmp_path: Path) -> None:
    args, words = CASES[case]
    before = files(inputs)
    outcome = command([arg.replace("IN/", f"{inputs}/") for arg in args], tmp_path)
    assert outcome.status == 2
    assert outcome.out == ""
    [line] = outcome.err.splitlines()
    assert line.startswith("ecg-lightning: ")
    position = 0
    for word in words:
        position = line.find(word.replace("IN/", f"{inputs}/"), position)
        assert position >= 0, f"{word!r} is missing or out of order: {line}"
    assert files(tmp_path) == set()
    assert files(inputs) == before
    partial = [path for path in cache.rglob("*") if path.name.startswith(".")]
    assert not partial, "partly written beats"


# Runs commands in a new process, where each import of a library could print something too.
NEW_PROCESS = """
import json, sys
from ecg_lightning.cli.main import main
print([main(args) for args in json.loads(sys.argv[1])])
"""


def test_in_a_new_process(inputs: Path, tmp_path: Path) -> None:
    cases = [CASES[case][0] for case in ("no such folder", "a word for a number")]
    text = json.dumps(cases).replace("IN/", f"{inputs}/")
    done = subprocess.run(
        [sys.executable, "-c", NEW_PROCESS, text.replace("tests.helpers.cli.Tiny", "DeepConv1d")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[2, 2]\n")
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("ecg-lightning: ") for line in lines)
    assert "Traceback" not in done.stderr


def test_every_line_has_no_more_than_it_needs(inputs: Path, tmp_path: Path) -> None:
    args, _ = CASES["a checkpoint of another network"]
    outcome = command([arg.replace("IN/", f"{inputs}/") for arg in args], tmp_path)
    assert len(outcome.err.replace(str(inputs), "")) < 300


def test_a_programming_error_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(lightning_cli, "CLI", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        command(["fit"], tmp_path)


class TestTheFolderOfARefusedRun:
    def test_goes_when_it_holds_no_result(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        folder.mkdir()
        (folder / "config.yaml").touch()
        remove_unused(folder)
        assert not folder.exists()

    @pytest.mark.parametrize("name", ["metrics.csv", "metrics.json", "checkpoints/best.ckpt"])
    def test_stays_when_it_holds_one(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        remove_unused(tmp_path)
        assert (tmp_path / name).exists()

    def test_is_the_first_ranks_to_remove(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LOCAL_RANK", "1")
        remove_unused(tmp_path)
        assert tmp_path.exists()

    def test_may_not_be_there_yet(self, tmp_path: Path) -> None:
        remove_unused(tmp_path / "absent")
        assert list(tmp_path.iterdir()) == []


def test_an_input_error_is_for_code_that_calls_the_package() -> None:
    with pytest.raises(InputError, match="shipped are"):
        resolved(["--config", "nope.yaml"])

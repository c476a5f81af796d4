"""A checkpoint is read as hostile input: what is wrong with it is said in one line."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from ecg_lightning import models
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import read_network
from ecg_lightning.models.checkpoint_file import read_content
from ecg_lightning.training.checkpoints import (
    AtomicCheckpoints,
    checked_checkpoint,
    write_checkpoint,
)
from ecg_lightning.training.classifier import BeatClassifier
from tests.helpers.cli import SMALL, command, one_cache

Content = dict[str, Any]
pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
BIAS = "network.head.bias"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run of one step."""
    folder = tmp_path_factory.mktemp("run")
    words = ["fit", "--data.per_class", "4", *SMALL[2:], "--trainer.limit_val_batches", "1"]
    outcome = command(words, folder)
    assert outcome.status == 0, outcome.err
    return folder / outcome.folder / "checkpoints" / "last.ckpt"


@pytest.fixture
def content(written: Path) -> Content:
    result: Content = torch.load(written, map_location="cpu", weights_only=True)
    return result


def refusal(path: Path, verb: str) -> str:
    with pytest.raises(InputError) as caught:
        checked_checkpoint(str(path), verb)
    line = str(caught.value)
    assert line.startswith(f"{path}: expected a checkpoint of this program, found ")
    assert "\n" not in line
    return line


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, torch.Tensor):
        return torch.equal(ours, theirs) and ours.dtype == theirs.dtype
    if isinstance(ours, dict):
        return list(ours) == list(theirs) and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        pairs = zip(ours, theirs, strict=True)
        return type(ours) is type(theirs) and all(same(one, other) for one, other in pairs)
    return bool(ours == theirs)


def test_reads_what_torch_reads(written: Path, content: Content) -> None:
    ours = read_content(written)
    assert same(ours, content)
    assert ours["state_dict"]._metadata == content["state_dict"]._metadata


def test_a_flipped_bit_is_refused(written: Path, tmp_path: Path) -> None:
    """`torch.load` accepts it: it compares no checksum."""
    with zipfile.ZipFile(written) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        numbers = archive.read(largest)
    flipped = bytearray(written.read_bytes())
    flipped[flipped.find(numbers) + 3] ^= 64
    path = tmp_path / "flipped.ckpt"
    path.write_bytes(flipped)
    torch.load(path, weights_only=True)
    assert "a damaged file (Bad CRC-32" in refusal(path, "test")


def _delete(*names: str) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        for name in names[:-1]:
            content = content[name]
        del content[names[-1]]

    return change


def _set(value: Any, *names: Any) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        for name in names[:-1]:
            content = content[name]
        content[names[-1]] = value

    return change


def _best(content: Content) -> Content:
    callbacks = content["callbacks"]
    state: Content = next(callbacks[key] for key in callbacks if key.startswith("BestCheckpoint"))
    return state


def _fill_with_nan(content: Content) -> None:
    content["state_dict"][BIAS][2] = float("nan")


def _endless(content: Content) -> None:
    level: list[Any] = ["l"]
    for _ in range(40):
        level = [level, level]
    content["ecg_lightning"]["config"]["data"]["without"] = level


def _itself(content: Content) -> None:
    content["ecg_lightning"]["config"]["data"] = content["ecg_lightning"]["config"]


ALWAYS: list[tuple[Callable[[Content], None], str]] = [
    (_delete("ecg_lightning"), "one of another program"),
    (_set("x", "ecg_lightning"), "a file without ecg_lightning.version"),
    (_set("x", "ecg_lightning", "config"), "ecg_lightning.config = 'x'"),
    (_set({"data": 3}, "ecg_lightning", "config"), "ecg_lightning.config = a dict of 1"),
    (_set({1: 2}, "ecg_lightning", "config"), "ecg_lightning.config"),
    (_set(7, "ecg_lightning", "network"), "ecg_lightning.network = 7"),
    (_set([b"N"], "ecg_lightning", "classes"), "_codecs.encode"),
    (_set("NSVFQ", "ecg_lightning", "classes"), "ecg_lightning.classes = 'NSVFQ'"),
    (_set("1.9\x1b[31m", "pytorch-lightning_version"), r"version = '1.9\x1b[31m'"),
    (_set(5, "pytorch-lightning_version"), "pytorch-lightning_version = 5"),
    (_delete("state_dict"), "a file without state_dict"),
    (_set([1], "state_dict"), "state_dict = a list of 1"),
    (_set(1.0, "state_dict", BIAS), f"state_dict.{BIAS} = 1.0"),
    (_fill_with_nan, f"weights that are not finite ({BIAS})"),
    (_set(torch.zeros(5).to_sparse(), "state_dict", BIAS), "_rebuild_sparse_tensor"),
    (_set(torch.zeros(5, device="meta"), "state_dict", BIAS), "_rebuild_meta_tensor_no_storage"),
    (_set(torch.zeros(1).expand(1 << 50), "state_dict", BIAS), "a tensor that is larger than its"),
    (_set(1 << 70, "epoch"), "a number of more than 64 bits"),
    (_set("\ud800", "hparams_name"), "a text that is no Unicode"),
    (_endless, "values that repeat themselves without end"),
    (_itself, "values nested too deeply"),
]
FIT: list[tuple[Callable[[Content], None], str]] = [
    (_delete("loops"), "a file without loops.fit_loop.epoch_progress"),
    (_set([], "loops"), "a file without loops.fit_loop.epoch_progress"),
    (_set(-1, "global_step"), "global_step = -1"),
    (_set(True, "epoch"), "epoch = True"),
    (_set(5, "loops", "fit_loop", "epoch_progress", "total"), "epoch_progress.total = 5"),
    (
        _set(1, "loops", "fit_loop", "epoch_progress", "current", "reset"),
        "an unknown entry loops.fit_loop.epoch_progress.current.reset",
    ),
    (
        _set("4", "loops", "fit_loop", "state_dict", "combined_loader", 0, "batches"),
        "combined_loader.batches = '4'",
    ),
    (_set("x", "callbacks"), "callbacks = 'x'"),
    (_set({"history": [{"epoch": []}]}, "callbacks", "RunFolder"), "history.epoch = a list of 0"),
    (lambda content: _best(content).update(best_model_path=None), "best_model_path = None"),
    (lambda content: _best(content).pop("kth_value"), "BestCheckpoint.kth_value"),
    (_set("x", "ecg_lightning_training_part"), "ecg_lightning_training_part.states"),
    (_delete("optimizer_states"), "optimizer_states = None"),
    (_set(None, "lr_schedulers"), "lr_schedulers = None"),
    (_set({}, "optimizer_states", 0), "a file without param_groups"),
    (_set([5], "optimizer_states", 0, "state"), "optimizer_states.state = a list of 1"),
    (_set(-8, "optimizer_states", 0, "param_groups", 0, "steps"), "param_groups.steps = -8"),
    (_set(float("inf"), "optimizer_states", 0, "param_groups", 0, "lr"), "param_groups.lr = inf"),
    (
        _set(torch.full((5,), torch.nan), "optimizer_states", 0, "state", 31, "exp_avg"),
        "optimizer_states.state.31.exp_avg with numbers that are not finite",
    ),
]


@pytest.mark.parametrize("verb", ["test", "fit"])
@pytest.mark.parametrize(("change", "found"), ALWAYS)
def test_a_field_that_every_verb_uses(
    change: Callable[[Content], None], found: str, verb: str, content: Content, tmp_path: Path
) -> None:
    change(content)
    path = tmp_path / "changed.ckpt"
    torch.save(content, path)
    assert found in refusal(path, verb)


@pytest.mark.parametrize(("change", "found"), FIT)
def test_a_field_that_only_a_training_uses(
    change: Callable[[Content], None], found: str, content: Content, tmp_path: Path
) -> None:
    change(content)
    path = tmp_path / "changed.ckpt"
    torch.save(content, path)
    assert found in refusal(path, "fit")


def test_an_evaluation_does_not_look_at_a_trainings_state(content: Content, tmp_path: Path) -> None:
    content.update(callbacks=3, optimizer_states="x", lr_schedulers="x", epoch="x")
    content["loops"]["test_loop"] = 5
    torch.save(content, tmp_path / "x.ckpt")
    outcome = command(["validate", "--ckpt_path", "x.ckpt", "--data.source", "synthetic"], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")


def _rewritten(path: Path, output: Path, change: Callable[[str, bytes], bytes], **how: Any) -> Path:
    """A zip file with the same entries, changed, and their true checksums."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(output, "w", **how) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
    return output


def test_numbers_that_are_shorter_than_the_pickle_says(written: Path, tmp_path: Path) -> None:
    """Torch would read behind the end of the entry."""

    def cut(name: str, numbers: bytes) -> bytes:
        return numbers[:64] if name == "archive/data/2" else numbers

    path = _rewritten(written, tmp_path / "short.ckpt", cut)
    assert "a tensor whose length differs from its data's" in refusal(path, "test")


def test_a_compressed_file(written: Path, tmp_path: Path) -> None:
    how = {"compression": zipfile.ZIP_DEFLATED}
    path = _rewritten(written, tmp_path / "x.ckpt", lambda _, numbers: numbers, **how)
    assert "a compressed file" in refusal(path, "test")


@pytest.mark.parametrize(
    "text",
    [
        b"\x80\x02cantigravity\nX\n.",
        b"\x80\x02cbuiltins\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x01\x85R.",
        b"\x80\x02(lcollections\nOrderedDict\no.",
        b"\x80\x02ccollections\nOrderedDict\n)\x81.",
        b"\x80\x02]r\xff\xff\xff\x7f.",  # a memo of 2 billion entries
        b"\x80\x02}b.",
        b".",
        b"",
        pickle.dumps([1]),
    ],
)
def test_a_pickle_with_other_instructions(text: bytes, written: Path, tmp_path: Path) -> None:
    def replace(name: str, numbers: bytes) -> bytes:
        return text if name == "archive/data.pkl" else numbers

    refusal(_rewritten(written, tmp_path / "x.ckpt", replace), "test")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_that_was_cut_short(share: float, written: Path, tmp_path: Path) -> None:
    whole, path = written.read_bytes(), tmp_path / "short.ckpt"
    path.write_bytes(whole[: int(share * len(whole))])
    assert "a file that cannot be read as one (BadZipFile)" in refusal(path, "fit")


def test_every_door_is_closed(content: Content, tmp_path: Path) -> None:
    """Python's doors; the commands go through `checked_checkpoint` and `read_network`."""
    _fill_with_nan(content)
    path = tmp_path / "nan.ckpt"
    torch.save(content, path)
    doors: list[Callable[[Path], Any]] = [
        read_network,
        BeatClassifier.load_from_checkpoint,
        AtomicCheckpoints().load_checkpoint,
        lambda path: BeatClassifier.load_from_checkpoint(io.BytesIO(path.read_bytes())),
    ]
    for door in doors:
        with pytest.raises(InputError, match="weights that are not finite"):
            door(path)
    for words in (
        ["predict", "--ckpt_path", "nan.ckpt"],
        ["fit", "--ckpt_path", "nan.ckpt"],
        ["export", "nan.ckpt", "--format", "torch-export", "--output", "x.pt2"],
    ):
        outcome = command(words, tmp_path)
        assert outcome.status == 2
        assert outcome.err.startswith("ecg-lightning: nan.ckpt: expected a checkpoint of this")
        assert outcome.err.count("\n") == 1
    assert [path.name for path in tmp_path.rglob("*.*")] == ["nan.ckpt"]


def test_pythons_door_takes_no_class_from_the_file(content: Content, tmp_path: Path) -> None:
    content["hyper_parameters"] = {
        "network": {"class_path": "antigravity.X"},
        "_instantiator": "os.system",
        "learning_rate": 0.5,
    }
    content["hparams_name"] = "network"
    content["hparams_type"] = "os.system"
    torch.save(content, tmp_path / "x.ckpt")
    loaded = BeatClassifier.load_from_checkpoint(tmp_path / "x.ckpt")
    assert isinstance(loaded.network, models.DeepConv1d)
    assert loaded.learning_rate == 0.5
    content["hyper_parameters"] = {"betas": 5}
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(InputError):
        BeatClassifier.load_from_checkpoint(tmp_path / "x.ckpt")


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.ckpt")
    with pytest.raises(InputError, match="found a pipe"):
        read_network(tmp_path / "x.ckpt")


def test_an_imported_checkpoint_is_read_by_every_door(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    write_checkpoint(models.DeepConv1d(256), path, {})
    for verb in ("fit", "test"):
        assert checked_checkpoint(str(path), verb)
    assert BeatClassifier.load_from_checkpoint(path).loaded_epoch is None

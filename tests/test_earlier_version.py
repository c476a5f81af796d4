"""What version 0.1.0 wrote still works: a checkpoint, a run, a config and exported files.

`tests/inputs/version-0.1.0` holds a run of that version that was stopped after the first of two
epochs of `scripts/train.py --data.per_class 20 --trainer.max_epochs 2`. To keep the files small,
98 % of the weights were set to 0 and the others multiplied by 20; the expected logits were computed
by that version in float64.
"""

import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ecg_lightning import BeatClassifier
from ecg_lightning.export import read_metadata
from ecg_lightning.models import DeepConv1d, read_network
from tests.helpers.cli import command, one_cache
from tests.helpers.paths import ROOT

INPUTS = ROOT / "tests" / "inputs" / "version-0.1.0"
LOGITS = torch.tensor(
    [
        [-0.025762482355576738, 0.5644928703763716, 0.2728585060480113, 0.03272712355324364],
        [-0.01573408759557035, 0.7134488880109835, 0.36012535362789133, 0.051360391146079765],
        [-0.006000780364081415, 0.6088502039085744, 0.3160960161005018, 0.047097862492228026],
    ],
    dtype=torch.float64,
)  # of the classes N, S, V and F
FIRST_EPOCH = {"train_accuracy": 0.21, "val_accuracy": 0.2, "val_loss": 1.6094003915786743}

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


def unpacked(name: str, path: Path) -> Path:
    """A file of the inputs, written to `path` without its compression."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.decompress((INPUTS / name).read_bytes()))
    return path


def signals() -> Tensor:
    """Three beats (3, 1, 256)."""
    waves = torch.linspace(0, 1, 3 * 256, dtype=torch.float64).sin().float().reshape(3, 1, 256)
    return waves * torch.tensor([1.0, 0.5, 0.25])[:, None, None]


def run_folder(folder: Path) -> Path:
    """The run as that version left it."""
    for name in ("last.ckpt", "best.ckpt"):
        unpacked("last.ckpt.xz", folder / "checkpoints" / name)
    (folder / "config.yaml").write_bytes((INPUTS / "config.yaml").read_bytes())
    return folder


@torch.no_grad()
def test_its_checkpoint_gives_the_same_logits(tmp_path: Path) -> None:
    path = unpacked("last.ckpt.xz", tmp_path / "last.ckpt")
    network, description = read_network(path)
    assert (description["version"], type(network)) == ("0.1.0", DeepConv1d)
    for loaded in (network, BeatClassifier.load_from_checkpoint(path).eval()):
        logits = loaded.double()(signals().double())
        torch.testing.assert_close(logits[:, :4], LOGITS, rtol=1e-12, atol=1e-12)


def test_its_run_resumes_and_is_tested_exported_and_reported(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    words = ["--data.per_class", "20", "--trainer.max_epochs", "2", "--output", str(folder)]
    outcome = command(words, tmp_path, script=True)
    assert (outcome.status, outcome.err) == (0, "")
    assert "1 epoch" in outcome.out
    assert "epoch 1/2" not in outcome.out
    assert "epoch 2/2" in outcome.out
    rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    first = dict(zip(rows[0], map("".join, zip(rows[1], rows[2], strict=True)), strict=True))
    assert {key: float(first[key]) for key in FIRST_EPOCH} == pytest.approx(FIRST_EPOCH)
    best = str(folder / "checkpoints" / "best.ckpt")
    for words in (
        ["test", "--config", str(folder / "config.yaml"), "--ckpt_path", best],
        ["export", best, "--format", "torch-export", "--output", str(tmp_path / "new.pt2")],
        ["report", str(folder), "--output", str(tmp_path / "report.html")],
        ["fit", "--config", str(folder / "config.yaml"), "--trainer.fast_dev_run", "true"],
    ):
        outcome = command(words, tmp_path)
        assert (outcome.status, outcome.err) == (0, "")


@torch.no_grad()
def test_its_exported_file_is_read_and_runs(tmp_path: Path) -> None:
    path = unpacked("exported.pt2.xz", tmp_path / "exported.pt2")
    metadata = read_metadata(path)
    assert (metadata["network"], metadata["format"]) == ("DeepConv1d", "torch-export")
    logits = torch.export.load(path).module()(signals())
    torch.testing.assert_close(logits[:, :4].double(), LOGITS, rtol=1e-4, atol=1e-5)


def test_its_exported_onnx_file_is_read_and_runs(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX not tested: no onnxruntime")
    path = unpacked("exported.onnx.xz", tmp_path / "exported.onnx")
    assert read_metadata(path)["ecg_lightning_version"] == "0.1.0"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"beats": signals().numpy()})
    expected = LOGITS.float()
    torch.testing.assert_close(torch.from_numpy(logits)[:, :4], expected, rtol=1e-4, atol=1e-5)

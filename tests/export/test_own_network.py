"""`ecg-lightning export` of a network of the user, named by its class or by the run's config."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ecg_lightning.export.metadata import read_metadata
from tests.helpers.cli import SMALL, Outcome, command, one_cache

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
CODE = """
from torch import nn

class MyNet(nn.Module):
    def __init__(self, input_length: int, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, width, 9, stride=4), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.5),
            nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Linear(4 * width, 5),
        )

    def forward(self, x):
        return self.layers(x)

class Pictures(nn.Module):
    def __init__(self, input_length: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.AvgPool2d(16), nn.Flatten(), nn.Linear((input_length // 16) ** 2, 5)
        )

    def forward(self, x):
        return self.layers(x)

class Untyped(nn.Module):
    def __init__(self, input_length, width=4):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(input_length, width), nn.Linear(width, 5)
        )

    def forward(self, x):
        return self.layers(x)

class Deciding(MyNet):
    def forward(self, x):
        return self.layers(x) if float(x.detach().sum()) > 1e9 else self.layers(x) * 2
"""
BEST = "run/checkpoints/best.ckpt"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Path]:
    """The user's folder: mynet.py, and the run of a network that is wider than by default."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "mynet.py").write_text(CODE)
    words = ["--model.network", "mynet.MyNet", "--model.network.width", "12"]
    assert fit(folder, "run", *words) == BEST
    yield folder
    sys.modules.pop("mynet", None)


def fit(place: Path, output: str, *words: str) -> str:
    """Train a network; return its best checkpoint."""
    outcome = command(["fit", *SMALL, *words, "--output", output], place)
    assert (outcome.status, outcome.err) == (0, "")
    return f"{output}/checkpoints/best.ckpt"


def export(place: Path, *words: str, checkpoint: str = BEST, name: str = "beats.onnx") -> Outcome:
    form = "onnx" if name.endswith("onnx") else "torch-export"
    return command(["export", checkpoint, "--format", form, "--output", name, *words], place)


def outputs(path: Path, beats: torch.Tensor) -> np.ndarray:  # type: ignore[type-arg]
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(None, {"beats": beats.numpy()})[0]  # type: ignore[type-arg]
    return result


def test_the_file_computes_what_the_network_computes(place: Path) -> None:
    pytest.importorskip("onnxruntime")
    outcome = export(place, "--config", "run/config.yaml", "--softmax")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("MyNet as onnx: probabilities differ from the checkpoint's by ")
    content = torch.load(place / BEST, weights_only=True)["state_dict"]
    network: nn.Module = sys.modules["mynet"].MyNet(256, 12).eval()
    network.load_state_dict({key.removeprefix("network."): x for key, x in content.items()})
    beats = torch.rand(7, 1, 256)
    with torch.no_grad():
        expected = network(beats).softmax(-1)
    np.testing.assert_allclose(outputs(place / "beats.onnx", beats), expected, atol=1e-5)
    metadata = read_metadata(place / "beats.onnx")
    known = {name: metadata[name] for name in ("network", "input_length", "fs_hz", "view")}
    assert known == {"network": "MyNet", "input_length": 256, "fs_hz": 360.0, "view": "signal"}
    assert metadata["input"]["shape"] == ["batch", 1, 256]


def test_a_class_alone_has_its_default_arguments(place: Path) -> None:
    """Where no config lies beside the checkpoint, nobody knows those of the training."""
    shutil.copy(place / BEST, place / "alone.ckpt")
    outcome = export(place, "--network", "mynet.MyNet", checkpoint="alone.ckpt")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert "expected the weights of MyNet, found others: Error(s) in loading" in outcome.err
    assert "--config RUN/config.yaml" in outcome.err


def test_other_arguments_than_those_of_the_run_are_refused(place: Path) -> None:
    """Such as a dilation: no weight has another shape, and the file would be of another network."""
    (place / "other.yaml").write_text(
        "model: {network: {class_path: mynet.MyNet, init_args: {width: 13}}}\n"
    )
    for words, found in (
        (("--network", "mynet.MyNet"), "none"),
        (("--config", "other.yaml"), "{'width': 13}"),
    ):
        outcome = export(place, *words)
        assert (outcome.status, outcome.out) == (2, "")
        expected = "network mynet.MyNet: expected the arguments of the training, {'width': 12}"
        assert f"{expected}, found {found}; name the config of the run: --config " in outcome.err


def test_a_class_alone_is_enough_where_the_run_had_its_defaults(place: Path) -> None:
    """The config of a run names them."""
    best = fit(place, "usual", "--model.network", "mynet.MyNet")
    assert "width: 8" in (place / "usual/config.yaml").read_text()
    outcome = export(place, "--network", "mynet.MyNet", checkpoint=best, name="usual.pt2")
    assert (outcome.status, outcome.err) == (0, "")


def test_arguments_need_no_types(place: Path) -> None:
    words = ["--model.network", "mynet.Untyped", "--model.network.width", "6"]
    best = fit(place, "untyped", *words)
    outcome = export(place, "--config", "untyped/config.yaml", checkpoint=best, name="untyped.pt2")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("Untyped as torch-export: logits differ from the checkpoint's")


def test_pictures_keep_their_shape(place: Path) -> None:
    words = ["--model.network", "mynet.Pictures", "--data.view", "clean-image"]
    best = fit(place, "pictures", *words)
    outcome = export(place, "--network", "mynet.Pictures", checkpoint=best, name="pictures.pt2")
    assert (outcome.status, outcome.err) == (0, "")
    assert read_metadata(place / "pictures.pt2")["input"]["shape"] == ["batch", 1, 128, 128]


REFUSED = {
    "nothing is named": ([], "found the network 'MyNet', a class of your own; name it: --config "),
    "another class": (["--network", "mynet.Net"], "found the module mynet without a class Net"),
    "no such config": (["--config", "no.yaml"], "config no.yaml: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_exported_is_refused_in_one_line(case: str, place: Path) -> None:
    words, line = REFUSED[case]
    outcome = export(place, *words, name="refused.onnx")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert line in outcome.err
    assert not (place / "refused.onnx").exists()


def test_code_that_cannot_be_traced_is_refused(place: Path) -> None:
    text = (place / "run/config.yaml").read_text().replace("mynet.MyNet", "mynet.Deciding")
    (place / "deciding.yaml").write_text(text)
    outcome = export(place, "--config", "deciding.yaml", name="refused.onnx")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert (
        "expected a network that this format can hold, found Deciding, which fails" in outcome.err
    )

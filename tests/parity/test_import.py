"""Imported Keras files compute what Keras computes; files exported to Keras come back unchanged."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
import torch

from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.export.exporter import export_network
from ecg_lightning.keras_import.importer import network_from_keras
from keras_reference.networks import NETWORKS
from tests.helpers import keras_files as files
from tests.helpers.original_networks import ORIGINALS
from tests.parity import trajectories
from tests.parity.comparison import Comparison

pytestmark = pytest.mark.parity

REFERENCE = {"DeepConv1d": "deep_conv1d", "TimeDepends": "time_depends", "Conv2d": "conv2d"}
BEATS = 10_000
WINDOWS = 110_257


@pytest.fixture(scope="module")
def original() -> Path:
    """The original's trained DeepConv1d that `ECG_ORIGINAL_H5` names; skips without it."""
    file = os.environ.get("ECG_ORIGINAL_H5")
    if not file:
        pytest.skip(
            "the original's weights not tested: ECG_ORIGINAL_H5 names no model_linear_256.h5"
        )
    return Path(file).resolve()


@pytest.fixture(scope="module")
def beats(mitdb: Path, tmp_path_factory: pytest.TempPathFactory) -> BeatDataModule:
    """All windows of the 48 records."""
    data = BeatDataModule("mitdb", mitdb, split="all", cache_dir=tmp_path_factory.mktemp("cache"))
    data.prepare_data()
    data.setup()
    assert len(data.beats) == WINDOWS
    return data


def keras_model(
    name: str, arrays: list[list[np.ndarray]], length: int | None = None
) -> keras.Model:
    """The reference network with weights in the order of the file, without any names."""
    trajectories.set_floatx("float32")
    model = NETWORKS[REFERENCE[name]](*([length] if length else []))
    layers = [layer for layer in model.layers if layer.weights]
    for layer, layer_arrays in zip(layers, arrays, strict=True):
        layer.set_weights(layer_arrays)
    return model


def arrays_of(file: Path) -> list[list[np.ndarray]]:
    """The arrays of each layer of an `.h5` file of TF 1, read by h5py only."""
    import h5py  # type: ignore[import-untyped]

    with h5py.File(file) as content:
        weights = content["model_weights"]
        layers = [weights[name.decode()] for name in weights.attrs["layer_names"]]
        arrays = [
            [np.array(layer[name.decode()]) for name in layer.attrs["weight_names"]]
            for layer in layers
        ]
    return [layer_arrays for layer_arrays in arrays if layer_arrays]


def logits_of(network: torch.nn.Module, inputs: torch.Tensor) -> np.ndarray:
    """Logits (B, 5), computed in pieces."""
    with torch.no_grad():
        return torch.cat([network(piece) for piece in inputs.split(1024)]).numpy()


@pytest.mark.parametrize("name", ORIGINALS)
def test_a_file_of_the_tf_1_era(name: str, tmp_path: Path, compare: Comparison) -> None:
    layers = ORIGINALS[name]()
    network = network_from_keras(files.tf1_h5(tmp_path / "file.h5", layers))
    model = keras_model(name, [list(made.arrays.values()) for made in layers if made.arrays])
    shape = (4, 1, 128, 128) if name == "Conv2d" else (64, 1, 256)
    inputs = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    reference = trajectories.keras_logits(model, np.moveaxis(inputs.numpy(), 1, -1))
    compare(
        "logits",
        reference,
        logits_of(network, inputs),
        dtype="float32",
        case=f"{name}, TF-1-era file",
    )


def test_every_prediction_of_the_original(
    original: Path, beats: BeatDataModule, compare: Comparison
) -> None:
    """98.293 % of the windows are right, and Keras agrees on every one; logits on 10,000."""
    network = network_from_keras(original)
    model = keras_model("DeepConv1d", arrays_of(original))
    ours = logits_of(network, beats.table.signals)
    signals = np.moveaxis(beats.table.signals.numpy(), 1, -1)
    theirs = model.predict(signals, batch_size=1024, verbose=0).argmax(1)
    labels = beats.beats.labels
    assert np.flatnonzero(ours.argmax(1) != theirs).tolist() == []
    assert 100 * np.mean(ours.argmax(1) == labels) == pytest.approx(98.293, abs=0.005)
    some = np.random.default_rng(0).choice(WINDOWS, BEATS, replace=False)
    reference = trajectories.keras_logits(model, signals[some])
    compare(
        "logits of the original's weights",
        reference,
        ours[some],
        dtype="float32",
        case="10,000 beats",
    )
    exact = logits_of(network.double(), beats.table.signals[some].double())
    own, keras_own = np.abs(ours[some] - exact).max(), np.abs(reference - exact).max()
    assert own <= 2 * keras_own, f"float32 against float64: {own:.2g}, Keras {keras_own:.2g}"


def test_original_to_keras_and_back(
    original: Path, beats: BeatDataModule, tmp_path: Path, compare: Comparison
) -> None:
    network = network_from_keras(original)
    export_network(network, tmp_path / "again.keras", "keras", {"classes": list("NSVFQ")})
    again = network_from_keras(tmp_path / "again.keras")
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    some = np.moveaxis(beats.table.signals[:BEATS].numpy(), 1, -1)
    exported = keras.saving.load_model(tmp_path / "again.keras").predict(
        some, batch_size=1024, verbose=0
    )
    direct = trajectories.keras_logits(keras_model("DeepConv1d", arrays_of(original)), some)
    compare(
        "logits of the original's weights", direct, exported, dtype="float32", case="through .keras"
    )


@pytest.mark.parametrize(
    ("name", "softmax"), [("DeepConv1d", True), ("TimeDepends", False), ("Conv2d", False)]
)
def test_ours_to_keras_and_back_is_bit_equal(name: str, softmax: bool, tmp_path: Path) -> None:
    network = network_from_keras(files.tf1_h5(tmp_path / "file.h5", ORIGINALS[name](seed=1)))
    export_network(network, tmp_path / "again.keras", "keras", {"classes": list("NSVFQ")}, softmax)
    again = network_from_keras(tmp_path / "again.keras")
    assert type(again) is type(network)
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[key]), key

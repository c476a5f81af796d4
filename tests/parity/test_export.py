"""Exported `.keras` files compute in Keras what the network computes."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import torch

from ecg_lightning.errors import InputError
from ecg_lightning.export.exporter import export_network
from ecg_lightning.export.metadata import read_metadata
from ecg_lightning.keras_import.weights import state_dict_from_keras
from ecg_lightning.models import Conv2d, DeepConv1d, TimeDepends
from tests.export.test_exporter import METADATA, settled, signals
from tests.parity import trajectories
from tests.parity.comparison import Comparison

pytestmark = pytest.mark.parity

NETWORKS = {
    "deep_conv1d": (DeepConv1d, 187),
    "time_depends": (TimeDepends, 250),
    "conv2d": (Conv2d, 45),
}


SETTINGS = '{"floatx": "float16", "backend": "jax", "image_data_format": "channels_first"}'


@pytest.fixture(autouse=True)
def _odd_settings(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Other Keras settings of the user, which must neither matter nor change."""
    home = tmp_path_factory.mktemp("home")
    (home / "keras.json").write_text(SETTINGS)
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    yield
    assert (home / "keras.json").read_text() == SETTINGS


@pytest.mark.parametrize(
    ("name", "softmax"), [("deep_conv1d", False), ("time_depends", True), ("conv2d", False)]
)
def test_keras_computes_what_the_network_computes(
    name: str, softmax: bool, tmp_path: Path, compare: Comparison
) -> None:
    network_class, length = NETWORKS[name]
    network, path = settled(network_class, length).eval(), tmp_path / "beats.keras"
    assert 0 <= export_network(network, path, "keras", METADATA, softmax) < 1e-4
    assert list(tmp_path.iterdir()) == [path]
    loaded = keras.saving.load_model(path)
    assert {layer.dtype for layer in loaded.layers} == {"float32"}
    for count in (1, 3, 64):
        inputs = signals(count, network)
        with torch.no_grad():
            expected = network(inputs)
        found = loaded.predict(inputs.movedim(1, -1).numpy(), verbose=0)
        if softmax:
            np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
            np.testing.assert_allclose(found, expected.softmax(1).numpy(), rtol=0, atol=1e-6)
        else:
            compare("logits", found, expected.numpy(), dtype="float32", case=f"{name}, exported")
    state = network.state_dict()
    for entry, tensor in state_dict_from_keras(network, trajectories.get_weights(loaded)).items():
        assert torch.equal(tensor, state[entry]), entry  # there and back: equal to the bit
    metadata = read_metadata(path)
    assert {key: metadata[key] for key in METADATA} == METADATA
    assert metadata["input"] == {
        "shape": ["batch", *[length] * (inputs.dim() - 2), 1],
        "type": "float32",
    }
    assert metadata["output"]["name"] == ("probabilities" if softmax else "logits")
    assert metadata["versions"]["keras"] == keras.__version__


def test_what_the_child_process_cannot_do_ends_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        export_network(DeepConv1d(40, classes=7), tmp_path / "beats.keras", "keras", {})
    message = str(caught.value)
    assert "\n" not in message
    assert (
        "found that it ended with status 1: ValueError: Layer head weight shape (32, 5)" in message
    )
    assert not list(tmp_path.iterdir())

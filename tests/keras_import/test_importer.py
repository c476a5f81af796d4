"""Keras files of the original's networks in every layout are read; similar files are refused."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from ecg_lightning.errors import InputError
from ecg_lightning.keras_import.importer import network_from_keras
from ecg_lightning.models.names import KERAS_NETWORKS
from tests.helpers import keras_files as files
from tests.helpers.keras_files import Made
from tests.helpers.keras_reading import hdf5_bytes
from tests.helpers.original_networks import ORIGINALS

WHOLE = (files.tf1_h5, files.keras2_h5, files.keras3_h5, files.keras_zip)
ALONE = (files.legacy_weights_h5, files.weights_h5)
NAMES = list(ORIGINALS)


def modules_in_order(name: str) -> list[str]:
    """The modules with weights, in the order in which the original's source makes the layers."""
    if name == "DeepConv1d":
        first = [f"convs.{i}" for i in range(5)]
        return [
            *first,
            "convs.5",
            "norms.0",
            "convs.6",
            "norms.1",
            "convs.7",
            "norms.2",
            "convs.8",
            "norms.3",
            "convs.9",
            "dense",
            "head",
        ]
    if name == "TimeDepends":
        return ["stem", *(f"blocks.{i}.conv{k}" for i in range(6) for k in (1, 2)), "head"]
    blocks = [
        f"blocks.{i}.{part}" for i in range(4) for part in ("conv1", "conv2", "norm", "shortcut")
    ]
    return ["stem", "stem_norm", *blocks, "dense", "head"]


def assert_holds(network: torch.nn.Module, name: str, layers: list[Made]) -> None:
    """Assert that every array is in its module, with its axes in torch's order."""
    state = network.state_dict()
    weighted = [made for made in layers if made.arrays]
    assert type(network).__name__ == name
    assert not network.training
    assert len(weighted) == len(modules_in_order(name))
    for made, module in zip(weighted, modules_in_order(name), strict=True):
        entries = (
            ("weight", "bias")
            if len(made.arrays) == 2
            else ("weight", "bias", "running_mean", "running_var")
        )
        for array, entry in zip(made.arrays.values(), entries, strict=True):
            # (k, in, out) -> (out, in, k); (h, w, in, out) -> (out, in, h, w)
            moved = np.moveaxis(array, (-1, -2), (0, 1)) if array.ndim > 1 else array
            np.testing.assert_array_equal(
                state[f"{module}.{entry}"].numpy(), moved, err_msg=f"{module}.{entry}"
            )


@pytest.mark.parametrize("write", WHOLE)
@pytest.mark.parametrize("name", NAMES)
def test_the_graph_says_which_network(
    name: str, write: Callable[..., Path], tmp_path: Path
) -> None:
    layers = ORIGINALS[name]()
    assert_holds(network_from_keras(write(tmp_path / "file", layers)), name, layers)


@pytest.mark.parametrize("write", ALONE)
@pytest.mark.parametrize("name", NAMES)
def test_weights_alone(name: str, write: Callable[..., Path], tmp_path: Path) -> None:
    layers = ORIGINALS[name]()
    file = write(tmp_path / "file", layers)
    assert_holds(network_from_keras(file, name), name, layers)
    with pytest.raises(
        InputError,
        match="expected a graph and weights, found weights alone; name their network, one of "
        r"Conv2d, DeepConv1d, TimeDepends \(network\)$",
    ):
        network_from_keras(file)


def test_weights_of_another_length(tmp_path: Path) -> None:
    file = files.legacy_weights_h5(tmp_path / "file", ORIGINALS["Conv2d"]())
    with pytest.raises(
        InputError, match=r"layer 'dense': expected arrays of the shapes \[\(32, 32\)"
    ):
        network_from_keras(file, "Conv2d", 32)


Change = tuple[str, dict[str, Any], str]
CHANGES: dict[str, list[Change]] = {
    "DeepConv1d": [
        (
            "conv1d_3",
            {"kernel_size": [41]},
            r"layer 'conv1d_3': expected Conv1D with kernel_size \[40\], found \[41\]",
        ),
        (
            "conv1d_3",
            {"filters": 64},
            "layer 'conv1d_3': expected Conv1D with filters 32, found 64",
        ),
        (
            "conv1d_3",
            {"padding": "valid"},
            "layer 'conv1d_3': expected Conv1D with padding same, found 'valid'",
        ),
        (
            "conv1d_3",
            {"padding": "causal"},
            "layer 'conv1d_3': expected Conv1D with padding same, found 'causal'",
        ),
        (
            "conv1d_3",
            {"strides": [2]},
            r"layer 'conv1d_3': expected Conv1D with strides \[1\], found \[2\]",
        ),
        (
            "conv1d_3",
            {"dilation_rate": [2]},
            r"layer 'conv1d_3': expected dilation_rate 1, found \[2\]",
        ),
        ("conv1d_3", {"groups": 2}, "layer 'conv1d_3': expected groups 1, found 2"),
        ("conv1d_3", {"use_bias": False}, "layer 'conv1d_3': expected use_bias True, found False"),
        (
            "conv1d_3",
            {"data_format": "channels_first"},
            "layer 'conv1d_3': expected data_format channels_last, found 'channels_first'",
        ),
        ("conv1d_3", {"activation": "relu"}, "layer 'conv1d_3': expected Conv1D, found ReLU"),
        (
            "conv1d_3",
            {"activation": "tanh"},
            "layer 'conv1d_3': expected relu, softmax or no activation, found 'tanh'",
        ),
        (
            "batch_normalization",
            {"epsilon": 1e-5},
            "BatchNormalization with epsilon 0.001, found 1e-05",
        ),
        (
            "batch_normalization",
            {"momentum": 0.9},
            "BatchNormalization with momentum 0.99, found 0.9",
        ),
        ("batch_normalization", {"axis": [1]}, "BatchNormalization with axis 2, found 1"),
        (
            "batch_normalization",
            {"scale": False},
            "layer 'batch_normalization': expected scale True, found False",
        ),
        (
            "max_pooling1d_2",
            {"pool_size": [14]},
            r"layer 'max_pooling1d_2': expected MaxPooling1D with pool_size \[15\], found \[14\]",
        ),
        (
            "max_pooling1d_2",
            {"strides": [1]},
            r"layer 'max_pooling1d_2': expected MaxPooling1D with strides \[2\], found \[1\]",
        ),
        ("dense_1", {"units": 4}, "layer 'dense_1': expected Dense with units 5, found 4"),
        (
            "dense_1",
            {"activation": "sigmoid"},
            "layer 'dense_1': expected relu, softmax or no activation, found 'sigmoid'",
        ),
        (
            "inputs",
            {"batch_shape": [None, 256, 2]},
            r"expected an input of shape \(T, 1\) or \(H, H, 1\)",
        ),
        (
            "inputs",
            {"batch_shape": [None, 1 << 40, 1]},
            r"expected an input of shape \(T, 1\) or \(H, H, 1\) with up to 65536",
        ),
        (
            "inputs",
            {"batch_shape": [None, None, 1]},
            r"layer 'inputs': expected beats \(T, 1\) or pictures",
        ),
    ],
    "TimeDepends": [
        (
            "conv1d",
            {"padding": "same"},
            r"nearest to TimeDepends \(layer 'conv1d': expected Conv1D with padding valid, "
            r"found 'same'\)",
        ),
        (
            "max_pooling1d",
            {"padding": "same"},
            "layer 'max_pooling1d': expected MaxPooling1D with padding valid, found 'same'",
        ),
        (
            "inputs",
            {"batch_shape": [None, 200, 1]},
            "TimeDepends: input_length: expected at least 244, found 200",
        ),
    ],
    "Conv2d": [
        (
            "conv2d_3",
            {"kernel_size": [2, 2]},
            r"layer 'conv2d_3': expected Conv2D with kernel_size \[1, 1\], found \[2, 2\]",
        ),
        (
            "inputs",
            {"batch_shape": [None, 128, 127, 1]},
            r"expected an input of shape \(T, 1\) or \(H, H, 1\)",
        ),
    ],
}


@pytest.mark.parametrize(
    ("name", "change"),
    [(name, change) for name, changes in CHANGES.items() for change in changes],
    ids=str,
)
def test_a_layer_that_differs(name: str, change: Change, tmp_path: Path) -> None:
    layer, settings, message = change
    layers = [
        dataclasses.replace(made, config={**made.config, **settings})
        if made.name == layer
        else made
        for made in ORIGINALS[name]()
    ]
    with pytest.raises(InputError, match=message):
        network_from_keras(files.tf1_h5(tmp_path / "file", layers))


@pytest.mark.parametrize(
    "class_name", ["Lambda", "TFOpLambda", "LSTM", "my>Conv1D", "GlobalMaxPooling1D"]
)
def test_a_layer_of_another_class(class_name: str, tmp_path: Path) -> None:
    layers = [
        dataclasses.replace(made, class_name=class_name) if made.name == "conv1d_4" else made
        for made in ORIGINALS["DeepConv1d"]()
    ]
    with pytest.raises(
        InputError,
        match=f"layer 'conv1d_4': expected a layer of these networks, found '{class_name}', "
        "which was not run",
    ):
        network_from_keras(files.tf1_h5(tmp_path / "file", layers))


def test_the_batch_norms_one_convolution_later(tmp_path: Path) -> None:
    """The same arrays in another order of layers are another network."""
    layers = ORIGINALS["DeepConv1d"]()
    places = {made.name: i for i, made in enumerate(layers)}
    swapped = list(layers)
    pool, norm = places["max_pooling1d_5"], places["batch_normalization"]
    swapped[norm] = dataclasses.replace(layers[pool], inputs=layers[norm].inputs)
    swapped[pool] = dataclasses.replace(layers[norm], inputs=("max_pooling1d_5",))
    following = places["conv1d_6"]
    swapped[following] = dataclasses.replace(layers[following], inputs=("batch_normalization",))
    with pytest.raises(
        InputError,
        match="layer 'batch_normalization': expected MaxPooling1D, found BatchNormalization",
    ):
        network_from_keras(files.tf1_h5(tmp_path / "file", swapped))


def test_a_layer_that_leads_nowhere(tmp_path: Path) -> None:
    layers = ORIGINALS["TimeDepends"]()
    extra = dataclasses.replace(
        next(made for made in layers if made.name == "conv1d_1"), name="spare"
    )
    at = next(i for i, made in enumerate(layers) if made.name == "conv1d_1")
    with pytest.raises(InputError, match="layer 'spare': expected no such layer in TimeDepends"):
        network_from_keras(
            files.tf1_h5(tmp_path / "file", [*layers[: at + 1], extra, *layers[at + 1 :]])
        )


def test_a_sum_of_the_same_layer_twice(tmp_path: Path) -> None:
    layers = [
        dataclasses.replace(made, inputs=made.inputs[:1] * 2) if made.name == "add" else made
        for made in ORIGINALS["TimeDepends"]()
    ]
    with pytest.raises(
        InputError,
        match="expected the graph of Conv2d, DeepConv1d or TimeDepends, found another network, "
        r"nearest to TimeDepends \(layer '",
    ):
        network_from_keras(files.tf1_h5(tmp_path / "file", layers))


def test_the_network_that_was_asked_for(tmp_path: Path) -> None:
    file = files.tf1_h5(tmp_path / "file", ORIGINALS["DeepConv1d"]())
    with pytest.raises(
        InputError,
        match="expected the graph of TimeDepends, found another network "
        r"\(layer 'dense': expected Flatten, found ReLU\); "
        r"choose another file, or another network \(network\)$",
    ):
        network_from_keras(file, "TimeDepends")
    with pytest.raises(
        InputError,
        match="expected the graph of Conv2d, found another network "
        r"\(expected pictures as input, found the shape \[256, 1\]\); ",
    ):
        network_from_keras(file, "Conv2d")
    with pytest.raises(
        InputError,
        match="network: expected one of Conv2d, DeepConv1d, TimeDepends, found 'LSTM'; correct it",
    ):
        network_from_keras(file, "LSTM")


def changed_keras(folder: Path, layers: list[Made], change: Callable[[h5py.File], object]) -> Path:
    """A `.keras` file whose weights file was changed."""

    def write(file: h5py.File) -> None:
        files.keras3_weights(file, layers)
        change(file)

    members = files.json_members(files.new_config(layers))
    return files.zipped(folder / "m.keras", {**members, "model.weights.h5": hdf5_bytes(write)})


def test_a_foreign_network_with_nested_arrays(tmp_path: Path) -> None:
    """An LSTM keeps its arrays one level deeper than our layers; the graph says what it is."""
    *layers, head = ORIGINALS["DeepConv1d"]()
    cell = Made("cell", "LSTM", {"units": 32}, head.inputs, {"kernel": np.zeros((1, 4), "f4")})
    layers += [cell, dataclasses.replace(head, inputs=("cell",))]
    path = changed_keras(
        tmp_path, layers, lambda file: file.move("layers/lstm/vars", "layers/lstm/cell/vars")
    )
    with pytest.raises(InputError) as refusal:
        network_from_keras(path)
    assert (
        str(refusal.value) == f"{path}: expected the graph of Conv2d, DeepConv1d or TimeDepends, "
        "found another network (layer 'cell': expected a layer of these networks, found 'LSTM', "
        "which was not run); choose another file"
    )


def test_a_foreign_network_on_beats_that_are_short_for_one_of_ours(tmp_path: Path) -> None:
    layers = [
        Made("in", "InputLayer", {"batch_shape": [None, 187, 1]}),
        Made("flat", "Flatten", {}, ("in",)),
        Made("head", "Dense", {"units": 5}, ("flat",), {"kernel": np.zeros((187, 5), "f4")}),
    ]
    with pytest.raises(InputError) as refusal:
        network_from_keras(files.tf1_h5(tmp_path / "file", layers))
    start = (
        f"{tmp_path / 'file'}: expected the graph of Conv2d, DeepConv1d or TimeDepends, "
        "found another network, nearest to DeepConv1d (layer 'flat': expected ReLU, "
        "found Flatten); TimeDepends: "
    )
    assert str(refusal.value).startswith(start)
    assert str(refusal.value).endswith("; choose another file")


def test_nested_arrays_in_a_layer_of_ours(tmp_path: Path) -> None:
    """Nothing is loaded from a layer whose arrays are not where Keras writes them."""
    layers = ORIGINALS["DeepConv1d"]()
    path = changed_keras(
        tmp_path, layers, lambda file: file.update({"layers/dense/cell/vars/0": np.zeros(3, "f4")})
    )
    with pytest.raises(InputError, match="'layers/dense/cell/vars/0', an array of a nested layer"):
        network_from_keras(path)


def test_arrays_that_the_graph_does_not_promise(tmp_path: Path) -> None:
    layers = ORIGINALS["DeepConv1d"]()
    wrong = {"kernel": np.zeros((40, 32, 33), np.float32), "bias": np.zeros(32, np.float32)}
    layers = [
        dataclasses.replace(made, arrays=wrong) if made.name == "conv1d_1" else made
        for made in layers
    ]
    expected = (
        r"layer 'conv1d_1': expected arrays of the shapes \[\(40, 32, 32\), \(32,\)\] "
        r"for DeepConv1d, found \[\(40, 32, 33\), \(32,\)\]"
    )
    with pytest.raises(InputError, match=expected):
        network_from_keras(files.tf1_h5(tmp_path / "file", layers))


def test_weights_that_are_no_numbers(tmp_path: Path) -> None:
    layers = ORIGINALS["DeepConv1d"]()
    layers[1].arrays["bias"][3] = np.nan
    with pytest.raises(
        InputError, match="layer 'conv1d': expected finite weights, found NaN or infinity"
    ):
        network_from_keras(files.tf1_h5(tmp_path / "file", layers))


def test_names_from_the_file_are_cut_and_escaped(tmp_path: Path) -> None:
    name = "\x1b[31m" + "x" * 500
    *layers, head = ORIGINALS["DeepConv1d"]()
    layers.append(dataclasses.replace(head, name=name, config={**head.config, "units": 4}))
    with pytest.raises(InputError) as refusal:
        network_from_keras(files.tf1_h5(tmp_path / "file", layers))
    assert "\x1b" not in str(refusal.value)
    assert len(str(refusal.value)) < 400 + len(str(tmp_path))


def test_every_network_can_be_read() -> None:
    assert set(ORIGINALS) == set(KERAS_NETWORKS)

"""Weights convert to Keras's layout and back; weights of another network are refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ecg_lightning.errors import InputError
from ecg_lightning.keras_import.weights import (
    keras_from_state_dict,
    layer_names,
    state_dict_from_keras,
)
from ecg_lightning.models import Conv2d, DeepConv1d, TimeDepends

NETWORKS = [DeepConv1d, TimeDepends, lambda: Conv2d(32)]


def filled(make: Callable[[], nn.Module]) -> nn.Module:
    """A network with random weights and moving statistics."""
    network = make()
    generator = torch.Generator().manual_seed(0)
    network.load_state_dict(
        {
            key: torch.rand(value.shape, generator=generator)
            for key, value in network.state_dict().items()
        }
    )
    return network


@pytest.mark.parametrize("make", NETWORKS)
def test_there_and_back_is_equal_to_the_bit(make: Callable[[], nn.Module]) -> None:
    network = filled(make)
    state = network.state_dict()
    weights = keras_from_state_dict(network, state)
    back = state_dict_from_keras(make(), weights)
    assert set(back) == set(state)
    for key, tensor in state.items():
        assert torch.equal(back[key], tensor), key
        assert back[key].dtype == tensor.dtype
    again = keras_from_state_dict(network, back)
    for name, arrays in weights.items():
        for one, other in zip(arrays, again[name], strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("make", NETWORKS)
def test_the_network_is_not_changed(make: Callable[[], nn.Module]) -> None:
    network = make()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state_dict_from_keras(network, keras_from_state_dict(network, filled(make).state_dict()))
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_layout_by_hand() -> None:
    """Keras: (k, in, out), (h, w, in, out), (in, out); torch: (out, in, …)."""
    one, two = filled(DeepConv1d), filled(lambda: Conv2d(32))
    keras_one = keras_from_state_dict(one, one.state_dict())
    keras_two = keras_from_state_dict(two, two.state_dict())
    state_one, state_two = one.state_dict(), two.state_dict()
    assert [array.shape for array in keras_one["convs_1"]] == [(40, 32, 32), (32,)]
    assert keras_one["convs_1"][0][7, 3, 20] == state_one["convs.1.weight"][20, 3, 7]
    assert keras_one["dense"][0][5, 9] == state_one["dense.weight"][9, 5]
    assert [array.shape for array in keras_two["blocks_0_conv2"]] == [(5, 5, 32, 32), (32,)]
    assert (
        keras_two["blocks_0_conv2"][0][1, 2, 3, 4] == state_two["blocks.0.conv2.weight"][4, 3, 1, 2]
    )
    for array, entry in zip(
        keras_one["norms_2"], ("weight", "bias", "running_mean", "running_var"), strict=True
    ):
        np.testing.assert_array_equal(array, state_one[f"norms.2.{entry}"].numpy())


def test_names_are_the_module_paths() -> None:
    expected = {
        *(f"convs_{i}" for i in range(10)),
        *(f"norms_{i}" for i in range(4)),
        *("dense", "head"),
    }
    assert set(layer_names(DeepConv1d())) == expected
    assert set(layer_names(TimeDepends())) == {
        "stem",
        "head",
        *(f"blocks_{i}_conv{j}" for i in range(6) for j in (1, 2)),
    }
    assert layer_names(Conv2d(32))["blocks_3_shortcut"] == "blocks.3.shortcut"


def test_float64_weights_are_taken_in_the_networks_type() -> None:
    network = filled(DeepConv1d)
    weights = {
        name: [array.astype(np.float64) for array in arrays]
        for name, arrays in exported(network).items()
    }
    assert state_dict_from_keras(network, weights)["head.weight"].dtype == torch.float32
    assert state_dict_from_keras(network.double(), weights)["head.weight"].dtype == torch.float64


def test_the_result_shares_no_memory_and_read_only_arrays_are_taken() -> None:
    network = filled(DeepConv1d)
    weights = exported(network)
    for arrays in weights.values():
        for array in arrays:
            array.setflags(write=False)
    state = state_dict_from_keras(network, weights)
    state["head.bias"].fill_(7.0)
    assert weights["head"][1].max() < 7.0


def exported(network: nn.Module) -> dict[str, list[Any]]:
    return keras_from_state_dict(network, network.state_dict())


class TestRefusals:
    def test_a_missing_and_an_unknown_layer(self) -> None:
        weights = exported(DeepConv1d())
        weights["conv1d_3"] = weights.pop("convs_3")
        with pytest.raises(InputError) as caught:
            state_dict_from_keras(DeepConv1d(), weights)
        message = str(caught.value)
        for word in (
            "layers of DeepConv1d",
            "['convs_3'] missing",
            "['conv1d_3'] that it does not have",
            "choose the network",
        ):
            assert word in message
        assert "\n" not in message

    def test_another_network(self) -> None:
        with pytest.raises(InputError, match="layers of TimeDepends"):
            state_dict_from_keras(TimeDepends(), exported(DeepConv1d()))

    def test_another_input_length(self) -> None:
        with pytest.raises(
            InputError,
            match=r"layer dense: expected the shape \(32, 32\) for dense.weight, found \(32, 64\)",
        ):
            state_dict_from_keras(DeepConv1d(256), exported(DeepConv1d(512)))

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda arrays: arrays[:1],  # no bias
            lambda arrays: [*arrays, arrays[1]],
            lambda arrays: [arrays[0][..., None, None, None], arrays[1]],
            lambda arrays: [arrays[0][:39], arrays[1]],
            lambda arrays: [arrays[1], arrays[0]],
        ],
        ids=["too few", "too many", "too deep", "too short", "swapped"],
    )
    def test_a_layer_with_other_arrays(self, spoil: Callable[[list[Any]], list[Any]]) -> None:
        weights = exported(DeepConv1d())
        weights["convs_1"] = spoil(weights["convs_1"])
        with pytest.raises(InputError, match="layer convs_1: expected") as caught:
            state_dict_from_keras(DeepConv1d(), weights)
        assert "check the network" in str(caught.value)

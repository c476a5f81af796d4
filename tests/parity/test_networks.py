"""The three networks against Keras: weights, logits, loss, gradients, one step and fifty steps."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch

from ecg_lightning.keras_import.weights import keras_from_state_dict
from keras_reference.networks import NETWORKS
from tests.parity import trajectories
from tests.parity.comparison import Comparison, error_and_place
from tests.parity.trajectories import (
    DTYPES,
    SETUPS,
    STEPS,
    Arrays,
    keras_batch_gradients,
    keras_trajectory,
    torch_batch_gradients,
    torch_trajectory,
)

pytestmark = pytest.mark.parity

BATCHES = 5
SIDES = (
    (keras_batch_gradients, "float64"),
    (keras_batch_gradients, "float32"),
    (torch_batch_gradients, "float32"),
)
# float64 first: it shows that the algorithm is equal, whatever float32's rounding does afterwards.
NETWORK_AND_DTYPE = [
    pytest.param(name, dtype, id=f"{name}-{dtype}") for dtype in DTYPES for name in SETUPS
]
# Those that train fifty steps, or look at them; `make test` has only those of DeepConv1d.
SLOW = {name: [pytest.mark.slow] for name in ("time_depends", "conv2d")}
TRAINED = [pytest.param(name, marks=SLOW.get(name, [])) for name in SETUPS]
TRAINED_AND_DTYPE = [
    pytest.param(*case.values, id=case.id, marks=SLOW.get(str(case.values[0]), []))
    for case in NETWORK_AND_DTYPE
]


def moving(state: Arrays) -> Arrays:
    """BatchNorm's moving statistics of a state."""
    return {name: array for name, array in state.items() if ".running_" in name}


def chosen(arrays: Arrays, names: Iterable[str]) -> Arrays:
    """The arrays of the given names."""
    return {name: arrays[name] for name in names}


def learnt(name: str, parameters: Iterable[str]) -> list[str]:
    """The parameters with a gradient that is more than rounding."""
    return [parameter for parameter in parameters if parameter not in SETUPS[name].cancelled]


@pytest.mark.parametrize(("name", "dtype"), NETWORK_AND_DTYPE)
def test_weights_survive_both_converters(name: str, dtype: str, compare: Comparison) -> None:
    weights = trajectories.settled_weights(name, dtype)
    network = trajectories.torch_network(name, dtype, weights)
    back = keras_from_state_dict(network, network.state_dict())
    flat = {
        f"{layer}[{i}]": array
        for layer, arrays in weights.items()
        for i, array in enumerate(arrays)
    }
    compare(
        "weights, converted and back",
        flat,
        {
            f"{layer}[{i}]": array
            for layer, arrays in back.items()
            for i, array in enumerate(arrays)
        },
        dtype=dtype,
        case=name,
    )
    assert {array.dtype for array in flat.values()} == {np.dtype(dtype)}


@pytest.mark.parametrize(("name", "dtype"), NETWORK_AND_DTYPE)
def test_logits(name: str, dtype: str, compare: Comparison) -> None:
    weights = trajectories.settled_weights(name, dtype)
    inputs, _ = next(SETUPS[name].batches(dtype))
    reference = trajectories.keras_logits(trajectories.keras_network(name, dtype, weights), inputs)
    with torch.no_grad():
        logits = trajectories.torch_network(name, dtype, weights).eval()(
            trajectories.channels_first(inputs)
        )
    assert reference.std(axis=0).min() > 0.01 * np.abs(reference).max(), (
        "the logits hardly depend on the input"
    )
    compare("logits", reference, logits.numpy(), dtype=dtype, case=name)


@pytest.mark.parametrize("name", ["deep_conv1d", "time_depends", "conv2d"])
def test_logits_of_another_input_length(
    name: str, compare: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = {"deep_conv1d": 187, "time_depends": 301, "conv2d": 45}[
        name
    ]  # odd, so that padding and pools are uneven
    setup = SETUPS[name]
    other = trajectories.Setup(setup.module, length, setup.batch, setup.dimensions)
    monkeypatch.setitem(SETUPS, name, other)
    trajectories.set_floatx("float64")
    network = NETWORKS[name](length)
    inputs, _ = next(other.batches("float64"))
    reference = trajectories.keras_logits(network, inputs)
    with torch.no_grad():
        ours = trajectories.torch_network(name, "float64", trajectories.get_weights(network)).eval()
        logits = ours(trajectories.channels_first(inputs))
    compare("logits", reference, logits.numpy(), case=f"{name}, {length}")


@pytest.mark.parametrize(("name", "dtype"), TRAINED_AND_DTYPE)
def test_loss_in_training_mode(name: str, dtype: str, compare: Comparison) -> None:
    reference, ours = keras_trajectory(name, dtype), torch_trajectory(name, dtype)
    compare("loss", reference.losses[0], ours.losses[0], dtype=dtype, case=name)


def gradients_by_batch(name: str, dtype: str) -> list[tuple[int, Arrays, Arrays]]:
    """Batch, Keras's gradients and ours; the batch with the best agreement comes first."""
    reference, ours = (
        keras_batch_gradients(name, dtype, BATCHES),
        torch_batch_gradients(name, dtype, BATCHES),
    )
    assert ours[0].keys() == reference[0].keys() - moving(reference[0]).keys()
    names = learnt(name, ours[0])
    found = [
        (i, chosen(a, names), chosen(b, names))
        for i, (a, b) in enumerate(zip(reference, ours, strict=True))
    ]
    return sorted(found, key=lambda batch: error_and_place(batch[1], batch[2], "relative")[0])


@pytest.mark.parametrize(("name", "dtype"), NETWORK_AND_DTYPE)
def test_gradients_of_every_tensor(name: str, dtype: str, compare: Comparison) -> None:
    """In float64 every batch counts, in float32 the one with the best agreement.

    In float32, rounding decides a ReLU or a pool in some batches; a wrong computation shows in all.
    A test below compares how often rounding decides with Keras's own float32.
    """
    pairs = gradients_by_batch(name, dtype)
    exact, found = pairs[-1 if dtype == "float64" else 0][1:]
    compare("gradients", exact, found, dtype=dtype, case=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_that_batch_norm_cancels_are_rounding(dtype: str, compare: Comparison) -> None:
    name = "deep_conv1d"
    reference, ours = (
        keras_trajectory(name, dtype).gradients,
        torch_trajectory(name, dtype).gradients,
    )
    largest = max(np.abs(gradient).max() for gradient in reference.values())
    for side, gradients in (("Keras", reference), ("torch", ours)):
        cancelled = chosen(gradients, SETUPS[name].cancelled)
        zeros = {parameter: np.zeros_like(gradient) for parameter, gradient in cancelled.items()}
        scaled = {parameter: gradient / largest for parameter, gradient in cancelled.items()}
        compare("gradients that BatchNorm cancels", zeros, scaled, dtype=dtype, case=side)


@pytest.mark.parametrize(("name", "dtype"), TRAINED_AND_DTYPE)
def test_one_adam_step(name: str, dtype: str, compare: Comparison) -> None:
    """In float32 on the batch with the best agreement of gradients.

    On the first batch of TimeDepends, Keras's own float32 is 3 % off its float64.
    """
    how = {} if dtype == "float64" else {"steps": 1, "first": gradients_by_batch(name, dtype)[0][0]}
    reference, ours = keras_trajectory(name, dtype, **how), torch_trajectory(name, dtype, **how)
    names = learnt(name, ours.gradients)
    compare(
        "weights after 1 step",
        chosen(reference.states[1], names),
        chosen(ours.states[1], names),
        dtype=dtype,
        case=name,
    )


@pytest.mark.parametrize(
    ("name", "dtype"), [p for p in TRAINED_AND_DTYPE if p.values[0] != "time_depends"]
)
def test_moving_statistics_after_one_step(name: str, dtype: str, compare: Comparison) -> None:
    reference, ours = keras_trajectory(name, dtype), torch_trajectory(name, dtype)
    assert moving(ours.states[1])
    compare(
        "moving statistics after 1 step",
        moving(reference.states[1]),
        moving(ours.states[1]),
        dtype=dtype,
        case=name,
    )


@pytest.mark.parametrize("name", [p for p in TRAINED if p.values[0] != "time_depends"])
def test_moving_statistics_after_fifty_steps(name: str, compare: Comparison) -> None:
    reference, ours = keras_trajectory(name, "float64"), torch_trajectory(name, "float64")
    compare(
        "moving statistics after 50 steps",
        moving(reference.states[STEPS]),
        moving(ours.states[STEPS]),
        case=name,
    )


@pytest.mark.parametrize(("name", "dtype"), TRAINED_AND_DTYPE)
def test_fifty_training_steps(name: str, dtype: str, compare: Comparison) -> None:
    reference, ours = keras_trajectory(name, dtype), torch_trajectory(name, dtype)
    names = list(
        ours.gradients
    )  # all of them: in float64 those that BatchNorm cancels agree as well
    compare(
        "weights after 50 steps",
        chosen(reference.states[STEPS], names),
        chosen(ours.states[STEPS], names),
        dtype=dtype,
        case=name,
    )


@pytest.mark.parametrize("name", TRAINED)
def test_every_loss_of_fifty_training_steps(name: str, compare: Comparison) -> None:
    reference, ours = keras_trajectory(name, "float64"), torch_trajectory(name, "float64")
    assert reference.losses[-10:].mean() < reference.losses[:10].mean(), "the batches teach nothing"
    compare("losses of 50 steps", reference.losses, ours.losses, case=name)


@pytest.mark.parametrize("name", TRAINED)
def test_keras_float32_drifts_from_keras_float64_as_far(name: str, compare: Comparison) -> None:
    """The measure for the float32 row: fifty float32 steps of Keras against float64 steps."""
    single, double = keras_trajectory(name, "float32"), keras_trajectory(name, "float64")
    names = list(torch_trajectory(name, "float64").gradients)
    compare(
        "Keras float32 against Keras float64 after 50 steps",
        chosen(double.states[STEPS], names),
        chosen(single.states[STEPS], names),
        dtype="float32",
        case=name,
    )


@pytest.mark.parametrize("name", SETUPS)
def test_float32_stays_as_near_to_float64_as_keras_does(name: str) -> None:
    """Keras's own float32 is the limit for each network.

    No fixed limit is sharp where rounding decides a ReLU or a pool.
    """
    exact, keras, ours = (of(name, dtype, BATCHES) for of, dtype in SIDES)
    names = learnt(name, ours[0])
    keras_error, our_error = (
        np.median(
            [
                error_and_place(chosen(a, names), chosen(b, names), "mean")[0]
                for a, b in zip(exact, side, strict=True)
            ]
        )
        for side in (keras, ours)
    )
    assert our_error <= 4 * keras_error, f"gradients: {our_error:.3g}, Keras {keras_error:.3g}"


@pytest.mark.parametrize("name", TRAINED)
def test_float32_training_stays_as_near_to_float64_as_keras_does(name: str) -> None:
    double, single, ours = (
        keras_trajectory(name, "float64"),
        keras_trajectory(name, "float32"),
        torch_trajectory(name, "float32"),
    )
    names = learnt(name, ours.gradients)
    keras_error, our_error = (
        error_and_place(
            chosen(double.states[STEPS], names), chosen(side.states[STEPS], names), "mean"
        )[0]
        for side in (single, ours)
    )
    assert our_error <= 4 * keras_error, (
        f"weights after {STEPS} steps: {our_error:.3g}, Keras {keras_error:.3g}"
    )

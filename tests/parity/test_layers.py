"""Each layer alone against Keras: outputs, gradients and starting weights."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import Tensor, nn

from ecg_lightning.models import Conv2d, DeepConv1d, TimeDepends, layers
from tests.parity.comparison import Comparison
from tests.parity.trajectories import DTYPES, initial_weights, set_floatx

pytestmark = [pytest.mark.parity, pytest.mark.parametrize("dtype", DTYPES)]

# length, channels in, kernel, padding: even and odd kernels, shorter and longer than the signal
CONVOLUTIONS = [
    (256, 1, 40, "same"),
    (128, 32, 40, "same"),
    (64, 32, 33, "same"),
    (17, 32, 25, "same"),
    (4, 32, 40, "same"),
    (1, 32, 25, "same"),
    (217, 32, 12, "same"),
    (30, 3, 5, "same"),
    (256, 1, 40, "valid"),
    (41, 32, 40, "valid"),
]

# length, pool, stride, padding
POOLS = [
    (256, 15, 2, "same"),
    (255, 15, 2, "same"),
    (8, 15, 2, "same"),
    (9, 10, 2, "same"),
    (1, 10, 1, "same"),
    (16, 10, 1, "same"),
    (217, 15, 2, "valid"),
    (19, 10, 1, "valid"),
    (6, 5, 1, "valid"),
    (15, 15, 2, "valid"),
]

PICTURES = [
    (13, 1, 7, "valid"),
    (12, 32, 5, "same"),
    (7, 32, 3, "same"),
    (2, 32, 3, "same"),
    (9, 32, 1, "same"),
]


def random(dtype: str, *shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers, the same at each call, exact in both float types."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32).astype(dtype)


def factors(outputs: np.ndarray | Tensor, dtype: str) -> np.ndarray:
    """Factors of the outputs in a loss; other numbers than the inputs."""
    return random(dtype, *outputs.shape, seed=1)


def keras_pass(layer: keras.Layer, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs, and gradients of their sum under fixed random factors, in Keras's layout."""
    x = tf.Variable(inputs)
    with tf.GradientTape() as tape:
        outputs = layer(x.value(), training=True)
        loss = tf.reduce_sum(outputs * factors(outputs, inputs.dtype.name))
    variables = [x, *(v.value for v in layer.trainable_variables)]
    names = ("inputs", "weight", "bias")[: len(variables)]
    gradients = (np.array(gradient) for gradient in tape.gradient(loss, variables))
    return {"outputs": np.array(outputs), **dict(zip(names, gradients, strict=True))}


def torch_pass(layer: nn.Module, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """The same by the torch layer, outputs and input gradients in Keras's layout."""
    x = torch.from_numpy(inputs).requires_grad_()
    outputs = layer.train()(x.movedim(-1, 1)).movedim(1, -1)
    (outputs * torch.from_numpy(factors(outputs, inputs.dtype.name))).sum().backward()
    gradients = {name: p.grad for name, p in (("inputs", x), *layer.named_parameters())}
    return {
        "outputs": outputs.detach().numpy(),
        **{name: g.numpy() for name, g in gradients.items() if g is not None},
    }


def in_keras_axes(result: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Kernel gradients from torch's (out, in, kernel…) to Keras's (kernel…, in, out)."""
    return {**result, "weight": np.moveaxis(result["weight"], (0, 1), (-1, -2))}


def compare_layers(
    compare: Comparison,
    reference: dict[str, np.ndarray],
    ours: dict[str, np.ndarray],
    dtype: str,
    case: str,
) -> None:
    """Outputs and gradients go to a row of the table each."""
    compare("layer outputs", reference.pop("outputs"), ours.pop("outputs"), dtype=dtype, case=case)
    compare("layer gradients", reference, ours, dtype=dtype, case=case)


def with_weights(layer: nn.Module, weights: Sequence[np.ndarray]) -> nn.Module:
    """A torch layer with a Keras kernel (kernel…, in, out) and bias, moved by hand."""
    kernel, bias = weights
    state = {"weight": np.moveaxis(kernel, (-1, -2), (0, 1)), "bias": bias}
    layer.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in state.items()})
    return layer


@pytest.mark.parametrize(("length", "channels", "kernel", "padding"), CONVOLUTIONS)
def test_conv1d(
    length: int, channels: int, kernel: int, padding: str, dtype: str, compare: Comparison
) -> None:
    set_floatx(dtype)
    inputs = random(dtype, 3, length, channels)
    reference = keras.layers.Conv1D(32, kernel, padding=padding, bias_initializer="glorot_uniform")
    expected = keras_pass(reference, inputs)
    ours = layers.Conv1d(channels, 32, kernel, padding).to(getattr(torch, dtype))  # type: ignore[arg-type]
    found = in_keras_axes(torch_pass(with_weights(ours, reference.get_weights()), inputs))
    compare_layers(compare, expected, found, dtype, f"Conv1d {kernel} {padding}, length {length}")


@pytest.mark.parametrize(("size", "channels", "kernel", "padding"), PICTURES)
def test_conv2d(
    size: int, channels: int, kernel: int, padding: str, dtype: str, compare: Comparison
) -> None:
    set_floatx(dtype)
    inputs = random(dtype, 3, size, size, channels)
    reference = keras.layers.Conv2D(32, kernel, padding=padding, bias_initializer="glorot_uniform")
    expected = keras_pass(reference, inputs)
    ours = layers.Conv2d(channels, 32, kernel, padding).to(getattr(torch, dtype))  # type: ignore[arg-type]
    found = in_keras_axes(torch_pass(with_weights(ours, reference.get_weights()), inputs))
    compare_layers(compare, expected, found, dtype, f"Conv2d {kernel} {padding}, size {size}")


@pytest.mark.parametrize(("length", "size", "stride", "padding"), POOLS)
def test_max_pool_with_negative_values(
    length: int, size: int, stride: int, padding: str, dtype: str, compare: Comparison
) -> None:
    set_floatx(dtype)
    inputs = random(dtype, 3, length, 4) - 10  # a pool that padded with zeros would return them
    expected = keras_pass(keras.layers.MaxPooling1D(size, stride, padding=padding), inputs)
    found = torch_pass(layers.MaxPool1d(size, stride, padding), inputs)  # type: ignore[arg-type]
    case = f"MaxPool1d {size}/{stride} {padding}, length {length}"
    compare("pooled values", expected.pop("outputs"), found.pop("outputs"), dtype=dtype, case=case)
    compare("layer gradients", expected, found, dtype=dtype, case=case)


def test_max_pool_gives_the_gradient_of_equal_values_to_the_first(
    dtype: str, compare: Comparison
) -> None:
    set_floatx(dtype)
    inputs = np.zeros((2, 40, 3), dtype)
    expected = keras_pass(keras.layers.MaxPooling1D(10, 2, padding="same"), inputs)
    found = torch_pass(layers.MaxPool1d(10, 2, "same"), inputs)
    compare(
        "layer gradients", expected["inputs"], found["inputs"], dtype=dtype, case="MaxPool1d, ties"
    )


@pytest.mark.parametrize("shape", [(5, 16, 8), (4, 6, 7, 8), (2, 1, 8)], ids=str)
def test_batch_norm_over_several_batches(
    shape: tuple[int, ...], dtype: str, compare: Comparison
) -> None:
    set_floatx(dtype)
    reference, ours = (
        keras.layers.BatchNormalization(),
        layers.BatchNorm(8).to(getattr(torch, dtype)),
    )
    for step in range(3):
        inputs = random(dtype, *shape) * (step + 1) + step
        expected, found = keras_pass(reference, inputs), torch_pass(ours, inputs)
        compare_layers(compare, expected, found, dtype, f"BatchNorm {shape}")
        ours.zero_grad()
    moving = dict(
        zip(("mean", "var"), (v.numpy() for v in reference.non_trainable_variables), strict=True)
    )
    state = {"mean": ours.running_mean.numpy(), "var": ours.running_var.numpy()}
    compare("moving statistics after 1 step", moving, state, dtype=dtype, case=f"BatchNorm {shape}")
    evaluated = ours.eval()(torch.from_numpy(inputs).movedim(-1, 1)).movedim(1, -1).detach().numpy()
    compare(
        "layer outputs",
        np.array(reference(inputs)),
        evaluated,
        dtype=dtype,
        case=f"BatchNorm {shape}, evaluation",
    )


def test_batch_norm_of_a_single_value(dtype: str, compare: Comparison) -> None:
    set_floatx(dtype)
    inputs = random(dtype, 1, 1, 8)
    reference, ours = (
        keras.layers.BatchNormalization(),
        layers.BatchNorm(8).to(getattr(torch, dtype)),
    )
    expected, found = (
        np.array(reference(inputs, training=True)),
        torch_pass(ours, inputs)["outputs"],
    )
    compare("layer outputs", expected, found, dtype=dtype, case="BatchNorm, one value")
    moving = reference.non_trainable_variables[1].numpy()
    compare(
        "moving statistics after 1 step",
        moving,
        ours.running_var.numpy(),
        dtype=dtype,
        case="BatchNorm, one value",
    )


@pytest.mark.parametrize(
    ("name", "build"),
    [("deep_conv1d", DeepConv1d), ("time_depends", TimeDepends), ("conv2d", lambda: Conv2d(64))],
)
def test_starting_weights_have_keras_distribution(
    name: str, build: Callable[[], nn.Module], dtype: str
) -> None:
    torch.manual_seed(0)
    modules = dict(build().to(getattr(torch, dtype)).named_modules())
    for path, module in modules.items():
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
            kernel, bias = initial_weights(name, dtype)[path.replace(".", "_")]
            fan = kernel[..., 0, 0].size * sum(kernel.shape[-2:])
            assert_glorot(kernel, fan)
            assert_glorot(module.weight.detach().numpy(), fan)
            assert not np.any(bias)
            assert not module.bias.any()  # type: ignore[union-attr]


def assert_glorot(kernel: np.ndarray, fan: int) -> None:
    """Uniform in +-sqrt(6 / fan).

    All are inside these limits, with a standard deviation within five of its standard errors.
    """
    limit = np.sqrt(6 / fan)
    assert np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=5 * 0.45 / np.sqrt(kernel.size))

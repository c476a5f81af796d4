"""Loss and optimiser alone."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import torch
from torch.nn import functional

from ecg_lightning.training.keras_adam import KerasAdam
from tests.parity.comparison import Comparison
from tests.parity.trajectories import DTYPES, STEPS, exact_adam, one_hot, set_floatx

pytestmark = pytest.mark.parity


def logits_and_classes(dtype: str, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits (64, 5) of a standard deviation `spread`, and classes (64,)."""
    generator = np.random.default_rng(0)
    return (spread * generator.standard_normal((64, 5))).astype(dtype), generator.integers(0, 5, 64)


def softmax_model_loss(logits: np.ndarray, classes: np.ndarray) -> float:
    """Keras's loss of a compiled model that ends in a softmax: the backend finds the logits."""
    inputs = keras.Input((5,))
    network = keras.Model(inputs, keras.layers.Softmax()(inputs))
    network.compile(loss="categorical_crossentropy")
    return float(network.evaluate(logits, one_hot(classes), batch_size=len(logits), verbose=0))


def probabilities_loss(logits: np.ndarray, classes: np.ndarray) -> float:
    """Keras's loss of plain probabilities, which it clips to [1e-7, 1 - 1e-7]."""
    probabilities = torch.from_numpy(logits).softmax(-1).numpy()
    return float(keras.losses.CategoricalCrossentropy()(one_hot(classes), probabilities))


def torch_loss(logits: np.ndarray, classes: np.ndarray) -> float:
    """The product's loss."""
    return functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(classes)).item()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", [softmax_model_loss, probabilities_loss])
def test_loss_of_ordinary_logits(
    loss: Callable[[np.ndarray, np.ndarray], float], dtype: str, compare: Comparison
) -> None:
    set_floatx(dtype)
    logits, classes = logits_and_classes(dtype, spread=2.0)
    case = "logits recovered" if loss is softmax_model_loss else "probabilities"
    compare(
        "loss alone", loss(logits, classes), torch_loss(logits, classes), dtype=dtype, case=case
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_loss_of_saturated_logits_is_not_clipped_where_keras_recovers_them(
    dtype: str, compare: Comparison
) -> None:
    set_floatx(dtype)
    logits, classes = logits_and_classes(dtype, spread=60.0)
    expected, ours = softmax_model_loss(logits, classes), torch_loss(logits, classes)
    compare("loss alone", expected, ours, dtype=dtype, case="saturated, logits recovered")
    assert compare.exceeds("loss alone", probabilities_loss(logits, classes), ours, dtype=dtype)


def test_clipped_loss_by_hand() -> None:
    set_floatx("float64")
    logits, classes = np.array([[100.0, 0, 0, 0, 0]]), np.array([1])
    assert probabilities_loss(logits, classes) == pytest.approx(-np.log(1e-7), rel=1e-6)
    assert torch_loss(logits, classes) == pytest.approx(100.0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_adam_on_the_same_gradients(dtype: str, compare: Comparison) -> None:
    set_floatx(dtype)
    gradients = gradients_of_many_sizes(dtype)
    reference, optimizer = keras.Variable(np.zeros(8, dtype)), exact_adam()
    ours = torch.zeros(8, dtype=getattr(torch, dtype), requires_grad=True)
    adam = KerasAdam([ours])
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [reference])
        ours.grad = torch.from_numpy(gradient)
        adam.step()
    compare(
        "Adam alone, 50 steps",
        reference.numpy(),
        ours.detach().numpy(),
        dtype=dtype,
        case="gradients 1e-9 to 1e3",
    )


def test_adam_by_hand() -> None:
    """A constant gradient of 1e-6 has exact moments; Keras's epsilon rule gives the steps."""
    ours = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    adam = KerasAdam([ours])
    for _ in range(10):
        ours.grad = torch.full((1,), 1e-6, dtype=torch.float64)
        adam.step()
    steps = np.arange(1, 11)
    expected = -np.sum(1e-3 * 1e-6 / (1e-6 + 1e-7 / np.sqrt(1 - 0.999**steps)))
    assert ours.item() == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(-0.0041, abs=5e-5)


def gradients_of_many_sizes(dtype: str) -> np.ndarray:
    """Random gradients (50, 8) with magnitudes from 1e-9 to 1e3."""
    sizes = 10.0 ** np.linspace(-9, 3, 8)
    return (np.random.default_rng(0).standard_normal((STEPS, 8)) * sizes).astype(dtype)

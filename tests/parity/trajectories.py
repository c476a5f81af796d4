"""The same computation in Keras and torch, from equal weights: outputs, gradients, training steps.

Both sides report in the torch module's names and layouts; the production converter converts the
results of Keras.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import keras
import numpy as np
import tensorflow as tf
import torch
from torch import Tensor, nn

from ecg_lightning.keras_import.weights import state_dict_from_keras
from ecg_lightning.models import Conv2d, DeepConv1d, TimeDepends
from ecg_lightning.training.classifier import BeatClassifier
from keras_reference.networks import NETWORKS

Arrays = dict[str, np.ndarray]
Batch = tuple[np.ndarray, np.ndarray]  # inputs, channels last, and classes (B,)
Weights = dict[str, list[np.ndarray]]  # Keras layer name -> its `get_weights()`

DTYPES = ("float64", "float32")
CLASSES = 5
STEPS = 50


@dataclass(frozen=True)
class Setup:
    """How a network is compared.

    Attributes:
        module: builds the torch network from its input length.
        length: samples of a beat, or height and width of a picture.
        batch: rows a step.
        dimensions: 1 for signals, 2 for pictures.
        cancelled: parameters that only shift what a BatchNorm centres again; their exact gradient
            is zero.
    """

    module: Callable[[int], nn.Module]
    length: int
    batch: int
    dimensions: int = 1
    cancelled: frozenset[str] = frozenset()

    def batches(self, dtype: str, seed: int = 0) -> Iterator[Batch]:
        """Endless batches of simple beats or their pictures, equal in both float types."""
        generator = np.random.default_rng(seed)
        while True:
            classes = generator.integers(0, CLASSES, self.batch)
            inputs = simple_beats(classes, self.length, generator)
            if self.dimensions == 2:
                inputs = simple_pictures(inputs, generator)
            yield inputs[..., None].astype(np.float32).astype(dtype), classes


# The ninth convolution sees a single sample, so the BatchNorm after it also cancels the bias of the
# BatchNorm before it.
_CANCELLED = frozenset({*(f"convs.{i}.bias" for i in (5, 6, 7, 8)), "norms.2.bias"})

SETUPS = {
    "deep_conv1d": Setup(DeepConv1d, length=256, batch=16, cancelled=_CANCELLED),
    "time_depends": Setup(TimeDepends, length=256, batch=16),
    "conv2d": Setup(Conv2d, length=64, batch=4, dimensions=2),
}


def simple_beats(classes: np.ndarray, length: int, generator: np.random.Generator) -> np.ndarray:
    """Beats (B, length): a spike, broader by class, and a later wave, with noise; about 0 to 1."""
    time = np.linspace(-1, 1, length)
    width = 0.03 * (1 + classes)[:, None]
    centre, height, later = generator.uniform(
        (-0.1, 0.6, 0.1), (0.1, 0.9, 0.3), (len(classes), 3)
    ).T[..., None]
    spike = height * np.exp(-(((time - centre) / width) ** 2))
    wave = later * np.exp(-(((time - centre - 0.5) / 0.15) ** 2))
    return spike + wave + generator.normal(0.05, 0.01, (len(classes), length))


def simple_pictures(beats: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Soft dark curves of beats (B, T) on a noisy light ground: (B, T, T).

    On an even ground every pool would be a tie.
    """
    heights = np.linspace(1, 0, beats.shape[1])[:, None]
    curves = 1 - np.exp(-(((beats[:, None, :] - heights) / 0.05) ** 2))
    return curves + generator.normal(0, 0.3, curves.shape)


@dataclass(frozen=True)
class Trajectory:
    """What one side computes, all in the torch module's names.

    Attributes:
        losses: mean loss of each step's batch, in training mode.
        gradients: of the first step, by parameter.
        states: weights and moving statistics after the first and the last step, by number of steps.
    """

    losses: np.ndarray
    gradients: Arrays
    states: dict[int, Arrays]


def set_floatx(dtype: str) -> None:
    """Set Keras's float type for new layers, and the policy, which is cached."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


@lru_cache
def initial_weights(name: str, dtype: str) -> Weights:
    """Keras's own start of a network, equal in both float types."""
    set_floatx("float32")
    keras.utils.set_random_seed(0)
    weights = get_weights(NETWORKS[name](SETUPS[name].length))
    return {layer: [array.astype(dtype) for array in arrays] for layer, arrays in weights.items()}


@lru_cache
def settled_weights(name: str, dtype: str) -> Weights:
    """The same with biases and scales other than 0 and 1, and the moving statistics of a batch.

    A mix-up then shows; with the initial statistics the logits hardly depend on the input.
    """
    generator = np.random.default_rng(0)
    weights = {
        layer: [
            a + np.float32(0.1) * generator.random(a.shape, np.float32) * (a.ndim == 1)
            for a in arrays
        ]
        for layer, arrays in initial_weights(name, "float32").items()
    }
    network = keras_network(name, "float32", weights)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # the moving statistics become the batch's
    network(next(SETUPS[name].batches("float32", seed=1))[0], training=True)
    return {
        layer: [array.astype(dtype) for array in arrays]
        for layer, arrays in get_weights(network).items()
    }


def get_weights(network: keras.Model) -> Weights:
    """Each layer's weights by its name."""
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def set_weights(network: keras.Model, weights: Weights) -> None:
    """Set weights by layer name."""
    for layer, arrays in weights.items():
        network.get_layer(layer).set_weights(arrays)


def torch_network(name: str, dtype: str, weights: Weights) -> nn.Module:
    """The torch network with Keras's weights, by the production converter."""
    network = SETUPS[name].module(SETUPS[name].length).to(getattr(torch, dtype))
    network.load_state_dict(state_dict_from_keras(network, weights))
    return network


def in_torch_names(name: str, weights: Weights) -> Arrays:
    """Keras weights or gradients as float64 in the torch module's names and layouts."""
    module = SETUPS[name].module(SETUPS[name].length).double()
    return as_arrays(state_dict_from_keras(module, weights))


def as_arrays(tensors: dict[str, Tensor]) -> Arrays:
    """Copies of the tensors as float64."""
    return {name: tensor.detach().double().numpy().copy() for name, tensor in tensors.items()}


def channels_first(inputs: np.ndarray) -> Tensor:
    """(B, …, 1) to the torch module's (B, 1, …)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(inputs, -1, 1)))


def exact_adam() -> keras.optimizers.Optimizer:
    """Keras's Adam with betas that are not rounded to float32 in the bias correction."""
    return keras.optimizers.Adam(1e-3, beta_1=np.float64(0.9), beta_2=np.float64(0.999))


def default_adam() -> keras.optimizers.Optimizer:
    """Keras's Adam as the original used it."""
    return keras.optimizers.Adam(1e-3)


def keras_network(name: str, dtype: str, weights: Weights) -> keras.Model:
    """The reference network with given weights."""
    set_floatx(dtype)
    network = NETWORKS[name](SETUPS[name].length)
    set_weights(network, weights)
    return network


def keras_logits(network: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Logits in evaluation mode: the last layer's input times its kernel, plus its bias."""
    features = keras.Model(network.inputs[0], network.get_layer("head").input)
    kernel, bias = network.get_layer("head").get_weights()
    return np.asarray(features(inputs, training=False)) @ kernel + bias


def keras_gradients(network: keras.Model, batch: Batch) -> Weights:
    """Gradients of the training loss in `get_weights()` order; zeros for moving statistics."""
    state = get_weights(network)
    with tf.GradientTape() as tape:
        loss = network.compute_loss(y=one_hot(batch[1]), y_pred=network(batch[0], training=True))
    gradients = tape.gradient(loss, [v.value for v in network.trainable_variables])
    by_path = {
        v.path: np.array(g) for v, g in zip(network.trainable_variables, gradients, strict=True)
    }
    set_weights(network, state)  # the forward pass moved BatchNorm's statistics
    return {
        layer.name: [by_path.get(v.path, np.zeros(v.shape)) for v in layer.weights]
        for layer in network.layers
        if layer.weights
    }


def one_hot(classes: np.ndarray) -> np.ndarray:
    """(B,) to (B, 5) in Keras's float type."""
    return np.eye(CLASSES, dtype=keras.config.floatx())[classes]


@lru_cache
def keras_batch_gradients(name: str, dtype: str, count: int) -> list[Arrays]:
    """Keras's gradients of the initial weights, for each of the first `count` batches."""
    network = keras_network(name, dtype, initial_weights(name, dtype))
    network.compile(exact_adam(), loss="categorical_crossentropy")
    return [
        in_torch_names(name, keras_gradients(network, batch))
        for batch in islice(SETUPS[name].batches(dtype), count)
    ]


@lru_cache
def torch_batch_gradients(name: str, dtype: str, count: int) -> list[Arrays]:
    """The same by the product."""
    found = []
    for inputs, classes in islice(SETUPS[name].batches(dtype), count):
        classifier = BeatClassifier(
            torch_network(name, dtype, initial_weights(name, dtype))
        ).train()
        classifier.training_step((channels_first(inputs), torch.from_numpy(classes)), 0).backward()  # type: ignore[no-untyped-call]
        found.append(
            as_arrays(
                {
                    key: p.grad
                    for key, p in classifier.network.named_parameters()
                    if p.grad is not None
                }
            )
        )
    return found


@lru_cache
def keras_trajectory(
    name: str,
    dtype: str,
    steps: int = STEPS,
    adam: Callable[[], keras.optimizers.Optimizer] = exact_adam,
    first: int = 0,
) -> Trajectory:
    """What Keras computes from batch `first` on, by `compute_loss` and `train_on_batch`."""
    network = keras_network(name, dtype, initial_weights(name, dtype))
    network.compile(adam(), loss="categorical_crossentropy")
    batches = list(islice(SETUPS[name].batches(dtype), first, first + steps))
    gradients = in_torch_names(name, keras_gradients(network, batches[0]))
    losses, states = [], {}
    for step, (inputs, classes) in enumerate(batches, start=1):
        network.reset_metrics()  # `train_on_batch` returns the running mean since the last reset
        losses.append(float(network.train_on_batch(inputs, one_hot(classes))))
        if step in (1, steps):
            states[step] = in_torch_names(name, get_weights(network))
    return Trajectory(np.array(losses), gradients, states)


@lru_cache
def torch_trajectory(
    name: str,
    dtype: str,
    steps: int = STEPS,
    adam: Callable[..., torch.optim.Optimizer] | None = None,
    change: Callable[[nn.Module], None] = lambda network: None,
    first: int = 0,
) -> Trajectory:
    """What the product computes with its `BeatClassifier`, or with another `adam` or `change`."""
    network = torch_network(name, dtype, initial_weights(name, dtype))
    change(network)
    classifier = BeatClassifier(network).train()
    optimizer = (
        classifier.configure_optimizers()
        if adam is None
        else adam(classifier.parameters(), lr=1e-3)
    )
    losses, gradients, states = [], {}, {}
    for step, batch in enumerate(
        islice(SETUPS[name].batches(dtype), first, first + steps), start=1
    ):
        losses.append(torch_step(classifier, optimizer, batch))
        if step == 1:
            gradients = as_arrays(
                {key: p.grad for key, p in network.named_parameters() if p.grad is not None}
            )
        if step in (1, steps):
            states[step] = as_arrays(network.state_dict())
    return Trajectory(np.array(losses), gradients, states)


def torch_step(classifier: BeatClassifier, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    """One training step; returns the mean loss before it."""
    optimizer.zero_grad()
    loss = classifier.training_step((channels_first(batch[0]), torch.from_numpy(batch[1])), 0)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()

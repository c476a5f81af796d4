"""The comparison can fail: each known difference between the frameworks exceeds its tolerance."""

from collections.abc import Callable, Mapping

import keras
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ecg_lightning.data.samplers import resample_indices
from ecg_lightning.data.split_rules import original_split
from ecg_lightning.models import layers
from keras_reference import preprocessing
from tests.parity import trajectories
from tests.parity.comparison import Comparison, error_and_place
from tests.parity.tolerances import TABLE
from tests.parity.trajectories import SETUPS, STEPS, Arrays, keras_trajectory, torch_trajectory

pytestmark = pytest.mark.parity

NAME = "deep_conv1d"


class TorchBatchNorm(nn.BatchNorm1d):
    """Torch's own BatchNorm with Keras's constants: its running variance is the unbiased one."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=0.01)


def use_torch_batch_norm(network: nn.Module) -> None:
    """Replace the four BatchNorms of DeepConv1d."""
    network.norms = nn.ModuleList(TorchBatchNorm(32).to(torch.float64) for _ in range(4))


def plain_adam(parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    """Torch's own Adam with Keras's epsilon, added after the bias correction."""
    return torch.optim.Adam(parameters, lr=lr, eps=1e-7)


def pad_on_the_other_side(network: nn.Module) -> None:
    """Give even kernels the larger padding on the left."""
    for module in network.modules():
        if isinstance(module, layers.Conv1d):
            left, right = module.pads
            module.pads = (right, left)


def pool_with_zeros(network: nn.Module) -> None:
    """Pad the pools with zeros instead of minus infinity."""
    network.pools = nn.ModuleList(ZeroPaddedPool(pool) for pool in network.pools)  # type: ignore[union-attr]


class ZeroPaddedPool(nn.Module):
    """A max pool, padding same, that pads with zeros."""

    def __init__(self, pool: layers.MaxPool1d) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        size, stride = self.pool.pool_samples, self.pool.stride
        return functional.max_pool1d(
            functional.pad(x, layers.same_padding(x.shape[-1], size, stride)), size, stride
        )


def flatten_by_channel(network: nn.Module) -> None:
    """Read TimeDepends's dense kernel as if flattening ran over (channel, time)."""
    weight: Tensor = network.head.weight  # type: ignore[assignment,union-attr]
    weight.data = weight.data.view(5, -1, 32).transpose(1, 2).reshape(5, -1)


def only(arrays: Mapping[str, np.ndarray], part: str) -> Arrays:
    """The arrays whose name holds `part`."""
    return {name: array for name, array in arrays.items() if part in name}


def test_unbiased_running_variance(compare: Comparison) -> None:
    reference = keras_trajectory(NAME, "float64").states[1]
    ours = torch_trajectory(NAME, "float64", steps=1, change=use_torch_batch_norm).states[1]
    variances = only(reference, "running_var"), only(ours, "running_var")
    assert compare.exceeds("moving statistics after 1 step", *variances)
    means = only(reference, "running_mean"), only(ours, "running_mean")
    assert not compare.exceeds("moving statistics after 1 step", *means)


def test_plain_adam_epsilon(compare: Comparison) -> None:
    reference = keras_trajectory("time_depends", "float64").states[1]
    ours = torch_trajectory("time_depends", "float64", steps=1, adam=plain_adam).states[1]
    assert compare.exceeds("weights after 1 step", reference, ours)


def test_keras_default_betas(compare: Comparison) -> None:
    reference = keras_trajectory("time_depends", "float64", adam=trajectories.default_adam).states[
        STEPS
    ]
    assert compare.exceeds(
        "weights after 50 steps",
        reference,
        torch_trajectory("time_depends", "float64").states[STEPS],
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [(NAME, pad_on_the_other_side), (NAME, pool_with_zeros), ("time_depends", flatten_by_channel)],
)
@pytest.mark.parametrize("dtype", trajectories.DTYPES)
def test_another_layout_of_the_network(
    name: str, change: Callable[[nn.Module], None], dtype: str, compare: Comparison
) -> None:
    weights = trajectories.settled_weights(name, dtype)
    inputs, _ = next(SETUPS[name].batches(dtype))
    reference = trajectories.keras_logits(trajectories.keras_network(name, dtype, weights), inputs)
    network = trajectories.torch_network(name, dtype, weights).eval()
    change(network)
    with torch.no_grad():
        assert compare.exceeds(
            "logits", reference, network(trajectories.channels_first(inputs)).numpy(), dtype=dtype
        )


def test_default_betas_of_adam_alone(compare: Comparison) -> None:
    trajectories.set_floatx("float64")
    exact, default = keras.Variable(np.zeros(1)), keras.Variable(np.zeros(1))
    optimizers = trajectories.exact_adam(), trajectories.default_adam()
    for _ in range(STEPS):
        for optimizer, variable in zip(optimizers, (exact, default), strict=True):
            optimizer.apply([keras.ops.ones(1)], [variable])
    assert compare.exceeds("Adam alone, 50 steps", exact.numpy(), default.numpy())


def test_another_seed_of_split_or_upsampling(compare: Comparison) -> None:
    labels = np.repeat(np.arange(5), 300)
    train, _, _ = preprocessing.split(labels)
    drawn = preprocessing.upsample(train, labels, 50)
    other = original_split(labels, np.random.RandomState(1))
    assert compare.exceeds("split rows", train, other.train, dtype="int64")
    split = original_split(labels, np.random.RandomState(0))
    fresh = split.train[resample_indices(labels[split.train], 50, np.random.RandomState(0))]
    assert compare.exceeds("upsampled rows", drawn, fresh, dtype="int64")


def test_a_window_one_sample_off(compare: Comparison) -> None:
    signals = np.random.default_rng(0).random((5, 256))
    assert compare.exceeds("windows", signals, np.roll(signals, 1, axis=1))


@pytest.mark.parametrize("measure", ["absolute", "relative", "mean"])
@pytest.mark.parametrize(
    "value",
    [np.ones((2, 1)), np.array([1.0, np.nan]), np.array([1.0, np.inf]), {"x": np.ones(2)}],
    ids=str,
)
def test_shapes_names_and_numbers_that_are_none(value: np.ndarray | Arrays, measure: str) -> None:
    assert error_and_place(np.ones(2), value, measure)[0] == np.inf
    assert error_and_place(value, np.ones(2), measure)[0] == np.inf


def test_errors_by_hand() -> None:
    reference, value = (
        {"a": np.array([4.0, -8.0]), "b": np.array([1.0, 1.0])},
        {"a": np.array([4.0, -6.0]), "b": np.array([1.0, 2.0])},
    )
    assert error_and_place(reference, value, "absolute") == (2.0, ", a")
    assert error_and_place(reference, value, "relative") == (1.0, ", b")
    assert error_and_place(reference, value, "mean") == (0.75, "")
    assert error_and_place(np.array(["N", "V"]), np.array(["N", "S"]), "absolute")[0] == np.inf


def test_a_failure_says_where(compare: Comparison) -> None:
    with pytest.raises(
        AssertionError, match=r"^logits, float64, here, a: relative error 1, allowed 5e-13"
    ):
        Comparison()("logits", {"a": np.ones(2)}, {"a": np.zeros(2)}, case="here")


def test_tolerances_stay_near_what_was_measured() -> None:
    for row in TABLE:
        assert row.measured <= row.limit, f"{row.quantity}, {row.dtype}"
        assert row.limit <= 200 * row.measured, (
            f"{row.quantity}, {row.dtype}: looser than the measurement bears out"
        )

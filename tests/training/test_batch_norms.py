"""Statistics of BatchNorm layers over several batches, compared with NumPy and with torch."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from ecg_lightning.models.layers import BatchNorm, Dense
from ecg_lightning.training.batch_norms import (
    MEAN,
    VARIANCE,
    Buffers,
    Moments,
    batch_norms,
    buffers_of,
    estimated,
    named_values,
    set_buffers,
    set_named,
)
from tests.training.test_resume import same

CPU = torch.device("cpu")
Norm = type[BatchNorm] | type[nn.BatchNorm1d]


def values(*shape: int, seed: int = 0, offset: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return offset + torch.randn(shape, dtype=torch.float64, generator=generator)


class Network(nn.Module):
    """A BatchNorm after dropout, and one that sees what the first makes of it."""

    def __init__(self, norm: Norm = BatchNorm) -> None:
        super().__init__()
        self.dropout, self.first, self.second = nn.Dropout(0.5), norm(3), norm(3)
        self.head = Dense(3, 5)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(torch.relu(self.first(self.dropout(x)))).mean(-1))


def measured(network: nn.Module, batches: list[Tensor]) -> Buffers:
    return estimated(network, batch_norms(network), batches, network, 1, CPU)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_moments_of_batches_of_several_sizes_are_those_of_all_values(offset: float) -> None:
    batches = [values(size, 3, 7, seed=size, offset=offset) * size for size in (1, 4, 32)]
    moments = Moments(3)
    for batch in batches:
        moments.add_batch(batch)
    joint = np.concatenate([batch.numpy() for batch in batches])
    assert moments.count == 37 * 7
    np.testing.assert_allclose(moments.mean, joint.mean((0, 2)), rtol=1e-14)
    np.testing.assert_allclose(moments.variance, joint.var((0, 2)), rtol=1e-12)


def test_moments_of_no_values_change_nothing() -> None:
    moments = Moments(3)
    moments.add(0.0, torch.full((3,), torch.nan), torch.full((3,), torch.nan))
    moments.add_batch(values(4, 3, 7))
    moments.add(0.0, torch.zeros(3), torch.zeros(3))
    torch.testing.assert_close(moments.mean, values(4, 3, 7).mean((0, 2)), rtol=0, atol=1e-15)


def test_half_precision_is_summed_in_float32() -> None:
    batch, moments = values(64, 3, 128).bfloat16(), Moments(3)
    moments.add_batch(batch)
    expected = batch.double().numpy()
    np.testing.assert_allclose(moments.mean, expected.mean((0, 2)), rtol=1e-6)
    np.testing.assert_allclose(moments.variance, expected.var((0, 2)), rtol=1e-5)


@pytest.mark.parametrize("norm", [BatchNorm, nn.BatchNorm1d])
def test_the_first_layer_gets_the_mean_and_variance_without_dropout(norm: Norm) -> None:
    network, batches = Network(norm), [values(8, 3, 7, seed=seed) for seed in range(4)]
    result = measured(network, batches)
    joint = torch.cat(batches).numpy()
    np.testing.assert_allclose(result[network.first][MEAN], joint.mean((0, 2)), rtol=1e-14)
    np.testing.assert_allclose(result[network.first][VARIANCE], joint.var((0, 2)), rtol=1e-13)


@pytest.mark.parametrize("norm", [BatchNorm, nn.BatchNorm1d])
def test_after_one_batch_an_evaluation_gives_what_training_gave(norm: Norm) -> None:
    network, batch = Network(norm), values(8, 3, 7)
    network.dropout.p = 0.0
    in_training = network.train()(batch)
    set_buffers(measured(network, [batch]))
    torch.testing.assert_close(network.eval()(batch), in_training, rtol=0, atol=1e-12)


def test_means_are_those_of_torchs_function() -> None:
    """Its variances leave out how the means of the batches differ."""
    network, batches = Network(nn.BatchNorm1d), [values(8, 3, 7, seed=seed) for seed in range(4)]
    network.dropout.p = 0.0
    theirs = copy.deepcopy(network)
    result = measured(network, batches)
    update_bn(batches, theirs)
    for own, other in zip(batch_norms(network), batch_norms(theirs), strict=True):
        torch.testing.assert_close(result[own][MEAN], other.get_buffer(MEAN), rtol=0, atol=1e-13)
        within = other.get_buffer(VARIANCE) * (8 * 7 - 1) / (8 * 7)
        assert bool((result[own][VARIANCE] >= within).all())
        torch.testing.assert_close(result[own][VARIANCE], within, rtol=0.05, atol=0)


@pytest.mark.parametrize("norm", [BatchNorm, nn.BatchNorm1d])
def test_network_and_modes_are_the_same_afterwards(norm: Norm) -> None:
    network = Network(norm)
    network.train()
    network.second.eval()
    modes = [part.training for part in network.modules()]
    state = copy.deepcopy(network.state_dict())
    assert set(measured(network, [values(8, 3, 7)])) == {network.first, network.second}
    assert [part.training for part in network.modules()] == modes
    assert same(dict(network.state_dict()), dict(state))
    network(values(8, 3, 7))  # no hook is left
    assert not network.first._forward_pre_hooks


def test_what_fails_leaves_the_network_as_it_was() -> None:
    network = Network()
    state = copy.deepcopy(network.state_dict())

    def batches() -> list[Tensor]:
        return [values(8, 3, 7), values(8, 4, 7)]

    with pytest.raises(RuntimeError):
        measured(network, batches())
    assert same(dict(network.state_dict()), dict(state))
    assert network.training
    assert not network.first._forward_pre_hooks


def test_other_layers_and_layers_without_moving_statistics_are_left_alone() -> None:
    network = nn.Sequential(
        nn.BatchNorm1d(3, track_running_stats=False),
        nn.InstanceNorm1d(3, track_running_stats=True),
        nn.LayerNorm(7),
        nn.BatchNorm1d(3),
    )
    assert batch_norms(network) == [network[3]]


def test_a_layer_without_values_gets_none() -> None:
    network = Network()
    unused = BatchNorm(3)
    result = estimated(network, [network.first, unused], [values(8, 3, 7)], network, 1, CPU)
    assert set(result) == {network.first}


def test_a_layer_with_two_names_has_two_entries() -> None:
    norm = BatchNorm(3)
    network = nn.ModuleDict({"one": norm, "two": norm})
    named = named_values(network, buffers_of([norm]))
    names = {f"{place}.{name}" for place in ("one", "two") for name in (MEAN, VARIANCE)}
    assert set(named) == names
    set_named(network, {"two.running_mean": torch.ones(3), "one.running_var": torch.ones(4)})
    assert torch.equal(norm.running_mean, torch.ones(3))
    assert torch.equal(norm.running_var, torch.ones(3))

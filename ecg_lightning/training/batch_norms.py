"""The statistics of BatchNorm layers over several batches, and the layers' own buffers.

Source: Y. Wu, J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3 (precise statistics).
`torch.optim.swa_utils.update_bn` has the same purpose. It knows torch's layers only, turns dropout
on, and takes the mean of the batches' variances, which leaves out how their means differ.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ecg_lightning.models.layers import BatchNorm
from ecg_lightning.training.callbacks.running_metrics import of_ranks

MEAN, VARIANCE = "running_mean", "running_var"
Buffers = dict[nn.Module, dict[str, Tensor]]  # layer -> name -> its values


class Moments:
    """The number, the mean and the variance of the values of each channel, batch after batch.

    They are float64 numbers on the CPU.

    Args:
        channels: C.

    Attributes:
        count: Values of each channel.
        mean: (C,).
        squares: (C,) sums of the squared differences from the mean.
    """

    def __init__(self, channels: int) -> None:
        self.count = 0.0
        self.mean = torch.zeros(channels, dtype=torch.float64)
        self.squares = torch.zeros_like(self.mean)

    @property
    def variance(self) -> Tensor:
        """(C,) the biased variance."""
        return self.squares / self.count

    def add_batch(self, x: Tensor) -> None:
        """Add values (B, C, …)."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        others = [i for i in range(x.dim()) if i != 1]
        variance, mean = torch.var_mean(wide, others, correction=0)
        count = x.numel() / x.shape[1]
        self.add(count, mean.cpu().double(), variance.cpu().double() * count)

    def add(self, count: float, mean: Tensor, squares: Tensor) -> None:
        """Add the moments of other values: the update of Chan, Golub and LeVeque (1983)."""
        if not (total := self.count + count):
            return
        difference = mean - self.mean
        self.mean = self.mean + difference * (count / total)
        self.squares = self.squares + squares + difference.square() * (self.count * count / total)
        self.count = total

    def joined(self, world_size: int, device: torch.device) -> "Moments":
        """Return the moments of all ranks; every rank gets the same numbers.

        Args:
            world_size: The number of ranks.
            device: Of this rank.
        """
        if world_size == 1:
            return self
        count = torch.full((1, len(self.mean)), self.count, dtype=torch.float64)
        own = torch.cat([count, self.mean[None], self.squares[None]]).to(device)
        result = Moments(len(self.mean))
        for count, mean, squares in of_ranks(own, world_size).cpu():
            result.add(float(count[0]), mean, squares)
        return result


def batch_norms(module: nn.Module) -> list[nn.Module]:
    """Return the layers with moving statistics: this package's BatchNorm, and torch's."""
    return [
        layer
        for layer in module.modules()
        if isinstance(layer, BatchNorm | _BatchNorm) and layer.running_mean is not None
    ]


def buffers_of(layers: Iterable[nn.Module]) -> Buffers:
    """Return copies of the layers' buffers."""
    return {
        layer: {name: value.clone() for name, value in layer.named_buffers(recurse=False)}
        for layer in layers
    }


@torch.no_grad()
def set_buffers(values: Buffers) -> None:
    """Copy values into the layers' buffers."""
    for layer, named in values.items():
        for name, value in named.items():
            layer.get_buffer(name).copy_(value)


def named_values(module: nn.Module, values: Buffers) -> dict[str, Tensor]:
    """Return values of layers by the names that the module's state has for them."""
    return {
        f"{place}.{name}": value
        for place, layer in module.named_modules(remove_duplicate=False)
        for name, value in values.get(layer, {}).items()
    }


def set_named(module: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Copy values into the buffers with these names; other names and shapes are ignored."""
    for name, buffer in module.named_buffers(remove_duplicate=False):
        if name in values and values[name].shape == buffer.shape:
            buffer.copy_(values[name])


def estimated(
    module: nn.Module,
    layers: Sequence[nn.Module],
    batches: Iterable[Any],
    predict: Callable[[Any], Any],
    world_size: int,
    device: torch.device,
) -> Buffers:
    """Return the means and variances of what the layers see of batches.

    The layers normalise each batch by its own statistics, as in training. Everything else works as
    in an evaluation. Modes and buffers are the same afterwards.

    Args:
        module: The network.
        layers: Some of its BatchNorm layers. One that no batch passes through gets no values.
        batches: What `predict` takes, on this rank.
        predict: Calls the network.
        world_size: The number of ranks; each has as many batches.
        device: Of this rank.
    """
    moments = {layer: Moments(len(layer.get_buffer(MEAN))) for layer in layers}

    def note(layer: nn.Module, args: tuple[Tensor, ...]) -> None:
        moments[layer].add_batch(args[0])

    before = buffers_of(layers)
    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        with _normalising(module, layers), torch.inference_mode(False), torch.no_grad():
            for batch in batches:
                predict(batch)
    finally:
        for hook in hooks:
            hook.remove()
        set_buffers(before)
    together = {layer: own.joined(world_size, device) for layer, own in moments.items()}
    return {
        layer: {MEAN: all_.mean, VARIANCE: all_.variance}
        for layer, all_ in together.items()
        if all_.count
    }


@contextlib.contextmanager
def _normalising(module: nn.Module, layers: Iterable[nn.Module]) -> Iterator[None]:
    """Let these layers be in training mode, and the rest of the network in evaluation mode."""
    modes = {part: part.training for part in module.modules()}
    for part in modes:
        part.training = False
    for layer in layers:
        layer.training = True
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode

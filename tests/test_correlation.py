"""`correlate` and `slide` against torch's own convolution and numerical gradients."""

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from ecg_lightning.models.correlation import correlate, slide

# (samples, kernel, left, right): same and valid, odd and even lengths, kernels longer than the signal, a single sample.
CASES = [
    (128, 40, 19, 20),
    (217, 32, 15, 16),
    (256, 40, 0, 0),
    (47, 24, 11, 12),
    (16, 40, 19, 20),
    (5, 33, 16, 16),
    (2, 25, 12, 12),
    (1, 25, 12, 12),
    (9, 4, 0, 3),
    (9, 4, 3, 0),
    (12, 12, 0, 0),
    (7, 1, 2, 3),
]


def _tensors(samples: int, kernel: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(samples * 1000 + kernel)
    x = torch.randn(samples, 3, 4, generator=generator, dtype=dtype, requires_grad=True)
    return x, torch.randn(5, 4, kernel, generator=generator, dtype=dtype, requires_grad=True)


def _plain(x: torch.Tensor, weight: torch.Tensor, left: int, right: int) -> torch.Tensor:
    return F.conv1d(F.pad(x.permute(1, 2, 0), (left, right)), weight).permute(2, 0, 1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 1e-5)])
@pytest.mark.parametrize("way", [correlate, lambda x, weight, left, right: slide(x, weight, x.new_zeros(len(weight)), left, right)])
@pytest.mark.parametrize("case", CASES)
def test_output_and_gradients_equal_the_plain_convolution(
    case: tuple[int, int, int, int], way: Callable[..., torch.Tensor], dtype: torch.dtype, tolerance: float
) -> None:
    samples, kernel, left, right = case
    x, weight = _tensors(samples, kernel, dtype)
    ours, plain = way(x, weight, left, right), _plain(x, weight, left, right)
    assert ours.shape == plain.shape
    weights_of_outputs = torch.cos(torch.arange(plain.numel(), dtype=dtype)).view_as(plain)
    gradients = [torch.autograd.grad((y * weights_of_outputs).sum(), (x, weight)) for y in (ours, plain)]
    for a, b in [(ours, plain), *zip(*gradients, strict=True)]:
        assert (a - b).abs().max() <= tolerance * b.abs().max()


def test_numerical_gradient() -> None:
    x, weight = _tensors(9, 6, torch.float64)
    assert torch.autograd.gradcheck(lambda a, b: correlate(a, b, 2, 3), (x, weight))


def test_taps_that_only_meet_padding_get_no_gradient() -> None:
    x, weight = _tensors(3, 9, torch.float64)
    correlate(x, weight, 4, 4).sum().backward()
    assert weight.grad is not None
    assert torch.equal(weight.grad.abs().sum((0, 1)) > 0, torch.tensor([False, False, *[True] * 5, False, False]))


def test_sliding_adds_the_bias_and_takes_the_memory_as_it_lies() -> None:
    x, weight = _tensors(5, 4, torch.float64)
    bias = torch.arange(5, dtype=torch.float64)
    y = slide(x, weight, bias, 1, 2)
    assert torch.allclose(y, _plain(x, weight, 1, 2) + bias)
    assert y.is_contiguous()  # time first: the next layer copies nothing

"""`normalise` against torch's own batch_norm in float64 and numerical gradients, in one block and in many."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ecg_lightning.models import normalisation
from ecg_lightning.models.normalisation import normalise

EPSILON = 1e-3
ROWS, CHANNELS = 37, 3


def inputs(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    of_size = ((ROWS, CHANNELS), (CHANNELS,), (CHANNELS,))
    x, weight, bias = (torch.randn(size, generator=generator, dtype=torch.float64).to(dtype) for size in of_size)
    return (5 + x).requires_grad_(), weight.requires_grad_(), bias.requires_grad_()


@pytest.fixture(params=[1 << 17, 4 * CHANNELS, 1], ids=["one block", "ten blocks", "a block each row"], autouse=True)
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalisation, "BLOCK_NUMBERS", request.param)


def test_equals_torchs_batch_norm_and_its_gradients() -> None:
    given = inputs()
    ours, mean, variance = normalise(*given, EPSILON)
    torchs = F.batch_norm(given[0], None, None, given[1], given[2], training=True, eps=EPSILON)
    assert torch.allclose(ours, torchs, rtol=0, atol=1e-13)
    assert torch.allclose(mean, given[0].mean(0), rtol=1e-14)
    assert torch.allclose(variance, given[0].var(0, correction=0), rtol=1e-13)
    weights = torch.cos(torch.arange(ours.numel(), dtype=torch.float64)).view_as(ours)
    for a, b in zip(*(torch.autograd.grad((y * weights).sum(), given) for y in (ours, torchs)), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-13)


def test_numerical_gradient() -> None:
    assert torch.autograd.gradcheck(lambda x, weight, bias: normalise(x, weight, bias, EPSILON)[0], inputs())


def test_statistics_take_no_gradient() -> None:
    _, mean, variance = normalise(*inputs(), EPSILON)
    assert not mean.requires_grad
    assert not variance.requires_grad


def test_bfloat16_is_rounded_once_on_the_way_out() -> None:
    x, weight, bias = inputs(torch.bfloat16)
    y, mean, _ = normalise(x, weight, bias, EPSILON)
    exact = normalise(x.double(), weight.double(), bias.double(), EPSILON)[0]
    assert (y.dtype, mean.dtype) == (torch.bfloat16, torch.float32)
    assert torch.allclose(y.double(), exact, rtol=2**-8, atol=2**-8)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == torch.bfloat16


def test_a_single_row_becomes_the_bias() -> None:
    x, weight, bias = inputs()
    y, _, variance = normalise(x[:1], weight, bias, EPSILON)
    assert torch.equal(y[0], bias)
    assert not variance.any()


def test_values_behind_the_channels_belong_to_them() -> None:
    x, weight, bias = inputs()
    apart = x.detach()[:36].view(9, 2, 2, CHANNELS).permute(0, 3, 1, 2).contiguous().requires_grad_()  # (9, 3, 2, 2)
    found, expected = normalise(apart, weight, bias, EPSILON), normalise(x[:36], weight, bias, EPSILON)
    assert torch.allclose(found[0].permute(0, 2, 3, 1).reshape(36, CHANNELS), expected[0], rtol=0, atol=1e-13)
    for a, b in zip(found[1:], expected[1:], strict=True):
        assert torch.allclose(a, b, rtol=1e-13)
    assert torch.autograd.gradcheck(lambda x, weight, bias: normalise(x, weight, bias, EPSILON)[0], (apart, weight, bias))

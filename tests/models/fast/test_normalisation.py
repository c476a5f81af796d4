"""`normalise` against torch's batch_norm in float64 and numerical gradients.

The batch is one block or many.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ecg_lightning.models.fast import normalisation
from ecg_lightning.models.fast.normalisation import normalise

EPSILON = 1e-3
ROWS, CHANNELS = 37, 3


def inputs(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = ((ROWS, CHANNELS), (CHANNELS,), (CHANNELS,))
    x, weight, bias = (
        torch.randn(size, generator=generator, dtype=torch.float64).to(dtype) for size in sizes
    )
    return (5 + x).requires_grad_(), weight.requires_grad_(), bias.requires_grad_()


@pytest.fixture(
    params=[1 << 17, 4 * CHANNELS, 1],
    ids=["one block", "ten blocks", "a block each row"],
    autouse=True,
)
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
    for a, b in zip(
        *(torch.autograd.grad((y * weights).sum(), given) for y in (ours, torchs)), strict=True
    ):
        assert torch.allclose(a, b, rtol=0, atol=1e-13)


def test_numerical_gradient() -> None:
    assert torch.autograd.gradcheck(
        lambda x, weight, bias: normalise(x, weight, bias, EPSILON)[0], inputs()
    )


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


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "apart",
    [
        lambda rows: rows.view(9, 4, CHANNELS).transpose(1, 2),
        lambda rows: rows.view(9, 2, 2, CHANNELS).movedim(3, 1),
    ],
)
def test_values_behind_the_channels_belong_to_them(
    apart: Callable[[Tensor], Tensor], dtype: torch.dtype
) -> None:
    rows, weight, bias = inputs()
    x = apart(rows.detach()[:36]).to(dtype).contiguous().requires_grad_()
    exact = x.detach().double().movedim(1, -1).flatten(0, -2).requires_grad_()
    expected, mean, variance = normalise(exact, weight, bias, EPSILON)
    actual = normalise(
        x,
        weight.to(torch.promote_types(dtype, torch.float32)),
        bias.to(torch.promote_types(dtype, torch.float32)),
        EPSILON,
    )
    tolerance = {torch.float64: 1e-13, torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]
    assert actual[0].dtype == dtype
    torch.testing.assert_close(
        actual[0].movedim(1, -1).flatten(0, -2).double(), expected, rtol=0, atol=3 * tolerance
    )
    for a, b in zip(actual[1:], (mean, variance), strict=True):
        assert not a.requires_grad
        torch.testing.assert_close(a.double(), b, rtol=0, atol=min(10 * tolerance, 1e-5))
    weights_of_outputs = torch.cos(torch.arange(36.0 * CHANNELS, dtype=torch.float64)).view(
        expected.shape
    )
    (theirs,) = torch.autograd.grad((expected * weights_of_outputs).sum(), exact)
    (ours,) = torch.autograd.grad(
        (actual[0].movedim(1, -1).flatten(0, -2).double() * weights_of_outputs).sum(), x
    )
    torch.testing.assert_close(
        ours.movedim(1, -1).flatten(0, -2).double(), theirs, rtol=0, atol=3 * tolerance
    )


@pytest.mark.parametrize("size", [(1, CHANNELS), (1, CHANNELS, 1), (1, CHANNELS, 1, 1)])
def test_a_single_value_a_channel_becomes_the_bias(size: tuple[int, ...]) -> None:
    x, weight, bias = inputs()
    y, _, variance = normalise(x[:1].view(size), weight, bias, EPSILON)
    assert torch.equal(y.flatten(), bias)
    assert not variance.any()


def test_no_beat_at_all_is_nothing() -> None:
    _, weight, bias = inputs()
    assert normalise(torch.zeros(4, CHANNELS, 0, dtype=torch.float64), weight, bias, EPSILON)[
        0
    ].shape == (4, CHANNELS, 0)

"""`correlate` and `slide` against torch's own convolution and numerical gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ecg_lightning.errors import InputError
from ecg_lightning.models.fast import correlation
from ecg_lightning.models.fast.correlation import correlate, multiply, slide, slide_few

# (samples, kernel, left, right): same and valid, odd and even lengths, kernels longer than the
# signal, a single sample.
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


def _tensors(
    samples: int, kernel: int, dtype: torch.dtype, batch: int = 3, channels: int = 4
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(samples * 1000 + kernel)
    sizes = ((samples, channels, batch), (5, channels, kernel), (5,))
    x, weight, bias = (
        torch.randn(size, generator=generator, dtype=torch.float64).to(dtype) for size in sizes
    )
    return x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()


def _plain(x: Tensor, weight: Tensor, bias: Tensor, left: int, right: int) -> Tensor:
    return F.conv1d(F.pad(x.permute(2, 1, 0), (left, right)), weight, bias).permute(2, 1, 0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 1e-5)])
@pytest.mark.parametrize("way", [correlate, slide])
@pytest.mark.parametrize("case", CASES)
def test_output_and_gradients_equal_the_plain_convolution(
    case: tuple[int, int, int, int],
    way: Callable[..., Tensor],
    dtype: torch.dtype,
    tolerance: float,
) -> None:
    samples, kernel, left, right = case
    tensors = _tensors(samples, kernel, dtype)
    ours, plain = way(*tensors, left, right), _plain(*tensors, left, right)
    assert ours.shape == plain.shape
    weights_of_outputs = torch.cos(torch.arange(plain.numel(), dtype=dtype)).view(plain.shape)
    gradients = [
        torch.autograd.grad((y * weights_of_outputs).sum(), tensors) for y in (ours, plain)
    ]
    for a, b in [(ours, plain), *zip(*gradients, strict=True)]:
        assert (a - b).abs().max() <= tolerance * b.abs().max()


def test_numerical_gradient() -> None:
    assert torch.autograd.gradcheck(
        lambda x, weight, bias: correlate(x, weight, bias, 2, 3), _tensors(9, 6, torch.float64)
    )


def test_taps_that_only_meet_padding_get_no_gradient() -> None:
    x, weight, bias = _tensors(3, 9, torch.float64)
    correlate(x, weight, bias, 4, 4).sum().backward()
    assert weight.grad is not None
    assert torch.equal(
        weight.grad.abs().sum((0, 1)) > 0, torch.tensor([False, False, *[True] * 5, False, False])
    )


def test_only_the_gradients_asked_for_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    products: list[Tensor] = []

    def noted(a: Tensor, b: Tensor) -> Tensor:
        products.append(a)
        return multiply(a, b)

    monkeypatch.setattr(correlation, "multiply", noted)
    x, weight, bias = _tensors(9, 4, torch.float64)
    (weight_grad,) = torch.autograd.grad(
        correlate(x.detach(), weight, bias.detach(), 1, 2).sum(), weight
    )
    assert len(products) == 3 + 2  # signal, kernel and result; the gradient and its kernel
    assert torch.equal(
        weight_grad,
        torch.autograd.grad(correlate(x, weight, bias, 1, 2).sum(), (x, weight, bias))[1],
    )
    assert len(products) == 5 + 3 + 3


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "limits", [(0, 1 << 27), (1 << 27, 0)], ids=["one product", "torch's convolution"]
)
def test_a_few_beats(
    case: tuple[int, int, int, int],
    limits: tuple[int, int],
    batch: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(correlation, "FROM_MULTIPLICATIONS", limits[0])
    monkeypatch.setattr(correlation, "UP_TO_MULTIPLICATIONS", limits[1])
    samples, kernel, left, right = case
    rows, weight, bias = (
        tensor.detach() for tensor in _tensors(samples, kernel, torch.float64, batch)
    )
    x = rows.permute(2, 1, 0)
    expected = _plain(rows, weight, bias, left, right).permute(2, 1, 0)
    for lying in (x, x.contiguous()):
        torch.testing.assert_close(
            slide_few(lying, weight, bias, left, right), expected, rtol=0, atol=1e-12
        )


def test_a_few_beats_take_the_product_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    products: list[torch.Size] = []

    def noted(a: Tensor, b: Tensor, bias: Tensor) -> Tensor:
        products.append(a.shape)
        return multiply(a, b, bias)

    monkeypatch.setattr(correlation, "multiply", noted)
    for samples, channels in ((16, 32), (64, 32), (64, 1), (5000, 32)):
        rows, weight, bias = (
            tensor.detach() for tensor in _tensors(samples, 40, torch.float32, 1, channels)
        )
        slide_few(rows.permute(2, 1, 0), weight.repeat(7, 1, 1), bias.repeat(7), 19, 20)
    assert products == [(64, 32 * 40)]


def test_gradients_are_as_precise_inside_autocast() -> None:
    x, weight, bias = _tensors(64, 40, torch.float32)
    loss = correlate(x, weight, bias, 19, 20).square().sum()
    expected = torch.autograd.grad(loss, (x, weight, bias), retain_graph=True)
    with torch.autocast("cpu", torch.bfloat16):
        actual = torch.autograd.grad(loss, (x, weight, bias))
    assert all(torch.equal(a, b) for a, b in zip(actual, expected, strict=True))


def test_a_signal_that_the_kernel_does_not_fit_is_refused() -> None:
    x, weight, bias = _tensors(7, 8, torch.float32)
    for way, signals in ((correlate, x), (slide, x), (slide_few, x.permute(2, 1, 0))):
        with pytest.raises(
            InputError, match="expected 8 samples or more for a kernel of 8, found 7"
        ):
            way(signals, weight, bias, 0, 0)


@pytest.mark.parametrize("case", CASES[:5])
def test_bfloat16_errs_by_half_a_percent_of_the_spread(case: tuple[int, int, int, int]) -> None:
    """The signal, two matrices, the spectra, the kernel's transform and the result have 8 bits.

    Sums are kept in float32.
    """
    samples, kernel, left, right = case
    halves = _tensors(samples, kernel, torch.bfloat16, batch=32, channels=32)
    x, weight, bias = exact = [tensor.detach().double().requires_grad_() for tensor in halves]
    actual, expected = correlate(*halves, left, right), _plain(x, weight, bias, left, right)
    weights_of_outputs = torch.randn(
        expected.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    theirs = torch.autograd.grad((expected * weights_of_outputs).sum(), exact)
    ours = torch.autograd.grad((actual.double() * weights_of_outputs).sum(), halves)
    for a, b in [(actual, expected), *zip(ours, theirs, strict=True)]:
        assert a.dtype == torch.bfloat16
        assert (a.double() - b).std() < 0.006 * b.std()


@pytest.mark.parametrize("available", [False, True])
def test_products_of_either_library_agree(monkeypatch: pytest.MonkeyPatch, available: bool) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: available)
    if available:
        monkeypatch.setattr(torch, "mm", None)  # MKL is not used
        monkeypatch.setattr(torch, "addmm", None)
    wide = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    for b in (wide, wide[:, 2:7], wide[1:, :].T[:6], wide[:4].repeat(2, 1)[:6]):
        a, bias = (
            torch.randn(5, len(b), generator=torch.Generator().manual_seed(1)),
            torch.arange(float(b.shape[1])),
        )
        assert (multiply(a, b).double() - a.double() @ b.double()).abs().max() < 1e-6
        assert (multiply(a, b, bias).double() - (a.double() @ b.double() + bias)).abs().max() < 2e-6


def test_a_product_keeps_its_gradient() -> None:
    a, b = torch.ones(2, 3, requires_grad=True), torch.ones(3, 4, requires_grad=True)
    multiply(a, b).sum().backward()
    assert a.grad is not None
    assert a.grad.tolist() == [[4.0] * 3] * 2

"""The layers against cases worked by hand and torch's own convolution and pool, in float64."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning.models import layers
from ecg_lightning.models.fast.correlation import correlate
from ecg_lightning.models.layers import (
    FROM_SAMPLES,
    BatchNorm,
    Conv1d,
    Conv2d,
    Dense,
    MaxPool1d,
    Padding,
    flatten,
    same_padding,
)


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def largest_error(actual: Tensor, expected: Tensor) -> float:
    """The largest error relative to the largest expected value."""
    assert actual.shape == expected.shape
    return float(((actual - expected).abs().max() / expected.abs().max()).detach())


class TestSamePadding:
    @pytest.mark.parametrize(
        ("samples", "kernel", "stride", "expected"),
        [
            (256, 40, 1, (19, 20)),  # an even kernel: one more at the end
            (256, 33, 1, (16, 16)),
            (256, 15, 2, (6, 7)),  # 128 outputs need 254 + 15 samples: 13 too few
            (255, 15, 2, (7, 7)),
            (2, 10, 1, (4, 5)),
            (1, 10, 1, (4, 5)),
            (5, 1, 2, (0, 0)),
            (8, 2, 2, (0, 0)),
            (9, 2, 4, (0, 1)),
        ],
    )
    def test_by_hand(
        self, samples: int, kernel: int, stride: int, expected: tuple[int, int]
    ) -> None:
        assert same_padding(samples, kernel, stride) == expected

    @pytest.mark.parametrize("stride", [1, 2, 3])
    @pytest.mark.parametrize("kernel", [1, 2, 9, 10])
    def test_leaves_ceil_of_samples_over_stride(self, kernel: int, stride: int) -> None:
        for samples in range(1, 30):
            before, after = same_padding(samples, kernel, stride)
            if before + after:
                assert (samples + before + after - kernel) // stride + 1 == math.ceil(
                    samples / stride
                )
            assert 0 <= after - before <= 1


class TestConv1d:
    def test_an_even_kernel_by_hand(self) -> None:
        layer = Conv1d(1, 1, 2).double()
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([[[10.0, 1.0]]]))
            layer.bias.fill_(0.5)
        x = torch.tensor([[[1.0, 2.0, 3.0]]], dtype=torch.float64)
        assert layer(x).tolist() == [
            [[12.5, 23.5, 30.5]]
        ]  # the padding is at the end: 10 * 3 + 1 * 0

    @pytest.mark.parametrize(
        ("channels", "samples", "kernel", "padding"),
        [
            *[
                (1, 64, 40, "same"),
                (3, 64, 40, "same"),
                (3, 33, 25, "same"),
                (3, 20, 5, "same"),
                (3, 2, 25, "same"),
            ],
            *[
                (1, 64, 40, "valid"),
                (3, 64, 40, "valid"),
                (3, 33, 25, "valid"),
                (3, 20, 5, "valid"),
                (1, 9, 4, "valid"),
            ],
        ],
    )
    def test_equals_torchs_convolution_and_its_gradients(
        self, channels: int, samples: int, kernel: int, padding: Padding
    ) -> None:
        layer = Conv1d(channels, 4, kernel, padding).double()
        x = noise(5, channels, samples).requires_grad_()
        pads = ((kernel - 1) // 2, kernel // 2) if padding == "same" else (0, 0)
        expected = F.conv1d(F.pad(x, pads), layer.weight, layer.bias)
        assert largest_error(layer(x), expected) < 1e-13
        with torch.no_grad():
            assert largest_error(layer(x), expected) < 1e-13
            assert largest_error(layer(x[:1]), expected[:1]) < 1e-13
        weight = noise(*expected.shape)
        with_respect_to = (x, layer.weight, layer.bias)
        ours, theirs = (
            torch.autograd.grad((y * weight).sum(), with_respect_to) for y in (layer(x), expected)
        )
        for actual, wanted in zip(ours, theirs, strict=True):
            assert largest_error(actual, wanted) < 1e-12

    @pytest.mark.parametrize("channels", [1, 32])
    def test_few_beats_of_half_precision_slide_and_round_the_result_once(
        self, channels: int
    ) -> None:
        layer = Conv1d(channels, 32, 40)
        x = noise(2, channels, 64, dtype=torch.float32)
        with torch.autocast("cpu", torch.bfloat16):
            actual = layer(x)
        assert actual.dtype == torch.bfloat16
        signals, weight, bias = (
            tensor.detach().bfloat16().double()
            for tensor in (F.pad(x, (19, 20)), layer.weight, layer.bias)
        )
        assert torch.allclose(
            actual.double(), F.conv1d(signals, weight, bias), rtol=2**-8, atol=1e-5
        )
        assert layer.bfloat16()(x.bfloat16()).dtype == torch.bfloat16

    @pytest.mark.parametrize(
        ("samples", "dtype"), [(FROM_SAMPLES, torch.bfloat16), (FROM_SAMPLES - 1, torch.float32)]
    )
    def test_half_precision_begins_where_it_pays(self, samples: int, dtype: torch.dtype) -> None:
        layer = Conv1d(3, 4, 40)
        x = noise(5, 3, samples, dtype=torch.float32).bfloat16()
        with torch.autocast("cpu", torch.bfloat16):
            actual = layer(x)
        assert actual.dtype == dtype
        torch.testing.assert_close(actual.float(), layer(x.float()), rtol=0, atol=0.02)
        actual.sum().backward()
        assert layer.weight.grad is not None
        assert layer.weight.grad.dtype == torch.float32

    def test_float16_does_not_leave_its_range(self) -> None:
        layer = Conv1d(3, 4, 40)
        x = noise(5, 3, 128, dtype=torch.float32) + 1000
        torch.testing.assert_close(
            layer.half()(x.half()).float(), layer.float()(x.half().float()), rtol=1e-2, atol=1.0
        )

    def test_what_a_layer_returns_is_not_copied_by_the_next(self) -> None:
        y = Conv1d(3, 4, 40)(noise(5, 3, 64, dtype=torch.float32))
        assert y.permute(2, 1, 0).is_contiguous()


class TestMaxPool1d:
    @pytest.mark.parametrize(
        ("values", "pool", "stride", "padding", "expected"),
        [
            ([1, 5, 2, 4, 3], 3, 2, "same", [5, 5, 4]),
            ([1, 5, 2, 4], 3, 2, "same", [5, 4]),  # one more at the end: (1 5 2), (2 4 -inf)
            ([-3, -2, -5], 2, 1, "same", [-2, -2, -5]),  # the last pool holds -5 and -inf, not 0
            ([1, 5, 2, 4, 3], 2, 2, "valid", [5, 4]),  # the 3 fills no pool
            ([1, 5, 2, 4, 3], 3, 1, "valid", [5, 5, 4]),
            ([7], 10, 1, "same", [7]),
            ([7], 10, 2, "same", [7]),
        ],
    )
    def test_by_hand(
        self, values: list[float], pool: int, stride: int, padding: Padding, expected: list[float]
    ) -> None:
        x = torch.tensor([[values]], dtype=torch.float64)
        assert MaxPool1d(pool, stride, padding)(x).tolist() == [[expected]]

    @pytest.mark.parametrize("padding", ["same", "valid"])
    @pytest.mark.parametrize(
        ("samples", "pool", "stride"), [(64, 15, 2), (33, 10, 2), (17, 10, 1), (16, 5, 1)]
    )
    def test_equals_torchs_pool_and_its_gradient(
        self, samples: int, pool: int, stride: int, padding: Padding
    ) -> None:
        x = noise(3, 4, samples).requires_grad_()
        pads = same_padding(samples, pool, stride) if padding == "same" else (0, 0)
        expected = F.max_pool1d(F.pad(x, pads, value=-torch.inf), pool, stride)
        actual = MaxPool1d(pool, stride, padding)(x)
        assert torch.equal(actual, expected)
        with torch.no_grad():
            assert torch.equal(MaxPool1d(pool, stride, padding)(x), expected)
            assert torch.equal(
                MaxPool1d(pool, stride, padding)(x.repeat(2, 1, 1)), expected.repeat(2, 1, 1)
            )
        weight = noise(*expected.shape)
        ours, theirs = (torch.autograd.grad((y * weight).sum(), x)[0] for y in (actual, expected))
        assert largest_error(ours, theirs) < 1e-15

    def test_of_equal_values_the_first_gets_the_gradient(self) -> None:
        x = torch.tensor([[[2.0, 2.0, 1.0, 3.0, 3.0, 3.0]]], requires_grad=True)
        MaxPool1d(3, 3, "valid")(x).sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [[[1, 0, 0, 1, 0, 0]]]

    def test_numerical_gradient(self) -> None:
        x = noise(2, 3, 11).requires_grad_()
        assert torch.autograd.gradcheck(MaxPool1d(4, 2, "same"), (x,))


class TestBatchNorm:
    @pytest.mark.parametrize("shape", [(6, 3, 10), (6, 3, 4, 5), (6, 3)])
    def test_training_by_the_formula(self, shape: tuple[int, ...]) -> None:
        layer = BatchNorm(3).double()
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([2.0, 0.5, -1.0]))
            layer.bias.copy_(torch.tensor([0.25, 0.5, 0.75]))
        x = 3 * noise(*shape) + 2
        per_channel = x.movedim(1, 0).flatten(1).numpy()
        mean, variance = per_channel.mean(1), per_channel.var(1)  # biased
        view = (-1, *[1] * (len(shape) - 2))
        scale = (np.array([2.0, 0.5, -1.0]) / np.sqrt(variance + 1e-3)).reshape(view)
        expected = (x.numpy() - mean.reshape(view)) * scale + np.array([0.25, 0.5, 0.75]).reshape(
            view
        )
        np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=0, atol=1e-13)
        np.testing.assert_allclose(layer.running_mean.numpy(), 0.01 * mean, rtol=1e-13)
        np.testing.assert_allclose(layer.running_var.numpy(), 0.99 + 0.01 * variance, rtol=1e-13)

    def test_evaluation_uses_the_moving_statistics_and_leaves_them(self) -> None:
        layer = BatchNorm(2).double().eval()
        layer.running_mean.copy_(torch.tensor([1.0, -1.0]))
        layer.running_var.copy_(torch.tensor([4.0, 0.0]))
        x = torch.tensor([[[3.0], [-1.0]]], dtype=torch.float64)
        assert layer(x).flatten().tolist() == pytest.approx([2 / math.sqrt(4 + 1e-3), 0.0])
        assert layer.running_mean.tolist() == [1.0, -1.0]

    @pytest.mark.parametrize("shape", [(2, 3, 10), (6, 3, 10), (2, 3, 4, 5), (6, 3, 4, 5), (6, 3)])
    @pytest.mark.parametrize("recorded", [False, True])
    def test_evaluation_by_the_formula(self, shape: tuple[int, ...], recorded: bool) -> None:
        layer, mean, variance = (
            BatchNorm(3).double().eval(),
            torch.tensor([1.0, -1.0, 0.0]),
            torch.tensor([4.0, 0.0, 9.0]),
        )
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)
        x = noise(*shape)
        with torch.set_grad_enabled(recorded):
            actual = layer(x)
        expected = ((x.movedim(1, -1) - mean) / (variance.double() + 1e-3).sqrt()).movedim(-1, 1)
        torch.testing.assert_close(actual.detach(), expected, rtol=0, atol=1e-13)

    def test_gradients_equal_torchs_layer_of_the_same_epsilon(self) -> None:
        ours, theirs = BatchNorm(3).double(), nn.BatchNorm1d(3, eps=1e-3).double()
        x = noise(4, 3, 7).requires_grad_()
        weight = noise(4, 3, 7)
        actual = torch.autograd.grad((ours(x) * weight).sum(), (x, ours.weight, ours.bias))
        expected = torch.autograd.grad((theirs(x) * weight).sum(), (x, theirs.weight, theirs.bias))
        for a, b in zip(actual, expected, strict=True):
            assert largest_error(a, b) < 1e-12

    @pytest.mark.parametrize("shape", [(1, 3, 1), (1, 3, 1, 1), (1, 3)])
    def test_one_value_a_channel(self, shape: tuple[int, ...]) -> None:
        layer = BatchNorm(3).double()
        with torch.no_grad():
            layer.bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
        x = noise(*shape).requires_grad_()
        y = layer(x)
        assert y.shape == shape
        assert y.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
        assert layer.running_mean.tolist() == pytest.approx((0.01 * x).flatten().tolist())
        assert layer.running_var.tolist() == pytest.approx([0.99] * 3)
        gradient_x, gradient_bias = torch.autograd.grad(y.sum(), (x, layer.bias))
        assert gradient_x.abs().max() == 0
        assert gradient_bias.tolist() == [1, 1, 1]

    def test_the_moving_statistics_are_state_and_no_parameters(self) -> None:
        layer = BatchNorm(3)
        assert set(layer.state_dict()) == {"weight", "bias", "running_mean", "running_var"}
        assert {name for name, _ in layer.named_parameters()} == {"weight", "bias"}


class TestConv2dAndDense:
    @pytest.mark.parametrize(
        ("kernel", "padding"), [(3, "same"), (5, "same"), (4, "same"), (1, "same"), (7, "valid")]
    )
    def test_conv2d_pads_as_tensorflow_does(self, kernel: int, padding: Padding) -> None:
        layer = Conv2d(2, 3, kernel, padding).double()
        x = noise(2, 2, 9, 8)
        before, after = ((kernel - 1) // 2, kernel // 2) if padding == "same" else (0, 0)
        expected = F.conv2d(F.pad(x, (before, after, before, after)), layer.weight, layer.bias)
        assert largest_error(layer(x), expected) < 1e-14

    def test_flatten_runs_over_the_channels_last(self) -> None:
        x = torch.tensor([[[1, 2, 3], [4, 5, 6]]])  # two channels, three samples
        assert flatten(x).tolist() == [[1, 4, 2, 5, 3, 6]]
        picture = torch.arange(8).view(1, 2, 2, 2)  # two channels of 2 x 2
        assert flatten(picture).tolist() == [[0, 4, 1, 5, 2, 6, 3, 7]]

    @pytest.mark.parametrize(
        ("layer", "fan_in", "fan_out"),
        [
            (Conv1d(32, 32, 40), 40 * 32, 40 * 32),
            (Conv1d(1, 64, 40), 40, 40 * 64),
            (Conv2d(8, 16, 5), 25 * 8, 25 * 16),
            (Dense(500, 60), 500, 60),
        ],
    )
    def test_start_as_keras_does(
        self, layer: Conv1d | Conv2d | Dense, fan_in: int, fan_out: int
    ) -> None:
        limit = math.sqrt(6 / (fan_in + fan_out))
        weights = layer.weight.detach()
        assert weights.abs().max() <= limit
        assert weights.abs().max() > 0.98 * limit
        assert float(weights.std()) == pytest.approx(limit / math.sqrt(3), rel=0.05)  # uniform
        assert layer.bias is not None
        assert layer.bias.abs().max() == 0


@pytest.mark.parametrize(
    ("beats", "samples", "taps", "transforms"),
    [
        (5, 1024, 40, True),
        (5, 1025, 40, False),
        (4, 64, 40, False),
        (5, 64, 8, True),
        (5, 64, 7, False),
        (5, 6, 40, False),
    ],
)
def test_sizes_take_different_roads_to_the_same_result(
    monkeypatch: pytest.MonkeyPatch, beats: int, samples: int, taps: int, transforms: bool
) -> None:
    roads: list[Tensor] = []

    def noted(x: Tensor, weight: Tensor, bias: Tensor, left: int, right: int) -> Tensor:
        roads.append(x)
        return correlate(x, weight, bias, left, right)

    monkeypatch.setattr(layers, "correlate", noted)
    layer = Conv1d(3, 4, taps).double()
    x = torch.randn(
        beats, 3, samples, dtype=torch.float64, generator=torch.Generator().manual_seed(samples)
    )
    expected = nn.functional.conv1d(nn.functional.pad(x, layer.pads), layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)
    assert len(roads) == transforms

"""The three networks: sizes by hand, free lengths, what is refused, export and half precision."""

import copy
import re

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ecg_lightning.errors import InputError
from ecg_lightning.models import Conv2d, DeepConv1d, TimeDepends
from ecg_lightning.models.conv2d import AT_ONCE

ONE_D = [DeepConv1d, TimeDepends]
# torch.export uses what torch itself has deprecated
EXPORT = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")


def beats(batch: int, samples: int) -> Tensor:
    return torch.rand(batch, 1, samples, generator=torch.Generator().manual_seed(0))


def sizes(network: nn.Module) -> tuple[int, int]:
    """Count the parameters and moving statistics, as Keras does, and the trained parameters."""
    trained = sum(parameter.numel() for parameter in network.parameters())
    return trained + sum(buffer.numel() for buffer in network.buffers()), trained


class TestSizes:
    @pytest.mark.parametrize(
        ("network", "total", "trained"),
        [
            (DeepConv1d, 311_557, 311_301),
            (TimeDepends, 280_549, 280_549),
            (Conv2d, 163_589, 163_589 - 5 * 64),
        ],
    )
    def test_are_the_originals(self, network: type[nn.Module], total: int, trained: int) -> None:
        assert sizes(network()) == (total, trained)

    @pytest.mark.parametrize(
        ("samples", "left"), [(187, 1), (256, 1), (257, 2), (1000, 4), (3600, 15), (1, 1)]
    )
    def test_deep_conv1d_at_other_lengths(self, samples: int, left: int) -> None:
        network = DeepConv1d(samples)
        assert network.dense.in_features == 32 * left  # eight halvings, rounded up
        assert network(beats(2, samples)).shape == (2, 5)

    @pytest.mark.parametrize(("samples", "left"), [(244, 1), (256, 2), (260, 3), (1000, 95)])
    def test_time_depends_at_other_lengths(self, samples: int, left: int) -> None:
        # 256 -> 217 -> 102 -> 47 -> 19 -> 10 -> 6 -> 2
        network = TimeDepends(samples)
        assert network.head.in_features == 32 * left
        assert network(beats(2, samples)).shape == (2, 5)

    @pytest.mark.parametrize(("pixels", "left"), [(22, 1), (64, 3), (128, 7)])
    def test_conv2d_at_other_sizes(self, pixels: int, left: int) -> None:
        network = Conv2d(pixels)
        assert network.dense.in_features == 32 * left * left
        assert network(torch.zeros(1, 1, pixels, pixels)).shape == (1, 5)

    @pytest.mark.parametrize("network", [DeepConv1d, TimeDepends, Conv2d])
    def test_classes_are_free(self, network: type[DeepConv1d]) -> None:
        assert network(classes=3).head.out_features == 3


class TestTooShort:
    @pytest.mark.parametrize(
        ("network", "length", "arithmetic", "shortest"),
        [
            (TimeDepends, 243, "243 -> 204 -> 95 -> 43 -> 17 -> 8 -> 4 -> 0", 244),
            (TimeDepends, 20, "20 -> 0", 244),
            (Conv2d, 21, "21 -> 15 -> 7 -> 3 -> 1 -> 0", 22),
            (DeepConv1d, 0, "0", 1),
            (DeepConv1d, -3, "-3", 1),
        ],
    )
    def test_is_refused_with_the_arithmetic(
        self, network: type[DeepConv1d], length: int, arithmetic: str, shortest: int
    ) -> None:
        with pytest.raises(InputError) as caught:
            network(length)
        words = [
            network.__name__,
            f"input_length: expected at least {shortest}, found {length}",
            arithmetic,
            "take a longer window (window_samples)",
        ]
        for word in words:
            assert word in str(caught.value)
        assert "\n" not in str(caught.value)
        network(shortest)

    @pytest.mark.parametrize("network", [TimeDepends, Conv2d])
    def test_the_documentation_names_the_same_limit(self, network: type[DeepConv1d]) -> None:
        with pytest.raises(InputError) as caught:
            network(1)
        [limit] = re.findall(r"at least (\d+)", str(caught.value))
        assert f"{limit} is the" in (network.__doc__ or "")


SIGNALS = "take DeepConv1d or TimeDepends for signals, or choose another view (view)"
PICTURES = "take Conv2d for pictures, or choose another view (view)"


@pytest.mark.parametrize(
    ("network", "shape", "hint"),
    [
        (Conv2d(32), (2, 32, 32), SIGNALS),
        (Conv2d(32), (2, 3, 32, 32), "draw pictures of 32 x 32 pixels (view)"),
        (Conv2d(32), (2, 1, 32, 33), "draw pictures of 32 x 32 pixels (view)"),
        (Conv2d(32), (2, 1, 64, 64), "draw pictures of 32 x 32 pixels (view)"),
        (DeepConv1d(256), (2, 1, 187), "cut beats of 256 samples (window_samples)"),
        (DeepConv1d(256), (2, 1, 300), "cut beats of 256 samples (window_samples)"),
        (DeepConv1d(187), (2, 1, 256), "cut beats of 187 samples (window_samples)"),
        (DeepConv1d(256), (2, 2, 256), "cut beats of 256 samples (window_samples)"),
        (DeepConv1d(256), (256,), "cut beats of 256 samples (window_samples)"),
        (TimeDepends(256), (2, 1, 257), "cut beats of 256 samples (window_samples)"),
        (TimeDepends(256), (2, 256), "cut beats of 256 samples (window_samples)"),
        (TimeDepends(256), (2, 1, 256, 256), PICTURES),
    ],
)
def test_a_network_refuses_other_shapes(
    network: nn.Module, shape: tuple[int, ...], hint: str
) -> None:
    length = network.input_length
    taken = f"pictures (B, 1, {length}, {length})" if length == 32 else f"signals (B, 1, {length})"
    with pytest.raises(InputError) as caught:
        network(torch.zeros(shape))
    name = type(network).__name__
    assert str(caught.value) == f"{name}: expected {taken}, found the shape {shape}; {hint}"


@pytest.mark.parametrize("network", [DeepConv1d, TimeDepends, Conv2d])
@pytest.mark.parametrize(
    ("signals", "found"),
    [(np.zeros((1, 1, 256), np.float32), "numpy.ndarray"), ([[[0.0]]], "builtins.list")],
    ids=["NumPy", "list"],
)
def test_a_network_refuses_what_is_no_tensor(
    network: type[nn.Module], signals: object, found: str
) -> None:
    with pytest.raises(InputError) as caught:
        network()(signals)
    hint = "convert it with torch.as_tensor(x, dtype=torch.float32)"
    line = f"{network.__name__}: expected a torch tensor, found {found}; {hint}"
    assert str(caught.value) == line


@pytest.mark.parametrize("network", ONE_D)
class TestOneDimension:
    def test_a_beat_does_not_depend_on_its_neighbours(self, network: type[DeepConv1d]) -> None:
        net, x = network().double().eval(), beats(6, 256).double()
        alone = torch.cat([net(x[i : i + 1]) for i in range(6)])
        assert (net(x) - alone).abs().max() < 1e-12 * alone.abs().max()

    def test_every_parameter_gets_a_gradient(self, network: type[DeepConv1d]) -> None:
        net = network()
        nn.functional.cross_entropy(net(beats(8, 256)), torch.arange(8) % 5).backward()
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name

    def test_one_step_lowers_the_loss(self, network: type[DeepConv1d]) -> None:
        torch.manual_seed(0)
        net, x, labels = network().double(), beats(10, 256).double(), torch.arange(10) % 5
        loss = nn.functional.cross_entropy(net(x), labels)
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(net.parameters(), gradients, strict=True):
                parameter.sub_(1e-6 * gradient)
        expected = 1e-6 * sum(
            float(gradient.square().sum()) for gradient in gradients
        )  # to first order
        lowered = float((loss - nn.functional.cross_entropy(net(x), labels)).detach())
        assert lowered == pytest.approx(expected, rel=0.05)

    def test_a_batch_of_one_can_be_trained(self, network: type[DeepConv1d]) -> None:
        net = network()
        net(beats(1, 256)).sum().backward()
        assert net(beats(1, 256)).isfinite().all()

    @EXPORT
    def test_export_gives_the_same_network(self, network: type[DeepConv1d]) -> None:
        net = network().double().eval()
        x = beats(3, 256).double()
        batch = torch.export.Dim("batch", min=1, max=4096)
        exported = torch.export.export(net, (x,), dynamic_shapes=({0: batch},))
        assert (exported.module()(x) - net(x)).abs().max() < 1e-12 * net(x).abs().max()
        assert exported.module()(beats(7, 256).double()).shape == (7, 5)
        operators = {
            str(node.target) for node in exported.graph.nodes if node.op == "call_function"
        }
        assert any("conv1d" in operator for operator in operators)
        assert not any("bmm" in operator for operator in operators), (
            "an exported graph says convolution"
        )

    def test_half_precision_comes_near(self, network: type[DeepConv1d]) -> None:
        torch.manual_seed(0)
        net, x = network().eval(), beats(4, 256)
        with torch.no_grad():
            exact = net(x)
            with torch.autocast("cpu", torch.bfloat16):
                rounded = net(x)
        assert rounded.isfinite().all()
        assert (rounded - exact).abs().max() < 0.1 * exact.abs().max()  # 8 bits, ten layers

    def test_half_precision_can_be_trained(self, network: type[DeepConv1d]) -> None:
        net = network()
        with torch.autocast("cpu", torch.bfloat16):
            loss = nn.functional.cross_entropy(net(beats(8, 256)), torch.arange(8) % 5)
        loss.backward()
        assert all(
            parameter.grad is not None and parameter.grad.isfinite().all()
            for parameter in net.parameters()
        )


def test_conv2d_takes_no_notice_of_the_memory_format() -> None:
    net = Conv2d(64).double().eval()
    x = torch.rand(2, 1, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(
        net(x), net(x.contiguous(memory_format=torch.channels_last)), rtol=1e-12, atol=0
    )


def test_conv2d_every_parameter_gets_a_gradient() -> None:
    net = Conv2d(32)
    net(torch.rand(4, 1, 32, 32)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_conv2d_takes_many_pictures_a_few_at_a_time() -> None:
    network = Conv2d(input_length=32).eval()
    pictures = torch.randn(2 * AT_ONCE + 1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with_gradients = network(pictures)
    sizes: list[int] = []
    network.stem.register_forward_hook(lambda layer, inputs, output: sizes.append(len(output)))
    with torch.no_grad():
        torch.testing.assert_close(network(pictures), with_gradients, rtol=0, atol=1e-6)
    assert sizes == [AT_ONCE, AT_ONCE, 1]
    network.stem_norm.train()
    with torch.no_grad():
        network(pictures)  # BatchNorm takes its statistics from the whole batch
    assert sizes[3:] == [2 * AT_ONCE + 1]


@pytest.mark.filterwarnings("ignore")  # of the compiler
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("network", [DeepConv1d, TimeDepends, Conv2d])
def test_compiles_as_one_graph_of_the_same_results(
    network: type[nn.Module], training: bool
) -> None:
    size = (32, 32) if network is Conv2d else (256,)
    eager = network(size[0]).double().train(training)
    compiled = copy.deepcopy(eager)
    beats = torch.rand(8, 1, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    actual, expected = (
        torch.compile(compiled, backend="aot_eager", fullgraph=True)(beats),
        eager(beats),
    )
    assert torch.allclose(actual, expected, rtol=0, atol=1e-12)
    for a, b in zip(compiled.buffers(), eager.buffers(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-12)
    actual.square().sum().backward()
    expected.square().sum().backward()
    largest = max(
        float(parameter.grad.abs().max())
        for parameter in eager.parameters()
        if parameter.grad is not None
    )
    for a, b in zip(compiled.parameters(), eager.parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert torch.allclose(a.grad, b.grad, rtol=0, atol=1e-10 * largest)

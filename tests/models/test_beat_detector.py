"""The network that finds beats: leads without an order, and blocks that equal the whole."""

import pytest
import torch
from torch import Tensor

from ecg_lightning.models.beat_detector import STRIDE, BeatDetector


@pytest.fixture
def detector() -> BeatDetector:
    """A detector in float64, whose normalization has seen some signal."""
    torch.manual_seed(0)
    detector = BeatDetector(channels=6).double()
    for _ in range(3):
        detector(torch.randn(4, 2, 400, dtype=torch.float64))
    return detector.eval()


def leads(n_leads: int, samples: int = 2000) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, n_leads, samples, dtype=torch.float64, generator=generator)


@torch.no_grad()
def test_order_of_leads_does_not_matter(detector: BeatDetector) -> None:
    x = leads(5)
    torch.testing.assert_close(detector(x), detector(x.flip(1)), rtol=0, atol=1e-10)
    assert detector(x).shape == (2, 2000)


@torch.no_grad()
def test_equal_leads_are_as_one(detector: BeatDetector) -> None:
    x = leads(1)
    torch.testing.assert_close(detector(x), detector(x.repeat(1, 3, 1)), rtol=0, atol=1e-10)


@torch.no_grad()
@pytest.mark.parametrize("n_leads", [1, 3])
def test_blocks_with_context_equal_the_whole(detector: BeatDetector, n_leads: int) -> None:
    x, context = leads(n_leads), detector.context_samples
    assert context % STRIDE == 0
    whole, start, stop = detector(x), 640, 900
    block = detector(x[..., start - context : stop + context])[..., context:-context]
    torch.testing.assert_close(block, whole[..., start:stop], rtol=0, atol=1e-10)


def test_context_is_no_longer_than_needed(detector: BeatDetector) -> None:
    x = leads(1).requires_grad_()
    for place in (1000, 1001):
        (gradient,) = torch.autograd.grad(detector(x)[0, place], x)
        seen = gradient[0, 0].nonzero()
        reach = max(place - int(seen.min()), int(seen.max()) - place)
        assert detector.context_samples - STRIDE <= reach <= detector.context_samples


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("n_leads", [1, 2])
def test_fused_detector_gives_the_same(
    detector: BeatDetector, n_leads: int, dtype: torch.dtype
) -> None:
    x = leads(n_leads).to(dtype)
    whole = detector.to(dtype)(x)
    assert detector.fused() is detector
    kinds = {type(module) for module in detector.modules()}
    assert not kinds & {torch.nn.BatchNorm1d, torch.nn.Conv1d}
    limit = 1e-10 if dtype is torch.float64 else 1e-5
    torch.testing.assert_close(detector(x), whole, rtol=0, atol=limit)


def test_a_step_of_training_is_deterministic() -> None:
    def loss_after_a_step() -> Tensor:
        torch.manual_seed(0)
        detector = BeatDetector(channels=4)
        optimizer = torch.optim.SGD(detector.parameters(), 0.1)
        x = torch.randn(2, 2, 200)
        detector(x).square().mean().backward()
        optimizer.step()
        return detector(x).square().mean().detach()

    assert torch.equal(loss_after_a_step(), loss_after_a_step())

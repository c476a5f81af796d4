"""Keras's Adam against its formula in NumPy, and against measured numbers."""

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from ecg_lightning.training.keras_adam import KerasAdam

Floats = npt.NDArray[np.float64]


def by_the_formula(
    start: Floats,
    gradients: list[Floats],
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-7,
) -> Floats:
    """Keras: lr_t = lr sqrt(1 - beta2^t) / (1 - beta1^t); w -= lr_t m / (sqrt(v) + epsilon)."""
    weights, m, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for step, gradient in enumerate(gradients, start=1):
        m = betas[0] * m + (1 - betas[0]) * gradient
        v = betas[1] * v + (1 - betas[1]) * gradient**2
        rate = lr * np.sqrt(1 - betas[1] ** step) / (1 - betas[0] ** step)
        weights = weights - rate * m / (np.sqrt(v) + epsilon)
    return weights


def stepped(
    optimizer: torch.optim.Optimizer, parameter: nn.Parameter, gradients: list[Floats]
) -> Floats:
    for gradient in gradients:
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
    return parameter.detach().numpy().copy()


def drawn(steps: int, scale: float = 1.0) -> tuple[nn.Parameter, list[Floats]]:
    random = np.random.default_rng(0)
    return nn.Parameter(torch.from_numpy(random.normal(size=50))), list(
        scale * random.normal(size=(steps, 50))
    )


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e-7, 1e-10])
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("settings", [{}, {"lr": 0.1, "betas": (0.5, 0.9), "epsilon": 1e-3}])
def test_equals_the_formula(scale: float, settings: dict[str, float], fused: bool) -> None:
    parameter, gradients = drawn(30, scale)
    expected = by_the_formula(parameter.detach().numpy(), gradients, **settings)  # type: ignore[arg-type]
    actual = stepped(KerasAdam([parameter], **settings, fused=fused), parameter, gradients)  # type: ignore[arg-type]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-14)


def test_known_figures_for_a_small_constant_gradient() -> None:
    gradients = [np.array([1e-6])] * 10
    ours, torchs = (nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(2))
    assert stepped(KerasAdam([ours]), ours, gradients)[0] == pytest.approx(-0.0041, abs=5e-5)
    assert stepped(torch.optim.Adam([torchs], eps=1e-7), torchs, gradients)[0] == pytest.approx(
        -0.0091, abs=5e-5
    )


def test_without_epsilon_it_is_torchs() -> None:
    parameter, gradients = drawn(10)
    other = nn.Parameter(parameter.detach().clone())
    actual = stepped(KerasAdam([parameter], epsilon=0.0), parameter, gradients)
    np.testing.assert_allclose(
        actual, stepped(torch.optim.Adam([other], eps=0.0), other, gradients), rtol=0, atol=1e-15
    )


def test_its_state_survives_a_checkpoint(tmp_path: str) -> None:
    parameter, gradients = drawn(20, 1e-6)
    expected = by_the_formula(parameter.detach().numpy(), gradients)
    first = KerasAdam([parameter])
    stepped(first, parameter, gradients[:8])
    path = f"{tmp_path}/state"
    torch.save(first.state_dict(), path)
    resumed = KerasAdam([parameter], lr=5.0, epsilon=5.0)
    resumed.load_state_dict(torch.load(path, weights_only=True))
    np.testing.assert_allclose(
        stepped(resumed, parameter, gradients[8:]), expected, rtol=0, atol=1e-15
    )


def test_a_copy_goes_on_by_itself() -> None:
    parameter, gradients = drawn(4)
    optimizer = KerasAdam([parameter])
    stepped(optimizer, parameter, gradients[:2])
    copied = copy.deepcopy(optimizer)
    stepped(optimizer, parameter, gradients[2:])
    assert copied.param_groups[0]["steps"] == 2


def test_groups_keep_their_own_settings() -> None:
    parameters = [drawn(1)[0] for _ in range(2)]
    _, gradients = drawn(5, 1e-6)
    groups: list[dict[str, Any]] = [
        {"params": parameters[:1]},
        {"params": parameters[1:], "lr": 0.5, "epsilon": 1e-5},
    ]
    optimizer = KerasAdam(groups)
    for gradient in gradients:
        for parameter in parameters:
            parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
    start = drawn(1)[0].detach().numpy()
    settings: list[dict[str, float]] = [{}, {"lr": 0.5, "epsilon": 1e-5}]
    for parameter, group_settings in zip(parameters, settings, strict=True):
        expected = by_the_formula(start, gradients, **group_settings)  # type: ignore[arg-type]
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=0, atol=1e-13)


def test_a_closure_is_called_with_gradients_and_its_loss_returned() -> None:
    parameter = nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    optimizer = KerasAdam([parameter], lr=0.1)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = parameter.square().sum()
        loss.backward()
        return loss

    with torch.no_grad():
        loss = optimizer.step(closure)
    assert float(loss.detach()) == 4.0
    assert parameter.detach().item() == pytest.approx(1.9)


def test_what_has_no_gradient_stays() -> None:
    moved, left = (nn.Parameter(torch.ones(1)) for _ in range(2))
    optimizer = KerasAdam([moved, left])
    moved.grad = torch.ones(1)
    optimizer.step()
    assert moved.detach().item() == pytest.approx(0.999)
    assert left.detach().item() == 1.0


def test_a_group_may_be_empty() -> None:
    parameter = torch.zeros(1, requires_grad=True)
    parameter.grad = torch.ones(1)
    groups: list[dict[str, Any]] = [{"params": []}, {"params": [parameter]}]
    KerasAdam(groups, lr=0.5).step()
    assert parameter.item() == pytest.approx(-0.5 / (1 + 1e-7 / (1 - 0.999) ** 0.5), abs=1e-7)

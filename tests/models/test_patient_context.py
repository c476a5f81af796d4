"""What fills up a sequence changes nothing; a causal network sees no later beat."""

import numpy as np
import pytest
import torch

from ecg_lightning.models.patient_context import (
    FARTHEST,
    FIRST_RATIO,
    IS_BEAT,
    KNOTS,
    LEADS,
    LOG_RR,
    NUMBERS,
    ROWS,
    WINDOW_SAMPLES,
    IntervalShares,
    PatientContext,
)
from ecg_lightning.models.shape_comparison import QRS, shape_numbers
from ecg_lightning.signals import context, templates


def test_places_agree_with_the_signals() -> None:
    assert (LEADS, ROWS, WINDOW_SAMPLES) == (context.LEADS, context.ROWS, templates.WINDOW_SAMPLES)
    assert len(context.CONTEXT_FEATURES) == NUMBERS
    assert context.CONTEXT_FEATURES.index("is_beat") == IS_BEAT
    assert context.CONTEXT_FEATURES.index("log_rr") == LOG_RR == FIRST_RATIO - 1
    assert templates.QRS == QRS


def sequences(count: int, beats: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(count, beats, ROWS, WINDOW_SAMPLES, generator=random, dtype=torch.float64)
    x[:, :, -1, 0] = 1
    return x


@pytest.mark.parametrize("beats", [1, 2, 30, 100])
@pytest.mark.parametrize("causal", [False, True])
def test_what_fills_up_a_sequence_changes_nothing(beats: int, causal: bool) -> None:
    network, x = PatientContext(causal=causal).double().eval(), sequences(2, beats)
    filled = torch.cat([x, torch.zeros(2, 25, ROWS, WINDOW_SAMPLES, dtype=torch.float64)], 1)
    with torch.no_grad():
        torch.testing.assert_close(network(filled)[:, :beats], network(x), rtol=0, atol=1e-9)


def test_a_causal_network_sees_no_later_beat() -> None:
    network, x = PatientContext(causal=True).double().eval(), sequences(1, 60)
    changed = x.clone()
    changed[:, 30:, :LEADS] += 1 + changed[:, 30:, :LEADS] ** 2
    with torch.no_grad():
        before, after = network(x), network(changed)
    assert torch.equal(before[:, :30], after[:, :30])
    assert not torch.equal(before[:, 30], after[:, 30])


@pytest.mark.parametrize("causal", [False, True])
def test_numbers_of_neighbours(causal: bool) -> None:
    """Four numbers of a lead: correlation with the neighbours, and P against its local mean."""
    x = sequences(1, 50)
    numbers = shape_numbers(
        x[:, :, :LEADS], x[:, :, LEADS:-1], x[:, :, -1, 1].exp(), x[:, :, -1, :1], causal
    )
    of_lead = numbers.view(50, LEADS, -1)[:, 0].numpy()
    qrs, p_wave = x[0, :, 0, 40:74].numpy(), x[0, :, 0, 18:44].numpy()
    usual_p = x[0, :, LEADS, 18:44].numpy()

    def alike(one: object, other: object) -> float:
        return float(torch.corrcoef(torch.tensor([[*one], [*other]]))[0, 1])  # type: ignore[misc]

    p_alike = [alike(p_wave[i], usual_p[i]) for i in range(50)]
    for i in (0, 1, 25, 49):
        before, after = max(i - 1, 0), i if causal else min(i + 1, 49)
        around = p_alike[max(0, i - 30) : i + 1] if causal else p_alike[max(0, i - 15) : i + 16]
        expected = [
            alike(qrs[i], qrs[before]),
            alike(qrs[i], qrs[after]),
            alike(p_wave[i], p_wave[before]),
            p_alike[i] - sum(around) / len(around),
        ]
        assert of_lead[i, 22:26] == pytest.approx(expected, abs=1e-5)


def test_places_in_intervals_by_hand() -> None:
    places = IntervalShares((-1.0, 0.0, 2.0), 3.0)
    found = places(torch.tensor([[[-5.0, -0.5], [0.5, 7.0]]]))
    expected = [[-3.0, -0.5, 0.0, 0.0, 0.5, 0.0], [0.5, 3.0, 1.0, 0.25, 1.0, 1.0]]
    assert found[0].tolist() == expected


def test_places_make_every_function_that_is_straight_between_the_knots() -> None:
    """NumPy's interpolation is a linear layer of places."""
    x = np.linspace(-9, 9, 500)
    values = np.random.default_rng(0).normal(size=len(KNOTS))
    places = IntervalShares(KNOTS, FARTHEST)(torch.from_numpy(x).float()[None, :, None])[0, :, 1:]
    straight = values[0] + places.numpy() @ np.diff(values)
    np.testing.assert_allclose(straight, np.interp(x, KNOTS, values), atol=1e-5)

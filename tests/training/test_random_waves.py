"""Wander, amplitude, inversion and rate, against NumPy."""

import math

import numpy as np
import pytest
import torch

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks import (
    RandomAmplitude,
    RandomInversion,
    RandomRate,
    RandomWander,
)
from ecg_lightning.training.callbacks.batch_beats import ABSOLUTE
from ecg_lightning.training.callbacks.random_rate import stretched
from tests.helpers.batches import DataModule, changed, plain_beats, sequences, trainer_at

NO_NOISE = np.zeros((1, 1, 1))


def test_wander_is_a_sine_of_the_ratio_that_was_asked_for() -> None:
    clean = sequences(100, 40, one_lead=0, padding=0)
    moved = changed(RandomWander((10.0, 10.0), 1.0, (0.5, 1.0)), clean)
    added = (moved - clean)[:, :, :2].double().numpy()
    power = (added**2).mean()  # over all phases
    assert 10 * math.log10(1 / 8 / power) == pytest.approx(10, abs=0.1)
    amplitude = math.sqrt(2 / 8 / 10)
    assert np.abs(added).max() == pytest.approx(amplitude, rel=1e-3)
    # A sine s of f periods holds s(t-1) + s(t+1) = 2 cos(2 pi f / T) s(t).
    ratio = (added[..., :-2] + added[..., 2:]) * added[..., 1:-1]
    cosines = ratio.sum((1, 2, 3)) / (2 * (added[..., 1:-1] ** 2).sum((1, 2, 3)))
    periods = np.arccos(np.minimum(cosines, 1)) * 128 / (2 * np.pi)
    assert 0.49 < periods.min() < 0.56
    assert 0.94 < periods.max() < 1.01


def test_wander_refuses_negative_periods() -> None:
    with pytest.raises(InputError, match="periods: expected 0 or more, found -1"):
        RandomWander(periods=(-1.0, 1.0))


def test_gains_have_the_spread_and_change_smoothly() -> None:
    clean = sequences(300, 60, one_lead=0, padding=0)
    louder = changed(RandomAmplitude(0.15), clean)
    logs = torch.log(louder[:, :, :2, 54] / clean[:, :, :2, 54]).double().numpy()
    assert np.std(logs) == pytest.approx(0.15, rel=0.05)
    assert abs(logs.mean()) < 0.01
    assert np.std(np.diff(logs, axis=1)) < 0.75 * np.std(logs)  # independent gains: 1.41
    ratios = louder[:, :, :2] / clean[:, :, :2]
    assert (ratios.amax(-1) / ratios.amin(-1)).max() < 1.001  # one gain for all samples of a beat
    assert abs(np.corrcoef(logs[..., 0].ravel(), logs[..., 1].ravel())[0, 1]) < 0.15


def test_plain_beats_have_gains_about_their_median() -> None:
    clean = plain_beats()
    louder = changed(RandomAmplitude(0.1), clean)
    heights = [np.ptp(beats.double().numpy(), axis=-1) for beats in (clean, louder)]
    logs = np.log(heights[1] / heights[0])
    assert np.std(logs) == pytest.approx(0.1, rel=0.06)
    torch.testing.assert_close(louder.median(-1).values, clean.median(-1).values)


def test_only_a_share_of_the_sequences_is_multiplied() -> None:
    clean = sequences(300, 4, one_lead=0, padding=0)
    touched = (changed(RandomAmplitude(0.1, 0.3), clean) != clean).flatten(1).any(1)
    assert float(touched.double().mean()) == pytest.approx(0.3, abs=0.08)


def test_inversion_turns_a_lead_and_its_template_together() -> None:
    clean = sequences(400, 6, one_lead=0, padding=0)
    turned = changed(RandomInversion(0.25), clean)
    signs = turned[:, :, :4] / clean[:, :, :4]
    of_sequence = signs[:, :1, :2, :1].expand(-1, 6, -1, 128)
    assert torch.equal(signs[:, :, :2], of_sequence)
    assert torch.equal(signs[:, :, 2:], of_sequence)
    inverted = (of_sequence[:, 0, :, 0] < 0).double()
    assert inverted.mean(0).tolist() == pytest.approx([0.25, 0.25], abs=0.07)
    assert float(inverted.prod(1).mean()) == pytest.approx(1 / 16, abs=0.04)  # independent leads


@pytest.mark.parametrize(("normalization", "middle"), [("record", 0.5), ("robust", 0.0)])
def test_plain_beats_are_turned_about_the_middle_of_their_scale(
    normalization: str, middle: float
) -> None:
    clean, data = plain_beats(), DataModule(NO_NOISE, normalization)
    turned = changed(RandomInversion(1.0), clean, trainer_at(data=data))
    torch.testing.assert_close(turned, 2 * middle - clean)


def test_the_scale_of_plain_beats_has_to_be_known() -> None:
    line = "RandomInversion: expected the data module BeatDataModule, which knows how beats were"
    with pytest.raises(InputError, match=line):
        changed(RandomInversion(), plain_beats(3))


def test_rate_moves_the_logarithms_of_intervals_of_a_sequence_alike() -> None:
    clean = sequences(300, 10, padding=2, one_lead=0)
    faster = changed(RandomRate(1.25), clean)
    change = (faster - clean)[:, :-2, -1, list(ABSOLUTE)].double().numpy()
    np.testing.assert_allclose(change, np.broadcast_to(change[:, :1, :1], change.shape), atol=1e-5)
    logs = change[:, 0, 0]
    most = math.log(1.25)
    assert -most <= logs.min() < -0.95 * most
    assert 0.95 * most < logs.max() <= most
    assert np.std(logs) == pytest.approx(most / math.sqrt(3), rel=0.1)


def test_rate_leaves_no_interval_outside_the_range_of_the_features() -> None:
    clean = sequences(50, 4, padding=0, one_lead=0)
    for seconds, outermost, limit in ((3.9, torch.max, 4.0), (0.16, torch.min, 0.15)):
        clean[:, :, -1, 1] = math.log(seconds)
        intervals = changed(RandomRate(2.0), clean)[:, :, -1, 1]
        assert float(outermost(intervals)) == pytest.approx(math.log(limit))


def test_stretched_beats_equal_interpolation_by_numpy() -> None:
    beats = torch.rand(6, 2, 65, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    factors = torch.tensor([0.5, 0.8, 1.0, 1.1, 1.7, 3.0], dtype=torch.float64)
    result, t = stretched(beats, factors).numpy(), np.arange(65.0)
    for beat, factor, own in zip(beats.numpy(), factors.tolist(), result, strict=True):
        places = 32 + (t - 32) / factor
        expected = [np.interp(places, t, lead) for lead in beat]
        np.testing.assert_allclose(own, expected, atol=1e-12)


@pytest.mark.parametrize("factor", [1.0, 0.5, float("inf"), float("nan")])
def test_a_rate_that_changes_nothing_is_refused(factor: float) -> None:
    with pytest.raises(InputError, match="largest_factor: expected a number above 1"):
        RandomRate(factor)

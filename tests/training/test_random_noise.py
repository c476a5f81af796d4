"""Noise reaches the ratio that was asked for, on the beats alone."""

import numpy as np
import pytest
import torch

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks.random_noise import RandomNoise
from tests.helpers.batches import DataModule, changed, plain_beats, sequences, trainer_at

WHITE = DataModule(np.random.default_rng(0).standard_normal((1, 2, 100_000)))


def test_each_beat_of_a_sequence_gets_the_ratio_to_its_template() -> None:
    clean = sequences(one_lead=0, padding=0)
    noisy = changed(RandomNoise((12.0, 12.0), 1.0), clean, trainer_at(data=WHITE))
    added = (noisy - clean).double().numpy()
    qrs = clean[:, :, 2:4, 40:74].double().numpy()
    power = np.ptp(qrs, axis=-1) ** 2 / 8  # of a sine as high as the QRS
    ratios = 10 * np.log10(power / (added[:, :, :2] ** 2).mean(-1))
    np.testing.assert_allclose(ratios.mean(), 12, atol=0.05)
    assert not added[:, :, 2:].any()  # templates and numbers


def test_ratios_are_drawn_for_sequences_over_the_whole_range() -> None:
    clean = sequences(200, 30, one_lead=0, padding=0)
    noisy = changed(RandomNoise((6.0, 18.0), 0.6), clean, trainer_at(data=WHITE))
    added = (noisy - clean)[:, :, :2].double().numpy()
    rms = np.sqrt((added**2).mean((1, 2, 3)))
    assert 0.5 < (rms > 0).mean() < 0.7  # 3 deviations of a share of 200
    ratios = -20 * np.log10(rms[rms > 0] * np.sqrt(8))  # templates are 1 high
    assert 5.8 < ratios.min() < 7.5
    assert 16.5 < ratios.max() < 18.2
    np.testing.assert_allclose(ratios.mean(), 12, atol=1.2)


def test_padding_and_missing_leads_stay_0() -> None:
    clean = sequences()
    noisy = changed(RandomNoise((0.0, 0.0), 1.0), clean, trainer_at(data=WHITE))
    assert not noisy[:, -7:].any()
    assert not noisy[-3:, :, [1, 3]].any()
    assert (noisy[:, :-7, 0] != clean[:, :-7, 0]).any(-1).all()


def test_a_plain_beat_gets_the_ratio_to_its_own_height() -> None:
    clean = plain_beats()
    noisy = changed(RandomNoise((6.0, 6.0), 1.0), clean, trainer_at(data=WHITE))
    added = (noisy - clean).double().numpy()
    height = np.ptp(clean.double().numpy(), axis=-1)
    ratios = 20 * np.log10(height / np.sqrt(8) / added.std(-1))
    np.testing.assert_allclose(ratios.mean(), 6, atol=0.05)
    np.testing.assert_allclose(added.mean(-1), 0, atol=1e-6)


def test_a_beat_gets_the_piece_of_one_place_on_both_leads() -> None:
    tracks = np.stack([np.arange(5000.0), np.arange(5000.0) + 10_000])[None]
    clean = sequences(10, 20, one_lead=0, padding=0)
    data = trainer_at(data=DataModule(tracks))
    added = changed(RandomNoise((0.0, 0.0), 1.0), clean, data) - clean
    heights = clean[:, :, 2:4, 40:74].amax(-1) - clean[:, :, 2:4, 40:74].amin(-1)
    places = (added[:, :, :2] / heights[..., None] * 8**0.5).double()
    torch.testing.assert_close(places[:, :, 1], places[:, :, 0] + 10_000, rtol=0, atol=0.01)
    steps = places[:, :, 0].diff(dim=-1)
    torch.testing.assert_close(steps, torch.ones_like(steps), rtol=0, atol=0.01)
    starts = places[:, :, 0, 0].round()
    assert starts.min() >= 0
    assert starts.max() <= 5000 - 128
    assert len(starts.unique()) > 150  # of 200 beats


def test_noise_shorter_than_a_beat_is_refused() -> None:
    data = trainer_at(data=DataModule(np.ones((1, 2, 100))))
    with pytest.raises(InputError, match="RandomNoise: expected noise of 256 samples or more"):
        changed(RandomNoise(), plain_beats(3), data)


def test_without_the_data_module_nothing_prepares_noise() -> None:
    with pytest.raises(InputError, match="RandomNoise: expected the data module BeatDataModule"):
        changed(RandomNoise(), plain_beats(3), trainer_at(data=None))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"snr_db": (6.0, 0.0)}, "snr_db: expected two finite numbers, the lower one first"),
        ({"snr_db": (float("nan"), 0.0)}, "snr_db: expected two finite numbers"),
        ({"share": 1.5}, "share: expected a number from 0 to 1, found 1.5"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RandomNoise(**settings)  # type: ignore[arg-type]

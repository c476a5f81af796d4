"""The template of beats as they come: by hand, and beside the offline one."""

from itertools import pairwise

import numpy as np
import pytest

from ecg_lightning.arrays import Floats
from ecg_lightning.signals.past import PAST_BEATS, is_update
from ecg_lightning.signals.running_template import ComparedBeat, RunningTemplate
from ecg_lightning.signals.templates import (
    LEAST,
    MARGIN,
    QRS,
    SHAPE_FEATURES,
    WINDOW_SAMPLES,
    aligned_to_template,
    unit,
)
from tests.helpers.rhythms import patient_beats

LONG = WINDOW_SAMPLES + 2 * MARGIN


def pushed(
    windows: Floats, before: Floats | None = None, over_mean: Floats | None = None
) -> list[ComparedBeat]:
    """All beats, 0.8 s apart; each interval is by default the local median and the mean."""
    template, none = RunningTemplate(windows.shape[1]), np.zeros(len(windows))
    before, over_mean = (none if x is None else x for x in (before, over_mean))
    return [
        template.push(window, 0.8 * beat, ratio, ratio, mean_ratio)
        for beat, (window, ratio, mean_ratio) in enumerate(
            zip(windows, before, over_mean, strict=True)
        )
    ]


def test_the_first_beat_is_its_own_template() -> None:
    windows, _ = patient_beats(1)
    beat = pushed(windows)[0]
    np.testing.assert_allclose(beat.template, beat.beat, atol=1e-6)
    np.testing.assert_allclose(np.ptp(beat.template[:, QRS], axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(beat.shape, [np.log(1.001), 0, 0], atol=1e-6)


@pytest.mark.parametrize("n_beats", [16, 48, 256])
def test_after_an_update_the_template_is_the_offline_one_of_these_beats(n_beats: int) -> None:
    assert is_update(n_beats)
    windows, _ = patient_beats(n_beats + 1)
    result = pushed(windows)[-1]
    offline = aligned_to_template(windows[:-1], np.ones(n_beats, np.bool_))
    if n_beats > LEAST:  # of the newest beat it is not known yet whether it is usual
        offline = aligned_to_template(windows[: n_beats - 1], np.ones(n_beats - 1, np.bool_))
    np.testing.assert_allclose(result.template, offline.template, atol=1e-5)


def test_the_template_changes_at_updates_only() -> None:
    beats = pushed(patient_beats(70)[0])
    changed = [
        count
        for count, (one, other) in enumerate(pairwise(beats), 1)
        if not np.array_equal(one.template, other.template)
    ]
    assert changed == [beats for beats in range(1, 70) if is_update(beats)][1:]


@pytest.mark.parametrize(("ratio", "counts"), [(0.0, True), (0.3, False)])
def test_beats_at_another_time_do_not_count(ratio: float, counts: bool) -> None:
    windows, _ = patient_beats(120)
    other = np.arange(120) % 3 > 0
    shapes = np.where(other[:, None, None], -2 * np.roll(windows, 9, -1), windows)
    template = pushed(shapes, np.where(other, ratio, 0.0))[-1].template
    usual = unit(windows[0, :, MARGIN:-MARGIN][:, QRS])
    alike = (unit(template[:, QRS]) * usual).sum(-1)
    assert alike.max() < 0.5 if counts else alike.min() > 0.9


@pytest.mark.parametrize(("over_mean", "counts"), [(0.0, True), (-0.2, False)])
def test_beats_of_a_fast_rhythm_count_only_where_few_others_are(
    over_mean: float, counts: bool
) -> None:
    windows, _ = patient_beats(120)
    fast = np.arange(120) >= 40
    shapes = np.where(fast[:, None, None], -2 * np.roll(windows, 9, -1), windows)
    template = pushed(shapes, over_mean=np.where(fast, over_mean, 0.0))[-1].template
    usual = unit(windows[0, :, MARGIN:-MARGIN][:, QRS])
    alike = (unit(template[:, QRS]) * usual).sum(-1)
    assert alike.max() < 0.5 if counts else alike.min() > 0.9


def test_it_follows_a_lasting_change() -> None:
    windows, _ = patient_beats(700)
    windows[300:] *= -1
    template = pushed(windows)[-1].template
    own = unit(windows[-1, :, MARGIN:-MARGIN][:, QRS])
    assert (unit(template[:, QRS]) * own).sum(-1).min() > 0.9


def test_shapes_as_plain_loops() -> None:
    """The share of past beats of like shape, and the means of what is known of them."""
    windows, _ = patient_beats(90)
    random = np.random.default_rng(0)
    before, after_previous = random.uniform(-0.1, 0.1, (2, 90))
    template, beats = RunningTemplate(2), []
    for beat, window in enumerate(windows):
        beats.append(template.push(window, 0.8 * beat, before[beat], after_previous[beat], 0.0))
    after = after_previous[1:]  # known once the next beat has come
    shapes = [unit(beat.beat[:, QRS]) for beat in beats]
    for own in range(90):
        alike = [k for k in range(own + 1) if (shapes[k] * shapes[own]).sum() / 2 > 0.9]
        earlier = alike[:-1]
        expected = [
            np.log(len(alike) / (own + 1) + 1e-3),
            np.mean(before[alike]),
            np.mean(after[earlier]) if earlier else 0.0,
        ]
        np.testing.assert_allclose(beats[own].shape, expected, atol=1e-6)
    assert beats[0].shape.shape == (len(SHAPE_FEATURES),)


def test_shapes_of_the_last_beats_only() -> None:
    narrow, wide = (np.exp(-0.5 * ((np.arange(LONG) - 60) / width) ** 2) for width in (3, 9))
    windows: Floats = np.array([[narrow] * 2] * 40 + [[wide] * 2] * PAST_BEATS)
    beats = pushed(windows)
    assert beats[PAST_BEATS + 20].shape[0] == pytest.approx(np.log(0.981 + 1e-3))
    assert beats[-1].shape[0] == pytest.approx(np.log(1.001))


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_a_lead_without_signal_is_0_until_a_beat_has_one(level: float) -> None:
    windows, _ = patient_beats(400)
    windows[:100, 1] = level
    beats = pushed(windows)
    assert not any(beat.beat[1].any() or beat.template[1].any() for beat in beats[:100])
    np.testing.assert_allclose(
        [np.ptp(beat.template[1, QRS]) for beat in beats[100:]], 1, atol=1e-6
    )
    assert all(np.isfinite(beat.beat).all() for beat in beats)
    own = [beat.shape[0] for beat in beats[:100]]
    alone = [beat.shape[0] for beat in pushed(windows[:100, :1])]
    np.testing.assert_allclose(own, alone, atol=1e-6)


@pytest.mark.parametrize("off", [1, 40, 300])
def test_the_first_lead_comes_after_a_while(off: int) -> None:
    """As of a device that records before the electrode is on: no beat with a signal is lost."""
    windows, _ = patient_beats(off + 40)
    windows[:off, 0] = 0
    beats = pushed(windows)
    assert not any(beat.beat[0].any() for beat in beats[:off])
    heights = [np.ptp(beat.template[0, QRS]) for beat in beats[off:]]
    np.testing.assert_allclose(heights, 1, atol=1e-6)


def test_a_lead_that_is_off_for_long_keeps_its_template() -> None:
    windows, _ = patient_beats(700)
    windows[100:500, 0] = 0
    beats = pushed(windows)
    heights = [np.ptp(beat.template[0, QRS]) for beat in beats]
    np.testing.assert_allclose(heights, 1, atol=1e-6)
    assert all(beat.beat[0].any() for beat in beats[500:])

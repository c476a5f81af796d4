"""The rows of beats can be made from the recipe alone: a second, plain program does so."""

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy.signal import firwin, resample_poly

from ecg_lightning.annotation.classifying.input_recipe import DEFINITIONS, context_recipe
from ecg_lightning.arrays import Floats, Floats32
from ecg_lightning.records.recording import Record
from ecg_lightning.signals.context import (
    CONTEXT_FEATURES,
    band_passed,
    beat_windows,
    context_rows,
    stretch_count,
    with_edges,
)
from ecg_lightning.signals.resampling import resampled
from ecg_lightning.signals.running_rhythm import NEED_LATER_BEATS, RunningRhythm
from ecg_lightning.signals.templates import MARGIN


def recording(beats: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Two leads at 128 Hz, and the times of beats, some of them early and of another shape."""
    random = np.random.default_rng(seed)
    rr = 0.8 + 0.05 * random.normal(size=beats)
    early = random.random(beats) < 0.15
    rr[early] *= 0.6
    times = 0.3 + np.cumsum(rr)
    seconds = np.arange(int((times[-1] + 0.4) * 128)) / 128
    leads = 0.02 * random.normal(size=(2, len(seconds)))
    for time, is_early in zip(times + 0.01 * random.normal(size=beats), early, strict=True):
        wave = np.exp(-(((seconds - time) / (0.06 if is_early else 0.02)) ** 2))
        leads[0] += wave
        leads[1] -= 0.5 * wave
    return leads, times


def mostly_ectopic(beats: int) -> tuple[Floats, Floats]:
    """Two leads at 128 Hz, and the times of beats: wide and fast ones, every eighth after a pause.

    Only the narrow beats after a pause are slower than the mean.
    """
    random = np.random.default_rng(1)
    is_normal = np.arange(beats) % 8 == 0
    times = 0.3 + np.cumsum(np.where(is_normal, 1.3, 0.6 + 0.01 * random.normal(size=beats)))
    seconds = np.arange(int((times[-1] + 0.4) * 128)) / 128
    leads = 0.02 * random.normal(size=(2, len(seconds)))
    for time, is_narrow in zip(times, is_normal, strict=True):
        wave = np.exp(-(((seconds - time) / (0.02 if is_narrow else 0.06)) ** 2))
        leads[0] += wave
        leads[1] -= 0.5 * wave
    return leads, times


def electrode_off(lead: int) -> Callable[[int], tuple[Floats, Floats]]:
    """`recording`, with a lead that is constant for three quarters of the time."""

    def made(beats: int) -> tuple[Floats, Floats]:
        leads, times = recording(beats)
        leads[lead, : leads.shape[1] * 3 // 4] = 0.7
        return leads, times

    return made


def plain_rows(recipe: dict[str, Any], leads: Floats, times: Floats) -> Floats:
    """Make the rows as the recipe says, beat by beat."""
    taps, window = np.array(recipe["signal"]["filter"]["taps"]), recipe["window"]
    half, size = len(taps) // 2, window["samples"]
    filtered = np.stack(
        [np.convolve(np.pad(lead, half, mode="edge"), taps, "valid") for lead in leads]
    )
    starts = np.floor(times * recipe["signal"]["fs_hz"] + 0.5).astype(int) - window["r_sample"]

    def within(signals: Floats, beat: int, shift: int = 0) -> Floats:
        places = starts[beat] + shift + np.arange(size)
        return signals[:, np.clip(places, 0, signals.shape[1] - 1)]

    def cut(beat: int, shift: int = 0) -> Floats:
        has_signal = [len(set(lead)) > 1 for lead in within(leads, beat)]
        return within(filtered, beat, shift) * np.array(has_signal)[:, None]

    def median(beats: list[Floats]) -> Floats:
        seen = [[beat[k] for beat in beats if beat[k].any()] for k in range(len(leads))]
        return np.stack([np.median(of or [np.zeros(size)], axis=0) for of in seen])

    numbers = plain_numbers(times)
    qrs = slice(*recipe["template"]["qrs_samples"])
    n = len(times)
    before, after = (np.exp(numbers[f"{x}_over_local_median"]) for x in ("before", "after"))
    timely = [i for i in range(n) if before[i] > 0.88 and after[i] > 0.8]
    regular = [i for i in timely if before[i] < 1.25]
    slow = [i for i in timely if np.exp(numbers["before_over_mean"][i]) > 0.95]
    both = [i for i in regular if i in slow]
    usual = both if len(both) >= 20 else slow if len(slow) >= 20 else regular
    seen = [i for i in range(n) if cut(i)[0].any()] or list(range(n))
    usual = [i for i in usual if i in seen]
    usual = usual if len(usual) >= min(20, len(seen)) else seen

    def chosen_in(beats: list[Floats], own: Floats) -> list[int]:
        last: list[int] = []
        for _ in range(2):
            alike = [i for i in usual if correlation(beats[i][0, qrs], own) > 0.9]
            if len(alike) < min(20, 0.1 * n):
                break
            last, own = alike, np.median([beats[i][0, qrs] for i in alike], axis=0)
        return last

    unmoved = [cut(i) for i in range(n)]
    first = chosen_in(unmoved, np.median([unmoved[i][0, qrs] for i in usual], axis=0)) or usual
    template = median([unmoved[i] for i in first])
    margin = window["margin_samples"]
    shifts = range(-margin, margin + 1)

    def fit(beat: int, shift: int) -> float:
        own = cut(beat, shift)
        return sum(correlation(own[k, qrs], template[k, qrs]) for k in range(len(leads)))

    beats = [cut(i, max(shifts, key=lambda s, i=i: fit(i, s))) for i in range(n)]  # type: ignore[misc]
    if second := chosen_in(beats, template[0, qrs]):
        template = median([beats[i] for i in second])
    heights = np.ptp(template[:, qrs], axis=1)[:, None]
    beats, template = [beat / heights for beat in beats], template / heights
    rows = np.zeros((n, 5, 128))
    for i in range(n):
        like = [
            j
            for j in range(n)
            if np.mean([correlation(beats[i][k, qrs], beats[j][k, qrs]) for k in (0, 1)]) > 0.9
        ]
        numbers["log_share_alike_shape"][i] = np.log(0.001 + max(1, len(like)) / n)
        numbers["shape_before"][i] = np.log(before[like]).sum() / max(1, len(like))
        numbers["shape_after"][i] = np.log(after[like]).sum() / max(1, len(like))
        rows[i, :2], rows[i, 2:4] = beats[i], template
    for number in recipe["numbers"]:
        rows[:, 4, number["place"]] = numbers[number["name"]]
    return rows


def correlation(one: Floats, other: Floats) -> float:
    one, other = one - one.mean(), other - other.mean()
    lengths = np.sqrt(one @ one) * np.sqrt(other @ other)
    return float(one @ other / lengths) if lengths else 0.0


def plain_numbers(times: Floats) -> dict[str, Floats]:
    """The numbers of the rhythm, as DEFINITIONS say, beat by beat."""
    n = len(times)
    rr = np.clip(np.diff(times), 0.15, 4.0)
    b, a = [rr[0], *rr], [*rr, rr[-1]]
    at = lambda values, i: values[min(max(i, 0), n - 1)]  # noqa: E731
    around = lambda values, i, size: [  # noqa: E731
        at(values, j) for j in range(i - size // 2, i + size // 2 + 1)
    ]
    local = [np.median(around(b, i, 41)) for i in range(n)]
    d = [np.log(b[i] / local[i]) for i in range(n)]
    dd = [d[i] * at(d, i - 2) for i in range(n)]
    step = [abs(np.log(b[i] / at(b, i - 1))) for i in range(n)]
    early = [float(b[i] < 0.88 * local[i]) for i in range(n)]
    rules: dict[str, Callable[[int], float]] = {
        "is_beat": lambda i: 1.0,
        "log_rr": lambda i: np.log(b[i]),
        "before_over_local_median": lambda i: d[i],
        "after_over_local_median": lambda i: np.log(a[i] / local[i]),
        "before_over_mean": lambda i: np.log(b[i] / np.mean(b)),
        "after_over_mean": lambda i: np.log(a[i] / np.mean(b)),
        "before_over_median": lambda i: np.log(b[i] / np.median(b)),
        "after_over_median": lambda i: np.log(a[i] / np.median(b)),
        "before_over_q05": lambda i: np.log(b[i] / np.quantile(b, 0.05)),
        "before_over_q20": lambda i: np.log(b[i] / np.quantile(b, 0.2)),
        "before_over_q80": lambda i: np.log(b[i] / np.quantile(b, 0.8)),
        "before_over_q95": lambda i: np.log(b[i] / np.quantile(b, 0.95)),
        "after_over_before": lambda i: np.log(a[i] / b[i]),
        "before_over_previous": lambda i: np.log(b[i] / at(b, i - 1)),
        "previous_over_local_median": lambda i: np.log(at(b, i - 1) / local[i]),
        "next_over_local_median": lambda i: np.log(at(a, i + 1) / local[i]),
        "second_previous_over_local_median": lambda i: np.log(at(b, i - 2) / local[i]),
        "before_over_mean_of_11": lambda i: np.log(b[i] / np.mean(around(b, i, 11))),
        "before_over_past_10": lambda i: np.log(b[i] / np.mean(b[max(0, i - 10) : i] or b[:1])),
        "before_over_past_40": lambda i: np.log(b[i] / np.median(b[max(0, i - 40) : i] or b[:1])),
        "before_over_longest_of_9": lambda i: np.log(b[i] / max(b[max(0, i - 8) : i + 1])),
        "both_over_local_median": lambda i: np.log((b[i] + a[i]) / 2 / local[i]),
        "local_irregularity": lambda i: float(np.median(around(step, i, 41))),
        "local_share_early": lambda i: np.mean(around(early, i, 41)),
        "alternation": lambda i: (
            np.mean(around(dd, i, 21)) / (np.mean(np.square(around(d, i, 21))) + 1e-3)
        ),
    }
    result = {name: np.array([float(rule(i)) for i in range(n)]) for name, rule in rules.items()}
    return result | {name: np.zeros(n) for name in CONTEXT_FEATURES if name not in rules}


def own_rows(leads: Floats, times: Floats) -> Floats32:
    filtered = band_passed(with_edges(leads))
    windows = beat_windows(filtered, times * 128.0)
    windows[np.ptp(beat_windows(leads, times * 128.0)[..., MARGIN:-MARGIN], axis=-1) == 0] = 0
    return context_rows(windows, times)


@pytest.mark.parametrize(
    ("made", "beats"),
    [
        (recording, 60),
        (recording, 9),
        (mostly_ectopic, 240),
        (electrode_off(0), 60),
        (electrode_off(1), 60),
    ],
)
def test_another_program_makes_the_same_rows_from_the_recipe(
    made: Callable[[int], tuple[Floats, Floats]], beats: int
) -> None:
    recipe = json.loads(json.dumps(context_recipe(causal=False)))
    leads, times = made(beats)
    rows, plain = own_rows(leads, times), plain_rows(recipe, leads, times)
    np.testing.assert_allclose(rows[:, :4], plain[:, :4], rtol=0, atol=1e-5)
    for number in recipe["numbers"]:
        place, name = number["place"], number["name"]
        np.testing.assert_allclose(
            rows[:, 4, place], plain[:, 4, place], rtol=0, atol=2e-6, err_msg=name
        )
    assert not rows[:, 4, len(recipe["numbers"]) :].any()


@pytest.mark.parametrize("last_s", [0.5, 899.0, 900.0, 2699.4, 2700.0, 4499.0, 86_400.0])
def test_the_number_of_stretches_depends_on_the_last_beat(last_s: float) -> None:
    sequence = context_recipe(causal=False)["sequence"]
    assert stretch_count(last_s) == max(1, int(last_s / sequence["stretch_s"] + 0.5))
    assert "the larger of 1 and the whole part of t / stretch_s + 0.5" in sequence["rule"]


@pytest.mark.parametrize("fs_hz", [100.0, 128.03, 257.0, 360.0, 999.6])
def test_a_filter_of_the_recipe_resamples_as_the_package(fs_hz: float) -> None:
    said = context_recipe(causal=False)["signal"]
    numbers = said["resampling"]
    ratio = Fraction(said["fs_hz"] / fs_hz).limit_denominator(numbers["largest"])
    longest = max(ratio.numerator, ratio.denominator)
    window = ("kaiser", numbers["kaiser"])
    taps = firwin(2 * numbers["half_taps"] * longest + 1, 1 / longest, window=window)
    lead = np.random.default_rng(0).normal(size=2000) + np.linspace(0, 5, 2000)
    plain = resample_poly(lead, ratio.numerator, ratio.denominator, window=taps, padtype="line")
    record = Record("r", fs_hz, "MLII", lead, np.array([1000]), np.array(["N"]))
    ours = resampled(record, said["fs_hz"])
    np.testing.assert_allclose(ours.signal, plain, rtol=0, atol=1e-12)
    assert ours.annotation_samples[0] == round(1000 * float(ratio))


def test_each_number_has_a_definition_and_no_other_has() -> None:
    assert set(DEFINITIONS) == set(CONTEXT_FEATURES)


def test_what_needs_a_later_beat_is_0_in_a_causal_recipe() -> None:
    numbers = context_recipe(causal=True)["numbers"]
    later = {number["name"] for number in numbers if number["definition"].startswith("0, as")}
    assert later == set(NEED_LATER_BEATS)
    rhythm = RunningRhythm()
    rows = np.array([rhythm.push(time) for time in recording(30)[1]])
    places = [number["place"] - 1 for number in numbers if number["name"] in later]
    assert not rows[:, places].any()

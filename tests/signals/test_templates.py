"""Templates and shapes: by hand, beside plain loops, and what must not change them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_lightning.arrays import Flags, Floats
from ecg_lightning.signals.templates import (
    ALIKE,
    LEAST,
    MARGIN,
    QRS,
    SHAPE_FEATURES,
    WINDOW_SAMPLES,
    AlignedBeats,
    aligned_to_template,
    beats_of_template,
    best_shifts,
    come_as_usual,
    moved,
    qrs_heights,
    shape_features,
    unit,
)
from tests.helpers.rhythms import patient_beats

LONG = WINDOW_SAMPLES + 2 * MARGIN


def all_of(windows: Floats) -> Flags:
    return np.ones(len(windows), np.bool_)


def qrs_at(sample: float, width: float = 3.0) -> Floats:
    """A window (LONG,) with one wave."""
    return np.exp(-0.5 * ((np.arange(LONG) - sample) / width) ** 2)


def rounds_in_words(windows: Floats, usual: Flags) -> Floats:
    """The template as the docstrings say, with NumPy's median and correlation."""

    def refined(beats: Floats, template: Floats) -> Floats:
        for _ in range(2):
            alike = np.array(
                [np.corrcoef(beat[0, QRS], template[0, QRS])[0, 1] > ALIKE for beat in beats]
            )
            if (usual & alike).sum() < min(LEAST, 0.1 * len(beats)):
                break
            template = np.median(beats[usual & alike], axis=0)
        return template

    unmoved = windows[..., MARGIN:-MARGIN]
    template = refined(unmoved, np.median(unmoved[usual], axis=0))
    beats = []
    for window in windows:
        scores = [
            sum(
                np.corrcoef(lead[start : start + WINDOW_SAMPLES][QRS], own[QRS])[0, 1]
                for lead, own in zip(window, template, strict=True)
            )
            for start in range(2 * MARGIN + 1)
        ]
        start = int(np.argmax(scores))
        beats.append(window[:, start : start + WINDOW_SAMPLES])
    return refined(np.array(beats), template)


class TestTemplate:
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("gradual", [False, True])
    def test_as_in_words(self, seed: int, gradual: bool) -> None:
        windows, _ = patient_beats(80, seed)
        if gradual:  # the second round chooses other beats than the first
            windows = np.array([[qrs_at(60, width)] * 2 for width in np.geomspace(1.5, 30, 80)])
        usual = np.random.default_rng(seed).random(80) < 0.7
        aligned = aligned_to_template(windows, usual)
        expected = rounds_in_words(windows, usual)
        heights = np.ptp(expected[:, QRS], axis=1, keepdims=True)
        np.testing.assert_allclose(aligned.template, expected / heights, atol=1e-12)

    def test_equal_beats_are_their_template(self) -> None:
        window = np.stack([qrs_at(60), -0.5 * qrs_at(61)])
        aligned = aligned_to_template(np.stack([window] * 5), np.ones(5, np.bool_))
        assert aligned.shifts.tolist() == [0] * 5
        expected = window[:, MARGIN:-MARGIN] / np.array([[1.0], [0.5]])
        np.testing.assert_allclose(aligned.template, expected, rtol=1e-4)  # tails are cut off
        np.testing.assert_allclose(aligned.beats, np.stack([aligned.template] * 5))

    def test_beats_are_moved_onto_it(self) -> None:
        shifts = np.array([0] * 20 + [3, -4, 6, -6])
        windows = np.stack([np.stack([qrs_at(60 + shift)] * 2) for shift in shifts])
        aligned = aligned_to_template(windows, all_of(windows))
        assert aligned.shifts.tolist() == shifts.tolist()
        template = np.broadcast_to(aligned.template, aligned.beats.shape)
        np.testing.assert_allclose(aligned.beats, template, atol=1e-12)

    def test_beats_of_other_shapes_do_not_change_it(self) -> None:
        usual = np.stack([np.stack([qrs_at(60)] * 2)] * 30)
        other = np.stack([np.stack([-2 * qrs_at(66, 8)] * 2)] * 14)
        both = np.concatenate([usual, other])
        expected = aligned_to_template(usual, all_of(usual)).template
        np.testing.assert_allclose(aligned_to_template(both, all_of(both)).template, expected)

    def test_beats_that_come_at_another_time_do_not_count(self) -> None:
        usual = np.stack([np.stack([qrs_at(60)] * 2)] * LEAST)
        early = np.stack([np.stack([-2 * qrs_at(66, 8)] * 2)] * 100)
        windows, come_usual = np.concatenate([early, usual]), np.arange(120) >= 100
        expected = aligned_to_template(usual, all_of(usual)).template
        aligned = aligned_to_template(windows, come_usual)
        np.testing.assert_allclose(aligned.template, expected)
        come_usual[-1] = False  # too few
        aligned = aligned_to_template(windows, come_usual)
        np.testing.assert_allclose(
            aligned.template, aligned_to_template(early, all_of(early)).template
        )

    @pytest.mark.parametrize("n_beats", [1, 2, 3])
    def test_few_beats(self, n_beats: int) -> None:
        windows, _ = patient_beats(n_beats)
        for usual in (np.ones(n_beats, np.bool_), np.zeros(n_beats, np.bool_)):
            aligned = aligned_to_template(windows, usual)
            assert all(np.isfinite(part).all() for part in aligned)
        if n_beats == 1:
            np.testing.assert_array_equal(aligned.beats[0], aligned.template)


class TestInvariance:
    @pytest.mark.parametrize("gain", [0.01, 0.25, 4.0, 1000.0])
    def test_the_gain_of_a_lead_changes_nothing(self, gain: float) -> None:
        windows, _ = patient_beats(60)
        usual = aligned_to_template(windows, all_of(windows))
        louder = aligned_to_template(windows * np.array([[gain], [1.0]]), all_of(windows))
        for part, other in zip(louder, usual, strict=True):
            np.testing.assert_allclose(part, other, atol=1e-9)

    def test_an_inverted_lead_is_inverted_and_nothing_else(self) -> None:
        windows, _ = patient_beats(60)
        signs = np.array([[-1.0], [1.0]])
        usual = aligned_to_template(windows, all_of(windows))
        inverted = aligned_to_template(windows * signs, all_of(windows))
        np.testing.assert_array_equal(inverted.shifts, usual.shifts)
        np.testing.assert_allclose(inverted.beats, usual.beats * signs, atol=1e-12)
        np.testing.assert_allclose(inverted.template, usual.template * signs, atol=1e-12)

    def test_an_offset_of_windows_is_kept_and_moves_no_beat(self) -> None:
        windows, _ = patient_beats(60)
        usual = aligned_to_template(windows, all_of(windows))
        higher = aligned_to_template(windows + 3.0, all_of(windows))
        np.testing.assert_array_equal(higher.shifts, usual.shifts)
        np.testing.assert_allclose(
            higher.beats - higher.template, usual.beats - usual.template, atol=1e-9
        )

    def test_marks_that_are_up_to_4_samples_off_change_beats_little(self) -> None:
        random = np.random.default_rng(3)
        times = np.arange(LONG + 2 * MARGIN)
        wave = np.exp(-0.5 * ((times - 66) / 3) ** 2) - 0.2 * np.exp(-0.5 * ((times - 74) / 4) ** 2)
        off = random.integers(-4, 5, 200)
        windows = np.stack([[wave[MARGIN + by : MARGIN + by + LONG]] * 2 for by in off])
        exact = np.stack([[wave[MARGIN : MARGIN + LONG]] * 2] * 200)
        moved_beats = aligned_to_template(windows, all_of(windows))
        usual = aligned_to_template(exact, all_of(exact))
        shares = (unit(moved_beats.beats[..., QRS]) * unit(usual.beats[..., QRS])).sum(-1)
        assert shares.min() > 0.99
        np.testing.assert_allclose(moved_beats.beats, moved_beats.beats[:1].repeat(200, 0))


class TestLeadsWithoutSignal:
    @pytest.mark.parametrize("lead", [0, 1])
    @pytest.mark.parametrize("level", [0.0, 7.0, -1e6])
    def test_a_constant_lead_is_as_one_that_is_missing(self, lead: int, level: float) -> None:
        windows, _ = patient_beats(40)
        random = np.random.default_rng(0)
        windows[:, lead] = level + 1e-16 * abs(level) * random.normal(size=(40, LONG))
        aligned = aligned_to_template(windows, all_of(windows))
        assert not aligned.beats[:, lead].any()
        assert not aligned.template[lead].any()
        assert np.ptp(aligned.template[1 - lead, QRS]) == pytest.approx(1)

    def test_no_lead_at_all(self) -> None:
        aligned = aligned_to_template(np.zeros((4, 2, LONG)), np.ones(4, np.bool_))
        assert not aligned.beats.any()
        assert np.isfinite(shape_features(aligned, np.zeros(4), np.zeros(4))).all()

    def test_beats_without_signal_stay_without(self) -> None:
        windows, _ = patient_beats(40)
        windows[[3, 7]] = 0
        beats = aligned_to_template(windows, all_of(windows)).beats
        assert not beats[[3, 7]].any()
        assert np.isfinite(beats).all()

    @pytest.mark.parametrize("lead", [0, 1])
    @pytest.mark.parametrize("missing", [10, 30, 35])
    def test_the_template_of_a_lead_is_that_of_the_beats_that_have_it(
        self, lead: int, missing: int
    ) -> None:
        """Of an electrode that is off for most of a recording, the rest is judged as ever."""
        windows, _ = patient_beats(40)
        windows[:missing, lead] = 0
        aligned = aligned_to_template(windows, all_of(windows))
        alone = aligned_to_template(windows[missing:], all_of(windows[missing:]))
        np.testing.assert_allclose(aligned.template[lead], alone.template[lead], atol=1e-12)
        np.testing.assert_allclose(aligned.beats[missing:, lead], alone.beats[:, lead], atol=1e-12)
        assert not aligned.beats[:missing, lead].any()

    def test_beats_without_a_signal_in_the_first_lead_are_none_of_the_usual_ones(self) -> None:
        windows, _ = patient_beats(60)
        windows[:30, 0] = 0
        usual = np.arange(60) < 35  # 5 of them have a signal, fewer than make a template
        assert beats_of_template(windows, usual).tolist() == (np.arange(60) >= 30).tolist()
        usual = np.arange(60) < 50
        assert np.flatnonzero(beats_of_template(windows, usual)).tolist() == list(range(30, 50))
        windows[:, 0] = 0
        assert beats_of_template(windows, usual).tolist() == usual.tolist()

    def test_heights_by_hand(self) -> None:
        template = np.zeros((3, WINDOW_SAMPLES))
        template[0, QRS.start + 3], template[0, QRS.start + 5] = 2.0, -0.5
        template[1] = 4.0
        template[2, QRS.stop + 1] = 1.0  # not within the QRS
        assert qrs_heights(template).tolist() == [2.5, np.inf, np.inf]


class TestUsual:
    @pytest.mark.parametrize(
        ("before", "after", "usual"),
        [
            (1.0, 1.0, True),
            (0.87, 1.0, False),  # early
            (0.89, 1.0, True),
            (1.24, 1.0, True),
            (1.26, 1.0, False),  # after a pause
            (1.0, 0.79, False),  # before an early beat
            (1.0, 3.0, True),
        ],
    )
    def test_by_hand(self, before: float, after: float, usual: bool) -> None:
        ratios = (np.array([value]) for value in (before, after, 1.0))
        assert come_as_usual(*ratios).tolist() == [usual]

    @pytest.mark.parametrize(("n_slow", "fast_counts"), [(LEAST, False), (LEAST - 1, True)])
    def test_a_fast_rhythm_counts_where_few_others_do(self, n_slow: int, fast_counts: bool) -> None:
        over_mean = np.array([1.1] * n_slow + [0.8] * 50)
        same = np.ones(n_slow + 50)
        expected = [True] * n_slow + [fast_counts] * 50
        assert come_as_usual(same, same, over_mean).tolist() == expected


class TestShapes:
    @settings(deadline=None, max_examples=15)
    @given(st.integers(1, 40), st.integers(0, 5), st.integers(1, 2))
    def test_as_plain_loops(self, n_beats: int, seed: int, n_leads: int) -> None:
        windows, _ = patient_beats(n_beats, seed, n_leads)
        aligned = aligned_to_template(windows, all_of(windows))
        before, after = np.random.default_rng(seed).normal(size=(2, n_beats))
        expected = []
        for own in aligned.beats:
            alike = []
            for number, other in enumerate(aligned.beats):
                correlations = [
                    np.corrcoef(own[lead, QRS], other[lead, QRS])[0, 1] for lead in range(n_leads)
                ]
                if np.mean(correlations) > 0.9:
                    alike.append(number)
            share = np.log(len(alike) / n_beats + 1e-3)
            expected.append([share, np.mean(before[alike]), np.mean(after[alike])])
        features = shape_features(aligned, before, after)
        assert features.shape == (n_beats, len(SHAPE_FEATURES))
        np.testing.assert_allclose(features, expected, atol=1e-9)

    def test_two_shapes_by_hand(self) -> None:
        beats = np.zeros((4, 2, WINDOW_SAMPLES))
        beats[:3], beats[3] = qrs_at(60)[MARGIN:-MARGIN], -qrs_at(66, 8)[MARGIN:-MARGIN]
        aligned = AlignedBeats(beats, beats[0], np.zeros(4, np.int64))
        ratios = np.array([0.0, 0.1, 0.2, -0.5]), np.array([0.0, 0.0, -0.3, 0.4])
        features = shape_features(aligned, *ratios)
        np.testing.assert_allclose(features[0], [np.log(0.751), 0.1, -0.1])
        np.testing.assert_allclose(features[3], [np.log(0.251), -0.5, 0.4])

    def test_many_beats_in_pieces(self) -> None:
        windows, _ = patient_beats(1500)
        aligned = aligned_to_template(windows, all_of(windows))
        qrs = unit(aligned.beats[..., QRS])
        alike = np.einsum("nlt,mlt->nm", qrs, qrs) / 2 > 0.9
        features = shape_features(aligned, np.zeros(1500), np.zeros(1500))
        np.testing.assert_allclose(features[:, 0], np.log(alike.mean(1) + 1e-3))


class TestParts:
    def test_best_shifts_as_plain_correlation(self) -> None:
        windows, _ = patient_beats(30)
        windows = np.stack([np.roll(window, by - 9, -1) for by, window in enumerate(windows)])
        template = patient_beats(1, 4)[0][0, :, MARGIN:-MARGIN]
        expected = []
        for window in windows:
            pieces = [window[:, start:][:, QRS] for start in range(2 * MARGIN + 1)]
            scores = [
                sum(np.corrcoef(a, b)[0, 1] for a, b in zip(piece, template[:, QRS], strict=True))
                for piece in pieces
            ]
            expected.append(np.argmax(scores) - MARGIN)
        assert best_shifts(windows, template).tolist() == expected

    def test_moved_by_hand(self) -> None:
        windows = np.arange(2.0 * LONG).reshape(2, 1, LONG)
        beats = moved(windows, np.array([-MARGIN, 2]))
        assert beats.shape == (2, 1, WINDOW_SAMPLES)
        assert beats[:, 0, 0].tolist() == [0, LONG + MARGIN + 2]

    def test_unit_by_hand(self) -> None:
        pieces = np.array([[1.0, 3.0], [5.0, 5.0]])
        np.testing.assert_allclose(unit(pieces), [[-(0.5**0.5), 0.5**0.5], [0, 0]], atol=1e-9)

    @pytest.mark.parametrize("n_beats", [1, 2, 7, 512, 513, 1000])
    def test_the_median_of_any_number_of_beats(self, n_beats: int) -> None:
        windows = np.random.default_rng(0).normal(size=(n_beats, 1, LONG))
        windows[:, 0, MARGIN + QRS.start : QRS.stop + MARGIN] = qrs_at(60)[MARGIN:-MARGIN][QRS]
        before = windows.copy()
        template = aligned_to_template(windows, all_of(windows)).template
        height = np.ptp(qrs_at(60)[MARGIN:-MARGIN][QRS])
        shifts = best_shifts(windows, template)
        expected = np.median(moved(windows, shifts), axis=0) / height
        np.testing.assert_allclose(template, expected, atol=1e-12)
        np.testing.assert_array_equal(windows, before)  # the caller's are as they were

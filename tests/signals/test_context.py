"""From a lead to the rows of each beat, offline and as beats come."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_lightning.arrays import Floats, Floats32
from ecg_lightning.signals.context import (
    BAND_SAMPLES,
    BAND_TAPS,
    CONTEXT_FEATURES,
    LARGEST,
    LEADS,
    ROWS,
    STRETCH_S,
    CausalContext,
    band_passed,
    band_taps,
    beat_windows,
    context_rows,
    stretches,
    with_edges,
)
from ecg_lightning.signals.rhythm import RR_FEATURES, rr_features
from ecg_lightning.signals.running_rhythm import RunningRhythm
from ecg_lightning.signals.templates import (
    FS_HZ,
    MARGIN,
    R_SAMPLE,
    SHAPE_FEATURES,
    WINDOW_SAMPLES,
    aligned_to_template,
)
from tests.helpers.rhythms import patient_beats

LONG = WINDOW_SAMPLES + 2 * MARGIN
FORMS = pytest.mark.parametrize("causal", [False, True])


def rows_of(windows: Floats, times_s: Floats, causal: bool) -> Floats32:
    return CausalContext().push(windows, times_s) if causal else context_rows(windows, times_s)


class TestBandPass:
    def test_as_plain_convolution(self) -> None:
        leads = np.random.default_rng(0).normal(size=(2, 3, 700))
        expected = [[np.convolve(lead, band_taps(), "valid") for lead in two] for two in leads]
        np.testing.assert_allclose(band_passed(leads), expected, atol=1e-12)

    def test_it_is_symmetric_and_has_its_context(self) -> None:
        assert len(band_taps()) == BAND_TAPS == 2 * BAND_SAMPLES + 1
        np.testing.assert_allclose(band_taps(), band_taps()[::-1], atol=1e-15)
        impulse = np.zeros(4 * BAND_SAMPLES + 1)
        impulse[2 * BAND_SAMPLES] = 1
        assert band_passed(impulse).argmax() == BAND_SAMPLES

    @pytest.mark.parametrize(
        ("hz", "least", "most"),
        [(0.05, 0, 0.02), (0.5, 0.4, 0.55), (1.5, 0.98, 1.02), (20, 0.99, 1.01), (50, 0, 0.01)],
    )
    def test_what_it_keeps(self, hz: float, least: float, most: float) -> None:
        time_s = np.arange(6000) / FS_HZ
        amplitude = np.sqrt(2) * band_passed(np.sin(2 * np.pi * hz * time_s)).std()
        assert least <= amplitude <= most

    @pytest.mark.parametrize("offset", [1.0, -2048.0, 1e6])
    def test_the_offset_of_a_lead_changes_nothing(self, offset: float) -> None:
        lead = with_edges(np.random.default_rng(2).normal(size=600))
        np.testing.assert_allclose(band_passed(lead + offset), band_passed(lead), atol=1e-8)

    def test_pieces_with_context_give_what_the_whole_gives(self) -> None:
        lead = with_edges(np.random.default_rng(1).normal(size=1000))
        whole = band_passed(lead)
        assert whole.shape == (1000,)
        piece = band_passed(lead[300 : 500 + 2 * BAND_SAMPLES])
        np.testing.assert_allclose(piece, whole[300:500], atol=1e-12)

    def test_edges_by_hand(self) -> None:
        padded = with_edges(np.array([[1.0, 2.0], [3.0, 4.0]]))
        assert padded.shape == (2, 2 + 2 * BAND_SAMPLES)
        assert set(padded[0, : BAND_SAMPLES + 1]) == {1.0}
        assert set(padded[1, BAND_SAMPLES + 1 :]) == {4.0}


class TestWindows:
    def test_the_peak_lies_at_its_sample(self) -> None:
        lead = np.zeros((1, 1000))
        lead[0, [400, 700]] = 1, 2
        windows = beat_windows(lead, np.array([400, 700]))
        assert windows.shape == (2, 1, LONG)
        assert windows[:, 0, MARGIN + R_SAMPLE].tolist() == [1, 2]

    def test_the_nearest_sample_serves(self) -> None:
        lead = np.arange(1000.0)[None]
        positions = np.array([299.5, 300.0, 300.49, 300.5, 301.5])
        firsts = beat_windows(lead, positions)[:, 0, 0] + MARGIN + R_SAMPLE
        assert firsts.tolist() == [300, 300, 300, 301, 302]

    def test_ends_are_repeated(self) -> None:
        lead = np.arange(1.0, 201.0)[None]
        first, last = beat_windows(lead, np.array([0, 199]))[:, 0]
        assert first[: MARGIN + R_SAMPLE + 1].tolist() == [1.0] * (MARGIN + R_SAMPLE + 1)
        assert first[-1] == LONG - MARGIN - R_SAMPLE
        assert last[0] == 200 - MARGIN - R_SAMPLE
        assert set(last[MARGIN + R_SAMPLE :]) == {200.0}

    def test_a_piece_of_a_lead_gives_the_same_windows(self) -> None:
        lead = np.random.default_rng(0).normal(size=(2, 2000))
        positions = np.array([500.5, 801.5, 1000.25])
        np.testing.assert_array_equal(
            beat_windows(lead[:, 201:], positions - 201), beat_windows(lead, positions)
        )

    def test_type_and_no_beats(self) -> None:
        windows = beat_windows(np.zeros((2, 500), np.float32), np.zeros(0))
        assert windows.shape == (0, 2, LONG)
        assert windows.dtype == np.float32


class TestStretches:
    @pytest.mark.parametrize(
        ("last_s", "starts_s"),
        [
            (10.0, [0]),
            (1805.0, [0]),  # MIT-BIH's records last 1,805 s
            (2690.0, [0]),  # the rest is shorter than half a stretch
            (2710.0, [0, 1800]),
            (7000.0, [0, 1800, 3600, 5400]),
        ],
    )
    def test_by_hand(self, last_s: float, starts_s: list[int]) -> None:
        times_s = np.arange(0.0, last_s + 0.5, 0.5)
        assert (stretches(times_s) / 2).tolist() == starts_s

    def test_none_is_empty(self) -> None:
        assert len(stretches(np.zeros(0))) == 0
        times_s = np.array([5.0, 9.0, 3 * STRETCH_S, 3 * STRETCH_S + 1600])
        assert stretches(times_s).tolist() == [0, 2]

    @settings(max_examples=50)
    @given(st.lists(st.floats(0, 20_000), min_size=1, max_size=40))
    def test_they_hold_all_beats_once(self, times: list[float]) -> None:
        times_s = np.sort(np.array(times))
        parts = np.split(times_s, stretches(times_s)[1:])
        np.testing.assert_array_equal(np.concatenate(parts), times_s)
        assert all(len(part) and part[-1] - part[0] <= 1.5 * STRETCH_S for part in parts)


class TestRows:
    @FORMS
    def test_what_lies_where(self, causal: bool) -> None:
        windows, times_s = patient_beats(50)
        rows = rows_of(windows, times_s, causal)
        assert rows.shape == (50, ROWS, WINDOW_SAMPLES)
        assert rows.dtype == np.float32
        assert rows.shape[1] == 2 * LEADS + 1
        assert set(rows[:, -1, 0]) == {1.0}
        assert not rows[:, -1, len(CONTEXT_FEATURES) :].any()
        assert CONTEXT_FEATURES[1:] == (*RR_FEATURES, *SHAPE_FEATURES)
        rhythm = RunningRhythm()
        running = np.array([rhythm.push(time_s) for time_s in times_s])
        numbers = rows[:, -1, 1 : 1 + len(RR_FEATURES)]
        np.testing.assert_allclose(numbers, running if causal else rr_features(times_s), atol=1e-6)

    def test_leads_and_templates(self) -> None:
        windows, _ = patient_beats(50)
        rows = context_rows(windows, np.arange(50.0))  # all come at their usual time
        aligned = aligned_to_template(windows, np.ones(50, np.bool_))
        np.testing.assert_allclose(rows[:, :LEADS], aligned.beats, atol=1e-6)
        expected = np.broadcast_to(aligned.template, (50, LEADS, WINDOW_SAMPLES))
        np.testing.assert_allclose(rows[:, LEADS:-1], expected, atol=1e-6)

    @FORMS
    def test_one_lead(self, causal: bool) -> None:
        windows, times_s = patient_beats(50, n_leads=1)
        rows = rows_of(windows, times_s, causal)
        assert not rows[:, [1, LEADS + 1]].any()
        assert rows[:, [0, LEADS]].any(2).all()

    @FORMS
    @pytest.mark.parametrize("n_beats", [0, 1, 2, 3])
    def test_few_beats(self, n_beats: int, causal: bool) -> None:
        rows = rows_of(*patient_beats(n_beats), causal)
        assert rows.shape == (n_beats, ROWS, WINDOW_SAMPLES)
        assert np.isfinite(rows).all()

    @FORMS
    def test_gain_changes_nothing(self, causal: bool) -> None:
        windows, times_s = patient_beats(80)
        gains = np.array([[200.0], [0.05]])
        rows = rows_of(windows * gains, times_s, causal)
        np.testing.assert_allclose(rows, rows_of(windows, times_s, causal), atol=1e-4)

    @FORMS
    def test_inversion_of_a_lead_inverts_it_and_nothing_else(self, causal: bool) -> None:
        windows, times_s = patient_beats(80)
        rows = rows_of(windows * np.array([[1.0], [-1.0]]), times_s, causal)
        usual = rows_of(windows, times_s, causal)
        usual[:, [1, LEADS + 1]] *= -1
        np.testing.assert_allclose(rows, usual, atol=1e-5)

    @FORMS
    def test_an_offset_changes_neither_numbers_nor_differences(self, causal: bool) -> None:
        windows, times_s = patient_beats(80)
        rows, usual = (
            rows_of(windows + offset, times_s, causal) for offset in (np.float64(2), np.float64(0))
        )
        np.testing.assert_allclose(rows[:, -1], usual[:, -1], atol=1e-4)
        differences, usual_differences = (r[:, :LEADS] - r[:, LEADS:-1] for r in (rows, usual))
        np.testing.assert_allclose(differences, usual_differences, atol=1e-4)

    @FORMS
    def test_huge_tiny_and_dead_signals_give_finite_rows(self, causal: bool) -> None:
        windows, times_s = patient_beats(60)
        windows[7] *= 1e9  # an artefact
        windows[11], windows[13, 0], windows[17] = 0, 5, -1e6
        for gain in (1e-12, 1e-6, 1.0, 1e6):
            rows = rows_of(gain * windows, times_s, causal)
            assert np.isfinite(rows).all()
            assert np.abs(rows).max() <= LARGEST

    @settings(deadline=None, max_examples=25)
    @given(st.lists(st.sampled_from(["0", "5", "wave", "noise", "huge"]), max_size=30), st.data())
    def test_rows_of_anything_are_finite(self, kinds: list[str], data: st.DataObject) -> None:
        random = np.random.default_rng(0)
        wave = np.exp(-0.5 * ((np.arange(LONG) - 60) / 3) ** 2)
        leads = {"0": 0 * wave, "5": 0 * wave + 5, "wave": wave, "huge": 1e8 * wave}
        second = data.draw(st.sampled_from(["0", "5", "wave"]))
        windows = np.array(
            [[leads.get(kind, random.normal(size=LONG)), leads[second]] for kind in kinds]
        ).reshape(-1, LEADS, LONG)
        gaps = st.lists(st.floats(0, 3000), min_size=len(kinds), max_size=len(kinds))
        times_s = np.cumsum(np.array(data.draw(gaps)))
        for causal in (False, True):
            rows = rows_of(windows, times_s, causal)
            assert np.isfinite(rows).all()
            assert np.abs(rows).max(initial=0) <= LARGEST


class TestCausal:
    @settings(deadline=None, max_examples=10)
    @given(st.lists(st.integers(0, 90), unique=True))
    def test_rows_do_not_depend_on_how_beats_are_split_among_pushes(self, cuts: list[int]) -> None:
        windows, times_s = patient_beats(90)
        whole, pieces = CausalContext().push(windows, times_s), CausalContext()
        parts = (np.split(values, sorted(cuts)) for values in (windows, times_s))
        rows = [pieces.push(*part) for part in zip(*parts, strict=True)]
        np.testing.assert_array_equal(np.concatenate(rows), whole)

    def test_one_by_one_over_the_whole_past(self) -> None:
        windows, times_s = patient_beats(1100)
        pieces = CausalContext()
        rows = [pieces.push(windows[[beat]], times_s[[beat]]) for beat in range(1100)]
        np.testing.assert_array_equal(np.concatenate(rows), CausalContext().push(windows, times_s))

    @pytest.mark.parametrize("beat", [1, 17, 40, 63])
    def test_later_beats_change_no_earlier_row(self, beat: int) -> None:
        windows, times_s = patient_beats(64)
        whole = CausalContext().push(windows, times_s)
        windows[beat:], times_s[beat:] = 9 * windows[beat:] ** 2, times_s[beat:] + 7.0
        changed = CausalContext().push(windows, times_s)
        np.testing.assert_array_equal(changed[:beat], whole[:beat])
        assert (changed[beat:] != whole[beat:]).any((1, 2)).all()

    def test_in_a_long_steady_rhythm_it_sees_what_the_offline_form_sees(self) -> None:
        windows, _ = patient_beats(400)
        causal, offline = (rows_of(windows, np.arange(400.0), form) for form in (True, False))
        np.testing.assert_allclose(causal[300:, :-1], offline[300:, :-1], atol=0.1)
        later = ["rank" in name or "log_share" in name for name in CONTEXT_FEATURES]
        same = np.flatnonzero(np.logical_not(later))
        np.testing.assert_allclose(causal[300:, -1, same], offline[300:, -1, same], atol=1e-6)

    def test_windows_of_float32_are_as_good(self) -> None:
        windows, times_s = patient_beats(40)
        for causal in (True, False):
            rows = rows_of(windows.astype(np.float32), times_s, causal)  # type: ignore[arg-type]
            np.testing.assert_allclose(rows, rows_of(windows, times_s, causal), atol=1e-4)

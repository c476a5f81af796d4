"""The input of the beat detector: against SciPy, and against hand-worked cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import freqz

from ecg_lightning.signals.detection import (
    BAND_SAMPLES,
    DEAD_MV,
    FS_HZ,
    MAXIMA_SAMPLES,
    band_passed,
    band_taps,
    lead_scale,
    window_maxima,
)


def test_band_pass_keeps_the_beat_and_removes_wander_and_hum() -> None:
    hertz = [0.0, 0.2, 0.55, 1.2, 5.0, 20.0, 30.0, 40.0, 50.0, 59.0]
    _, response = freqz(band_taps(), worN=hertz, fs=FS_HZ)
    gain = np.abs(response)
    assert len(band_taps()) == 2 * BAND_SAMPLES + 1
    np.testing.assert_allclose(band_taps(), band_taps()[::-1], atol=1e-15)
    assert gain[0] < 1e-12
    assert gain[1] < 0.1
    np.testing.assert_allclose(gain[[2, 7]], 0.5, atol=0.01)
    np.testing.assert_allclose(gain[3:7], 1, atol=0.03)
    assert gain[8:].max() < 0.01


def test_band_passed_is_the_plain_convolution_of_each_lead() -> None:
    leads = np.random.default_rng(0).standard_normal((2, 1000)) + 100
    plain = [np.convolve(lead, band_taps(), mode="valid") for lead in leads]
    np.testing.assert_allclose(band_passed(leads), plain, atol=1e-11)
    assert band_passed(leads.astype(np.float32)).dtype == np.float64


def test_pieces_with_context_are_filtered_as_the_whole() -> None:
    lead = np.random.default_rng(1).standard_normal(2000)
    whole = band_passed(lead)
    piece = band_passed(lead[600 : 1000 + 2 * BAND_SAMPLES])
    np.testing.assert_allclose(piece, whole[600:1000], atol=1e-12)


def test_window_maxima_are_the_largest_deflections_of_either_sign() -> None:
    lead = np.zeros(2 * MAXIMA_SAMPLES + 10)
    lead[[5, MAXIMA_SAMPLES, 2 * MAXIMA_SAMPLES + 1]] = [-3.0, 2.0, 9.0]
    np.testing.assert_array_equal(window_maxima(lead), [3.0, 2.0])
    np.testing.assert_array_equal(window_maxima(np.stack([lead, -lead])), [[3.0, 2.0]] * 2)


@pytest.mark.parametrize(
    ("maxima", "scale"),
    [
        ([1.0, 2.0, 9.0], 2.0),
        ([1.0, 0.0, 0.001, 3.0, np.nan], 2.0),  # dead and unknown time does not count
        ([0.001, 0.003], DEAD_MV),  # a dead lead stays small
        ([], DEAD_MV),
    ],
)
def test_lead_scale_is_the_median_of_what_exceeds_a_dead_lead(
    maxima: list[float], scale: float
) -> None:
    assert lead_scale(np.array(maxima)) == scale


def test_lead_of_an_unknown_unit_is_scaled_by_whatever_it_has() -> None:
    assert lead_scale(np.array([1e-9, 3e-9]), dead=0) == 2e-9
    assert lead_scale(np.zeros(3), dead=0) == 1.0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 400), st.integers(1, 300))
def test_any_piece_equals_the_whole(start: int, length: int) -> None:
    lead = np.cumsum(np.random.default_rng(2).standard_normal(1000))
    piece = band_passed(lead[start : start + length + 2 * BAND_SAMPLES])
    np.testing.assert_allclose(piece, band_passed(lead)[start : start + length], atol=1e-11)

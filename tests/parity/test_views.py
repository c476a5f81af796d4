"""Pictures against the original's matplotlib and OpenCV, spectrograms against SciPy."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.signal import spectrogram as scipy_spectrogram

from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.signals import image_view, rasterizer, spectrogram_view
from ecg_lightning.signals.image_view import ImageView
from ecg_lightning.signals.spectrogram_view import SpectrogramView
from keras_reference import preprocessing

pytestmark = pytest.mark.parity

REAL_BEATS, SYNTHETIC_BEATS = 1_000, 100
DARK = 250  # a picture's pixels below it are line
# Measured over 1,000 real beats: 0.99986 and 0.70; for the worst beat 0.9991 and 1.6.
LEAST_CORRELATION, LARGEST_DIFFERENCE = 0.98, 20.0
LEAST_CORRELATION_OF_A_BEAT, LARGEST_DIFFERENCE_OF_A_BEAT = 0.998, 3.0
# Relative to a beat's largest bin: measured 1.2e-15 and 4.8e-7.
SPECTROGRAM_LIMITS = {torch.float64: 1e-12, torch.float32: 1e-5}


class Pictures(NamedTuple):
    """Beats (N, T) and the original's pictures (N, 128, 128) uint8 of them."""

    signals: np.ndarray
    pictures: np.ndarray


class Agreement(NamedTuple):
    """Correlation over all pixels, and mean absolute difference where either picture is dark."""

    correlation: float
    difference: float

    @property
    def suffices(self) -> bool:
        """The criterion."""
        return self.correlation >= LEAST_CORRELATION and self.difference <= LARGEST_DIFFERENCE


def agreement(expected: np.ndarray, seen: np.ndarray) -> Agreement:
    """Of one picture or of several together, in grey levels from 0 to 255."""
    expected, seen = expected.astype(np.float64), seen.astype(np.float64)
    dark = (expected < DARK) | (seen < DARK)
    spread = expected.std() * seen.std()
    correlation = (
        np.mean((expected - expected.mean()) * (seen - seen.mean())) / spread if spread else 0.0
    )
    return Agreement(float(correlation), float(np.abs(expected - seen)[dark].mean()))


def drawn(signals: np.ndarray) -> np.ndarray:
    """The product's pictures (N, 128, 128) in grey levels."""
    batches = torch.from_numpy(signals)[:, None].split(64)
    return torch.cat([ImageView()(batch) for batch in batches])[:, 0].numpy() * 255


def originals(signals: np.ndarray) -> Pictures:
    return Pictures(signals, np.stack([preprocessing.ecg2fig(signal) for signal in signals]))


def some_beats(count: int, **settings: object) -> np.ndarray:
    module = BeatDataModule(split="all", **settings)  # type: ignore[arg-type]
    module.prepare_data(fill_root=True)
    module.setup()
    rows = np.random.default_rng(0).choice(len(module.beats), count, replace=False)
    return module.beats.signals[rows, 0]


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    folder = tmp_path_factory.mktemp("views")
    return originals(
        some_beats(SYNTHETIC_BEATS, source="synthetic", root=folder / "records", cache_dir=folder)
    )


@pytest.fixture(scope="module")
def real(mitdb: Path, tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    return originals(
        some_beats(
            REAL_BEATS, source="mitdb", root=mitdb, cache_dir=tmp_path_factory.mktemp("views")
        )
    )


def assert_agrees(expected: Pictures) -> None:
    seen = drawn(expected.signals)
    assert agreement(expected.pictures, seen).suffices
    beats = [agreement(*pair) for pair in zip(expected.pictures, seen, strict=True)]
    assert min(beat.correlation for beat in beats) >= LEAST_CORRELATION_OF_A_BEAT
    assert max(beat.difference for beat in beats) <= LARGEST_DIFFERENCE_OF_A_BEAT


class TestPictures:
    def test_of_synthetic_beats(self, synthetic: Pictures) -> None:
        assert_agrees(synthetic)

    def test_of_real_beats(self, real: Pictures) -> None:
        assert_agrees(real)

    @pytest.mark.parametrize("samples", [50, 187, 1000, 3600])
    def test_of_other_lengths(self, samples: int) -> None:
        """The more points to a pixel, the more of them matplotlib leaves out."""
        walks = (
            np.random.default_rng(samples)
            .standard_normal((8, samples))
            .cumsum(1)
            .astype(np.float32)
        )
        assert agreement(originals(walks).pictures, drawn(walks)).suffices

    def test_of_a_saw_with_teeth_of_full_height(self) -> None:
        saw = np.tile(np.array([0, 1, 0.2, 0.9], np.float32), 64)[None]
        assert agreement(originals(saw).pictures, drawn(saw)).suffices

    @pytest.mark.parametrize("value", [0.0, 0.7])
    def test_of_a_flat_beat(self, value: float) -> None:
        flat = np.full((1, 256), value, np.float32)
        assert agreement(originals(flat).pictures, drawn(flat)).difference < 1


class TestThatTheCriterionCanFail:
    def test_on_a_blank_page(self, synthetic: Pictures) -> None:
        blank = np.full_like(synthetic.pictures, 255)
        found = agreement(synthetic.pictures, blank)
        assert found.correlation == 0
        assert found.difference > LARGEST_DIFFERENCE

    @pytest.mark.parametrize("axis", [1, 2])
    @pytest.mark.parametrize("pixels", [-1, 1])
    def test_on_a_picture_shifted_by_a_pixel(
        self, synthetic: Pictures, axis: int, pixels: int
    ) -> None:
        shifted = np.roll(drawn(synthetic.signals), pixels, axis)
        found = agreement(synthetic.pictures, shifted)
        assert found.correlation < LEAST_CORRELATION
        assert found.difference > LARGEST_DIFFERENCE

    def test_on_a_smooth_line(self, synthetic: Pictures) -> None:
        clean = ImageView("clean")(torch.from_numpy(synthetic.signals)[:, None])[:, 0].numpy() * 255
        assert not agreement(synthetic.pictures, clean).suffices

    def test_on_a_line_half_a_pixel_lower_in_the_figure(
        self, synthetic: Pictures, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(image_view, "TOP", image_view.TOP + 0.5)
        beats = [
            agreement(*pair)
            for pair in zip(synthetic.pictures, drawn(synthetic.signals), strict=True)
        ]
        assert max(beat.difference for beat in beats) > LARGEST_DIFFERENCE_OF_A_BEAT

    def test_on_columns_that_are_cut_once(
        self, synthetic: Pictures, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rasterizer, "CUTS", 1)
        beats = [
            agreement(*pair)
            for pair in zip(synthetic.pictures, drawn(synthetic.signals), strict=True)
        ]
        assert max(beat.difference for beat in beats) > LARGEST_DIFFERENCE_OF_A_BEAT


def spectrogram_error(signals: np.ndarray, dtype: torch.dtype) -> float:
    """Largest difference from SciPy's spectrogram, relative to each beat's largest bin."""
    samples = signals.shape[1]
    # SciPy takes the shorter frame by itself, but warns; a Tukey window is its default.
    _, _, expected = scipy_spectrogram(signals, fs=preprocessing.FS_HZ, nperseg=min(samples, 256))
    seen = SpectrogramView(samples)(torch.from_numpy(signals).to(dtype)[:, None])[:, 0]
    assert (seen.dtype, seen.shape) == (dtype, expected.shape)
    largest = expected.max((1, 2), keepdims=True)
    return float((np.abs(seen.double().numpy() - expected) / largest).max())


class TestSpectrograms:
    @pytest.mark.parametrize("dtype", SPECTROGRAM_LIMITS, ids=str)
    @pytest.mark.parametrize("samples", [187, 250, 256, 600])
    def test_of_random_walks(self, samples: int, dtype: torch.dtype) -> None:
        walks = np.random.default_rng(samples).standard_normal((50, samples)).cumsum(1)
        assert (
            spectrogram_error(walks.astype(np.float32).astype(np.float64), dtype)
            <= SPECTROGRAM_LIMITS[dtype]
        )

    @pytest.mark.parametrize("dtype", SPECTROGRAM_LIMITS, ids=str)
    @pytest.mark.parametrize("samples", [187, 250, 256])
    def test_of_synthetic_beats(
        self, synthetic: Pictures, samples: int, dtype: torch.dtype
    ) -> None:
        assert (
            spectrogram_error(synthetic.signals[:, :samples].astype(np.float64), dtype)
            <= SPECTROGRAM_LIMITS[dtype]
        )

    @pytest.mark.parametrize("dtype", SPECTROGRAM_LIMITS, ids=str)
    @pytest.mark.parametrize("samples", [187, 250, 256])
    def test_of_real_beats(self, real: Pictures, samples: int, dtype: torch.dtype) -> None:
        assert (
            spectrogram_error(real.signals[:, :samples].astype(np.float64), dtype)
            <= SPECTROGRAM_LIMITS[dtype]
        )

    def test_a_symmetric_window_would_be_noticed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def symmetric(like: torch.Tensor) -> torch.Tensor:
            share = torch.arange(like.shape[-1], dtype=like.dtype) / (like.shape[-1] - 1)
            edge = (torch.minimum(share, 1 - share) * 8).clamp(max=1)
            return (1 - (torch.pi * edge).cos()) / 2

        monkeypatch.setattr(spectrogram_view, "_tukey", symmetric)
        walks = np.random.default_rng(0).standard_normal((5, 256)).cumsum(1)
        assert spectrogram_error(walks, torch.float32) > SPECTROGRAM_LIMITS[torch.float32]

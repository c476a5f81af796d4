"""Views by hand-worked cases and properties.

tests/parity/test_views.py compares them with matplotlib, OpenCV and SciPy.
"""

import copy
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from ecg_lightning.errors import InputError
from ecg_lightning.models import Conv2d, DeepConv1d
from ecg_lightning.signals.image_view import ImageView
from ecg_lightning.signals.rasterizer import coverage
from ecg_lightning.signals.spectrogram_view import SpectrogramView, SpectrumView
from ecg_lightning.signals.view import View
from ecg_lightning.signals.views import ViewName, make_view
from tests.helpers.paths import ROOT

NAMES: tuple[ViewName, ...] = ("signal", "spectrum", "spectrogram", "image", "clean-image")
STYLES = ("original", "clean")


def beats(count: int = 3, samples: int = 256) -> Tensor:
    """Smooth random beats (B, 1, T)."""
    steps = torch.randn(count, 1, samples, generator=torch.Generator().manual_seed(0))
    return steps.cumsum(-1)


def brute_force(
    heights: Tensor,
    start: float,
    step: float,
    columns: Tensor,
    rows: int,
    radius: float,
    fine: int = 20,
) -> Tensor:
    """Coverage by the distance of fine x fine points of each pixel to every segment."""
    xs = (columns[:, None] + (torch.arange(fine) + 0.5) / fine).flatten().double()
    ys = (torch.arange(rows * fine) + 0.5).double() / fine
    points = torch.stack(torch.meshgrid(xs, ys, indexing="ij"), -1)
    covered = torch.zeros(points.shape[:2], dtype=torch.bool)
    for i, (y0, y1) in enumerate(zip(heights[:-1].tolist(), heights[1:].tolist(), strict=True)):
        begin, way = (
            torch.tensor([start + i * step, y0]).double(),
            torch.tensor([step, y1 - y0]).double(),
        )
        share = ((points - begin) @ way / (way @ way)).clamp(0, 1)
        covered |= (points - begin - share[..., None] * way).norm(dim=-1) <= radius
    return covered.view(len(columns), fine, rows, fine).double().mean((1, 3))


class TestCoverage:
    def test_a_level_line(self) -> None:
        covered = coverage(torch.full((1, 3), 2.25), 0.0, 4.0, torch.tensor([3]), 5, 0.75)
        assert covered.tolist() == [[[0, 128, 256, 0, 0]]]

    def test_a_line_of_45_degrees(self) -> None:
        """It covers sqrt(2) in all.

        Two triangles of its middle pixel, with legs of 1 - sqrt(1/2), are free.
        """
        covered = (
            coverage(torch.tensor([[0.0, 9.0]]), 0.0, 9.0, torch.tensor([4]), 9, 0.5)[0, 0] / 256
        )
        middle = 1 - (1 - math.sqrt(0.5)) ** 2
        beside = (math.sqrt(2) - middle) / 2
        by_hand = torch.tensor([0, 0, 0, beside, middle, beside, 0, 0, 0])
        torch.testing.assert_close(covered, by_hand, atol=0.01, rtol=0)

    @pytest.mark.parametrize("step", [0.3, 1.77, 6.0])
    @pytest.mark.parametrize("radius", [0.4, 1.04])
    def test_against_the_distance_to_the_line(self, step: float, radius: float) -> None:
        heights = 10 + 3 * torch.randn(
            4, int(24 / step), generator=torch.Generator().manual_seed(1)
        ).clamp(-2.5, 2.5)
        columns = torch.tensor([3, 4, 9, 15])
        ours = coverage(heights, 1.0, step, columns, 20, radius) / 256
        for line, covered in zip(heights, ours, strict=True):
            expected = brute_force(line, 1.0, step, columns, 20, radius)
            assert (covered - expected).abs().max() < 0.08  # 16 cuts of a steep line
            assert (covered - expected).abs().mean() < 0.008

    def test_a_wider_line_would_be_noticed(self) -> None:
        heights = torch.tensor([[3.0, 9.0, 4.0, 12.0]])
        expected = brute_force(heights[0], 0.0, 4.0, torch.tensor([5, 6]), 15, 1.0)
        wider = coverage(heights, 0.0, 4.0, torch.tensor([5, 6]), 15, 1.1) / 256
        assert (wider[0] - expected).abs().mean() > 0.008

    def test_lines_outside_the_picture_are_cut_off(self) -> None:
        assert coverage(torch.full((1, 2), -5.0), 0.0, 4.0, torch.tensor([1]), 3, 1.0).tolist() == [
            [[0, 0, 0]]
        ]


class TestImages:
    @pytest.mark.parametrize("style", STYLES)
    @pytest.mark.parametrize("samples", [2, 100, 187, 256, 3600])
    def test_is_dark_on_white(self, style: str, samples: int) -> None:
        pictures = ImageView(style)(beats(2, samples))  # type: ignore[arg-type]
        assert pictures.shape == (2, 1, 128, 128)
        assert pictures.dtype == torch.float32
        assert (pictures.min() >= 0, pictures.max()) == (True, 1)
        assert 0.8 < pictures.mean() < 1
        assert pictures[:, 0, :, 64].min() < 0.6

    def test_is_in_steps_of_a_grey_level(self) -> None:
        levels = ImageView()(beats()) * 255
        torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)

    @pytest.mark.parametrize("style", STYLES)
    def test_the_highest_sample_is_on_top(self, style: str) -> None:
        rising = torch.linspace(0, 1, 256).view(1, 1, 256)
        dark = ImageView(style)(rising)[0, 0] < 0.9  # type: ignore[arg-type]
        rows = [
            int(column.float().argmax()) for column in dark[:, 25:105].T if column.any()
        ]  # the original's line is broken
        assert rows == sorted(rows, reverse=True)
        assert rows[0] - rows[-1] > 40

    @pytest.mark.parametrize("style", STYLES)
    def test_scale_and_offset_do_not_matter(self, style: str) -> None:
        view, signals = ImageView(style), beats()  # type: ignore[arg-type]
        assert (view(signals.double()) - view(8 * signals.double() - 3)).abs().mean() < 1e-4

    @pytest.mark.parametrize("style", STYLES)
    @pytest.mark.parametrize("value", [0.0, 0.3, math.nan, math.inf])
    def test_without_a_shape_it_is_a_level_line(self, style: str, value: float) -> None:
        picture = ImageView(style)(torch.full((1, 1, 256), value))[0, 0]  # type: ignore[arg-type]
        assert (picture[:, 64] < 0.9).nonzero().flatten().sub(63.5).abs().max() < 3
        assert torch.equal(picture[:, 40], picture[:, 90])

    @pytest.mark.parametrize("style", STYLES)
    def test_each_beat_is_drawn_by_itself(self, style: str) -> None:
        view, signals = ImageView(style), beats()  # type: ignore[arg-type]
        assert torch.equal(view(signals), torch.cat([view(one) for one in signals.split(1)]))
        assert view(signals[:0]).shape == (0, 1, 128, 128)

    @pytest.mark.parametrize("shape", [(2, 256), (2, 2, 256), (2, 1, 1)])
    def test_refuses_what_is_not_a_beat(self, shape: tuple[int, ...]) -> None:
        message = (
            r"^ImageView: expected beats \(B, 1, T\) of 2 samples or more, "
            rf"found the shape \({shape[0]}, .*; give one lead"
        )
        with pytest.raises(InputError, match=message):
            ImageView()(torch.zeros(shape))

    def test_half_precision_draws_the_same_line(self) -> None:
        signals = beats().bfloat16()
        pictures = ImageView().bfloat16()(signals)
        assert pictures.dtype == torch.bfloat16
        assert torch.equal(pictures, ImageView()(signals.float()).bfloat16())

    def test_autocast_changes_nothing(self) -> None:
        expected = ImageView()(beats())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(ImageView()(beats()), expected)


class TestSpectrograms:
    def test_a_wave_is_in_its_bin(self) -> None:
        """A sine of amplitude a has the power a^2 / 2, spread over the bins around its own."""
        time = torch.arange(256, dtype=torch.float64) / 360
        wave = 0.2 * torch.sin(2 * torch.pi * 45 * time).view(1, 1, -1)
        power = SpectrogramView(256)(wave)[0, 0, :, 0]
        assert power.argmax() == 32  # 45 Hz x 256 / 360 Hz
        assert power.sum().item() * 360 / 256 == pytest.approx(0.2**2 / 2, rel=1e-6)

    def test_times_are_told_apart(self) -> None:
        view = make_view("spectrogram", 256, 360.0)
        burst = torch.zeros(1, 1, 256)
        burst[..., 180:200] = torch.sin(torch.arange(20) * 0.9)
        loudest = view(burst)[0, 0].sum(0)
        assert loudest.argmax() * 4 + 32 == pytest.approx(190, abs=32)
        assert loudest[0] == 0

    def test_decades_above_the_floor(self) -> None:
        density = SpectrogramView(256)(beats().double())
        decades = SpectrogramView(256, floor=1e-3)(beats().double())
        torch.testing.assert_close(10**decades, 1 + density / 1e-3)

    def test_zero_padding_interpolates_the_spectrum(self) -> None:
        signals = beats().double()
        plain, padded = (
            SpectrogramView(256, window_samples=64, hop_samples=16, fft_samples=n)(signals)
            for n in (64, 128)
        )
        torch.testing.assert_close(padded[:, :, ::2], plain)

    def test_the_spectrum_is_the_first_frame(self) -> None:
        signals = beats(2, 600)
        assert torch.equal(SpectrumView(600)(signals), SpectrogramView(600)(signals)[..., 0])

    @pytest.mark.parametrize("name", ["spectrum", "spectrogram"])
    def test_gradients(self, name: ViewName) -> None:
        view = make_view(name, 64, 360.0)
        assert torch.autograd.gradcheck(view, beats(1, 64).double().requires_grad_())

    @pytest.mark.parametrize("samples", [7, 31])
    def test_refuses_what_is_too_short(self, samples: int) -> None:
        frame = samples if samples < 8 else samples // 4
        message = (
            f"^spectrogram: expected frames of 8 samples or more, found {frame}; use longer beats"
        )
        with pytest.raises(InputError, match=message):
            make_view("spectrogram" if samples > 8 else "spectrum", samples, 360.0)


class TestAllViews:
    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("samples", [187, 256])
    def test_say_their_shape(self, name: ViewName, samples: int) -> None:
        view = make_view(name, samples, 360.0)
        seen = view(beats(2, samples))
        assert seen.shape == (2, *view.shape)
        assert seen.isfinite().all()
        assert not list(view.parameters())
        assert not view.state_dict()

    @pytest.mark.parametrize("name", NAMES)
    def test_feed_a_network_of_their_input_length(self, name: ViewName) -> None:
        view = make_view(name, 256, 360.0)
        network = (DeepConv1d if len(view.shape) == 2 else Conv2d)(input_length=view.input_length)
        assert network(view(beats(2))).shape == (2, 5)

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.filterwarnings("ignore")  # the compiler's own
    def test_can_be_compiled(self, name: ViewName) -> None:
        view, signals = make_view(name, 256, 360.0), beats()
        torch.testing.assert_close(
            torch.compile(copy.deepcopy(view), backend="aot_eager")(signals), view(signals)
        )

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.skipif(
        not torch.cuda.is_available(), reason="views on a GPU not tested: torch finds none"
    )
    def test_are_the_same_on_a_gpu(self, name: ViewName) -> None:
        view = make_view(name, 256, 360.0)
        expected, seen = view(beats()), copy.deepcopy(view).cuda()(beats().cuda()).cpu()
        # Rounding may put a cut on the other side of 1/256 pixel: a grey level or two.
        torch.testing.assert_close(
            seen, expected, rtol=1e-4, atol=2.1 / 255 if "image" in name else 1e-4
        )


WITHOUT_TORCHAUDIO = """
import sys
class Broken:
    error = OSError
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torchaudio":
            raise self.error("libcudart.so.13: cannot open\\nshared object file")
sys.meta_path.insert(0, Broken())
import torch, ecg_lightning.cli.main
from ecg_lightning.errors import InputError
from ecg_lightning.signals.views import make_view
for name in ("signal", "image", "clean-image"):
    print(tuple(make_view(name, 256, 360.0)(torch.rand(1, 1, 256)).shape))
for Broken.error in (OSError, RuntimeError, ImportError):
    for name in ("spectrum", "spectrogram"):
        try:
            make_view(name, 256, 360.0)
        except InputError as error:
            print(error)
"""


def test_without_torchaudio_all_but_spectrograms_work() -> None:
    """A wheel raises this when it is for another CUDA, or torch is for the CPU only."""
    root = ROOT
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCHAUDIO],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    line = (
        "torchaudio: expected a package that can be imported, for spectrograms, "
        "found libcudart.so.13: cannot open shared object file; install the torchaudio built "
        f"for torch {torch.__version__}, or use the view signal or image (view)"
    )
    assert done.stdout.splitlines() == [
        "(1, 1, 256)",
        "(1, 1, 128, 128)",
        "(1, 1, 128, 128)",
        *6 * [line],
    ]
    assert done.stderr == ""


def test_a_view_of_the_signal_is_the_signal() -> None:
    signals = beats()
    assert View((1, 256))(signals) is signals
    assert np.array_equal(make_view("signal", 256, 360.0)(signals), signals)

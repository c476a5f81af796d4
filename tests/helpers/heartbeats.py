"""Leads with known R peaks, and small networks, for tests of the way to annotations."""

import numpy as np
import torch
from torch import Tensor, nn

from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.arrays import Floats
from ecg_lightning.models.beat_detector import BeatDetector
from ecg_lightning.signals.views import make_view

WAVES = ((-0.17, 0.02, 0.12), (0.0, 0.011, 1.1), (0.03, 0.012, -0.25), (0.25, 0.045, 0.3))


def heartbeats(
    seconds: float, fs_hz: float = 360.0, n_leads: int = 1, seed: int = 0, noise_mv: float = 0.01
) -> tuple[Floats, Floats]:
    """Return leads (L, T) in mV and the times (B,) of their R peaks in seconds.

    Each beat is a sum of Gaussians for P, R, S and T, around 72 times a minute.
    """
    random = np.random.default_rng(seed)
    intervals = 0.83 + 0.08 * random.standard_normal(int(2 * seconds) + 2).clip(-3, 3)
    times = 0.4 + np.cumsum(intervals) - intervals[0]
    times = times[times < seconds - 0.1]
    at_s = np.arange(round(seconds * fs_hz)) / fs_hz
    lead = np.zeros(len(at_s))
    for time in times:
        near = slice(*np.searchsorted(at_s, (time - 0.6, time + 0.6)))
        for shift, width, height in WAVES:
            lead[near] += height * np.exp(-0.5 * ((at_s[near] - time - shift) / width) ** 2)
    gains = np.array([1.0, -0.6, 0.8, 0.5])[:n_leads, None]
    return gains * lead + noise_mv * random.standard_normal((n_leads, len(lead))), times


def small_detector(seed: int = 0, threshold: float = 0.5) -> BeatDetector:
    """Return a detector of four channels with random weights: it finds anything."""
    torch.manual_seed(seed)
    return BeatDetector(4, threshold).eval()


class _Linear(nn.Module):
    def __init__(self, samples: int) -> None:
        super().__init__()
        self.layer = nn.Linear(samples, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x[:, 0])


def small_network(
    samples: int = 64, fs_hz: float = 90.0, normalization: str = "robust", seed: int = 0
) -> BeatNetwork:
    """Return a linear classifier of windows with random weights."""
    torch.manual_seed(seed)
    view = make_view("signal", samples, fs_hz)
    network = _Linear(samples).eval()
    return BeatNetwork("small", network, view, fs_hz, samples, normalization, "annotations", "aami")

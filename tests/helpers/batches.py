"""Batches for the transforms of training beats: plain beats, and sequences as the data gives."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ecg_lightning.arrays import Floats, Floats32
from ecg_lightning.signals.context import context_rows
from ecg_lightning.signals.templates import FS_HZ, MARGIN, R_SAMPLE, WINDOW_SAMPLES
from ecg_lightning.training.callbacks.batch_transform import BatchTransform

DISTINCT = 5


def sequences(
    n_sequences: int = 40, n_beats: int = 60, padding: int = 7, one_lead: int = 3
) -> Tensor:
    """Return (S, K, 5, 128) sequences: the last beats fill up, the last sequences have one lead.

    They repeat a few sequences, as it takes long to make many.
    """
    rng = np.random.default_rng(5)
    two = [_sequence(rng, n_beats, padding, 2) for _ in range(DISTINCT)]
    one = [_sequence(rng, n_beats, padding, 1) for _ in range(DISTINCT)]
    counts = (two, n_sequences - one_lead), (one, one_lead)
    rows = [kind[index % DISTINCT] for kind, count in counts for index in range(count)]
    return torch.from_numpy(np.stack(rows))


def _sequence(rng: np.random.Generator, n_beats: int, padding: int, n_leads: int) -> Floats32:
    """(K, 5, 128) a sequence."""
    result = np.zeros((n_beats, 5, WINDOW_SAMPLES), np.float32)
    windows = _windows(rng, n_beats - padding)
    windows[:, n_leads:] = 0
    times_s = np.cumsum(rng.uniform(0.6, 1.1, n_beats - padding))
    result[: n_beats - padding] = context_rows(windows, times_s)
    return result


def _windows(rng: np.random.Generator, n_beats: int) -> Floats:
    """(K, 2, T) beats with a QRS and a T wave, and a little of everything else."""
    t = (np.arange(WINDOW_SAMPLES + 2 * MARGIN) - MARGIN - R_SAMPLE) / FS_HZ
    shape = np.exp(-((t / 0.02) ** 2)) + 0.3 * np.exp(-(((t - 0.25) / 0.06) ** 2))
    gains = rng.uniform(0.8, 1.2, (n_beats, 2, 1)) * rng.choice([-1.0, 1.0], (2, 1))
    return gains * shape + 0.02 * rng.standard_normal((n_beats, 2, len(t)))


def plain_beats(n_beats: int = 2000, n_leads: int = 1, samples: int = 256) -> Tensor:
    """Return (B, L, T) beats within [0, 1]."""
    t = np.arange(samples) - samples // 2
    rng = np.random.default_rng(6)
    heights = rng.uniform(0.2, 0.6, (n_beats, n_leads, 1))
    beats = 0.35 + heights * np.exp(-((t / 8) ** 2))
    return torch.from_numpy(beats.astype(np.float32))


class DataModule:
    """What transforms ask of a data module: the noise, and the scaling of plain beats."""

    def __init__(self, noises: Floats, normalization: str = "record") -> None:
        self.all_noises = noises.astype(np.float32)
        self.settings = SimpleNamespace(normalization=normalization)

    def noises(self, folder: str | None, seed: int) -> Any:
        return self.all_noises


def trainer_at(
    step: int = 0, rank: int = 0, accumulate: int = 1, data: Any = None, device: str = "cpu"
) -> Any:
    """A stand-in for a Trainer at a step."""
    strategy = SimpleNamespace(root_device=torch.device(device))
    return SimpleNamespace(
        global_step=step,
        global_rank=rank,
        accumulate_grad_batches=accumulate,
        datamodule=data,
        strategy=strategy,
    )


def changed(transform: BatchTransform, signals: Tensor, trainer: Any = None, batch: int = 0) -> Any:
    """Return what a transform makes of the signals, which stay."""
    result, trainer = signals.clone(), trainer or trainer_at()
    transform.on_fit_start(trainer, None)  # type: ignore[arg-type]
    transform.on_train_batch_start(trainer, None, (result, None), batch)  # type: ignore[arg-type]
    return result

"""From the windows of beats to their classes, on a thread of its own where that pays."""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch

from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.annotation.engine import Batch
from ecg_lightning.annotation.found_beats import UNCLASSIFIABLE, FoundBeats
from ecg_lightning.arrays import Flags, Floats32

MOST_SCALED = 1e6  # of a scaled sample; an ECG has less than 100, and float32 overflows in networks
LEAST_QUALITY = 0.5  # of a window that the network sees, as in the data module
_WAITING = 4  # batches at most
_BATCHES = (4, 16, 64)  # beats; more are a multiple of the last


class _OneThread:
    """Counts who needs one thread, so that the first sets it and the last restores the number."""

    def __init__(self) -> None:
        self._lock, self._users, self._before = threading.Lock(), 0, 1

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1 and (before := torch.get_num_threads()) != 1:
                self._before = before
                torch.set_num_threads(1)

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users and self._before != 1:
                torch.set_num_threads(self._before)
                self._before = 1


# Within it torch uses one thread for each operation: results do not depend on the machine, and
# small networks do not wait for busy cores.
one_thread = _OneThread()


class Classification(Protocol):
    """Classifies the beats of blocks, the first block first."""

    def push(self, batch: Batch) -> FoundBeats:
        """Take the beats of the next block; return those that are classified with it."""

    def finish(self) -> FoundBeats:
        """Return the beats that are left."""

    def texts(self) -> Sequence[str]:
        """Return what a user has to know about how the beats were classified so far."""


class OneByOne:
    """Classifies each beat by itself.

    Args:
        network: Classifies them.
    """

    def __init__(self, network: BeatNetwork) -> None:
        self._network = network

    def push(self, batch: Batch) -> FoundBeats:
        """Return the beats of a batch with their class probabilities."""
        return classified(batch, self._network)

    def finish(self) -> FoundBeats:
        """Return the beats that are left: none."""
        return FoundBeats.concatenate([])

    def texts(self) -> Sequence[str]:
        """Return what a user has to know: nothing."""
        return ()


def classified(batch: Batch, network: BeatNetwork) -> FoundBeats:
    """Return the beats of a batch with their class probabilities.

    A beat without a signal in its window is unclassifiable: its class is Q, with probability 1.
    """
    seen = has_signal(batch.windows, batch.quality)
    probabilities = np.tile(UNCLASSIFIABLE, (len(seen), 1))
    if seen.any():
        probabilities[seen] = _probabilities(batch.windows[seen], network)
    return FoundBeats(batch.samples, batch.p_beat, probabilities, batch.quality, batch.unusable)


def _probabilities(windows: Floats32, network: BeatNetwork) -> Floats32:
    """Class probabilities (B, 5) of windows (B, T), computed for one of a few batch sizes.

    Torch keeps what it prepares for each batch size: megabytes each, a gigabyte for a day.
    """
    rows = next((size for size in _BATCHES if len(windows) <= size), 0)
    rows = rows or -(-len(windows) // _BATCHES[-1]) * _BATCHES[-1]
    padded = np.pad(windows, ((0, rows - len(windows)), (0, 0)))
    return network.probabilities(padded)[: len(windows)]


def has_signal(windows: Floats32, quality: Floats32) -> Flags:
    """Return which windows (B, T) are at least half valid, not constant and of usual size; (B,)."""
    if not len(windows):
        return np.zeros(0, np.bool_)
    low, high = windows.min(1), windows.max(1)
    is_usual: Flags = np.maximum(-low, high) < MOST_SCALED  # not where it is NaN
    return (quality >= LEAST_QUALITY) & (low < high) & is_usual


def all_classified(batches: Iterable[Batch], classification: Classification) -> FoundBeats:
    """Return the beats of all batches. The next batch is made while the last is classified."""
    parts, waiting = [], deque[Future[FoundBeats]]()
    with ThreadPoolExecutor(1) as pool:
        for batch in batches:
            waiting.append(pool.submit(classification.push, batch))
            if len(waiting) > _WAITING:
                parts.append(waiting.popleft().result())
        parts += [future.result() for future in waiting]
        parts.append(pool.submit(classification.finish).result())
    return FoundBeats.concatenate(parts)

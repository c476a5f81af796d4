"""From the windows of beats to their classes, each beat seen in the context of its patient."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ecg_lightning.annotation.classifying.classification import has_signal
from ecg_lightning.annotation.classifying.context_network import ContextNetwork
from ecg_lightning.annotation.engine import Batch
from ecg_lightning.annotation.found_beats import UNCLASSIFIABLE, FoundBeats
from ecg_lightning.arrays import Flags, Floats32
from ecg_lightning.signals.context import (
    ROWS,
    STRETCH_S,
    CausalContext,
    context_rows,
    stretch_count,
)
from ecg_lightning.signals.templates import WINDOW_SAMPLES

_LESS_RELIABLE = "classes are less reliable, S most of all, and paced beats can be called N"
_ONE_LEAD = f"one lead is classified, and the weights were trained on two: the {_LESS_RELIABLE}"
_WORTH_A_NOTE = 0.01  # of the beats without a signal in the second lead


class OfStretches:
    """Classifies the beats of a stretch at once, when all of it has come.

    Args:
        network: Classifies them.
        fs_hz: The sampling rate of the positions.
    """

    def __init__(self, network: ContextNetwork, fs_hz: float) -> None:
        self._network, self._fs_hz = network, fs_hz
        self._waiting: list[Batch] = []
        self._done = 0  # stretches
        self._leads = _LeadsSeen()
        self._own_shares: list[bool] = []  # of each stretch with beats

    def push(self, batch: Batch) -> FoundBeats:
        """Take the next beats, and return those of the stretches that end before them."""
        self._waiting.append(batch)
        result = []
        # The last stretch can be longer: one has ended when half of the next one has come.
        while self._done < self._ended(batch):
            self._done += 1
            result.append(self._classified(self._take(self._done * STRETCH_S)))
        return _with_unusable(result, batch)

    def finish(self) -> FoundBeats:
        """Return the beats of the last stretch."""
        return self._classified(self._take(np.inf)) if self._waiting else FoundBeats.concatenate([])

    def _ended(self, batch: Batch) -> int:
        """How many stretches end before the last one, even if no beat follows this batch."""
        last_s = batch.samples[-1] / self._fs_hz if len(batch.samples) else 0.0
        return stretch_count(last_s) - 1

    def _take(self, end_s: float) -> Batch:
        """The waiting beats before a time, which wait no longer."""
        whole = _joined(self._waiting)
        count = int(np.searchsorted(whole.samples / self._fs_hz, end_s))
        rest = _rows(whole, slice(count, None))
        self._waiting = [replace(rest, windows=rest.windows.copy())]  # no view on all of them
        return _rows(whole, slice(count))

    def _classified(self, batch: Batch) -> FoundBeats:
        if not len(batch.samples):
            return FoundBeats.concatenate([])
        rows = context_rows(batch.windows.astype(np.float64), batch.samples / self._fs_hz)
        seen = _seen(batch, rows)
        probabilities, has_own_shares = self._network.judged(rows, seen)
        self._leads.push(rows)
        self._own_shares.append(has_own_shares)
        return _found(batch, probabilities, seen)

    def texts(self) -> Sequence[str]:
        """Return what a user has to know: a missing lead, and shares that were estimated."""
        return (*self._leads.texts(), *_of_shares(self._own_shares))


class OfPast:
    """Classifies beats as they come, with the beats before them.

    Args:
        network: Classifies them; causal.
        fs_hz: The sampling rate of the positions.
    """

    def __init__(self, network: ContextNetwork, fs_hz: float) -> None:
        self._network, self._fs_hz = network, fs_hz
        self._context = CausalContext()
        self._past = np.zeros((0, ROWS, WINDOW_SAMPLES), np.float32)
        self._leads = _LeadsSeen()

    def push(self, batch: Batch) -> FoundBeats:
        """Return the beats of a batch with their class probabilities."""
        if not len(batch.samples):
            return _with_unusable([], batch)
        rows = self._context.push(batch.windows, batch.samples / self._fs_hz)
        seen_rows = np.concatenate([self._past, rows])
        probabilities = self._network.probabilities(seen_rows)[-len(rows) :]
        self._leads.push(rows)
        self._past = seen_rows[max(0, len(seen_rows) - self._network.beats_around) :]
        return _with_unusable([_found(batch, probabilities, _seen(batch, rows))], batch)

    def finish(self) -> FoundBeats:
        """Return the beats that wait: none."""
        return FoundBeats.concatenate([])

    def texts(self) -> Sequence[str]:
        """Return what a user has to know: a missing lead."""
        return self._leads.texts()


class _LeadsSeen:
    """In the windows of how many beats a second lead had a signal."""

    def __init__(self) -> None:
        self._beats = self._alone = 0

    def push(self, rows: Floats32) -> None:
        """Take the rows of the next beats."""
        self._beats += len(rows)
        self._alone += int(np.count_nonzero(~rows[:, 1].any(axis=1)))

    def texts(self) -> Sequence[str]:
        """Return the note of one lead, or of the part of the beats that has one."""
        if self._alone < max(1, _WORTH_A_NOTE * self._beats):
            return ()
        if self._alone == self._beats:
            return (_ONE_LEAD,)
        return (
            f"{self._alone:,} of {self._beats:,} beats have no signal in the second lead: their "
            f"{_LESS_RELIABLE}",
        )


def _of_shares(own_shares: Sequence[bool]) -> Sequence[str]:
    """The note of stretches in which shares were estimated."""
    number, whole = sum(own_shares), len(own_shares)
    if not number:
        return ()
    where = "" if whole == 1 else f" in {number} of {whole} stretches of half an hour"
    return (
        f"S is frequent{where}: the shares of N and S were estimated from this recording itself, "
        "which moves beats between N and S",
    )


def _seen(batch: Batch, rows: Floats32) -> Flags:
    """Which beats (B,) have a signal in the first lead."""
    return has_signal(rows[:, 0], batch.quality)


def _found(batch: Batch, probabilities: Floats32, seen: Flags) -> FoundBeats:
    """Beats with their probabilities; without a signal a beat is unclassifiable."""
    result = np.where(seen[:, None], probabilities, UNCLASSIFIABLE)
    none = np.zeros((0, 2), np.int64)
    return FoundBeats(batch.samples, batch.p_beat, result, batch.quality, none)


def _with_unusable(parts: list[FoundBeats], batch: Batch) -> FoundBeats:
    """Beats, and the stretches without a signal that have ended with a batch."""
    return replace(FoundBeats.concatenate(parts), unusable=batch.unusable)


def _joined(batches: list[Batch]) -> Batch:
    """One batch of several; stretches without a signal are told already."""
    return Batch(
        np.concatenate([batch.samples for batch in batches]),
        np.concatenate([batch.p_beat for batch in batches]),
        np.concatenate([batch.windows for batch in batches]),
        np.concatenate([batch.quality for batch in batches]),
        np.zeros((0, 2), np.int64),
    )


def _rows(batch: Batch, rows: slice) -> Batch:
    return Batch(
        batch.samples[rows],
        batch.p_beat[rows],
        batch.windows[rows],
        batch.quality[rows],
        batch.unusable,
    )

"""Beats of a signal that comes in chunks."""

from collections.abc import Sequence

import numpy as np

from ecg_lightning.annotation.classifying.classification import one_thread
from ecg_lightning.annotation.classifying.classifiers import (
    Classifier,
    classification_of,
    cutter_of,
)
from ecg_lightning.annotation.engine import Batch, Engine
from ecg_lightning.annotation.finding.beat_finder import BeatFinder
from ecg_lightning.annotation.finding.detector_input import CAUSAL_BLOCK, DetectorScales
from ecg_lightning.annotation.found_beats import FoundBeats
from ecg_lightning.arrays import AnyArray, AnyFloats, Floats32
from ecg_lightning.errors import InputError
from ecg_lightning.models.beat_detector import BeatDetector
from ecg_lightning.records.notes import RecordNote, warn_of
from ecg_lightning.signals.detection import FS_HZ
from ecg_lightning.signals.quality import measured

_SURE_S = 30.0  # before it, a lead may be quiet because the recording has not begun


class BeatStream:
    """Takes samples as they come, and returns each beat at most `delay_s` after it.

    The beats do not depend on the sizes of the chunks, and are those of `annotate` with
    `causal=True`. A stretch without usable signal is returned when it has ended.

    Args:
        network: Classifies beats; not one that needs a whole stretch.
        detectors: Find them.
        fs_hz: The sampling rate.
        n_leads: The number of leads; the first is classified, with the second where the weights
            are those of a network for two leads.

    Attributes:
        delay_s: The longest time from a beat to the sample with which it is returned: at most 5 s
            with the default weights, and longer for windows of more than 6 s.

    Example:
        >>> stream = Annotator.from_pretrained().stream(250)    # doctest: +SKIP
        >>> for chunk in chunks:                                # doctest: +SKIP
        ...     print(stream.push(chunk).samples)
        >>> print(stream.finish().samples)                      # doctest: +SKIP
    """

    def __init__(
        self, network: Classifier, detectors: Sequence[BeatDetector], fs_hz: float, n_leads: int
    ) -> None:
        self._scales = DetectorScales(("mV",) * n_leads)
        finder = BeatFinder(detectors, fs_hz, CAUSAL_BLOCK, self._scales)
        cutter = cutter_of(network, fs_hz, n_leads, None)
        self._engine = Engine(finder, cutter, n_leads)
        self._classification = classification_of(network, fs_hz)
        self._n_leads, self._is_finished = n_leads, False
        ahead = cutter.source_range(np.array([0]))[1] / fs_hz
        self.delay_s = max(finder.delay_s, ahead + CAUSAL_BLOCK / FS_HZ)

    def push(self, chunk: AnyFloats) -> FoundBeats:
        """Take the next samples, and return the beats that are ready.

        Args:
            chunk: (T,) or (leads, T), any number of samples in mV, also none. Samples that are not
                finite are invalid.

        Raises:
            InputError: It has another shape, or no real numbers, or the stream is finished.
        """
        self._check_open()
        leads = _leads_of(chunk, self._n_leads)
        with one_thread:
            return self._beats(self._engine.push(leads))

    def finish(self) -> FoundBeats:
        """End the stream, and return the beats that are left; warn of the notes.

        Raises:
            InputError: The stream is finished.
        """
        self._check_open()
        self._is_finished = True
        with one_thread:
            parts = [self._beats(self._engine.finish()), self._classification.finish()]
        warn_of(RecordNote("stream", "signal", text) for text in self.notes)
        return FoundBeats.concatenate(parts)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user has to know about the samples that have come so far.

        A lead may be too small or too large for a heart, as in another unit than mV (this is told
        after 30 s), and a network for two leads may have seen one.
        """
        is_sure = self._is_finished or self._scales.n_samples >= _SURE_S * FS_HZ
        faults = self._scales.faults if is_sure else []
        sizes = [f"lead {i} {fault}" for i, fault in enumerate(faults) if fault]
        return (*sizes, *self._classification.texts())

    def _beats(self, batches: list[Batch]) -> FoundBeats:
        return FoundBeats.concatenate([self._classification.push(batch) for batch in batches])

    def _check_open(self) -> None:
        if self._is_finished:
            raise _refused("a stream that is not finished", "one that is", "open another stream")


def _leads_of(chunk: AnyFloats, n_leads: int) -> Floats32:
    """A copy of the samples (leads, T), NaN where they are not finite."""
    values = _values(chunk)
    if values.dtype.kind not in "iuf":
        raise _refused("real numbers", f"values of the type {values.dtype}", "convert them")
    leads = values[None] if values.ndim == 1 else values
    if leads.ndim != 2 or len(leads) != n_leads:
        expected = "a chunk (T,) or (1, T)" if n_leads == 1 else f"a chunk ({n_leads}, T)"
        raise _refused(expected, f"one of shape {values.shape}", "push all leads together")
    result = np.where(np.isfinite(leads), leads, np.nan)
    with np.errstate(over="ignore"):
        samples = result.astype(np.float32)
    if np.isinf(samples).any():
        largest = f"{np.nanmax(np.abs(result)):g}"
        raise _refused("values that a float32 holds", largest, "push millivolts")
    kept: Floats32 = measured(samples)
    return kept


def _values(chunk: AnyFloats) -> AnyArray:
    """The array; masked samples become NaN."""
    if isinstance(chunk, np.ma.MaskedArray):
        return np.ma.filled(chunk.astype(np.float64), np.nan)
    try:
        return np.asarray(chunk)
    except (ValueError, TypeError, RuntimeError) as error:  # a tensor that needs gradients
        found = type(chunk).__name__
        raise _refused("an array of real numbers", found, "convert it") from error


def _refused(expected: str, found: str, hint: str) -> InputError:
    return InputError("stream", expected=expected, found=found, hint=hint)

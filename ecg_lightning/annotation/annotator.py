"""The Annotator: a recording in, its annotations out."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from numbers import Integral
from typing import Self

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.annotation.beat_network import BeatNetwork
from ecg_lightning.annotation.classification import all_classified, one_thread
from ecg_lightning.annotation.notes import annotation_notes
from ecg_lightning.annotation.recording_work import Progress, RecordingWork
from ecg_lightning.annotation.stated_beats import stated_beats
from ecg_lightning.annotation.stream import BeatStream
from ecg_lightning.annotation.used_leads import detection_leads
from ecg_lightning.arrays import AnyFloats
from ecg_lightning.errors import InputError
from ecg_lightning.models.beat_detector import BeatDetector
from ecg_lightning.models.detector_weights import load_detectors
from ecg_lightning.models.names import DEFAULT_DETECTOR, DEFAULT_MODEL
from ecg_lightning.records.formats import check_options, read_recording
from ecg_lightning.records.leads import WantedLead
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import ReadOptions
from ecg_lightning.text import escaped

RATES_HZ = 50.0, 1e5


class Annotator:
    """Finds the beats of recordings and classifies them; keeps the networks for many recordings.

    Args:
        network: Classifies beats.
        detectors: Find beats; of several the mean of their probabilities counts.
        detector: The name of the detectors' weights.

    Example:
        >>> annotator = Annotator.from_pretrained()          # doctest: +SKIP
        >>> annotator.annotate("recording.edf").classes      # doctest: +SKIP
    """

    def __init__(
        self, network: BeatNetwork, detectors: Sequence[BeatDetector], detector: str = ""
    ) -> None:
        self.network, self.detectors, self.detector = network, tuple(detectors), detector

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] = DEFAULT_MODEL,
        detector: str | os.PathLike[str] = DEFAULT_DETECTOR,
    ) -> Self:
        """Return an annotator with shipped weights, or those of a checkpoint.

        Args:
            name: The name of shipped weights, or the path of a checkpoint of this project.
            detector: The name of shipped weights or the path of a file that
                `scripts/train_detector.py` wrote; or several, separated by commas.

        Raises:
            InputError: There are no such weights, or they are damaged.
        """
        names = os.fspath(detector)
        return cls(BeatNetwork.load(os.fspath(name)), load_detectors(names), names)

    def annotate(
        self,
        recording: str | os.PathLike[str] | AnyFloats,
        fs_hz: float | None = None,
        *,
        lead: WantedLead | None = None,
        unit: str | None = None,
        column: int | str | None = None,
        beats: str | None = None,
        causal: bool = False,
        progress: Progress = lambda _share: None,
    ) -> Annotations:
        """Find and classify the beats of a recording, which is read in pieces.

        Args:
            recording: A file, the name of a WFDB record, or an array (T,) or (leads, T) in mV.
            fs_hz: The sampling rate of a file or an array that has none.
            lead: The lead to use, for both; default: the first that looks like an ECG is
                classified, and beats are found in it and one further ECG lead of its rate.
            unit: The unit of a file that has none.
            column: The columns of a table that are leads.
            beats: The annotator whose beats are taken instead of finding them, such as `atr`.
            causal: Whether to judge each beat without what comes more than 5 s after it. The result
                is that of `stream` for the samples of these leads.
            progress: Is called with the share of the work that is done.

        Raises:
            InputError: The recording cannot be read, it is shorter than a window of the weights,
                its lead has no valid sample or a sampling rate outside 50 Hz to 100 kHz, or it has
                no such beats.
        """
        annotator = "atr" if beats is None else beats
        with _annotator_as_beats():
            opened = read_recording(
                recording, lead, fs_hz, unit=unit, column=column, annotator=annotator
            )
            _check_rate(opened.name, opened.fs_hz)
            stated = None if beats is None else stated_beats(opened, self.network.classes, beats)
        is_alone = stated is not None or lead is not None
        leads = (opened.used,) if is_alone else detection_leads(opened)
        work = RecordingWork(opened, leads, self.network, self.detectors, stated, causal, progress)
        with one_thread:
            result = all_classified(work.batches(), self.network)
        progress(1.0)
        scaling = (RecordNote(opened.name, "signal", text) for text in work.texts)
        notes = (*opened.notes, *(stated.notes if stated else ()), *scaling)
        delay_s = self.stream(opened.fs_hz).delay_s if causal else None
        if stated is not None:
            result = replace(result, symbols=stated.symbols)
        return Annotations(
            opened,
            opened.used,
            leads if stated is None else (),
            result,
            self.network.name,
            self.detector if beats is None else beats,
            causal,
            (*notes, *annotation_notes(opened, self.network, result, delay_s)),
            work.quality,
        )

    def stream(self, fs_hz: float, leads: int = 1) -> BeatStream:
        """Return a stream for samples as they come; it gives what `causal=True` gives.

        With weights for windows of more than 6 s, beats come later than 5 s: see
        `BeatStream.delay_s`.

        Args:
            fs_hz: The sampling rate.
            leads: The number of leads, in mV; the first is classified.

        Raises:
            InputError: The rate is outside 50 Hz to 100 kHz, or there is no lead.
        """
        check_options(ReadOptions(fs_hz=fs_hz))
        _check_rate("stream", fs_hz)
        if not isinstance(leads, Integral) or leads < 1:
            found = escaped(repr(leads))
            hint = "state their number"
            raise InputError("stream", expected="one lead or more", found=found, hint=hint)
        return BeatStream(self.network, self.detectors, float(fs_hz), leads)


@contextmanager
def _annotator_as_beats() -> Iterator[None]:
    """Within it, what is wrong with the annotator is wrong with the argument `beats`."""
    try:
        yield
    except InputError as error:
        if error.setting != "annotator":
            raise
        raise InputError(
            error.subject,
            expected=error.expected,
            found=error.found,
            hint=error.hint,
            setting="beats",
        ) from error


def _check_rate(subject: str, fs_hz: float) -> None:
    """Refuse a lead in which a QRS complex has a few samples only, and one that is no ECG."""
    if not RATES_HZ[0] <= fs_hz <= RATES_HZ[1]:
        raise InputError(
            subject,
            expected=f"a lead of {RATES_HZ[0]:g} to {RATES_HZ[1]:,.0f} Hz",
            found=f"{fs_hz:g} Hz",
            hint="choose another lead or recording",
            setting="lead",
        )


@cache
def _default() -> Annotator:
    return Annotator.from_pretrained()


def annotate(
    recording: str | os.PathLike[str] | AnyFloats,
    fs_hz: float | None = None,
    *,
    lead: WantedLead | None = None,
    causal: bool = False,
) -> Annotations:
    """Find and classify the beats of a recording with the default weights; see `Annotator`.

    Args:
        recording: A file, the name of a WFDB record, or an array (T,) or (leads, T) in mV.
        fs_hz: The sampling rate of a file or an array that has none.
        lead: The lead to use; default: the first that looks like an ECG, and one further.
        causal: Whether to judge each beat without what comes more than 5 s after it.

    Raises:
        InputError: As `Annotator.annotate`.

    Example:
        >>> annotate("mitdb/208").classes        # doctest: +SKIP
    """
    return _default().annotate(recording, fs_hz, lead=lead, causal=causal)

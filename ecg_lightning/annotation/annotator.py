"""The Annotator: a recording in, its annotations out."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from numbers import Integral
from typing import Self

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.annotation.classifying.classification import all_classified, one_thread
from ecg_lightning.annotation.classifying.classifiers import (
    Classifier,
    classification_of,
    load_classifier,
)
from ecg_lightning.annotation.classifying.context_network import ContextNetwork
from ecg_lightning.annotation.finding.stated_beats import stated_beats
from ecg_lightning.annotation.found_beats import check_limit
from ecg_lightning.annotation.notes import annotation_notes
from ecg_lightning.annotation.recording_work import Progress, RecordingWork
from ecg_lightning.annotation.stream import BeatStream
from ecg_lightning.arrays import AnyFloats
from ecg_lightning.errors import InputError
from ecg_lightning.models.beat_detector import BeatDetector
from ecg_lightning.models.detector_weights import load_detectors
from ecg_lightning.models.names import CAUSAL_WEIGHTS, DEFAULT_DETECTOR, default_model
from ecg_lightning.records.formats import check_options, read_recording
from ecg_lightning.records.leads import WantedLead
from ecg_lightning.records.notes import RecordNote, warn_of
from ecg_lightning.records.recording import ReadOptions
from ecg_lightning.records.used_leads import detection_leads, unused_note
from ecg_lightning.text import escaped

RATES_HZ = 50.0, 1e5


class Annotator:
    """Finds the beats of recordings and classifies them; keeps the networks for many recordings.

    Args:
        network: Classifies beats.
        detectors: Find beats; of several the mean of their probabilities counts.
        detector: The name of the detectors' weights.
        causal_network: Classifies beats where each is judged without what comes later; default:
            `network`.

    Example:
        >>> annotator = Annotator.from_pretrained()          # doctest: +SKIP
        >>> annotator.annotate("recording.edf").classes      # doctest: +SKIP
    """

    def __init__(
        self,
        network: Classifier,
        detectors: Sequence[BeatDetector],
        detector: str = "",
        causal_network: Classifier | None = None,
    ) -> None:
        self.network, self.detectors, self.detector = network, tuple(detectors), detector
        self.causal_network = causal_network or network

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] | None = None,
        detector: str | os.PathLike[str] = DEFAULT_DETECTOR,
    ) -> Self:
        """Return an annotator with shipped weights, or those of a checkpoint.

        Args:
            name: The name of shipped weights, or the path of a checkpoint of this project.
                Default: those that serve best, and their causal form for causal results.
            detector: The name of shipped weights or the path of a file that
                `scripts/train_detector.py` wrote; or several, separated by commas.

        Raises:
            InputError: There are no such weights, or they are damaged.
        """
        names = os.fspath(detector)
        detectors = load_detectors(names)
        if name is not None:
            return cls(load_classifier(os.fspath(name)), detectors, names)
        models = dict.fromkeys(default_model(causal) for causal in (False, True))
        networks = [load_classifier(model) for model in models]
        return cls(networks[0], detectors, names, networks[-1])

    def classifier(self, causal: bool) -> Classifier:
        """Return the network that classifies.

        Args:
            causal: Whether each beat is judged without what comes later.

        Raises:
            InputError: The weights cannot do that: those of a network that sees beats in context
                are either causal or not.
        """
        network = self.causal_network if causal else self.network
        if isinstance(network, ContextNetwork) and network.causal != causal:
            raise _other_weights(network)
        return network

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
        unsure_below: float | None = None,
        own_shares: bool = True,
        progress: Progress = lambda _share: None,
    ) -> Annotations:
        """Find and classify the beats of a recording, which is read in pieces.

        Args:
            recording: A file, the name of a WFDB record, or an array (T,) or (leads, T) in mV. An
                array is not copied: strips and pages show what it holds when they are made.
            fs_hz: The sampling rate of a file or an array that has none.
            lead: The lead to use, for both; default: the first that looks like an ECG is
                classified, and beats are found in it and one further ECG lead of its rate. A
                network for two leads sees both.
            unit: The unit of a file that has none.
            column: The columns of a table that are leads.
            beats: The annotator whose beats are taken instead of finding them, such as `atr`.
            causal: Whether to judge each beat without what comes more than 5 s after it. The result
                is that of `stream` for the samples of these leads.
            unsure_below: A beat is unsure if the probability of its class is below this number; 0:
                none is marked. Default: the limit of the weights, or 0 where they have none.
            own_shares: Whether the shares of N and S are estimated in each half hour where the
                weights ask for it; see `models.prior_shift`. False changes nothing for weights that
                never estimate them, as causal ones and those of other networks.
            progress: Is called with the share of the work that is done.

        Raises:
            InputError: The recording cannot be read, it is shorter than a window of the weights,
                its lead has no valid sample or a sampling rate outside 50 Hz to 100 kHz, it has no
                such beats, the weights are causal and the result is not, or the reverse, or
                `unsure_below` is no number from 0 to 1.
        """
        network = self.classifier(causal)
        if isinstance(network, ContextNetwork) and not own_shares:
            network = replace(network, prior_shift=None)
        limit = _limit(network, unsure_below)
        annotator = "atr" if beats is None else beats
        with _annotator_as_beats():
            opened = read_recording(
                recording, lead, fs_hz, unit=unit, column=column, annotator=annotator
            )
            _check_rate(opened.name, opened.fs_hz)
            stated = None if beats is None else stated_beats(opened, network.classes, beats)
        one_is_enough = stated is not None and not isinstance(network, ContextNetwork)
        is_alone = one_is_enough or lead is not None
        leads = (opened.used,) if is_alone else detection_leads(opened)
        work = RecordingWork(opened, leads, network, self.detectors, stated, causal, progress)
        with one_thread:
            classification = classification_of(network, opened.fs_hz)
            result = all_classified(work.batches(), classification)
        progress(1.0)
        texts = [*work.texts, *([] if is_alone else filter(None, [unused_note(opened)]))]
        own = (RecordNote(opened.name, "signal", text) for text in texts)
        notes = (*opened.notes, *(stated.notes if stated else ()), *own)
        delay_s = self.stream(opened.fs_hz).delay_s if causal else None
        if stated is not None:
            result = replace(result, symbols=stated.symbols)
        return Annotations(
            opened,
            opened.used,
            leads if stated is None else (),
            result,
            network.name,
            self.detector if beats is None else beats,
            causal,
            (
                *notes,
                *annotation_notes(
                    opened, network, result, delay_s, limit, classification, work.quality
                ),
            ),
            work.quality,
            limit,
        )

    def stream(self, fs_hz: float, leads: int = 1) -> BeatStream:
        """Return a stream for samples as they come; it gives what `causal=True` gives.

        With weights for windows of more than 6 s, beats come later than 5 s: see
        `BeatStream.delay_s`.

        Args:
            fs_hz: The sampling rate.
            leads: The number of leads, in mV; the first is classified. A network for two leads
                sees the second, too.

        Raises:
            InputError: The rate is outside 50 Hz to 100 kHz, there is no lead, or the weights
                need later beats.
        """
        check_options(ReadOptions(fs_hz=fs_hz))
        _check_rate("stream", fs_hz)
        if not isinstance(leads, Integral) or leads < 1:
            found = escaped(repr(leads))
            hint = "state their number"
            raise InputError("stream", expected="one lead or more", found=found, hint=hint)
        return BeatStream(self.classifier(causal=True), self.detectors, float(fs_hz), leads)


@contextmanager
def _annotator_as_beats() -> Iterator[None]:
    """Within it, what is wrong with the annotator is wrong with the argument `beats`."""
    try:
        yield
    except InputError as error:
        if error.setting != "annotator":
            raise
        raise error.with_setting("beats") from error


def _limit(network: Classifier, unsure_below: float | None) -> float | None:
    """The limit of unsure beats; None where none is marked."""
    if unsure_below is None:
        return network.unsure_below
    check_limit(unsure_below)
    return float(unsure_below) or None


def _other_weights(network: ContextNetwork) -> InputError:
    """The error for weights of the other kind than the result."""
    kinds = {False: "weights that see later beats", True: "causal weights"}
    siblings = {**CAUSAL_WEIGHTS, **{causal: name for name, causal in CAUSAL_WEIGHTS.items()}}
    other = siblings.get(network.name)
    take = f"take {other}" if other else "take other weights"
    hint = f"{take}, or ask for {'a' if network.causal else 'no'} causal result"
    return InputError(
        f"weights {network.name}",
        expected=kinds[not network.causal],
        found=kinds[network.causal],
        hint=hint,
        setting="model",
    )


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
    unit: str | None = None,
    column: int | str | None = None,
    beats: str | None = None,
    causal: bool = False,
    unsure_below: float | None = None,
    own_shares: bool = True,
) -> Annotations:
    """Find and classify the beats of a recording with the default weights; warn of the notes.

    `Annotator.annotate` does the same with other weights or for many recordings, without warnings:
    what a user has to know is in the `notes` of each result.

    Args:
        recording: A file, the name of a WFDB record, or an array (T,) or (leads, T) in mV.
        fs_hz: The sampling rate of a file or an array that has none.
        lead: The lead to use; default: the first that looks like an ECG, and one further.
        unit: The unit of a file that has none.
        column: The columns of a table that are leads.
        beats: The annotator whose beats are taken instead of finding them, such as `atr`.
        causal: Whether to judge each beat without what comes more than 5 s after it.
        unsure_below: The probability below which a class is unsure; default: that of the weights.
        own_shares: Whether the shares of N and S are estimated in each half hour in which S is
            frequent; False changes nothing if `causal`.

    Warns:
        RecordWarning: For each of the first notes, at most ten lines.

    Raises:
        InputError: As `Annotator.annotate`.

    Example:
        >>> annotate("mitdb/208").classes        # doctest: +SKIP
    """
    annotations = _default().annotate(
        recording,
        fs_hz,
        lead=lead,
        unit=unit,
        column=column,
        beats=beats,
        causal=causal,
        unsure_below=unsure_below,
        own_shares=own_shares,
    )
    warn_of(annotations.notes)
    return annotations

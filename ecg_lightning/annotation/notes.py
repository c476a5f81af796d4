"""What a user has to know about annotations: the signal, the weights and what was found."""

from collections.abc import Iterator

import numpy as np

from ecg_lightning.annotation.classifying.classification import Classification
from ecg_lightning.annotation.classifying.classifiers import Classifier
from ecg_lightning.annotation.classifying.context_network import ContextNetwork
from ecg_lightning.annotation.found_beats import FoundBeats, without_signal
from ecg_lightning.arrays import Flags
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Recording
from ecg_lightning.signals.lead_quality import LeadQuality
from ecg_lightning.signals.templates import R_SAMPLE, WINDOW_SAMPLES
from ecg_lightning.text import counted, escaped, percent

MOST_DELAY_S = 5.0  # of a causal result
_Q = CLASS_NAMES.index("Q")
FEW_BEATS = 60  # about a minute; fewer make no template and rhythm to rely on
_ENOUGH_BEATS = 10  # to say something of their share
_WORTH_A_NOTE = 0.01  # of the samples of the lead
_CUT_OFF_S = 0.1  # a beat whose window has less than half of its samples is nearer to the end
_WHOLE_BEFORE = (R_SAMPLE - 1) / WINDOW_SAMPLES  # the quality, if all before the R peak is valid


def annotation_notes(
    recording: Recording,
    network: Classifier,
    beats: FoundBeats,
    delay_s: float | None,
    unsure_below: float | None,
    classification: Classification,
    quality: LeadQuality | None,
) -> tuple[RecordNote, ...]:
    """Return the notes that neither the file nor stated positions give: of the beats, then others.

    Args:
        recording: The recording.
        network: The classifier.
        beats: What was found.
        delay_s: Of a causal result; else None.
        unsure_below: The probability below which a class is unsure; None: this was not asked.
        classification: What has classified them.
        quality: How much of the classified lead carries no signal; None where nothing measured it.
    """
    sees_context = isinstance(network, ContextNetwork)
    texts = [
        *_of_beats(recording, beats),
        *(() if quality is None else _of_gaps(recording, beats, quality)),
        *_of_unsure(beats, unsure_below),
        *(_of_few(beats) if sees_context else ()),
        *classification.texts(),
        *(() if delay_s is None else _of_delay(delay_s, sees_context)),
    ]
    own = tuple(RecordNote(recording.name, "signal", text) for text in texts)
    return (*own, *network.notes(recording, recording.used))


def _of_beats(recording: Recording, beats: FoundBeats) -> Iterator[str]:
    if beats.unusable_samples:
        share = beats.unusable_samples / recording.samples
        yield f"{percent(share)} % of the time is unusable: no beats are found there"
    if not len(beats):
        yield "no beat was found"
    unseen = without_signal(beats.probabilities)
    cut = unseen & _are_cut_off(recording, beats)
    if count := int(np.count_nonzero(unseen & ~cut)):
        lead = escaped(recording.leads[recording.used].name, 40)
        is_most = count > len(beats) / 2 and len(recording.leads) > 1
        yield (
            f"{counted(count, 'beat')} without a signal in the classified lead, {lead}, got the "
            f"class Q{': choose another lead' if is_most else ''}"
        )
    if count := int(np.count_nonzero(cut)):
        yield f"{counted(count, 'beat')} that the recording's end cuts off got the class Q"


def _of_gaps(recording: Recording, beats: FoundBeats, quality: LeadQuality) -> Iterator[str]:
    """Say how much of the lead is lost in gaps that are too short to be unusable stretches."""
    share = quality.share(quality.invalid + quality.flat - beats.unusable_samples)
    if share >= _WORTH_A_NOTE:
        yield (
            f"{percent(share)} % of the lead {escaped(recording.lead.name, 40)} is invalid or flat "
            "in other places: beats in such gaps are missed, and the classes and the rate next to "
            "them can be wrong"
        )


def _are_cut_off(recording: Recording, beats: FoundBeats) -> Flags:
    """Which beats (B,) lack nothing but what would come after the end of the recording."""
    is_last: Flags = recording.samples - beats.samples < _CUT_OFF_S * recording.fs_hz
    return is_last & (beats.quality >= _WHOLE_BEFORE)


def _of_unsure(beats: FoundBeats, unsure_below: float | None) -> Iterator[str]:
    """Say so where most beats with a signal are unsure: the recording may be no such ECG."""
    seen = ~without_signal(beats.probabilities)
    unsure, n_seen = beats.unsure(unsure_below or 0) & seen, int(np.count_nonzero(seen))
    if n_seen >= _ENOUGH_BEATS and (count := int(np.count_nonzero(unsure))) > n_seen / 2:
        yield (
            f"{count:,} of {n_seen:,} beats are unsure: noise, a lead that is no ECG or a wrong "
            "sampling rate may be the reason"
        )


def _of_few(beats: FoundBeats) -> Iterator[str]:
    if 0 < len(beats) < FEW_BEATS:
        count = counted(len(beats), "beat")
        n_q = int(np.count_nonzero((beats.labels == _Q) & (beats.probabilities[:, _Q] < 1)))
        unusual = f"; Q ({counted(n_q, 'beat')}) can mean an unusual shape here, not a pacemaker"
        yield (
            f"the patient's usual beat and rhythm come from {count} only, so the classes are less "
            f"reliable than in a longer recording{unusual if n_q else ''}"
        )


def _of_delay(delay_s: float, sees_context: bool) -> Iterator[str]:
    if sees_context:
        yield (
            "the result is causal: the patient's usual beat and rhythm are those of the past, so "
            "the first beats are judged by few"
        )
    else:
        yield (
            "the result is causal: the scales are those of the past minute, so the first beats "
            "are judged by a few seconds"
        )
    if delay_s > MOST_DELAY_S:
        yield f"each beat is judged with up to {delay_s:.1f} s of what comes after it"

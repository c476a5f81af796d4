"""Chooses the strips of a page: the places of a recording that a person wants to see first."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ecg_lightning.annotation.found_beats import without_signal
from ecg_lightning.arrays import Flags, Floats32, Integers
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.signals.rhythm_events import PAUSE_S, Rhythm
from ecg_lightning.text import counted, duration, percent

MOST_STRIPS, MOST_UNSURE = 12, 6  # those of unsure beats come first, in addition to the others
LONGEST_SHOWN_S = 7.0  # a longer event is shown from its start
_BEFORE_S = 1.0
_SHORT_S, _SHORT_AT_S = 3.0, 2.5  # a short event lies in the first of the strip's two pieces
_EDGE_S = 0.2  # an event this close to the edge of a strip is not well seen in it
_UNCERTAIN = 2
NORMAL, SUPRAVENTRICULAR, VENTRICULAR = map(CLASS_NAMES.index, "NSV")


class Event(NamedTuple):
    """Something to look at.

    Attributes:
        title: What it is.
        detail: Its numbers.
        mark: The class that colours it, or `pause`, or `unusable`.
        start_s: Its start, in seconds from the start of the recording.
        end_s: Its end.
        look_at_s: What to look at of a long event; None: its start.
    """

    title: str
    detail: str
    mark: str
    start_s: float
    end_s: float
    look_at_s: float | None = None


class Place(NamedTuple):
    """Where a strip begins, in seconds, and the events in it, the most important first."""

    start_s: float
    events: tuple[Event, ...]


def places_of(
    events: Iterable[Event],
    length_s: float,
    strip_s: float,
    before: Sequence[Place] = (),
    most: int = MOST_STRIPS,
) -> list[Place]:
    """Return the places of at most `most` strips, after those that come before them.

    An event that an earlier strip shows whole gets no strip of its own: it is named there.

    Args:
        events: The events, the most important first.
        length_s: The length of the recording.
        strip_s: The length of a strip.
        before: The strips that come before those of these events.
        most: The largest number of strips of these events.
    """
    places, most = [*before], most + len(before)
    for event in events:
        shown = next(
            (n for n, place in enumerate(places) if _shows(place, event, length_s, strip_s)), None
        )
        if shown is not None:
            places[shown] = Place(places[shown].start_s, (*places[shown].events, event))
        elif len(places) < most:
            places.append(Place(_start(event, length_s, strip_s), (event,)))
    return places


def _shows(place: Place, event: Event, length_s: float, strip_s: float) -> bool:
    """Whether a strip shows an event whole, and not at an edge within the recording."""
    first, last = place.start_s, place.start_s + strip_s
    first += _EDGE_S if first > 0 else 0.0
    last -= _EDGE_S if last < length_s else 0.0
    return first <= event.start_s and event.end_s <= last


def _start(event: Event, length_s: float, strip_s: float) -> float:
    """Where the strip of an event begins: within the recording, and with the event well in it."""
    last_s = max(0.0, length_s - strip_s)
    if length_s <= 2 * strip_s:  # two strips show all of it
        return 0.0 if event.end_s <= strip_s - _EDGE_S or event.start_s < last_s else last_s
    return max(0.0, min(_wanted_start(event, strip_s), last_s))


def _wanted_start(event: Event, strip_s: float) -> float:
    middle_s, seconds = (event.start_s + event.end_s) / 2, event.end_s - event.start_s
    if event.look_at_s is not None:
        return event.look_at_s - _SHORT_AT_S
    if seconds <= _SHORT_S:
        return middle_s - _SHORT_AT_S
    if seconds <= LONGEST_SHOWN_S:
        return middle_s - strip_s / 2
    return event.start_s - _BEFORE_S


def events_of(
    rhythm: Rhythm, probabilities: Floats32, p_beat: Floats32, with_least_certain: bool = True
) -> Iterator[Event]:
    """Yield what is worth a look, the most important first.

    Args:
        rhythm: B beats.
        probabilities: (B, 5) class probabilities.
        p_beat: (B,) the detector's probability of each beat; 1 where positions were stated.
        with_least_certain: Whether the least certain classes are among them; not where
            `unsure_events` come first.
    """
    yield from _runs(rhythm, VENTRICULAR)
    yield from _couplet(rhythm, VENTRICULAR)
    yield from _runs(rhythm, SUPRAVENTRICULAR)
    yield from _episode(rhythm, VENTRICULAR, 1, "bigeminy")
    yield from _pause(rhythm)
    yield from _extreme_rates(rhythm)
    if with_least_certain:
        yield from _uncertain(rhythm, probabilities)
    yield from _unusable(rhythm)
    yield from _typical(rhythm, probabilities, "N")
    yield from _doubtful(rhythm, p_beat)
    for name in "VSFQ":
        yield from _typical(rhythm, probabilities, name)
    yield from _couplet(rhythm, SUPRAVENTRICULAR)
    yield from _episode(rhythm, SUPRAVENTRICULAR, 1, "bigeminy")
    yield from _episode(rhythm, VENTRICULAR, 2, "trigeminy")


def _runs(rhythm: Rhythm, label: int) -> Iterator[Event]:
    """The longest and the fastest run; they may be the same."""
    runs = rhythm.runs(label)
    if not len(runs):
        return
    rates = np.array([rhythm.rate_of(first, stop) for first, stop in runs.tolist()])
    longest, fastest = int(np.argmax(runs[:, 1] - runs[:, 0])), int(np.nanargmax(rates))
    name = CLASS_NAMES[label]
    title = f"longest run of {name}"
    yield _run(
        rhythm, runs[longest], title if longest != fastest else f"longest and fastest run of {name}"
    )
    if longest != fastest:
        yield _run(rhythm, runs[fastest], f"fastest run of {name}")


def _run(rhythm: Rhythm, run: Integers, title: str) -> Event:
    first, stop = run.tolist()
    seconds = float(rhythm.times_s[stop - 1] - rhythm.times_s[first])
    detail = (
        f"{counted(stop - first, 'beat')}, {rhythm.rate_of(first, stop):.0f} bpm, {seconds:.1f} s"
    )
    return _beats(rhythm, first, stop, title, detail)


def _couplet(rhythm: Rhythm, label: int) -> Iterator[Event]:
    """The closest couplet."""
    couplets = rhythm.couplets(label)
    if len(couplets):
        rr_s = rhythm.rr_s[couplets[:, 1] - 1]
        first, stop = couplets[int(np.argmin(rr_s))].tolist()
        detail = f"RR {rr_s.min():.2f} s"
        yield _beats(rhythm, first, stop, f"couplet of {CLASS_NAMES[label]}", detail)


def _episode(rhythm: Rhythm, label: int, others: int, word: str) -> Iterator[Event]:
    """The longest episode."""
    episodes = rhythm.episodes(label, others)
    if len(episodes):
        first, stop = episodes[int(np.argmax(episodes[:, 1] - episodes[:, 0]))].tolist()
        title = f"longest {word} of {CLASS_NAMES[label]}"
        seconds = float(rhythm.times_s[stop - 1] - rhythm.times_s[first])
        yield _beats(rhythm, first, stop, title, f"{stop - first} beats, {duration(seconds)}")


def _pause(rhythm: Rhythm) -> Iterator[Event]:
    pauses = rhythm.pauses()
    if len(pauses):
        beat = int(pauses[np.argmax(rhythm.rr_s[pauses])])
        start_s, end_s = float(rhythm.times_s[beat - 1]), float(rhythm.times_s[beat])
        detail = f"RR {rhythm.rr_s[beat]:.2f} s (a pause is more than {PAUSE_S:g} s)"
        yield Event("longest pause", detail, "pause", start_s, end_s)


def _extreme_rates(rhythm: Rhythm) -> Iterator[Event]:
    rates, n_intervals = rhythm.rates_bpm, rhythm.rate_intervals
    if np.isfinite(rates).any():
        for title, beat in (
            ("fastest heart rate", int(np.nanargmax(rates))),
            ("slowest heart rate", int(np.nanargmin(rates))),
        ):
            first, detail = beat - n_intervals, f"{rates[beat]:.0f} bpm over {n_intervals} RR"
            yield _beats(rhythm, first, beat + 1, title, detail)._replace(mark="rate")


def unsure_events(rhythm: Rhythm, probabilities: Floats32, unsure: Flags) -> Iterator[Event]:
    """Yield the unsure beats, the least certain first; those without a signal come last.

    Args:
        rhythm: B beats.
        probabilities: (B, 5) class probabilities.
        unsure: (B,) which beats are unsure.
    """
    beats = np.flatnonzero(unsure)
    for beat in beats[np.argsort(probabilities[beats].max(1, initial=0), kind="stable")].tolist():
        yield _least_certain(rhythm, probabilities, beat, "unsure class")


def _uncertain(rhythm: Rhythm, probabilities: Floats32) -> Iterator[Event]:
    """The beats of which the most probable class is the least probable."""
    certain = probabilities.max(1) if len(probabilities) else np.zeros(0)
    for beat in np.argsort(certain, kind="stable")[:_UNCERTAIN].tolist():
        yield _least_certain(rhythm, probabilities, beat, "least certain class")


def _least_certain(rhythm: Rhythm, probabilities: Floats32, beat: int, title: str) -> Event:
    first, second = np.argsort(-probabilities[beat], kind="stable")[:2].tolist()
    shares = (
        f"{CLASS_NAMES[i]} {percent(float(probabilities[beat, i]))} %" for i in (first, second)
    )
    is_unseen = without_signal(probabilities[beat])
    detail = "no signal in the window" if is_unseen else ", ".join(shares)
    return _beats(rhythm, beat, beat + 1, title, detail)


def _doubtful(rhythm: Rhythm, p_beat: Floats32) -> Iterator[Event]:
    """The least certain beat, where beats were found."""
    if len(p_beat) and p_beat.min() < 1:
        beat = int(np.argmin(p_beat))
        detail = f"probability of a beat {percent(float(p_beat[beat]))} %"
        yield _beats(rhythm, beat, beat + 1, "least certain beat", detail)


def _unusable(rhythm: Rhythm) -> Iterator[Event]:
    """The longest unusable stretch: its start, or its end where the recording begins with it."""
    stretches_s = rhythm.unusable_s
    if len(stretches_s):
        longest = int(np.argmax(stretches_s[:, 1] - stretches_s[:, 0]))
        start_s, end_s = stretches_s[longest].tolist()
        detail = f"{duration(end_s - start_s)} without usable signal"
        look_at_s = start_s if start_s > _SHORT_AT_S else end_s
        yield Event("longest unusable stretch", detail, "unusable", start_s, end_s, look_at_s)


def _typical(rhythm: Rhythm, probabilities: Floats32, name: str) -> Iterator[Event]:
    """The most certain beat of a class."""
    label = CLASS_NAMES.index(name)
    of_class: Flags = rhythm.labels == label
    if of_class.any():
        beat = int(np.argmax(np.where(of_class, probabilities[:, label], -math.inf)))
        detail = f"probability {percent(float(probabilities[beat, label]))} %"
        yield _beats(rhythm, beat, beat + 1, f"most certain {name}", detail)


def _beats(rhythm: Rhythm, first: int, stop: int, title: str, detail: str) -> Event:
    mark = CLASS_NAMES[rhythm.labels[stop - 1]]
    start_s, end_s = float(rhythm.times_s[first]), float(rhythm.times_s[stop - 1])
    return Event(title, detail, mark, start_s, end_s)

"""The patient's usual beat as beats come: a template of the past, and how common a shape is."""

from typing import NamedTuple

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.signals.past import Past, is_update
from ecg_lightning.signals.templates import (
    ALIKE,
    MARGIN,
    QRS,
    SHAPE_FEATURES,
    WINDOW_SAMPLES,
    aligned,
    beats_of_template,
    best_shifts,
    come_as_usual,
    have_signal,
    moved,
    qrs_heights,
    unit,
)

_UNKNOWN = -np.inf  # the logarithm of an interval after a beat; so the newest is not usual yet
TEMPLATE_BEATS = 256  # usual beats of the past that make the template


class ComparedBeat(NamedTuple):
    """A beat moved onto the template of its past.

    Attributes:
        beat: (L, WINDOW_SAMPLES), each lead divided by the height of its template's QRS.
        template: (L, WINDOW_SAMPLES), divided likewise.
        shape: (len(SHAPE_FEATURES),) how common its shape is, and when beats of this shape come.
    """

    beat: Floats
    template: Floats
    shape: Floats


class RunningTemplate:
    """The template of beats that come one after another.

    The first beat is its own template. The template is made again of the last `TEMPLATE_BEATS`
    usual beats with the first beats and then every 16th; it serves the beats after it. A beat with
    a signal in a lead that had none so far takes part in a template at once.

    Args:
        leads: How many leads a beat has.
    """

    def __init__(self, leads: int) -> None:
        self._past = Past(
            window=(leads, WINDOW_SAMPLES + 2 * MARGIN),
            qrs=(leads * (QRS.stop - QRS.start),),
            before=(),
            after=(),
            over_mean=(),
        )
        self._beats = 0
        self._template: Floats = np.zeros((leads, WINDOW_SAMPLES))
        self._heights: Floats = np.full(leads, np.inf)

    def push(
        self,
        window: Floats,
        time_s: float,
        before_ratio: float,
        after_previous: float,
        over_mean: float,
    ) -> ComparedBeat:
        """Return a beat beside the template of the beats before it.

        Args:
            window: (L, WINDOW_SAMPLES + 2 MARGIN) around its R peak.
            time_s: Its time.
            before_ratio: The logarithm of the RR interval before it over the local median.
            after_previous: That of the interval after the beat before it, over its local median.
            over_mean: The logarithm of the RR interval before it over the mean of the past.
        """
        if self._beats:  # what is known of a beat only once the next one has come
            self._past["after"][-1] = after_previous
        if np.any(have_signal(window) & np.isinf(self._heights)):
            self._use(np.concatenate([self._usual_windows(), window[None].astype(np.float32)]))
        shift = best_shifts(window[None], self._template)
        beat = moved(window[None], shift)[0] / self._heights[:, None]
        template = self._template / self._heights[:, None]
        qrs = unit(beat[:, QRS]).ravel()
        ratios = {"before": before_ratio, "after": _UNKNOWN, "over_mean": over_mean}
        self._past.add(time_s, window=window, qrs=qrs, **ratios)
        shape = self._shape()
        self._beats += 1
        if is_update(self._beats):
            self._use(self._usual_windows())
        return ComparedBeat(beat, template, shape)

    def _usual_windows(self) -> Floats:
        ratios = (np.exp(self._past[name]) for name in ("before", "after", "over_mean"))
        windows = self._past["window"]
        usual = np.flatnonzero(beats_of_template(windows, come_as_usual(*ratios)))
        return windows[usual[-TEMPLATE_BEATS:]]

    def _use(self, windows: Floats) -> None:
        self._template = aligned(windows, np.ones(len(windows), np.bool_)).template
        self._heights = qrs_heights(self._template)

    def _shape(self) -> Floats:
        """How common the shape of the newest beat is in the past, and when such beats come."""
        past, leads = self._past, max(1, np.isfinite(self._heights).sum())
        alike = past["qrs"] @ past["qrs"][-1] > ALIKE * leads
        count = max(1, int(np.count_nonzero(alike)))
        earlier = alike[:-1]
        after = past["after"][:-1][earlier].mean() if earlier.any() else 0.0
        values = {
            "log_share_alike_shape": np.log(count / len(alike) + 1e-3),
            "shape_before": past["before"][alike].sum() / count,
            "shape_after": after,
        }
        return np.array([values[name] for name in SHAPE_FEATURES])

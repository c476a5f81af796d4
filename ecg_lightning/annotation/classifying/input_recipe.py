"""The recipe of the input of `PatientContext`, in words and numbers, for programs without this one.

An exported network holds it, so that its user can make the rows of beats from a recording and the
positions of its beats. `tests/export/test_input_recipe.py` does so.
"""

from typing import Any

from ecg_lightning.signals.context import (
    BAND_HZ,
    BAND_SAMPLES,
    CONTEXT_FEATURES,
    LARGEST,
    LEADS,
    ROWS,
    STRETCH_S,
    band_taps,
)
from ecg_lightning.signals.past import PAST_BEATS, PAST_S
from ecg_lightning.signals.rhythm import EARLY, LOCAL_BEATS, LONGEST_S, QUANTILES, SHORTEST_S
from ecg_lightning.signals.running_rhythm import NEED_LATER_BEATS
from ecg_lightning.signals.running_template import TEMPLATE_BEATS
from ecg_lightning.signals.templates import (
    ALIKE,
    FS_HZ,
    LEAST,
    MARGIN,
    QRS,
    R_SAMPLE,
    SLOW,
    USUAL,
    WINDOW_SAMPLES,
)

HALF_TAPS, KAISER, LARGEST_RATIO = 10, 5.0, 10_000  # those of signals/resampling.py
TERMS = (
    "b and a: the interval before a beat and after it in seconds, clipped to "
    f"{SHORTEST_S} to {LONGEST_S}; the first beat takes its a as b, the last its b as a, and a "
    "single beat has 1 for both. b[-1], b[-2] and a[+1] are those of the beat before, of that "
    "before it and of the next beat; beyond an end those of the end. "
    f"L: the median of b over {LOCAL_BEATS} beats with this one in the middle. Where a median or "
    "a mean over beats around reaches beyond an end, the value of the end is repeated. ln is the "
    "natural logarithm. Mean, median and quantiles without more words are over all beats of the "
    "stretch; quantiles are interpolated linearly."
)
DEFINITIONS = {
    "is_beat": "1; rows that fill up a shorter sequence are 0 everywhere",
    "log_rr": "ln(b)",
    "before_over_local_median": "ln(b / L)",
    "after_over_local_median": "ln(a / L)",
    "before_over_mean": "ln(b / mean of b)",
    "after_over_mean": "ln(a / mean of b)",
    "before_over_median": "ln(b / median of b)",
    "after_over_median": "ln(a / median of b)",
    **{f"before_over_q{100 * q:02.0f}": f"ln(b / the {q} quantile of b)" for q in QUANTILES},
    "after_over_before": "ln(a / b)",
    "before_over_previous": "ln(b / b[-1])",
    "previous_over_local_median": "ln(b[-1] / L)",
    "next_over_local_median": "ln(a[+1] / L)",
    "second_previous_over_local_median": "ln(b[-2] / L)",
    "before_over_mean_of_11": "ln(b / mean of b over the 11 beats around)",
    "before_over_past_10": "ln(b / mean of b over up to 10 beats before); 0 for the first beat",
    "before_over_past_40": "ln(b / median of b over up to 40 beats before); 0 for the first beat",
    "before_over_longest_of_9": "ln(b / the largest b of this beat and the 8 before it)",
    "both_over_local_median": "ln((b + a) / (2 L))",
    "local_irregularity": f"the median of |ln(b / b[-1])| over the {LOCAL_BEATS} beats around",
    "local_share_early": f"the share of beats with b < {EARLY} L among the {LOCAL_BEATS} around",
    "alternation": "with d = ln(b / L), over the 21 beats around: the mean of d d[-2] / (the mean "
    "of d² + 0.001)",
    "log_share_alike_shape": "ln(0.001 + the share of beats of like shape)",
    "shape_before": "the mean of ln(b / L) over the beats of like shape",
    "shape_after": "the mean of ln(a / L) over the beats of like shape",
}


def context_recipe(causal: bool) -> dict[str, Any]:
    """Return how the rows (ROWS, WINDOW_SAMPLES) of beats are made, as JSON values.

    Args:
        causal: Whether for weights that see no later beat.

    Raises:
        KeyError: A number has no definition.
    """
    return {
        "rows": {
            "count": ROWS,
            "order": [
                *(f"lead {i + 1}" for i in range(LEADS)),
                *(f"template of lead {i + 1}" for i in range(LEADS)),
                "numbers, and 0 after the last one",
            ],
            "missing_lead": "0 in the row of the lead and in that of its template",
        },
        "sequence": _sequence(causal),
        "signal": _signal(),
        "window": _window(),
        "template": _running_template() if causal else _template(),
        "terms": f"{TERMS} {_PAST}" if causal else TERMS,
        "numbers": [
            {"place": place, "name": name, "definition": _definition(name, causal)}
            for place, name in enumerate(CONTEXT_FEATURES)
        ],
    }


def _definition(name: str, causal: bool) -> str:
    return (
        "0, as it needs a later beat" if causal and name in NEED_LATER_BEATS else DEFINITIONS[name]
    )


_BEATS = "Of beats at one sample one counts, and none outside the recording."


def _sequence(causal: bool) -> dict[str, Any]:
    if causal:
        rule = "The beats of a recording in their order, each with the beats before it."
        return {"rule": f"{rule} {_BEATS}"}
    return {
        "stretch_s": STRETCH_S,
        "rule": f"{_BEATS} A recording is cut into stretches of this length, counted from its "
        "start. With t, the time of the last beat, their number is the larger of 1 and the whole "
        "part of t / stretch_s + 0.5, whatever the length of the recording; the last one takes all "
        "that is left. A sequence is all beats of one stretch, and its numbers and template are "
        "made of these beats.",
    }


def _signal() -> dict[str, Any]:
    return {
        "fs_hz": FS_HZ,
        "unit": "any: each lead is divided by the height of its template",
        "leads": "The first is MLII, else II (DII, D2), else the first ECG lead. The second is a "
        "further ECG lead: the first of V1, V5, V2, V4, V3 and V6 that there is, else another one.",
        "resampling": {
            "half_taps": HALF_TAPS,
            "kaiser": KAISER,
            "largest": LARGEST_RATIO,
            "rule": "The quotient of fs_hz and the recording's rate becomes the nearest fraction "
            "up / down with a down of at most largest. A polyphase filter with a cutoff at half "
            "the lower rate and a Kaiser window of the shape kaiser, which is half_taps samples of "
            "the lower rate long on each side, resamples the lead. Beyond its ends the lead is "
            "continued by the line through its first and last sample. Positions times up / down "
            "are those of the resampled lead.",
        },
        "filter": {
            "band_hz": list(BAND_HZ),
            "taps": band_taps().tolist(),
            "rule": "The resampled lead is convolved with the taps, without delay: the output at "
            f"n is the sum of taps[k] x[n + {BAND_SAMPLES} - k]. Before and after the recording, "
            "its first and last sample are repeated.",
        },
    }


def _window() -> dict[str, Any]:
    return {
        "samples": WINDOW_SAMPLES,
        "r_sample": R_SAMPLE,
        "margin_samples": MARGIN,
        "rule": "The R peak, rounded to the nearest sample, is sample r_sample of a window. A "
        "window moved by s begins s samples later; s is from -margin_samples to margin_samples. "
        "Beyond the recording, the first or last filtered sample is repeated.",
        "constant": "Where a lead as recorded, at its own rate, does not change within a window "
        "that is not moved, it is 0 in this window and in the moved ones.",
        "gaps": "The recipe has no rule for missing samples.",
    }


_HEIGHT = (
    "Each lead of the beats and the template is divided by the height (largest minus smallest "
    "value) of the template's QRS in this lead. A lead whose height is at most 1e-6 of the "
    "template's largest absolute value in this lead becomes 0. Values beyond "
    f"{LARGEST:g} are clipped to it, those below -{LARGEST:g} likewise."
)


(_LOW, _HIGH), (_LEAST_AFTER, _) = USUAL
_USUAL = (
    f"A beat is timely if b / L > {_LOW} and a / L > {_LEAST_AFTER}. A timely beat is regular if "
    f"b / L < {_HIGH}, and slow if b / mean of b > {SLOW}. Usual are the beats that are both, if "
    f"these are at least {LEAST}; else the slow ones, if these are at least {LEAST}; else the "
    "regular ones. If any beat has a signal in lead 1 (its window, with margins, is not constant), "
    "beats without one are left out, also of all beats here. If then fewer than "
    f"{LEAST} are usual, or fewer than all where there are fewer than {LEAST}, all count as usual."
)
_MEDIAN = (
    "The median of beats is taken sample by sample; in each lead of the beats with a signal there, "
    "and 0 if there are none."
)
_CORRELATION = (
    "The correlation of two QRS is the scalar product of both, each without its mean and divided "
    "by its length; 0 if one is constant."
)
_ROUND = (
    "Round: of the usual beats, those whose QRS in lead 1 has a correlation above "
    f"{ALIKE} with a QRS q are chosen. If these are fewer than {LEAST} and fewer than a tenth of "
    "all beats, nothing is chosen and the rounds end. Otherwise q becomes the median, sample by "
    "sample, of the chosen QRS."
)
_FIRST_TEMPLATE = (
    "First template: q begins as the median of the QRS in lead 1 of the usual beats, not moved. "
    "After two rounds the template is the median of the beats that were chosen last, in each lead; "
    "if none were, that of all usual beats."
)
_MOVED = (
    "Each beat is moved by the s that gives the largest sum over the leads of the correlations of "
    "its QRS with that of the first template; the smallest such s."
)
_TEMPLATE = (
    "Template: the same two rounds with the moved beats, where q begins as the first template's "
    "QRS in lead 1; if none were chosen, the first template."
)
_LIKE_SHAPE = (
    "Two beats are of like shape if the mean over the leads, without those whose template is 0, of "
    f"the correlations of their QRS is above {ALIKE}. A share of beats of like shape counts at "
    "least one, and a mean over none is 0."
)


def _template() -> dict[str, Any]:
    rules = [
        _USUAL,
        _MEDIAN,
        _CORRELATION,
        _ROUND,
        _FIRST_TEMPLATE,
        _MOVED,
        _TEMPLATE,
        _HEIGHT,
        _LIKE_SHAPE,
    ]
    return {"qrs_samples": [QRS.start, QRS.stop], "rules": rules}


def _running_template() -> dict[str, Any]:
    return {
        "qrs_samples": [QRS.start, QRS.stop],
        "rules": [
            "A beat's template is made of the beats before it, after beats 1, 2, 4, 8 and every "
            "16th. If a beat has a signal in a lead whose template has height 0 or is not made "
            "yet, the template is made at once, of the usual beats before it and this one, and "
            "serves this beat too; so the first beat is its own template.",
            f"{_USUAL} A beat's L and the mean are those of its own time. Its a is known once "
            "the next beat has come; until then it is not usual.",
            _MEDIAN,
            _CORRELATION,
            _ROUND,
            f"The template is made as in these rules of the last {TEMPLATE_BEATS} usual beats of "
            "the past, all of which count as usual in the rounds.",
            _FIRST_TEMPLATE,
            _MOVED,
            _TEMPLATE,
            "A new beat is moved onto the template with the same rule.",
            _HEIGHT,
            f"{_LIKE_SHAPE} Shapes are compared with those of the past, this beat included; its "
            "shape is that of the moved beat at its time.",
        ],
    }


_PAST = (
    f"Causal: the past are the last {PAST_BEATS} beats, none older than {PAST_S:g} s, this beat "
    "included. Where beats around are meant, as many beats that end with this one serve, fewer at "
    "the start. All beats means the past; mean, median and quantiles are those of the past as it "
    "was after beats 1, 2, 4, 8 and every 16th. shape_after is the mean over the earlier beats."
)

"""The patient's own beat: a template of usual beats, without any label.

A beat is best judged beside the patient's usual beat. `aligned_to_template` sees all beats of a
stretch, `RunningTemplate` only those that have come.

Windows hold `MARGIN` samples more on each side than a beat, so that a beat can be moved onto the
template. A lead that a recording lacks is 0 everywhere.
"""

from typing import NamedTuple

import numpy as np

from ecg_lightning.arrays import Flags, Floats, Integers

FS_HZ = 128.0  # of the windows
WINDOW_SAMPLES, R_SAMPLE = 128, 54  # of a beat; its R peak lies 0.42 s after the window's start
MARGIN = 6  # samples by which a beat is moved at most, 47 ms
QRS = slice(R_SAMPLE - 14, R_SAMPLE + 20)  # -0.11 to +0.16 s
USUAL = ((0.88, 1.25), (0.8, np.inf))  # RR before and after, over the local median
ALIKE = 0.9  # correlation of the QRS
LEAST = 20  # beats that make a template, if there are so many

SHAPE_FEATURES = ("log_share_alike_shape", "shape_before", "shape_after")


class AlignedBeats(NamedTuple):
    """Beats moved onto the template of their patient.

    Attributes:
        beats: (N, L, WINDOW_SAMPLES), each lead divided by the height of its template's QRS.
        template: (L, WINDOW_SAMPLES), divided likewise.
        shifts: (N,) by how many samples the windows were moved to the right.
    """

    beats: Floats
    template: Floats
    shifts: Integers


def aligned_to_template(windows: Floats, usual: Flags) -> AlignedBeats:
    """Make the template of a patient, and move each beat onto it.

    The template is the median of the usual beats that resemble it in the first lead. Each beat is
    moved to where its QRS correlates best with that of the template, all leads together.

    Args:
        windows: (N, L, WINDOW_SAMPLES + 2 MARGIN) around the R peaks of one patient's beats.
        usual: (N,) which beats come at their usual time; see `come_as_usual`. If too few are, all
            count.
    """
    usual = usual if usual.sum() >= min(LEAST, len(usual)) else np.ones(len(usual), np.bool_)
    template, shifts = patient_template(windows, usual)
    heights = qrs_heights(template)[:, None]
    return AlignedBeats(moved(windows, shifts) / heights, template / heights, shifts)


def patient_template(windows: Floats, usual: Flags) -> tuple[Floats, Integers]:
    """Return the template (L, WINDOW_SAMPLES), and by how many samples each beat (N,) is moved.

    Args:
        windows: (N, L, WINDOW_SAMPLES + 2 MARGIN).
        usual: (N,) which beats count, at least one.
    """
    unmoved = np.zeros(len(windows), np.int64)
    template = _template(moved(windows, unmoved), usual)
    shifts = best_shifts(windows, template)
    beats = moved(windows, shifts)
    return _refined(beats, _refined(beats, template, usual), usual), shifts


def qrs_heights(template: Floats) -> Floats:
    """Return the height of the QRS in each lead (L,); 1 where there is none."""
    heights: Floats = np.ptp(template[:, QRS], axis=1)
    return np.where(heights > 0, heights, 1.0)


def come_as_usual(before_ratio: Floats, after_ratio: Floats) -> Flags:
    """Return which beats (N,) come neither early nor late.

    Args:
        before_ratio: (N,) the RR interval before each beat over the local median.
        after_ratio: (N,) that after it.
    """
    (low, high), (least, most) = USUAL
    return (
        (before_ratio > low) & (before_ratio < high) & (after_ratio > least) & (after_ratio < most)
    )


def shape_features(aligned: AlignedBeats, before_ratio: Floats, after_ratio: Floats) -> Floats:
    """Return how common the shape of each beat is, and when beats of this shape come.

    Args:
        aligned: The beats of a stretch.
        before_ratio: (N,) the logarithm of the RR interval before each beat over the local median.
        after_ratio: (N,) that after it.

    Returns:
        (N, len(SHAPE_FEATURES)) float64: the logarithm of the share of beats with a like shape, and
        the means of both ratios over these.
    """
    qrs = unit(aligned.beats[..., QRS])
    flat = qrs.reshape(len(qrs), -1) / np.sqrt(max(1, np.any(aligned.template, axis=1).sum()))
    result = np.zeros((len(flat), len(SHAPE_FEATURES)))
    for rows in np.array_split(np.arange(len(flat)), len(flat) // 1000 + 1):
        alike = (flat[rows] @ flat.T > ALIKE).astype(np.float64)
        count = np.maximum(alike.sum(1), 1)
        result[rows, 0] = np.log(count / len(flat) + 1e-3)
        result[rows, 1] = alike @ before_ratio / count
        result[rows, 2] = alike @ after_ratio / count
    return result


def unit(pieces: Floats) -> Floats:
    """Return pieces (..., T) without their mean and of length 1; a constant becomes 0."""
    centred = pieces - pieces.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).sum(-1, keepdims=True) + 1e-12)


def moved(windows: Floats, shifts: Integers) -> Floats:
    """Return the (N, L, WINDOW_SAMPLES) beats in windows, each so many samples to the right."""
    places = MARGIN + shifts[:, None] + np.arange(WINDOW_SAMPLES)
    return np.take_along_axis(windows, places[:, None], axis=2)


def best_shifts(windows: Floats, template: Floats) -> Integers:
    """Return by how many samples each beat (N,) has to be moved to lie on the template."""
    wanted = unit(template[:, QRS])
    scores = np.stack(
        [
            (
                unit(windows[:, :, MARGIN + shift + QRS.start : MARGIN + shift + QRS.stop]) * wanted
            ).sum((1, 2))
            for shift in range(-MARGIN, MARGIN + 1)
        ]
    )
    return scores.argmax(0) - MARGIN


def _template(beats: Floats, usual: Flags) -> Floats:
    """The median of usual beats (N, L, T) that resemble it, found in two rounds."""
    first: Floats = np.median(beats[usual], axis=0)
    return _refined(beats, _refined(beats, first, usual), usual)


def _refined(beats: Floats, template: Floats, usual: Flags) -> Floats:
    """The median of the usual beats that resemble a template; the template if they are few."""
    alike = (unit(beats[:, 0, QRS]) * unit(template[0, QRS])).sum(-1) > ALIKE
    chosen = usual & alike
    if chosen.sum() < min(LEAST, 0.1 * len(usual)):
        return template
    result: Floats = np.median(beats[chosen], axis=0)
    return result

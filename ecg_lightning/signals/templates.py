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
SLOW = 0.95  # an interval above this share of the mean is not one of a fast rhythm
USUAL = ((0.88, 1.25), (0.8, np.inf))  # RR before and after, over the local median
ALIKE = 0.9  # correlation of the QRS
LEAST = 20  # beats that make a template, if there are so many
_ROUNDING = 1e-6  # of the largest value: a smaller height is no signal
_FEW = 512  # values that are sorted faster than partitioned
_QRS_SAMPLES = QRS.stop - QRS.start

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

    The template is the median of the usual beats that resemble it in the first lead; in each lead
    that of the beats with a signal there. Each beat is moved to where its QRS correlates best with
    that of the template, all leads together.

    Args:
        windows: (N, L, WINDOW_SAMPLES + 2 MARGIN) around the R peaks of one patient's beats; 0 in
            a lead without a signal.
        usual: (N,) which beats come at their usual time; see `come_as_usual`. If too few are, all
            count.
    """
    beats, template, shifts = aligned(windows, beats_of_template(windows, usual))
    heights = qrs_heights(template)[:, None]
    return AlignedBeats(beats / heights, template / heights, shifts)


def beats_of_template(windows: Floats, usual: Flags) -> Flags:
    """Return which beats (N,) make the template: the usual ones, or all if these are too few.

    Beats without a signal in the first lead count only if no beat has one. Half a recording with an
    electrode off would otherwise have a template of 0, and no beat would have a class.
    """
    seen = have_signal(windows[:, 0])
    seen = seen if seen.any() else np.ones(len(seen), np.bool_)
    usual = usual & seen
    return usual if usual.sum() >= min(LEAST, seen.sum()) else seen


def aligned(windows: Floats, usual: Flags) -> AlignedBeats:
    """Make the template of a patient, and move each beat onto it, in the unit of the windows.

    Args:
        windows: (N, L, WINDOW_SAMPLES + 2 MARGIN).
        usual: (N,) which beats count, at least one.
    """
    unmoved = windows[..., MARGIN:-MARGIN]
    template = _refined(unmoved, usual, _median(unmoved[usual, 0, QRS]))
    template = _median_of_leads(unmoved[usual]) if template is None else template
    shifts = best_shifts(windows, template)
    beats = moved(windows, shifts)
    refined = _refined(beats, usual, template[0, QRS])
    return AlignedBeats(beats, template if refined is None else refined, shifts)


def have_signal(windows: Floats) -> Flags:
    """Return which windows (..., T) are not constant; a change of the size of rounding is none."""
    return np.ptp(windows, axis=-1) > _ROUNDING * np.abs(windows).max(axis=-1)


def qrs_heights(template: Floats) -> Floats:
    """Return the height of the QRS in each lead (L,); infinite where there is none.

    Divided by its height, a lead without a QRS becomes 0, as a lead that is missing.
    """
    heights: Floats = np.ptp(template[:, QRS], axis=1)
    return np.where(heights > _ROUNDING * np.abs(template).max(1), heights, np.inf)


def come_as_usual(before_ratio: Floats, after_ratio: Floats, over_mean: Floats) -> Flags:
    """Return which beats (N,) come neither early nor late: those that make a template.

    A long run of ectopic beats is regular too, but faster than the patient's mean. So beats that
    are faster do not count where enough others are. If regular ones are too few among these, those
    after a pause count: in a patient with mostly ectopic beats they are the only normal ones.

    Args:
        before_ratio: (N,) the RR interval before each beat over the local median.
        after_ratio: (N,) that after it.
        over_mean: (N,) the RR interval before each beat over the mean of the record.
    """
    (low, high), (least, most) = USUAL
    timely = (before_ratio > low) & (after_ratio > least) & (after_ratio < most)
    regular, slow = timely & (before_ratio < high), timely & (over_mean > SLOW)
    choices = (regular & slow, slow)
    return next((usual for usual in choices if usual.sum() >= LEAST), regular)


def shape_features(beside: AlignedBeats, before_ratio: Floats, after_ratio: Floats) -> Floats:
    """Return how common the shape of each beat is, and when beats of this shape come.

    Args:
        beside: The beats of a stretch.
        before_ratio: (N,) the logarithm of the RR interval before each beat over the local median.
        after_ratio: (N,) that after it.

    Returns:
        (N, len(SHAPE_FEATURES)) float64: the logarithm of the share of beats with a like shape, and
        the means of both ratios over these.
    """
    qrs = unit(beside.beats[..., QRS])
    flat = qrs.reshape(len(qrs), -1) / np.sqrt(max(1, np.any(beside.template, axis=1).sum()))
    ratios = np.stack([np.ones(len(flat)), before_ratio, after_ratio], 1)
    sums = np.zeros((len(flat), 3))
    for rows in _pieces(len(flat)):
        sums[rows] = (flat[rows] @ flat.T > ALIKE).astype(np.float64) @ ratios
    count = np.maximum(sums[:, 0], 1)
    share = np.log(count / max(1, len(flat)) + 1e-3)
    return np.stack([share, sums[:, 1] / count, sums[:, 2] / count], 1)


def unit(pieces: Floats) -> Floats:
    """Return pieces (..., T) without their mean and of length 1; a constant becomes 0."""
    centred = pieces - pieces.sum(-1, keepdims=True) / pieces.shape[-1]
    return centred / np.sqrt((centred**2).sum(-1, keepdims=True) + 1e-12)


def moved(windows: Floats, shifts: Integers) -> Floats:
    """Return the (N, L, WINDOW_SAMPLES) beats in windows, each so many samples to the right."""
    places = MARGIN + shifts[:, None] + np.arange(WINDOW_SAMPLES)
    return np.take_along_axis(windows, places[:, None], axis=2)


def best_shifts(windows: Floats, template: Floats) -> Integers:
    """Return by how many samples each beat (N,) has to be moved to lie on the template."""
    reach = windows[..., QRS.start : QRS.stop + 2 * MARGIN]
    reach = (reach - reach.mean(-1, keepdims=True)).swapaxes(0, 1)
    sums, squares = reach @ _ANY_SHIFT, reach**2 @ _ANY_SHIFT
    energies = np.maximum(squares - sums**2 / _QRS_SAMPLES, 0) + 1e-12
    products = reach @ _at_all_shifts(unit(template[:, QRS]))
    return (products / np.sqrt(energies)).sum(0).argmax(1) - MARGIN


def _at_all_shifts(qrs: Floats) -> Floats:
    """Return (L, samples, shifts) that multiply the samples around each QRS with one (L, QRS)."""
    result = np.zeros((len(qrs), _QRS_SAMPLES + 2 * MARGIN, 2 * MARGIN + 1), qrs.dtype)
    for shift in range(2 * MARGIN + 1):
        result[:, shift : shift + _QRS_SAMPLES, shift] = qrs
    return result


def _refined(beats: Floats, usual: Flags, own: Floats) -> Floats | None:
    """The median of the usual beats that resemble a QRS, chosen in two rounds; None if few do."""
    qrs, chosen = beats[:, 0, QRS], None
    shapes = unit(qrs)
    for _ in range(2):
        alike = usual & ((shapes * unit(own)).sum(-1) > ALIKE)
        if alike.sum() < min(LEAST, 0.1 * len(usual)):
            break
        chosen, own = alike, _median(qrs[alike])
    return None if chosen is None else _median_of_leads(beats[chosen])


def _median_of_leads(beats: Floats) -> Floats:
    """The median (L, T) of beats (N, L, T); in each lead of those with a signal there."""
    result, seen = _median(beats), have_signal(beats)
    for lead in np.flatnonzero(seen.any(0) & ~seen.all(0)):
        result[lead] = _median(beats[seen[:, lead], lead])
    return result


def _median(values: Floats) -> Floats:
    """The median over the first axis; faster than NumPy's, with the same result."""
    last = np.moveaxis(values, 0, -1).copy()
    low, high = (len(values) - 1) // 2, len(values) // 2
    if len(values) <= _FEW:
        last.sort()
    else:
        last.partition((low, high))
    return (last[..., low] + last[..., high]) / 2


def _pieces(count: int) -> list[Integers]:
    """The numbers of beats in pieces, so that a piece with all other beats takes 4 MB."""
    return np.array_split(np.arange(count), count**2 // 500_000 + 1)


_ANY_SHIFT = _at_all_shifts(np.ones((1, _QRS_SAMPLES)))

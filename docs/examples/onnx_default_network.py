"""Classify beats as `annotate` does by default, with the exported network: without torch.

    ecg-lightning export PatientContext --format onnx --output context.onnx
    python onnx_default_network.py context.onnx mitdb/208 atr     # 208.hea, 208.dat, 208.atr

It needs ONNX Runtime, NumPy, SciPy and wfdb. The positions of the beats come from a WFDB annotation
file of any detector. `recipe` and `afterwards` in the file say in words what is done here: with the
file alone, this program prints them. The record has two ECG leads without gaps, and no others. The
classes are those of `ecg-lightning annotate mitdb/208 --beats atr`; unsure beats are not marked.
"""

import json
import os
import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import wfdb
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import oaconvolve, resample_poly

BEATS = "NLRejBAaJSVErnF/fQ?"  # annotation symbols; others are no beats
FIRST = ("MLII", "II")  # the names of the lead that is classified; else the first one
ECG_LEADS = r"M?L?I{1,3}|AV[RLF]|M?V[1-6]|(ECG)? ?[12]?"
LARGEST = 100.0  # of a beat, in heights of the template's QRS
STEPS = {"probabilities", "temperature", "no_signal", "class"}


def around(values: Any, size: int) -> Any:
    """Return the values (N, size) around each of N values; beyond an end, that of the end."""
    return sliding_window_view(np.pad(values, size // 2, mode="edge"), size)


def rhythm(times_s: Any) -> tuple[dict[str, Any], Any]:
    """Return the numbers of the intervals, (N,) each, and the interval before over the mean."""
    rr = np.clip(np.diff(times_s), 0.15, 4.0) if len(times_s) > 1 else np.ones(1)
    b, a = np.concatenate([rr[:1], rr])[: len(times_s)], np.append(rr, rr[-1])[: len(times_s)]
    previous, second = np.append(b[:1], b[:-1]), b[np.clip(np.arange(len(b)) - 2, 0, None)]
    local = np.median(around(b, 41), axis=1)
    d, step = np.log(b / local), np.abs(np.log(b / previous))
    products = d * d[np.clip(np.arange(len(d)) - 2, 0, None)]
    past = {
        (size, f): np.array([f(b[max(0, i - size) : i] if i else b[:1]) for i in range(len(b))])
        for size, f in ((10, np.mean), (40, np.median))
    }
    longest = np.array([b[max(0, i - 8) : i + 1].max() for i in range(len(b))])
    numbers = {
        "is_beat": np.ones(len(b)),
        "log_rr": np.log(b),
        "before_over_local_median": d,
        "after_over_local_median": np.log(a / local),
        "before_over_mean": np.log(b / b.mean()),
        "after_over_mean": np.log(a / b.mean()),
        "before_over_median": np.log(b / np.median(b)),
        "after_over_median": np.log(a / np.median(b)),
        **{f"before_over_q{q:02}": np.log(b / np.quantile(b, q / 100)) for q in (5, 20, 80, 95)},
        "after_over_before": np.log(a / b),
        "before_over_previous": np.log(b / previous),
        "previous_over_local_median": np.log(previous / local),
        "next_over_local_median": np.log(np.append(a[1:], a[-1]) / local),
        "second_previous_over_local_median": np.log(second / local),
        "before_over_mean_of_11": np.log(b / around(b, 11).mean(axis=1)),
        "before_over_past_10": np.log(b / past[10, np.mean]),
        "before_over_past_40": np.log(b / past[40, np.median]),
        "before_over_longest_of_9": np.log(b / longest),
        "both_over_local_median": np.log((b + a) / 2 / local),
        "local_irregularity": np.median(around(step, 41), axis=1),
        "local_share_early": (around(b < 0.88 * local, 41)).mean(axis=1),
        "alternation": around(products, 21).mean(axis=1)
        / ((around(d, 21) ** 2).mean(axis=1) + 1e-3),
    }
    return numbers, b / b.mean()


def unit(pieces: Any) -> Any:
    """Return pieces (..., T) without their mean, divided by their length; 0 where constant."""
    centred = pieces - pieces.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    return centred / np.where(length > 0, length, np.inf)


def chosen(qrs: Any, usual: Any, q: Any) -> Any:
    """Return the usual beats that are like the QRS q (T,), in two rounds; none: nothing is like it.

    Args:
        qrs: (N, T) of all beats, in the first lead.
        usual: (U,) the usual beats.
        q: (T,) where the rounds begin.
    """
    last = usual[:0]
    for _ in range(2):
        alike = usual[unit(qrs[usual]) @ unit(q) > 0.9]
        if len(alike) < min(20, 0.1 * len(qrs)):
            break
        last, q = alike, np.median(qrs[alike], axis=0)
    return last


def median_beat(beats: Any) -> Any:
    """Return the median (2, T) of beats (N, 2, T); in each lead of those with a signal there."""
    seen = [lead[lead.any(axis=1)] for lead in beats.swapaxes(0, 1)]
    return np.stack([np.median(lead if len(lead) else np.zeros((1, 128)), axis=0) for lead in seen])


def usual_beats(before: Any, after: Any, over_mean: Any, seen: Any) -> Any:
    """Return the beats (U,) that come as usual, of those with a signal in the first lead (N,)."""
    seen = seen if seen.any() else ~seen
    timely = (before > 0.88) & (after > 0.8)
    regular, slow = timely & (before < 1.25), timely & (over_mean > 0.95)
    is_usual = seen & next((one for one in (regular & slow, slow) if one.sum() >= 20), regular)
    return np.flatnonzero(seen if is_usual.sum() < min(20, seen.sum()) else is_usual)


def rows_of(recipe: dict[str, Any], leads: Any, peaks: Any, times_s: Any, no_lead: Any) -> Any:
    """Return what the network sees of the N beats of a stretch, (N, 5, 128).

    Args:
        recipe: That of the file.
        leads: (2, T) at the recipe's sampling rate.
        peaks: (N,) of the R peaks, in samples of these leads.
        times_s: (N,) of the R peaks, ascending.
        no_lead: (N, 2) in which windows a lead as recorded does not change.
    """
    signal, window = recipe["signal"], recipe["window"]
    taps, margin, size = np.array(signal["filter"]["taps"]), window["margin_samples"], 128
    edges = [(0, 0), (len(taps) // 2, len(taps) // 2)]
    filtered = oaconvolve(np.pad(leads, edges, mode="edge"), taps[None], mode="valid", axes=1)
    starts = np.floor(peaks + 0.5).astype(int) - window["r_sample"] - margin
    places = (starts[:, None] + np.arange(size + 2 * margin)).clip(0, filtered.shape[1] - 1)
    wide = filtered[:, places].swapaxes(0, 1)  # (N, 2, 128 + 2 margin)
    wide[no_lead] = 0
    moved = sliding_window_view(wide, size, axis=2)  # (N, 2, shifts, 128)
    beats, qrs = moved[:, :, margin], slice(*recipe["template"]["qrs_samples"])

    numbers, over_mean = rhythm(times_s)
    before, after = (np.exp(numbers[f"{end}_over_local_median"]) for end in ("before", "after"))
    usual = usual_beats(before, after, over_mean, wide[:, 0].any(axis=1))
    first = chosen(beats[:, 0, qrs], usual, np.median(beats[usual, 0, qrs], axis=0))
    template = median_beat(beats[first if len(first) else usual])
    fit = (unit(moved[..., qrs]) * unit(template[:, qrs])[:, None]).sum(axis=(1, 3))
    beats = np.take_along_axis(moved, fit.argmax(axis=1)[:, None, None, None], axis=2)[:, :, 0]
    second = chosen(beats[:, 0, qrs], usual, template[0, qrs])
    template = median_beat(beats[second]) if len(second) else template
    heights = np.ptp(template[:, qrs], axis=1)[:, None]
    has_qrs = heights > 1e-6 * np.abs(template).max(axis=1)[:, None]
    heights = np.where(has_qrs, heights, np.inf)  # a lead without a QRS becomes 0
    beats, template = beats / heights, template / heights

    shapes = unit(beats[..., qrs])
    products = [lead @ lead.T for lead in shapes.swapaxes(0, 1)]
    like = sum(products) / max(has_qrs.sum(), 1) > 0.9
    counts = like.sum(axis=1).clip(1)
    numbers["log_share_alike_shape"] = np.log(0.001 + counts / len(beats))
    numbers["shape_before"] = like @ np.log(before) / counts
    numbers["shape_after"] = like @ np.log(after) / counts
    rows = np.zeros((len(beats), 5, size), np.float32)
    rows[:, :2], rows[:, 2:4] = beats, template
    rows[:, :4] = rows[:, :4].clip(-LARGEST, LARGEST)
    for number in recipe["numbers"]:
        rows[:, 4, number["place"]] = numbers[number["name"]]
    return rows


def normal(p: Any) -> Any:
    """Return rows (N, 5) that sum to 1."""
    return p / p.sum(axis=1, keepdims=True)


def own_shares(step: dict[str, Any], p: Any, n_and_s: list[int]) -> Any:
    """Return probabilities (N, 5) with the shares of N and S of these beats."""
    prior = np.array(step["prior"])[n_and_s]
    if p[:, n_and_s[1]].mean() < step["least_mean_s"]:
        return p
    share, result = prior, p
    for _ in range(step["rounds"]):
        count = result[:, n_and_s].sum(axis=0) + step["strength"] * prior
        last, share = share, prior.sum() * count / count.sum()
        result = p.copy()
        result[:, n_and_s] *= share / prior
        result = normal(result)
        if np.abs(share - last).max() < step["close"]:
            break
    return result


def probabilities(logits: Any, steps: list[dict[str, Any]], classes: list[str], seen: Any) -> Any:
    """Follow the steps that the file states, from logits (N, 5) to probabilities (N, 5).

    Args:
        logits: The output of the network.
        steps: `afterwards` in the file.
        classes: Their names.
        seen: (N,) whether each beat has a signal.
    """
    p = normal(np.exp(logits - logits.max(axis=1, keepdims=True)))
    named = {step["step"]: step for step in steps}
    if named.keys() - {"own_shares", "unsure"} != STEPS:
        sys.exit(f"expected a file of logits with the steps {sorted(STEPS)}, found {sorted(named)}")
    if "own_shares" in named and seen.any():
        n_and_s = [classes.index("N"), classes.index("S")]
        p[seen] = own_shares(named["own_shares"], p[seen], n_and_s)
    p = normal(p ** (1 / named["temperature"]["temperature"]))
    p[~seen] = np.array(classes) == named["no_signal"]["class"]
    return p


def have_signal(first: Any, inside: Any, step: dict[str, Any]) -> Any:
    """Return which beats (N,) have a signal.

    Args:
        first: (N, 128) of the first lead, as the network sees them.
        inside: (N,) the share of each window that lies in the recording.
        step: The step `no_signal` of the file.
    """
    low, high = first.min(axis=1), first.max(axis=1)
    is_usual = np.maximum(-low, high) < step["most_scaled"]
    return (inside >= step["least_valid"]) & (low < high) & is_usual


def facts_of(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    """Return what the file says about itself."""
    return dict(json.loads(session.get_modelmeta().custom_metadata_map["ecg_lightning"]))


def constant(lead: Any, starts: Any, ends: Any) -> Any:
    """Return in which windows (N,) from start to end, in samples, a lead (T,) does not change."""
    count = np.cumsum(np.concatenate([[0, 0], lead[1:] != lead[:-1]]))
    before, until = (np.interp(places, np.arange(len(count)), count) for places in (starts, ends))
    return before == until


def two_leads(record: str) -> tuple[Any, float]:
    """Return the leads (2, T), the one that is classified first, and their sampling rate."""
    signal = wfdb.rdrecord(record)
    names = [re.sub(r"^(ECG|LEAD) ", "", name.upper()) for name in signal.sig_name]
    if len(names) != 2 or not all(re.fullmatch(ECG_LEADS, name) for name in names):
        sys.exit(f"{record}: expected two ECG leads, found {', '.join(signal.sig_name)}")
    first = next((names.index(name) for name in FIRST if name in names), 0)
    leads = signal.p_signal[:, [first, 1 - first]].T
    if not np.isfinite(leads).all():
        sys.exit(f"{record}: expected leads without a gap")
    return leads, signal.fs


def beats_of(record: str, annotator: str, fs_hz: float, length: int) -> Any:
    """Return the positions (N,) of beats in a record of a length and a sampling rate."""
    marks = wfdb.rdann(record, annotator)
    if marks.fs not in (None, fs_hz):
        sys.exit(f"{record}.{annotator}: expected positions at {fs_hz} Hz, found {marks.fs} Hz")
    positions = np.unique(marks.sample[[symbol in BEATS for symbol in marks.symbol]])
    inside = positions[(positions >= 0) & (positions < length)]
    if not len(inside):
        sys.exit(f"{record}.{annotator}: expected beats, found none")
    return inside


def stretches(times_s: Any, length_s: float) -> list[Any]:
    """Return the beats of each stretch; the last one is at least half as long."""
    borders = length_s * np.arange(1, int(times_s[-1] / length_s + 0.5))
    parts = np.split(np.arange(len(times_s)), np.searchsorted(times_s, borders))
    return [part for part in parts if len(part)]


def classified(model: str, record: str, annotator: str) -> tuple[Any, list[str], Any]:
    """Return the positions of the beats, their classes and their class probabilities (N, 5)."""
    for path in (model, f"{record}.hea", f"{record}.{annotator}"):
        if not Path(path).is_file():
            sys.exit(f"{path}: expected a file, found none; check the path")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    facts = facts_of(session)
    recipe, steps, classes = facts.get("recipe", {}), facts["afterwards"], facts["classes"]
    if "stretch_s" not in recipe.get("sequence", {}):
        sys.exit(f"{model}: expected an export of PatientContext, found another network")
    both, fs_hz = two_leads(record)
    positions, window = beats_of(record, annotator, fs_hz, both.shape[1]), recipe["window"]
    rate = Fraction(recipe["signal"]["fs_hz"] / fs_hz).limit_denominator(10_000)
    leads = resample_poly(both, rate.numerator, rate.denominator, axis=1, padtype="line")
    times_s, peaks, parts = positions / fs_hz, positions * float(rate), []
    starts = np.floor(peaks + 0.5) - window["r_sample"]
    ends = (starts + window["samples"]).clip(max=leads.shape[1])
    inside = (ends - starts.clip(min=0)) / window["samples"]
    own, length = starts * float(1 / rate), 128 * float(1 / rate)  # in samples as recorded
    no_lead = np.stack([constant(lead, own, own + length) for lead in both], axis=1)
    no_signal = next(step for step in steps if step["step"] == "no_signal")
    for part in stretches(times_s, recipe["sequence"]["stretch_s"]):
        rows = rows_of(recipe, leads, peaks[part], times_s[part], no_lead[part])
        logits = session.run(None, {facts["input"]["name"]: rows[None]})[0][0]
        seen = have_signal(rows[:, 0], inside[part], no_signal)
        parts.append(probabilities(logits, steps, classes, seen))
    p = np.concatenate(parts)
    return positions, [classes[label] for label in p.argmax(axis=1)], p


if __name__ == "__main__":
    if len(sys.argv) == 2:
        said = facts_of(onnxruntime.InferenceSession(sys.argv[1]))
        print(json.dumps({name: said.get(name) for name in ("recipe", "afterwards")}, indent=2))
    elif len(sys.argv) == 4:
        try:
            for position, name, row in zip(*classified(*sys.argv[1:]), strict=True):
                print(position, name, f"{row.max():.3f}", flush=True)
        except (KeyboardInterrupt, BrokenPipeError):  # Ctrl-C, or `| head` has read enough
            os._exit(1)
    else:
        sys.exit(__doc__)

"""Classify beats as `annotate` does by default, with the exported network: without torch.

    ecg-lightning export PatientContext --format onnx --output context.onnx
    python onnx_default_network.py context.onnx mitdb/208 atr     # 208.hea, 208.dat, 208.atr

It needs ONNX Runtime, NumPy, SciPy and wfdb. The positions of the beats come from a WFDB annotation
file of any detector. `recipe` and `afterwards` in the file say in words what is done here: read
them with `python onnx_default_network.py context.onnx`. The record has two ECG leads without gaps.
The classes are those of `ecg-lightning annotate mitdb/208 --beats atr`. Which beats are unsure
(`unsure`) is left out.
"""

import json
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import onnxruntime
import wfdb
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import oaconvolve, resample_poly

BEATS = "NLRejBAaJSVErnF/fQ?"  # annotation symbols; others are no beats
LEADS = 2
STEPS = {"probabilities", "own_shares", "temperature", "no_signal", "class", "unsure"}


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


def usual_beats(before: Any, after: Any, over_mean: Any) -> Any:
    """Return the beats (U,) that come as usual, by their intervals (N,)."""
    timely = (before > 0.88) & (after > 0.8)
    regular, slow = timely & (before < 1.25), timely & (over_mean > 0.95)
    is_usual = next((one for one in (regular & slow, slow) if one.sum() >= 20), regular)
    few = is_usual.sum() < min(20, len(before))
    return np.arange(len(before)) if few else np.flatnonzero(is_usual)


def rows_of(recipe: dict[str, Any], leads: Any, times_s: Any) -> Any:
    """Return what the network sees of the N beats of a stretch, (N, 5, 128).

    Args:
        recipe: That of the file.
        leads: (2, T) at the recipe's sampling rate.
        times_s: (N,) of the R peaks, ascending.
    """
    signal, window = recipe["signal"], recipe["window"]
    taps, margin, size = np.array(signal["filter"]["taps"]), window["margin_samples"], 128
    edges = [(0, 0), (len(taps) // 2, len(taps) // 2)]
    filtered = oaconvolve(np.pad(leads, edges, mode="edge"), taps[None], mode="valid", axes=1)
    starts = np.floor(times_s * signal["fs_hz"] + 0.5).astype(int) - window["r_sample"] - margin
    places = (starts[:, None] + np.arange(size + 2 * margin)).clip(0, filtered.shape[1] - 1)
    wide = filtered[:, places].swapaxes(0, 1)  # (N, 2, 128 + 2 margin)
    moved = sliding_window_view(wide, size, axis=2)  # (N, 2, shifts, 128)
    beats, qrs = moved[:, :, margin], slice(*recipe["template"]["qrs_samples"])

    numbers, over_mean = rhythm(times_s)
    before, after = (np.exp(numbers[f"{end}_over_local_median"]) for end in ("before", "after"))
    usual = usual_beats(before, after, over_mean)
    first = chosen(beats[:, 0, qrs], usual, np.median(beats[usual, 0, qrs], axis=0))
    template = np.median(beats[first if len(first) else usual], axis=0)
    fit = (unit(moved[..., qrs]) * unit(template[:, qrs])[:, None]).sum(axis=(1, 3))
    beats = np.take_along_axis(moved, fit.argmax(axis=1)[:, None, None, None], axis=2)[:, :, 0]
    second = chosen(beats[:, 0, qrs], usual, template[0, qrs])
    template = np.median(beats[second], axis=0) if len(second) else template
    heights = np.ptp(template[:, qrs], axis=1)[:, None]
    if (heights <= 1e-6 * np.abs(template).max()).any():
        raise ValueError("expected two leads with a QRS")
    beats, template = beats / heights, template / heights

    shapes = unit(beats[..., qrs])
    like = np.mean([lead @ lead.T for lead in shapes.swapaxes(0, 1)], axis=0) > 0.9
    counts = like.sum(axis=1)
    numbers["log_share_alike_shape"] = np.log(0.001 + counts / len(beats))
    numbers["shape_before"] = like @ np.log(before) / counts
    numbers["shape_after"] = like @ np.log(after) / counts
    rows = np.zeros((len(beats), 5, size), np.float32)
    rows[:, :2], rows[:, 2:4] = beats, template
    rows[:, :4] = rows[:, :4].clip(-20, 20)
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


def probabilities(logits: Any, steps: list[dict[str, Any]], classes: list[str], inside: Any) -> Any:
    """Follow the steps that the file states, from logits (N, 5) to probabilities (N, 5).

    Args:
        logits: The output of the network.
        steps: `afterwards` in the file.
        classes: Their names.
        inside: (N,) the share of each beat's window that lies in the recording.
    """
    p = normal(np.exp(logits - logits.max(axis=1, keepdims=True)))
    named = {step["step"]: step for step in steps}
    if unknown := named.keys() - STEPS:
        sys.exit(f"expected the steps {', '.join(sorted(STEPS))}, found {', '.join(unknown)}")
    seen = inside >= named["no_signal"]["least_valid"]
    if "own_shares" in named and seen.any():
        n_and_s = [classes.index("N"), classes.index("S")]
        p[seen] = own_shares(named["own_shares"], p[seen], n_and_s)
    p = normal(p ** (1 / named["temperature"]["temperature"]))
    p[~seen] = np.array(classes) == named["no_signal"]["class"]
    return p


def stretches(times_s: Any, length_s: float) -> list[Any]:
    """Return the beats of each stretch; the last one is at least half as long."""
    borders = length_s * np.arange(1, int(times_s[-1] / length_s + 0.5))
    parts = np.split(np.arange(len(times_s)), np.searchsorted(times_s, borders))
    return [part for part in parts if len(part)]


def classified(model: str, record: str, annotator: str) -> tuple[Any, list[str], Any]:
    """Return the positions of the beats, their classes and their class probabilities (N, 5)."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    facts = json.loads(session.get_modelmeta().custom_metadata_map["ecg_lightning"])
    recipe = facts.get("recipe", {})
    if "stretch_s" not in recipe.get("sequence", {}):
        sys.exit(f"{model}: expected PatientContext, not causal, found {facts['network']}")
    signal, marks = wfdb.rdrecord(record), wfdb.rdann(record, annotator)
    if signal.n_sig < LEADS or not np.isfinite(signal.p_signal[:, :LEADS]).all():
        sys.exit(f"{record}: expected two leads without a gap")
    positions = marks.sample[[symbol in BEATS for symbol in marks.symbol]]
    if not len(positions):
        sys.exit(f"{record}.{annotator}: expected beats, found none")
    rate = Fraction(recipe["signal"]["fs_hz"] / signal.fs).limit_denominator(1000)
    both, window = signal.p_signal[:, :LEADS].T, recipe["window"]
    leads = resample_poly(both, rate.numerator, rate.denominator, axis=1, padtype="line")
    times_s, parts = positions / signal.fs, []
    starts = np.floor(times_s * recipe["signal"]["fs_hz"] + 0.5) - window["r_sample"]
    ends = (starts + window["samples"]).clip(max=leads.shape[1])
    inside = (ends - starts.clip(min=0)) / window["samples"]
    for part in stretches(times_s, recipe["sequence"]["stretch_s"]):
        rows = rows_of(recipe, leads, times_s[part])[None]
        logits = session.run(None, {facts["input"]["name"]: rows})[0][0]
        steps, classes = facts["afterwards"], facts["classes"]
        parts.append(probabilities(logits, steps, classes, inside[part]))
    p = np.concatenate(parts)
    return positions, [facts["classes"][label] for label in p.argmax(axis=1)], p


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    for position, name, row in zip(*classified(*sys.argv[1:]), strict=True):
        print(position, name, f"{row.max():.3f}")

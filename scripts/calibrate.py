"""Fit the temperature of shipped weights, and measure risk against coverage.

    python scripts/calibrate.py PREDICTIONS... [--weights FILE...] [--document FILE] [--images DIR]

PREDICTIONS are the `.npz` files of scripts/unseen_patients.py with the held-out predictions of all
folds. What is measured of a fold has the temperature of the other folds. The temperature of all
folds, and the limit below which a beat is called unsure, go into the weights' metadata, where
`annotate` reads them. Tables go into the document, and a picture into the folder of images.
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from documents import fill, table
from held_out import HeldOut, cross_tempered, read_held_out

from ecg_lightning.arrays import AnyFloats, Floats
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.evaluation.intervals import Interval
from ecg_lightning.evaluation.probabilities import (
    brier_score,
    calibration_error,
    log_loss,
    reliability,
    top_reliability,
)
from ecg_lightning.evaluation.risk_coverage import (
    COVERAGES,
    ClassRisk,
    RiskPoint,
    aurc,
    aurc_interval,
    limit_of_risk,
    risk_points,
)
from ecg_lightning.evaluation.temperature import fit_temperature, logits_of
from ecg_lightning.figures.risk import ReliabilityCurve, RiskCurve, risk_figure
from ecg_lightning.figures.style import png_bytes
from ecg_lightning.models.checkpoint import DESCRIPTION
from ecg_lightning.system.atomic_files import write_atomically

RISK = 0.01  # of the beats that `annotate` does not call unsure
LIMIT_STEPS = 1_000  # the limit is rounded up to 1 / LIMIT_STEPS
RESAMPLES, SEED = 1_000, 0  # docs/protocol.md
CURVE_COVERAGES = tuple(np.linspace(0.7, 1.0, 61).tolist())
PICTURE = "risk-coverage.png"
SHOWN_CLASSES = "VS"
CLASS_BINS = 5
NONE = "\N{EN DASH}"


def main(args: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parsed = _parser().parse_args(args)
    beats = read_held_out(parsed.predictions)
    calibrated = cross_tempered(beats)
    values = metadata(beats, calibrated)
    tables = {
        "calibration": calibration_table(beats, calibrated),
        "class-calibration": class_table(beats, calibrated),
        "risk": risk_table(beats, calibrated),
    }
    print("\n\n".join([json.dumps(values, indent=1), *tables.values()]))
    for path in parsed.weights:
        write_metadata(path, values)
    if parsed.document:
        fill(parsed.document, tables)
    if parsed.images:
        write_atomically(parsed.images / PICTURE, picture(beats, calibrated))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("predictions", nargs="+", type=Path, help="the .npz file of each fold")
    parser.add_argument("--weights", nargs="*", default=[], type=Path, help="safetensors files")
    parser.add_argument("--document", type=Path, help="a document with places for the tables")
    parser.add_argument("--images", type=Path, help=f"the folder of {PICTURE}")
    return parser


def metadata(beats: HeldOut, calibrated: Floats) -> dict[str, Any]:
    """Return what weights say about their probabilities: `temperature`, `unsure_below` and more.

    Args:
        beats: Held-out predictions.
        calibrated: (N, 5) their probabilities after a temperature that has not seen them.

    Raises:
        SystemExit: No limit has a risk of at most `RISK`.
    """
    limit = limit_of_risk(beats.labels, calibrated, RISK)
    if limit is None:
        raise SystemExit(f"expected a limit with at most {100 * RISK:g} % errors, found none")
    limit = math.ceil(limit * LIMIT_STEPS - 1e-9) / LIMIT_STEPS
    accepted = calibrated.max(axis=1) >= limit
    wrong = calibrated.argmax(axis=1) != beats.labels
    return {
        "temperature": round(fit_temperature(logits_of(beats.probabilities), beats.labels), 4),
        "unsure_below": limit,
        "calibration": {
            "beats": len(beats.labels),
            "records": len(np.unique(beats.records)),
            "unsure_share": round(float((~accepted).mean()), 4),
            "wrong_share": round(float(wrong.mean()), 4),
            "wrong_share_of_sure": round(float(wrong[accepted].mean()), 4),
        },
    }


def write_metadata(path: Path, values: dict[str, Any]) -> None:
    """Write values into the description of weights; the weights stay as they are."""
    from safetensors import safe_open
    from safetensors.torch import save

    with safe_open(path, "pt") as file:
        description = json.loads(file.metadata()[DESCRIPTION])
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    content = save(state, {DESCRIPTION: json.dumps({**description, **values})})
    write_atomically(path, content)


def calibration_table(beats: HeldOut, calibrated: Floats) -> str:
    """Return how good the probabilities are before and after the temperature."""
    rows = []
    for name, values in (("as trained", beats.probabilities), ("with temperature", calibrated)):
        ece = calibration_error(top_reliability(beats.labels, values))
        losses = log_loss(beats.labels, values), brier_score(beats.labels, values)
        rows.append(
            [name, _percent(ece), *(f"{value:.4f}" for value in losses), _aurc(beats, values)]
        )
    head = ["probabilities", "ECE", "log loss", "Brier score", "AURC (95 %)"]
    return table(head, rows)


def _aurc(beats: HeldOut, probabilities: AnyFloats) -> str:
    area = aurc(beats.labels, probabilities)
    random = np.random.default_rng(SEED)
    interval = aurc_interval(beats.labels, probabilities, beats.records, random, RESAMPLES)
    return _with_interval(area, interval)


def class_table(beats: HeldOut, calibrated: Floats) -> str:
    """Return for each class how often it is right when its probability is in a bin."""
    lowers = [n / CLASS_BINS for n in range(CLASS_BINS)]
    head = ["class", "ECE", *(f"{low:.0%} to {low + 1 / CLASS_BINS:.0%}" for low in lowers)]
    rows = []
    for k, name in enumerate(CLASS_NAMES):
        happened, values = beats.labels == k, calibrated[:, k]
        points = reliability(happened, values, CLASS_BINS)
        bins = {round(CLASS_BINS * point["lower"]): point for point in points}
        cells = [
            f"{_percent(bins[n]['observed'])} of {bins[n]['beats']:,}" if n in bins else NONE
            for n in range(CLASS_BINS)
        ]
        rows.append([name, _percent(calibration_error(reliability(happened, values))), *cells])
    return table(head, rows)


def risk_table(beats: HeldOut, calibrated: Floats) -> str:
    """Return a row for each coverage."""
    names = [f"{name} {word}" for name in SHOWN_CLASSES for word in ("answered", "missed", "false")]
    head = ["answered", "limit", "wrong (95 %)", "errors among the unsure", *names]
    return table(head, [_risk_row(point) for point in _points(beats, calibrated)])


def _points(
    beats: HeldOut, probabilities: AnyFloats, coverages: Sequence[float] = COVERAGES
) -> list[RiskPoint]:
    random = np.random.default_rng(SEED)
    labels, records = beats.labels, beats.records
    return risk_points(labels, probabilities, records, random, coverages, RESAMPLES)


def _risk_row(point: RiskPoint) -> list[str]:
    classes = [point["by_class"][name] for name in SHOWN_CLASSES]
    return [
        _percent(point["coverage"]),
        f"{point['limit']:.3f}",
        _with_interval(point["risk"], point["interval"]),
        _percent(point["caught"]),
        *(cell for one in classes for cell in _class_cells(one)),
    ]


def _class_cells(one: ClassRisk) -> list[str]:
    return [_percent(share) for share in (one["coverage"], one["missed"], one["false"])]


def picture(beats: HeldOut, calibrated: Floats) -> bytes:
    """Return the bytes of the picture."""
    versions = {"with temperature": calibrated, "as trained": beats.probabilities}
    tops = {name: top_reliability(beats.labels, values) for name, values in versions.items()}
    curves = {
        name: _curve(_points(beats, values, CURVE_COVERAGES), has_band=values is calibrated)
        for name, values in versions.items()
    }
    reliabilities = {
        name: ReliabilityCurve(
            [point["mean_probability"] for point in points], [point["observed"] for point in points]
        )
        for name, points in tops.items()
    }
    return png_bytes(risk_figure(curves, reliabilities))


def _curve(points: Sequence[RiskPoint], has_band: bool) -> RiskCurve:
    intervals = [point["interval"] or {"low": None, "high": None} for point in points]
    return RiskCurve(
        [point["coverage"] for point in points],
        [point["risk"] for point in points],
        [math.nan if one["low"] is None else one["low"] for one in intervals] if has_band else [],
        [math.nan if one["high"] is None else one["high"] for one in intervals] if has_band else [],
    )


def _with_interval(value: float | None, interval: Interval | None) -> str:
    if interval is None:
        return _percent(value)
    return f"{_percent(value)} ({_percent(interval['low'])} to {_percent(interval['high'])})"


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.2f} %"


if __name__ == "__main__":
    main()

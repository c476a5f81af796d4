"""Fit the temperature of shipped weights, and measure risk against coverage.

    python scripts/calibrate.py PREDICTIONS... [--weights FILE...] [--document FILE] [--images DIR]

PREDICTIONS are the files of `scripts/unseen_patients.py 5` for the experts' beats, such as
unseen/row5/PatientContext/seed0/fold*/experts.npz. What is measured of a fold has the temperature
of the other folds. The temperature of all folds, the limit below which a beat is called unsure, and
with `--own-shares` how shares are estimated in each record, go into the weights' metadata, where
`annotate` reads them. Tables go into the document, and a picture into the folder of images. Run it
after scripts/ship_weights.py, which writes the file anew. This is a look at the test side of row 5:
log it in docs/protocol.md.
"""

import argparse
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from documents import fill, table
from held_out import HeldOut, as_one, calibrated, read_folds
from unseen_predictions import Predicted
from unseen_results import EM_LEAST_MEAN_S, EM_STRENGTH

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

RISK = 0.01  # of the beats that `annotate` does not call unsure, where no other is stated
LIMIT_STEPS = 1_000  # the limit is rounded up to 1 / LIMIT_STEPS
RESAMPLES, SEED = 1_000, 0  # docs/protocol.md
CURVE_COVERAGES = tuple(np.linspace(0.7, 1.0, 61).tolist())
PICTURE = "risk-coverage.png"
PICTURE_TEXT = "Risk against coverage with its 95 % interval, and the reliability of probabilities"
SHOWN_CLASSES = "VS"
CLASS_BINS = 5
NONE = "\N{EN DASH}"


def main(args: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parsed = _parser().parse_args(args)
    folds = read_folds(parsed.predictions, parsed.own_shares)
    before, after = as_one(folds), as_one(calibrated(folds))
    values = metadata(before, after, parsed.risk)
    if parsed.own_shares:
        values["prior_shift"] = prior_shift(folds)
    tables = {
        "calibration": calibration_table(before, after),
        "class-calibration": class_table(after),
        "risk": risk_table(after, values["unsure_below"]),
    }
    print("\n\n".join([json.dumps(values, indent=1), *tables.values()]))
    for path in parsed.weights:
        write_metadata(path, values)
    if parsed.images:
        write_atomically(parsed.images / PICTURE, picture(before, after))
    if parsed.document and parsed.images:
        place = os.path.relpath(parsed.images / PICTURE, parsed.document.parent)
        tables["risk-picture"] = f"![{PICTURE_TEXT}]({Path(place).as_posix()})"
    if parsed.document:
        fill(parsed.document, tables)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("predictions", nargs="+", type=Path, help="the .npz file of each fold")
    parser.add_argument(
        "--own-shares",
        action="store_true",
        help="the weights shall estimate the shares of N and S in each record (prior_shift)",
    )
    parser.add_argument(
        "--risk", default=RISK, type=float, help=f"wrong share of the sure beats; default: {RISK}"
    )
    parser.add_argument("--weights", nargs="*", default=[], type=Path, help="safetensors files")
    parser.add_argument("--document", type=Path, help="a document with places for the tables")
    parser.add_argument("--images", type=Path, help=f"the folder of {PICTURE}")
    return parser


def metadata(before: HeldOut, after: HeldOut, risk: float = RISK) -> dict[str, Any]:
    """Return what weights say about their probabilities: `temperature`, `unsure_below` and more.

    Args:
        before: Held-out predictions without a temperature.
        after: The same beats after a temperature that has not seen them.
        risk: The share of the sure beats that may be wrong.

    Raises:
        SystemExit: No limit has such a risk.
    """
    limit = limit_of_risk(after.labels, after.probabilities, risk)
    if limit is None:
        raise SystemExit(f"expected a limit with at most {100 * risk:g} % errors, found none")
    limit = math.ceil(limit * LIMIT_STEPS - 1e-9) / LIMIT_STEPS
    is_sure = after.probabilities.max(axis=1) >= limit
    wrong = after.probabilities.argmax(axis=1) != after.labels
    return {
        "temperature": round(fit_temperature(logits_of(before.probabilities), before.labels), 4),
        "unsure_below": limit,
        "calibration": {
            "beats": len(after.labels),
            "records": len(np.unique(after.records)),
            "unsure_share": _rounded((~is_sure).mean()),
            "wrong_share": _rounded(wrong.mean()),
            "wrong_share_of_sure": _rounded(wrong[is_sure].mean()) if is_sure.any() else None,
        },
    }


def prior_shift(folds: Sequence[Predicted]) -> dict[str, Any]:
    """Return how the shares of N and S are estimated; the prior is the mean of the folds'."""
    prior = np.mean([fold.prior for fold in folds], axis=0)
    return {
        "prior": [round(share, 6) for share in prior.tolist()],
        "strength": EM_STRENGTH,
        "least_mean_s": EM_LEAST_MEAN_S,
    }


def _rounded(share: float) -> float:
    return round(float(share), 4)


def write_metadata(path: Path, values: dict[str, Any]) -> None:
    """Write values into the description of weights; the weights stay as they are."""
    from safetensors import safe_open
    from safetensors.torch import save

    with safe_open(path, "pt") as file:
        description = json.loads(file.metadata()[DESCRIPTION])
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    content = save(state, {DESCRIPTION: json.dumps({**description, **values})})
    write_atomically(path, content)


def calibration_table(before: HeldOut, after: HeldOut) -> str:
    """Return how good the probabilities are before and after the temperature."""
    rows = []
    for name, beats in (("without temperature", before), ("with temperature", after)):
        labels, values = beats.labels, beats.probabilities
        ece = calibration_error(top_reliability(labels, values))
        losses = (f"{loss(labels, values):.4f}" for loss in (log_loss, brier_score))
        rows.append([name, _percent(ece), *losses, _aurc(beats)])
    return table(["probabilities", "ECE", "log loss", "Brier score", "AURC (95 %)"], rows)


def _aurc(beats: HeldOut) -> str:
    random = np.random.default_rng(SEED)
    area = aurc(beats.labels, beats.probabilities)
    interval = aurc_interval(beats.labels, beats.probabilities, beats.records, random, RESAMPLES)
    return _with_interval(area, interval)


def class_table(beats: HeldOut) -> str:
    """Return for each class how often it is right when its probability is in a bin."""
    lowers = [n / CLASS_BINS for n in range(CLASS_BINS)]
    head = ["class", "ECE", *(f"{low:.0%} to {low + 1 / CLASS_BINS:.0%}" for low in lowers)]
    rows = []
    for k, name in enumerate(CLASS_NAMES[:-1]):  # Q is not counted
        happened, values = beats.labels == k, beats.probabilities[:, k]
        points = reliability(happened, values, CLASS_BINS)
        bins = {round(CLASS_BINS * point["lower"]): point for point in points}
        cells = [
            f"{_percent(bins[n]['observed'])} of {bins[n]['beats']:,}" if n in bins else NONE
            for n in range(CLASS_BINS)
        ]
        rows.append([name, _percent(calibration_error(reliability(happened, values))), *cells])
    return table(head, rows)


def risk_table(beats: HeldOut, limit: float) -> str:
    """Return a row for each coverage, and one for the limit of the weights."""
    is_sure = beats.probabilities.max(axis=1) >= limit
    coverages = sorted({*COVERAGES, float(is_sure.mean()) or 1.0}, reverse=True)
    names = [f"{name} {word}" for name in SHOWN_CLASSES for word in ("answered", "missed", "false")]
    head = ["answered", "limit", "wrong (95 %)", "errors among the unsure", *names]
    rows = []
    for coverage, point in zip(coverages, _points(beats, coverages), strict=True):
        name = f"{limit:.3f} (default)" if coverage not in COVERAGES else f"{point['limit']:.3f}"
        rows.append(_risk_row(point, name))
    return table(head, rows)


def _points(beats: HeldOut, coverages: Sequence[float] = COVERAGES) -> list[RiskPoint]:
    random = np.random.default_rng(SEED)
    labels, probabilities, records = beats.labels, beats.probabilities, beats.records
    return risk_points(labels, probabilities, records, random, coverages, RESAMPLES)


def _risk_row(point: RiskPoint, limit: str) -> list[str]:
    classes = [point["by_class"][name] for name in SHOWN_CLASSES]
    return [
        _percent(point["coverage"]),
        limit,
        _with_interval(point["risk"], point["interval"]),
        _percent(point["caught"]),
        *(cell for one in classes for cell in _class_cells(one)),
    ]


def _class_cells(one: ClassRisk) -> list[str]:
    return [_percent(share) for share in (one["coverage"], one["missed"], one["false"])]


LEAST_BEATS = 20  # of a point in the picture


def picture(before: HeldOut, after: HeldOut) -> bytes:
    """Return the bytes of the picture."""
    versions = {"with temperature": after, "without temperature": before}
    curves, reliabilities = {}, {}
    for name, beats in versions.items():
        curves[name] = _curve(_points(beats, CURVE_COVERAGES), has_band=beats is after)
        bins = top_reliability(beats.labels, beats.probabilities)
        points = [one for one in bins if one["beats"] >= LEAST_BEATS]
        reliabilities[name] = ReliabilityCurve(
            [point["mean_probability"] for point in points], [point["observed"] for point in points]
        )
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

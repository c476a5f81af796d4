"""Risk against coverage: the drawn values, the names of the axes, and that texts are clear."""

import numpy as np

from ecg_lightning.figures.risk import ReliabilityCurve, RiskCurve, risk_figure
from tests.helpers.figures import assert_clear

CURVES = {
    "with temperature": RiskCurve(
        [0.8, 0.9, 1.0], [0.005, 0.01, 0.03], [0.0, 0.0, 0.02], [0.01] * 3
    ),
    "as trained": RiskCurve([0.8, 0.9, 1.0], [0.01, 0.02, 0.03]),
}
RELIABILITY = {"with temperature": ReliabilityCurve([0.5, 0.9], [0.45, 0.92])}


def test_the_curves_have_the_values_and_the_first_has_a_band() -> None:
    risk, calibration = risk_figure(CURVES, RELIABILITY).axes
    lines = {line.get_label(): np.asarray(line.get_xydata()) for line in risk.lines}
    for name, curve in CURVES.items():
        np.testing.assert_array_equal(lines[name], np.stack([curve.coverages, curve.risks], 1))
    assert len(risk.collections) == 1
    np.testing.assert_array_equal(
        np.asarray(calibration.lines[0].get_xydata()), [[0.5, 0.45], [0.9, 0.92]]
    )


def test_axes_are_named_and_no_texts_overlap() -> None:
    figure = risk_figure(CURVES, RELIABILITY)
    risk, calibration = figure.axes
    assert risk.get_xlabel() == "share of the beats that are answered"
    assert risk.get_ylabel() == "wrong among the answered beats"
    assert risk.get_ylim()[0] == 0
    assert calibration.get_xlabel() == "probability of the most probable class"
    assert_clear(figure)

"""Risk against coverage, and reliability: whether a network knows what it does not know."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ecg_lightning.figures.style import blank_figure
from ecg_lightning.palette import INK, RULE, SOFT_INK

# No class colours. The curves differ in lightness, line style and marker as well.
STYLES = ((INK, "-", "o"), ("#8C97A8", "--", "s"), ("#5A7FB0", ":", "^"), ("#B08A5A", "-.", "v"))


class RiskCurve(NamedTuple):
    """Risk against coverage; shares in [0, 1], all of the same length.

    Attributes:
        coverages: The share of the beats that are answered.
        risks: The share of these that are wrong.
        lows: The lower ends of the risks' intervals; empty for none.
        highs: The upper ends.
    """

    coverages: Sequence[float]
    risks: Sequence[float]
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()


class ReliabilityCurve(NamedTuple):
    """How probable an event was on average in each bin, and how often it happened."""

    probabilities: Sequence[float]
    observed: Sequence[float]


def risk_figure(
    curves: Mapping[str, RiskCurve], reliability: Mapping[str, ReliabilityCurve]
) -> Figure:
    """Draw risk against coverage, and next to it the reliability of the probabilities.

    Args:
        curves: Label to curve, at most four; the first is drawn most strongly.
        reliability: Label to curve, at most four.

    Returns:
        The figure. Axes 0 has the risks, axes 1 the reliability, both in percent.
    """
    figure = blank_figure(10.0, 4.4, layout="constrained")
    risk, calibration = figure.subplots(1, 2)
    for (label, curve), style in zip(curves.items(), STYLES, strict=False):
        _draw_risk(risk, label, curve, style)
    for (label, points), style in zip(reliability.items(), STYLES, strict=False):
        _draw_reliability(calibration, label, points, style)
    risk.set_xlabel("share of the beats that are answered", fontsize=12, color=INK)
    risk.set_ylabel("wrong among the answered beats", fontsize=12, color=INK)
    risk.set_ylim(bottom=0)
    calibration.plot([0, 1], [0, 1], color=SOFT_INK, linewidth=1, linestyle=":", zorder=1)
    calibration.set(xlim=(0, 1), ylim=(0, 1))
    calibration.set_xlabel("probability of the most probable class", fontsize=12, color=INK)
    calibration.set_ylabel("share of the beats that are right", fontsize=12, color=INK)
    for axes in (risk, calibration):
        _style(axes)
    return figure


def _draw_risk(axes: Axes, label: str, curve: RiskCurve, style: tuple[str, str, str]) -> None:
    colour, line, _ = style
    axes.plot(curve.coverages, curve.risks, line, color=colour, linewidth=2, label=label)
    if curve.lows:
        axes.fill_between(
            curve.coverages, curve.lows, curve.highs, color=colour, alpha=0.15, linewidth=0
        )


def _draw_reliability(
    axes: Axes, label: str, points: ReliabilityCurve, style: tuple[str, str, str]
) -> None:
    colour, line, marker = style
    axes.plot(
        points.probabilities,
        points.observed,
        line,
        color=colour,
        marker=marker,
        markersize=5,
        linewidth=1.6,
        label=label,
    )


def _style(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.grid(color=RULE, linewidth=0.8)
    axes.tick_params(labelsize=11, color=RULE, labelcolor=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.legend(loc="upper left", fontsize=11, frameon=False, labelcolor=INK)

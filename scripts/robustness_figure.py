"""Draw how F1 of V and S depends on noise, gain, sampling rate, length and form of recordings."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from robust_conditions import WHOLE, Condition

from ecg_lightning.figures.style import blank_figure
from ecg_lightning.palette import INK, RULE

Key = tuple[str, str, str]  # model, positions, condition
TITLES = {"experts": "experts' positions", "found": "from the raw signal"}
LINES: Mapping[str, tuple[Literal["-", "--"], str]] = {"V F1": ("-", "o"), "S F1": ("--", "s")}
COLOURS = ("#0B3C5D", "#D9480F", "#2B8A3E", "#7048E8")
AXES = {
    "form": "leads and form",
    "noise bw": "baseline wander, dB",
    "noise em": "electrode motion, dB",
    "noise ma": "muscle noise, dB",
    "gain": "gain",
    "rate": "sampling rate, Hz",
    "pieces": "length of pieces, s",
}
SHORT = {
    WHOLE: "as is",
    "causal": "causal",
    "lead 1 only": "only 1",
    "lead 2 only": "only 2",
    "lead 1 inverted": "1 inv.",
    "both leads inverted": "both inv.",
}


def robustness_figure(
    scores: Mapping[Key, Mapping[str, float]], models: Sequence[str], known: Sequence[Condition]
) -> Figure:
    """Draw a row for each panel of conditions, a column for each kind of positions.

    Args:
        scores: (model, positions, condition) to scores in percent.
        models: Their labels.
        known: All conditions, in their order.
    """
    columns = [one for one in TITLES if any(key[1] == one for key in scores)]
    names = {key[2] for key in scores}
    rows = [panel for panel in AXES if any(c.name in names for c in known if c.panel == panel)]
    figure = blank_figure(2.8 * len(columns), 1.65 * len(rows) + 0.7, layout="constrained")
    grid = figure.subplots(len(rows), len(columns), sharey=True, squeeze=False)
    for row, panel in enumerate(rows):
        for column, positions in enumerate(columns):
            axes = grid[row, column]
            _draw(axes, scores, models, _of_panel(known, panel, names), positions)
            axes.set_xlabel(AXES[panel], fontsize=9, color=INK, labelpad=2)
    for column, positions in enumerate(columns):
        grid[0, column].set_title(TITLES[positions], fontsize=10, color=INK)
    figure.supylabel("F1, %", fontsize=10, color=INK)
    figure.legend(
        handles=[
            Line2D(
                [],
                [],
                color=COLOURS[i],
                linestyle=line,
                marker=marker,
                markersize=3,
                label=f"{model}: {title.split()[0]}",
            )
            for i, model in enumerate(models)
            for title, (line, marker) in LINES.items()
        ],
        loc="outside lower center",
        ncols=min(2, len(models)),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
    return figure


def _of_panel(known: Sequence[Condition], panel: str, names: set[str]) -> list[Condition]:
    """The conditions of a panel, with the recording as it is where it belongs."""
    own = [one for one in known if one.panel == panel and one.name in names]
    whole = known[0]
    if panel == "gain":
        own = sorted([*own, whole], key=lambda one: _place(one, 1.0))
    elif panel != "form" and panel != "rate":
        own = [whole, *own] if panel.startswith("noise") else [*own, whole]
    return own


def _place(condition: Condition, instead: float) -> float:
    value = condition.value
    return instead if isinstance(value, str) else float(value)


def _draw(
    axes: Axes,
    scores: Mapping[Key, Mapping[str, float]],
    models: Sequence[str],
    own: Sequence[Condition],
    positions: str,
) -> None:
    is_form = own[0].panel == own[-1].panel == "form"
    for index, model in enumerate(models):
        for title, (line, marker) in LINES.items():
            values = [
                scores.get((model, positions, one.name), {}).get(title, np.nan) for one in own
            ]
            axes.plot(
                range(len(own)),
                values,
                color=COLOURS[index % len(COLOURS)],
                marker=marker,
                markersize=4 if is_form else 3,
                linestyle="none" if is_form else line,
                markerfacecolor="white" if title == "S F1" else None,
                linewidth=1.4,
                clip_on=False,
            )
    labels = [_label(one, own) for one in own]
    axes.set_xticks(range(len(own)), labels, rotation=30 if is_form else 0)
    axes.set(ylim=(0, 103), xlim=(-0.3, len(own) - 0.7))
    axes.tick_params(labelsize=7.5, color=RULE, labelcolor=INK, pad=2)
    axes.grid(color=RULE, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)


def _label(condition: Condition, own: Sequence[Condition]) -> str:
    if condition.value != WHOLE or condition.panel == own[-1].panel == own[0].panel:
        value = condition.value
        return SHORT.get(value, value) if isinstance(value, str) else f"{value:g}"
    other = next(one.panel for one in own if one is not condition)
    return {"gain": "1", "pieces": "whole"}.get(other, "none")

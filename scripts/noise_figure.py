"""Draw how well beats are found in noise: a panel for each noise, a line for each detector."""

from collections.abc import Mapping

from detection_scores import Score
from matplotlib.figure import Figure

from ecg_lightning.figures.style import blank_figure

NAMES = {"bw": "baseline wander", "em": "electrode motion", "ma": "muscle noise"}
LINES = ("-", "-", "--", "--", ":", "-.", "-.")
COLOURS = ("#0B3C5D", "#D9480F", "#2B8A3E", "#868E96", "#7048E8", "#1098AD", "#E8A200")


def noise_figure(
    scores: Mapping[tuple[str, str], Mapping[int, Score]], titles: Mapping[str, str]
) -> Figure:
    """Draw F1 over the signal-to-noise ratio.

    Args:
        scores: (noise, detector) to ratio in decibels to score.
        titles: Detector to its name in tables.
    """
    noises = list(dict.fromkeys(noise for noise, _ in scores))
    figure = blank_figure(10.0, 3.9, layout="constrained")
    panels = figure.subplots(1, len(noises), sharey=True, squeeze=False)[0]
    for panel, noise in zip(panels, noises, strict=True):
        own = {name: group for (kind, name), group in scores.items() if kind == noise}
        for index, (name, group) in enumerate(own.items()):
            snrs = sorted(group)
            panel.plot(
                snrs,
                [100 * group[snr_db].f1 for snr_db in snrs],
                LINES[index % len(LINES)],
                color=COLOURS[index % len(COLOURS)],
                linewidth=2.2 if index < 2 else 1.3,
                marker="o",
                markersize=3,
                label=titles[name].strip("*"),
            )
        panel.set_title(NAMES.get(noise, noise), fontsize=10)
        panel.set_xlabel("signal-to-noise ratio, dB")
        panel.set_xticks(snrs)
        panel.invert_xaxis()
        panel.grid(color="#E0E4EA", linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("F1 of beats, %")
    lines, labels = panels[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8.5)
    return figure

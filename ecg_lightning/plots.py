"""The pictures of a run and of its data, as matplotlib `Figure`s on the Agg canvas (no window, no pyplot state).

One class has one colour in every picture. The colours stay apart under simulated protanopia, deuteranopia and
tritanopia, and no picture tells classes apart by colour alone: the class's letter always stands beside it.
"""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullLocator, PercentFormatter
from scipy.optimize import isotonic_regression

from ecg_lightning.classes import CLASS_NAMES, NO_BEAT, ClassMap
from ecg_lightning.errors import InputError

CLASS_COLOURS: Mapping[str, str] = {"N": "#3A66C8", "S": "#F0C030", "V": "#B8391B", "F": "#2CC295", "Q": "#5F3A66"}
CLASS_MEANINGS: Mapping[str, str] = {
    "N": "normal",
    "S": "supraventricular",
    "V": "ventricular",
    "F": "fusion",
    "Q": "paced, other",
}
OTHER_COLOUR = "#7A7F87"  # a class outside EC57's five
INK, SOFT_INK, RULE = "#1D2430", "#5B6472", "#D9DDE3"
SHADES = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", "#C9D3E0", "#7E90AB", "#2B3A55"])
DPI = 150
MM_PER_INCH = 25.4


class Strip(Protocol):
    """What `strip_figure` reads of a record; `ecg_lightning.records.Record` has it."""

    @property
    def name(self) -> str:
        """The record's name."""

    @property
    def fs_hz(self) -> float:
        """Sampling rate."""

    @property
    def lead(self) -> str:
        """The channel's name."""

    @property
    def signal(self) -> npt.NDArray[np.float64]:
        """Millivolts (T,), NaN where invalid."""

    @property
    def annotation_samples(self) -> npt.NDArray[np.int64]:
        """Positions (A,), ascending."""

    @property
    def annotation_symbols(self) -> npt.NDArray[np.str_]:
        """Symbols (A,)."""


def class_colour(name: str) -> str:
    """The colour of a class, the same in every picture."""
    return CLASS_COLOURS.get(name, OTHER_COLOUR)


def readable_on(colour: Any) -> str:
    """White or ink, whichever has the higher WCAG 2 contrast on `colour` (any matplotlib colour)."""
    luminance = _luminance(colour)
    white, ink = 1.05 / (luminance + 0.05), (luminance + 0.05) / (_luminance(INK) + 0.05)
    return "#FFFFFF" if white > ink else INK


def png_bytes(figure: Figure) -> bytes:
    """The figure as a PNG file's bytes, at `DPI` dots an inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _luminance(colour: Any) -> float:
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)  # sRGB, as WCAG 2 defines it
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _figure(width_in: float, height_in: float, layout: Any = None) -> Figure:
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _percent(share: float) -> str:
    """A share in percent, `97.4`; what is not quite nothing, or not quite all, never reads as 0 or 100."""
    if math.isnan(share):
        return "\N{EN DASH}"  # an empty class has no share
    if 0 < share < 0.0005:
        return "<0.1"
    if 0.9995 <= share < 1:
        return ">99.9"
    return f"{100 * share:.1f}" if 0 < share < 1 else f"{100 * share:.0f}"


def _badge(name: str) -> dict[str, Any]:
    """Text properties of a class's letter on a patch of its colour."""
    colour = class_colour(name)
    box = {"boxstyle": "round,pad=0.28", "facecolor": colour, "edgecolor": "none"}
    return {"color": readable_on(colour), "fontweight": "bold", "bbox": box}


# --- confusion matrix -------------------------------------------------------------------------------------------------


def confusion_matrix_figure(matrix: npt.ArrayLike, class_names: Sequence[str]) -> Figure:
    """A confusion matrix as counts (left) and as shares of the true class (right), rows the true class.

    Both sides are shaded by the share of the true class: shaded by count, a part where most beats are normal would
    show one dark cell and four white rows.

    Args:
        matrix: Counts (K, K), rows the true class, columns the predicted one.
        class_names: The K names.

    Returns:
        The figure: axes 0 counts, axes 1 percentages (a dash in the row of a class without beats).

    Raises:
        ValueError: The matrix is not K x K.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    size = len(class_names)
    if counts.shape != (size, size):
        raise ValueError(f"matrix: expected shape {(size, size)} for {size} classes, got {counts.shape}")
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    figure = _figure(8.8, 4.85)
    edges = {"left": 0.105, "right": 0.985, "bottom": 0.15, "top": 0.83, "wspace": 0.24}
    left, right = figure.subplots(1, 2, gridspec_kw=edges)
    _cells(left, shares, [[f"{n:,}" for n in row] for row in counts], class_names)
    _cells(right, shares, [[_percent(share) for share in row] for row in shares], class_names)
    left.set_title("beats", fontsize=13, color=INK, pad=8)
    right.set_title("% of the true class", fontsize=13, color=INK, pad=8)
    _matrix_title(figure, int(np.trace(counts)), int(counts.sum()))
    return figure


def _matrix_title(figure: Figure, right: int, total: int) -> None:
    figure.text(0.02, 0.95, "Confusion matrix", fontsize=18, fontweight="bold", color=INK, va="center")
    accuracy = f"{100 * right / total:.2f} % accuracy, {right:,} of {total:,} beats" if total else "no beats"
    figure.text(0.985, 0.95, accuracy, fontsize=14, color=SOFT_INK, va="center", ha="right")


def _cells(axes: Axes, shares: npt.NDArray[np.float64], texts: Sequence[Sequence[str]], names: Sequence[str]) -> None:
    axes.pcolormesh(np.nan_to_num(shares), cmap=SHADES, vmin=0, vmax=1, edgecolors=RULE, linewidth=1)
    size = min(14.0, 63 / max(len(text) for row in texts for text in row)) * min(1.0, 5 / len(names))
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            shade = SHADES(float(np.nan_to_num(shares[i, j])))
            colour = readable_on(shade) if shares[i, j] > 0 else SOFT_INK
            weight = "bold" if i == j else "normal"
            axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", fontsize=size, color=colour, fontweight=weight)
    _class_axes(axes, names)


def _class_axes(axes: Axes, names: Sequence[str]) -> None:
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_xticks(np.arange(len(names)) + 0.5, list(names), fontsize=13)
    axes.set_yticks(np.arange(len(names)) + 0.5, list(names), fontsize=13)
    axes.tick_params(length=0, pad=9)
    axes.spines[:].set_visible(False)
    for label, name in zip([*axes.get_xticklabels(), *axes.get_yticklabels()], [*names, *names], strict=True):
        label.set(**_badge(name))
    axes.set_xlabel("predicted class", fontsize=13, color=INK, labelpad=6)
    axes.set_ylabel("true class", fontsize=13, color=INK, labelpad=6)


# --- training curves --------------------------------------------------------------------------------------------------

HistoryRow = Mapping[str, float | str | None]
# Not class colours: the two parts are told apart by lightness, line style and marker as well.
CURVES = (("train", "training", "#8C97A8", "--", "o"), ("val", "validation", INK, "-", "s"))


def curves_figure(history: Sequence[HistoryRow]) -> Figure:
    """Loss and accuracy over the epochs, training and validation, with the epoch of the lowest validation loss marked.

    Args:
        history: Rows as in a run's metrics.csv: `epoch`, the first being 0, and any of `train_loss`, `train_accuracy`, `val_loss`,
            `val_accuracy`. One epoch may be spread over several rows; empty, missing and non-finite values are left
            out.

    Returns:
        The figure: axes 0 loss (on a log scale where it spans more than 1:30), axes 1 accuracy in percent.
    """
    figure = _figure(7.2, 6.8, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08))
    loss, accuracy = figure.subplots(2, 1, sharex=True)
    for part, label, colour, style, marker in CURVES:
        for axes, quantity in ((loss, "loss"), (accuracy, "accuracy")):
            points = _series(history, f"{part}_{quantity}")
            size = 5 if len(points) <= 40 else 0
            axes.plot(*_columns(points), style, color=colour, marker=marker, markersize=size, linewidth=2, label=label)
    _loss_scale(loss)
    _curve_axes(loss, accuracy)
    _mark_best(loss, accuracy, history)
    figure.align_ylabels()
    figure.suptitle("Training", x=0.02, ha="left", fontsize=18, fontweight="bold", color=INK)
    return figure


def _number(value: float | str | None) -> float:
    return math.nan if value is None or value == "" else float(value)


def _series(history: Sequence[HistoryRow], key: str) -> dict[int, float]:
    """Epoch -> the last finite value of `key`."""
    values = ((int(_number(row["epoch"])) + 1, _number(row.get(key))) for row in history)
    return dict(sorted({epoch: value for epoch, value in values if math.isfinite(value)}.items()))


def _columns(points: Mapping[int, float]) -> tuple[list[int], list[float]]:
    return list(points), list(points.values())


def _loss_scale(axes: Axes) -> None:
    """From 0, or logarithmic where a few large losses would press all others flat."""
    values = [float(y) for line in axes.lines for y in np.asarray(line.get_ydata())]
    log = bool(values) and min(values) > 0 and max(values) > 30 * min(values)
    axes.set_ylabel("cross-entropy loss" + (", log scale" if log else ""), fontsize=13, color=INK)
    if not log:
        axes.set_ylim(0, 1.08 * max(values, default=1.0) or 1.0)
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _curve_axes(loss: Axes, accuracy: Axes) -> None:
    accuracy.set_ylabel("accuracy", fontsize=13, color=INK)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    accuracy.set_xlabel("epoch", fontsize=13, color=INK)
    accuracy.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes in (loss, accuracy):
        axes.grid(color=RULE, linewidth=0.8)
        axes.tick_params(labelsize=12, color=RULE, labelcolor=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)
    accuracy.legend(loc="lower right", fontsize=12, framealpha=0.9, edgecolor="none", labelcolor=INK)


def _mark_best(loss: Axes, accuracy: Axes, history: Sequence[HistoryRow]) -> None:
    losses, accuracies = _series(history, "val_loss"), _series(history, "val_accuracy")
    if not losses:
        return
    best = min(losses, key=lambda epoch: losses[epoch])
    text = f"lowest validation loss: epoch {best}, loss {losses[best]:.4f}"
    for axes, values in ((loss, losses), (accuracy, accuracies)):
        axes.axvline(best, color=SOFT_INK, linewidth=1.2, linestyle=":", zorder=1)
        if best in values:
            axes.plot(best, values[best], "o", markersize=12, mfc="none", mec=INK, mew=1.6)
    text += f", accuracy {100 * accuracies[best]:.2f} %" if best in accuracies else ""
    loss.set_title(text, loc="right", fontsize=12, color=SOFT_INK)


# --- class shares -----------------------------------------------------------------------------------------------------

INSIDE_SHARE = 0.06  # a wedge at least this large holds its own letter
LABEL_GAP_DEG = 17.0
RING_WIDTH = 0.36
PART_TITLES: Mapping[str, str] = {"train": "training"}


def classes_figure(beats_by_part: Mapping[str, Mapping[str, int]]) -> Figure:
    """How many beats of which class each part holds: a ring for each part, and its counts beside it.

    Args:
        beats_by_part: Part ("train", "validation", "test") -> class -> beats, in the order in which they are drawn.

    Returns:
        The figure: for part i, axes 2i is the ring (wedges in the order of the classes that have beats, clockwise) and
        axes 2i + 1 its table of class, beats and share.

    Raises:
        ValueError: There is no part.
    """
    if not beats_by_part:
        raise ValueError("beats_by_part: expected at least one part, got none")
    rows = len(beats_by_part)
    figure = _figure(7.4, 0.75 + 2.45 * rows)
    top = 1 - 0.7 / figure.get_figheight()
    edges = {"left": 0.0, "right": 0.97, "bottom": 0.01, "top": top, "wspace": 0.0, "hspace": 0.03}
    grid = figure.add_gridspec(rows, 2, width_ratios=(3, 4), **edges)
    for row, (part, beats) in enumerate(beats_by_part.items()):
        _ring(figure.add_subplot(grid[row, 0]), {name: n for name, n in beats.items() if n})
        _ring_table(figure.add_subplot(grid[row, 1]), PART_TITLES.get(part, part), beats)
    height = 1 - 0.36 / figure.get_figheight()
    figure.text(0.03, height, "Beats by class", fontsize=18, fontweight="bold", color=INK, va="center")
    return figure


def _ring(axes: Axes, beats: Mapping[str, int]) -> None:
    total = sum(beats.values())
    axes.set(xlim=(-1.25, 1.45), ylim=(-1.4, 1.4), aspect="equal")
    axes.axis("off")
    axes.text(0, 0.09, f"{total:,}", ha="center", va="center", fontsize=13, fontweight="bold", color=INK)
    axes.text(0, -0.15, "beats", ha="center", va="center", fontsize=11, color=SOFT_INK)
    if not total:
        axes.pie([1], colors=["#EEF0F3"], wedgeprops={"width": RING_WIDTH}, frame=True)
        return
    names, ends = list(beats), -360 * np.cumsum([0, *beats.values()]) / total
    middles = (ends[:-1] + ends[1:]) / 2
    # The largest wedge looks left, so that the slivers, which need room outside, lie on the table's side.
    largest = int(np.argmax([beats[name] for name in names]))
    start = 180.0 - float(middles[largest])
    colours = [class_colour(name) for name in names]
    edge = {"width": RING_WIDTH, "edgecolor": "white", "linewidth": 1.0}
    sizes = [beats[name] for name in names]
    axes.pie(sizes, colors=colours, startangle=start, counterclock=False, wedgeprops=edge, frame=True)
    _ring_labels(axes, names, middles + start, [beats[name] / total for name in names])


def _ring_labels(axes: Axes, names: Sequence[str], angles: npt.NDArray[np.float64], shares: Sequence[float]) -> None:
    """A letter on each large wedge, and one outside, on a leader line, for each sliver."""
    slivers = [i for i, share in enumerate(shares) if share < INSIDE_SHARE]
    # Counted clockwise from the largest wedge's middle (180 degrees), so no two slivers stand across the cut.
    turns = (180.0 - angles[slivers]) % 360.0
    order = np.argsort(turns)
    spread = dict(zip([slivers[i] for i in order], 180.0 - _spread(turns[order], LABEL_GAP_DEG), strict=True))
    for i, name in enumerate(names):
        if i in spread:
            _leader(axes, name, angles[i], spread[i])
        else:
            look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 13, "fontweight": "bold"}
            axes.text(*_polar(1 - RING_WIDTH / 2, angles[i]), name, color=readable_on(class_colour(name)), **look)


def _spread(values: npt.NDArray[np.float64], gap: float) -> npt.NDArray[np.float64]:
    """Ascending `values`, moved as little as possible (least squares) so that neighbours are `gap` or more apart."""
    if len(values) == 0:
        return values
    steps = gap * np.arange(len(values))
    moved: npt.NDArray[np.float64] = isotonic_regression(values - steps).x + steps
    return moved


def _leader(axes: Axes, name: str, wedge_deg: float, label_deg: float) -> None:
    points = [_polar(0.98, wedge_deg), _polar(1.08, wedge_deg), _polar(1.15, label_deg)]
    axes.plot([x for x, _ in points], [y for _, y in points], color=SOFT_INK, linewidth=0.9, solid_capstyle="round")
    axes.text(*_polar(1.27, label_deg), name, ha="center", va="center", fontsize=11, **_badge(name))


def _polar(radius: float, degrees: float) -> tuple[float, float]:
    return radius * math.cos(math.radians(degrees)), radius * math.sin(math.radians(degrees))


def _ring_table(axes: Axes, title: str, beats: Mapping[str, int]) -> None:
    """The part's name, then one line a class: letter, meaning, beats, share."""
    axes.set(xlim=(0, 1), ylim=(len(beats) + 0.6, -0.6))
    axes.axis("off")
    total = sum(beats.values())
    axes.text(0.0, 0.0, title, ha="left", va="center", fontsize=13, fontweight="bold", color=INK)
    for x, header in ((0.77, "beats"), (1.0, "%")):
        axes.text(x, 0.0, header, ha="right", va="center", fontsize=11, color=SOFT_INK)
    for row, (name, n) in enumerate(beats.items(), start=1):
        axes.axhline(row - 0.5, color=RULE, linewidth=0.8)
        axes.text(0.05, row, name, ha="center", va="center", fontsize=11, **_badge(name))
        axes.text(0.12, row, CLASS_MEANINGS.get(name, ""), ha="left", va="center", fontsize=11, color=SOFT_INK)
        axes.text(0.77, row, f"{n:,}", ha="right", va="center", fontsize=13, color=INK)
        share = _percent(n / total if total else math.nan)
        axes.text(1.0, row, share, ha="right", va="center", fontsize=13, color=INK)


# --- a strip of ECG ---------------------------------------------------------------------------------------------------

MM_PER_S, MM_PER_MV = 25.0, 10.0  # the paper's standard speed and gain
PAPER, SMALL_LINE, LARGE_LINE = "#FFF8F5", "#F8DDD5", "#EDB5A6"
WIDEST_MM, NARROWEST_MM, TALLEST_MV = 300.0, 160.0, 8.0
MARGINS_MM = (18.0, 5.0, 17.0, 18.0)  # left, right, bottom, top of the narrowest strip
POINT_MM = MM_PER_INCH / 72


def strip_figure(record: Strip, start_s: float, duration_s: float, class_map: ClassMap) -> Figure:
    """A strip of ECG on standard paper, its beats marked with their class.

    Small boxes are 0.04 s by 0.1 mV, large ones 0.2 s by 0.5 mV, and always square, as at 25 mm/s and 10 mm/mV; the
    strip is drawn at that very size where it is 160 to 300 mm long, and scaled otherwise.

    Args:
        record: The record: a `Record`, or anything with its attributes.
        start_s: The strip's start, seconds from the record's.
        duration_s: Its length in seconds; it ends with the record at the latest.
        class_map: Which symbol counts as which class; other symbols are not drawn.

    Returns:
        The figure, with one axes: seconds across, millivolts up.

    Raises:
        InputError: The strip does not lie in the record.
    """
    end_s = _strip_end(record, start_s, duration_s)
    first, last = math.ceil(start_s * record.fs_hz), math.ceil(end_s * record.fs_hz)
    signal = record.signal[first:last]
    axes, zoom = _paper((start_s, end_s), _strip_range(signal))
    _strip_grid(axes, zoom)
    axes.plot(np.arange(first, last) / record.fs_hz, signal, color=INK, linewidth=1.2 * zoom, zorder=3)
    seen = _mark_beats(axes, record, first, last, class_map, zoom)
    _strip_titles(axes, f"Record {record.name}, lead {record.lead}", seen, zoom)
    figure = axes.figure
    return figure if isinstance(figure, Figure) else figure.figure


def _strip_end(record: Strip, start_s: float, duration_s: float) -> float:
    length_s = len(record.signal) / record.fs_hz
    if not (0 <= start_s < length_s and duration_s > 0):
        raise InputError(
            f"strip of record {record.name}: expected a start in [0, {length_s:.1f}) s and a duration above 0 s, "
            f"found start {start_s:g} s and duration {duration_s:g} s; choose a strip inside the record"
        )
    return min(start_s + duration_s, length_s)


def _strip_range(signal: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Millivolts at the paper's lower and upper edge, on large boxes; a signal too tall for a page runs off it."""
    valid = signal[np.isfinite(signal)]
    if len(valid) == 0:
        return -1.0, 1.0
    middle = float(np.median(valid))
    low, high = max(float(valid.min()), middle - TALLEST_MV / 2), min(float(valid.max()), middle + TALLEST_MV / 2)
    return math.floor((low - 0.1) / 0.5) * 0.5, math.ceil((high + 0.1) / 0.5) * 0.5


def _paper(seconds: tuple[float, float], millivolts: tuple[float, float]) -> tuple[Axes, float]:
    """Axes that measure the paper's own size, with room around them, and the zoom of all lettering.

    The lettering grows with the figure's width, so that a long strip shrunk to a page or a phone can still be read.
    """
    width, height = MM_PER_S * (seconds[1] - seconds[0]), MM_PER_MV * (millivolts[1] - millivolts[0])
    scale = min(max(width, NARROWEST_MM), WIDEST_MM) / width
    width, height, zoom = scale * width, scale * height, scale * width / NARROWEST_MM
    left, right, bottom, top = (zoom * margin for margin in MARGINS_MM)
    whole_w, whole_h = left + width + right, bottom + height + top
    figure = _figure(whole_w / MM_PER_INCH, whole_h / MM_PER_INCH)
    axes = figure.add_axes((left / whole_w, bottom / whole_h, width / whole_w, height / whole_h), facecolor=PAPER)
    axes.set(xlim=seconds, ylim=millivolts)
    return axes, zoom


def _size_mm(axes: Axes) -> tuple[float, float]:
    box = axes.get_window_extent()
    return box.width / DPI * MM_PER_INCH, box.height / DPI * MM_PER_INCH


def _mm_per_s(axes: Axes) -> float:
    return _size_mm(axes)[0] / float(np.ptp(axes.get_xlim()))


def _strip_grid(axes: Axes, zoom: float) -> None:
    mm_per_s = _mm_per_s(axes)
    fine = 0.04 * mm_per_s > 0.6  # closer lines would only tint the paper
    for step, colour, width in ((0.04, SMALL_LINE, 0.5), (0.2, LARGE_LINE, 0.9))[0 if fine else 1 :]:
        look: dict[str, Any] = {"colors": colour, "linewidth": width, "zorder": 1}
        axes.vlines(_lines(axes.get_xlim(), step), 0, 1, transform=axes.get_xaxis_transform(), **look)
        heights = _lines(axes.get_ylim(), step * MM_PER_S / MM_PER_MV)
        axes.hlines(heights, 0, 1, transform=axes.get_yaxis_transform(), **look)
    axes.xaxis.set_major_locator(MultipleLocator(_tick_step((1, 2, 5, 10, 30, 60), mm_per_s, 10 * zoom)))
    axes.yaxis.set_major_locator(MultipleLocator(_tick_step((0.5, 1, 2, 5), mm_per_s * MM_PER_MV / MM_PER_S, 5 * zoom)))
    axes.tick_params(labelsize=11 * zoom, length=3 * zoom, color=LARGE_LINE, labelcolor=INK)
    axes.spines[:].set_color(LARGE_LINE)


def _lines(limits: tuple[float, float], step: float) -> npt.NDArray[np.float64]:
    """The multiples of `step` within `limits`."""
    return np.float64(step) * np.arange(math.ceil(limits[0] / step - 1e-6), math.floor(limits[1] / step + 1e-6) + 1)


def _tick_step(steps: Sequence[float], mm_per_unit: float, least_mm: float) -> float:
    """The smallest step whose ticks are `least_mm` apart, or else the largest there is."""
    return next((step for step in steps if step * mm_per_unit >= least_mm), steps[-1])


def _mark_beats(axes: Axes, record: Strip, first: int, last: int, class_map: ClassMap, zoom: float) -> list[str]:
    """Marks the beats in samples [first, last), a dot on the trace and a letter above; returns each beat's class."""
    inside = slice(*np.searchsorted(record.annotation_samples, [first, last]))
    labels = class_map.labels(record.annotation_symbols[inside])
    names = [CLASS_NAMES[label] for label in labels if label != NO_BEAT]
    samples = record.annotation_samples[inside][labels != NO_BEAT]
    top, size = axes.get_ylim()[1], _letter_size(axes, samples / record.fs_hz, zoom)
    for name, sample in zip(names, samples.tolist(), strict=True):
        time_s, height, colour = sample / record.fs_hz, float(record.signal[sample]), class_colour(name)
        axes.plot([time_s, time_s], [height, top], color=colour, linewidth=1.1 * zoom, zorder=2)
        axes.plot(time_s, height, "o", color=colour, markersize=4 * zoom, zorder=4)
        offset: dict[str, Any] = {"xytext": (0, 9 * zoom), "textcoords": "offset points"}
        axes.annotate(
            name,
            (time_s, top),
            fontsize=size,
            ha="center",
            va="center",
            annotation_clip=False,
            **offset,
            **_badge(name),
        )
    return names


def _letter_size(axes: Axes, times_s: npt.NDArray[np.float64], zoom: float) -> float:
    """Points; a letter's patch, up to 1.7 times as wide as the font size, stays clear of the next beat's."""
    gap_mm = _mm_per_s(axes) * float(np.diff(times_s).min(initial=np.inf))
    return max(4.0, min(10.5 * zoom, gap_mm / 1.7 / POINT_MM))


def _strip_titles(axes: Axes, title: str, seen: Sequence[str], zoom: float) -> None:
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "center"}
    head: dict[str, Any] = {"fontsize": 14 * zoom, "fontweight": "bold", "color": INK}
    axes.annotate(title, (0, 1), xytext=(0, 33 * zoom), ha="left", **place, **head)
    boxes = "large box 0.2 s, 0.5 mV"
    axes.annotate(boxes, (1, 1), xytext=(0, 33 * zoom), ha="right", fontsize=11 * zoom, color=SOFT_INK, **place)
    axes.set_xlabel("time (s)", fontsize=12 * zoom, color=INK, loc="left")
    room = _size_mm(axes)[1] > 32 * zoom
    axes.set_ylabel("potential (mV)" if room else "mV", fontsize=12 * zoom, color=INK)
    _strip_legend(axes, [name for name in CLASS_NAMES if name in seen], zoom)


def _strip_legend(axes: Axes, names: Sequence[str], zoom: float) -> None:
    """The seen classes' meanings, to the right of the time axis's label."""
    handles = [Patch(color=class_colour(name), label=f"{name} {CLASS_MEANINGS[name]}") for name in names]
    below = (1.0, -21 * zoom * POINT_MM / _size_mm(axes)[1])
    spacing = {"columnspacing": 0.9, "handlelength": 0.9, "handletextpad": 0.4, "borderaxespad": 0, "borderpad": 0}
    look: dict[str, Any] = {"ncols": 5, "frameon": False, "fontsize": 9.5 * zoom, "labelcolor": INK}
    axes.legend(handles=handles, loc="upper right", bbox_to_anchor=below, **look, **spacing)

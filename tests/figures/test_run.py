"""What stands in the pictures: numbers, labels, wedges, colours, and that nothing overlaps."""

import io
import itertools
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from matplotlib.patches import Wedge

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.figures.classes import classes_figure
from ecg_lightning.figures.confusion import confusion_matrix_figure
from ecg_lightning.figures.curves import curves_figure
from ecg_lightning.figures.style import DPI, FigureFormat, figure_bytes, png_bytes
from ecg_lightning.palette import CLASS_COLOURS, INK, class_colour, readable_on
from ecg_lightning.text import shown_name
from tests.helpers.figures import assert_clear, texts_of

MATRIX = [
    [90021, 620, 210, 180, 56],
    [410, 2190, 60, 7, 4],
    [80, 40, 7420, 60, 9],
    [0] * 5,
    [20, 0, 9, 0, 8031],
]


# Colours


MACHADO = {  # Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}


def _linear(colour: str) -> npt.NDArray[np.float64]:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _lab(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ linear
    )
    f = np.cbrt(xyz / (0.9505, 1.0, 1.089))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", MACHADO)
def test_class_colours_stay_apart_for_every_vision(vision: str) -> None:
    """CIE76 differences of at least 30 (2.3 is just noticeable)."""
    seen = [
        _lab(np.clip(np.array(MACHADO[vision]) @ _linear(class_colour(name)), 0, 1))
        for name in CLASS_NAMES
    ]
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) >= 30


@pytest.mark.parametrize("colour", [*CLASS_COLOURS.values(), "#FFFFFF", "#000000", "#7E90AB"])
def test_letters_are_readable_on_colours(colour: str) -> None:
    """WCAG 2's contrast for large text is 3; black on white is 21."""
    weights = (0.2126, 0.7152, 0.0722)
    pair = sorted(float(_linear(c) @ weights) + 0.05 for c in (colour, readable_on(colour)))
    assert pair[1] / pair[0] >= 4.0


# Confusion matrix


def test_matrix_shows_counts_and_percentages_of_the_true_class() -> None:
    """Left the counts, right the rows' percentages; a row without beats has none."""
    figure = confusion_matrix_figure(MATRIX, CLASS_NAMES)
    counts, shares = figure.axes
    assert texts_of(counts) == [f"{n:,}" for row in MATRIX for n in row]
    assert texts_of(shares)[:5] == ["98.8", "0.7", "0.2", "0.2", "0.1"]  # of 91,087
    assert texts_of(shares)[15:20] == ["\N{EN DASH}"] * 5
    assert texts_of(shares)[20:] == ["0.2", "0", "0.1", "0", "99.6"]
    assert [counts.get_title(), shares.get_title()] == ["beats", "% of the true class"]
    assert figure.texts[1].get_text() == "98.39 % accuracy, 107,662 of 109,427 beats"


def test_matrix_axes_are_named_and_the_first_row_is_on_top() -> None:
    """Rows are the true class, from the top; both axes carry the classes' colours."""
    axes = confusion_matrix_figure(np.eye(5, dtype=int), CLASS_NAMES).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert axes.yaxis_inverted()
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert tuple(label.get_text() for label in labels) == CLASS_NAMES
        patches = [label.get_bbox_patch() for label in labels]
        colours = [to_rgb(patch.get_facecolor()) for patch in patches if patch is not None]
        assert colours == [to_rgb(CLASS_COLOURS[name]) for name in CLASS_NAMES]


def test_almost_nothing_and_almost_all_are_not_rounded_away() -> None:
    """3 of 91,087 is not 0, 91,084 of them are not 100."""
    shares = confusion_matrix_figure([[91084, 3], [0, 1]], ("N", "S")).axes[1]
    assert texts_of(shares) == [">99.9", "<0.1", "0", "100"]


def test_matrix_cells_have_contrast_and_room() -> None:
    """White on the dark diagonal, ink on white; no text leaves its cell or touches another."""
    figure = confusion_matrix_figure(MATRIX, CLASS_NAMES)
    assert_clear(figure)
    axes = figure.axes[0]
    assert axes.texts[0].get_color() == "#FFFFFF"
    assert axes.texts[1].get_color() == INK
    cell = axes.get_window_extent().width / 5
    assert max(text.get_window_extent().width for text in axes.texts) < 0.96 * cell


def test_matrix_of_no_beats_and_of_wrong_shape() -> None:
    """No beats, no accuracy; a wrong shape is refused."""
    assert (
        confusion_matrix_figure(np.zeros((5, 5), int), CLASS_NAMES).texts[1].get_text()
        == "no beats"
    )
    with pytest.raises(
        ValueError, match=r"matrix: expected shape \(5, 5\) for 5 classes, got \(2, 2\)"
    ):
        confusion_matrix_figure([[1, 0], [0, 1]], CLASS_NAMES)


# Curves


def _history(epochs: int) -> list[dict[str, float | str | None]]:
    rows: list[dict[str, float | str | None]] = []
    for epoch in range(epochs):
        rows.append(
            {
                "epoch": epoch,
                "val_loss": 1 + (epoch - 3) ** 2 / 10,
                "val_accuracy": 0.9 + epoch / 100,
            }
        )
        rows.append(
            {
                "epoch": epoch,
                "train_loss": 2 / (1 + epoch),
                "train_accuracy": 0.5 + epoch / 20,
                "val_loss": "",
            }
        )
    return rows


def _line(axes: Axes, label: str) -> tuple[list[float], list[float]]:
    line = next(line for line in axes.lines if line.get_label() == label)
    return np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()


def test_curves_hold_both_parts_and_mark_the_best_epoch() -> None:
    """Lines are the rows' values; the mark stands at the lowest validation loss, the fourth epoch's."""
    figure = curves_figure(_history(6))
    loss, accuracy = figure.axes
    epochs, shown = (
        list(range(6)),
        list(range(1, 7)),
    )  # people count from 1, as the lines of a run's log do
    assert _line(loss, "training") == (shown, [2 / (1 + e) for e in epochs])
    assert _line(loss, "validation") == (shown, [1 + (e - 3) ** 2 / 10 for e in epochs])
    assert _line(accuracy, "training") == (shown, [0.5 + e / 20 for e in epochs])
    assert _line(accuracy, "validation") == (shown, [0.9 + e / 100 for e in epochs])
    assert (
        loss.get_title(loc="right")
        == "lowest validation loss: epoch 4, loss 1.0000, accuracy 93.00 %"
    )
    assert [np.asarray(axes.lines[-1].get_xdata()).tolist() for axes in (loss, accuracy)] == [
        [4],
        [4],
    ]
    assert [np.asarray(axes.lines[-1].get_ydata()).tolist() for axes in (loss, accuracy)] == [
        [1.0],
        [0.93],
    ]


def test_curves_name_their_axes_and_units() -> None:
    """Loss, accuracy in percent, epochs as whole numbers."""
    figure = curves_figure(_history(6))
    loss, accuracy = figure.axes
    assert_clear(figure)
    assert loss.get_ylabel() == "cross-entropy loss"
    assert accuracy.get_ylabel() == "accuracy"
    assert accuracy.get_xlabel() == "epoch"
    assert all(label.get_text().endswith("%") for label in accuracy.get_yticklabels())
    assert [label.get_text() for label in accuracy.get_xticklabels()][1:-1] == [
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
    ]


def test_curves_take_a_log_scale_for_a_wild_start_only() -> None:
    """One huge loss must not flatten the rest."""
    history = _history(6)
    assert curves_figure(history).axes[0].get_yscale() == "linear"
    history[0]["val_loss"] = 300.0
    axes = curves_figure(history).axes[0]
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "cross-entropy loss, log scale"


def test_curves_leave_out_gaps_and_values_that_are_no_numbers() -> None:
    """NaN, None, empty and missing cells, no validation at all, and no rows at all."""
    rows: list[dict[str, float | str | None]] = [
        {"epoch": 0, "train_loss": "1.5"},
        {"epoch": 1, "train_loss": None},
        {"epoch": 2, "train_loss": float("nan")},
    ]
    loss = curves_figure(rows).axes[0]
    assert _line(loss, "training") == ([1], [1.5])
    assert loss.get_title(loc="right") == ""
    assert _line(curves_figure([]).axes[0], "training") == ([], [])


# Class shares

BEATS = {
    "train": {"N": 90887, "S": 2471, "V": 7409, "F": 614, "Q": 7860},
    "validation": {"N": 100, "S": 100, "V": 0, "F": 100, "Q": 100},
    "test": dict.fromkeys("NSVFQ", 0),
}


def _wedges(axes: Axes) -> list[Wedge]:
    return [patch for patch in axes.patches if isinstance(patch, Wedge)]


def test_wedges_are_the_shares_in_the_classes_colours() -> None:
    """A class's angle is its share of 360 degrees; a class without beats has no wedge."""
    axes = classes_figure(BEATS).axes
    shares = [(wedge.theta2 - wedge.theta1) / 360 for wedge in _wedges(axes[0])]
    assert shares == pytest.approx([n / 109241 for n in BEATS["train"].values()], abs=1e-6)
    for ring, names in ((axes[0], "NSVFQ"), (axes[2], "NSFQ")):
        colours = [to_rgb(wedge.get_facecolor()) for wedge in _wedges(ring)]
        assert colours == [to_rgb(CLASS_COLOURS[name]) for name in names]


def test_slivers_are_labelled_outside_and_large_wedges_inside() -> None:
    """S (2.3 %) and F (0.6 %) stand outside the ring of radius 1, each beside its own wedge."""
    ring = classes_figure(BEATS).axes[0]
    letters = {
        text.get_text(): text.get_position()
        for text in ring.texts
        if text.get_text() in CLASS_NAMES
    }
    for wedge, name in zip(_wedges(ring), CLASS_NAMES, strict=True):
        x, y = letters[name]
        assert (np.hypot(x, y) > 1) == (name in "SF")
        apart = (np.degrees(np.arctan2(y, x)) - (wedge.theta1 + wedge.theta2) / 2 + 180) % 360 - 180
        assert abs(apart) < 12
    assert len(ring.lines) == 2


def test_the_table_gives_counts_and_shares() -> None:
    """Every class is in every table, also the absent ones."""
    axes = classes_figure(BEATS).axes
    table = texts_of(axes[1])
    assert table[:3] == ["training", "beats", "%"]
    assert table[3:7] == ["N", "normal", "90,887", "83.2"]
    assert table[15:19] == ["F", "fusion", "614", "0.6"]
    assert texts_of(axes[3])[11:15] == ["V", "ventricular", "0", "0"]
    assert texts_of(axes[5])[3:7] == ["N", "normal", "0", "\N{EN DASH}"]
    assert [texts_of(ring)[0] for ring in axes[::2]] == ["109,241", "400", "0"]


@pytest.mark.parametrize(
    "beats",
    [
        BEATS["train"],
        {"N": 99_996, "S": 1, "V": 1, "F": 1, "Q": 1},
        {"N": 1, "S": 1, "V": 5000, "F": 1, "Q": 1},
        {"N": 1, "S": 5000, "V": 5000, "F": 1, "Q": 1},
        {"N": 500, "S": 499, "V": 0, "F": 20, "Q": 20},
    ],
)
def test_ring_labels_never_overlap(beats: dict[str, int]) -> None:
    """Also when four slivers stand side by side."""
    assert_clear(classes_figure({"train": beats, "test": beats}))


def test_no_part_is_refused() -> None:
    """A picture of nothing has no meaning."""
    with pytest.raises(ValueError, match="expected at least one part"):
        classes_figure({})


# Files and names


def test_png_has_the_figure_s_size() -> None:
    """At `DPI` dots an inch."""
    figure = confusion_matrix_figure(np.eye(5, dtype=int), CLASS_NAMES)
    pixels = imread(io.BytesIO(png_bytes(figure)))
    assert pixels.shape[:2] == (int(figure.get_figheight() * DPI), int(figure.get_figwidth() * DPI))


@pytest.mark.parametrize(
    ("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_the_same_figure_gives_the_same_bytes(kind: FigureFormat, start: bytes) -> None:
    """No date, no random names."""
    first, second = (
        figure_bytes(confusion_matrix_figure(np.eye(5, dtype=int), CLASS_NAMES), kind)
        for _ in range(2)
    )
    assert first.startswith(start)
    assert first == second


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("100", "100"),
        ("Müller", "Müller"),
        ("a\nb", "a?b"),
        ("漢", "?"),
        ("\udc80", "?"),
        ("x" * 30, "x" * 23 + "…"),
    ],
)
def test_shown_names(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_pyplot_is_never_imported() -> None:
    """No global figure state, no window system."""
    code = "import sys, ecg_lightning.figures.curves, ecg_lightning.figures.strip; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

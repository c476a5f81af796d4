"""The rings of class shares: wedges, letters, tables, and that nothing overlaps."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Wedge

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.figures.classes import classes_figure
from ecg_lightning.palette import CLASS_COLOURS
from tests.helpers.figures import assert_clear, texts_of

BEATS = {
    "train": {"N": 90887, "S": 2471, "V": 7409, "F": 614, "Q": 7860},
    "validation": {"N": 100, "S": 100, "V": 0, "F": 100, "Q": 100},
    "test": dict.fromkeys("NSVFQ", 0),
}


def _wedges(axes: Axes) -> list[Wedge]:
    return [patch for patch in axes.patches if isinstance(patch, Wedge)]


def test_wedges_are_the_shares_in_the_classes_colours() -> None:
    """A class's angle is its share of 360 degrees. A class without beats has no wedge."""
    axes = classes_figure(BEATS).axes
    shares = [(wedge.theta2 - wedge.theta1) / 360 for wedge in _wedges(axes[0])]
    assert shares == pytest.approx([n / 109241 for n in BEATS["train"].values()], abs=1e-6)
    for ring, names in ((axes[0], "NSVFQ"), (axes[2], "NSFQ")):
        colours = [to_rgb(wedge.get_facecolor()) for wedge in _wedges(ring)]
        assert colours == [to_rgb(CLASS_COLOURS[name]) for name in names]


def test_narrow_wedges_have_their_letter_outside_and_wide_ones_inside() -> None:
    """S (2.3 %) and F (0.6 %) are outside the ring of radius 1, each next to its own wedge."""
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


def test_the_table_has_counts_and_shares() -> None:
    """Every table has every class, also the absent ones."""
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
def test_letters_never_overlap(beats: dict[str, int]) -> None:
    """Not even those of four narrow wedges in a row."""
    assert_clear(classes_figure({"train": beats, "test": beats}))


def test_no_part_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one part"):
        classes_figure({})

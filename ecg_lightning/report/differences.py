"""How the tested beats differ from those of the training, in words."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ecg_lightning.report.verdict import Json
from ecg_lightning.text import listed

LABELS = {
    "fs_hz": "sampling rate",
    "window_samples": "window",
    "leads": "leads",
    "recorded_fs_hz": "recorded sampling rate",
    "classes": "class map",
}
UNITS = {"fs_hz": " Hz", "recorded_fs_hz": " Hz", "window_samples": " samples"}
MOST_NAMED = 8  # leads or rates


class Difference(NamedTuple):
    """A setting of the beats with both values, as texts."""

    name: str
    trained: str
    tested: str


def difference_rows(differences: Iterable[Json]) -> list[Difference]:
    """Return the rows of the page's table.

    Args:
        differences: Rows of `setting`, `trained` and `tested`, as in `evaluation.json`.
    """
    return [
        Difference(
            str(LABELS.get(row["setting"], row["setting"])),
            *(_text(row["setting"], row[side]) for side in ("trained", "tested")),
        )
        for row in differences
    ]


def difference_text(differences: Iterable[Json]) -> str:
    """Return both values of each setting in one line; empty where nothing differs.

    Example:
        >>> difference_text([{"setting": "fs_hz", "trained": 360.0, "tested": 128.0}])
        'trained with sampling rate 360 Hz; tested with sampling rate 128 Hz'
    """
    rows = difference_rows(differences)
    if not rows:
        return ""
    trained, tested = (
        ", ".join(f"{row.name} {getattr(row, side)}" for row in rows)
        for side in ("trained", "tested")
    )
    return f"trained with {trained}; tested with {tested}"


def _text(setting: str, value: Any) -> str:
    values = value if isinstance(value, list | tuple) else [value]
    texts = [f"{one:g}" if isinstance(one, float) else str(one) for one in values]
    return f"{listed(texts, MOST_NAMED)}{UNITS.get(setting, '')}"

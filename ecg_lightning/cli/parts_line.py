"""The line of a terminal about the records and patients of each part."""

from collections.abc import Iterable

from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.text import counted

WORDS = {"train": "training", "validation": "validation", "test": "test"}


def parts_line(data: BeatDataModule, parts: Iterable[str] = WORDS) -> str:
    """Return the names, records and patients of parts, and what is assumed about patients.

    Args:
        data: A data module that has read its beats.
        parts: Some of `WORDS`. Of weights that were trained earlier the training part of this
            command says nothing.

    Returns:
        The line; "" where a single source says whose its records are, and no part is named.
    """
    if data.split != "parts" and len(data.sources) == 1:
        return data.assumption
    texts = [_part(data, part) for part in parts]
    return "; ".join(text for text in (*texts, data.assumption) if text)


def _part(data: BeatDataModule, part: str) -> str:
    counts = data.counts_of_part(part)
    if not counts["records"]:
        return ""
    names = ", ".join(data.choice.parts._asdict().get(part, ()))
    patients = counted(counts["patients"], "patient")
    if counts["unknown"]:
        patients = f"{counts['unknown']:,} of unknown patients"
    head = f"{WORDS[part]} {names}".strip()
    return f"{head}: {counted(counts['records'], 'record')}, {patients}"

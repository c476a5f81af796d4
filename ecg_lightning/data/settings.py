"""The data module's settings: which values are allowed, and which are used by default."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ecg_lightning.data.beats import CONTEXT, BeatSettings, Normalization, Segmentation
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import lead_of
from ecg_lightning.records.kaggle import FS_HZ, WINDOW_SAMPLES
from ecg_lightning.records.leads import ANY_ECG, wanted_leads
from ecg_lightning.signals import templates
from ecg_lightning.system.paths import expanded, folders_in
from ecg_lightning.text import escaped, names_in

SourceName = Literal["synthetic", "mitdb", "svdb", "wfdb", "kaggle"]
# Several names, in a text where commas separate them or in a list; a config may hold numbers.
NameList = str | int | list[str | int]

# Setting -> the least and the largest value: more fills all memory, or is a mistake.
_RANGES = {
    "batch_size": (1, 1_000_000),
    "per_class": (1, 10_000_000),
    "window_samples": (1, 1_000_000),
    "fs_hz": (1, 100_000),
}
_SEEDS = ("seed", "split_seed")


def check_settings(constructor: Callable[..., None], settings: Mapping[str, Any]) -> None:
    """Refuse values that a constructor's arguments do not allow.

    Args:
        constructor: Its type hints say which words are allowed. The command line's parser checks
            them too, but a call in Python is checked only here.
        settings: Argument to value.

    Raises:
        InputError: A word is not one of the choices, or a number is out of range.
    """
    for name, hint in get_type_hints(constructor).items():
        choices, value = _choices(hint), settings.get(name)
        if choices and value is not None and value not in choices:
            raise _refused(name, f"one of {', '.join(choices)}", repr(value))
    for name, (least, most) in _RANGES.items():
        if (value := settings[name]) is not None and not least <= value <= most:
            raise _refused(name, f"a number from {least} to {most:,}", str(value))
    if settings["lead"] is not None and not wanted_leads((), settings["lead"]):
        raise _refused("lead", "an index, a name, or several separated by commas", "none")
    for name in _SEEDS:
        if not 0 <= settings[name] < 2**32:
            expected = f"a whole number from 0 to {2**32 - 1}"
            raise _refused(name, expected, str(settings[name]))


def sources_of(source: str | list[str]) -> tuple[str, ...]:
    """The names of the sources.

    Raises:
        InputError: One is unknown, or there is none.
    """
    names, known = names_in(source), get_args(SourceName)
    if not names or not {*names} <= {*known}:
        expected = f"one of {', '.join(known)}, or several of them separated by commas"
        raise _refused("source", expected, escaped(repr(source), 60))
    return names


def roots_of(
    root: str | os.PathLike[str] | list[str | int] | None, sources: tuple[str, ...]
) -> tuple[Path | None, ...]:
    """The folder of each source; None for its place in the cache, as for an empty one of several.

    Args:
        root: One folder; or several in a text, where commas separate them, or in a list.
        sources: The names of the sources. `open_databases` compares their number.
    """
    folders = folders_in(root, len(sources)) or [""] * len(sources)
    cached = root is None or len(sources) > 1  # an empty text alone is the working folder
    return tuple(None if cached and not folder else expanded(folder) for folder in folders)


def beat_settings(
    sources: tuple[str, ...],
    segmentation: Segmentation,
    lead: int | str | None,
    fs_hz: float | None,
    window_samples: int | None,
    normalization: Normalization | None,
    classes: str,
) -> BeatSettings:
    """The settings with the defaults of their source and segmentation.

    The lead of several sources stays None where the user names none: each has its own default.

    Raises:
        InputError: Another rate or window than that of Kaggle's beats, which are cut already, or of
            beats in context.
    """
    if segmentation in CONTEXT:
        return _context_settings(
            sources, segmentation, lead, fs_hz, window_samples, normalization, classes
        )
    if normalization == "template":
        raise _refused("normalization", "another one, or a segmentation in context", "template")
    if lead is None and len(sources) == 1:
        lead = lead_of(sources[0], lead)
    if sources == ("kaggle",):
        _check_fixed("fs_hz", fs_hz, FS_HZ, _KAGGLE)
        _check_fixed("window_samples", window_samples, WINDOW_SAMPLES, _KAGGLE)
        return BeatSettings(segmentation, lead, FS_HZ, WINDOW_SAMPLES, "window", classes)
    fs_hz, long = fs_hz or 360.0, segmentation == "windows"
    samples = window_samples or (round(10 * fs_hz) if long else 256)
    scaling: Normalization = normalization or ("window" if long else "record")
    return BeatSettings(segmentation, lead, fs_hz, samples, scaling, classes)


def patients_file(sources: tuple[str, ...], path: str | os.PathLike[str] | None) -> Path | None:
    """The CSV file of patients.

    Raises:
        InputError: The source knows its patients, or has no records.
    """
    if path is not None and "wfdb" not in sources:
        raise _refused("patients", "the source wfdb", ",".join(sources), "do not set it")
    return None if path is None else expanded(path)


def _choices(hint: Any) -> list[str]:
    """The words of a Literal, also of one that may be None; none where any text is allowed."""
    if str in get_args(hint):
        return []
    return [
        choice
        for part in (hint, *get_args(hint))
        if get_origin(part) is Literal
        for choice in get_args(part)
    ]


_KAGGLE = "because Kaggle's beats are cut already"


def _context_settings(
    sources: tuple[str, ...],
    segmentation: Segmentation,
    lead: int | str | None,
    fs_hz: float | None,
    window_samples: int | None,
    normalization: Normalization | None,
    classes: str,
) -> BeatSettings:
    """The settings of beats in context: all but lead and classes are fixed."""
    if sources == ("kaggle",):
        raise _refused("source", f"a source of records for {segmentation}", "kaggle")
    reason = f"the only one of the segmentation {segmentation}"
    fixed_hz, samples = templates.FS_HZ, templates.WINDOW_SAMPLES
    _check_fixed("fs_hz", fs_hz, fixed_hz, reason)
    _check_fixed("window_samples", window_samples, samples, reason)
    _check_fixed("normalization", normalization, "template", reason)
    # By name, as for `annotate`: MLII of mitdb, wherever it is, and the first lead of svdb.
    used = ANY_ECG if lead is None else lead
    return BeatSettings(segmentation, used, fixed_hz, samples, "template", classes)


def _check_fixed(name: str, value: float | str | None, fixed: float | str, reason: str) -> None:
    if value not in (None, fixed):
        shown = f"{fixed:g}" if isinstance(fixed, int | float) else fixed
        raise _refused(name, f"{shown}, {reason}", str(value), "do not set it")


def _refused(name: str, expected: str, found: str, hint: str = "change it") -> InputError:
    return InputError(name, expected=expected, found=found, hint=hint, setting=name)

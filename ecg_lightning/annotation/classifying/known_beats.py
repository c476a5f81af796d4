"""How beats were prepared for a training and for a test, and where the two differ."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import MOST_SAMPLES
from ecg_lightning.nested import value_at
from ecg_lightning.text import names_in

INPUT = ("fs_hz", "window_samples", "normalization", "view")  # they change what a network sees
JUDGED = ("segmentation", "lead", "classes")  # they choose the beats that are judged, and how
OF_RECORDS = ("leads", "recorded_fs_hz")
MOST_HZ = 1e5  # of an ECG; a larger number comes from a broken file
# MIT-BIH's leads by channel. Checkpoints of earlier versions do not name leads.
MITDB_FS_HZ = 360.0
MITDB_LEADS = {0: ["MLII", "V5"], 1: ["V5", "V2", "V1", "MLII", "V4"]}

Known = Mapping[str, Any]


def known_beats(config: Any) -> dict[str, Any]:
    """Return how beats were prepared, as far as a run's settings say.

    Args:
        config: Settings as `checkpoints.run_config` returns them; those of a checkpoint may hold
            anything.

    Returns:
        `source` and those of `INPUT`, `JUDGED` and `OF_RECORDS` that are known.

    Example:
        >>> known_beats({"beats": {"fs_hz": 360.0}, "data": {"view": "signal"}})
        {'fs_hz': 360.0, 'view': 'signal'}
    """
    values = {
        **{name: value_at(config, "beats", name) for name in (*INPUT, *JUDGED, *OF_RECORDS)},
        "view": value_at(config, "data", "view"),
        "source": _source(value_at(config, "data", "source")),
    }
    if value_at(config, "imported") and values["window_samples"]:
        values["view"] = "signal"
    if values["source"] == "mitdb":
        lead = values["lead"]
        leads = [lead] if isinstance(lead, str) else MITDB_LEADS.get(_index(lead))
        values["leads"] = values["leads"] or leads
        values["recorded_fs_hz"] = values["recorded_fs_hz"] or [MITDB_FS_HZ]
    return {name: value for name, value in values.items() if value is not None}


def checked(known: Known, checkpoint: str) -> Known:
    """Return what is known of a checkpoint's beats; refuse what this program does not write.

    Args:
        known: From `known_beats`.
        checkpoint: The file, for the message.

    Raises:
        InputError: A value has another type, or a size is out of range.
    """
    for name, value in known.items():
        if not _CHECKS[name](value):
            raise InputError(
                f"ckpt_path {checkpoint}",
                expected="settings of beats as this program writes them",
                found=f"{name} {value!r:.60}",
                hint="the file is damaged: take another one",
            )
    return known


def differences(trained: Known, tested: Known) -> list[dict[str, Any]]:
    """Return the settings whose values are known of both and differ.

    Args:
        trained: How the beats of the training were prepared, from `known_beats`.
        tested: The same of the tested beats.

    Returns:
        Rows of `setting`, `trained` and `tested`.
    """
    names = [*INPUT, *JUDGED, *OF_RECORDS]
    if _is_kaggle(trained) != _is_kaggle(tested):
        names = ["source", *INPUT]
    elif _is_kaggle(tested):
        names = [*INPUT]
    elif "leads" in trained and "leads" in tested:
        names.remove("lead")  # another spelling may name the same leads
    return [
        {"setting": name, "trained": trained[name], "tested": tested[name]}
        for name in names
        if name in trained and name in tested and not _agree(name, trained[name], tested[name])
    ]


def _agree(name: str, trained: Any, tested: Any) -> bool:
    if name in OF_RECORDS:
        return {str(value).casefold() for value in tested} <= {
            str(value).casefold() for value in trained
        }
    return bool(trained == tested)


def _source(value: Any) -> Any:
    """A source; several, which may be a list, as one text."""
    is_list = isinstance(value, list | tuple)
    return ",".join(names_in(value)) if is_list and all(map(_is_text, value)) else value


def _is_kaggle(known: Known) -> bool:
    return known.get("source") == "kaggle"


def _index(lead: Any) -> int:
    return lead if type(lead) is int else -1


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) < 100


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_rate(value: Any) -> bool:
    return _is_number(value) and 0 < value <= MOST_HZ


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "fs_hz": _is_rate,
    "window_samples": lambda value: type(value) is int and 0 < value <= MOST_SAMPLES,
    **dict.fromkeys(("normalization", "view", "segmentation", "classes", "source"), _is_text),
    "lead": lambda value: all(
        type(one) is int or _is_text(one) for one in (value if isinstance(value, list) else [value])
    ),
    "leads": lambda value: isinstance(value, list | tuple) and all(map(_is_text, value)),
    "recorded_fs_hz": lambda value: isinstance(value, list | tuple) and all(map(_is_number, value)),
}

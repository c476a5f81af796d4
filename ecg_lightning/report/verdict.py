"""Whether a test says something about new patients, as far as the settings tell."""

from collections.abc import Mapping
from typing import Any

from ecg_lightning.text import counted

Json = Mapping[str, Any]
MIXING = ("original", "mixed")  # these splits draw beats without regard to patients
SPLIT_SETTINGS = ("source", "split", "split_seed", "folds", "fold")


def network_of(evaluation: Json) -> str:
    """The network's name, as far as the settings tell."""
    named = look(evaluation["settings"], "model", "network")
    path = look(named, "class_path") or named
    return str(path).rpartition(".")[2] if isinstance(path, str) else "Network"


def look(settings: Any, *keys: str) -> Any:
    """What lies at a path of nested settings, None where they end before."""
    for key in keys:
        settings = settings.get(key) if isinstance(settings, Mapping) else None
    return settings


def independence(evaluation: Json) -> tuple[str, str]:
    """What is known about the patients: `mixed`, `unknown`, `nearly` or `apart`, and the reason in a sentence.

    `nearly`: at most one patient for ten records is on both sides, as 201 is in DS1 -> DS2. `apart` needs parts without a common patient,
    and weights that were trained with this very split.
    """
    shared, split, trained = (
        evaluation["shared_patients"],
        evaluation["split"],
        evaluation["trained"],
    )
    nearly = (
        bool(shared) and split not in MIXING and 10 * len(shared) <= len(evaluation["per_record"])
    )
    if shared and not nearly:
        more = " and others" if len(shared) > 8 else ""
        return (
            "mixed",
            f"{counted(len(shared), 'patient')} in both: {', '.join(map(str, shared[:8]))}{more}.",
        )
    if split in MIXING:
        return "mixed", f"The split {split} draws beats without regard to patients."
    if split == "all":
        return "unknown", "The split all tests on every record; the weights were trained elsewhere."
    if trained is not None:
        theirs, ours = (
            look(settings, "data") or {} for settings in (trained, evaluation["settings"])
        )
        differing = [key for key in SPLIT_SETTINGS if theirs.get(key) != ours.get(key)]
        if differing:
            return (
                "unknown",
                f"The weights were not trained with this split: {', '.join(differing)} differ or are not known.",
            )
    if nearly:
        return (
            "nearly",
            f"In both: {', '.join(map(str, shared))}. Leave a record of each out (--data.without) to test new patients alone.",
        )
    return "apart", f"Split {split}."

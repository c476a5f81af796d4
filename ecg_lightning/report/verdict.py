"""Whether a test says something about new patients, as far as the settings tell."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ecg_lightning.text import counted

Json = Mapping[str, Any]
MIXING = ("original", "mixed")  # these splits draw beats without regard to patients
MIXED = "Beats of the same patient are in training and test: these figures do not say how a new patient's beats are classified."
HEADS = {
    "mixed": MIXED,
    "unknown": "Whether the network has seen these patients is not known: these figures may flatter it.",
    "nearly": "Patients apart but for those named here.",
    "apart": "Patients apart: no patient of this part is in training or validation.",
}
MOST_NAMED = 8  # patients
ALL = "The split all tests on every record; the weights were trained elsewhere."
SPLIT_SETTINGS = ("source", "split", "split_seed", "folds", "fold")


class Verdict(NamedTuple):
    """What is known about the patients.

    Attributes:
        status: `mixed`, `unknown`, `nearly` or `apart`.
        reason: Why, in a sentence.
    """

    status: str
    reason: str

    @property
    def head(self) -> str:
        """What that means for the metrics, in a sentence."""
        return HEADS[self.status]


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


def independence(evaluation: Json) -> Verdict:
    """Return what is known about the patients of a tested part.

    `nearly`: at most one patient for ten records is on both sides, as patient 201 is in
    DS1 -> DS2. `apart`: the parts share no patient, and the weights were trained with this split.

    Args:
        evaluation: The content of `evaluation.json`.
    """
    shared, split = evaluation["shared_patients"], evaluation["split"]
    few = 10 * len(shared) <= len(evaluation["per_record"])
    if shared and (split in MIXING or not few):
        return Verdict("mixed", _shared_text(shared))
    if split in MIXING:
        return Verdict("mixed", f"The split {split} draws beats without regard to patients.")
    if split == "all":
        return Verdict("unknown", ALL)
    if differing := _other_settings(evaluation):
        text = f"The weights were not trained with this split: {', '.join(differing)} differ or are not known."
        return Verdict("unknown", text)
    if shared:
        text = f"In both: {', '.join(map(str, shared))}. Leave a record of each out (--data.without) to test new patients alone."
        return Verdict("nearly", text)
    return Verdict("apart", f"Split {split}.")


def _shared_text(shared: Sequence[Any]) -> str:
    more = " and others" if len(shared) > MOST_NAMED else ""
    names = ", ".join(map(str, shared[:MOST_NAMED]))
    return f"{counted(len(shared), 'patient')} in both: {names}{more}."


def _other_settings(evaluation: Json) -> list[str]:
    """The settings of the split that are not those of the weights' training."""
    if evaluation["trained"] is None:
        return []
    theirs, ours = (
        look(settings, "data") or {} for settings in (evaluation["trained"], evaluation["settings"])
    )
    return [key for key in SPLIT_SETTINGS if theirs.get(key) != ours.get(key)]

"""Whether a test says something about new patients, as far as the settings tell."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ecg_lightning.nested import value_at
from ecg_lightning.records.mitdb import MITDB_PATIENTS
from ecg_lightning.split_facts import earlier_counts, facts_of, rule_name, status_of
from ecg_lightning.text import counted, listed, names_in

Json = Mapping[str, Any]
SPLIT_SETTINGS = ("source", "split", "split_seed", "folds", "fold", "patients", "train")
OTHER_TRAINING = (
    "The weights were trained with another split, or it is unknown which. "
    "These settings differ or are unknown:"
)
MOST_NAMED = 8  # patients
LABELS = {
    "apart": "inter-patient",
    "nearly": "nearly inter-patient",
    "records": "patients unknown: whole records are apart",
    "mixed": "mixed",
    "unknown": "not known",
}
HEADS = {
    "apart": "Inter-patient: no patient of this part is in the training or validation part.",
    "nearly": "Nearly inter-patient: the patients differ, except for those named here.",
    "records": "Patients unknown: whole records are apart. A patient with several records may be "
    "in training and in test, and the metrics may be better than those of new patients.",
    "mixed": "Training and test hold beats of the same patients. These metrics do not say how well "
    "the beats of a new patient are classified.",
    "unknown": "It is not known whether the network was trained on these patients. These metrics "
    "may be better than those of new patients.",
}


class Verdict(NamedTuple):
    """What is known about the patients.

    Attributes:
        status: `apart`, `nearly`, `records`, `mixed` or `unknown`.
        reason: Why, in one or two sentences.
    """

    status: str
    reason: str

    @property
    def label(self) -> str:
        """The status as readers know it."""
        return LABELS[self.status]

    @property
    def head(self) -> str:
        """What the status means for the metrics."""
        return HEADS[self.status]


def independence(evaluation: Json) -> Verdict:
    """Return what is known about the patients of a tested part.

    `apart`: the parts share no patient, and the weights were trained with this split.
    `nearly`: at most one patient for ten records is on both sides, as patient 201 is in DS1 -> DS2.
    `records`: the parts share no record, but patients are unknown.

    Args:
        evaluation: The content of `evaluation.json`.
    """
    verdict = _independence(evaluation)
    assumption = evaluation.get("assumption")
    return verdict._replace(reason=f"{verdict.reason} {assumption}.") if assumption else verdict


def _independence(evaluation: Json) -> Verdict:
    train = names_in(value_at(evaluation["settings"], "data", "train"))
    shared, facts = _shared(evaluation), facts_of(evaluation["split"], train)
    few = 10 * len(shared) <= len(evaluation["per_record"])
    if shared and (facts.patients == "mixed" or not few):
        return Verdict("mixed", _both_sides(shared))
    status, reason = status_of(facts, _counts(evaluation))
    where = " ".join(_where(patient, evaluation) for patient in shared)
    if facts.patients == "apart" and (differing := _other_settings(evaluation)):
        status, reason = "unknown", f"{OTHER_TRAINING} {', '.join(differing)}."
    if status in ("mixed", "unknown"):
        return Verdict("mixed" if shared else status, f"{reason} {where}".strip())
    if not shared:
        return Verdict(status, reason)
    if status == "records":
        return Verdict(status, f"{reason} {where}")
    source = value_at(evaluation["settings"], "data", "source")
    fixed = facts_of(rule_name(evaluation["split"], source)).fixed_records
    step = "exclude the records of one side (data.without)" if fixed else "use the split patients"
    return Verdict("nearly", f"{where} To test on new patients only, {step}.")


def patients_text(evaluation: Json) -> str:
    """Return what is known about the patients in a few words, for a cell of a table."""
    shared = _shared(evaluation)
    if not shared:
        return verdict_text(evaluation)
    return _assuming(f"{len(shared)} on both sides", evaluation)


def verdict_text(evaluation: Json) -> str:
    """Return the status of the patients as readers know it, and what it assumes."""
    return _assuming(independence(evaluation).label, evaluation)


def _assuming(text: str, evaluation: Json) -> str:
    """A text with what is assumed about the patients because a source does not say it."""
    assumption = evaluation.get("assumption")
    return f"{text} ({assumption})" if assumption else text


def parts_text(evaluation: Json) -> str:
    """Return the names of the parts, such as `training ds1, svdb; test ds2`; "" without names."""
    data = value_at(evaluation["settings"], "data")
    sides = {"training": value_at(data, "train"), "test": value_at(data, "test")}
    texts = {side: ", ".join(names_in(names)) for side, names in sides.items()}
    return "; ".join(f"{side} {text}" for side, text in texts.items() if text)


def split_text(evaluation: Json) -> str:
    """Return the name of the split, and those of its parts: `parts: training ds1; test ds2`."""
    named = parts_text(evaluation) if evaluation["split"] == "parts" else ""
    return f"{evaluation['split']}: {named}" if named else str(evaluation["split"])


def source_text(evaluation: Json) -> str:
    """Return the names of the sources, such as `mitdb, svdb`; "" where they are unknown."""
    return ", ".join(names_in(value_at(evaluation["settings"], "data", "source")))


def _counts(evaluation: Json) -> Mapping[str, int] | None:
    """How many records there are, and of how many the patient is unknown."""
    if counts := evaluation.get("patients"):
        return {name: int(counts[name]) for name in ("records", "unknown")}
    return earlier_counts(value_at(evaluation["settings"], "data", "source"))


def _shared(evaluation: Json) -> list[Any]:
    """The known patients on both sides."""
    shared = list(evaluation["shared_patients"])
    if evaluation.get("patients"):
        return shared
    return [name for name in shared if name != "unknown"]  # in version 0.1.0 all unknown patients


def network_of(evaluation: Json) -> str:
    """Return the network's name, as far as the settings tell."""
    named = value_at(evaluation["settings"], "model", "network")
    path = value_at(named, "class_path") or named
    return str(path).rpartition(".")[2] if isinstance(path, str) else "Network"


def _both_sides(patients: Sequence[Any]) -> str:
    names = listed([str(patient) for patient in patients], MOST_NAMED)
    verb = "is" if len(patients) == 1 else "are"
    return f"{counted(len(patients), 'patient')} {verb} on both sides: {names}."


def _where(patient: Any, evaluation: Json) -> str:
    """On which side each record of a patient is, where the records of a patient are known."""
    tested = {row["record"] for row in evaluation["per_record"]}
    sources = names_in(value_at(evaluation["settings"], "data", "source"))
    prefix = "mitdb/" if len(sources) > 1 else ""
    owners = {f"{prefix}{name}": f"{prefix}{owner}" for name, owner in MITDB_PATIENTS.items()}
    records = {patient, *(name for name, owner in owners.items() if owner == patient)}
    here, there = sorted(records & tested), sorted(records - tested)
    if str(patient).startswith("record "):  # whose patient is unknown
        return f"R{patient[1:]} is on both sides."
    if "mitdb" not in sources or not here or not there:
        return f"Patient {patient} is on both sides."
    part = evaluation["part"]
    return (
        f"Patient {patient} is on both sides: record {', '.join(there)} is in training or "
        f"validation, record {', '.join(here)} in {part}."
    )


def _other_settings(evaluation: Json) -> list[str]:
    """The settings of the split that are not those of the weights' training."""
    if evaluation["trained"] is None:
        return []
    theirs, ours = (
        _split_settings(settings) for settings in (evaluation["trained"], evaluation["settings"])
    )
    return [key for key in SPLIT_SETTINGS if theirs.get(key) != ours.get(key)]


def _split_settings(settings: Any) -> Json:
    """The settings of the data, with the present name of the split; names as texts."""
    data = value_at(settings, "data") or {}
    train, test = (names_in(value_at(data, side)) for side in ("train", "test"))
    split = rule_name(value_at(data, "split"), value_at(data, "source"))
    return {
        **data,
        "split": "parts" if train or test else split,
        "source": ",".join(names_in(value_at(data, "source"))),
        "train": ",".join(train),
    }

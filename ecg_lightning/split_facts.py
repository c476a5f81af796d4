"""The splits by name: whether a split keeps patients apart, and how that is known.

This is the registry of facts, for everybody. `data/splits.py` has the rule of each name. A split
that keeps patients apart does so where the source knows them; where it does not, whole records are
apart, and `status_of` says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ecg_lightning.text import names_in

TRAINED_ON = "trained_on"  # where checkpoints keep whose beats they were trained on
PatientStatus = Literal["apart", "records", "mixed", "unknown"]
SplitName = Literal["original", "dechazal", "mixed", "patients", "records", "folds", "all", "parts"]


@dataclass(frozen=True)
class SplitFacts:
    """What is known of a split before a beat is read.

    Attributes:
        patients: `apart`: the rule keeps patients apart as far as the source knows them, and an
            evaluation counts those that are in test and in another part; `mixed`: the rule does
            not look at patients; `unknown`: all beats are in test, and the training was elsewhere.
        reason: How that is known, as a sentence of the report.
        trains: Whether there are training and validation parts.
        fixed_records: Whether records are named, by the rule or by the user. Only then `without`
            may exclude records.
        folds: Whether it is one of several splits of the same beats.
    """

    patients: Literal["apart", "mixed", "unknown"]
    reason: str
    trains: bool = True
    fixed_records: bool = False
    folds: bool = False


SPLITS: Mapping[str, SplitFacts] = {
    "original": SplitFacts("mixed", "The split original assigns beats without regard to patients."),
    # Two published sets of records. The patient of 201 and 202 is in both, and is counted.
    "dechazal": SplitFacts(
        "apart", "The split dechazal uses two published sets.", fixed_records=True
    ),
    "mixed": SplitFacts(
        "mixed", "The split mixed assigns beats without regard to patients.", fixed_records=True
    ),
    # Whole patients are drawn. Unknown patients are refused.
    "patients": SplitFacts("apart", "The split patients draws whole patients."),
    # Whole records are drawn; patients with several records are counted.
    "records": SplitFacts("apart", "The split records draws whole records."),
    # Whole patients are drawn, and whole records of unknown patients.
    "folds": SplitFacts("apart", "The split folds draws whole patients.", folds=True),
    "all": SplitFacts(
        "unknown",
        "The split all tests on every record. The weights come from another training.",
        trains=False,
    ),
    # The user names both sides. A patient on both is refused, except 201 in DS1 and DS2.
    "parts": SplitFacts("apart", "Both parts are named.", fixed_records=True),
}
TESTED_PARTS = SplitFacts(
    "unknown",
    "The tested records are named. The weights come from another training.",
    trains=False,
    fixed_records=True,
)


def facts_of(split: str, train: object = True) -> SplitFacts:
    """The facts of a split; a name that is not known, as of a later version, has facts too.

    Args:
        split: The name of the split.
        train: The training part of the split `parts`; nothing where only a test part is named.
    """
    if split == "parts" and not train:
        return TESTED_PARTS
    return SPLITS.get(split, SplitFacts("unknown", f"This version knows no split {split}."))


def status_of(facts: SplitFacts, counts: Mapping[str, int] | None) -> tuple[PatientStatus, str]:
    """Whether the patients of the parts differ, and how that is known, as a sentence.

    `records`: whole records are apart, and the patients of some are unknown.

    Args:
        facts: The facts of the split.
        counts: The number of `records`, and of those with an `unknown` patient; None where even
            that is unknown.

    Example:
        >>> status_of(facts_of("records"), {"records": 9, "unknown": 9})[0]
        'records'
    """
    if facts.patients != "apart" or (counts is not None and not counts["unknown"]):
        return facts.patients, facts.reason
    who = "the records"
    if counts is not None and counts["unknown"] < counts["records"]:
        who = f"{counts['unknown']:,} of {counts['records']:,} records"
    return "records", f"{facts.reason} The patients of {who} are unknown."


def earlier_counts(source: Any) -> Mapping[str, int] | None:
    """The counts for `status_of` of an earlier version, which took each record for a patient.

    Only these sources know the patients of all their records.
    """
    return {"records": 0, "unknown": 0} if source in ("mitdb", "synthetic") else None


def rule_name(split: Any, source: Any) -> Any:
    """The name of the rule: earlier versions called de Chazal's split `patients`, for mitdb.

    Args:
        split: The name of the split.
        source: The source, or a list of sources as settings have it.

    Example:
        >>> rule_name("patients", ["mitdb"]), rule_name("patients", "wfdb")
        ('dechazal', 'patients')
    """
    is_dechazal = split == "patients" and names_in(source) == ("mitdb",)
    return "dechazal" if is_dechazal else split


def digests_of(kept: Any) -> dict[str, set[str]]:
    """Return the digests of `records` and `patients` that a checkpoint keeps under `TRAINED_ON`.

    Args:
        kept: What it keeps there; a foreign file may hold anything, and one of an earlier version
            holds nothing.
    """
    lists = kept if isinstance(kept, Mapping) else {}
    result = dict[str, set[str]]()
    for kind in ("records", "patients"):
        items = lists.get(kind)
        texts = items if isinstance(items, list) else []
        result[kind] = {item for item in texts if isinstance(item, str)}
    return result

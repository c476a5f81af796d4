"""The splits by name: whether a split keeps patients apart, and how that is known.

This is the registry of facts, for everybody. `data/splits.py` has the rule of each name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SplitName = Literal["original", "dechazal", "mixed", "patients", "records", "folds", "all"]


@dataclass(frozen=True)
class SplitFacts:
    """What is known of a split before a beat is read.

    Attributes:
        patients: `apart`: the rule keeps patients apart as far as the source knows them, and an
            evaluation counts those that are in test and in another part; `mixed`: the rule does
            not look at patients; `unknown`: all beats are in test, and the training was elsewhere.
        reason: How that is known, as a sentence of the report.
        trains: Whether there are training and validation parts.
        fixed_records: Whether the rule names records of MIT-BIH. Only then `without` may exclude
            records.
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
    "dechazal": SplitFacts("apart", "The split is dechazal.", fixed_records=True),
    "mixed": SplitFacts(
        "mixed", "The split mixed assigns beats without regard to patients.", fixed_records=True
    ),
    # The source names the patient of each record, and whole patients are drawn.
    "patients": SplitFacts("apart", "The split is patients."),
    # Whole records are drawn; patients with several records are counted.
    "records": SplitFacts("apart", "The split is records."),
    # Whole patients are drawn, as in `patients`.
    "folds": SplitFacts("apart", "The split is folds.", folds=True),
    "all": SplitFacts(
        "unknown",
        "The split all tests on every record. The weights come from another training.",
        trains=False,
    ),
}


def facts_of(split: str) -> SplitFacts:
    """The facts of a split, also of one that a later version or another program has named."""
    return SPLITS.get(split, SplitFacts("apart", f"The split is {split}."))


def rule_name(split: Any, source: Any) -> Any:
    """The name of the rule: earlier versions called de Chazal's split `patients`, for mitdb.

    Example:
        >>> rule_name("patients", "mitdb"), rule_name("patients", "wfdb")
        ('dechazal', 'patients')
    """
    return "dechazal" if (split, source) == ("patients", "mitdb") else split

"""Options that would have no effect, because of another setting."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from ecg_lightning.errors import InputError
from ecg_lightning.split_facts import facts_of, rule_name
from ecg_lightning.text import names_in


class Rule(NamedTuple):
    """Options that need another setting.

    Attributes:
        names: Their dotted names.
        needs: The other setting, for the message.
        other: Its dotted name.
        has_effect: Whether they have an effect, from all settings.
    """

    names: tuple[str, ...]
    needs: str
    other: str
    has_effect: Callable[[Any], bool]


def refuse_options_without_effect(settings: Any, typed: Collection[str]) -> None:
    """Refuse an option on the command line that would change nothing.

    A config may hold such settings for another case, except a schedule without an optimiser.

    Args:
        settings: All settings of the verb.
        typed: Dotted names of the options on the command line.

    Raises:
        InputError: An option has no effect.
    """
    if settings.get("lr_scheduler") and not settings.get("optimizer"):
        raise InputError(
            "lr_scheduler",
            expected="an optimizer, whose learning rate it changes",
            found="none",
            hint="add one (--optimizer Adam), or remove the schedule, which has no effect",
        )
    for rule in RULES:
        for name in rule.names:
            if name in typed and not rule.has_effect(settings):
                raise InputError(
                    name,
                    expected=rule.needs,
                    found=f"the {rule.other.rpartition('.')[2]} {_value(settings, rule.other)}",
                    hint=f"remove --{name}, which has no effect",
                )


def _value(settings: Any, name: str) -> Any:
    value = settings.get(name)
    return value.class_path.rpartition(".")[2] if hasattr(value, "class_path") else value


def _rule(settings: Any) -> str:
    if settings.data.split == "original" and (settings.data.train or settings.data.test):
        return "parts"
    return str(rule_name(settings.data.split, settings.data.source))


RULES = (
    Rule(
        ("lr_interval",),
        "a schedule",
        "lr_scheduler",
        lambda settings: settings.get("lr_scheduler"),
    ),
    Rule(
        ("model.learning_rate", "model.betas", "model.epsilon"),
        "BeatClassifier's own Adam",
        "optimizer",
        lambda settings: not settings.get("optimizer"),
    ),
    Rule(
        ("data.folds", "data.fold"),
        "the split folds",
        "data.split",
        lambda settings: facts_of(_rule(settings)).folds,
    ),
    Rule(
        ("data.split_seed",),
        "a split that draws",
        "data.split",
        lambda settings: _rule(settings) not in ("dechazal", "all"),
    ),
    Rule(
        ("data.per_class",),
        "the balance weighted or resample",
        "data.balance",
        lambda settings: settings.data.balance != "none",
    ),
    Rule(
        ("early_stopping.patience", "early_stopping.min_delta", "checkpoint.monitor"),
        "a validation",
        "data.val_share",
        lambda settings: settings.data.get("val_share") != 0,
    ),
    Rule(
        ("data.annotator",),
        "the source wfdb",
        "data.source",
        lambda settings: "wfdb" in names_in(settings.data.source),
    ),
    Rule(
        ("data.segmentation", "data.lead", "data.normalization", "data.classes"),
        "a source of records",
        "data.source",
        lambda settings: settings.data.source != "kaggle",
    ),
)

"""Checkpoints know the records of a training, also of one that was continued on others."""

import warnings
from types import SimpleNamespace
from typing import Any

import pytest

from ecg_lightning.errors import SettingsWarning
from ecg_lightning.training.callbacks.record_facts import RecordFacts


def kept(now: list[str], earlier: Any) -> dict[str, list[str]]:
    """What the callback adds to the settings."""
    sides = {"records": now, "patients": ["p"]}
    facts = SimpleNamespace(beats=[], trained_on=lambda: sides, record_facts=lambda parts: {})
    module: Any = SimpleNamespace(config={"data": {}}, trained_earlier=earlier)
    RecordFacts().on_fit_start(SimpleNamespace(datamodule=facts), module)  # type: ignore[arg-type]
    return module.config["trained_on"]


@pytest.mark.parametrize("earlier", [None, {"records": ["a", "b"], "patients": ["p"]}, 3])
def test_the_same_records_need_no_word(earlier: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kept(["a", "b"], earlier) == {"records": ["a", "b"], "patients": ["p"]}


def test_a_fit_that_continues_on_other_records_keeps_both_and_warns() -> None:
    with pytest.warns(SettingsWarning, match="not those that the checkpoint was trained on"):
        assert kept(["b", "c"], {"records": ["a", "b"], "patients": ["q"]}) == {
            "records": ["a", "b", "c"],
            "patients": ["p", "q"],
        }

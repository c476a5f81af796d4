"""What checkpoints keep of the records: the names of the leads and the recorded sampling rates."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import lightning

from ecg_lightning.errors import SettingsWarning
from ecg_lightning.split_facts import TRAINED_ON, digests_of

TRAINED = ("train", "validation")


class RecordFacts(lightning.Callback):
    """Add the facts of the records to `BeatClassifier.config` before the first step."""

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Add them; the data module has read the beats by now."""
        module: Any = pl_module
        data: Any = getattr(trainer, "datamodule", None)
        config = with_record_facts(module.config, data)
        if getattr(data, "beats", None) is not None and hasattr(data, "trained_on"):
            earlier = getattr(module, "trained_earlier", None)
            config[TRAINED_ON] = _with_earlier(data.trained_on(), earlier)
        module.config = config


def with_record_facts(
    config: Mapping[str, Any], data: Any, parts: Sequence[str] = TRAINED
) -> dict[str, Any]:
    """Return the settings of a run with the leads and recorded rates of its records.

    Args:
        config: See `run_config`.
        data: A data module; one that has not read its beats yet adds nothing.
        parts: Whose records count where parts are named.
    """
    if getattr(data, "beats", None) is None or not config.get("beats"):
        return dict(config)
    facts = data.record_facts(parts)
    known = {name: values for name, values in facts.items() if values}
    return {**config, "beats": {**config["beats"], **known}}


def _with_earlier(now: Mapping[str, Sequence[str]], earlier: Any) -> dict[str, list[str]]:
    """The digests of this training side, and those of the one that a continued fit began with."""
    before = digests_of(earlier)
    if before["records"] and before["records"] != set(now.get("records", ())):
        warnings.warn(
            "the records of the training side are not those that the checkpoint was trained on; "
            "the run continues with the new ones",
            SettingsWarning,
            stacklevel=2,
        )
    return {kind: sorted({*digests, *before[kind]}) for kind, digests in now.items()}

"""What checkpoints keep of the records: the names of the leads and the recorded sampling rates."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightning

TRAINED = ("train", "validation")


class RecordFacts(lightning.Callback):
    """Add the facts of the records to `BeatClassifier.config` before the first step."""

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Add them; the data module has read the beats by now."""
        module: Any = pl_module
        module.config = with_record_facts(module.config, getattr(trainer, "datamodule", None))


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

"""The settings of a run as loggers keep them: one name and one value each."""

from collections.abc import Mapping
from typing import Any

from ecg_lightning.training.run_settings import flat

SECTIONS = ("model", "data", "optimizer", "lr_scheduler")
TRAINER = ("max_epochs", "max_steps", "precision", "gradient_clip_val", "accumulate_grad_batches")
MACHINE = ("data.root", "data.cache_dir", "data.patients")  # paths
NAMES = {
    "model.network.class_path": "network",
    "seed_everything": "seed",
    "optimizer.class_path": "optimizer",
    "lr_scheduler.class_path": "lr_scheduler",
}


def hyperparameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return network, data, seeds, optimiser and length of a training, without paths.

    Args:
        settings: The run's config.yaml, as plain values.

    Returns:
        Dotted names, such as `data.source`, and their values. `network` is the name of the class,
        and `seed` is `seed_everything`. Settings that are None are not there.

    Example:
        >>> network = {"class_path": "ecg_lightning.models.Conv2d"}
        >>> hyperparameters({"model": {"network": network}, "data": {"seed": 1, "root": "/x"}})
        {'network': 'Conv2d', 'data.seed': 1}
    """
    trainer = settings.get("trainer") or {}
    chosen = {
        "seed_everything": settings.get("seed_everything"),
        **{name: settings.get(name) for name in SECTIONS},
        "trainer": {name: trainer.get(name) for name in TRAINER},
    }
    result: dict[str, Any] = {}
    for name, value in flat(chosen, MACHINE).items():
        if name.endswith(".class_path") and isinstance(value, str):
            value = value.rpartition(".")[2]
        if value not in (None, {}, []):
            result[NAMES.get(name, name)] = value
    return dict(sorted(result.items(), key=lambda item: item[0] not in NAMES.values()))

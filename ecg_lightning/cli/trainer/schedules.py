"""Learning rate schedules of `--lr_scheduler`: by epoch, by step, or by a metric."""

from typing import Any

from lightning.pytorch.cli import ReduceLROnPlateau

from ecg_lightning.errors import InputError
from ecg_lightning.nested import value_at
from ecg_lightning.training.callbacks.metric_schedule import NEVER
from ecg_lightning.training.metrics_file import HISTORY_KEYS

PLATEAU = "ReduceLROnPlateau"
PLATEAU_PATH = f"{ReduceLROnPlateau.__module__}.{PLATEAU}"


def check_schedule(settings: Any) -> None:
    """Refuse a schedule by a metric that no epoch has, that rises, or that is not read by epoch.

    Args:
        settings: All settings of the verb.

    Raises:
        InputError: It cannot work.
    """
    schedule = settings.get("lr_scheduler")
    path = str(value_at(schedule and schedule.as_dict(), "class_path"))
    if path.rpartition(".")[2] != PLATEAU:
        return
    if path != PLATEAU_PATH:
        raise InputError(
            "lr_scheduler",
            expected=f"{PLATEAU_PATH}, which has the setting monitor",
            found=path,
            hint=f"give --lr_scheduler {PLATEAU_PATH}",
        )
    arguments = schedule.init_args
    check_monitor("lr_scheduler", arguments)
    if settings.data.get("val_share") == 0 and arguments.monitor.startswith("val"):
        raise InputError(
            "lr_scheduler.monitor",
            expected="a metric of the training part, because there is no validation (val_share 0)",
            found=arguments.monitor,
            hint="change --lr_scheduler.monitor",
        )
    if settings.get("lr_interval") == "step":
        raise InputError(
            "lr_interval",
            expected=f"epoch for {PLATEAU}, whose metric is that of an epoch",
            found="step",
            hint="remove --lr_interval",
        )


def check_monitor(name: str, settings: Any) -> None:
    """Refuse a metric that no epoch has, and the wrong direction.

    Args:
        name: The section, such as `early_stopping`.
        settings: Its settings, with `monitor` and `mode`.

    Raises:
        InputError: The metric or the direction is wrong.
    """
    monitor, mode = settings.monitor, settings.mode
    if monitor not in HISTORY_KEYS:
        raise InputError(
            f"{name}.monitor",
            expected=f"one of {', '.join(HISTORY_KEYS)}",
            found=str(monitor),
            hint=f"change --{name}.monitor",
        )
    if mode != (best := "max" if monitor.endswith("accuracy") else "min"):
        raise InputError(
            f"{name}.mode",
            expected=f"{best} for {monitor}",
            found=str(mode),
            hint=f"give --{name}.mode {best}",
        )


def with_interval(optimizer: Any, schedule: Any, by_step: bool) -> Any:
    """Return an optimiser and its schedule as Lightning takes them.

    Args:
        optimizer: The optimiser.
        schedule: The schedule; None without one.
        by_step: Whether it changes the learning rate after each step, and not after each epoch.
    """
    if schedule is None:
        return optimizer
    config: dict[str, Any] = {"scheduler": schedule}
    if isinstance(schedule, ReduceLROnPlateau):
        config |= {"monitor": schedule.monitor, "frequency": NEVER}  # `MetricSchedule` steps it
    elif by_step:
        config["interval"] = "step"
    else:  # as Lightning's own command line does: it warns of an explicit OneCycleLR by epoch
        return [optimizer], [schedule]
    return {"optimizer": optimizer, "lr_scheduler": config}

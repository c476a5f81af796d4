"""The original's networks as plain modules that return logits."""

from ecg_lightning.models.conv2d import Conv2d as Conv2d
from ecg_lightning.models.deep_conv1d import DeepConv1d as DeepConv1d
from ecg_lightning.models.pretrained import FILES
from ecg_lightning.models.time_depends import TimeDepends as TimeDepends

SHIPPED = tuple(FILES)  # networks with `from_pretrained()`
__all__ = ["Conv2d", "DeepConv1d", "TimeDepends"]

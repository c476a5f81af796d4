"""The beats on each device, where a batch is one index-select."""

import torch
from torch import Tensor

from ecg_lightning.data.sequences import IGNORED, PADDING, places_of

Batch = tuple[Tensor, Tensor]
LARGEST_SHARE = 0.5  # of a device's free memory, because the network needs memory too


class BeatTable:
    """Signals (N, C, T) and labels (N,) on the host, and on each device that has room for them.

    They are copied to a device once, for its first batch. Where they do not fit, batches are
    gathered on the host and copied. On the host they are usually memory-mapped.

    Args:
        signals: (N, C, T).
        labels: (N,).

    Example:
        >>> table = BeatTable(torch.rand(3, 1, 256), torch.tensor([0, 1, 2]))
        >>> table.batch(torch.tensor([2, 2]), torch.device("cpu"))[1]
        tensor([2, 2])
    """

    def __init__(self, signals: Tensor, labels: Tensor) -> None:
        self.signals, self.labels = signals, labels
        self._tables: dict[torch.device, Batch] = {}

    def batch(self, rows: Tensor, device: torch.device) -> Batch:
        """Return signals (B, C, T) and labels (B,) of rows (B,), on the device.

        Of sequences (S, K), see `sequences`, signals (S, K, C, T) and labels (S, K): padding is 0,
        and without a label is `IGNORED`.
        """
        if rows.dim() == 2:
            return self._sequences(rows, device)
        if device not in self._tables:
            self._tables[device] = self._table_for(device)
        signals, labels = self._tables[device]
        rows = rows.to(signals.device, non_blocking=True)
        gathered = signals.index_select(0, rows), labels.index_select(0, rows)
        return gathered[0].to(device, non_blocking=True), gathered[1].to(device, non_blocking=True)

    def _sequences(self, rows: Tensor, device: torch.device) -> Batch:
        signals, labels = self.batch(places_of(rows).flatten(), device)
        rows = rows.to(device, non_blocking=True)
        signals, labels = signals.unflatten(0, rows.shape), labels.unflatten(0, rows.shape)
        signals[rows == PADDING] = 0
        return signals, labels.masked_fill(rows < 0, IGNORED)

    def _table_for(self, device: torch.device) -> Batch:
        size = self.signals.nbytes + self.labels.nbytes
        if size > LARGEST_SHARE * free_bytes(device):
            return self.signals, self.labels
        return self.signals.to(device), self.labels.to(device)


def free_bytes(device: torch.device) -> int:
    """Return the free memory of a device.

    0 for the host, and for devices that share its memory or do not say.
    """
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is None or device.type != accelerator.type or device.type == "mps":
        return 0
    return torch.accelerator.get_memory_info(device)[0]

"""Train on several devices; the first process prints beats/s as JSON.

    python scripts/benchmark_devices.py cpu|gpu COUNT BEATS DATA

Lightning starts the other processes by running this command again. DATA are arguments of the data
module, as JSON.
"""

import json
import statistics
import sys
import time

import lightning
import torch
from benchmark_networks import begin, classifier, trainer_of

from ecg_lightning.data.datamodule import BeatDataModule

EPOCHS = 5
BATCH = 64


class Clock(lightning.Callback):
    """The times at which epochs begin."""

    def __init__(self) -> None:
        self.starts: list[float] = []

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Note the time."""
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize()
        self.starts.append(time.perf_counter())


def main(accelerator: str, count: str, beats: str, data: str) -> None:
    """Train, and print."""
    begin(1)
    clock = Clock()
    module = BeatDataModule(batch_size=BATCH, per_class=int(beats) // 5, **json.loads(data))
    strategy = "ddp" if int(count) > 1 else "auto"
    trainer = trainer_of(
        clock, accelerator=accelerator, devices=int(count), strategy=strategy, max_epochs=EPOCHS + 2
    )
    trainer.fit(classifier("DeepConv1d"), datamodule=module)
    seconds = [
        after - before for before, after in zip(clock.starts[1:], clock.starts[2:], strict=False)
    ]
    if trainer.is_global_zero:
        print(json.dumps({"beats/s": int(beats) / statistics.median(seconds)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

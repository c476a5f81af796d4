"""Lightning's Trainer with one more verb."""

import lightning

from ecg_lightning.data.datamodule import BeatDataModule


class Trainer(lightning.Trainer):
    """Lightning's Trainer with one more verb."""

    def prepare(self, model: lightning.LightningModule, datamodule: BeatDataModule) -> None:
        """Download or write the records and fill the beats cache, so that jobs need no network.

        Args:
            model: Not used; every verb takes the same arguments.
            datamodule: What to prepare.
        """
        datamodule.prepare_data(fill_root=True)
        datamodule.setup()
        counts = datamodule.beats.class_counts()
        print(
            f"{len(datamodule.beats):,} beats: "
            + " · ".join(f"{name} {count:,}" for name, count in counts.items())
        )
        for part, of_part in datamodule.class_counts().items():
            print(
                f"{part:>10}: " + " · ".join(f"{name} {count:,}" for name, count in of_part.items())
            )

"""The data part of the benchmark: records, spectrograms, images and batches, ours and plain.

Plain is what a user would run instead. The functions named `plain_…` run in a process without
torch.
"""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from benchmark_turns import Turns

FS_HZ = 360.0


def small_records(folder: str) -> None:
    """Write two synthetic records of a minute, for a quick run."""
    from ecg_lightning.records.synthetic.database import write_synthetic

    write_synthetic(Path(folder), patients=2, minutes=1)


def records(turns: Turns, folder: str) -> None:
    """Read and segment the records of a folder with `peaks`."""
    from ecg_lightning.data.beats import BeatSettings, beats_of_records
    from ecg_lightning.records.databases import open_database

    database = open_database("wfdb", Path(folder), Path(folder))
    turns.repeat(lambda: beats_of_records(database, BeatSettings()))


def plain_records(turns: Turns, folder: str) -> None:
    """Read the records with wfdb, without segmenting them."""
    import wfdb

    paths = [str(Path(folder) / name) for name in _names(folder)]
    turns.repeat(lambda: [(wfdb.rdrecord(path), wfdb.rdann(path, "atr")) for path in paths])


def record(folder: str) -> np.ndarray:
    """Return the first record's signal in mV, as this package reads it."""
    from ecg_lightning.records.wfdb.reader import read_record

    return read_record(Path(folder), _names(folder)[0]).signal


def plain_record(folder: str) -> np.ndarray:
    """Return the first record's signal in mV, as wfdb reads it."""
    import wfdb

    return wfdb.rdrecord(str(Path(folder) / _names(folder)[0])).p_signal[:, 0]


def _names(folder: str) -> list[str]:
    return sorted(path.stem for path in Path(folder).glob("*.hea"))


def beats(count: int, samples: int = 256) -> np.ndarray:
    """Return (count, samples) float32, similar to beats and smooth enough to be drawn as lines."""
    steps = np.random.default_rng(0).standard_normal((count, samples)).cumsum(1)
    return ((steps - steps.min(1, keepdims=True)) / np.ptp(steps, axis=1, keepdims=True)).astype(
        np.float32
    )


def view(turns: Turns, name: str, count: int, batch: int, device: str = "cpu") -> None:
    """Apply a view to `count` beats, batch by batch."""
    import torch

    module, parts = (
        _view(name).to(device),
        torch.from_numpy(beats(count))[:, None].to(device).split(batch),
    )

    def work() -> None:
        for part in parts:
            module(part)
        if device != "cpu":
            torch.cuda.synchronize()

    with torch.inference_mode():
        turns.repeat(work)


def seen(name: str, count: int) -> np.ndarray:
    """Return what our view makes of beats: (count, …)."""
    import torch

    return _view(name)(torch.from_numpy(beats(count))[:, None])[:, 0].numpy()


def _view(name: str) -> Any:
    from ecg_lightning.signals.image_view import ImageView
    from ecg_lightning.signals.spectrogram_view import SpectrogramView

    return SpectrogramView(256, FS_HZ) if name == "spectrogram" else ImageView()


def plain_spectrograms(turns: Turns, count: int, batched: bool) -> None:
    """Call SciPy's spectrogram for each beat, or once for all."""
    from scipy.signal import spectrogram

    signals = beats(count)
    turns.repeat(
        lambda: (
            spectrogram(signals, FS_HZ)
            if batched
            else [spectrogram(signal, FS_HZ) for signal in signals]
        )
    )


def plain_spectrogram(count: int) -> np.ndarray:
    """Return SciPy's densities: (count, F, N)."""
    from scipy.signal import spectrogram

    return spectrogram(beats(count), FS_HZ)[2]


def plain_pictures(turns: Turns, count: int) -> None:
    """Draw as the original does: a matplotlib figure per beat, made grey and small by OpenCV."""
    from keras_reference.preprocessing import ecg2fig

    signals = beats(count)
    turns.repeat(lambda: [ecg2fig(signal) for signal in signals])


def plain_picture(count: int) -> np.ndarray:
    """Return the original's images in [0, 1]: (count, 128, 128)."""
    from keras_reference.preprocessing import ecg2fig

    return np.stack([ecg2fig(beat) for beat in beats(count)]) / np.float32(255)


def batches(turns: Turns, batch: int, count: int, data: Mapping[str, Any]) -> None:
    """Load an epoch of `count` beats from the training loader, as the Trainer does."""
    import torch

    from ecg_lightning.data.datamodule import BeatDataModule

    module = BeatDataModule(batch_size=batch, per_class=count // 5, **data)
    module.prepare_data()
    module.setup("fit")
    loader: Any = module.train_dataloader()
    epochs = itertools.count()
    # Versions before 0.2 have no `row_batches`: there the loader itself gives row numbers.
    row_batches = getattr(loader, "row_batches", loader.__iter__)

    def epoch() -> None:
        getattr(loader.sampler, "set_epoch", int)(next(epochs))  # as the Trainer does
        for rows in row_batches():
            beats = module.transfer_batch_to_device(rows, torch.device("cpu"), 0)
            module.on_after_batch_transfer(beats, 0)

    turns.repeat(epoch)


def begin(threads: int) -> dict[str, str]:
    """Return the versions. The environment limits the threads of these libraries."""
    import matplotlib
    import scipy
    import wfdb

    return {module.__name__: module.__version__ for module in (matplotlib, np, scipy, wfdb)}

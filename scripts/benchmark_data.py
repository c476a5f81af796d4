"""The data's side of the benchmark: records, spectrograms, pictures and batches, ours and what a user would run instead.

The functions whose names begin with `plain_` run in a process without torch.
"""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from benchmark_turns import Turns

FS_HZ = 360.0


def small_records(folder: str) -> None:
    """Two synthetic records of a minute, for a quick run."""
    from ecg_lightning.records.synthetic.database import write_synthetic

    write_synthetic(Path(folder), patients=2, minutes=1)


def records(turns: Turns, folder: str) -> None:
    """Reads and segments the records of a folder with `peaks`."""
    from ecg_lightning.data.beats import BeatSettings, beats_of_records
    from ecg_lightning.records.databases import open_database

    database = open_database("wfdb", Path(folder), Path(folder))
    turns.repeat(lambda: beats_of_records(database, BeatSettings()))


def plain_records(turns: Turns, folder: str) -> None:
    """Reads the records with wfdb, and no more."""
    import wfdb

    paths = [str(Path(folder) / name) for name in _names(folder)]
    turns.repeat(lambda: [(wfdb.rdrecord(path), wfdb.rdann(path, "atr")) for path in paths])


def record(folder: str) -> np.ndarray:
    """The first record's signal in mV, as ours reads it."""
    from ecg_lightning.records.wfdb import read_record

    return read_record(Path(folder), _names(folder)[0]).signal


def plain_record(folder: str) -> np.ndarray:
    """The first record's signal in mV, as wfdb reads it."""
    import wfdb

    return wfdb.rdrecord(str(Path(folder) / _names(folder)[0])).p_signal[:, 0]


def _names(folder: str) -> list[str]:
    return sorted(path.stem for path in Path(folder).glob("*.hea"))


def beats(count: int, samples: int = 256) -> np.ndarray:
    """Something like beats: (count, samples) float32, smooth enough to be drawn as lines."""
    steps = np.random.default_rng(0).standard_normal((count, samples)).cumsum(1)
    return ((steps - steps.min(1, keepdims=True)) / np.ptp(steps, axis=1, keepdims=True)).astype(
        np.float32
    )


def view(turns: Turns, name: str, count: int, batch: int, device: str = "cpu") -> None:
    """A view of `count` beats, batch by batch; `spectrogram` is SciPy's, densities of one frame."""
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
    """What our view makes of beats: (count, …)."""
    import torch

    return _view(name)(torch.from_numpy(beats(count))[:, None])[:, 0].numpy()


def _view(name: str) -> Any:
    from ecg_lightning.signals.image_view import ImageView
    from ecg_lightning.signals.spectrogram_view import SpectrogramView

    return SpectrogramView(256, FS_HZ) if name == "spectrogram" else ImageView()


def plain_spectrograms(turns: Turns, count: int, batched: bool) -> None:
    """SciPy's spectrogram, called for each beat or once for all."""
    from scipy.signal import spectrogram

    of = beats(count)
    turns.repeat(
        lambda: spectrogram(of, FS_HZ) if batched else [spectrogram(beat, FS_HZ) for beat in of]
    )


def plain_spectrogram(count: int) -> np.ndarray:
    """SciPy's densities: (count, F, N)."""
    from scipy.signal import spectrogram

    return spectrogram(beats(count), FS_HZ)[2]


def plain_pictures(turns: Turns, count: int) -> None:
    """The original's way: a matplotlib figure for each beat, turned to grey and reduced by OpenCV."""
    from keras_reference.preprocessing import ecg2fig

    of = beats(count)
    turns.repeat(lambda: [ecg2fig(beat) for beat in of])


def plain_picture(count: int) -> np.ndarray:
    """The original's pictures in [0, 1]: (count, 128, 128)."""
    from keras_reference.preprocessing import ecg2fig

    return np.stack([ecg2fig(beat) for beat in beats(count)]) / np.float32(255)


def batches(turns: Turns, batch: int, count: int, data: Mapping[str, Any]) -> None:
    """Batches of an epoch of `count` beats from the training loader, brought to the device as the Trainer does."""
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
    """Nothing to set: these libraries use one thread, or what the environment says; the versions."""
    import matplotlib
    import scipy
    import wfdb

    return {module.__name__: module.__version__ for module in (matplotlib, np, scipy, wfdb)}

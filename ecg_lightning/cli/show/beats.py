"""The picture of beats as networks see them."""

from collections.abc import Sequence
from functools import cache

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.cli.beat_names import one_of_each_class, rate_hz, row_of_beat
from ecg_lightning.cli.pictures import Picture, in_file_name
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.errors import InputError
from ecg_lightning.figures.beats import beats_figure
from ecg_lightning.models.checkpoint import CAUSAL_SEGMENTATION
from ecg_lightning.signals.views import ViewName
from ecg_lightning.text import shown_name

VIEWS: list[ViewName] = ["signal", "spectrogram", "image", "clean-image"]


def beats_picture(
    data: BeatDataModule, names: Sequence[str] | None, views: Sequence[ViewName]
) -> Picture:
    """Return the picture of beats.

    Args:
        data: The source of the beats.
        names: Each `RECORD:SAMPLE` or a row; None for one beat of each class.
        views: From the top.

    Raises:
        InputError: There is no such beat, or a view cannot be made.
    """
    _check_segmentation(data.settings.segmentation)
    data.prepare_data()
    data.setup()
    beats, read_excerpt = data.beats, data.excerpts()
    rates = cache(lambda record: rate_hz(read_excerpt, record))
    rows = (
        one_of_each_class(beats)
        if names is None
        else [row_of_beat(beats, name, rates) for name in names]
    )
    places = list(zip(beats.record_ids[rows].tolist(), beats.samples[rows].tolist(), strict=True))
    times_s = (
        None if read_excerpt is None else [sample / rates(record) for record, sample in places]
    )
    try:
        figure = beats_figure(beats, rows, times_s, data.settings.normalization, views)
    except InputError as error:  # a view cannot be made
        raise _of_views(error) from error
    called = [f"{shown_name(record)}:{sample}" for record, sample in places]
    description = " · ".join(
        f"{CLASS_NAMES[beats.labels[row]]} {name}" for row, name in zip(rows, called, strict=True)
    )
    name = f"beat-{in_file_name(called[0])}" if len(rows) == 1 else "beats"
    return Picture(figure, name, description)


def _check_segmentation(segmentation: str) -> None:
    """Refuse beats that are no windows of one lead."""
    if segmentation in ("context", CAUSAL_SEGMENTATION):
        raise InputError(
            "segmentation",
            expected="beats that are windows of one lead",
            found=segmentation,
            hint="choose peaks, annotations or windows",
            setting="segmentation",
        )


def _of_views(error: InputError) -> InputError:
    """The error about a view, with `--views` as its flag."""
    return error.with_setting("views") if error.setting == "view" else error

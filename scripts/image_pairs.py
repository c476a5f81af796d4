"""Draw five pairs of images, the original's above ours.

    python scripts/image_pairs.py docs/images/image-view.png

The beats are from the synthetic database. It needs the extra `keras`, because the original uses
matplotlib and OpenCV.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from ecg_lightning.classes import CLASS_MEANINGS, CLASS_NAMES
from ecg_lightning.cli.beat_names import one_of_each_class
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.figures.style import DPI, png_bytes
from ecg_lightning.palette import INK, RULE
from ecg_lightning.signals.image_view import PIXELS, ImageView
from keras_reference.preprocessing import ecg2fig

ZOOM, GAP, LEFT, TOP = 2, 12, 44, 40  # a factor, then pixels


def pairs_figure(signals: np.ndarray) -> Figure:
    """Draw the original's images of beats (5, T) in one row, and ours below."""
    ours = ImageView()(torch.from_numpy(signals)[:, None])[:, 0].numpy()
    pictures = {
        "matplotlib, OpenCV": [ecg2fig(signal) / 255 for signal in signals],
        "ImageView": list(ours),
    }
    side = ZOOM * PIXELS
    width, height = LEFT + 5 * (side + GAP), TOP + 2 * (side + GAP)
    figure = Figure(figsize=(width / DPI, height / DPI), facecolor="white")
    for i, (name, row) in enumerate(pictures.items()):
        for j, picture in enumerate(row):
            left, bottom = LEFT + j * (side + GAP), height - TOP - (i + 1) * side - i * GAP
            axes = figure.add_axes(
                (left / width, bottom / height, side / width, side / height), xticks=[], yticks=[]
            )
            axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.spines[:].set_color(RULE)
            if i == 0:
                axes.set_title(
                    f"{CLASS_NAMES[j]}  {CLASS_MEANINGS[CLASS_NAMES[j]]}", fontsize=9, color=INK
                )
            if j == 0:
                axes.set_ylabel(name, fontsize=9, color=INK)
    return figure


def main(picture: Path) -> None:
    """Write the picture."""
    data = BeatDataModule(source="synthetic", segmentation="annotations", split="all")
    data.prepare_data()
    data.setup()
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(
        png_bytes(pairs_figure(data.beats.signals[one_of_each_class(data.beats), 0]))
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Draw the pictures of docs/synthetic.md and docs/views.md.

python scripts/pictures.py docs/images
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from ecg_lightning.classes import ORIGINAL
from ecg_lightning.cli.show.command import show_command
from ecg_lightning.figures.strip import strip_figure
from ecg_lightning.figures.style import png_bytes
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.strips import strip_of
from ecg_lightning.records.synthetic.database import write_synthetic

# Picture, record and first second: a fusion and a ventricular beat, premature atrial beats, and a
# pacemaker on demand.
STRIPS = (
    ("synthetic-ventricular.png", "s02", 0.0),
    ("synthetic-atrial.png", "s10", 235.0),
    ("synthetic-paced.png", "s12", 77.0),
)
SECONDS = 8.0
# Picture and arguments of `ecg-lightning show`.
SHOWN = {
    "show-beats.png": ("--data.segmentation", "annotations"),
    "show-strip.png": ("--record", "s10", "--start", "679.8"),
}
COLOURS = 128  # enough to look the same; a third of the bytes of all colours


def main(folder: Path) -> None:
    """Write the strips, and what `ecg-lightning show` draws, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        database = Path(temporary) / "synthetic"
        write_synthetic(database)
        for picture, name, start_s in STRIPS:
            strip = strip_of(read_recording(database / name), start_s, SECONDS)
            (folder / picture).write_bytes(png_bytes(strip_figure(strip, ORIGINAL)))
        for picture, args in SHOWN.items():
            show_command(
                [
                    *args,
                    "--data.root",
                    str(database),
                    "--data.cache_dir",
                    temporary,
                    "--output",
                    str(folder / picture),
                ]
            )
            with Image.open(folder / picture) as image:
                fewer = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
            fewer.save(folder / picture, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

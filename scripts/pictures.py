"""Draws the README's pictures of the synthetic database: `python scripts/pictures.py docs/images`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ecg_lightning.classes import ORIGINAL
from ecg_lightning.plots import png_bytes, strip_figure
from ecg_lightning.records import read_record
from ecg_lightning.synthetic import write_synthetic

# Picture, record and first second: a fusion and a ventricular beat; premature atrial beats; a pacemaker on demand.
STRIPS = (("synthetic-ventricular.png", "s02", 0.0), ("synthetic-atrial.png", "s10", 235.0), ("synthetic-paced.png", "s12", 77.0))
SECONDS = 8.0


def main(folder: Path) -> None:
    """Writes the strips into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        database = Path(temporary) / "synthetic"
        write_synthetic(database)
        for picture, name, start_s in STRIPS:
            record = read_record(database, name)
            (folder / picture).write_bytes(png_bytes(strip_figure(record, start_s, SECONDS, ORIGINAL)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

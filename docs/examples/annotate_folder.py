"""Annotate a folder of recordings, and write one table with their sure ventricular beats.

    python annotate_folder.py recordings annotated

Each recording gets `FILE.csv` with all its beats, such as `night.edf.csv`. `ventricular.csv` has a
row for each ventricular beat that the network is sure of. A file that cannot be annotated is named,
and the others follow.
`ecg-lightning annotate recordings --output annotated` does more: pages, a summary, several
processes.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import ecg_lightning as ecg
from ecg_lightning.annotation import Annotations


def ventricular(annotations: Annotations) -> Iterator[tuple[float, float]]:
    """Yield time in seconds and probability of each sure V."""
    is_sure = ~annotations.beats.unsure(annotations.unsure_below or 0)
    for row in ((annotations.classes == "V") & is_sure).nonzero()[0]:
        yield annotations.samples[row] / annotations.fs_hz, annotations.probabilities[row].max()


def main(recordings: str, output: str) -> int:
    """Annotate; return how many recordings could not be annotated."""
    paths, folder = ecg.find_recordings(recordings), Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    annotator = ecg.Annotator.from_pretrained()  # loads the networks once
    failures = 0
    with (folder / "ventricular.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["recording", "time_s", "probability"])
        for path in paths:
            name = str(path.relative_to(recordings))  # also of a folder within this folder
            try:
                annotations = annotator.annotate(path)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                annotations.to_csv(folder / f"{name}.csv")
            except ecg.InputError as error:
                print(f"not annotated: {error}", file=sys.stderr)
                failures += 1
                continue
            rows = list(ventricular(annotations))
            table.writerows((name, f"{time_s:.3f}", f"{p:.3f}") for time_s, p in rows)
            print(f"{name}: {len(annotations)} beats, {len(rows)} surely ventricular")
            for note in annotations.notes:  # what one has to know about recording and weights
                print(f"  {note.text}")
    return failures


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        sys.exit(1 if main(*sys.argv[1:]) else 0)
    except ecg.InputError as error:
        sys.exit(f"annotate_folder: {error}")

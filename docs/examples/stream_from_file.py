"""Read a recording as if it came from a device, and print each beat as soon as it is known.

    python stream_from_file.py mitdb/208 --leads MLII V1          # as fast as the processor allows
    python stream_from_file.py mitdb/208 --leads MLII V1 --live   # in real time

It prints `?` for a beat of whose window less than half is there. Classes of the first half minute
are less reliable, because the usual beat and rhythm of the patient are not known yet.
A stream uses weights that see no later beat (`PatientContext-causal`). Its beats are those of
`annotate(…, causal=True)` for the same leads, bit for bit.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np

import ecg_lightning as ecg
from ecg_lightning.annotation import FoundBeats

CHUNK_S = 0.25  # seconds of signal that arrive together


def beats_of(
    recording: ecg.Recording, leads: Sequence[int | str], live: bool = False
) -> Iterator[tuple[float, FoundBeats]]:
    """Yield the time of the stream in seconds, and the beats that are ready then.

    The first lead is classified; a second one, if there is one, makes the classes more reliable.
    What is odd about the recording is printed at the end.
    """
    fs_hz, samples = recording.fs_hz, 0
    stream = ecg.Annotator.from_pretrained().stream(fs_hz, len(leads))
    for _, chunk in recording.pieces(leads, round(CHUNK_S * fs_hz)):
        if live:
            time.sleep(chunk.shape[1] / fs_hz)
        samples += chunk.shape[1]
        yield samples / fs_hz, stream.push(chunk)  # (leads, T) in mV
    yield samples / fs_hz, stream.finish()
    for text in stream.notes:
        print("note:", text, file=sys.stderr)


def main() -> None:
    """Print a line for each beat."""
    parser = argparse.ArgumentParser(description="Print the beats of a recording as they come.")
    parser.add_argument("recording", help="a file, or the name of a WFDB record")
    parser.add_argument("--leads", nargs="+", metavar="NAME", help="one or two (default: one)")
    parser.add_argument("--fs_hz", type=float, metavar="HZ", help="rate of a file that states none")
    parser.add_argument("--unit", help="unit of a file that states none, such as mV")
    parser.add_argument("--live", action="store_true", help="in real time")
    args = parser.parse_args()
    lead = args.leads[0] if args.leads else None
    recording = ecg.read_recording(args.recording, lead=lead, fs_hz=args.fs_hz, unit=args.unit)
    for now_s, beats in beats_of(recording, args.leads or [recording.used], args.live):
        names = np.where(beats.quality < 0.5, "?", np.array(list("NSVFQ"))[beats.labels])
        columns = beats.samples / recording.fs_hz, names, beats.probabilities.max(axis=1)
        for at_s, name, p in zip(*columns, strict=True):
            print(f"{at_s:8.2f} s  {name}  {p:.3f}  known at {now_s:.2f} s", flush=True)


if __name__ == "__main__":
    try:
        main()
    except ecg.InputError as error:
        sys.exit(f"stream_from_file: {error}")
    except (KeyboardInterrupt, BrokenPipeError):  # Ctrl-C, or `| head` has read enough
        os._exit(1)

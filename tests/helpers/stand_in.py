"""An annotator without networks, for tests of what is around it, also in other processes."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from ecg_lightning.system.worker_pool import Progress
from tests.helpers.annotated import annotations_of, beats_of

LOADER = f"{__name__}:load"
PAUSE = "ECG_PAUSE"  # the variable with the folder whose file `go` ends a pause
FOLDER = "ECG_STAND_IN"  # the variable with the folder that takes a file for each call


class StandIn:
    """Finds a beat in each second; a recording whose name says so comes to grief."""

    def classifier(self, causal: bool) -> None:
        """Take any weights for both."""

    def annotate(self, path: str, progress: Progress, **options: Any) -> Annotations:
        """Return made-up annotations, which depend on the samples."""
        _log(f"annotated-{Path(path).name}")
        recording = read_recording(path, **{name: options[name] for name in ("lead", "fs_hz")})
        progress(0.5)
        self._misbehave(recording.name)
        fs_hz, samples = recording.fs_hz, recording.samples
        peaks = np.arange(fs_hz / 2, samples, fs_hz).astype(np.int64)
        levels = np.abs(recording.read()[0, peaks] * 200).round().astype(int) % 5
        beats = beats_of(peaks, "".join(CLASS_NAMES[level] for level in levels), [(0, 10)])
        annotations = annotations_of(beats, recording, recording.used)
        return replace(annotations, unsure_below=options["unsure_below"])

    def _misbehave(self, name: str) -> None:
        if "killed" in name:
            os.kill(os.getpid(), signal.SIGKILL)
        if "terminated" in name:
            os.kill(os.getppid() if "worker" in name else os.getpid(), signal.SIGTERM)
            time.sleep(60)
        if "paused" in name and (folder := os.environ.get(PAUSE)):
            (Path(folder) / f"paused-{os.environ['SLURM_JOB_ID']}").touch()
            while not (Path(folder) / "go").exists():
                time.sleep(0.05)
        if "interrupted" in name:
            os.kill(os.getpid(), signal.SIGINT)
        if "fault" in name:
            raise TypeError("of the\nprogram")
        if "memory" in name:
            raise MemoryError
        if "annotator" in name:
            hint = "as only WFDB records have them"
            raise InputError(name, expected="no", found="beats", hint=hint, setting="beats")
        if "bad" in name:
            raise InputError(name, expected="good samples", found="bad ones", hint="repair it")


def load(model: str, detector: str) -> StandIn:
    """Return the annotator, as `Annotator.from_pretrained` does."""
    if model == "missing":
        raise InputError(
            "weights", expected="some", found="none", hint="name them", setting="model"
        )
    _log(f"loaded-{os.getpid()}")
    return StandIn()


def _log(line: str) -> None:
    if folder := os.environ.get(FOLDER):
        with open(Path(folder) / "log", "a", errors="backslashreplace") as file:
            file.write(f"{line}\n")

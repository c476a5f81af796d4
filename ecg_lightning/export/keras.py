"""Keras files, written by a child process with TensorFlow."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ecg_lightning.errors import InputError
from ecg_lightning.export.job import Array, Job, missing
from ecg_lightning.keras_import.weights import keras_from_state_dict
from ecg_lightning.models import Conv2d, DeepConv1d, TimeDepends
from ecg_lightning.system.processes import python_path

KERAS_NETWORKS: dict[type[nn.Module], str] = {
    DeepConv1d: "deep_conv1d",
    TimeDepends: "time_depends",
    Conv2d: "conv2d",
}


def write_keras(job: Job, file: Path) -> list[Array]:
    name = KERAS_NETWORKS.get(type(job.network))
    if name is None:
        ours = ", ".join(kind.__name__ for kind in KERAS_NETWORKS)
        raise InputError(
            f"--format keras: expected one of {ours}, found {type(job.network).__name__}; choose another --format"
        )
    for package in ("keras", "tensorflow"):
        if find_spec(package) is None:
            raise missing(package, "keras")
    task = {
        "network": name,
        "input_length": job.network.input_length,
        "softmax": job.softmax,
        "metadata": job.metadata(),
    }
    (file.parent / "task.json").write_text(json.dumps(task))
    weights = keras_from_state_dict(job.module.network, job.module.network.state_dict())
    arrays: dict[str, Any] = {
        f"{layer}/{i}": array
        for layer, of_layer in weights.items()
        for i, array in enumerate(of_layer)
    }
    np.savez(
        file.parent / "task.npz",
        allow_pickle=False,
        beats=job.beats.movedim(1, -1).numpy(),
        **arrays,
    )
    _run_keras(file.parent)
    with np.load(file.parent / "answers.npz", allow_pickle=False) as answers:
        return [answers["one"], answers["all"]]


def _run_keras(folder: Path) -> None:
    """In a process of its own: TensorFlow and torch get in each other's way, and Keras reads its settings at import."""
    settings = {
        "PYTHONPATH": python_path(),
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(
            folder
        ),  # neither reads nor writes the user's keras.json, which may ask for another float type
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-P", "-m", "keras_reference.saving", str(folder)]
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        last = (
            [line.strip() for line in done.stderr.splitlines() if line.strip()]
            or ["nothing on its standard error"]
        )[-1]
        raise InputError(
            f"--format keras: expected Keras's process to save the network, found that it ended with status {done.returncode}: "
            f"{last[:200]}; check the installation with: python -c 'import keras'"
        )

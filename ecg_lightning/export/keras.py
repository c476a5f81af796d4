"""Keras files, which a child process with TensorFlow writes."""

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
from ecg_lightning.export.job import Array, Job
from ecg_lightning.keras_import.weights import keras_from_state_dict
from ecg_lightning.models import Conv2d, DeepConv1d, TimeDepends
from ecg_lightning.system.packages import missing_package
from ecg_lightning.system.processes import python_path

_NETWORKS: dict[type[nn.Module], str] = {  # class -> name in keras_reference
    DeepConv1d: "deep_conv1d",
    TimeDepends: "time_depends",
    Conv2d: "conv2d",
}


def write_keras(job: Job, file: Path) -> list[Array]:
    """Write a Keras file and return what Keras computes with it for the job's examples.

    Args:
        job: Its network must be one of this package's.
        file: `model.keras` in an empty folder, which also receives the files that the two
            processes exchange.

    Raises:
        InputError: The network is not one of this package's, Keras or TensorFlow is not installed,
            or the child process failed.
    """
    if type(job.network) not in _NETWORKS:
        raise InputError(
            "format keras",
            expected=f"one of {', '.join(network.__name__ for network in _NETWORKS)}",
            found=type(job.network).__name__,
            hint="choose another format",
            setting="format",
        )
    for package in ("keras", "tensorflow"):
        if find_spec(package) is None:
            raise missing_package(package, "keras")
    _write_task(job, file.parent)
    _run_keras(file.parent)
    with np.load(file.parent / "answers.npz", allow_pickle=False) as answers:
        return [answers["one"], answers["all"]]


def _write_task(job: Job, folder: Path) -> None:
    """Write what `keras_reference.saving` reads: `task.json` and `task.npz`."""
    task = {
        "network": _NETWORKS[type(job.network)],
        "input_length": job.network.input_length,
        "softmax": job.softmax,
        "metadata": job.file_metadata(),
    }
    (folder / "task.json").write_text(json.dumps(task))
    weights = keras_from_state_dict(job.module.network, job.module.network.state_dict())
    arrays: dict[str, Any] = {
        f"{layer}/{i}": array
        for layer, layer_weights in weights.items()
        for i, array in enumerate(layer_weights)
    }
    beats = job.inputs.batches[1].movedim(1, -1).numpy()
    np.savez(folder / "task.npz", allow_pickle=False, beats=beats, **arrays)


def _run_keras(folder: Path) -> None:
    """Run `keras_reference.saving` in a process of its own.

    TensorFlow and torch disturb each other in one process, and Keras reads its settings at import.
    """
    settings = {
        "PYTHONPATH": python_path(),
        "KERAS_BACKEND": "tensorflow",
        # Keras neither reads nor writes the user's keras.json, which may set another float type.
        "KERAS_HOME": str(folder),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-P", "-m", "keras_reference.saving", str(folder)]
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        last = lines[-1][:200] if lines else "nothing on its standard error"
        raise InputError(
            "format keras",
            expected="a process of Keras that saves the network",
            found=f"that it ended with status {done.returncode}: {last}",
            hint="check the installation with: python -c 'import keras'",
        )

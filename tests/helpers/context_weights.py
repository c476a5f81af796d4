"""Random weights of `PatientContext`, alone or as a file that is loaded as shipped weights are."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from ecg_lightning.annotation.classifying.context_network import ContextNetwork
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.models import PatientContext
from ecg_lightning.models.names import SHIPPED

NAMES = {False: "PatientContext", True: "PatientContext-causal"}
SEGMENTATIONS = {False: "context", True: "context-causal"}


def random_network(causal: bool = False, seed: int = 0, spread: float = 1.0) -> PatientContext:
    """Return a network whose scaling has seen numbers of every size, in evaluation mode.

    Args:
        causal: Whether it sees no later beat.
        seed: Of the weights.
        spread: What the weights of the last layers are multiplied by, so that classes differ.
    """
    torch.manual_seed(seed)
    network = PatientContext(causal=causal)
    for _ in range(2):
        x = torch.randn(2, 30, 5, 128)
        x[:, :, -1, 0] = 1
        network(x)
    with torch.no_grad():
        for member in network.members:
            member.head[-1].weight *= spread  # type: ignore[index, union-attr]
    return network.eval()


def context_network(causal: bool = False, seed: int = 0, **settings: Any) -> ContextNetwork:
    """Return a classifier with random weights."""
    description = {**description_of(causal), **settings}
    return ContextNetwork.of("random", random_network(causal, seed), description)


def description_of(causal: bool) -> dict[str, Any]:
    """Return what a file of weights says about itself."""
    beats = {"segmentation": SEGMENTATIONS[causal], "classes": "aami", "leads": ["MLII", "ECG1"]}
    return {
        "version": "0",
        "name": NAMES[causal],
        "network": "PatientContext",
        "input_length": 128,
        "classes": list(CLASS_NAMES),
        "causal": causal,
        "config": {"beats": beats, "data": {"source": "mitdb,svdb"}},
    }


def ship_random(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    causal: bool,
    spread: float = 1.0,
    seed: int = 0,
    **settings: Any,
) -> str:
    """Write a file of random weights, which is loaded by the name of shipped weights; return it."""
    name, file = NAMES[causal], folder / f"{NAMES[causal]}.safetensors"
    description = json.dumps({**description_of(causal), **settings})
    network = random_network(causal, seed, spread)
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(state, file, {"ecg_lightning": description})
    monkeypatch.setitem(SHIPPED, name, str(file))  # a path from the root replaces the folder
    return name

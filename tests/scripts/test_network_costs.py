"""What `network_costs.py` counts, beside counts by hand."""

import sys

import torch
from torch import nn

from ecg_lightning.models import DeepConv1d
from ecg_lightning.models.patient_context import PatientContext
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from network_costs import (
    NETWORKS,
    Costs,
    beats_of,
    costs_of,
    costs_table,
    direct_multiply_adds,
    example,
    multiply_adds,
)


def test_multiply_adds_of_a_known_network() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv1d(1, 3, 5), nn.Linear(3 * 16, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.first(x).flatten(1))

    # 16 places, 3 filters of 5 taps; 48 numbers to 2.
    for count in (multiply_adds, direct_multiply_adds):
        assert count(Two(), torch.zeros(7, 1, 20)) == 16 * 3 * 5 + 48 * 2


def test_multiply_adds_of_patient_context_are_those_of_its_layers() -> None:
    network = PatientContext(causal=True)
    x = example(network)[:, :200]
    assert multiply_adds(network, x) == direct_multiply_adds(network, x)


def test_a_row_for_each_network() -> None:
    network = DeepConv1d(40)
    assert beats_of(example(network)) == 1024
    costs = costs_of(network, None, least_s=0)
    assert costs.parameters == sum(weights.numel() for weights in network.parameters())
    assert costs.kilobytes == costs.parameters * 4 / 1000
    assert costs.from_windows == costs.network > 0
    row = costs_table({"a": Costs(12_345, 49.4, 678.9, 1000.0, 500.0, 2.34)}).splitlines()[-1]
    assert row == "| a | 12,345 | 49 | 679 | 1,000 | 500 | 2.3 s |"
    assert {"PatientContext", "DeepConv1d", "TimeDepends"} <= set(NETWORKS)

"""The beats on the host and on devices; `meta` is the device where there is no other."""

import pytest
import torch
from torch import Tensor

from ecg_lightning.data import device_table as beat_table
from ecg_lightning.data.device_table import BeatTable, free_bytes

ROWS = torch.tensor([4, 0, 4])
SIZE = 5 * 8 * 4 + 5 * 8  # signals float32, labels int64


@pytest.fixture
def table() -> BeatTable:
    return BeatTable(torch.arange(40.0).view(5, 1, 8), torch.arange(5))


def test_on_the_host_it_is_an_index_select(table: BeatTable) -> None:
    signals, labels = table.batch(ROWS, torch.device("cpu"))
    assert signals[:, 0, 0].tolist() == [32, 0, 32]
    assert labels.tolist() == [4, 0, 4]


@pytest.mark.parametrize(("free", "moves"), [(2 * SIZE, True), (2 * SIZE - 1, False)])
def test_beats_move_once_to_a_device_that_has_room(
    table: BeatTable, monkeypatch: pytest.MonkeyPatch, free: int, moves: bool
) -> None:
    monkeypatch.setattr(beat_table, "free_bytes", lambda device: free)
    selected: list[str] = []
    index_select = Tensor.index_select

    def noted(of: Tensor, dim: int, rows: Tensor) -> Tensor:
        assert of.device == rows.device
        selected.append(of.device.type)
        return index_select(of, dim, rows)

    monkeypatch.setattr(Tensor, "index_select", noted)
    device = torch.device("meta")
    for _ in range(2):
        signals, labels = table.batch(ROWS, device)
        assert (signals.device, labels.device, signals.shape, labels.shape) == (
            device,
            device,
            (3, 1, 8),
            (3,),
        )
    assert selected == ["meta" if moves else "cpu"] * 4


def test_the_host_has_no_memory_of_its_own_to_move_to() -> None:
    assert free_bytes(torch.device("cpu")) == free_bytes(torch.device("meta")) == 0


def test_on_an_accelerator(table: BeatTable) -> None:
    if not torch.cuda.is_available():
        pytest.skip("beats on a GPU not tested: there is none")
    device = torch.device("cuda", 0)
    assert 0 < free_bytes(device) <= torch.cuda.get_device_properties(device).total_memory
    signals, labels = table.batch(ROWS, device)
    assert (signals.device, labels.device) == (device, device)
    assert torch.equal(signals.cpu(), table.signals[ROWS])
    assert torch.equal(labels.cpu(), table.labels[ROWS])

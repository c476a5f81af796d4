"""A file of a PatientContext takes any number of sequences of any length, and pads as it does."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ecg_lightning.errors import InputError
from ecg_lightning.export.exporter import export_network
from ecg_lightning.export.formats import FORMATS as SUFFIXES
from ecg_lightning.export.metadata import read_metadata
from ecg_lightning.models.patient_context import LEADS, ROWS, WINDOW_SAMPLES, PatientContext
from tests.export.test_exporter import LIMIT, needs_onnx, run_file

Made = Callable[[bool, str], tuple[PatientContext, Path, float]]
# Sequences and their beats; no exporter has traced or compared these.
SHAPES = ((1, 1), (2, 1), (1, 2), (1, 3), (5, 17), (1, 700))


def sequences(count: int, beats: int, seed: int = 1) -> Tensor:
    """Beats that resemble their templates, with numbers about them."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, beats, ROWS, WINDOW_SAMPLES))
    usual = random.normal(size=(count, 1, LEADS, WINDOW_SAMPLES)).cumsum(-1)
    x[:, :, LEADS:-1] = usual
    x[:, :, :LEADS] = usual + 0.3 * x[:, :, :LEADS]
    x[:, :, -1, 0] = 1
    return torch.from_numpy(x.astype(np.float32))


def trained(causal: bool) -> PatientContext:
    """A network that has measured the scale of its numbers, in training mode."""
    torch.manual_seed(0)
    network = PatientContext(causal=causal)
    with torch.no_grad():
        network(sequences(4, 50, seed=2))
        for member in network.members:  # outputs differ between beats
            member.head[-1].weight *= 20  # type: ignore[index, union-attr]
    return network


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Network, file and largest difference of an export, cached because tracing takes seconds."""

    @cache
    def make(causal: bool, format: str) -> tuple[PatientContext, Path, float]:
        network = trained(causal)
        path = tmp_path_factory.mktemp("export") / f"beats{SUFFIXES[format]}"
        difference = export_network(network, path, format, {"classes": list("NSVFQ")})
        return network, path, difference

    return make


def outputs_of(network: PatientContext, x: Tensor) -> Tensor:
    with torch.no_grad():
        result: Tensor = network.eval()(x)
    return result


@pytest.mark.parametrize(
    ("causal", "format"),
    [
        pytest.param(False, "onnx", marks=needs_onnx),
        pytest.param(True, "onnx", marks=[needs_onnx, pytest.mark.slow]),
        pytest.param(False, "torch-export", marks=pytest.mark.slow),
    ],
)
class TestTheFile:
    def test_computes_what_the_network_computes(
        self, made: Made, causal: bool, format: str
    ) -> None:
        network, path, difference = made(causal, format)
        assert 0 <= difference < 1e-3
        for shape in SHAPES:
            x = sequences(*shape)
            expected = outputs_of(network, x)
            limit = LIMIT * max(1.0, float(expected.abs().max()))
            torch.testing.assert_close(run_file(path, x), expected, rtol=0, atol=limit)
        assert expected.std(1).max() > 0.01 * expected.abs().max(), "logits do not depend on beats"

    def test_beats_that_fill_up_change_nothing(self, made: Made, causal: bool, format: str) -> None:
        network, path, _ = made(causal, format)
        x = sequences(2, 30)
        filled = torch.cat([x, torch.zeros(2, 25, ROWS, WINDOW_SAMPLES)], 1)
        own, padded = run_file(path, x), run_file(path, filled)[:, :30]
        limit = LIMIT * max(1.0, float(own.abs().max()))
        torch.testing.assert_close(padded, outputs_of(network, filled)[:, :30], rtol=0, atol=limit)
        torch.testing.assert_close(padded, own, rtol=0, atol=limit)

    def test_a_causal_one_sees_no_later_beat(self, made: Made, causal: bool, format: str) -> None:
        _, path, _ = made(causal, format)
        x, other = sequences(1, 60), sequences(1, 60, seed=5)
        changed = torch.cat([x[:, :30], other[:, 30:]], 1)
        same = torch.equal(run_file(path, x)[:, :30], run_file(path, changed)[:, :30])
        assert same == causal

    def test_says_its_sizes(self, made: Made, causal: bool, format: str) -> None:
        metadata = read_metadata(made(causal, format)[1])
        assert metadata["input"] == {
            "name": "beats",
            "shape": ["sequences", "beats", ROWS, WINDOW_SAMPLES],
            "type": "float32",
        }
        assert metadata["output"]["shape"] == ["sequences", "beats", 5]


@needs_onnx
def test_onnx_has_two_free_sizes_and_everything_inside(made: Made) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(made(False, "onnx")[1], load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    sizes = [
        [size.dim_param or size.dim_value for size in entry.type.tensor_type.shape.dim]
        for entry in (*model.graph.input, *model.graph.output)
    ]
    assert sizes == [["sequences", "beats", ROWS, WINDOW_SAMPLES], ["sequences", "beats", 5]]
    assert {entry.domain for entry in model.opset_import} == {""}


def test_keras_refuses_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        export_network(trained(causal=False), tmp_path / "beats.keras", "keras", {})
    assert str(caught.value) == (
        "format keras: expected one of DeepConv1d, TimeDepends, Conv2d, found PatientContext; "
        "choose another format"
    )
    assert not list(tmp_path.iterdir())

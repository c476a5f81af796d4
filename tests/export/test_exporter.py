"""Exported files compute what the network computes; a refused export leaves no file.

The comparison uses beats that the exporter did not use.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ecg_lightning.errors import InputError
from ecg_lightning.export import exporter as module
from ecg_lightning.export import keras as keras_writer
from ecg_lightning.export.exporter import export_network
from ecg_lightning.export.formats import FORMATS as SUFFIXES
from ecg_lightning.export.metadata import METADATA_ENTRY, read_metadata
from ecg_lightning.models import Conv2d, DeepConv1d, TimeDepends
from ecg_lightning.models.layers import BatchNorm
from tests.parity.tolerances import TOLERANCES

MISSING = [
    name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None
]
needs_onnx = pytest.mark.skipif(
    bool(MISSING), reason=f"ONNX not tested: {', '.join(MISSING)} is not installed (extra `onnx`)"
)
FORMATS = [pytest.param("onnx", marks=needs_onnx), "torch-export"]
METADATA = {
    "classes": ["N", "S", "V", "F", "Q"],
    "fs_hz": 360.0,
    "licence": "ODC-By",
    "training": {"seed": 0, "balance": None},
}
LIMIT = TOLERANCES["logits", "float32"].limit
# Odd and even lengths give even and uneven pads; TimeDepends needs 244 samples.
NETWORKS = [(DeepConv1d, 187), (DeepConv1d, 256), (TimeDepends, 250), (Conv2d, 45)]
Exported = Callable[[Callable[[int], nn.Module], int, str], tuple[nn.Module, Path, float]]


def signals(count: int, network: nn.Module, seed: int = 1) -> Tensor:
    length = int(network.input_length)  # type: ignore[arg-type]
    sizes = (length, length) if isinstance(network, Conv2d) else (length,)
    return torch.rand(count, 1, *sizes, generator=torch.Generator().manual_seed(seed))


def settled(kind: Callable[[int], nn.Module], length: int) -> nn.Module:
    """A network in training mode with the moving statistics of a batch.

    With the initial statistics the logits hardly depend on the input.
    """
    torch.manual_seed(0)
    network = kind(length)
    norms = [layer for layer in network.modules() if isinstance(layer, BatchNorm)]
    for norm in norms:
        norm.momentum = 0.0
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias)
    with torch.no_grad():
        network(signals(16, network))
    for norm in norms:
        norm.momentum = 0.99
    return network


def logits_of(network: nn.Module, beats: Tensor) -> Tensor:
    with torch.no_grad():
        return network.eval()(beats)


def run_file(path: Path, beats: Tensor) -> Tensor:
    """What the file computes, by its own runtime."""
    if path.suffix == ".pt2":
        with torch.no_grad():
            return torch.export.load(path).module()(beats)
    session = pytest.importorskip("onnxruntime").InferenceSession(
        path, providers=["CPUExecutionProvider"]
    )
    return torch.from_numpy(session.run(None, {"beats": beats.numpy()})[0])


class Shifted(nn.Module):
    """Computes something else once it is exported."""

    input_length = 20

    def __init__(self, shift: float = 1.0) -> None:
        super().__init__()
        self.linear, self.shift = nn.Linear(20, 5), shift

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x.flatten(1))
        return y + self.shift if torch.compiler.is_exporting() else y


class Branching(Shifted):
    """Branches on the data, which no graph can hold."""

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1)) if x.sum() > 0 else x.flatten(1)[:, :5]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Network, file and largest difference of an export, cached because tracing takes seconds."""

    @cache
    def make(
        kind: Callable[[int], nn.Module], length: int, format: str
    ) -> tuple[nn.Module, Path, float]:
        network, path = (
            settled(kind, length),
            tmp_path_factory.mktemp("export") / f"made/beats{SUFFIXES[format]}",
        )
        return network, path, export_network(network, path, format, METADATA)

    return make


class TestTheFile:
    @pytest.mark.parametrize("format", FORMATS)
    @pytest.mark.parametrize(("kind", "length"), NETWORKS)
    def test_computes_what_the_network_computes(
        self, exported: Exported, kind: Callable[[int], nn.Module], length: int, format: str
    ) -> None:
        network, path, difference = exported(kind, length, format)
        for count in (1, 3, 64):
            expected = logits_of(network, signals(count, network))
            largest = float(expected.abs().max())
            torch.testing.assert_close(
                run_file(path, signals(count, network)), expected, rtol=0, atol=LIMIT * largest
            )
        assert expected.std(0).max() > 0.01 * largest, "the logits hardly depend on the input"
        assert 0 <= difference < 1e-4
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]

    @pytest.mark.parametrize("format", FORMATS)
    def test_ends_in_probabilities_on_request(self, tmp_path: Path, format: str) -> None:
        network, path = Shifted(0.0), tmp_path / f"beats{SUFFIXES[format]}"
        export_network(network, path, format, METADATA, softmax=True)
        x = signals(3, network)
        outputs, expected = run_file(path, x), logits_of(network, x).exp()
        torch.testing.assert_close(outputs.sum(1), torch.ones(3))
        torch.testing.assert_close(
            outputs, expected / expected.sum(1, keepdim=True), rtol=0, atol=1e-6
        )
        assert read_metadata(path)["output"] == {
            "name": "probabilities",
            "shape": ["batch", 5],
            "type": "float32",
        }

    @pytest.mark.parametrize("format", FORMATS)
    def test_holds_the_metadata_and_no_path_of_this_machine(
        self, exported: Exported, format: str
    ) -> None:
        _, path, _ = exported(DeepConv1d, 187, format)
        metadata = read_metadata(path)
        assert {key: metadata[key] for key in METADATA} == METADATA
        assert metadata["format"] == format
        assert metadata["input"] == {"name": "beats", "shape": ["batch", 1, 187], "type": "float32"}
        assert metadata["output"] == {"name": "logits", "shape": ["batch", 5], "type": "float32"}
        assert metadata["versions"]["torch"] == torch.__version__
        parts = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                parts = [archive.read(name) for name in archive.namelist()]
        assert not any(str(Path(module.__file__).parent).encode() in part for part in parts)

    @pytest.mark.parametrize("format", FORMATS)
    def test_takes_any_network_also_as_float64_in_training(
        self, tmp_path: Path, format: str
    ) -> None:
        network, path = Shifted(0.0).double(), tmp_path / f"beats{SUFFIXES[format]}"
        before = {name: value.clone() for name, value in network.state_dict().items()}
        export_network(network, path, format, {})
        assert network.training
        assert all(
            value.dtype == torch.float64 and torch.equal(value, before[name])
            for name, value in network.state_dict().items()
        )
        x = signals(3, network)
        torch.testing.assert_close(
            run_file(path, x), network(x.double()).float().detach(), rtol=0, atol=1e-6
        )

    def test_replaces_an_older_one(self, tmp_path: Path) -> None:
        path = tmp_path / "beats.pt2"
        path.write_text("old")
        export_network(Shifted(0.0), path, "torch-export", {"round": 2})
        assert read_metadata(path)["round"] == 2

    def test_is_written_without_output_or_warnings(self, tmp_path: Path) -> None:
        code = (
            "import pathlib, sys, warnings; warnings.simplefilter('error')\n"
            "from ecg_lightning import export, models\n"
            "for format in sys.argv[2:]:\n"
            "    network = models.DeepConv1d(40)\n"
            "    export.export_network(network, pathlib.Path(sys.argv[1]), format, {})"
        )
        formats = ["torch-export", *([] if MISSING else ["onnx"])]
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "beats.pt2"), *formats],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_onnx
class TestTheGraph:
    ORDINARY = frozenset(
        {
            "Add",
            "BatchNormalization",
            "Conv",
            "Gemm",
            "MatMul",
            "MaxPool",
            "Pad",
            "Relu",
            "Reshape",
            "Softmax",
            "Transpose",
        }
    )

    @pytest.mark.parametrize(
        ("kind", "length", "pools"), [(DeepConv1d, 187, 10), (TimeDepends, 250, 6), (Conv2d, 45, 4)]
    )
    def test_has_ordinary_operators_a_free_batch_and_everything_inside(
        self, exported: Exported, kind: Callable[[int], nn.Module], length: int, pools: int
    ) -> None:
        onnx = pytest.importorskip("onnx")
        _, path, _ = exported(kind, length, "onnx")
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model, full_check=True)
        operators = [node.op_type for node in model.graph.node]
        assert set(operators) <= self.ORDINARY
        assert operators.count("MaxPool") == pools
        assert operators.count("Transpose") <= 1  # before Flatten, to put the channels last
        assert [
            (entry.name, entry.type.tensor_type.shape.dim[0].dim_param)
            for entry in (*model.graph.input, *model.graph.output)
        ] == [
            ("beats", "batch"),
            ("logits", "batch"),
        ]
        assert {entry.data_location for entry in model.graph.initializer} == {
            onnx.TensorProto.DEFAULT
        }
        properties = {entry.key: entry.value for entry in model.metadata_props}
        assert json.loads(properties["ecg_lightning"]) == read_metadata(path)
        assert (properties["licence"], properties["fs_hz"], properties["opset"]) == (
            "ODC-By",
            "360.0",
            str(model.opset_import[0].version),
        )


class TestRefused:
    """One line; no file, whole or partial, is left, and an older file stays."""

    @staticmethod
    def refusal(network: nn.Module, output: Path, format: str = "torch-export") -> str:
        before = {path: path.read_bytes() for path in output.parent.glob("*") if path.is_file()}
        with pytest.raises(InputError) as caught:
            export_network(network, output, format, METADATA)
        if output.parent.is_dir():
            assert {
                path: path.read_bytes() for path in output.parent.iterdir() if path.is_file()
            } == before
            assert not list(output.parent.glob(".export-*"))
        message = str(caught.value)
        assert "\n" not in message
        return message

    @pytest.mark.parametrize("format", FORMATS)
    def test_a_file_that_computes_something_else(self, tmp_path: Path, format: str) -> None:
        path = tmp_path / "beats.pt2"
        path.write_text("old")
        message = self.refusal(Shifted(1.0), path, format)
        expected = (
            r"expected logits within \S+ of the network's, "
            "found a difference of 1 after loading, so no file was written; "
            r"check that the weights are finite, or choose another format \(format\)"
        )
        assert re.fullmatch(f"{re.escape(str(path))}: {expected}", message)

    @pytest.mark.parametrize("shift", [2e-4, float("nan"), float("inf")])
    def test_by_little_or_beyond_measure(self, tmp_path: Path, shift: float) -> None:
        assert "found a difference of" in self.refusal(Shifted(shift), tmp_path / "beats.pt2")

    @pytest.mark.parametrize("value", [torch.nan, torch.inf])
    def test_weights_that_are_not_finite(self, tmp_path: Path, value: float) -> None:
        network = Shifted(0.0)
        nn.init.constant_(network.linear.bias, value)
        assert "found a difference of nan after loading" in self.refusal(
            network, tmp_path / "beats.pt2"
        )

    def test_another_difference_for_a_single_beat_only(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def wrong_alone(job: Any, file: Path) -> list[Any]:
            file.touch()
            one, every = job.expected
            return [one + 1, every]

        monkeypatch.setitem(module._WRITERS, "torch-export", wrong_alone)
        assert "found a difference of 1" in self.refusal(Shifted(0.0), tmp_path / "beats.pt2")

    @pytest.mark.parametrize("format", FORMATS)
    def test_a_network_that_no_graph_can_hold(self, tmp_path: Path, format: str) -> None:
        message = self.refusal(Branching(), tmp_path / "beats.pt2", format)
        assert message.startswith(
            f"format {format}: expected a network that this format can hold, found Branching, "
            "which fails with "
        )
        assert message.endswith("; change the network, or choose another format")

    def test_a_network_without_a_length(self, tmp_path: Path) -> None:
        message = self.refusal(nn.Linear(20, 5), tmp_path / "beats.pt2")
        assert (
            message
            == "Linear: expected a network with input_length, found none; add it to your module"
        )

    def test_an_unknown_format(self, tmp_path: Path) -> None:
        message = self.refusal(Shifted(), tmp_path / "beats.x", "tflite")
        assert (
            message
            == "format: expected one of onnx, torch-export, keras, found 'tflite'; correct it"
        )

    def test_a_folder_instead_of_a_file(self, tmp_path: Path) -> None:
        message = self.refusal(Shifted(), tmp_path)
        assert (
            message == f"{tmp_path}: expected the name of a file to write, found a folder; "
            "add a file name (output)"
        )

    def test_a_file_instead_of_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "taken").touch()
        message = self.refusal(Shifted(), tmp_path / "taken/beats.pt2")
        assert (
            message == f"{tmp_path / 'taken/beats.pt2'}: expected a file that can be written, "
            f"found File exists; move {tmp_path / 'taken'} away, which is no folder, or choose "
            "another file (output)"
        )

    def test_no_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "replace", refuse)
        assert "expected a file that can be written, found Permission denied" in self.refusal(
            Shifted(0.0), tmp_path / "beats.pt2"
        )

    @pytest.mark.parametrize(
        ("format", "package", "extra"),
        [
            *(("onnx", name, "onnx") for name in ("onnx", "onnxscript", "onnxruntime")),
            ("keras", "keras", "keras"),
        ],
    )
    def test_a_missing_package(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, package: str, extra: str
    ) -> None:
        if package != "onnx" and extra in MISSING:
            pytest.skip("the package before it is missing as well")
        monkeypatch.setitem(sys.modules, package, None)
        message = self.refusal(DeepConv1d(40), tmp_path / f"beats{SUFFIXES[format]}", format)
        assert (
            message == f"package {package}: expected an installed package, found none; "
            f"run in the folder of ecg-lightning's code: python -m pip install -e '.[{extra}]'"
        )


class TestKerasWithoutKeras:
    """What the parent process checks; tests/parity/test_export.py compares the files themselves."""

    def test_refuses_another_ending(self, tmp_path: Path) -> None:
        message = TestRefused.refusal(DeepConv1d(40), tmp_path / "beats.h5", "keras")
        expected = (
            "expected a name that ends in .keras, as Keras requires, found 'beats.h5'; "
            "change the name (output)"
        )
        assert message == f"{tmp_path / 'beats.h5'}: {expected}"

    def test_refuses_a_network_that_keras_does_not_know(self, tmp_path: Path) -> None:
        message = TestRefused.refusal(Shifted(), tmp_path / "beats.keras", "keras")
        assert (
            message
            == "format keras: expected one of DeepConv1d, TimeDepends, Conv2d, found Shifted; "
            "choose another format"
        )

    @pytest.mark.parametrize(
        ("stderr", "told"),
        [
            ("Traceback\n  File\nValueError: no such layer\n\n", "ValueError: no such layer"),
            ("", "nothing on its"),
        ],
    )
    def test_tells_the_last_line_of_a_crash(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, told: str
    ) -> None:
        def crash(command: list[str], **settings: Any) -> subprocess.CompletedProcess[str]:
            assert command[:-1] == [sys.executable, "-P", "-m", "keras_reference.saving"]
            assert (settings["env"]["CUDA_VISIBLE_DEVICES"], settings["env"]["KERAS_BACKEND"]) == (
                "",
                "tensorflow",
            )
            with np.load(Path(command[-1]) / "task.npz", allow_pickle=False) as task:
                assert task["beats"].shape == (64, 40, 1)
                assert task["convs_1/0"].shape == (40, 32, 32)
            return subprocess.CompletedProcess(command, -11, "", stderr)

        monkeypatch.setattr(keras_writer, "find_spec", lambda name: True)
        monkeypatch.setattr(subprocess, "run", crash)
        message = TestRefused.refusal(DeepConv1d(40), tmp_path / "beats.keras", "keras")
        assert (
            "expected a process of Keras that saves the network, "
            "found that it ended with status -11: " + told in message
        )


class TestReadMetadata:
    def zipped(self, path: Path, text: str, name: str = METADATA_ENTRY) -> Path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", "{}")
            archive.writestr(name, text)
        return path

    @pytest.mark.parametrize("name", [METADATA_ENTRY, f"model/extra/{METADATA_ENTRY}"])
    def test_reads_both_kinds_of_zip(self, tmp_path: Path, name: str) -> None:
        assert read_metadata(self.zipped(tmp_path / "a.keras", '{"a": [1]}', name)) == {"a": [1]}

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("{", METADATA_ENTRY),
            ("{}", "other.json"),
            ("[" * 100_000, METADATA_ENTRY),
            (
                f'{{"a": "{"0" * (1 << 20)}"}}',
                METADATA_ENTRY,
            ),  # a thousand times its size on disk
        ],
    )
    def test_refuses_a_zip_without_it(self, tmp_path: Path, text: str, name: str) -> None:
        with pytest.raises(
            InputError,
            match="expected a file that `ecg-lightning export` wrote, "
            "found none of its metadata; check the path",
        ):
            read_metadata(self.zipped(tmp_path / "a.keras", text, name))

    def test_refuses_a_wrong_size(self, tmp_path: Path) -> None:
        path = self.zipped(tmp_path / "a.keras", f'{{"a": "{"0" * (1 << 24)}"}}')
        content = path.read_bytes()
        size = len(f'{{"a": "{"0" * (1 << 24)}"}}').to_bytes(4, "little")
        path.write_bytes(content.replace(size, (100).to_bytes(4, "little")))
        with pytest.raises(InputError, match="found none of its metadata"):
            read_metadata(path)

    def test_refuses_json_that_is_no_object(self, tmp_path: Path) -> None:
        with pytest.raises(
            InputError,
            match=r"expected metadata as a JSON object, found \[1\]; export the checkpoint again",
        ):
            read_metadata(self.zipped(tmp_path / "a.keras", "[1]"))

    def test_refuses_a_broken_zip(self, tmp_path: Path) -> None:
        path = self.zipped(tmp_path / "a.keras", "{}")
        path.write_bytes(path.read_bytes()[:-30])
        with pytest.raises(InputError, match="found none of its metadata"):
            read_metadata(path)

    def test_refuses_a_compression_that_can_take_any_amount_of_memory(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.keras", "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr(METADATA_ENTRY, "{}")
        with pytest.raises(InputError, match="found none of its metadata"):
            read_metadata(tmp_path / "a.keras")

    def test_a_damaged_byte_gives_the_metadata_or_an_input_error(self, tmp_path: Path) -> None:
        path = self.zipped(tmp_path / "a.keras", json.dumps(METADATA))
        content, refused = path.read_bytes(), 0
        for place in range(4, len(content)):
            for value in (255, content[place] ^ 1):
                path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
                try:
                    assert read_metadata(path) == METADATA
                except InputError:
                    refused += 1
        assert refused > len(content)

    def test_refuses_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(
            InputError,
            match="expected an exported file, found no such file; check the path",
        ):
            read_metadata(tmp_path / "none.onnx")

    @needs_onnx
    @pytest.mark.parametrize(
        "content", [b"", b"text", b"\x08\x0a", bytes(range(256)), b"\x89HDF\r\n\x1a\n"]
    )
    def test_refuses_a_foreign_file(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.onnx").write_bytes(content)
        with pytest.raises(InputError, match="found none of its metadata"):
            read_metadata(tmp_path / "a.onnx")

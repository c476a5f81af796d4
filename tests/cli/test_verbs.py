"""`ecg-lightning import-keras` and `export`: what they print, write and refuse."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_lightning.models.checkpoint import read_network
from tests.helpers import keras_files as files
from tests.helpers.cli import SMALL, command, names_below, one_cache
from tests.helpers.original_networks import ORIGINALS

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.mark.parametrize("name", ORIGINALS)
def test_import_then_test(name: str, tmp_path: Path) -> None:
    files.tf1_h5(tmp_path / "model.h5", ORIGINALS[name]())
    outcome = command(["import-keras", "model.h5", "--output", "sub/model.ckpt"], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    numbers = {"DeepConv1d": "311,557", "TimeDepends": "280,549", "Conv2d": "163,589"}[name]
    assert (
        outcome.out.splitlines()[0]
        == f"{name} of {128 if name == 'Conv2d' else 256} samples, {numbers} numbers, from model.h5"
    )
    assert outcome.out.splitlines()[-1] == "sub/model.ckpt"
    assert names_below(tmp_path) == {"model.h5", "sub/model.ckpt"}
    if name != "Conv2d":
        outcome = command(
            [
                "test",
                "--model.network",
                name,
                "--ckpt_path",
                "sub/model.ckpt",
                "--data.source",
                "synthetic",
                "--data.split",
                "all",
            ],
            tmp_path,
        )
        assert (outcome.status, outcome.err) == (0, "")


def test_the_import_says_where_the_weights_come_from(tmp_path: Path) -> None:
    files.tf1_h5(tmp_path / "model.h5", ORIGINALS["TimeDepends"]())
    command(["import-keras", "model.h5", "--output", "model.ckpt"], tmp_path)
    config = read_network(tmp_path / "model.ckpt")[1]["config"]
    assert config["imported"]["file"] == "model.h5"
    assert len(config["imported"]["sha256"]) == 64
    assert (
        config["beats"]["segmentation"],
        config["beats"]["normalization"],
        config["beats"]["fs_hz"],
    ) == ("peaks", "record", 360.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a Keras model file"),
        (b"", "expected a Keras model file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "expected a Keras model file"),
        (b"PK\x03\x04" + bytes(100), "expected a Keras model file"),
    ],
    ids=["missing", "empty", "hdf5", "zip"],
)
def test_a_broken_file_leaves_no_output(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "model.h5").write_bytes(content)
    outcome = command(["import-keras", "model.h5", "--output", "out/model.ckpt"], tmp_path)
    assert outcome.status == 2
    assert outcome.err.startswith("ecg-lightning: model.h5: ")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""
    assert names_below(tmp_path) <= {"model.h5"}


def test_an_older_output_stays_when_the_import_fails(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_text("older")
    assert command(["import-keras", "none.h5", "--output", "model.ckpt"], tmp_path).status == 2
    assert (tmp_path / "model.ckpt").read_text() == "older"


def test_export_of_a_run(tmp_path: Path) -> None:
    """Torch's own format needs no other package."""
    run = command(["fit", *SMALL], tmp_path).folder
    args = [
        "export",
        str(run / "checkpoints" / "best.ckpt"),
        "--format",
        "torch-export",
        "--output",
        "out/model.pt2",
        "--softmax",
    ]
    outcome = command(args, tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(
        "DeepConv1d as torch-export: probabilities differ from the checkpoint"
    )
    assert outcome.out.splitlines()[-1] == "out/model.pt2"

    from ecg_lightning.export.metadata import read_metadata

    metadata = read_metadata(tmp_path / "out" / "model.pt2")
    assert metadata["classes"] == ["N", "S", "V", "F", "Q"]
    assert (metadata["fs_hz"], metadata["window_samples"], metadata["normalization"]) == (
        360.0,
        256,
        "record",
    )
    assert metadata["data_licence"] == "simulated beats, no data of people"
    assert metadata["training"]["data"]["per_class"] == 20
    assert "not for diagnosis" in metadata["use"]


REFUSED = {
    "no file": (
        ["import-keras"],
        "the following arguments are required: file, --output; "
        "see `ecg-lightning import-keras --help`",
    ),
    "output is a folder": (
        ["import-keras", "x.h5", "--output", "."],
        "expected the name of a file to write, found a folder",
    ),
    "length": (
        ["import-keras", "x.h5", "--output", "y", "--input-length", "many"],
        "invalid int value: 'many'",
    ),
    "network": (
        ["import-keras", "x.h5", "--output", "y", "--network", "LSTM"],
        "network: expected one of Conv2d, DeepConv1d, TimeDepends",
    ),
    "format": (
        ["export", "TimeDepends", "--format", "tflite", "--output", "y"],
        "format: expected one of onnx, torch-export, keras",
    ),
    "checkpoint": (
        ["export", "none.ckpt", "--format", "onnx", "--output", "y"],
        "none.ckpt: expected a checkpoint of this program",
    ),
    "no format": (
        ["export", "TimeDepends", "--output", "y"],
        "the following arguments are required: --format",
    ),
    "unknown": (
        ["export", "TimeDepends", "--format", "onnx", "--output", "y", "--fast"],
        "unrecognized arguments: --fast",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case: str, tmp_path: Path) -> None:
    args, message = REFUSED[case]
    outcome = command(args, tmp_path)
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert names_below(tmp_path) == set()

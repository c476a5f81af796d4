"""`predict`: its table in a file or on standard output, its default split, and what is refused."""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import wfdb

from ecg_lightning.classes import tells_classes
from tests.helpers.cli import SMALL, TINY, Outcome, command, names_below, one_cache
from tests.helpers.records import ecg_like, write_record

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
HEAD = ["record", "sample", "symbol", "class", "predicted"]
SHARES = ["p_N", "p_S", "p_V", "p_F", "p_Q"]
SYMBOLS = {"a": "NVNAN/NFN", "b": "NNVNA"}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two records of 9 and 5 beats, and the marks of a detector for record b."""
    folder = tmp_path_factory.mktemp("data") / "records"
    for name, symbols in SYMBOLS.items():
        write_record(folder, ecg_like(name, symbols))
    samples = ecg_like("b", SYMBOLS["b"]).annotation_samples
    wfdb.wrann("b", "qrs", samples, symbol=["N"] * 5, write_dir=str(folder))
    return folder


def predict(records: Path, folder: Path, *words: object) -> Outcome:
    data = ["--data.source", "wfdb", "--data.root", records, "--data.segmentation", "annotations"]
    args = ["predict", "--ckpt_path", "DeepConv1d", *data, *words]
    return command([str(arg) for arg in args], folder)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_one_table_in_a_file_on_standard_output_and_in_a_run_folder(
    records: Path, tmp_path: Path
) -> None:
    file = predict(records, tmp_path, "--output", "new/p.csv")
    said, _, name = file.out.splitlines()  # the second line is about the segmentation
    assert (file.status, name) == (0, "new/p.csv")
    assert said == "predicted: 14 beats of 2 records, split all"
    assert names_below(tmp_path) == {"new/p.csv"}
    content = (tmp_path / "new/p.csv").read_text()
    rows = rows_of(content)
    assert list(rows[0]) == [*HEAD, *SHARES, "quality"]
    beats = [(name, symbol) for name, symbols in SYMBOLS.items() for symbol in symbols]
    assert [(row["record"], row["symbol"]) for row in rows] == beats
    alone = predict(records, tmp_path, "--output", "-")
    assert (alone.status, alone.out) == (0, content)
    assert "predicted: 14 beats of 2 records, split all\n" in alone.err
    assert names_below(tmp_path) == {"new/p.csv"}
    in_folder = predict(records, tmp_path)
    assert (tmp_path / in_folder.folder / "predictions.csv").read_text() == content


def test_parquet_holds_the_table_with_numbers_as_they_are(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecg_lightning.cli.trainer.prediction_output.BLOCK", 4)
    assert predict(records, tmp_path, "--output", "p.parquet").status == 0
    rows = rows_of(predict(records, tmp_path, "--output", "-").out)
    table = pyarrow.parquet.read_table(tmp_path / "p.parquet")
    assert (table.num_rows, table.column_names) == (14, list(rows[0]))
    for name in HEAD:
        assert [str(value) for value in table[name].to_pylist()] == [row[name] for row in rows]
    for name, decimals in {**dict.fromkeys(SHARES, 6), "quality": 3}.items():
        numbers = table[name].to_pylist()
        assert table[name].type == "float"
        assert [f"{number:.{decimals}f}" for number in numbers] == [row[name] for row in rows]


def test_blocks_make_one_table(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = predict(records, tmp_path, "--output", "-").out
    monkeypatch.setattr("ecg_lightning.cli.trainer.prediction_output.BLOCK", 4)
    assert predict(records, tmp_path, "--output", "-").out == whole
    assert predict(records, tmp_path, "--output", "p.csv").status == 0
    assert (tmp_path / "p.csv").read_text() == whole


def test_several_devices_are_one_process_and_each_beat_comes_once(
    records: Path, tmp_path: Path
) -> None:
    one = predict(records, tmp_path, "--output", "-").out
    devices = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.accelerator=cpu"]
    assert predict(records, tmp_path, "--output", "-", *devices).out == one


def test_processes_of_a_launcher_are_refused(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "GROUP_RANK", "LOCAL_RANK", "TORCHELASTIC_RUN_ID"):
        monkeypatch.setenv(name, "0")
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "2")
    outcome = predict(records, tmp_path, "--output", "-")
    assert (outcome.status, outcome.out) == (2, "")
    assert "predict: expected one process, found 2; start one" in outcome.err


def test_marks_of_a_detector_are_no_true_classes(records: Path, tmp_path: Path) -> None:
    words = ["--data.annotator", "qrs", "--output", "p.csv"]
    outcome = predict(records, tmp_path, *words)
    assert outcome.status == 0
    assert "split all; the annotations (.qrs) tell no classes" in outcome.out
    rows = rows_of((tmp_path / "p.csv").read_text())
    assert list(rows[0]) == ["record", "sample", "symbol", "predicted", *SHARES, "quality"]
    assert [row["record"] for row in rows] == ["b"] * 5
    shown = command(["show", str(records / "b"), "--predictions", "p.csv"], tmp_path)
    assert shown.status == 0
    assert "5 annotated beats, 5 predicted beats, no true classes" in shown.out


@pytest.mark.parametrize(
    ("symbols", "annotator", "told"),
    [
        ("NNN", "atr", True),  # a person with normal beats alone
        ("NNN", "qrs", False),
        ("NN?", "qrs", False),
        ("???", "atr", False),
        ("N?V", "qrs", True),
        ("QQQ", "qrs", True),
        ("", "atr", False),
    ],
)
def test_what_symbols_tell(symbols: str, annotator: str, told: bool) -> None:
    assert tells_classes(np.array(list(symbols), np.str_), annotator) is told


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the synthetic database with the split original."""
    folder = tmp_path_factory.mktemp("run")
    assert command(["fit", *TINY, *SMALL, "--output", "run"], folder).status == 0
    return folder / "run"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "predicted: 500 beats of"),  # the test part of the run, none that it was trained on
        (["--data.source", "synthetic"], "predicted: 10,529 beats of 12 records, split all"),
        (["--data.source", "synthetic", "--data.split", "original"], "predicted: 500 beats of"),
        (["--data.test", "s01"], "of 1 record, split parts"),
        (["--config", "run/config.yaml"], "predicted: 500 beats of"),
    ],
)
def test_all_beats_of_data_that_a_command_names(run: Path, words: list[str], line: str) -> None:
    checkpoint = ["--ckpt_path", "run/checkpoints/best.ckpt"]
    outcome = command(["predict", *TINY, *words, *checkpoint, "--output", "p.csv"], run.parent)
    assert outcome.status == 0
    assert line in outcome.out


ENDING = "expected a name that ends in .csv or .parquet, or - for standard output, found "


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("p.xlsx", f"output p.xlsx: {ENDING}the ending .xlsx; change the name (--output)"),
        ("table", f"output table: {ENDING}a name without an ending; change the name (--output)"),
        ("file/p.csv", "file/p.csv: expected a place that can be written, found "),
        ("folder.csv", "folder.csv: expected the name of a file to write, found a folder; "),
        ("records/a.csv", "expected a file of its own, found a file that the command reads; "),
    ],
)
def test_a_refused_output(records: Path, output: str, words: str) -> None:
    folder = records.parent
    (folder / "folder.csv").mkdir(exist_ok=True)
    (folder / "file").touch()
    (records / "a.csv").touch()
    before = names_below(folder)
    outcome = predict(records, folder, "--output", output)
    assert (outcome.status, outcome.out) == (2, "")
    assert words in outcome.err.splitlines()[-1]
    assert names_below(folder) == before


def test_parquet_needs_a_package(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    outcome = predict(records, tmp_path, "--output", "p.parquet")
    assert (outcome.status, outcome.out) == (2, "")
    line = "ecg-lightning: package pyarrow: expected an installed package, found none; run "
    assert outcome.err.startswith(line)
    assert names_below(tmp_path) == set()


def test_a_fit_has_no_table(tmp_path: Path) -> None:
    outcome = command(["fit", *TINY, "--output", "-"], tmp_path)
    assert outcome.status == 2
    assert "--output: expected a path, found a list" in outcome.err


def test_a_disk_that_is_full_leaves_the_old_table(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.csv").write_text("old")

    def no_space(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    outcome = predict(records, tmp_path, "--output", "p.csv")
    assert outcome.status == 2
    assert "p.csv: expected room for 0.0 MiB, found No space left on device; " in outcome.err
    assert (tmp_path / "p.csv").read_text() == "old"
    assert names_below(tmp_path) == {"p.csv"}

"""Kaggle's CSV files: values written by hand, and every line that is refused."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.records.kaggle import read_kaggle


def lines(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    random = np.random.default_rng(seed)
    signals, labels = random.random((rows, 187)).round(4), random.integers(0, 5, rows)
    text = [
        ",".join([*(f"{x:.18e}" for x in s), f"{y:.18e}"])
        for s, y in zip(signals, labels, strict=True)
    ]
    return signals.astype(np.float32), labels, text


def write(folder: Path, name: str = "mitbih_test", text: list[str] | None = None) -> list[str]:
    text = lines(3, 0)[2] if text is None else text
    (folder / f"{name}.csv").write_text("".join(f"{line}\n" for line in text))
    return text


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_kaggle(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{folder}/", "")


def test_both_files_in_order(tmp_path: Path) -> None:
    train, test = lines(5, 1), lines(2, 2)
    write(tmp_path, "mitbih_test", test[2])
    write(tmp_path, "mitbih_train", train[2])
    signals, labels, file = read_kaggle(tmp_path)
    np.testing.assert_array_equal(signals, np.concatenate([train[0], test[0]]))
    np.testing.assert_array_equal(labels, np.concatenate([train[1], test[1]]))
    assert file.tolist() == ["mitbih_train"] * 5 + ["mitbih_test"] * 2
    assert (signals.dtype, labels.dtype) == (np.dtype("f4"), np.dtype("i8"))


@pytest.mark.parametrize("name", ["mitbih_train", "mitbih_test"])
def test_one_file_is_enough(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, lines(1, 3)[2])
    signals, _, file = read_kaggle(tmp_path)
    assert signals.shape == (1, 187)
    assert file.tolist() == [name]


def test_no_folder_and_no_file(tmp_path: Path) -> None:
    assert refused(tmp_path) == (
        f"{tmp_path}: expected mitbih_train.csv or mitbih_test.csv in this folder, found neither; "
        "unpack Kaggle's archive here"
    )
    expected = "expected a folder with Kaggle's CSV files, found no such folder; check the path"
    with pytest.raises(InputError, match=expected):
        read_kaggle(tmp_path / "none")


@pytest.mark.parametrize("line", [0, 2])
@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["0.5"] * 187, "expected 188 columns, found 187"),
        (["0.5"] * 189, "expected 188 columns, found 189"),
        (["0.5", "x"] + ["0"] * 186, "expected a finite number in column 2, found 'x'"),
        (["", *["0"] * 187], "expected a finite number in column 1, found ''"),
        (["nan", *["0"] * 187], "expected a finite number in column 1, found 'nan'"),
        (["0"] * 186 + ["-inf", "0"], "expected a finite number in column 187, found '-inf'"),
        (["1e39", *["0"] * 187], "expected a finite number in column 1, found '1e39'"),
        (["1_0", *["0"] * 187], "expected a finite number in column 1, found '1_0'"),
        (["0"] * 187 + ["5"], "expected a class from 0 to 4 in column 188, found '5'"),
        (["0"] * 187 + ["-1"], "expected a class from 0 to 4 in column 188, found '-1'"),
        (["0"] * 187 + ["1.5"], "expected a class from 0 to 4 in column 188, found '1.5'"),
        (
            ["0"] * 187 + [f"{0.5:.18e}"],
            "expected a class from 0 to 4 in column 188, found '5.000000000000000000e-01'",
        ),
        (["0\0", *["0"] * 187], r"expected a finite number in column 1, found '0\x00'"),
        (["\x1b[31m", *["0"] * 187], r"expected a finite number in column 1, found '\x1b[31m'"),
        (
            ["9" * 60_000, *["0"] * 187],
            f"expected a finite number in column 1, found '{'9' * 18}...{'9' * 18}'",
        ),
    ],
)
def test_a_wrong_line(tmp_path: Path, line: int, cells: list[str], message: str) -> None:
    text = lines(3, 0)[2]
    text[line] = ",".join(cells)
    write(tmp_path, text=text)
    assert refused(tmp_path) == f"mitbih_test.csv, line {line + 1}: {message}; fetch the file again"


@pytest.mark.parametrize(
    "header",
    [
        [str(column) for column in range(188)],
        [str(column) for column in range(1, 189)],
        [*(f"sample{column}" for column in range(187)), "class"],
        [*(f'"s{column}"' for column in range(187)), '"class"'],
    ],
)
def test_a_header_line_is_called_so(tmp_path: Path, header: list[str]) -> None:
    write(tmp_path, text=[",".join(header), *lines(3, 0)[2]])
    assert refused(tmp_path) == (
        "mitbih_test.csv, line 1: expected a beat in every line, found a header line; "
        "remove it, or write the table without a header"
    )


def test_a_line_without_an_end_is_not_read_as_a_whole(tmp_path: Path) -> None:
    with (tmp_path / "mitbih_test.csv").open("wb") as file:
        file.truncate(1 << 33)  # 8 GiB of zero bytes, which take no room on the disk
    limit = 1 << 26
    tracemalloc.start()
    try:
        message = refused(tmp_path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert message.startswith("mitbih_test.csv, line 1: expected 188 columns, found 1")
    assert most < limit


@pytest.mark.parametrize("name", ["mitbih_train", "mitbih_test"])
def test_what_is_no_regular_file_is_no_table(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / f"{name}.csv")
    assert f"{name}.csv: expected" in refused(tmp_path)
    assert "found a pipe" in refused(tmp_path)


def test_a_file_with_too_few_columns_throughout(tmp_path: Path) -> None:
    write(tmp_path, text=["1,2"] * 3)
    assert (
        refused(tmp_path)
        == "mitbih_test.csv, line 1: expected 188 columns, found 2; fetch the file again"
    )


def test_blank_lines_count_as_lines_only(tmp_path: Path) -> None:
    text = lines(2, 0)[2]
    write(tmp_path, text=[text[0], "", text[1], ""])
    assert len(read_kaggle(tmp_path)[0]) == 2
    write(tmp_path, text=[text[0], "", "1,2"])
    assert refused(tmp_path).startswith("mitbih_test.csv, line 3: expected 188 columns, found 2")


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mitbih_train.csv").write_bytes(content)
    expected = (
        "mitbih_train.csv: expected lines of 188 columns, found an empty file; fetch the file again"
    )
    assert refused(tmp_path) == expected


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00\x01", b"PK\x03\x04\x00,\x00\n", b"version https://git-lfs\n"]
)
def test_another_kind_of_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mitbih_train.csv").write_bytes(content)
    assert refused(tmp_path).startswith("mitbih_train.csv, line 1: expected 188 columns, found ")

"""When a WFDB record begins: equal to wfdb's reading of times and dates, and no wrong ones."""

from datetime import datetime
from pathlib import Path

import pytest
import wfdb

from ecg_lightning.records.wfdb.header import read_header


def start_of(folder: Path, words: str) -> datetime | None:
    (folder / "r1.hea").write_text(f"r1 1 360 100 {words}\nr1.dat 16\n")
    return read_header(folder / "r1.hea").start


@pytest.mark.parametrize(
    "words",
    [
        "10:44:18.529 04/05/2704",
        "8:26:04 26/10/1994",
        "0:0:0.5 1/1/2000",
        "23:59:59.999999 31/12/1999",
        "17:27:45    15/08/1994",
    ],
)
def test_equals_wfdb(tmp_path: Path, words: str) -> None:
    start = start_of(tmp_path, words)
    assert start is not None
    assert start == wfdb.rdheader(str(tmp_path / "r1")).base_datetime


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ("26/10/1994", datetime(1994, 10, 26)),  # header(5): the time is midnight
        ("26:04 26/10/1994", datetime(1994, 10, 26, 0, 26, 4)),
        ("4 26/10/1994", datetime(1994, 10, 26, 0, 0, 4)),
        ("4. 26/10/1994", datetime(1994, 10, 26, 0, 0, 4)),
        ("0:0:0.1234567 26/10/1994", datetime(1994, 10, 26, 0, 0, 0, 123456)),
        ("10:44:18", None),  # of no day
        ("", None),
        ("25:00:00 26/10/1994", None),
        ("10:60:00 26/10/1994", None),
        ("10:00:00 31/02/1994", None),
        ("10:00:00 1994-02-01", None),
        ("10:00:00 26/10/0000", None),
        ("10:00:00 26/10/1994 more", None),
        ("\u0661:00:00 26/10/1994", None),
        (f"{'9' * 5000} 26/10/1994", None),
    ],
)
def test_a_date_without_a_time_and_wrong_ones(
    tmp_path: Path, words: str, start: datetime | None
) -> None:
    assert start_of(tmp_path, words) == start

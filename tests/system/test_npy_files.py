"""Files written table by table, compared with `np.save` of the whole."""

from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.system.npy_files import write_npy

PARTS = [
    {
        "signals": np.random.default_rng(rows).random((rows, 1, 5), dtype=np.float32),
        "names": np.full(rows, f"r{rows}", dtype="<U7"),
        "labels": np.arange(rows),
        "seconds": np.full(rows, np.nan, np.float32),
    }
    for rows in (3, 0, 1, 120)
]


@pytest.mark.parametrize("parts", [PARTS, PARTS[:1], PARTS[1:2], PARTS[1:]])
def test_a_file_equals_that_of_np_save_byte_for_byte(
    tmp_path: Path, parts: list[dict[str, np.ndarray]]
) -> None:
    write_npy(tmp_path, iter(parts))
    for name in PARTS[0]:
        np.save(tmp_path / "whole.npy", np.concatenate([part[name] for part in parts]))
        assert (tmp_path / f"{name}.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_views_are_written_in_the_order_of_their_values(tmp_path: Path) -> None:
    across = np.arange(12.0).reshape(3, 4).T[::2]
    write_npy(tmp_path, [{"x": across}])
    assert np.load(tmp_path / "x.npy").tolist() == across.tolist()


@pytest.mark.parametrize(
    "other",
    [
        {"x": np.zeros(2, np.float32)},
        {"x": np.zeros((2, 1))},
        {"y": np.zeros(2)},
        {"x": np.zeros(2), "y": np.zeros(2)},
    ],
)
def test_tables_that_differ_are_refused(tmp_path: Path, other: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="expected columns"):
        write_npy(tmp_path, [{"x": np.zeros(2)}, other])


def test_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected one or more tables, found none"):
        write_npy(tmp_path, [])

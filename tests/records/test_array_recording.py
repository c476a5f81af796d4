"""Arrays as recordings: shapes, types, units, and what is no recording."""

import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_lightning import read_recording
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import Recording


def recording_of(array: Any, **options: Any) -> Recording:
    return read_recording(array, **{"fs_hz": 250, **options})


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, np.int8, np.int16, np.uint16, np.int64, ">i2"]
)
def test_real_types(dtype: Any) -> None:
    values = np.arange(12).reshape(2, 6).astype(dtype)
    recording = recording_of(values)
    assert (recording.fs_hz, recording.samples, recording.format) == (250.0, 6, "array")
    assert [lead.name for lead in recording.leads] == ["channel 0", "channel 1"]
    assert recording.read(2, 3, leads=np.int64(1)).tolist() == [[8.0]]  # type: ignore[arg-type]
    read = recording.read(2, 5, leads=[1, 0])
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, np.arange(12).reshape(2, 6)[::-1, 2:5])


@pytest.mark.parametrize("make", [list, tuple, np.asarray])
def test_what_numpy_takes_for_an_array(make: Any) -> None:
    assert recording_of(make([0.5, 1.5, 2.5])).read()[0].tolist() == [0.5, 1.5, 2.5]


def test_a_tensor() -> None:
    torch = pytest.importorskip("torch")
    read = recording_of(torch.tensor([[0.5, 1.5], [2.5, 3.5]])).read(leads=[0, 1])
    assert read.tolist() == [[0.5, 1.5], [2.5, 3.5]]
    with pytest.raises(InputError, match="expected an array of real numbers, found Tensor"):
        recording_of(torch.zeros(3, requires_grad=True))


@pytest.mark.parametrize(
    ("unit", "lead_unit", "factor"),
    [(None, "mV", 1), ("mV", "mV", 1), ("uV", "mV", 1e-3), ("V", "mV", 1e3), ("mmHg", "mmHg", 1)],
)
def test_units(unit: str | None, lead_unit: str, factor: float) -> None:
    recording = recording_of([1.0, 2.0], unit=unit)
    assert recording.lead.unit == lead_unit
    np.testing.assert_allclose(recording.read_exactly(), [[factor, 2 * factor]], rtol=1e-15)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_is_an_array() -> None:
    matrix = recording_of(np.matrix([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    np.testing.assert_array_equal(matrix.read(leads=[0, 1]), [[1, 2, 3], [4, 5, 6]])
    assert type(matrix.read(leads=[0])) is np.ndarray


def test_values_that_are_not_finite_or_masked_are_invalid() -> None:
    values = np.array([1.0, np.nan, np.inf, -np.inf, 1e30, 2.0])
    expected = [[1, np.nan, np.nan, np.nan, 1e30, 2]]
    np.testing.assert_array_equal(recording_of(values).read_exactly(), expected)
    masked = np.ma.masked_equal([[1, 7, 3], [7, 5, 6]], 7)
    np.testing.assert_array_equal(
        recording_of(masked).read(leads=[0, 1]), [[1, np.nan, 3], [np.nan, 5, 6]]
    )


@pytest.mark.parametrize(("value", "unit"), [(1e300, "mV"), (1e36, "V"), (1.7e308, "V")])
def test_a_value_beyond_float32_is_refused(value: float, unit: str) -> None:
    recording = recording_of([0.5, value], unit=unit)
    assert np.isfinite(recording.read(0, 1)).all()
    with pytest.raises(
        InputError, match="array: expected values that a float32 holds in mV, found"
    ):
        recording.read()


def test_a_large_array_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((2, 1_000_000), np.int16))
    values = np.load(path, mmap_mode="r")
    tracemalloc.start()
    recording = recording_of(values)
    recording.read(500_000, 500_010, leads=[0, 1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000
    assert recording.source.values is values  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("array", "line"),
    [
        (np.zeros((100, 2)), "found 100 leads of 2 samples; transpose it: array.T"),
        (np.zeros(0), "expected an array (T,) or (leads, T) with samples, found one of shape (0,)"),
        (np.zeros((2, 0)), "found one of shape (2, 0)"),
        (np.zeros((1, 2, 3)), "found one of shape (1, 2, 3)"),
        (np.float64(1), "found one of shape ()"),
        (np.zeros(5, complex), "expected an array of real numbers, found one of complex128"),
        (np.zeros(5, bool), "found one of bool"),
        (np.array([1.0, None]), "found one of object"),
        ([Decimal(1), Decimal(2)], "found one of object"),
        (["a", "b"], "found one of <U1"),
        ([[1.0, 2.0], [3.0]], "expected an array of real numbers, found list: "),
        (np.zeros(3, "datetime64[s]"), "found one of datetime64[s]"),
        (None, "found one of object"),
    ],
)
def test_what_is_no_recording_is_refused(array: Any, line: str) -> None:
    with pytest.raises(InputError) as caught:
        recording_of(array)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_rate_is_needed() -> None:
    with pytest.raises(InputError, match="array: expected a sampling rate, found none"):
        read_recording(np.zeros(5))

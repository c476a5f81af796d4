"""Pieces of a recording: which leads can be read together, and from where to where."""

from collections.abc import Sequence

import numpy as np
import pytest

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import Lead, Recording


class Counting:
    """Samples that are their own position."""

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        """Return start, start + 1, … for each lead."""
        return np.tile(np.arange(start, stop, dtype=np.float64), (len(leads), 1))


LEADS = (
    Lead("II", "mV", 250.0, 1000),
    Lead("V1", "mV", 250.0, 1000),
    Lead("V5", "mV", 250.0, 900),
    Lead("resp", "", 25.0, 100),
)
RECORDING = Recording("r", "test", LEADS, 0, Counting())


@pytest.mark.parametrize(
    ("place", "shape"),
    [
        ((), (1, 1000)),
        ((10, 20), (1, 10)),
        ((0, None, [0, "V1"]), (2, 1000)),
        ((0, None, "v5"), (1, 900)),
        ((0, 900, ["II", 2]), (2, 900)),
        ((0, 0), (1, 0)),
        ((90, None, "resp"), (1, 10)),
    ],
)
def test_a_piece(place: tuple[object, ...], shape: tuple[int, int]) -> None:
    piece = RECORDING.read(*place)  # type: ignore[arg-type]
    assert (piece.shape, piece.dtype) == (shape, np.dtype(np.float32))
    assert piece[:, :1].tolist() == [[float(place[0] if place else 0)]] * shape[0] or not shape[1]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (
            (0, 10, ["II", "resp"]),
            "leads of one sampling rate, found II at 250 Hz and resp at 25 Hz",
        ),
        (
            (0, None, ["II", "V5"]),
            "leads of one length, found II with 1,000 samples and V5 with 900",
        ),
        ((0, 901, ["II", "V5"]), "a piece within its 900 samples, found 0 to 901"),
        ((-1, 5), "a piece within its 1,000 samples, found -1 to 5"),
        ((6, 5), "a piece within its 1,000 samples, found 6 to 5"),
        ((0.0, 5.0), "whole numbers of samples, found 0.0"),
        ((0, "5"), "whole numbers of samples, found '5'"),
        ((0, 5, []), "one or more leads, found none"),
        ((0, 5, 1.0), "a lead out of II, V1, V5, resp or an index from 0 to 3, found 1.0"),
        ((0, 5, "V9"), "a lead out of II, V1, V5, resp or an index from 0 to 3, found 'V9'"),
    ],
)
def test_what_is_no_piece(place: tuple[object, ...], line: str) -> None:
    with pytest.raises(InputError) as caught:
        RECORDING.read(*place)  # type: ignore[arg-type]
    assert line in str(caught.value)


def test_pieces_cover_a_lead_in_order() -> None:
    pieces = list(RECORDING.pieces("V1", n_samples=300))
    assert [start for start, _ in pieces] == [0, 300, 600, 900]
    joined = np.concatenate([piece for _, piece in pieces], axis=1)
    assert joined.tolist() == [list(range(1000))]
    with pytest.raises(InputError, match="leads of one length"):
        list(RECORDING.pieces([0, 2]))


@pytest.mark.parametrize(
    ("n_samples", "line"),
    [
        (0, "pieces of one or more samples, found 0"),
        (-1, "pieces of one or more samples, found -1"),
        (2.5, "whole numbers of samples, found 2.5"),
    ],
)
def test_pieces_have_one_or_more_samples(n_samples: int, line: str) -> None:
    with pytest.raises(InputError, match=line):
        list(RECORDING.pieces(n_samples=n_samples))


def test_numbers_of_numpy_are_numbers() -> None:
    piece = RECORDING.read(np.int64(3), np.int64(5), np.int64(1))  # type: ignore[arg-type]
    assert piece.tolist() == [[3, 4]]

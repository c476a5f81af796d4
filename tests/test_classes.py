"""The maps from annotation symbols to classes, compared with tables that are written here."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wfdb.io.annotation import ann_labels

from ecg_lightning.classes import AAMI, CLASS_MAPS, CLASS_NAMES, NO_BEAT, ORIGINAL, ClassMap

# Every beat symbol of PhysioNet's table with its class by the original, and by EC57.
ORIGINAL_TABLE = {
    "N": "N", "L": "N", "R": "N", "e": "N", "j": "N", "B": "N",
    "A": "S", "a": "S", "J": "S", "S": "S",
    "V": "V", "E": "V", "r": "V", "n": "V",
    "F": "F",
    "/": "Q", "f": "Q", "Q": "Q", "?": "Q",
}  # fmt: skip
TABLES = {"original": ORIGINAL_TABLE, "aami": ORIGINAL_TABLE | {"n": "S"}}
SYMBOLS = sorted({label.symbol for label in ann_labels if len(label.symbol) == 1})


def test_the_order_of_the_classes_is_that_of_the_network_outputs() -> None:
    assert CLASS_NAMES == ("N", "S", "V", "F", "Q")


@pytest.mark.parametrize("name", TABLES)
def test_every_symbol_of_physionet_has_its_class_or_is_no_beat(name: str) -> None:
    labels = dict(zip(SYMBOLS, CLASS_MAPS[name].labels(SYMBOLS).tolist(), strict=True))
    expected = {
        symbol: CLASS_NAMES.index(TABLES[name][symbol]) if symbol in TABLES[name] else -1
        for symbol in SYMBOLS
    }
    assert labels == expected
    assert NO_BEAT == -1


def test_the_maps_differ_in_one_symbol() -> None:
    assert {symbol for symbol in SYMBOLS if ORIGINAL.labels([symbol]) != AAMI.labels([symbol])} == {
        "n"
    }


@given(st.lists(st.sampled_from(SYMBOLS)))
def test_many_symbols_have_the_labels_of_single_ones(symbols: list[str]) -> None:
    labels = AAMI.labels(symbols)
    assert labels.dtype == np.int64
    assert labels.tolist() == [
        CLASS_NAMES.index(TABLES["aami"][s]) if s in TABLES["aami"] else -1 for s in symbols
    ]


def test_a_custom_map() -> None:
    custom = ClassMap("paced", {"/": "Q", "N": "N"})
    assert custom.labels(np.array(["N", "V", "/"])).tolist() == [0, -1, 4]
    assert custom.labels([]).shape == (0,)

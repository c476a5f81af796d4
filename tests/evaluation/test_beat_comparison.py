"""EC57's beat-by-beat comparison: cases by hand, a slow comparison, and what holds for all files.

At 360 Hz the match window is 54 samples, and the learning period ends at sample 108,000.
"""

import re
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.beat_comparison import beats_at, compare_record
from ecg_lightning.evaluation.beat_matching import match_beats
from tests.helpers.comparing import AAMI, BXB, Mark, cells, marks, slow_cells
from tests.helpers.paths import ROOT

START, LENGTH = 108_000, 650_000
Marks = list[Mark]


def compared(reference: Marks, test: Marks, length: int = LENGTH, **settings: Any) -> Any:
    counts = compare_record(
        marks(*reference), marks(*test), length, 360.0, **{"start_s": 0, **settings}
    )
    return cells(counts)


class TestMatching:
    def test_a_pair_is_at_most_150_ms_apart(self) -> None:
        assert compared([(1000, "N")], [(1054, "V")]) == {"Nv": 1}
        assert compared([(1054, "N")], [(1000, "V")]) == {"Nv": 1}
        assert compared([(1000, "N")], [(1055, "V")]) == {"No": 1, "Ov": 1}

    def test_the_window_is_rounded_to_samples(self) -> None:
        """At 250 Hz 150 ms are 37.5 samples: 38."""
        for distance, expected in ((38, {"Nn": 1}), (39, {"No": 1, "On": 1})):
            counts = compare_record(
                beats_at([500]), beats_at([500 + distance]), 999, 250, start_s=0
            )
            assert cells(counts) == expected

    def test_another_window(self) -> None:
        assert compared([(1000, "N")], [(1020, "N")], tolerance_s=0.05) == {"No": 1, "On": 1}

    def test_the_nearer_beat_of_the_earlier_file_is_the_partner(self) -> None:
        assert compared([(1000, "V"), (1040, "N")], [(1045, "N")]) == {"Vo": 1, "Nn": 1}
        assert compared([(1045, "N")], [(1000, "V"), (1040, "N")]) == {"Ov": 1, "Nn": 1}

    def test_equal_distances_need_the_second_rule(self) -> None:
        """Beats 64 samples apart, 338 a minute.

        128 is as far from 96 as from 160. Alone, 160 would be its partner; but 160 has a nearer
        one, 185. So all are paired.
        """
        assert compared([(96, "N"), (160, "V")], [(128, "N"), (185, "V")]) == {"Nn": 1, "Vv": 1}
        assert compared([(128, "N"), (185, "V")], [(96, "N"), (160, "V")]) == {"Nn": 1, "Vv": 1}
        assert compared([(96, "N"), (160, "V")], [(128, "S")]) == {"No": 1, "Vs": 1}

    def test_the_second_rule_needs_a_nearer_beat(self) -> None:
        """192 is no nearer to 160 than 128 is, so 96 is alone."""
        expected = {"No": 1, "Nn": 1, "On": 1}
        assert compared([(96, "N"), (160, "N")], [(128, "N"), (192, "N")]) == expected

    def test_of_beats_at_one_sample_the_references_is_the_earlier(self) -> None:
        assert compared([(500, "N"), (500, "V")], [(500, "V")]) == {"No": 1, "Vv": 1}
        assert compared([(500, "V")], [(500, "N"), (500, "V")]) == {"Vn": 1, "Ov": 1}

    def test_beats_in_any_order_are_sorted(self) -> None:
        assert compared([(900, "V"), (500, "N")], [(510, "N"), (910, "V")]) == {"Nn": 1, "Vv": 1}

    def test_no_beats(self) -> None:
        assert compared([], []) == {}
        assert compared([(9, "+"), (500, "N")], []) == {"No": 1}
        assert compared([], [(500, "N")]) == {"On": 1}


class TestClasses:
    SYMBOLS = "NLRBejnAaJSVErF/fQ?"

    @pytest.mark.parametrize("classes", ["bxb", "aami"])
    @pytest.mark.parametrize("symbol", SYMBOLS)
    def test_each_symbol(self, symbol: str, classes: str) -> None:
        name = {"bxb": BXB, "aami": AAMI}[classes][symbol]
        result = compared([(500, symbol)], [(500, symbol)], classes=classes)
        assert result == {f"{name}{name.lower()}": 1}

    def test_escape_beats_differ(self) -> None:
        reference: Marks = [(500, "e"), (900, "j"), (1300, "n")]
        test: Marks = [(500, "N"), (900, "N"), (1300, "N")]
        assert compared(reference, test, classes="bxb") == {"Sn": 3}
        assert compared(reference, test, classes="aami") == {"Nn": 2, "Sn": 1}

    @pytest.mark.parametrize("symbol", list('|~+x![]()p^"s'))
    def test_other_symbols_are_no_beats(self, symbol: str) -> None:
        assert compared([(500, symbol)], [(9, symbol)]) == {}

    def test_the_table_in_the_documentation(self) -> None:
        lines = (ROOT / "docs/scoring.md").read_text().partition("## The two class maps")[2]
        table = re.findall(r"^\| `([^`]+)`.*\| \**([NSVFQ])\** \| \**([NSVFQ])\** \|$", lines, re.M)
        for column, classes in ((1, BXB), (2, AAMI)):
            assert classes == {symbol: row[column] for row in table for symbol in row[0].split()}

    def test_an_unknown_map(self) -> None:
        with pytest.raises(InputError, match="classes: expected one of bxb, aami, found original"):
            compared([], [], classes="original")


class TestLearningPeriod:
    def test_only_what_comes_after_it_counts(self) -> None:
        beats: Marks = [(START - 400, "N"), (START - 100, "V"), (START + 200, "S")]
        assert compared(beats, beats, start_s=300) == {"Ss": 1}
        assert compared(beats, beats, start_s=0) == {"Nn": 1, "Vv": 1, "Ss": 1}

    def test_a_reference_beat_at_its_end_counts(self) -> None:
        assert compared([(START, "N")], [(START, "N")], start_s=300) == {"Nn": 1}

    def test_a_test_beat_just_before_its_end_matches_the_first_reference_beat(self) -> None:
        reference: Marks = [(START - 300, "N"), (START + 10, "V"), (START + 300, "N")]
        test: Marks = [(START - 300, "N"), (START - 20, "S"), (START + 300, "N")]
        assert compared(reference, test, start_s=300) == {"Vs": 1, "Nn": 1}

    def test_the_nearer_test_beat_matches_it(self) -> None:
        reference: Marks = [(START + 10, "V")]
        test: Marks = [(START - 20, "S"), (START + 15, "F")]
        assert compared(reference, test, start_s=300) == {"Vf": 1}

    def test_a_test_beat_too_far_before_it_does_not(self) -> None:
        assert compared([(START + 10, "V")], [(START - 45, "S")], start_s=300) == {"Vo": 1}

    def test_a_test_beat_just_after_its_end_may_belong_to_a_beat_before(self) -> None:
        """The reference beat at -10 is not read; its partner at 20 is not held against anybody."""
        reference: Marks = [(START - 10, "N"), (START + 300, "N")]
        test: Marks = [(START + 20, "V"), (START + 300, "N")]
        assert compared(reference, test, start_s=300) == {"Nn": 1}
        test = [(START + 55, "V"), (START + 300, "N")]  # outside the window
        assert compared(reference, test, start_s=300) == {"Ov": 1, "Nn": 1}

    def test_a_test_beat_without_any_reference_beat_is_not_counted_there(self) -> None:
        assert compared([], [(START + 20, "V")], start_s=300) == {}

    def test_without_it_nothing_is_forgiven(self) -> None:
        assert compared([(400, "N")], [(20, "V"), (400, "N")], start_s=0) == {"Ov": 1, "Nn": 1}

    def test_a_record_that_ends_in_it(self) -> None:
        assert compared([(500, "N")], [(500, "N")], length=3600, start_s=300) == {}

    @pytest.mark.parametrize("start_s", [-1.0, float("nan"), float("inf")])
    def test_no_time(self, start_s: float) -> None:
        with pytest.raises(InputError, match=r"start_s: expected 0 to 1,000,000,000 seconds"):
            compared([], [], start_s=start_s)


class TestFlutter:
    REFERENCE: ClassVar[Marks] = [
        (500, "N"),
        (1000, "["),
        (1100, "N"),
        (1200, "!"),
        (2000, "]"),
        (2500, "N"),
    ]

    def test_reference_beats_in_it_are_skipped(self) -> None:
        assert compared(self.REFERENCE, [(500, "N"), (2500, "N")]) == {"Nn": 2}

    def test_test_beats_in_it_are_not_counted(self) -> None:
        test: Marks = [(500, "N"), (1000, "V"), (1100, "N"), (2000, "V"), (2500, "N")]
        assert compared(self.REFERENCE, test) == {"Nn": 2}

    def test_test_beats_next_to_it_are_counted(self) -> None:
        test: Marks = [(500, "N"), (999, "V"), (2001, "V"), (2500, "N")]
        assert compared(self.REFERENCE, test) == {"Nn": 2, "Ov": 2}

    def test_a_pair_across_its_end_is_counted(self) -> None:
        """As in bxb: only test beats that are alone are not counted."""
        assert compared([(1000, "["), (2000, "]"), (2010, "V")], [(1990, "V")]) == {"Vv": 1}

    def test_it_lasts_to_the_end_without_a_mark(self) -> None:
        assert compared([(500, "["), (900, "N")], [(900, "N"), (9000, "V")]) == {}

    def test_it_may_begin_in_the_learning_period(self) -> None:
        reference: Marks = [(START - 900, "["), (START + 900, "]"), (START + 1200, "N")]
        test: Marks = [(START + 400, "V"), (START + 1200, "N")]
        assert compared(reference, test, start_s=300) == {"Nn": 1}

    def test_an_end_without_a_beginning_is_nothing(self) -> None:
        assert compared([(100, "]"), (500, "N")], [(50, "V"), (500, "N")]) == {"Ov": 1, "Nn": 1}

    def test_in_the_test_file_it_excuses_no_missed_beat(self) -> None:
        """Its own beats in it are skipped, as bxb does; reference beats in it are missed."""
        reference: Marks = [(500, "N"), (1500, "V"), (2500, "N")]
        test: Marks = [(500, "N"), (1000, "["), (1500, "V"), (2000, "]"), (2500, "N")]
        assert compared(reference, test) == {"Nn": 2, "Vo": 1}


class TestShutdown:
    """In one file, between two noise annotations or around one, the other file's beats are X."""

    BEATS: ClassVar[Marks] = [(500, "N"), (800, "V"), (1100, "S"), (1400, "N")]

    def test_between_two_noise_annotations(self) -> None:
        test: Marks = [(500, "N"), (700, "~", 48), (1200, "~", 0), (1400, "N")]
        assert compared(self.BEATS, test) == {"Nn": 2, "Vx": 1, "Sx": 1}
        assert compared(test, self.BEATS) == {"Nn": 2, "Xv": 1, "Xs": 1}

    @pytest.mark.parametrize("subtype", [48, 63, -1, 51])
    def test_both_bits_make_it(self, subtype: int) -> None:
        test: Marks = [(500, "N"), (700, "~", subtype), (1200, "~", 0), (1400, "N")]
        assert compared(self.BEATS, test) == {"Nn": 2, "Vx": 1, "Sx": 1}

    @pytest.mark.parametrize("subtype", [0, 16, 32, 15])
    def test_one_readable_signal_is_none(self, subtype: int) -> None:
        test: Marks = [(500, "N"), (700, "~", subtype), (1200, "~", 0), (1400, "N")]
        assert compared(self.BEATS, test) == {"Nn": 2, "Vo": 1, "So": 1}

    def test_its_ends_belong_to_it(self) -> None:
        test: Marks = [(800, "~", 48), (1100, "~", 16)]
        assert compared(self.BEATS, test) == {"No": 2, "Vx": 1, "Sx": 1}

    def test_a_beat_that_matches_in_it_is_a_pair(self) -> None:
        reference: Marks = [(700, "~", 48), (1000, "~", 0), (1020, "V")]
        assert compared(reference, [(980, "V")]) == {"Vv": 1}

    def test_around_one_noise_annotation_between_beats(self) -> None:
        """As in the AHA database: from 500 + 54 to 1400 - 54."""
        test: Marks = [(500, "N"), (900, "~", 48), (1400, "N")]
        for position, column in ((555, "x"), (1345, "x"), (1347, "o")):
            reference: Marks = [(500, "N"), (position, "V"), (1450, "N")]
            assert compared(reference, test) == {"Nn": 2, f"V{column}": 1}
        reference = [(446, "V"), (500, "N"), (1400, "N")]
        assert compared(reference, test) == {"Nn": 2, "Vo": 1}

    def test_around_one_after_flutter(self) -> None:
        """From the end of the flutter, 700, and not from the beat at 200."""
        test: Marks = [(200, "N"), (300, "["), (700, "]"), (900, "~", 48), (1400, "N")]
        for position, column in ((600, "o"), (754, "x"), (1346, "x"), (753, "o")):
            reference: Marks = [(200, "N"), (position, "V"), (1400, "N")]
            expected = {"Nn": 2, f"V{column}": 1}
            assert compared(reference, test) == expected

    def test_an_end_of_flutter_that_ends_none_is_an_annotation_as_others(self) -> None:
        """From 500 + 54, and not from 700 + 54, to 1400 - 54."""
        test: Marks = [(500, "N"), (700, "]"), (900, "~", 48), (1400, "]")]
        for position, column in ((600, "x"), (1347, "o")):
            assert compared([(500, "N"), (position, "V")], test) == {"Nn": 1, f"V{column}": 1}

    def test_around_one_it_may_be_empty(self) -> None:
        """From 500 + 54 to 590 - 54."""
        test: Marks = [(500, "N"), (550, "~", 48), (590, "N")]
        reference: Marks = [(500, "N"), (545, "V"), (590, "N")]
        assert compared(reference, test) == {"Nn": 2, "Vo": 1}

    def test_the_next_annotation_decides_whatever_it_is(self) -> None:
        """A change of rhythm at 900: the shutdown ends 54 samples before it."""
        test: Marks = [(500, "N"), (700, "~", 48), (900, "+"), (1200, "~", 0), (1400, "N")]
        assert compared(self.BEATS, test) == {"Nn": 2, "Vx": 1, "So": 1}

    def test_it_lasts_to_the_end_without_a_next_annotation(self) -> None:
        test: Marks = [(500, "N"), (700, "~", 48)]
        assert compared(self.BEATS, test) == {"Nn": 1, "Vx": 1, "Sx": 1, "Nx": 1}

    def test_before_the_first_beat(self) -> None:
        test: Marks = [(700, "~", 48), (1400, "N")]
        reference: Marks = [(53, "V"), (54, "S"), (1400, "N")]
        assert compared(reference, test) == {"Vo": 1, "Sx": 1, "Nn": 1}

    def test_several_without_a_beat_between_them(self) -> None:
        ends = [(at, "~", 48 * (at % 1000 == 0)) for at in range(1000, 4501, 500)]
        test: Marks = [(500, "N"), *ends, (5000, "N")]
        reference: Marks = [(500, "N"), (1200, "V"), (1700, "S"), (4200, "V"), (5000, "N")]
        assert compared(reference, test) == {"Nn": 2, "Vx": 2, "So": 1}

    def test_it_may_begin_in_the_learning_period(self) -> None:
        test: Marks = [(START - 900, "~", 48), (START + 900, "~", 0), (START + 1200, "N")]
        reference: Marks = [(START + 400, "V"), (START + 1200, "N")]
        assert compared(reference, test, start_s=300) == {"Vx": 1, "Nn": 1}


class TestTheEnd:
    def test_the_partner_of_a_beat_may_lie_behind_it(self) -> None:
        """As for record 100 of bxb's pairs: 649,991 and 650,007."""
        assert compared([(649_991, "N")], [(650_007, "N")]) == {"Nn": 1}
        assert compared([(650_007, "N")], [(649_991, "N")]) == {"Nn": 1}

    def test_what_is_alone_behind_it_is_not_counted(self) -> None:
        assert compared([(650_020, "N")], [(650_100, "V")]) == {}
        assert compared([(649_000, "N")], [(649_000, "N"), (650_007, "V")]) == {"Nn": 1}

    def test_pairs_behind_it_are_not_counted(self) -> None:
        assert compared([(650_020, "N")], [(650_020, "N")]) == {}

    def test_an_empty_record(self) -> None:
        assert compared([(5, "N")], [(6, "N")], length=0) == {}


BEAT = st.tuples(st.integers(0, 4000), st.sampled_from("NNNNVSeF/"))
OTHER = st.tuples(
    st.integers(0, 4000), st.sampled_from("~~~[]+!"), st.sampled_from([0, 48, 48, 16, -1])
)
FILE = st.lists(st.one_of(BEAT, BEAT, BEAT, OTHER), max_size=40)


@given(FILE, FILE, st.integers(0, 3000), st.integers(0, 4000))
def test_equals_a_slow_comparison(reference: Marks, test: Marks, start: int, length: int) -> None:
    reference, test = (sorted(rows, key=lambda row: row[0]) for rows in (reference, test))
    result = compared(reference, test, length=length, start_s=start / 360)
    assert result == slow_cells(reference, test, length, start)


POSITIONS = st.lists(st.integers(0, 3000), max_size=40, unique=True).map(sorted)


@given(POSITIONS, POSITIONS, st.integers(0, 200))
def test_each_beat_is_in_one_pair_or_alone(
    reference: list[int], test: list[int], window: int
) -> None:
    rows, columns = match_beats(reference, test, window)
    assert rows[rows >= 0].tolist() == list(range(len(reference)))
    assert columns[columns >= 0].tolist() == list(range(len(test)))
    pairs = (rows >= 0) & (columns >= 0)
    distances = np.array(reference, int)[rows[pairs]] - np.array(test, int)[columns[pairs]]
    assert (abs(distances) <= window).all()


@given(POSITIONS, POSITIONS)
def test_files_that_change_places_transpose_the_matrix(
    reference: list[int], test: list[int]
) -> None:
    symbols = "NVSF"
    one, two = (
        marks(*((at, symbols[at % 4]) for at in positions)) for positions in (reference, test)
    )
    first = compare_record(one, two, 4000, 360.0, start_s=0)
    second = compare_record(two, one, 4000, 360.0, start_s=0)
    assert (first.matrix == second.matrix.T).all()


@given(POSITIONS)
def test_a_file_agrees_with_itself(positions: list[int]) -> None:
    beats = beats_at(positions, "V")
    assert cells(compare_record(beats, beats, 4000, 360.0, start_s=0)) == (
        {"Vv": len(positions)} if positions else {}
    )


def test_beats_at_the_nearest_samples() -> None:
    beats = beats_at([20.6, 10.4], "V")
    assert beats.samples.tolist() == [10, 21]
    assert beats.symbols.tolist() == ["V", "V"]


@pytest.mark.parametrize("fs_hz", [0.0, -1.0, float("nan"), float("inf")])
def test_no_rate(fs_hz: float) -> None:
    with pytest.raises(InputError, match=r"fs_hz: expected a number from 0\.001 to 1,000,000 Hz"):
        compare_record(beats_at([]), beats_at([]), 100, fs_hz)


def test_counts_add_up() -> None:
    one = compare_record(beats_at([500]), beats_at([500]), 900, 360.0, start_s=0)
    assert cells(one + one) == {"Nn": 2}

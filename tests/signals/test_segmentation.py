"""Windows against the same rules written one beat at a time, and against cases worked by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from scipy.signal import find_peaks
from sklearn.preprocessing import MinMaxScaler

from ecg_lightning.classes import AAMI, CLASS_NAMES, ORIGINAL, ClassMap
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import Record
from ecg_lightning.signals.scaling import scale
from ecg_lightning.signals.segmentation import (
    Windows,
    annotation_windows,
    distant_peaks,
    peak_windows,
)
from tests.helpers.records import Floats, bumps, record_of

SYMBOLS = 'NLRejBAaJSVErnF/fQ?+![]x~|"'
EPS = np.finfo(np.float64).eps


def scaled_by_sklearn(signal: Floats) -> Floats:
    scaled: Floats = MinMaxScaler().fit_transform(signal.reshape(-1, 1)).reshape(-1)
    return scaled


def window_at(signal: Floats, centre: int, length: int) -> tuple[Floats, int, int]:
    """The window, sample by sample, and where it starts and ends in the signal."""
    start, end = centre - length // 2, centre - length // 2 + length
    start, end = max(start, 0), min(end, len(signal))
    window = np.zeros(length)
    for i in range(start, end):
        window[i - start] = signal[i]
    return window, start, end


def chosen_symbol(inside: list[str], class_map: ClassMap) -> str | None:
    """The original's rule for no, one, or several annotations in a window."""
    if not inside:
        return None
    if len(inside) == 1:
        return inside[0] if inside[0] in class_map.symbols else None
    for symbol in inside:
        if symbol != "N" and symbol in class_map.symbols:
            return symbol
    return "N" if all(symbol == "N" for symbol in inside) else None


def peaks_apart(signal: Floats, distance: int) -> list[int]:
    """The peaks that are left when each, from the highest on, has removed those that are nearer.

    Of equal peaks the later one comes first.
    """
    left = find_peaks(signal)[0].tolist()
    for peak in sorted(left, key=lambda peak: (signal[peak], peak), reverse=True):
        if peak in left:
            left = [other for other in left if other == peak or abs(other - peak) >= distance]
    return left


def peaks_one_by_one(
    record: Record, class_map: ClassMap, length: int, normalization: str
) -> Windows:
    signal = np.array([0.0 if np.isnan(value) else value for value in record.signal])
    scaled = scaled_by_sklearn(signal)
    peaks = peaks_apart(scaled, round(record.fs_hz * 150 / 360))
    rows = []
    for before, peak, after in zip(peaks, peaks[1:], peaks[2:], strict=False):
        window, start, end = window_at(
            scaled if normalization == "record" else signal, peak, length
        )
        annotations = zip(
            record.annotation_samples.tolist(), record.annotation_symbols.tolist(), strict=True
        )
        symbol = chosen_symbol(
            [s for sample, s in annotations if start <= sample <= end], class_map
        )
        if symbol is not None:
            window = window if normalization == "record" else scaled_by_sklearn(window)
            rows.append(
                (
                    window,
                    peak,
                    symbol,
                    (peak - before) / record.fs_hz,
                    (after - peak) / record.fs_hz,
                )
            )
    return laid_out(rows, class_map, length)


def annotations_one_by_one(
    record: Record, class_map: ClassMap, length: int, normalization: str
) -> Windows:
    signal = np.where(np.isnan(record.signal), 0.0, record.signal)
    scaled = scaled_by_sklearn(signal)
    annotations = zip(
        record.annotation_samples.tolist(), record.annotation_symbols.tolist(), strict=True
    )
    beats = [(sample, symbol) for sample, symbol in annotations if symbol in class_map.symbols]
    rows = []
    for i, (sample, symbol) in enumerate(beats):
        window = window_at(scaled if normalization == "record" else signal, sample, length)[0]
        window = window if normalization == "record" else scaled_by_sklearn(window)
        before = (sample - beats[i - 1][0]) / record.fs_hz if i else np.nan
        after = (beats[i + 1][0] - sample) / record.fs_hz if i + 1 < len(beats) else np.nan
        rows.append((window, sample, symbol, before, after))
    return laid_out(rows, class_map, length)


def laid_out(
    rows: list[tuple[Floats, int, str, float, float]], class_map: ClassMap, length: int
) -> Windows:
    windows, samples, symbols, before, after = zip(*rows, strict=True) if rows else ((),) * 5
    labels = [CLASS_NAMES.index(class_map.symbols[symbol]) for symbol in symbols]
    return Windows(
        np.array(windows, dtype=np.float64).reshape(-1, length),
        np.array(labels, dtype=np.int64),
        np.array(samples, dtype=np.int64),
        np.array(symbols, dtype="<U1"),
        np.array(before, dtype=np.float64),
        np.array(after, dtype=np.float64),
    )


def assert_same(found: Windows, expected: Windows) -> None:
    for name in ("signals", "labels", "samples", "symbols", "rr_before_s", "rr_after_s"):
        assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Noise, coarse enough for equal peaks, with invalid samples and annotations anywhere."""
    length = draw(st.integers(200, 900))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    signal = np.round(random.standard_normal(length), draw(st.integers(0, 3)))
    signal[random.random(length) < draw(st.sampled_from([0.0, 0.1]))] = np.nan
    positions = draw(
        st.lists(
            st.one_of(st.integers(0, length - 1), st.sampled_from([0, length - 1])), max_size=25
        )
    )
    symbols = draw(
        st.lists(
            st.sampled_from("NNNNN" + SYMBOLS), min_size=len(positions), max_size=len(positions)
        )
    )
    annotations = list(zip(sorted(positions), symbols, strict=True))
    return record_of(signal, annotations, draw(st.sampled_from([36.0, 100.0, 128.0, 360.0])))


maps, lengths = (
    st.sampled_from([ORIGINAL, AAMI]),
    st.one_of(st.integers(1, 60), st.integers(1, 200)),
)
normalizations = st.sampled_from(["record", "window"])


@settings(deadline=None, max_examples=150)
@given(records(), maps, lengths, normalizations)
def test_peak_windows_are_those_found_one_by_one(
    record: Record, class_map: ClassMap, length: int, normalization: str
) -> None:
    assert_same(
        peak_windows(record, class_map, length, normalization),
        peaks_one_by_one(record, class_map, length, normalization),
    )


@settings(deadline=None, max_examples=100)
@given(records(), maps, lengths, normalizations)
def test_annotation_windows_are_those_cut_one_by_one(
    record: Record, class_map: ClassMap, length: int, normalization: str
) -> None:
    found = annotation_windows(record, class_map, length, normalization)
    assert_same(found, annotations_one_by_one(record, class_map, length, normalization))


# Three bumps, of which the first and the last are dropped: one window around sample 500, for 256
# samples [372, 628).
START, END = 372, 628
THREE = bumps([100 / 360, 500 / 360, 900 / 360], 1000 / 360)


@pytest.mark.parametrize(
    ("annotations", "symbol"),
    [
        ([], None),
        ([(500, "N")], "N"),
        ([(500, "V")], "V"),
        ([(500, "+")], None),
        ([(START, "V")], "V"),  # both ends count
        ([(END, "V")], "V"),
        ([(START - 1, "V")], None),
        ([(END + 1, "V")], None),
        ([(START - 1, "V"), (500, "N"), (END + 1, "A")], "N"),
        ([(400, "N"), (500, "N")], "N"),
        ([(400, "N"), (500, "A"), (600, "V")], "A"),  # the first that is neither N nor ignored
        ([(400, "+"), (500, "N"), (600, "V")], "V"),
        ([(400, "L"), (500, "V")], "L"),  # L is of class N but not the symbol N
        ([(400, "N"), (500, "+")], None),
        ([(400, "+"), (500, "N")], None),
        ([(400, "+"), (500, "~")], None),
        ([(500, "N"), (500, "V")], "V"),  # two at one sample
    ],
)
def test_the_label_of_one_window(annotations: list[tuple[int, str]], symbol: str | None) -> None:
    record = record_of(THREE, annotations)
    windows = peak_windows(record, ORIGINAL)
    assert windows.symbols.tolist() == ([] if symbol is None else [symbol])
    assert windows.samples.tolist() == ([] if symbol is None else [500])
    assert_same(windows, peaks_one_by_one(record, ORIGINAL, 256, "record"))


def test_the_window_and_intervals_around_one_peak() -> None:
    windows = peak_windows(record_of(THREE, [(500, "F")]), ORIGINAL)
    assert_array_equal(windows.signals, [scaled_by_sklearn(THREE)[START:END]])
    assert windows.labels.tolist() == [3]
    assert (windows.rr_before_s.tolist(), windows.rr_after_s.tolist()) == ([400 / 360], [400 / 360])


def test_peaks_closer_than_0417_s_are_one_at_any_rate() -> None:
    for fs_hz, apart, found in ((250.0, 100, 1), (250.0, 108, 2), (360.0, 148, 1), (360.0, 151, 2)):
        centres = [0.5, 2.0, 2.0 + apart / fs_hz, 3.5]
        signal = bumps(centres, 4.0, fs_hz)
        record = record_of(signal, [(round(2.0 * fs_hz), "N")], fs_hz)
        assert len(peak_windows(record, ORIGINAL, round(fs_hz)).labels) == found, (fs_hz, apart)


def test_windows_at_both_ends_of_a_record_are_clipped_and_padded_at_their_end() -> None:
    signal = np.arange(1.0, 11.0)
    windows = annotation_windows(
        record_of(signal, [(0, "N"), (1, "V"), (9, "N")]), ORIGINAL, 6, "record"
    )
    by_hand = [[0, 1, 2, 0, 0, 0], [0, 1, 2, 3, 0, 0], [6, 7, 8, 9, 0, 0]]
    np.testing.assert_allclose(windows.signals * 9, by_hand, atol=8 * EPS * 9)
    assert_array_equal(windows.signals[2, :4], scaled_by_sklearn(signal)[6:])


def test_padding_takes_part_in_the_scaling_of_a_window() -> None:
    windows = annotation_windows(
        record_of(np.array([5.0, 5, 5, 10, 10]), [(0, "N")]), ORIGINAL, 4, "window"
    )
    assert_array_equal(windows.signals, [[1, 1, 0, 0]])


def test_odd_windows_have_their_centre_in_the_middle() -> None:
    signal = np.arange(21.0)
    windows = annotation_windows(record_of(signal, [(10, "N")]), ORIGINAL, 5)
    np.testing.assert_allclose(windows.signals * 20, [[8, 9, 10, 11, 12]], atol=8 * EPS * 20)


def test_a_window_as_long_as_the_record() -> None:
    signal = np.arange(8.0)
    windows = annotation_windows(record_of(signal, [(4, "N"), (7, "N")]), ORIGINAL, 8)
    np.testing.assert_allclose(
        windows.signals * 7, [[0, 1, 2, 3, 4, 5, 6, 7], [3, 4, 5, 6, 7, 0, 0, 0]], atol=8 * EPS * 7
    )


@pytest.mark.parametrize("cut", [peak_windows, annotation_windows])
def test_a_window_longer_than_the_record_is_refused(cut: type) -> None:
    with pytest.raises(InputError) as caught:
        cut(record_of(np.zeros(100), [(50, "N")], name="s/1"), ORIGINAL, 101)
    assert str(caught.value) == (
        "record s/1: expected at least a window, 101 samples, found 100 samples at 360 Hz; "
        "choose on_error skip for such records, or a shorter window for all (window_samples)"
    )


@pytest.mark.parametrize("normalization", ["record", "window"])
@pytest.mark.parametrize("cut", [peak_windows, annotation_windows])
def test_a_record_without_beats_gives_no_window(cut: type, normalization: str) -> None:
    windows = cut(record_of(THREE, [(500, "+")]), ORIGINAL, 256, normalization)
    assert windows.signals.shape == (0, 256)
    assert [
        len(getattr(windows, name))
        for name in ("labels", "samples", "symbols", "rr_before_s", "rr_after_s")
    ] == [0] * 5


@pytest.mark.parametrize("bumps_s", [[], [0.5], [0.5, 1.5]])
def test_first_and_last_peak_give_no_window(bumps_s: list[float]) -> None:
    windows = peak_windows(record_of(bumps(bumps_s, 2.0), [(180, "N"), (540, "N")]), ORIGINAL)
    assert windows.signals.shape == (0, 256)


@pytest.mark.parametrize("normalization", ["record", "window"])
def test_a_constant_signal_has_no_peaks_and_is_scaled_to_zeros(normalization: str) -> None:
    record = record_of(np.full(1000, 7.0), [(500, "N")])
    assert peak_windows(record, ORIGINAL, 256, normalization).signals.shape == (0, 256)
    assert_array_equal(
        annotation_windows(record, ORIGINAL, 256, normalization).signals, np.zeros((1, 256))
    )


@pytest.mark.parametrize("cut", [peak_windows, annotation_windows])
def test_invalid_samples_count_as_zero_and_the_record_does_not_change(cut: type) -> None:
    signal = THREE + 3.0
    signal[[50, 510, 999]] = np.nan
    record = record_of(signal, [(500, "V")])
    as_zero = replace(record, signal=np.where(np.isnan(signal), 0.0, signal))
    windows = cut(record, ORIGINAL)
    assert_same(windows, cut(as_zero, ORIGINAL))
    assert len(windows.labels) == 1
    windows.signals[:] = -1.0
    assert_array_equal(record.signal, signal)


@settings(deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6)))
def test_scale_is_min_max_scaler_to_the_last_bit(signal: Floats) -> None:
    assert_array_equal(scale(signal), scaled_by_sklearn(signal))


@settings(deadline=None, max_examples=30)
@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 5), st.integers(1, 9)), elements=st.floats(-10, 10)
    )
)
def test_scale_takes_each_window_by_itself(signals: Floats) -> None:
    assert_array_equal(scale(signals), MinMaxScaler().fit_transform(signals.T).T)


@pytest.mark.parametrize("spread", [0.0, EPS, 9 * EPS, 11 * EPS, 1e-300])
def test_scale_of_an_almost_constant_signal(spread: float) -> None:
    signal = np.array([0.0, spread, spread / 2])
    assert_array_equal(scale(signal), scaled_by_sklearn(signal))


class TestDistantPeaks:
    @pytest.mark.parametrize(
        ("heights", "kept"),
        [
            ({10: 2, 14: 2}, [14]),
            ({10: 2, 14: 2, 18: 2}, [10, 18]),
            ({10: 2, 14: 2, 18: 1}, [14]),
            ({10: 1, 14: 2, 18: 2, 23: 2}, [10, 18, 23]),
            ({10: 2, 15: 2}, [10, 15]),
        ],
        ids=str,
    )
    def test_of_equal_peaks_the_later_counts(
        self, heights: dict[int, int], kept: list[int]
    ) -> None:
        signal = np.zeros(40)
        signal[list(heights)] = list(heights.values())
        assert distant_peaks(signal, 5).tolist() == kept

    @pytest.mark.parametrize("steps", [2, 5, 20, 1000])
    def test_are_those_of_the_rule(self, steps: int) -> None:
        signal = np.random.default_rng(steps).integers(0, steps, 5000) / steps
        assert distant_peaks(signal, 30).tolist() == peaks_apart(signal, 30)

    def test_without_equal_peaks_are_those_of_scipy(self) -> None:
        signal = np.random.default_rng(0).standard_normal(100_000)
        assert_array_equal(distant_peaks(signal, 150), find_peaks(signal, distance=150)[0])

    @pytest.mark.parametrize(
        "signal", [np.zeros(0), np.zeros(9), np.arange(9.0)], ids=["empty", "flat", "rising"]
    )
    def test_may_be_none(self, signal: Floats) -> None:
        assert distant_peaks(signal, 3).tolist() == []

"""The clips, the spikes, and the beats that are compared in all of them."""

import sys

import numpy as np
from numpy.testing import assert_array_equal

from tests.helpers.paths import ROOT
from tests.helpers.records import record_of

sys.path.insert(0, str(ROOT / "scripts"))
from short_recordings import clips, compared, spiked


def test_clips_hold_the_record_piece_by_piece() -> None:
    signal = np.arange(2500.0)
    record = record_of(signal, [(0, "N"), (999, "V"), (1000, "S"), (2400, "N")], fs_hz=100.0)
    first, second = clips(record)  # 5 s are left
    assert_array_equal(first.signal, signal[:1000])
    assert_array_equal(second.signal, signal[1000:2000])
    assert first.annotation_samples.tolist() == [0, 999]
    assert "".join(first.annotation_symbols) == "NV"
    assert second.annotation_samples.tolist() == [0]
    assert "".join(second.annotation_symbols) == "S"


def test_one_sample_of_a_copy_becomes_a_spike() -> None:
    record = record_of(np.zeros(100))
    assert np.flatnonzero(spiked(record).signal).tolist() == [50]
    assert spiked(record).signal[50] == 5.0
    assert not record.signal.any()


def test_beats_are_compared_where_no_column_differs_but_by_its_scaling() -> None:
    samples, clip, window = 45, 20, 4  # two clips; spikes at 10 and 30, and at 22 of the record
    expected = []
    for position in range(samples):
        inside = set(range(position - 2, position + 2))
        whole = any(inside <= set(range(start, start + clip)) for start in (0, 20))
        expected.append(whole and not inside & {10, 22, 30})
    assert compared(np.arange(samples), window, samples, clip).tolist() == expected
    assert 0 < sum(expected) < samples

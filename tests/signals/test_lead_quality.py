"""The quality of leads from pieces: equal to that of the whole lead, wherever the pieces end."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recordings_folder import find_recordings
from ecg_lightning.signals.lead_quality import LeadQuality, SpikeScan, lead_qualities, lead_quality
from ecg_lightning.signals.quality import (
    clipped_samples,
    flat_samples,
    spike_factor,
    valid_samples,
)
from tests.helpers.recordings import leads_of, recording_of
from tests.helpers.records import Floats


def of_whole(signal: Floats, fs_hz: float) -> LeadQuality:
    """The same from the functions for a whole lead."""
    flags = ~valid_samples(signal), flat_samples(signal, fs_hz), clipped_samples(signal, fs_hz)
    return LeadQuality(len(signal), *(int(of_all.sum()) for of_all in flags))


# Runs of few values, so that flat and clipped runs, extremes and gaps meet the ends of pieces.
VALUES = st.sampled_from([-1.0, 0.0, 0.5, 0.95, 1.0, np.nan, np.inf, -np.inf, 1e308, -1e308])
SIGNALS = st.lists(st.tuples(VALUES, st.integers(1, 12)), max_size=25).map(
    lambda runs: np.concatenate([np.full(n, value) for value, n in runs] or [np.empty(0)])
)


@given(
    st.lists(
        st.tuples(SIGNALS, st.sampled_from([0.5, 1.0, 2.0, 9.0, 20.0])), min_size=1, max_size=4
    ),
    st.integers(1, 40),
)
def test_pieces_give_what_the_whole_lead_gives(
    leads: list[tuple[Floats, float]], n_samples: int
) -> None:
    recording = recording_of(
        leads_of([signal for signal, _ in leads], [fs_hz for _, fs_hz in leads])
    )
    expected = tuple(of_whole(signal, fs_hz) for signal, fs_hz in leads)
    assert lead_qualities(recording, n_samples=n_samples) == expected


def test_worked_case() -> None:
    signal = np.random.default_rng(0).standard_normal(1000)
    signal[100:150] = 0.3  # half a second
    signal[300:340] = 9.0  # at the top
    signal[600:700] = np.nan
    quality = lead_qualities(recording_of(leads_of([signal], [100.0])), n_samples=130)[0]
    assert quality == LeadQuality(1000, invalid=100, flat=50, clipped=40)
    assert quality.share(quality.invalid) == 0.1


def test_a_lead_without_samples_has_no_bad_ones() -> None:
    quality = lead_qualities(recording_of(leads_of([np.empty(0)], [100.0])))[0]
    assert quality == LeadQuality(0, 0, 0, 0)
    assert quality.share(quality.flat) == 0.0


def test_leads_of_one_rate_are_read_once_and_together() -> None:
    signals = list(np.random.default_rng(0).standard_normal((3, 1000)))
    signals[1] = signals[1][:500]
    recording, shares = recording_of(leads_of(signals, [100.0, 50.0, 100.0])), list[float]()
    lead_qualities(recording, shares.append, n_samples=1000)
    assert recording.source.reads == [  # type: ignore[attr-defined]
        *[(0, 500, (0, 2)), (500, 1000, (0, 2))],
        (0, 500, (1,)),
    ]
    assert shares == [0.4, 0.8, 1.0]


def test_only_a_lead_with_a_run_at_an_extreme_is_read_twice() -> None:
    signals = list(np.random.default_rng(0).standard_normal((2, 1000)))
    signals[1][300:340] = 9.0
    recording = recording_of(leads_of(signals, [100.0, 100.0]))
    shares: list[float] = []
    qualities = lead_qualities(recording, shares.append)
    assert [quality.clipped for quality in qualities] == [0, 40]
    assert shares == [1.0, 1.0]
    assert recording.source.reads == [  # type: ignore[attr-defined]
        *[(0, 1000, (0, 1)), (0, 1000, (1,))]
    ]


@pytest.mark.parametrize("database", ["mitdb", "svdb"])
def test_all_leads_of_real_records(database: str, request: pytest.FixtureRequest) -> None:
    headers = sorted(request.getfixturevalue(database).glob("*.hea"))
    assert [header.stem for header in headers if _differs(header)] == []


def test_all_leads_of_real_files_of_many_formats(formats: Path) -> None:
    for path in find_recordings(formats):
        recording = read_recording(path)
        expected = tuple(
            of_whole(recording.read_exactly(leads=i)[0], lead.fs_hz)
            for i, lead in enumerate(recording.leads)
        )
        assert lead_qualities(recording, n_samples=9_973) == expected, path


def _differs(path: Path) -> bool:
    recording = read_recording(path)
    signals = recording.read_exactly(leads=range(len(recording.leads)))
    expected = tuple(of_whole(signal, recording.fs_hz) for signal in signals)
    return lead_qualities(recording, n_samples=99_991) != expected


def test_one_lead_is_measured_as_all_are() -> None:
    signals = [np.repeat([0.0, 1.0, 0.5, np.nan], 60), np.arange(240.0) % 7]
    recording = recording_of(leads_of(signals, [100.0, 100.0]))
    qualities = lead_qualities(recording)
    assert qualities[0].flat
    assert qualities[0].invalid
    assert [lead_quality(recording, lead, 33) for lead in (0, 1)] == list(qualities)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize("samples", [3, 14, 15, 5000])
def test_a_spike_factor_in_pieces(samples: int, size: int) -> None:
    random = np.random.default_rng(samples)
    for spike in (0.0, 9.0):
        signal = np.round(random.standard_normal(samples), 2)
        signal[samples // 2] += spike
        signal[random.random(samples) < 0.2] = np.nan
        scan = SpikeScan(360.0)
        for start in range(0, samples, size):
            scan.add(signal[start : start + size])
        assert scan.factor == spike_factor(signal, 360.0)


def test_a_spike_on_a_constant_lead_in_pieces() -> None:
    scan = SpikeScan(360.0)
    scan.add(np.zeros(500))
    assert scan.factor == 1.0
    scan.add(np.ones(1))
    assert scan.factor == np.inf

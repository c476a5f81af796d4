"""Recordings to annotations: which leads, which notes, what is refused, and what is imported."""

import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ecg_lightning
from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.annotation.classifying.classification import classified
from ecg_lightning.annotation.engine import Batch
from ecg_lightning.annotation.found_beats import UNCLASSIFIABLE, FoundBeats
from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.models.names import LIMITS
from ecg_lightning.records.recording import Recording, used_lead
from ecg_lightning.records.used_leads import detection_leads
from tests.helpers.heartbeats import heartbeats, small_detector, small_network
from tests.helpers.paths import ROOT
from tests.helpers.recordings import recording_of
from tests.helpers.records import ecg_like, write_record


@pytest.fixture(scope="module")
def shipped() -> Annotator:
    return Annotator.from_pretrained()


@pytest.fixture(scope="module")
def one_by_one() -> Annotator:
    """Shipped weights that see each beat by itself."""
    return Annotator.from_pretrained("DeepConv1d-robust")


@pytest.fixture(scope="module")
def small() -> Annotator:
    return Annotator(small_network(), [small_detector()], "small detector")


def opened(leads: Sequence[tuple[str, str, float, Floats]]) -> Recording:
    """A recording whose used lead is the one that a reader chooses."""
    recording = recording_of(leads)
    return replace(recording, used=used_lead("x", recording.leads, None))


def texts_of(annotations: Annotations) -> list[str]:
    return [note.text for note in annotations.notes]


@pytest.mark.parametrize("fs_hz", [50.0, 80.0, 128.0, 250.0, 360.0, 500.0, 1000.0, 4000.0])
def test_the_beats_of_a_clean_lead_are_found(shipped: Annotator, fs_hz: float) -> None:
    lead, times = heartbeats(20.0, fs_hz, seed=7)
    annotations = shipped.annotate(lead, fs_hz)
    assert len(annotations) == len(times)
    assert np.abs(annotations.samples / fs_hz - times).max() < max(0.02, 1 / fs_hz)
    assert (annotations.quality[1:-1] == 1).all()
    assert annotations.detector == "BeatDetector"
    assert annotations.model == "PatientContext"
    assert set(annotations.classes) <= {"N", "S"}  # the rhythm is irregular, the shape is one


def test_positions_do_not_drift_at_an_odd_rate(shipped: Annotator) -> None:
    """The ratio to 120 Hz is no fraction of small numbers; taken for 1, it is 88 ms off at last."""
    lead, times = heartbeats(1800.0, 120.0059, seed=7)
    annotations = Annotator(small_network(), shipped.detectors).annotate(lead, 120.0059)
    assert len(annotations) == len(times)
    assert np.abs(annotations.samples / 120.0059 - times).max() < 0.02


def test_weights_may_be_paths(shipped: Annotator) -> None:
    folder = ROOT / "ecg_lightning" / "weights"
    annotator = Annotator.from_pretrained(detector=folder / "beat_detector.safetensors")
    assert annotator.detector == str(folder / "beat_detector.safetensors")
    lead, _ = heartbeats(20.0, seed=7)
    samples = [one.annotate(lead, 360.0).samples.tolist() for one in (annotator, shipped)]
    assert samples[0] == samples[1]


@pytest.mark.parametrize("gain", [-1.0, 0.1, 10.0])
def test_neither_sign_nor_gain_matter(shipped: Annotator, gain: float) -> None:
    lead, times = heartbeats(20.0, seed=8)
    samples = shipped.annotate(lead * gain, 360.0).samples
    assert len(samples) == len(times)
    assert np.abs(samples / 360 - times).max() < 0.03


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("fs_hz", [128.0, 250.0])
@pytest.mark.parametrize(
    ("gain", "level", "unit"),
    [
        (1.0, 2.0**23, "adu"),
        (2.0**-10, 2.0**23, "adu"),
        (2.0**-24, 2.0**23, "adu"),
        (2.0**-8, 2.0**17, "mV"),
    ],
)
@pytest.mark.parametrize("weights", ["one_by_one", "shipped"])
def test_a_level_far_above_the_beats_changes_nothing(
    weights: str,
    gain: float,
    level: float,
    unit: str,
    fs_hz: float,
    causal: bool,
    request: pytest.FixtureRequest,
) -> None:
    """Counts of a converter of 24 bits that begin at 0, and half a volt of an electrode."""
    annotator: Annotator = request.getfixturevalue(weights)
    lead, _ = heartbeats(60.0, fs_hz, seed=9)
    counts = np.rint(200 * lead)
    around_0, from_0 = (
        annotator.annotate(gain * (counts + height), fs_hz, unit=unit, causal=causal)
        for height in (0.0, level)
    )
    np.testing.assert_array_equal(from_0.samples, around_0.samples)
    np.testing.assert_allclose(from_0.probabilities, around_0.probabilities, rtol=0, atol=0.02)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("weights", "seconds"),
    [
        *[("one_by_one", seconds) for seconds in (0.8, 1.2, 2.5, 5.0, 10.0)],
        *[("shipped", seconds) for seconds in (1.0, 1.2, 2.5, 5.0, 10.0)],
    ],
)
def test_short_recordings(
    request: pytest.FixtureRequest, weights: str, seconds: float, causal: bool
) -> None:
    lead, times = heartbeats(seconds, seed=9)
    annotator: Annotator = request.getfixturevalue(weights)
    annotations = annotator.annotate(lead, 360.0, causal=causal)
    assert abs(len(annotations) - len(times)) <= (seconds < 2)
    assert (np.diff(annotations.samples) > 0).all()


@pytest.mark.parametrize("causal", [False, True])
def test_the_default_refuses_a_recording_shorter_than_a_beat(
    shipped: Annotator, causal: bool
) -> None:
    with pytest.raises(InputError, match=r"of the weights, 1 s, found 0\.8 s; .*shorter window"):
        shipped.annotate(heartbeats(0.8)[0], 360.0, causal=causal)


def test_ten_seconds_of_twelve_leads(shipped: Annotator) -> None:
    lead, times = heartbeats(10.0, 500.0)
    random = np.random.default_rng(0)
    names = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
    leads = np.array([0.5, 1, 0.5, -0.7, 0.2, 0.7, -0.5, -0.6, 0.4, 0.9, 1, 0.8])[:, None] * lead
    leads += 0.01 * random.standard_normal(leads.shape)
    recording = opened([(n, "mV", 500.0, x) for n, x in zip(names, leads, strict=True)])
    assert [names[i] for i in detection_leads(recording)] == ["II", "V1"]
    assert len(shipped.annotate(leads, 500.0)) == len(times)


def test_a_recording_of_the_length_of_a_window_and_a_shorter_one(small: Annotator) -> None:
    length = 64 * 4  # 64 samples at 90 Hz
    small.annotate(heartbeats(2.0)[0][:, :length], 360.0)
    for causal in (False, True):
        with pytest.raises(InputError, match=r"at least a window of the weights, 0\.711 s"):
            small.annotate(heartbeats(2.0)[0][:, : length - 4], 360.0, causal=causal)


def test_annotate_warns_of_the_notes() -> None:
    with pytest.warns(ecg_lightning.RecordWarning) as caught:
        annotations = ecg_lightning.annotate(heartbeats(20.0)[0] / 1000, 360.0)
    texts = [str(one.message) for one in caught]
    assert texts == [f"record array: {note.text}" for note in annotations.notes]
    assert any("stays within 0.02 mV" in text for text in texts)
    assert {Path(one.filename).name for one in caught} == {"test_annotator.py"}


def test_a_constant_lead_has_no_beats(shipped: Annotator) -> None:
    annotations = shipped.annotate(np.full(7200, 0.7), 360.0)
    assert not len(annotations)
    assert annotations.beats.unusable.tolist() == [[0, 7200]]
    assert texts_of(annotations)[:2] == [
        "100.0 % of the time is unusable: no beats are found there",
        "no beat was found",
    ]


def test_a_lead_without_a_valid_sample_is_refused(shipped: Annotator) -> None:
    with pytest.raises(InputError, match="a valid sample of the lead channel 0, found none"):
        shipped.annotate(np.full(7200, np.nan), 360.0)


def test_a_lead_in_another_unit_than_it_says_has_a_note(shipped: Annotator) -> None:
    lead = heartbeats(20.0)[0]
    text = "the lead channel 0 stays within 0.02 mV, so beats in it are missed: check its unit"
    for causal in (False, True):
        assert text in texts_of(shipped.annotate(lead / 1000, 360.0, causal=causal))
        assert text not in texts_of(shipped.annotate(lead, 360.0, causal=causal))
    assert len(shipped.annotate(lead / 1000, 360.0, unit="V")) > 20


@pytest.mark.parametrize("causal", [False, True])
def test_a_lead_that_no_heart_gives_has_a_note(shipped: Annotator, causal: bool) -> None:
    """Microvolts that are taken for millivolts, absurd samples, and what a heart can give."""
    lead = heartbeats(20.0)[0]
    spike = lead.copy()
    spike[0, 3000] = 1e30
    beats = "the lead channel 0 has beats above 20 mV, which no heart gives: check its unit"
    samples = "the lead channel 0 has samples beyond 1,000 mV, which no electrode gives: check them"
    for leads, expected in (
        (1000 * lead, [beats]),
        (1e11 * lead, [beats]),
        (spike, [samples]),
        (5 * lead, []),
        (lead + 300, []),
    ):
        told = texts_of(shipped.annotate(leads, 360.0, causal=causal))
        assert [text for text in told if text in (beats, samples)] == expected
    result, plain = (shipped.annotate(one, 360.0, causal=causal) for one in (spike, lead))
    assert result.samples.tolist() == plain.samples.tolist()
    assert (result.classes != plain.classes).sum() <= 1


def test_short_gaps_are_noted_and_long_ones_only_as_unusable(shipped: Annotator) -> None:
    lead = heartbeats(60.0)[0]
    assert lead.shape[1] == 21_600
    short, long = lead.copy(), lead.copy()
    short.reshape(1, -1, 720)[:, :, 200:362] = np.nan  # 0.45 s of every 2 s
    long[0, 7_200:10_800] = np.nan
    note = "22.5 % of the lead channel 0 is invalid or flat in other places"
    for signal, noted, unusable in ((lead, 0, 0), (short, 1, 0), (long, 0, 1)):
        texts = texts_of(shipped.annotate(signal, 360.0))
        assert [text.startswith(note) for text in texts].count(True) == noted
        assert any("in other places" in text for text in texts) == bool(noted)
        assert any("of the time is unusable" in text for text in texts) == bool(unusable)


@pytest.mark.parametrize("causal", [False, True])
def test_marks_in_most_of_the_time_have_a_note(shipped: Annotator, causal: bool) -> None:
    marked = heartbeats(30.0)[0].copy()
    marked.reshape(1, -1, 540)[:, :, :324] = -32.768  # 0.9 s of every 1.5 s
    texts = texts_of(shipped.annotate(marked, 360.0, causal=causal))
    far = "the lead channel 0 has 6,480 samples at an extreme more than 20 mV from the others"
    assert [text.startswith(far) for text in texts].count(True) == 1


@pytest.mark.parametrize("causal", [False, True])
def test_marks_of_missing_signal_that_are_read_as_signal_have_notes(
    shipped: Annotator, causal: bool
) -> None:
    lead = heartbeats(30.0)[0]
    marked = lead.copy()
    for start in (500, 6500):
        marked[0, start : start + 36] = -32.768
    count = int((marked != lead).sum())
    told = texts_of(shipped.annotate(marked, 360.0, causal=causal))
    far = f"the lead channel 0 has {count} samples at an extreme more than 20 mV from the others"
    assert [text.startswith(far) for text in told].count(True) == 1
    share = f"{100 * count / lead.shape[1]:.1f} % of the lead channel 0 is clipped"
    assert (share in told) == (not causal)  # which waits for no end
    drift = lead + np.linspace(0, 60, lead.shape[1])
    drift[0, 3000] = -40  # one sample
    for harmless in (lead, drift):
        told = texts_of(shipped.annotate(harmless, 360.0, causal=causal))
        assert not any("clipped" in text or "from the others" in text for text in told)


def test_a_lead_of_absurd_samples_alone_is_refused(shipped: Annotator) -> None:
    with pytest.raises(InputError, match="none in 7,200 samples; check its unit, or choose"):
        shipped.annotate(np.full(7200, 1e30), 360.0)


def test_a_second_of_a_high_rate_takes_little_memory(small: Annotator) -> None:
    tracemalloc.start()
    try:
        small.annotate(heartbeats(1.0, 100_000.0)[0], 100_000.0)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_a_slow_lead_is_refused(shipped: Annotator) -> None:
    with pytest.raises(InputError, match="a lead of 50 to 100,000 Hz, found 40 Hz"):
        shipped.annotate(np.zeros(4000), 40.0)


def test_beats_of_a_dead_lead_that_another_lead_shows_are_q(shipped: Annotator) -> None:
    leads, times = heartbeats(30.0, n_leads=2, seed=10)
    leads[0, 10 * 360 : 20 * 360] = np.nan
    annotations = shipped.annotate(leads, 360.0)
    assert len(annotations) == len(times)
    inside = (times > 10.5) & (times < 19.5)
    assert set(annotations.classes[inside]) == {"Q"}
    assert set(annotations.classes[(times < 9.5) | (times > 20.5)]) <= set("NSVF")
    assert (annotations.quality[inside] == 0).all()
    assert any(
        "without a signal in the classified lead, channel 0, got the class Q" in text
        for text in texts_of(annotations)
    )


@pytest.mark.parametrize(("after_s", "is_q"), [(0.03, True), (0.07, True), (0.12, False)])
def test_a_last_beat_that_is_cut_off_is_q(
    shipped: Annotator, one_by_one: Annotator, tmp_path: Path, after_s: float, is_q: bool
) -> None:
    """With less than half of its window in the recording, its shape is not that of the beat."""
    record = ecg_like("r", "N" * 30)
    last = int(record.annotation_samples[-1])
    stop = last + round(after_s * record.fs_hz)
    write_record(tmp_path, replace(record, signal=record.signal[:stop]))
    text = "1 beat that the recording's end cuts off got the class Q"
    for annotator, expected in ((shipped, is_q), (one_by_one, False)):
        annotations = annotator.annotate(tmp_path / "r", beats="atr")
        assert (annotations.classes == "Q").tolist() == [False] * 29 + [expected]
        assert (text in texts_of(annotations)) == expected
    assert not any("without a signal" in one for one in texts_of(annotations))


@pytest.mark.parametrize(
    ("leads", "expected"),
    [
        ([("MLII", "mV", 360.0), ("V5", "mV", 360.0)], (0, 1)),
        ([("MLII", "mV", 360.0), ("V5", "mV", 250.0)], (0,)),
        ([("II", "mV", 360.0), ("ABP", "mmHg", 360.0)], (0,)),
        ([("II", "mV", 360.0), ("RESP", "mV", 360.0), ("V", "mV", 360.0)], (0, 2)),
        ([("II", "mV", 360.0), ("Pleth", "", 360.0), ("ECG2", "", 360.0)], (0, 2)),
        ([("II", "mV", 360.0), ("x", "", 360.0)], (0,)),
        ([("I", "mV", 360.0), ("II", "mV", 360.0), ("V2", "mV", 360.0)], (1, 2)),
        ([("ECG", "mV", 360.0)], (0,)),
        ([("C4-A1", "mV", 360.0), ("ECG", "mV", 360.0), ("O2-A1", "mV", 360.0)], (1,)),
        ([("ECG", "mV", 360.0), ("Chin", "mV", 360.0), ("channel 2", "mV", 360.0)], (0, 2)),
        ([("ECG1", "mV", 128.0), ("ECG2", "mV", 128.0)], (0, 1)),
        ([("ECG1", "mV", 128.0), *((name, "mV", 128.0) for name in "xyz")], (0,)),
        ([(name, "mV", 128.0) for name in "XYZ"], (0, 1)),
        ([(name, "mV", 128.0) for name in ("X", "Y", "Z", "RESP")], (0, 1)),
        ([(name, "mV", 128.0) for name in ("Lead X", "Lead Y")], (0, 1)),
        ([(name, "mV", 128.0) for name in ("ECG1", "Lead X", "Lead Y")], (0,)),
        ([("C1", "mV", 500.0), *((f"C{i}", "mV", 500.0) for i in range(2, 7))], (0, 1)),
    ],
)
def test_the_leads_for_finding(
    leads: list[tuple[str, str, float]], expected: tuple[int, ...]
) -> None:
    recording = opened([(*lead, np.zeros(10 * round(lead[2]))) for lead in leads])
    assert detection_leads(recording) == expected


SECOND_LEADS = [
    *("I", "III", "aVR", "AVF", "V1", "v5", "V4R", "V", "MCL1", "MLIII", "ML5", "MV2", "D3", "CM5"),
    *("CC5", "mod.V1", "V1-V2", "E-S", "A-I", "vx", "LA-RA", "ECG aVF", "Lead V2", "lead_v6"),
    *("ECG 2", "my ekg", "channel 1", "Ch 2", "chan-2", "2", "Lead 2"),
]
OTHER_SIGNALS = [
    *("C3", "C4", "F3", "Pulse", "Chest", "Dx1-DX2", "Mic", "Trigger", "Battery", "Acc x", "DC1"),
    *(
        "Status",
        "Effort Tho",
        "x",
        "Z",
        "Position",
        "EDF Annotations",
        "Event",
        "Leg/L",
        "BP1",
        "Temp",
    ),
]


@pytest.mark.parametrize(
    ("name", "is_ecg"),
    [*((name, True) for name in SECOND_LEADS), *((name, False) for name in OTHER_SIGNALS)],
)
def test_the_second_lead_has_the_name_of_an_ecg_lead(name: str, is_ecg: bool) -> None:
    recording = opened([(one, "mV", 360.0, np.zeros(3600)) for one in ("ECG", name)])
    assert detection_leads(recording) == ((0, 1) if is_ecg else (0,))


def test_leads_that_only_their_names_exclude_are_noted(shipped: Annotator, tmp_path: Path) -> None:
    record = ecg_like("r", "N" * 30)
    text = "not used as a second lead: Kanal B; the name is not that of an ECG lead, such as V1"
    for name, is_noted in (("Kanal B", True), ("EEG", False), ("V5", False)):
        write_record(tmp_path, record, [(name, 0.5 * record.signal)])
        texts = texts_of(shipped.annotate(tmp_path / "r"))
        assert any(text in one for one in texts) == is_noted
        assert any("one lead is classified" in one for one in texts) == (name != "V5")


def test_a_named_lead_is_used_alone(small: Annotator) -> None:
    leads = heartbeats(5.0, n_leads=3)[0]
    assert small.annotate(leads, 360.0).detection_leads == (0, 1)
    annotations = small.annotate(leads, 360.0, lead=1)
    assert (annotations.lead, annotations.detection_leads) == (1, (1,))
    alone = small.annotate(leads[1], 360.0)
    assert_array_equal(annotations.probabilities, alone.probabilities)


def test_stated_beats_once_for_each_lead_are_noted(small: Annotator, tmp_path: Path) -> None:
    record = ecg_like("r", "N" * 12)
    places = np.sort([*record.annotation_samples, *record.annotation_samples + 3])
    twice = replace(
        record,
        annotation_samples=places,
        annotation_symbols=np.repeat(record.annotation_symbols, 2),
    )
    text = "12 of 24 beats come less than 0.1 s after another one"
    for one, is_noted in ((record, False), (twice, True)):
        write_record(tmp_path, one)
        annotations = small.annotate(tmp_path / "r", beats="atr")
        assert any(text in other for other in texts_of(annotations)) == is_noted


@pytest.mark.parametrize("causal", [False, True])
def test_stated_beats_keep_positions_and_symbols(
    small: Annotator, tmp_path: Path, causal: bool
) -> None:
    record = ecg_like("r", "NVN/fAQNN")
    write_record(tmp_path, record)
    annotations = small.annotate(tmp_path / "r", beats="atr", causal=causal)
    assert_array_equal(annotations.samples, record.annotation_samples)
    assert "".join(annotations.beats.symbols) == "NVN/fAQNN"
    assert (annotations.detection_leads, annotations.detector) == ((), "atr")
    assert (annotations.beats.p_beat == 1).all()
    assert any("causal" in text for text in texts_of(annotations)) == causal


@pytest.mark.parametrize("beats", ["atr", "qrs", "", "a/b"])
def test_an_annotator_without_beats_is_refused(small: Annotator, beats: str) -> None:
    with pytest.raises(InputError) as info:
        small.annotate(heartbeats(5.0)[0], 360.0, beats=beats)
    assert info.value.setting == "beats"


def test_a_damaged_annotation_file_is_a_matter_of_the_beats(
    small: Annotator, tmp_path: Path
) -> None:
    """It is read late, after the recording has been opened."""
    write_record(tmp_path, ecg_like("r", "NVN"))
    code_without_a_symbol = (42 << 10) + 100
    (tmp_path / "r.qrs").write_bytes(code_without_a_symbol.to_bytes(2, "little") + bytes(2))
    with pytest.raises(InputError, match="check the annotator") as info:
        small.annotate(tmp_path / "r", beats="qrs")
    assert info.value.setting == "beats"


def test_progress_rises_to_1(small: Annotator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecg_lightning.annotation.recording_work._PIECE", 1000)
    for causal in (False, True):
        shares: list[float] = []
        lead = heartbeats(10.0)[0]
        small.annotate(lead, 360.0, causal=causal, progress=shares.append)
        assert len(shares) > 4
        assert shares == sorted(shares)
        assert (0 < shares[0] < 1, shares[-1]) == (True, 1)


def test_a_causal_result_has_a_note(small: Annotator) -> None:
    lead = heartbeats(5.0)[0]
    noted = [texts_of(small.annotate(lead, 360.0, causal=causal)) for causal in (False, True)]
    assert [any("causal" in text for text in texts) for texts in noted] == [False, True]


def beat_network(annotator: Annotator) -> BeatNetwork:
    assert isinstance(annotator.network, BeatNetwork)
    return annotator.network


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("second", [None, "alive", 0.0, np.nan])
def test_one_lead_has_a_note(shipped: Annotator, second: str | float | None, causal: bool) -> None:
    """The default weights were trained on two leads; a dead one is none."""
    lead, _ = heartbeats(20.0, seed=7)
    leads = np.atleast_2d(lead) if second is None else np.repeat(np.atleast_2d(lead), 2, axis=0)
    if isinstance(second, float):
        leads[1] = second
    noted = texts_of(shipped.annotate(leads, 360.0, causal=causal))
    assert sum("trained on two" in text for text in noted) == (second != "alive")


def test_batches_of_any_size_give_nearly_the_same(one_by_one: Annotator) -> None:
    """The sizes of batches are padded; a beat of a large batch is the same in a batch of one."""
    windows = np.random.default_rng(0).standard_normal((70, 256)).astype(np.float32)

    def of(rows: slice) -> FoundBeats:
        count = len(windows[rows])
        samples, ones = np.arange(count), np.ones(count, np.float32)
        batch = Batch(samples, ones, windows[rows], ones, np.zeros((0, 2), np.int64))
        return classified(batch, beat_network(one_by_one))

    whole = of(slice(None)).probabilities
    for row in (0, 33, 69):
        np.testing.assert_allclose(of(slice(row, row + 1)).probabilities[0], whole[row], atol=1e-5)


def test_windows_without_a_signal_are_not_shown_to_the_network(one_by_one: Annotator) -> None:
    windows = np.random.default_rng(0).standard_normal((5, 256)).astype(np.float32)
    windows[1], windows[2, 7], windows[3, 7] = 0.0, -1e30, np.inf
    quality = np.array([0.49, 1.0, 1.0, 1.0, 0.5], np.float32)
    batch = Batch(np.arange(5), quality, windows, quality, np.zeros((0, 2), np.int64))
    probabilities = classified(batch, beat_network(one_by_one)).probabilities
    assert_array_equal(probabilities[:4], [UNCLASSIFIABLE] * 4)
    assert probabilities[4].max() < 1


def test_the_public_functions(shipped: Annotator) -> None:
    lead = heartbeats(5.0)[0]
    assert ecg_lightning.Annotator is Annotator
    for causal in (False, True):
        result = ecg_lightning.annotate(lead, fs_hz=360.0, causal=causal)
        expected = shipped.annotate(lead, 360.0, causal=causal)
        assert_array_equal(result.probabilities, expected.probabilities)


def test_several_detectors_by_name() -> None:
    annotator = Annotator.from_pretrained(detector="BeatDetector-ds1,BeatDetector-ds2")
    assert len(annotator.detectors) == 2
    lead, times = heartbeats(10.0)
    annotations = annotator.annotate(lead, 360.0)
    assert len(annotations) == len(times)
    assert annotations.detector == "BeatDetector-ds1,BeatDetector-ds2"


def test_neither_lightning_nor_the_data_module_nor_matplotlib_is_imported() -> None:
    code = """if True:
        import sys
        import numpy as np
        of_numpy = set(sys.modules)  # NumPy 1 imports numpy.fft
        import ecg_lightning
        loaded = set(sys.modules) - of_numpy
        before = {name for name in ("torch", "scipy", "numpy.fft") if name in loaded}
        annotator = ecg_lightning.Annotator.from_pretrained()  # `annotate` warns of its notes
        annotator.annotate(np.sin(np.arange(3600) / 9) ** 9, fs_hz=360.0)
        names = ("lightning", "pytorch_lightning", "matplotlib", "sklearn", "ecg_lightning.data",
            "ecg_lightning.training", "ecg_lightning.cli")
        print(before, [name for name in names if name in sys.modules])
    """
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "set() []"), done.stderr


def test_a_real_record(shipped: Annotator, mitdb: Path) -> None:
    annotations = shipped.annotate(mitdb / "100")
    reference = ecg_lightning.read_recording(mitdb / "100").annotations
    assert reference is not None
    beats = reference.samples[reference.symbols != "+"]
    assert len(annotations) == len(beats) == 2273
    assert np.abs(annotations.samples - beats).max() < 0.05 * 360
    cut_off = "1 beat that the recording's end cuts off got the class Q"
    *others, limits, trained = texts_of(annotations)
    assert others == [cut_off]
    assert limits == LIMITS["PatientContext"]
    assert trained.startswith("if this is the record mitdb/100, the weights were trained on it")
    assert annotations.classes.tolist().count("Q") == 1
    assert annotations.classes[-1] == "Q"


def test_all_of_a_real_record_in_a_stream(shipped: Annotator, mitdb: Path) -> None:
    recording = ecg_lightning.read_recording(mitdb / "208")
    leads = recording.read(0, 360 * 120, [0, 1])
    stream, parts = shipped.stream(360.0, leads=2), []
    for start in range(0, leads.shape[1], 361):
        parts.append(stream.push(leads[:, start : start + 361]))
    result = FoundBeats.concatenate([*parts, stream.finish()])
    expected = shipped.annotate(leads, 360.0, causal=True).beats
    assert len(expected) > 150
    assert_array_equal(result.samples, expected.samples)
    assert_array_equal(result.probabilities, expected.probabilities)

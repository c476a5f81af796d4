"""What is read of a recording, and what the readings say about its lead."""

from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.annotation.finding.stated_beats import stated_beats
from ecg_lightning.annotation.recording_work import RecordingWork
from ecg_lightning.classes import CLASS_MAPS
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recording import Record, Recording
from ecg_lightning.records.wfdb.reader import read_record
from ecg_lightning.signals.lead_quality import lead_qualities
from ecg_lightning.signals.resampling import resampled, resampled_validity
from ecg_lightning.signals.segmentation import annotation_windows
from tests.helpers.recordings import recording_of

SHORT = "shorter than 5 minutes: scaling by a record's extremes is unreliable"


def made_recording(fs_hz: float = 360.0, seconds: int = 30) -> Recording:
    random = np.random.default_rng(1)
    signal = random.standard_normal(round(seconds * fs_hz))
    signal[1000:1400] = np.nan
    places = np.arange(0, len(signal), 300)
    return recording_of([("II", "mV", fs_hz, signal)], places, "N" * len(places))


def work_of(recording: Recording, network: BeatNetwork, causal: bool = False) -> RecordingWork:
    stated = stated_beats(recording, network.classes, "atr")
    leads = (recording.used,)
    return RecordingWork(recording, leads, network, (), stated, causal, lambda _share: None)


@pytest.mark.parametrize("name", ["DeepConv1d", "DeepConv1d-robust"])
@pytest.mark.parametrize("fs_hz", [360.0, 250.0])
def test_stated_beats_have_the_windows_of_the_data_module(name: str, fs_hz: float) -> None:
    recording, network = made_recording(fs_hz), BeatNetwork.load(name)
    batches = list(work_of(recording, network).batches())
    signal, annotations = recording.read_exactly()[0], recording.annotations
    assert annotations is not None
    record = Record("r", fs_hz, "II", signal, annotations.samples, annotations.symbols)
    other = resampled(record, 360.0)
    expected = annotation_windows(
        other,
        CLASS_MAPS[network.classes],
        256,
        network.normalization,
        resampled_validity(record, other),
    )
    windows = np.concatenate([batch.windows for batch in batches])
    assert windows.shape == expected.signals.shape
    np.testing.assert_allclose(windows[1:-1], expected.signals[1:-1], rtol=3e-7, atol=3e-7)


def test_the_first_reading_measures_the_quality_and_judges_the_scale() -> None:
    recording = made_recording()
    for name, texts in (("DeepConv1d", [SHORT]), ("DeepConv1d-robust", [])):
        work = work_of(recording, BeatNetwork.load(name))
        assert len(list(work.batches()))
        assert work.quality == lead_qualities(recording)[0]
        assert work.texts == texts


def test_annotations_know_the_quality_and_what_is_unreliable() -> None:
    signal = made_recording().read_exactly()[0]
    signal[5000] = 90.0
    result = Annotator.from_pretrained("DeepConv1d").annotate(signal, 360.0)
    assert result.lead_quality == lead_qualities(read_recording(signal, fs_hz=360.0))[0]
    texts = [note.text for note in result.notes]
    assert SHORT in texts
    assert any(text.startswith("spikes make the range ") for text in texts)


def test_a_real_record_is_classified_as_the_data_module_does(mitdb: Path) -> None:
    network = BeatNetwork.load("DeepConv1d-robust")
    result = Annotator(network, ()).annotate(mitdb / "208", beats="atr")
    windows = annotation_windows(read_record(mitdb, "208"), CLASS_MAPS["aami"], 256, "robust")
    assert result.samples.tolist() == windows.samples.tolist()
    expected = network.probabilities(windows.signals)
    np.testing.assert_allclose(result.probabilities, expected, rtol=0, atol=1e-5)

"""Records for the detector, its training, and what the shipped detectors see."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ecg_lightning.models.beat_detector import BeatDetector
from ecg_lightning.models.detector_weights import load_detectors, read_detector
from ecg_lightning.records.mitdb import MITDB_PATIENTS
from ecg_lightning.records.synthetic.database import write_synthetic
from ecg_lightning.signals.detection import FS_HZ
from tests.helpers.paths import ROOT
from tests.helpers.recordings import annotations_of

sys.path.insert(0, str(ROOT / "scripts"))

from detector_records import (
    CROSSWISE,
    DetectorRecord,
    errors,
    flutter,
    paired,
    probabilities,
    read_detector_record,
    targets,
    waves,
)
from train_detector import Batch, Pieces, TrainingSettings, loss_of, on_svdb, train, written

TINY = TrainingSettings(passes=0.2, channels=4, batch=2, piece_samples=600)
NOISES = [np.random.default_rng(1).standard_normal((2, 4000)).astype(np.float32)]


def record_with(beats: list[float], samples: int = 4000) -> DetectorRecord:
    leads = np.random.default_rng(0).standard_normal((2, samples)).astype(np.float32)
    usual = np.ones(len(beats), np.bool_)
    return DetectorRecord("made", leads, np.array(beats), usual, np.ones(samples, np.bool_))


def test_no_patient_is_on_both_sides() -> None:
    sides = [{MITDB_PATIENTS[name] for name in CROSSWISE[side]} for side in ("ds1", "ds2")]
    assert [len(side) for side in sides] == [21, 21]
    assert not sides[0] & sides[1]
    assert not (sides[0] | sides[1]) & {"201", "102", "104", "107", "217"}


def test_target_is_one_at_a_beat_and_falls_around_it() -> None:
    target = targets(record_with([0.0, 100.0, 104.5]), width_samples=2.0)
    assert target[[0, 100]].tolist() == [1, 1]
    np.testing.assert_allclose(target[[1, 98]], np.exp(-0.5 * np.array([0.5, 1.0]) ** 2), 1e-6)
    assert target[102] == pytest.approx(np.exp(-0.5))  # 2 samples from one, 2.5 from the other
    assert target[104] == target[105] == pytest.approx(np.exp(-0.5 * 0.25**2))
    assert not target[200:].any()


def test_waves_are_where_they_are_expected() -> None:
    record = record_with([1000.0, 2000.0])
    p, qrs, t = waves(replace(record, usual=np.array([True, False])))
    assert abs(int(p.argmax()) - (1000 - 0.18 * FS_HZ)) <= 2
    assert abs(int(t.argmax()) - (1000 + 0.28 * FS_HZ)) <= 2
    assert qrs[[1000, 2000]].tolist() == [1, 1]
    assert max(p[1000], t[1000], p[1500:].max(), t[1500:].max()) == 0


@pytest.mark.parametrize(
    ("reference", "test", "counts"),
    [
        ([10, 50], [11, 49], (2, 0, 0)),
        ([10], [], (0, 1, 0)),
        ([10], [10, 15], (1, 0, 1)),  # a beat is found once
        ([10], [5, 10], (1, 0, 1)),
        ([10, 14], [12], (1, 1, 0)),
        ([10], [29], (0, 1, 1)),  # 19 samples apart
        ([10], [28], (1, 0, 0)),
    ],
)
def test_beats_are_paired_one_to_one(
    reference: list[int], test: list[int], counts: tuple[int, int, int]
) -> None:
    assert paired(np.array(reference), np.array(test), 18.0) == counts


def test_flutter_is_between_brackets() -> None:
    annotations = annotations_of("N[!]N", [10, 20, 30, 40, 50])
    assert flutter(annotations) == [(20, 40)]


def test_flutter_and_dead_leads_have_no_weight() -> None:
    torch.manual_seed(0)
    detector = BeatDetector(4).eval()
    drawn = Pieces([record_with([100, 200])], NOISES, TINY, 0).batch()

    def loss(**changes: torch.Tensor) -> float:
        batch = Batch.__new__(Batch)
        batch.__dict__.update({**drawn.__dict__, **changes})
        return loss_of(detector, batch, TrainingSettings(pair_weight=0)).item()

    counted = torch.ones_like(drawn.counted)
    counted[:, 300:] = 0
    wrong = drawn.targets.clone()
    wrong[:, 300:] = 1 - wrong[:, 300:]
    assert loss(counted=counted) == pytest.approx(loss(counted=counted, targets=wrong))
    assert loss(targets=wrong) != pytest.approx(loss())
    usable = torch.tensor([[1.0, 0.0]] * 2)
    other = drawn.leads.clone()
    other[:, 1] = 7.0
    assert loss(usable=usable) == pytest.approx(loss(usable=usable, leads=other))


def test_removed_beats_are_no_targets_and_the_others_stay() -> None:
    beats = np.arange(100, 3900, 100).astype(float).tolist()
    record = record_with(beats)
    still = replace(TINY, batch=1, piece_samples=2000, pauses=1.0, removed=1.0)
    still = replace(still, waves=0, gain=0, inverted=0, noisy=0, white=0, dead=0)
    batch = Pieces([record], NOISES, still, 1).batch()
    gone = (batch.leads[0] == 0).all(0)
    assert 0.05 < gone.float().mean() < 0.95
    assert float(batch.targets[0, gone].max()) == 0
    assert float(batch.targets[0].max()) == 1
    whole = Pieces([record], NOISES, replace(still, pauses=0.0), 1).batch()
    assert float(whole.targets[0].max()) == 1
    assert not (whole.leads[0] == 0).all(0).any()


def test_training_is_deterministic(tmp_path: Path) -> None:
    records = [record_with([100, 200, 3000])]
    files = []
    for folder in ("first", "second"):
        detector = train(records, NOISES, TINY, seed=3)
        files.append(written(detector, "BeatDetector-ds1", 3, tmp_path / folder))
    first, second = (load_file(path) for path in files)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = train(records, NOISES, TINY, seed=4)
    assert not torch.equal(other.stem.weight, first["stem.weight"])
    _, description = read_detector(str(files[0]))
    assert description.seed == 3
    assert description.records == tuple(f"mitdb/{name}" for name in CROSSWISE["ds1"])


@pytest.mark.parametrize("n_leads", [1, 2])
def test_shipped_detector_finds_the_beats_of_a_synthetic_record(
    tmp_path: Path, n_leads: int
) -> None:
    (name,) = write_synthetic(tmp_path / "made", patients=1, minutes=1)
    record = read_detector_record(tmp_path / "made" / name)
    detectors = load_detectors("BeatDetector")
    chances = probabilities(detectors, record.leads[:n_leads])
    missed, false = errors(record, chances, detectors[0].threshold)
    assert len(record.beats) > 50
    assert missed + false <= 1


@pytest.mark.parametrize("n_leads", [1, 2])
def test_crosswise_detector_finds_the_beats_of_record_100(mitdb: Path, n_leads: int) -> None:
    record = read_detector_record(mitdb / "100")
    samples = int(300 * FS_HZ)  # 5 minutes
    beats = record.beats[record.beats < samples]
    leads = record.leads[:n_leads, :samples]
    usual, counted = record.usual[: len(beats)], record.counted[:samples]
    piece = DetectorRecord("100", leads, beats, usual, counted)
    detectors = load_detectors("BeatDetector-ds1")
    assert len(beats) == 371
    assert errors(piece, probabilities(detectors, leads), detectors[0].threshold) == (0, 0)


def test_a_new_detector_is_tested_on_records_that_train_none(svdb: Path, tmp_path: Path) -> None:
    for ending in ("hea", "dat", "atr"):
        (tmp_path / f"800.{ending}").symlink_to((svdb / f"800.{ending}").absolute())
    weights = ROOT / "ecg_lightning" / "weights" / "beat_detector.safetensors"
    for line in on_svdb(weights, tmp_path).splitlines():
        found = re.fullmatch(r"SVDB, [12] of 2 leads: 1 records, Se (.*)%, \+P (.*)%", line)
        assert found is not None
        assert min(float(found[1]), float(found[2])) > 99.8

"""Windows, labels, split and upsampling against the plain reference, element by element."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_lightning.classes import ORIGINAL
from ecg_lightning.data.beats import Beats
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.data.samplers import resample_indices
from ecg_lightning.data.split_rules import original_split
from ecg_lightning.records.synthetic.database import write_synthetic
from ecg_lightning.records.wfdb.folder import find_records
from ecg_lightning.records.wfdb.reader import read_record
from ecg_lightning.signals import segmentation
from keras_reference import preprocessing
from tests.parity.comparison import Comparison

pytestmark = pytest.mark.parity

SYMBOLS = np.array(list('NNNNLRAVF/fQaJSEjeB+~|x"!'))
MITDB_COUNTS = (91_099, 2_672, 7_613, 814, 8_059)

Cut = Callable[[Path, str], segmentation.Windows]


def cut_peaks(root: Path, name: str) -> segmentation.Windows:
    """The product's windows of 256 samples around the peaks."""
    return segmentation.peak_windows(read_record(root, name), ORIGINAL)


def cut_long(root: Path, name: str) -> segmentation.Windows:
    """The product's windows of 10 s around the annotated beats."""
    return segmentation.annotation_windows(read_record(root, name), ORIGINAL, 3600, "window")


def compare_windows(
    compare: Comparison, expected: preprocessing.Windows, ours: segmentation.Windows, case: str
) -> None:
    """Compare signals, labels, positions and symbols of a record with at least one window."""
    assert len(expected.labels)
    compare("windows", expected.signals, ours.signals, case=case)
    compare("labels", expected.labels, ours.labels, dtype="int64", case=case)
    compare("beat positions", expected.positions, ours.samples, dtype="int64", case=case)
    compare("symbols", expected.symbols, ours.symbols, dtype="text", case=case)


def write_awkward_record(folder: Path, seed: int) -> str:
    """A record with plateaus (equal peaks), invalid samples and annotations at window edges."""
    generator = np.random.default_rng(seed)
    length = int(generator.integers(4_000, 9_000))
    smooth = np.convolve(generator.standard_normal(length + 40), np.hanning(41), "valid")[:length]
    signal = np.round(smooth * 2) / 4
    signal[generator.integers(0, length, 50)] = np.nan
    name = f"awkward{seed}"
    write = {
        "fs": 360,
        "units": ["mV"],
        "sig_name": ["MLII"],
        "fmt": ["16"],
        "write_dir": str(folder),
    }
    wfdb.wrsamp(name, p_signal=signal[:, None], **write)
    peaks = preprocessing.find_beats(preprocessing.scale(preprocessing.read_channel(folder, name)))
    on_edges = (
        peaks[:, None] + generator.choice([-129, -128, -127, 127, 128, 129], (len(peaks), 2))
    ).ravel()
    samples = np.unique(
        np.concatenate([on_edges, generator.integers(0, length, length // 150)]).clip(0, length - 1)
    )
    wfdb.wrann(name, "atr", samples, generator.choice(SYMBOLS, len(samples)), write_dir=str(folder))
    return name


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic database, with another seed than the default."""
    folder = tmp_path_factory.mktemp("records") / "synthetic"
    write_synthetic(folder, seed=1)
    return folder


@pytest.mark.parametrize("seed", range(12))
def test_windows_of_awkward_records(seed: int, tmp_path: Path, compare: Comparison) -> None:
    name = write_awkward_record(tmp_path, seed)
    for reference, cut in (
        (preprocessing.peak_windows, cut_peaks),
        (preprocessing.long_windows, cut_long),
    ):
        compare_windows(compare, reference(tmp_path, name), cut(tmp_path, name), "awkward records")


def test_windows_of_synthetic_records(synthetic: Path, compare: Comparison) -> None:
    for name in find_records(synthetic):
        expected = preprocessing.peak_windows(synthetic, name)
        compare_windows(compare, expected, cut_peaks(synthetic, name), f"synthetic {name}")


def test_long_windows_of_a_synthetic_record(synthetic: Path, compare: Comparison) -> None:
    name = find_records(synthetic)[0]
    compare_windows(
        compare,
        preprocessing.long_windows(synthetic, name),
        cut_long(synthetic, name),
        f"synthetic {name}",
    )


@pytest.mark.parametrize("name", preprocessing.RECORDS)
def test_windows_of_real_records(name: str, mitdb: Path, compare: Comparison) -> None:
    compare_windows(
        compare, preprocessing.peak_windows(mitdb, name), cut_peaks(mitdb, name), f"MIT-BIH {name}"
    )


@pytest.mark.parametrize("name", ["100", "207", "114"])
def test_long_windows_of_real_records(name: str, mitdb: Path, compare: Comparison) -> None:
    compare_windows(
        compare, preprocessing.long_windows(mitdb, name), cut_long(mitdb, name), f"MIT-BIH {name}"
    )


@pytest.mark.parametrize(
    "counts", [MITDB_COUNTS, (3_000, 201, 260, 205, 999)], ids=["as in MIT-BIH", "small"]
)
def test_split_and_upsampling(counts: tuple[int, ...], compare: Comparison) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(5), counts))
    size, case = 2_500, f"{len(labels)} beats"
    train, validation, test = preprocessing.split(labels)
    drawn = preprocessing.upsample(train, labels, size)
    random = np.random.RandomState(0)
    split = original_split(labels, random)
    positions = resample_indices(labels[split.train], size, random)
    compare("split rows", train, split.train, dtype="int64", case=case)
    compare("split rows", validation, split.validation, dtype="int64", case=case)
    compare("split rows", test, split.test, dtype="int64", case=case)
    compare("upsampled rows", drawn, split.train[positions], dtype="int64", case=case)


def test_the_data_module_gives_what_the_original_trained_on(
    synthetic: Path, tmp_path: Path, compare: Comparison
) -> None:
    module = BeatDataModule(
        source="wfdb", root=synthetic, balance="resample", per_class=1_000, cache_dir=tmp_path
    )
    compare_module(compare, preprocessing.segment(synthetic, find_records(synthetic)), module)


def test_the_data_module_on_the_real_records(
    mitdb: Path, tmp_path: Path, compare: Comparison
) -> None:
    """All 48 records, 10,000 rows a class: what the recorded run of DeepConv1d trained on."""
    module = BeatDataModule(
        source="mitdb", root=mitdb, balance="resample", per_class=10_000, cache_dir=tmp_path
    )
    compare_module(compare, preprocessing.segment(mitdb), module)


def compare_module(
    compare: Comparison, expected: preprocessing.Windows, module: BeatDataModule
) -> None:
    """Beats, split and upsampled rows against the reference's."""
    train, validation, test = preprocessing.split(expected.labels)
    drawn = preprocessing.upsample(train, expected.labels, module.per_class)
    module.prepare_data()
    module.setup("fit")
    assert module.resampled is not None
    compare_beats(compare, expected, module.beats)
    case = f"BeatDataModule, {module.source}"
    compare("split rows", validation, module.split_rows.validation, dtype="int64", case=case)
    compare("split rows", test, module.split_rows.test, dtype="int64", case=case)
    compare(
        "upsampled rows", drawn, module.split_rows.train[module.resampled], dtype="int64", case=case
    )


def compare_beats(compare: Comparison, expected: preprocessing.Windows, beats: Beats) -> None:
    """The beats table (N, 1, T) in float32 against the reference's float64 windows, rounded."""
    signals = expected.signals.astype(np.float32)
    compare("windows", signals, beats.signals[:, 0], dtype="float32", case="BeatDataModule")
    compare("labels", expected.labels, beats.labels, dtype="int64", case="BeatDataModule")
    compare(
        "symbols", expected.records, beats.record_ids, dtype="text", case="BeatDataModule, records"
    )

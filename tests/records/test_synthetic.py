"""The simulated database: its files, its counts, and whether its beats fit their symbols."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import wfdb
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.classes import CLASS_NAMES, ORIGINAL
from ecg_lightning.errors import InputError
from ecg_lightning.records.synthetic import database as synthetic
from ecg_lightning.records.synthetic.database import write_synthetic
from ecg_lightning.signals.segmentation import distant_peaks

FS_HZ = 360


@dataclass(frozen=True)
class Strip:
    """A record as wfdb reads it."""

    signal: Floats  # (T, 2) mV
    samples: Integers
    symbols: Names

    def around(self, symbols: str, before_s: float, after_s: float) -> Floats:
        """Pieces (beats, samples, 2) around the beats of `symbols`."""
        offsets = np.arange(round(-before_s * FS_HZ), round(after_s * FS_HZ) + 1)
        at = self.samples[np.isin(self.symbols, list(symbols))]
        at = at[(at + offsets[0] >= 0) & (at + offsets[-1] < len(self.signal))]
        return np.asarray(self.signal[at[:, None] + offsets])

    def beats_only(self) -> "Strip":
        beat = ORIGINAL.labels(self.symbols) >= 0
        return Strip(self.signal, self.samples[beat], self.symbols[beat])


def read(folder: Path, name: str) -> Strip:
    record = wfdb.rdrecord(str(folder / name))
    annotation = wfdb.rdann(str(folder / name), "atr")
    return Strip(record.p_signal, annotation.sample, np.array(annotation.symbol))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("default") / "synthetic"
    write_synthetic(folder)
    return folder


@pytest.fixture(scope="module")
def strips(folder: Path) -> dict[str, Strip]:
    return {header.stem: read(folder, header.stem) for header in sorted(folder.glob("*.hea"))}


@pytest.fixture(scope="module")
def windows(strips: dict[str, Strip]) -> tuple[Floats, Integers]:
    """All `peaks` windows (N, 256) and their classes, by the rules of the original project."""
    cut = [pair for strip in strips.values() for pair in peak_windows(strip)]
    return np.stack([window for window, _ in cut]), np.array([label for _, label in cut])


def peak_windows(strip: Strip) -> list[tuple[Floats, int]]:
    lead = strip.signal[:, 0]
    scaled = (lead - lead.min()) / (lead.max() - lead.min())
    cut = []
    for peak in distant_peaks(scaled, 150)[1:-1]:
        start, end = max(peak - 128, 0), min(peak + 128, len(scaled))
        inside = strip.symbols[(strip.samples >= start) & (strip.samples <= end)]
        label = window_label(inside)
        if label >= 0:
            cut.append((np.pad(scaled[start:end], (0, 256 - (end - start))), label))
    return cut


def window_label(symbols: Names) -> int:
    labels = [int(label) for label in ORIGINAL.labels(symbols)]
    if len(symbols) < 2:
        return labels[0] if labels else -1
    other = [
        label for label, symbol in zip(labels, symbols, strict=True) if symbol != "N" and label >= 0
    ]
    return other[0] if other else min(labels)


# Files


def test_records_are_wfdb_files_with_two_leads(folder: Path) -> None:
    header = wfdb.rdheader(str(folder / "s01"))
    assert (header.fs, header.sig_name, header.units, header.fmt) == (
        360,
        ["MLII", "V1"],
        ["mV", "mV"],
        ["212", "212"],
    )
    assert header.sig_len == round(synthetic.DEFAULT_MINUTES * 60 * 360)
    assert "simulated" in header.comments[0]
    assert "seed 0" in header.comments[0]


def test_each_record_has_three_files_and_there_is_nothing_else(folder: Path) -> None:
    names = [f"s{n:02d}.{ending}" for n in range(1, 13) for ending in ("atr", "dat", "hea")]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert [path.name for path in folder.parent.iterdir()] == ["synthetic"]


def test_the_signal_is_complete_and_within_the_range_of_the_converter(
    folder: Path, strips: dict[str, Strip]
) -> None:
    for name, strip in strips.items():
        record = wfdb.rdrecord(str(folder / name), physical=False)
        assert [int(s) % 65536 for s in record.d_signal.sum(axis=0, dtype=np.int64)] == [
            int(checksum) % 65536 for checksum in wfdb.rdheader(str(folder / name)).checksum
        ]
        assert np.abs(strip.signal).max() < 6


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert write_synthetic(tmp_path / name, seed=seed, patients=2, minutes=0.5) == (
            "s01",
            "s02",
        )
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a")["s01.dat"] != contents(tmp_path / "c")["s01.dat"]
    assert contents(tmp_path / "a")["s01.dat"] != contents(tmp_path / "a")["s02.dat"]


def test_an_existing_database_is_kept(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "db", patients=1, minutes=0.5)
    written = (tmp_path / "db" / "s01.dat").stat().st_mtime_ns
    assert write_synthetic(tmp_path / "db", patients=1, minutes=0.5) == ("s01",)
    assert (tmp_path / "db" / "s01.dat").stat().st_mtime_ns == written


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wfdb, "wrann", full)
    expected = r"db: expected a place where .* found No space left on device; make room"
    with pytest.raises(InputError, match=expected):
        write_synthetic(tmp_path / "db", patients=1, minutes=0.5)
    assert list(tmp_path.iterdir()) == []


def test_foreign_folder_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(
        InputError,
        match=r"expected a new or an empty folder .* found other files; choose another folder",
    ):
        write_synthetic(tmp_path, patients=1, minutes=0.5)
    assert contents(tmp_path) == {"mine.txt": b"mine"}


def test_other_settings_in_the_folder_are_refused(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "db", seed=1, patients=1, minutes=0.5)
    with pytest.raises(InputError, match="found other files"):
        write_synthetic(tmp_path / "db", seed=11, patients=1, minutes=0.5)


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    write_synthetic(tmp_path / "db", patients=1, minutes=0.5)
    assert (tmp_path / "db" / "s01.atr").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed of the synthetic database: expected 0 or more, found -1"),
        ({"patients": 0}, "patients of the synthetic database: expected 1 to 99, found 0"),
        ({"minutes": 0.1}, "minutes of the synthetic database: expected 0.2 to 1440, found 0.1"),
        ({"minutes": float("nan")}, "minutes of .* database: expected 0.2 to 1440, found nan"),
    ],
)
def test_bad_arguments_are_named(tmp_path: Path, arguments: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_synthetic(tmp_path / "db", **arguments)


# Counts


def test_each_class_has_enough_beats_in_enough_patients(strips: dict[str, Strip]) -> None:
    labels = {name: ORIGINAL.labels(strip.symbols) for name, strip in strips.items()}
    counts = Counter(label for each in labels.values() for label in each.tolist())
    patients = Counter(label for each in labels.values() for label in set(each.tolist()))
    assert counts[0] >= 3000
    assert all(counts[label] > 260 for label in range(5))
    assert all(patients[label] >= 4 for label in range(5))


def test_symbols_are_those_of_the_simulated_rhythms(strips: dict[str, Strip]) -> None:
    assert set(np.concatenate([strip.symbols for strip in strips.values()])) == set("NLRAaJVF/f+~")
    assert all(np.all(np.diff(strip.samples) > 0) for strip in strips.values())


def test_peak_windows_suffice_for_the_original_split(
    windows: tuple[Floats, Integers],
) -> None:
    assert np.bincount(windows[1], minlength=len(CLASS_NAMES)).min() > 220


# What a cardiologist looks at


def test_annotations_are_at_the_extreme_of_the_qrs(strips: dict[str, Strip]) -> None:
    for strip in strips.values():
        cut = strip.around("NLRAaJV/", 0.12, 0.06)[:, :, 0]
        deflection = np.abs(cut - cut[:, :9].mean(axis=1, keepdims=True))[
            :, -43:
        ]  # 0.06 s about R, after any spike
        assert np.mean(np.abs(deflection.argmax(axis=1) - 21) <= 6) > 0.9


def test_pause_after_a_ventricular_beat_is_compensatory_and_after_an_atrial_beat_is_not(
    strips: dict[str, Strip],
) -> None:
    around = {
        symbol: [r for strip in strips.values() for r in sums(strip.beats_only(), symbol)]
        for symbol in "AV"
    }
    assert np.median(around["V"]) == pytest.approx(2, abs=0.04)
    assert np.median(around["A"]) < 1.9


def sums(strip: Strip, symbol: str) -> list[float]:
    """The time from the beat before to the beat after each beat of a symbol.

    It is given in sinus intervals before the beat. The beats around it are conducted ones.
    """
    return [
        float(
            (strip.samples[i + 1] - strip.samples[i - 1])
            / (strip.samples[i - 1] - strip.samples[i - 2])
        )
        for i in range(2, len(strip.samples) - 1)
        if strip.symbols[i] == symbol
        and set(strip.symbols[[i - 2, i - 1, i + 1]].tolist()) <= set("NLR")
    ]


def test_ectopic_and_fusion_beats_come_early(strips: dict[str, Strip]) -> None:
    ahead: dict[str, list[float]] = {symbol: [] for symbol in "AVF"}
    for strip in (strip.beats_only() for strip in strips.values()):
        rr = np.diff(strip.samples)
        for i in range(2, len(strip.samples)):
            regular = set(strip.symbols[[i - 2, i - 1]].tolist()) <= set("NLR")
            if regular and strip.symbols[i] in ahead:
                ahead[str(strip.symbols[i])].append(rr[i - 1] / rr[i - 2])
    assert np.median(ahead["A"]) < 0.85
    assert np.median(ahead["V"]) < 0.80
    assert 0.92 < np.median(ahead["F"]) < 0.99


def test_ventricular_beats_are_wide_and_their_t_waves_point_the_other_way(
    strips: dict[str, Strip],
) -> None:
    for strip in (strips["s02"], strips["s05"], strips["s10"]):
        normal, ectopic = (
            strip.around(symbols, 0.15, 0.45).mean(axis=0)[:, 0] for symbols in ("NR", "V")
        )
        assert half_width_s(ectopic) > 1.8 * half_width_s(normal)
        qrs, t = (
            ectopic[round(0.15 * FS_HZ)],
            ectopic[round(0.40 * FS_HZ) : round(0.50 * FS_HZ)].mean(),
        )
        assert qrs * t < 0


def half_width_s(beat: Floats) -> float:
    """How long the beat is above half of its height at the R peak, which is at 0.15 s."""
    peak = beat[round(0.15 * FS_HZ)]
    around = beat[round(0.05 * FS_HZ) : round(0.25 * FS_HZ)]
    return float(np.sum(around / peak > 0.5) / FS_HZ)


def test_fusion_beats_have_a_width_between_those_of_their_origins(strips: dict[str, Strip]) -> None:
    strip = strips["s02"]
    normal, fusion, ectopic = (
        strip.around(symbol, 0.15, 0.45).mean(axis=0)[:, 0] for symbol in "NFV"
    )
    assert half_width_s(normal) < half_width_s(fusion) < half_width_s(ectopic)
    assert abs(correlation(fusion, normal)) > abs(correlation(ectopic, normal))


def correlation(a: Floats, b: Floats) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def test_paced_beats_start_with_a_narrow_spike(strips: dict[str, Strip]) -> None:
    for name, unpaced in (("s03", "V"), ("s06", "N"), ("s08", "N"), ("s12", "N")):
        paced, other = (
            steepest(strips[name].around(symbols, 0.12, -0.03)) for symbols in ("/f", unpaced)
        )
        assert np.median(paced) > 2 * np.median(other)


def steepest(cut: Floats) -> Floats:
    """The largest change within one sample (mV) of each piece: that of the spike, if any."""
    return np.asarray(np.abs(np.diff(cut[:, :, 0], n=2, axis=1)).max(axis=1))


def test_paced_beats_are_regular_in_block(strips: dict[str, Strip]) -> None:
    paced = strips["s03"].beats_only()
    rr = np.diff(paced.samples)[(paced.symbols[:-1] == "/") & (paced.symbols[1:] == "/")] / FS_HZ
    assert rr.std() < 0.02
    assert 0.75 < rr.mean() < 1.1


def test_the_task_needs_shapes_and_not_only_amplitudes(
    windows: tuple[Floats, Integers],
) -> None:
    signals, labels = windows
    rng = np.random.default_rng(0)
    parts = [rng.permutation(np.flatnonzero(labels == label))[:450] for label in range(5)]
    train, test = (
        np.concatenate([part[cut] for part in parts]) for cut in (slice(100, None), slice(100))
    )
    sizes = StandardScaler().fit_transform(
        np.stack([signals.max(1), signals.min(1), signals.std(1)], axis=1)
    )
    by_size = NearestCentroid().fit(sizes[train], labels[train]).score(sizes[test], labels[test])
    trees = ExtraTreesClassifier(60, random_state=0).fit(signals[train, ::2], labels[train])
    by_shape = trees.score(signals[test, ::2], labels[test])
    assert by_size < 0.6
    assert by_shape > by_size + 0.25

"""A record has the same beats in every format, with annotations or without."""

import shutil
import sys
from pathlib import Path

import numpy as np
import wfdb

import ecg_lightning as ecg
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from check_formats import converted

MOST_S = 0.010  # apart


def stripped(mitdb: Path, folder: Path) -> dict[str, Path]:
    """Record 208 without its annotations: as it is, and as its conversions."""
    for ending in ("hea", "dat"):
        shutil.copy(mitdb / f"208.{ending}", folder)
    files = {path.suffix: path for _, path, _ in converted(mitdb, folder) if path.stem == "208"}
    leads = ecg.read_recording(folder / "208").read_exactly(leads=[0, 1])
    rows = "\n".join(f"{i},{a:.4f},{b:.4f}" for i, (a, b) in enumerate(leads.T))
    table = folder / "steps.csv"
    table.write_text(f"sample,MLII (mV),V1 (mV)\n{rows}\n", encoding="utf-8")
    return {"WFDB": folder / "208", "EDF": files[".edf"], "CSV": table, "250 Hz": files[".csv"]}


def test_record_208_has_the_same_beats_in_every_format(mitdb: Path, tmp_path: Path) -> None:
    annotator = ecg.Annotator.from_pretrained()
    files = stripped(mitdb, tmp_path)
    times_s = {}
    for name, path in files.items():
        found = annotator.annotate(path, 360.0 if name == "CSV" else None)
        assert found.recording.annotations is None
        times_s[name] = found.samples / found.fs_hz
        read = wfdb.rdann(str(found.to_wfdb(tmp_path / f"{name}.ecl").with_suffix("")), "ecl")
        beats = np.array(read.symbol) != "~"
        assert read.fs == found.fs_hz
        assert read.sample[beats].tolist() == found.samples.tolist()
        assert np.array(read.symbol)[beats].tolist() == found.classes.tolist()
    end_s = 650_000 // 360 - 2  # EDF has whole seconds
    inside = {name: times[times < end_s] for name, times in times_s.items()}
    assert len(inside["WFDB"]) > 2900
    apart = {name: np.abs(times - inside["WFDB"]) for name, times in inside.items()}
    assert max(apart["EDF"].max(), apart["CSV"].max()) < MOST_S
    # At another rate the R peak of a wide beat may be its other summit.
    assert (apart["250 Hz"] < MOST_S).mean() > 0.995

"""Pieces of records around beats."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_lightning.records import database_records
from ecg_lightning.records.excerpts import excerpts_of_database
from ecg_lightning.records.recording import ReadOptions, Recording
from ecg_lightning.records.wfdb.reader import read_wfdb
from ecg_lightning.records.wfdb.samples import WfdbSamples
from ecg_lightning.report.writer import write_evaluation
from tests.helpers.evaluations import evaluation_of
from tests.helpers.records import database_of, ecg_like


def test_strips_come_from_the_record_and_stay_inside(tmp_path: Path) -> None:
    record = ecg_like("r", "NVNANNFN", fs_hz=250.0)
    read_excerpt = excerpts_of_database(database_of(tmp_path, record))
    middle = read_excerpt("r", 800, 2.0)
    assert middle is not None
    assert (middle.first, middle.fs_hz, middle.lead) == (550, 250.0, "MLII")
    assert len(middle.signal) == 500
    np.testing.assert_allclose(middle.signal, record.signal[550:1050], atol=0.0005)
    inside = (record.annotation_samples >= 550) & (record.annotation_samples < 1050)
    assert middle.annotation_samples.tolist() == record.annotation_samples[inside].tolist()


@pytest.mark.parametrize("place", ["start", "end", "whole"])
def test_a_strip_at_an_edge_is_shifted_or_cut(tmp_path: Path, place: str) -> None:
    record = ecg_like("r", "NVNANNFN", fs_hz=250.0)
    length = len(record.signal)
    sample, seconds, first, n_samples = {
        "start": (3, 2.0, 0, 500),
        "end": (length - 1, 2.0, length - 500, 500),
        "whole": (3, 1000.0, 0, length),
    }[place]
    strip = excerpts_of_database(database_of(tmp_path, record))("r", sample, seconds)
    assert strip is not None
    assert (strip.first, len(strip.signal)) == (first, n_samples)


def test_each_record_is_opened_once_and_only_its_excerpts_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = database_of(tmp_path / "records", *(ecg_like(name, "N" * 12) for name in "abc"))
    opened: list[str] = []
    longest: list[int] = []
    read = WfdbSamples.read

    def counting(path: Path, options: ReadOptions) -> Recording:
        opened.append(path.name)
        return read_wfdb(path, options)

    def measuring(self: Any, start: int, stop: int, leads: Any) -> Any:
        longest.append(stop - start)
        return read(self, start, stop, leads)

    monkeypatch.setattr(database_records, "read_wfdb", counting)
    monkeypatch.setattr(WfdbSamples, "read", measuring)
    # In the order of probability, each record comes up again and again.
    evaluation = evaluation_of(records=np.array(list("abcabcabc")), labels=np.full(9, 4))
    write_evaluation(tmp_path / "run", evaluation, excerpts_of_database(database))
    assert sorted(opened) == ["a", "b", "c"]
    assert set(longest) == {4 * 360}

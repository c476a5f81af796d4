"""The last lines of a fit, and the line of each tested part."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.cli.trainer.fit_words import fit_words
from ecg_lightning.cli.trainer.run_evaluation import accuracies, only_class
from ecg_lightning.models import DeepConv1d
from ecg_lightning.training.checkpoints import write_checkpoint

BEATS = {"segmentation": "annotations", "fs_hz": 250.0, "window_samples": 64, "classes": "aami"}


@pytest.fixture
def best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.html").touch()
    write_checkpoint(DeepConv1d(64), tmp_path / "best.ckpt", {"beats": BEATS})
    return str(tmp_path / "best.ckpt")


def last_line(best: str, example: Path | None = None) -> str:
    return fit_words(Path(best).parent, best, "", "", False, True, example)[-1]


@pytest.mark.usefixtures("on_path")
class TestTheNextCommand:
    @pytest.fixture
    def on_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "bin/ecg-lightning"
        program.parent.mkdir()
        program.touch(mode=0o755)
        monkeypatch.setenv("PATH", str(program.parent))

    def test_annotates_a_recording_of_the_user(self, best: str) -> None:
        expected = "  ecg-lightning annotate RECORDING --model best.ckpt --output annotated"
        assert last_line(best) == expected

    def test_of_a_network_for_synthetic_records_annotates_such_a_record(
        self, best: str, tmp_path: Path
    ) -> None:
        line = last_line(best, tmp_path / "a folder/s12")
        assert line == (
            "  ecg-lightning annotate 'a folder/s12' --model best.ckpt --output annotated"
        )

    def test_names_the_file_of_a_program_that_is_not_on_the_path(
        self, best: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
        assert last_line(best).startswith("  bin/ecg-lightning annotate RECORDING ")
        monkeypatch.setattr(sys, "executable", str(tmp_path / "none/python"))
        assert last_line(best).startswith("  ecg-lightning annotate RECORDING ")


def test_accuracies_are_those_of_the_classes_with_beats() -> None:
    confusion = np.zeros((5, 5), np.int64)
    confusion[0, 0], confusion[0, 2], confusion[2, 0], confusion[2, 2] = 900, 100, 30, 70
    assert accuracies(confusion) == "accuracy 0.8818 (970 of 1,100), balanced accuracy 0.8000"


@pytest.mark.parametrize(
    ("beats", "expected"),
    [
        ({(0, 0): 9, (2, 0): 1}, "every beat is called N"),
        ({(0, 2): 9, (1, 2): 1}, "every beat is called V"),
        ({(0, 0): 9, (2, 2): 1}, ""),
        ({(0, 0): 9}, ""),  # nothing else is there to be found
    ],
)
def test_one_class_for_beats_of_several_is_told(
    beats: dict[tuple[int, int], int], expected: str
) -> None:
    confusion = np.zeros((5, 5), np.int64)
    for cell, count in beats.items():
        confusion[cell] = count
    assert only_class(confusion) == expected

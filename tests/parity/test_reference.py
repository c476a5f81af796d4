"""The reference itself: its networks, its rules by hand, its training, and that it stands alone."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
import wfdb

import keras_reference
from keras_reference import preprocessing, train
from keras_reference.networks import NETWORKS
from tests.parity.trajectories import set_floatx

pytestmark = pytest.mark.parity

# Runs a statement and prints which of the forbidden packages it imported.
STRANGERS = """import sys
{statement}
print('STRANGERS', *({{'torch', 'ecg_lightning'}} & set(sys.modules)))"""


def strangers(statement: str) -> list[str]:
    """Which of torch and ecg_lightning a statement imports, in a process of its own."""
    code = STRANGERS.format(statement=statement)
    root = Path(keras_reference.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    return next(line for line in done.stdout.splitlines() if line.startswith("STRANGERS")).split()[
        1:
    ]


def test_the_reference_imports_neither_torch_nor_the_product() -> None:
    assert strangers("import keras_reference.train") == []


def test_the_search_for_strangers_can_fail() -> None:
    assert strangers("import keras_reference.preprocessing, ecg_lightning") == ["ecg_lightning"]


@pytest.mark.parametrize(
    ("name", "parameters", "trainable"),
    [
        ("deep_conv1d", 311_557, 311_301),
        ("time_depends", 280_549, 280_549),
        ("conv2d", 163_589, 163_269),
    ],
)
def test_parameter_counts(name: str, parameters: int, trainable: int) -> None:
    network = NETWORKS[name]()
    assert network.count_params() == parameters
    assert sum(weight.shape.num_elements() for weight in network.trainable_weights) == trainable


def test_layers_are_named_after_their_place() -> None:
    names = [layer.name for layer in NETWORKS["deep_conv1d"]().layers if layer.weights]
    assert sorted(names) == sorted(
        [f"convs_{i}" for i in range(10)] + [f"norms_{i}" for i in range(4)] + ["dense", "head"]
    )
    blocks = [f"blocks_{i}_conv{j}" for i in range(6) for j in (1, 2)]
    assert [layer.name for layer in NETWORKS["time_depends"]().layers if layer.weights] == [
        "stem",
        *blocks,
        "head",
    ]


def test_probabilities_sum_to_one() -> None:
    set_floatx("float32")
    beats = np.random.default_rng(0).random((3, 256, 1)).astype(np.float32)
    np.testing.assert_allclose(NETWORKS["time_depends"]()(beats).numpy().sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("inside", "chosen"),
    [
        ("", None),
        ("N", "N"),
        ("L", "L"),
        ("+", None),
        ("n", "n"),
        ("NN", "N"),
        ("NV", "V"),
        ("VN", "V"),
        ("NLA", "L"),
        ("AV", "A"),
        ("N+", None),
        ("+N", None),
        ("++", None),
        ("+V", "V"),
        ("V+", "V"),
        ("~NF", "F"),
    ],
)
def test_the_symbol_that_labels_a_window(inside: str, chosen: str | None) -> None:
    assert preprocessing.choose_symbol(list(inside)) == chosen


def test_classes_of_symbols() -> None:
    classes = [
        "".join(s for s, label in preprocessing.CLASS_OF_SYMBOL.items() if label == i)
        for i in range(5)
    ]
    assert classes == ["NLRejB", "AaJS", "VErn", "F", "/fQ?"]


def test_cutting_at_both_ends() -> None:
    signal = np.arange(1.0, 11.0)
    for centre, window, bounds in (
        (5, [4, 5, 6, 7], (3, 7)),
        (1, [1, 2, 3, 0], (0, 3)),
        (9, [8, 9, 10, 0], (7, 10)),
    ):
        piece, start, end = preprocessing.cut(signal, centre, 4)
        assert piece.tolist() == window
        assert (start, end) == bounds


def test_annotations_on_both_ends_of_a_window_count(tmp_path: Path) -> None:
    """Of three peaks, 300 apart, only the middle one is kept; its annotation is on either end."""
    signal = np.zeros(1200)
    signal[[300, 600, 900]] = 1.0
    found = []
    for offset in (-129, -128, 0, 128, 129):
        name = f"r{offset + 200}"
        wfdb.wrsamp(
            name, 360, ["mV"], ["MLII"], signal[:, None], fmt=["16"], write_dir=str(tmp_path)
        )
        wfdb.wrann(name, "atr", np.array([600 + offset]), np.array(["V"]), write_dir=str(tmp_path))
        found.append(preprocessing.peak_windows(tmp_path, name).positions.tolist())
    assert found == [[], [600], [600], [600], []]


def test_split_by_hand() -> None:
    labels = np.arange(5).repeat(201)
    train_rows, validation, test = preprocessing.split(labels)
    assert labels[train_rows].tolist() == [0, 1, 2, 3, 4]
    assert (np.bincount(labels[validation]) == 100).all()
    assert sorted(np.concatenate([train_rows, validation, test]).tolist()) == list(range(1005))
    random = np.random.RandomState(0)
    assert validation[:100].tolist() == random.permutation(201)[:100].tolist()


def test_upsampling_draws_class_0_once_each_and_the_others_again() -> None:
    labels = np.repeat(np.arange(5), (300, 203, 203, 203, 203))
    rows, _, _ = preprocessing.split(labels)
    drawn = preprocessing.upsample(rows, labels, 50)
    assert labels[drawn].tolist() == np.arange(5).repeat(50).tolist()
    assert len(set(drawn[:50])) == 50
    assert all(
        set(drawn[50 * i : 50 * i + 50]) == set(rows[labels[rows] == i]) for i in range(1, 5)
    )


def test_picture_of_a_beat() -> None:
    beat = np.exp(-(((np.arange(256) - 128) / 10) ** 2))
    colours, picture = preprocessing.draw(beat), preprocessing.ecg2fig(beat)
    assert colours.shape == (480, 640, 3)
    assert picture.shape == (128, 128)
    assert picture.dtype == np.uint8
    assert (picture[0] == 255).all()
    line = np.array([0x1F, 0x77, 0xB4])  # matplotlib's first colour
    assert (colours == line).all(axis=2).any()
    swapped = round(float(line @ [0.114, 0.587, 0.299]))  # red and blue change places
    assert picture.min() < 255
    assert cv2.cvtColor(line.astype(np.uint8)[None, None], cv2.COLOR_BGR2GRAY) == swapped


@pytest.mark.parametrize(("length", "frequencies"), [(256, 129), (187, 94)])
@pytest.mark.filterwarnings(
    "ignore:nperseg:UserWarning"
)  # SciPy says that it shortens the window to the beat
def test_spectrogram_by_hand(length: int, frequencies: int) -> None:
    beat = np.random.default_rng(0).random(length)
    power, first = preprocessing.spectrogram(beat)
    assert power.shape == (frequencies, 1)
    assert first.tolist() == power[:, 0].tolist()
    half = round(
        0.25 * length / 2, 9
    )  # periodic Tukey window: `length` + 1 points, the last one dropped
    edge = np.minimum(np.arange(length), length - np.arange(length))
    window = np.where(edge < half, 0.5 * (1 - np.cos(np.pi * edge / half)), 1.0)
    expected = np.abs(np.fft.rfft((beat - beat.mean()) * window)) ** 2 / (360 * np.sum(window**2))
    expected[1 : None if length % 2 else -1] *= 2
    np.testing.assert_allclose(first, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)  # TensorFlow's
def test_training_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_small_database(tmp_path / "records")
    set_floatx("float32")
    arguments = [
        "--mitdb",
        str(tmp_path / "records"),
        "--output",
        str(tmp_path / "run"),
        "--records",
        "r",
    ]
    settings = [
        "--network",
        "time_depends",
        "--per-class",
        "20",
        "--epochs",
        "2",
        "--batch-size",
        "50",
        "--seed",
        "3",
    ]
    assert train.main([*arguments, *settings]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert [row["epoch"] for row in history] == [0, 1]
    assert (metrics["epochs"], metrics["seed"], metrics["versions"]["tensorflow"]) == (
        2,
        3,
        tf.__version__,
    )
    best = min(range(2), key=lambda epoch: history[epoch]["val_loss"])
    assert metrics["best_epoch"] == best
    assert metrics["best"]["validation"]["loss"] == pytest.approx(
        history[best]["val_loss"], rel=1e-4
    )
    assert metrics["last"]["validation"]["loss"] == pytest.approx(history[1]["val_loss"], rel=1e-4)
    assert 0 <= metrics["last"]["test"]["accuracy"] <= 1
    assert "last weights, test: accuracy" in capsys.readouterr().out


def write_small_database(folder: Path) -> None:
    """Write a record "r" of 1,200 sharp beats, 240 of each class, with peaks at the annotations."""
    folder.mkdir()
    samples = 200 + 300 * np.arange(1_202)
    signal = np.random.default_rng(0).normal(0, 0.01, samples[-1] + 200)
    signal[samples] = 1.0 + 0.1 * (np.arange(1_202) % 5)
    wfdb.wrsamp("r", 360, ["mV"], ["MLII"], signal[:, None], fmt=["16"], write_dir=str(folder))
    wfdb.wrann(
        "r", "atr", samples, np.array(list("NAVF/"))[np.arange(1_202) % 5], write_dir=str(folder)
    )

"""`fit` with every transform of training beats, stopped and resumed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.helpers.cli import command, one_cache
from tests.training.test_resume import steps_of

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
TRANSFORMS = {
    "RandomNoise": ["snr_db=[6,18]"],
    "RandomWander": [],
    "RandomAmplitude": [],
    "RandomInversion": [],
    "RandomShift": ["most_samples=3"],
    "RandomRate": [],
}
CALLBACKS = [
    argument
    for name, settings in TRANSFORMS.items()
    for argument in (
        f"--trainer.callbacks+=ecg_lightning.training.callbacks.{name}",
        *(f"--trainer.callbacks.{setting}" for setting in settings),
    )
]
FAULTS = "--trainer.callbacks+=tests.training.test_resume.Faults"  # notes what each step saw
COMMON = [
    *("fit", "--output", "out", "--trainer.max_epochs", "2"),
    *("--trainer.deterministic", "true", "--trainer.accumulate_grad_batches", "2"),
]
PLAIN = [
    *(*COMMON, "--model.network", "tests.helpers.cli.Tiny"),
    *("--data.per_class", "32", "--data.batch_size", "16"),
]
IN_CONTEXT = [
    *(*COMMON, "--model.network", "ecg_lightning.models.PatientContext"),
    *("--data.segmentation", "context", "--data.split", "patients", "--data.batch_size", "2"),
    *("--trainer.limit_train_batches", "6"),
    *(*CALLBACKS, "--trainer.callbacks+=ecg_lightning.training.callbacks.RandomLeadDropout"),
]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)
    torch.use_deterministic_algorithms(False)


def fit(folder: Path, arguments: list[str]) -> list[str]:
    """Train without a fault; return what each step saw."""
    outcome = command([*arguments, FAULTS], folder)
    assert (outcome.status, outcome.err) == (0, "")
    return steps_of(folder)


def assert_resumed(arguments: list[str], whole: Path, broken: Path) -> None:
    """Stop a run after an odd number of batches of a step of two, resume it and compare it."""
    (broken / "faults-0").write_text("SIGTERM 1 4")
    assert command([*arguments, FAULTS], broken).status == 75
    resumed, steps = fit(broken, arguments), steps_of(whole)
    assert sorted({*resumed}, key=steps.index) == steps
    weights = [
        torch.load(folder / "out/checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for folder in (whole, broken)
    ]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parent folder of a run of plain beats that nothing has stopped."""
    folder = tmp_path_factory.mktemp("whole")
    assert len(fit(folder, [*PLAIN, *CALLBACKS])) == 2 * 10
    return folder


def test_a_resumed_run_sees_the_same_changed_beats(whole: Path, tmp_path: Path) -> None:
    assert_resumed([*PLAIN, *CALLBACKS], whole, tmp_path)


def test_a_resumed_run_sees_the_same_changed_sequences(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    assert len(fit(whole, IN_CONTEXT)) == 2 * 6
    assert_resumed(IN_CONTEXT, whole, broken)


def test_beats_of_each_step_are_changed_and_their_order_is_not(whole: Path, tmp_path: Path) -> None:
    for line, other in zip(fit(tmp_path, PLAIN), steps_of(whole), strict=True):
        assert line.rpartition(" ")[0] == other.rpartition(" ")[0]  # the same beats in this order
        assert line != other


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--trainer.callbacks+=ecg_lightning.training.callbacks.RandomLeadDropout"],
            "RandomLeadDropout: expected beats of 2 leads, found 1; remove it from the callbacks",
        ),
        (
            [
                "--trainer.callbacks+=ecg_lightning.training.callbacks.RandomNoise",
                "--trainer.callbacks.folder=nothing",
            ],
            "nothing/bw: expected a recording, found neither this file nor a header bw.hea; "
            "check the path",
        ),
        (
            [CALLBACKS[-1], "--data.view=spectrum"],
            "RandomRate: expected the view signal, found SpectrumView; choose this view, or "
            "remove the callback (--data.view)",
        ),
    ],
)
def test_what_cannot_be_done_ends_in_one_line(
    arguments: list[str], line: str, tmp_path: Path
) -> None:
    outcome = command([*PLAIN, *arguments], tmp_path)
    assert (outcome.status, outcome.err) == (2, f"ecg-lightning: {line}\n")
    assert not (tmp_path / "out").exists()

"""A small row from end to end: train, predict, annotate, trees, tables; and what is resumed."""

import contextlib
import io
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.cli import one_cache
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import unseen_detector
import unseen_made_of
import unseen_trees
from unseen_patients import arguments, measure, seeds_of
from unseen_plan import Databases, Unit, folds_of, units_of
from unseen_predictions import EXTRA, Predicted
from unseen_tables import cross_validation_text
from unseen_training import checkpoint_of, fit_words, in_own_process

from ecg_lightning.cli.main import main
from ecg_lightning.records.synthetic import write_synthetic

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
SMALL = ("--trainer.max_epochs", "1", "--data.per_class", "100")
TRAIN, TEST = ("s01", "s02", "s03"), ("s04",)
OURS = Unit("cv", "PatientContext", 0, TRAIN, TEST, fold=0)


class InThisProcess:
    """Runs commands here, and counts them."""

    def __init__(self) -> None:
        self.verbs: list[str] = []

    def __call__(self, words: Sequence[str], log: Path) -> None:
        self.verbs.append(words[0])
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([*words])
        assert status == 0, err.getvalue()


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    folder = tmp_path_factory.mktemp("unseen") / "records"
    write_synthetic(folder, patients=4, minutes=1, seed=3)
    return Databases(("wfdb",), (folder,))


@pytest.fixture(scope="module")
def measured(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("results")
    measure([OURS], databases, output, "detector", SMALL, run=InThisProcess())
    return output


def test_predictions_of_both_kinds_of_beats_are_kept(measured: Path, databases: Databases) -> None:
    experts = Predicted.read(measured / OURS.folder / "experts.npz")
    assert {*experts.records.tolist()} == {*TEST}
    assert experts.probabilities.sum(1) == pytest.approx(np.ones(len(experts.labels)), abs=1e-4)
    assert (np.diff(experts.samples) > 0).all()
    assert experts.prior.sum() == pytest.approx(1)
    assert np.count_nonzero(experts.labels == 1) == databases.beats_of_s("s04")
    found = Predicted.read(measured / OURS.folder / "detector.npz")
    is_beat = found.labels != EXTRA
    assert np.bincount(found.labels[is_beat]).sum() == len(experts.labels)
    assert np.isfinite(found.probabilities).all(1).mean() > 0.9
    # The same network sees the same beats, up to where the detector puts them.
    pairs = is_beat & np.isfinite(found.probabilities).all(1)
    rows = np.searchsorted(experts.samples, found.samples[pairs])
    same = found.probabilities[pairs].argmax(1) == experts.probabilities[rows].argmax(1)
    assert same.mean() > 0.8


def test_nothing_is_trained_again(measured: Path, databases: Databases) -> None:
    run, path = InThisProcess(), measured / OURS.folder / "experts.npz"
    checkpoint = checkpoint_of(measured, OURS)
    trained_at, before = checkpoint.stat().st_mtime_ns, Predicted.read(path)
    measure([OURS], databases, measured, "detector", SMALL, run=run)
    assert run.verbs == []
    path.unlink()
    measure([OURS], databases, measured, "experts", SMALL, run=run)
    assert run.verbs == ["fit", "predict"]  # finished runs do nothing
    assert checkpoint.stat().st_mtime_ns == trained_at
    assert np.array_equal(Predicted.read(path).probabilities, before.probabilities)


def test_other_settings_are_not_mixed_with_these(measured: Path, databases: Databases) -> None:
    with pytest.raises(SystemExit, match="made with other settings"):
        measure([OURS], databases, measured, more=("--trainer.max_epochs", "2"))


def test_another_version_of_the_code_is_noted(
    measured: Path,
    databases: Databases,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measure([OURS], databases, measured, more=SMALL, run=InThisProcess())
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(unseen_made_of, "code_digest", lambda _: "another")
    run = InThisProcess()
    measure([OURS], databases, measured, more=SMALL, run=run)
    assert "begun by another version of the code" in capsys.readouterr().err
    assert run.verbs == []


def test_one_failure_ends_the_units_that_wait(databases: Databases, tmp_path: Path) -> None:
    begun = list[str]()

    def fail(words: Sequence[str], log: Path) -> None:
        begun.append(words[0])
        raise SystemExit("no disk")

    units = [Unit("cv", "PatientContext", seed, TRAIN, TEST, fold=0) for seed in range(9)]
    with pytest.raises(SystemExit, match="no disk"):
        measure(units, databases, tmp_path, run=fail)
    assert begun == ["fit"]


def test_no_test_record_trains_and_none_validates(measured: Path) -> None:
    text = (measured / OURS.folder / "run" / "config.yaml").read_text(encoding="utf-8")
    assert "train: s01,s02,s03" in text
    assert "test: s04" in text
    assert "val_share: 0" in text
    columns = (measured / OURS.folder / "run" / "metrics.csv").read_text().splitlines()[0]
    assert "val_loss" not in columns


def test_a_causal_network_is_predicted_by_itself(measured: Path, databases: Databases) -> None:
    unit = Unit("cv", "PatientContext", 0, TRAIN, TEST, causal=True, fold=0)
    measure([unit], databases, measured, "detector", SMALL, run=InThisProcess())
    causal = Predicted.read(measured / unit.folder / "experts.npz")
    offline = Predicted.read(measured / OURS.folder / "experts.npz")
    assert np.array_equal(causal.samples, offline.samples)
    assert not np.array_equal(causal.probabilities, offline.probabilities)
    found = Predicted.read(measured / unit.folder / "detector.npz")
    assert np.isfinite(found.probabilities).all(1).mean() > 0.9


def test_trees_see_the_same_beats(measured: Path, databases: Databases) -> None:
    pytest.importorskip("lightgbm", reason="trees need the extra benchmark")
    unit = Unit("cv", "LightGBM", 0, TRAIN, TEST, fold=0)
    measure([unit], databases, measured)
    trees = Predicted.read(measured / unit.folder / "experts.npz")
    experts = Predicted.read(measured / OURS.folder / "experts.npz")
    for name in ("records", "samples", "labels"):
        assert np.array_equal(getattr(trees, name), getattr(experts, name))
    assert (trees.probabilities.argmax(1) == trees.labels).mean() > 0.5


def test_trees_with_other_settings_are_not_mixed_with_these(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lightgbm", reason="trees need the extra benchmark")
    unit = Unit("cv", "LightGBM", 0, TRAIN, TEST, fold=0)
    measure([unit], databases, tmp_path)
    measure([unit], databases, tmp_path)  # kept
    elsewhere = Databases(databases.sources, (tmp_path / "elsewhere",))
    for other, folders in (
        (Unit("cv", "LightGBM", 0, TRAIN[:2], TEST, fold=0), databases),
        (unit, elsewhere),
    ):
        with pytest.raises(SystemExit, match="made with other settings"):
            measure([other], folders, tmp_path)
    monkeypatch.setattr(unseen_trees, "TREES", 5)
    with pytest.raises(SystemExit, match="made with other settings"):
        measure([unit], databases, tmp_path)


def test_found_beats_of_another_detector_are_not_kept(
    measured: Path, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "results"
    shutil.copytree(measured, output)
    run, made_of = InThisProcess(), output / OURS.folder / "made_of_detector.json"
    measure([OURS], databases, output, "detector", SMALL, run=run)
    assert run.verbs == []
    text = made_of.read_text(encoding="utf-8")
    made_of.unlink()
    with pytest.raises(SystemExit, match=r"detector\.npz: no made_of_detector\.json says what"):
        measure([OURS], databases, output, "detector", SMALL, run=run)
    made_of.write_text(text, encoding="utf-8")
    monkeypatch.setattr(unseen_detector, "digest", lambda _: "another")
    with pytest.raises(SystemExit, match="made with other settings"):
        measure([OURS], databases, output, "detector", SMALL, run=run)


def test_scores_of_a_cross_validation(measured: Path) -> None:
    text = cross_validation_text(measured, [OURS])
    assert text.startswith("PatientContext, seeds [0]")
    assert "| no |" in text
    assert "| mean S ≥ 0.05 |" in text


def test_a_failed_command_ends_all_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="status 2: ecg-lightning: "):
        in_own_process(["fitt"], tmp_path / "a" / "log.txt")


def test_the_rows_of_the_protocol(tmp_path: Path) -> None:
    databases = Databases(("mitdb", "svdb"), (tmp_path / "m", tmp_path / "s,v"))
    words = {
        (row, network): fit_words(unit, databases, tmp_path / "run")
        for row in "124"
        for network in ("PatientContext", "DeepConv1d")
        for unit in units_of(row, network, [3], databases)
    }
    ours = words["1", "PatientContext"]
    for name, value in (
        ("--config", "patient_context.yaml"),
        ("--data.train", "ds1,svdb"),
        ("--data.test", "ds2"),
        ("--data.val_share", "0"),
        ("--seed_everything", "3"),
        ("--data.seed", "3"),
        ("--data.root", f'["{tmp_path}/m", "{tmp_path}/s,v"]'),
    ):
        assert ours[ours.index(name) + 1] == value
    assert "256" in words["4", "DeepConv1d"]
    causal = units_of("1", "PatientContext", [0], databases, causal=True)[0]
    assert "patient_context_causal.yaml" in fit_words(causal, databases, tmp_path)
    assert causal.folder == Path("row1/PatientContext-causal/seed0")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("1 --output x", "name the folders"),
        ("1 --mitdb m --svdb s --output x --variant wide", "are for cv"),
        ("cv --mitdb m --svdb s --output x -- --trainer.max_epochs 3", "--variant WORD"),
        ("1 --mitdb m --svdb s --output x --network DeepConv1d --causal", "no other beats"),
        ("1 --mitdb m --svdb s --output x --network LightGBM --beats detector", "no LightGBM"),
    ],
)
def test_what_is_refused(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(words.split())
    assert message in capsys.readouterr().err


def test_seeds_are_those_of_the_protocol() -> None:
    line = "{} --mitdb m --svdb s --output x --network {}".format
    for row, network, seeds in (
        ("1", "PatientContext", [0, 1, 2, 3, 4]),
        ("5", "PatientContext", [0]),
        ("4", "LightGBM", [0, 1]),
        ("2", "TimeDepends", [0]),
    ):
        assert seeds_of(arguments(line(row, network).split())) == seeds
    assert seeds_of(arguments(f"{line('1', 'LightGBM')} --seeds 7,8".split())) == [7, 8]


def test_folds_of_the_real_records(mitdb: Path, svdb: Path) -> None:
    databases = Databases(("mitdb", "svdb"), (mitdb, svdb))
    for row, count in (("cv", 100), ("5", 122)):
        folds = folds_of(row, databases)
        names = [name for fold in folds for name in fold]
        assert len(names) == len({*names}) == count
    assert "mitdb/100" not in [name for fold in folds_of("cv", databases) for name in fold]
    own = next(fold for fold in folds_of("5", databases) if "mitdb/201" in fold)
    assert "mitdb/202" in own

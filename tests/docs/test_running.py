"""The commands and Python examples of the guides run, in place on the synthetic database."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.cli import command, one_cache
from tests.helpers.keras_files import tf1_h5
from tests.helpers.original_networks import ORIGINALS
from tests.helpers.pages import README, blocks, commands, read, words
from tests.helpers.records import record_of, write_record

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)

GUIDES = [
    README,
    *(
        f"docs/{name}.md"
        for name in (
            *("start", "training", "own-database", "recordings", "reports"),
            *("keras", "export", "results", "views", "reference/configuration"),
        )
    ),
]
# What other tests run (the folder of the line's inputs), or what needs more than one database.
ELSEWHERE = re.compile(r"…|(?i:svdb)|NSTDB|night\.edf|VERB|--help|--version|RUN RUN|sweep|TESTED")
CONFIGS = "docs/training.md"  # its commands on docs/examples/configs: cli/test_example_configs.py
ANNOTATED = "annotated"  # the folder of commands that build on each other


def _lines(start: str) -> list[str]:
    """Each command of the guides once."""
    every = [line for page in GUIDES for line in commands(page) if line.startswith(start)]
    return [line for line in dict.fromkeys(every) if not ELSEWHERE.search(line)]


def _alone() -> list[str]:
    """The commands that need no other one, and no config of docs/examples."""
    own = ("focal_loss.yaml", "own_network.yaml", "--model.loss", "--optimizer", "--trainer.callb")
    return [
        line
        for line in _lines("ecg-lightning ")
        if ANNOTATED not in line and not any(word in line for word in own)
    ]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A run of DeepConv1d to stand for RUN."""
    folder = tmp_path_factory.mktemp("guides")
    few = ["--data.per_class", "4", "--trainer.max_epochs", "1"]
    outcome = command(["fit", "--config", "demo.yaml", *few], folder)
    assert outcome.status == 0
    return folder / outcome.folder


@pytest.fixture
def records(run: Path, cache: Path) -> Path:
    """The synthetic database, which the run has written."""
    return next(path for path in cache.iterdir() if path.name.startswith("synthetic-"))


def test_the_commands_are_found() -> None:
    verbs = {line.split()[1] for line in _alone()}
    assert verbs >= {
        *("fit", "test", "validate", "predict", "prepare", "crossval"),
        *("show", "info", "import-keras", "export", "completion"),
    }
    assert len(_lines("python scripts/train.py")) >= 5


@pytest.mark.parametrize("page", [README, "docs/start.md", "docs/annotate.md"])
def test_commands_on_annotating_run_in_their_order(
    page: str, records: Path, tmp_path: Path
) -> None:
    lines = [
        line
        for line in commands(page)
        if ANNOTATED in line and line.startswith("ecg-lightning") and re.search("208|s10", line)
    ]
    assert "annotate" in lines[0]
    (tmp_path / "first").mkdir()  # as `prepare --data.cache_dir first` leaves it
    (tmp_path / "first" / records.name).symlink_to(records)
    for line in lines:
        line = line.replace("mitdb/208", f"{records}/s10").replace(
            "--root mitdb", f"--root {records}"
        )
        outcome = command(words(line.replace("208", "s10"))[1:], tmp_path)
        assert (outcome.status, outcome.err) == (0, "")
    assert {path.suffix for path in (tmp_path / ANNOTATED).glob("s10.*")} == {
        *(".ecl", ".csv", ".html")
    }


@pytest.mark.parametrize("line", _alone())
def test_commands_run(line: str, run: Path, records: Path, tmp_path: Path) -> None:
    tf1_h5(tmp_path / "model_linear_256.h5", ORIGINALS["DeepConv1d"]())
    outcome = command(_on_synthetic(words(line)[1:], run, records), tmp_path)
    assert outcome.status == 0
    assert outcome.err == "" or line.endswith("--output -")  # then it has what is not the table


def _on_synthetic(every: list[str], run: Path, records: Path) -> list[str]:
    """The words of a command with the synthetic database instead of the reader's folders."""
    best = str(run / "checkpoints" / "best.ckpt")
    names = {"beats.ckpt": best}
    names |= {f"{folder}/checkpoints/best.ckpt": best for folder in ("run", "demo")}
    if "import-keras" not in every:
        names["original.ckpt"] = best
    every = [
        names.get(word, word)
        .replace("RUN", str(run))
        .replace("FOLDER", str(records))
        .replace("mitdb/208", f"{records}/s10")
        for word in every
    ]
    if "--data.root" in every and every[every.index("--data.root") + 1] == "mitdb":
        at = every.index("--data.root")
        every[at : at + 2] = [] if "--data.source" in every else ["--data.source", "synthetic"]
        # DS1 and DS2 name records of MIT-BIH; the synthetic database draws whole patients.
        every = [{"dechazal": "patients", "mitdb": "synthetic"}.get(w, w) for w in every]
    if every[0] == "crossval":  # one unit instead of fifteen
        at = every.index("--folds" if "--folds" in every else "--seeds")
        rest = every[every.index("--config") :]
        every = [*every[:at], "--seeds", "0", *rest, "--data.per_class", "4"]
    if every[0] in ("fit", "crossval"):
        every += ["--trainer.max_epochs", "1"]
    if every[0] == "fit":
        every += ["--data.source", "synthetic", "--trainer.limit_train_batches", "2"]
    if every[0] == "prepare" and "--config" in every:
        every += ["--data.source", "synthetic"]
    return every


@pytest.mark.parametrize("line", _lines("python scripts/train.py"))
def test_training_commands_run(line: str, tmp_path: Path) -> None:
    every = words(line)[2:]
    if "--data.root" in every:
        at = every.index("--data.root")
        every[at : at + 2] = []
    every = ["patients" if word == "dechazal" else word for word in every]
    # Conv2d in bfloat16 takes seconds for each beat on a processor without its instructions.
    few = ["--data.source", "synthetic", "--trainer.fast_dev_run", "true", "--data.batch_size", "4"]
    if "none" not in every:
        few += ["--data.per_class", "100"]
    outcome = command([*every, *few], tmp_path, script=True)
    assert (outcome.status, outcome.err) == (0, "")


@pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*LeafSpec",
    "ignore:.*tensorboard",
    "ignore:The number of training",
)
def test_the_example_of_training_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = _block("docs/training.md", "BeatDataModule")
    shortened = code.replace("max_epochs=3", "fast_dev_run=True, accelerator='cpu'").replace(
        "per_class=500", "per_class=10"
    )
    exec(compile(shortened, "training.md", "exec"), {})
    assert re.search(r"\[\d+, 1, 256\]", capsys.readouterr().out)


def _block(page: str, word: str) -> str:
    """The one Python example of a page that has a word."""
    (block,) = [block for block in blocks(page, "python") if word in block]
    return block


def test_the_example_of_a_network_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(_block("docs/own-network.md", "BeatClassifier"), "own-network.md", "exec"), {})
    assert capsys.readouterr().out == "torch.Size([2, 5])\n"


def test_the_example_of_a_recording_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = np.zeros((2, 4000))
    write_record(tmp_path / "mitdb", record_of(signals[0], [(100, "N")], name="100"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    first = _block("docs/recordings.md", "night.edf").partition("recording.read(0, 3600, [")[0]
    exec(compile(f"{first}piece = recording.read(0, 3600)", "recordings.md", "exec"), names)
    assert names["piece"].shape == (1, 3600)
    assert str(names["piece"].dtype) == "float32"


@pytest.mark.parametrize("page", [README, "docs/start.md"])
def test_the_example_of_annotating_runs(
    page: str,
    records: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code = _block(page, "ecg.annotate").replace("mitdb/208", f"{records}/s10")
    names: dict[str, Any] = {}
    exec(compile(code, page, "exec"), names)
    n_beats = int(capsys.readouterr().out.split()[0])
    assert n_beats == len(names["annotations"]) > 100
    assert (tmp_path / "208.html").is_file()
    if page != README:
        ten_seconds = names["annotations"].samples < 3600
        assert 0 < len(names["beats"]) <= ten_seconds.sum()
    else:
        assert 0 < len(names["ventricular"]) < n_beats


def test_the_beats_of_the_synthetic_database_are_those_of_the_page(tmp_path: Path) -> None:
    """The generator's draws are the same as when the page was written."""
    sentence = " ".join(read("docs/synthetic.md").split())
    stated = re.search(r"([\d,]+) beats with `peaks`: (N [\d,]+ · .*? Q [\d,]*\d)", sentence)
    assert stated is not None
    outcome = command(["prepare", "--data.source", "synthetic"], tmp_path)
    assert outcome.out.splitlines()[0] == f"{stated[1]} beats: {stated[2]}"

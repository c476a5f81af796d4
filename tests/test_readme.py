"""The README's commands, names and links are those of the code."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_lightning.cli.arguments import config_names
from tests.helpers.cli import command, one_cache
from tests.helpers.keras_files import tf1_h5
from tests.helpers.original_networks import ORIGINALS
from tests.helpers.paths import ROOT
from tests.helpers.records import record_of, write_record

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)

README = (ROOT / "README.md").read_text(encoding="utf-8")
ANNOTATED = "annotated"  # the folder of the commands on annotating, which build on each other
FENCED = "\n".join(re.findall(r"```bash\n(.*?)```", README, re.DOTALL)).splitlines()
COMMANDS = [
    line.split("#")[0].strip()
    for line in [*re.sub(r"\\\n\s*", "", README).splitlines(), *(f"    {line}" for line in FENCED)]
    if line.startswith("    ") and "svdb" not in line  # tests/cli/test_parts.py has several sources
]
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A run of DeepConv1d to stand for RUN."""
    folder = tmp_path_factory.mktemp("readme")
    few = ["--data.per_class", "4", "--trainer.max_epochs", "1"]
    outcome = command(["fit", "--config", "demo.yaml", *few], folder)
    assert outcome.status == 0
    return folder / outcome.folder


def _ours(program: str) -> list[str]:
    return [line for line in COMMANDS if line.startswith(program) and "…" not in line]


def test_the_commands_are_found() -> None:
    assert len(_ours("ecg-lightning ")) >= 4
    assert len(_ours("make ")) >= 3
    assert len(_ours("python scripts/")) >= 1


def _block(word: str) -> str:
    """The one Python example that has a word."""
    (block,) = [block for block in BLOCKS if word in block]
    return str(block)


def test_the_commands_on_annotating_run_in_their_order(
    run: Path, cache: Path, tmp_path: Path
) -> None:
    """The synthetic database, which the run has written, replaces MIT-BIH."""
    records = next(path for path in cache.iterdir() if path.name.startswith("synthetic-"))
    lines = [line for line in _ours("ecg-lightning ") if ANNOTATED in line]
    assert [line.split()[1] for line in lines] == ["annotate", "show", "compare"]
    for line in lines:
        words = line.replace("208", "s10").replace("mitdb", str(records)).split()
        outcome = command(words[1:], tmp_path)
        assert (outcome.status, outcome.err) == (0, "")
    assert {path.suffix for path in (tmp_path / ANNOTATED).glob("s10.*")} == {
        *(".ecl", ".csv", ".html")
    }


@pytest.mark.parametrize(
    "line", [line for line in _ours("ecg-lightning ") if ANNOTATED not in line]
)
def test_ecg_lightning_commands_run(line: str, run: Path, cache: Path, tmp_path: Path) -> None:
    """The synthetic database replaces the folders of the reader."""
    records = next(path for path in cache.iterdir() if path.name.startswith("synthetic-"))
    words = [
        word.replace("RUN", str(run))
        .replace("FOLDER", str(records))
        .replace("mitdb/208", f"{records}/s10")
        for word in shlex.split(line)[1:]
    ]
    words = [
        str(run / "checkpoints" / "best.ckpt")
        if word == "original.ckpt" and "import-keras" not in words
        else word
        for word in words
    ]
    tf1_h5(tmp_path / "model_linear_256.h5", ORIGINALS["DeepConv1d"]())
    if "mitdb" in words:
        at = words.index("--data.root")
        words = [*words[:at], *words[at + 2 :], "--data.source", "synthetic"]
        # DS1 and DS2 name records of MIT-BIH; the synthetic database draws whole patients.
        words = ["patients" if word == "dechazal" else word for word in words]
    if words[0] == "crossval":  # one unit instead of fifteen
        at = words.index("--folds")
        words = [
            *words[:at],
            "--seeds",
            "0",
            *words[words.index("--config") :],
            "--data.per_class",
            "4",
        ]
    if words[0] in ("fit", "crossval"):
        words += ["--trainer.max_epochs", "1"]
    outcome = command(words, tmp_path)
    assert (outcome.status, outcome.err) == (0, "")


@pytest.mark.parametrize("line", [line for line in _ours("python scripts/") if "train.py" in line])
def test_training_commands_run(line: str, tmp_path: Path) -> None:
    words = shlex.split(line)[2:]
    if "--data.root" in words:
        at = words.index("--data.root")
        words[at : at + 2] = []
    outcome = command(
        [
            *words,
            "--data.source",
            "synthetic",
            "--data.per_class",
            "100",
            "--trainer.fast_dev_run",
            "true",
        ],
        tmp_path,
        script=True,
    )
    assert (outcome.status, outcome.err) == (0, "")


@pytest.mark.parametrize("line", _ours("make "))
def test_make_targets_are_there(line: str) -> None:
    assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*LeafSpec",
    "ignore:.*tensorboard",
    "ignore:The number of training",
)
def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = _block("BeatDataModule")
    shortened = code.replace("max_epochs=3", "fast_dev_run=True, accelerator='cpu'").replace(
        "per_class=500", "per_class=10"
    )
    exec(compile(shortened, "README.md", "exec"), {})
    assert re.search(r"\[\d+, 1, 256\]", capsys.readouterr().out)


def test_the_example_of_a_recording_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_record(tmp_path / "mitdb", record_of(np.zeros(4000), [(100, "N")], name="208"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    code = f"{_block('night.edf')}piece = recording.read(0, 3600)"
    exec(compile(code, "README.md", "exec"), names)
    assert names["piece"].shape == (1, 3600)
    assert str(names["piece"].dtype) == "float32"


def test_the_example_of_annotating_runs(
    run: Path,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = next(path for path in cache.iterdir() if path.name.startswith("synthetic-"))
    monkeypatch.chdir(tmp_path)
    code = _block("ecg.annotate").replace("mitdb/208", f"{records}/s10")
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    n_beats = int(capsys.readouterr().out.split()[0])
    assert n_beats == len(names["annotations"]) > 100
    assert (tmp_path / "208.html").is_file()
    ten_seconds = names["annotations"].samples < 3600
    assert 0 < len(names["beats"]) <= ten_seconds.sum()


def test_names_and_links() -> None:
    for name in re.findall(r"`(\w+\.yaml)`", README):
        assert name in (*config_names(), "config.yaml")
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert re.match(r"[a-z]+:", target) or (ROOT / target).is_file(), target
    for module in re.findall(
        r"`((?:ecg_lightning|tests|keras_reference|scripts)/[\w/.]+)`", README
    ):
        assert (ROOT / module).exists(), module


def test_the_parity_table_is_the_suites() -> None:
    from tests.parity.tolerances import TABLE

    rows = [[cell.strip() for cell in line.split("|")] for line in README.splitlines()]
    printed = {tuple(cells[1:5]) for cells in rows if len(cells) == 9}
    assert {
        (row.quantity, row.dtype, row.measure, f"{row.limit:.0e}" if row.limit else "none")
        for row in TABLE
    } <= printed


def test_the_beats_of_the_synthetic_database_are_those_of_the_readme(tmp_path: Path) -> None:
    """The generator's draws are the same as when the README was written."""
    sentence = " ".join(README.split())
    stated = re.search(r"([\d,]+) beats with `peaks`: (N [\d,]+ · .*? Q [\d,]*\d)", sentence)
    assert stated is not None
    outcome = command(["prepare", "--data.source", "synthetic"], tmp_path)
    assert outcome.out.splitlines()[0] == f"{stated[1]} beats: {stated[2]}"

"""Jobs on a real SLURM of two simulated nodes: `pytest -m slurm`, as root with slurm-wlm, munge."""

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers.cli import SMALL, Tiny, command, one_cache
from tests.helpers.paths import ROOT
from tests.helpers.slurm import Slurm, missing, private_slurm, until
from tests.helpers.stand_in import LOADER

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"),
]

STEPS, PAUSE_AT = 4, 6  # steps an epoch with SMALL; the second step of the second epoch
SETTINGS = (
    "--model.network",
    "tests.cli.test_slurm.Pausing",
    *SMALL,
    "--trainer.max_epochs",
    "3",
    "--trainer.accelerator",
    "cpu",
)


class Pausing(Tiny):
    """Waits in the middle of an epoch until the folder that ECG_PAUSE names holds the file `go`."""

    steps = 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            Pausing.steps += 1
            folder = Path(os.environ["ECG_PAUSE"])
            if Pausing.steps == 1 + PAUSE_AT and not (folder / "go").exists():
                (folder / f"paused-{os.environ['SLURM_JOB_ID']}").touch()
                while not (folder / "go").exists():
                    time.sleep(0.05)
        return super().forward(x)


@dataclass
class Cluster:
    """A SLURM, and a folder to submit from."""

    slurm: Slurm
    folder: Path

    def run(self, *words: str, **variables: str) -> str:
        """A command on the login node, such as sbatch."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ours = {
            "PATH": path,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "ECG_PAUSE": str(self.folder),
            "RUN": "run",
        }
        return self.slurm.run(*words, cwd=self.folder, **ours | variables)

    def train(self, *of_sbatch: str, settings: tuple[str, ...] = SETTINGS, **variables: str) -> str:
        """Submit a training; return the number of the job."""
        return self.run(
            "sbatch", "--parsable", *of_sbatch, "scripts/slurm/train.sbatch", *settings, **variables
        )

    def paused(self, job: str) -> None:
        """Wait until a job pauses in the middle of an epoch."""
        until(
            (self.folder / f"paused-{job}").exists,
            lambda: f"job {job} at step {PAUSE_AT}: {self.log()}",
            300,
        )

    def go(self) -> None:
        """Let paused jobs continue."""
        (self.folder / "go").touch()

    def log(self) -> str:
        """What all jobs have printed."""
        return "\n".join(
            path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log"))
        )


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A SLURM whose jobs share a cache that is already filled."""
    for cache in one_cache(tmp_path_factory):
        assert command(["prepare"], cache.parent).status == 0
        with private_slurm() as started:
            yield started


@pytest.fixture
def cluster(slurm: Slurm, tmp_path: Path) -> Cluster:
    return Cluster(slurm, with_scripts(tmp_path))


@pytest.fixture(scope="module")
def undisturbed(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """An undisturbed run."""
    cluster = Cluster(slurm, with_scripts(tmp_path_factory.mktemp("undisturbed")))
    cluster.go()
    job = cluster.train()
    assert slurm.wait(job) == "COMPLETED", cluster.log()
    return cluster


def with_scripts(folder: Path) -> Path:
    """Link the batch files into a folder, so that jobs can be submitted from it."""
    (folder / "scripts").mkdir()
    for name in ("slurm", "train.py"):
        (folder / "scripts" / name).symlink_to(ROOT / "scripts" / name)
    return folder


def weights(run: Path, which: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = torch.load(run / "checkpoints" / f"{which}.ckpt", weights_only=True)[
        "state_dict"
    ]
    return found


def assert_same_run(run: Path, other: Path) -> None:
    """Compare weights, metrics and predictions, bit by bit."""
    for which in ("best", "last"):
        ours, theirs = weights(run, which), weights(other, which)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    ours, theirs = (json.loads((folder / "metrics.json").read_text()) for folder in (run, other))
    assert ours | {"checkpoint": None} == theirs | {"checkpoint": None}
    assert (run / "predictions.csv").read_bytes() == (other / "predictions.csv").read_bytes()


def test_a_run_completes(undisturbed: Cluster) -> None:
    run, log = undisturbed.folder / "run", undisturbed.log()
    assert {"config.yaml", "metrics.json", "report.html", "predictions.csv"} <= {
        path.name for path in run.iterdir()
    }
    assert "epoch 3/3" in log
    assert "\r" not in log  # no progress bar
    assert "\x1b" not in log


def test_a_signal_in_the_middle_of_an_epoch_requeues(
    cluster: Cluster, undisturbed: Cluster
) -> None:
    job = cluster.train()
    cluster.paused(job)
    cluster.run("scancel", "--signal=USR1", job)  # as sbatch's --signal does before the time limit
    time.sleep(1)
    cluster.go()
    cluster.slurm.wait(job, "PENDING")
    saved = torch.load(cluster.folder / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == PAUSE_AT
    assert PAUSE_AT % STEPS
    assert cluster.slurm.wait(job) == "COMPLETED", cluster.log()
    assert cluster.slurm.show(job)["Restarts"] == "1"
    assert_same_run(cluster.folder / "run", undisturbed.folder / "run")


def test_a_dead_nodes_job_resumes_elsewhere(cluster: Cluster, undisturbed: Cluster) -> None:
    job = cluster.train()
    cluster.paused(job)
    node = cluster.slurm.show(job)["NodeList"]
    cluster.slurm.node_dies(node)
    cluster.go()
    try:
        assert cluster.slurm.wait(job) == "COMPLETED", cluster.log()
        of_job = cluster.slurm.show(job)
    finally:
        cluster.slurm.start(node)
        until(lambda: cluster.slurm.idle_nodes() == 2, lambda: "both nodes idle")
    assert of_job["Restarts"] == "1"
    assert of_job["NodeList"] != node
    assert_same_run(cluster.folder / "run", undisturbed.folder / "run")


def test_an_array_and_its_table(cluster: Cluster, undisturbed: Cluster) -> None:
    """Two seeds; one of them is signalled in the middle of an epoch, and the table waits for it."""
    arguments = ("--output", "cv", "--seeds", "0", "1", *SETTINGS)
    said = cluster.run("scripts/slurm/crossval.sh", *arguments)
    array, table = said.split()[3].rstrip(";"), said.split()[-1]
    assert said == f"2 units: job {array}; table: job {table}"
    cluster.slurm.wait(f"{array}_0", "RUNNING")
    first = cluster.slurm.show(f"{array}_0")["JobId"]  # of its own only now
    cluster.paused(first)
    cluster.run("scancel", "--signal=USR1", f"{array}_0")
    time.sleep(1)
    cluster.go()
    assert cluster.slurm.wait(table) == "COMPLETED", cluster.log()
    assert cluster.slurm.show(first)["Restarts"] == "1"
    content = json.loads((cluster.folder / "cv" / "crossval.json").read_text())
    assert ([unit["unit"] for unit in content["units"]], content["missing"]) == (
        ["seed-0", "seed-1"],
        [],
    )
    printed = (cluster.folder / f"ecg-table-{table}.log").read_text()
    assert all(f"\n{row}" in printed for row in ("seed-0", "seed-1", "mean"))
    assert_same_run(cluster.folder / "cv" / content["units"][0]["run"], undisturbed.folder / "run")
    again = cluster.run("scripts/slurm/crossval.sh", *arguments)  # nothing is left to queue
    assert "\nseed-1" in again
    assert "job" not in again


def test_two_nodes(cluster: Cluster, undisturbed: Cluster) -> None:
    """With DDP by gloo, batches of 16 on two nodes train as batches of 32 on one.

    This also holds when the job is signalled in the middle of an epoch.
    """
    half = (*SETTINGS, "--data.batch_size", "16", "--trainer.num_nodes", "2")
    job = cluster.train(
        "--nodes=2", "--ntasks-per-node=1", settings=half, MASTER_ADDR="127.0.0.1"
    )  # no node is a host that has its name
    cluster.paused(job)
    cluster.run("scancel", "--signal=USR1", job)
    time.sleep(1)
    cluster.go()
    assert cluster.slurm.wait(job) == "COMPLETED", cluster.log()
    assert cluster.slurm.show(job)["Restarts"] == "1"
    ours, alone = (weights(of.folder / "run", "last") for of in (cluster, undisturbed))
    for name, tensor in alone.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-4, atol=1e-6)
    run = cluster.folder / "run"
    assert len((run / "predictions.csv").read_text().splitlines()) == 501


def test_a_folder_in_use_ends_both_nodes(cluster: Cluster) -> None:
    """The first task refuses the folder; the other one must not wait for it."""
    (cluster.folder / "run").mkdir()
    with open(cluster.folder / "run" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = (*SETTINGS, "--trainer.num_nodes", "2")
        job = cluster.train(
            "--nodes=2", "--ntasks-per-node=1", settings=settings, MASTER_ADDR="127.0.0.1"
        )
        assert cluster.slurm.wait(job) == "FAILED", cluster.log()
    expected = "run: expected no other command in this folder"
    assert f"{expected}, found one that is running" in cluster.log()
    until(lambda: cluster.slurm.idle_nodes() == 2, lambda: "both nodes idle")


# Replaces the training, for tests of the batch file.
STAND_IN = """
import os, pathlib, signal, sys, time
folder, stop = pathlib.Path(os.environ["ECG_PAUSE"]), []
for kind in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(kind, lambda number, _: stop.append(number))
(folder / f"paused-{os.environ['SLURM_JOB_ID']}").touch()
while not stop and not (folder / "saved").exists():
    time.sleep(0.05)
    if "--wrong" in sys.argv:
        sys.exit(2)
time.sleep(1 if stop else 0)  # saving takes a while
(folder / "saved").touch()
print("saved" if stop else f"resumes in {sys.argv[-1]}", flush=True)
sys.exit(75 if stop else 0)
"""


@pytest.fixture
def stand_in(cluster: Cluster) -> Cluster:
    (cluster.folder / "scripts" / "train.py").unlink()
    (cluster.folder / "scripts" / "train.py").write_text(STAND_IN)
    return cluster


@pytest.mark.parametrize("command", [("scancel", "--signal=USR1"), ("scontrol", "requeue")])
def test_signalled_or_preempted(stand_in: Cluster, command: tuple[str, ...]) -> None:
    """SLURM requeues after SIGTERM; the batch file must not disturb that."""
    job = stand_in.train("--job-name=mine", RUN="")
    stand_in.paused(job)
    stand_in.run(*command, job)
    assert stand_in.slurm.wait(job) == "COMPLETED", stand_in.log()
    assert stand_in.slurm.show(job)["Restarts"] == "1"
    log = (stand_in.folder / f"mine-{job}.log").read_text()
    assert "saved\n" in log
    assert f"resumes in runs/mine-{job}\n" in log


def test_before_the_time_limit(stand_in: Cluster) -> None:
    job = stand_in.train("--time=2", "--signal=USR1@120")
    assert stand_in.slurm.wait(job) == "COMPLETED", stand_in.log()
    assert stand_in.slurm.show(job)["Restarts"] == "1"


def test_a_cancelled_job_saves_and_stays_cancelled(stand_in: Cluster) -> None:
    job = stand_in.train()
    stand_in.paused(job)
    stand_in.run("scancel", job)
    assert stand_in.slurm.wait(job) == "CANCELLED"
    until((stand_in.folder / "saved").exists, stand_in.log)
    until(lambda: stand_in.slurm.idle_nodes() == 2, lambda: "both nodes idle")
    time.sleep(1)
    assert stand_in.slurm.show(job)["JobState"] == "CANCELLED"


def test_another_status_fails(stand_in: Cluster) -> None:
    job = stand_in.train(settings=("--wrong",))
    assert stand_in.slurm.wait(job) == "FAILED"
    assert (stand_in.slurm.show(job)["ExitCode"], stand_in.slurm.show(job)["Restarts"]) == (
        "2:0",
        "0",
    )


# `ecg-lightning` on the path, with an annotator that needs no networks.
PROGRAM = f"""#!{sys.executable}
import sys
import ecg_lightning.cli.annotate.command
from ecg_lightning.cli.main import main
ecg_lightning.cli.annotate.command.LOADER = {LOADER!r}
sys.exit(main())
"""


class TestAnnotating:
    """Seven recordings on four tasks, of which one is disturbed while it works."""

    @pytest.fixture
    def folder(self, cluster: Cluster) -> Path:
        """The folder of the cluster, with recordings and the program."""
        program = cluster.folder / "bin/ecg-lightning"
        program.parent.mkdir()
        program.write_text(PROGRAM)
        program.chmod(0o755)
        (cluster.folder / "in").mkdir()
        for seed, name in enumerate(("1", "2", "3", "4", "5", "bad", "paused")):
            signal = np.random.default_rng(seed).normal(size=(2000, 1))
            path = cluster.folder / f"in/{name}.csv"
            np.savetxt(path, signal, fmt="%.3f", header="mV", comments="")
        return cluster.folder

    def submit(self, cluster: Cluster) -> str:
        """Submit the array; return its number."""
        words = ("scripts/slurm/annotate.sbatch", "in", "--output", "out", "--fs", "100")
        path = f"{cluster.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return cluster.run("sbatch", "--parsable", "--array=1-4", *words, PATH=path)

    def paused_task(self, cluster: Cluster, array: str) -> str:
        """Wait until the third task pauses; return its number."""
        cluster.slurm.wait(f"{array}_3", "RUNNING")
        job = cluster.slurm.show(f"{array}_3")["JobId"]
        cluster.paused(job)
        return job

    def ends(self, cluster: Cluster, array: str) -> list[str]:
        return [cluster.slurm.wait(f"{array}_{task}") for task in range(1, 5)]

    def assert_same_as_one_command(self, cluster: Cluster) -> None:
        (cluster.folder / "out").rename(cluster.folder / "array")
        cluster.go()
        path = f"{cluster.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        line = "ecg-lightning annotate in --output out --fs 100 || test $? = 1"
        cluster.run("bash", "-c", line, PATH=path, SLURM_JOB_ID="none")
        ours, theirs = (
            {
                path.relative_to(root): path.read_bytes()
                for path in root.rglob("*.*")
                if path.is_file()
            }
            for root in (cluster.folder / "array", cluster.folder / "out")
        )
        assert ours == theirs

    def test_a_killed_task_is_repeated(self, cluster: Cluster, folder: Path) -> None:
        array = self.submit(cluster)
        job = self.paused_task(cluster, array)
        cluster.run("scancel", "--signal=KILL", job)
        assert self.ends(cluster, array) == ["COMPLETED", "FAILED", "CANCELLED", "COMPLETED"]
        assert not (folder / "out/summary.csv").exists()
        cluster.go()
        again = self.submit(cluster)
        assert self.ends(cluster, again) == ["COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]
        log = (folder / f"ecg-annotate-{again}_1.log").read_text()
        assert "shard 1/4: 2 of 2 recordings annotated (2 earlier)" in log
        self.assert_same_as_one_command(cluster)

    def test_a_signalled_task_is_queued_again(self, cluster: Cluster, folder: Path) -> None:
        array = self.submit(cluster)
        job = self.paused_task(cluster, array)
        cluster.run("scancel", "--signal=USR1", job)
        cluster.go()
        assert self.ends(cluster, array) == ["COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]
        assert cluster.slurm.show(job)["Restarts"] == "1"
        log = (folder / f"ecg-annotate-{array}_3.log").read_text()
        assert "ecg-lightning: SIGUSR1: stopped; 1 of 2 recordings annotated; repeat" in log
        assert "shard 3/4: 2 of 2 recordings annotated (1 earlier)" in log
        written = [path for path in folder.glob("*.log") if "out/summary.csv" in path.read_text()]
        assert len(written) == 1
        self.assert_same_as_one_command(cluster)

"""A private SLURM with two simulated nodes on this machine, from Debian's slurm-wlm and munge.

It needs root and changes nothing outside its folder. To run a command, such as bash, with it:

    python -m tests.helpers.slurm COMMAND …
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "scontrol")
NODES = ("n1", "n2")
Result = TypeVar("Result")

# Times are short, so that a dead node is noticed and a requeued job starts within seconds. No
# requeued job may start before cred_expire, which is 120 s by default.
CONFIG = """
ClusterName=tests
SlurmctldHost=localhost
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=1
SlurmdTimeout=5
KillWait=10
ReturnToService=2
PartitionName=main Nodes=ALL Default=YES State=UP
"""
NODE = (
    "NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=2 "
    "RealMemory=16000\n"
)


def missing() -> str:
    """Return why SLURM cannot run here; empty if it can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"SLURM not tested: no {', '.join(absent)}; apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "SLURM not tested: its daemons need root"


@dataclass
class Slurm:
    """A running private SLURM.

    Attributes:
        folder: Its configuration, state and logs.
        daemons: Name -> process.
    """

    folder: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its commands, without the variables of a surrounding job."""
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SLURM", "SBATCH"))
        }
        return {**clean, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self, name: str) -> None:
        """Start a daemon: "munged", "slurmctld" or a node's name."""
        munge = [
            f"--{what}={self.folder}/munge.{what.split('-')[0]}"
            for what in ("key-file", "socket", "pid-file", "log-file", "seed-file")
        ]
        commands = {"munged": ["munged", "--foreground", *munge], "slurmctld": ["slurmctld", "-D"]}
        with open(self.folder / f"{name}.out", "ab") as out:
            self.daemons[name] = subprocess.Popen(
                commands.get(name, ["slurmd", "-D", "-N", name]),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
            )

    def run(self, *command: str, cwd: Path | None = None, **variables: str) -> str:
        """Run a command such as sbatch; return what it prints."""
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**self.environment, **variables},
            timeout=120,
        )
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(command)}: status {done.returncode}: {done.stderr.strip()}"
            )
        return done.stdout.strip()

    def printed(self, daemon: str) -> str:
        """Return what a daemon has printed."""
        return (self.folder / f"{daemon}.out").read_text(errors="replace").strip()

    def idle_nodes(self) -> int:
        """Return how many nodes wait for work; 0 while no controller answers."""
        with contextlib.suppress(RuntimeError):
            lines = self.run("sinfo", "--noheader", "--Node", "--format=%T").splitlines()
            return lines.count("idle")
        return 0

    def show(self, job: str) -> dict[str, str]:
        """Return a job's fields, as `scontrol show job` names them."""
        words = self.run("scontrol", "--oneliner", "show", "job", job).splitlines()[0].split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait(self, job: str, *states: str, seconds: float = 300) -> str:
        """Wait until a job is in one of the states (default: any end); return the state."""
        ends = states or (
            "COMPLETED",
            "FAILED",
            "CANCELLED",
            "TIMEOUT",
            "NODE_FAIL",
            "DEADLINE",
            "OUT_OF_MEMORY",
        )

        def reached() -> str:
            state = self.show(job)["JobState"]
            return state if state in ends else ""

        return until(reached, lambda: f"job {job} in {ends}: {self.show(job)}", seconds)

    def node_dies(self, name: str) -> None:
        """Kill a node's daemon and all its jobs at once."""
        daemon = self.daemons.pop(name)
        daemon.kill()
        daemon.wait()
        for pid in self._processes(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the jobs and the daemons."""
        for name in NODES:
            for pid in self._processes(name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for name, process in reversed(list(self.daemons.items())):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            del self.daemons[name]

    def _processes(self, name: str) -> list[int]:
        """Return a node's job processes, known by their environment, after their slurmstepds."""
        pids: list[int] = []
        ours = {f"SLURM_CONF={self.folder}/slurm.conf".encode(), f"SLURMD_NODENAME={name}".encode()}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # the process has ended
                if ours <= set((entry / "environ").read_bytes().split(b"\0")):
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    keeper = (
                        parent > 1
                        and Path(f"/proc/{parent}/comm").read_text().strip() == "slurmstepd"
                    )
                    pids = [
                        *([parent] if keeper and parent not in pids else []),
                        *pids,
                        int(entry.name),
                    ]
        return pids


def until(check: Callable[[], Result], missing: Callable[[], str], seconds: float = 60) -> Result:
    """Wait until `check` returns something true; return it.

    Args:
        check: What to call.
        missing: Returns what did not happen, for the error.
        seconds: How long to wait.

    Raises:
        TimeoutError: Nothing true came in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := check():
            return value
        time.sleep(0.1)
    raise TimeoutError(f"not seen within {seconds} s: {missing()}")


@contextlib.contextmanager
def private_slurm() -> Iterator[Slurm]:
    """Start a SLURM in a temporary folder, and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="slurm-") as name:
        slurm = Slurm(Path(name))
        _write_settings(slurm.folder)
        try:
            slurm.start("munged")
            until(
                (slurm.folder / "munge.socket").exists,
                lambda: f"munged's socket; it said {slurm.printed('munged')}",
                10,
            )
            for daemon in ("slurmctld", *NODES):
                slurm.start(daemon)
            until(
                lambda: slurm.idle_nodes() == len(NODES),
                lambda: f"idle nodes; slurmctld said {slurm.printed('slurmctld')}",
                30,
            )
            yield slurm
        finally:
            slurm.stop()


def _write_settings(folder: Path) -> None:
    folder.chmod(0o755)  # munged refuses a socket that other users cannot reach
    for name in ("state", *NODES):
        (folder / name).mkdir()
    controller_port, *ports = _free_ports(1 + len(NODES))
    nodes = "".join(
        NODE.format(node=node, port=port) for node, port in zip(NODES, ports, strict=True)
    )
    (folder / "slurm.conf").write_text(CONFIG.format(folder=folder, port=controller_port) + nodes)
    key = folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(os.urandom(1024))


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def main(command: Sequence[str]) -> int:
    """Run a command with a private SLURM; return its exit status."""
    if reason := missing():
        print(reason, file=sys.stderr)
        return 1
    with private_slurm() as slurm:
        return subprocess.run(command or ["bash"], env=slurm.environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

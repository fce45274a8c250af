"""A real Slurm of one node on this machine: its daemons, in a folder and on ports of their own.

Debian: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "scontrol", "squeue")
# The node says that it has what the script asks for: 16 cores and 32 GB for each of two jobs.
CONF = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1
KillWait=1
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=32 RealMemory=65536 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def wait_until(true: Callable[[], object], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.02)


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which Slurm's commands find the cluster; `folder` has a short path.

    Skips where Slurm is not installed, or does not run.
    """
    if missing := [
        one for one in NEEDED if shutil.which(one, path=f"{os.environ['PATH']}:/usr/sbin") is None
    ]:
        pytest.skip(f"needs Slurm, of which there is no {', '.join(missing)}")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o600)
    told = {"host": socket.gethostname(), "user": getpass.getuser(), "folder": folder, "ports": free_ports(2)}
    (folder / "slurm.conf").write_text(CONF.format(**told))
    path = f"{os.environ['PATH']}:/usr/sbin"
    environment = {**os.environ, "PATH": path, "SLURM_CONF": str(folder / "slurm.conf")}
    own = [f"--{what}={folder}/munge.{ending}" for what, ending in MUNGE.items()]
    with ExitStack() as running:
        for line in (["munged", "-F", "--force", *own], ["slurmctld", "-D"], ["slurmd", "-D"]):
            running.enter_context(daemon(line, environment, folder))
        try:
            wait_until(lambda: " idle" in told_by(environment, "sinfo", "-h", "-o", " %T"), 30)
        except AssertionError:
            pytest.skip(f"Slurm does not run here: {last_lines(folder)}")
        try:
            yield environment
        finally:
            told_by(environment, "scancel", "--user", getpass.getuser())
            wait_until(lambda: not told_by(environment, "squeue", "-h"), 30)


MUNGE = {"key-file": "key", "socket": "socket", "log-file": "log", "pid-file": "pid", "seed-file": "seed"}


@contextmanager
def daemon(line: list[str], environment: dict[str, str], folder: Path) -> Iterator[None]:
    with (folder / f"{line[0]}.out").open("wb") as out:
        process = subprocess.Popen(line, env=environment, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def told_by(environment: dict[str, str], *line: str) -> str:
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60).stdout


def last_lines(folder: Path) -> str:
    return " ".join(text[-1] for one in folder.glob("*.out") if (text := one.read_text().splitlines()))


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        found = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in found]

"""Commands that are killed at some moment, forked from a process that has imported all: many take minutes.

with forks(log) as commands:
    commands.run("prepare", ...)                                 # a run that nobody disturbs
    commands.run("prepare", ..., by=signal.SIGKILL, after_s=0.2)
"""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

CODE = """
import atexit, json, os, select, signal, sys, time
from contextlib import suppress
from pathlib import Path
import cv2, datasets, lmdb, numpy, pyarrow.parquet, torch
import srdata.catalog, srdata.cli
import srdata.difficulty.classify_windows, srdata.exporting.export_set, srdata.publishing.publish_set
from srdata.degrade.chain import load_chain
from srdata.preparation import degrade_folder, prepare_set

load_chain("bsrgan")
if sys.argv[1]:
    srdata.catalog._PACKAGED = Path(sys.argv[1])
ends = {signal.SIGINT, signal.SIGTERM}
for line in sys.stdin:
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # until the command line itself can hear them
    asked = json.loads(line)
    started = time.monotonic()
    if not (child := os.fork()):
        os.setsid()
        for stream in (1, 2):
            os.dup2(os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["srdata", *asked["arguments"]]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)
        try:
            srdata.cli.main()
        except SystemExit as end:
            atexit._run_exitfuncs()
            os._exit(end.code or 0)  # Python needs a second to take apart what is imported here
    handle = os.pidfd_open(child)
    if asked["by"] and not select.select([handle], [], [], asked["after_s"])[0]:
        os.kill(child, asked["by"])
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    took = time.monotonic() - started
    os.close(handle)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    print(json.dumps([status, took]), flush=True)
"""


class Ended(NamedTuple):
    """How a run ended: its exit status, below 0 for that of a signal, and after how long."""

    status: int
    took_s: float

    @property
    def killed(self) -> bool:
        """Whether a signal ended it, by force or in the way of the command line."""
        return self.status < 0 or self.status > 128


class Forks:
    """Runs commands one after another; what they print is appended to `log`."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self.log = log

    def run(self, *arguments: object, by: signal.Signals | None = None, after_s: float = 0) -> Ended:
        asked = {"arguments": list(map(str, arguments)), "by": by, "after_s": after_s, "log": str(self.log)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Ended(*json.loads(self._process.stdout.readline()))


@contextmanager
def forks(log: Path, package: Path | None = None) -> Iterator[Forks]:
    """Commands of this installation, or with the data sets and recipes of another `package`."""
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(package or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Forks(process, log)


def content(folder: Path) -> dict[str, str]:
    """The hash of every file and the name of every folder below one.

    Locks do not count, nor where a download came from: what was whole when a run was killed was found here.
    """
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in folder.rglob("*")
        if not path.name.endswith((".lock", ".receipt.json"))
    }

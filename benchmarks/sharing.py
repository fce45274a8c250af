"""How evenly two workers share the images of a set, told by one process that does the work of both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args
from unittest import mock

import srdata
from benchmarks.pictures import write_mosaics
from benchmarks.tables import Table
from srdata.common.processes import engines
from srdata.vocabulary import CodecName

IMAGES, SCALE, WORKERS = 24, 4, 2


def run(folder: Path, peers: Path | None) -> Table:
    """Of the CPU time of one worker what two take, for every codec."""
    images = write_mosaics(folder / "images", IMAGES)
    rows = [[codec, f"{_share(images, folder / codec, codec):.2f}"] for codec in get_args(CodecName)]
    note = (
        f"{IMAGES} mosaics of 2040x1356 as PNG, bicubic x{SCALE}. The CPU time of every call of a worker, "
        f"put on the first of {WORKERS} to be free, and of all that one process does alone; starting them "
        "does not count."
    )
    return Table(f"{IMAGES} images on one worker and on two", ["", "of the time of one"], rows, note)


def _share(images: Path, root: Path, codec: CodecName) -> float:
    taken: list[float] = []
    with mock.patch.object(engines, "_processes", lambda jobs: _timed(taken, jobs)):
        start = time.process_time()
        srdata.prepare(images, scale=SCALE, lmdb=True, codec=codec, root=root, name="set", jobs=WORKERS)
        whole = time.process_time() - start
    busy = [0.0] * WORKERS
    for seconds in taken:
        busy[busy.index(min(busy))] += seconds
    return (whole - sum(taken) + max(busy)) / whole


@contextmanager
def _timed(taken: list[float], jobs: int) -> Iterator[engines.Workers]:
    """Workers that are this process."""

    def submit(work: Any, *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        start = time.process_time()
        future.set_result(work(*arguments))
        taken.append(time.process_time() - start)
        return future

    yield engines.Workers(submit, lambda: jobs)

"""Timing several ways to do one thing, in turn, so that what else the machine does hits all of them alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import torch

LONGEST_S = 300

Work = Callable[[], object]
Clock = Callable[[], float]


def one_thread() -> None:
    """Let OpenCV and torch use one thread each; numpy's is set in the environment, see __init__."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def alternate(
    works: Mapping[str, Work],
    rounds: int,
    *,
    warm_up: bool = True,
    clock: Clock = time.perf_counter,
    of_rounds: Callable[[list[float]], float] = statistics.median,
) -> dict[str, float]:
    """The seconds of each work, run one after the other in every round: their median, or the least by min."""
    if warm_up:
        for work in works.values():
            work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            seconds[name].append(timed(work, clock))
    return {name: of_rounds(values) for name, values in seconds.items()}


def timed(work: Work, clock: Clock = time.perf_counter) -> float:
    """The seconds that one run takes, of the clock or of the processor."""
    start = clock()
    work()
    return clock() - start


def in_process(python: Path, script: Path, *arguments: object, **environment: str) -> str:
    """What a script of this folder prints, run by another Python; RuntimeError where it fails."""
    done = subprocess.run(
        [python, str(script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(script.parents[1]), "HF_HUB_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )
    if done.returncode:
        raise RuntimeError(f"{arguments}: {done.stderr[-2000:]}")
    return done.stdout

"""Timing several ways to do one thing, in turn, so that what else the machine does hits all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import cv2
import torch

Work = Callable[[], object]


def one_thread() -> None:
    """Let OpenCV and torch use one thread each; numpy's is set in the environment, see __init__."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def alternate(works: Mapping[str, Work], rounds: int, *, warm_up: bool = True) -> dict[str, float]:
    """The median seconds of each work, run one after the other in every round."""
    if warm_up:
        for work in works.values():
            work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            seconds[name].append(timed(work))
    return {name: statistics.median(values) for name, values in seconds.items()}


def timed(work: Work) -> float:
    """The seconds that one run takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

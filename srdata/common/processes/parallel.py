"""Many units of work on processes, threads or a cluster, their results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from srdata.common.processes.engines import Workers, workers
from srdata.vocabulary import Backend

T = TypeVar("T")
R = TypeVar("R")


def in_order(
    work: Callable[[T], R], tasks: Sequence[T], *, jobs: int = -1, backend: Backend = "loky"
) -> Iterator[R]:
    """Call `work`, a top-level function, on every task and yield the results in the order of the tasks.

    `jobs` and `backend` are those of `engines.workers`, and so are the errors.
    """
    with workers(jobs, backend, most=len(tasks)) as pool:
        yield from results(pool, work, tasks)


def results(pool: Workers, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """What `work` gives for every task, in their order; a few are under way at any time."""
    waiting: deque[Callable[[], R]] = deque()
    for task in tasks:
        waiting.append(pool.submit(work, task).result)
        if len(waiting) >= pool.ahead():
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()

"""Work on jobs ahead of their use: in line, by threads, or by worker processes; results come in order.

What a job raises is raised where its result is asked for, and nothing is left running when the iterator is
closed.
"""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Generic, Literal, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from srdata.errors import SrdataError, StoreError, UnknownNameError, UsageError

Job = TypeVar("Job")
Result = TypeVar("Result")
Kind = Literal["thread", "process"]
KINDS = ("thread", "process")


@dataclass(frozen=True)
class ReadAhead:
    """Who reads, and how far ahead of use: so many threads or processes, `ahead` batches each.

    `asked` 0 reads in line; None is one for every core but one, four at most. Raises UsageError.
    """

    asked: int | None
    kind: Kind
    ahead: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownNameError.among("kind of worker", self.kind, KINDS)
        if self.asked is not None and self.asked < 0:
            raise UsageError(f"workers {self.asked} must be 0, which reads in line, or more")
        if self.ahead < 1:
            raise UsageError(
                f"ahead {self.ahead} must be at least 1: batches that each worker prepares ahead"
            )

    @cached_property
    def count(self) -> int:
        """How many there are."""
        return max(1, min(4, (os.cpu_count() or 1) - 1)) if self.asked is None else self.asked


def by_threads(
    work: Callable[[Job], Result], jobs: Iterable[Job], workers: int, ahead: int
) -> Iterator[Result]:
    """The result of `work` on each job, up to `workers` x `ahead` of them being prepared; 0: in line."""
    if not workers:
        yield from map(work, jobs)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="srdata")
    pending: deque[Future[Result]] = deque()
    try:
        for job in jobs:
            pending.append(pool.submit(work, job))
            if len(pending) >= workers * ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:  # not by cancel_futures=True, which fails while the interpreter ends
            future.cancel()
        pool.shutdown(wait=True)


class ByProcesses(Generic[Job, Result]):
    """Worker processes for `work`, which is sent to them once; they stay until this object goes."""

    def __init__(self, work: Callable[[Job], Result], workers: int, ahead: int, pin: bool) -> None:
        try:
            pickle.dumps(work)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise UsageError(f"worker processes need what can be pickled ({error}): take threads") from error
        self._jobs = _Jobs()
        self._start = partial(
            DataLoader,
            _Work(work),
            sampler=self._jobs,
            batch_size=None,
            num_workers=workers,
            prefetch_factor=ahead,
            persistent_workers=True,
            pin_memory=pin,
            collate_fn=_as_it_is,
            generator=torch.Generator(),  # or the workers' seeds would come from the global generator
        )
        self._loader: DataLoader[Any] = self._start()

    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """The result of each job, in order."""
        self._jobs.now = jobs
        results = iter(self._loader)
        try:
            for found in results:
                if isinstance(found, SrdataError):
                    raise found
                yield found
        except (SrdataError, RuntimeError) as error:
            self._loader = self._start()
            del results  # now, which ends the workers: the garbage collector would wait for them for seconds
            found = None  # which may be the error, and this frame is in its traceback
            if isinstance(error, SrdataError):
                raise
            raise StoreError(  # a RuntimeError is what torch raises when a worker was killed
                f"a worker process of the loader ended ({_first_line(error)}): see if memory ran out, "
                "or take threads"
            ) from error


class _Work(Dataset[Any]):
    """`work`, in the form in which torch's workers take it; its errors travel as results."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._work = work

    def __getitem__(self, job: Any) -> Any:
        try:
            return self._work(job)
        except SrdataError as error:
            return error


class _Jobs:
    """The jobs of now, asked for anew at every pass."""

    now: Iterable[Any] = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.now)


def _as_it_is(result: Any) -> Any:
    return result


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]

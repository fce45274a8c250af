"""Many units of work on many processes, their results in order."""

from __future__ import annotations

import importlib.util
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any, TypeVar

import cv2
import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from srdata.common.processes.worker_lifetime import end_with_parent
from srdata.errors import MissingExtraError, SrdataError, UsageError
from srdata.vocabulary import Backend

T = TypeVar("T")
R = TypeVar("R")


def in_order(
    work: Callable[[T], R], tasks: Sequence[T], *, jobs: int = -1, backend: Backend = "loky"
) -> Iterator[R]:
    """Call `work`, a top-level function, on every task and yield the results in the order of the tasks.

    `jobs` counts processes or threads, -1 for one a core; one job runs in this process. With "dask" the
    cluster decides: the current client's, else the one at DASK_SCHEDULER_ADDRESS, else one started here. An
    error in one task ends the others, and the end of this process, however it comes, that of its processes.
    Raises SrdataError where one of them was ended from outside.
    """
    check_jobs(jobs)
    jobs = min(joblib.effective_n_jobs(jobs), len(tasks)) or 1
    with _engine(backend, jobs):
        parallel = joblib.Parallel(return_as="generator", pre_dispatch="2*n_jobs", batch_size=1)
        with _deaf_processes(backend, jobs):
            results = parallel(joblib.delayed(_alone)(work, task) for task in tasks)
        try:
            yield from results
        except TerminatedWorkerError as error:
            raise SrdataError(
                "a worker process was ended from outside, often for want of memory: "
                "run the same command again with fewer --jobs"
            ) from error
        finally:
            results.close()


def check_jobs(jobs: int) -> None:
    """Raise UsageError for a number of jobs that is none."""
    if jobs == 0:
        raise UsageError("0 jobs do nothing: give 1 or more, or -1 for one a core")


def _alone(work: Callable[[T], R], task: T) -> R:
    """One task on one core: parallelism comes from the number of tasks."""
    cv2.setNumThreads(1)
    return work(task)


@contextmanager
def _deaf_processes(backend: Backend, jobs: int) -> Iterator[None]:
    """Processes that are started here do not hear what would end this one, which ends them itself.

    They inherit which signals are blocked; one that comes meanwhile reaches this process at the end.
    """
    if backend != "loky" or jobs == 1 or not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    resource_tracker.ensure_running()  # else it is started within, and then unblocks what is blocked here
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _engine(backend: Backend, jobs: int) -> Iterator[None]:
    if backend == "dask":
        with _dask_client(jobs), joblib.parallel_config(backend="dask"):
            yield
        return
    options: dict[str, Any] = {}
    if backend == "loky":
        lasting = threading.current_thread() is threading.main_thread()
        options = {"initializer": end_with_parent, "initargs": (os.getpid(), lasting)}
    with joblib.parallel_config(backend=backend, n_jobs=jobs, **options):
        yield


@contextmanager
def _dask_client(jobs: int) -> Iterator[Any]:
    if importlib.util.find_spec("distributed") is None:
        raise MissingExtraError.of("distributed")
    import distributed

    try:
        yield distributed.get_client()
        return
    except ValueError:  # there is no client yet
        pass
    address = distributed.config.get("scheduler-address", None)
    options = {} if address else {"n_workers": jobs, "threads_per_worker": 1}
    with distributed.Client(address, **options) as client:
        yield client

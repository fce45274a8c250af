"""What runs units of work: this process, its threads or processes, or a cluster of dask or Ray.

Each is an executor of its own library, which takes calls and gives futures.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from srdata.common.processes.limits import cores
from srdata.common.processes.worker_lifetime import end_with_parent
from srdata.errors import MissingExtraError, SrdataError, UsageError
from srdata.vocabulary import Backend

_LIBRARY_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_ANSWER_S = 10
_FEWER = "run the same command again with fewer --jobs"
_MORE = "give the workers more memory, or fewer threads, and run the same command again"


@dataclass(frozen=True)
class Workers:
    """What takes calls of top-level functions."""

    submit: Callable[..., Future[Any]]
    many: Callable[[], int]  # calls that run at once
    here: bool = False  # in this process, before `submit` returns
    threads: bool = False  # of this process, which have its memory in common
    cluster: bool = False  # of several machines, which have no disk in common but what is mounted

    def ahead(self) -> int:
        """How many calls under way keep all workers busy."""
        return 1 if self.here else 2 * self.many()


@contextmanager
def workers(jobs: int = -1, backend: Backend = "loky", *, most: int | None = None) -> Iterator[Workers]:
    """Workers for at most `most` calls at once; each call keeps to one core.

    `jobs` counts processes or threads, -1 for one a core; one job runs in this process. A cluster decides
    itself: that of the current client of dask or Ray, else the one that its configuration names, else one
    started here. An error ends the calls that are under way, and the end of this process, however it comes,
    that of its processes. Raises SrdataError where a process was ended from outside.
    """
    check_jobs(jobs)
    jobs = _fitting(jobs, backend, most)
    if backend in CLUSTERS:
        engine = CLUSTERS[backend](jobs)
    elif jobs == 1:
        engine = _here()
    else:
        engine = _threads(jobs) if backend == "threading" else _processes(jobs)
    with engine as pool:
        yield pool


def _fitting(jobs: int, backend: Backend, most: int | None) -> int:
    """How many jobs there are cores and calls for."""
    if jobs == 1 or most in (0, 1):
        return 1
    many = _many_threads(jobs) if backend == "threading" else _many_processes(jobs)
    return many if most is None else min(many, most)


def _many_threads(jobs: int) -> int:
    """How many threads that is; -2 is one for all cores but one."""
    return jobs if jobs > 0 else max(1, cores() + 1 + jobs)


def _many_processes(jobs: int) -> int:
    """How many processes that is: one where none can be started from here."""
    import joblib  # takes long, and this process and its threads need it not

    cores()  # says what is wrong with LOKY_MAX_CPU_COUNT, which joblib heeds as well
    return int(joblib.effective_n_jobs(jobs))


def check_jobs(jobs: int) -> None:
    """Raise UsageError for a number of jobs that is none."""
    if jobs == 0:
        raise UsageError("0 jobs do nothing: give 1 or more, or -1 for one a core")


def _alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """One call on one core: parallelism comes from the number of calls."""
    cv2.setNumThreads(1)
    return work(*arguments)


def _alone_in(folder: Path, *call: Any) -> Any:
    """The same in a working folder: processes that are used again may be in that of an earlier run."""
    os.chdir(folder)
    return _alone(*call)


@contextmanager
def _here() -> Iterator[Workers]:
    def submit(*call: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(_alone(*call))
        except Exception as error:  # noqa: BLE001  # is raised where the result is asked for
            future.set_exception(error)
        return future

    yield Workers(submit, lambda: 1, here=True)


@contextmanager
def _threads(jobs: int) -> Iterator[Workers]:
    executor = ThreadPoolExecutor(jobs)
    try:
        yield Workers(lambda *call: executor.submit(_alone, *call), lambda: jobs, threads=True)
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def _processes(jobs: int) -> Iterator[Workers]:
    from concurrent.futures.process import BrokenProcessPool

    import joblib
    from joblib.externals.loky import get_reusable_executor  # as above

    lasting = threading.current_thread() is threading.main_thread()
    with _deaf_processes():  # among them one that looks after what the others share
        executor = get_reusable_executor(
            jobs,
            initializer=end_with_parent,
            initargs=(os.getpid(), lasting),
            env=dict.fromkeys(_LIBRARY_THREADS, str(max(1, joblib.cpu_count() // jobs))),
        )

    def submit(*call: Any) -> Future[Any]:
        with _deaf_processes():  # the others, which are started when they are needed
            future: Future[Any] = executor.submit(_alone_in, Path.cwd(), *call)
        return future

    try:
        yield Workers(submit, lambda: jobs)
    except BrokenProcessPool as error:
        raise _ended_from_outside(_FEWER) from error
    except BaseException:
        executor.shutdown(kill_workers=True)
        raise


@contextmanager
def _deaf_processes() -> Iterator[None]:
    """Processes that are started here do not hear what would end this one, which ends them itself.

    They inherit which signals are blocked; one that comes meanwhile reaches this process at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # else it is started within, and then unblocks what is blocked here
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _dask(jobs: int) -> Iterator[Workers]:
    _need("distributed")
    import distributed

    with _dask_client(jobs) as client, client.get_executor(pure=False) as executor:
        try:
            yield Workers(
                lambda *call: executor.submit(_alone, *call),
                lambda: sum(client.nthreads().values()) or 1,
                cluster=True,
            )
        except distributed.KilledWorker as error:
            raise _ended_from_outside(_MORE) from error
        except BaseException:
            executor.shutdown(wait=False)  # cancels what is under way
            raise


@contextmanager
def _dask_client(jobs: int) -> Iterator[Any]:
    import dask
    import distributed

    try:
        yield distributed.get_client()
        return
    except ValueError:  # there is no client yet
        pass
    address = dask.config.get("scheduler-address", None)
    options = {} if address else {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": ":0"}
    try:
        client = distributed.Client(address, **options)
    except OSError as error:
        raise UsageError(
            f"no dask scheduler answers at {address}: start it, or correct DASK_SCHEDULER_ADDRESS"
        ) from error
    with client:
        yield client


@contextmanager
def _ray(jobs: int) -> Iterator[Workers]:
    _need("ray")
    import ray

    started = not ray.is_initialized()
    if started:
        address = os.environ.get("RAY_ADDRESS")
        # else it takes one that was started here by anyone, with whatever folders it sees
        options: dict[str, Any] = {} if address else {"address": "local", "num_cpus": jobs}
        try:
            _check_answer(address or "")
            ray.init(log_to_driver=False, include_dashboard=False, **options)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"no Ray cluster answers at {address}: start it, correct RAY_ADDRESS, or set RAY_AUTH_MODE "
                "as it does"
            ) from error
    call_alone = ray.remote(_alone)
    waiting: dict[Future[Any], Any] = {}

    def submit(*call: Any) -> Future[Any]:
        reference = call_alone.remote(*call)
        future: Future[Any] = reference.future()
        waiting[future] = reference
        future.add_done_callback(waiting.pop)
        return future

    try:
        yield Workers(submit, lambda: int(ray.cluster_resources().get("CPU", 1)), cluster=True)
    except ray.exceptions.WorkerCrashedError as error:
        raise _ended_from_outside(_MORE) from error
    finally:
        for reference in list(waiting.values()):
            ray.cancel(reference, force=True)
        if started:
            ray.shutdown()


def _check_answer(address: str) -> None:
    """Raise OSError where nobody listens at HOST:PORT: Ray waits for minutes, and ends this process then."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()


CLUSTERS = {"dask": _dask, "ray": _ray}


def _need(library: str) -> None:
    if importlib.util.find_spec(library) is None:
        raise MissingExtraError.of(library)


def _ended_from_outside(remedy: str) -> SrdataError:
    return SrdataError(f"a worker process was ended from outside, often for want of memory: {remedy}")

"""Fixtures that several test files share."""

from __future__ import annotations

import functools
import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

MakeSample = Callable[..., Path]
REPOSITORY = Path(__file__).parents[1]
LONGEST = (  # of the files, by the seconds that they take; the others take less than ten
    "test_ended_runs",
    "test_papers",
    "test_loader_emulated",
    "test_training_loops",
    "test_clusters",
    "test_image_units",
    "test_example_loops",
    "test_streaming",
    "test_publish_hub",
    "test_publish",
    "test_windows_like",
    "test_store_reader",
    "test_addresses",
    "test_prepare",
    "test_benchmark_sets",
)
# Of torch, before it is imported: threads that wait for each other make small tensors slow beside other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Or every process that a test starts compiles all of srdata anew, and every process of pytest all tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def busy(seconds: float) -> float:
    """So many seconds of a machine at rest, on this one as busy as it is: other tests run beside this."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0  # which Windows has not
    return seconds * (1 + load / (os.cpu_count() or 1))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end: the garbage collector need not go through it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip elsewhere what only Linux has; what Windows does instead is modelled in tests/windows_like.

    The files of LONGEST come first, or one process runs the last of them while the others have nothing to do.
    """
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))
    if sys.platform != "linux":
        for item in items:
            if item.get_closest_marker("linux"):
                item.add_marker(pytest.mark.skip(reason="needs Linux"))


def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores: many tests wait for processes and servers of their own."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def workers_end_soon() -> None:
    """torch waits five seconds for a worker of an iterator that an error ended, and then ends it by force."""
    import torch.utils.data._utils as torch_utils

    torch_utils.MP_STATUS_CHECK_INTERVAL = 1.0


@pytest.fixture(scope="session", autouse=True)
def shard_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The shards of streams, of this process and those that it starts, beside what tests write."""
    os.environ["SRDATA_CACHE"] = str(tmp_path_factory.mktemp("shards"))


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without compiled code, whether or not there is some."""
    from srdata.compiled.library import SWITCH, library

    monkeypatch.setenv(SWITCH, "0")
    library.cache_clear()
    yield
    library.cache_clear()


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of the five packaged photographs."""
    return REPOSITORY / "manifests" / "sample"


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> MakeSample:
    """The set of the five photographs by its settings, made when it is first asked for and not to be changed.

    sample(scale=4, lmdb=True)
    """
    from srdata import prepare

    root = tmp_path_factory.mktemp("sample")
    return functools.cache(lambda **settings: prepare("sample", root=root, jobs=1, **settings).path)


@pytest.fixture(scope="session")
def batch(photographs: Path) -> NDArray[np.float32]:
    """Three crops of photographs, N3HW in 0–1, of odd sizes."""
    names = ("coffee.png", "chelsea.png", "rocket.jpg")
    crops = [np.asarray(Image.open(photographs / name).convert("RGB"))[99:176, 200:301] for name in names]
    return np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of real MATLAB results, which may not be redistributed and so is not in the repository."""
    folder = REPOSITORY.parent / "shared" / "golden"
    if not folder.is_dir():
        pytest.skip(f"the MATLAB results are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def device_guard(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the emulated device needs of this process."""
    from emulated_cuda import compiled_guard

    compiled_guard(tmp_path_factory.mktemp("guard"))


@pytest.fixture
def device(device_guard: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """device="cuda" and "mps", emulated: see `emulated_cuda`."""
    from emulated_cuda import emulated_device

    with emulated_device(monkeypatch) as emulated:
        yield emulated


@pytest.fixture(scope="session")
def peers() -> Path:
    """The folder of the peers' checkouts, which SRDATA_PEERS names."""
    folder = Path(os.environ.get("SRDATA_PEERS", "/nowhere"))
    if not folder.is_dir():
        pytest.skip("SRDATA_PEERS names no folder of checkouts")
    return folder


def checkout(name: str) -> Path:
    """The checkout of a peer below the folder that SRDATA_PEERS names; skips where it is not there."""
    path = Path(os.environ.get("SRDATA_PEERS", "/nowhere"), name)
    if not path.is_dir():
        pytest.skip(f"SRDATA_PEERS names no folder that holds a checkout {name}")
    return path


@pytest.fixture(scope="session")
def basicsr() -> Path:
    """A checkout of BasicSR."""
    return checkout("BasicSR")


@pytest.fixture
def small_device(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB; skips where none can be mounted."""
    folder = tmp_path / "device"
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("cannot mount a small file system here")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)

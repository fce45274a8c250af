"""When reading fails: an error that names what, at once, and nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from pairs import position_pairs, write_folders, write_shards

from srdata import Batch, Loader, PairedDataset
from srdata.common.tensors.device_copies import Staging
from srdata.data.loading.device_stream import Staged, finished_on
from srdata.data.loading.finish import Parameters, Raw
from srdata.data.loading.in_memory import DeviceSource
from srdata.data.loading.prefetch import by_threads
from srdata.data.sampling.orders import Places, Sequential
from srdata.data.sampling.schedule import Moment
from srdata.errors import CorruptRecordError, ImageError, StorageFullError, StoreError, UsageError
from srdata.scale import Scale

FOUR = Scale(4)
KINDS: list[dict[str, Any]] = [
    {"workers": 0},
    {"workers": 2},
    {"workers": 2, "kind": "process"},
    {"residency": "host"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_shards(tmp_path / "set", position_pairs(FOUR, [(96, 96)] * 12), FOUR, per_shard=2)


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("srdata")]


def damage(folder: Path) -> None:
    """Change a sample of the HR image 0005."""
    path = folder / "shards/00002.lmdb"
    data = bytearray(path.read_bytes())
    image = position_pairs(FOUR, [(96, 96)] * 12)["0005"][1]
    row = image[20, :48].tobytes()
    place = data.find(row)
    assert place > 0
    data[place + 10] ^= 0x55
    path.write_bytes(data)


@pytest.mark.parametrize("settings", KINDS)
def test_a_damaged_record_is_named(folder: Path, settings: dict[str, Any]) -> None:
    damage(folder)
    loader = Loader(PairedDataset(folder, patch_size=96, verify=True), 4, shuffle=False, **settings)
    batches = iter(loader)
    assert next(batches).keys == ["0001", "0002", "0003", "0004"]
    with pytest.raises(CorruptRecordError, match="image '0005', layer hr, block 0 has not the hash"):
        list(batches)
    assert not readers()
    loader.set_epoch(0)
    assert next(iter(loader)).keys == ["0001", "0002", "0003", "0004"], "the loader itself can go on"


@pytest.mark.parametrize("settings", KINDS)
def test_a_missing_shard_is_named(folder: Path, settings: dict[str, Any]) -> None:
    loader = Loader(PairedDataset(folder, patch_size=48), 4, shuffle=False, **settings)
    (folder / "shards/00003.lmdb").unlink()
    with pytest.raises(CorruptRecordError, match=r"00003\.lmdb cannot be read"):
        list(loader)


@pytest.mark.parametrize("settings", KINDS)
def test_a_damaged_image_file_is_named(tmp_path: Path, settings: dict[str, Any]) -> None:
    folder = write_folders(tmp_path, position_pairs(FOUR, [(96, 96)] * 4), FOUR)
    loader = Loader(PairedDataset(folder, patch_size=48), 2, shuffle=False, **settings)
    path = folder / "HR/0003.png"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ImageError, match=r"0003\.png"):
        list(loader)


class Deadly(Sequential):
    """An order of which the fourth batch kills the process that draws it."""

    def places(self, seed: int, epoch: int, positions: Any, items: int) -> Places:
        if positions[-1] >= 12 and multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().places(seed, epoch, positions, items)


@pytest.mark.linux
def test_a_killed_worker_process_is_no_hang(folder: Path) -> None:
    loader = Loader(
        PairedDataset(folder, patch_size=48), 4, order=Deadly(9), workers=1, kind="process", ahead=1
    )
    start = time.monotonic()
    with pytest.raises(StoreError, match=r"a worker process of the loader ended .*: see if memory ran out"):
        list(loader)
    assert time.monotonic() - start < 30


@pytest.mark.parametrize(("workers", "ahead"), [(1, 3), (2, 2), (3, 1)])
def test_so_many_jobs_are_taken_ahead_of_their_use(workers: int, ahead: int) -> None:
    """No fewer, so that no worker waits while there is work, and no more, which would take memory."""
    taken: list[int] = []
    all_at_work = threading.Barrier(workers)

    def work(job: int) -> int:
        all_at_work.wait(60)  # which breaks where a worker has nothing to do
        return job

    jobs = (taken.append(job) or job for job in range(12))  # type: ignore[func-returns-value]  # is None
    for number, result in enumerate(by_threads(work, jobs, workers, ahead)):
        assert result == number
        assert len(taken) == min(12, number + workers * ahead)


@pytest.mark.parametrize("end", ["close", "break", "forget"])
def test_threads_end_with_the_iterator(folder: Path, end: str) -> None:
    loader = Loader(PairedDataset(folder, patch_size=48), 2, workers=3, repeat=50)
    batches: Iterator[Batch] | None = iter(loader)
    assert batches is not None
    next(batches)
    assert readers()
    if end == "close":
        batches.close()  # type: ignore[attr-defined]  # it is a generator
    elif end == "break":
        for _ in batches:
            break
        del batches
    else:
        batches = None
    assert not readers()


ENDING = """
from srdata import Loader, PairedDataset
left = []
for settings in ({{"workers": 3}}, {{"workers": 2, "kind": "process"}}):
    loader = Loader(PairedDataset({data!r}, patch_size=48), 2, repeat=50, **settings)
    for batch in loader: break
    batches = loader.forever(); next(batches)
    left += [loader, batches]
    print(len(batch.keys))
"""


def test_a_program_that_ends_in_the_middle_of_an_epoch_ends_quietly(folder: Path) -> None:
    """With threads and with processes, both in one program: its start is what takes time."""
    code = ENDING.format(data=str(folder))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("2\n2\n", "", 0)


def test_worker_processes_need_what_can_be_pickled(folder: Path) -> None:
    class Local:
        def length(self, items: int) -> int:
            return items

        def places(self, *arguments: Any) -> Any: ...

    loader = Loader(PairedDataset(folder, patch_size=48), 4, order=Local(), workers=1, kind="process")
    with pytest.raises(UsageError, match=r"worker processes need what can be pickled .*: take threads"):
        next(iter(loader))


def test_the_random_state_of_the_user_is_left_alone(folder: Path) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    for settings in KINDS:
        loader = Loader(
            PairedDataset(folder, patch_size=48),
            4,
            augment=["dihedral", "mixup"],
            degrade="realesrgan-x4",
            **settings,
        )
        list(islice(loader, 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_device_without_room_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What CUDA raises, raised here by hand: the real thing needs a device."""

    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    images = torch.zeros(1, 4, 4, 3, dtype=torch.uint8)
    raw = Raw(images, images, ["0001"], [0], None, False, [], None, None, 0, Moment(0, 0))
    staged = Staged(raw, Parameters(None, None), Staging.of([], pin=False), [])
    with pytest.raises(
        StorageFullError, match="the memory of cpu has no room for another batch: take a smaller"
    ):
        finished_on(torch.device("cpu"), staged, full)  # type: ignore[arg-type]  # no Finish
    monkeypatch.setattr(torch, "empty", full)
    with pytest.raises(StorageFullError, match="do not fit into the memory of cpu: take residency='host'"):
        DeviceSource(PairedDataset(folder).source, None, torch.device("cpu"))


def test_a_folder_that_moved_away(folder: Path) -> None:
    loader = Loader(PairedDataset(folder, patch_size=48), 4)
    shutil.move(folder, folder.with_name("elsewhere"))
    with pytest.raises(CorruptRecordError, match="cannot be read"):
        list(loader)

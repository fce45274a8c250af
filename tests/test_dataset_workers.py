"""`PairedDataset` in a DataLoader: the same crops for any number of workers, however they are started."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pairs import position_pairs, write_folders, write_lmdbs, write_shards
from torch.utils.data import DataLoader

from srdata import PairedDataset
from srdata.data.sampling.epoch_sampler import EpochSampler
from srdata.errors import CorruptRecordError
from srdata.scale import Scale

FOUR = Scale(4)
SIZES = [(96, 120), (144, 96), (100, 100), (240, 60), (96, 96), (180, 132), (96, 200)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("set"), position_pairs(FOUR, SIZES), FOUR)


def dataset(path: Path, **settings: Any) -> PairedDataset:
    return PairedDataset(path, patch_size=48, dihedral=True, seed=11, dtype=torch.uint8, **settings)


def expected(data: PairedDataset, epoch: int) -> dict[str, bytes]:
    """Every crop of an epoch, by the name of its image."""
    batch = data.batch(range(len(data)), epoch)
    return dict(zip(batch.keys, (hr.tobytes() for hr in batch.hr), strict=True))


def seen(loader: Iterable[dict[str, Any]]) -> dict[str, bytes]:
    """The same, from what one pass of a loader gives."""
    found: dict[str, bytes] = {}
    for batch in loader:
        images = batch["hr"].permute(0, 2, 3, 1).contiguous().numpy()
        for key, image in zip(batch["key"], images, strict=True):
            assert key not in found
            found[key] = image.tobytes()
    return found


@pytest.mark.parametrize(
    ("method", "persistent"), [("fork", False), ("fork", True), ("spawn", True), ("forkserver", True)]
)
def test_crops_are_the_same_under_every_start_method(method: str, persistent: bool, prepared: Path) -> None:
    """Also, the epoch reaches workers that live on; the set is open in this process when they start."""
    data = dataset(prepared)
    wanted = [expected(data, epoch) for epoch in range(3)]
    assert len({pixels for epoch in wanted for pixels in epoch.values()}) == 3 * len(data)
    loader = DataLoader(
        data, batch_size=2, num_workers=2, multiprocessing_context=method, persistent_workers=persistent
    )
    for epoch in (2, 0, 1) if persistent else (2,):
        data.set_epoch(epoch)
        assert seen(loader) == wanted[epoch]
    assert expected(data, 0) == wanted[0]


def test_crops_are_the_same_without_workers(prepared: Path) -> None:
    data = dataset(prepared)
    loader = DataLoader(data, batch_size=3)
    for epoch in (0, 1):
        data.set_epoch(epoch)
        assert seen(loader) == expected(data, epoch)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sampler_that_carries_the_epoch_needs_no_set_epoch(workers: int, prepared: Path) -> None:
    data = dataset(prepared)
    sampler = EpochSampler(data, seed=3)
    loader = DataLoader(
        data, batch_size=3, sampler=sampler, num_workers=workers, persistent_workers=workers > 0
    )
    orders = []
    for epoch in range(3):
        found = seen(loader)
        assert found == expected(data, epoch)
        orders.append(tuple(found))
    assert len(set(orders)) == 3
    sampler.set_epoch(1)
    assert tuple(seen(loader)) == orders[1]


def test_the_order_of_the_sampler_is_that_of_its_seed_and_epoch() -> None:
    first, second, third = (EpochSampler(range(50), seed=seed) for seed in (1, 1, 2))
    order = list(first)
    assert order == list(second) != list(third)
    assert sorted(order) == [(0, index) for index in range(50)]
    assert all(type(part) is int for index in order for part in index)
    assert list(EpochSampler(range(3), shuffle=False)) == [(0, 0), (0, 1), (0, 2)]
    assert len(first) == 50


def test_workers_read_folders_and_lmdbs(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, SIZES[:4])
    hr, lr = write_lmdbs(tmp_path, pairs)
    folders = dataset(write_folders(tmp_path / "folders", pairs, FOUR))
    lmdbs = PairedDataset(hr=hr, lr=lr, patch_size=48, dihedral=True, seed=11, dtype=torch.uint8)
    wanted = expected(folders, 0)
    for data in (folders, lmdbs):
        assert seen(DataLoader(data, batch_size=2, num_workers=2)) == wanted


def test_two_datasets_on_one_set_and_one_of_them_in_workers(prepared: Path) -> None:
    first, second = dataset(prepared), dataset(prepared)
    before = expected(first, 0)
    loaders = zip(
        DataLoader(first, batch_size=7, num_workers=1), DataLoader(second, batch_size=7), strict=True
    )
    for one, other in loaders:
        assert torch.equal(one["hr"], other["hr"])
        assert expected(first, 0) == before


def test_an_error_in_a_worker_keeps_its_type_and_names_the_record(tmp_path: Path) -> None:
    folder = write_shards(tmp_path, position_pairs(FOUR, [(48, 48)] * 4), FOUR, "png")
    shard = folder / "shards/00001.lmdb"
    shard.write_bytes(shard.read_bytes().replace(b"IDAT", b"IDAX"))
    loader = DataLoader(dataset(folder), batch_size=2, num_workers=1)
    with pytest.raises(CorruptRecordError, match="image '0004', layer hr, block 0 has not the hash"):
        list(loader)


def test_threads_may_share_a_dataset(prepared: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    data = dataset(prepared)
    wanted = [data.batch(range(len(data)), epoch).hr.tobytes() for epoch in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda epoch: data.batch(np.arange(len(data)), epoch).hr.tobytes(), range(40))
        assert list(found) == wanted

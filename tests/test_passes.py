"""A DataLoader of torch that tells no epoch: its passes have other crops all the same."""

from __future__ import annotations

import warnings
from copy import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from pairs import write_shards
from tables import noise_pairs
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Subset

from srdata import PairedDataset
from srdata.data import EpochSampler
from srdata.data.loading.epoch_plan import BatchJob, DrawnLast
from srdata.data.sampling.schedule import Moment
from srdata.errors import UsageError
from srdata.scale import Scale

ITEMS = 8


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("set"), noise_pairs(ITEMS, 96, 96), Scale(4))


@pytest.fixture
def data(prepared: Path) -> PairedDataset:
    return PairedDataset(prepared, patch_size=16)


class Around(Dataset[Any]):
    """What people write around a data set."""

    def __init__(self, data: PairedDataset) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        return self.data[index]


def crops(batches: Any) -> dict[str, bytes]:
    return {
        key: hr.numpy().tobytes()
        for batch in batches
        for key, hr in zip(batch["key"], batch["hr"], strict=True)
    }


WORKERS: list[dict[str, Any]] = [
    {"num_workers": 0},
    {"num_workers": 2},
    {"num_workers": 2, "persistent_workers": True},
]
SPAWNED = {"num_workers": 1, "persistent_workers": True, "multiprocessing_context": "spawn"}


@pytest.mark.parametrize(
    ("workers", "shuffle"),
    [*((some, shuffle) for some in WORKERS for shuffle in (True, False)), (SPAWNED, True)],
    ids=str,
)
def test_passes_are_those_of_the_epochs(data: PairedDataset, workers: Any, shuffle: bool) -> None:
    plain = DataLoader(data, 3, shuffle=shuffle, **workers)
    told = DataLoader(data, 3, sampler=EpochSampler(data))
    for _ in range(3):
        assert crops(plain) == crops(told)


@pytest.mark.parametrize("kind", [Around, lambda data: Subset(data, range(ITEMS))])
def test_a_data_set_around_it_passes_them_on(data: PairedDataset, kind: Any) -> None:
    plain = DataLoader(kind(data), 3, shuffle=True, num_workers=2)
    told = DataLoader(data, 3, sampler=EpochSampler(data))
    for _ in range(3):
        assert crops(plain) == crops(told)


def test_an_epoch_that_is_set_counts_from_there(data: PairedDataset) -> None:
    plain, told = DataLoader(data, 3, shuffle=True), EpochSampler(data)
    crops(plain)
    for epoch in (7, 3):
        data.set_epoch(epoch)
        told.set_epoch(epoch)
        for _ in range(2):
            assert crops(plain) == crops(DataLoader(data, 3, sampler=told))


def test_single_items_are_of_the_epoch_that_was_set_and_that_is_said_once(data: PairedDataset) -> None:
    first = [data[item]["hr"] for item in range(ITEMS)]
    with pytest.warns(UserWarning, match=r"item 0 was asked for before in epoch 0.*data.set_epoch"):
        assert torch.equal(data[0]["hr"], first[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(data[1]["hr"], first[1])
        assert crops(DataLoader(data, 3)) == {
            f"{item:03d}": hr.numpy().tobytes() for item, hr in enumerate(first)
        }


def test_ranks_give_no_crop_that_another_one_gave(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "2")
    seen: list[tuple[str, bytes]] = []
    for rank in (0, 1):
        monkeypatch.setenv("RANK", str(rank))
        data = PairedDataset(prepared, patch_size=16)
        sampler: DistributedSampler[Any] = DistributedSampler(data, 2, rank)
        for epoch in range(6):
            sampler.set_epoch(epoch)
            seen += crops(DataLoader(data, 2, sampler=sampler)).items()
    assert len(seen) == 6 * ITEMS
    assert len(set(seen)) == len(seen)


def test_whole_images_of_different_sizes_say_what_to_do(tmp_path: Path) -> None:
    pairs = {**noise_pairs(2, 96, 96), "other": noise_pairs(1, 48, 64)["000"]}
    data = PairedDataset(write_shards(tmp_path, pairs, Scale(4)))
    for workers in (0, 1):
        with pytest.raises(UsageError, match=r"items of different sizes make no batch: .*batch_size=1"):
            list(DataLoader(data, 4, num_workers=workers))
    assert [list(batch) for batch in DataLoader(data, 1)] == [["lr", "hr", "key"]] * 3
    (batch,) = DataLoader(data, 4, collate_fn=list)
    assert [copy(item)["key"] for item in batch] == list(pairs), "as torch does to pin it"


def test_what_was_drawn_for_an_epoch_is_given_in_no_other() -> None:
    last, drawn = DrawnLast(), []

    def draw(job: BatchJob) -> list[Any]:
        drawn.append(job.moment.epoch)
        return [[], []]

    for epoch in (0, 1, 0, 1):
        for place in (0, 1):
            last.of(BatchJob(place, place, Moment(epoch, place), (0, 1), place), draw)
    assert drawn == [0, 1]

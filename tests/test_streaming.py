"""`StreamedPairs`: pairs out of shards that `datasets` wrote, shared among ranks and workers."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tables import Pair, encoded, noise_pairs, rows_of, table, write_imagefolder
from torch.utils.data import DataLoader

from srdata.data.datasets.streaming import StreamedPairs
from srdata.errors import ImageError, SourceError, UnknownNameError, UsageError

PAIRS = noise_pairs(23)


def in_files(folder: Path, files: int, pairs: dict[str, Pair] = PAIRS) -> Path:
    """Parquet files of unlike sizes, in row groups of three."""
    folder.mkdir(parents=True)
    keys = list(pairs)
    for number in range(files):
        part = {key: pairs[key] for key in keys[number::files]}
        table(part).to_parquet(folder / f"train-{number:05d}.parquet", batch_size=3)
    return folder


def saved(folder: Path) -> Path:
    table(PAIRS).save_to_disk(folder, num_shards=4)
    return folder


def imagefolder(folder: Path) -> Path:
    return write_imagefolder(folder, PAIRS)


def one_file(folder: Path) -> Path:
    return in_files(folder, 1)


def keys_of(data: StreamedPairs) -> list[str]:
    return [item["key"] for item in data]


@pytest.mark.parametrize("write", [one_file, saved, imagefolder], ids=lambda write: write.__name__)
def test_whole_images_are_the_pixels_that_were_written(write: Callable[[Path], Path], tmp_path: Path) -> None:
    found = {item["key"]: item for item in StreamedPairs(write(tmp_path / "here"), dtype=torch.uint8)}
    assert sorted(found) == list(PAIRS)
    for key, (lr, hr) in PAIRS.items():
        assert np.array_equal(found[key]["lr"].permute(1, 2, 0).numpy(), lr)
        assert np.array_equal(found[key]["hr"].permute(1, 2, 0).numpy(), hr)


def test_without_shuffling_they_come_as_they_lie(tmp_path: Path) -> None:
    data = StreamedPairs(one_file(tmp_path / "here"), shuffle=False, buffer=5)
    assert keys_of(data) == list(PAIRS)
    assert str(data.scale) == "4"


@pytest.mark.parametrize("files", [1, 3, 4, 7])
@pytest.mark.parametrize("even", [False, True])
def test_two_ranks_of_two_workers_see_every_row(files: int, even: bool, tmp_path: Path) -> None:
    folder = in_files(tmp_path / "here", files)
    for epoch in (0, 1):
        batches: list[list[list[str]]] = []
        for rank in (0, 1):
            data = StreamedPairs(folder, patch_size=8, buffer=4, rank=rank, world_size=2, even=even)
            data.set_epoch(epoch)
            batches.append([batch["key"] for batch in DataLoader(data, batch_size=3, num_workers=2)])
        seen = [key for rank in batches for batch in rank for key in batch]
        assert sorted(set(seen) if even else seen) == list(PAIRS)
        assert seen[: len(PAIRS)] != list(PAIRS)
        if even:
            assert len({tuple(map(len, rank)) for rank in batches}) == 1, "as many images in as many batches"


@pytest.mark.parametrize(("readers", "files"), [(1, 1), (2, 5), (5, 2), (7, 3), (3, 3), (40, 2)])
def test_any_number_of_readers_shares_all_rows_evenly(readers: int, files: int, tmp_path: Path) -> None:
    folder = in_files(tmp_path / "here", files)
    taken = [
        keys_of(StreamedPairs(folder, buffer=5, rank=rank, world_size=readers, even=False))
        for rank in range(readers)
    ]
    assert sorted(key for keys in taken for key in keys) == list(PAIRS)
    even = [
        keys_of(StreamedPairs(folder, buffer=5, rank=rank, world_size=readers)) for rank in range(readers)
    ]
    assert {len(keys) for keys in even} == {max(map(len, taken))}
    assert [keys[: len(own)] for keys, own in zip(even, taken, strict=True)] == taken


@pytest.mark.parametrize("write", [one_file, saved, imagefolder], ids=lambda write: write.__name__)
def test_rows_are_counted_in_every_form(write: Callable[[Path], Path], tmp_path: Path) -> None:
    assert len(StreamedPairs(write(tmp_path / "here")).rows) == len(PAIRS)


@pytest.mark.parametrize("left", [0, 1])
def test_a_state_in_what_fills_a_rank_up(left: int, tmp_path: Path) -> None:
    settings = {"buffer": 4, "rank": 1, "world_size": 2}
    data = StreamedPairs(one_file(tmp_path / "here"), **settings)
    whole = keys_of(data)
    own = keys_of(StreamedPairs(tmp_path / "here", even=False, **settings))
    assert len(whole) > len(own)
    items = iter(data)
    for _ in range(len(whole) - left):
        next(items)
    again = StreamedPairs(tmp_path / "here", **settings)
    again.load_state_dict(data.state_dict())
    assert keys_of(again) == whole[len(whole) - left :]


def test_an_epoch_has_an_order_and_crops_of_its_own(tmp_path: Path) -> None:
    data = StreamedPairs(in_files(tmp_path / "here", 3), patch_size=8, dihedral=True, buffer=8)

    def epoch(number: int) -> dict[str, torch.Tensor]:
        data.set_epoch(number)
        return {item["key"]: item["hr"] for item in data}

    first, again, second = epoch(0), epoch(0), epoch(1)
    assert list(first) == list(again) != list(second)
    assert all(torch.equal(first[key], again[key]) for key in PAIRS)
    assert sum(torch.equal(first[key], second[key]) for key in PAIRS) < 5


def test_a_crop_depends_on_seed_epoch_and_key_alone(tmp_path: Path) -> None:
    settings = {"patch_size": 8, "dihedral": True, "seed": 4}
    one = {i["key"]: i for i in StreamedPairs(in_files(tmp_path / "a", 1), shuffle=False, **settings)}
    reader = StreamedPairs(in_files(tmp_path / "b", 5), buffer=2, rank=1, world_size=3, **settings)
    others = list(reader)
    assert len(others) > 5
    for item in others:
        assert torch.equal(item["hr"], one[item["key"]]["hr"])
        assert torch.equal(item["lr"], one[item["key"]]["lr"])
    other = StreamedPairs(tmp_path / "a", shuffle=False, patch_size=8, dihedral=True, seed=5)
    assert sum(torch.equal(item["hr"], one[item["key"]]["hr"]) for item in other) < 5


def test_both_sides_are_cut_at_one_place(tmp_path: Path) -> None:
    pairs = {key: (high[::4, ::4], high) for key, (_, high) in PAIRS.items()}
    for item in StreamedPairs(in_files(tmp_path / "here", 2, pairs), patch_size=16, dtype=torch.uint8):
        assert item["hr"].shape == (3, 16, 16)
        assert torch.equal(item["lr"], item["hr"][:, ::4, ::4])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_that_persist_see_the_epoch(method: str, tmp_path: Path) -> None:
    data = StreamedPairs(in_files(tmp_path / "here", 2), patch_size=8)
    context = multiprocessing.get_context(method)
    batches = DataLoader(
        data, batch_size=4, num_workers=2, persistent_workers=True, multiprocessing_context=context
    )
    passes = []
    for epoch in (0, 0, 3):
        data.set_epoch(epoch)
        passes.append([key for batch in batches for key in batch["key"]])
    assert passes[0] == passes[1] != passes[2]
    assert sorted(passes[2]) == list(PAIRS)


def test_a_pass_that_is_left_early_is_not_gone_on_with(tmp_path: Path) -> None:
    data = StreamedPairs(one_file(tmp_path / "here"))
    next(iter(data))
    assert len(keys_of(data)) == len(PAIRS)


@pytest.mark.parametrize("taken", [0, 1, 4, 5, 9, 22, 23])
def test_the_rest_comes_after_a_state_is_loaded(taken: int, tmp_path: Path) -> None:
    folder = in_files(tmp_path / "here", 3)
    data = StreamedPairs(folder, patch_size=8, buffer=4, seed=2)
    data.set_epoch(5)
    whole = [(item["key"], item["hr"]) for item in data]
    data.set_epoch(5)
    items = iter(data)
    for _ in range(taken):
        next(items)
    state = data.state_dict()
    again = StreamedPairs(folder, patch_size=8, buffer=4, seed=2)
    again.load_state_dict(state)
    rest = [(item["key"], item["hr"]) for item in again]
    assert [key for key, _ in rest] == [key for key, _ in whole[taken:]]
    assert all(torch.equal(mine, theirs) for (_, mine), (_, theirs) in zip(rest, whole[taken:], strict=True))
    again.set_epoch(6)
    assert len(keys_of(again)) == len(PAIRS)


def test_the_state_of_other_settings_is_refused(tmp_path: Path) -> None:
    folder = one_file(tmp_path / "here")
    state = StreamedPairs(folder, crops=2).state_dict()
    for other in (StreamedPairs(folder, crops=3), StreamedPairs(folder, crops=2, shuffle=False)):
        with pytest.raises(UsageError, match="the state is of another order than this stream has"):
            other.load_state_dict(state)
    with pytest.raises(UsageError, match="the state is of another seed"):
        StreamedPairs(folder, crops=2, seed=1).load_state_dict(state)
    less = StreamedPairs(in_files(tmp_path / "less", 1, dict(list(PAIRS.items())[:9])), crops=2)
    with pytest.raises(UsageError, match="the state is of another data"):
        less.load_state_dict(state)
    before = {
        "seed": 0,
        "readers": 1,
        "buffer": 256,
        "shuffle": 1,
        "epoch": 3,
        "shard": 1,
        "block": 0,
        "row": 2,
    }
    with pytest.raises(UsageError, match=r"an earlier version .* set_epoch\(3\)"):
        less.load_state_dict(before)


def test_the_state_of_a_worker_is_that_of_a_reader(tmp_path: Path) -> None:
    """What torchdata's StatefulDataLoader asks its workers for."""
    data = StreamedPairs(in_files(tmp_path / "here", 4), buffer=4)
    batches = DataLoader(Told(data), batch_size=None, num_workers=2)
    states = [state for _, state in batches]
    assert {tuple(state["read_by"]) for state in states} == {(1, 1, 2)}
    assert len(states) == len(PAIRS)


class Told(torch.utils.data.IterableDataset):  # type: ignore[type-arg]
    """Each key with the state after it, asked for in the worker."""

    def __init__(self, data: StreamedPairs) -> None:
        self.data = data

    def __iter__(self):  # type: ignore[no-untyped-def]
        return ((item["key"], self.data.state_dict()) for item in self.data)


def test_one_side_and_other_columns(tmp_path: Path) -> None:
    table(PAIRS, lr="lq", hr="gt", key="id").save_to_disk(tmp_path / "here")
    columns = {"hr": "gt", "key": "id"}
    data = StreamedPairs(tmp_path / "here", columns=columns, patch_size=8)
    assert data.only == "hr"
    assert set(next(iter(data))) == {"hr", "key"}
    with pytest.raises(UnknownNameError, match="has no column 'HR', it has images in lq, gt"):
        StreamedPairs(tmp_path / "here", columns={"hr": "HR"})


def test_rows_without_names_get_numbers_that_differ(tmp_path: Path) -> None:
    rows_of([{"hr": {"bytes": encoded(high)}} for _, high in PAIRS.values()]).save_to_disk(
        tmp_path / "here", num_shards=2
    )
    keys = keys_of(StreamedPairs(tmp_path / "here", buffer=4, shuffle=False))
    assert keys[:2] == ["00000_000000", "00000_000001"]
    assert len(set(keys)) == len(PAIRS)


def test_a_row_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    good = encoded(PAIRS["000"][1])
    rows = [{"hr": {"bytes": good}}] * 5 + [{"hr": {"bytes": good[: len(good) // 2]}}]
    rows_of(rows).save_to_disk(tmp_path / "here")
    with pytest.raises(ImageError, match="here train: row 5, column 'hr': damaged image"):
        list(StreamedPairs(tmp_path / "here", buffer=4))
    with pytest.raises(ImageError, match="00000_000000 is smaller than the patch"):
        next(iter(StreamedPairs(tmp_path / "here", patch_size=64, shuffle=False)))
    padded = next(iter(StreamedPairs(tmp_path / "here", patch_size=64, pad="reflect", shuffle=False)))
    assert padded["hr"].shape == (3, 64, 64)


def test_a_folder_without_rows_and_a_tar_that_is_none_are_named(tmp_path: Path) -> None:
    """As an epoch ends by StopIteration, they would end an epoch of nothing."""
    table({}).save_to_disk(tmp_path / "empty")
    (tmp_path / "metadata/train").mkdir(parents=True)
    (tmp_path / "metadata/train/metadata.jsonl").write_text("")
    (tmp_path / "names").mkdir()
    (tmp_path / "names/metadata.csv").write_text("file_name\n")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/train-0000.tar").write_bytes(b"a cat")
    for name in ("empty", "metadata", "names", "damaged"):
        with pytest.raises(SourceError, match=rf"{name}.* (holds no rows|cannot be loaded|no tar|damaged)"):
            list(StreamedPairs(tmp_path / name))


def test_the_first_file_of_several_may_hold_no_rows(tmp_path: Path) -> None:
    pairs = noise_pairs(3)
    for number, rows in enumerate(({}, pairs)):
        table(rows).to_parquet(str(tmp_path / f"train-{number:05d}.parquet"))
    assert {item["key"] for item in StreamedPairs(tmp_path)} == set(pairs)


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
def test_a_folder_with_a_name_in_it_that_is_no_text_is_streamed(tmp_path: Path) -> None:
    folder = one_file(tmp_path / "here")
    (folder / os.fsdecode(b"caf\xe9.md")).write_bytes(b"")
    assert len(list(StreamedPairs(folder))) > 0


def test_a_damaged_file_and_settings_that_cannot_be(tmp_path: Path) -> None:
    folder = one_file(tmp_path / "here")
    with pytest.raises(UsageError, match="buffer 0 must be at least 1"):
        StreamedPairs(folder, buffer=0)
    with pytest.raises(UsageError, match="patch_size 9 is no multiple of 4"):
        StreamedPairs(folder, patch_size=9)
    file = folder / "train-00000.parquet"
    data = file.read_bytes()
    file.write_bytes(data[:-100])
    with pytest.raises(SourceError, match=r"here.* cannot be loaded"):
        list(StreamedPairs(folder))

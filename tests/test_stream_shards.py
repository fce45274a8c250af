"""The shards of streams: the order of their rows, and the cache, to which they come from real servers."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import islice
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
from loopback import cut, serve, status, tar_of
from pairs import write_shards
from s3_server import s3_server
from tables import encoded, noise_pairs, table
from torch.utils.data import DataLoader

from srdata import Loader, PairedDataset
from srdata.data import Alternating, Mixed, Sequential, StreamedPairs
from srdata.data.streams.kept_pixels import PixelFile, RecentPairs
from srdata.data.streams.stream_order import StreamOrder
from srdata.errors import DownloadError, HashMismatchError, MissingExtraError, SourceError, UsageError
from srdata.fetch.remote_files import shown
from srdata.fetch.shard_cache import ShardCache
from srdata.scale import Scale

PAIRS = noise_pairs(30)
COUNTS = (9, 4, 1, 11, 5)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, start = tmp_path_factory.mktemp("rows"), 0
    for number, count in enumerate(COUNTS):
        part = dict(islice(PAIRS.items(), start, start + count))
        table(part).to_parquet(folder / f"train-{number:05d}.parquet")
        start += count
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pairs in shards of unpacked blocks, and of PNG."""
    folder = tmp_path_factory.mktemp("sets")
    return {codec: write_shards(folder / codec, PAIRS, Scale(4), codec=codec) for codec in ("raw", "png")}


def files_in(folder: Path, below: str = "") -> dict[str, bytes]:
    files = [one for one in folder.rglob("*") if one.is_file()]
    return {f"{below}{one.relative_to(folder).as_posix()}": one.read_bytes() for one in files}


def passed(data: StreamedPairs, batch: int = 4, workers: int = 0, epoch: int = 0) -> list[list[str]]:
    """The names in the batches of a DataLoader."""
    data.set_epoch(epoch)
    return [found["key"] for found in DataLoader(data, batch, num_workers=workers)]


def same_pixels(data: StreamedPairs) -> bool:
    found = {one["key"]: one for one in data}
    return set(found) == set(PAIRS) and all(
        np.array_equal(found[key][name].permute(1, 2, 0).numpy(), side)
        for key, pair in PAIRS.items()
        for name, side in zip(("lr", "hr"), pair, strict=True)
    )


# The order


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than cores
@pytest.mark.parametrize("crops", [1, 3])
@pytest.mark.parametrize("workers", [2, 3])
def test_batches_are_the_same_for_any_number_of_workers(rows: Path, workers: int, crops: int) -> None:
    for epoch in (0, 3):
        data = StreamedPairs(rows, patch_size=8, crops=crops, seed=5)
        alone = passed(data, epoch=epoch)
        assert passed(data, workers=workers, epoch=epoch) == alone
        assert Counter(key for keys in alone for key in keys) == dict.fromkeys(PAIRS, crops)


def test_ranks_take_the_batches_of_a_dataloader_in_turn(rows: Path) -> None:
    alone = passed(StreamedPairs(rows, patch_size=8))
    ranks = [passed(StreamedPairs(rows, patch_size=8, rank=rank, world_size=2), workers=2) for rank in (0, 1)]
    in_turn = [batch for step in zip(*ranks, strict=True) for batch in step]
    assert in_turn[: len(PAIRS) // 8 * 2] == alone[: len(PAIRS) // 8 * 2]
    assert {len(rank[-1]) for rank in ranks} == {3}


def test_a_loader_gives_the_same_however_it_reads(rows: Path) -> None:
    def pixels(**settings: object) -> list[tuple[list[str], bytes]]:
        loader = Loader(
            StreamedPairs(rows, crops=2), 4, patch_size=8, seed=3, augment=["dihedral"], **settings
        )
        found = [(list(one.keys), one.hr.numpy().tobytes()) for one in loader]
        loader.close()
        return found

    alone = pixels(workers=0)
    assert len(alone) == 15
    assert pixels(workers=2) == alone
    assert pixels(workers=2, kind="process") == alone
    ranks = [pixels(workers=0, rank=rank, world_size=3) for rank in range(3)]
    assert [batch for step in zip(*ranks, strict=True) for batch in step] == alone


def test_a_loader_of_a_stream_goes_on_with_other_batches_and_ranks(rows: Path) -> None:
    def loader(batch: int, **ranks: int) -> Loader:
        return Loader(StreamedPairs(rows, patch_size=8), batch, seed=1, drop_last=False, **ranks)

    names = [key for batch in loader(1) for key in batch.keys]
    first = loader(4)
    taken = [list(batch.keys) for batch in islice(first, 3)]
    assert [key for keys in taken for key in keys] == names[:12]
    rest = []
    for rank in (0, 1):
        other = loader(3, rank=rank, world_size=2)
        other.load_state_dict(first.state_dict())
        rest.append([list(batch.keys) for batch in other])
    assert [key for step in zip(*rest, strict=True) for keys in step for key in keys] == names[12:]
    with pytest.raises(UsageError, match="the state is of another order"):
        Loader(StreamedPairs(rows, patch_size=8, crops=2), 4, seed=1).load_state_dict(first.state_dict())


def test_a_stream_goes_on_between_batches_by_other_readers(rows: Path) -> None:
    data = StreamedPairs(rows, patch_size=8)
    alone = passed(data, batch=3)
    batches = iter(DataLoader(data, 3))
    for _ in range(4):
        next(batches)
    state = json.loads(json.dumps(data.state_dict()))
    assert (state["samples"], state["given"]) == (12, 0)
    again = StreamedPairs(rows, patch_size=8)
    again.load_state_dict(state)
    names = [key for keys in alone for key in keys]
    assert [key for found in DataLoader(again, 5, num_workers=2) for key in found["key"]] == names[12:]


def test_a_state_in_mid_batch_of_several_ranks_is_for_as_many(rows: Path) -> None:
    settings = {"patch_size": 8, "rank": 1, "world_size": 2}
    data = StreamedPairs(rows, **settings)
    whole = [key for keys in passed(data) for key in keys]
    taken = islice(iter(DataLoader(data, 4)), 2)
    assert [key for found in taken for key in found["key"]] == whole[:8]
    state = {**data.state_dict(), "given": 2}
    again = StreamedPairs(rows, **settings)
    again.load_state_dict(state)
    assert [key for found in DataLoader(again, 4) for key in found["key"]] == whole[10:]
    again.load_state_dict(state)
    with pytest.raises(UsageError, match=r"1 worker\(s\) of 2 rank\(s\) in the midst of batches of 4"):
        next(iter(DataLoader(again, 5)))


def test_several_crops_of_an_image_come_in_different_batches(rows: Path) -> None:
    data = StreamedPairs(rows, patch_size=8, crops=6, buffer=10)
    for epoch in range(3):
        data.set_epoch(epoch)
        items = [(one["key"], one["hr"].numpy().tobytes()) for one in data]
        keys = [key for key, _ in items]
        assert Counter(keys) == dict.fromkeys(PAIRS, 6)
        most = max(max(Counter(keys[at : at + 10]).values()) for at in range(len(keys) - 10))
        assert most <= 2
        assert len(set(items)) > 0.9 * len(items), "other crops each time"


@pytest.mark.parametrize("counts", [(1,) * 40, (40,), (30, 1, 1, 8), (3, 5, 7, 11, 14)])
@pytest.mark.parametrize("crops", [1, 2, 7])
@pytest.mark.parametrize("repeat", [1, 2.5])
def test_an_order_has_every_row_as_often_and_none_thrice_in_a_batch(
    counts: tuple[int, ...], crops: int, repeat: float
) -> None:
    order = StreamOrder(counts, window=2, buffer=16, crops=crops, shuffle=True, repeat=repeat)
    length = order.length(40)
    found = [order.places(3, epoch, np.arange(length), 40) for epoch in range(2)]
    items = np.concatenate([one.items for one in found])
    visits = np.concatenate([one.visits for one in found])
    assert len({*zip(items.tolist(), visits.tolist(), strict=True)}) == len(items) == 2 * length
    every = np.bincount(items)
    assert every.max() - every.min() <= (0 if (2 * repeat) % 1 == 0 else crops)
    for at in range(length - 16):
        assert np.bincount(found[0].items[at : at + 16]).max() <= 2
    some = np.array([length - 1, 0, length // 2])
    assert order.places(3, 1, some, 40).items.tolist() == found[1].items[some].tolist()


def test_rows_are_mixed_within_a_window_of_shards() -> None:
    order = StreamOrder((10,) * 12, window=3, buffer=16, crops=1, shuffle=True)
    orders = []
    for epoch in range(2):
        shards = order.places(0, epoch, np.arange(120), 120).items // 10
        windows = [set(shards[at : at + 30].tolist()) for at in range(0, 120, 30)]
        assert [len(window) for window in windows] == [3] * 4
        assert sum(len(set(shards[at : at + 10].tolist())) for at in range(0, 120, 10)) > 24
        orders.append(windows)
        coming = order.upcoming(0, epoch, np.unique(shards[:30]))
        assert set(coming) == windows[1], "what is brought meanwhile is what comes"
    assert orders[0] != orders[1]


def test_what_a_stream_cannot_share_is_refused(rows: Path, prepared: dict[str, Path]) -> None:
    data = StreamedPairs(rows, patch_size=8)
    with pytest.raises(UsageError, match="leave out order="):
        Loader(data, 4, order=Sequential())
    with pytest.raises(UsageError, match="residency='device' is not for a stream"):
        next(iter(Loader(data, 4, residency="device")))
    with pytest.raises(UsageError, match="a stream shares no batch"):
        Mixed([data, PairedDataset(prepared["raw"], patch_size=8)])
    with pytest.raises(UsageError, match="scores are of the windows of a prepared set"):
        Loader(data, 4, difficulty="psnr")
    with pytest.raises(UsageError, match="crops 0 must be at least 1"):
        StreamedPairs(rows, crops=0)
    both = Alternating({"a": Loader(data, 4), "b": Loader(PairedDataset(prepared["raw"], patch_size=8), 4)})
    assert {batch.task for batch in islice(both, 8)} == {"a", "b"}


def test_lr_is_made_of_the_hr_of_a_stream(rows: Path) -> None:
    settings = {"degrade": "bicubic", "scale": 2, "patch_size": 8, "margin": 4, "mirrored": False}
    batch = next(iter(Loader(StreamedPairs(rows, only="hr"), 4, **settings)))
    assert batch.lr.shape == (4, 3, 4, 4)


# The cache


def test_what_one_process_brings_serves_all_of_a_machine(prepared: dict[str, Path], tmp_path: Path) -> None:
    with serve(files_in(prepared["png"])) as server:
        data = StreamedPairs(server.url(), patch_size=8, cache=tmp_path)
        batches = passed(data, workers=2)
        assert batches == passed(StreamedPairs(prepared["png"], patch_size=8))
        asked = Counter(one.path for one in server.requests if one.path.startswith("shards/"))
        assert asked == dict.fromkeys((f"shards/{number:05d}.lmdb" for number in range(10)), 1)


def test_workers_that_are_forked_while_a_shard_is_brought(rows: Path) -> None:
    data = StreamedPairs(rows, patch_size=8)
    alone = passed(data)
    shards = data.rows._open
    shards._found = OrderedDict((shard, Future()) for shard in range(len(COUNTS)))
    with shards._lock:  # both as a thread of this process has them that no child gets
        assert passed(data, workers=2) == alone


def test_one_lock_for_all_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srdata.fetch.shard_cache._LOCKS", 1)
    table(PAIRS).save_to_disk(tmp_path / "in", num_shards=3)
    assert same_pixels(StreamedPairs(tmp_path / "in", dtype=torch.uint8, cache=tmp_path / "cache"))


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache = ShardCache(tmp_path, 250)
    made: list[str] = []

    def get(name: str) -> None:
        def write(path: Path) -> None:
            made.append(name)
            path.write_bytes(b"x" * 100)

        assert cache.get(name, write).read_bytes() == b"x" * 100

    for name, now in (("a", 1), ("b", 2)):
        get(name)
        os.utime(tmp_path / name, (now, now))
    get("a")
    get("c")
    assert sorted(one.name for one in tmp_path.iterdir() if not one.name.startswith("lock")) == [
        "a",
        "a.sum",
        "c",
        "c.sum",
    ]
    get("b")
    assert made == ["a", "b", "c", "b"]
    os.close(cache.place("large", 1000))
    assert (tmp_path / "large").stat().st_size == 1000
    assert not (tmp_path / "c").exists()
    with pytest.raises(UsageError, match="cache_bytes -1"):
        ShardCache(tmp_path, -1)


def test_what_ended_processes_left_goes_after_a_day(tmp_path: Path) -> None:
    cache = ShardCache(tmp_path, 10**6)
    old, new = (tmp_path / f"x.part-{one}" for one in "ab")
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    cache.get("y", lambda path: path.touch() or None)
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize("limit", [0, 2000, 10**9])
def test_pixels_do_not_depend_on_the_size_of_the_cache(rows: Path, tmp_path: Path, limit: int) -> None:
    data = StreamedPairs(rows, dtype=torch.uint8, cache=tmp_path, cache_bytes=limit)
    assert same_pixels(data)
    assert same_pixels(StreamedPairs(rows, dtype=torch.uint8, cache=tmp_path, cache_bytes=limit))
    kinds = {type(data.rows._open.get(shard).source) for shard in range(len(COUNTS))}
    assert kinds == ({PixelFile} if limit == 10**9 else {RecentPairs})


def test_what_changed_in_the_cache_is_brought_again(rows: Path, tmp_path: Path) -> None:
    assert same_pixels(StreamedPairs(rows, dtype=torch.uint8, cache=tmp_path))
    for suffix in ("arrow", "pixels"):
        for path in tmp_path.glob(f"*.{suffix}"):
            data = bytearray(path.read_bytes())
            data[len(data) // 2 :: 7] = b"\1" * len(data[len(data) // 2 :: 7])
            path.write_bytes(data)
        assert same_pixels(StreamedPairs(rows, dtype=torch.uint8, cache=tmp_path)), suffix
    cut_short = next(tmp_path.glob("*.arrow"))
    os.truncate(cut_short, 100)
    assert same_pixels(StreamedPairs(rows, dtype=torch.uint8, cache=tmp_path))


def test_another_version_of_a_folder_is_not_taken_from_the_cache(tmp_path: Path) -> None:
    for count in (3, 5):
        table(dict(islice(PAIRS.items(), count))).to_parquet(tmp_path / "train.parquet")
        assert len(list(StreamedPairs(tmp_path / "train.parquet"))) == count


# Addresses


@pytest.mark.parametrize("codec", ["raw", "png"])
def test_a_prepared_set_over_http(prepared: dict[str, Path], codec: str, tmp_path: Path) -> None:
    with serve(files_in(prepared[codec], "sets/x4/")) as server:
        settings = {"dtype": torch.uint8, "cache": tmp_path}
        assert same_pixels(StreamedPairs(server.url("sets/x4"), **settings))
        asked = len(server.requests)
        assert same_pixels(StreamedPairs(server.url("sets/x4"), **settings))
        again = server.requests[asked:]
        assert {one.path for one in again} == {"sets/x4/set.json"}, "of the rest nothing is asked for again"
    assert same_pixels(StreamedPairs(prepared[codec], dtype=torch.uint8))


def test_a_shard_that_is_not_what_the_set_declares(prepared: dict[str, Path], tmp_path: Path) -> None:
    files = files_in(prepared["raw"])
    shard = next(name for name in files if name.startswith("shards/"))
    good = files[shard]
    with serve({**files, shard: good[:-1] + bytes([good[-1] ^ 1])}) as server:
        with pytest.raises(HashMismatchError, match=rf"{shard} has sha256 \w+, not"):
            list(StreamedPairs(server.url(), cache=tmp_path))
        declared = {hashlib.sha256(data).hexdigest() for name, data in files.items()}
        kept = [hashlib.sha256(one.read_bytes()).hexdigest() for one in tmp_path.glob("*.lmdb")]
        assert set(kept) <= declared
        server.files[shard] = good
        server.next(shard, cut(1000), status(503))
        data = StreamedPairs(server.url(), cache=tmp_path)
        assert len(list(data)) == len(PAIRS), "what breaks off is begun again"


def test_tar_files_over_http(tmp_path: Path) -> None:
    members = {}
    for key, (low, high) in PAIRS.items():
        members |= {f"{key}.lr.png": encoded(low), f"{key}.hr.png": encoded(high)}
    with serve({"train-0.tar": tar_of(members, "w")}) as server:
        data = StreamedPairs(server.url("train-0.tar"), dtype=torch.uint8, cache=tmp_path)
        assert same_pixels(data)
        asked = len(server.requests)
        assert same_pixels(data)
        assert len(server.requests) == asked


def test_addresses_that_lead_nowhere(tmp_path: Path) -> None:
    with serve({}) as server:
        with pytest.raises(SourceError, match=r"^http://127\.0\.0\.1:\d+/none.parquet is no prepared set"):
            StreamedPairs(server.url("none.parquet"), cache=tmp_path)
        server.always("a.parquet", status(503))
        with pytest.raises(DownloadError, match=r"a\.parquet cannot be read \(\w+\): run the same again"):
            StreamedPairs(server.url("a.parquet"), cache=tmp_path)
        assert shown("https://me:secret@host/a.parquet?token=x") == "https://host/a.parquet"
    with pytest.raises(SourceError, match="memory://nothing-here is no prepared set"):
        StreamedPairs("memory://nothing-here", cache=tmp_path)
    with pytest.raises(DownloadError, match=r"1/a.tar cannot be read, as its store does not answer \(Client"):
        StreamedPairs("http://127.0.0.1:1/a.tar", cache=tmp_path)
    with pytest.raises(UsageError, match="nowhere:// is not known"):
        StreamedPairs("nowhere://x", cache=tmp_path)


def test_a_bucket_in_memory_with_two_splits(rows: Path, tmp_path: Path) -> None:
    system = fsspec.filesystem("memory")
    for name, data in files_in(rows).items():
        system.pipe(f"/bucket/{name}", data)
        system.pipe(f"/bucket/{name.replace('train', 'test')}", data)
    with pytest.raises(UsageError, match="holds the splits test, train: choose one with split="):
        StreamedPairs("memory://bucket", cache=tmp_path)
    assert same_pixels(StreamedPairs("memory://bucket", split="test", dtype=torch.uint8, cache=tmp_path))


@pytest.fixture(scope="module")
def bucket(prepared: dict[str, Path], rows: Path) -> Iterator[str]:
    """An S3 server on this machine with the prepared set and the Parquet files, told by the environment."""
    with s3_server() as system:
        for name, data in (files_in(prepared["raw"], "set/") | files_in(rows, "rows/")).items():
            system.pipe(f"lab/{name}", data)
        yield "s3://lab"


@pytest.mark.filterwarnings("ignore")  # of the server and its libraries
@pytest.mark.parametrize("what", ["set", "rows"])
def test_a_bucket_by_the_credentials_of_the_environment(bucket: str, what: str, tmp_path: Path) -> None:
    address = f"{bucket}/{what}"
    assert same_pixels(StreamedPairs(address, dtype=torch.uint8, cache=tmp_path))
    alone = passed(StreamedPairs(address, patch_size=8, cache=tmp_path))
    assert passed(StreamedPairs(address, patch_size=8, cache=tmp_path), workers=2) == alone
    assert not [one for one in tmp_path.rglob("*") if one.is_file() and b"ofTests" in one.read_bytes()]
    with pytest.raises(SourceError, match="s3://lab/nothing"):
        StreamedPairs(f"{bucket}/nothing", cache=tmp_path)


def test_a_system_whose_package_is_missing_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(address: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(MissingExtraError, match=r"s3:// needs another package: pip install s3fs"):
        StreamedPairs("s3://lab/set")

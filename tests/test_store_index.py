"""The index, the windows, and set.json."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from storing import SIZES, facts_of, layers_of, plan_of, record_of, write_shard, write_small_set

from srdata.errors import CorruptRecordError, SetError, StoreError, UnknownNameError, UsageError
from srdata.scale import Scale
from srdata.store import index
from srdata.store.index import SCHEMA, Index, join_rows, write_index
from srdata.store.records import pixel_hash
from srdata.store.set_json import SetFile, check_files, read_set, write_set
from srdata.store.tables.arrow_columns import column_of, texts_at
from srdata.store.tables.parquet_file import write_tables
from srdata.store.windows import WindowItems, Windows, window_name


def basicsr_windows(height: int, width: int, size: int, step: int, threshold: float) -> list[tuple[int, int]]:
    """Tops and lefts by BasicSR's rule, written out anew."""

    def along(length: int) -> list[int]:
        starts = []
        start = 0
        while start + size <= length:
            starts.append(start)
            start += step
        if starts and length - (starts[-1] + size) > threshold:
            starts.append(length - size)
        return starts

    return [(top, left) for top in along(height) for left in along(width)]


def test_a_2k_image_has_forty_windows_at_480_240() -> None:
    windows = Windows()
    boxes = windows.boxes(1356, 2040, Scale(4))
    assert len(boxes) == 40
    corners = boxes[[0, 1, 7, 8, 39], :2]
    assert corners.tolist() == [[0, 0], [0, 240], [0, 1560], [240, 0], [876, 1560]]
    assert (boxes[:, 2:] == 480).all()
    assert windows.counts([1356, 480, 479, 2040], [2040, 480, 2040, 1356], Scale(2)).tolist() == [
        40,
        1,
        0,
        40,
    ]
    assert [window_name("0801", order) for order in (0, 39, 999)] == ["0801_s001", "0801_s040", "0801_s1000"]


def test_800_images_of_the_sizes_of_div2k_have_as_many_windows_as_basicsr_cuts() -> None:
    """Synthetic: 2040 wide, heights that are multiples of 12 as all of DIV2K's are."""
    heights = 12 * np.random.default_rng(0).integers(54, 171, 800)
    items = WindowItems(Windows(), np.stack([heights, np.full(800, 2040)], axis=1), Scale(4))
    assert len(items) == sum(len(basicsr_windows(h, 2040, 480, 240, 0)) for h in heights.tolist())
    assert len(WindowItems(Windows(), np.array([[1356, 2040]] * 800), Scale(4))) == 32_000


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_windows_are_those_of_basicsr_on_the_lr_grid(data: st.DataObject) -> None:
    scale = Scale(data.draw(st.sampled_from(["1", "2", "3", "4", "8", "1.5", "2.4"])))
    p, q = scale.numerator, scale.denominator
    size, step = (p * data.draw(st.integers(1, 20)) for _ in range(2))
    threshold = data.draw(st.integers(0, 3 * p))
    sizes = data.draw(st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=5))
    windows = Windows(size=size, step=step, threshold=threshold)
    items = WindowItems(windows, np.array(sizes), scale)
    expected = []
    for image, (height, width) in enumerate(sizes):
        low, wide = scale.lr(height), scale.lr(width)
        corners = basicsr_windows(low, wide, size * q // p, step * q // p, threshold * q / p)
        box = (
            (size, size) if corners else (low * p // q, wide * p // q)
        )  # one of its own size, where BasicSR has none
        expected += [
            (image, order, top * p // q, left * p // q, *box)
            for order, (top, left) in enumerate(corners or [(0, 0)])
        ]
    assert located(items, np.arange(len(items)), p) == expected
    shuffled = np.random.default_rng(0).permutation(len(items))
    assert located(items, shuffled, p) == [expected[i] for i in shuffled.tolist()]
    assert windows.boxes(*sizes[0], scale).tolist() == [list(one[2:]) for one in expected if one[0] == 0]


def located(items: WindowItems, numbers: NDArray[np.int64], cell: int) -> list[tuple[int, ...]]:
    """Image, number in the image, top, left, height and width of windows."""
    regions = items.regions(numbers)
    columns = regions.images, regions.orders, *regions.boxes(cell).T
    return list(zip(*(column.tolist() for column in columns), strict=True))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_images_whose_windows_depend_on_the_scale_are_found(data: st.DataObject) -> None:
    scales = data.draw(st.lists(st.sampled_from([1, 2, 3, 4, 1.5]).map(Scale), min_size=1))
    size, step = (12 * data.draw(st.integers(1, 5)) for _ in range(2))
    windows = Windows(size=size, step=step, threshold=data.draw(st.integers(0, 30)))
    side = st.integers(4, 90)
    sizes = data.draw(st.lists(st.tuples(side, side), min_size=1, max_size=8))
    expected = [
        number
        for number, image in enumerate(sizes)
        if len({windows.boxes(*image, scale).tobytes() for scale in scales}) > 1
    ]
    assert windows.differing(np.array(sizes), scales).tolist() == expected


def test_hr_that_is_no_multiple_of_the_scale_keeps_its_windows_aligned() -> None:
    """Where BasicSR lays both grids apart the last windows are off by up to scale - 1 pixels."""
    corners = Windows().boxes(1441, 482, Scale(4))[:, :2].tolist()
    assert corners[-1] == [960, 0]
    assert basicsr_windows(1441, 482, 480, 240, 0)[-1] == (961, 2)
    assert basicsr_windows(1440 // 4, 480 // 4, 120, 60, 0) == [
        (top // 4, left // 4) for top, left in corners
    ]


def test_windows_that_are_no_whole_lr_pixels_are_refused() -> None:
    with pytest.raises(UsageError, match=r"windows.size 480 is no multiple of 7, .*: take --windows 476 "):
        Windows().check(Scale(7))
    with pytest.raises(UsageError, match=r"windows.step 3 is no multiple of 4, .*: take --windows "):
        WindowItems(Windows(size=8, step=3), np.array([[9, 9]]), Scale(4))


def test_the_index_holds_what_the_shards_hold(tmp_path: Path) -> None:
    plan = plan_of(scales=("4", "1.5"))
    index = Index(write_small_set(tmp_path, plan) / "index.parquet")
    assert len(index) == 12
    assert index.splits == ("train", "validation")
    assert index.rows("validation").tolist() == [3, 7, 11]
    assert index.rows().tolist() == list(range(12))
    assert index.shards.tolist() == [0] * 5 + [1] * 5 + [2] * 2
    assert index.numbers.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    for row in range(12):
        facts, layers = facts_of(row), layers_of(row, plan.layout)
        assert index.key(row) == facts.key
        assert index.row(facts.key) == row
        assert index.params(row) == facts.params
        assert index.source_sha256(row) == facts.source_sha256
        assert (index.heights[row], index.widths[row]) == layers["hr"].shape[:2]
        assert index.pixels(row) == {layer: pixel_hash(image) for layer, image in layers.items()}
        assert index.block_hashes(row).hex() == record_of(row, plan).row.blocks
    with pytest.raises(UnknownNameError, match=r"no image 'image 4' among the 12 .* did you mean 'image"):
        index.row("image 4")
    with pytest.raises(UnknownNameError, match=r"unknown split 'test' .known: train, validation"):
        index.rows("test")


def test_the_index_is_plain_parquet_and_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    one = write_small_set(tmp_path / "one", plan_of())
    two = write_small_set(tmp_path / "two", plan_of())
    assert (one / "index.parquet").read_bytes() == (two / "index.parquet").read_bytes()
    assert (one / "set.json").read_bytes() == (two / "set.json").read_bytes()
    table = pq.read_table(one / "index.parquet")
    assert table.schema.names == SCHEMA.names
    assert table["channels"].unique().to_pylist() == [3]
    assert json.loads(table["params"][1].as_py()) == {"x4": {"sigma": 1.1}}
    assert table["params"][0].as_py() == ""


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    shards = [write_shard(tmp_path / f"{i}.lmdb", plan_of(), range(i, i + 3)) for i in (0, 2)]
    with pytest.raises(StoreError, match="two images have the key 'image 02': give one of them another name"):
        write_index(tmp_path / "index.parquet", shards)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.lmdb", "2.lmdb"]


@pytest.mark.parametrize("small", [4096, 11, 1])
def test_tables_are_joined_with_the_bytes_that_their_shards_give(
    small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_SMALL", small)  # rows that Python joins
    path = write_small_set(tmp_path, plan_of()) / "index.parquet"
    rows = pq.ParquetFile(path).read()
    counts = join_rows(tmp_path / "joined.parquet", [rows[start : start + 5] for start in (0, 5, 10)])
    assert (tmp_path / "joined.parquet").read_bytes() == path.read_bytes()
    assert counts == {"train": 9, "validation": 3}
    with pytest.raises(StoreError, match="two images have the key 'image 02'"):
        join_rows(tmp_path / "joined.parquet", [rows[:3], rows[2:]])


def test_texts_at_some_rows_are_those_that_pyarrow_takes() -> None:
    column = column_of(["ü", "", "köln 0801", "a", "夜"], pa.string())
    for start in range(6):
        part = column[start:]
        for rows in ([], [*range(len(part))], [len(part) - 1, 0, 0] if len(part) else []):
            assert (
                texts_at(part, np.array(rows, np.int64)) == part.take(pa.array(rows, pa.int64())).to_pylist()
            )


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    path = write_small_set(tmp_path, plan_of()) / "index.parquet"
    whole = path.read_bytes()
    for data in (b"", b"<html>", whole[:-50]):
        path.write_bytes(data)
        with pytest.raises(CorruptRecordError, match=r"index\.parquet is damaged .*: run `srdata verify"):
            Index(path)


def test_a_million_images_make_no_python_objects(tmp_path: Path) -> None:
    rows, group = 1_000_000, 100_000
    path = tmp_path / "index.parquet"

    def tables() -> Iterator[pa.Table]:
        for start in range(0, rows, group):
            number = np.arange(start, start + group)
            yield pa.table(
                {
                    "key": pa.array([f"{i:07d}" for i in number.tolist()]),
                    "split": pa.array(["train"] * group).dictionary_encode(),
                    "source": pa.array(["sample"] * group).dictionary_encode(),
                    "height": pa.array(np.full(group, 1356, np.int32)),
                    "width": pa.array(np.full(group, 2040, np.int32)),
                    "channels": pa.array(np.full(group, 3, np.int8)),
                    "shard": pa.array((number // 800).astype(np.int32)),
                    "number": pa.array((number % 800).astype(np.int32)),
                    "source_sha256": pa.array(["0" * 64] * group),
                    "params": pa.array(['{"x4":{"sigma":1.25}}'] * group),
                    "pixels": pa.array(["{}"] * group),
                    "blocks": pa.array([b"12345678"] * group),
                },
                schema=SCHEMA,
            )

    assert write_tables(path, tables(), SCHEMA) == rows
    assert blocks_for_opening(path) < 10_000
    before = sys.getallocatedblocks()
    keys = Index(path).keys.to_pylist()
    assert sys.getallocatedblocks() - before >= len(keys) == rows, "a list of keys would be noticed"


def blocks_for_opening(path: Path) -> int:
    """How many blocks of Python's memory it takes to open an index, number its windows and find a key."""
    before = sys.getallocatedblocks()
    index = Index(path)
    items = WindowItems(Windows(), np.stack([index.heights, index.widths], axis=1), Scale(4))
    found = items.regions(np.array([20_000_001]))
    assert (len(items), found.images[0], found.orders) == (40_000_000, 500_000, [1])
    assert index.row(index.key(765_432)) == 765_432
    assert index.params(765_432) == {"x4": {"sigma": 1.25}}
    return sys.getallocatedblocks() - before


def test_set_json_says_what_the_set_is(tmp_path: Path) -> None:
    folder = write_small_set(tmp_path / "set", plan_of(scales=("4", "1.5")))
    content = read_set(folder)
    assert content.store_layout == plan_of(scales=("4", "1.5")).layout
    assert set(content.files) == {
        "index.parquet",
        "shards.parquet",
        *(f"shards/0000{i}.lmdb" for i in range(3)),
    }
    assert json.loads((folder / "set.json").read_text())["codec"] == "raw"
    write_set(folder, content)
    assert read_set(folder) == content
    assert [check.problem for check in check_files(folder, content, full=True)] == [None] * 5


def test_every_file_that_is_not_as_set_json_says_is_found(tmp_path: Path) -> None:
    folder = write_small_set(tmp_path, plan_of())
    content = read_set(folder)
    first, second, third = (folder / f"shards/0000{i}.lmdb" for i in range(3))
    data = bytearray(first.read_bytes())
    data[-5000] ^= 1
    first.write_bytes(data)
    second.write_bytes(second.read_bytes()[:-1])
    third.unlink()
    fast = dict(check_files(folder, content, full=False))
    full = dict(check_files(folder, content, full=True))
    assert fast.pop("shards/00000.lmdb") is None
    assert (full.pop("shards/00000.lmdb") or "").startswith("has SHA-256 ")
    assert fast == full
    size = content.files["shards/00001.lmdb"].bytes
    assert full["shards/00001.lmdb"] == f"has {size - 1} bytes, not {size}"
    assert full["shards/00002.lmdb"] == "is missing"
    assert full["index.parquet"] is None


def test_a_folder_that_is_no_set_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetError, match="no such folder"):
        read_set(tmp_path / "none")
    with pytest.raises(SetError, match=r"no prepared set, or not a finished one .*: run srdata prepare"):
        read_set(tmp_path)
    path = write_small_set(tmp_path, plan_of()) / "set.json"
    good = json.loads(path.read_text())
    assert len(good.pop("seal")) == 64
    for wrong, message in (
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ("[" * 100_000, "is damaged"),
        (json.dumps(good | {"format": 3}), "has format 3, not 2: use the srdata that made it"),
        (
            json.dumps(good | {"extra": 1}),
            "extra: Extra inputs are not .* run `srdata verify .* --repair`",
        ),
        (json.dumps(good | {"seed": "0"}), "seed: Input should be a valid integer"),
    ):
        path.write_text(wrong)
        with pytest.raises(SetError, match=message):
            read_set(tmp_path)


def test_a_path_out_of_the_set_is_refused(tmp_path: Path) -> None:
    folder = write_small_set(tmp_path / "set", plan_of())
    content = read_set(folder)
    (entry, *_) = content.files.values()
    hostile = SetFile.model_validate(dict(content) | {"files": {"../secret": entry.model_dump()}})
    with pytest.raises(UsageError, match="leads out of"):
        list(check_files(folder, hostile, full=True))


def test_sizes_of_the_small_set_are_those_of_the_layers() -> None:
    assert layers_of(2, plan_of().layout)["hr"].shape[:2] == SIZES[2]

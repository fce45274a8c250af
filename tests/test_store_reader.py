"""Reading a prepared set: the right pixels, in any process, and a clear error where the files are wrong."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from storing import facts_of, layers_of, plan_of, record_of, write_small_set

from srdata.errors import CorruptRecordError, SetError, UnknownNameError, UsageError
from srdata.prepared.shard_check import check_shard
from srdata.scale import Scale
from srdata.store.block_reading import mapped_pages, mapped_rows
from srdata.store.block_reading.crop_rows import CompiledRows, FoundCrops, row_plan
from srdata.store.block_reading.mapped_rows import place_of
from srdata.store.blocks import cut
from srdata.store.codecs import CODECS
from srdata.store.lmdb_files import lmdb_pool
from srdata.store.reader import SetReader
from srdata.store.set_json import read_set, write_set
from srdata.store.shards import ShardPlan
from srdata.store.tables.set_files import file_entry

SCALES = ("4", "1.5")
Prepared = tuple[Path, ShardPlan]


@pytest.fixture(scope="module", params=CODECS)
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ShardPlan]:
    plan = plan_of(request.param, SCALES)
    return write_small_set(tmp_path_factory.mktemp("set"), plan), plan


@pytest.fixture(params=["compiled", "plain"])
def either(request: pytest.FixtureRequest) -> None:
    """With compiled code, where there is some, and without."""
    if request.param == "plain":
        request.getfixturevalue("plain")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_small_set(tmp_path / "set", plan_of())


def test_whole_images_are_those_that_were_stored(prepared: Prepared) -> None:
    folder, plan = prepared
    reader = SetReader(folder, verify=True)
    assert len(reader) == 12
    assert reader.layers == ("hr", "x4", "x1.5")
    for row in range(12):
        for layer, image in layers_of(row, plan.layout).items():
            assert (reader.image(row, layer) == image).all()
            heights, widths = reader.sizes(layer, [row])
            assert (heights[0], widths[0]) == image.shape[:2]
        assert reader.stored_row(row) == record_of(row, plan).row
    assert [size.tolist() for size in reader.sizes("hr")] == [
        reader.index.heights.tolist(),
        reader.index.widths.tolist(),
    ]


@pytest.mark.usefixtures("either")
def test_crops_at_random_places_are_slices_of_the_images(prepared: Prepared) -> None:
    folder, plan = prepared
    reader = SetReader(folder)
    images = [layers_of(row, plan.layout) for row in range(12)]
    random = np.random.default_rng(0)
    for layer in reader.layers:
        for height, width in ((1, 1), (7, 5), (12, 12)):
            rows = random.integers(0, 12, 40)
            heights, widths = reader.sizes(layer, rows)
            tops = random.integers(0, heights - height + 1)
            lefts = random.integers(0, widths - width + 1)
            out = np.zeros((40, height, width, 3), np.uint8)
            batch = reader.read_crops(rows, layer, tops, lefts, height, width, out)
            assert batch is out
            for crop, row, top, left in zip(batch, rows, tops, lefts, strict=True):
                assert (crop == images[row][layer][top : top + height, left : left + width]).all()


@pytest.mark.usefixtures("either")
def test_crops_over_the_corners_of_blocks(folder: Path) -> None:
    """All that touch two or four blocks."""
    reader, side = SetReader(folder), plan_of().layout.block
    heights, widths = reader.sizes("hr")
    rows = np.flatnonzero((heights > side + 9) & (widths > side + 9))
    places = np.array(
        [
            (row, top, left)
            for row in rows
            for top in range(side - 9, side + 1, 3)
            for left in range(side - 9, side + 1)
        ]
    )
    images = [layers_of(row, plan_of().layout)["hr"] for row in range(12)]
    for crop, (row, top, left) in zip(
        reader.read_crops(places[:, 0], "hr", *places.T[1:], 9, 8), places, strict=True
    ):
        assert (crop == images[row][top : top + 9, left : left + 8]).all()


@pytest.mark.parametrize("backwards", [False, True], ids=["as LMDB lays them", "the other way round"])
def test_no_row_is_read_on_where_no_block_follows(backwards: bool) -> None:
    """Blocks of an image in memory of its own, in either order; nothing may be read behind the last one."""
    side, pixels = 12, np.random.default_rng(0).integers(0, 256, (24, 30, 3), np.uint8)
    blocks = [np.ascontiguousarray(block) for block in cut(pixels, side)]
    sizes = [block.size for block in blocks]
    room = np.zeros(sum(sizes), np.uint8)
    order = reversed(range(len(blocks))) if backwards else range(len(blocks))
    places, at = np.zeros(len(blocks), np.int64), 0
    for number in order:
        room[at : at + sizes[number]] = blocks[number].reshape(-1)
        places[number] = place_of(room) + at
        at += sizes[number]
    crops = np.array([(0, 0, 24, 30, top, left) for top in range(14) for left in range(20)])
    plan = row_plan(crops, 10, 10, side)
    found = plan.found(places[plan.blocks])
    last = place_of(room) + room.nbytes - 10 * 3
    assert (found.places >= place_of(room)).all()
    assert (found.places <= last).all()
    out = np.empty((len(crops), 10, 10, 3), np.uint8)
    found.copy(slice(0, len(crops)), out)
    for crop, (top, left) in zip(out, crops[:, 4:], strict=True):
        assert (crop == pixels[top : top + 10, left : left + 10]).all()
    some = np.empty_like(out[40:90])
    found.copy(slice(40, 90), some)
    assert (some == out[40:90]).all()


@pytest.mark.usefixtures("plain")
def test_pairs_that_were_looked_up_are_two_copies_as_long_as_files_stay_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = SetReader(folder)
    rows = np.repeat(np.flatnonzero(np.min(reader.sizes("x4"), axis=0) >= 6), 4)
    tops = lefts = np.zeros_like(rows)
    whole = reader.plan_pairs(rows, "x4", tops, lefts, 6, 6)
    assert whole.looked_up().known is None, "no block was touched yet"
    lr, hr = (np.zeros(shape, np.uint8) for shape in whole.shapes)
    whole.read(lr, hr)
    plan, some = whole.looked_up(), slice(4, 12)
    part = plan.part(slice(2, 14)).part(slice(2, 10))
    copies, lookups = [], []
    monkeypatch.setattr(torch, "index_select", counting(torch.index_select, copies))
    monkeypatch.setattr(SetReader, "fill", counting(SetReader.fill, lookups))

    def same() -> bool:
        found = [np.zeros(shape, np.uint8) for shape in part.shapes]
        part.read(*found)
        return bool((found[0] == lr[some]).all() and (found[1] == hr[some]).all())

    assert same()
    assert (len(copies), len(lookups)) == (2, 0)
    reader.close()  # and what was mapped is no more
    assert same()
    assert (len(copies), len(lookups)) == (4, 1)
    whole.read(lr, hr)
    part = whole.looked_up().part(some)
    assert same()
    assert (len(copies), len(lookups)) == (8, 2)


@pytest.mark.linux
def test_pages_are_asked_for_where_batches_wait_for_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is copied, and nothing where no page was waited for in the last batches."""
    faults, asked = 7, []
    monkeypatch.setattr(mapped_pages, "major_faults", lambda: faults)
    monkeypatch.setattr(mapped_pages, "_advise", lambda: lambda *what: asked.append(what))
    reader = SetReader(folder)
    rows = np.repeat(np.flatnonzero(np.min(reader.sizes("x4"), axis=0) >= 6), 4)
    plan = reader.plan_pairs(rows, "x4", np.zeros_like(rows), np.zeros_like(rows), 6, 6)
    sides = [np.zeros(shape, np.uint8) for shape in plan.shapes]
    plan.read(*sides)
    plan = plan.looked_up()
    plan.read(*sides)
    assert not asked
    faults = 8
    plan.read(*sides)  # after which it is known
    plan.read(*sides)
    assert plan.known is not None
    for side, width in ((plan.known.lr, 6), (plan.known.hr, 24)):
        for place in rows_of(side).reshape(-1).tolist():
            first = place + mapped_rows.ORIGIN
            assert any(start <= first and first + width * 3 <= start + length for start, length, _ in asked)
    assert all(start % 4096 == length % 4096 == 0 for start, length, _ in asked)
    for _ in range(64):
        plan.read(*sides)
    asked.clear()
    plan.read(*sides)
    assert not asked


def rows_of(found: FoundCrops) -> NDArray[np.int64]:
    """Where rows of crops lie, however they are copied."""
    if not isinstance(found, CompiledRows):
        return found.places
    crops, firsts, blocks, _, size = found.places
    rows = row_plan(crops, *size)
    return rows.found(blocks[rows.blocks + firsts[:, None]]).places


def counting(function: Any, calls: list[Any]) -> Any:
    """The same function, which notes its calls."""

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return function(*args, **options)

    return counted


@pytest.mark.parametrize("layer", ["x4", "x1.5"])
def test_a_pair_shows_the_same_place(prepared: Prepared, layer: str) -> None:
    folder, plan = prepared
    reader = SetReader(folder)
    scale = Scale(layer)
    p, q = scale.numerator, scale.denominator
    random = np.random.default_rng(0)
    rows = random.integers(0, 12, 30)
    heights, widths = reader.sizes(layer, rows)
    size = 6 * q
    tops, lefts = (random.integers(0, (sides - size) // q + 1) * q for sides in (heights, widths))
    hr, lr = reader.read_pairs(rows, layer, tops, lefts, size, size)
    assert (hr.shape, lr.shape) == ((30, 6 * p, 6 * p, 3), (30, size, size, 3))
    for i, row in enumerate(rows):
        layers = layers_of(int(row), plan.layout)
        top, left = tops[i], lefts[i]
        assert (lr[i] == layers[layer][top : top + size, left : left + size]).all()
        top, left = top * p // q, left * p // q
        assert (hr[i] == layers["hr"][top : top + 6 * p, left : left + 6 * p]).all()
    if q == 1:
        assert (hr[:, ::p, ::p] == lr).all()
    else:
        with pytest.raises(UsageError, match="at scale 3/2 a crop begins and ends at multiples of 2"):
            reader.read_pairs([0], layer, [1], [0], 6, 6)


@pytest.mark.usefixtures("either")
def test_out_that_cannot_be_written_is_refused_and_may_be_filled_from_its_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, rows = SetReader(folder), [0, 5, 10, 2]
    settings: Any = (rows, "hr", [0] * 4, [0, 1, 2, 3], 8, 9)
    sealed = np.frombuffer(bytes(4 * 8 * 9 * 3), np.uint8).reshape(4, 8, 9, 3)
    with pytest.raises(UsageError, match="out is read-only, nothing can be written there"):
        reader.read_crops(*settings, sealed)
    whole = reader.read_crops(*settings)
    for most in (lmdb_pool.most_open(), 1):  # crop by crop, where these lie in more files than may be open
        monkeypatch.setattr(lmdb_pool, "_MOST_OPEN", most)
        out = np.zeros_like(whole)
        reader.read_crops(*settings, out[::-1])
        np.testing.assert_array_equal(out[::-1], whole)


def test_out_may_be_a_part_of_a_larger_batch(folder: Path) -> None:
    reader = SetReader(folder)
    batch = np.zeros((4, 10, 14, 3), np.uint8)
    reader.read_crops([5, 0], "hr", [2, 1], [3, 0], 8, 9, batch[1:3, 1:9, 2:11])
    assert (batch[1, 1:9, 2:11] == layers_of(5, plan_of().layout)["hr"][2:10, 3:12]).all()
    assert batch.any(axis=(1, 2, 3)).tolist() == [False, True, True, False]
    one = np.zeros((8, 9, 3), np.uint8)
    assert (reader.crop(5, "hr", 2, 3, 8, 9, one) == batch[1, 1:9, 2:11]).all()
    assert one.any()
    with pytest.raises(UsageError, match=r"out is uint8 \(8, 9, 3\), it must be uint8 \(2, 8, 9, 3\)"):
        reader.read_crops([5, 0], "hr", [2, 1], [3, 0], 8, 9, one)
    with pytest.raises(UsageError, match="out is float64"):
        reader.crop(5, "hr", 2, 3, 8, 9, np.zeros((8, 9, 3)))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="out must hold the pixels of each row one after another"):
        reader.crop(5, "hr", 2, 3, 8, 9, np.zeros((3, 8, 9), np.uint8).transpose(1, 2, 0))


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("size", [(0, 8), (8, 0), (0, 0)])
def test_crops_without_pixels_are_empty_wherever_they_lie(folder: Path, size: tuple[int, int]) -> None:
    reader, rows = SetReader(folder), [4, 9, 10, 5]
    heights, widths = reader.sizes("hr", rows)  # in the last row and column of blocks, or beyond these
    tops, lefts = heights - size[0], widths - size[1]
    assert reader.read_crops(rows, "hr", tops, lefts, *size).shape == (4, *size, 3)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("rows", [[-1] * 5, [-2, 0, -12, 3, -1], [-2]])
def test_negative_rows_count_from_the_last_image(folder: Path, rows: list[int]) -> None:
    reader, zeros = SetReader(folder), [0] * len(rows)
    found = reader.read_crops(rows, "hr", zeros, zeros, 16, 16)
    for crop, row in zip(found, rows, strict=True):
        assert (crop == layers_of(row % 12, plan_of().layout)["hr"][:16, :16]).all()


@pytest.mark.usefixtures("either")
def test_places_of_small_types_are_as_good_and_those_beyond_all_images_are_refused(folder: Path) -> None:
    reader, rows = SetReader(folder), [2] * 5  # 240x48
    tops, lefts = [9, 50, 18, 30, 0], [0, 8, 1, 2, 3]
    small = [np.array(places, np.int8) for places in (tops, lefts)]
    wide = reader.read_pairs(rows, "x4", tops, lefts, 4, 4)
    found = reader.read_pairs(rows, "x4", *small, 4, 4)
    assert all((one == other).all() for one, other in zip(found, wide, strict=True))
    for top in (np.uint8(200), np.int64(2**63 - 2)):
        with pytest.raises(UsageError, match=f"a crop of 60x9 at .{top}, 0. does not lie in layer hr"):
            reader.read_crops(rows, "hr", np.full(5, top), [0] * 5, 60, 9)


@pytest.mark.parametrize(("top", "left"), [(-1, 0), (0, -1), (89, 0), (0, 113)])
def test_a_crop_beyond_the_border_is_refused(folder: Path, top: int, left: int) -> None:
    with pytest.raises(UsageError, match=rf"8x8 at \({top}, {left}\) does not lie in layer hr of image"):
        SetReader(folder).read_crops([5, 0], "hr", [0, top], [0, left], 8, 8)


def test_what_is_no_lmdb_set_or_layer_is_refused(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown layer 'x3'"):
        SetReader(folder).image(0, "x3")
    with pytest.raises(SetError, match="no such folder"):
        SetReader(folder / "none")
    content = read_set(folder)
    write_set(folder, content.model_copy(update={"layout": "basicsr", "codec": None, "block": None}))
    with pytest.raises(SetError, match="holds basicsr files, not shards: prepare it with --lmdb"):
        SetReader(folder)


# Processes


def checksum(reader: SetReader) -> int:
    rows = np.arange(len(reader))
    return int(reader.read_crops(rows, "hr", rows * 0, rows * 0, 48, 48).astype(np.int64).sum())


def send_checksum(reader: SetReader, answers: Any) -> None:
    answers.put(checksum(reader))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_reader_works_in_child_processes(folder: Path, method: str) -> None:
    reader, other = SetReader(folder), SetReader(folder)
    expected = checksum(reader)
    assert checksum(other) == expected
    context = multiprocessing.get_context(method)
    answers = context.SimpleQueue()
    children = [context.Process(target=send_checksum, args=(reader, answers)) for _ in range(2)]
    for child in children:
        child.start()
    assert checksum(reader) == expected
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert [answers.get(), answers.get()] == [expected, expected]
    assert checksum(other) == expected


@pytest.mark.linux
def test_without_the_closing_before_a_fork_a_child_could_not_read(folder: Path) -> None:
    """The guard can fail: LMDB takes a file that was open before the fork for one that is open already."""
    path = str(folder / "shards" / "00000.lmdb")
    with lmdb.open(path, subdir=False, readonly=True, lock=False):
        child = os.fork()
        if child == 0:
            try:
                lmdb.open(path, subdir=False, readonly=True, lock=False)
            except lmdb.Error:
                os._exit(3)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


@pytest.mark.linux
def test_threads_read_and_fork_at_the_same_time(folder: Path) -> None:
    reader = SetReader(folder)
    expected = checksum(reader)
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not stop.is_set():
            try:
                if checksum(reader) != expected:
                    wrong.append("other pixels")
            except Exception as error:  # noqa: BLE001  # whatever it is, the test must see it
                wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        child = os.fork()
        if child == 0:
            os._exit(0 if checksum(reader) == expected else 1)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_reader_pickles_small_and_closed(folder: Path) -> None:
    reader = SetReader(folder, verify=True)
    checksum(reader)
    data = pickle.dumps(reader)
    assert len(data) < 500
    again = pickle.loads(data)  # noqa: S301  # our own
    assert again.verify
    assert checksum(again) == checksum(reader)


# Open files


def open_files(folder: Path) -> int:
    """How many shards this process has open; Arrow's threads may close the index a little later."""
    files = [link.resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()]
    return sum(file.is_relative_to(folder.resolve()) and file.suffix == ".lmdb" for file in files)


@pytest.mark.linux
def test_files_are_closed_when_no_reader_needs_them(folder: Path) -> None:
    one, two = SetReader(folder), SetReader(folder)
    assert open_files(folder) == 0
    checksum(one)
    checksum(two)
    assert open_files(folder) == 3
    one.close()
    assert open_files(folder) == 3
    assert checksum(two) > 0
    two.close()
    assert open_files(folder) == 0
    assert checksum(one) > 0
    del one
    gc.collect()
    assert open_files(folder) == 0


@pytest.mark.linux
def test_only_so_many_files_are_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_pool, "_MOST_OPEN", 2)
    reader = SetReader(folder)
    expected = checksum(reader)
    assert open_files(folder) == 2
    assert checksum(reader) == expected
    assert lmdb_pool.most_open() == 2
    monkeypatch.setattr(lmdb_pool, "_MOST_OPEN", 10**9)
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        assert lmdb_pool.most_open() == 32
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_set_that_was_replaced_is_read_anew(folder: Path, tmp_path: Path) -> None:
    old = SetReader(folder)
    first = old.image(0, "hr")
    shutil.move(folder, tmp_path / "moved")
    write_small_set(folder, plan_of("png"))
    new = SetReader(folder)
    assert (new.image(0, "hr") == first).all()
    assert (old.image(0, "hr") == first).all()


# Damage


def flip(folder: Path, row: int, layer: int, codec: str) -> None:
    """Change one bit in the middle of the first block of a layer, in place, stale copies too."""
    plan = plan_of(codec, SCALES)
    record = record_of(row, plan)
    first = 0 if layer == 0 else len(plan.layout.shapes("hr", record.row.height, record.row.width))
    block = record.values[first]
    hurt = bytearray(block)
    hurt[len(block) // 2] ^= 1
    path = folder / "shards" / f"0000{row // 5}.lmdb"
    data = path.read_bytes()
    assert block in data
    path.write_bytes(data.replace(block, hurt))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("layer", [0, 1])
def test_a_flipped_bit_is_found_and_named(tmp_path: Path, codec: str, layer: int) -> None:
    folder = write_small_set(tmp_path, plan_of(codec, SCALES))
    flip(folder, 7, layer, codec)
    reader = SetReader(folder, verify=True)
    name = reader.layers[layer]
    assert reader.image(6, name).any()
    for _ in range(2):
        with pytest.raises(
            CorruptRecordError, match=f"image 'image 07', layer {name}, block 0 has not the hash"
        ):
            reader.image(7, name)
    problems = [check for shard in range(3) for check in check_shard(reader, shard) if check.problem]
    assert [(check.row, name in str(check.problem)) for check in problems] == [(7, True)]


def test_damage_is_noticed_unless_that_is_declined(folder: Path) -> None:
    data = bytearray((folder / "shards" / "00000.lmdb").read_bytes())
    data[data.index(record_of(0, plan_of()).values[0]) + 5] ^= 255
    (folder / "shards" / "00000.lmdb").write_bytes(data)
    plain, checking = SetReader(folder, verify=False), SetReader(folder)
    assert (plain.image(0, "hr") != layers_of(0, plan_of().layout)["hr"]).sum() == 1
    for _ in range(2):
        with pytest.raises(CorruptRecordError):
            checking.image(0, "hr")
    assert checking.image(0, "x4").any()


@pytest.mark.parametrize("codec", CODECS)
def test_no_flip_passes_unseen(tmp_path: Path, codec: str) -> None:
    """Of any bit of a shard: either it is reported, or every pixel is right."""
    folder = write_small_set(tmp_path / "set", plan_of(codec))
    whole = {path: path.read_bytes() for path in sorted((folder / "shards").iterdir())}
    right = [SetReader(folder).image(row, layer) for row in range(12) for layer in ("hr", "x4")]
    random = np.random.default_rng(0)
    for _ in range(100):
        path = list(whole)[random.integers(len(whole))]
        data = bytearray(whole[path])
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        path.unlink()
        path.write_bytes(data)
        reader = SetReader(folder)
        with suppress(CorruptRecordError):
            found = [reader.image(row, layer) for row in range(12) for layer in ("hr", "x4")]
            assert all(map(np.array_equal, found, right))
        reader.close()
        path.unlink()
        path.write_bytes(whole[path])


@pytest.mark.parametrize("keep", [0, 4096, 0.5, -1])
def test_a_cut_shard_is_an_error_and_not_a_crash(folder: Path, keep: float) -> None:
    path = folder / "shards" / "00001.lmdb"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if 0 < keep < 1 else int(keep)])
    reader = SetReader(folder)
    assert reader.image(0, "hr").any()
    with pytest.raises(CorruptRecordError, match=rf"00001\.lmdb has \d+ bytes, not {len(whole)}"):
        reader.image(5, "hr")


def test_without_the_comparison_of_sizes_a_cut_shard_is_a_crash(folder: Path) -> None:
    """The guard can fail: the same read without it ends in SIGBUS."""
    path = folder / "shards" / "00001.lmdb"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    script = f"""
import lmdb
environment = lmdb.open({str(path)!r}, subdir=False, readonly=True, lock=False)
print(sum(sum(value) for _, value in environment.begin().cursor()))
"""
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == -7


def test_a_missing_shard_or_record_is_named(folder: Path) -> None:
    (folder / "shards" / "00002.lmdb").unlink()
    with pytest.raises(CorruptRecordError, match=r"00002\.lmdb cannot be read \(No such file .*"):
        SetReader(folder).image(10, "hr")
    content = read_set(folder)
    files = {name: entry for name, entry in content.files.items() if "00001" not in name}
    write_set(folder, content.model_copy(update={"files": files}))
    with pytest.raises(CorruptRecordError, match=r"shards/00001\.lmdb is not in set\.json"):
        SetReader(folder).image(5, "hr")
    shutil.copy(folder / "index.parquet", folder / "shards" / "00000.lmdb")
    files["shards/00000.lmdb"] = file_entry(folder / "shards" / "00000.lmdb")
    write_set(folder, content.model_copy(update={"files": files}))
    with pytest.raises(CorruptRecordError, match=r"00000\.lmdb is no LMDB file"):
        SetReader(folder).image(0, "hr")


def test_the_check_of_a_shard_finds_what_the_index_does_not_say(folder: Path, tmp_path: Path) -> None:
    assert [
        check.problem for shard in range(3) for check in check_shard(SetReader(folder, verify=True), shard)
    ] == [None] * 12
    other = write_small_set(tmp_path / "other", plan_of(), per_shard=6)
    shutil.copy(other / "shards" / "00000.lmdb", folder / "shards" / "00001.lmdb")
    content = read_set(folder)
    files = content.files | {"shards/00001.lmdb": file_entry(folder / "shards" / "00001.lmdb")}
    write_set(folder, content.model_copy(update={"files": files}))
    checks = list(check_shard(SetReader(folder, verify=True), 1))
    assert "the shard holds image 'image 00' where the index has 'image 05'" in str(checks[0].problem)
    assert all(check.problem for check in checks)
    path = folder / "shards" / "00000.lmdb"
    path.write_bytes(path.read_bytes()[:-4096])
    assert [check.row for check in check_shard(SetReader(folder, verify=True), 0)] == [-1]


def test_facts_are_read_from_the_shard(folder: Path) -> None:
    row = SetReader(folder).stored_row(7)
    assert (row.key, row.params) == (facts_of(7).key, facts_of(7).params)


@pytest.mark.parametrize(("most", "grows"), [(10, False), (10**9, True)])
def test_what_is_kept_of_mapped_files_does_not_grow_with_the_set(
    folder: Path, monkeypatch: pytest.MonkeyPatch, most: int, grows: bool
) -> None:
    """Views of blocks, which are counted where Python has them."""
    monkeypatch.setattr(lmdb_pool, "_MOST_KEPT", most)
    plan, reader, before = plan_of(), SetReader(folder), views()
    expected = [layers_of(row, plan.layout)["hr"] for row in range(12)]
    blocks = [len(plan.layout.shapes("hr", *image.shape[:2])) for image in expected]
    for _ in range(2):
        for row in range(12):
            assert (reader.image(row, "hr") == expected[row]).all()
        kept = views() - before
        assert kept == sum(blocks) if grows else 0 < kept <= most + max(blocks)
    reader.close()
    assert views() == before


def views() -> int:
    gc.collect()
    return sum(type(one) is memoryview for one in gc.get_objects())

"""Sets whose every hash is right and that are wrong all the same: one error of srdata each, and no crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from storing import plan_of, write_small_set

from srdata.data.datasets.paired import PairedDataset
from srdata.data.loading.loader import Loader
from srdata.errors import CorruptRecordError, SrdataError
from srdata.prepared.verification import verify
from srdata.store.reader import SetReader
from srdata.store.set_json import read_set, write_set
from srdata.store.tables.set_files import INDEX_FILE, file_entry

Forge = Callable[[Path], None]


def declare(folder: Path, name: str) -> None:
    """Let set.json say what a file is now."""
    content = read_set(folder)
    files = content.files | {name: file_entry(folder / name)}
    write_set(folder, content.model_copy(update={"files": files}))


def column(name: str, values: Callable[[int], Any]) -> Forge:
    """A column of the index with other values, of whatever type they have."""

    def forge(folder: Path) -> None:
        table = pq.read_table(folder / INDEX_FILE)
        place = table.column_names.index(name)
        new = values(len(table))
        pq.write_table(table.set_column(place, name, new), folder / INDEX_FILE)
        declare(folder, INDEX_FILE)

    return forge


def whole(value: Any, kind: pa.DataType) -> Callable[[int], pa.Array]:
    return lambda rows: pa.array([value] * rows, kind)


def without(name: str) -> Forge:
    def forge(folder: Path) -> None:
        table = pq.read_table(folder / INDEX_FILE)
        pq.write_table(table.drop_columns([name]), folder / INDEX_FILE)
        declare(folder, INDEX_FILE)

    return forge


def shard(change: Callable[[bytes], bytes]) -> Forge:
    def forge(folder: Path) -> None:
        path = folder / "shards/00000.lmdb"
        data = change(path.read_bytes())
        path.unlink()
        path.write_bytes(data)
        declare(folder, "shards/00000.lmdb")

    return forge


def fields(**changed: Any) -> Forge:
    """A set.json with other fields, of an earlier version, which no seal protects."""

    def forge(folder: Path) -> None:
        found = json.loads((folder / "set.json").read_text())
        del found["seal"]
        (folder / "set.json").write_text(json.dumps(found | changed))

    return forge


def overwritten(start: int, data: bytes) -> Callable[[bytes], bytes]:
    return lambda whole: whole[:start] + data + whole[start + len(data) :]


def pointing_elsewhere(data: bytes) -> bytes:
    """A shard in whose leaf pages every node lies beyond the page."""
    pages = [data[start : start + 4096] for start in range(0, len(data), 4096)]
    is_leaf = [number > 1 and page[8:12] == b"\0\0\x02\0" for number, page in enumerate(pages)]
    assert any(is_leaf)
    hurt = [page[:16] + b"\xff" * 64 + page[80:] for page in pages]
    return b"".join(bad if leaf else page for leaf, bad, page in zip(is_leaf, hurt, pages, strict=True))


FORGED: dict[str, Forge] = {
    "a number below 0": column("number", whole(-1, pa.int32())),
    "a shard below -1": column("shard", whole(-7, pa.int32())),
    "a shard that is not there": column("shard", whole(2**31 - 1, pa.int32())),
    "a height of 0": column("height", whole(0, pa.int32())),
    "a height of 2**31 - 1": column("height", whole(2**31 - 1, pa.int32())),
    "heights that are null": column("height", whole(None, pa.int32())),
    "heights that are text": column("height", whole("1", pa.string())),
    "heights that are floats": column("height", whole(96.0, pa.float64())),
    "keys that are null": column("key", whole(None, pa.string())),
    "keys that are bytes": column("key", whole(b"\xff", pa.binary())),
    "splits that are text": column("split", whole("train", pa.string())),
    "pixels that are no JSON": column("pixels", whole("{", pa.string())),
    "pixels that are deep JSON": column("pixels", whole("[" * 10**5, pa.string())),
    "pixels that are a list": column("pixels", whole("[]", pa.string())),
    "params that are a number": column("params", whole("5", pa.string())),
    "too few hashes": column("blocks", whole(b"12345678", pa.binary())),
    "no hashes": column("blocks", whole(b"", pa.binary())),
    "hashes that are null": column("blocks", whole(None, pa.binary())),
    "no column of numbers": without("number"),
    "no column of hashes": without("blocks"),
    "no column of splits": without("split"),
    "an index that is none": lambda folder: (
        (folder / INDEX_FILE).write_bytes(b"PAR1" * 9),
        declare(folder, INDEX_FILE),
    )[1],
    "a shard that was cut": shard(lambda data: data[: len(data) // 2 // 4096 * 4096]),
    "a shard of one page": shard(lambda data: data[:4096]),
    "a shard that is empty": shard(lambda data: b""),
    "a shard of zeros": shard(lambda data: bytes(len(data))),
    "a shard whose pages point elsewhere": shard(pointing_elsewhere),
    "a page size of 2**31": shard(overwritten(40, b"\0\0\0\x80")),
    "no scales": fields(scales=[]),
    "scales of text": fields(scales=["four"]),
    "an enormous scale": fields(scales=["1e999999999"]),
    "a scale twice": fields(scales=["4", "4.0"]),
    "a block of 0": fields(block=0),
    "a block of 2**60": fields(block=2**60),
    "no block": fields(block=None),
    "no codec": fields(codec=None),
    "another codec": fields(codec="zip"),
    "folders without templates": fields(layout="folder"),
    "a recipe whose exclude is a number": fields(recipe={"exclude": 5}),
    "a recipe whose degradation is a number": fields(recipe={"degradation": 5}),
    "files above the folder": fields(files={"../../x": {"bytes": 0, "sha256": "0" * 64}}),
    "a file with a NUL": fields(files={"a\0b": {"bytes": 0, "sha256": "0" * 64}}),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_is_forged_is_an_error_wherever_it_is_read(tmp_path: Path, what: str) -> None:
    folder = write_small_set(tmp_path, plan_of())
    FORGED[what](folder)
    assert told(checked, folder)
    for use in (trained, read):  # they may read on where nothing is wrong with what they need
        told(use, folder)


def told(use: Callable[[Path], bool], folder: Path) -> bool:
    """Whether somebody is told that something is wrong; any other error is a failure."""
    try:
        return not use(folder)
    except SrdataError as error:
        return "\n" not in str(error)


def checked(folder: Path) -> bool:
    return verify(folder).ok


def trained(folder: Path) -> bool:
    for batch in Loader(PairedDataset(folder, split="train", patch_size=16), 2, device="cpu"):
        assert batch.hr.shape[1:] == (3, 16, 16)
    return True


def read(folder: Path) -> bool:
    reader = SetReader(folder)
    for row in range(len(reader)):
        for layer in reader.layers:
            reader.image(row, layer)
        reader.stored_row(row)
    return True


def test_a_set_that_is_right_is_none_of_these(tmp_path: Path) -> None:
    """The guard can fail."""
    folder = write_small_set(tmp_path, plan_of())
    column("height", lambda rows: pq.read_table(folder / INDEX_FILE).column("height"))(folder)
    assert checked(folder)
    assert trained(folder)
    assert read(folder)


@pytest.mark.parametrize(
    "what", ["a number below 0", "a height of 2**31 - 1", "keys that are null", "a shard that was cut"]
)
def test_it_is_found_before_anything_is_read(tmp_path: Path, what: str) -> None:
    folder = write_small_set(tmp_path, plan_of())
    FORGED[what](folder)
    with pytest.raises(CorruptRecordError):
        PairedDataset(folder, split="train", patch_size=16)[0]


def test_a_million_rows_are_checked_in_no_time(tmp_path: Path) -> None:
    from time import process_time

    folder = write_small_set(tmp_path, plan_of())
    index = SetReader(folder).index
    rows = 1_000_000
    for name in ("heights", "widths"):
        setattr(index, name, np.full(rows, 96, np.int32))
    index.shards = np.zeros(rows, np.int32)
    index.numbers = np.arange(rows, dtype=np.int32)
    started = process_time()
    assert index._problem() is None
    assert process_time() - started < 0.2

"""The list of shards as a table: a million open at once, older sets still open, damage is found."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from srdata.errors import DamagedSetError, SetError
from srdata.prepared.verification import verify
from srdata.store.reader import SetReader
from srdata.store.set_json import SET_FILE, add_file, read_set, write_set
from srdata.store.tables.set_files import FileEntry, file_entry, shard_name
from srdata.store.tables.shard_table import SHARDS_FILE, write_shard_table


@pytest.fixture
def folder(sample: Callable[..., Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample(scale=4, lmdb=True), tmp_path / "set"))


def test_the_table_says_what_the_shards_are(folder: Path) -> None:
    content = read_set(folder)
    plain = json.loads((folder / SET_FILE).read_text())
    assert plain["format"] == 2
    assert list(plain["files"]) == ["index.parquet", SHARDS_FILE]
    shards = sorted(folder.glob("shards/*.lmdb"))
    assert pq.read_table(folder / SHARDS_FILE).to_pylist() == [
        {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).digest()}
        for path in shards
    ]
    there = {path.relative_to(folder).as_posix(): file_entry(path) for path in folder.rglob("*.[lp]*[bt]")}
    assert dict(content.files) == there
    assert content.bytes == sum(entry.bytes for entry in there.values())
    assert content.size_of(shard_name(0)) == shards[0].stat().st_size
    for other in ("shards/99999.lmdb", "shards/0.lmdb", "shards/-0001.lmdb", "shards/x.lmdb", "other"):
        assert other not in content.files


def test_a_set_of_format_1_opens_verifies_and_stays_what_it_is(folder: Path) -> None:
    """As earlier versions wrote it: set.json has the shards, and there is no table."""
    content = read_set(folder)
    files = {name: entry.model_dump() for name, entry in content.files.items() if name != SHARDS_FILE}
    plain = json.loads((folder / SET_FILE).read_text()) | {"format": 1, "files": files}
    del plain["seal"]
    (folder / SET_FILE).write_text(json.dumps(plain, indent=2))
    (folder / SHARDS_FILE).unlink()
    assert dict(read_set(folder).files) == {name: FileEntry(**entry) for name, entry in files.items()}
    assert verify(folder).ok
    assert SetReader(folder).image(0, "x4").any()
    plain["format"] = 3
    (folder / SET_FILE).write_text(json.dumps(plain))
    with pytest.raises(SetError, match="has format 3, not 2: use the srdata that made it"):
        read_set(folder)


def test_a_file_is_added_without_the_table_being_written(folder: Path) -> None:
    before = (folder / SHARDS_FILE).stat()
    (folder / "scores").mkdir()
    (folder / "scores/new").write_bytes(b"12")
    add_file(folder, "scores/new")
    assert (folder / SHARDS_FILE).stat() == before
    assert read_set(folder).size_of("scores/new") == 2
    assert verify(folder).ok


def other_columns(path: Path) -> None:
    pq.write_table(pa.table({"bytes": ["1"], "sha256": ["2"]}), path)


def negative(path: Path) -> None:
    write_shard_table(path, [(-1, "0" * 64)])


def without_a_size(path: Path) -> None:
    table = pq.read_table(path)
    column = pa.array([None] * len(table), pa.int64())
    pq.write_table(table.set_column(0, "bytes", column), path)


@pytest.mark.parametrize("wrong", [other_columns, negative, without_a_size, Path.unlink, Path.touch])
@pytest.mark.parametrize("declared", [False, True])
def test_a_table_that_is_none_is_refused_whoever_made_it(
    folder: Path, wrong: Callable[[Path], None], declared: bool
) -> None:
    """Damaged, or declared so in set.json by a stranger."""
    content = read_set(folder)
    if wrong is Path.touch:
        (folder / SHARDS_FILE).write_bytes(b"")
    wrong(folder / SHARDS_FILE)
    if declared and wrong is not Path.unlink:
        named = {**content.named, SHARDS_FILE: file_entry(folder / SHARDS_FILE)}
        write_set(folder, content.model_copy(update={"files": type(content.files)(folder, named)}))
    with pytest.raises(DamagedSetError, match=r"shards.parquet is damaged .*: run `srdata verify"):
        SetReader(folder).image(0, "hr")
    if not declared:
        assert f"{SHARDS_FILE} " in verify(folder).text


OPEN = """
import resource, sys, time
from pathlib import Path
import pyarrow.parquet
from srdata.store.set_json import read_set
pyarrow.parquet.ParquetFile(Path(sys.argv[1]) / "index.parquet").close()
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
content = read_set(Path(sys.argv[1]))
size = content.size_of("shards/777777.lmdb")
took = time.process_time() - started
print(size, took, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.linux
def test_a_million_shards_open_in_a_fifth_of_a_second_and_50_megabytes(folder: Path) -> None:
    many = 1_000_000
    sizes = np.arange(many, dtype=np.int64)
    hashes = np.random.default_rng(0).integers(0, 256, (many, 32), np.uint8)
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), many, [None, pa.py_buffer(hashes)])
    schema = pq.read_schema(folder / SHARDS_FILE)
    pq.write_table(
        pa.Table.from_arrays([pa.array(sizes), column], schema=schema),
        folder / SHARDS_FILE,
        row_group_size=16384,
        compression="zstd",
    )
    content = read_set(folder)
    named = {**content.named, SHARDS_FILE: file_entry(folder / SHARDS_FILE)}
    write_set(folder, content.model_copy(update={"files": type(content.files)(folder, named)}))
    files = read_set(folder).files
    assert len(files) == many + 2
    assert files["shards/999999.lmdb"] == FileEntry(bytes=999_999, sha256=hashes[-1].tobytes().hex())
    said = subprocess.run([sys.executable, "-c", OPEN, folder], capture_output=True, text=True, check=True)
    size, seconds, megabytes = map(float, said.stdout.split())
    assert size == 777_777
    assert seconds < 0.2
    assert megabytes < 50

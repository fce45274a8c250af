"""Shards: deterministic bytes, and nothing lost or wrong whatever happens to the writer."""

from __future__ import annotations

import errno
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import lmdb
import pytest
from storing import SIZES, facts_of, layers_of, plan_of, record_of, write_shard

from srdata.common.files import PART
from srdata.errors import CorruptRecordError, StorageFullError, StoreError
from srdata.store.codecs import CODECS
from srdata.store.lmdb_files.lmdb_file import check_structure
from srdata.store.records import Facts, Record, block_key, make_record, pack_row, row_key, unpack_row
from srdata.store.resume import Salvage, sealed_shard, shard_rows
from srdata.store.shards import ShardPlan, ShardWriter

IMAGES = 12
CHILD = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from storing import plan_of, record_of
from srdata.store.shards import ShardWriter
"""


def parts(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}{PART}*"))


def leave_unsealed(path: Path, plan: ShardPlan, images: int) -> Path:
    """The part file of a run that ended before sealing."""
    with ShardWriter(path, plan) as shard:
        for number in range(images):
            shard.add(record_of(number, plan))
    (part,) = parts(path)
    return part


def resume(path: Path, plan: ShardPlan, images: int = IMAGES) -> int:
    """Finish a shard; gives the number of records that were taken over."""
    with Salvage(path, plan) as old, ShardWriter(path, plan) as shard:
        kept = 0
        for number in range(images):
            facts = facts_of(number)
            record = old.get(facts.key, facts.source_sha256)
            kept += record is not None
            shard.add(record or record_of(number, plan))
        shard.seal()
        old.discard()
    return kept


@pytest.mark.parametrize("codec", CODECS)
def test_a_sealed_shard_has_the_same_bytes_each_time_and_describes_itself(tmp_path: Path, codec: str) -> None:
    plan = plan_of(codec, scales=("4", "1.5"))
    one, two = tmp_path / "one.lmdb", tmp_path / "two.lmdb"
    write_shard(one, plan, range(IMAGES))
    write_shard(two, plan, range(IMAGES))
    assert one.read_bytes() == two.read_bytes()
    rows = shard_rows(one)
    assert [row.key for row in rows] == [facts_of(number).key for number in range(IMAGES)]
    assert [Facts.model_validate(row.model_dump(include=set(Facts.model_fields))) for row in rows] == [
        facts_of(number) for number in range(IMAGES)
    ]
    info = sealed_shard(one, plan)
    assert info is not None
    assert (info.images, info.bytes) == (IMAGES, one.stat().st_size)
    assert parts(one) == []


def test_lmdb_itself_finds_every_block_under_its_key(tmp_path: Path) -> None:
    plan = plan_of()
    path = write_shard(tmp_path / "s.lmdb", plan, range(3))
    with (
        lmdb.open(str(path), subdir=False, readonly=True, lock=False) as environment,
        environment.begin() as reading,
    ):
        assert reading.get(b"\0") == plan.header
        number = 2
        record = record_of(number, plan)
        assert SIZES[number] == (240, 48)
        assert [reading.get(block_key(number, 0, block)) for block in range(5)] == list(record.values[:5])
        assert [reading.get(block_key(number, 1, block)) for block in range(2)] == list(record.values[5:])
        assert reading.get(row_key(number)) == pack_row(record.row)


def test_a_full_map_grows(tmp_path: Path) -> None:
    small = plan_of(block=240, map_bytes=1)
    records = [large_record(number, small) for number in range(6)]
    assert sum(len(value) for record in records for value in record.values) > 4 << 20
    for name in ("one.lmdb", "two.lmdb"):
        with ShardWriter(tmp_path / name, small) as shard:
            for record in records:
                shard.add(record)
            assert shard.seal().bytes > 4 << 20
    assert (tmp_path / "one.lmdb").read_bytes() == (tmp_path / "two.lmdb").read_bytes()
    assert sealed_shard(tmp_path / "one.lmdb", small) is not None
    assert [row.key for row in shard_rows(tmp_path / "one.lmdb")] == [record.row.key for record in records]


def large_record(number: int, plan: ShardPlan) -> Record:
    layers = {name: image.repeat(4, 0).repeat(6, 1) for name, image in layers_of(0, plan.layout).items()}
    return make_record(facts_of(number), layers, plan.layout, CODECS[plan.codec])


@pytest.mark.linux
def test_a_run_killed_at_any_point_is_taken_up_again(tmp_path: Path) -> None:
    plan = plan_of()
    whole = write_shard(tmp_path / "whole" / "s.lmdb", plan, range(IMAGES)).read_bytes()
    path = tmp_path / "s.lmdb"
    script = (
        CHILD
        + f"""
path = Path({str(path)!r})
with ShardWriter(path, plan_of()) as shard:
    for number in range({IMAGES}):
        shard.add(record_of(number, plan_of()))
        print(number, flush=True)
        time.sleep(0.01)
    shard.seal()
"""
    )
    chance = random.Random(1)
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            stored = chance.randrange(1, IMAGES)
            for _ in range(stored):
                child.stdout.readline()
            time.sleep(chance.uniform(0, 0.02))
            child.send_signal(signal.SIGKILL)
        assert resume(path, plan) >= stored
        assert path.read_bytes() == whole
        assert parts(path) == []
        path.unlink()


def test_a_flipped_byte_in_a_leftover_is_made_again(tmp_path: Path) -> None:
    plan = plan_of()
    whole = write_shard(tmp_path / "whole" / "s.lmdb", plan, range(IMAGES)).read_bytes()
    path = tmp_path / "s.lmdb"
    part = leave_unsealed(path, plan, 6)
    data = bytearray(part.read_bytes())
    for hurt in (record_of(1, plan).values[0][:64], pack_row(record_of(4, plan).row)[20:80]):
        data[data.index(hurt) + 30] ^= 1
    part.write_bytes(data)
    with Salvage(path, plan) as old:
        found = [old.get(facts_of(number).key, facts_of(number).source_sha256) for number in range(7)]
    assert [record is not None for record in found] == [True, False, True, True, False, True, False]
    assert found[2] == record_of(2, plan)
    assert resume(path, plan) == 4
    assert path.read_bytes() == whole
    assert not part.exists()


def test_a_damaged_shard_is_not_finished_and_its_good_records_are_kept(tmp_path: Path) -> None:
    plan = plan_of()
    path = write_shard(tmp_path / "s.lmdb", plan, range(IMAGES))
    whole = path.read_bytes()
    data = bytearray(whole)
    data[data.index(record_of(3, plan).values[1][:64])] ^= 1
    path.write_bytes(data)
    assert sealed_shard(path, plan) is None
    assert resume(path, plan) == IMAGES - 1
    assert path.read_bytes() == whole


def test_only_records_of_the_same_plan_and_source_are_taken_over(tmp_path: Path) -> None:
    plan = plan_of()
    path = tmp_path / "s.lmdb"
    leave_unsealed(path, plan, 3)
    facts = facts_of(1)
    with Salvage(path, plan) as old:
        assert old.get(facts.key, facts.source_sha256) is not None
        assert old.get(facts.key, "0" * 64) is None
        assert old.get("another", facts.source_sha256) is None
    for other in (
        plan_of("png"),
        plan_of(block=96),
        plan_of(scales=("2",)),
        ShardPlan(plan.layout, "raw", "recipe 2"),
    ):
        path = tmp_path / other.digest / other.codec / str(other.layout) / "s.lmdb"
        leave_unsealed(path, plan, 3)
        write_shard(path, plan, range(3))
        assert sealed_shard(path, plan) is not None
        assert sealed_shard(path, other) is None
        with Salvage(path, other) as old:
            assert len(old) == 0


def test_leftovers_that_add_nothing_do_not_pile_up(tmp_path: Path) -> None:
    plan = plan_of()
    path = tmp_path / "s.lmdb"
    for images in (2, 5, 3):
        with ShardWriter(path, plan) as shard:
            for number in range(images):
                shard.add(record_of(number, plan))
    (tmp_path / f"s.lmdb{PART}junk").write_bytes(b"<html>")
    with Salvage(path, plan) as old:
        assert len(old) == 5
        assert len(parts(path)) == 1
    assert resume(path, plan) == 5
    assert parts(path) == []


def test_a_part_that_another_run_writes_is_left_alone(tmp_path: Path) -> None:
    plan = plan_of()
    path = tmp_path / "s.lmdb"
    with ShardWriter(path, plan) as other:
        for number in range(IMAGES):
            other.add(record_of(number, plan))
        assert resume(path, plan) == 0
        first = path.read_bytes()
        other.seal()
    assert path.read_bytes() == first
    assert parts(path) == []


@pytest.mark.linux
def test_two_runs_do_no_harm_where_locks_do_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcntl.flock", lambda handle, how: None)
    plan = plan_of()
    path = tmp_path / "s.lmdb"
    with ShardWriter(path, plan) as other:
        for number in range(IMAGES):
            other.add(record_of(number, plan))
        Salvage(path, plan).close()
        assert parts(path) == []
        with pytest.raises(StoreError, match="another run took it over: run the same command again"):
            other.seal()
    with ShardWriter(path, plan) as other:
        for number in range(IMAGES):
            other.add(record_of(number, plan))
        resume(path, plan)
        with pytest.raises(StoreError, match="is gone, another run took it over"):
            other.seal()
    assert sealed_shard(path, plan) is not None
    assert parts(path) == []


@pytest.mark.parametrize("keep", [0, 100, 4096, 8192, 0.5, -4096, -1])
def test_a_file_that_was_cut_is_refused_and_not_opened(tmp_path: Path, keep: float) -> None:
    plan = plan_of()
    path = write_shard(tmp_path / "s.lmdb", plan, range(IMAGES))
    whole = path.read_bytes()
    check_structure(path)
    length = int(keep * len(whole)) if isinstance(keep, float) else keep % len(whole) if keep < 0 else keep
    path.write_bytes(whole[:length])
    with pytest.raises(CorruptRecordError):
        check_structure(path)
    assert sealed_shard(path, plan) is None
    assert resume(path, plan) == 0
    assert path.read_bytes() == whole


def test_a_folder_that_is_no_shard_or_a_missing_one_is_no_shard(tmp_path: Path) -> None:
    assert sealed_shard(tmp_path, plan_of()) is None
    assert sealed_shard(tmp_path / "none.lmdb", plan_of()) is None
    with pytest.raises(CorruptRecordError, match=r"none\.lmdb"):
        shard_rows(tmp_path / "none.lmdb")


FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))
"""
WRITE = """
from srdata.errors import SrdataError
plan = plan_of()
try:
    with ShardWriter(Path(sys.argv[1]), plan) as shard:
        for number in range(1000):
            shard.add(record_of(number, plan))
        shard.seal()
except SrdataError as error:
    print(type(error).__name__, error)
"""


def run_child(script: str, *arguments: object) -> str:
    command = [sys.executable, "-c", CHILD + script, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_full(folder: Path, said: str) -> None:
    """What was sealed stands; what was written before the device was full is taken over."""
    path = folder / "s.lmdb"
    assert said.startswith(f"StorageFullError no room to write {path}{PART}")
    assert "free some space and run the same command again" in said
    assert sealed_shard(folder / "sealed.lmdb", plan_of()) is not None
    assert not path.exists()
    with Salvage(path, plan_of()) as old:
        assert len(old) > 10


@pytest.mark.linux
def test_a_limit_on_file_size_is_a_full_device(tmp_path: Path) -> None:
    write_shard(tmp_path / "sealed.lmdb", plan_of(), range(IMAGES))
    check_full(tmp_path, run_child(FULL + WRITE, tmp_path / "s.lmdb"))


def test_a_full_device_is_said_so_and_loses_nothing(small_device: Path) -> None:
    write_shard(small_device / "sealed.lmdb", plan_of(), range(IMAGES))
    check_full(small_device, run_child(WRITE, small_device / "s.lmdb"))


def test_a_device_that_is_found_full_when_bytes_are_made_durable_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems say so no earlier; another thread hears it than the one that seals."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    plan, path = plan_of(), tmp_path / "s.lmdb"
    with ShardWriter(path, plan) as shard:
        for number in range(IMAGES):
            shard.add(record_of(number, plan))
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(StorageFullError, match="no room to write"):
            shard.seal()
        monkeypatch.undo()
    assert not path.exists()
    assert resume(path, plan) == IMAGES


@pytest.mark.linux
def test_a_folder_that_cannot_be_written_is_an_error_before_any_work(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    tmp_path.chmod(0o755)
    for above in tmp_path.parents[:2]:
        above.chmod(0o755)
    nobody = "import os\nif os.getuid() == 0: os.setuid(65534)\n"
    said = run_child(nobody + WRITE, folder / "s.lmdb")
    assert (
        said.strip() == f"StoreError {folder} cannot be written: choose another folder, or make it writable"
    )


def test_a_row_survives_packing_and_a_flipped_byte_does_not() -> None:
    row = record_of(5, plan_of()).row
    data = pack_row(row)
    assert unpack_row(data) == unpack_row(memoryview(data)) == row
    for position in range(0, len(data), 7):
        hurt = bytearray(data)
        hurt[position] ^= 1
        with pytest.raises(CorruptRecordError):
            unpack_row(bytes(hurt))

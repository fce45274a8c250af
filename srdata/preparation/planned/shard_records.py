"""Completion records: what a finished shard is and holds, told without opening it.

A record is written when its shard has its name, by whoever made it; the last of all work reads the records
alone. It is a Parquet file with the rows of the index, and the rest in its metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from srdata.common.files import Guard
from srdata.common.strict_model import StrictModel
from srdata.store.index import SCHEMA, tables_of
from srdata.store.records import Row
from srdata.store.set_json import Quarantined
from srdata.store.tables.parquet_file import rows_of, write_tables
from srdata.store.tables.set_files import RECORDS, FileEntry, shard_name

_KEY = b"srdata"


class ShardRecord(StrictModel):
    """What became of the images of one shard."""

    digest: str  # of the resolved recipe
    images: int  # of the source, those left out among them
    file: FileEntry
    bad: tuple[Quarantined, ...] = ()


def record_path(target: Path, number: int) -> Path:
    """Where the record of a shard stands."""
    return target / RECORDS / f"{number:05d}.parquet"


def write_record(target: Path, number: int, record: ShardRecord, rows: Iterable[Row], guard: Guard) -> None:
    """Say durably that a shard is finished."""
    places = ((number, place, row) for place, row in enumerate(rows))
    schema = SCHEMA.with_metadata({_KEY: record.model_dump_json().encode()})
    tables = (table.replace_schema_metadata(schema.metadata) for table in tables_of(places))
    write_tables(record_path(target, number), tables, schema, guard)


def read_records(
    target: Path, shards: Iterable[int], digest: str, sizes: Mapping[int, int] | None = None
) -> list[ShardRecord | None]:
    """The records of these shards of the recipe with this digest; None where one is not finished.

    `sizes` are the bytes of the shards, where these are not in the folder of the records.
    """
    return [_read_record(target, number, digest, sizes) for number in shards]


def _read_record(
    target: Path, number: int, digest: str, sizes: Mapping[int, int] | None
) -> ShardRecord | None:
    try:
        metadata = pq.read_schema(record_path(target, number)).metadata or {}
        record = ShardRecord.model_validate_json(metadata.get(_KEY, b""))
        size = (target / shard_name(number)).stat().st_size if sizes is None else sizes.get(number)
        whole = size == record.file.bytes
    except (OSError, pa.ArrowException, ValidationError):
        return None
    return record if whole and record.digest == digest else None


def recorded_sources(target: Path, number: int) -> list[tuple[str, str]]:
    """The key and the SHA-256 of the source of every image of a shard, as they were recorded."""
    found = rows_of(record_path(target, number), ["key", "source_sha256"])
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def recorded_rows(target: Path, shards: int) -> Iterator[pa.Table]:
    """The rows of the index of all shards, as they were recorded."""
    for number in range(shards):
        yield rows_of(record_path(target, number)).replace_schema_metadata(None)

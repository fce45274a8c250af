"""A data set as a stream: the rows of one of its shards, read as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from srdata.common.wording.only_choice import pick
from srdata.errors import SourceError
from srdata.hub.address import HubName
from srdata.hub.open_table import load_all, reading_errors

_TABLES = {".parquet": "parquet", ".tar": "webdataset"}  # suffix of a file → what `datasets` calls its form


@dataclass(frozen=True)
class Stream:
    """A split of a data set in shards, which are its files as far as its form allows."""

    place: Path | HubName | str
    rows: Any  # the IterableDataset of `datasets`
    where: str  # what it is called in errors
    roots: tuple[str, ...]  # the folders of files that it may name
    identity: str  # what another data set, or another version of it, has not

    @property
    def shards(self) -> int:
        """How many parts can be read apart from each other."""
        return int(self.rows.num_shards)

    def schema(self) -> pa.Schema:
        """Its columns, for which the beginning may have to be read; raises SourceError, DownloadError."""
        if self.rows.features is not None:
            return self.rows.features.arrow_schema
        return self.first_row().schema

    def first_row(self) -> pa.Table:
        """The first row that there is; raises SourceError where there is none, DownloadError."""
        for shard in range(self.shards):
            for block in self.blocks(shard, 1):
                return block
        raise SourceError(f"{self.where} holds no rows: give a data set that does")

    def blocks(self, shard: int, rows: int) -> Iterator[pa.Table]:
        """The rows of a shard, so many at a time; raises SourceError, DownloadError."""
        # `iter` gives all that is in the shard in any process; iterating would share it among workers
        return self._reading(_blocks(self.rows.shard(self.shards, shard), rows))

    def blocks_of_copy(self, shard: int, copy: Path, rows: int) -> Iterator[pa.Table]:
        """The same out of a copy of the file of a shard; raises SourceError."""
        if form_of(self.files(shard)[0]) == "parquet":
            return self._reading(_parquet_blocks(copy, rows))
        return self._reading(_blocks(of_files("webdataset", [str(copy)]), rows))

    def files(self, shard: int) -> list[str]:
        """The one file that a shard is, Parquet or tar; none where it is of another form.

        `datasets` has no public way to tell.
        """
        source = getattr(self.rows.shard(self.shards, shard), "_ex_iterable", None)
        arguments = getattr(source, "kwargs", {})
        files = [str(file) for file in arguments.get("files") or arguments.get("tar_paths") or ()]
        whole = set(arguments.get("row_groups_list") or [None]) == {None}
        return files if whole and len(files) == 1 and form_of(files[0]) else []

    def _reading(self, blocks: Iterator[pa.Table]) -> Iterator[pa.Table]:
        while True:
            with reading_errors(self.place):
                block = next(blocks, None)
            if block is None:
                return
            yield block


def open_stream(place: Path | HubName, config: str | None, split: str | None) -> Stream:
    """A split of the data set at `place`, of which little is read yet; raises what `load` raises."""
    found, roots = load_all(place, config, streaming=True)
    chosen = pick("split", split, list(found), place)
    version = roots[0] if isinstance(place, HubName) else folder_stamp(place)
    return Stream(
        place, _undecoded(found[chosen]), f"{place} {chosen}", roots, f"{version}\n{config}\n{chosen}"
    )


def of_files(form: str, files: list[str]) -> Any:
    """Files of a form as `datasets` streams them."""
    import datasets

    return _undecoded(datasets.load_dataset(form, data_files={"train": files}, streaming=True)["train"])


def folder_stamp(place: Path) -> str:
    """What changes when a folder or file changes."""
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    facts = [(one, one.stat()) for one in files if one.is_file()]
    return "\n".join([str(place.resolve()), *(f"{one} {f.st_size} {f.st_mtime_ns}" for one, f in facts)])


def _undecoded(rows: Any) -> Any:
    return rows if rows.features is None else rows.decode(False)  # what it does not know it does not decode


def _blocks(rows: Any, count: int) -> Iterator[pa.Table]:
    for block in rows.iter(count):
        yield pa.table({name: pa.array(values) for name, values in block.items()})


def _parquet_blocks(path: Path, count: int) -> Iterator[pa.Table]:
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(count):
            yield pa.Table.from_batches([batch])


def form_of(file: str) -> str | None:
    """What `datasets` calls the form of a file, by its name; None where it is no table."""
    return next((form for suffix, form in _TABLES.items() if file.endswith(suffix)), None)

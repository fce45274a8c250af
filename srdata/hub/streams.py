"""A data set as a stream: the blocks of rows of one of its shards, read as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from srdata.common.only_choice import pick
from srdata.hub.address import HubName
from srdata.hub.open_table import load_all, reading_errors


@dataclass(frozen=True)
class Stream:
    """A split of a data set in shards, which are its files as far as its form allows."""

    place: Path | HubName
    rows: Any  # the IterableDataset of `datasets`
    where: str  # what it is called in errors
    roots: tuple[str, ...]  # the folders of files that it may name

    @property
    def shards(self) -> int:
        """How many parts can be read apart from each other."""
        return int(self.rows.num_shards)

    def schema(self) -> pa.Schema:
        """Its columns, for which the beginning may have to be read; raises SourceError, DownloadError."""
        if self.rows.features is not None:
            return self.rows.features.arrow_schema
        return next(self.blocks(0, 1)).schema

    def blocks(self, shard: int, rows: int) -> Iterator[pa.Table]:
        """The rows of a shard, so many at a time; raises SourceError, DownloadError."""
        # `iter` gives all that is in the shard in any process; iterating would share it among workers
        found = self.rows.shard(self.shards, shard).iter(rows)
        while True:
            with reading_errors(self.place):
                block = next(found, None)
            if block is None:
                return
            yield pa.table({name: pa.array(values) for name, values in block.items()})


def open_stream(place: Path | HubName, config: str | None, split: str | None) -> Stream:
    """A split of the data set at `place`, of which little is read yet; raises what `load` raises."""
    found, roots = load_all(place, config, streaming=True)
    chosen = pick("split", split, list(found), place)
    rows = found[chosen]
    if rows.features is not None:  # what it does not know it does not decode
        rows = rows.decode(False)
    return Stream(place, rows, f"{place} {chosen}", roots)

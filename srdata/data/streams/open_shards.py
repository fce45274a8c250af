"""Which kind of shards is meant by what a user gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from srdata.data.pair_sources.found_pairs import choose_pairs
from srdata.data.pair_sources.sources import PairSource
from srdata.data.pair_sources.table_pairs import called_there, choose_reading, told_scale
from srdata.data.streams.addressed_tables import open_address
from srdata.data.streams.set_shards import FoundShards, set_shards
from srdata.data.streams.table_shards import TableShards
from srdata.discovery.forms.table_columns import Given
from srdata.discovery.forms.table_parts import first_size, is_table
from srdata.discovery.known_forms import look_for_parts
from srdata.fetch.remote_files import joined, look_at
from srdata.fetch.shard_cache import ShardCache
from srdata.hub.address import HubName
from srdata.hub.streamed_rows import Stream, form_of, open_stream
from srdata.images import ImagePolicy, list_folder
from srdata.scale import Scale
from srdata.store.set_json import SET_FILE, read_set
from srdata.vocabulary import Only


class Shards(Protocol):
    """Pairs in shards, each of which is brought here as a whole."""

    @property
    def where(self) -> str:
        """What they are called in errors."""

    @property
    def names(self) -> tuple[str, ...]:
        """What each is called."""

    @property
    def counts(self) -> tuple[int, ...]:
        """How many pairs each has."""

    @property
    def scale(self) -> Scale:
        """How many HR pixels face one LR pixel."""

    def open(self, shard: int) -> PairSource:
        """The pairs of a shard, numbered from 0."""

    def column(self, shard: int, name: str) -> Sequence[Any]:
        """What is told of them by a column; raises UnknownNameError or UsageError."""


def open_shards(
    place: Path | HubName | str,
    *,
    config: str | None,
    split: str | None,
    columns: Given | None,
    scale: Scale | None,
    only: Only | None,
    policy: ImagePolicy | None,
    cache: ShardCache,
    beside: Sequence[str] = (),
) -> tuple[Shards, Only | None]:
    """The shards at a path, an address or on the Hub, and the side that alone is there or wanted.

    Raises UsageError for choices that are open, SourceError, DownloadError, LicenceError.
    """
    if not isinstance(place, HubName) and _is_prepared(place):
        return set_shards(place, split, scale, only, cache), only
    if isinstance(place, Path) and not (config or columns):
        listing = list_folder(place)
        found = None if is_table(place, listing) else look_for_parts(place, listing)
        if found is not None and found.paired:
            pairs = choose_pairs(place, found, split, None, scale)
            return FoundShards(place, pairs, only, policy, cache), only
    stream = open_address(place, split) if isinstance(place, str) else open_stream(place, config, split)
    reading = choose_reading(
        stream.schema(), stream.where, stream.roots, columns, only, policy, partial(_first_size, stream)
    )
    names = stream.schema().names if beside else ()
    told = tuple(called_there(name, names, stream.where) for name in beside)
    reading = replace(reading, beside=told)
    if scale is None:
        first = stream.first_row()
        scale = told_scale(first) or reading.source(first, None).scale
    return TableShards(stream, reading, scale, cache), reading.only


def _is_prepared(place: Path | str) -> bool:
    if isinstance(place, Path):
        return (place / SET_FILE).is_file() and read_set(place).layout == "lmdb"
    return form_of(place) is None and look_at(joined(place, SET_FILE)) is not None


def _first_size(stream: Stream, column: str) -> tuple[int, int] | None:
    """The size of the first image of a column, read where names of columns leave it open."""
    return first_size(stream.first_row(), stream.where, stream.roots)(column)

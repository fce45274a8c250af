"""Shards of prepared sets, on this machine or in a bucket, and pairs of image files, which are one shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa

from srdata.common.wording.only_choice import pick
from srdata.data.pair_sources.found_pairs import FoundPairs
from srdata.data.pair_sources.sources import PairSource, SetSource
from srdata.data.streams.kept_pixels import decoded_once
from srdata.errors import UsageError
from srdata.fetch.remote_files import shown
from srdata.fetch.shard_cache import ShardCache, entry_name
from srdata.hub.streamed_rows import folder_stamp
from srdata.images import ImagePolicy
from srdata.prepared.image_columns import read_column
from srdata.prepared.remote_sets import RemoteReader, described_here, refuse_other_layouts
from srdata.scale import Scale
from srdata.store.index import Index
from srdata.store.reader import SetReader
from srdata.store.set_json import read_set
from srdata.store.tables.set_files import shard_name
from srdata.vocabulary import Only


@dataclass(frozen=True)
class FoundShards:
    """Pairs that names and sizes tell, as one shard."""

    place: Path
    pairs: FoundPairs
    only: Only | None
    policy: ImagePolicy | None
    cache: ShardCache

    @property
    def where(self) -> str:
        """What they are called in errors."""
        return str(self.place)

    @property
    def names(self) -> tuple[str, ...]:
        return ("",)

    @property
    def counts(self) -> tuple[int, ...]:
        return (len(self.pairs.hr),)

    @property
    def scale(self) -> Scale:
        return self.pairs.scale

    def column(self, shard: int, name: str) -> NoReturn:
        """Raise UsageError: nothing is told of image files."""
        raise UsageError(
            f"{self.where} holds images and no {name!r}: prepare a set of them and annotate that"
        )

    def open(self, shard: int) -> PairSource:
        """The pairs; raises UsageError, ImageError."""
        name = entry_name(
            ".pixels", folder_stamp(self.place), self.scale, self.only, self.policy, list(self.pairs.hr)
        )
        return decoded_once(self.pairs.source(self.policy), self.only, self.cache, name, 1)


@dataclass(frozen=True)
class SetShards:
    """The shards of a split of a prepared set; of one at an address each is brought when it is needed."""

    folder: Path  # with set.json and the index
    address: str | None  # of the set, where it is not all in that folder
    split: str
    scale: Scale
    only: Only | None
    cache: ShardCache

    @property
    def where(self) -> str:
        """What it is called in errors."""
        return str(self.folder) if self.address is None else shown(self.address)

    @property
    def names(self) -> tuple[str, ...]:
        files = read_set(self.folder).files
        known = {name: entry.sha256 for name, entry in files.items()}
        return tuple(f"{shard_name(one)} {known.get(shard_name(one))}" for one in self._held[0])

    @property
    def counts(self) -> tuple[int, ...]:
        """The images of the split in each."""
        return self._held[1]

    def open(self, shard: int) -> PairSource:
        """The pairs of a shard; raises DownloadError, HashMismatchError …"""
        reader = SetReader(self.folder)
        if self.address is not None:
            reader = RemoteReader(self.address, self.folder, self.cache)
        reader.__dict__["index"] = self._index  # read once
        number = self._held[0][shard]
        source = SetSource(reader, self.split, self.scale, number)
        reader.shard_file(number)
        if not source.decodes:
            return source
        content = reader.set
        name = entry_name(
            ".pixels",
            content.digest,
            content.files[shard_name(number)].sha256,
            self.split,
            self.scale,
            self.only,
        )
        return decoded_once(source, self.only, self.cache, name, len(source.sizes) / sum(self.counts))

    def column(self, shard: int, name: str) -> Sequence[Any]:
        """A column of the images of a shard; raises UnknownNameError."""
        rows = self._index.rows(self.split)
        here = rows[self._index.shards[rows] == self._held[0][shard]]
        values: Sequence[Any] = self._columns(name).take(pa.array(here))
        return values

    def _columns(self, name: str) -> pa.Array:
        """A column of all images, read once."""
        kept: dict[str, pa.Array] = self.__dict__.setdefault("_kept", {})
        if name not in kept:
            kept[name] = read_column(self.folder, read_set(self.folder), name, len(self._index))
        return kept[name]

    @cached_property
    def _index(self) -> Index:
        return Index.of_set(self.folder, read_set(self.folder))

    @cached_property
    def _held(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The numbers of the shards that hold images of the split, and how many each has."""
        found = np.unique(self._index.shards[self._index.rows(self.split)], return_counts=True)
        numbers, counts = (tuple(part.tolist()) for part in found)
        return numbers, counts


def set_shards(
    place: Path | str, split: str | None, scale: Scale | None, only: Only | None, cache: ShardCache
) -> SetShards:
    """The shards of a prepared set; UsageError where it has none or a choice is open, DownloadError …"""
    folder, address = (place, None) if isinstance(place, Path) else (described_here(place, cache), place)
    content, where = read_set(folder), place if address is None else shown(address)
    refuse_other_layouts(where, content)
    chosen = pick("split", split, sorted(content.counts), where)
    if only == "hr":  # of any scale, or of none
        scale = scale or Scale(1)
    else:
        scale = Scale(pick("scale", None if scale is None else str(scale), content.scales, where))
    return SetShards(folder, address, chosen, scale, only, cache)

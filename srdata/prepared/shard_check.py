"""Checking what is stored: every record of a shard against the hashes that it was sealed with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from srdata.errors import CorruptRecordError
from srdata.store.reader import SetReader
from srdata.store.records import Row, pixel_hash
from srdata.store.set_json import SET_FILE
from srdata.store.shards import ShardPlan
from srdata.store.tables.set_files import shard_name


class ImageCheck(NamedTuple):
    """What a check of one stored image found; `problem` is None where it is right."""

    row: int  # -1 for the shard as a whole
    problem: str | None


def check_shard(reader: SetReader, shard: int) -> Iterator[ImageCheck]:
    """Check the structure of a shard's file and then every image in it; the reader must have been made with
    `verify`.

    Of an image: its blocks have the hashes that the index has, its layers decode to the pixels that were
    stored, and it is the image that the index says it is. A shard whose structure is damaged is not read any
    further.
    """
    try:
        plans = (ShardPlan(reader.layout, reader.set.codec or "", one) for one in reader.set.shard_digests)
        if reader.header(shard) not in {plan.header for plan in plans}:
            what = "codec, block, scales or digest of the recipe"
            yield ImageCheck(-1, f"{reader.path}: {shard_name(shard)} has another {what} than {SET_FILE}")
            return
    except CorruptRecordError as error:
        yield ImageCheck(-1, str(error))
        return
    for row in np.flatnonzero(reader.index.shards == shard).tolist():
        try:
            yield ImageCheck(row, _problem(reader, row))
        except CorruptRecordError as error:
            yield ImageCheck(row, str(error))


def _problem(reader: SetReader, row: int) -> str | None:
    stored, index = reader.stored_row(row), reader.index
    indexed = index.stored_row(row)
    if "from" in reader.set.recipe and indexed.key.endswith(f"/{stored.key}"):  # told apart by their sets
        stored = stored.model_copy(update={"key": indexed.key})
    if stored.key != indexed.key:
        return f"{reader.path}: the shard holds image {stored.key!r} where the index has {indexed.key!r}"
    if different := [name for name in Row.model_fields if getattr(stored, name) != getattr(indexed, name)]:
        names = ", ".join(different)
        return f"{reader.path}: image {stored.key!r} has another {names} in the shard than in the index"
    for layer in reader.layers:
        if pixel_hash(reader.image(row, layer)) != stored.pixels.get(layer):
            return f"{reader.path}: image {stored.key!r}, layer {layer} has not the pixels it was stored with"
    return None

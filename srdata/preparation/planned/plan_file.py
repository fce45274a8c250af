"""A plan as a file: what is to be done for a set, so that parts of it can be done anywhere.

It is a Parquet table with a row for each image, in the order of the set, and the recipe in its metadata.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from srdata.common.strict_model import StrictModel
from srdata.discovery.image_addresses import address_of, image_at
from srdata.discovery.image_bytes import ImageFile
from srdata.errors import UsageError
from srdata.fetch.remote_files import bring_file, look_at, place_at
from srdata.fetch.shard_cache import ShardCache, entry_name
from srdata.preparation.source_items import Item, Listed, SourceItems
from srdata.recipes.image_choice import Tile
from srdata.recipes.set_recipe import Recipe
from srdata.store.tables.arrow_columns import column_of, numbers_of
from srdata.store.tables.parquet_file import write_tables

SCHEMA = pa.schema(
    [
        ("shard", pa.int32()),
        ("key", pa.string()),
        ("split", pa.string()),
        ("source", pa.string()),
        ("hr", pa.string()),  # an address
        ("lr", pa.string()),  # JSON: layer → address; empty where LR is made
        ("copy", pa.int16()),  # its number among those of the recipe; -1 for the image itself
        ("tile", pa.string()),  # JSON; empty where it is no tile
        ("height", pa.int32()),  # of the image, or of the copy, by its header; 0 where that is not known
        ("width", pa.int32()),
    ]
)
COLUMNS = SCHEMA.names[1:-2]  # that are known without looking into a file
_KEY = b"srdata-plan"
_CHUNK = 8192  # images
T = TypeVar("T")
TOKEN = "plan-"  # begins the token of every plan


class PlanHeader(StrictModel):
    """What a plan says besides its images."""

    format: Literal[1] = 1
    token: str = Field(pattern=f"^{TOKEN}[0-9a-f]{{32}}$")  # of the claim that all its parts have
    target: str  # an absolute path, or an address
    recipe: dict[str, Any]  # resolved, with the folder of its images
    digest: str
    shards: int = Field(ge=0)
    images: int = Field(ge=0)
    skip_bad: bool
    versions: dict[str, str]  # of what makes pixels


def chunks_of(items: Iterable[Item], recipe: Recipe) -> Iterator[pa.RecordBatch]:
    """The columns of a plan that are known without looking into files."""
    if isinstance(items, SourceItems) and items.listed is not None:
        found = (_listed_columns(some, recipe) for some in _some(items.listed()))
    else:
        found = (_item_columns(some, recipe) for some in _some(items))
    schema = pa.schema([SCHEMA.field(name) for name in COLUMNS])
    return (
        pa.RecordBatch.from_arrays(
            [column_of(columns[field.name], field.type) for field in schema], schema=schema
        )
        for columns in found
    )


def _some(images: Iterable[T]) -> Iterator[list[T]]:
    """As many at once as a chunk holds."""
    images = iter(images)
    while some := list(islice(images, _CHUNK)):
        yield some


def _item_columns(some: Sequence[Item], recipe: Recipe) -> dict[str, list[Any]]:
    copies = list(recipe.copies or ())
    return {
        "key": [item.key for item in some],
        "split": [item.split for item in some],
        "source": [item.source for item in some],
        "hr": [address_of(item.hr) for item in some],
        "lr": [_text_of(item.lr) for item in some],
        "copy": [-1 if item.copy is None else copies.index(item.copy) for item in some],
        "tile": ["" if item.tile is None else json.dumps(item.tile.plain) for item in some],
    }


def _listed_columns(some: Sequence[Listed], recipe: Recipe) -> dict[str, list[Any]]:
    """The same of images that are files and no more."""
    many = len(some)
    return {
        "key": [key for key, _, _ in some],
        "split": [split for _, split, _ in some],
        "source": [recipe.name] * many,
        "hr": [path for _, _, path in some],
        "lr": [""] * many,
        "copy": [-1] * many,
        "tile": [""] * many,
    }


def _text_of(lr: Mapping[str, ImageFile]) -> str:
    return json.dumps({layer: address_of(file) for layer, file in lr.items()}) if lr else ""


def items_of(rows: pa.RecordBatch | pa.Table, recipe: Recipe) -> Iterator[Item]:
    """The images of rows of a plan; raises UsageError."""
    copies = list(recipe.copies or ())
    for row in rows.to_pylist():
        try:
            lr = {layer: image_at(address) for layer, address in json.loads(row["lr"] or "{}").items()}
            copy = None if row["copy"] < 0 else copies[row["copy"]]
            tile = Tile(**json.loads(row["tile"])) if row.get("tile") else None
        except (ValueError, IndexError, AttributeError, TypeError) as error:
            raise UsageError(f"the plan is damaged at image {row['key']!r}: make it again") from error
        yield Item(row["key"], row["split"], row["source"], image_at(row["hr"]), lr, copy, tile)


def token_of(chunks: Sequence[pa.RecordBatch], facts: Mapping[str, object]) -> str:
    """What tells a plan from all others: plans for the same images, recipe and target have one."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for chunk in chunks:
        digest.update(chunk.serialize())
    return TOKEN + digest.hexdigest()[:32]


def write_plan_file(
    path: Path,
    chunks: Sequence[pa.RecordBatch],
    sizes: Sequence[Any],
    shards: NDArray[np.int32],
    header: PlanHeader,
) -> None:
    """Write a plan, whole or not at all.

    `sizes` holds height and width, (n, 2), for each chunk, `shards` the shard of every image, (images,).
    """
    schema = SCHEMA.with_metadata({_KEY: header.model_dump_json().encode()})

    def tables() -> Iterator[pa.Table]:
        start = 0
        for chunk, size in zip(chunks, sizes, strict=True):
            shard, height, width = (
                column_of(numbers, pa.int32())
                for numbers in (shards[start : start + len(chunk)], size[:, 0], size[:, 1])
            )
            yield pa.Table.from_arrays([shard, *chunk.columns, height, width], schema=schema)
            start += len(chunk)

    write_tables(path, tables(), schema)


def _no_plan(place: object) -> UsageError:
    return UsageError(f"there is no plan {place}: srdata prepare RECIPE --plan {place} makes it")


def _brought(address: str) -> Path:
    """The plan at an address, in the cache of this machine."""
    file = look_at(address)
    if file is None:
        raise _no_plan(address)
    return ShardCache().get(entry_name(".plan", file.identity), lambda path: bring_file(file, path))


@dataclass(frozen=True)
class PlanFile:
    """A plan that was written."""

    path: Path  # on this machine
    header: PlanHeader
    place: Path | str  # that or the address where it was taken from

    @property
    def target(self) -> Path | str:
        """The path or address of the set."""
        return place_at(self.header.target)

    @classmethod
    def read(cls, place: Path | str) -> PlanFile:
        """Raises UsageError for a file that is no plan, DownloadError."""
        path = place if isinstance(place, Path) else _brought(place)
        try:
            schema = pq.read_schema(path)
            header = PlanHeader.model_validate_json((schema.metadata or {}).get(_KEY, b""))
        except FileNotFoundError as error:
            raise _no_plan(path) from error
        except (OSError, pa.ArrowException, ValidationError) as error:
            raise UsageError(f"{place} is no plan of this version of srdata: make it again") from error
        if [(field.name, field.type) for field in schema] != [(field.name, field.type) for field in SCHEMA]:
            raise UsageError(f"{place} has other columns than a plan has: make it again")
        return cls(path, header, place)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe of the set; raises UsageError where this version of srdata reads another one."""
        try:
            recipe = Recipe.model_validate_json(json.dumps(self.header.recipe))
        except ValidationError as error:
            raise UsageError(
                f"{self.place}: {error.errors()[0]['msg']} in its recipe: make it again"
            ) from error
        if recipe.digest != self.header.digest:
            raise UsageError(f"{self.place} was made by another version of srdata: use one on all machines")
        return recipe

    def groups(self, first: int, last: int) -> dict[int, list[Item]]:
        """The images of the shards from `first` to before `last`."""
        rows = self._rows(first, last)
        groups: dict[int, list[Item]] = {}
        for shard, item in zip(rows["shard"].to_pylist(), items_of(rows, self.recipe), strict=True):
            groups.setdefault(shard, []).append(item)
        return groups

    def _rows(self, first: int, last: int) -> pa.Table:
        """The rows of these shards, which ascend; what pyarrow has for that imports pandas."""
        with pq.ParquetFile(self.path) as file:
            column = file.schema_arrow.get_field_index("shard")
            groups = [file.metadata.row_group(number).column(column) for number in range(file.num_row_groups)]
            ends = [(one.statistics.min, one.statistics.max) for one in groups]
            wanted = [number for number, (low, high) in enumerate(ends) if low < last and high >= first]
            rows = file.read_row_groups(wanted)
        start, end = np.searchsorted(numbers_of(rows["shard"]), (first, last))
        return rows[start:end]

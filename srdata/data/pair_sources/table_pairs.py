"""Pairs in a table of encoded images: a data set of the Hub, or of a folder that `datasets` reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from srdata.data.pair_sources.sources import DecodedSource, FileImages, PairSource, paired_source
from srdata.discovery.forms.table_columns import Columns, Given, SizeOf, choose_columns
from srdata.discovery.forms.table_parts import first_size
from srdata.errors import UnknownNameError, UsageError
from srdata.hub.address import HubName
from srdata.hub.encoded_images import EncodedColumn, Keys, Table
from srdata.hub.open_table import load
from srdata.images import ImagePolicy
from srdata.scale import Scale
from srdata.vocabulary import Only

_SIDES: tuple[Only, ...] = ("hr", "lr")
_SCALE = "scale"  # the column in which `srdata publish` says it


@dataclass(frozen=True)
class TableColumns:
    """The columns of a table beside its images; in tar files a text has its suffix in its name."""

    table: Table
    where: str

    def column(self, name: str) -> Any:
        """A value of each row; raises UnknownNameError."""
        return self.table.column(called_there(name, self.table.schema.names, self.where))


def called_there(name: str, names: Sequence[str], where: str) -> str:
    """What a table calls a column; raises UnknownNameError."""
    for form in (name, f"{name}.txt"):
        if form in names:
            return form
    raise UnknownNameError.among(f"column of {where}", name, names)


@dataclass(frozen=True)
class TableReading:
    """How pairs are read from tables with the same columns."""

    columns: Columns
    where: str  # what a table is called in errors
    roots: tuple[str, ...]  # the folders of files that it may name
    only: Only | None
    policy: ImagePolicy | None
    beside: tuple[str, ...] = ()  # other columns that are wanted, as the table calls them

    def source(self, table: Table, scale: Scale | None, first: int = 0, prefix: str = "") -> PairSource:
        """The pairs of a table; a scale of None is guessed. Raises UsageError, ImageError.

        `first` is the number of its first row, and `prefix` comes before numbers that stand for names.
        """
        columns = [
            EncodedColumn(table, name, self.where, self.roots, first)
            for name in (self.columns.hr, self.columns.lr)
            if name is not None
        ]
        keys = Keys(columns[0], self.columns.key, prefix)
        images, *more = (FileImages(column, self.policy) for column in columns)
        if more:
            return paired_source(keys, images, more[0], scale)
        scale = scale if scale and self.columns.hr else Scale(1)
        return DecodedSource(keys, images.headers().sizes, scale, images, images)


def choose_reading(
    schema: pa.Schema,
    where: str,
    roots: tuple[str, ...],
    columns: Given | None,
    only: Only | None,
    policy: ImagePolicy | None,
    size_of: SizeOf,
) -> TableReading:
    """How pairs are read from a table, HR alone where that is all that is wanted; raises UsageError."""
    found = choose_columns(schema, columns, where, size_of)
    if only == "hr":
        found = found._replace(lr=None)
    there: list[Only] = [side for side in _SIDES if getattr(found, side) is not None]
    if only is not None and only not in there:
        raise UsageError(f"{where} has no {only.upper()} images, so only={only!r} leaves nothing")
    alone = there[0] if len(there) == 1 else None
    return TableReading(found, where, roots, only or alone, policy)


def table_source(
    place: Path | HubName,
    config: str | None,
    split: str | None,
    *,
    columns: Given | None = None,
    only: Only | None = None,
    scale: Scale | None = None,
    policy: ImagePolicy | None = None,
) -> tuple[PairSource, Only | None, TableColumns]:
    """The pairs of a split of a data set, the side that alone is there or wanted, and its columns.

    Raises UsageError.
    """
    table, _, where, roots = load(place, config, split)
    size_of = first_size(table, where, roots)
    reading = choose_reading(table.schema, where, roots, columns, only, policy, size_of)
    return reading.source(table, scale or told_scale(table)), reading.only, TableColumns(table, where)


def told_scale(table: Table) -> Scale | None:
    """The scale of the pairs, where the table says it."""
    if _SCALE not in table.schema.names:
        return None
    told = table.column(_SCALE)[0].as_py()
    return Scale(told) if isinstance(told, int | float) else None

"""Pairs in a table of encoded images: a data set of the Hub, or of a folder that `datasets` reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from srdata.errors import UsageError
from srdata.hub.columns import Columns, Given, choose_columns
from srdata.hub.encoded import EncodedColumn, Keys, Table
from srdata.hub.loading import load
from srdata.hub.names import HubName
from srdata.images import ImagePolicy, Pixels, decode_image
from srdata.scale import Scale
from srdata.train.cutting import Only
from srdata.train.pairing import Sizes
from srdata.train.sources import DecodedSource, PairSource, paired_source

_SCALE = "scale"  # the column in which `srdata publish` says it


@dataclass(frozen=True)
class TableImages:
    """The images in a column of a table."""

    column: EncodedColumn
    policy: ImagePolicy | None

    def sizes(self) -> Sizes:
        """What their headers say."""
        return self.column.sizes()

    def image(self, number: int) -> Pixels:
        return decode_image(self.column.data(number), self.column.name(number), self.policy)


class TableSides(NamedTuple):
    """The images of a table; where one side alone is there or wanted, they stand for both."""

    keys: Sequence[str]
    hr: TableImages
    lr: TableImages
    alone: bool
    only: Only | None

    def source(self, scale: Scale | None) -> PairSource:
        """The pairs at a scale, which is guessed where it is None; raises UsageError, ImageError."""
        if not self.alone:
            return paired_source(self.keys, self.hr, self.lr, scale)
        scale = scale if scale and self.only == "hr" else Scale(1)
        return DecodedSource(self.keys, self.hr.sizes(), scale, self.hr, self.lr)


def table_source(
    place: Path | HubName,
    config: str | None,
    split: str | None,
    *,
    columns: Given | None = None,
    only: Only | None = None,
    scale: Scale | None = None,
    policy: ImagePolicy | None = None,
) -> tuple[PairSource, Only | None]:
    """The pairs of a split of a data set, and the side that alone is there or wanted; raises UsageError."""
    table, _, where, roots = load(place, config, split)
    found = choose_columns(table.schema, columns, where)
    sides = sides_of(table, found, where, roots, only, policy)
    return sides.source(scale or told_scale(table)), sides.only


def sides_of(
    table: Table,
    columns: Columns,
    where: str,
    roots: tuple[str, ...],
    only: Only | None,
    policy: ImagePolicy | None,
) -> TableSides:
    """The images in the columns of a table; HR alone where that is all that is wanted; raises UsageError."""
    there = {
        side: TableImages(EncodedColumn(table, name, where, roots), policy)
        for side, name in (("hr", columns.hr), ("lr", columns.lr))
        if name is not None and (side == "hr" or only != "hr")
    }
    if only is not None and only not in there:
        raise UsageError(f"{where} has no {only.upper()} images, so only={only!r} leaves nothing")
    first, *more = there.values()
    if not more:
        only = "hr" if "hr" in there else "lr"
    return TableSides(Keys(first.column, columns.key), first, more[0] if more else first, not more, only)


def told_scale(table: Table) -> Scale | None:
    """The scale of the pairs, where the table says it."""
    if _SCALE not in table.schema.names:
        return None
    told = table.column(_SCALE)[0].as_py()
    return Scale(told) if isinstance(told, int | float) else None

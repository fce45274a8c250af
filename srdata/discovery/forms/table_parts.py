"""The pairs in tables of images: Parquet, metadata.jsonl, what `srdata publish` or `datasets` wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srdata.discovery.forms.table_columns import Given, SizeOf, choose_columns, holds_images, is_plain
from srdata.discovery.found_parts import GIVEN, Part, Pile, Track, facing, scale_between
from srdata.discovery.image_bytes import ImageFile
from srdata.errors import SourceError, SrdataError, UsageError
from srdata.hub.encoded_images import EncodedColumn, EncodedImage, Keys, Table
from srdata.hub.open_table import holds_tables, load_all, within_reach
from srdata.hub.repository import card_in, configs_of
from srdata.images import ImageListing, probe
from srdata.scale import Scale
from srdata.store.folder_names import SPLITS

_FACTS = ("scale", "degradation")  # the columns in which `srdata publish` says how LR was made


def is_table(path: Path, listing: ImageListing) -> bool:
    """Whether a folder or file holds tables with images in them, or a card that says what its files are.

    `listing` is that of the folder, and empty for a file.
    """
    if not path.exists() or not holds_tables(path, listing):
        return False
    saved = any((path / name).is_file() for name in ("state.json", "dataset_dict.json"))
    if path.is_file() or saved or configs_of(card_in(path)):
        return True
    return any(True for _ in within_reach(listing, (".parquet", ".arrow")))


def table_parts(path: Path, given: Given | None = None) -> list[Part]:
    """A part for each config and split of the tables at `path`; UsageError, SourceError, ImageError."""
    configs = configs_of(card_in(path)) if path.is_dir() else ()
    parts = [part for config in configs or (None,) for part in _of_config(path, config, given)]
    several = len({track.scale for part in parts for track in part.lr}) > 1
    return [_of_scale(part) for part in parts] if several else parts


def _of_scale(part: Part) -> Part:
    return Part(part.split, part.hr, part.lr, next((track.scale for track in part.lr), None))


def _of_config(path: Path, config: str | None, given: Given | None) -> Iterator[Part]:
    found, roots = load_all(path, config)
    unknown = [name for name in found if name.lower() not in SPLITS]
    if unknown and len(found) > 1:
        raise UsageError(f"{path} has the splits {', '.join(unknown)}; known are {', '.join(SPLITS)}")
    for name, data in found.items():
        table, where = data.data, f"{path} {name}"
        if not any(holds_images(field.type) for field in table.schema):
            continue
        columns = choose_columns(table.schema, given, where, first_size(table, where, roots))
        sides = {
            side: EncodedColumn(table, column, where, roots)
            for side, column in (("hr", columns.hr), ("lr", columns.lr))
            if column is not None
        }
        if "hr" not in sides:
            raise UsageError(f"{where} holds LR images alone, in the column {columns.lr}: give HR images too")
        keys = list(Keys(sides["hr"], columns.key, f"{name}_" if len(found) > 1 else ""))
        piles = {side: Pile(path, _images(keys, column)) for side, column in sides.items()}
        split = SPLITS.get(name.lower()) if len(found) > 1 or name.lower() != "train" else None
        lr = {_track(table, piles): facing(piles["hr"], piles["lr"])} if "lr" in piles else {}
        yield Part(split, piles["hr"], lr)


def _images(keys: list[str], column: EncodedColumn) -> dict[str, ImageFile]:
    images: dict[str, ImageFile] = {}
    for row, key in enumerate(keys):
        if key in images:
            raise SourceError(f"{column.name(row)}: the key {key!r} stands twice: give each image its own")
        images[key] = EncodedImage(column, row)
    return images


def _track(table: Table, piles: dict[str, Pile]) -> Track:
    """How LR was made, and its scale, by what the table says, else by the sizes of the first images."""
    facts: dict[str, Any] = {
        name: table.column(name)[0].as_py()
        for name in _FACTS
        if name in table.schema.names and len(table) and is_plain(table.schema.field(name).type)
    }
    name, told = facts.get("degradation"), facts.get("scale")
    scale = Scale(told) if isinstance(told, int | float) else scale_between(piles["hr"], piles["lr"])
    return Track(name if isinstance(name, str) and name else GIVEN, scale)


def first_size(table: Table, where: str, roots: tuple[str, ...]) -> SizeOf:
    """The size of the first image of a column, None where it cannot be read."""

    def size(column: str) -> tuple[int, int] | None:
        encoded = EncodedColumn(table, column, where, roots)
        try:
            with encoded.open(0) as file:
                return probe(file, encoded.name(0)).size
        except (SrdataError, OSError, IndexError):
            return None

    return size

"""The pairs that the metadata of an ImageFolder names: a row for each, with hr_file_name and lr_file_name."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from srdata.common.files import inside
from srdata.discovery.by_name.image_sizes import size_or_none
from srdata.discovery.forms.table_columns import choose_columns
from srdata.discovery.found_parts import GIVEN, Part, Pile, Track, facing, scale_between
from srdata.discovery.image_bytes import ImageFile
from srdata.errors import SourceError, UsageError
from srdata.scale import Scale
from srdata.store.folder_names import SPLITS

_NAMES = ("metadata.jsonl", "metadata.csv")
_FILE = "file_name"  # what the columns of files end in
_LONGEST_BYTES = 1 << 30


def metadata_parts(path: Path) -> list[Part]:
    """A part for each metadata file in a folder, or in the folders of its splits, that names pairs."""
    places = [path / name for name in _NAMES] if path.is_dir() else []
    places += [one for name in _NAMES for one in sorted(path.glob(f"*/{name}"))] if path.is_dir() else []
    return [part for one in places if one.is_file() and (part := _part(one)) is not None]


def _part(metadata: Path) -> Part | None:
    """The pairs of a metadata file; None where its rows name one file each."""
    rows = list(_rows(metadata))
    files = [name for name in (rows[0] if rows else {}) if name.endswith(_FILE)]
    if len(files) < 2:
        return None
    columns = {name.removesuffix(_FILE).rstrip("_") or "image": name for name in files}
    schema = pa.schema([*((name, pa.binary()) for name in columns), *_others(rows[0], files)])
    folder = metadata.parent
    first = {name: _path(folder, rows[0], column) for name, column in columns.items()}
    chosen = choose_columns(schema, None, metadata, lambda name: size_or_none(first[name]))
    if chosen.hr is None:
        raise UsageError(f"{metadata} names LR images alone: give hr_file_name too")
    sides = {side: columns[name] for side, name in (("hr", chosen.hr), ("lr", chosen.lr)) if name is not None}
    piles: dict[str, dict[str, ImageFile]] = {side: {} for side in sides}
    for row in rows:
        key = str(row[chosen.key]) if chosen.key else PurePosixPath(str(row.get(sides["hr"]))).stem
        if key in piles["hr"]:
            raise SourceError(f"{metadata}: the key {key!r} stands twice: give each image its own, as `key`")
        for side, column in sides.items():
            piles[side][key] = _path(folder, row, column)
    hr, *low = (Pile(folder, images) for images in piles.values())
    lr = {_track(rows[0], hr, one): facing(hr, one) for one in low}
    return Part(SPLITS.get(folder.name.lower()), hr, lr)


def _others(row: dict[str, Any], files: list[str]) -> list[tuple[str, pa.DataType]]:
    return [(name, pa.string()) for name in row if name not in files]


def _rows(metadata: Path) -> Iterator[dict[str, Any]]:
    """The rows of a metadata file; raises SourceError where it is damaged."""
    if metadata.stat().st_size > _LONGEST_BYTES:
        raise SourceError(f"{metadata} is larger than {_LONGEST_BYTES} bytes; it is not read")
    try:
        with metadata.open(encoding="utf-8-sig", newline="") as file:
            if metadata.suffix == ".csv":
                yield from _cells(csv.DictReader(file))
                return
            for line in filter(str.strip, file):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("a line is no object")
                yield row
    except (ValueError, csv.Error, RecursionError) as error:
        raise SourceError(f"{metadata} is damaged ({error}): get it again") from error


def _cells(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        if None in row:  # where `csv` puts them
            raise ValueError("a row has more cells than there are columns")
        yield row


def _path(folder: Path, row: dict[str, Any], column: str) -> Path:
    """The file that a row names; SourceError where there is no name, UsageError for one that leads out."""
    name = row.get(column)
    if not isinstance(name, str) or not name:
        raise SourceError(f"{folder}: a row of the metadata has no {column}: give one")
    return inside(folder, name)


def _track(row: dict[str, Any], hr: Pile, lr: Pile) -> Track:
    name, told = row.get("degradation"), row.get("scale")
    told = told if isinstance(told, int | float | str) else None
    return Track(str(name) if name else GIVEN, Scale(told) if told else scale_between(hr, lr))

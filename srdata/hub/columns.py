"""Which columns of a table hold the HR images, the LR images and their keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pyarrow as pa

from srdata.errors import UnknownNameError, UsageError

Given = Mapping[str, str]  # "hr", "lr" or "key" → the name of a column

# The names in use; in tar files they are the suffixes of the files.
_USUAL: dict[str, tuple[str, ...]] = {
    "hr": ("hr", "hr.png", "image", "png", "jpg", "webp"),
    "lr": ("lr", "lr.png"),
    "key": ("key", "__key__"),
}


class Columns(NamedTuple):
    """Names of columns; None where a table has no such one, or none is wanted."""

    hr: str | None
    lr: str | None
    key: str | None


def choose_columns(schema: pa.Schema, given: Given | None, where: object) -> Columns:
    """The columns of `schema` as `given`, else by their usual names.

    Raises UnknownNameError for names that are not there, UsageError where no column holds images of either
    side; both list the columns.
    """
    given = given or {}
    for role, name in given.items():
        if role not in _USUAL:
            raise UnknownNameError.among("role of a column", role, _USUAL)
        if name not in schema.names:
            raise UnknownNameError(f"{where} has no column {name!r}, {_what(schema)}")
    found = Columns(*(given.get(role) or _usual(role, schema) for role in _USUAL))
    for side in filter(None, (found.hr, found.lr)):
        if not holds_images(kind := schema.field(side).type):
            raise UsageError(f"{where}: column {side!r} holds {kind}, no images; {_what(schema)}")
    if found.hr is None and found.lr is None:
        raise UsageError(f"{where} has none of the columns lr, hr and image, {_what(schema)}")
    return found


def _usual(role: str, schema: pa.Schema) -> str | None:
    return next((name for name in _USUAL[role] if name in schema.names), None)


def _what(schema: pa.Schema) -> str:
    images = _listed(field.name for field in schema if holds_images(field.type))
    others = _listed(field.name for field in schema if not holds_images(field.type))
    return f"it has images in {images}, other things in {others}: name them by columns={{'hr': …, 'lr': …}}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "no column"


def holds_images(kind: pa.DataType) -> bool:
    """Whether a column of this type holds encoded images: bytes, or bytes or the path of a file."""
    if pa.types.is_struct(kind):
        return any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

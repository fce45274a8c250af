"""Which columns of a table hold the HR images, the LR images and their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import pyarrow as pa

from srdata.discovery.by_name.name_marks import Side, marks_of_folder
from srdata.errors import UnknownNameError, UsageError

Given = Mapping[str, str]  # "hr", "lr" or "key" → the name of a column
SizeOf = Callable[[str], tuple[int, int] | None]  # of the first image in a column, where it can be read

# The names in use; in tar files they are the suffixes of the files.
_USUAL: dict[str, tuple[str, ...]] = {
    "hr": ("hr", "hr.png", "image", "png", "jpg", "webp"),
    "lr": ("lr", "lr.png"),
    "key": ("key", "__key__"),
}
_CLEAR: dict[Side, tuple[str, ...]] = {"hr": ("hr", "hr.png"), "lr": ("lr", "lr.png")}


class Columns(NamedTuple):
    """Names of columns; None where a table has no such one, or none is wanted."""

    hr: str | None
    lr: str | None
    key: str | None


def choose_columns(
    schema: pa.Schema, given: Given | None, where: object, size_of: SizeOf = lambda column: None
) -> Columns:
    """The columns of `schema` as `given`, else by what their names say and the sizes of their images.

    Raises UnknownNameError for names that are not there, UsageError where no column holds images of either
    side or it is not clear which is HR; all list the columns.
    """
    given = given or {}
    for role, name in given.items():
        if role not in _USUAL:
            raise UnknownNameError.among("role of a column", role, _USUAL)
        if name not in schema.names:
            raise UnknownNameError(f"{where} has no column {name!r}, {_what(schema)}")
    found = Columns(*(given.get(role) or _usual(role, schema) for role in _USUAL))
    if not {"hr", "lr"} & set(given) and None in _clear(schema):
        found = _by_name_and_size(schema, found, where, size_of)
    for side in filter(None, (found.hr, found.lr)):
        if not holds_images(kind := schema.field(side).type):
            raise UsageError(f"{where}: column {side!r} holds {kind}, no images; {_what(schema)}")
    if found.key is not None and not is_plain(kind := schema.field(found.key).type):
        raise UsageError(f"{where}: column {found.key!r} holds {kind}, no keys of images; {_what(schema)}")
    if found.hr is None and found.lr is None:
        raise UsageError(f"{where} has none of the columns lr, hr and image, {_what(schema)}")
    return found


def _usual(role: str, schema: pa.Schema) -> str | None:
    return next((name for name in _USUAL[role] if name in schema.names), None)


def _clear(schema: pa.Schema) -> tuple[str | None, str | None]:
    """The columns that are called just hr and lr."""
    hr, lr = (next((name for name in names if name in schema.names), None) for names in _CLEAR.values())
    return hr, lr


def _by_name_and_size(schema: pa.Schema, usual: Columns, where: object, size_of: SizeOf) -> Columns:
    """The columns of a table in which not both are called by their sides."""
    images = [field.name for field in schema if holds_images(field.type)]
    said = {name: marks_of_folder(name)[0].side for name in images}
    high, low = ([name for name in images if said[name] == side] for side in ("hr", "lr"))
    if len(images) < 2 or not (high or low or _smaller(images, size_of)):
        return usual
    if len(high) > 1 or len(low) > 1 or len(images) > 2:
        if len(high) == len(low) == 1:
            return Columns(high[0], low[0], usual.key)
        if not (high or low):
            return usual  # pictures of other things beside the images
        raise UsageError(f"{where}: which columns are HR and LR is not clear, {_what(schema)}")
    rest = next((name for name in images if name not in (*high, *low)), None)
    hr, lr = (high or [rest])[0], (low or [rest])[0]
    if not (high or low):
        hr, lr = sorted(images, key=lambda name: size_of(name) or (0, 0), reverse=True)
    return _by_size(schema, Columns(hr, lr, usual.key), where, size_of, sure=bool(high and low))


def _by_size(schema: pa.Schema, found: Columns, where: object, size_of: SizeOf, *, sure: bool) -> Columns:
    """The columns if the first images agree; raises UsageError where LR is not the smaller one."""
    high, low = (size_of(name or "") for name in (found.hr, found.lr))
    smaller = high is not None and low is not None and low[0] < high[0] and low[1] < high[1]
    if smaller or (sure and (high == low or None in (high, low))):
        return found
    raise UsageError(
        f"{where}: by their names and sizes it is not clear which of {found.hr} and {found.lr} is HR and LR, "
        f"{_what(schema)}"
    )


def _smaller(images: list[str], size_of: SizeOf) -> bool:
    """Whether of two columns one holds a smaller version of the other by a whole number."""
    if len(images) != 2:
        return False
    sizes = sorted(filter(None, map(size_of, images)))
    if len(sizes) < 2:
        return False
    (low, lower), (high, higher) = sizes
    return high // low > 1 and high // low == higher // lower and not (high % low or higher % lower)


def _what(schema: pa.Schema) -> str:
    images = _listed(field.name for field in schema if holds_images(field.type))
    others = _listed(field.name for field in schema if not holds_images(field.type))
    return f"it has images in {images}, other things in {others}: name them by columns={{'hr': …, 'lr': …}}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "no column"


def holds_images(kind: pa.DataType) -> bool:
    """Whether a column of this type holds encoded images: bytes, or bytes or the path of a file."""
    if not pa.types.is_struct(kind):
        return _is_bytes(kind)
    fields = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
    path = fields.get("path", pa.string())
    texts = pa.types.is_string(path) or pa.types.is_large_string(path) or pa.types.is_null(path)
    held = fields.get("bytes")  # of no type where there are paths alone
    bytes_or_none = held is not None and (_is_bytes(held) or pa.types.is_null(held))
    return texts and len(fields) == kind.num_fields and bytes_or_none


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def is_plain(kind: pa.DataType) -> bool:
    """Whether a column of this type holds texts or numbers, which have few forms in Python."""
    of = pa.types
    return any(one(kind) for one in (of.is_string, of.is_large_string, of.is_integer, of.is_floating))

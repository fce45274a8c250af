"""Arrays of numbers in a .mat file of MATLAB's level 5, read within bounds: scipy can be made to crash.

Structures, text, sparse and complex arrays are passed over. Format: MathWorks, "MAT-File Format", chapter 1.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdata.common.wording.amounts import how_many
from srdata.errors import UsageError

_HEADER, _TAG = 128, 8  # bytes
_MATRIX, _COMPRESSED, _CELL, _COMPLEX = 14, 15, 1, 0x800
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_MOST_BYTES = 256 << 20  # that the compressed variables of a file unpack to
_DEEPEST = 4  # cells within cells
_MOST_ELEMENTS = 100_000  # of a file; each costs time, however few bytes it takes


@dataclass
class _Reading:
    """The order of the bytes of a file, and how many elements and unpacked bytes may still come."""

    order: str
    left: int = _MOST_ELEMENTS
    bytes_left: int = _MOST_BYTES


def read_mat(content: bytes, name: str) -> dict[str, NDArray[Any]]:
    """The numeric arrays of a .mat file by their names; a cell array holds arrays as objects.

    Raises UsageError, which begins with `name`, for what is damaged or of another version.
    """
    if content[:8] == b"\x89HDF\r\n\x1a\n" or content[:10] == b"MATLAB 7.3":
        raise UsageError(f"{name}: is a .mat file of version 7.3: save it with -v7, or as .npy")
    if len(content) < _HEADER or content[126:128] not in (b"IM", b"MI"):
        raise UsageError(f"{name}: is no .mat file of MATLAB's level 5: save it with -v7, or as .npy")
    file = _Reading("<" if content[126:128] == b"IM" else ">")
    try:
        found = (_matrix(data, file, 0) for data in _variables(memoryview(content)[_HEADER:], file))
        return {title: array for title, array in found if array is not None}
    except (ValueError, zlib.error, UnicodeDecodeError) as error:
        raise UsageError(f"{name}: is a damaged .mat file ({error}): get it again") from error


def _variables(data: memoryview, file: _Reading) -> Iterator[memoryview]:
    for kind, part in _elements(data, file):
        if kind == _COMPRESSED:
            unpacked = zlib.decompressobj().decompress(part, max(1, file.bytes_left))
            file.bytes_left -= len(unpacked)
            yield from (inner for kind, inner in _elements(memoryview(unpacked), file) if kind == _MATRIX)
        elif kind == _MATRIX:
            yield part


def _elements(data: memoryview, file: _Reading) -> Iterator[tuple[int, memoryview]]:
    """Type and content of each element, one after another."""
    while len(data):
        if len(data) < _TAG:
            raise ValueError("it is cut")
        file.left -= 1
        if file.left < 0:
            raise ValueError(f"it has more than {_MOST_ELEMENTS} elements")
        kind, size = np.frombuffer(data[:_TAG], f"{file.order}u4").tolist()
        start, length = _TAG, size
        if kind >> 16:  # up to 4 bytes, within the tag
            kind, size, start = kind & 0xFFFF, kind >> 16, 4
            length = 4
        if size > length or start + size > len(data):
            raise ValueError("it is cut")
        yield kind, data[start : start + size]
        data = data[start + (length if kind == _COMPRESSED or start == 4 else -(-size // 8) * 8) :]


def _matrix(data: memoryview, file: _Reading, depth: int) -> tuple[str, NDArray[Any] | None]:
    """Name and content of an array; None for one of another class."""
    parts = _elements(data, file)
    (_, flags), (_, sizes), (_, title), *rest = [next(parts, (0, data[:0])) for _ in range(3)] + [*parts]
    word = int(np.frombuffer(flags[:4], f"{file.order}u4")[0]) if len(flags) >= 4 else 0
    shape = tuple(np.frombuffer(sizes, f"{file.order}i4").tolist())
    name, kind = bytes(title).decode("ascii"), word & 0xFF
    if min(shape, default=-1) < 0 or word & _COMPLEX or kind not in (_CELL, *_CLASSES):
        return name, None
    if kind == _CELL:
        return name, _cells(rest, shape, file, depth)
    stored, samples = rest[0] if rest else (0, data[:0])
    if stored not in _STORED:
        raise ValueError("an array has no numbers")
    values = np.frombuffer(samples, file.order + _STORED[stored])
    if len(values) != math.prod(shape):
        raise ValueError(f"an array of {shape} holds {how_many(len(values), 'number')}")
    return name, values.astype(_CLASSES[kind]).reshape(shape, order="F")


def _cells(
    parts: list[tuple[int, memoryview]], shape: tuple[int, ...], file: _Reading, depth: int
) -> NDArray[Any]:
    if depth >= _DEEPEST or len(parts) != math.prod(shape):
        raise ValueError("a cell array holds cells too deep, or not as many as it says")
    cells = np.empty(len(parts), object)
    for number, (_, part) in enumerate(parts):
        array = _matrix(part, file, depth + 1)[1]
        cells[number] = np.zeros(0) if array is None else array
    return cells.reshape(shape, order="F")

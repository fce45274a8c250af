"""Columns of Arrow from plain values, and back to numpy.

What pyarrow has for that imports pandas, which takes a quarter of a second, or its compute functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def column_of(values: Sequence[Any] | NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Numbers, texts or bytes as a column of this type; none of them is missing."""
    if pa.types.is_dictionary(kind):
        places: dict[Any, int] = {}
        numbers = [places.setdefault(value, len(places)) for value in values]
        return pa.DictionaryArray.from_arrays(
            column_of(numbers, kind.index_type), column_of(list(places), kind.value_type)
        )
    if pa.types.is_string(kind) and (text := "".join(values)).isascii():  # as most
        return _from_buffers(kind, len(values), _ends(values), text.encode())
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        cells = [value.encode() if isinstance(value, str) else value for value in values]
        return _from_buffers(kind, len(cells), _ends(cells), b"".join(cells))
    if pa.types.is_fixed_size_binary(kind):
        return _from_buffers(kind, len(values), b"".join(values))
    return _from_buffers(kind, len(values), np.array(values, kind.to_pandas_dtype()))


def _ends(cells: Iterable[Any]) -> NDArray[np.int32]:
    """Where in the bytes of cells that follow each other each begins, and the last ends."""
    return np.cumsum([0, *map(len, cells)], dtype=np.int32)


def _from_buffers(kind: pa.DataType, length: int, *buffers: Any) -> pa.Array:
    return pa.Array.from_buffers(kind, length, [None, *map(pa.py_buffer, buffers)])


def numbers_of(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """The numbers of a column without gaps, of its own type."""
    dtype = np.dtype(column.type.to_pandas_dtype())
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype, len(chunk), dtype.itemsize * chunk.offset)
        for chunk in chunks
        if len(chunk)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def spans_of(column: pa.Array) -> tuple[NDArray[np.int32], Any]:
    """Where in the bytes of a column of texts or bytes each begins, and the last ends; and these bytes."""
    if not len(column):
        return np.zeros(1, np.int32), b""
    _, ends, cells = column.buffers()
    return np.frombuffer(ends, np.int32)[column.offset :][: len(column) + 1], cells or b""


def texts_at(column: pa.StringArray, rows: NDArray[np.integer]) -> list[str]:
    """The texts of a column without gaps in some rows."""
    places, found = spans_of(column)
    cells = memoryview(found)
    spans = zip(places[rows].tolist(), places[rows + 1].tolist(), strict=True)
    return [str(cells[start:end], "utf-8") for start, end in spans]


def numbers_or(missing: float, column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """The numbers of a column, and `missing` in its gaps."""
    return np.where(valid(column), numbers_of(column), missing)


def valid(column: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """Where a column has no gap."""
    return numbers_of(column.is_valid().cast(pa.uint8())).astype(bool)

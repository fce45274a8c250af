"""Arrays of numbers in .npy and .npz files, within bounds: what a header says, the file has to hold."""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from srdata.common.wording.amounts import how_many
from srdata.errors import UsageError

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# What numpy's reader of headers and zipfile raise for bytes that are not theirs: a header is Python's text,
# which may end early or be too deep; a member of a .npz may be encrypted (RuntimeError), packed in a way that
# is not known (NotImplementedError) or not be there (KeyError).
_DAMAGE = (
    *(ValueError, TypeError, SyntaxError, OverflowError, RecursionError, MemoryError, EOFError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, KeyError),
)
_LARGEST_MEMBER = 64 << 20  # bytes, unpacked, of a .npz


def read_npy(content: bytes, name: str) -> NDArray[Any]:
    """The array in the bytes of a .npy file, not to be written to.

    Raises UsageError, which begins with `name`, for what is damaged, and for objects, which are pickles.
    """
    try:
        return _array(content)
    except _DAMAGE as error:
        raise UsageError(f"{name}: is no .npy file of plain numbers ({_first_line(error)})") from error


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz file by their names; raises UsageError."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {one.filename: one.file_size for one in archive.infolist()}
            if sum(members.values()) > _LARGEST_MEMBER:
                raise ValueError(f"it unpacks to more than {_LARGEST_MEMBER} bytes")
            return {name.removesuffix(".npy"): _array(archive.read(name)) for name in members}
    except (OSError, *_DAMAGE) as error:
        raise UsageError(f"{path}: is no .npz file of plain numbers ({_first_line(error)})") from error


def _array(content: bytes) -> NDArray[Any]:
    file = io.BytesIO(content)
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"version {version} is for names of columns")
    shape, by_columns, kind = _HEADERS[version](file)
    values = content[file.tell() :]
    if kind.kind not in "biufc" or min(shape, default=0) < 0:
        raise ValueError(f"it holds {kind} of shape {shape}")
    if math.prod(shape) * kind.itemsize != len(values):
        raise ValueError(f"{shape} of {kind} do not fill the {how_many(len(values), 'byte')} that it has")
    return np.frombuffer(values, kind).reshape(shape, order="F" if by_columns else "C")


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:120] or type(error).__name__

"""Blur kernels that others estimated or measured, read from .npy and .mat files. Nothing is unpickled."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from srdata.common.array_files.mat_file import read_mat
from srdata.common.array_files.npy_file import read_npy
from srdata.degrade.numerics.blur_kernels import Kernel
from srdata.errors import UsageError

LARGEST = 255  # pixels along a side


class KernelFile(NamedTuple):
    """The kernels of a file, square and odd, each summing to 1, and the SHA-256 of the file."""

    kernels: tuple[Kernel, ...]
    sha256: str


@cache
def read_kernels(path: str) -> KernelFile:
    """The kernels in a .npy file (…, height, width) or in all arrays of a .mat file.

    They are turned by 180°, so that applying them as a correlation convolves, as MATLAB and KAIR do.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    mat = path.endswith(".mat")
    arrays = _from_mat(content, path) if mat else _plain(read_npy(content, path))
    planes = [plane for array in arrays for plane in array.reshape(-1, *array.shape[-2:])]
    if not planes:
        raise UsageError(f"{path}: holds no kernel, that is no array of two or more axes")
    kernels = tuple(as_correlation(plane, path) for plane in planes)
    return KernelFile(kernels, hashlib.sha256(content).hexdigest())


def _from_mat(content: bytes, path: str) -> list[NDArray[Any]]:
    return [array for value in read_mat(content, path).values() for array in _plain(value)]


def _plain(value: Any) -> list[NDArray[Any]]:
    """The numeric arrays of two or more axes in a value, looking into the cells of MATLAB."""
    array = np.asarray(value)
    if array.dtype == object:
        return [found for cell in array.ravel() for found in _plain(cell)]
    return [array] if array.ndim >= 2 and array.dtype.kind in "fiu" and min(array.shape[-2:]) > 1 else []


def as_correlation(plane: NDArray[Any], path: str) -> Kernel:
    """A kernel turned by 180°, its middle (of an even side: the sample after it) in that of an odd square.

    Raises UsageError, which names `path`, for what does not sum to above 0.
    """
    height, width = plane.shape
    if max(plane.shape) > LARGEST or not np.isfinite(plane).all() or plane.sum() <= 0:
        raise UsageError(f"{path}: a kernel of {width}x{height} is too large, or does not sum to above 0")
    reach = max(height // 2, width // 2)
    square = np.zeros((2 * reach + 1, 2 * reach + 1))
    top, left = reach - height // 2, reach - width // 2
    square[top : top + height, left : left + width] = plane / plane.sum()
    return square[::-1, ::-1].copy()

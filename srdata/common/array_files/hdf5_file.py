"""HDF5 files, which need h5py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from srdata.errors import MissingExtraError

GROUPS = ("lr", "hr")  # of super-image's files


def open_hdf5(path: Path, mode: str) -> Any:
    """Open an HDF5 file; raises MissingExtraError, or OSError when it is none."""
    return hdf5_library().File(path, mode)


def hdf5_library() -> Any:
    """h5py; raises MissingExtraError."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError.of("h5py") from error
    return h5py

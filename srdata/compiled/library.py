"""The compiled library, where srdata was installed with one.

`SRDATA_COMPILED=0` in the environment turns it off.
"""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from numpy.typing import NDArray

from srdata.compiled.build_library import library_path

SWITCH = "SRDATA_COMPILED"
POINTER, INTEGER = ctypes.c_void_p, ctypes.c_int64

_log = logging.getLogger(__name__)


@cache
def library() -> ctypes.CDLL | None:
    """The library of these very C files; None where there is none, or where it does not run."""
    if os.environ.get(SWITCH) == "0" or not (path := library_path()).exists():
        return None
    try:
        found = ctypes.CDLL(str(path))
    except OSError as error:
        _log.warning("%s cannot be loaded, numpy and torch are used instead: %s", path, error)
        return None
    return found if found.srdata_runs_here() else None


@cache
def function(name: str, types: tuple[type, ...], gives: type | None = None) -> Callable[..., Any]:
    """A function of the library, which takes values of these types; while it runs, other threads run."""
    found: Any = getattr(library(), name)
    found.argtypes, found.restype = types, gives
    called: Callable[..., Any] = found
    return called


def address(array: NDArray[Any]) -> int:
    """Where in memory an array begins."""
    found: int = array.__array_interface__["data"][0]
    return found

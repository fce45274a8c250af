"""Bringing the pages of mapped files into memory, where a set is larger than that.

Files are mapped for reading at random, so a page that is not in memory is read by itself when it is touched,
and the next one after it. Asked for at once, those of a batch come in a quarter of the time; but asking costs
as much as copying where all of them are there.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from srdata.store.block_reading.mapped_rows import ORIGIN

_PAGE = 4096  # bytes; where pages are larger, the system asks for more
_GAP = 16  # pages between two that are asked for with them
_WILL_NEED = 3  # of madvise(2), on Linux
_LASTS = 64  # batches for which is asked, after one that waited


class Waiting:
    """Whether batches lately had to wait for pages."""

    def __init__(self) -> None:
        self._faults = major_faults()
        self._left = 0

    def __bool__(self) -> bool:
        return self._left > 0

    def look(self) -> None:
        """See whether the last batch had to."""
        now = major_faults()
        self._left = _LASTS if now > self._faults else max(0, self._left - 1)
        self._faults = now


def major_faults() -> int:
    """How often this process waited for a page until now; 0 where nothing could be done about it."""
    if sys.platform != "linux":
        return 0
    try:
        import resource  # which Windows has not
    except ModuleNotFoundError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_majflt


def ask_for(places: NDArray[np.int64], width: int) -> None:
    """Ask for the pages with so many bytes at each of these places, see `place_of`, not waiting for them."""
    starts = places.reshape(-1) + ORIGIN
    pages = np.unique(np.concatenate([starts, starts + width - 1]) // _PAGE)
    cuts = np.flatnonzero(np.diff(pages) > _GAP)
    firsts, lasts = pages[np.r_[0, cuts + 1]], pages[np.r_[cuts, len(pages) - 1]]
    advise = _advise()
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        advise(first * _PAGE, (last + 1 - first) * _PAGE, _WILL_NEED)


@cache
def _advise() -> Callable[[int, int, int], int]:
    """madvise; what it cannot do is left undone."""
    found = ctypes.CDLL(None).madvise
    found.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return found

"""Images that are decoded once: their pixels in a file of the cache, which all processes of a machine map.

A file begins with a number for each image, 0 until its pixels stand in their place and their hash afterwards.
Who finds 0, or not that hash, decodes the image and writes it there.
"""

from __future__ import annotations

import logging
import mmap
import os
import sys
import threading
from collections import OrderedDict

import numpy as np
import xxhash

from srdata.common.files import storage_errors
from srdata.data.crops.read_crops import Sides
from srdata.data.crops.whole_pairs import HostSource, bytes_of, whole_pair, whole_shapes
from srdata.data.pair_sources.sources import PairSource
from srdata.fetch.shard_cache import ShardCache
from srdata.vocabulary import Only

_PAGE = 4096
_IN_MEMORY = 1 << 30  # bytes of decoded images where files have no room for them

_log = logging.getLogger(__name__)


class PixelFile(HostSource):
    """The pairs of another source, kept in a file of the cache from the first time that one is read."""

    def __init__(self, source: PairSource, only: Only | None, cache: ShardCache, name: str) -> None:
        super().__init__(source, only)
        count = len(source.sizes)
        cells = (source.sizes // source.scale.numerator).prod(axis=1)
        p, q = source.scale.as_integer_ratio()
        each = cells * source.channels * ((q * q) * (only != "hr") + (p * p) * (only != "lr"))
        begin = -(-8 * count // _PAGE) * _PAGE
        self._starts = begin + np.concatenate([[0], np.cumsum(each)])
        self._path = cache.folder / name
        self._file = _Opened(cache.place(name, size := int(self._starts[-1])))
        self._pixels = np.frombuffer(mmap.mmap(self._file.handle, size, access=mmap.ACCESS_READ), np.uint8)
        self._hashes = self._pixels[: 8 * count].view(np.uint64)
        self._compared = bytearray(count)  # by this process

    def _whole(self, image: int) -> Sides:
        start, end = self._starts[image : image + 2].tolist()
        there = self._pixels[start:end]
        if not self._compared[image]:
            if not self._hashes[image] or self._hashes[image] != _hash(there):
                self._fill(image, start)
            self._compared[image] = 1
        lr, hr = whole_shapes(self._source, image, self._only)
        middle = int(np.prod(lr))
        return there[:middle].reshape(lr), there[middle:].reshape(hr)

    def _fill(self, image: int, start: int) -> None:
        pixels = np.concatenate([side.ravel() for side in whole_pair(self._source, image, self._only)])
        with storage_errors(self._path):
            os.pwrite(self._file.handle, pixels.data, start)
            os.pwrite(self._file.handle, _hash(pixels).to_bytes(8, sys.byteorder), 8 * image)


class RecentPairs(HostSource):
    """The pairs of another source, of which those used last are kept in memory."""

    def __init__(self, source: PairSource, only: Only | None) -> None:
        super().__init__(source, only)
        self._recent: OrderedDict[int, Sides] = OrderedDict()
        self._most = max(1, _IN_MEMORY * max(1, len(source.sizes)) // max(1, bytes_of(source, only)))
        self._lock = threading.Lock()

    def _whole(self, image: int) -> Sides:
        with self._lock:
            if image in self._recent:
                self._recent.move_to_end(image)
                return self._recent[image]
        found = whole_pair(self._source, image, self._only)
        with self._lock:
            self._recent[image] = found
            while len(self._recent) > self._most:
                self._recent.popitem(last=False)
        return found


def decoded_once(
    source: PairSource, only: Only | None, cache: ShardCache, name: str, share: float
) -> HostSource:
    """The pairs of a shard, decoded once on this machine if the cache has room for those of all shards.

    `share` of the images of all shards are in this one.
    """
    needed = bytes_of(source, only)
    if share and needed / share <= cache.limit / 2:  # the other half is for the shards themselves
        return PixelFile(source, only, cache, name)
    _log.info(
        "decoded, the images take %.1f GB: those used last are kept in memory", needed / (share or 1) / 1e9
    )
    return RecentPairs(source, only)


class _Opened:
    """A file that is closed when nobody needs it."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __del__(self) -> None:
        os.close(self.handle)


def _hash(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> int:
    return xxhash.xxh3_64_intdigest(pixels) or 1  # type: ignore[arg-type]  # any buffer will do

"""The hash of every stored block of a set, and which blocks this process has compared with theirs."""

from __future__ import annotations

from typing import Any

import numpy as np

from srdata.errors import CorruptRecordError
from srdata.store.blocks import BlockLayout
from srdata.store.index import Index
from srdata.store.records import HASH_BYTES, block_hash


class BlockHashes:
    """Compares each block when this process touches it first; afterwards it costs a look at one bit.

    Reading the hashes takes 8 bytes a block, and the bits one. Raises CorruptRecordError where an image has
    not as many hashes as blocks.
    """

    def __init__(self, index: Index, layout: BlockLayout) -> None:
        self._index = index
        self._side = layout.block
        self._ratios = [layout.scale(layer).as_integer_ratio() for layer in layout.layers]
        self._firsts, self._hashes = index.all_block_hashes()  # where those of an image begin, in bytes
        sizes = index.heights.astype(np.int64), index.widths.astype(np.int64)
        counts = self._before(*sizes, len(layout.layers))
        wrong = np.flatnonzero(np.diff(self._firsts) != counts * HASH_BYTES)
        if wrong.size:
            raise CorruptRecordError(
                f"{index.path}: image {index.key(int(wrong[0]))!r} has not as many hashes as blocks"
            )
        self._compared = bytearray(len(self._hashes) // HASH_BYTES // 8 + 1)

    def check(self, row: int, level: int, number: int, value: bytes | memoryview) -> None:
        """Compare a block of a layer with its hash unless that was done; raises CorruptRecordError."""
        before = self._before(int(self._index.heights[row]), int(self._index.widths[row]), level)
        first = int(self._firsts[row]) + (before + number) * HASH_BYTES
        byte, bit = divmod(first // HASH_BYTES, 8)
        if self._compared[byte] >> bit & 1:
            return
        if block_hash(value) != self._hashes[first : first + HASH_BYTES].tobytes():
            raise CorruptRecordError("has not the hash it was sealed with")
        self._compared[byte] |= 1 << bit

    def _before(self, heights: Any, widths: Any, level: int) -> Any:
        """How many blocks images have in the layers before this one."""
        side = self._side
        count = 0
        for p, q in self._ratios[:level]:
            count = count + -(-(heights // p * q) // side) * -(-(widths // p * q) // side)
        return count

"""The hash of every stored block of a set, and which blocks this process has compared with theirs."""

from __future__ import annotations

import numpy as np

from srdata.errors import CorruptRecordError
from srdata.store.block_reading.block_numbers import BlockNumbers
from srdata.store.index import Index
from srdata.store.records import HASH_BYTES, block_hash


class BlockHashes:
    """Compares each block when this process touches it first; afterwards it costs a look at one bit.

    Reading the hashes takes 8 bytes a block, and the bits one. Raises CorruptRecordError where an image has
    not as many hashes as blocks.
    """

    def __init__(self, index: Index, numbers: BlockNumbers) -> None:
        firsts, self._hashes = index.all_block_hashes()  # where those of an image begin, in bytes
        wrong = np.flatnonzero(np.diff(firsts) != np.diff(numbers.starts) * HASH_BYTES)
        if wrong.size:
            raise CorruptRecordError(
                f"{index.path}: image {index.key(int(wrong[0]))!r} has not as many hashes as blocks"
            )
        self._first = int(firsts[0])
        self._compared = bytearray(len(self._hashes) // HASH_BYTES // 8 + 1)

    def check(self, number: int, value: bytes | memoryview) -> None:
        """Compare a block, by its number in the set, with its hash, once; raises CorruptRecordError."""
        byte, bit = divmod(number, 8)
        if self._compared[byte] >> bit & 1:
            return
        first = self._first + number * HASH_BYTES
        if block_hash(value) != self._hashes[first : first + HASH_BYTES].tobytes():
            raise CorruptRecordError("has not the hash it was sealed with")
        self._compared[byte] |= 1 << bit

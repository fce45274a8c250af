"""Where the blocks of a set are mapped, of those that were touched."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from srdata.store.lmdb_files.lmdb_pool import Kept


class MappedBlocks:
    """The place of each block in memory, by its number in the set; 0 until it was found there and compared.

    A place holds as long as its file stays open, so this is asked first whether the files are those by
    which it was filled. It takes 8 bytes a block, of those that were touched and their neighbours.
    """

    def __init__(self, blocks: int) -> None:
        self.places = np.zeros(blocks, np.int64)
        self._files: dict[int, Kept] = {}  # of each shard, another object whenever it was opened

    def holds(self, files: Mapping[int, Kept]) -> bool:
        """Whether what it knows of these shards, which stay open meanwhile, is of the files that are open."""
        return all(self._files.setdefault(shard, now) is now for shard, now in files.items())

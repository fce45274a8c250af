"""Gathering: a crop of one layer, put together from the stored blocks that it touches."""

from __future__ import annotations

from typing import Any

import lmdb

from srdata.errors import CorruptRecordError
from srdata.store.block_reading.block_hashes import BlockHashes
from srdata.store.blocks import BlockLayout, Pixels, copy_rows, pieces
from srdata.store.codecs import Codec, Part
from srdata.store.index import Index
from srdata.store.lmdb_pool import Reading
from srdata.store.records import block_key
from srdata.store.set_json import repair_command

_MOST_DECODED = 256 << 20  # bytes of whole images that a layer holds

# Row in the index, number in the shard, height and width of the image, top and left of the crop, in pixels of
# the layer.
Crop = tuple[int, int, int, int, int, int]


class LayerBlocks:
    """The blocks of one layer of a set; `hashes` gives those to compare with, None where none is."""

    def __init__(
        self,
        layer: str,
        layout: BlockLayout,
        codec: Codec,
        index: Index,
        hashes: BlockHashes | None,
    ) -> None:
        self.name = layer
        self.scale = layout.scale(layer)
        self._level = layout.layers.index(layer)
        self._side = layout.block
        self._codec = codec
        self._index = index
        self._hashes = hashes
        self._decoded: dict[tuple[int, int], Pixels] = {}  # by row and block, of a codec that keeps files
        self._held = 0  # bytes of them

    def copy(self, shard: Reading, crop: Crop, out: Pixels) -> None:
        """Fill `out` (height, width, 3) with a crop of that size; raises CorruptRecordError."""
        if self._codec.decode_part is not None:
            return self._copy_parts(shard, crop, out)
        _, _, _, image_width, top, left = crop
        side = self._side
        columns = -(-image_width // side)
        height, width, _ = out.shape
        blocks = self._kept(shard, crop, columns)
        y, x = top % side, left % side
        if y + height <= side and x + width <= side:  # most LR crops, and a good part of HR's
            number = top // side * columns + left // side
            if blocks[number] is None:
                blocks[number] = self._block(shard, crop, number, columns)
            copy_rows(blocks[number][y : y + height, x : x + width], out)
            return
        for number, part, place in pieces(top, left, height, width, columns, side):
            block = blocks[number]
            if block is None:
                block = blocks[number] = self._block(shard, crop, number, columns)
            copy_rows(block[part], out[place])

    def _copy_parts(self, shard: Reading, crop: Crop, out: Pixels) -> None:
        """The same with a codec that decodes parts of blocks."""
        _, _, _, image_width, top, left = crop
        columns = -(-image_width // self._side)
        height, width, _ = out.shape
        for number, part, place in pieces(top, left, height, width, columns, self._side):
            copy_rows(self._block(shard, crop, number, columns, part), out[place])

    def _kept(self, shard: Reading, crop: Crop, columns: int) -> list[Any]:
        """A place for every block of an image; blocks that are views stay there while the shard is open."""
        _, image, height, *_ = crop
        name = (image << 8 | self._level) << 1 | (self._hashes is not None)
        kept = shard.kept.get(name)
        if kept is None:
            kept = [None] * (columns * -(-height // self._side))
            if self._codec.view:
                shard.keep(name, kept)
        return kept

    def _block(
        self, shard: Reading, crop: Crop, number: int, columns: int, part: Part | None = None
    ) -> Pixels:
        """A block, or a part of it."""
        row, image, image_height, image_width, *_ = crop
        if (decoded := self._decoded.get((row, number))) is not None:
            return decoded
        height = min(self._side, image_height - number // columns * self._side)
        width = min(self._side, image_width - number % columns * self._side)
        try:
            value = shard.get(block_key(image, self._level, number))
            if value is None:
                raise CorruptRecordError("is missing")
            if self._hashes is not None:
                self._hashes.check(row, self._level, number, value)
            if part is not None and self._codec.decode_part is not None:
                return self._codec.decode_part(value, height, width, part)
            block = self._codec.decode(value, height, width)
        except (CorruptRecordError, lmdb.Error) as error:
            raise CorruptRecordError(
                f"{self._index.path.parent}: image {self._index.key(row)!r}, layer {self.name}, "
                f"block {number} {error}: {repair_command(self._index.path.parent)}"
            ) from error
        if self._codec.keeps:
            self._remember((row, number), block)
        return block

    def _remember(self, place: tuple[int, int], block: Pixels) -> None:
        """Hold a decoded image for further crops; where all of them take too much, they are forgotten."""
        if self._held + block.nbytes > _MOST_DECODED:
            self._decoded, self._held = {}, 0
        self._decoded[place] = block
        self._held += block.nbytes

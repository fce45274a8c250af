"""Gathering: crops of one layer, put together from the stored blocks that they touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import lmdb

from srdata.errors import CorruptRecordError
from srdata.store.block_reading.block_hashes import BlockHashes
from srdata.store.block_reading.crop_rows import Crop, Integers, RowPlan, row_plan
from srdata.store.block_reading.mapped_rows import address_of, copy_mapped_rows
from srdata.store.blocks import BlockLayout, Pixels, copy_rows, pieces
from srdata.store.codecs import Codec, Part
from srdata.store.index import Index
from srdata.store.lmdb_files.lmdb_pool import LmdbReading
from srdata.store.records import block_key
from srdata.store.tables.set_files import repair_command

_MOST_DECODED = 256 << 20  # bytes of whole images that a layer holds
_WORTHWHILE = 4  # crops at once


class _Block(NamedTuple):
    samples: Pixels
    address: int


class CropPlan(NamedTuple):
    """Crops of one layer and one size."""

    crops: Integers  # a `Crop` each, (crops, 6)
    rows: RowPlan | None  # None where they are copied one by one

    def crop(self, number: int) -> Crop:
        """One of them."""
        row, image, height, width, top, left = self.crops[number].tolist()
        return row, image, height, width, top, left

    def part(self, some: slice) -> CropPlan:
        """The plan of some of them."""
        return CropPlan(self.crops[some], None if self.rows is None else self.rows.part(some))


def _follow(bases: tuple[int, int], blocks: Sequence[_Block]) -> bool:
    """Whether blocks of the next column lie behind those that begin there, so that rows can be read on.

    They do as LMDB lays them; otherwise what follows in memory may not be there.
    """
    return all(base < block.address for base, block in zip(bases, blocks, strict=True))


def _copy_beside(out: Pixels, top: int, above: Pixels, below: Pixels) -> None:
    """Fill the part of a crop that lies in a second column of blocks, from row `top` of it on."""
    height, width = out.shape[:2]
    rows = min(height, len(above) - top)
    copy_rows(above[top : top + rows, :width], out[:rows])
    if rows < height:
        copy_rows(below[: height - rows, :width], out[rows:])


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

    def plan(self, crops: Integers, height: int, width: int) -> CropPlan:
        """How `copy_all` copies crops of that size, for as many as there are: (crops, 6), see `Crop`."""
        by_rows = self._codec.view and len(crops) >= _WORTHWHILE and max(height, width) <= self._side
        return CropPlan(crops, row_plan(crops, height, width, self._side) if by_rows else None)

    def copy_all(self, shards: Sequence[LmdbReading], plan: CropPlan, out: Pixels) -> None:
        """Fill `out` (count, height, width, 3) with crops that were planned; raises CorruptRecordError.

        Where blocks are plain samples, one call copies all rows, and what of them lies in a second column of
        blocks is written over them.
        """
        if plan.rows is None:
            for number, shard in enumerate(shards):
                self.copy(shard, plan.crop(number), out[number])
            return
        bases, beside, layer = [], [], self._name(0)
        for number, (shard, place) in enumerate(zip(shards, plan.rows.places.tolist(), strict=True)):
            image, first, last, edge, top = place
            blocks = shard.kept.get(image << 9 | layer)
            if blocks is None or not (blocks[first] and blocks[last]):
                blocks = self._touched(shard, plan.crop(number), first, last)
            above, below = blocks[first], blocks[last]
            bases.append((above.address, below.address))
            if edge:
                if not (blocks[first + 1] and blocks[last + 1]):
                    blocks = self._touched(shard, plan.crop(number), first + 1, last + 1)
                beside.append((number, edge, top, blocks[first + 1], blocks[last + 1]))
        addresses = plan.rows.addresses(bases)
        apart = [number for number, _, _, *blocks in beside if not _follow(bases[number], blocks)]
        for number in apart:
            addresses[number] = bases[number][0]
        copy_mapped_rows(addresses, out)
        for number, edge, top, above, below in beside:
            _copy_beside(out[number, :, edge:], top, above.samples, below.samples)
        for number in apart:
            self.copy(shards[number], plan.crop(number), out[number])

    def _touched(self, shard: LmdbReading, crop: Crop, *numbers: int) -> list[Any]:
        """The blocks of an image, these of them read."""
        blocks = self._kept(shard, crop)
        for number in numbers:
            if blocks[number] is None:
                self._keep(blocks, shard, crop, number)
        return blocks

    def _name(self, image: int) -> int:
        return image << 9 | self._level << 1 | (self._hashes is not None)

    def copy(self, shard: LmdbReading, crop: Crop, out: Pixels) -> None:
        """Fill `out` (height, width, 3) with a crop of that size; raises CorruptRecordError."""
        if self._codec.decode_part is not None:
            return self._copy_parts(shard, crop, out)
        _, _, _, image_width, top, left = crop
        height, width, _ = out.shape
        blocks = self._kept(shard, crop)
        for number, part, place in pieces(
            top, left, height, width, -(-image_width // self._side), self._side
        ):
            block, _ = blocks[number] or self._keep(blocks, shard, crop, number)
            copy_rows(block[part], out[place])

    def _copy_parts(self, shard: LmdbReading, crop: Crop, out: Pixels) -> None:
        """The same with a codec that decodes parts of blocks."""
        _, _, _, image_width, top, left = crop
        columns = -(-image_width // self._side)
        height, width, _ = out.shape
        for number, part, place in pieces(top, left, height, width, columns, self._side):
            copy_rows(self._block(shard, crop, number, part), out[place])

    def _keep(self, blocks: list[Any], shard: LmdbReading, crop: Crop, number: int) -> _Block:
        """A block, in its place among those of its image."""
        samples = self._block(shard, crop, number)
        block = blocks[number] = _Block(samples, address_of(samples))
        return block

    def _kept(self, shard: LmdbReading, crop: Crop) -> list[Any]:
        """A place for every block of an image; those that are views stay there while the shard is open."""
        _, image, height, width, *_ = crop
        name = self._name(image)
        kept = shard.kept.get(name)
        if kept is None:
            kept = [None] * (-(-width // self._side) * -(-height // self._side))
            if self._codec.view:
                shard.keep(name, kept)
        return kept

    def _block(self, shard: LmdbReading, crop: Crop, number: int, part: Part | None = None) -> Pixels:
        """A block, or a part of it."""
        row, image, image_height, image_width, *_ = crop
        columns = -(-image_width // self._side)
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

"""Gathering: crops of one layer, put together from the stored blocks that they touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import lmdb
import numpy as np

from srdata.compiled.compiled_crops import CropPlaces
from srdata.compiled.library import library
from srdata.errors import CorruptRecordError
from srdata.store.block_reading.block_hashes import BlockHashes
from srdata.store.block_reading.block_numbers import BlockNumbers
from srdata.store.block_reading.crop_rows import CompiledRows, Crop, FoundCrops, Integers, row_plan
from srdata.store.block_reading.mapped_blocks import MappedBlocks
from srdata.store.block_reading.mapped_rows import ORIGIN, place_of
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
    place: int


class CropPlan(NamedTuple):
    """Crops of one layer and one size."""

    crops: Integers  # a `Crop` each, (crops, 6)
    firsts: Integers | None = (
        None  # the first block of each image by its number; None where copied one by one
    )
    size: tuple[int, int, int] = (0, 0, 0)  # height and width, side of blocks

    def crop(self, number: int) -> Crop:
        """One of them."""
        row, image, height, width, top, left = self.crops[number].tolist()
        return row, image, height, width, top, left

    def part(self, some: slice) -> CropPlan:
        """The plan of some of them."""
        return CropPlan(self.crops[some], None if self.firsts is None else self.firsts[some], self.size)

    def found(self, mapped: MappedBlocks) -> FoundCrops | None:
        """Where they are mapped; None where it is not known of all, or they are copied one by one."""
        if self.firsts is None:
            return None
        if library() is not None:
            return CompiledRows(CropPlaces(self.crops, self.firsts, mapped.places, ORIGIN, self.size))
        rows = row_plan(self.crops, *self.size)
        bases = mapped.places[rows.blocks + self.firsts[:, None]]
        return rows.found(bases) if bases.all() else None


class LayerBlocks:
    """The blocks of one layer of a set; `hashes` gives those to compare with, None where none is."""

    def __init__(
        self,
        layer: str,
        layout: BlockLayout,
        codec: Codec,
        index: Index,
        numbers: BlockNumbers,
        hashes: BlockHashes | None,
    ) -> None:
        self.name = layer
        self.scale = layout.scale(layer)
        self._level = layout.layers.index(layer)
        self._side = layout.block
        self._codec = codec
        self._index = index
        self._numbers = numbers
        self._hashes = hashes
        self._decoded: dict[tuple[int, int], Pixels] = {}  # by row and block, of a codec that keeps files
        self._held = 0  # bytes of them

    def plan(self, crops: Integers, height: int, width: int) -> CropPlan:
        """How `copy_all` copies crops of that size, for as many as there are: (crops, 6), see `Crop`."""
        if not self._codec.view or len(crops) < _WORTHWHILE or max(height, width) > self._side:
            return CropPlan(crops)
        firsts = self._numbers.firsts(crops[:, 0], self._level)
        return CropPlan(crops, firsts, (height, width, self._side))

    def copy_all(
        self, shards: Sequence[LmdbReading], plan: CropPlan, out: Pixels, mapped: MappedBlocks
    ) -> None:
        """Fill `out` (count, height, width, 3) with crops that were planned; raises CorruptRecordError.

        Where blocks are plain samples, those of all crops are copied at once.
        """
        if not out.size:
            return
        if plan.firsts is None:
            for number, shard in enumerate(shards):
                self.copy(shard, plan.crop(number), out[number])
        elif not self._copied(plan, out, mapped):
            self._touch(shards, plan, plan.firsts, mapped)
            self._copied(plan, out, mapped)

    def _copied(self, plan: CropPlan, out: Pixels, mapped: MappedBlocks) -> bool:
        """Whether it is known where all blocks are, so that crops could be copied."""
        found = plan.found(mapped)
        return found is not None and found.copy(slice(0, len(out)), out)

    def _touch(
        self, shards: Sequence[LmdbReading], plan: CropPlan, firsts: Integers, mapped: MappedBlocks
    ) -> None:
        """See to it that it is known where all blocks of crops are."""
        blocks = row_plan(plan.crops, *plan.size).blocks
        places = blocks + firsts[:, None]
        for number in np.flatnonzero(~mapped.places[places].all(axis=1)).tolist():
            crop = plan.crop(number)
            kept = self._kept(shards[number], crop)
            for at, block in zip(places[number].tolist(), blocks[number].tolist(), strict=True):
                mapped.places[at] = (kept[block] or self._keep(kept, shards[number], crop, block)).place

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
        block = blocks[number] = _Block(samples, place_of(samples))
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
                self._hashes.check(self._numbers.first(row, self._level) + number, value)
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

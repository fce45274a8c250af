"""Pairs of crops of a set that are planned together, many batches at once, and read part by part."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from srdata.dihedral.array_turns import turn_all
from srdata.store.block_reading.crop_blocks import CropPlan, LayerBlocks
from srdata.store.block_reading.crop_rows import FoundCrops, Integers
from srdata.store.block_reading.mapped_blocks import MappedBlocks
from srdata.store.block_reading.mapped_pages import Waiting
from srdata.store.blocks import CHANNELS, Pixels
from srdata.store.lmdb_files.lmdb_pool import Kept, most_open


class LayerCrops(NamedTuple):
    """Crops of one layer and one size, found in its blocks."""

    blocks: LayerBlocks
    plan: CropPlan
    size: tuple[int, int]

    def part(self, some: slice) -> LayerCrops:
        """Some of them."""
        return LayerCrops(self.blocks, self.plan.part(some), self.size)


class _Known(NamedTuple):
    """Where crops of LR and of HR are mapped."""

    mapped: MappedBlocks  # by which that is known
    lr: FoundCrops
    hr: FoundCrops


class ReadsPairs(Protocol):
    """What reads a set."""

    mapped: MappedBlocks | None  # what is known of where blocks are
    waiting: Waiting

    def held(self, shards: list[int]) -> AbstractContextManager[dict[int, Kept]]:
        """What is kept of each of these shards, which stay open meanwhile."""

    def fill(self, shards: list[int], jobs: Sequence[tuple[LayerCrops, Pixels]]) -> None:
        """Copy the crops of all jobs into their arrays; raises CorruptRecordError."""


class PairPlan(NamedTuple):
    """LR crops and the HR crops that they face, found in their shards and blocks but not read."""

    reader: ReadsPairs
    shards: list[int]  # of each
    lr: LayerCrops  # of these and of others that were planned with them
    hr: LayerCrops
    some: slice  # which these are
    known: _Known | None = None

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Those of LR and HR."""
        count = len(self.shards)
        return (count, *self.lr.size, CHANNELS), (count, *self.hr.size, CHANNELS)

    def looked_up(self) -> PairPlan:
        """The same; where blocks were touched before, it is known now where they are."""
        mapped = self.reader.mapped
        if len(set(self.shards)) > most_open():
            return self
        lr, hr = (None if mapped is None else job.plan.found(mapped) for job in (self.lr, self.hr))
        if mapped is None or lr is None or hr is None:
            return self
        return self._replace(known=_Known(mapped, lr, hr))

    def read(self, lr: Pixels, hr: Pixels, turns: Integers | None = None) -> None:
        """Fill `lr` and `hr` with them, see `SetReader.read_pairs`; where they are turned they are square."""
        if self.known is None or not self._copied(self.known, lr, hr, turns):
            jobs = [(self.hr.part(self.some), hr), (self.lr.part(self.some), lr)]
            self.reader.fill(self.shards, jobs)
            if turns is not None:
                turn_all(lr, turns.tolist())
                turn_all(hr, turns.tolist())

    def _copied(self, known: _Known, lr: Pixels, hr: Pixels, turns: Integers | None) -> bool:
        """Whether they could be copied from where they were known to be: files may have been closed since."""
        with self.reader.held(self.shards) as files:
            if not known.mapped.holds(files):
                return False
            if self.reader.waiting:
                known.hr.ask(self.some, hr.shape[2])
                known.lr.ask(self.some, lr.shape[2])
            copied = known.hr.copy(self.some, hr, turns) and known.lr.copy(self.some, lr, turns)
            self.reader.waiting.look()
        return copied

    def part(self, some: slice) -> PairPlan:
        """Some of them."""
        return self._replace(shards=self.shards[some], some=_within(self.some, some))


def _within(outer: slice, inner: slice) -> slice:
    return slice(outer.start + inner.start, min(outer.start + inner.stop, outer.stop))

"""Reading crops and whole images out of a prepared set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srdata.common.files import inside
from srdata.errors import CorruptRecordError, UsageError
from srdata.store.block_reading.block_hashes import BlockHashes
from srdata.store.block_reading.block_numbers import BlockNumbers
from srdata.store.block_reading.crop_blocks import LayerBlocks
from srdata.store.block_reading.mapped_blocks import MappedBlocks
from srdata.store.block_reading.mapped_pages import Waiting
from srdata.store.block_reading.pair_plan import LayerCrops, PairPlan
from srdata.store.blocks import CHANNELS, HR, BlockLayout, Pixels
from srdata.store.codecs import Codec, find_codec, is_kept_file
from srdata.store.index import Index
from srdata.store.lmdb_files.lmdb_pool import Kept, Lease, LmdbReading, WantedFile, most_open
from srdata.store.records import Record, Row, block_key, row_key, unpack_row
from srdata.store.resume import read_record
from srdata.store.set_json import SetFile, read_set
from srdata.store.set_versions import kept_shard, version_of
from srdata.store.shards import HEADER_KEY
from srdata.store.tables.set_files import kept_version, repair_command, shard_name

Integers = NDArray[np.int64]


class SetReader:
    """A prepared set (`layout: lmdb`) opened for reading.

    Images are numbered as in the index ("rows"). Layers are "hr" and one for each scale, "x4", "x1.5"; all
    coordinates are in pixels of the layer that is read. Arrays are uint8 RGB, height x width x 3.

    Nothing is opened before the first read. Readers of one process share their open files, threads may read
    at the same time, and a reader works on both sides of a fork. It pickles as its path, so that it works
    under spawn and forkserver too. A block is compared with its hash when this process touches it first, so
    that damage is noticed and later reads cost nothing more; without `verify` none is. Where the set grows
    meanwhile, the reader, and what it pickles to, go on with what the set was; `version` says which that is.

    Raises SetError when the folder is no such set, and CorruptRecordError, naming image, layer and block,
    when a file is missing, has another size than set.json says, or holds what cannot be right.
    """

    def __init__(self, path: Path | str, *, verify: bool = True, version: str | None = None) -> None:
        self.path = Path(path)
        self.verify = verify
        self.set: SetFile = read_set(self.path if version is None else kept_version(self.path, version))
        self.layout: BlockLayout = self.set.store_layout
        self._codec: Codec = find_codec(self.set.codec or "")
        self._shards: dict[int, tuple[Path, int]] = {}  # number → path and size
        self._layers: dict[str, LayerBlocks] = {}
        self._lease = Lease()
        self.mapped: MappedBlocks | None = None  # what is known of where blocks are
        self.waiting = Waiting()

    @cached_property
    def index(self) -> Index:
        """The index of the set."""
        return Index.of_set(self.path, self.set)

    @property
    def layers(self) -> tuple[str, ...]:
        """HR and the LR layer of each scale."""
        return self.layout.layers

    @property
    def decoded(self) -> bool:
        """Whether blocks are stored as plain samples, of which a crop is copied."""
        return self._codec.view

    def __len__(self) -> int:
        return len(self.index)

    def sizes(self, layer: str, rows: ArrayLike | None = None) -> tuple[Integers, Integers]:
        """Heights and widths of `layer` of these images, or of all."""
        chosen: Any = slice(None) if rows is None else np.asarray(rows)
        p, q = self._blocks(layer).scale.as_integer_ratio()
        heights, widths = self.index.heights[chosen], self.index.widths[chosen]
        return heights.astype(np.int64) // p * q, widths.astype(np.int64) // p * q

    def read_crops(
        self,
        rows: ArrayLike,
        layer: str,
        tops: ArrayLike,
        lefts: ArrayLike,
        height: int,
        width: int,
        out: Pixels | None = None,
    ) -> Pixels:
        """Copy the crop with top left corner (`tops`, `lefts`) from each of `rows`, to (n, height, width, 3).

        `out`, when given, is filled and returned: an array of that shape, such as the numpy view of a pinned
        tensor or a slice of a larger batch, in which the pixels of a row lie one after another. Raises
        UsageError for a crop that is not inside its image.
        """
        rows, tops, lefts = map(_integers, (rows, tops, lefts))
        job = self._job(rows, layer, tops, lefts, (height, width))
        filled = _checked(out, (len(rows), height, width, CHANNELS))
        self.fill(self.index.shards[rows].tolist(), [(job, filled)])
        return filled

    def read_pairs(
        self,
        rows: ArrayLike,
        layer: str,
        tops: ArrayLike,
        lefts: ArrayLike,
        height: int,
        width: int,
        hr_out: Pixels | None = None,
        lr_out: Pixels | None = None,
    ) -> tuple[Pixels, Pixels]:
        """Copy an LR crop from each of `rows` and the HR crop that it faces; gives (HR batch, LR batch).

        All numbers are in pixels of the LR `layer`; at a scale such as 3/2 they must be multiples of its
        denominator. The outputs are as in `read_crops`. Faster than two calls of it.
        """
        plan = self.plan_pairs(rows, layer, tops, lefts, height, width)
        lr, hr = (_checked(out, shape) for out, shape in zip((lr_out, hr_out), plan.shapes, strict=True))
        plan.read(lr, hr)
        return hr, lr

    def plan_pairs(
        self, rows: ArrayLike, layer: str, tops: ArrayLike, lefts: ArrayLike, height: int, width: int
    ) -> PairPlan:
        """What `read_pairs` does before it reads."""
        rows, tops, lefts = map(_integers, (rows, tops, lefts))
        p, q = self._blocks(layer).scale.as_integer_ratio()
        if (tops % q).any() or (lefts % q).any() or height % q or width % q:
            raise UsageError(f"at scale {p}/{q} a crop begins and ends at multiples of {q} LR pixels")
        hr_size = height * p // q, width * p // q
        return PairPlan(
            self,
            self.index.shards[rows].tolist(),
            self._job(rows, layer, tops, lefts, (height, width)),
            self._job(rows, HR, tops * p // q, lefts * p // q, hr_size),
            slice(0, len(rows)),
        )

    def crop(
        self, row: int, layer: str, top: int, left: int, height: int, width: int, out: Pixels | None = None
    ) -> Pixels:
        """One crop, (height, width, 3); see `read_crops`."""
        batch = None if out is None else out[None]
        crop: Pixels = self.read_crops([row], layer, [top], [left], height, width, batch)[0]
        return crop

    def image(self, row: int, layer: str, out: Pixels | None = None) -> Pixels:
        """A whole image, (h, w, 3)."""
        heights, widths = self.sizes(layer, [row])
        return self.crop(row, layer, 0, 0, int(heights[0]), int(widths[0]), out)

    def stored_row(self, row: int) -> Row:
        """What the shard itself holds about an image: its facts, δ, size and hashes."""
        with self._reading(int(self.index.shards[row])) as reading:
            data = reading.get(row_key(int(self.index.numbers[row])))
            if data is None:
                raise CorruptRecordError(
                    f"{self.path}: image {self.index.key(row)!r} is missing: {repair_command(self.path)}"
                )
            return unpack_row(data)

    def record(self, row: int) -> Record:
        """What is stored of an image, to be stored elsewhere; raises CorruptRecordError."""
        with self._reading(int(self.index.shards[row])) as reading:
            found = read_record(reading, int(self.index.numbers[row]), self.layout)
        if found is None:
            raise CorruptRecordError(
                f"{self.path}: image {self.index.key(row)!r} is damaged: {repair_command(self.path)}"
            )
        return found

    def kept_file(self, row: int) -> bytes | None:
        """The JPEG file that HR comes from, where it is stored as it came."""
        with self._reading(int(self.index.shards[row])) as reading:
            value = reading.get(block_key(int(self.index.numbers[row]), 0, 0), b"")
            return bytes(value) if self._codec.keeps and is_kept_file(value) else None

    def header(self, shard: int) -> bytes:
        """What a shard says of its plan."""
        with self._reading(shard) as reading:
            return bytes(reading.get(HEADER_KEY, b""))

    def shard_file(self, shard: int) -> tuple[Path, int]:
        """The path of a shard and the size in bytes that it must have; raises CorruptRecordError."""
        if shard not in self._shards:
            name = shard_name(shard)
            if name not in self.set.files:
                raise CorruptRecordError(
                    f"{self.path}: {name} is not in set.json: {repair_command(self.path)}"
                )
            self._shards[shard] = inside(self.path, name), self.set.size_of(name)
        return self._shards[shard]

    def close(self) -> None:
        """Close the files that no other reader uses; the next read opens them again."""
        self._lease.close()

    @cached_property
    def _numbers(self) -> BlockNumbers:
        return BlockNumbers(self.index, self.layout)

    @cached_property
    def _hashes(self) -> BlockHashes:
        return BlockHashes(self.index, self._numbers)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.path, self.verify, version_of(self.set))

    def _job(self, rows: Any, layer: str, tops: Any, lefts: Any, size: tuple[int, int]) -> LayerCrops:
        """Check that every crop lies in its image, and say where each is."""
        heights, widths = self.sizes(layer, rows)
        within = (tops >= 0) & (lefts >= 0) & (tops <= heights - size[0]) & (lefts <= widths - size[1])
        if not within.all():
            i = int(np.argmin(within))
            raise UsageError(
                f"a crop of {size[0]}x{size[1]} at ({tops[i]}, {lefts[i]}) does not lie in layer {layer} of "
                f"image {self.index.key(int(rows[i]))!r}, which is {heights[i]}x{widths[i]} (height x width)"
            )
        crops = np.stack(
            [rows, self.index.numbers[rows], heights, widths, tops, lefts], axis=1, dtype=np.int64
        )
        blocks = self._blocks(layer)
        return LayerCrops(blocks, blocks.plan(crops, *size), size)

    def fill(self, shards: list[int], jobs: Sequence[tuple[LayerCrops, Pixels]]) -> None:
        """Copy the crops of all jobs into their arrays."""
        numbers = sorted(set(shards))
        if len(numbers) > 1 and len(numbers) > most_open():
            for one in (slice(i, i + 1) for i in range(len(shards))):
                self.fill(shards[one], [(job.part(one), out[one]) for job, out in jobs])
            return
        with self._lease.reading_all([self._wanted(number) for number in numbers]) as found:
            readings = dict(zip(numbers, found, strict=True))
            mapped = self._mapped_in({number: reading.kept for number, reading in readings.items()})
            for job, out in jobs:
                job.blocks.copy_all([readings[shard] for shard in shards], job.plan, out, mapped)

    @contextmanager
    def held(self, shards: list[int]) -> Iterator[dict[int, Kept]]:
        """What is kept of each shard, which stays open meanwhile."""
        numbers = set(shards)
        with self._lease.held([self._wanted(number) for number in numbers]) as entries:
            yield {number: entry.kept for number, entry in zip(numbers, entries, strict=True)}

    def _mapped_in(self, files: Mapping[int, Kept]) -> MappedBlocks:
        """What is known of where blocks are, anew where files were opened again, as after a fork."""
        mapped = self.mapped
        if mapped is None or not mapped.holds(files):
            mapped = self.mapped = MappedBlocks(int(self._numbers.starts[-1]))
            mapped.holds(files)
        return mapped

    def _reading(self, shard: int) -> AbstractContextManager[LmdbReading]:
        path, size, _, place = self._wanted(shard)
        return self._lease.reading(path, size, place=place)

    def _wanted(self, shard: int) -> WantedFile:
        path, size = self.shard_file(shard)
        return WantedFile(path, size, place=partial(self._place, shard, path))

    def _place(self, shard: int, path: Path) -> Path:
        """Where a shard is: at its path, or, if the set has grown since and the shard with it, kept."""
        return kept_shard(self.path, self.set, shard) or path

    def _blocks(self, layer: str) -> LayerBlocks:
        if layer not in self._layers:
            hashes = self._hashes if self.verify else None
            self._layers[layer] = LayerBlocks(
                layer, self.layout, self._codec, self.index, self._numbers, hashes
            )
        return self._layers[layer]


def _integers(values: ArrayLike) -> Integers:
    """Whole numbers of any type, in one in which sums and products of them are right."""
    return np.asarray(values).astype(np.int64, casting="same_kind", copy=False)


def _checked(out: Pixels | None, shape: tuple[int, ...]) -> Pixels:
    if out is None:
        return np.empty(shape, np.uint8)
    if out.shape != shape or out.dtype != np.uint8:
        raise UsageError(f"out is {out.dtype} {out.shape}, it must be uint8 {shape}")
    if out.strides[2:] != (CHANNELS, 1):
        raise UsageError("out must hold the pixels of each row one after another")
    if not out.flags.writeable:
        raise UsageError("out is read-only, nothing can be written there")
    return out


def _reopen(path: Path, verify: bool, version: str | None) -> SetReader:
    return SetReader(path, verify=verify, version=version)

"""`StreamedPairs`: pairs for training out of a data set that is read as it comes and kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from srdata.data.crops.read_crops import cut
from srdata.data.crops.regions import draw
from srdata.data.crops.to_tensor import check_dtype, to_tensor
from srdata.data.datasets.crop_settings import check_crops, crop_settings
from srdata.data.datasets.given_place import place_of
from srdata.data.datasets.pair_types import Pair
from srdata.data.datasets.shared_epoch import SharedEpoch, in_shared_memory
from srdata.data.pair_sources.found_pairs import FoundStream, choose_pairs
from srdata.data.pair_sources.sources import PairSource
from srdata.data.pair_sources.table_pairs import choose_reading, told_scale
from srdata.data.sampling.ranks import Ranks, shared_by_accelerate
from srdata.discovery.forms.table_columns import Given
from srdata.discovery.forms.table_parts import first_size, is_table
from srdata.discovery.known_forms import look_for_parts
from srdata.errors import ImageError, UsageError
from srdata.hub.address import HubName
from srdata.hub.streams import Stream, open_stream
from srdata.images import ImagePolicy
from srdata.rng import generator
from srdata.rng import key as number_of
from srdata.scale import Scale
from srdata.store.windows import Integers, WholeImages
from srdata.vocabulary import Only

_POSITIVE = 2**63 - 1
_ONE = np.zeros(1, np.int64)  # the one image of a row


class _Share(NamedTuple):
    """What one of several readers takes: some shards, and of each block of them every `parts`-th row."""

    shards: Integers
    part: int
    parts: int


class _Place(NamedTuple):
    """Where a reader stands: at a row of a block of one of its shards."""

    shard: int = 0
    block: int = 0
    row: int = 0
    filled: int = 0  # rows of another rank that were given in the end, so that all give as many


class StreamedPairs(IterableDataset[Pair]):
    """Pairs of HR and LR images, or aligned crops of them, out of a data set that is streamed.

    >>> data = StreamedPairs("hf://my-lab/div2k-x4", split="train", patch_size=192)  # doctest: +SKIP
    >>> loader = DataLoader(data, batch_size=16, num_workers=4)  # doctest: +SKIP

    `path` is hf://ORG/NAME, of which nothing is kept on this disk, or a folder or file in a form of
    `datasets`, or of pairs in any form that a PairedDataset takes. What it reads and what an item is, is said
    with the same words as for that.

    The shards of an epoch come in an order drawn anew, shared out among all ranks and workers; where there
    are fewer shards than readers, several read one and share its rows. `buffer` rows are read at a time and
    shuffled among themselves. With `shuffle=False` all come in the order of the files. A crop depends on
    (seed, epoch, key) alone, the order on seed, epoch and the number of readers. The epoch is what
    `set_epoch` was given before the pass, also for workers that persist.

    Every row is read once an epoch. Ranks that train together all give as many: those with fewer rows of
    their own give some of another rank once more, or with `even=False` do not. For that the rows of all
    shards are counted before the first pass, where Parquet files do not tell them by reading them.

    Rank and world_size are those of `torch.distributed` when iteration begins, unless they are given. So
    nothing else may share out the items: what accelerate prepares is refused with the setting to use.

    `state_dict` says where this reader stands, after the item that was given last. Workers of a DataLoader
    are readers of their own: ask them by the StatefulDataLoader of torchdata.

    Raises UsageError, DownloadError and LicenceError at once; while iterating, ImageError with the row that
    cannot be used, SourceError and DownloadError.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        split: str | None = None,
        config: str | None = None,
        revision: str | None = None,
        columns: Given | None = None,
        scale: int | float | str | Scale | None = None,
        only: Only | None = None,
        patch_size: int | None = None,
        pad: str | None = None,
        dihedral: bool = False,
        seed: int = 0,
        shuffle: bool = True,
        buffer: int = 256,
        dtype: torch.dtype = torch.float32,
        images: ImagePolicy | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        even: bool = True,
    ) -> None:
        check_crops(seed, pad, patch_size)
        if buffer < 1:
            raise UsageError(f"buffer {buffer} must be at least 1")
        place = place_of(path, revision)
        if place is None:
            raise UsageError("give hf://ORG/NAME, or a folder or file in a form of `datasets`")
        self._stream = stream = _open(place, config, columns, split, None if scale is None else Scale(scale))
        self._reading = choose_reading(
            stream.schema(), stream.where, stream.roots, columns, only, images, self._first_size
        )
        self.scale = Scale(scale) if scale is not None else self._first_scale()
        self._crops = crop_settings(patch_size, pad, dihedral, seed, self.scale)
        self._shuffle = shuffle
        self._buffer = buffer
        self._dtype = check_dtype(dtype)
        self._ranks = Ranks(rank, world_size)
        self._even = even
        self._counts = in_shared_memory(torch.full((stream.shards,), -1))
        self._epoch = SharedEpoch()
        self._at: tuple[int, _Place] | None = None  # the epoch, and the place after the last item
        self._resumed: tuple[int, _Place] | None = None  # where to begin

    @property
    def only(self) -> Only | None:
        """The side that is read alone; None for both."""
        return self._reading.only

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next pass, for this process and all workers."""
        self._refuse_accelerate()
        self._epoch.set(epoch)
        self._at = self._resumed = None

    def state_dict(self) -> dict[str, int]:
        """Where this reader stands, as plain numbers."""
        epoch, place = self._at or (self._epoch.get(), _Place())
        return {**self._settings(), "epoch": epoch, **place._asdict()}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from the state of a reader with the same settings; UsageError for other ones."""
        for name, mine in self._settings().items():
            if state.get(name, mine) != mine:
                raise UsageError(f"the state is of {name} {state[name]}, here {name} is {mine}")
        place = _Place(state["shard"], state["block"], state["row"], state.get("filled", 0))
        self._epoch.set(state["epoch"])
        self._at = self._resumed = state["epoch"], place

    def __iter__(self) -> Iterator[Pair]:
        """The items of the epoch for this rank and worker; after `load_state_dict` what is left of them."""
        self._refuse_accelerate()
        self._ranks.use("stream")
        epoch, start = self._resumed or (self._epoch.get(), _Place())
        self._at, self._resumed = (epoch, start), None
        share = self._share(epoch, *self._reader())
        missing, fullest = self._missing(share, epoch)
        end = _Place(len(share.shards), filled=missing)
        own, others = self._all_rows(share, epoch, start), self._all_rows(fullest, epoch, _Place())
        filling = islice(others, start.filled, missing)
        filled = ((end._replace(filled=n), one) for n, (_, one) in enumerate(filling, start.filled + 1))
        for place, source in chain(own, filled):
            pair = self._pair(source, epoch)
            self._at = epoch, place
            yield pair
        self._at = epoch, end

    def _refuse_accelerate(self) -> None:
        caller = shared_by_accelerate()
        if caller and (self._ranks.now().ranks > 1 or caller == "DataLoaderDispatcher"):
            raise UsageError(
                "accelerate would share out again what StreamedPairs shares out itself: leave its DataLoader "
                "out of accelerator.prepare() and call set_epoch; or give StreamedPairs rank=0, world_size=1 "
                "and Accelerator dataloader_config=DataLoaderConfiguration(dispatch_batches=False)"
            )

    def _missing(self, share: _Share, epoch: int) -> tuple[int, _Share]:
        """How many rows this reader has fewer than that of another rank with the most, and the share of that.

        Readers of the same number in their ranks are compared, so that all ranks give as many batches.
        """
        reader, readers = self._reader()
        ranks = self._ranks.now().ranks if self._even else 1
        if ranks == 1:
            return 0, share
        workers = readers // ranks
        shares = [self._share(epoch, one, readers) for one in range(reader % workers, readers, workers)]
        counts = [self._rows_in(one) for one in shares]
        most = max(counts)
        return most - self._rows_in(share), shares[counts.index(most)]

    def _rows_in(self, share: _Share) -> int:
        """How many rows a share has."""
        total = 0
        for shard in share.shards.tolist():
            if self._counts[shard] < 0:
                self._counts[shard] = self._stream.count(shard)
            blocks, rest = divmod(int(self._counts[shard]), self._buffer)
            for rows, times in ((self._buffer, blocks), (rest, 1)):
                total += times * len(range(share.part, rows, share.parts))
        return total

    def _all_rows(self, share: _Share, epoch: int, start: _Place) -> Iterator[tuple[_Place, PairSource]]:
        """The rows of a share from a place on."""
        for shard in range(start.shard, len(share.shards)):
            begin = start if shard == start.shard else _Place(shard)
            yield from self._rows(share, epoch, begin)

    def _settings(self) -> dict[str, int]:
        """What decides which row stands where."""
        _, readers = self._reader()
        return {
            "seed": self._crops.seed,
            "readers": readers,
            "buffer": self._buffer,
            "shuffle": int(self._shuffle),
        }

    def _reader(self) -> tuple[int, int]:
        """The number of this reader among all of them."""
        worker = get_worker_info()
        mine, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        rank, ranks = self._ranks.now()
        return rank * workers + mine, ranks * workers

    def _share(self, epoch: int, reader: int, readers: int) -> _Share:
        shards = self._stream.shards
        first, part = reader % shards, reader // shards
        return _Share(
            self._order(shards, "shards", epoch)[first::readers], part, -(-(readers - first) // shards)
        )

    def _rows(self, share: _Share, epoch: int, begin: _Place) -> Iterator[tuple[_Place, PairSource]]:
        """This reader's rows of a shard, a source for each, with the place after it; raises ImageError."""
        shard = int(share.shards[begin.shard])
        blocks = enumerate(self._stream.blocks(shard, self._buffer))
        for number, block in islice(blocks, begin.block, None):
            order = self._order(block.num_rows, "rows", epoch, shard, number)[share.part :: share.parts]
            first = begin.row if number == begin.block else 0
            for done, row in enumerate(order[first:].tolist(), first + 1):
                in_shard = number * self._buffer + row
                source = self._reading.source(block.slice(row, 1), self.scale, in_shard, f"{shard:05d}_")
                yield _Place(begin.shard, number, done), source

    def _order(self, count: int, *address: int | str) -> Integers:
        if not self._shuffle:
            return np.arange(count)
        return generator(self._crops.seed, *address).permutation(count).astype(np.int64)

    def _pair(self, source: PairSource, epoch: int) -> Pair:
        """The crop of the one image of a source; raises ImageError."""
        own, items, (key,) = self._crops, WholeImages(source.sizes, self.scale), source.keys(_ONE)
        if own.pad is None and own.patch is not None and len(items.smaller_than(own.patch)):
            raise ImageError(f"{key} is smaller than the patch: take a smaller patch_size, or pad='reflect'")
        address = (own.seed, epoch, np.array([number_of(key) & _POSITIVE]))
        crops = draw(items.regions(_ONE), own.patch, own.dihedral, address)
        pair = Pair(key=key)
        lr, hr = cut(source, crops, own.patch, own.pad, self.only)
        if lr.size:
            pair["lr"] = to_tensor(lr, self._dtype)[0]
        if hr.size:
            pair["hr"] = to_tensor(hr, self._dtype)[0]
        return pair

    def _first_size(self, column: str) -> tuple[int, int] | None:
        """The size of the first image of a column, read where names of columns leave it open."""
        first = next(self._stream.blocks(0, 1))
        return first_size(first, self._stream.where, self._stream.roots)(column)

    def _first_scale(self) -> Scale:
        """The scale that the first row says or has."""
        first = next(self._stream.blocks(0, 1))
        return told_scale(first) or self._reading.source(first, None).scale


def _open(
    place: Path | HubName,
    config: str | None,
    columns: Given | None,
    split: str | None,
    scale: Scale | None,
) -> Stream | FoundStream:
    """The stream of a data set in a form of `datasets`, or of pairs that names and sizes tell."""
    if isinstance(place, Path) and not (config or columns or is_table(place)):
        found = look_for_parts(place)
        if found is not None and found.paired:
            return FoundStream(place, choose_pairs(place, found, split, None, scale))
    return open_stream(place, config, split)

"""The rows of a stream as items: which crop each gives, drawn once the shard that has it is here."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple, NoReturn

import numpy as np

from srdata.common.wording.amounts import how_many
from srdata.data.beside.beside_images import Beside
from srdata.data.beside.prompt import Prompt
from srdata.data.crops.drawn_crops import Drawn
from srdata.data.datasets.crop_settings import CropSettings, in_cells
from srdata.data.pair_sources.sources import PairSource
from srdata.data.streams.open_shards import Shards
from srdata.data.streams.stream_order import StreamOrder
from srdata.errors import ImageError, SrdataError, UsageError
from srdata.images import Pixels
from srdata.rng import key as number_of
from srdata.scale import Scale
from srdata.store.blocks import CHANNELS
from srdata.store.windows import Integers, WholeImages
from srdata.vocabulary import Only

_POSITIVE = 2**63 - 1


class StreamRows:
    """The rows of all shards, numbered from 0, as a loader takes the items of a data set."""

    channels = CHANNELS
    source: Any = None  # there is none of all rows: that of a batch is in what `draw` gives

    def __init__(
        self,
        shards: Shards,
        crops: CropSettings,
        only: Only | None,
        *,
        window: int,
        buffer: int,
        several: int,
        shuffle: bool,
        beside: Sequence[str] = (),
        prompt: Prompt | None = None,
    ) -> None:
        self._shards = shards
        self._crops = crops
        self._only = only
        self._settings = {"window": window, "buffer": buffer, "crops": several, "shuffle": shuffle}
        StreamOrder((), **self._settings)  # type: ignore[arg-type]  # checks them
        self._beside, self._prompt = tuple(beside), prompt
        names = tuple(dict.fromkeys([*beside, *(prompt.columns if prompt else ())]))
        self._open = _OpenShards(shards, 2 * window + 2, names)

    @cached_property
    def order(self) -> StreamOrder:
        """In which order the rows come; for that they are counted."""
        return StreamOrder(self._shards.counts, **self._settings)  # type: ignore[arg-type]  # as in __init__

    @property
    def scale(self) -> Scale:
        """How many HR pixels face one LR pixel."""
        return self._shards.scale

    @property
    def only(self) -> Only | None:
        """The side that is read alone; None for both."""
        return self._only

    @property
    def copies(self) -> bool:
        """Whether every crop is a rectangle of its image, neither padded nor resized."""
        return self._crops.copied

    @property
    def patch_size(self) -> int | None:
        """The side of a crop in HR pixels; None where items are whole."""
        return None if self._crops.patch is None else self._crops.patch * self.scale.numerator

    def __repr__(self) -> str:
        patch = "" if self.patch_size is None else f", patch_size={self.patch_size}"
        return f"StreamedPairs({how_many(len(self), 'item')} at {self.scale.label}{patch})"

    def __len__(self) -> int:
        return sum(self.order.counts)

    def scores(self, by: str, scale: Scale | None = None) -> NoReturn:
        """Raise UsageError: a stream has none."""
        raise UsageError("scores are of the windows of a prepared set on this machine: open a PairedDataset")

    def check_patch(self, patch_size: int) -> None:
        """Raise UsageError where a patch size (HR pixels) does not fit the scale."""
        in_cells(patch_size, self.scale)

    def identity(self) -> Iterator[bytes]:
        """What tells these rows from others: the names of shards, and how many rows each has."""
        for name, count in zip(self._shards.names, self.order.counts, strict=True):
            yield f"{name} {count}".encode()

    def draw(
        self,
        items: Integers,
        epochs: int | Integers,
        *,
        seed: int | None = None,
        patch_size: int | None = None,
        dihedral: bool = False,
        only: Only | None = None,
        around: int = 0,
    ) -> Drawn:
        """The crops of rows on some visits, see `PairedDataset.draw`; brings their shards here.

        The address of a crop is (seed, visit, key). Raises ImageError for one that is smaller than the patch,
        and what bringing a shard raises.
        """
        own, seed = self._crops, self._crops.seed if seed is None else seed
        visits = np.broadcast_to(np.asarray(epochs), items.shape)
        found = self._find(items, visits, seed)
        patch = own.patch if patch_size is None else in_cells(patch_size, self.scale)
        regions = WholeImages(found.sizes, self.scale).regions(np.arange(len(items)))
        small = (regions.sizes < (patch or 0) + 2 * own.border).any(axis=1) & (not own.fits_any)
        if small.any():
            key = found.keys(np.flatnonzero(small)[:1])[0]
            raise ImageError(f"{key} is smaller than the patch: take a smaller patch_size, or pad='reflect'")
        numbers = np.array([number_of(key) & _POSITIVE for key in found.keys(regions.images)])
        crops = own.draw(regions, patch, dihedral, (seed, visits, numbers))
        cells = around // self.scale.numerator
        address = (seed, visits, numbers)
        beside = Beside(found.columns(), {}, self._prompt, self._beside)
        return Drawn(found, crops, patch, own.pad, self._only or only, cells, beside.of, address)

    def _find(self, items: Integers, visits: Integers, seed: int) -> _Found:
        """The shards of some rows, open; those that follow are brought meanwhile."""
        counts = np.array(self.order.counts)
        ends = np.cumsum(counts)
        shards = np.searchsorted(ends, items, side="right")
        passes = visits // self.order.crops
        last = int(passes.max())
        ahead = self.order.upcoming(seed, last, shards[passes == last])
        opened = [self._open.get(shard) for shard in shards.tolist()]
        self._open.bring(ahead)
        return _Found(self.scale, opened, items - (ends - counts)[shards])


@dataclass(frozen=True)
class _Found:
    """Rows of a batch as a source of pairs, numbered from 0."""

    scale: Scale
    shards: Sequence[_Opened]  # that of each
    rows: Integers  # its number there
    channels: int = CHANNELS
    decodes: bool = False

    @property
    def sizes(self) -> Integers:
        each = [shard.sizes[row] for shard, row in zip(self.shards, self.rows.tolist(), strict=True)]
        return np.array(each, np.int64).reshape(-1, 2)

    def columns(self) -> dict[str, list[Any]]:
        """What is told of each row."""
        shards = list(zip(self.shards, self.rows.tolist(), strict=True))
        names = shards[0][0].columns if shards else ()
        return {name: [shard.columns[name][row] for shard, row in shards] for name in names}

    def keys(self, images: Integers) -> list[str]:
        each = (self.shards[image].source.keys(self.rows[image : image + 1]) for image in images.tolist())
        return list(chain.from_iterable(each))

    def read_pairs(self, images: Integers, corners: Integers, lr: Pixels, hr: Pixels) -> None:
        for place, image in enumerate(images.tolist()):
            one = slice(place, place + 1)
            row = self.rows[image : image + 1]
            self.shards[image].source.read_pairs(row, corners[one], lr[one], hr[one])


class _Opened(NamedTuple):
    """A shard that is here."""

    source: PairSource
    sizes: Integers
    columns: Mapping[str, Sequence[Any]]


class _OpenShards:
    """The shards that are open in this process, at most so many of those that were used last."""

    def __init__(self, shards: Shards, most: int, columns: Sequence[str]) -> None:
        self._shards = shards
        self._most = most
        self._columns = columns
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._found: OrderedDict[int, Future[_Opened]] = OrderedDict()
        self._ahead: threading.Thread | None = None

    def get(self, shard: int) -> _Opened:
        """A shard, which one thread opens while others wait; raises what that raises."""
        if self._process != os.getpid():  # a fork, which has no thread that would open what waits
            self._begin()
        with self._lock:
            waiting = self._found.get(shard)
            future = self._found.setdefault(shard, Future())
            self._found.move_to_end(shard)
            while len(self._found) > self._most:
                self._found.popitem(last=False)
        if waiting is None:
            try:
                source = self._shards.open(shard)
                columns = {name: self._shards.column(shard, name) for name in self._columns}
                future.set_result(_Opened(source, source.sizes, columns))
            except BaseException as error:  # noqa: BLE001  # is raised again, here and for who waits
                with self._lock:
                    self._found.pop(shard, None)
                future.set_exception(error)
        return future.result()

    def bring(self, shards: Sequence[int]) -> None:
        """Open these as well, on a thread of their own, unless that is at work."""
        missing = [shard for shard in shards if shard not in self._found]
        if missing and (self._ahead is None or not self._ahead.is_alive()):
            self._ahead = threading.Thread(target=self._bring, args=(missing,), daemon=True)
            self._ahead.start()

    def _bring(self, shards: Sequence[int]) -> None:
        for shard in shards:
            try:
                self.get(shard)
            except SrdataError:  # is raised again for who needs the shard
                return

    def __getstate__(self) -> dict[str, Any]:
        return {"_shards": self._shards, "_most": self._most, "_columns": self._columns}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

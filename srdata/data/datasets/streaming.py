"""`StreamedPairs`: pairs for training out of shards that are brought as they are needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import IterableDataset

from srdata.data.beside.beside_images import prompt_of
from srdata.data.beside.prompt import Prompt
from srdata.data.crops.to_tensor import check_dtype
from srdata.data.datasets.crop_settings import check_crops, crop_settings
from srdata.data.datasets.drawn_pairs import pairs_of
from srdata.data.datasets.given_place import place_of
from srdata.data.datasets.pair_types import Pair
from srdata.data.datasets.shared_epoch import SharedEpoch
from srdata.data.datasets.stream_rows import StreamRows
from srdata.data.sampling.ranks import Ranks, shared_by_accelerate
from srdata.data.sampling.reader_share import ReaderShare, batch_of_dataloader
from srdata.data.streams.open_shards import open_shards
from srdata.discovery.forms.table_columns import Given
from srdata.errors import UsageError
from srdata.fetch.remote_files import is_address
from srdata.fetch.shard_cache import USUAL_BYTES, ShardCache
from srdata.hub.address import is_hub_name
from srdata.images import ImagePolicy
from srdata.scale import Scale
from srdata.vocabulary import Only, Take


class _Place(NamedTuple):
    """Where a reader stands."""

    epoch: int
    start: int = 0  # the position at which its pass began
    given: int = 0  # items that it gave since
    share: ReaderShare = ReaderShare(1, 0, 1, 0, 1)  # by which it took them


class StreamedPairs(IterableDataset[Pair]):
    """Pairs of HR and LR images, or aligned crops of them, out of shards that are brought as they are needed.

    >>> data = StreamedPairs("hf://my-lab/div2k-x4", split="train", patch_size=192)  # doctest: +SKIP
    >>> loader = Loader(data, batch_size=16, device="cuda")  # doctest: +SKIP

    `path` is hf://ORG/NAME; the address of a prepared set, or of Parquet or tar files, at s3://, https:// or
    wherever else fsspec reads (s3:// needs `pip install s3fs`; credentials come from the environment); or a
    folder or file of this machine in a form that a PairedDataset takes. What it reads and what an item is, is
    said with the same words as for that.

    In which order
        shuffle   shards come in an order drawn anew for every pass, and the rows of `window` of them at a
                  time are mixed; with False all come as they lie
        crops     so many crops of each image in an epoch, spread over some batches: what is fetched and
                  decoded serves more often, and fewer images are seen in the same time
        buffer    then at least so many images are gone through at a time; no batch of up to as many has an
                  image more than twice
    What is kept on this machine
        cache     the folder of shards, by default SRDATA_CACHE or ~/.cache/srdata/shards; all processes of
                  the machine share it
        cache_bytes   its size: what was not used for the longest time goes first. Images are decoded once if
                  their pixels fit into half of it. With 0 only what is in use is kept

    A shard is compared with the hash that the Hub, or the set, declares when it is brought, and again when a
    process opens it.

    Give it to a Loader, or to a DataLoader of torch: then call `set_epoch` before each pass. Batch k of epoch
    e is a function of (seed, e, k), for any number of workers and ranks; a crop depends on (seed, e, key).
    Ranks that train together all get as many rows: where there are not enough, the first of the epoch come
    once more, or with `even=False` do not.

    Rank and world_size are those of `torch.distributed` when iteration begins, unless they are given. So
    nothing else may share out the items: what accelerate prepares is refused with the setting to use.

    `state_dict` says where this reader stands, after the item that was given last. Between batches it is good
    for other numbers of ranks and another batch size too. Workers of a DataLoader are readers of their own:
    ask them by the StatefulDataLoader of torchdata, with as many of them.

    Raises UsageError, DownloadError and LicenceError at once; while iterating, ImageError with the row that
    cannot be used, SourceError, DownloadError and HashMismatchError.
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
        take: Take = "random",
        border: int = 0,
        dihedral: bool = False,
        seed: int = 0,
        shuffle: bool = True,
        window: int = 4,
        buffer: int = 256,
        crops: int = 1,
        dtype: torch.dtype = torch.float32,
        beside: Sequence[str] = (),
        prompt: str | Prompt | None = None,
        images: ImagePolicy | None = None,
        cache: str | PathLike[str] | None = None,
        cache_bytes: int = USUAL_BYTES,
        rank: int | None = None,
        world_size: int | None = None,
        even: bool = True,
    ) -> None:
        check_crops(seed, patch_size, pad, take, border)
        self._dtype = check_dtype(dtype)
        self._ranks = Ranks(rank, world_size)
        drawn = prompt_of(prompt)
        shards, only = open_shards(
            str(path) if is_address(path) and not is_hub_name(path) else _here_or_hub(path, revision),
            config=config,
            split=split,
            columns=columns,
            scale=None if scale is None else Scale(scale),
            only=only,
            policy=images,
            cache=ShardCache(None if cache is None else Path(cache), cache_bytes),
            beside=tuple(dict.fromkeys([*beside, *(drawn.columns if drawn else ())])),
        )
        own = crop_settings(patch_size, pad, dihedral, seed, shards.scale, take, border)
        self.rows = StreamRows(
            shards,
            own,
            only,
            window=window,
            buffer=buffer,
            several=crops,
            shuffle=shuffle,
            beside=beside,
            prompt=drawn,
        )
        self._seed = seed
        self._even = even
        self._epoch = SharedEpoch()
        self._at: _Place | None = None  # after the last item
        self._resumed: _Place | None = None  # where to begin

    def __repr__(self) -> str:
        return repr(self.rows)

    @property
    def scale(self) -> Scale:
        """How many HR pixels face one LR pixel."""
        return self.rows.scale

    @property
    def only(self) -> Only | None:
        """The side that is read alone; None for both."""
        return self.rows.only

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next pass, for this process and all workers."""
        self._refuse_accelerate()
        self._epoch.set(epoch)
        self._at = self._resumed = None

    def state_dict(self) -> dict[str, Any]:
        """Where this reader stands, as numbers and text.

        `samples` positions of the epoch are done by all readers together, and `given` more by this one.
        """
        place = self._at or _Place(self._epoch.get())
        done, given = place.share.done(place.given)
        read_by = list(_readers(place.share))
        samples = min(place.start + done, self._length)
        at = {"epoch": place.epoch, "samples": samples, "given": given, "read_by": read_by}
        return {"seed": self._seed, **at, **self._digests()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the state of a reader of the same rows, seed and order; UsageError for other ones.

        In mid-batch, or by one of several workers, it has to be of as many readers and as large batches.
        """
        if "samples" not in state:
            raise UsageError(
                "the state is of an earlier version of srdata, whose order depended on readers: begin its "
                f"epoch anew by set_epoch({state.get('epoch', 0)})"
            )
        for name, mine in {"seed": self._seed, **self._digests()}.items():
            if state[name] != mine:
                raise UsageError(
                    f"the state is of another {name} than this stream has ({state[name]}, here {mine}): give "
                    "what it was made with, or begin the epoch anew by set_epoch"
                )
        self._epoch.set(state["epoch"])
        batch, ranks, workers = state["read_by"]
        share = ReaderShare(batch, 0, ranks, 0, workers)
        self._at = self._resumed = _Place(state["epoch"], state["samples"], state["given"], share)

    def __iter__(self) -> Iterator[Pair]:
        """The items of the epoch for this rank and worker; after `load_state_dict` what is left of them."""
        self._refuse_accelerate()
        share = ReaderShare.now(self._ranks.use("stream"), batch_of_dataloader())
        at = self._resumed or _Place(self._epoch.get())
        if at.given and _readers(at.share) != _readers(share):
            batch, ranks, workers = _readers(at.share)
            raise UsageError(
                f"the state is of {workers} worker(s) of {ranks} rank(s) in the midst of batches of {batch}: "
                "go on with as many, or take a Loader, whose states are good for others"
            )
        self._at, self._resumed = at._replace(share=share), None
        given = 0
        for positions in share.positions(at.start, self._length, self._even):
            before, given = given, given + len(positions)
            if given <= at.given:
                continue
            for pair in self._pairs(positions[max(0, at.given - before) :], at.epoch):
                at = at._replace(given=at.given + 1, share=share)
                self._at = at
                yield pair
        self._at = _Place(at.epoch, self._length)

    def _pairs(self, positions: range, epoch: int) -> list[Pair]:
        """The items at some positions; those beyond the end stand for the first of the epoch."""
        length, order = self._length, self.rows.order
        wrapped = [at if at < length else (at - length) % length for at in positions]
        places = order.places(self._seed, epoch, np.array(wrapped), len(self.rows))
        return pairs_of(self.rows.draw(*places), self._dtype)

    @property
    def _length(self) -> int:
        return self.rows.order.length(len(self.rows))

    def _digests(self) -> dict[str, str]:
        order = self.rows.order
        settings = f"{order.window} {order.buffer} {order.crops} {order.shuffle}"
        return {"data": _digest(*self.rows.identity()), "order": _digest(settings.encode())}

    def _refuse_accelerate(self) -> None:
        caller = shared_by_accelerate()
        if caller and (self._ranks.now().ranks > 1 or caller == "DataLoaderDispatcher"):
            raise UsageError(
                "accelerate would share out again what StreamedPairs shares out itself: leave its DataLoader "
                "out of accelerator.prepare() and call set_epoch; or give StreamedPairs rank=0, world_size=1 "
                "and Accelerator dataloader_config=DataLoaderConfiguration(dispatch_batches=False)"
            )


def _here_or_hub(path: str | PathLike[str], revision: str | None) -> Any:
    place = place_of(path, revision)
    if place is None:
        raise UsageError("give hf://ORG/NAME, an address such as s3://BUCKET/SET, or a folder or file")
    return place


def _readers(share: ReaderShare) -> tuple[int, int, int]:
    """What has to be the same in mid-batch."""
    return share.batch, share.ranks, share.workers


def _digest(*parts: bytes) -> str:
    return hashlib.blake2b(b"\n".join(parts), digest_size=8).hexdigest()

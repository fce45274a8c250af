"""`PairedDataset`: pairs of HR and LR images for training, from whatever holds them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from os import PathLike

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.utils.data import Dataset, get_worker_info

from srdata.common.wording.amounts import how_many
from srdata.data.beside.beside_images import Beside, Given, open_beside
from srdata.data.beside.prompt import Prompt
from srdata.data.crops.drawn_crops import Drawn, names
from srdata.data.crops.read_crops import Sides
from srdata.data.crops.regions import Turning, within_border
from srdata.data.crops.to_tensor import check_dtype
from srdata.data.datasets.crop_settings import crop_settings, in_cells
from srdata.data.datasets.drawn_pairs import pairs_of
from srdata.data.datasets.given_place import choose_side, path_of, place_of
from srdata.data.datasets.item_epochs import ItemEpochs
from srdata.data.datasets.open_source import Opened, SourceChoice, choose_windows, open_given
from srdata.data.datasets.pair_types import Pair, Pairs
from srdata.data.pair_sources.sources import PairSource
from srdata.data.pair_sources.stereo import ViewsSource
from srdata.discovery.forms.table_columns import Given as Roles
from srdata.discovery.pairing import SHOWN, listed
from srdata.errors import UsageError
from srdata.images import ImagePolicy
from srdata.scale import Scale
from srdata.store.window_scores import ScoreKind, Scores, read_scores
from srdata.store.windows import Integers, Regions, Windows, items_of
from srdata.vocabulary import Only, Take

Index = int | tuple[int, int]  # the number of an item, or (epoch, number of an item)


class PairedDataset(Dataset[Pair]):
    """Pairs of HR and LR images, or aligned crops of them, as a map-style data set for torch.

    >>> data = PairedDataset("data/div2k-x4", split="train", patch_size=192)  # doctest: +SKIP
    >>> data[0]["lr"].shape, data[0]["hr"].shape  # doctest: +SKIP
    (torch.Size([3, 48, 48]), torch.Size([3, 192, 192]))

    What it reads is one of
        path        a prepared set, also at an address such as s3://bucket/set, whose shards are brought to a
                    cache of this machine when they are read; or a folder or file of pairs that names and
                    sizes tell (HR and LR, DIV2K_train_HR and DIV2K_train_LR_bicubic/X4, LMDBs, tars …), or
                    that `datasets`, `srdata publish` or `srdata export` wrote; or a data set of the Hub,
                    hf://ORG/NAME
        hr=, lr=    two folders of images or two of BasicSR's LMDBs; an LR image is called as `template` says;
                    or one of them alone, a folder of images
    and of what is there, where there is more than one,
        split       train, validation or test
        scale       HR pixels per LR pixel
        track       bicubic, unknown, … in EDSR's layout
        config      of a data set in the forms of `datasets`: bicubic_x4, …
        only        "hr" or "lr": this side alone, the other is not read; HR alone needs no scale
        views       for stereo: the marks in the names of images, as ("_L", "_R") of 0001_L and 0001_R. An
                    item is both, cut and turned alike, of six channels: the left RGB, then the right
    With the forms of `datasets` also
        revision    a branch, tag or commit on the Hub, which hf://ORG/NAME@REVISION names as well
        columns     the columns of images and names, such as {"hr": "gt", "lr": "lq", "key": "id"}; without it
                    those called lr, hr and key; one called image alone is HR

    An item is
        windows     False: an image; True: a sub-image window of the set; or of Windows(size=480, step=240);
                    an image that is smaller than a window is one item
        patch_size  a random crop of it with this side in HR pixels; None: all that the LR image covers
        pad         "reflect", "edge" or "constant" pads images that are smaller, "enlarge" resizes them as
                    HAT does: bilinearly, in floats, along the axes that are too short, without LR, "flat"
                    puts a colour in their place, drawn at random, as SwinIR does; None: they are an error
        take        where a crop lies: "random", "centre"; or reduced to its size, of HR alone: "square", at
                    random and as large as the image has it (ResShift), "centre-square", the middle (DiffBIR)
        border      HR pixels at the border of images that crops keep off
        dihedral    True: flipped and turned at random, all 8 ways equally likely; "mirror": left and right
                    alone, as for faces, also where a loader turns others
        seed        of crops and turns
        dtype       of tensors: float32, float16 or bfloat16 in 0 to 1, or uint8
        beside      what it has besides: names of columns of the data, which `srdata annotate` adds to a set;
                    or {name: where}, a table or a folder of .txt files that tells it of each image, None of
                    some; or a folder of arrays, see `Companions`
        prompt      a column of texts, or a `Prompt`: what an item has as "prompt", one of several drawn anew
                    for each visit, or "" where there is none
        images      what to admit besides plain 8-bit RGB where image files are read
        verify      False: do not compare each part of a prepared set with its hash when it is read first

    The crop of item i in epoch e depends on (seed, e, i) alone, for any number of workers. The epoch comes
    with the index: `DataLoader(data, sampler=EpochSampler(data))`, of `srdata.data`, asks for
    (e, i), so every pass has other crops. For a plain index of a DataLoader, as with shuffle=True, it is what
    `set_epoch` was given, or 0, and how often the item came since; all workers see that, persistent or not.
    `data[i]` in this process is of the epoch that was set; reading all of it twice so warns.

    Raises UsageError, at once, when there is nothing to read, a choice is open, an image lacks its partner,
    sizes do not match or images are smaller than the patch; when reading fails, CorruptRecordError or
    ImageError with the name.
    """

    def __init__(
        self,
        path: str | PathLike[str] | None = None,
        *,
        hr: str | PathLike[str] | None = None,
        lr: str | PathLike[str] | None = None,
        template: str = "{key}",
        split: str | None = None,
        scale: int | float | str | Scale | None = None,
        track: str | None = None,
        config: str | None = None,
        revision: str | None = None,
        columns: Roles | None = None,
        only: Only | None = None,
        views: tuple[str, str] | None = None,
        windows: bool | Windows = False,
        patch_size: int | None = None,
        pad: str | None = None,
        take: Take = "random",
        border: int = 0,
        dihedral: Turning = False,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        beside: Given = (),
        prompt: str | Prompt | None = None,
        images: ImagePolicy | None = None,
        verify: bool = True,
    ) -> None:
        self._only = choose_side(only, hr, lr)
        chosen = None if scale is None else Scale(scale)
        choice = SourceChoice(split, chosen, track, template, images, verify, self._only, config, columns)
        opened = open_given(place_of(path, revision), path_of(hr), path_of(lr), choice)
        self._only = self._only or opened.only
        self._source = opened.source if views is None else ViewsSource(opened.source, views)
        self._prepared = opened.prepared if views is None else None  # whose scores are of single views
        self._windows = choose_windows(opened, windows)
        self._items = items_of(self._source.sizes, self.scale, self._windows)
        self._kept: Integers | None = None  # the numbers in `_items` of a subset's items
        self._crops = crop_settings(patch_size, pad, dihedral, seed, self.scale, take, border)
        self._beside = self._open_beside(opened, beside, prompt)
        self._dtype = check_dtype(dtype)
        self._epoch = ItemEpochs(len(self))
        if patch_size is not None:
            self.check_patch(patch_size)

    def __repr__(self) -> str:
        what = {None: "pair", "hr": "HR image", "lr": "LR image"}[self._only]
        patch = "" if self.patch_size is None else f", patch_size={self.patch_size}"
        return f"PairedDataset({how_many(len(self), what)} at {self.scale.label}{patch})"

    @property
    def scale(self) -> Scale:
        """How many HR pixels face one LR pixel."""
        return self._source.scale

    @property
    def source(self) -> PairSource:
        """Where the pairs come from."""
        return self._source

    @property
    def channels(self) -> int:
        """Samples of a pixel: 3, or 6 of two views."""
        return self._source.channels

    @property
    def patch_size(self) -> int | None:
        """The side of a crop in HR pixels; None where items are whole."""
        return None if self._crops.patch is None else self._crops.patch * self.scale.numerator

    @property
    def only(self) -> Only | None:
        """The side that is read alone; None for both."""
        return self._only

    @property
    def copies(self) -> bool:
        """Whether every crop is a rectangle of its image, neither padded nor resized."""
        return self._crops.copied

    @property
    def crops_arrays(self) -> bool:
        """Whether arrays beside its images are cropped with them."""
        return self._beside is not None and any(one.pixels for one in self._beside.arrays.values())

    def reading(self, source: PairSource) -> PairedDataset:
        """The same data set, read from another source of the same pairs."""
        copied = copy(self)
        copied._source = source
        return copied

    @property
    def keys(self) -> list[str]:
        """The name of every item."""
        return names(self._source, self.regions())

    @property
    def sizes(self) -> Integers:
        """HR height and width of every item before it is cropped to a patch or padded, (items, 2)."""
        return self.regions().sizes * self.scale.numerator

    def scores(self, by: str = "psnr", scale: Scale | None = None) -> Scores:
        """What `srdata classify` gave every item: psnr, psnr-y, edges, gradients or deviation, (items,).

        They are defined in `srdata.difficulty.scorers`. `scale` is that at which windows were scored, where
        it is another than that of the data, as for HR alone. Raises UsageError where the items are no windows
        of a prepared set or these were not scored, with the command to run.
        """
        if self._prepared is None or self._windows is None:
            raise UsageError("scores are of the windows of a prepared set: open one, with windows=True")
        folder, split = self._prepared
        found = read_scores(folder, ScoreKind(by, scale or self.scale, self._windows), split)
        if len(found) != len(self._items):
            raise UsageError(
                f"{folder} has other windows at scale {scale}: its images are no multiples of it"
            )
        return found[self._numbers(np.arange(len(self)))]

    def subset(self, items: ArrayLike) -> PairedDataset:
        """These items alone, in this order; each gets the same crops as before.

        `items` are numbers or a mask, as numpy indexes: `data.subset(data.scores("deviation") > 2)` leaves
        flat windows out. Memory: 8 bytes an item. Raises IndexError for a number beyond the last.
        """
        subset = copy(self)
        subset._kept = self._numbers(np.arange(len(self))[np.array(items, ndmin=1)])
        subset._epoch = self._epoch.of_others(len(subset))
        return subset

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of plain indices, for this process and all workers; call it before iterating."""
        self._epoch.set(epoch)

    def __len__(self) -> int:
        return len(self._items if self._kept is None else self._kept)

    def __getitem__(self, index: Index) -> Pair:
        if isinstance(index, tuple):
            return self._pairs(self._checked(np.array([index[1]])), np.array([index[0]]))[0]
        item = self._checked(np.array([index], np.int64))
        if get_worker_info() is not None:  # of a data set around this one
            return self._pairs(item, self._epoch.next(item))[0]
        self._warn_of_repetition(int(item[0]))
        return self._pairs(item, np.array([self._epoch.get()]))[0]

    def __getitems__(self, indices: Sequence[Index]) -> list[Pair]:
        """The items of a batch, which torch's DataLoader asks for together."""
        return self._pairs(*self._addresses(indices))

    def _pairs(self, items: Integers, epochs: Integers) -> list[Pair]:
        """The items in these epochs."""
        return pairs_of(self.draw(items, epochs), self._dtype)

    def batch(self, indices: ArrayLike, epoch: int | None = None, out: Sides | None = None) -> Pairs:
        """Items as uint8 arrays (count, height, width, 3), the fast way: no object is made for an item.

        `epoch` is by default what `set_epoch` was given. `out`, LR and HR arrays of the right shape such as
        views of pinned tensors, is filled and returned. Raises UsageError for items of different sizes.
        """
        items = self._checked(np.array(indices, np.int64, ndmin=1))
        drawn = self.draw(items, self._epoch.get() if epoch is None else epoch)
        if out is None and drawn.in_floats:
            lr, hr = drawn.shapes()
            out = np.empty(lr, np.uint8), np.empty(hr, np.uint8)
        return Pairs(*drawn.read(out), drawn.keys)

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
        """The crops of items (from 0) in an epoch or epochs, as a loader asks for them.

        What is given stands for, and `dihedral` and `only` add to, what the data set was made with. `around`
        HR pixels on each side of a patch are read with it, mirrored where they lie beyond the image.
        """
        own, numbers = self._crops, self._numbers(items)
        patch = own.patch if patch_size is None else in_cells(patch_size, self.scale)
        address = (own.seed if seed is None else seed, epochs, numbers)
        crops = own.draw(self._items.regions(numbers), patch, dihedral, address)
        cells = around // self.scale.numerator
        told = None if self._beside is None else self._beside.of
        return Drawn(self._source, crops, patch, own.pad, self._only or only, cells, told, address)

    def check_patch(self, patch_size: int) -> None:
        """Raise UsageError where a patch size (HR pixels) does not fit the scale, or into every image."""
        cells = in_cells(patch_size, self.scale)
        if not self._crops.fits_any:
            self._refuse_small(cells)
        elif self._crops.border:
            self._refuse_covered(self._crops.border)

    def _open_beside(self, opened: Opened, given: Given, prompt: str | Prompt | None) -> Beside | None:
        """What is asked for beside images; crops come to lie where arrays can be cropped alike."""
        if not given and prompt is None:
            return None
        keys = partial(self._source.keys, np.arange(len(self._source.sizes)))
        beside = open_beside(given, prompt, opened.column, keys)
        self._crops = replace(self._crops, grid=beside.grid(self.scale))
        return beside

    def _addresses(self, indices: Sequence[Index]) -> tuple[Integers, Integers]:
        """Items and epochs of indices of either form."""
        plain = [not isinstance(index, tuple) for index in indices]
        pairs = [index if isinstance(index, tuple) else (0, index) for index in indices]
        epochs, items = np.array(pairs, np.int64).T
        items = self._checked(items)
        epochs[plain] = self._epoch.next(items[plain])
        return items, epochs

    def _warn_of_repetition(self, item: int) -> None:
        """Say once where all items come again without an epoch of their own: their crops do not change."""
        if self._crops.patch is not None and self._epoch.comes_again(item):
            warnings.warn(
                f"item {item} was asked for before in epoch {self._epoch.get()}, and has the same crop: call "
                "data.set_epoch(epoch) before each pass, or ask for data[epoch, item]",
                stacklevel=3,
            )

    def _checked(self, items: Integers) -> Integers:
        """Item numbers counted from 0; IndexError, which ends a `for` over the data, for one beyond it."""
        count = len(self)
        beyond = (items < -count) | (items >= count)
        if beyond.any():
            raise IndexError(f"item {items[beyond][0]} of {count}")
        return items % count

    def _numbers(self, items: Integers) -> Integers:
        """The numbers by which these items went before any were left out."""
        return items if self._kept is None else self._kept[items]

    def regions(self) -> Regions:
        """Where every item lies in its image."""
        return self._items.regions(self._numbers(np.arange(len(self))))

    def _refuse_small(self, patch: int) -> None:
        """Raise UsageError that lists the items into which no patch of so many cells fits."""
        small = self._items.smaller_than(patch + 2 * self._crops.border)
        if self._kept is not None:
            small = np.intersect1d(small, self._kept)
        if len(small):
            border = " with its border" if self._crops.border else ""
            raise UsageError(
                f"patch_size {patch * self.scale.numerator}{border} is larger than {len(small)} of "
                f"{how_many(len(self), 'item')}: {self._listed(small)}; "
                "take smaller patches, or pad='reflect'"
            )

    def _refuse_covered(self, border: int) -> None:
        """Raise UsageError that lists the items of which nothing lies within a border of so many cells."""
        covered = np.flatnonzero((within_border(self.regions(), border).sizes == 0).any(axis=1))
        if len(covered):
            pixels = how_many(border * self.scale.numerator, "pixel")
            raise UsageError(
                f"nothing is left of {len(covered)} of {how_many(len(self), 'item')} without the border of "
                f"{pixels}: {self._listed(self._numbers(covered))}; take a smaller border"
            )

    def _listed(self, numbers: Integers) -> str:
        """The first of these items, with their sizes."""
        regions = self._items.regions(numbers[:SHOWN])
        named = zip(
            names(self._source, regions), (regions.sizes * self.scale.numerator).tolist(), strict=True
        )
        return listed([f"{name} ({width}x{height})" for name, (height, width) in named], len(numbers))

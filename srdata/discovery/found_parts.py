"""Parts of what was found: HR images, and the LR images that face them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from srdata.common.wording.amounts import how_many
from srdata.discovery.image_bytes import ImageFile, header_of
from srdata.discovery.named_files import NamedFiles
from srdata.discovery.pairing import guess_scale, listed
from srdata.errors import UsageError
from srdata.images import ImageListing
from srdata.scale import Scale
from srdata.vocabulary import Split

GIVEN = "given"  # the track of LR images of which nothing says how they were made
_WINDOW = re.compile(r".+_s\d{3,}")
_UNSAFE = re.compile(r"(^|/)\.{0,2}(/|$)|[\x00-\x1f\x7f\\]")


@dataclass(frozen=True)
class Pile:
    """Images of one layer, by their names."""

    where: PurePath
    images: Mapping[str, ImageFile]


class Track(NamedTuple):
    """Which LR images: how they were made, and their scale."""

    name: str
    scale: Scale


@dataclass(frozen=True)
class Lr:
    """LR images by the keys of their HR images, those without one by their names; and what is wrong."""

    pile: Pile
    problem: str | None = None
    taken_by: str = ""  # the command that takes those of them that are whole


@dataclass(frozen=True)
class Part:
    """HR images, and the LR images of each track and scale that there are."""

    split: Split | None  # None where nothing tells
    hr: Pile
    lr: Mapping[Track, Lr] = field(default_factory=dict)
    scale: Scale | None = None  # the one that the HR images belong to, where each scale has its own

    def lr_images(self, track: Track) -> dict[str, ImageFile]:
        """The LR image that faces each HR image, by the key of that; UsageError where that is not clear."""
        lr = self.lr[track]
        if lr.problem is not None:
            raise UsageError(lr.problem)
        return {key: lr.pile.images[key] for key in self.hr.images}


class Found(NamedTuple):
    """The form of what was found, and its parts: one for each HR pile, which may have LR piles."""

    form: str
    parts: tuple[Part, ...]
    left_out: tuple[str, ...] = ()  # what is there and is not used, in words
    listing: ImageListing | None = None  # of the folder on this disk

    @property
    def subimages(self) -> bool:
        """Whether the images are called as those that are cut out of larger ones: 0001_s001."""
        return all(_WINDOW.fullmatch(key) for part in self.parts for key in part.hr.images)

    @property
    def paired(self) -> bool:
        """Whether there are LR images."""
        return any(part.lr for part in self.parts)


def facing(hr: Pile, lr: Pile) -> Lr:
    """LR images that have the names of the HR images, with what is wrong where some have no partner."""
    missing = [key for key in hr.images if key not in lr.images]
    extra = [key for key in lr.images if key not in hr.images]
    said = [
        f"{hr.where}: no {other} image for {how_many(len(keys), f'{side} image')}: {listed(keys)}"
        for keys, side, other in ((missing, "HR", "LR"), (extra, "LR", "HR"))
        if keys
    ]
    return Lr(lr, f"{'; '.join(said)}: add them, or take the others out" if said else None)


def key_problem(pile: Pile) -> str | None:
    """What is wrong with a key that could lead a file out of its folder; names of files themselves cannot."""
    if isinstance(pile.images, NamedFiles):
        return None
    packed = (key for key, file in pile.images.items() if not isinstance(file, Path))
    bad = next(filter(is_unsafe, packed), None)
    return None if bad is None else f"{pile.where}: {bad!r} is no name for an image: rename it there"


def is_unsafe(key: str) -> bool:
    """Whether a file of this name could lie outside its folder, or none could have it."""
    return _UNSAFE.search(key) is not None


def scale_between(hr: Pile, lr: Pile) -> Scale:
    """The whole scale of the first pair by its sizes; raises ImageError, or UsageError if it is none."""
    key = next(iter(lr.images), None)
    if key is None:
        raise UsageError(f"{lr.where} holds no LR images")
    sizes = [np.array([_size(pile, key)]) for pile in (hr, lr)]
    return guess_scale(*sizes)


def _size(pile: Pile, key: str) -> tuple[int, int]:
    if key not in pile.images:
        raise UsageError(f"{pile.where} has no HR image {key!r}, of which there is an LR image")
    return header_of(pile.images[key]).size

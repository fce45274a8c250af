"""Parts of what was found: HR images, and the LR images that face them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from srdata.discovery.image_bytes import ImageFile
from srdata.discovery.pairing import guess_scale, match_names
from srdata.errors import UsageError
from srdata.images import probe
from srdata.scale import Scale
from srdata.vocabulary import Split

GIVEN = "given"  # the track of LR images of which nothing says how they were made
SPLITS: dict[str, Split] = {"train": "train", "validation": "validation", "test": "test"}


_UNSAFE = re.compile(r"(^|/)\.{0,2}(/|$)|[\x00-\x1f\x7f\\]")


@dataclass(frozen=True)
class Pile:
    """Images of one layer, by their names."""

    where: Path
    images: Mapping[str, ImageFile]


class Track(NamedTuple):
    """Which LR images: how they were made, and their scale."""

    name: str
    scale: Scale


@dataclass(frozen=True)
class Lr:
    """LR images, and what they are called beside an HR image of name {key}."""

    pile: Pile
    template: str = "{key}"


@dataclass(frozen=True)
class Part:
    """HR images, and the LR images of each track and scale that there are."""

    split: Split | None  # None where nothing tells
    hr: Pile
    lr: Mapping[Track, Lr] = field(default_factory=dict)

    def lr_images(self, track: Track) -> dict[str, ImageFile]:
        """The LR image that faces each HR image, by the name of that; raises UsageError for orphans."""
        lr = self.lr[track]
        names = match_names(list(self.hr.images), lr.pile.images, lr.template, (self.hr.where, lr.pile.where))
        return {key: lr.pile.images[name] for key, name in zip(self.hr.images, names, strict=True)}


def key_problem(pile: Pile) -> str | None:
    """What is wrong with a key that could lead a file out of its folder; names of files themselves cannot."""
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
    info = probe(pile.images[key].read_bytes(), f"{pile.where}: {key}")
    return info.height, info.width

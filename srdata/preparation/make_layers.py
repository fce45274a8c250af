"""The unit of work: one image of the source becomes its layers, and what is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from srdata.degrade.whole_images import EPOCH
from srdata.errors import ImageError
from srdata.images import ImageInfo, ImagePolicy, Pixels, check_same_way, decode_with_header
from srdata.preparation.source_items import Item
from srdata.recipes.fitting_sizes import check_hr_size, check_lr_size
from srdata.recipes.image_choice import Tile, reduced
from srdata.recipes.set_recipe import Recipe
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.records import Facts

_Decoded = tuple[Pixels, ImageInfo]


@dataclass(frozen=True)
class Made:
    """The layers of one image, uint8 RGB (h, w, 3) each, and the facts about them."""

    facts: Facts
    layers: Mapping[str, Pixels]


@dataclass(frozen=True)
class Source:
    """The bytes of an item's HR file, read once for hashing and decoding."""

    item: Item
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the file."""
        return hashlib.sha256(self.data).hexdigest()


def read_source(item: Item) -> Source:
    """Read the HR file of an item; raises ImageError."""
    try:
        return Source(item, item.hr.read_bytes())
    except OSError as error:
        raise ImageError(f"{item.hr}: cannot be read: {error.strerror}") from error


def make_layers(source: Source, recipe: Recipe) -> Made:
    """Decode HR, crop it to what LR covers, and make or read LR for every scale; raises ImageError."""
    item = source.item
    params: dict[str, Any] = {}
    if item.tile is None:
        whole, header = decode_with_header(source.data, str(item.hr), recipe.images)
    else:
        whole, header = _cut(source, item.tile, recipe.images)
        params[HR] = item.tile.plain
    hr = whole
    if item.copy is not None:
        hr = item.copy.of(hr)
        params[HR] = item.copy.plain
    check_hr_size(hr.shape[:2], recipe, item.hr)
    height, width = map(recipe.stored, hr.shape[:2])
    hr = hr[:height, :width]
    layers: dict[str, Pixels] = {HR: hr}
    for scale in recipe.scales:
        chain = recipe.chains.get(scale)
        if chain is None:
            layers[scale.label] = _published_lr(source, (whole, header), hr, scale, recipe)
        else:
            part = hr[: scale.crop(height), : scale.crop(width)]
            params[scale.label] = chain.sample(recipe.seed, EPOCH, item.key)
            pair = chain.pair_image(part, params[scale.label], scale)
            layers[scale.label] = pair.lr
            if chain.hr or chain.target:
                layers[HR] = pair.hr
    return Made(_facts(source, header, params), layers)


def _cut(source: Source, tile: Tile, policy: ImagePolicy) -> _Decoded:
    """A tile; the tiles of an image follow each other, so it is decoded and reduced once."""
    whole, header = _reduced(source.data, str(source.item.hr), tile.scale, policy)
    part = whole[tile.top : tile.top + tile.size, tile.left : tile.left + tile.size]
    return np.ascontiguousarray(part), header


@lru_cache(maxsize=1)
def _reduced(data: bytes, name: str, scale: float, policy: ImagePolicy) -> _Decoded:
    (image, header), copy = decode_with_header(data, name, policy), reduced(scale)
    return (image if copy is None else copy.of(image)), header


def _facts(source: Source, header: ImageInfo, params: dict[str, Any]) -> Facts:
    item = source.item
    return Facts(
        key=item.key,
        split=item.split,
        source=item.source,
        source_sha256=source.sha256,
        channels=header.channels,
        params=params,
    )


def _published_lr(source: Source, decoded: _Decoded, hr: Pixels, scale: Scale, recipe: Recipe) -> Pixels:
    whole, header = decoded
    item, path = source.item, source.item.lr[scale.label]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from error
    lr, lr_header = decode_with_header(data, str(path), recipe.images)
    check_same_way(whole, lr, (header.orientation, lr_header.orientation), (item.hr, path))
    check_lr_size(lr.shape[:2], path, hr.shape[:2], item.hr.name, scale)
    return lr

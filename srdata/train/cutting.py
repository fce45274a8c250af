"""Read crops from a source, padded and turned as they were drawn."""

from __future__ import annotations

import numpy as np

from srdata.images import Pixels
from srdata.scale import Scale
from srdata.store.blocks import CHANNELS
from srdata.train.items import Crops, Regions
from srdata.train.pads import padded
from srdata.train.sources import PairSource
from srdata.train.turns import TRANSPOSES, turn_all


def stackable(crops: Crops, patch: int | None) -> bool:
    """Whether all crops have one size, once padded to `patch` and turned, so that they fit into one array."""
    if patch is not None:
        return True
    height, width = crops.inside.sizes[0]
    if (crops.inside.sizes != (height, width)).any():
        return False
    return crops.turns is None or height == width or len(np.unique(crops.turns & TRANSPOSES)) == 1


def cut(source: PairSource, crops: Crops, patch: int | None, pad: str | None) -> tuple[Pixels, Pixels]:
    """LR and HR of stackable `crops`, padded to `patch` cells and turned; uint8 (count, height, width, 3)."""
    inside = crops.inside
    height, width = inside.sizes[0].tolist() if patch is None else (patch, patch)
    lr, hr = _room(source.scale, len(inside.images), height, width)
    if pad is None:
        source.read_pairs(inside.images, inside.corners, lr, hr)
    else:
        _read_padded(source, inside, lr, hr, pad)
    if crops.turns is None:
        return lr, hr
    turns = crops.turns.tolist()
    return turn_all(lr, turns), turn_all(hr, turns)


def _room(scale: Scale, count: int, height: int, width: int) -> tuple[Pixels, Pixels]:
    """Arrays for LR and HR crops of so many cells."""
    p, q = scale.as_integer_ratio()
    lr = np.empty((count, height * q, width * q, CHANNELS), np.uint8)
    return lr, np.empty((count, height * p, width * p, CHANNELS), np.uint8)


def _read_padded(source: PairSource, inside: Regions, lr: Pixels, hr: Pixels, pad: str) -> None:
    """Fill `lr` and `hr` crop by crop: each may have another size before it is padded."""
    for i, (height, width) in enumerate(inside.sizes.tolist()):
        one = slice(i, i + 1)
        parts = _room(source.scale, 1, height, width)
        source.read_pairs(inside.images[one], inside.corners[one], *parts)
        for out, part in zip((lr, hr), parts, strict=True):
            out[i] = padded(part[0], out.shape[1], out.shape[2], pad)

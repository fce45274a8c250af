"""Read crops from a source, padded and turned as they were drawn."""

from __future__ import annotations

from typing import Literal

import numpy as np

from srdata.errors import UsageError
from srdata.images import Pixels
from srdata.train.items import Crops, Regions
from srdata.train.pads import padded
from srdata.train.sources import PairSource
from srdata.train.turns import TRANSPOSES, turn_all

Sides = tuple[Pixels, Pixels]  # LR and HR
Only = Literal["lr", "hr"]  # the side that is wanted alone; the other then has no pixels


def stackable(crops: Crops, patch: int | None) -> bool:
    """Whether all crops have one size, once padded to `patch` and turned, so that they fit into one array."""
    if patch is not None:
        return True
    height, width = crops.inside.sizes[0]
    if (crops.inside.sizes != (height, width)).any():
        return False
    return crops.turns is None or height == width or len(np.unique(crops.turns & TRANSPOSES)) == 1


def cut(
    source: PairSource,
    crops: Crops,
    patch: int | None,
    pad: str | None,
    only: Only | None = None,
    out: Sides | None = None,
) -> Sides:
    """LR and HR of stackable `crops`, padded to `patch` and turned; uint8 (count, height, width, channels).

    A side that is not wanted has height and width 0. They are written into `out` when that is given; raises
    UsageError when it does not fit.
    """
    inside = crops.inside
    height, width = inside.sizes[0].tolist() if patch is None else (patch, patch)
    if out is not None and height != width and crops.turns is not None:
        raise UsageError("out= takes square crops where they are turned: give patch_size=")
    lr, hr = _room(shapes(source, len(inside.images), height, width, only), out)
    if pad is None or (inside.sizes == (height, width)).all():
        source.read_pairs(inside.images, inside.corners, lr, hr)
    else:
        _read_padded(source, inside, lr, hr, pad)
    if crops.turns is None:
        return lr, hr
    turns = crops.turns.tolist()
    return turn_all(lr, turns), turn_all(hr, turns)


def shapes(
    source: PairSource, count: int, height: int, width: int, only: Only | None = None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of the arrays for LR and HR crops of so many cells."""
    (p, q), channels = source.scale.as_integer_ratio(), source.channels
    lr, hr = q * (only != "hr"), p * (only != "lr")
    return (count, height * lr, width * lr, channels), (count, height * hr, width * hr, channels)


def _room(wanted: tuple[tuple[int, ...], tuple[int, ...]], out: Sides | None = None) -> Sides:
    """Arrays of the shapes that are wanted for LR and HR: `out`, if it has them, or new ones."""
    lr, hr = wanted
    if out is None:
        return np.empty(lr, np.uint8), np.empty(hr, np.uint8)
    for array, shape in zip(out, wanted, strict=True):
        if array.shape != shape or array.dtype != np.uint8 or not array.flags.c_contiguous:
            raise UsageError(f"out= must be contiguous LR and HR arrays of uint8 with the shapes {lr}, {hr}")
    return out


def _read_padded(source: PairSource, inside: Regions, lr: Pixels, hr: Pixels, pad: str) -> None:
    """Fill `lr` and `hr` crop by crop: each may have another size before it is padded."""
    for i, (height, width) in enumerate(inside.sizes.tolist()):
        one = slice(i, i + 1)
        only: Only | None = None if lr.size and hr.size else "hr" if hr.size else "lr"
        parts = _room(shapes(source, 1, height, width, only))
        source.read_pairs(inside.images[one], inside.corners[one], *parts)
        for out, part in zip((lr, hr), parts, strict=True):
            if out.size:
                out[i] = padded(part[0], out.shape[1], out.shape[2], pad)

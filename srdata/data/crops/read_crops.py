"""Read crops from a source, padded, mirrored and turned as they were drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from srdata.common.tensors.aligned import aligned
from srdata.data.crops.padding import Levels, filled, mirrored, padded
from srdata.data.crops.reduced_crops import REDUCING, reduced
from srdata.data.crops.regions import Crops
from srdata.data.pair_sources.sources import PairSource
from srdata.dihedral.array_turns import turn_all
from srdata.errors import UsageError
from srdata.images import TRANSPOSES
from srdata.store.block_reading.pair_plan import PairPlan
from srdata.store.windows import Integers, Regions
from srdata.vocabulary import Only

Sides = tuple[Levels, Levels]  # LR and HR


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
    around: int = 0,
) -> Sides:
    """LR and HR of stackable `crops`, padded to `patch` cells and turned: (count, height, width, channels).

    `around` cells on each side of a patch come with it, mirrored where they lie beyond the image. They are
    uint8, or float32 of 0 to 255 where pad="enlarge" enlarged one, or squares are reduced. A side that is not
    wanted has height and width 0. They are written into `out` when that is given, rounded if that is uint8;
    raises UsageError when it does not fit.
    """
    inside = crops.inside
    height, width = inside.sizes[0].tolist() if patch is None else (patch + 2 * around,) * 2
    if out is not None and height != width and crops.turns is not None:
        raise UsageError("out= takes square crops where they are turned: give patch_size=")
    if around and crops.take in REDUCING:
        raise UsageError(f"take={crops.take!r} has nothing around it: leave out mirrored=")
    if only != "hr" and (pad == "enlarge" or crops.take in REDUCING):
        resized = "pad='enlarge'" if pad == "enlarge" else f"take={crops.take!r}"
        raise UsageError(f"{resized} gives HR that no stored LR faces: give only='hr', or degrade=")
    dtype = np.float32 if enlarges(crops, patch, pad) else np.uint8
    lr, hr = _room(shapes(source, len(inside.images), height, width, only), out, dtype)
    if lr.dtype == hr.dtype == np.uint8 and (patch is None or within(inside, patch, around)):
        source.read_pairs(inside.images, inside.corners - around, lr, hr)
    else:
        _read_each(source, crops, (lr, hr), patch or 0, pad, around)
    return _turned((lr, hr), crops.turns)


def copied(found: PairPlan, turns: Integers | None, out: Sides | None) -> Sides:
    """The same of square crops that need no more than to be copied, and are looked up already."""
    lr, hr = _room(found.shapes, out)
    found.read(lr, hr, turns)
    return lr, hr


def _turned(sides: Sides, turns: Integers | None) -> Sides:
    if turns is None:
        return sides
    each = turns.tolist()
    lr, hr = (turn_all(side, each) for side in sides)
    return lr, hr


def enlarges(crops: Crops, patch: int | None, pad: str | None) -> bool:
    """Whether some are enlarged or reduced, so that they are floats."""
    if crops.take in REDUCING:
        return True
    return pad == "enlarge" and bool((crops.inside.sizes < (patch or 0)).any())


def shapes(
    source: PairSource, count: int, height: int, width: int, only: Only | None = None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of the arrays for LR and HR crops of so many cells."""
    (p, q), channels = source.scale.as_integer_ratio(), source.channels
    lr, hr = q * (only != "hr"), p * (only != "lr")
    return (count, height * lr, width * lr, channels), (count, height * hr, width * hr, channels)


def _room(
    wanted: tuple[tuple[int, ...], tuple[int, ...]], out: Sides | None = None, dtype: Any = np.uint8
) -> Sides:
    """Arrays of the shapes that are wanted for LR and HR: `out`, if it has them, or new ones."""
    lr, hr = wanted
    if out is None:
        return aligned(lr, dtype), aligned(hr, dtype)
    for array, shape in zip(out, wanted, strict=True):
        kinds = (np.uint8, np.float32)
        if array.shape != shape or array.dtype not in kinds or not array.flags.c_contiguous:
            raise UsageError(f"out= must be contiguous LR and HR arrays of uint8 with the shapes {lr}, {hr}")
        if not array.flags.writeable:
            raise UsageError("out= is read-only, nothing can be written there")
    return out


def within(inside: Regions, patch: int, around: int) -> bool:
    """Whether all crops have the size of a patch, and what is around them lies in their images."""
    if (inside.sizes != patch).any():
        return False
    if not around:
        return True
    last = inside.wholes - inside.sizes - around
    return bool(((inside.corners >= around) & (inside.corners <= last)).all())


def _read_each(
    source: PairSource, crops: Crops, sides: Sides, patch: int, pad: str | None, around: int
) -> None:
    """Fill LR and HR crop by crop: each may have another size before it is padded and mirrored."""
    inside = crops.inside
    colours = np.zeros(len(inside.images), int) if crops.colours is None else crops.colours
    short = inside.sizes < patch
    before = np.where(short, 0, np.minimum(inside.corners, around))
    after = np.where(short, 0, np.minimum(inside.wholes - inside.corners - inside.sizes, around))
    only: Only | None = None if all(side.size for side in sides) else "hr" if sides[1].size else "lr"
    for i, (height, width) in enumerate((inside.sizes + before + after).tolist()):
        one = slice(i, i + 1)
        parts = _room(shapes(source, 1, height, width, only))
        source.read_pairs(inside.images[one], (inside.corners - before)[one], *parts)
        for out, part, cell in zip(sides, parts, source.scale.as_integer_ratio()[::-1], strict=True):
            if out.size:
                whole = patch if crops.take in REDUCING else np.maximum(inside.sizes[i], patch)
                rows, columns = (whole + before[i] + after[i]) * cell
                above, below = (around - before[i]) * cell, (around - after[i]) * cell
                fitting = reduced(part[0], crops.take, patch * cell)
                patched = padded(fitting, rows, columns, pad, int(colours[i]))
                filled(out[i], mirrored(patched, above, below))

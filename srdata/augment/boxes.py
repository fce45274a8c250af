"""Rectangles that lie on the LR grid, so that what is cut out of HR and of LR is the same."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srdata.augment.augmentation import Sides
from srdata.degrade.model.distributions import normal
from srdata.degrade.model.op import Params
from srdata.degrade.numerics import backend

SPREAD = 0.01  # standard deviation of the side of a box, as a part of that of the image
NO_BOX: Params = {"ratio": 0.0, "top": 0.0, "left": 0.0}

Spans = NDArray[np.int64]  # (N, 4): top, bottom, left, right


def draw_box(rng: np.random.Generator, ratio: float) -> Params:
    """A box for an image of any size: its sides over those of the image, and where it lies in the room left.

    Source: CutBlur `_cutmix`, whose ratio is normal around the setting; one above 1, an error there, is 1
    here.
    """
    drawn = min(max(ratio + SPREAD * normal(rng), 0.0), 1.0)
    return {"ratio": drawn, "top": float(rng.random()), "left": float(rng.random())}


def spans(params: Sequence[Params], height: int, width: int) -> Spans:
    """The boxes in an image of `height` by `width` cells."""
    return np.array(
        [
            [
                edge
                for name, size in (("top", height), ("left", width))
                for edge in _span(one["ratio"], one[name], size)
            ]
            for one in params
        ],
        np.int64,
    )


def _span(ratio: float, place: float, size: int) -> tuple[int, int]:
    length = int(size * ratio)
    start = int(place * (size - length + 1))
    return start, start + length


def cells(sides: Sides) -> tuple[int, int]:
    """How many of the smallest squares on which HR and LR grid agree lie in an image: rows, columns.

    At a whole scale these are the LR pixels; at x1.5 two LR pixels and three HR pixels wide.
    """
    shapes = [side.shape[2:] for side in sides[:2] if side is not None]
    rows, columns = (math.gcd(*lengths) for lengths in zip(*shapes, strict=True))
    return rows, columns


def inside(sides: Sides, params: Sequence[Params]) -> Sides:
    """Which pixels of each side lie in the box of their image: (N, 1, H, W), bool."""
    rows, columns = cells(sides)
    return sides.each(lambda side: held(side, params, rows, columns))


def held(side: Tensor, params: Sequence[Params], rows: int, columns: int) -> Tensor:
    """Which pixels of a side lie in boxes on a grid of `rows` by `columns` cells."""
    high, wide = side.shape[2] // rows, side.shape[3] // columns
    edges = spans(params, rows, columns) * np.array([high, high, wide, wide])
    top, bottom, left, right = backend.index(edges.T, side)[..., None, None, None]
    row, column = (torch.arange(size, device=side.device) for size in side.shape[2:])
    pixels: Tensor = ((row >= top) & (row < bottom)).mT & ((column >= left) & (column < right))
    return pixels

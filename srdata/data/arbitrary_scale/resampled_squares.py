"""Squares of the images of a batch, each at a place and of a size of its own: shrunk, cut out, or read."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srdata.common.tensors.device_copies import sent_together
from srdata.degrade.numerics import backend
from srdata.images import TRANSPOSES
from srdata.resize import pillow_weights
from srdata.resize.taps import reach, taps

Integers = NDArray[np.int64]
Matrix = NDArray[np.float64]  # what makes samples (rows) of the pixels along an axis (columns)


def by_matlab(
    hr: Tensor, corners: Integers, sides: Integers, size: int, margin: int = 0, rounds: bool = False
) -> Tensor:
    """A square of each image of a batch at `size` by `size` pixels, by `imresize`'s bicubic.

    `corners` (N, 2) are top and left, `sides` (N,) the sides in pixels; each image may have another. The
    kernel sees `margin` pixels around the square, and their mirror image beyond. With `rounds` it is that of
    the 8-bit levels of `hr`, rounded after the rows and after the columns.
    """
    exact = torch.float32 if hr.device.type == "mps" else torch.float64  # which CUDA never rounds to TF32
    image = (hr * 255).round_().to(exact) if rounds else hr.to(exact)
    matrix = partial(_matlab, margin=margin)
    rows, columns = _matrices(matrix, corners - margin, sides + 2 * margin, size, image)
    if not rounds:
        return (rows @ image @ columns.transpose(-2, -1)).to(hr.dtype)
    fewer = _halves_up(rows @ image)
    return (_halves_up(fewer @ columns.transpose(-2, -1)) / 255).to(hr.dtype)


def by_pillow(hr: Tensor, corners: Integers, sides: Integers, size: int) -> Tensor:
    """The same by Pillow's bicubic, bit for bit: of the 8-bit levels of `hr`, and rounded to such."""
    levels = hr.cpu() if hr.device.type == "mps" else hr  # which has no floats that hold these sums exactly
    levels = (levels * 255).round_().double()
    rows, columns = _matrices(pillow_weights.matrix, corners, sides, size, levels)
    across = pillow_weights.levels_of(levels @ columns.transpose(-2, -1))
    lr: Tensor = pillow_weights.levels_of(rows @ across) / 255
    return lr.to(hr.device, hr.dtype)


def cut_out(hr: Tensor, corners: Integers, side: int) -> Tensor:
    """The squares themselves, where all have one side."""
    pairs = zip(hr, corners.tolist(), strict=True)
    return torch.stack([image[:, top : top + side, left : left + side] for image, (top, left) in pairs])


def pixels(hr: Tensor, places: Integers) -> Tensor:
    """The pixels at (N, count, 2) rows and columns, as (N, count, C)."""
    flat = backend.index(places[..., 0] * hr.shape[3] + places[..., 1], hr)
    return hr.flatten(2).gather(2, flat[:, None].expand(-1, hr.shape[1], -1)).transpose(1, 2)


def unturned(places: Integers, turn: int, side: int) -> Integers:
    """Where the pixels at `places` (count, 2) of a square that was turned were before; see `turns`.

    >>> unturned(np.array([[0, 2]]), 5, 3).tolist()  # transposed, then flipped left and right
    [[0, 0]]
    """
    rows, columns = places.T
    rows = side - 1 - rows if turn & 2 else rows
    columns = side - 1 - columns if turn & 1 else columns
    return np.stack([columns, rows] if turn & TRANSPOSES else [rows, columns], axis=-1)


def _matrices(
    matrix: Callable[[int, int], Matrix], corners: Integers, sides: Integers, size: int, like: Tensor
) -> tuple[Tensor, Tensor]:
    """For rows and for columns what makes `size` samples of each image of `like`: (N, 1, size, length)."""
    exact, found = np.float32 if like.dtype == torch.float32 else np.float64, []
    for starts, length in zip(corners.T, like.shape[2:], strict=True):
        whole = np.zeros((len(sides), 1, size, length))
        for one, start, side in zip(whole, starts.tolist(), sides.tolist(), strict=True):
            one[0, :, start : start + side] = matrix(side, size)
        found.append(whole.astype(exact, copy=False))
    rows, columns = sent_together(like.device, *found)
    return rows, columns


@lru_cache(maxsize=256)
def _matlab(length: int, size: int, margin: int) -> Matrix:
    """`imresize`'s bicubic of an axis without its margins, what lies beyond these folded in."""
    side = length - 2 * margin
    table = taps(side, size, size / side, "bicubic", True)
    inputs = reach(table.first[:, None] + np.arange(table.weights.shape[1]) + margin, length, "symmetric")
    matrix = np.zeros((size, length))
    np.add.at(matrix, (np.arange(size)[:, None], inputs), table.weights)
    return matrix


def _halves_up(levels: Tensor) -> Tensor:
    """Levels, which are written to, in whole numbers."""
    return levels.add_(0.5).floor_().clamp_(0, 255)

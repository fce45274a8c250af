"""Running a network on an image piece by piece, where the whole does not fit into memory.

Tiles overlap, and of each overlap either tile gives its half: outputs are cropped and laid side by side, not
blended. Each output pixel so comes from a tile that reaches half the overlap beyond it, or to the border of
the image, where the network pads as it does for the whole image. If what a network sees around a pixel lies
within half the overlap, the result is that of the whole image; blending would not be nearer to it anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, cast, get_args

import numpy as np
import torch
from torch import Tensor, nn

from srdata.errors import UnknownNameError, UsageError
from srdata.inference.averages import as_batch, one_tensor
from srdata.inference.ensemble import Model
from srdata.scale import Scale

Pad = Literal["reflect", "symmetric", "edge"]  # numpy's names


class Span(NamedTuple):
    """One axis of a tile: the network sees `start` to `stop`, and `first` to `last` of it is kept."""

    start: int
    stop: int
    first: int
    last: int


@dataclass(frozen=True)
class Tiling:
    """How images are cut into tiles; raises UsageError when it makes no sense."""

    tile: int  # LR pixels that the network sees along each axis, at most
    overlap: int  # LR pixels that neighbouring tiles share, at least
    scale: Scale
    multiple: int  # LR pixels: of which the size of what the network sees is a multiple
    pad: Pad
    at_once: int  # tiles in one call of the network

    def __post_init__(self) -> None:
        if self.pad not in get_args(Pad):
            raise UnknownNameError.among("pad", self.pad, get_args(Pad))
        if self.multiple < 1 or self.at_once < 1:
            raise UsageError(f"multiple={self.multiple} and at_once={self.at_once}: both must be 1 or more")
        for name, side in (("tile", self.tile), ("overlap", self.overlap)):
            if side % self.unit:
                raise UsageError(
                    f"{name}={side} is no multiple of {self.unit}, which multiple={self.multiple} and "
                    f"scale={self.scale} need: take {side // self.unit * self.unit} or "
                    f"{(side // self.unit + 1) * self.unit}"
                )
        if not 0 <= self.overlap < self.tile:
            raise UsageError(f"overlap={self.overlap} must be 0 or more, and less than tile={self.tile}")

    @property
    def unit(self) -> int:
        """Tiles begin and end at multiples of this: then they lie on the windows and on the grid of HR."""
        return math.lcm(self.multiple, self.scale.denominator)

    def spans(self, size: int) -> list[Span]:
        """The tiles along an axis of `size` LR pixels, a multiple of `unit`; the last is moved inwards."""
        if size <= self.tile:
            return [Span(0, size, 0, size)]
        starts = [*range(0, size - self.tile, self.tile - self.overlap), size - self.tile]
        denominator = self.scale.denominator
        middles = [(start + self.tile + after) // 2 for start, after in pairwise(starts)]
        cuts = [0, *(middle // denominator * denominator for middle in middles), size]
        return [
            Span(start, start + self.tile, *kept) for start, kept in zip(starts, pairwise(cuts), strict=True)
        ]


def tiled(
    model: Model,
    x: Tensor,
    *,
    tile: int,
    overlap: int,
    scale: int | float | str | Scale,
    multiple: int = 1,
    pad: Pad = "reflect",
    at_once: int = 1,
    device: torch.device | str | None = None,
) -> Tensor:
    """What `model` makes of `x`, computed tile by tile.

    It is what the model makes of the whole, if that sees no farther around a pixel than half the overlap.

    `x` is (N, C, H, W) or (C, H, W); the model takes a batch (n, C, h, w), giving (n, any, h·scale, w·scale).
    All lengths are in LR pixels:
        tile      the side of what the model sees, at most
        overlap   what neighbouring tiles share, at least; of which each gives its half (cropped, not blended)
        multiple  images and tiles have sides that are multiples of it: 8 for SwinIR, 16 for HAT
        pad       how x is enlarged at the bottom and right to a multiple, before the result is cropped to
                  H·scale (rounded down): "reflect" (HAT), "symmetric", which repeats the border pixel (SwinIR
                  and RAMiT), or "edge"
        at_once   tiles of x in one call of the model
        device    where tiles are computed, so that x and the result may stay on the host; None: where x is
    At scale p/q tiles and overlaps are multiples of q as well. No gradients are kept.

    Beside x and the result, the memory is that of `at_once` tiles, whatever the size of x.

    Raises UsageError for settings that make no sense and for a model of another scale.

    >>> tiled(lambda part: part * 2, torch.ones(3, 50, 31), tile=16, overlap=4, scale=1).shape
    torch.Size([3, 50, 31])
    """
    return _tiled(model, x, Tiling(tile, overlap, Scale(scale), multiple, pad, at_once), device)


class Tiled(nn.Module):
    """A model as it is under `tiled`, which has the same settings."""

    def __init__(
        self,
        model: nn.Module,
        *,
        tile: int,
        overlap: int,
        scale: int | float | str | Scale,
        multiple: int = 1,
        pad: Pad = "reflect",
        at_once: int = 1,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.tiling = Tiling(tile, overlap, Scale(scale), multiple, pad, at_once)
        self.device = device

    def forward(self, x: Tensor) -> Tensor:
        """The result for a batch (N, C, H, W) or an image (C, H, W)."""
        return _tiled(self.model, x, self.tiling, self.device)


@torch.no_grad()
def _tiled(model: Model, x: Tensor, tiling: Tiling, device: torch.device | str | None) -> Tensor:
    height, width = (tiling.scale.hr(side) for side in x.shape[-2:])
    made = _run(model, _padded(as_batch(x), tiling), tiling, device)[:, :, :height, :width]
    return made if x.ndim == 4 else made[0]


def _run(model: Model, x: Tensor, tiling: Tiling, device: torch.device | str | None) -> Tensor:
    """The output for a batch whose sides are multiples of the tiling's unit."""
    boxes = [(rows, columns) for rows in tiling.spans(x.shape[2]) for columns in tiling.spans(x.shape[3])]
    out: Tensor | None = None
    for part in _parts(boxes, tiling.at_once):
        seen = torch.cat([x[:, :, rows.start : rows.stop, cols.start : cols.stop] for rows, cols in part])
        made = one_tensor(model(seen.to(device or x.device)))
        _check_scale(seen, made, tiling.scale)
        out = _room(x, made, tiling.scale) if out is None else out
        for box, one in zip(part, made.chunk(len(part)), strict=True):
            _lay(out, one, box, tiling.scale)
    return cast(Tensor, out)


def _room(x: Tensor, made: Tensor, scale: Scale) -> Tensor:
    """Memory for the output, with the channels and the type of what was made of the first tiles."""
    height, width = (scale.hr(side) for side in x.shape[2:])
    return torch.empty(len(x), made.shape[1], height, width, dtype=made.dtype, device=x.device)


def _padded(x: Tensor, tiling: Tiling) -> Tensor:
    """`x` enlarged at the bottom and right to multiples of the tiling's unit."""
    for axis in (2, 3):
        more = -x.shape[axis] % tiling.unit
        if more:
            places = np.pad(np.arange(x.shape[axis]), (0, more), mode=tiling.pad)
            x = x.index_select(axis, torch.from_numpy(places).to(x.device))
    return x


def _parts(boxes: Sequence[tuple[Span, Span]], at_once: int) -> Iterator[Sequence[tuple[Span, Span]]]:
    for first in range(0, len(boxes), at_once):
        yield boxes[first : first + at_once]


def _lay(out: Tensor, made: Tensor, box: tuple[Span, Span], scale: Scale) -> None:
    """Copy what is kept of the output of a tile to its place."""
    (top, bottom), (left, right) = ((scale.hr(span.first), scale.hr(span.last)) for span in box)
    down, across = (scale.hr(span.start) for span in box)
    out[:, :, top:bottom, left:right] = made[:, :, top - down : bottom - down, left - across : right - across]


def _check_scale(seen: Tensor, made: Tensor, scale: Scale) -> None:
    wanted = (len(seen), *(scale.hr(side) for side in seen.shape[2:]))
    if made.ndim != 4 or (made.shape[0], *made.shape[2:]) != wanted:
        raise UsageError(
            f"the model makes {tuple(made.shape)} of {tuple(seen.shape)}, which is not scale {scale}: "
            "give the scale that the model has"
        )

"""What a protocol compares: two images as planes of levels, fitted, rounded, converted and cropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srdata.colour import luma
from srdata.common.wording.amounts import how_many
from srdata.errors import UsageError
from srdata.metrics.byte_luma import luma_of_bytes
from srdata.metrics.protocols import Protocol, Rounding
from srdata.scale import Scale

_DIFFERENCE = (65.738, 129.057, 25.064)  # weights of R, G and B in EDSR-PyTorch, src/utility.py
_CHANNELS = (1, 3)


@dataclass(frozen=True)
class Compared:
    """The parts of SR and HR that a protocol compares, as they came: batches (N, C, H, W)."""

    one: Tensor
    other: Tensor
    protocol: Protocol

    def planes(self, rows: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """What is compared, (N, C, rows, W) of float64 in 0–255."""
        return _converted(self.one[:, :, rows], self.other[:, :, rows], self.protocol)


def compared(sr: Any, hr: Any, protocol: Protocol, scale: Scale | None) -> Compared:
    """SR and HR as batches of one size, cut as the protocol says.

    Raises UsageError for images of another type or shape, of sizes that do not fit, or too small.
    """
    one, other = _batch(sr), _batch(hr)
    for batch in (one, other):
        _refuse_other_types(batch)
    _refuse_other_range(other)
    if len(one) != len(other):
        made, given = how_many(len(one), "SR image"), how_many(len(other), "HR image")
        raise UsageError(f"{made} cannot be compared with {given}: give as many")
    other = other.to(one.device)
    top, left = corner(_size(one), _size(other), protocol, scale)
    other = other[..., top : top + one.shape[2], left : left + one.shape[3]]
    border = protocol.border.width(scale)
    first, second = (_cropped(planes, protocol, scale, border) for planes in (one, other))
    return Compared(first, second, protocol)


def _refuse_other_types(batch: Tensor) -> None:
    if batch.dtype != torch.uint8 and not batch.is_floating_point():
        raise UsageError(f"images are compared as uint8, or as floats in 0–1, not as {batch.dtype}")


def _refuse_other_range(batch: Tensor) -> None:
    """Floats in 0–255 or -1–1 would be clipped to nonsense. SR may leave 0–1, HR by no more than rounding."""
    if batch.is_floating_point() and batch.numel() and not -0.01 <= batch.min() <= batch.max() <= 1.01:
        raise UsageError(
            f"HR has floats from {float(batch.min()):g} to {float(batch.max()):g}: "
            "images are compared as floats in 0–1, or as uint8"
        )


def levels(image: Any, rounding: Rounding = "none") -> Tensor:
    """A numpy image (channels last) or a torch image (channels first), or a batch of either, as (N, C, H, W).

    uint8, or floats in 0–1, which are clipped, scaled to 0–255 and rounded as a protocol says.
    """
    batch = _batch(image)
    _refuse_other_types(batch)
    return _levels(batch, rounding)


def _levels(batch: Tensor, rounding: Rounding) -> Tensor:
    if batch.dtype == torch.uint8:
        return batch.to(torch.float64, memory_format=torch.contiguous_format)
    scaled = (batch.clamp(0, 1) * 255).double()
    if rounding == "none":
        return scaled
    return scaled.round() if rounding == "round" else scaled.floor()


def corner(
    sr: tuple[int, int], hr: tuple[int, int], protocol: Protocol, scale: Scale | None
) -> tuple[int, int]:
    """Where in HR the SR image begins, both as (height, width); raises UsageError where it does not fit."""
    spare = protocol.spare or (scale.numerator if scale else 1)
    excess = [high - low for low, high in zip(sr, hr, strict=True)]
    if not all(0 <= pixels < spare for pixels in excess):
        sideways = all(0 <= high - low < spare for low, high in zip(reversed(sr), hr, strict=True))
        most = how_many(spare - 1, "pixel")
        remedy = "turn SR by 90 degrees" if sideways else f"HR may be larger by at most {most}"
        raise UsageError(f"SR is {sr[1]}x{sr[0]}, HR {hr[1]}x{hr[0]}: {remedy}")
    top, left = (pixels // 2 if protocol.place == "centre" else 0 for pixels in excess)
    return top, left


def _batch(image: Any) -> Tensor:
    if isinstance(image, np.ndarray):
        last = image[..., None] if image.ndim == 2 else image
        if last.ndim in (3, 4) and last.shape[-1] in _CHANNELS:
            array = np.moveaxis(last if last.ndim == 4 else last[None], -1, 1)
            return torch.from_numpy(array if _taken_as_it_is(array) else array.copy())
    elif isinstance(image, Tensor):
        first = image[None] if image.ndim == 3 else image
        if first.ndim == 4 and first.shape[1] in _CHANNELS:
            return first.detach()
    shape = tuple(getattr(image, "shape", ()))
    raise UsageError(
        f"{type(image).__name__} {shape} is no image: give numpy (H, W[, C]) or (N, H, W, C), "
        "or torch (C, H, W) or (N, C, H, W), with 1 or 3 channels"
    )


def _taken_as_it_is(array: NDArray[Any]) -> bool:
    """Whether torch reads the array where it lies, without a warning."""
    return array.flags.writeable and min(array.strides) >= 0


def _cropped(planes: Tensor, protocol: Protocol, scale: Scale | None, border: int) -> Tensor:
    height, width = _size(planes)
    if protocol.tiles and scale:
        height, width = (scale.hr(protocol.tiles.covered(scale.lr(side))) for side in (height, width))
    if min(height, width) <= 2 * border + protocol.border.end:
        raise UsageError(f"nothing is left of {width}x{height} pixels without a border of {border}")
    last = border + protocol.border.end
    return planes[..., border : height - last, border : width - last]


def _converted(one: Tensor, other: Tensor, protocol: Protocol) -> tuple[Tensor, Tensor]:
    if protocol.grey_as_is and other.shape[1] == 1:
        return _as_grey(_levels(one, protocol.rounding)), _levels(other, protocol.rounding)
    first, second = (_in_colour(planes.expand(-1, 3, -1, -1), protocol) for planes in (one, other))
    return first, second


def _as_grey(planes: Tensor) -> Tensor:
    """One channel; of RGB that means grey it is any."""
    if planes.shape[1] == 1:
        return planes
    grey: Tensor = luma(planes / 255, span="full") * 255
    return grey.round()


def _in_colour(images: Tensor, protocol: Protocol) -> Tensor:
    if protocol.colour in ("y", "y_single", "y_uint8"):
        y = _luma(images, protocol)
        return y.round() if protocol.colour == "y_uint8" else y
    rgb = _levels(images, protocol.rounding)
    if protocol.colour == "rgb":
        return rgb
    # linear: EDSR's is the difference of these
    weights = torch.tensor(_DIFFERENCE, dtype=rgb.dtype, device=rgb.device).view(1, 3, 1, 1)
    return (rgb * weights).sum(1, keepdim=True) / (256 if protocol.colour == "y_difference" else 255)


def _luma(images: Tensor, protocol: Protocol) -> Tensor:
    """Y of BT.601 in levels."""
    y: Tensor
    single = protocol.colour == "y_single"
    if images.dtype == torch.uint8 and images.device.type == "cpu":
        return luma_of_bytes(images, single)
    rgb = _levels(images, protocol.rounding)
    if single:
        y = luma((rgb.float() / 255).double()).float() * 255
        return y.double()
    y = luma(rgb / 255) * 255
    return y


def _size(planes: Tensor) -> tuple[int, int]:
    return planes.shape[2], planes.shape[3]

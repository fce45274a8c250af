"""The adaptive gather of CAR: every LR pixel is a weighted sum of samples of the HR image at displaced taps.

Column x of the sample of LR pixel i, tap column k and displacement d, counted in the HR image padded by half
a kernel on every side:

    x = (i + 1/2) * scale + k + d * scale - 1/2

and rows alike. Values between pixels are bilinear. Differentiable with respect to the image, the weights and
the displacements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from srdata.degrade.learned.car.network import PixelTaps, kernel_size

CHUNK_SAMPLES = 1 << 19  # how many samples are taken at once: bounds the memory, and changes no value


def adaptive_gather(image: Tensor, taps: PixelTaps, scale: int) -> Tensor:
    """The LR image (batch, channels, height, width) that `taps` of that height and width take from an image.

    The image is `scale` times as high and wide. Where a displaced tap leaves the padded image, the near
    sample is its first or last column and the far sample the next one, if there is one: the rule of the
    authors' CUDA kernel (adaptive_gridsampler_kernel.cu of github.com/sunwj/CAR).
    """
    size = kernel_size(scale)
    padded = reflect(image, size // 2, size // 2)
    step = max(1, CHUNK_SAMPLES // taps.weights[:, 0].numel())
    if step >= size * size:
        return _weighted_sum(padded, taps, 0, scale)
    total = image.new_zeros(*image.shape[:2], *taps.weights.shape[2:])
    for first in range(0, size * size, step):
        part = PixelTaps(*(field[:, first : first + step] for field in taps))
        total = total + _recomputed(_weighted_sum, padded, part, first, scale)
    return total


def reflect(image: Tensor, before: int, after: int) -> Tensor:
    """`image` with its last two axes continued by mirroring about the outermost pixels, as often as it takes.

    Unlike torch's own padding it may be larger than the image.
    """
    for axis in (-2, -1):
        length = image.shape[axis]
        period = max(1, 2 * (length - 1))
        places = torch.arange(-before, length + after, device=image.device).remainder(period)
        image = image.index_select(axis, torch.minimum(places, period - places).clamp(max=length - 1))
    return image


def _weighted_sum(padded: Tensor, taps: PixelTaps, first: int, scale: int) -> Tensor:
    size = kernel_size(scale)
    numbers = torch.arange(first, first + taps.weights.shape[1], device=padded.device).view(-1, 1, 1)
    left, right, alpha = _neighbours(taps.across, numbers % size, scale, -1, padded.shape[-1])
    top, bottom, beta = _neighbours(taps.down, numbers // size, scale, -2, padded.shape[-2])
    above = torch.lerp(_pixels(padded, top, left), _pixels(padded, top, right), alpha)
    below = torch.lerp(_pixels(padded, bottom, left), _pixels(padded, bottom, right), alpha)
    return (torch.lerp(above, below, beta) * taps.weights[:, None]).sum(2)


def _neighbours(
    shifts: Tensor, tap: Tensor, scale: int, axis: int, length: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The pixels on both sides of each sample along one axis, and its distance from the first of them.

    The place of the LR pixel is a whole number and stays apart from the displacement, so that nothing is
    lost to rounding in a wide image.
    """
    place = shifts * scale + (tap + (scale - 1) / 2)
    whole = place.detach().floor()
    cells = torch.arange(shifts.shape[axis], device=shifts.device) * scale
    near = (whole.long() + (cells if axis == -1 else cells[:, None])).clamp(0, length - 1)
    return near, (near + 1).clamp(max=length - 1), (place - whole)[:, None]


def _pixels(padded: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The pixels at `rows` and `columns`, both (batch, taps, height, width); the channels stand second."""
    places = (rows * padded.shape[-1] + columns).flatten(1)[:, None].expand(-1, padded.shape[1], -1)
    return padded.flatten(2).gather(2, places).reshape(*padded.shape[:2], *rows.shape[1:])


def _recomputed(work: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """`work(*arguments)`, computed again on the way back: autograd would keep many times the taps."""
    if not torch.is_grad_enabled():
        return work(*arguments)
    result: Tensor = checkpoint(work, *arguments, use_reentrant=False, preserve_rng_state=False)
    return result

"""What the resampler is trained for besides reconstruction, and how LR becomes 8-bit on the way."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from srdata.degrade.learned.car.network import PixelTaps

Loss = Literal["absolute", "squared"]
_TINY = 1e-12  # keeps the derivative of the root finite where a tap has no displacement


def quantised(image: Tensor) -> Tensor:
    """The image held within 0–1 and rounded to 8-bit levels; gradients pass as if it were not rounded."""
    held = image.clamp(0, 1)
    return held + (held.detach().mul(255).round().div(255) - held.detach())


def difference(error: Tensor, loss: Loss) -> Tensor:
    """The mean of the absolute or squared errors.

    Absolute errors forgive a kernel that loses a star or a glint; squared ones, as PSNR, do not.
    """
    return error.abs().mean() if loss == "absolute" else error.square().mean()


def displacement(taps: PixelTaps) -> Tensor:
    """The mean distance by which taps are moved, weighted by how far out in its kernel each stands (0–1).

    The paper's offset distance: a tap in the middle moves freely, and outer taps shall not stray.
    """
    size = round(taps.weights.shape[1] ** 0.5)
    axis = torch.linspace(-1, 1, size, device=taps.across.device)
    outwards = (axis.square()[:, None] + axis.square()).div(2).sqrt().reshape(-1, 1, 1)
    distance = (taps.across.square() + taps.down.square() + _TINY).sqrt()
    return (distance * outwards).mean()


def roughness(taps: PixelTaps) -> Tensor:
    """How much displacements change from one LR pixel to the next, each weighted by the weight of its tap.

    The paper's total variation: neighbouring kernels shall sample alike. The mean over LR pixels.
    """
    total = taps.weights.new_zeros(())
    for field in (taps.across, taps.down):
        for axis in (-2, -1):
            weights = taps.weights.narrow(axis, 1, field.shape[axis] - 1)
            total = total + (field.diff(dim=axis).abs() * weights).sum(1).mean()
    return total

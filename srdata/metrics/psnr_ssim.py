"""PSNR and SSIM of images in memory, under any protocol."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from srdata.errors import UsageError
from srdata.metrics.compared_planes import compared
from srdata.metrics.plane_scores import scores
from srdata.metrics.protocols import DEFAULT, Protocol, find_protocol
from srdata.scale import Scale

AnyScale = Scale | int | float | str


def psnr(sr: Any, hr: Any, scale: AnyScale | None = None, protocol: str | Protocol = DEFAULT) -> Any:
    """PSNR in dB of SR images against HR images under a protocol; infinite where nothing differs.

    Images are numpy (H, W), (H, W, C) or a batch (N, H, W, C), or torch (C, H, W) or (N, C, H, W) on any
    device with float64; uint8, or floats in 0–1. One image gives a float, a batch an array or tensor (N,).
    `scale` is HR size over LR size, for the border; HR is cropped to SR as the protocol says. Computed in
    float64, the same for numpy and torch.

    Raises UsageError for images that do not fit or a scale that is missing, UnknownNameError for a protocol.

    >>> one = np.zeros((32, 32, 3), np.uint8)
    >>> round(psnr(one, one + np.uint8(1), protocol="rgb_border0"), 4)
    48.1308
    """
    rules, exact = _rules(protocol, scale)
    found, _ = scores(compared(sr, hr, rules, exact), with_ssim=False)
    return _like(sr, found)


def ssim(sr: Any, hr: Any, scale: AnyScale | None = None, protocol: str | Protocol = DEFAULT) -> Any:
    """SSIM of SR images against HR images under a protocol; takes and gives what `psnr` does.

    Raises UsageError too for a protocol whose source states no SSIM, and for images of less than 11 pixels.
    """
    rules, exact = _rules(protocol, scale)
    if not rules.ssim:
        raise UsageError(
            f"{rules.source} states no SSIM, so the protocol {rules.name} has none: take another"
        )
    _, found = scores(compared(sr, hr, rules, exact), with_ssim=True)
    return _like(sr, found)


def _rules(protocol: str | Protocol, scale: AnyScale | None) -> tuple[Protocol, Scale | None]:
    rules = find_protocol(protocol) if isinstance(protocol, str) else protocol
    return rules, None if scale is None else Scale(scale)


def _like(image: Any, values: Tensor) -> Any:
    """Values in the manner of the images that they belong to: a float, a tensor or an array."""
    if image.ndim < 4:
        return float(values[0])
    return np.asarray(values) if isinstance(image, np.ndarray) else values

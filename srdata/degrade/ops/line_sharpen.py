"""Sharpening of drawn lines alone, as anime is enhanced that networks are to aim at."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from srdata.degrade.model.distributions import uniform
from srdata.degrade.model.op import BytesOp, Params
from srdata.degrade.model.ranges import Range, between
from srdata.degrade.numerics.backend import Image
from srdata.degrade.ops.sharpen import UnsharpMask, sharpened_plane

_USUAL = UnsharpMask().sample(np.random.default_rng(0))  # whose ranges are single values
_SIGMA, _WIDER, _LEAST = 0.6, 2.5, -15 / 255  # of the XDoG
_NEIGHBOURS = 3  # lines of so many around a pixel take it in


class LineSharpen(BytesOp):
    """Sharpen an image, and drawn lines `times` as often.

    Each time it is the `unsharp_mask` of Real-ESRGAN. Lines are where the difference of two blurs of the
    sharpest image (sigma 0.6, and `gamma` times the one of 1.5) is lowest; pieces of less than `smallest`
    pixels are none, and pixels with three neighbours on a line are on it.
    Source: APISR `scripts/anime_strong_usm.py`, which does this to whole images.
    """

    host_only: ClassVar[bool] = True

    op: Literal["line_sharpen"] = "line_sharpen"
    gamma: Annotated[Range, between(0, 1)] = (0.97, 0.98)
    times: Annotated[int, Field(ge=1, le=16)] = 3
    smallest: Annotated[int, Field(ge=0, le=1 << 20)] = 32

    def sample(self, rng: np.random.Generator) -> Params:
        return {"gamma": uniform(rng, self.gamma)}

    def on_bytes(self, image: Image, params: Params) -> Image:
        first = sharpest = sharpened_plane(image.astype(np.float32) / np.float32(255), _USUAL)
        for _ in range(self.times - 1):
            sharpest = sharpened_plane(sharpest, _USUAL)
        lines = self._lines(sharpest, params["gamma"])
        done: Image = np.rint(np.where(lines[..., None], sharpest, first) * 255).astype(np.uint8)
        return done

    def _lines(self, image: NDArray[np.float32], gamma: float) -> NDArray[np.bool_]:
        """Where drawn lines are."""
        grey: Any = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.shape[2] == 3 else image[..., 0]
        fine, wide = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (_SIGMA, _SIGMA * _WIDER))
        difference = fine - gamma * wide
        found = (difference < _LEAST * difference.max()).astype(np.uint8)
        _, pieces, numbers, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
        found[(numbers[:, cv2.CC_STAT_AREA] < self.smallest)[pieces]] = 0
        around = cv2.filter2D(found, -1, np.ones((3, 3), np.float32), borderType=cv2.BORDER_CONSTANT)
        lines: NDArray[np.bool_] = (found == 1) | (around >= _NEIGHBOURS)
        return lines

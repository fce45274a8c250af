"""MATLAB's imresize on 8-bit images, to the LR size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from srdata.degrade.model.op import BytesOp, Params
from srdata.degrade.numerics.backend import Array, Image, is_torch
from srdata.resize import imresize


class Imresize(BytesOp):
    """MATLAB's `imresize` to the LR size, bit for bit: the degradation of DIV2K and the usual benchmarks.

    Source: srdata.imresize. `rounding` "each-pass" is what MATLAB does to uint8, "once" what it does to
    doubles that are rounded at the end.
    """

    op: Literal["imresize"] = "imresize"
    kernel: Literal["bicubic", "bilinear", "lanczos2", "lanczos3", "box"] = "bicubic"
    antialias: bool = True
    border: Literal["symmetric", "replicate"] = "symmetric"
    rounding: Literal["each-pass", "once"] = "each-pass"

    @property
    def sets_size(self) -> bool:
        return True

    def sample(self, rng: np.random.Generator) -> Params:
        return {}

    def apply(self, x: Array, params: Sequence[Params]) -> Any:
        if not is_torch(x) or x.device.type in ("cpu", "mps"):  # Apple's device has no float64
            return super().apply(x, params)
        levels = (x * 255).round_().clamp_(0, 255).byte()
        return self._resized(levels, params[0]) * (1 / 255)

    def on_bytes(self, image: Image, params: Params) -> Any:
        return self._resized(image, params)

    def _resized(self, image: Any, params: Params) -> Any:
        height, width = params["lr_size"]
        return imresize(
            image,
            size=(height, width),
            kernel=self.kernel,
            antialias=self.antialias,
            border=self.border,
            rounding=self.rounding,
        )

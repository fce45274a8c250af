"""MATLAB's imresize on 8-bit images, to the LR size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from srdata.degrade.model.op import BytesOp, Params
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Image, is_torch
from srdata.resize import imresize, imresize_levels


class Imresize(BytesOp):
    """MATLAB's `imresize` to the LR size, bit for bit: the degradation of DIV2K and the usual benchmarks.

    Source: srdata.imresize. `rounding` "each-pass" is what MATLAB does to uint8, "once" what it does to
    doubles that are rounded at the end.
    """

    draws: ClassVar[bool] = False

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
        levels: Any = imresize_levels(backend.levels_of(x), **self._settings(params[0]))
        return levels.mul_(1 / 255)

    def on_bytes(self, image: Image, params: Params) -> Any:
        return imresize(image, **self._settings(params))

    def _settings(self, params: Params) -> dict[str, Any]:
        height, width = params["lr_size"]
        named = {name: getattr(self, name) for name in ("kernel", "antialias", "border", "rounding")}
        return {"size": (height, width), **named}

"""Pillow's resize, which many data sets were made with."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image as Pillow

from srdata.degrade.model.op import BytesOp, Params
from srdata.degrade.numerics.backend import Image

Kernel = Literal["bicubic", "bilinear", "lanczos", "box", "hamming", "nearest"]


class PillowResize(BytesOp):
    """`Image.resize` of Pillow to the LR size: antialiased, columns first, each pass rounded to 8 bits.

    Its bicubic is MATLAB's kernel (a = -0.5), but leaves out what lies off the border; MATLAB mirrors.
    Source: Pillow itself does it.
    """

    op: Literal["pillow_resize"] = "pillow_resize"
    kernel: Kernel = "bicubic"

    @property
    def sets_size(self) -> bool:
        return True

    def sample(self, rng: np.random.Generator) -> Params:
        return {}

    def on_bytes(self, image: Image, params: Params) -> Image:
        height, width = params["lr_size"]
        filter_ = Pillow.Resampling[self.kernel.upper()]
        planes = [
            Pillow.fromarray(plane).resize((width, height), filter_) for plane in np.moveaxis(image, 2, 0)
        ]
        return np.stack([np.asarray(plane) for plane in planes], axis=2)

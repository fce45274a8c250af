"""Chroma subsampling without a codec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from srdata import colour
from srdata.colour import Matrix
from srdata.degrade.model.by_setting import alike
from srdata.degrade.model.distributions import pick, uniform
from srdata.degrade.model.op import Op, Params
from srdata.degrade.model.ranges import ODDS, Range, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, clip
from srdata.degrade.numerics.gaussian import gaussian, reaching

Sampling = Literal["4:4:4", "4:4:0", "4:2:2", "4:2:0", "4:1:1", "4:1:0"]

# How many rows and columns of luma share one sample of chroma.
_SHARED: dict[str, tuple[int, int]] = {
    "4:4:4": (1, 1),
    "4:4:0": (2, 1),
    "4:2:2": (1, 2),
    "4:2:0": (2, 2),
    "4:1:1": (1, 4),
    "4:1:0": (2, 4),
}


class ChromaSubsampling(Op):
    """Give several pixels one common chroma, as JPEG and video do, and interpolate it again.

    Full-range YCbCr of `matrix`. `down` "box" takes the mean of the pixels that share a sample (the edge
    continues where the size is odd), "nearest" the middle one, right and down of the centre. `up` "linear"
    interpolates between the centres of the shares (libjpeg's "fancy upsampling"), "nearest" repeats.
    `blur` is the sigma of a Gaussian on the chroma afterwards, in pixels.
    Source: ITU-T T.871 (JFIF); wtp_dataset_destroyer "subsampling" with its matrices, ratios and blur.
    """

    version: ClassVar[int] = 2

    op: Literal["chroma_subsampling"] = "chroma_subsampling"
    sampling: Annotated[dict[Sampling, float], *ODDS] = Field(default={"4:2:0": 1.0})
    matrix: Annotated[dict[Matrix, float], *ODDS] = Field(default={"bt601": 1.0})
    down: Annotated[dict[Literal["box", "nearest"], float], *ODDS] = Field(default={"box": 1.0})
    up: Annotated[dict[Literal["linear", "nearest"], float], *ODDS] = Field(default={"linear": 1.0})
    blur: Annotated[Range, between(0, 50)] = (0.0, 0.0)

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "sampling": pick(rng, self.sampling),
            "matrix": pick(rng, self.matrix),
            "down": pick(rng, self.down),
            "up": pick(rng, self.up),
            "blur": uniform(rng, self.blur),
        }

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return alike(x, params, ["sampling", "matrix", "down", "up"], _subsampled)


def _subsampled(x: Array, params: Sequence[Params]) -> Array:
    drawn = params[0]
    ycbcr = colour.rgb_to_ycbcr(x, drawn["matrix"], "full")
    rows, columns = _SHARED[drawn["sampling"]]
    shared = _DOWN[drawn["down"]](ycbcr[:, 1:], rows, columns)
    spread = _UP[drawn["up"]](shared, rows, columns)[:, :, : x.shape[2], : x.shape[3]]
    chroma = gaussian(spread, [reaching(one["blur"]) for one in params])
    whole = colour.library(x).concatenate([ycbcr[:, :1], chroma], 1)
    rgb: Array = clip(colour.ycbcr_to_rgb(whole, drawn["matrix"], "full"))
    return rgb


def _means(planes: Array, rows: int, columns: int) -> Any:
    height, width = planes.shape[2:]
    bordered = backend.pad(planes, 0, -width % columns, 0, -height % rows, "replicate")
    shape = (*planes.shape[:2], -(-height // rows), rows, -(-width // columns), columns)
    return bordered.reshape(shape).mean((3, 5))


def _middles(planes: Array, rows: int, columns: int) -> Any:
    bordered = backend.pad(planes, 0, columns - 1, 0, rows - 1, "replicate")
    height, width = planes.shape[2:]
    return bordered[
        :, :, rows // 2 : rows // 2 + height : rows, columns // 2 : columns // 2 + width : columns
    ]


def _repeated(planes: Array, rows: int, columns: int) -> Any:
    height, width = planes.shape[2:]
    down, across = np.arange(height * rows) // rows, np.arange(width * columns) // columns
    return planes[:, :, backend.index(down, planes)][..., backend.index(across, planes)]


def _interpolated(planes: Array, rows: int, columns: int) -> Any:
    tall = _stretched(planes, rows, -2)
    return _stretched(tall, columns, -1)


def _stretched(planes: Array, factor: int, axis: Literal[-2, -1]) -> Any:
    """Enlarged along one axis, linearly between the centres of the samples."""
    length = planes.shape[axis]
    centre = (np.arange(length * factor) + 0.5) / factor - 0.5
    low = np.floor(centre).astype(np.int64)
    weight: Any = backend.table(centre - low, planes)
    before, after = (backend.index(np.clip(place, 0, length - 1), planes) for place in (low, low + 1))
    if axis == -1:
        return planes[..., before] * (1 - weight) + planes[..., after] * weight
    return planes[:, :, before] * (1 - weight[:, None]) + planes[:, :, after] * weight[:, None]


_DOWN: dict[str, Callable[[Array, int, int], Any]] = {"box": _means, "nearest": _middles}
_UP: dict[str, Callable[[Array, int, int], Any]] = {"linear": _interpolated, "nearest": _repeated}

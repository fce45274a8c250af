"""Dithering to a few tones per channel: ordered, by error diffusion, along a Hilbert curve."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from srdata.colour import library
from srdata.degrade.model.by_setting import alike
from srdata.degrade.model.distributions import integer, pick, uniform
from srdata.degrade.model.op import BytesOp, Op, Params
from srdata.degrade.model.ranges import ODDS, IntRange, Range, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Image, Places, clip, column

Tones = Annotated[IntRange, between(2, 256)]
BayerMatrix = Literal["2x2", "4x4", "8x8", "16x16"]
Diffusion = Literal[
    "floyd-steinberg",
    "jarvis-judice-ninke",
    "stucki",
    "atkinson",
    "burkes",
    "sierra",
    "two-row-sierra",
    "sierra-lite",
]

_SIZES: dict[str, int] = {"2x2": 2, "4x4": 4, "8x8": 8, "16x16": 16}
# Half of the least distance between an 8-bit sample and a threshold: without it, rounding errors take tones
# that are already exact one step down.
_NUDGE = 0.5 / (255 * _SIZES["16x16"] ** 2)

# The shares of the error that go to the pixels from two to the left to two to the right, in this row and the
# next ones, over a divisor. Floyd and Steinberg 1976; Jarvis, Judice and Ninke 1976; Stucki 1981; Atkinson
# (Apple, about 1984); Burkes 1988; Sierra 1989 and 1990.
_DIFFUSIONS: dict[str, tuple[int, tuple[tuple[int, ...], ...]]] = {
    "floyd-steinberg": (16, ((0, 0, 0, 7, 0), (0, 3, 5, 1, 0))),
    "jarvis-judice-ninke": (48, ((0, 0, 0, 7, 5), (3, 5, 7, 5, 3), (1, 3, 5, 3, 1))),
    "stucki": (42, ((0, 0, 0, 8, 4), (2, 4, 8, 4, 2), (1, 2, 4, 2, 1))),
    "atkinson": (8, ((0, 0, 0, 1, 1), (0, 1, 1, 1, 0), (0, 0, 1, 0, 0))),
    "burkes": (32, ((0, 0, 0, 8, 4), (2, 4, 8, 4, 2))),
    "sierra": (32, ((0, 0, 0, 5, 3), (2, 4, 5, 4, 2), (0, 2, 3, 2, 0))),
    "two-row-sierra": (16, ((0, 0, 0, 4, 3), (1, 2, 3, 2, 1))),
    "sierra-lite": (4, ((0, 0, 0, 2, 0), (0, 1, 1, 0, 0))),
}


class OrderedDither(Op):
    """Round each sample down after adding Bayer's threshold of its place, from a matrix that repeats.

    Source: Bayer 1973; wtp_dataset_destroyer "dithering" of type order (chaiNNer `ordered_dither`), with its
    range of levels per channel.
    """

    op: Literal["ordered_dither"] = "ordered_dither"
    levels: Tones = (2, 10)
    matrix: Annotated[dict[BayerMatrix, float], *ODDS] = Field(default={"4x4": 1.0, "8x8": 1.0})

    def sample(self, rng: np.random.Generator) -> Params:
        return {"levels": integer(rng, self.levels), "matrix": pick(rng, self.matrix)}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return alike(x, params, ["matrix"], _ordered)


class ErrorDiffusion(Op):
    """Round sample after sample, row by row, and hand each error on to the neighbours that are still to come.

    Source: the publications at `_DIFFUSIONS`; wtp_dataset_destroyer "dithering" (chaiNNer
    `error_diffusion_dither`), with its range of levels per channel.
    """

    host_only: ClassVar[bool] = True  # a device would be asked for thousands of tiny steps, one after another

    op: Literal["error_diffusion"] = "error_diffusion"
    levels: Tones = (2, 10)
    kernel: Annotated[dict[Diffusion, float], *ODDS] = Field(default={"floyd-steinberg": 1.0})

    def sample(self, rng: np.random.Generator) -> Params:
        return {"levels": integer(rng, self.levels), "kernel": pick(rng, self.kernel)}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return alike(x, params, ["kernel"], _diffused)


class RiemersmaDither(BytesOp):
    """Round sample after sample along a Hilbert curve, and carry over the last `history` errors.

    Their weights fall from 1 for the latest to `ratio` for the oldest.
    Source: Riemersma, "A balanced dithering technique", C/C++ Users Journal, December 1998;
    wtp_dataset_destroyer "dithering" of type riemersma, with its ranges.
    """

    host_only: ClassVar[bool] = True  # each sample waits for the one before it

    op: Literal["riemersma_dither"] = "riemersma_dither"
    levels: Tones = (2, 10)
    history: Annotated[IntRange, between(2, 256)] = (10, 15)
    ratio: Annotated[Range, between(0.001, 0.999)] = (0.1, 0.9)

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "levels": integer(rng, self.levels),
            "history": integer(rng, self.history),
            "ratio": uniform(rng, self.ratio),
        }

    def on_bytes(self, image: Image, params: Params) -> Image:
        rows, columns = _hilbert(image.shape[0], image.shape[1])
        result = image.copy()
        for channel in range(image.shape[2]):
            tones = (image[rows, columns, channel] / 255).tolist()
            result[rows, columns, channel] = np.rint(np.fromiter(_carried(tones, params), float) * 255)
        return result


def _bayer(size: int) -> NDArray[np.float64]:
    """Bayer's thresholds in [0, 1), each matrix made of four copies of the one half as large."""
    order = np.zeros((1, 1))
    while len(order) < size:
        order = np.block([[4 * order, 4 * order + 2], [4 * order + 3, 4 * order + 1]])
    return order / size**2


def _ordered(x: Array, params: Sequence[Params]) -> Array:
    size = _SIZES[params[0]["matrix"]]
    rows, columns = (np.arange(length) % size for length in x.shape[2:])
    thresholds = backend.table(_bayer(size)[rows][:, columns] + _NUDGE, x)
    steps = column([drawn["levels"] - 1 for drawn in params], x)
    tones: Array = clip(library(x).floor(clip(x) * steps + thresholds) / steps)
    return tones


def _diffused(x: Array, params: Sequence[Params]) -> Array:
    """All rows at once along a slanted front, each row behind the one above by what the kernel reaches left.

    At time t the front stands at column t - slant * row of each row, where all errors have arrived.
    """
    divisor, shares = _DIFFUSIONS[params[0]["kernel"]]
    taps = [
        (down, right - 2, share / divisor)
        for down, row in enumerate(shares)
        for right, share in enumerate(row)
    ]
    taps = [tap for tap in reversed(taps) if tap[2]]
    slant = 1 - min(right for _, right, _ in taps)
    channels, height, width = x.shape[1:]
    steps = backend.table(np.repeat([drawn["levels"] - 1 for drawn in params], channels), x)

    tones = _slanted(x, slant)
    errors = library(x).zeros_like(tones)
    for time in range(width + slant * (height - 1)):
        front = slice(max(0, -((width - 1 - time) // slant)), min(height, time // slant + 1))
        wanted = tones[time, front] + errors[time, front]
        nearest = clip(library(x).floor(wanted * steps + 0.5) / steps)
        tones[time, front] = nearest
        for down, right, share in taps:
            below = slice(front.start + down, front.stop + down)
            errors[time + right + slant * down, below] += (wanted - nearest) * share
    return _upright(tones, slant, x)


def _slanted(x: Array, slant: int) -> Any:
    """The samples by (time, row, plane of the batch), with room for errors handed on beyond the image."""
    images, channels, height, width = x.shape
    time = np.arange(width + slant * (height + 1) + 2)[:, None]
    row = np.arange(height + 2)
    column = np.clip(time - slant * row, 0, width - 1)
    planes = library(x).moveaxis(x, (2, 3), (0, 1)).reshape(height, width, images * channels)
    return planes[backend.index(np.minimum(row, height - 1), x), backend.index(column, x)]


def _upright(tones: Any, slant: int, like: Array) -> Array:
    """The inverse of `_slanted`, as a batch shaped `like`."""
    images, channels, height, width = like.shape
    row, column = np.indices((height, width))
    planes = tones[backend.index(column + slant * row, like), backend.index(row, like)]
    batch: Array = library(like).moveaxis(planes.reshape(height, width, images, channels), (2, 3), (0, 1))
    return batch


def _carried(tones: Sequence[float], params: Params) -> Iterator[float]:
    """Each of `tones` rounded with the errors of those before it carried over."""
    steps, history = params["levels"] - 1, params["history"]
    decay = params["ratio"] ** (1 / (history - 1))
    forgotten = decay**history
    past = deque([0.0] * history)
    carried = 0.0
    for tone in tones:
        nearest = min(max(math.floor((tone + carried) * steps + 0.5), 0), steps) / steps
        yield nearest
        past.append(tone - nearest)
        carried = carried * decay + past[-1] - forgotten * past.popleft()


def _hilbert(height: int, width: int) -> tuple[Places, Places]:
    """The rows and columns of an image in the order of the Hilbert curve over the square that holds it."""
    side = 1
    rows = columns = np.zeros(1, np.int64)
    while side < max(height, width):
        rows, columns = (
            np.concatenate([columns, rows + side, rows + side, side - 1 - columns]),
            np.concatenate([rows, columns, columns + side, 2 * side - 1 - rows]),
        )
        side *= 2
    inside = (rows < height) & (columns < width)
    return rows[inside], columns[inside]

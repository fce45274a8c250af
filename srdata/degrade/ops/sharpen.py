"""Ops that work on edges and on the pixel grid: unsharp mask, drawn lines, halo, pixelate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from srdata.colour import luma
from srdata.degrade.model.by_setting import alike
from srdata.degrade.model.distributions import odd, pick, uniform
from srdata.degrade.model.op import BytesOp, Op, Params
from srdata.degrade.model.ranges import ODDS, OddRange, Range, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Image, Places, Plane, clip, column, is_torch
from srdata.degrade.numerics.gaussian import filling, gaussian, gaussian_plane, reaching

if TYPE_CHECKING:
    import torch

HaloKind = Literal["both", "bright", "outline"]

_SIGMA, _WIDER, _LEAST = 0.6, 2.5, -15 / 255  # of the XDoG that finds lines
_NEIGHBOURS = 3  # on a line around a pixel, which take it in


class UnsharpMask(Op):
    """Sharpen where an image differs from its blur by more than `threshold` (8-bit levels), with a soft mask.

    With B the Gaussian blur of I, and M the blur of |I - B| > threshold, it is
    I + M (clip(I + weight (I - B)) - I). The sigma of both blurs follows from `kernel_size` (8 for 51).
    Source: Real-ESRGAN and BasicSR `USMSharp`, whose "radius 50" is a kernel of 51; BSRGAN `add_sharpening`.
    """

    version: ClassVar[int] = 2
    applied: ClassVar[tuple[str, ...]] = ()

    op: Literal["unsharp_mask"] = "unsharp_mask"
    weight: Annotated[Range, between(0, 10)] = (0.5, 0.5)
    threshold: Annotated[Range, between(0, 255)] = (10.0, 10.0)
    kernel_size: Annotated[OddRange, between(3, 511)] = (51, 51)

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "weight": uniform(rng, self.weight),
            "threshold": uniform(rng, self.threshold),
            "kernel_size": odd(rng, self.kernel_size),
        }

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return _sharpened(x, params) if is_torch(x) else backend.each(x, params, _sharpened_plane)


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
        first = sharpest = _sharpened_plane(image.astype(np.float32) / np.float32(255), _usual())
        for _ in range(self.times - 1):
            sharpest = _sharpened_plane(sharpest, _usual())
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


class Halo(Op):
    """Light and dark seams along edges, as over-sharpened pictures have them.

    With d the difference between the image (its luma, but for "both") and its Gaussian blur, and what stays
    within `threshold` (8-bit levels) left out:
    "both" adds amount · d, "bright" adds it where it is positive, "outline" whitens where amount · d is full.
    Source: wtp_dataset_destroyer "halo" (unsharp_mask, unsharp_gray, unsharp_halo) with its ranges.
    """

    version: ClassVar[int] = 2

    op: Literal["halo"] = "halo"
    kind: Annotated[dict[HaloKind, float], *ODDS] = Field(default={"both": 1.0})
    sigma: Annotated[Range, between(0, 50)] = (0.0, 2.0)
    amount: Annotated[Range, between(0, 100)] = (1.0, 1.0)
    threshold: Annotated[Range, between(0, 255)] = (0.0, 0.0)

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "kind": pick(rng, self.kind),
            "sigma": uniform(rng, self.sigma),
            "amount": uniform(rng, self.amount),
            "threshold": uniform(rng, self.threshold),
        }

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return alike(x, params, ["kind"], _haloed)


class Pixelate(Op):
    """Replace every block of `size` by `size` pixels by its mean.

    Pixel i belongs to block floor(i / size), so a fractional size gives blocks that vary by one pixel.
    Source: wtp_dataset_destroyer "pixelate", which shrinks by a triangle filter and enlarges to the nearest.
    """

    op: Literal["pixelate"] = "pixelate"
    size: Annotated[Range, between(1, 1024)] = (1.0, 4.0)

    def sample(self, rng: np.random.Generator) -> Params:
        return {"size": uniform(rng, self.size)}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        sizes = [drawn["size"] for drawn in params]
        return _pixelated(x, sizes) if is_torch(x) else backend.each(x, sizes, _pixelated_plane)


def _sharpened(x: torch.Tensor, params: Sequence[Params]) -> torch.Tensor:
    kernels = [filling(drawn["kernel_size"]) for drawn in params]
    residual: Any = x - gaussian(x, kernels)
    soft: Any = gaussian(
        residual.abs().gt_(column([drawn["threshold"] / 255 for drawn in params], x)), kernels
    )
    sharp = x.addcmul(residual, column([drawn["weight"] for drawn in params], x)).clip_(0, 1)  # type: ignore[arg-type]  # a tensor
    return x.lerp(sharp, soft).clip_(0, 1)


def _sharpened_plane(image: Plane, drawn: Params) -> Plane:
    """The same on one image, with as few passes over it as can be."""
    kernel, weight = filling(drawn["kernel_size"]), drawn["weight"]
    blurred = gaussian_plane(image, kernel)
    _, rough = cv2.threshold(cv2.absdiff(image, blurred), drawn["threshold"] / 255, 1, cv2.THRESH_BINARY)
    soft = gaussian_plane(rough.reshape(image.shape), kernel)
    sharp: Plane = cv2.addWeighted(image, 1 + weight, blurred, -weight, 0).reshape(image.shape)
    change = np.subtract(np.clip(sharp, 0, 1, out=sharp), image, out=sharp)
    change *= soft
    change += image
    return np.clip(change, 0, 1, out=change)


def _usual() -> Params:
    """What `unsharp_mask` draws by default, whose ranges are single values."""
    return UnsharpMask().sample(np.random.default_rng(0))


def _haloed(x: Array, params: Sequence[Params]) -> Array:
    kind = params[0]["kind"]
    seen: Any = x if kind == "both" or x.shape[1] == 1 else luma(x, span="full")
    difference = seen - gaussian(seen, [reaching(drawn["sigma"]) for drawn in params])
    threshold = column([drawn["threshold"] / 255 for drawn in params], x)
    amount = column([drawn["amount"] for drawn in params], x)
    added: Any = amount * (difference - difference.clip(-threshold, threshold))
    if kind == "bright":
        added = added.clip(0, None)
    if kind == "outline":
        added = (added >= 254 / 255) * backend.table(1, x)
    haloed: Array = clip(x + added)
    return haloed


def _pixelated(x: torch.Tensor, sizes: Sequence[float]) -> torch.Tensor:
    rows, columns = (_averaging(x, sizes, length) for length in x.shape[2:])
    return rows @ x @ columns.transpose(2, 3)


def _averaging(x: torch.Tensor, sizes: Sequence[float], length: int) -> torch.Tensor:
    """For each image, the matrix (N, 1, length, length) that takes samples to the means of their blocks."""
    block: Any = backend.table([_blocks(size, length) for size in sizes], x)
    together: torch.Tensor = (block[:, None, :, None] == block[:, None, None, :]).to(x.dtype)
    return together / together.sum(-1, keepdim=True)


def _pixelated_plane(image: Plane, size: float) -> Plane:
    rows, columns = (_blocks(size, length) for length in image.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(image, _starts(rows), 0), _starts(columns), 1)
    counts = np.bincount(rows)[:, None, None] * np.bincount(columns)[:, None]
    means: Plane = np.divide(sums, counts, dtype=np.float32)
    return means[rows][:, columns]


def _blocks(size: float, length: int) -> Places:
    """The number of the block that each of `length` pixels belongs to."""
    return np.floor(np.arange(length) / size).astype(np.int64)


def _starts(blocks: Places) -> Places:
    return np.flatnonzero(np.diff(blocks, prepend=-1))

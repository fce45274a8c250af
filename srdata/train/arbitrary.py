"""Training pairs of any scale: LR patches, and HR pixels at continuous coordinates.

Source: LIIF (Chen et al., CVPR 2021), its `sr-implicit-downsampled` data; Meta-SR (Hu et al., CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from srdata.degrade import backend
from srdata.degrade.draw import field_key, integer, uniform
from srdata.degrade.op import Params, Settings
from srdata.errors import UsageError
from srdata.resize.taps import reach, taps

Integers = NDArray[np.int64]


class ArbitraryScale(Settings):
    """Draws a scale for each image, or for each batch, and makes LR patches of one size at all of them.

    At scale s an image is a square of round(lr_patch · s) HR pixels somewhere in its HR crop, and its LR
    patch is all of that square, so that the outer edges of both coincide. LR is `imresize`'s bicubic
    (MATLAB's) of the square and `margin` HR pixels around it, in 8 bits if `rounds`, and with "each-pass"
    also after the rows, as MATLAB does to uint8. LIIF takes Pillow's of the square alone, which differs where
    the kernel meets the border, and rounds after the columns as well.

    The settings of LIIF are the defaults; those of Meta-SR are `META_SR`, whose scales are 1.1, 1.2 … 4.0.
    There the sides are Meta-SR's int(50 · s), without the pixel that floats take from 2.3 and others. Meta-SR
    cuts LR patches out of LR images, at places that lie on the HR grid; a margin of twice the scale gives
    just these pixels, as if each image began where the grids meet.
    """

    low: Annotated[float, Field(ge=1, le=64)] = 1.0
    high: Annotated[float, Field(ge=1, le=64)] = 4.0
    step: Annotated[float, Field(gt=0)] | None = (
        None  # scales are low, low + step …; None: any in [low, high)
    )
    per: Literal["image", "batch"] = "image"
    lr_patch: Annotated[int, Field(ge=1)] = 48  # LR pixels
    margin: Annotated[int, Field(ge=0)] = 0  # HR pixels around the square, that LR is made of as well
    queries: Annotated[int, Field(ge=1)] | None = (
        2304  # HR pixels an image; None: all, which needs per="batch"
    )
    rounds: bool | Literal["each-pass"] = True  # LR in whole 8-bit levels

    @model_validator(mode="after")
    def _possible(self) -> ArbitraryScale:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        if self.queries is None and self.per == "image":
            raise ValueError("queries: all pixels are as many for each image only with per: batch")
        if self.queries and self.queries > self.side(self.low) ** 2:
            raise ValueError(
                f"queries: an image has only {self.side(self.low) ** 2} HR pixels at {self.low:g}"
            )
        return self

    @property
    def hr_patch(self) -> int:
        """The side of the HR crops that `make` takes, in pixels."""
        return self.side(self.high) + 2 * self.margin

    def side(self, scale: float) -> int:
        """The HR pixels along an LR patch."""
        return round(self.lr_patch * scale)

    def sample(self, rng: np.random.Generator, shared: np.random.Generator | None = None) -> Params:
        """Draw scale, place and queries of one image.

        With per="batch" the scale comes from `shared`: a generator with an address that the batch has.
        """
        scale = self._scale(shared if shared is not None and self.per == "batch" else rng)
        last = self.hr_patch - self.margin - self.side(scale)
        top, left = integer(rng, (self.margin, last)), integer(rng, (self.margin, last))
        return {"scale": scale, "top": top, "left": left, "queries": field_key(rng)}

    def _scale(self, rng: np.random.Generator) -> float:
        if self.step is None:
            return uniform(rng, (self.low, self.high))
        steps = int((self.high - self.low) / self.step + 1e-9)
        return round(self.low + self.step * integer(rng, (0, steps)), 9)

    def make(self, hr: Tensor, params: Sequence[Params]) -> dict[str, Tensor]:
        """The tensors of a batch, of HR crops (N, C, hr_patch, hr_patch) in 0–1; waits for no device.

            lr     (N, C, lr_patch, lr_patch)
            coord  (N, queries, 2)  the middle of each queried HR pixel: y, x, from -1 to 1 over the patch
            cell   (N, queries, 2)  the height and width of an HR pixel in these units: 2 / side
            rgb    (N, queries, C)  the HR pixels there, drawn without repetition; all, row by row, if None
            hr     (N, C, side, side)  with per="batch" alone

        Raises UsageError for crops of another size, and where scales differ within a batch that has one.
        """
        self._check(hr, params)
        sides = np.array([self.side(one["scale"]) for one in params])
        corners = np.array([[one["top"], one["left"]] for one in params])
        each_pass = self.rounds == "each-pass"
        lr = shrunk(hr, corners, sides, self.lr_patch, margin=self.margin, each_pass=each_pass)
        places = np.stack([self._places(one, side) for one, side in zip(params, sides.tolist(), strict=True)])
        coord = (2 * places + 1) / sides[:, None, None] - 1
        tensors = {
            "lr": cast(Tensor, backend.rounded(lr)) if self.rounds else lr,
            "coord": backend.tensor(coord, hr),
            "cell": backend.tensor(np.broadcast_to(2 / sides[:, None, None], coord.shape), hr),
            "rgb": _pixels(hr, places + corners[:, None]),
        }
        return tensors | ({"hr": _squares(hr, corners, int(sides[0]))} if self.per == "batch" else {})

    def _places(self, params: Params, side: int) -> Integers:
        """The queried pixels of an image, as rows and columns within its square."""
        count = side * side
        if self.queries is None:
            flat = np.arange(count)
        else:
            rng = np.random.Generator(np.random.SFC64(params["queries"]))
            flat = rng.choice(count, self.queries, replace=False, shuffle=False)
        return np.stack(np.divmod(flat, side), axis=-1)

    def _check(self, hr: Tensor, params: Sequence[Params]) -> None:
        wanted = (len(params), self.hr_patch, self.hr_patch)
        if hr.ndim != 4 or (len(hr), *hr.shape[2:]) != wanted:
            raise UsageError(
                f"scales of up to {self.high:g} take HR crops of {self.hr_patch}x{self.hr_patch}, one "
                f"for each of {len(params)} draws, not a tensor of shape {tuple(hr.shape)}"
            )
        if self.per == "batch" and len({one["scale"] for one in params}) > 1:
            raise UsageError("the scales of a batch differ: give sample a `shared` generator, alike for all")


META_SR = ArbitraryScale(
    low=1.1, high=4.0, step=0.1, per="batch", lr_patch=50, margin=8, queries=None, rounds="each-pass"
)


def coordinates(height: int, width: int) -> Tensor:
    """The middles of all pixels of an image, row by row: y and x from -1 to 1, (height · width, 2), float32.

    >>> coordinates(1, 4)
    tensor([[ 0.0000, -0.7500],
            [ 0.0000, -0.2500],
            [ 0.0000,  0.2500],
            [ 0.0000,  0.7500]])
    """
    rows, columns = (
        (2 * torch.arange(count, dtype=torch.float64) + 1) / count - 1 for count in (height, width)
    )
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).reshape(-1, 2).float()


def shrunk(
    hr: Tensor, corners: Integers, sides: Integers, size: int, *, margin: int = 0, each_pass: bool = False
) -> Tensor:
    """A square of each image of a batch at `size` by `size` pixels, by `imresize`'s bicubic.

    `corners` (N, 2) are top and left, `sides` (N,) the sides in pixels; each image may have another. The
    bicubic sees `margin` pixels around the square, and their mirror image beyond; with `each_pass` it rounds
    to 8 bits after the rows.
    """
    exact = torch.float32 if hr.device.type == "mps" else torch.float64  # which CUDA never rounds to TF32
    down = _matrices(corners[:, 0], sides, size, hr.shape[2], margin)
    across = _matrices(corners[:, 1], sides, size, hr.shape[3], margin)
    rows, columns = (torch.from_numpy(one).to(hr.device, exact, non_blocking=True) for one in (down, across))
    fewer = rows @ hr.to(exact)
    if each_pass:
        fewer = cast(Tensor, backend.rounded(fewer))
    return (fewer @ columns.transpose(-2, -1)).to(hr.dtype)


def _matrices(starts: Integers, sides: Integers, size: int, length: int, margin: int) -> NDArray[np.float64]:
    """For each image what makes `size` samples of the `length` along an axis, as (N, 1, size, length)."""
    matrices = np.zeros((len(sides), 1, size, length))
    for matrix, start, side in zip(matrices, starts.tolist(), sides.tolist(), strict=True):
        matrix[0, :, start - margin : start + side + margin] = _matrix(side, size, margin)
    return matrices


@lru_cache(maxsize=256)
def _matrix(side: int, size: int, margin: int) -> NDArray[np.float64]:
    """`imresize`'s bicubic along an axis as a matrix (size, side + 2 · margin), with a mirrored border."""
    table, length = taps(side, size, size / side, "bicubic", True), side + 2 * margin
    inputs = table.first[:, None] + np.arange(table.weights.shape[1]) + margin
    inputs = reach(inputs, length, "symmetric")
    matrix = np.zeros((size, length))
    np.add.at(matrix, (np.arange(size)[:, None], inputs), table.weights)
    return matrix


def _pixels(hr: Tensor, places: Integers) -> Tensor:
    """The pixels at (N, count, 2) rows and columns, as (N, count, C)."""
    flat = backend.index(places[..., 0] * hr.shape[3] + places[..., 1], hr)
    return hr.flatten(2).gather(2, flat[:, None].expand(-1, hr.shape[1], -1)).transpose(1, 2)


def _squares(hr: Tensor, corners: Integers, side: int) -> Tensor:
    pairs = zip(hr, corners.tolist(), strict=True)
    return torch.stack([image[:, top : top + side, left : left + side] for image, (top, left) in pairs])

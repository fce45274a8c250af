"""Blurs: by kernels of many shapes, by kernels from a file, by the median."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from srdata.colour import library
from srdata.common.files import named_beside
from srdata.degrade.model.by_setting import alike
from srdata.degrade.model.distributions import chance, choice, field_key, odd, pick, uniform
from srdata.degrade.model.op import BytesOp, Op, Params
from srdata.degrade.model.ranges import ODDS, OddRange, Range, above, between
from srdata.degrade.numerics import backend, blur_kernels
from srdata.degrade.numerics.backend import Array, Image, PadRule, is_torch
from srdata.degrade.numerics.filters import Kernel, filter2d
from srdata.degrade.numerics.kernel_files import read_kernels
from srdata.errors import UsageError

Shape = Literal[
    "iso",
    "aniso",
    "generalized_iso",
    "generalized_aniso",
    "plateau_iso",
    "plateau_aniso",
    "sinc",
    "disk",
    "box",
    "line",
    "path",
]
POINT_SIGMA = 0.01  # pixels: at this sigma and below, a kernel is a single point
Radians = Annotated[Range, above(0), between(0, math.pi)]
Pixels = Annotated[Range, above(0), between(0, 255)]


class Blur(Op):
    """Blur by a kernel whose shape is drawn by its odds.

    Source of the Gaussian, generalized, plateau and sinc shapes: Real-ESRGAN (arXiv 2107.10833); of the disk,
    box, line and path see `numerics/blur_kernels.py`.
    """

    version: ClassVar[int] = 2
    later: ClassVar[tuple[str, ...]] = ("clip",)
    applied: ClassVar[tuple[str, ...]] = ("shift", "border", "clip")
    neutral: ClassVar[Params] = {"shape": "iso", "size": 1, "sigma": [POINT_SIGMA] * 2, "angle": 0.0}

    op: Literal["blur"] = "blur"
    shape: Annotated[dict[Shape, Annotated[float, between(0)]], *ODDS] = Field(default={"iso": 1.0})
    size: OddRange = (21, 21)  # pixels along each side of the kernel, which is cut there
    sigma: Annotated[Range, between(0, 100)] = (0.2, 3.0)  # pixels; aniso shapes draw two
    variance: bool = False  # `sigma` is then the range of sigma² instead
    nested: bool = False  # the second sigma of an aniso shape is drawn below the first
    angle: Annotated[Range, between(-360, 360)] = (-180.0, 180.0)  # degrees
    beta_generalized: Annotated[Range, above(0), between(0, 20)] = (0.5, 4.0)
    beta_plateau: Annotated[Range, above(0), between(0, 20)] = (1.0, 2.0)
    cutoff: Radians = (math.pi / 3, math.pi)  # radians a pixel, of sinc
    cutoff_wide: Radians | None = None  # instead of cutoff, for kernels of 13 pixels and more
    length: Pixels = (3.0, 9.0)  # pixels: the diameter of a disk, the side of a box, the extent of a motion
    shift: Annotated[float, between(-32, 32)] = (
        0.0  # pixels right and down; (s - 1) / 2 goes with `subsample`
    )
    border: PadRule = "reflect"
    clip: bool = True  # what a sinc throws beyond 0–1 is held within

    @model_validator(mode="after")
    def _fits(self) -> Blur:
        if {"disk", "box", "line", "path"} & set(self.shape) and self.length[1] > self.size[0]:
            raise ValueError(
                f"length {self.length[1]:g} does not fit in a kernel of {self.size[0]}: raise size"
            )
        return self

    def sample(self, rng: np.random.Generator) -> Params:
        shape, size = pick(rng, self.shape), odd(rng, self.size)
        return {"shape": shape, "size": size, **self._form(shape, size, rng)}

    def _form(self, shape: Shape, size: int, rng: np.random.Generator) -> Params:
        match shape:
            case "sinc":
                wide = self.cutoff_wide if size >= 13 else None
                return {"cutoff": uniform(rng, wide or self.cutoff)}
            case "disk" | "box":
                return {"length": uniform(rng, self.length)}
            case "line":
                return {"length": uniform(rng, self.length), "angle": uniform(rng, self.angle)}
            case "path":
                return {"length": uniform(rng, self.length), "key": field_key(rng)}
        return {**self._spread(shape, rng), **self._beta(shape, rng)}

    def _spread(self, shape: Shape, rng: np.random.Generator) -> Params:
        first = self._sigma(rng, self.sigma)
        if shape in {"iso", "generalized_iso", "plateau_iso"}:
            return {"sigma": [first, first], "angle": 0.0}
        below = first**2 if self.variance else first
        second = self._sigma(rng, (self.sigma[0], below) if self.nested else self.sigma)
        return {"sigma": [first, second], "angle": uniform(rng, self.angle)}

    def _sigma(self, rng: np.random.Generator, span: tuple[float, float]) -> float:
        drawn = uniform(rng, span)
        return max(math.sqrt(drawn) if self.variance else drawn, POINT_SIGMA)

    def _beta(self, shape: Shape, rng: np.random.Generator) -> Params:
        if shape.startswith("generalized"):
            return {"beta": _about_one(rng, self.beta_generalized)}
        return {"beta": _about_one(rng, self.beta_plateau)} if shape.startswith("plateau") else {}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        blurred = filter2d(x, (kernel_of(one, self.shift) for one in params), self.border)
        return backend.held(blurred) if self.clip else blurred


def _about_one(rng: np.random.Generator, span: tuple[float, float]) -> float:
    """Below and above 1 equally often, as far as the range has both sides: Real-ESRGAN's law of beta."""
    if not span[0] <= 1 <= span[1]:
        return uniform(rng, span)
    return uniform(rng, (span[0], 1.0) if chance(rng, 0.5) else (1.0, span[1]))


def kernel_of(params: Params, shift: float = 0.0) -> Kernel:
    """The kernel that the parameters of a `blur` describe."""
    at = blur_kernels.grid(params["size"], shift)
    match params["shape"]:
        case "iso" | "aniso":
            return blur_kernels.gaussian(at, params["sigma"], params["angle"])
        case "generalized_iso" | "generalized_aniso":
            return blur_kernels.generalized(at, params["sigma"], params["angle"], params["beta"])
        case "plateau_iso" | "plateau_aniso":
            return blur_kernels.plateau(at, params["sigma"], params["angle"], params["beta"])
        case "sinc":
            return blur_kernels.sinc(at, params["cutoff"])
        case "disk":
            return blur_kernels.disk(at, params["length"] / 2)
        case "box":
            return blur_kernels.box(at, params["length"])
        case "line":
            return blur_kernels.line(at, params["length"], params["angle"])
    return blur_kernels.path(at, params["length"], params["key"])


_MEDIAN_BYTES = 1 << 26  # of the neighbourhoods that are held at a time


class MedianBlur(BytesOp):
    """Each sample becomes the median of the 8-bit levels about it; the edge is repeated beyond the border.

    Source: OpenCV `medianBlur`; wtp_dataset_destroyer "blur" with the filter median.
    """

    op: Literal["median_blur"] = "median_blur"
    size: OddRange = (3, 3)  # pixels

    def sample(self, rng: np.random.Generator) -> Params:
        return {"size": odd(rng, self.size)}

    def on_bytes(self, image: Image, params: Params) -> Image:
        done: Image = cv2.medianBlur(image, params["size"]).reshape(image.shape)
        return done

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        if not is_torch(x):
            return super().apply(x, params)
        return alike(backend.rounded(x), params, ["size"], lambda part, some: _median(part, some[0]["size"]))


def _median(x: Any, size: int) -> Any:
    """The medians of whole levels, of so many rows at a time as memory has room for."""
    reach, height = size // 2, x.shape[2]
    wide = backend.pad((x * 255).round().byte(), reach, reach, reach, reach, "replicate")
    strip = max(1, _MEDIAN_BYTES // (x[:, :, 0].numel() * size * size))
    found = [
        _of_neighbours(wide[:, :, top : min(top + strip, height) + 2 * reach], size)
        for top in range(0, height, strip)
    ]
    return library(x).concatenate(found, 2).float() * (1 / 255)


def _of_neighbours(wide: Any, size: int) -> Any:
    """The median of each square of `size` pixels in a tensor."""
    return wide.unfold(2, size, 1).unfold(3, size, 1).flatten(-2).median(dim=-1).values


class KernelBlur(Op):
    """Blur by one of the kernels in a file: .npy (…, height, width), or .mat with arrays of that shape.

    Source: the kernels_12.mat with which KAIR tests USRNet is such a file.
    """

    version: ClassVar[int] = 2

    op: Literal["kernel_blur"] = "kernel_blur"
    file: str  # beside the recipe that names it
    border: PadRule = "reflect"
    _path: str = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        folder = (context or {}).get("folder")
        try:
            self._path = str(named_beside(folder, self.file)) if folder else self.file
            read_kernels(self._path)
        except UsageError as error:
            raise ValueError(str(error)) from error

    def sample(self, rng: np.random.Generator) -> Params:
        file = read_kernels(self._path)
        return {"kernel": choice(rng, range(len(file.kernels))), "sha256": file.sha256}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        file = read_kernels(self._path)
        for one in params:
            if one["sha256"] != file.sha256:
                raise UsageError(f"{self.file}: is not the file from which the kernel was drawn")
        return backend.held(filter2d(x, [file.kernels[one["kernel"]] for one in params], self.border))

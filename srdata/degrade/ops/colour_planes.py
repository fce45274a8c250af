"""Ops on the planes of a colour space: conversion, and planes that are out of register."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from srdata import colour
from srdata.colour import Matrix, Span
from srdata.degrade.model.by_setting import alike
from srdata.degrade.model.distributions import pick, uniform
from srdata.degrade.model.op import Op, Params
from srdata.degrade.model.ranges import ODDS, Range, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, clip

Conversion = Literal["rgb-ycbcr", "ycbcr-rgb", "rgb-linear", "linear-rgb", "rgb-y", "rgb-grey"]
Planes = Literal["rgb", "ycbcr", "cmyk"]

# Which planes move: luma, green and black stay, so that the image as a whole does not.
_MOVED: dict[str, tuple[int, ...]] = {"rgb": (0, 2), "ycbcr": (1, 2), "cmyk": (0, 1, 2)}
_MOST_MOVED = 3


class ColourSpace(Op):
    """Convert the image, so that the ops that follow work on other planes; convert back before the end.

    "linear" is linear light of sRGB. "rgb-y" and "rgb-grey" are final: three equal planes of Y (with `span`
    "studio" that on which the field evaluates, 16–235), or of the grey of OpenCV and Pillow.
    Source: srdata.colour, which names the standards.
    """

    op: Literal["colour_space"] = "colour_space"
    convert: Conversion = Field(examples=["rgb-y"])
    matrix: Matrix = "bt601"
    span: Span = "studio"

    def sample(self, rng: np.random.Generator) -> Params:
        return {}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        planes: Array = clip(self._converted(x))
        return planes

    def _converted(self, x: Array) -> Any:
        if self.convert == "rgb-ycbcr":
            return colour.rgb_to_ycbcr(x, self.matrix, self.span)
        if self.convert == "ycbcr-rgb":
            return colour.ycbcr_to_rgb(x, self.matrix, self.span)
        if self.convert == "rgb-linear":
            return colour.srgb_to_linear(x)
        if self.convert == "linear-rgb":
            return colour.linear_to_srgb(x)
        span: Span = self.span if self.convert == "rgb-y" else "full"
        rgb = colour.library(x).concatenate([x, x, x], 1) if x.shape[1] == 1 else x  # grey images too
        return colour.library(x).broadcast_to(colour.luma(rgb, self.matrix, span), x.shape)


class ChromaShift(Op):
    """Move the planes of a colour space against each other, as misaligned sensors and printing plates do.

    Red and blue move against green, Cb and Cr (BT.601) against Y, or cyan, magenta and yellow against black,
    each by its own draw of `x` to the right and `y` down, in pixels. Between pixels it is interpolated
    linearly; beyond the border the edge continues.
    Source: wtp_dataset_destroyer "shift", which also moves the reference plane, and with it the whole image.
    """

    op: Literal["chroma_shift"] = "chroma_shift"
    planes: Annotated[dict[Planes, float], *ODDS] = Field(default={"ycbcr": 1.0})
    x: Annotated[Range, between(-256, 256)] = (-2.0, 2.0)
    y: Annotated[Range, between(-256, 256)] = (-2.0, 2.0)

    def sample(self, rng: np.random.Generator) -> Params:
        planes = pick(rng, self.planes)
        shifts = [[uniform(rng, self.x), uniform(rng, self.y)] for _ in range(_MOST_MOVED)]
        return {"planes": planes, "shifts": shifts[: len(_MOVED[planes])]}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return alike(x, params, ["planes"], _shifted)


def _full_ycbcr(rgb: Array) -> Any:
    return colour.rgb_to_ycbcr(rgb, "bt601", "full")


def _full_rgb(ycbcr: Array) -> Any:
    return colour.ycbcr_to_rgb(ycbcr, "bt601", "full")


def _same(x: Array) -> Any:
    return x


_WAYS: dict[str, tuple[Callable[[Array], Any], Callable[[Array], Any]]] = {
    "rgb": (_same, _same),
    "ycbcr": (_full_ycbcr, _full_rgb),
    "cmyk": (colour.rgb_to_cmyk, colour.cmyk_to_rgb),
}


def _shifted(x: Array, params: Sequence[Params]) -> Array:
    kind = params[0]["planes"]
    there, back = _WAYS[kind]
    planes = there(x)
    offsets = np.zeros((len(params), planes.shape[1], 2))
    offsets[:, _MOVED[kind]] = [drawn["shifts"] for drawn in params]
    rgb: Array = clip(back(_moved(_moved(planes, offsets[..., 1], -2), offsets[..., 0], -1)))
    return rgb


def _moved(planes: Array, offsets: NDArray[np.float64], axis: Literal[-2, -1]) -> Array:
    """Each plane moved along an axis by its offset (N, C) in pixels, interpolated linearly."""
    whole = np.floor(offsets)
    part: Any = backend.table(offsets - whole, planes)[..., None, None]
    ahead, behind = (_rolled(planes, whole + one, axis) for one in (0, 1))
    mixed: Array = ahead * (1 - part) + behind * part
    return mixed


def _rolled(planes: Array, offsets: NDArray[np.float64], axis: Literal[-2, -1]) -> Any:
    """Each plane moved along an axis by a whole number of pixels; the edge continues."""
    places = list(np.ogrid[tuple(slice(length) for length in planes.shape)])
    along = places[axis] - offsets[..., None, None].astype(np.int64)
    places[axis] = np.clip(along, 0, planes.shape[axis] - 1)
    return planes[tuple(backend.index(place, planes) for place in places)]

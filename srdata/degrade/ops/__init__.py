"""The table of ops: every name that a chain may use.

blur                by kernels of many shapes, from a file, by the median
camera              noise of photons and read-out behind a colour mosaic
chroma_subsampling  without a codec
colour_planes       conversion, and planes out of register
compression         JPEG, WebP, AVIF, JPEG XL, video
dither              ordered, error diffusion, Hilbert curve
halftone            screens of printed pictures
imresize            MATLAB's, to the LR size
network_downscale   by a network
noise               Gaussian, speckle, salt and pepper, uniform
pillow_resize       Pillow's
poisson_noise       of counting photons
rain                rain streaks
resizing            resize, and every n-th pixel
sharpen             unsharp mask, drawn lines, halo, pixelate
tone                levels, gamma, saturation, banding
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from srdata.degrade.model import composite
from srdata.degrade.model.composite import Maybe, OneOf, Repeat, Shuffled
from srdata.degrade.model.op import Op, name_of
from srdata.degrade.ops.blur import Blur, KernelBlur, MedianBlur
from srdata.degrade.ops.camera import CameraNoise
from srdata.degrade.ops.chroma_subsampling import ChromaSubsampling
from srdata.degrade.ops.colour_planes import ChromaShift, ColourSpace
from srdata.degrade.ops.compression import Avif, Jpeg, Jxl, Video, Webp
from srdata.degrade.ops.dither import ErrorDiffusion, OrderedDither, RiemersmaDither
from srdata.degrade.ops.halftone import Halftone
from srdata.degrade.ops.imresize import Imresize
from srdata.degrade.ops.network_downscale import Car, Network
from srdata.degrade.ops.noise import GaussianNoise, SaltPepper, SpeckleNoise, UniformNoise
from srdata.degrade.ops.pillow_resize import PillowResize
from srdata.degrade.ops.poisson_noise import PoissonNoise
from srdata.degrade.ops.rain import RainStreaks
from srdata.degrade.ops.resizing import Resize, Subsample
from srdata.degrade.ops.sharpen import Halo, LineSharpen, Pixelate, UnsharpMask
from srdata.degrade.ops.tone import Banding, Gamma, Levels, Saturation

# By what they do; a family is a chapter of docs/degradations.md.
FAMILIES: dict[str, tuple[type[Op], ...]] = {
    "Resizing": (Imresize, Resize, Subsample, PillowResize),
    "Blur": (Blur, KernelBlur, MedianBlur),
    "Noise": (GaussianNoise, PoissonNoise, SpeckleNoise, SaltPepper, UniformNoise, CameraNoise),
    "Compression": (Jpeg, Webp, Avif, Jxl, Video),
    "Tone and colour": (Levels, Gamma, Saturation, Banding, ColourSpace, ChromaShift, ChromaSubsampling),
    "Edges, grids and weather": (
        UnsharpMask,
        LineSharpen,
        Halo,
        Pixelate,
        OrderedDither,
        ErrorDiffusion,
        RiemersmaDither,
        Halftone,
        RainStreaks,
    ),
    "Learned downscalers": (Car, Network),
    "Choices: ops made of ops": (OneOf, Maybe, Shuffled, Repeat),
}
_KINDS = tuple(kind for kinds in FAMILIES.values() for kind in kinds)

OPS: dict[str, type[Op]] = {name_of(kind): kind for kind in _KINDS}
HOST_ONLY = frozenset(name for name, kind in OPS.items() if kind.host_only)

if TYPE_CHECKING:
    AnyOp = Op
else:
    AnyOp = Annotated[Union[_KINDS], Field(discriminator="op")]  # noqa: UP007  # a union of the table's members
    composite.AnyOp = AnyOp  # what ops made of ops hold: looked up there when the first chain is read

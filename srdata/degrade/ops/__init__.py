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

from typing import TYPE_CHECKING, Annotated

from srdata.degrade.model import composite
from srdata.degrade.model.named_ops import NamedOps, OpByName
from srdata.degrade.model.op import Op

# By what they do, with the class of each name; a family is a chapter of docs/degradations.md.
FAMILIES: dict[str, dict[str, str]] = {
    "Resizing": {
        "imresize": "ops.imresize.Imresize",
        "resize": "ops.resizing.Resize",
        "subsample": "ops.resizing.Subsample",
        "pillow_resize": "ops.pillow_resize.PillowResize",
    },
    "Blur": {
        "blur": "ops.blur.Blur",
        "kernel_blur": "ops.blur.KernelBlur",
        "median_blur": "ops.blur.MedianBlur",
    },
    "Noise": {
        "gaussian_noise": "ops.noise.GaussianNoise",
        "poisson_noise": "ops.poisson_noise.PoissonNoise",
        "speckle_noise": "ops.noise.SpeckleNoise",
        "salt_pepper": "ops.noise.SaltPepper",
        "uniform_noise": "ops.noise.UniformNoise",
        "camera_noise": "ops.camera.CameraNoise",
    },
    "Compression": {
        "jpeg": "ops.compression.Jpeg",
        "webp": "ops.compression.Webp",
        "avif": "ops.compression.Avif",
        "jxl": "ops.compression.Jxl",
        "video": "ops.compression.Video",
    },
    "Tone and colour": {
        "levels": "ops.tone.Levels",
        "gamma": "ops.tone.Gamma",
        "saturation": "ops.tone.Saturation",
        "banding": "ops.tone.Banding",
        "colour_space": "ops.colour_planes.ColourSpace",
        "chroma_shift": "ops.colour_planes.ChromaShift",
        "chroma_subsampling": "ops.chroma_subsampling.ChromaSubsampling",
    },
    "Edges, grids and weather": {
        "unsharp_mask": "ops.sharpen.UnsharpMask",
        "line_sharpen": "ops.sharpen.LineSharpen",
        "halo": "ops.sharpen.Halo",
        "pixelate": "ops.sharpen.Pixelate",
        "ordered_dither": "ops.dither.OrderedDither",
        "error_diffusion": "ops.dither.ErrorDiffusion",
        "riemersma_dither": "ops.dither.RiemersmaDither",
        "halftone": "ops.halftone.Halftone",
        "rain_streaks": "ops.rain.RainStreaks",
    },
    "Learned downscalers": {
        "car": "ops.network_downscale.Car",
        "network": "ops.network_downscale.Network",
    },
    "Choices: ops made of ops": {
        "one_of": "model.composite.OneOf",
        "maybe": "model.composite.Maybe",
        "shuffled": "model.composite.Shuffled",
        "repeat": "model.composite.Repeat",
    },
}

OPS = NamedOps("srdata.degrade", {name: path for paths in FAMILIES.values() for name, path in paths.items()})

if TYPE_CHECKING:
    AnyOp = Op
else:
    AnyOp = Annotated[Op, OpByName(OPS)]
    composite.AnyOp = AnyOp  # what ops made of ops hold: looked up there when the first chain is read

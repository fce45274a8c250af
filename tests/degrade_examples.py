"""Settings of every op for the tests that run over the whole table, and images to run them on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from docs.shown import needed
from srdata.degrade.model.op import Op, Params
from srdata.degrade.model.op_generators import OpGenerators
from srdata.degrade.numerics import backend
from srdata.degrade.ops import OPS

SAMPLES = Path(__file__).parents[1] / "manifests" / "sample"
KERNELS = Path(__file__).parent / "data" / "kernels.npy"
PARTS = 2  # LR is the HR image divided by this

# One line for each branch of an op worth a run of its own; new ones come last, or kept results change places.
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "imresize": [{}, {"kernel": "lanczos3", "rounding": "once"}, {"antialias": False, "border": "replicate"}],
    "pillow_resize": [{}, {"kernel": "lanczos"}],
    "resize": [
        {"to": "lr", "method": ["area", "bilinear", "bicubic"]},
        {"to": "lr", "method": "nearest"},
        {"to": "lr", "method": "lanczos"},
        {"to": "lr", "method": "bicubic", "antialias": True},
        {"to": "lr", "method": "bilinear", "alignment": "corner"},
        {"to": "lr", "method": "area", "through": [0.6, 1.7]},
        {"factor": [0.5, 2], "odds": {"up": 0.5, "down": 0.5}, "method": ["area", "bilinear"]},
        {"factor": [1, 4], "inverse": True},
        {"factor": [0.3, 1.5], "method": ["pixel_area", "bilinear", "bicubic"], "alignment": "factor"},
    ],
    "subsample": [{}, {"step": 3}],
    "blur": [
        {"shape": ["iso", "aniso"], "size": [7, 21]},
        {"shape": ["generalized_iso", "generalized_aniso", "plateau_iso", "plateau_aniso"]},
        {"shape": "sinc", "size": [7, 21], "cutoff_wide": [0.6, 3.1]},
        {"shape": ["disk", "box"]},
        {"shape": ["line", "path"], "border": "wrap"},
        {"shape": "iso", "size": 25, "shift": 1.5, "border": "replicate"},
    ],
    "kernel_blur": [{"file": str(KERNELS)}],
    "median_blur": [{}, {"size": [3, 7]}],
    "gaussian_noise": [
        {"sigma": [5, 30], "kind": [kind]} for kind in ("color", "gray", "channel", "correlated")
    ]
    + [{"sigma": [2, 25], "whole": True, "kind": ["color", "gray"]}],
    "speckle_noise": [{"sigma": [5, 30]}, {"sigma": [5, 30], "kind": "gray"}],
    "poisson_noise": [{}, {"gray": 1.0, "scale": [0.5, 2]}, {"exponent": [2, 3]}],
    "salt_pepper": [{"amount": 0.1}, {"amount": [0.05, 0.1], "gray": 0.0, "salt": [0.2, 0.8]}],
    "uniform_noise": [{"amplitude": [5, 30]}, {"amplitude": 20, "gray": 1.0}],
    "camera_noise": [{}, {"shot": [0.001, 0.01], "read": [0.00001, 0.001]}],
    "jpeg": [
        {},
        {"quality": [1, 100], "subsampling": ["4:4:4", "4:2:2", "4:1:1"]},
        {"quality": [1, 100], "subsampling": ["4:4:4", "4:2:2", "4:2:0", "4:1:1"]},
        {"quality": [1, 100], "variant": "diffjpeg"},
    ],
    "avif": [{}, {"subsampling": ["4:4:4", "4:2:0"]}],
    "halftone": [
        {},
        {"inks": "cmyk"},
        *({"dot": dot, "inks": ["rgb", "cmyk", "grey", "value"]} for dot in ("circle", "line")),
        {"dot": ["ellipse", "cross"], "inks": "cmyk", "strength": [0.5, 1], "size": [3, 9]},
    ],
    "error_diffusion": [
        {},
        *({"kernel": kernel, "levels": [2, 6]} for kernel in ("floyd-steinberg", "stucki", "sierra-lite")),
        {"levels": [2, 256]},
    ],
    "ordered_dither": [{}, {"matrix": ["2x2", "4x4", "8x8", "16x16"]}],
    "line_sharpen": [{}, {"gamma": 0.9, "times": 1, "smallest": 4}],
    "unsharp_mask": [{}, {"weight": [0, 2], "threshold": [0, 20], "kernel_size": [3, 33]}],
    "halo": [
        {},
        {"kind": "bright", "sigma": [1, 2]},
        {"kind": ["both", "bright"], "amount": [0, 3], "threshold": [0, 9]},
        {"kind": "outline", "amount": 4, "sigma": [1, 3]},
    ],
    "pixelate": [{}, {"size": [1, 7]}],
    "saturation": [{}, {"factor": [0, 2]}],
    "chroma_shift": [{}, {"planes": "rgb"}, {"planes": ["rgb", "ycbcr", "cmyk"]}],
    "chroma_subsampling": [
        {},
        {
            "sampling": ["4:4:4", "4:4:0", "4:2:2", "4:2:0", "4:1:1", "4:1:0"],
            "matrix": ["bt601", "bt709", "bt2020", "smpte240m"],
            "down": ["box", "nearest"],
            "up": ["linear", "nearest"],
            "blur": [0, 2],
        },
    ],
    "colour_space": [
        *({"convert": way} for way in ("rgb-ycbcr", "rgb-linear", "rgb-y", "rgb-grey")),
        *({"convert": way} for way in ("ycbcr-rgb", "linear-rgb")),
        *({"convert": way, "matrix": "bt709"} for way in ("rgb-ycbcr", "ycbcr-rgb", "rgb-y")),
    ],
    "one_of": [{"branches": [{"steps": []}, {"steps": [{"op": "gamma"}, {"op": "jpeg"}]}]}],
    "maybe": [{"p": 0.5, "steps": {"op": "blur"}}, {"p": 1.0, "steps": {"op": "resize", "to": "lr"}}],
    "shuffled": [
        {"items": [{"op": "blur"}, [{"op": "resize", "to": "lr"}, {"op": "gamma"}]]},
        {"items": [{"op": "blur"}, {"op": "jpeg"}, {"op": "gamma"}], "in_order": [0, 2], "p": 0.7},
    ],
    "repeat": [{"times": [1, 3], "steps": {"op": "blur"}}],
}
COLOURED = {"colour_space", "chroma_shift", "chroma_subsampling"}  # have nothing to do on grey images
LEARNED = {"car", "network"}  # need weights: their own tests make some

# Settings that are refused, and what the error says.
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("blur", {"size": 4}, "odd"),
    ("blur", {"sigma": -1}, "must be within 0"),
    ("blur", {"shape": "disk", "size": 7, "length": 9}, "does not fit in a kernel of 7"),
    ("blur", {"shape": "sinc", "cutoff": 4}, "must be within"),
    ("blur", {"shape": "bell"}, "must be one of"),
    ("blur", {"shape": {"iso": 0}}, "positive"),
    ("blur", {"border": "mirror"}, "must be one of reflect"),
    ("gaussian_noise", {"sigma": -5}, "must be within 0"),
    ("gaussian_noise", {}, "sigma: is missing"),
    ("gaussian_noise", {"sigma": [1.5, 3], "whole": True}, "whole levels"),
    ("salt_pepper", {"amount": 1.5}, "must be within 0"),
    ("poisson_noise", {"scale": [2, 1]}, "is empty"),
    ("camera_noise", {"shot": 0}, "above 0"),
    ("resize", {}, "changes nothing"),
    ("resize", {"factor": 0}, "above 0"),
    ("resize", {"factor": [2, 1]}, "is empty"),
    ("resize", {"to": "lr", "method": "cubic"}, "did you mean 'bicubic'|must be one of"),
    ("resize", {"to": "lr", "alignment": "factor"}, "alignment factor goes with none of to: lr"),
    ("jpeg", {"variant": "diffjpeg", "gradient": "cubic"}, "variant diffjpeg has 4:2:0 alone"),
    ("resize", {"factor": [2, 3], "odds": {"up": 1}}, "needs? a factor range that holds 1"),
    ("jpeg", {"quality": 0}, "quality: 0 must be within 1 … 100"),
    ("jpeg", {"subsampling": "4:2:1"}, "subsampling: must be one of .*4:2:0"),
    ("jpeg", {"quality": 75.5}, "quality"),
    ("webp", {"quality": [50, 101]}, r"quality: \[50, 101\] must be within 1 … 100"),
    ("avif", {"quality": [90, 30]}, "quality: .*is empty"),
    ("avif", {"speed": 11}, "speed: 11 must be within 0 … 10"),
    ("jxl", {"effort": 0}, "effort: 0 must be within 1 … 9"),
    ("video", {"crf": [20, 52]}, r"crf: \[20, 52\] must be within 0 … 51"),
    ("video", {"qscale": 0}, "qscale: 0 must be within 1 … 31"),
    ("video", {"codec": ["h264", "av1"]}, "codec"),
    ("video", {"frames": 0}, "frames: 0 must be within 1 … 250"),
    ("colour_space", {}, "convert: is missing"),
    ("colour_space", {"convert": "rgb-lab"}, "convert: must be one of"),
    ("colour_space", {"convert": "rgb-y", "matrix": "bt600"}, "matrix: must be one of"),
    ("chroma_shift", {"x": [2, -2]}, "x: .*is empty"),
    ("chroma_shift", {"planes": {"rgb": -1}}, "planes"),
    ("chroma_subsampling", {"sampling": "4:2:1"}, "sampling: must be one of"),
    ("chroma_subsampling", {"blur": -1}, "blur: -1 must be within 0 … 50"),
    ("unsharp_mask", {"kernel_size": 50}, "odd"),
    ("unsharp_mask", {"weight": -1}, "weight: -1 must be within 0 … 10"),
    ("unsharp_mask", {"threshold": [3, 1]}, "is empty"),
    ("halo", {"kind": "dark"}, "kind: must be one of"),
    ("halo", {"kind": {"both": 0}}, "positive"),
    ("halo", {"sigma": -1}, "sigma: -1 must be within 0 … 50"),
    ("pixelate", {"size": 0}, "size: 0 must be within 1 … 1024"),
    ("gamma", {"exponent": 0}, r"exponent: 0 must be within 0\.05 … 20"),
    ("gamma", {"exponent": [2, 1]}, "is empty"),
    ("saturation", {"factor": -0.1}, r"factor: -0\.1 must be within 0 … 100"),
    ("banding", {"levels": 1}, "levels: 1 must be within 2 … 256"),
    ("banding", {"levels": 2.5}, "levels"),
    ("levels", {"output_white": 256}, "output_white: 256 must be within 0 … 255"),
    ("levels", {"output_black": [0, 100], "output_white": [90, 255]}, "output"),
    ("levels", {"blacks": 3}, "blacks: is not known here"),
    ("ordered_dither", {"matrix": "3x3"}, "matrix: must be one of"),
    ("ordered_dither", {"levels": 1}, "levels: 1 must be within 2 … 256"),
    ("error_diffusion", {"kernel": "floyd"}, "kernel: must be one of"),
    ("error_diffusion", {"levels": [9, 3]}, "is empty"),
    ("riemersma_dither", {"ratio": 1}, r"ratio: 1 must be within 0\.001 … 0\.999"),
    ("riemersma_dither", {"history": 1}, "history: 1 must be within 2 … 256"),
    ("halftone", {"size": 1}, "size: 1 must be within 2 … 256"),
    ("halftone", {"inks": "pantone"}, "inks: must be one of"),
    ("halftone", {"strength": 1.5}, r"strength: 1\.5 must be within 0 … 1"),
    ("rain_streaks", {"length": 0}, "length: 0 must be within 1 … 256"),
    ("rain_streaks", {"width": 0}, "width: 0 must be above 0"),
    ("rain_streaks", {"density": -1}, "density: -1 must be within 0 … 100"),
    ("rain_streaks", {"strength": 300}, "strength: 300 must be within 0 … 255"),
    ("rain_streaks", {"angle": [30, -30]}, "is empty"),
]

CASES = [
    (name, number) for name in OPS if name not in LEARNED for number in range(len(EXAMPLES.get(name, [{}])))
]


def op_of(case: tuple[str, int]) -> Op:
    """The op of a case, read from JSON as a recipe is."""
    name, number = case
    settings = {"op": name, **EXAMPLES.get(name, [needed(OPS[name])])[number]}
    return OPS[name].model_validate_json(json.dumps(settings), strict=True)


def drawn(op: Op, count: int, height: int, width: int, seed: int = 0) -> list[Params]:
    """What an op draws for each of `count` images, sizes shared, as it comes back out of JSON."""
    groups = [OpGenerators((seed, "group" if op.sets_size else place)) for place in range(count)]
    params = [op.sample(draws.of(op)) for draws in groups]
    if op.sets_size:
        params = [{**one, "lr_size": [height // PARTS, width // PARTS]} for one in params]
    told: list[Params] = json.loads(json.dumps(params))
    return told


def photographs(height: int, width: int, count: int = 2) -> NDArray[np.float32]:
    """Parts of photographs as a batch of whole 8-bit levels."""
    names = ("astronaut", "chelsea", "coffee")
    planes = [cv2.imread(str(SAMPLES / f"{name}.png"))[90 : 90 + height, 180 : 180 + width] for name in names]
    batch: NDArray[np.float32] = backend.to_batch([backend.from_levels(plane) for plane in planes[:count]])
    return batch


def hwc(batch: NDArray[np.float32], place: int = 0) -> NDArray[np.float32]:
    """An image of a batch as OpenCV takes it."""
    return np.ascontiguousarray(batch[place].transpose(1, 2, 0))

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
from srdata.degrade.model.op_generators import Draws
from srdata.degrade.numerics import backend
from srdata.degrade.ops import OPS

SAMPLES = Path(__file__).parents[1] / "manifests" / "sample"
KERNELS = Path(__file__).parent / "data" / "kernels.npy"
PARTS = 2  # LR is the HR image divided by this

# One line for each branch of an op worth a run of its own.
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
    "jpeg": [{}, {"quality": [1, 100], "subsampling": ["4:4:4", "4:2:2", "4:1:1"]}],
    "halftone": [{}, {"inks": "cmyk"}],
    "halo": [{}, {"kind": "bright", "sigma": [1, 2]}],
    "chroma_shift": [{}, {"planes": "rgb"}],
    "colour_space": [{"convert": way} for way in ("rgb-ycbcr", "rgb-linear", "rgb-y", "rgb-grey")],
    "one_of": [{"branches": [{"steps": []}, {"steps": [{"op": "gamma"}, {"op": "jpeg"}]}]}],
    "maybe": [{"p": 0.5, "steps": {"op": "blur"}}, {"p": 1.0, "steps": {"op": "resize", "to": "lr"}}],
    "shuffled": [
        {"items": [{"op": "blur"}, [{"op": "resize", "to": "lr"}, {"op": "gamma"}]]},
        {"items": [{"op": "blur"}, {"op": "jpeg"}, {"op": "gamma"}], "in_order": [0, 2], "p": 0.7},
    ],
    "repeat": [{"times": [1, 3], "steps": {"op": "blur"}}],
}
NOISE = {"gaussian_noise", "speckle_noise", "poisson_noise", "salt_pepper", "uniform_noise", "camera_noise"}
LEARNED = {"car", "network"}  # need weights: their own tests make some

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
    groups = [Draws((seed, "group" if op.sets_size else place)) for place in range(count)]
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

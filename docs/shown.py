"""What docs/degradations.md shows of each op: its settings, and what its picture is made with."""

from __future__ import annotations

from typing import Any

from srdata.degrade.model.op import Op, name_of

# Values over the examples and defaults that stand at the settings of an op.
_OTHERS: dict[str, dict[str, Any]] = {
    "resize": {"to": "lr"},
    "kernel_blur": {"file": "kernels.npy"},
    "speckle_noise": {"sigma": [2, 25]},
    "car": {"weights": "car-x4.safetensors", "sha256": "0" * 64, "scale": 4},
    "network": {"weights": "mine.pt2", "sha256": "0" * 64, "scale": 4, "trust": True},
    "one_of": {
        "branches": [
            {"weight": 3, "steps": {"op": "gaussian_noise", "sigma": [10, 30]}},
            {"weight": 1, "steps": [{"op": "gamma"}, {"op": "poisson_noise", "scale": [2, 4]}]},
            {"steps": []},
        ]
    },
    "maybe": {"p": 0.8, "steps": [{"op": "blur", "sigma": [1, 3]}]},
    "shuffled": {
        "items": [
            {"op": "blur", "sigma": [1, 3]},
            {"op": "gaussian_noise", "sigma": [10, 30]},
            [{"op": "banding", "levels": [6, 10]}, {"op": "jpeg", "quality": [20, 40]}],
        ]
    },
    "repeat": {"times": [1, 3], "steps": [{"op": "jpeg", "quality": [10, 60]}]},
}


def needed(kind: type[Op]) -> dict[str, Any]:
    """Values for settings that have no default, or whose default alone does nothing."""
    fields = kind.model_fields.items()
    examples = {name: field.examples[0] for name, field in fields if field.examples}
    return examples | _OTHERS.get(name_of(kind), {})


# The settings of each picture, over those that it needs; where there are none, the defaults are drawn thrice.
PICTURES: dict[str, list[dict[str, Any]]] = {
    "imresize": [{"kernel": "bicubic"}, {"kernel": "lanczos3"}, {"antialias": False}],
    "pillow_resize": [{"kernel": "bicubic"}, {"kernel": "box"}, {"kernel": "hamming"}],
    "resize": [
        {"method": "area"},
        {"to": "input", "factor": [0.3, 0.5], "method": "nearest"},
        {"through": [0.3, 0.6], "factor": 4, "method": ["bicubic", "lanczos"]},
    ],
    "subsample": [{"step": 2}, {"step": 3}, {"step": 4}],
    "blur": [
        {"shape": "disk", "length": [5, 9]},
        {"shape": "sinc", "cutoff": [0.8, 1.2]},
        {"shape": "path", "length": [9, 15]},
    ],
    "kernel_blur": [{}, {}],
    "median_blur": [{"size": 3}, {"size": 5}, {"size": 9}],
    "gaussian_noise": [{"sigma": 20}, {"sigma": 20, "kind": "gray"}, {"kind": "correlated"}],
    "poisson_noise": [{"scale": 1}, {"scale": 3}, {"scale": 3, "gray": 1}],
    "speckle_noise": [{"sigma": 25}, {"sigma": 50}, {"sigma": 50, "kind": "gray"}],
    "uniform_noise": [{"amplitude": 15}, {"amplitude": 40}, {"amplitude": 40, "gray": 1}],
    "salt_pepper": [{"amount": 0.02}, {"amount": 0.1}, {"amount": 0.1, "gray": 0}],
    "camera_noise": [{"shot": 0.001}, {"shot": 0.004}, {"shot": 0.012}],
    "jpeg": [{"quality": 75}, {"quality": 30}, {"quality": 10, "subsampling": "4:4:4"}],
    "webp": [{"quality": 75}, {"quality": 30}, {"quality": 5}],
    "avif": [{"quality": 70}, {"quality": 30}, {"quality": 10}],
    "jxl": [{"quality": 75}, {"quality": 30}, {"quality": 5}],
    "video": [{"codec": "h264"}, {"codec": "mpeg2", "qscale": 12}, {"codec": "vp9", "vp9_crf": 55}],
    "levels": [{}, {"input_black": 30, "input_white": 180}, {"output_black": 60, "output_white": 200}],
    "gamma": [{"exponent": 0.5}, {"exponent": 0.9}, {"exponent": 2}],
    "saturation": [{"factor": 0}, {"factor": 0.5}, {"factor": 2}],
    "banding": [{"levels": 3}, {"levels": 6}, {"levels": 10}],
    "colour_space": [{"convert": "rgb-y"}, {"convert": "rgb-ycbcr"}, {"convert": "rgb-linear"}],
    "chroma_shift": [{"planes": "ycbcr"}, {"planes": "rgb"}, {"planes": "cmyk"}],
    "chroma_subsampling": [
        {"sampling": "4:2:0", "up": "nearest"},
        {"sampling": "4:1:0", "up": "nearest"},
        {"sampling": "4:1:0", "up": "linear"},
    ],
    "unsharp_mask": [{"weight": 0.5}, {"weight": 2}, {"weight": 2, "kernel_size": 5}],
    "halo": [
        {"kind": "both", "sigma": 2, "amount": 2},
        {"kind": "bright", "sigma": 2, "amount": 2},
        {"kind": "outline", "sigma": 2, "amount": 12},
    ],
    "pixelate": [{"size": 2}, {"size": 3.5}, {"size": 6}],
    "ordered_dither": [{"levels": 2}, {"levels": 4}, {"levels": 4, "matrix": "2x2"}],
    "error_diffusion": [{"levels": 2}, {"levels": 4}, {"levels": 4, "kernel": "atkinson"}],
    "riemersma_dither": [{"levels": 2}, {"levels": 4}, {"levels": 8}],
    "halftone": [
        {"inks": "cmyk", "size": 4},
        {"inks": "grey", "size": 4},
        {"inks": "value", "dot": "line", "size": 4},
    ],
    "rain_streaks": [
        {"angle": -20},
        {"density": 5, "length": 20},
        {"angle": 25, "width": 2.5, "strength": 150},
    ],
}

# Colours say more of these ops than the eye of a cat does: (photograph, top, left) of their HR.
PLACES: dict[str, tuple[str, int, int]] = {
    "chroma_shift": ("astronaut.png", 330, 230),
    "chroma_subsampling": ("astronaut.png", 330, 230),
}
USUAL_PLACE = ("chelsea.png", 80, 130)

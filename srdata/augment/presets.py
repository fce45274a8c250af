"""The augmentations of published trainings, by name.

Crops are not part of them, nor is what a degradation does. Where a paper's code draws flips and turns in
another way but with the same law, the law is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Preset(NamedTuple):
    """What a training does, where that is written, and how it is written here."""

    title: str
    repository: str  # on GitHub
    commit: str
    files: str
    steps: Sequence[str | Mapping[str, Any]]


def _mixture(p: float, weights: Sequence[float] | None = None) -> dict[str, Any]:
    """CutBlur's seven, one for each batch."""
    names = ("blend", "rgb_permute", "mixup", "cutout", "cutmix", "cutmixup", "cutblur")
    parts = [{"augment": name, "p": p, "per": "batch"} for name in names]
    return {"augment": "mixture", "of": parts, "weights": weights}


_EIGHT = ("dihedral",)
_MIRRORED = ({"augment": "dihedral", "law": "h_only"},)
_SWINFIR = ("dihedral", {"augment": "rgb_permute", "p": 0.5}, {"augment": "mixup", "p": 0.5})

_CUTBLUR = ("clovaai/cutblur", "2448f8bb42e2705d54f0c273e0952664f4f98754", "augments.py, option.py")
_KAIR = ("cszn/KAIR", "fc1732f4a4514e42ce15e5b3a1e18c828af47a1e")
_SWINFIR_AT = ("Zdafeng/SwinFIR", "d08db6414a84a442d53fa6ad49b14f27969da80f", "swinfir/data, swinfir/models")

PRESETS: dict[str, Preset] = {
    "edsr": Preset(
        "flips and transposition, each with ½",
        "sanghyun-son/EDSR-PyTorch",
        "d99e57560eec52ef34b0abb42039b965fe544045",
        "src/data/common.py",
        _EIGHT,
    ),
    "basicsr": Preset(
        "flips and transposition, each with ½ (HAT, SRFormer, SAFMN, BSRN and others)",
        "XPixelGroup/BasicSR",
        "8d56e3a045f9fb3e1d8872f92ee4a4f07f886b0a",
        "basicsr/data/transforms.py",
        _EIGHT,
    ),
    "swinir": Preset("one of eight modes", *_KAIR, "data/dataset_sr.py", _EIGHT),
    "swinir-real": Preset(
        "one of eight modes (but for faces, which it only mirrors)", *_KAIR, "data/dataset_blindsr.py", _EIGHT
    ),
    "realesrgan": Preset(
        "mirrored with ½, never turned (Real-HAT-GAN too)",
        "xinntao/Real-ESRGAN",
        "a4abfb2979a7bbff3f69f58f58ae324608821e27",
        "options/train_realesrgan_x4plus.yml",
        _MIRRORED,
    ),
    "ramit": Preset(
        "flip with ½, 0 to 3 quarter turns: the same law as edsr",
        "rami0205/RAMiT",
        "193ead604a1ab01dd548eb808bf6a11f873fec39",
        "dataset.py",
        _EIGHT,
    ),
    "omnisr": Preset(
        "flip of one axis, the other or none, then 0 to 3 quarter turns",
        "Francis0625/Omni-SR",
        "cd9901e3e9055b44ec22e6b2c408a08d31ea3dd4",
        "data_tools",
        ({"augment": "dihedral", "law": "omnisr"},),
    ),
    "etds": Preset(
        "dihedral, and the channels of every image in random order",
        "ECNUSR/ETDS",
        "64ad1b8539ebdc17ee543398fd87da541fe3c071",
        "core/data/sr/paired_image_dataset.py",
        ("dihedral", "rgb_permute"),
    ),
    "swinfir": Preset("dihedral, channels in random order with ½, mixup with ½", *_SWINFIR_AT, _SWINFIR),
    "hatfir": Preset("as swinfir", *_SWINFIR_AT, _SWINFIR),
    "rcan-it": Preset(
        "dihedral, and its options, which are off by default, all on",
        "zudi-lin/rcan-it",
        "90d16080cd5293ce84589043c52e025ae075eef7",
        "ptsr/data/common.py",
        (
            "dihedral",
            {"augment": "rgb_permute", "p": 0.6},
            "invert",
            {"augment": "mixup", "per": "image", "p": 0.3, "alpha": 0.15},
        ),
    ),
    "cutblur-moa": Preset(
        "dihedral, and one of seven for each batch", *_CUTBLUR, ("dihedral", _mixture(1.0))
    ),
    "cutblur-carn": Preset("as cutblur-moa, done with 0.2", *_CUTBLUR, ("dihedral", _mixture(0.2))),
    "cutblur-realsr": Preset(
        "as cutblur-moa, cutblur itself with 0.4",
        *_CUTBLUR,
        ("dihedral", _mixture(1.0, (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4))),
    ),
    "cutblur-denoise": Preset(
        "as cutblur-moa, done with 0.6 (denoising, JPEG)", *_CUTBLUR, ("dihedral", _mixture(0.6))
    ),
}

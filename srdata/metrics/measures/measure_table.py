"""Measures besides PSNR and SSIM, by name, and functions of the user that score what SR is good for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from srdata.colour import luma
from srdata.errors import UnknownNameError, UsageError
from srdata.images import Pixels
from srdata.inference.user_functions import imported_function
from srdata.metrics.compared_planes import levels
from srdata.metrics.measures.fsim import feature_similarity
from srdata.metrics.measures.gmsd import gradient_deviation
from srdata.metrics.measures.perceptual import dists, load_weights, lpips
from srdata.metrics.measures.ssim import multi_scale
from srdata.niqe import load_natural, naturalness

Task = Callable[[Pixels, Pixels, str], float]  # of SR, HR (both uint8 RGB) and the key of the image
Weights = Mapping[str, Path]  # files by role

# What each role is a file of.
ROLES = {
    "alexnet": "torchvision's AlexNet on ImageNet (alexnet-owt-*.pth)",
    "vgg16": "torchvision's VGG-16 on ImageNet (vgg16-*.pth)",
    "lpips_alex": "the LPIPS package's weights/v0.1/alex.pth",
    "lpips_vgg": "the LPIPS package's weights/v0.1/vgg.pth",
    "dists": "the DISTS package's weights.pt",
    "niqe": "BasicSR's niqe_pris_params.npz, or the authors' modelparameters.mat",
}


@dataclass(frozen=True)
class Measure:
    """A number for an SR image; `needs` are the roles of its files of weights."""

    name: str
    what: str
    source: str
    score: Callable[[Pixels, Pixels, Weights], float]
    needs: tuple[str, ...] = ()
    needs_hr: bool = True


def _ms_ssim(sr: Pixels, hr: Pixels, weights: Weights) -> float:
    one, other = (luma(levels(image) / 255) * 255 for image in (sr, hr))
    return float(multi_scale(one, other))


def _gmsd(sr: Pixels, hr: Pixels, weights: Weights) -> float:
    one, other = (luma(levels(image) / 255, span="full") * 255 for image in (sr, hr))
    return float(gradient_deviation(one, other))


def _fsim(sr: Pixels, hr: Pixels, weights: Weights) -> float:
    return feature_similarity(sr, hr).fsim


def _fsimc(sr: Pixels, hr: Pixels, weights: Weights) -> float:
    return feature_similarity(sr, hr).fsimc


def _niqe(sr: Pixels, hr: Pixels, weights: Weights) -> float:
    return naturalness(sr, load_natural(weights["niqe"]))


def _lpips(sr: Pixels, hr: Pixels, weights: Weights) -> float:
    states = load_weights(weights["alexnet"]), load_weights(weights["lpips_alex"])
    with torch.inference_mode():
        return float(lpips(_fractions(sr), _fractions(hr), *states))


def _lpips_vgg(sr: Pixels, hr: Pixels, weights: Weights) -> float:
    states = load_weights(weights["vgg16"]), load_weights(weights["lpips_vgg"])
    with torch.inference_mode():
        return float(lpips(_fractions(sr), _fractions(hr), *states, vgg=True))


def _dists(sr: Pixels, hr: Pixels, weights: Weights) -> float:
    states = load_weights(weights["vgg16"]), load_weights(weights["dists"])
    with torch.inference_mode():
        return float(dists(_fractions(sr), _fractions(hr), *states))


def _fractions(image: Pixels) -> Tensor:
    return (levels(image) / 255).float()


MEASURES: dict[str, Measure] = {
    one.name: one
    for one in (
        Measure(
            name="ms_ssim",
            what="SSIM at five sizes of Y (BT.601, 16–235), nothing cut; 1 is equal.",
            source="Wang et al., Multiscale structural similarity for image quality assessment, 2003",
            score=_ms_ssim,
        ),
        Measure(
            name="gmsd",
            what="Deviation of the similarity of gradients of the luma (0–255), nothing cut; 0 is equal.",
            source="Xue et al., Gradient magnitude similarity deviation, 2014",
            score=_gmsd,
        ),
        Measure(
            name="fsim",
            what="Similarity of phase congruency and gradients of the luma (0–255), nothing cut; 1 is equal.",
            source="Zhang et al., FSIM: a feature similarity index for image quality assessment, 2011",
            score=_fsim,
        ),
        Measure(
            name="fsimc",
            what="FSIM in which the colours (I and Q of YIQ) count too, nothing cut; 1 is equal.",
            source="Zhang et al., FSIM: a feature similarity index for image quality assessment, 2011",
            score=_fsimc,
        ),
        Measure(
            name="lpips",
            what="LPIPS 0.1 of AlexNet, RGB, nothing cut; 0 is equal.",
            source="Zhang et al., The unreasonable effectiveness of deep features, 2018",
            score=_lpips,
            needs=("alexnet", "lpips_alex"),
        ),
        Measure(
            name="lpips_vgg",
            what="LPIPS 0.1 of VGG-16, RGB, nothing cut; 0 is equal.",
            source="Zhang et al., The unreasonable effectiveness of deep features, 2018",
            score=_lpips_vgg,
            needs=("vgg16", "lpips_vgg"),
        ),
        Measure(
            name="dists",
            what="Structure and texture in the features of VGG-16, RGB, nothing cut or resized; 0 is equal.",
            source="Ding et al., Image quality assessment: unifying structure and texture similarity, 2020",
            score=_dists,
            needs=("vgg16", "dists"),
        ),
        Measure(
            name="niqe",
            what="Distance of SR alone from natural images, Y of BT.601, nothing cut; smaller is better.",
            source="Mittal et al., Making a completely blind image quality analyzer, 2013",
            score=_niqe,
            needs=("niqe",),
            needs_hr=False,
        ),
    )
}


@dataclass(frozen=True)
class WantedMeasure:
    """A measure that can be taken: of `srdata`, or a function of the user."""

    name: str
    what: str
    source: str
    task: Task
    needs_hr: bool = True


def find_measures(
    wanted: Sequence[str | Task], weights: Mapping[str, str | Path] | None = None
) -> list[WantedMeasure]:
    """The measures of these names, with their weights, and functions: given, or named as `module:function`.

    Raises UnknownNameError for a measure or role, and UsageError for weights that are not given.
    """
    files = {role: Path(path) for role, path in (weights or {}).items()}
    for role in files:
        if role not in ROLES:
            raise UnknownNameError.among("role of weights", role, ROLES)
    return [_of_user(one) if callable(one) or ":" in one else _known(one, files) for one in wanted]


def _known(name: str, files: Weights) -> WantedMeasure:
    if name not in MEASURES:
        raise UnknownNameError.among("measure", name, MEASURES)
    one = MEASURES[name]
    missing = [f"{role}=FILE, {ROLES[role]}" for role in one.needs if role not in files]
    if missing:
        raise UsageError(f"{name} needs weights that you have: give {'; and '.join(missing)}")

    def task(sr: Pixels, hr: Pixels, key: str) -> float:
        return one.score(sr, hr, files)

    return WantedMeasure(one.name, one.what, one.source, task, one.needs_hr)


def _of_user(task: str | Task) -> WantedMeasure:
    function: Any = (
        imported_function(task, "a function of SR, HR and the key") if isinstance(task, str) else task
    )
    name = getattr(function, "__name__", type(function).__name__)
    told = (function.__doc__ or "").strip().partition("\n")[0]
    where = f"{getattr(function, '__module__', 'your code')}:{name}"
    return WantedMeasure(name, told or "A function of yours of SR, HR and the key.", where, function)

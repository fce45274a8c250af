"""NIQE: how far the statistics of an image are from those of natural images; no HR is needed.

pyiqa has it too, but with torch, and under a licence that excludes commercial use.
"""

from __future__ import annotations

from functools import cache
from math import exp, lgamma
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.colour import luma
from srdata.common.array_files.mat_file import read_mat
from srdata.common.array_files.npy_file import read_npz
from srdata.errors import UsageError
from srdata.images import Pixels
from srdata.resize import imresize

Floats = NDArray[np.float64]

BLOCK = 96  # pixels
FEATURES = 36
_WINDOW, _SIGMA = 7, 7 / 6
_SHAPES = np.arange(0.2, 10.001, 0.001)  # of generalised Gaussians
_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
_NAMES = (("mu_pris_param", "cov_pris_param"), ("mu_prisparam", "cov_prisparam"))  # BasicSR; the authors


class Natural(NamedTuple):
    """The Gaussian of the features of natural images: mean (36,) and covariance (36, 36)."""

    mean: Floats
    covariance: Floats


def naturalness(image: Pixels, natural: Natural) -> float:
    """NIQE of a uint8 RGB image (H, W, 3): smaller is more natural.

    Of the Y channel (BT.601, rounded) in blocks of 96 pixels; what is beyond the last whole block does not
    count. Raises UsageError for images smaller than two blocks.

    Source: Mittal et al., Making a completely blind image quality analyzer, 2013; BasicSR
    `basicsr/metrics/niqe.py`.
    """
    height, width = (side // BLOCK * BLOCK for side in image.shape[:2])
    if height * width < 2 * BLOCK**2:
        raise UsageError(
            f"NIQE needs at least two blocks of {BLOCK} pixels: {image.shape[1]}x{image.shape[0]}"
        )
    y = (luma(image / 255, axis=-1)[:height, :width, 0] * 255).round()
    half = imresize(y / 255, 1 / 2) * 255
    features = np.concatenate([_features(y, BLOCK), _features(half, BLOCK // 2)], axis=1)
    whole = features[~np.isnan(features).any(axis=1)]  # flat blocks have no statistics
    if len(whole) < 2:
        raise UsageError("NIQE needs at least two blocks that are not flat")
    away = natural.mean - np.nanmean(features, axis=0)
    spread = (natural.covariance + np.cov(whole, rowvar=False)) / 2
    return float(np.sqrt(away @ np.linalg.pinv(spread) @ away))


@cache
def load_natural(path: Path) -> Natural:
    """The model of natural images in BasicSR's `niqe_pris_params.npz` or the authors' `modelparameters.mat`.

    Raises UsageError.
    """
    content = _content(path)
    for mean, covariance in _NAMES:
        if mean in content and covariance in content:
            model = Natural(np.ravel(content[mean]).astype(float), np.asarray(content[covariance], float))
            if model.mean.shape == (FEATURES,) and model.covariance.shape == (FEATURES, FEATURES):
                return model
    raise UsageError(f"{path} is no model of NIQE: give niqe_pris_params.npz or modelparameters.mat")


def _content(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".mat":
            return dict(read_mat(path.read_bytes(), str(path)))
        return dict(read_npz(path))
    except (OSError, UsageError) as error:
        raise UsageError(f"cannot read the model of NIQE: {error}") from error


def _features(plane: Floats, block: int) -> Floats:
    """18 features of each block, (blocks, 18)."""
    mean = _blurred(plane)
    deviation = np.sqrt(np.abs(_blurred(plane**2) - mean**2))
    normalised = (plane - mean) / (deviation + 1)
    height, width = plane.shape
    corners = [(top, left) for left in range(0, width, block) for top in range(0, height, block)]
    return np.array([_block_features(normalised[y : y + block, x : x + block]) for y, x in corners])


def _block_features(block: Floats) -> list[float]:
    shape, left, right = fit_gaussian(block)
    features = [shape, (left + right) / 2]
    for shift in _SHIFTS:
        shape, left, right = fit_gaussian(block * np.roll(block, shift, (0, 1)))
        _, second = _gammas(shape)
        features += [shape, (right - left) * second, left, right]
    return features


def fit_gaussian(samples: Floats) -> tuple[float, float, float]:
    """Shape, left and right scale of the asymmetric generalised Gaussian of `samples`, or NaN.

    By moments (Lasmar et al., 2009): shape 2 is Gaussian, 1 Laplacian.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.sqrt((samples[samples < 0] ** 2).sum() / (samples < 0).sum())
        right = np.sqrt((samples[samples > 0] ** 2).sum() / (samples > 0).sum())
        skew = left / right
        ratio = np.abs(samples).mean() ** 2 / (samples**2).mean()
        wanted = ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    if np.isnan(wanted):
        return np.nan, np.nan, np.nan
    shape = float(_SHAPES[np.argmin((_ratios() - wanted) ** 2)])
    scale, _ = _gammas(shape)
    return shape, float(left * scale), float(right * scale)


@cache
def _ratios() -> Floats:
    return np.array([_ratio(shape) for shape in _SHAPES])


def _ratio(shape: float) -> float:
    return exp(2 * lgamma(2 / shape) - lgamma(1 / shape) - lgamma(3 / shape))


def _gammas(shape: float) -> tuple[float, float]:
    scale = exp((lgamma(1 / shape) - lgamma(3 / shape)) / 2)
    return scale, exp(lgamma(2 / shape) - lgamma(1 / shape))


def _blurred(plane: Floats) -> Floats:
    places = np.arange(_WINDOW) - _WINDOW // 2
    weights = np.exp(-(places**2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    blurred: Floats = cv2.sepFilter2D(plane, cv2.CV_64F, weights, weights, borderType=cv2.BORDER_REPLICATE)
    return blurred

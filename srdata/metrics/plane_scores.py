"""PSNR and SSIM of what a protocol compares, on the CPU a strip of rows at a time."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.linalg import vector_norm

from srdata.metrics.compared_planes import Compared
from srdata.metrics.measures.psnr_b import block_effect
from srdata.metrics.measures.ssim import CONSTANTS, WINDOW, check_window, structural_similarity, window
from srdata.metrics.measures.ssim_terms import STRIP, lost_terms


def scores(pair: Compared, with_ssim: bool) -> tuple[Tensor, Tensor]:
    """PSNR or PSNR-B in dB, and SSIM or, if it is not asked for, nothing but nan; (N,) each.

    Raises UsageError for images that are smaller than the window of SSIM.
    """
    if with_ssim:
        check_window(pair.one)
    if pair.one.device.type == "cpu" and not pair.protocol.blocking:
        error, ssim = map(torch.from_numpy, _by_strips(pair, with_ssim))
        return _decibels(error), ssim
    planes = pair.planes()
    psnr = _peak_ratio(*planes, pair.protocol.blocking)
    return psnr, structural_similarity(*planes) if with_ssim else psnr * math.nan


def _by_strips(pair: Compared, with_ssim: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean squared error, and SSIM or nan."""
    height, width = pair.one.shape[2:]
    rest, weights = WINDOW - 1, window(torch.float64).numpy()
    error, lost, channels = np.zeros(len(pair.one)), np.full(len(pair.one), 0.0 if with_ssim else np.nan), 1
    for top in range(0, height, STRIP):
        one, other = (planes.numpy() for planes in pair.planes(slice(top, top + STRIP + rest)))
        channels = one.shape[1]
        for image, channel in np.ndindex(one.shape[:2]):
            first, second = one[image, channel], other[image, channel]
            error[image] += cv2.norm(first[:STRIP], second[:STRIP], cv2.NORM_L2SQR)
            if with_ssim and len(first) > rest:
                lost[image] += lost_terms(first, second, weights, CONSTANTS)[1]
    return error / (channels * height * width), 1 - lost / (channels * (height - rest) * (width - rest))


def _peak_ratio(sr: Tensor, hr: Tensor, blocking: bool) -> Tensor:
    axes = (2, 3) if blocking else (1, 2, 3)
    error = vector_norm(sr - hr, dim=axes).square() / math.prod(sr.shape[axes[0] :])
    return _decibels(error + block_effect(sr)).mean(1) if blocking else _decibels(error)


def _decibels(error: Tensor) -> Tensor:
    return 10 * (255**2 / error).log10()

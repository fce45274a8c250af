"""What makes a window hard: a number that depends on its own LR and HR pixels alone.

Windows are uint8 RGB, (height, width, 3), and are taken for images of their own, as ClassSR and ARM do, whose
sub-images are files.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.colour import luma
from srdata.images import Pixels
from srdata.resize import imresize
from srdata.scale import Scale

Floats = NDArray[np.floating[Any]]


class Scorer(NamedTuple):
    """A way to score a window from LR, HR and the scale."""

    score: Callable[[Pixels, Pixels, Scale], float]
    unit: str
    hard_is_low: bool


def psnr(lr: Pixels, hr: Pixels, scale: Scale) -> float:
    """PSNR in dB of LR enlarged by MATLAB's bicubic, in 8 bits, over all RGB samples; infinite where equal.

    A border as wide as the scale, rounded up, is left out as in the field's tests (ClassSR `test.py`), or as
    much of it as leaves a pixel.
    """
    one, other = (_without_border(image, scale) for image in (_enlarged(lr, hr), hr))
    return _decibels(cv2.norm(one, other, cv2.NORM_L2SQR) / one.size)


def psnr_y(lr: Pixels, hr: Pixels, scale: Scale) -> float:
    """The same on the Y channel (BT.601, 16 to 235, not rounded)."""
    one, other = (255 * _y(_without_border(image, scale)) for image in (_enlarged(lr, hr), hr))
    return _decibels(float(np.square(one - other).mean()))


def edges(lr: Pixels, hr: Pixels, scale: Scale) -> float:
    """Mean absolute Laplacian of the grey LR window, in 8-bit levels up to 255 (ARM `utils/util.py`)."""
    grey = cv2.cvtColor(lr, cv2.COLOR_RGB2GRAY)
    return float(cv2.convertScaleAbs(cv2.Laplacian(grey, cv2.CV_16S, ksize=3)).mean())


def gradients(lr: Pixels, hr: Pixels, scale: Scale) -> float:
    """How strong the gradients of the grey LR window are, and how uneven, in 8-bit levels a pixel; 0 is flat.

    The length of WBSR's vector: mean and standard deviation of the gradient's magnitude along each axis
    (Yu et al., NeurIPS 2024, 4.1.1). That it is Sobel's gradient, and that vectors are put in order by their
    length, are guesses: the paper does not say, and there is no code.
    """
    grey = cv2.cvtColor(lr, cv2.COLOR_RGB2GRAY)
    along = [cv2.Sobel(grey, cv2.CV_64F, across, 1 - across, ksize=3, scale=1 / 8) for across in (1, 0)]
    vector = [number for one in along for number in (np.abs(one).mean(), np.abs(one).std())]
    return math.hypot(*vector)


def deviation(lr: Pixels, hr: Pixels, scale: Scale) -> float:
    """Standard deviation of the grey HR window (0.299 R + 0.587 G + 0.114 B) in 8-bit levels; 0 is flat."""
    grey: Floats = luma(hr / 255, span="full", axis=-1)
    return float(255 * grey.std())


MEASURES = {
    "psnr": Scorer(psnr, "dB", hard_is_low=True),
    "psnr-y": Scorer(psnr_y, "dB", hard_is_low=True),
    "edges": Scorer(edges, "8-bit levels", hard_is_low=False),
    "gradients": Scorer(gradients, "8-bit levels a pixel", hard_is_low=False),
    "deviation": Scorer(deviation, "8-bit levels", hard_is_low=False),
}


def _enlarged(lr: Pixels, hr: Pixels) -> Pixels:
    return imresize(lr, size=hr.shape[:2])


def _without_border(image: Pixels, scale: Scale) -> Pixels:
    height, width = image.shape[:2]
    border = min(math.ceil(scale), (min(height, width) - 1) // 2)
    return image[border : height - border, border : width - border]


def _y(image: Pixels) -> Floats:
    y: Floats = luma(image / 255, axis=-1)
    return y


def _decibels(squared_error: float) -> float:
    return 10 * math.log10(255**2 / squared_error) if squared_error else math.inf

"""Batches of uint8 pixels as the tensors that a network takes."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from srdata.errors import UsageError

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.uint8)
_WORKING_SAMPLES = 1 << 16  # converted at a time: what a core's cache holds


def to_tensor(images: NDArray[np.uint8], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The tensor (count, channels, height, width) of uint8 images (count, height, width, channels).

    Floating types hold value / 255, correctly rounded to float32 first; uint8 keeps 0 to 255.
    """
    count, height, width, channels = images.shape
    planes = np.empty((count, channels, height, width), np.uint8 if dtype == torch.uint8 else np.float32)
    for image, target in zip(images, planes, strict=True):
        if dtype == torch.uint8:
            cv2.split(image, list(target))
        else:
            _into_planes(target, image)
    return torch.from_numpy(planes).to(dtype)


def opened(images: torch.Tensor, dtype: torch.dtype, channels_last: bool) -> torch.Tensor:
    """`to_tensor` of a tensor on any device, the same to the last bit, to float32 or uint8.

    With `channels_last` the result lies in memory as it came.
    """
    if images.device.type == "cpu" and not channels_last:
        return to_tensor(images.numpy(), dtype)
    if dtype == torch.uint8:
        return images.permute(0, 3, 1, 2)
    if images.device.type == "cpu":
        return torch.from_numpy(np.divide(images.numpy(), np.float32(255))).permute(0, 3, 1, 2)
    levels = torch.full((), 255.0).to(images.device, non_blocking=True)  # a plain number CUDA multiplies by
    return (images.float() / levels).permute(0, 3, 1, 2)


def check_dtype(dtype: torch.dtype) -> torch.dtype:
    """`dtype` if items can have it; raises UsageError."""
    if dtype not in DTYPES:
        raise UsageError(f"dtype {dtype} is not offered: choose among {', '.join(map(str, DTYPES))}")
    return dtype


def _into_planes(planes: NDArray[np.float32], image: NDArray[np.uint8]) -> None:
    """A few rows at a time: sort bytes into planes, by OpenCV, then divide them while they are in the cache.

    Half the time of dividing first, a quarter of torch's permute, copy and divide. Multiplying by 1/255 would
    be faster still, but 126 of the 256 results would be off by one unit in the last place.
    """
    height, width, channels = image.shape
    rows = max(1, _WORKING_SAMPLES // max(1, width * channels))
    working = np.empty((channels, min(rows, height), width), np.uint8)
    for top in range(0, height, rows):
        target = planes[:, top : top + rows]
        part = working[:, : target.shape[1]]
        cv2.split(image[top : top + rows], list(part))
        np.copyto(target, part)
        np.divide(target, np.float32(255), out=target)

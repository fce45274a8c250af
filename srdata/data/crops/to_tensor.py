"""Batches of 8-bit levels as the tensors that a network takes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from srdata.common.tensors.aligned import aligned
from srdata.common.tensors.device_copies import sent_together
from srdata.compiled.compiled_planes import compiled_for, fill_fractions
from srdata.errors import UsageError

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.uint8)


def to_tensor(images: NDArray[Any], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The tensor (count, channels, height, width) of images (count, height, width, channels).

    They are uint8, or floats of 0 to 255. Floating types hold value / 255, correctly rounded to float32
    first; uint8 keeps 0 to 255, and rounds floats.
    """
    if dtype == torch.uint8:
        return _whole(_planes(images)).contiguous()
    return (_compiled_fractions(images) if compiled_for(images) else _fractions(_planes(images))).to(dtype)


def _compiled_fractions(images: NDArray[Any]) -> torch.Tensor:
    count, height, width, channels = images.shape
    floats = aligned((count, channels, height, width), np.float32)
    fill_fractions(images, floats)
    return torch.from_numpy(floats)


def _fractions(levels: torch.Tensor) -> torch.Tensor:
    """Levels / 255 as float32, on the CPU: divided, as multiplying puts 126 of 256 values off by a bit."""
    floats = torch.empty(levels.shape, dtype=torch.float32, device="cpu")
    return floats.copy_(levels).div_(255)


def _planes(images: NDArray[Any]) -> torch.Tensor:
    """Levels sorted into planes in one go, (count, channels, height, width) but not in this order in memory.

    A third of the time of torch's permute and copy; and as a few long calls it lets other threads run.
    """
    count, height, width, channels = images.shape
    planes = aligned((channels, count, height, width), images.dtype)
    if images.size:
        rows = np.ascontiguousarray(images).reshape(count * height, width, channels)
        cv2.split(rows, list(planes.reshape(channels, count * height, width)))
    return torch.from_numpy(planes).transpose(0, 1)


def opened(images: torch.Tensor, dtype: torch.dtype, channels_last: bool) -> torch.Tensor:
    """`to_tensor` of a tensor on any device, the same to the last bit, to float32 or uint8.

    With `channels_last` the result lies in memory as it came.
    """
    if images.device.type == "cpu" and not channels_last:
        return to_tensor(images.numpy(), dtype)
    planes = images.permute(0, 3, 1, 2)
    if dtype == torch.uint8:
        return _whole(planes)
    if images.device.type == "cpu":
        return _fractions(images).permute(0, 3, 1, 2)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    (white,) = sent_together(images.device, np.array(255, np.float32))  # by a number CUDA multiplies
    opened = torch.empty(planes.shape, dtype=torch.float32, device=images.device, memory_format=layout)
    return torch.div(planes, white, out=opened)


def _whole(levels: torch.Tensor) -> torch.Tensor:
    return levels if levels.dtype == torch.uint8 else levels.round().to(torch.uint8)


def check_dtype(dtype: torch.dtype) -> torch.dtype:
    """`dtype` if items can have it; raises UsageError."""
    if dtype not in DTYPES:
        raise UsageError(f"dtype {dtype} is not offered: choose among {', '.join(map(str, DTYPES))}")
    return dtype

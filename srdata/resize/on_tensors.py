"""Both passes of a resize over a torch batch, on its device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srdata.common.tensors.device_copies import sent_together
from srdata.common.tensors.torch_settings import own_settings
from srdata.errors import UsageError
from srdata.resize import on_arrays
from srdata.resize.fast_uint8 import exact_step
from srdata.resize.taps import Taps, reach


def check_batch(batch: Tensor) -> None:
    """Raise UsageError for what is no batch of images: the shape or the kind of sample."""
    if batch.ndim != 4 or not batch.numel():
        raise UsageError(
            f"imresize takes a torch batch (N, C, H, W), not a tensor of shape {tuple(batch.shape)}"
        )
    if batch.dtype != torch.uint8 and not batch.is_floating_point():
        raise UsageError(f"imresize takes uint8 or float samples, not {batch.dtype}")


def resize(batch: Tensor, passes: Sequence[tuple[int, Taps]], border: str, rounding: str) -> Tensor:
    """Run the passes, each an axis (0 rows, 1 columns) and its taps; uint8 is rounded as in a numpy image."""
    if batch.is_floating_point():
        wide = batch.to(torch.promote_types(batch.dtype, torch.float32))
        for axis, taps in passes:
            wide = _summed(wide, axis, taps, border)
        return wide.to(batch.dtype)
    if batch.device.type in ("cpu", "mps"):  # Apple's device has no float64
        return _through_numpy(batch, passes, border, rounding)
    return resized_levels(batch.float(), passes, border, rounding).to(torch.uint8)


def resized_levels(levels: Tensor, passes: Sequence[tuple[int, Taps]], border: str, rounding: str) -> Tensor:
    """Levels of 8-bit images (float32) on a device, as such.

    In float32 where that holds every sum of a pass exactly (bicubic x2 and x4). Elsewhere a sum may end at a
    half or beside it, and what MATLAB makes of that depends on its order, in float64.
    """
    each_pass = rounding == "each-pass"
    if each_pass and all(exact_step(taps) for _, taps in passes):
        for axis, taps in passes:
            levels = torch.fake_quantize_per_tensor_affine(
                _multiplied(levels, axis, taps, border), 1.0, 0, 0, 255
            )
        return levels
    levels = levels.double()
    for axis, taps in passes:
        levels = _summed(levels, axis, taps, border)
        if each_pass:
            levels = _whole(levels)
    return (levels if each_pass else _whole(levels)).float()


def _through_numpy(batch: Tensor, passes: Sequence[tuple[int, Taps]], border: str, rounding: str) -> Tensor:
    """The batch as one numpy image whose channels are all channels of all images."""
    count, channels = batch.shape[:2]
    image = batch.permute(2, 3, 0, 1).flatten(2).cpu().numpy()
    resized = torch.from_numpy(on_arrays.resize(image, passes, border, rounding))
    split = resized.reshape(*resized.shape[:2], count, channels)
    return split.permute(2, 3, 0, 1).contiguous().to(batch.device)


def _multiplied(batch: Tensor, axis: int, taps: Taps, border: str) -> Tensor:
    """Resize one axis by a matrix product, which is exact, and add half a step, so that halves go up."""
    step = np.array([exact_step(taps) / 2], np.float32)
    weights, half = sent_together(batch.device, lambda: matrix(taps, border), step)
    with own_settings(batch.device):  # which round nothing to TF32 or bfloat16
        if axis:
            rows = torch.addmm(half, batch.flatten(0, 2), weights.T)
            return rows.view(*batch.shape[:3], taps.size)
        planes = batch.flatten(0, 1)
        resized = torch.baddbmm(half, weights.expand(len(planes), -1, -1), planes)
        return resized.view(*batch.shape[:2], taps.size, batch.shape[3])


@lru_cache(maxsize=32)
def matrix(taps: Taps, border: str) -> NDArray[np.float32]:
    """The weights of all inputs (columns) for all outputs (rows)."""
    weights = np.zeros((taps.size, taps.length))
    outputs = np.arange(taps.size)
    for k, those in enumerate(taps.weights.T):
        np.add.at(weights, (outputs, reach(taps.first + k, taps.length, border)), those)
    return weights.astype(np.float32)


def _summed(batch: Tensor, axis: int, taps: Taps, border: str) -> Tensor:
    """Resize one axis by sums in the order of the reference, so that every device gives the same bits."""
    shape = [1] * batch.ndim
    shape[axis + 2] = taps.size
    places = np.stack([reach(taps.first + k, taps.length, border) for k in range(taps.weights.shape[1])])
    exact = np.float64 if batch.dtype == torch.float64 else np.float32
    inputs, weights = sent_together(batch.device, places, taps.weights.T.astype(exact))
    total = torch.zeros((), dtype=batch.dtype, device=batch.device)
    for those, weight in zip(inputs, weights, strict=True):
        total = total + weight.view(shape) * batch.index_select(axis + 2, those)
    return total


def _whole(values: Tensor) -> Tensor:
    """Round half up and clamp to the levels of uint8."""
    return (values + 0.5).floor_().clamp_(0, 255)

"""Both passes of a resize over a torch batch: the reference's sums in its order, on the batch's device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from srdata.common.device_copies import sent_together
from srdata.errors import UsageError
from srdata.resize import on_arrays
from srdata.resize.taps import Taps, reach


def check(batch: Tensor) -> None:
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
            wide = _resample(wide, axis + 2, taps, border)
        return wide.to(batch.dtype)
    if not batch.is_cuda:  # Apple's device has no float64
        return _through_numpy(batch, passes, border, rounding)
    values = batch.double()
    for axis, taps in passes:
        values = _resample(values, axis + 2, taps, border)
        if rounding == "each-pass":
            values = _whole(values)
    return _whole(values).to(torch.uint8)


def _through_numpy(batch: Tensor, passes: Sequence[tuple[int, Taps]], border: str, rounding: str) -> Tensor:
    """The batch as one numpy image whose channels are all channels of all images."""
    count, channels = batch.shape[:2]
    image = batch.permute(2, 3, 0, 1).flatten(2).cpu().numpy()
    resized = torch.from_numpy(on_arrays.resize(image, passes, border, rounding))
    split = resized.reshape(*resized.shape[:2], count, channels)
    return split.permute(2, 3, 0, 1).contiguous().to(batch.device)


def _resample(batch: Tensor, axis: int, taps: Taps, border: str) -> Tensor:
    """Resize one axis, unrounded; no matrix product or convolution, which CUDA may run in TF32."""
    shape = [1] * batch.ndim
    shape[axis] = taps.size
    places = np.stack([reach(taps.first + k, taps.length, border) for k in range(taps.weights.shape[1])])
    exact = np.float64 if batch.dtype == torch.float64 else np.float32
    inputs, weights = sent_together(batch.device, places, taps.weights.T.astype(exact))
    total = torch.zeros((), dtype=batch.dtype, device=batch.device)
    for those, weight in zip(inputs, weights, strict=True):
        total = total + weight.view(shape) * batch.index_select(axis, those)
    return total


def _whole(values: Tensor) -> Tensor:
    """Round half up and clamp to the levels of uint8."""
    return (values + 0.5).floor().clamp(0, 255)

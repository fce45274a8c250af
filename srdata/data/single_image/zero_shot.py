"""Zero-shot training: pairs of HR fathers and LR sons out of the one image that is to be enlarged.

Source: ZSSR (Shocher et al., CVPR 2018) and its code, github.com/assafshocher/ZSSR at d99db08.
"""

from __future__ import annotations

import math
from os import PathLike, fspath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from srdata.data.loading.batch import Batch
from srdata.data.single_image.endless import Steps
from srdata.data.single_image.zero_shot_crops import PRESETS, Fathers, Plane
from srdata.degrade.model.op import Params
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.batch_resize import moved
from srdata.degrade.numerics.blur_kernels import Kernel
from srdata.degrade.numerics.filters import filter2d
from srdata.degrade.numerics.kernel_files import as_correlation, read_kernels
from srdata.degrade.numerics.random_fields import normal_field
from srdata.errors import UsageError
from srdata.resize import imresize
from srdata.rng import generator
from srdata.scale import Scale


class ZeroShot(Steps):
    """Batches of HR fathers and their LR sons, out of one image; `batch.hr` and `batch.lr`, float32 in 0–1.

        image       what is to be enlarged: (height, width, channels), uint8, or floats in 0–1
        scale       by how much; a son is its father made as much smaller
        kernel      None: `imresize`'s bicubic. Otherwise the blur that made the image, as a 2-D array or a
                    file that `kernel_blur` reads; then scale is whole. The father is convolved with it, and
                    every scale-th pixel taken. The kernel is moved first (bilinearly), so that its centre of
                    mass lies in the middle of the pixels that a pixel of the son faces: both stay aligned
        fathers     how fathers are drawn: PRESETS["ideal"], "kernel", "real", or your own
        batch_size  pairs in a batch; ZSSR has one
        seed        of all draws: pair i of batch n depends on (seed, n, i) alone
        key         the name of the image in `batch.keys`
        device      where the tensors are put

    Endless: `for step, batch in zip(range(3000), ZeroShot(image, 2)):`. ZSSR's network takes sons enlarged by
    `imresize(batch.lr, 2)`; its result is the median of `self_ensemble`.

    Raises UsageError for an image smaller than a crop, a crop that is no multiple of the scale, and kernels
    that cannot be read or fit no scale.
    """

    def __init__(
        self,
        image: NDArray[Any],
        scale: int | float | str | Scale,
        *,
        kernel: NDArray[Any] | str | PathLike[str] | None = None,
        fathers: Fathers = PRESETS["ideal"],
        batch_size: int = 1,
        seed: int = 0,
        key: str = "image",
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(seed)
        self.scale = Scale(scale)
        self._image = _checked(image, fathers.crop)
        self._kernel = None if kernel is None else aligned(_one_kernel(kernel), self.scale)
        self._fathers = fathers
        self._keys = (key,) * batch_size
        self._device = device
        if fathers.crop % self.scale.numerator:
            raise UsageError(
                f"crop={fathers.crop} is no multiple of {self.scale.numerator}, as scale {self.scale} needs"
            )

    def batch(self, step: int) -> Batch:
        """The pairs of this step, counted from 0."""
        params = [self._fathers.sample(generator(self._seed, "zeroshot", step, i)) for i in self._places]
        fathers = [self._fathers.father(self._image, one["augment"]) for one in params]
        sons = [self._son(father, one["degradation"]) for father, one in zip(fathers, params, strict=True)]
        tensors = {"lr": self._tensor(sons), "hr": self._tensor(fathers)}
        return Batch(tensors, self._keys, params, self.scale)

    @property
    def _places(self) -> range:
        return range(len(self._keys))

    def _son(self, father: Plane, params: Params) -> Plane:
        son = downscaled(father, self.scale, self._kernel)
        if self._fathers.noise:
            height, width, channels = son.shape
            field = normal_field([params["noise"]], (channels, height, width), son)
            son = son + np.asarray(field)[0].transpose(1, 2, 0) * np.float32(self._fathers.noise / 255)
        return backend.clip(son)

    def _tensor(self, planes: list[Plane]) -> torch.Tensor:
        return torch.from_numpy(np.stack(planes).transpose(0, 3, 1, 2).copy()).to(self._device)


def downscaled(image: Plane, scale: Scale, kernel: Kernel | None) -> Plane:
    """An image (height, width, channels) by `imresize`'s bicubic, or blurred by a kernel and subsampled."""
    if kernel is None:
        size = scale.lr(image.shape[0]), scale.lr(image.shape[1])
        small: Plane = imresize(image, size=size).astype(np.float32)
        return small
    blurred = np.asarray(filter2d(image.transpose(2, 0, 1)[None], [kernel]))[0].transpose(1, 2, 0)
    taken: Plane = blurred[:: scale.numerator, :: scale.numerator]
    return taken


def aligned(kernel: Kernel, scale: Scale) -> Kernel:
    """A kernel whose centre of mass lies (scale - 1) / 2 pixels right of and below its middle.

    With it every scale-th pixel, from the first, lies where a resize would lay it. Raises UsageError for a
    scale that is not whole.
    """
    if scale.denominator != 1:
        raise UsageError(f"a kernel goes with a whole scale such as 2, not with {scale}")
    line = np.arange(len(kernel)) - len(kernel) // 2
    wanted = (scale.numerator - 1) / 2
    down, right = wanted - kernel.sum(axis=1) @ line, wanted - kernel.sum(axis=0) @ line
    room = math.ceil(max(abs(down), abs(right))) + 1
    shifted = np.asarray(moved(np.pad(kernel, room).astype(np.float32)[None, None], down, right))[0, 0]
    unit: Kernel = shifted / shifted.sum(dtype=np.float64)
    return unit


def _checked(image: NDArray[Any], crop: int) -> Plane:
    if image.ndim != 3 or (image.dtype != np.uint8 and image.dtype.kind != "f"):
        raise UsageError(
            f"give one image (height, width, channels) of uint8 or floats, not {image.dtype} {image.shape}"
        )
    if min(image.shape[:2]) < crop:
        raise UsageError(
            f"the image of {image.shape[1]}x{image.shape[0]} is smaller than crop={crop}: lower it"
        )
    return np.ascontiguousarray(image / np.float32(255) if image.dtype == np.uint8 else image, np.float32)


def _one_kernel(kernel: NDArray[Any] | str | PathLike[str]) -> Kernel:
    """The kernel as a square to correlate with; raises UsageError."""
    if isinstance(kernel, str | PathLike):
        kernels = read_kernels(fspath(kernel)).kernels
        if len(kernels) > 1:
            raise UsageError(f"{fspath(kernel)} holds {len(kernels)} kernels: give one of them as an array")
        return kernels[0]
    if kernel.ndim != 2:
        raise UsageError(f"a kernel has two axes, not the shape {kernel.shape}")
    return as_correlation(kernel, "kernel")

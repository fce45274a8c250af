"""Deep image prior: a network learns one image, from fixed noise, through the downscaling that made it.

Source: Ulyanov et al., CVPR 2018, and its code, github.com/DmitryUlyanov/deep-image-prior.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from srdata.data.crops.to_tensor import to_tensor
from srdata.data.loading.batch import Batch
from srdata.data.single_image.endless import Steps
from srdata.degrade.model.distributions import field_key
from srdata.degrade.numerics.random_fields import normal_field
from srdata.errors import UsageError
from srdata.resize.taps import taps
from srdata.rng import generator
from srdata.scale import Scale

_CELLS = 8  # LR pixels, enough for the one in the middle to see no border


class Downsampler(nn.Module):
    """Lanczos of two lobes, made wider by the scale: `imresize` with lanczos2 and border="replicate".

    From (N, C, height, width), multiples of the scale, to (N, C, height / scale, width / scale); gradients
    flow. For even scales it is the Downsampler of the authors' code with "lanczos2", phase 0.5 and
    preserve_size; for odd ones theirs lies half an HR pixel off, this does not. Raises UsageError for a scale
    that is not whole.
    """

    weights: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = _whole(scale)
        table = taps(_CELLS * scale, _CELLS, 1 / scale, "lanczos2", True)
        middle = _CELLS // 2
        weights = torch.from_numpy(np.trim_zeros(table.weights[middle]).copy()).float()
        skipped = int(np.flatnonzero(table.weights[middle])[0])
        self._before = middle * scale - int(table.first[middle]) - skipped
        self._after = len(weights) - scale - self._before
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The batch, `scale` times smaller."""
        height, width = x.shape[2:]
        if height % self.scale or width % self.scale:
            raise UsageError(f"{width}x{height} is no multiple of the scale {self.scale}: crop it before")
        edges = (self._before, self._after)
        planes = pad(x.flatten(0, 1)[:, None], (*edges, *edges), mode="replicate")
        weights = self.weights.to(x.dtype)
        rows = conv2d(planes, weights[None, None, :, None], stride=(self.scale, 1))
        small = conv2d(rows, weights[None, None, None, :], stride=(1, self.scale))
        return small.reshape(*x.shape[:2], height // self.scale, width // self.scale)


class DeepPrior(Steps):
    """Batches of one image for a deep image prior: `batch.noise` goes into the network, `batch.lr` is wanted.

        lr         the image to be enlarged: (height, width, channels) of uint8
        scale      by how much, whole; the published code has 4 and 8
        channels   of the noise, which is uniform from 0 to `amplitude` and has the size of HR
        jitter     sigma of the normal noise that each step adds to it: 0.03 at x4, 0.05 at x8
        seed       of both; what is added in step n depends on (seed, n) alone, on one kind of device
        device     where the tensors are put

    A step: `loss = mse(prior.downsampler(net(batch.noise)), batch.lr)`. Published are 2000 steps (x4) or
    4000 (x8) of Adam at 0.01. The result is `net(prior.noise)`, of noise without jitter. The network there
    halves its input five times, so that HR, `scale` times LR, must be a multiple of 32.
    """

    def __init__(
        self,
        lr: NDArray[Any],
        scale: int,
        *,
        channels: int = 32,
        amplitude: float = 0.1,
        jitter: float = 0.03,
        seed: int = 0,
        key: str = "image",
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(seed)
        if lr.ndim != 3 or lr.dtype != np.uint8:
            raise UsageError(f"give one image (height, width, channels) of uint8, not {lr.dtype} {lr.shape}")
        self.scale = Scale(_whole(scale))
        self.downsampler = Downsampler(scale).to(device)
        self.noise = _noise(seed, (channels, lr.shape[0] * scale, lr.shape[1] * scale), amplitude).to(device)
        self._lr = to_tensor(lr[None]).to(device)
        self._jitter = jitter
        self._key = key

    def batch(self, step: int) -> Batch:
        """The tensors of this step, counted from 0."""
        drawn = field_key(generator(self._seed, "prior", step))
        tensors = {"noise": self._perturbed(drawn), "lr": self._lr}
        return Batch(tensors, [self._key], [{"augment": {"jitter": drawn}}], self.scale)

    def _perturbed(self, drawn: int) -> Tensor:
        field: Any = normal_field([drawn], self.noise.shape[1:], self.noise)
        jittered: Tensor = self.noise + self._jitter * field
        return jittered


def _noise(seed: int, shape: tuple[int, int, int], amplitude: float) -> Tensor:
    """Drawn on the host, so that every device gets the same."""
    bits = torch.Generator().manual_seed(field_key(generator(seed, "prior")))
    drawn = torch.empty(1, *shape).uniform_(generator=bits)
    return drawn * amplitude


def _whole(scale: int) -> int:
    if isinstance(scale, bool) or not isinstance(scale, int) or scale < 2:
        raise UsageError(f"a deep image prior takes a whole scale of 2 or more, not {scale}")
    return scale

"""Downscaling by a network: the Content Adaptive Resampler, or one of your own.

Files are named by path and by sha256, so that a recipe means the same pixels everywhere. A relative path is
taken from the folder of the recipe where that is known (the validation context "folder"), and may not lead
out of it where that was published; else from the working folder. Torch is only imported when an op is made.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from srdata.common.files import named_beside
from srdata.degrade.model.op import Op, Params
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, is_torch
from srdata.errors import HashMismatchError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class _Learned(Op):
    """An op whose pixels come from a file of weights."""

    weights: str
    sha256: Sha256  # of the file `weights`, as sha256sum prints it
    scale: int
    _path: Path = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        folder = (context or {}).get("folder")
        try:
            self._path = named_beside(folder, self.weights) if folder else Path(self.weights)
            self._check()
        except (UsageError, HashMismatchError) as error:
            raise ValueError(str(error)) from error

    @abstractmethod
    def _check(self) -> None:
        """Raise UsageError or HashMismatchError unless the weights can be used."""

    @abstractmethod
    def _downscale(self, x: Tensor) -> Tensor:
        """The LR batch of an HR batch of tensors; beyond 0–1 it is clipped later."""

    def sample(self, rng: np.random.Generator) -> Params:
        return {}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        if is_torch(x) and x.is_meta:  # where no network is
            return x.new_empty((*x.shape[:2], *(side // self.scale for side in x.shape[2:])))
        if is_torch(x):
            return self._downscale(x).clamp(0, 1)
        import torch

        host = torch.from_numpy(np.ascontiguousarray(x))
        return backend.to_batch(backend.images(self._downscale(host).clamp(0, 1).numpy()))


class Car(_Learned):
    """Downscale with the Content Adaptive Resampler (Sun and Chen, TIP 2020): a kernel for each LR pixel.

    `weights` are those that `srdata train-resampler` writes, or the authors' `kgn.pth` with `allow_pth`.
    The result is the network's on any device but for rounding: bit for bit only on the same kind of machine.
    """

    op: Literal["car"] = "car"
    scale: Literal[2, 4, 8]
    allow_pth: bool = False  # a .pth is a pickle; torch reads it by a list of harmless types alone

    def _check(self) -> None:
        self._network("cpu")

    def _downscale(self, x: Tensor) -> Tensor:
        from srdata.degrade.learned.car.any_size import downscale_large

        return downscale_large(self._network(str(x.device)), x)

    def _network(self, device: str) -> Any:
        from srdata.degrade.learned.car.weights import cached_network

        return cached_network(self._path, self.scale, self.sha256, self.allow_pth, device)


class Network(_Learned):
    """Downscale with a network of your own: a torch.export program (.pt2) or a TorchScript file (.pt).

    It takes float32 (batch, 3, height, width) in 0–1 and gives (batch, 3, height / scale, width / scale) in
    0–1. Both kinds of file carry code: .pt2 is read through Python's pickle, .pt runs TorchScript, which can
    write files. So `trust` must be set, which says that you trust whoever made the file of this sha256.
    """

    op: Literal["network"] = "network"
    scale: Annotated[int, Field(ge=1, le=64)]
    trust: bool = False

    def _check(self) -> None:
        if not self.trust:
            raise UsageError(
                f"{self.weights} carries code that runs when it is read: "
                "if you trust who made it, set trust: true; else leave the op out"
            )
        self._program("cpu")

    def _downscale(self, x: Tensor) -> Tensor:
        from srdata.degrade.learned.user_network import run

        return run(self._program(str(x.device)), x, self.scale, self.weights)

    def _program(self, device: str) -> Any:
        from srdata.degrade.learned.user_network import cached_program

        return cached_program(self._path, self.sha256, device)

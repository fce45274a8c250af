"""Weights of the Content Adaptive Resampler: files that are checked before they become a network."""

from __future__ import annotations

import io
import pickle
import re
import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from srdata.degrade.learned.car.network import SCALES, KernelNetwork, empty_network, shapes, tap_count
from srdata.degrade.learned.car.safetensors_file import check_shapes, read_bytes, tensors_of
from srdata.errors import UsageError

WIDEST = 1024
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_PARALLEL = "module."  # what nn.DataParallel puts before every name, as in the authors' files
_FIRST, _LAST = "ds_1.1.weight", "kernels_weight.4.weight"  # show the width and the number of taps
_UNPICKLING = (
    pickle.UnpicklingError,
    struct.error,
    AssertionError,  # torch's own checks
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OSError,
)


def load_kernel_network(path: Path, scale: int, *, sha256: str, allow_pth: bool = False) -> KernelNetwork:
    """The kernel network in a file of weights that hashes to `sha256`, on the CPU; its width is the file's.

    The file is safetensors. With `allow_pth` it may be the authors' `kgn.pth` or another pickle of a state
    dict, which torch reads by its list of harmless types alone. Raises UsageError or HashMismatchError.
    """
    if scale not in SCALES:
        raise UsageError(
            f"the resampler CAR exists for x2, x4 and x8, not x{scale}: choose one of these scales"
        )
    if not SHA256.fullmatch(sha256):
        raise UsageError(f"{sha256!r} is no sha256: give the 64 digits that sha256sum prints for {path}")
    tensors = tensors_in(read_bytes(path, sha256), path, allow_pth)
    network = empty_network(scale, _width(tensors, scale, path))
    check_shapes(tensors, shapes(scale, network.width), str(path))
    network.load_state_dict(tensors, assign=True)
    return network


@lru_cache(maxsize=4)
def cached_network(path: Path, scale: int, sha256: str, allow_pth: bool, device: str) -> KernelNetwork:
    """`load_network` for use without gradients, on `device`, kept for the next image."""
    network = load_kernel_network(path, scale, sha256=sha256, allow_pth=allow_pth)
    return network.requires_grad_(False).eval().to(device)


def tensors_in(data: bytes, path: Path, allow_pth: bool) -> dict[str, Tensor]:
    """The tensors in a file of weights, as float32; a pickle needs `allow_pth`. Raises UsageError."""
    if data[8:9] == b"{" or not data.startswith((b"PK", b"\x80")):  # neither a zip file nor a pickle
        tensors = tensors_of(data, str(path))
    elif allow_pth:
        tensors = _unpickled(data, path)
    else:
        raise UsageError(
            f"{path} is a pickle, not safetensors: if you trust who made it, set allow_pth: true"
        )
    if tensors and all(name.startswith(_PARALLEL) for name in tensors):
        return {name.removeprefix(_PARALLEL): tensor for name, tensor in tensors.items()}
    return tensors


def _unpickled(data: bytes, path: Path) -> dict[str, Tensor]:
    try:
        state: Any = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except _UNPICKLING as error:
        raise UsageError(
            f"{path} is damaged, or holds more than numbers: get the authors' file again, "
            "or save the network's state_dict() as safetensors"
        ) from error
    if not isinstance(state, Mapping) or not all(map(_plain, state.values())):
        raise UsageError(f"{path} holds no state dict; save the network's state_dict() as safetensors")
    return {str(name): tensor.detach().float() for name, tensor in state.items()}


def _plain(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.layout == torch.strided


def _width(tensors: Mapping[str, Tensor], scale: int, path: Path) -> int:
    first, last = tensors.get(_FIRST), tensors.get(_LAST)
    if first is None or last is None or first.ndim != 4 or not 1 <= len(first) <= WIDEST:
        raise UsageError(
            f"{path} holds no kernel network of CAR: {_FIRST} or {_LAST} is missing or misshapen"
        )
    for other in SCALES:
        if other != scale and last.ndim == 4 and len(last) == tap_count(other):
            raise UsageError(f"{path} was trained for x{other}, not x{scale}: give the weights for x{scale}")
    return len(first)

"""A user's own network in a file, as a downscaler: a torch.export program (.pt2) or TorchScript (.pt).

Reading either may run code of whoever made the file: torch.export unpickles (torch 2.13:
`weights_only=False` in torch/export/pt2_archive), and TorchScript's own operators reach the file system. The
caller must have been told to trust it; here the bytes are held to the pinned hash before torch sees them.
"""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor
from torch.export.passes import move_to_device_pass

from srdata.degrade.learned.car.safetensors_file import read_bytes
from srdata.errors import UsageError

Program = Callable[[Tensor], Tensor]

UNREADABLE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    AssertionError,  # torch's own checks
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ImportError,
    OSError,
    EOFError,
)
REFUSED = (RuntimeError, ValueError, LookupError, TypeError, AssertionError)


@lru_cache(maxsize=4)
def cached_program(path: Path, sha256: str, device: str) -> Program:
    """`load_program`, kept for the next image."""
    return load_program(path, sha256, device)


def load_program(path: Path, sha256: str, device: str = "cpu") -> Program:
    """The network in a .pt2 or .pt file that hashes to `sha256`, on `device`.

    Raises UsageError or HashMismatchError. Runs code from the file.
    """
    if path.suffix not in READERS:
        raise UsageError(
            f"{path}: save the network with torch.export as .pt2 or with torch.jit as .pt, "
            "so that the suffix says how to read it"
        )
    return program_of(read_bytes(path, sha256), path.suffix, path, device)


def program_of(data: bytes, form: str, path: Path, device: str = "cpu") -> Program:
    """The network in the bytes of a file, as the suffix `form` says; `path` stands in the UsageError.

    Runs code from the file.
    """
    try:
        return READERS[form](data, device)
    except UNREADABLE as error:
        raise UsageError(f"{path} cannot be read as {form} by torch: {first_line(error)}") from error


@torch.no_grad()
def run(program: Program, image: Tensor, scale: int, name: str) -> Tensor:
    """What a program makes of a batch (n, 3, height, width), checked to be of the size that `scale` asks for.

    On the CPU the numbers are checked too; on a device that would wait for it.
    """
    try:
        result = program(image)
    except REFUSED as error:
        raise UsageError(
            f"the network {name} fails on a batch of shape {tuple(image.shape)}: {first_line(error)}; "
            "export it with dynamic batch, height and width"
        ) from error
    wanted = (*image.shape[:2], image.shape[2] // scale, image.shape[3] // scale)
    found = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
    if found != wanted:
        raise UsageError(
            f"the network {name} made {found} of {tuple(image.shape)}: at x{scale} it must be {wanted}"
        )
    if result.is_cpu and not bool(torch.isfinite(result).all()):
        raise UsageError(f"the network {name} made numbers that are not finite; its input is RGB in 0–1")
    return result.float()


def _exported(data: bytes, device: str) -> Program:
    program = torch.export.load(io.BytesIO(data))
    return (program if device == "cpu" else move_to_device_pass(program, device)).module()


def _scripted(data: bytes, device: str) -> Program:
    with warnings.catch_warnings():  # torch.jit is deprecated; networks saved with it are still about
        warnings.simplefilter("ignore", DeprecationWarning)
        module: Program = torch.jit.load(io.BytesIO(data), map_location=device).eval()  # type: ignore[no-untyped-call]  # torch does not type it
    return module


READERS = {".pt2": _exported, ".pt": _scripted, ".ts": _scripted}


def first_line(error: Exception) -> str:
    """What torch says first of what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__

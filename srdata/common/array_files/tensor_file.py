"""One tensor in a .npy, .pt or .safetensors file; nothing is unpickled."""

from __future__ import annotations

import pickle
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

from srdata.common.array_files.npy_file import read_npy
from srdata.errors import UsageError

SUFFIXES = (".npy", ".pt", ".pth", ".safetensors")
# What numpy, zipfile and torch raise for bytes that are not theirs: with weights_only, torch.load refuses
# objects by pickle's UnpicklingError, and what is damaged by whatever its own reading stumbles over.
NO_TENSOR = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, EOFError, RuntimeError),
    *(struct.error, pickle.UnpicklingError, zipfile.BadZipFile, NotImplementedError, UsageError, OSError),
)


def tensor_in(path: Path, most_bytes: int) -> Any:
    """The array of numbers in a file, as numpy has it, bfloat16 as float32; raises one of `NO_TENSOR`."""
    if (size := path.stat().st_size) > most_bytes:
        raise ValueError(f"it has {size} bytes, more than {most_bytes}")
    if path.suffix == ".npy":
        return read_npy(path.read_bytes(), path.name)
    import torch

    found = _safe(path) if path.suffix == ".safetensors" else _saved(path, most_bytes)
    if not isinstance(found, torch.Tensor):
        raise TypeError(f"holds a {type(found).__name__}")
    return (found.float() if found.dtype == torch.bfloat16 else found).numpy()


def _safe(path: Path) -> Any:
    import safetensors.torch
    from safetensors import SafetensorError

    try:
        found = safetensors.torch.load(path.read_bytes())
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    if len(found) != 1:
        raise ValueError(f"holds {len(found)} tensors, not one")
    return next(iter(found.values()))


def _saved(path: Path, most_bytes: int) -> Any:
    import torch

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(one.file_size for one in archive.infolist()) > most_bytes:
                raise ValueError(f"it unpacks to more than {most_bytes} bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)

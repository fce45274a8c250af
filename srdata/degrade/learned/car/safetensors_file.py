"""Named tensors in a safetensors file: numbers and no code, behind a header that is checked first."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from srdata.common.files import write_file
from srdata.errors import HashMismatchError, UsageError

Shapes = Mapping[str, tuple[int, ...]]

LARGEST = 1 << 30  # bytes of a file of weights; the authors' network takes 42 MB
LARGEST_HEADER = 1 << 20  # bytes; their network's takes 4 kB
_KINDS = {"F64", "F32", "F16", "BF16"}
_NOTES = "srdata"  # one key: the order of several is not kept, and files would differ from run to run
_SHOWN = 3


def read_bytes(path: Path, sha256: str | None) -> bytes:
    """The bytes of a file of weights, which must hash to `sha256`.

    Hashed and used are the same bytes, so that nobody can exchange the file in between.
    Raises UsageError or HashMismatchError.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            raise UsageError(
                f"{path} is no file of weights of at most {LARGEST >> 20} MiB; name another file"
            )
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the weights {path}: {error.strerror}; correct the path") from error
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise HashMismatchError(
            f"{path} has the sha256 {found}, not {sha256}: get the file that was meant, "
            "or write the new sha256 if you trust this one"
        )
    return data


def tensors_of(data: bytes, name: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, as float32; `name` stands in the errors. Raises UsageError."""
    _header(data, name)
    try:
        return {key: value.float() for key, value in safetensors.torch.load(data).items()}
    except SafetensorError as error:
        raise UsageError(f"{name} is damaged: {error}; get it again") from error


def notes_of(data: bytes, name: str) -> dict[str, Any]:
    """What `write_tensors` was given as notes. Raises UsageError."""
    try:
        notes = json.loads(_header(data, name).get("__metadata__", {}).get(_NOTES, "{}"))
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError(f"the notes in {name} are damaged; delete it, or get it again") from error
    if not isinstance(notes, dict):
        raise UsageError(f"the notes in {name} are no mapping; delete it, or get it again")
    return notes


def write_tensors(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> str:
    """Write tensors and JSON notes as one file, whole or not at all; returns its sha256."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = safetensors.torch.save(plain, {_NOTES: json.dumps(notes, sort_keys=True)})
    write_file(path, data)
    return hashlib.sha256(data).hexdigest()


def check_shapes(tensors: Mapping[str, Tensor], wanted: Shapes, name: str) -> None:
    """Raise UsageError unless `tensors` has just the names and shapes `wanted`, and finite numbers."""
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    wrong = [
        f"{key} {found[key]}, not {shape}" for key, shape in wanted.items() if found.get(key, shape) != shape
    ]
    wrong += [f"no {key}" for key in wanted if key not in found]
    wrong += [f"an unknown {key}" for key in sorted(found) if key not in wanted]
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise UsageError(f"{name} does not fit the network: it has {'; '.join(wrong[:_SHOWN])}{more}")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise UsageError(f"{name} holds numbers that are not finite: its training failed; use other weights")


def _header(data: bytes, name: str) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(LARGEST_HEADER, len(data) - 8):
        raise UsageError(
            f"{name} is no safetensors file, or is damaged: its header does not fit; get it again"
        )
    try:
        header = json.loads(data[8 : 8 + length])
        kinds = {entry["dtype"] for key, entry in header.items() if key != "__metadata__"}
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(f"{name} is no safetensors file, or its header is damaged; get it again") from error
    if kinds - _KINDS:
        raise UsageError(f"{name} holds {', '.join(sorted(map(str, kinds - _KINDS)))}; weights are floats")
    return dict(header)

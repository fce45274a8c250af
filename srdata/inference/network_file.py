"""`load_network`: a network from a file, ready to run on images, with what is known of it.

What is in the file decides how it is read. Weights are read as numbers and nothing else; programs run code of
whoever made them, and need `trust`.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from srdata.degrade.learned.car.safetensors_file import read_bytes
from srdata.degrade.learned.user_network import REFUSED, UNREADABLE, first_line, program_of
from srdata.errors import MissingExtraError, UsageError, given_path
from srdata.inference.ensemble import Model
from srdata.inference.user_functions import imported_function
from srdata.scale import Scale

# Where trainers keep the weights in their checkpoints; the first that is there is taken.
PARTS = ("params_ema", "params", "state_dict", "model_state_dict", "model")
PROBED = 64  # side of what is asked of a network to find its scale, in LR pixels

Weights = Mapping[str, Any]
Factory = Callable[[], nn.Module]


@dataclass(frozen=True)
class Network:
    """A network for RGB images in 0–1: `model` makes (N, 3, H·scale, W·scale) of (N, 3, H, W)."""

    model: Model
    scale: Scale
    multiple: int = 1  # LR pixels: of which the sides of its input are multiples
    device: str = "cpu"
    digest: str = ""  # of what it was made of


def load_network(
    path: Path | str,
    factory: str | Factory | None = None,
    *,
    trust: bool = False,
    multiple: int | None = None,
    device: str = "cpu",
) -> Network:
    """The network in a file, on `device`:

        weights   a state dict (.pth, .safetensors), alone or in a checkpoint under params_ema, params,
                  state_dict, model_state_dict or model; `factory` makes the module that takes them, a
                  function without arguments or its name MODULE:FUNCTION. Without one, spandrel finds out
                  the architecture.
        program   by torch.export (.pt2) or torch.jit (TorchScript)

    Weights are read with `weights_only=True`: no pickle is run. A program runs code of whoever made it when
    it is read, so it needs `trust`. The scale is found by running the network on a small grey image. The
    sides of its input must be multiples of `multiple` LR pixels: by default 1, or what spandrel knows.

    Raises UsageError for a file that is none of these, for weights that do not fit, and for a network that
    does not make RGB of RGB; MissingExtraError.
    """
    if multiple is not None and multiple < 1:
        raise UsageError(f"multiple={multiple} must be 1 or more")
    _check_device(device)
    path = given_path(path)
    data = read_bytes(path, None)
    form = _form_of(data, path)
    if form is None:
        model, known = _of_weights(_weights_in(data, path), factory, path, device)
    elif factory is not None:
        raise UsageError(f"{path} is a program, which needs no function that makes it: leave the factory out")
    else:
        model, known = _of_program(data, form, path, trust, device), 1
    sides = multiple or known
    digest = hashlib.sha256(data + repr(model if form is None else form).encode()).hexdigest()
    return Network(model, _found_scale(model, sides, path, device), sides, device, digest)


def _check_device(device: str) -> None:
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {device!r} cannot be used: {first_line(error)}; take cpu") from error


def _form_of(data: bytes, path: Path) -> str | None:
    """As what kind of program a file is to be read; None for weights."""
    if path.suffix == ".pt2":
        return ".pt2"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError):
        return None
    return ".ts" if any(name.endswith("/constants.pkl") for name in names) else None


def _of_program(data: bytes, form: str, path: Path, trust: bool, device: str) -> Model:
    if not trust:
        raise UsageError(
            f"{path} is a program, and runs code of whoever made it when it is read: if you trust them, add "
            "--trust (trust=True in Python); else ask for the weights alone"
        )
    return program_of(data, form, path, device)


def _weights_in(data: bytes, path: Path) -> Weights:
    """The state dict in a file of weights or a checkpoint."""
    if data[8:9] == b"{":
        try:
            return dict(safetensors.torch.load(data))
        except SafetensorError as error:
            raise UsageError(f"{path} is damaged: {error}; get it again") from error
    try:
        saved: Any = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise UsageError(
            f"{path} is damaged, or holds more than weights, which is not read: save the network's "
            "state_dict() alone"
        ) from error
    for part in PARTS:
        if isinstance(saved, Mapping) and isinstance(saved.get(part), Mapping):
            saved = saved[part]
            break
    if not isinstance(saved, Mapping) or not any(isinstance(one, Tensor) for one in saved.values()):
        raise UsageError(f"{path} holds no state dict: save the network's state_dict()")
    return {str(name): value for name, value in saved.items()}


def _of_weights(
    weights: Weights, factory: str | Factory | None, path: Path, device: str
) -> tuple[Model, int]:
    """The network with these weights, and the multiple of LR pixels that it needs."""
    if factory is None:
        return _by_spandrel(weights, path, device)
    made = (
        imported_function(factory, "a function that makes a network") if isinstance(factory, str) else factory
    )
    module = made()
    if not isinstance(module, nn.Module):
        raise UsageError(f"{factory} makes a {type(module).__name__}, not a torch.nn.Module: name another")
    try:
        module.load_state_dict(_fitting(weights, list(module.state_dict())))
    except REFUSED as error:
        told = " ".join(str(error).split()).partition(": ")[2]
        raise UsageError(f"{path} does not fit what {factory} makes: {told}") from error
    return module.to(device).eval(), 1


def _fitting(weights: Weights, wanted: list[str]) -> Weights:
    """The weights without what DDP, torch.compile or Lightning put before each name of them."""
    for name in weights:
        before = name.removesuffix(wanted[0]) if wanted else ""
        if (
            before != name
            and before
            and {key for key in weights if key.startswith(before)} == {before + key for key in wanted}
        ):
            return {key: weights[before + key] for key in wanted}
    return weights


def _by_spandrel(weights: Weights, path: Path, device: str) -> tuple[Model, int]:
    """The network of one of the architectures that spandrel knows."""
    try:
        import spandrel
    except ImportError as error:
        raise MissingExtraError(
            f"{path} holds weights alone: say what makes the network, --factory MODULE:FUNCTION, or "
            "let spandrel find out: pip install spandrel"
        ) from error
    try:
        found = spandrel.ModelLoader(device).load_from_state_dict(dict(weights))
    except (spandrel.UnsupportedModelError, *REFUSED) as error:
        raise UsageError(
            f"{path}: spandrel knows no architecture of these weights; say what makes it, "
            "--factory MODULE:FUNCTION"
        ) from error
    if not isinstance(found, spandrel.ImageModelDescriptor) or found.input_channels != 3:
        raise UsageError(f"{path} is a {found.architecture.name} that is not for RGB images: name another")
    return found.eval().model, found.size_requirements.multiple_of


@torch.no_grad()
def _found_scale(model: Model, multiple: int, path: Path, device: str) -> Scale:
    """By how much a network enlarges."""
    side = -(-PROBED // multiple) * multiple
    seen = torch.full((1, 3, side, side), 0.5, device=device)
    try:
        made = model(seen)
    except REFUSED as error:
        raise UsageError(
            f"{path} fails on an RGB image of {side}x{side} pixels: {first_line(error)}; "
            "export it with dynamic height and width, or give --multiple"
        ) from error
    shape = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
    if (
        not isinstance(made, Tensor)
        or made.ndim != 4
        or made.shape[:2] != (1, 3)
        or len({*made.shape[2:]}) != 1
    ):
        raise UsageError(
            f"{path} makes {shape} of {tuple(seen.shape)}, not one RGB image: name another network"
        )
    return Scale(Fraction(made.shape[2], side))

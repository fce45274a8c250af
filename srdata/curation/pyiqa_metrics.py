"""No-reference metrics of pyiqa, where it is installed, with weights that the user has: never downloaded."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from srdata.curation.no_network import without_network
from srdata.errors import MissingExtraError, UnknownNameError, UsageError
from srdata.images import Pixels

PYIQA = "pyiqa:"  # begins the names of its metrics
_BATCH = 16  # images
_WITHOUT_WEIGHTS = frozenset({"entropy", "piqe"})
_PLAIN = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # of torch
_FILE = "pretrained_model_path"  # what its metrics call their weights


def metric_version(name: str, weights: Path | None) -> str:
    """The metric and the version of pyiqa; raises UsageError where it cannot be made as asked."""
    metric, known = name.removeprefix(PYIQA), list(_pyiqa().list_models("NR"))
    if metric not in known:
        raise UnknownNameError.among("metric of pyiqa", metric, known)
    if metric in _WITHOUT_WEIGHTS and weights is not None:
        raise UsageError(f"{name} has no weights: leave --weights out")
    if metric not in _WITHOUT_WEIGHTS and weights is None:
        raise UsageError(f"{name} needs weights that you have: give --weights NAME=FILE")
    return f"{name}#{metadata.version('pyiqa')}"


def _pyiqa() -> Any:
    if importlib.util.find_spec("pyiqa") is None:
        raise MissingExtraError.of("pyiqa")
    return importlib.import_module("pyiqa")


def load_metric(name: str, weights: Path | None) -> Callable[[Sequence[Pixels]], list[float]]:
    """A metric as a function of images of one size, on CUDA where there is one; raises UsageError."""
    import torch

    metric = name.removeprefix(PYIQA)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        with _only_what_is_here():
            file = {} if weights is None else {_FILE: str(weights)}
            made = _pyiqa().create_metric(metric, device=device, **file)
    except Exception as error:  # whatever its networks and those of others raise
        raise _not_made(name, weights, error) from error

    def scores(images: Sequence[Pixels]) -> list[float]:
        found: list[float] = []
        for some in (images[start : start + _BATCH] for start in range(0, len(images), _BATCH)):
            batch = torch.from_numpy(np.stack(some)).to(device).permute(0, 3, 1, 2).float() / 255
            try:
                with torch.inference_mode():
                    found += made(batch).reshape(-1).tolist()
            except Exception as error:  # of an image that is too small for it, or weights of another one
                size = f"{batch.shape[-1]}x{batch.shape[-2]}"
                raise UsageError(
                    f"{name} fails on an image of {size} pixels ({_first(error)}): take other "
                    "weights, or a function of yours that calls it and gives nan for such images"
                ) from error
        return found

    return scores


def _not_made(name: str, weights: Path | None, error: Exception) -> UsageError:
    if isinstance(error, TypeError) and _FILE in str(error):
        return UsageError(
            f"{name} takes no file of weights: give a function of yours that makes and calls it, "
            f"--score {name.removeprefix(PYIQA)}=MODULE:FUNCTION"
        )
    bring = f"python -c \"import pyiqa; pyiqa.create_metric('{name.removeprefix(PYIQA)}')\""
    return UsageError(
        f"{name} cannot be made of {weights} without a download ({_first(error)}): give the file that it "
        f"wants, or let pyiqa bring what else it needs: {bring}"
    )


def _first(error: Exception) -> str:
    """The first line of what an error says."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


@contextmanager
def _only_what_is_here() -> Iterator[None]:
    """No network, of the Hugging Face Hub what its cache has without waiting for an answer, and no pickle.

    pyiqa asks torch to unpickle some weights, which could run anything; tensors come without that.
    """
    from huggingface_hub import constants

    before, variable = constants.HF_HUB_OFFLINE, os.environ.get(_PLAIN)
    constants.HF_HUB_OFFLINE = True
    os.environ[_PLAIN] = "1"
    try:
        with without_network():
            yield
    finally:
        constants.HF_HUB_OFFLINE = before
        del os.environ[_PLAIN]
        os.environ |= {} if variable is None else {_PLAIN: variable}

"""No-reference metrics of pyiqa, where it is installed, with weights that the user has: never downloaded."""

from __future__ import annotations

import importlib
import importlib.util
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


def metric_version(name: str, weights: Path | None) -> str:
    """The metric and the version of pyiqa; raises UsageError where it cannot be made as asked."""
    metric, known = name.removeprefix(PYIQA), list(_pyiqa().list_models("NR"))
    if metric not in known:
        raise UnknownNameError.among("metric of pyiqa", metric, known)
    if weights is None:
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
            made = _pyiqa().create_metric(metric, device=device, pretrained_model_path=str(weights))
    except Exception as error:  # whatever its networks and those of others raise
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        bring = f"python -c \"import pyiqa; pyiqa.create_metric('{metric}')\""
        raise UsageError(
            f"{name} cannot be made of {weights} without a download ({first}): give the file that it wants, "
            f"or let pyiqa bring what else it needs: {bring}"
        ) from error

    def scores(images: Sequence[Pixels]) -> list[float]:
        found: list[float] = []
        for some in (images[start : start + _BATCH] for start in range(0, len(images), _BATCH)):
            batch = torch.from_numpy(np.stack(some)).to(device).permute(0, 3, 1, 2).float() / 255
            with torch.inference_mode():
                found += made(batch).reshape(-1).tolist()
        return found

    return scores


@contextmanager
def _only_what_is_here() -> Iterator[None]:
    """No network, and of the Hugging Face Hub what its cache has, without waiting for an answer."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        with without_network():
            yield
    finally:
        constants.HF_HUB_OFFLINE = before

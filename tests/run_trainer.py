"""Runs `train_pipeline` of a trainer's checkout, also where there is no GPU and no torchvision.

python tests/run_trainer.py CHECKOUT SCRIPT OUT -opt OPTIONS

Where torchvision is not installed, a stand-in takes its place: the trainers import much of it and use nothing
of it here. Without a GPU traiNNer-redux and neosr, which ask for one, are told that there is one;
they compute on the CPU then. A package that is missing ends the run with exit status 77 and its name.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import runpy
import sys
import types
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import torch

LACKING = 77
# Of torchvision: a grid of one image, as neosr's validation makes it, is the image.
GIVEN: dict[str, Any] = {"__version__": "0", "make_grid": lambda images, **_: images.squeeze(0)}


class Empty(type):
    """Classes whose attributes are such classes."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Empty(name, (), {})


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Modules of a package that is not there; each of their names is an empty class."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        ours = name == self.package or name.startswith(f"{self.package}.")
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if ours else None

    def exec_module(self, module: types.ModuleType) -> None:
        def named(name: str) -> Any:
            if name.startswith("__") and name != "__version__":
                raise AttributeError(name)
            return GIVEN.get(name) or Empty(name, (), {})

        module.__getattr__ = named  # type: ignore[method-assign]


def pretend_cuda() -> None:
    """What neosr asks of a GPU besides computing on it."""
    nothing = types.SimpleNamespace(name="none", total_memory=0, major=8, minor=0, multi_processor_count=0)
    answers = {
        "is_available": True,
        "current_device": 0,
        "get_device_name": "none",
        "get_device_capability": (8, 0),
        "get_device_properties": nothing,
        "max_memory_allocated": 0,
    }
    for name, answer in answers.items():
        setattr(torch.cuda, name, lambda *_, answer=answer: answer)
    for name in ("Stream", "current_stream", "set_per_process_memory_fraction"):
        setattr(torch.cuda, name, MagicMock())
    torch.cuda.stream = contextlib.nullcontext


def main() -> None:
    checkout, script, out, *arguments = sys.argv[1:]
    if importlib.util.find_spec("torchvision") is None:
        sys.meta_path.append(StandIn("torchvision"))
    if not torch.cuda.is_available() and Path(checkout).name != "BasicSR":
        pretend_cuda()
    sys.path.insert(0, checkout)
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(str(Path(checkout, script)), run_name="trainer")["train_pipeline"](out)
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        sys.exit(LACKING)


if __name__ == "__main__":
    main()

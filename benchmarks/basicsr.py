"""BasicSR's own functions out of a checkout of it, without installing it.

BasicSR 1.4.2 imports torchvision (for functions that are not used here) and, in its package, everything
that it has. So empty modules stand in for torchvision, and for the two `__init__` files that import the rest.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

ABSENT = {
    "torchvision": (),
    "torchvision.utils": ("make_grid",),
    "torchvision.transforms": (),
    "torchvision.transforms.functional": ("normalize",),
}


class BasicSR:
    """The functions of a checkout that the benchmarks call."""

    def __init__(self, checkout: Path) -> None:
        if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None:
            _pretend_torchvision()
        for name in ("basicsr", "basicsr.data"):
            package = ModuleType(name)
            package.__path__ = [str(checkout.joinpath(*name.split(".")))]
            sys.modules[name] = package
        self.imresize = importlib.import_module("basicsr.utils.matlab_functions").imresize
        self.make_lmdb = importlib.import_module("basicsr.utils.lmdb_util").make_lmdb_from_imgs
        self.dataset = importlib.import_module("basicsr.data.paired_image_dataset").PairedImageDataset
        scripts = checkout / "scripts" / "data_preparation"
        self.extract = _script(scripts / "extract_subimages.py").worker
        self.keys_of = _script(scripts / "create_lmdb.py").prepare_keys_div2k


@cache
def find_basicsr(peers: Path | None) -> BasicSR | None:
    """The BasicSR checkout of the folder of peers, if there is one."""
    checkout = peers / "BasicSR" if peers else None
    return BasicSR(checkout) if checkout and checkout.is_dir() else None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep its progress bars and lines off the screen."""
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def _pretend_torchvision() -> None:
    for name, functions in ABSENT.items():
        module = ModuleType(name)
        for function in functions:
            setattr(module, function, None)
        sys.modules[name] = module


def _script(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"peer_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

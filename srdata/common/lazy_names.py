"""Names of a package that are imported on first use (PEP 562): the package itself loads next to nothing."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """`__all__`, `__getattr__` and `__dir__` of a package whose names live in these modules: {module: names}.

    Type checkers see what it imports under TYPE_CHECKING; tests/test_public_names.py compares the two.
    """
    homes = {name: module for module, names in modules.items() for name in names.split()}

    def resolve(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = _loaded(homes[name])
        value = home if home.__name__ == f"{package}.{name}" else getattr(home, name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return sorted(homes), resolve, listed


def _loaded(module: str) -> ModuleType:
    """A module, imported while no garbage is collected, of which imports leave next to none.

    A collection looks at all objects that there are; with those of torch that takes a tenth of a second.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        if collects:
            _take_for_old()
            gc.enable()


def _take_for_old() -> None:
    """Let the next collection, which looks at what is new, pass over what was imported."""
    if not gc.get_freeze_count():  # else a user froze something, which stays so
        gc.freeze()
        gc.unfreeze()  # into the oldest generation

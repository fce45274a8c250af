"""Import paths of earlier docs still lead to the same things, each with a warning that names the new one."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest

from srdata.moved import MOVED

NAMES = [(old, new, name) for old, (new, names) in MOVED.items() for name in names.split()]


@pytest.fixture(autouse=True)
def _imported_anew() -> Iterator[None]:
    """Forget the modules of the table, which warn once for each name."""
    yield
    for old in [*reversed(MOVED), "srdata.train"]:
        module, (parent, _, child) = sys.modules.pop(old, None), old.rpartition(".")
        if module is not None and vars(sys.modules[parent]).get(child) is module:
            delattr(sys.modules[parent], child)


@pytest.mark.parametrize(("old", "new", "name"), NAMES, ids=[f"{old}.{name}" for old, _, name in NAMES])
def test_an_old_path_gives_what_the_new_one_gives(old: str, new: str, name: str) -> None:
    there: dict[str, object] = {}
    exec(f"from {new} import {name}", there)  # of our own table
    here: dict[str, object] = {}
    with pytest.warns(DeprecationWarning, match=f"^{old} is gone .*: from {new} import {name}$") as told:
        exec(compile(f"from {old} import {name}", "a user's file", "exec"), here)
    assert here[name] is there[name]
    assert [(warning.filename, warning.lineno) for warning in told] == [("a user's file", 1)]


def test_an_old_module_can_be_imported_itself() -> None:
    import srdata.train.orders

    from srdata.data import Several

    with pytest.warns(DeprecationWarning, match="from srdata.data import Several"):
        assert srdata.train.orders.Several is Several
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = srdata.train.orders.nothing


def test_a_function_with_the_name_of_an_old_module_can_be_called_all_the_same() -> None:
    import srdata.difficulty

    with pytest.warns(DeprecationWarning, match="from srdata.difficulty import equal_classes"):
        from srdata.difficulty.classes import equal_classes
    assert equal_classes([2, 1], 2).tolist() == [1, 0]
    assert srdata.difficulty.classes([20, 30]).tolist() == [0, 1]


def test_what_was_never_there_is_not_found() -> None:
    for name in ("srdata.train.nothing", "srdata.nothing", "srdata.degrade.nothing"):
        with pytest.raises(ModuleNotFoundError, match=name):
            importlib.import_module(name)


def test_no_module_of_the_table_is_there() -> None:
    for old in MOVED:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert type(importlib.import_module(old)).__name__ == "_Moved", old


def test_old_paths_cost_nothing_before_they_are_used() -> None:
    code = "import srdata, srdata.train.orders, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "numpy", "datasets", "srdata.data"} & set(loaded.split())

"""What `import srdata` offers, and what it must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import srdata

PACKAGE = Path(srdata.__file__).parent

# The rooms, lowest first: a module imports from its own room and from lower rows, not from a room beside it.
ROWS = [
    {"errors", "vocabulary"},
    {"rng", "scale", "catalog"},
    {"common"},
    {"images", "colour", "resize"},
    {"degrade", "store", "hub", "fetch", "dihedral"},
    {"augment", "recipes"},
    {"prepared"},
    {"discovery", "exporting", "inference", "duplicates", "doctor"},
    {"preparation", "data"},
    {"difficulty", "metrics", "testsets"},
    {"report", "papers"},
    {"publishing", "describe"},
    {"cli"},
    {"__main__"},
]
ROW = {room: number for number, row in enumerate(ROWS) for room in row}
MAY_USE_WITHIN_ROW = {("inference", "discovery")}


def loaded(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `statement`."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in output.split()}


def test_import_loads_neither_torch_nor_datasets() -> None:
    assert not loaded("import srdata") & {"torch", "datasets", "cv2", "pyarrow"}


def test_the_check_above_can_fail() -> None:
    assert "torch" in loaded("from srdata import PairedDataset")


def test_every_public_name_resolves_to_what_it_says() -> None:
    for name in srdata.__all__:
        value = getattr(srdata, name)
        assert callable(value), f"{name} is {value!r}"
        assert value.__doc__, f"{name} has no docstring"


def test_a_module_never_hides_a_public_name() -> None:
    """`from srdata import name` gives the room if that was imported before: it must do what the name does."""
    shared = {path.stem for path in PACKAGE.iterdir()} & set(srdata.__all__)
    assert shared == {"degrade"}
    code = "import srdata.degrade.chain; from srdata import degrade; print(callable(degrade), degrade)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.startswith("True <module 'srdata.degrade'")


def test_unknown_names_raise() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = srdata.nothing


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("srdata.")}
    return found & set(ROW)


def wrong_imports(room: str, imports: set[str]) -> set[str]:
    allowed = {other for other in imports if ROW[other] < ROW[room]} | {room}
    within = {other for other in imports if (room, other) in MAY_USE_WITHIN_ROW}
    return imports - allowed - within


def test_imports_go_one_way() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    for path in files:
        assert room_of(path) in ROW, f"{path.name}: say in ROWS where this room stands"
        assert not wrong_imports(room_of(path), imported_rooms(path)), path


def test_the_import_check_can_fail() -> None:
    assert wrong_imports("store", {"images", "recipes"}) == {"recipes"}
    assert wrong_imports("store", {"degrade"}) == {"degrade"}
    assert not wrong_imports("fetch", {"images", "errors"})

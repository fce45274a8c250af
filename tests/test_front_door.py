"""What `import srdata` offers, and what it must not load."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from docs.rooms import LINE, PACKAGE, ROW


def loaded(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `statement`."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in output.split()}


def test_import_loads_neither_torch_nor_datasets() -> None:
    assert not loaded("import srdata") & {"torch", "datasets", "cv2", "pyarrow"}


def test_a_loader_needs_no_http_client() -> None:
    """A machine without network, to which little was carried, trains as well."""
    of_network = {"httpx", "httpx2", "requests", "urllib3", "aiohttp", "huggingface_hub", "datasets"}
    assert not loaded("from srdata import Loader, PairedDataset, imresize, load_recipe") & of_network


def test_the_checks_above_can_fail() -> None:
    assert "pyarrow" in loaded("import srdata.store.index")


IMPORTS = """
import itertools, sys
import numpy as np
before = "import srdata", "import srdata.degrade.chain", "from srdata.degrade.chain import load_chain"
for lines in itertools.product(before, ("import srdata", "from srdata import degrade")):
    for name in [name for name in sys.modules if name.partition(".")[0] == "srdata"]:
        del sys.modules[name]  # as in a new process
    names = {}
    exec("\\n".join(lines), names)
    exec("import srdata, srdata.degrade.chain as chain", names)
    srdata, load_chain = names["srdata"], names["chain"].load_chain
    assert srdata.degrade.load_chain is srdata.degrade.chain.load_chain is load_chain, lines
    assert getattr(srdata, "degrade")(np.zeros((8, 8, 3), np.uint8), scale=4).lr.shape == (2, 2, 3), lines
    print(*lines, sep="; ")
"""


def test_degrade_is_a_package_and_a_verb_whatever_was_imported_before() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 6


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported_modules(path: Path) -> set[str]:
    """The modules of srdata that a file imports, wherever the import stands, for types alone as well."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else node.module for name in inner}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & MODULES.keys()


def imported_rooms(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported_modules(path) if name != "srdata"} & set(ROW)


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, if there are any."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def imports_within(room: str) -> dict[str, set[str]]:
    """What each module of a room imports of that room."""
    own = {name: path for name, path in MODULES.items() if name.split(".")[1:2] == [room]}
    return {name: imported_modules(path) & own.keys() for name, path in own.items()}


def between_parts(imports: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The same for the parts of a room: its own modules, and the rooms in it as a whole."""
    parts: dict[str, set[str]] = {}
    for name, others in imports.items():
        parts.setdefault(part_of(name), set()).update({part_of(other) for other in others} - {part_of(name)})
    return parts


def part_of(name: str) -> str:
    return ".".join(name.split(".")[:3])


def wrong_imports(room: str, imports: set[str]) -> set[str]:
    return {other for other in imports - {room} if ROW[other] >= ROW[room]}


def test_imports_go_one_way() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    for path in files:
        assert room_of(path) in ROW, f"{path.name}: say in docs/rooms.py where this room stands"
        assert not wrong_imports(room_of(path), imported_rooms(path)), path


def test_the_import_check_can_fail() -> None:
    assert wrong_imports("store", {"images", "recipes"}) == {"recipes"}
    assert wrong_imports("store", {"degrade"}) == {"degrade"}
    assert not wrong_imports("fetch", {"images", "errors"})


@pytest.mark.parametrize("room", sorted(ROW))
def test_no_room_imports_itself_in_a_circle(room: str) -> None:
    within = imports_within(room)
    assert not circle(within)
    assert not circle(between_parts(within))


def test_the_circle_check_can_fail() -> None:
    data = imports_within("data")
    source, dataset = "srdata.data.pair_sources.sources", "srdata.data.datasets.mixed"
    assert dataset in data
    assert circle({**data, source: {dataset}, dataset: {source}})
    one_way_down = {**data, source: {dataset}}  # no module is in a circle, but two rooms in the room are
    assert circle(between_parts(one_way_down))


def test_the_picture_shows_rooms_that_are_there() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix in {"", ".py"} and path.name[:2] != "__"}
    assert set(ROW) - {"__main__"} == rooms - {"shipped"}
    assert {room for _, named in LINE for room in named} <= set(ROW)


def test_the_page_of_rooms_names_files_that_are_there() -> None:
    page = (PACKAGE.parent / "docs/architecture.md").read_text()
    named = re.findall(r"`([\w./]+(?:\.py|/))`", page)
    assert len(named) > 20
    for path in named:
        assert any((PACKAGE.parent / folder / path).exists() for folder in ("", "srdata", "tests")), path


NO_TESTS = ("docs", "benchmarks", "examples")
UNSAID = re.compile(r"# (?:noqa: [A-Z]+\d+|type: ignore\[[\w, -]+\])$", re.MULTILINE)


def test_an_ignored_check_says_why() -> None:
    repository = PACKAGE.parent
    places = [
        path for room in (PACKAGE, *(repository / name for name in NO_TESTS)) for path in room.rglob("*.py")
    ]
    found = {path.relative_to(repository): UNSAID.findall(path.read_text()) for path in places}
    assert not {path: lines for path, lines in found.items() if lines}
    assert UNSAID.search("x = y  # type: ignore[arg-type]")
    assert not UNSAID.search("x = y  # noqa: S301  # it is ours")

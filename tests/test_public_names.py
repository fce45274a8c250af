"""What is public, and that docs and examples use nothing else; what each room says of its modules."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import srdata

REPOSITORY = Path(__file__).parents[1]
PACKAGE = Path(srdata.__file__).parent
LISTED = re.compile(r"^(\w+)  +\S", re.MULTILINE)  # a module in a docstring, and what it is for
FENCED = re.compile(r"^```(?:python|py)\n(.*?)^```", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"(?<![\w/.-])srdata(?:\.\w+)+(?![\w/-])(?<!\.json)")  # in prose; no file and no address
PUBLIC = ["srdata", *(f"srdata.{name}" for name in LISTED.findall(srdata.__doc__ or ""))]
PACKAGES = [name for name in PUBLIC if (REPOSITORY / name.replace(".", "/") / "__init__.py").is_file()]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.[mp][dy]"))
ROOMS = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)


def public_names(module: str) -> set[str]:
    return set(importlib.import_module(module).__all__) if module in PUBLIC else set()


def imported(code: str) -> Iterator[tuple[str, str]]:
    """The modules of srdata that code imports, and what of each of them; "" where it is the module itself."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "srdata":
            yield from ((node.module or "", alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "srdata")


def not_public(path: Path) -> list[str]:
    """What of srdata a page or a script uses that is not public, in its code and in its prose."""
    text = path.read_text()
    prose, blocks = ("", [text]) if path.suffix == ".py" else (FENCED.sub("", text), FENCED.findall(text))
    found = {
        f"from {module} import {name}" if name else f"import {module}"
        for block in blocks
        for module, name in imported(block)
        if module not in PUBLIC or (name and not known(f"{module}.{name}"))
    }
    return sorted(found | {name for name in NAMED.findall(prose) if not known(name)})


def known(dotted: str) -> bool:
    """Whether it is a public module, or a public name of one."""
    module, _, name = dotted.rpartition(".")
    return dotted in PUBLIC or name in public_names(module)


@pytest.mark.parametrize("path", [*PAGES, *EXAMPLES], ids=lambda path: path.name)
def test_docs_and_examples_use_what_is_public(path: Path) -> None:
    assert not_public(path) == []


def test_the_check_above_can_fail(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "See `srdata.store.windows`.\n```python\nfrom srdata.data import Loader, Reading\n"
        "import srdata.store.reader\nfrom srdata.data.loading.loader import Loader\n```\n"
    )
    assert not_public(page) == [
        "from srdata.data import Reading",
        "from srdata.data.loading.loader import Loader",
        "import srdata.store.reader",
        "srdata.store.windows",
    ]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_there_and_says_what_it_is(module: str) -> None:
    room = importlib.import_module(module)
    assert room.__all__ == sorted(room.__all__)
    assert set(room.__all__) <= set(dir(room))
    for name in room.__all__:
        value = getattr(room, name)
        assert not isinstance(value, type) or value.__doc__, f"{module}.{name} has no docstring"
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nothing'"):
        _ = room.nothing


def lazily(module: str) -> tuple[dict[str, str], dict[str, str]]:
    """Where type checkers find the names of a package, and where they are found when it runs."""
    tree = ast.parse((REPOSITORY / module.replace(".", "/") / "__init__.py").read_text())
    [choice] = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        alias.asname or "": node.module or ""
        for node in choice.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == alias.asname
    }
    [call] = [node for node in ast.walk(choice) if isinstance(node, ast.Call)]
    homes: dict[str, str] = ast.literal_eval(call.args[1])
    return typed, {name: home for home, names in homes.items() for name in names.split()}


@pytest.mark.parametrize("module", PACKAGES)
def test_type_checkers_see_the_names_that_are_there(module: str) -> None:
    typed, found = lazily(module)
    if module == "srdata":  # whose `degrade` is a package that can be called
        assert (typed.pop("degrade"), found.pop("degrade")) == (
            "srdata.degrade.whole_images",
            "srdata.degrade",
        )
    assert typed == found


def test_importing_public_packages_loads_none_of_what_they_need() -> None:
    code = f"import {', '.join(PACKAGES)}, sys; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "numpy", "datasets", "cv2", "pyarrow", "pydantic"} & set(output.split())


def clashes(room: Path, names: set[str]) -> set[str]:
    return {path.stem for path in room.iterdir() if path.suffix == ".py" or path.is_dir()} & names


@pytest.mark.parametrize("module", PACKAGES)
def test_no_public_name_is_that_of_a_module_beside_it(module: str) -> None:
    """Importing such a module would put it in the place of the name."""
    found = clashes(REPOSITORY / module.replace(".", "/"), public_names(module))
    assert found == ({"degrade"} if module == "srdata" else set())  # which is both, see srdata/degrade


def told(room: Path) -> set[str]:
    """The modules of which a room says in its docstring what they are for."""
    text = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
    return set(LISTED.findall(text))


def modules(room: Path) -> set[str]:
    files = {path.stem for path in room.glob("*.py")} - {"__init__"}
    return files | {path.parent.name for path in room.glob("*/__init__.py")}


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(PACKAGE)))
def test_a_room_says_what_each_of_its_modules_is_for(room: Path) -> None:
    assert told(room) == modules(room), f"mend the list of modules in {room}/__init__.py"
    assert len(modules(room)) <= 16, "split the room: nobody finds a thing among so many"


def names_of(path: Path) -> Iterator[str]:
    """What a file adds to the package: a module (or the room that it begins), and the classes in it."""
    yield path.parent.name if path.name == "__init__.py" else path.stem
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def twice(files: Iterable[Path]) -> set[str]:
    counts = Counter(name for path in files for name in names_of(path))
    return {name for name, count in counts.items() if count > 1}


def test_a_module_and_a_class_have_a_name_of_their_own() -> None:
    """But for those that are public in two packages, or stand in the schema of recipes."""
    assert twice(PACKAGE.rglob("*.py")) == {"Network", "Pair", "Pairs", "Shuffled"}


def test_the_checks_of_rooms_can_fail(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text('"""Things.\n\nhere  what is here\n"""\n')
    (tmp_path / "there.py").touch()
    assert (told(tmp_path), modules(tmp_path)) == ({"here"}, {"there"})
    assert clashes(tmp_path, {"there"}) == {"there"}
    (tmp_path / "here.py").write_text("class Job:\n    pass\n\n\nclass _Own:\n    pass\n")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "there.py").write_text("class Job:\n    pass\n\n\nclass _Own:\n    pass\n")
    assert twice(tmp_path.rglob("*.py")) == {"Job", "there"}

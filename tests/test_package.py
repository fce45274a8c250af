"""What is built: a wheel that has its recipes, manifests and photographs, and runs without this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from srdata import catalog
from srdata.catalog import Shelf
from srdata.compiled.build_library import library_name

REPOSITORY = Path(__file__).parents[1]


def build_wheel(folder: Path, **environment: str) -> Path:
    """The wheel of this checkout, as it is built where the environment has these as well."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run(
        [*command, str(REPOSITORY)], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    built = build_wheel(folder)
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def run_installed(wheel: Path, folder: Path, *arguments: str) -> str:
    """The output of srdata as it runs from the unpacked wheel, in a folder that is not this checkout."""
    code = (
        f"import sys; sys.path.insert(0, {str(wheel)!r}); "
        "from srdata.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_recipe_and_manifest(wheel: Path) -> None:
    for shelf in Shelf:
        packaged = {path.stem for path in (wheel / "srdata/shipped" / shelf.value).glob("*.yaml")}
        assert packaged == set(catalog.names(shelf))
    assert (wheel / "srdata/py.typed").is_file()
    assert (wheel / "srdata/shipped/manifests/sample/NOTICE.md").is_file()


def test_the_wheel_runs_its_main_job(wheel: Path, tmp_path: Path) -> None:
    out = run_installed(wheel, tmp_path, "prepare", "sample", "--scale", "4", "--lmdb", "--jobs", "1")
    assert out.startswith("data/sample-x4: 5 train images")
    assert run_installed(wheel, tmp_path, "verify", "data/sample-x4").splitlines()[-1] == "ok"
    assert run_installed(wheel, tmp_path, "report", "data/sample-x4", "--jobs", "1") == "sample-x4.html\n"


def test_this_checkout_finds_its_own() -> None:
    assert catalog.folder(Shelf.RECIPES) == REPOSITORY / "recipes"
    assert "sample" in catalog.names(Shelf.MANIFESTS)


@pytest.mark.parametrize(("compiler", "tag"), [("cc", "py3-none-"), ("no-such-compiler", "py3-none-any")])
def test_a_wheel_holds_the_compiled_library_or_is_one_of_python_alone(
    tmp_path: Path, compiler: str, tag: str
) -> None:
    if not shutil.which("cc"):
        pytest.skip("there is no cc")
    built = build_wheel(tmp_path, CC=compiler)
    assert tag in built.name
    assert ("any" in built.name) == tag.endswith("any")
    held = [name for name in zipfile.ZipFile(built).namelist() if name.startswith("srdata/compiled/built/")]
    assert held == ([] if tag.endswith("any") else [f"srdata/compiled/built/{library_name()}"])

"""What is of a wrong type is refused by the functions of the front door in one line, as a user's mistake."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srdata
from srdata import PairedDataset, prepare
from srdata.duplicates import Gallery
from srdata.errors import UsageError
from srdata.images import write_png
from srdata.inference import upscale
from srdata.preparation import annotate, degrade_files, plan
from srdata.prepared import explain
from tests.test_public_names import PUBLIC

WRONG = (5, 2.5, None, b"x", ["x"], object())
PHOTO = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)


def takers_of_paths() -> Iterator[tuple[str, Callable[..., object]]]:
    """The public functions whose first argument is a path or a name."""
    for module in map(importlib.import_module, PUBLIC):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                first = next(iter(inspect.signature(value).parameters.values()), None)
                if first is not None and first.default is first.empty and "Path" in str(first.annotation):
                    yield f"{module.__name__}.{name}", value


TAKERS = dict(takers_of_paths())


def refused(call: Callable[..., object], *arguments: object, **settings: object) -> str:
    def run() -> None:
        if inspect.isgenerator(found := call(*arguments, **settings)):
            list(found)

    with pytest.raises(UsageError) as error:
        run()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_table_is_long_enough() -> None:
    assert len(TAKERS) >= 20
    assert {"srdata.prepare", "srdata.degrade.load_chain", "srdata.duplicates.find_leakage"} <= TAKERS.keys()


@pytest.mark.parametrize("name", TAKERS)
def test_what_is_no_path_and_no_name(name: str) -> None:
    parameters = inspect.signature(TAKERS[name]).parameters.values()
    needed = {one.name for one in parameters if one.default is one.empty and one.kind is not one.VAR_KEYWORD}
    takes_plain = name.startswith("srdata.degrade.load") or name == "srdata.report.preview"
    for wrong in WRONG:
        if not (takes_plain and isinstance(wrong, list)):
            refused(TAKERS[name], **dict.fromkeys(needed, wrong))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Photographs, and the set of them."""
    folder = tmp_path_factory.mktemp("wrong")
    write_png(folder / "photos/one.png", PHOTO)
    return folder / "photos", Path(prepare(folder / "photos", scale=2, lmdb=True, root=folder, jobs=1).path)


SETTINGS = """scale name degradation copies splits windows exclude images hr lr where layout codec scores
weights""".split()  # noqa: SIM905  # a list of names is easier to read so


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("wrong", [-5.5, b"x", object()])
def test_settings_of_a_preparation(made: tuple[Path, Path], setting: str, wrong: object) -> None:
    given: dict[str, Any] = {"scale": 2, "root": made[0].parent, setting: wrong}
    if setting == "lr":
        given["hr"] = "{key}.png"
    if setting in ("scores", "weights"):
        given["where"] = "entropy > 1"
    refused(plan, made[0], **given)


def test_keys_names_and_images(made: tuple[Path, Path], tmp_path: Path) -> None:
    photos, folder = made
    assert "the key of an image is wanted" in refused(explain, folder, 5)
    assert "a degradation is wanted" in refused(srdata.degrade, PHOTO, 5)
    assert "an image is an array" in refused(srdata.degrade, "one.png")
    assert "data sets are PairedDataset" in refused(srdata.Loader, 5)
    assert "scale 'x' is no number" in refused(srdata.degrade, PHOTO, "bicubic", scale="x")
    for wrong in (5, None, "x"):
        refused(upscale, wrong, photos, tmp_path / "out")
    for wrong in (5, b"x"):
        refused(PairedDataset, wrong)
        refused(PairedDataset, folder, only=wrong)
        refused(Gallery, wrong)
        refused(annotate, folder, wrong)
        refused(degrade_files, photos, wrong, scale=2)
        refused(srdata.export, folder, "folder", wrong)
        refused(srdata.export, folder, wrong, tmp_path / "out")
        refused(srdata.publish, folder, to=wrong, recipe_only=True)
        refused(srdata.evaluate, wrong, hr=photos, scale=2)
        refused(srdata.evaluate, photos, hr=photos, scale=2, protocol=wrong)

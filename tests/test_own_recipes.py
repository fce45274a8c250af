"""A recipe of one's own lies anywhere and names what it likes; one of a published folder stays in that."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from srdata import prepare
from srdata.cli import run
from srdata.degrade.chain import load_chain
from srdata.errors import RecipeError
from srdata.images import write_png
from srdata.recipes.read_recipe import read_set_recipe

KERNELS = np.ones((1, 5, 5))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_png(tmp_path / "photos/one.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    return tmp_path / "photos"


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    folder = tmp_path / "recipes/mine"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("absolute", [True, False])
def test_a_recipe_names_any_folder(photos: Path, recipes: Path, absolute: bool) -> None:
    name = str(photos) if absolute else "../../photos"
    (recipes / "mine.yaml").write_text(f"folder: {name}\nscales: [2]\n")
    assert read_set_recipe(recipes / "mine.yaml").folder == str(photos)


@pytest.mark.parametrize("absolute", [True, False])
def test_a_recipe_that_was_published_names_what_lies_in_its_folder(
    photos: Path, recipes: Path, absolute: bool
) -> None:
    (recipes / "srdata.json").write_text("{}")
    (recipes / "mine.yaml").write_text(f"folder: {photos if absolute else '../../photos'}\nscales: [2]\n")
    with pytest.raises(RecipeError, match=r"mine\.yaml:1: folder: .* leads out of"):
        read_set_recipe(recipes / "mine.yaml")
    (recipes / "chain.yaml").write_text("steps:\n- {op: kernel_blur, file: ../kernels.npy}\n- imresize: {}\n")
    np.save(recipes.parent / "kernels.npy", KERNELS)
    with pytest.raises(RecipeError, match="leads out of"):
        load_chain(recipes / "chain.yaml")


@pytest.mark.parametrize("where", ["beside", "above", "absolute"])
@pytest.mark.parametrize("inline", [True, False])
def test_kernels_are_looked_for_beside_the_recipe(
    photos: Path, recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, inline: bool
) -> None:
    """And not in the working folder, where other kernels of that name lie."""
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "kernels.npy", np.eye(3)[None])
    place = {"beside": recipes, "above": recipes.parent, "absolute": tmp_path / "elsewhere"}[where]
    place.mkdir(exist_ok=True)
    np.save(place / "kernels.npy", KERNELS)
    file = {"beside": "kernels.npy", "above": "../kernels.npy", "absolute": str(place / "kernels.npy")}[where]
    steps = [{"op": "kernel_blur", "file": file}, {"op": "imresize"}]
    (recipes / "chain.yaml").write_text(json.dumps({"steps": steps}))
    settings = {"folder": "../../photos", "scales": [2], "degradation": steps if inline else "chain.yaml"}
    (recipes / "mine.yaml").write_text(json.dumps(settings))
    made = prepare(recipes / "mine.yaml", root=tmp_path / "data", jobs=1)
    again = prepare(
        photos, scale=2, degradation=str(recipes / "chain.yaml"), root=tmp_path / "by_hand", jobs=1
    )
    names = [next(path.rglob("onex2.png")).read_bytes() for path in (made.path, again.path)]
    assert names[0] == names[1]


def test_a_missing_kernel_file_is_named_where_it_should_be(recipes: Path) -> None:
    (recipes / "chain.yaml").write_text("steps:\n- {op: kernel_blur, file: none.npy}\n")
    with pytest.raises(RecipeError, match=rf"chain\.yaml:2: .*{recipes}/none\.npy: cannot be read"):
        load_chain(recipes / "chain.yaml")


def test_an_empty_kernel_file_is_an_error_of_the_recipe(
    recipes: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recipes / "none.npy").touch()
    (recipes / "chain.yaml").write_text("steps:\n- {op: kernel_blur, file: none.npy}\n")
    ask = ["degrade", str(photos), str(tmp_path / "out"), "--degradation", str(recipes / "chain.yaml")]
    assert run([*ask, "--scale", "2"]) == 2
    told = capsys.readouterr().err
    assert "none.npy: is no .npy file of plain numbers" in told
    assert "interrupted" not in told

"""Recipes: every mistake at once, with its line; the resolved form and its digest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from srdata import catalog
from srdata.catalog import Shelf
from srdata.errors import RecipeError, UnknownNameError, UsageError
from srdata.fetch.manifest import load_manifest
from srdata.preparation.prepare_set import target_of
from srdata.recipes.read_recipe import read_set_recipe
from srdata.recipes.set_recipe import Recipe, schema
from srdata.scale import Scale
from srdata.store.codecs import CODECS


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", catalog.names(Shelf.RECIPES))
def test_every_recipe_resolves(name: str) -> None:
    recipe = read_set_recipe(name)
    assert recipe.name == name
    assert recipe.source in catalog.names(Shelf.MANIFESTS)
    assert json.loads(json.dumps(recipe.resolved())) == recipe.resolved()
    assert recipe.windows is None or all(
        recipe.windows.size % scale.numerator == 0 for scale in recipe.scales
    )


@pytest.mark.parametrize("name", catalog.names(Shelf.MANIFESTS))
def test_every_data_set_has_a_recipe(name: str) -> None:
    assert read_set_recipe(name).source == name


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "source: div2k\nscales: [4, 0]\nsede: 3\nwindows: {size: 480, step: -1}\n"
        "store:\n  codec: webp\n  shard_bytes: 1_000\n",
    )
    with pytest.raises(RecipeError) as caught:
        read_set_recipe(path)
    text = str(caught.value)
    assert len(caught.value.problems) == 5, text
    for line, words in {
        2: "scale 0 must lie between 1 and 64",
        3: "sede: is not known here, did you mean 'seed'?",
        4: "windows.step: must be greater than or equal to 1",
        6: f'store.codec: must be one of {", ".join(CODECS)}, not "webp"',
        7: "write 1000",
    }.items():
        [problem] = [one for one in caught.value.problems if f"mine.yaml:{line}: " in one]
        assert words in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source: div2k\nsource: set5\nscales: [4]\n", "stands here twice"),
        ("a: &a [1]\nb: [*a, *a]\n", "anchors and aliases"),
        ("source: div2k\nscales: [4]\nfolder: photos\n", "give one of source"),
        ("scales: [4]\n", "give one of source"),
        ("source: div2k\nscales: [4, 4]\n", "a scale stands twice"),
        ("source: set5\nscales: [4]\nmultiple: 0\n", "greater than or equal to 1"),
        (
            "source: set5\nscales: [4]\nmultiple: 12\ndegradation: published:bicubic\n",
            "leave multiple out",
        ),
        ("folder: ../../nowhere\nscales: [4]\n", "there is no folder"),
        ("folder: nowhere\nscales: [4]\n", "there is no folder"),
        ("source: !!python/object:os.system {}\nscales: [4]\n", "tag"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        read_set_recipe(written(tmp_path, text))


def test_a_recipe_may_name_a_folder_beside_it(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    recipe = read_set_recipe(written(tmp_path, "folder: photos\nscales: [2]\n"))
    assert recipe.folder == str(tmp_path / "photos")
    assert recipe.name == "mine"


def test_unknown_names_have_a_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'dvi2k', did you mean 'div2k'"):
        read_set_recipe("dvi2k")
    with pytest.raises(UnknownNameError, match="'bsrgn', did you mean 'bsrgan'"):
        read_set_recipe("set5").changed(degradation="bsrgn").resolved()


def test_the_digest_names_what_is_made() -> None:
    recipe = read_set_recipe("div2k")
    assert recipe.digest == read_set_recipe("div2k").digest
    assert recipe.changed(title="another title").digest == recipe.digest
    assert recipe.without_windows().digest != recipe.digest
    for change in (
        {"seed": 1},
        {"multiple": 12},
        {"scales": (Scale(4),)},
        {"degradation": "bsrgan"},
        {"splits": ("train",)},
    ):
        assert recipe.changed(**change).digest != recipe.digest


@pytest.mark.parametrize("degradation", ["bicubic", "realesrgan-x4", "published:unknown"])
def test_a_resolved_recipe_is_itself_a_recipe(tmp_path: Path, degradation: str) -> None:
    scales = (Scale(4),) if degradation == "realesrgan-x4" else (Scale(2), Scale(4))
    recipe = read_set_recipe("div2k").changed(degradation=degradation, scales=scales)
    again = read_set_recipe(written(tmp_path, yaml.safe_dump(recipe.resolved())))
    assert again.digest == recipe.digest
    assert again.resolved() == recipe.resolved()


def test_a_resolved_recipe_has_the_scales_it_has(tmp_path: Path) -> None:
    recipe = read_set_recipe(written(tmp_path, yaml.safe_dump(read_set_recipe("set5").resolved())))
    with pytest.raises(UnknownNameError, match="unknown scale of this recipe's degradation '8'"):
        recipe.changed(scales=(Scale(8),)).resolved()


def test_scales_have_one_order() -> None:
    recipe = read_set_recipe("div2k")
    assert (
        recipe.changed(scales=(Scale(4), Scale(2))).digest
        == recipe.changed(scales=(Scale(2), Scale(4))).digest
    )


def test_bicubic_is_the_variant_of_the_published_images() -> None:
    """The manifest says which MATLAB made the LR images that a benchmark ships."""
    for name in ("set5", "set14", "b100", "urban100"):
        published = [one for _, one in load_manifest(name).find() if one.bicubic]
        assert published, name
        scales = tuple(Scale(one.scale) for one in published if one.scale)
        chains = read_set_recipe(name).changed(scales=scales).chains
        for one in published:
            [step] = chains[Scale(one.scale or 1)].steps
            assert one.bicubic
            assert (step.rounding, step.border) == (one.bicubic.rounding, one.bicubic.border)


def test_set_names_say_what_differs() -> None:
    recipe = read_set_recipe("div2k").changed(scales=(Scale(2), Scale("1.5")))
    assert recipe.set_name == "div2k-x1.5x2-folder"
    assert recipe.changed(degradation="published:unknown").set_name == "div2k-unknown-x1.5x2-folder"
    lmdb = recipe.changed(degradation="realesrgan-x4", store={"layout": "lmdb"})
    assert lmdb.changed(scales=(4,)).set_name == "div2k-realesrgan-x4"
    assert lmdb.changed(scales=(2,)).set_name == "div2k-realesrgan-x4-x2"


def test_a_set_of_an_earlier_name_is_kept(tmp_path: Path) -> None:
    recipe = read_set_recipe("sample").changed(degradation="realesrgan-x4", scales=(4,))
    assert target_of(recipe, tmp_path, None).name == "sample-realesrgan-x4-folder"
    (tmp_path / "sample-realesrgan-x4-x4-folder").mkdir()
    assert target_of(recipe, tmp_path, None).name == "sample-realesrgan-x4-x4-folder"
    (tmp_path / "sample-realesrgan-x4-folder").mkdir()
    assert target_of(recipe, tmp_path, None).name == "sample-realesrgan-x4-folder"


def test_changes_are_checked() -> None:
    with pytest.raises(UsageError, match="greater than or equal to 0"):
        read_set_recipe("set5").changed(seed=-1)


def test_the_schema_knows_every_field() -> None:
    found = schema()
    assert found["$schema"].endswith("2020-12/schema")
    assert set(found["properties"]) == set(Recipe.model_fields)
    assert found["additionalProperties"] is False

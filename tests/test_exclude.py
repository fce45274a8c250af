"""Images that a recipe leaves out: by their keys, with their copies, and never by mistake another or none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from srdata.cli import cli, run
from srdata.describe import describe
from srdata.errors import RecipeError, UnknownNameError, UsageError
from srdata.images import read_image, write_png
from srdata.papers.requirements import NeededSet, find_set
from srdata.preparation import plan, prepare
from srdata.prepared.set_images import PreparedImages
from srdata.prepared.verification import verify
from srdata.publishing import publish
from srdata.recipes.read_recipe import read_set_recipe
from srdata.recipes.set_recipe import Recipe
from srdata.report.page import report_page
from srdata.scale import Scale
from tests.reporting import parsed


@pytest.fixture(scope="module")
def pictures(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four images, called as those of BSDS500 and DIV2K are."""
    folder = tmp_path_factory.mktemp("exclude") / "pictures"
    names = {
        "302003": "coffee.png",
        "302008": "chelsea.png",
        "0001": "rocket.jpg",
        "two words": "astronaut.png",
    }
    for key, name in names.items():
        write_png(folder / f"{key}.png", read_image(photographs / name)[:80, :96])
    return folder


def written(folder: Path, pictures: Path, exclude: str) -> Path:
    shutil.copytree(pictures, folder / "pictures")
    path = folder / "mine.yaml"
    path.write_text(f"folder: pictures\nscales: [4]\nexclude: {exclude}\n")
    return path


@pytest.mark.parametrize("layout", ["lmdb", "folder", "basicsr"])
def test_the_others_are_prepared_as_ever(pictures: Path, tmp_path: Path, layout: str) -> None:
    whole = prepare(pictures, scale=4, lmdb=True, root=tmp_path, jobs=1)
    built = prepare(pictures, scale=4, layout=layout, root=tmp_path, jobs=1, exclude=["302003", "0001"])
    suffix = "" if layout == "lmdb" else f"-{layout}"
    assert built.path.name == f"pictures-without-2-x4{suffix}"
    assert built.content.counts == {"train": 2}
    assert built.content.recipe["exclude"] == ["0001", "302003"]
    assert built.summary.startswith("2 train images, 2 left out, ")
    report = verify(built)
    assert report.ok
    assert report.notes == [f"left out {key}: excluded by the recipe" for key in ("0001", "302003")]
    if layout == "basicsr":
        return
    all_of_it, others = PreparedImages(whole), PreparedImages(built)
    assert sorted(others.index.keys.to_pylist()) == ["302008", "two words"]
    for row, key in enumerate(others.index.keys.to_pylist()):
        for layer in ("hr", "x4"):
            same = all_of_it.read(all_of_it.index.row(key), layer)
            assert np.array_equal(others.read(row, layer), same)


def test_copies_go_with_their_image(pictures: Path, tmp_path: Path) -> None:
    built = prepare(
        pictures, scale=4, copies="classsr", lmdb=True, root=tmp_path, jobs=1, exclude=["302003", "two words"]
    )
    assert built.path.name == "pictures-without-2-classsr-copies-x4"
    keys = PreparedImages(built).index.keys.to_pylist()
    assert sorted({key.partition("T")[0] for key in keys}) == ["0001", "302008"]
    assert len(keys) == 10


def test_sets_with_and_without_stand_side_by_side(pictures: Path, tmp_path: Path) -> None:
    whole = prepare(pictures, scale=4, lmdb=True, root=tmp_path, jobs=1)
    part = prepare(pictures, scale=4, lmdb=True, root=tmp_path, jobs=1, exclude=["302003"])
    assert [whole.content.counts, part.content.counts] == [{"train": 4}, {"train": 3}]
    log: list[str] = []
    prepare(pictures, scale=4, lmdb=True, root=tmp_path, jobs=1, exclude=["302003"], log=log.append)
    assert log[-1].endswith("pictures-without-1-x4 is prepared already")
    with pytest.raises(
        UsageError, match=r"another recipe \(exclude: \['302003'\] there, \['302008'\] here\)"
    ):
        prepare(pictures, scale=4, lmdb=True, root=tmp_path, jobs=1, exclude=["302008"])
    with pytest.raises(UsageError, match=r"another recipe \(exclude: None there, \['0001'\] here\)"):
        prepare(pictures, scale=4, lmdb=True, root=tmp_path, jobs=1, exclude=["0001"], name=whole.path.name)


def test_a_paper_takes_no_set_without_some_images(pictures: Path, tmp_path: Path) -> None:
    prepare(pictures, scale=4, lmdb=True, root=tmp_path, jobs=1, exclude=["302003"])
    need = NeededSet("pictures", "train", Scale(4), "bicubic")
    with pytest.raises(UsageError, match="has no train images of pictures at x4"):
        find_set(tmp_path, need)
    whole = prepare(pictures, scale=4, lmdb=True, root=tmp_path, jobs=1)
    assert find_set(tmp_path, need) == whole.path


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("30203", "exclude: no image '30203' among the 4 of pictures, did you mean '302003'?"),
        ("302003.png", "exclude: no image '302003.png' among the 4 of pictures, did you mean '302003'?"),
        ("1", "exclude: no image '1' among the 4 of pictures"),
        ("0001T0", "exclude: no image '0001T0' among the 4 of pictures, did you mean '0001'?"),
    ],
)
def test_a_key_that_is_not_there_is_told(
    pictures: Path, tmp_path: Path, key: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(pictures), "--copies", "classsr", "--exclude", "302008", "--exclude", key]
    for options in ([], ["--dry-run"]):
        assert run(["prepare", *arguments, "--root", str(tmp_path), "--jobs", "1", *options]) == 2
        assert capsys.readouterr().err.splitlines()[-1] == f"srdata: {words}"
    assert not list(tmp_path.glob("*/set.json"))


def test_a_key_of_a_split_that_is_not_prepared_is_told(photographs: Path, tmp_path: Path) -> None:
    for split in ("train", "valid"):
        image = read_image(photographs / "coffee.png")[:64, :64]
        write_png(tmp_path / f"mine/DIV2K_{split}_HR/{split}.png", image)
        write_png(tmp_path / f"mine/DIV2K_{split}_LR_bicubic/X4/{split}x4.png", image[::4, ::4])
    built = prepare(tmp_path / "mine", root=tmp_path, jobs=1, exclude=["valid"])
    assert built.content.counts == {"train": 1}
    with pytest.raises(UnknownNameError, match="no image 'valid' among the 1 of"):
        prepare(tmp_path / "mine", root=tmp_path / "other", splits=["train"], jobs=1, exclude=["valid"])


def test_not_all_images_are_left_out(pictures: Path, tmp_path: Path) -> None:
    keys = [path.stem for path in pictures.iterdir()]
    with pytest.raises(UsageError, match=r"exclude: leaves out all of pictures \(4 images\); name fewer"):
        prepare(pictures, scale=4, root=tmp_path, jobs=1, exclude=keys)


def test_a_recipe_names_them(pictures: Path, tmp_path: Path) -> None:
    """Numbers without quotes too; those of the command line come to them."""
    path = written(tmp_path, pictures, "[302003, 0001, 302003]")
    recipe = read_set_recipe(path)
    assert recipe.exclude == ("0001", "302003")
    assert "exclude: ['0001', '302003']\n" in describe(str(path))
    arguments = ["prepare", str(path), "--lmdb", "--root", str(tmp_path), "--jobs", "1"]
    done = CliRunner().invoke(cli, [*arguments, "--exclude", "two words"])
    assert f"{tmp_path}/mine-without-3-x4: 1 train image, 3 left out" in done.stdout
    assert "excluded  0001, 302003\n" in plan(recipe, root=tmp_path)


def test_the_order_of_keys_changes_nothing_and_none_are_none(pictures: Path) -> None:
    plain = Recipe(name="pictures", folder=str(pictures), scales=(Scale(4),))
    one, other = (plain.changed(exclude=keys) for keys in (("b", "a", "b"), ("a", "b")))
    assert one.digest == other.digest != plain.digest
    assert plain.changed(exclude=()).digest == plain.digest
    assert "exclude" not in plain.changed(exclude=()).resolved()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("302003", "exclude: must be a list, not 302003"),
        ("[1.50]", "exclude[0]: must be text, not 1.5; put it in quotes: '1.5'"),
        ("[true]", "exclude[0]: must be text, not true"),
    ],
)
def test_a_mistake_is_told_with_its_line(pictures: Path, tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_set_recipe(written(tmp_path, pictures, text))
    assert f"mine.yaml:3: {words}" in str(caught.value)


def test_the_published_recipe_makes_the_same_set(tmp_path: Path) -> None:
    first = prepare("sample", scale=4, lmdb=True, root=tmp_path, jobs=1, exclude=["coffee"])
    publish(first.path, out=tmp_path / "out", recipe_only=True)
    again = prepare(tmp_path / "out/recipe.yaml", root=tmp_path / "again", jobs=1)
    assert again.content.files == first.content.files
    left_out = parsed(report_page(first.path, images=0, jobs=1)).one("section", id="quarantine")
    [row] = left_out.one("tbody").all("tr")
    assert [one.text for one in row.all("td")] == ["coffee", "excluded by the recipe"]
    assert json.loads((first.path / "set.json").read_text())["recipe"]["exclude"] == ["coffee"]

"""Preparing once more: what an earlier run left is taken where it is still right; what is no pair is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from srdata import PairedDataset
from srdata.errors import ImageError, UsageError
from srdata.images import read_image, write_png
from srdata.preparation import Prepared, prepare
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
from tests.storing import PHOTOGRAPHS

KEYS = ("a", "b", "c", "d")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Four images, of which the last is damaged."""
    whole = read_image(PHOTOGRAPHS / "coffee.png")
    for number, key in enumerate(KEYS):
        write_png(tmp_path / f"pictures/{key}.png", whole[number * 50 :, number * 60 :][:96, :120])
    damaged = tmp_path / "pictures/d.png"
    damaged.write_bytes(damaged.read_bytes()[:-500])
    return tmp_path / "pictures"


def prepared(pictures: Path, layout: str, root: Path) -> Prepared:
    """In shards of two images each."""
    store = Store(layout=layout, shard_bytes=80_000)  # type: ignore[arg-type]  # one of them
    recipe = Recipe(name="mine", folder=str(pictures), scales=(Scale(4),), store=store)
    return prepare(recipe, root=root, jobs=1)


def mend(pictures: Path) -> None:
    write_png(pictures / "d.png", read_image(pictures / "a.png")[::-1].copy())


def swap_pixels(path: Path) -> None:
    write_png(path, np.flip(read_image(path), 1).copy())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("harm", [Path.unlink, cut, swap_pixels])
def test_a_file_that_changed_since_it_was_finished_is_made_again(
    pictures: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    with pytest.raises(ImageError, match=r"d\.png"):
        prepared(pictures, "folder", tmp_path / "again")
    [path] = (tmp_path / "again").rglob("bx4.png")
    harm(path)
    mend(pictures)
    again, whole = (prepared(pictures, "folder", tmp_path / root) for root in ("again", "whole"))
    assert again.content.files == whole.content.files
    assert path.read_bytes() == (whole.path / path.relative_to(again.path)).read_bytes()


@pytest.mark.parametrize("layout", ["folder", "lmdb"])
def test_an_image_whose_source_changed_since_is_made_again(
    pictures: Path, tmp_path: Path, layout: str
) -> None:
    with pytest.raises(ImageError, match=r"d\.png"):
        prepared(pictures, layout, tmp_path / "again")
    swap_pixels(pictures / "b.png")
    mend(pictures)
    again, whole = (prepared(pictures, layout, tmp_path / root) for root in ("again", "whole"))
    assert again.content.files == whole.content.files


@pytest.mark.parametrize("layout", ["folder", "lmdb"])
def test_there_is_no_set_until_all_of_it_is_right(pictures: Path, tmp_path: Path, layout: str) -> None:
    """A set whose source changed is none any more, also where the new one cannot be made."""
    mend(pictures)
    built = prepared(pictures, layout, tmp_path)
    cut(pictures / "c.png")
    with pytest.raises(ImageError, match=r"c\.png"):
        prepared(pictures, layout, tmp_path)
    assert not (built.path / "set.json").exists()


@pytest.mark.parametrize("layout", ["folder", "lmdb"])
def test_an_image_that_was_left_out_as_bad_is_new_once_it_is_mended(
    pictures: Path, tmp_path: Path, layout: str
) -> None:
    store = Store(layout=layout, shard_bytes=80_000)  # type: ignore[arg-type]  # one of them
    recipe = Recipe(name="mine", folder=str(pictures), scales=(Scale(4),), store=store)
    cut(pictures / "c.png")

    def made() -> tuple[Prepared, str]:
        lines: list[str] = []
        return prepare(recipe, root=tmp_path, jobs=1, skip_bad=True, log=lines.append), "\n".join(lines)

    before, _ = made()
    assert "is prepared already" in made()[1]
    mend(pictures)
    built, _ = made()
    assert (built.content.counts, built.content.digest) == ({"train": 3}, before.content.digest)
    assert [bad.key for bad in built.content.quarantine] == ["c"]
    assert "is prepared already" in made()[1]
    same = [name for name, entry in before.content.files.items() if built.content.files.get(name) == entry]
    assert layout == "folder" or "shards/00000.lmdb" in same, "which is full"
    write_png(pictures / "c.png", read_image(pictures / "b.png")[::-1].copy())
    last, _ = made()
    assert last.content.counts == {"train": 4}
    assert not last.content.quarantine


def write_pair(folder: Path, prefix: str, key: str, lr_size: tuple[int, int] = (24, 30)) -> None:
    hr = read_image(PHOTOGRAPHS / "coffee.png")
    write_png(folder / f"{prefix}HR/{key}.png", hr[:96, :120])
    write_png(folder / f"{prefix}LR_bicubic/X4/{key}x4.png", hr[: lr_size[0], : lr_size[1]])


@pytest.mark.parametrize("size", [(24, 31), (25, 30), (23, 30), (30, 24)])
def test_lr_of_another_size_is_no_pair(tmp_path: Path, size: tuple[int, int]) -> None:
    write_pair(tmp_path / "pairs", "", "one")
    write_pair(tmp_path / "pairs", "", "two", size)
    with pytest.raises(UsageError, match=r"no (one|whole) scale"):
        prepare(tmp_path / "pairs", root=tmp_path, jobs=1)


def test_an_image_called_as_a_copy_of_another_is_refused(tmp_path: Path) -> None:
    for key in ("one", "oneT0"):
        write_png(tmp_path / f"mine/{key}.png", read_image(PHOTOGRAPHS / "coffee.png")[:160, :160])
    with pytest.raises(UsageError, match=r"two images have the key 'oneT0': .*one\.png and .*oneT0\.png"):
        prepare(tmp_path / "mine", scale=4, copies="classsr", root=tmp_path, jobs=1)


@pytest.mark.parametrize("alone", ["HR/two.png", "LR_bicubic/X4/twox4.png"])
def test_an_image_without_its_partner_is_named(tmp_path: Path, alone: str) -> None:
    folder = tmp_path / "pairs"
    for key in ("one", "two"):
        write_pair(folder, "", key)
    for path in folder.rglob("two*.png"):
        if path != folder / alone:
            path.unlink()
    message = "two" if alone.startswith("HR") else r"no HR image in .* for 1 LR image of .*: twox4"
    for use in (PairedDataset, lambda path: prepare(path, root=tmp_path, jobs=1)):
        with pytest.raises(UsageError, match=message):
            use(folder)


def test_a_name_that_a_template_has_twice_is_one(tmp_path: Path) -> None:
    image = read_image(PHOTOGRAPHS / "coffee.png")[:48, :48]
    for name in ("a/a", "b/c"):
        write_png(tmp_path / f"mine/{name}.png", image)
    built = prepare(tmp_path / "mine", hr="{key}/{key}.png", scale=4, root=tmp_path, jobs=1)
    assert [path.name for path in built.path.rglob("*HR/*.png")] == ["a.png"]

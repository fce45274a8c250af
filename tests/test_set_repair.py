"""Damage to a finished set: found, and mended to the same bytes by the command that the error names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from srdata.cli import cli
from srdata.difficulty import classify
from srdata.errors import SetError, SrdataError, UsageError
from srdata.images import read_image
from srdata.preparation import prepare
from srdata.prepared.verification import verify
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
from srdata.set_repair import repair
from srdata.store.windows import Windows

Hurt = Callable[[Path], None]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGE: dict[str, Hurt] = {"missing": Path.unlink, "flipped": flip, "cut": cut}
PLACES = {
    "lmdb": [
        "shards/00001.lmdb",
        "index.parquet",
        "shards.parquet",
        "scores/edges-x4-48-48-0.parquet",
        "set.json",
    ],
    "folder": ["set_train_HR/0003.png", "set_train_LR_bicubic/X4/0005x4.png", "index.parquet", "set.json"],
    "basicsr": [
        "set_train_HR_sub.lmdb/data.mdb",
        "set_train_LR_bicubic_X4_sub.lmdb/meta_info.txt",
        "set.json",
    ],
}
CASES = [(layout, place) for layout, places in PLACES.items() for place in places]


@pytest.fixture(scope="module")
def source(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    image = read_image(photographs / "chelsea.png")
    for number in range(8):
        cv2.imwrite(str(folder / f"{number:04d}.png"), image[30 * number : 30 * number + 96, :120, ::-1])
    return folder


def recipe(source: Path, layout: str) -> Recipe:
    store = Store(layout=layout, shard_bytes=100_000)  # type: ignore[arg-type]
    windows = Windows(size=48, step=48)
    return Recipe(name="set", folder=str(source), scales=(Scale(4),), windows=windows, store=store)


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished set of each layout, that of shards with scores."""
    root = tmp_path_factory.mktemp("whole")
    sets = {layout: prepare(recipe(source, layout), root=root, name=layout, jobs=1).path for layout in PLACES}
    for by in ("edges", "deviation"):
        classify(sets["lmdb"], by, jobs=1)
    return sets


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock.mdb")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def damaged(whole: dict[str, Path], tmp_path: Path) -> Callable[[str, str, str], Path]:
    def make(layout: str, place: str, how: str) -> Path:
        folder = tmp_path / layout
        shutil.copytree(whole[layout], folder)
        DAMAGE[how](folder / place)
        return folder

    return make


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize(("layout", "place"), CASES)
def test_damage_is_found_and_repaired_to_the_same_bytes(
    source: Path, whole: dict[str, Path], damaged: Callable[..., Path], layout: str, place: str, how: str
) -> None:
    folder = damaged(layout, place, how)
    if (place, how) == ("set.json", "missing"):
        with pytest.raises(SetError, match="run srdata prepare"):
            repair(folder, from_dir=source, jobs=1)
        return
    found = problems(folder)
    assert place in found
    assert "--repair" in found or place not in {"set.json", "index.parquet"}
    repair(folder, from_dir=source, jobs=1)
    assert content(folder) == content(whole[layout])


def problems(folder: Path) -> str:
    """What verify says is wrong."""
    try:
        return "\n".join(verify(folder).problems)
    except SrdataError as error:
        return str(error)


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize(("layout", "place"), CASES)
def test_preparing_again_mends_what_can_be_seen_without_reading_all(
    source: Path, whole: dict[str, Path], damaged: Callable[..., Path], layout: str, place: str, how: str
) -> None:
    folder = damaged(layout, place, how)
    lines: list[str] = []
    same = recipe(source, layout)
    if (layout, place, how) == ("basicsr", "set.json", "missing"):
        with pytest.raises(UsageError, match="is not empty and no prepared set"):
            prepare(same, root=folder.parent, name=layout, jobs=1)
        return
    prepare(same, root=folder.parent, name=layout, jobs=1, log=lines.append)
    seen = how != "flipped" or place in {"set.json", "index.parquet"}
    assert any("is damaged" in line for line in lines) == seen
    if not seen:
        assert any("is prepared already" in line for line in lines)
    elif not place.startswith("scores"):
        assert verify(folder).ok
        images = {name: data for name, data in content(folder).items() if name != "set.json"}
        assert {name: content(whole[layout]).get(name) for name in images} == images


def flipped(data: bytes, random: np.random.Generator) -> bytes:
    hurt = bytearray(data)
    hurt[random.integers(len(hurt))] ^= 1 << random.integers(8)
    return bytes(hurt)


@pytest.mark.parametrize("layout", PLACES)
def test_every_flip_is_found(whole: dict[str, Path], tmp_path: Path, layout: str) -> None:
    """50 of set.json, and 74 of files of each kind, of each layout."""
    folder = tmp_path / layout
    shutil.copytree(whole[layout], folder)
    random = np.random.default_rng(0)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    others = [path for path in files if path.name != "set.json"]
    for number in range(50 + 74):
        path = folder / "set.json" if number < 50 else others[random.integers(len(others))]
        whole_file = path.read_bytes()
        path.write_bytes(flipped(whole_file, random))
        assert problems(folder), path
        path.write_bytes(whole_file)
    assert problems(folder) == ""


def test_the_flips_are_found_by_what_guards_them(whole: dict[str, Path], tmp_path: Path) -> None:
    """The guard can fail: without the seal, another version of a library is not seen."""
    folder = tmp_path / "lmdb"
    shutil.copytree(whole["lmdb"], folder)
    fields = json.loads((folder / "set.json").read_text())
    fields["versions"]["numpy"] += "1"
    (folder / "set.json").write_text(json.dumps(fields))
    assert "not what was sealed" in problems(folder)
    del fields["seal"]
    (folder / "set.json").write_text(json.dumps(fields))
    assert problems(folder) == "", "as in a set of an earlier version, which still opens"
    for field, value in {"codec": "png", "digest": "0" * 64, "seed": 5, "scales": ["2"]}.items():
        (folder / "set.json").write_text(json.dumps(fields | {field: value}))
        assert problems(folder), field
    changed = json.loads(json.dumps(fields))
    changed["recipe"]["windows"]["step"] = 24
    (folder / "set.json").write_text(json.dumps(changed))
    assert "the digest is not that of the recipe" in problems(folder)


def test_what_cannot_be_repaired_is_said(source: Path, whole: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "lmdb"
    shutil.copytree(whole["lmdb"], folder)
    flip(folder / "shards/00000.lmdb")
    before = content(folder)
    with pytest.raises(UsageError, match=r"made of a folder of images, .*--repair --from FOLDER"):
        repair(folder, jobs=1)
    text = (folder / "set.json").read_text()
    (folder / "set.json").write_text(text.replace('"step": 48', '"step": 49', 1))
    with pytest.raises(SetError, match="run the `srdata prepare` command that made the set again"):
        repair(folder, from_dir=source, jobs=1)
    (folder / "set.json").write_text(text)
    assert content(folder) == before


def test_only_what_is_wrong_is_made_again(
    source: Path, whole: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from srdata.preparation import layout_folder, layout_lmdb

    made: list[str] = []
    for module in (layout_folder, layout_lmdb):
        genuine = module.make_layers

        def counting(image, recipe, genuine=genuine):  # type: ignore[no-untyped-def]  # as make_layers
            made.append(image.item.key)
            return genuine(image, recipe)

        monkeypatch.setattr(module, "make_layers", counting)
    for layout, place in (("folder", "set_train_HR/0003.png"), ("lmdb", "shards/00001.lmdb")):
        made.clear()
        folder = tmp_path / layout
        shutil.copytree(whole[layout], folder)
        flip(folder / place)
        repair(folder, from_dir=source, jobs=1)
        assert len(made) <= 1, "an image, or the block of an image"
        assert content(folder) == content(whole[layout])


def test_the_command_that_an_error_names_repairs(
    source: Path, whole: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "lmdb"
    shutil.copytree(whole["lmdb"], folder)
    cut(folder / "index.parquet")
    assert f"srdata verify {folder} --repair" in problems(folder)
    result = CliRunner().invoke(cli, ["verify", str(folder), "--repair"])
    assert result.exit_code == 0, result.output
    assert content(folder) == content(whole["lmdb"])


def test_a_set_on_a_disk_that_is_not_to_be_written_is_prepared(
    source: Path, whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from srdata.preparation import prepare_set

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "read-only")

    monkeypatch.setattr(prepare_set, "only_one_at", refuse)
    lines: list[str] = []
    prepare(recipe(source, "lmdb"), root=whole["lmdb"].parent, name="lmdb", jobs=1, log=lines.append)
    assert "is prepared already" in lines[-1]

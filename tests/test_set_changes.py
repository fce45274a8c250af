"""Sets made of prepared sets, by join and split: whole by themselves, and usable as any other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srdata import PairedDataset, export, publish
from srdata.cli import run
from srdata.difficulty import classify
from srdata.errors import LicenceError, UnknownNameError, UsageError
from srdata.images import read_image, write_png
from srdata.preparation import annotate, prepare
from srdata.prepared.licences import terms_of
from srdata.prepared.set_images import PreparedImages, explain, replay
from srdata.prepared.verification import verify
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
from srdata.set_changes import join, split
from srdata.set_repair import repair
from srdata.store.set_json import read_set
from srdata.store.windows import Windows
from tests.storing import PHOTOGRAPHS


def made(folder: Path, name: str, numbers: range, **settings: Any) -> Path:
    """A set of parts of a photograph, two in a shard."""
    image = read_image(PHOTOGRAPHS / "chelsea.png")
    for number in numbers:
        picture = image[3 * number : 3 * number + 64, 2 * number : 2 * number + 72].copy()
        write_png(folder / "pictures" / name / f"{number:04d}.png", picture)
    store = Store(**{"layout": "lmdb", "shard_bytes": 45_000} | settings.pop("store", {}))
    skip_bad = settings.pop("skip_bad", False)
    plain = {"scales": (Scale(4),), "degradation": "bsrgan", "seed": 7, "windows": Windows(size=32, step=16)}
    recipe = Recipe(name=name, folder=str(folder / "pictures" / name), store=store, **(plain | settings))
    return Path(prepare(recipe, root=folder / "data", name=name, jobs=1, skip_bad=skip_bad))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sets")


@pytest.fixture(scope="module")
def one(folder: Path) -> Path:
    path = made(folder, "one", range(5))
    for number in range(5):
        (folder / "texts").mkdir(exist_ok=True)
        (folder / f"texts/{number:04d}.txt").write_text(f"cat {number}")
    annotate(path, folder / "texts", column="caption")
    return path


@pytest.fixture(scope="module")
def two(folder: Path) -> Path:
    return made(folder, "two", range(20, 23), seed=8)


def pixels(path: Path) -> dict[str, tuple[str, ...]]:
    """The hashes of the pixels of each image."""
    images = PreparedImages(path)
    rows = range(len(images.index))
    return {images.index.key(row): tuple(images.index.pixels(row).values()) for row in rows}


def same_shards(path: Path, *others: Path) -> int:
    """How many shards of a set are files of others."""
    there = {file.stat().st_ino for other in others for file in other.glob("shards/*")}
    return sum(file.stat().st_ino in there for file in path.glob("shards/*"))


def test_a_joined_set_is_whole_by_itself(one: Path, two: Path, tmp_path: Path) -> None:
    first, second = (Path(shutil.copytree(path, tmp_path / path.name)) for path in (one, two))
    joined = join([first, second], "both", root=tmp_path)
    assert joined == tmp_path / "both"
    assert same_shards(joined, first, second) == 5
    both = pixels(first) | pixels(second)
    shutil.rmtree(first)
    shutil.rmtree(second)
    assert verify(joined, replay=8).ok
    assert pixels(joined) == both
    assert explain(joined, "0021")["params"] == explain(two, "0021")["params"]
    assert replay(joined, "0003") == ["0003 x4: bit for bit the stored image"]
    data = PairedDataset(joined, patch_size=32, windows=True)
    assert {str(data[i]["key"]).partition("_")[0] for i in range(len(data))} == set(both)
    told = PreparedImages(joined).columns["caption"].to_pylist()
    assert told == [*(f"cat {number}" for number in range(5)), None, None, None]


def test_it_can_be_exported_and_published_and_not_mended(one: Path, two: Path, tmp_path: Path) -> None:
    joined = join([one, two], "both", root=tmp_path)
    assert export(joined, to="folder", out=tmp_path / "out", jobs=1).counts == {"train": 8}
    with pytest.raises(LicenceError, match="nothing is known of the rights"):
        publish(joined, out=tmp_path / "repository", jobs=1)
    publish(joined, out=tmp_path / "repository", licence="cc-by-4.0", jobs=1)
    publish(joined, out=tmp_path / "recipe", recipe_only=True, jobs=1)
    assert "It was made of one and two" in (tmp_path / "recipe/README.md").read_text()
    assert len(PairedDataset(tmp_path / "repository", split="train")) == 8
    (joined / "shards/00001.lmdb").unlink()
    assert not verify(joined).ok
    with pytest.raises(UsageError, match="was made of other sets: delete it, and run the `srdata join`"):
        repair(joined)
    shutil.rmtree(joined)
    assert verify(join([one, two], "both", root=tmp_path)).ok


def test_keys_that_two_sets_have_get_the_names_of_the_sets(one: Path, folder: Path, tmp_path: Path) -> None:
    other = made(folder, "other", range(4, 6))
    joined = join([one, other], "both", root=tmp_path)
    assert list(pixels(joined))[-3:] == ["one/0004", "other/0004", "other/0005"]
    assert verify(joined, replay=7).ok
    part = split(joined, "part", keys=["other/*"], root=tmp_path)[0]
    assert pixels(part) == {key: hashes for key, hashes in pixels(joined).items() if key.startswith("other")}
    with pytest.raises(UsageError, match="two sets are called one and hold the same keys"):
        join([one, one], "twice", root=tmp_path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"scales": (Scale(2),), "degradation": "bicubic"}, r"differ in scales \(4 and 2\)"),
        ({"degradation": "bicubic"}, "differ in degradation"),
        ({"store": {"codec": "png"}}, r"differ in codec \(raw and png\)"),
        ({"store": {"block_size": 16}}, r"differ in block size \(.* and 16\)"),
        ({"windows": None}, "differ in windows"),
        ({"store": {"layout": "folder"}}, "keeps folder files, no shards: prepare it with --lmdb"),
    ],
)
def test_sets_of_two_kinds_are_not_joined(
    one: Path, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    other = made(tmp_path, "other", range(20, 21), **settings)
    with pytest.raises(UsageError, match=said):
        join([one, other], "both", root=tmp_path)
    assert not (tmp_path / "both").exists()
    alike = made(tmp_path, "alike", range(20, 21))
    assert len(pixels(join([one, alike], "both", root=tmp_path))) == 6


def test_a_set_is_split_by_patterns_and_its_rest(one: Path, tmp_path: Path) -> None:
    chosen, rest = split(one, "a", keys=["0000", "000[14]"], rest="b", root=tmp_path)
    whole = pixels(one)
    assert list(pixels(chosen)) == ["0000", "0001", "0004"]
    assert same_shards(chosen, one) == 2, "whole shards are linked"
    assert same_shards(rest, one) == 1
    assert pixels(chosen) | pixels(rest) == whole
    assert PreparedImages(chosen).columns["caption"].to_pylist() == ["cat 0", "cat 1", "cat 4"]
    assert all(verify(part, replay=3).ok for part in (chosen, rest))
    again = join([chosen, rest], "again", root=tmp_path)
    assert verify(again, replay=5).ok
    assert pixels(again) == whole


def test_a_split_is_the_same_each_time(one: Path, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("0003\n\n0000\n")
    parts = [split(one, "part", listed=tmp_path / "keys.txt", root=tmp_path / name)[0] for name in ("a", "b")]
    assert split(one, "part", listed=tmp_path / "keys.txt", root=tmp_path / "a") == parts[:1], "it is there"
    with pytest.raises(UsageError, match="part is there already"):
        split(one, "part", keys=["0001"], root=tmp_path / "a")
    files = [{one.name: one.read_bytes() for one in part.rglob("*") if one.is_file()} for part in parts]
    assert files[0] == files[1]
    assert list(pixels(parts[0])) == ["0000", "0003"]
    assert verify(parts[0], replay=2).ok


def test_where_one_of_two_parts_is_something_else_neither_is_written(one: Path, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    with pytest.raises(UsageError, match="others is there already: give another --name"):
        split(one, "some", keys=["0000"], rest="others", root=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["others"]


def test_what_sets_left_out_their_join_has_left_out_too(one: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures/torn"
    pictures.mkdir(parents=True)
    (pictures / "0099.png").write_bytes(b"")
    torn = made(tmp_path, "torn", range(40, 42), skip_bad=True)
    content = read_set(join([one, torn], "both", root=tmp_path))
    assert [bad.key for bad in content.left_out] == ["0099"]


def test_images_of_several_shards_get_shards_as_large_as_theirs(one: Path, tmp_path: Path) -> None:
    [path] = split(one, "some", keys=["0000", "0002", "0004"], root=tmp_path)
    assert np.bincount(PreparedImages(path).index.shards).tolist() == [1, 2], "0004 has one to itself"
    assert same_shards(path, one) == 1


def test_a_set_is_split_by_scores(one: Path, tmp_path: Path) -> None:
    scored = Path(shutil.copytree(one, tmp_path / "scored"))
    with pytest.raises(UsageError, match=r"run `srdata classify .* --by deviation` first"):
        split(scored, "hard", score="deviation", above=1, root=tmp_path)
    classify(scored, "deviation", windows=(64, 64, 0), jobs=1)
    classify(scored, "deviation", jobs=1)  # of the windows of the set, which count
    data = PairedDataset(scored, windows=True)
    means: dict[str, list[float]] = {}
    for key, score in zip(data.keys, data.scores("deviation"), strict=True):
        means.setdefault(key.partition("_s")[0], []).append(score)
    hard = {
        key
        for key, scores in means.items()
        if np.mean(scores) > np.median([np.mean(m) for m in means.values()])
    }
    bound = float(np.median([np.mean(scores) for scores in means.values()]))
    assert set(pixels(split(scored, "hard", score="deviation", above=bound, root=tmp_path)[0])) == hard
    with pytest.raises(UsageError, match=r"chooses nothing of .* \(5 images\)"):
        split(scored, "none", score="deviation", above=1e6, root=tmp_path)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({}, "say by one of keys, list and score"),
        ({"keys": ["a"], "score": "psnr"}, "say by one of keys, list and score"),
        ({"keys": ["zz*"]}, r"no key of .* is like zz\*: its keys look like 0000"),
        ({"keys": ["*"], "rest": "rest"}, r"chooses all of .* \(5 images\)"),
        ({"keys": ["0000"], "rest": "part"}, "give two names"),
        ({"keys": ["0000"], "above": 3}, "above and below are of a score"),
        ({"score": "psnr"}, "say which psnr to take"),
    ],
)
def test_choices_that_are_none(one: Path, tmp_path: Path, choice: dict[str, Any], said: str) -> None:
    with pytest.raises((UsageError, UnknownNameError), match=said):
        split(one, "part", root=tmp_path, **choice)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../out", "a/b", "", ".hidden"])
def test_a_set_lies_below_its_root(one: Path, two: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a folder"):
        join([one, two], name, root=tmp_path)


def test_nothing_is_written_over(
    one: Path, two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "both").mkdir()
    assert run(["join", str(one), str(two), "--name", "both", "--root", str(tmp_path)]) == 2
    assert "both is there already: give another --name or --root, or delete it" in capsys.readouterr().err
    joined = join([one, two], "joined", root=tmp_path)
    with pytest.raises(UsageError, match="holds a set made of other sets: give this one another --name"):
        prepare(PHOTOGRAPHS, scale=4, lmdb=True, root=tmp_path, name=joined.name, jobs=1)
    assert prepare(PHOTOGRAPHS, scale=4, lmdb=True, root=tmp_path, name="another", jobs=1).content.counts


def test_on_the_command_line(
    one: Path, two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(tmp_path)]
    assert run(["join", str(one), str(two), "--name", "both", *root]) == 0
    assert run(["split", str(tmp_path / "both"), "--name", "a", "--keys", "002*", "--rest", "b", *root]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"{tmp_path}/both: 8 train images",
        f"{tmp_path}/a: 3 train images",
        f"{tmp_path}/b: 5 train images",
    ]


def test_the_terms_are_those_of_all_images(one: Path, tmp_path: Path) -> None:
    """Images of a folder are not free to pass on because others of the set are."""
    content = read_set(one)
    sample = {"name": "sample", "digest": "0" * 64, "recipe": {"source": "sample"}}
    own = {"name": "one", "digest": content.digest, "recipe": content.recipe}
    free, mixed = (
        terms_of(content.model_copy(update={"recipe": {"from": members}}))
        for members in ([sample], [sample, own])
    )
    assert free.manifests == mixed.manifests
    assert (free.redistributable, mixed.redistributable) == (True, False)
    assert len(mixed.lines) == len(free.lines) + 1


@pytest.mark.parametrize("members", [3, ["a"], [{"digest": "x"}], [{"digest": "x", "recipe": {"from": []}}]])
def test_what_a_set_says_that_it_was_made_of_is_checked(one: Path, tmp_path: Path, members: Any) -> None:
    path = Path(shutil.copytree(one, tmp_path / "set"))
    plain = json.loads((path / "set.json").read_text())
    del plain["seal"]
    plain["recipe"]["from"] = members
    (path / "set.json").write_text(json.dumps(plain))
    with pytest.raises(UsageError, match="is damaged"):
        read_set(path)

"""A set whose folder grew: those shards alone are written that change, and readers keep what they have."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from srdata import PairedDataset
from srdata.difficulty import classify
from srdata.errors import ImageError
from srdata.preparation import Prepared, annotate, finish_plan, make_part, prepare, prepare_set, write_plan
from srdata.preparation.planned.grown_sets import grouped
from srdata.preparation.source_items import Item
from srdata.prepared.set_images import PreparedImages, explain, replay
from srdata.prepared.verification import verify
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
from srdata.store.windows import Windows
from tests.storing import write_picture


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number in range(5):
        write_picture(tmp_path / "pictures" / f"{number:04d}.png", number)
    return tmp_path / "pictures"


def prepared(pictures: Path, root: Path, lines: list[str] | None = None, **options: Any) -> Prepared:
    """In shards of two images."""
    log = (lambda line: None) if lines is None else lines.append
    return prepare(recipe(pictures), root=root, name="set", jobs=1, log=log, **options)


def recipe(pictures: Path) -> Recipe:
    store = Store(layout="lmdb", shard_bytes=45_000)
    return Recipe(
        name="set", folder=str(pictures), scales=(Scale(4),), degradation="bsrgan", seed=7, store=store
    )


def written(set_: Prepared) -> dict[str, int]:
    """The number of each shard's file, which is another one when it was written again."""
    return {one.name: one.stat().st_ino for one in Path(set_).glob("shards/*")}


def content(data: PairedDataset) -> dict[str, int]:
    return {str(data[i]["key"]): int(data[i]["hr"].sum() * 255) for i in range(len(data))}


def test_what_comes_last_rewrites_the_last_shard_and_gives_what_is_made_at_once(
    pictures: Path, tmp_path: Path
) -> None:
    first = prepared(pictures, tmp_path)
    before = written(first)
    for number in (5, 6):
        write_picture(pictures / f"{number:04d}.png", number)
    lines: list[str] = []
    grown = prepared(pictures, tmp_path, lines)
    assert [name for name, file in written(grown).items() if before.get(name) != file] == [
        "00002.lmdb",
        "00003.lmdb",
    ]
    assert "2 images new, gone or changed: making 1 of 3 shards anew, and 1 more" in "".join(lines)
    assert grown.content == prepared(pictures, tmp_path / "once").content
    assert "is prepared already" in prepared_again(pictures, tmp_path)


def prepared_again(pictures: Path, root: Path) -> str:
    lines: list[str] = []
    prepared(pictures, root, lines)
    return lines[-1]


def test_what_comes_between_goes_is_changed_rewrites_no_more(pictures: Path, tmp_path: Path) -> None:
    before = written(prepared(pictures, tmp_path))
    write_picture(pictures / "0000b.png", 30)  # joins the last
    (pictures / "0001.png").unlink()
    grown = prepared(pictures, tmp_path)
    assert [name for name, file in written(grown).items() if before[name] != file] == [
        "00000.lmdb",
        "00002.lmdb",
    ]
    assert PreparedImages(grown.path).index.keys.to_pylist() == ["0000", "0002", "0003", "0004", "0000b"]
    write_picture(pictures / "0003.png", 40)
    before = written(grown)
    changed = prepared(pictures, tmp_path)
    assert [name for name, file in written(changed).items() if before[name] != file] == ["00001.lmdb"]
    assert verify(changed, replay=5).ok
    assert replay(changed.path, "0000b") == ["0000b x4: bit for bit the stored image"]
    assert explain(changed.path, "0000b") == explain(prepared(pictures, tmp_path / "once").path, "0000b")


def test_readers_keep_what_they_have(pictures: Path, tmp_path: Path) -> None:
    path = prepared(pictures, tmp_path).path
    opened, unread = PairedDataset(path), PairedDataset(path)
    sent = pickle.dumps(PairedDataset(path))
    first = content(opened)
    (pictures / "0000.png").unlink()
    write_picture(pictures / "0003.png", 50)
    prepared(pictures, tmp_path)
    second = PairedDataset(path)
    write_picture(pictures / "0007.png", 7)
    write_picture(pictures / "0001.png", 60)
    prepared(pictures, tmp_path)
    assert content(unread) == content(pickle.loads(sent)) == content(opened) == first  # noqa: S301  # its own
    assert sorted(content(second)) == ["0001", "0002", "0003", "0004"]
    assert content(second)["0001"] == first["0001"] != content(PairedDataset(path))["0001"]
    assert content(second)["0003"] != first["0003"]


def test_a_run_that_ended_goes_on_with_the_same_shards(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is made once more, it is known no more from the set which image was where."""
    for root in ("ended", "not"):
        prepared(pictures, tmp_path / root)
    write_picture(pictures / "0000b.png", 30)
    (pictures / "0001.png").unlink()
    damaged = pictures / "0009.png"
    damaged.write_bytes((pictures / "0003.png").read_bytes()[:-90])
    with pytest.raises(ImageError, match=r"0009\.png"):
        prepared(pictures, tmp_path / "ended")
    assert not (tmp_path / "ended/set/set.json").exists()
    write_picture(damaged, 9)
    ended, whole = (prepared(pictures, tmp_path / root) for root in ("ended", "not"))
    assert ended.content == whole.content
    assert {one.name for one in Path(ended).iterdir()} == {one.name for one in Path(whole).iterdir()}


def test_a_plan_of_a_grown_folder_gives_the_same(pictures: Path, tmp_path: Path) -> None:
    for root in ("parts", "whole"):
        prepared(pictures, tmp_path / root)
    write_picture(pictures / "0000b.png", 30)
    plan = tmp_path / "plan.parquet"
    for _ in range(2):  # the second plan is made when there is no set any more
        write_plan(recipe(pictures), plan, root=tmp_path / "parts", name="set", jobs=1)
    for part in (2, 1):
        make_part(plan, (part, 2), jobs=1)
    assert finish_plan(plan).content == prepared(pictures, tmp_path / "whole").content


def test_columns_that_were_added_stay(pictures: Path, tmp_path: Path) -> None:
    path = prepared(pictures, tmp_path).path
    for number in range(5):
        (tmp_path / "texts").mkdir(exist_ok=True)
        (tmp_path / f"texts/{number:04d}.txt").write_text(f"cat {number}")
    annotate(path, tmp_path / "texts", column="caption")
    (pictures / "0002.png").unlink()
    write_picture(pictures / "0009.png", 9)
    prepared(pictures, tmp_path)
    images = PreparedImages(path)
    assert dict(zip(images.index.keys.to_pylist(), images.columns["caption"].to_pylist(), strict=True)) == {
        "0000": "cat 0",
        "0001": "cat 1",
        "0003": "cat 3",
        "0004": "cat 4",
        "0009": None,
    }
    assert verify(path).ok


def test_scores_are_made_again_where_that_is_said(pictures: Path, tmp_path: Path) -> None:
    path = prepared(pictures, tmp_path).path
    windows = Windows(size=32, step=16)
    classify(path, "deviation", windows=windows, jobs=1)
    write_picture(pictures / "0009.png", 9)
    lines: list[str] = []
    prepared(pictures, tmp_path, lines)
    assert f"the scores of {path} are of what it was: run `srdata classify` again for those of all" in lines
    classify(path, "deviation", windows=windows, jobs=1)
    data = PairedDataset(path, windows=windows)
    assert len(data.scores("deviation")) == len(data)


def test_where_there_are_no_links_copies_are_kept(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*names: object) -> None:
        raise OSError("this file system has no links")

    path = prepared(pictures, tmp_path).path
    old = PairedDataset(path)
    first = content(PairedDataset(path))
    write_picture(pictures / "0004.png", 60)
    monkeypatch.setattr("os.link", refuse)
    prepared(pictures, tmp_path)
    assert content(old) == first


@pytest.mark.parametrize(
    ("now", "before", "groups"),
    [
        ("abcdefgh", (), "abc def gh"),
        ("abcdefghij", ("abc", "def", "gh"), "abc def ghi j"),
        ("abxcdefgh", ("abc", "def", "gh"), "abc def ghx"),
        ("abcgh", ("abc", "def", "gh"), "abc gh"),
        ("ghxyz", ("abc", "def", "gh"), "ghx yz"),
        ("xyzu", ("abc", "d"), "xyz u"),
        ("c", ("ab", "c", "de", "f"), "c"),
        ("", ("ab",), ""),
    ],
)
def test_images_stay_in_their_shards(now: str, before: tuple[str, ...], groups: str) -> None:
    items = [Item(key, "train", "set", Path(key)) for key in now]
    found = grouped(items, 3, [list(keys) for keys in before])
    assert " ".join("".join(item.key for item in group) for group in found) == groups


def test_the_set_is_kept_before_it_is_undeclared(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*arguments: object) -> None:
        raise KeyboardInterrupt

    path = prepared(pictures, tmp_path).path
    write_picture(pictures / "0009.png", 9)
    with monkeypatch.context() as patch:
        patch.setattr(prepare_set, "keep_version", ended)
        with pytest.raises(KeyboardInterrupt):
            prepared(pictures, tmp_path)
    assert (Path(path) / "set.json").exists()
    assert verify(prepared(pictures, tmp_path)).ok

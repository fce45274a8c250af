"""Images that show the same: in sets and folders of any kind, by any number of processes."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from srdata import catalog, copies, preparation
from srdata.catalog import Shelf
from srdata.copies import Gallery, benchmarks, find_copies, hashes_of, prepared_below
from srdata.images import read_image
from srdata.phash import phash


def test_a_set_and_its_folder_have_the_same_images(
    tmp_path: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "_TASK", 2)
    built = preparation.prepare("sample", scale=1, lmdb=True, root=tmp_path, jobs=1)
    folder, prepared = Gallery(photographs), Gallery(built.path)
    paths = [photographs / folder.key(number) for number in range(len(folder))]
    assert [prepared.key(number) for number in range(5)] == [path.stem for path in paths]
    assert {prepared.place(number) for number in range(5)} == {"train"}
    wanted = [phash(read_image(path)) for path in paths]
    assert hashes_of(folder, jobs=1).tolist() == wanted
    assert hashes_of(prepared, jobs=2).tolist() == wanted
    assert find_copies(hashes_of(prepared, jobs=1), hashes_of(folder, jobs=1)).total == 5


def test_a_folder_may_hold_images_that_no_set_admits(tmp_path: Path, photographs: Path) -> None:
    image = cv2.imread(str(photographs / "coffee.png"))
    cv2.imwrite(str(tmp_path / "deep.png"), image.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "clear.png"), np.dstack([image, np.full(image.shape[:2], 128, np.uint8)]))
    deep, clear = (Gallery(tmp_path).key(number) for number in (1, 0))
    assert (deep, clear) == ("deep.png", "clear.png")
    assert len(set(hashes_of(Gallery(tmp_path), jobs=1).tolist())) == 1


def test_all_pairs_are_counted_and_the_nearest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_PAIRS", 7)
    rng = np.random.default_rng(2)
    hashes = np.array([sum(1 << int(bit) for bit in rng.choice(8, 3, False)) for _ in range(40)], np.uint64)
    pairs = [
        (int(one ^ other).bit_count(), i, j)
        for (i, one), (j, other) in itertools.combinations(enumerate(hashes), 2)
    ]
    found = find_copies(hashes, bits=4, shown=30)
    near = sorted(pair for pair in pairs if pair[0] <= 4)
    assert found.total == len(near) > 100
    assert [(pair.bits, pair.one, pair.other) for pair in found.nearest] == near[:30]


def test_benchmarks_are_the_manifests_with_a_test_split() -> None:
    folder = catalog.folder(Shelf.MANIFESTS)
    texts = {path.stem: yaml.safe_load(path.read_text()) for path in folder.glob("*.yaml")}
    wanted = {
        name
        for name, manifest in texts.items()
        if any((one["split"], one["track"]) == ("test", "HR") for one in manifest.get("sets", []))
    }
    assert {one.name for one in benchmarks()} == wanted > {"set5", "set14", "b100", "urban100"}


def test_what_is_no_test_set_or_cannot_be_read_is_not_one(tmp_path: Path) -> None:
    preparation.prepare("sample", scale=4, lmdb=True, root=tmp_path, jobs=1)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "set.json").write_text("{")
    assert prepared_below(tmp_path, benchmarks()) == {}

"""The rules by which images and tiles are chosen, at their edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from srdata import prepare
from srdata.curation import likeness
from srdata.curation.best_tiles import OVERLAPS, judge_tiles
from srdata.curation.choose_images import choose
from srdata.curation.judge_images import Scoring
from srdata.curation.likeness import best_first, duplicates, same_sketches, same_vectors
from srdata.duplicates.perceptual_hash import identical, sketch
from srdata.images import ImagePolicy
from srdata.prepared.set_images import PreparedImages
from srdata.recipes.image_choice import ChoiceSettings, ImageChoice, Likeness, Tile, Tiles


def test_an_image_without_a_number_comes_last() -> None:
    first, second = np.array([np.nan, 1.0, 2.0, 2.0]), np.array([9.0, 0.0, 1.0, 3.0])
    assert best_first({"a": first}, ["a"], 4) == [2, 3, 1, 0]
    assert best_first({"a": first, "b": second}, ["a", "b"], 4) == [3, 2, 1, 0]


def test_none_goes_for_one_that_goes_itself() -> None:
    assert duplicates([(0, 1), (1, 2)], [0, 1, 2]) == {1: 0}, "2 is like 1 alone, which is not there any more"
    assert duplicates([(0, 1), (0, 2), (1, 2)], [2, 1, 0]) == {1: 2, 0: 2}
    assert duplicates([(0, 1), (1, 2)], [1, 0, 2]) == {0: 1, 2: 1}


def test_the_same_image_over_and_over_makes_no_pairs(photographs: Path) -> None:
    """Such as frames of a film that show nothing: each goes for the best one as it would by pairs."""
    rng = np.random.default_rng(0)
    found = [
        np.asarray(Image.open(photographs / name).convert("RGB")) for name in ("coffee.png", "chelsea.png")
    ]
    altered = [(one // 8 * 8, one[:, ::-1], one[4:, 4:], np.zeros_like(one)) for one in found]
    distinct = [sketch(image) for one, others in zip(found, altered, strict=True) for image in (one, *others)]
    sketches = np.stack([distinct[number] for number in rng.integers(0, len(distinct), 120)])
    groups = identical(sketches)
    pairs, fewer = list(same_sketches(sketches)), list(same_sketches(sketches, groups))
    assert {tuple(one) for one in pairs} - {tuple(one) for one in fewer} == {
        (one, other) for one, other in pairs if (sketches[one] == sketches[other]).all()
    }
    for _ in range(5):
        order = rng.permutation(len(sketches)).tolist()
        assert duplicates(fewer, order, groups.tolist()) == duplicates(pairs, order)
    many = np.repeat(sketches[:1], 3000, axis=0)
    assert not list(same_sketches(many, identical(many)))


@pytest.mark.parametrize("rows", [1, 2, 1024])
def test_vectors_of_just_the_cosine_that_was_asked_for_are_alike(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Whatever of them is compared at a time."""
    monkeypatch.setattr(likeness, "_ROWS", rows)
    vectors = np.array([[1, 0], [0, 1], [1, 0], [0.6, 0.8]], np.float32)
    assert sorted(same_vectors(vectors, 1.0)) == [(0, 2)]
    assert sorted(same_vectors(vectors, 0.7)) == [(0, 2), (1, 3)]


@pytest.mark.parametrize(("left", "why"), [(48, ""), (47, OVERLAPS)])
def test_a_tile_may_be_covered_by_just_the_share_that_was_given(left: int, why: str) -> None:
    settings = Tiles(size=96, overlap=0.5)
    choice = ImageChoice(None, {}, settings, Likeness())
    assert judge_tiles([Tile(1, 0, 0, 96), Tile(1, 0, left, 96)], {}, choice, settings) == ["", why]


def test_an_image_whose_better_copy_is_left_out_stays(photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    large = Image.open(photographs / "coffee.png").crop((40, 40, 296, 296))
    large.save(folder / "large.png")
    ImageOps.mirror(large.resize((96, 96))).save(folder / "small.png")
    for where, kept in {"not duplicate": "large", "pixels < 20000 and not duplicate": "small"}.items():
        built = prepare(folder, scale=4, root=tmp_path, name=kept, jobs=1, where=where)
        assert PreparedImages(built).index.keys.to_pylist() == [kept]


def test_an_image_that_cannot_be_read_is_left_to_preparing_though_there_are_no_tiles(
    photographs: Path, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.png"
    torn.write_bytes((photographs / "coffee.png").read_bytes()[:5000])
    settings = ChoiceSettings(tiles=Tiles(size=96))
    assert choose({"torn": torn}, settings, Scoring(tmp_path, ImagePolicy(), jobs=1)).kept == {"torn": None}

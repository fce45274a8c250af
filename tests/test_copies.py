"""Images that show the same: in sets and folders of any kind, by any number of processes."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import MakeSample

from srdata.duplicates import copies
from srdata.duplicates.copies import Gallery, find_copies, sketches_of
from srdata.duplicates.perceptual_hash import hash_of, sketch
from srdata.images import read_image


def test_a_set_and_its_folder_have_the_same_images(
    sample: MakeSample, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "_TASK", 2)
    folder, prepared = Gallery(photographs), Gallery(sample(scale=1, lmdb=True))
    paths = [photographs / folder.key(number) for number in range(len(folder))]
    assert [prepared.key(number) for number in range(5)] == [path.stem for path in paths]
    assert {prepared.place(number) for number in range(5)} == {"train"}
    wanted = np.stack([sketch(read_image(path)) for path in paths])
    assert np.array_equal(sketches_of(folder, jobs=1), wanted)
    assert np.array_equal(sketches_of(prepared, jobs=2), wanted)
    found = find_copies(sketches_of(prepared, jobs=1), wanted)
    assert (found.total, found.ones, found.others) == (5, set(range(5)), set(range(5)))
    assert [tuple(pair) for pair in found.nearest] == [(number, number, 0, 0) for number in range(5)]


def test_a_folder_may_hold_images_that_no_set_admits(tmp_path: Path, photographs: Path) -> None:
    image = cv2.imread(str(photographs / "coffee.png"))
    cv2.imwrite(str(tmp_path / "deep.png"), image.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "clear.png"), np.dstack([image, np.full(image.shape[:2], 128, np.uint8)]))
    deep, clear = (Gallery(tmp_path).key(number) for number in (1, 0))
    assert (deep, clear) == ("deep.png", "clear.png")
    one, other = sketches_of(Gallery(tmp_path), jobs=1)
    assert np.array_equal(one, other)


def bits_apart(one: np.ndarray, other: np.ndarray) -> int:
    return (int(hash_of(one)) ^ int(hash_of(other))).bit_count()


@pytest.mark.parametrize("among", [True, False])
def test_all_pairs_are_counted_and_the_nearest_are_kept(among: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_PAIRS", 7)
    rng = np.random.default_rng(2)
    smooth = [cv2.GaussianBlur(rng.uniform(-1, 1, (32, 32)), (0, 0), 3) for _ in range(4)]
    bases = [128 + 100 * one / np.abs(one).max() for one in smooth]
    varied = [np.rot90(bases[n % 4], n // 4) + rng.normal(0, n % 7 * 6, (32, 32)) for n in range(48)]
    sketches = np.clip([one.T if n % 3 else one for n, one in enumerate(varied)], 0, 255).astype(np.uint8)
    others = sketches if among else sketches[::-1][:30]
    pairs = []
    for (i, one), (j, other) in itertools.product(enumerate(sketches), enumerate(others)):
        ways = [np.rot90(side, turns) for side in (other, other.T) for turns in range(4)]
        least, nearest = min(((bits_apart(one, way), way) for way in ways), key=lambda pair: pair[0])
        alike = np.corrcoef(one.ravel(), nearest.ravel())[0, 1] >= 0.8
        if least <= 12 and alike and (i < j or not among):
            pairs.append((least, i, j))
    found = find_copies(sketches, None if among else others, shown=30)
    assert found.total == len(pairs) > 60
    assert found.ones == {i for _, i, _ in pairs}
    assert found.others == {j for _, _, j in pairs}
    assert [(pair.bits, pair.one, pair.other) for pair in found.nearest] == sorted(pairs)[:30]


def test_bits_that_agree_by_chance_make_no_copy() -> None:
    """The same 64 bits out of low frequencies, beside all else that an image may hold."""
    rng = np.random.default_rng(4)
    base = cv2.resize(rng.uniform(100, 156, (8, 8)), (32, 32), interpolation=cv2.INTER_CUBIC)
    high = np.indices((32, 32)).sum(0) % 2 * 2 - 1.0
    one, other = ((base + sign * 90 * high).clip(0, 255).astype(np.uint8) for sign in (1, -1))
    assert bits_apart(one, other) <= 12
    assert find_copies(one[None], other[None]).total == 0
    assert find_copies(one[None], one[None]).total == 1

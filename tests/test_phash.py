"""Perceptual hashes: those of imagehash, near for copies, far for other images."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
from PIL import Image

from srdata.duplicates import perceptual_hash as module
from srdata.duplicates.perceptual_hash import ALIKE, NEAR, TURNS, alike, hash_of, near_pairs, sketch
from srdata.images import Pixels, read_image, turned


@pytest.fixture(scope="module")
def images(photographs: Path) -> list[Pixels]:
    paths = sorted(path for path in photographs.iterdir() if path.suffix in {".png", ".jpg"})
    assert len(paths) == 5
    return [read_image(path) for path in paths]


def many(images: list[Pixels]) -> Iterator[Pixels]:
    """The photographs, parts of them, and noise, in which all frequencies are about as strong."""
    yield from images
    rng = np.random.default_rng(5)
    for number in range(50):
        start, side = int(rng.integers(0, 100)), int(rng.integers(20, 180))
        yield np.ascontiguousarray(images[number % 5][start : start + side, start:])
        yield rng.integers(0, 256, (32, 32, 3), np.uint8)


def apart(one: np.uint64, other: np.uint64) -> int:
    return (int(one) ^ int(other)).bit_count()


def test_the_hash_is_that_of_its_definition(images: list[Pixels]) -> None:
    for image in many(images):
        grey = np.asarray(Image.fromarray(image).convert("L").resize((32, 32), Image.Resampling.LANCZOS))
        low = scipy.fft.dctn(grey.astype(float), type=2)[:8, :8]
        bits = "".join("1" if value > np.median(low) else "0" for value in low.ravel())
        assert int(hash_of(sketch(image))) == int(bits, 2)


def test_the_hash_is_that_of_imagehash(images: list[Pixels]) -> None:
    imagehash = pytest.importorskip("imagehash")
    for image in many(images):
        assert f"{int(hash_of(sketch(image))):016x}" == str(imagehash.phash(Image.fromarray(image)))


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.5])
@pytest.mark.parametrize("quality", [10, 30, 90])
def test_copies_are_near(images: list[Pixels], factor: float, quality: int) -> None:
    for image in images:
        small = Image.fromarray(image)
        small = small.resize((round(small.width * factor), round(small.height * factor)))
        file = io.BytesIO()
        small.save(file, "JPEG", quality=quality)
        assert apart(hash_of(sketch(image)), hash_of(sketch(np.array(Image.open(file))))) <= 8


def test_other_images_are_far(images: list[Pixels]) -> None:
    hashes = [hash_of(sketch(image)) for image in images]
    assert min(apart(one, other) for one, other in itertools.combinations(hashes, 2)) > 2 * NEAR


@pytest.mark.parametrize("chunk", [1, 100, 1 << 22])
def test_near_pairs_are_all_that_counting_bits_finds(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 1 << 64, 60, np.uint64)
    for place, bits in ((7, 3), (20, 0), (41, 8), (59, 9)):
        flipped = sum(1 << int(bit) for bit in rng.choice(64, bits, replace=False))
        hashes[place] = int(hashes[place - 5]) ^ flipped
    others = np.stack([~hashes[:40], hashes[20:] ^ np.uint64(1)], 1)
    ways = list(enumerate(zip(hashes, ~hashes, strict=True)))
    among = [
        min((i, j, apart(hashes[i], way), turn) for turn, way in enumerate(both))
        for i, (j, both) in itertools.product(range(60), ways)
        if i < j
    ]
    between = [
        min(((i, j, apart(a, b), turn) for turn, b in enumerate(both)), key=lambda pair: pair[2])
        for i, a in enumerate(hashes)
        for j, both in enumerate(others)
    ]
    found = list(near_pairs(hashes, np.stack([hashes, ~hashes], 1), 8, among=True))
    assert found == [pair for pair in among if pair[2] <= 8]
    assert len(found) == 3
    assert list(near_pairs(hashes, others, 9)) == [pair for pair in between if pair[2] <= 9]


def test_a_turn_of_the_sketch_is_the_turn_of_the_image(images: list[Pixels]) -> None:
    by_name = {
        "": lambda image: image,
        "flipped left to right": np.fliplr,
        "flipped top to bottom": np.flipud,
        "turned by 180°": lambda image: np.rot90(image, 2),
        "transposed": lambda image: image.transpose(1, 0, 2),
        "turned clockwise": lambda image: np.rot90(image, -1),
        "turned anticlockwise": np.rot90,
        "transposed along the other diagonal": lambda image: np.rot90(image, 2).transpose(1, 0, 2),
    }
    assert list(by_name) == list(TURNS)
    for image in images:
        for turn, name in enumerate(TURNS):
            wanted = sketch(np.ascontiguousarray(by_name[name](image)))
            assert np.abs(turned(sketch(image), turn).astype(int) - wanted).mean() < 0.5
            assert apart(hash_of(turned(sketch(image), turn)), hash_of(wanted)) <= 2


def test_alike_is_the_correlation(images: list[Pixels]) -> None:
    small = np.stack([sketch(image) for image in images])
    rng = np.random.default_rng(3)
    for amount in np.linspace(0, 250, 40):
        noisy = np.clip(small + rng.normal(0, amount, small.shape), 0, 255).astype(np.uint8)
        wanted = [
            np.corrcoef(one.ravel(), other.ravel())[0, 1] >= ALIKE
            for one, other in zip(small, noisy, strict=True)
        ]
        assert alike(small, noisy).tolist() == wanted
    assert alike(small, small[::-1]).tolist() == [False, False, True, False, False]
    flat = np.full((1, 32, 32), 7, np.uint8)
    assert alike(flat, flat * 2).all()

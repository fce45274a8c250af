"""Photographs of any size and number: mosaics of the packaged ones, the same on every machine."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.rng import generator

Image = NDArray[np.uint8]

SAMPLE = Path(__file__).parents[1] / "manifests" / "sample"
DIV2K_SIZE = (1356, 2040)  # the commonest in DIV2K
TILE = 256


def mosaic(number: int, size: tuple[int, int] = DIV2K_SIZE) -> Image:
    """RGB picture `number` of that height and width: tiles cut from the photographs, flipped at random."""
    height, width = size
    rng = generator("mosaic", number)
    picture = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            part = picture[top : top + TILE, left : left + TILE]
            part[...] = _tile(rng)[: part.shape[0], : part.shape[1]]
    return picture


def write_mosaics(folder: Path, count: int, size: tuple[int, int] = DIV2K_SIZE) -> Path:
    """A folder of `count` mosaics as PNG files, 0001.png and on."""
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        picture = cv2.cvtColor(mosaic(number, size), cv2.COLOR_RGB2BGR)
        if not cv2.imwrite(str(folder / f"{number:04d}.png"), picture):
            raise OSError(f"cannot write to {folder}")
    return folder


def _tile(rng: np.random.Generator) -> Image:
    photographs = _photographs()
    photograph = photographs[rng.integers(len(photographs))]
    height, width = photograph.shape[:2]
    top, left = rng.integers(height - TILE + 1), rng.integers(width - TILE + 1)
    return photograph[top : top + TILE, left : left + TILE][:: rng.choice([1, -1]), :: rng.choice([1, -1])]


@cache
def _photographs() -> list[Image]:
    paths = sorted(path for path in SAMPLE.iterdir() if path.suffix in {".png", ".jpg"})
    images = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in paths]
    return [image for image in images if image is not None]

"""MATLAB's bicubic on one image, to a quarter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.basicsr import BasicSR, find_basicsr
from benchmarks.comparison import Work, alternate
from benchmarks.pictures import mosaic
from benchmarks.tables import Table, times
from srdata import imresize

ROUNDS = 15
GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "set5"

Image = NDArray[np.uint8]
Way = Callable[[Image], Image]


def run(folder: Path, peers: Path | None) -> Table:
    """Time one 2040x1356 image; count the samples of Set5 x4 that differ from MATLAB's."""
    picture = mosaic(0)
    ways: dict[str, Way] = {"srdata": lambda image: imresize(image, 1 / 4)}
    works: dict[str, Work] = {"srdata": lambda: imresize(picture, 1 / 4)}
    if basicsr := find_basicsr(peers):
        floats = picture.astype(np.float32) / 255
        ways["BasicSR"] = lambda image: to_quarter(basicsr, image)
        works["BasicSR"] = lambda: to_quarter(basicsr, picture)
        works["BasicSR, without the conversions from and to uint8"] = lambda: basicsr.imresize(floats, 1 / 4)
    seconds = alternate(works, ROUNDS)
    rows = [
        [
            name,
            f"{value * 1e3:.1f} ms",
            times(value, seconds["srdata"]),
            _wrong(ways[name]) if name in ways else "",
        ]
        for name, value in seconds.items()
    ]
    columns = ["", "2040x1356 → 510x339", "of srdata's time", "samples of Set5 x4 that differ from MATLAB's"]
    return Table("MATLAB bicubic, one uint8 RGB image x1/4, one thread", columns, rows)


def to_quarter(basicsr: BasicSR, image: Image) -> Image:
    """BasicSR's imresize as it is meant: floats in 0 to 1 go in, what comes out is clipped and rounded."""
    resized = basicsr.imresize(image.astype(np.float32) / 255, 1 / 4)
    return (resized.clip(0, 1) * 255).round().astype(np.uint8)


def _wrong(way: Way) -> str:
    if not GOLDEN.is_dir():
        return "not measured: MATLAB's files are not here"
    wrong = total = 0
    for path in sorted((GOLDEN / "HR").glob("*.png")):
        lr = cv2.imread(str(GOLDEN / "LR_bicubic" / "X4" / f"{path.stem}x4.png"))
        hr = cv2.imread(str(path))[: lr.shape[0] * 4, : lr.shape[1] * 4]
        wrong += int((way(hr) != lr).sum())
        total += lr.size
    return f"{wrong / total:.2%} ({wrong} of {total})"

"""PSNR and SSIM on Y of a folder of SR images of the size of Urban100's, beside BasicSR's functions."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import srdata
from benchmarks.basicsr import find_basicsr
from benchmarks.comparison import Work, alternate, in_process
from benchmarks.pictures import write_mosaics
from benchmarks.tables import Table, times
from srdata.images import read_image, write_png
from srdata.metrics import PROTOCOLS, psnr, ssim
from srdata.metrics.compared_planes import compared
from srdata.metrics.plane_scores import scores
from srdata.scale import Scale

IMAGES, SIZE, SCALE = 8, (768, 1024), 4
ROUNDS = 5


def run(folder: Path, peers: Path | None) -> Table:
    """Milliseconds of the processor for each image, with and without reading it; and the means."""
    hr = write_mosaics(folder / "hr", IMAGES, SIZE)
    sr = folder / "sr"
    sr.mkdir()
    for path in sorted(hr.iterdir()):
        small = srdata.imresize(read_image(path), scale=1 / SCALE)
        write_png(sr / path.name, srdata.imresize(small, scale=SCALE))
    names = [path.name for path in sorted(hr.iterdir())]
    pairs = [(read_image(sr / name), read_image(hr / name)) for name in names]
    means: dict[str, Scores] = {}
    whole: dict[str, Work] = {
        "srdata": lambda: means.update(srdata=_by_verb(sr, hr)),
        "decoding alone, by srdata": lambda: [read_image(one / name) for name in names for one in (sr, hr)],
    }
    alone: dict[str, Work] = {
        "srdata": lambda: _scored(pairs),
        "srdata, `psnr` and `ssim`": lambda: [(psnr(*pair, SCALE), ssim(*pair, SCALE)) for pair in pairs],
    }
    if peers and find_basicsr(peers):
        theirs = basicsr_scores(peers / "BasicSR")
        swapped = [tuple(np.ascontiguousarray(one[..., ::-1]) for one in pair) for pair in pairs]
        whole["BasicSR"] = lambda: means.update(BasicSR=theirs(_read(sr, hr, names)))
        whole["decoding alone, by OpenCV"] = lambda: list(_read(sr, hr, names))
        alone["BasicSR"] = lambda: theirs(swapped)
    works = {("whole", name): work for name, work in whole.items()}
    works |= {("alone", name): work for name, work in alone.items()}
    found = alternate(works, ROUNDS, clock=time.process_time)
    python = (peers or folder) / "streams" / "bin" / "python"
    if python.exists():
        told = in_process(python, Path(__file__).with_name("pyiqa_scores.py"), sr, hr, SCALE)
        _, taken, *means["pyiqa"] = json.loads(told.splitlines()[-1])
        found["whole", "pyiqa"] = taken * IMAGES
    return _table(found, means)


Scores = Sequence[float]
Pairs = Iterable[Sequence[Any]]


def _by_verb(sr: Path, hr: Path) -> Scores:
    found = srdata.evaluate(sr, scale=SCALE, hr=hr)
    return [sum(column.values) / IMAGES for column in found.columns]


def _scored(pairs: Pairs) -> list[Scores]:
    """As `evaluate` does it once files are read: what is compared is made once for both."""
    compare = partial(compared, protocol=PROTOCOLS["basicsr_y"], scale=Scale(SCALE))
    return [[float(value) for value in scores(compare(*pair), with_ssim=True)] for pair in pairs]


def basicsr_scores(checkout: Path) -> Callable[[Pairs], Scores]:
    """What BasicSR's validation does with pairs of BGR images: the mean PSNR and SSIM."""
    metrics = type(sys)("basicsr.metrics")
    metrics.__path__ = [str(checkout / "basicsr" / "metrics")]
    sys.modules.setdefault("basicsr.metrics", metrics)
    measures = importlib.import_module("basicsr.metrics.psnr_ssim")
    options = {"crop_border": SCALE, "test_y_channel": True}
    functions = measures.calculate_psnr, measures.calculate_ssim

    def scores(pairs: Pairs) -> Scores:
        found = [[function(*pair, **options) for function in functions] for pair in pairs]
        return np.mean(found, axis=0).tolist()

    return scores


def _read(sr: Path, hr: Path, names: Sequence[str]) -> Pairs:
    """As its data set does."""
    return ([cv2.imread(str(one / name), cv2.IMREAD_COLOR) for one in (sr, hr)] for name in names)


def _table(found: Mapping[tuple[str, str], float], means: Mapping[str, Scores]) -> Table:
    rows = []
    for name in dict.fromkeys(name for _, name in found):
        row = [name]
        for way in ("whole", "alone"):
            taken, unit = found.get((way, name)), found[way, "srdata"]
            row += [f"{taken / IMAGES * 1e3:.1f} ms", times(taken, unit)] if taken else ["", ""]
        rows.append(row + [f"{value:.6f}" for value in means.get(name, ())])
    rows = [[*row, *[""] * (7 - len(row))] for row in rows]
    columns = ["", "from files", "of srdata's", "of decoded images", "of srdata's", "mean PSNR", "mean SSIM"]
    note = (
        f"CPU time for an image: {IMAGES} mosaics of {SIZE[1]}x{SIZE[0]} as PNG files, their bicubic "
        f"x{SCALE}; one thread. From files: `srdata.evaluate`, and `cv2.imread` with BasicSR's functions."
    )
    return Table(f"evaluate, x{SCALE}, PSNR and SSIM on Y", columns, rows, note)

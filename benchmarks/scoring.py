"""PSNR and SSIM on Y of a folder of SR images of the size of Urban100's, beside BasicSR's functions."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

import cv2

import srdata
from benchmarks.basicsr import find_basicsr
from benchmarks.comparison import Work, alternate, in_process
from benchmarks.pictures import write_mosaics
from benchmarks.tables import Table, times
from srdata.images import read_image, write_png

IMAGES, SIZE, SCALE = 8, (768, 1024), 4
ROUNDS = 5


def run(folder: Path, peers: Path | None) -> Table:
    """Milliseconds of the processor for each image, files read included, and the means, which agree."""
    hr = write_mosaics(folder / "hr", IMAGES, SIZE)
    sr = folder / "sr"
    sr.mkdir()
    for path in sorted(hr.iterdir()):
        small = srdata.imresize(read_image(path), scale=1 / SCALE)
        write_png(sr / path.name, srdata.imresize(small, scale=SCALE))
    means: dict[str, tuple[float, float]] = {}

    def ours() -> None:
        found = srdata.evaluate(sr, scale=SCALE, hr=hr)
        psnr, ssim = (sum(column.values) / IMAGES for column in found.columns)
        means["srdata"] = psnr, ssim

    works: dict[str, Work] = {"srdata": ours}
    if find_basicsr(peers) and peers:
        works["BasicSR"] = lambda: means.update({"BasicSR": _by_basicsr(peers / "BasicSR", sr, hr)})
    found = {
        name: [value / IMAGES, *means[name]]
        for name, value in alternate(works, ROUNDS, clock=time.process_time).items()
    }
    python = (peers or folder) / "streams" / "bin" / "python"
    if python.exists():
        told = in_process(python, Path(__file__).with_name("pyiqa_scores.py"), sr, hr, SCALE)
        found["pyiqa"] = json.loads(told.splitlines()[-1])[1:]
    unit = found["srdata"][0]
    rows = [
        [name, f"{value * 1e3:.0f} ms", times(value, unit), f"{psnr:.6f}", f"{ssim:.6f}"]
        for name, (value, psnr, ssim) in found.items()
    ]
    columns = ["", "CPU time for each image", "of srdata's", "mean PSNR", "mean SSIM"]
    note = f"{IMAGES} mosaics of {SIZE[1]}x{SIZE[0]} as PNG files, their bicubic x{SCALE}; one thread."
    return Table(f"evaluate, x{SCALE}, PSNR and SSIM on Y", columns, rows, note)


def _by_basicsr(checkout: Path, sr: Path, hr: Path) -> tuple[float, float]:
    """What its validation does with each image."""
    metrics = type(sys)("basicsr.metrics")
    metrics.__path__ = [str(checkout / "basicsr" / "metrics")]
    sys.modules.setdefault("basicsr.metrics", metrics)
    measures = importlib.import_module("basicsr.metrics.psnr_ssim")
    options = {"crop_border": SCALE, "test_y_channel": True}
    psnr, ssim = 0.0, 0.0
    for path in sorted(hr.iterdir()):
        one, other = (cv2.imread(str(file), cv2.IMREAD_COLOR) for file in (sr / path.name, path))
        psnr += measures.calculate_psnr(one, other, **options) / IMAGES
        ssim += measures.calculate_ssim(one, other, **options) / IMAGES
    return psnr, ssim

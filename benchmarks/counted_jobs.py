"""Small fixed jobs, one after the other, whose instructions valgrind counts: counted_jobs.py LIBRARY FOLDER

LIBRARY is `counting.c` compiled, which tells valgrind when to begin and to end.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import torch

import srdata
from benchmarks.pictures import mosaic, write_mosaics
from benchmarks.scale import write_tiny
from srdata.degrade.chain import load_chain
from srdata.degrade.numerics import backend
from srdata.images import write_png
from srdata.preparation import write_plan
from srdata.store.block_reading import mapped_pages

SIZE = (240, 320)
Job = Callable[[int], object]  # of the number of the run


def plan(folder: Path) -> Job:
    """A plan of 500 files."""
    images = write_tiny(folder / "images", 500)
    return lambda run: write_plan(
        images, folder / f"{run}.parquet", root=folder, name=str(run), jobs=1, scale=4, lmdb=True
    )


def prepare(folder: Path) -> Job:
    """A set of two images of 320x240, x4, raw."""
    images = write_mosaics(folder / "images", 2, SIZE)
    return lambda run: srdata.prepare(images, scale=4, lmdb=True, root=folder, name=str(run), jobs=1)


def load(folder: Path) -> Job:
    """50 batches of 16 crops of 96 pixels, turned, as float32."""
    images = write_mosaics(folder / "images", 2, SIZE)
    srdata.prepare(images, scale=4, lmdb=True, root=folder, name="set", jobs=1)
    data = srdata.PairedDataset(folder / "set", patch_size=96)
    mapped_pages.major_faults = lambda: 0  # programs wait for pages of their own, as the disk has time
    batches = srdata.Loader(data, 16, augment=["dihedral"], workers=0, repeat=800).forever()
    return lambda run: [len(next(batches)) for _ in range(50)]


def degrade(folder: Path) -> Job:
    """An image of 320x240 by Real-ESRGAN, drawn and applied."""
    chain = load_chain("realesrgan-x4")
    hr = backend.from_levels(backend.to_batch([mosaic(0, SIZE)]))
    return lambda run: chain.pair(hr, chain.sample_batch([0], 0, 0), 4)


def evaluate(folder: Path) -> Job:
    """PSNR and SSIM of a file of 320x240 as BasicSR has them."""
    hr = write_mosaics(folder / "hr", 1, SIZE)
    (folder / "sr").mkdir()
    small = srdata.imresize(mosaic(1, SIZE), scale=1 / 4)
    write_png(folder / "sr" / "0001.png", srdata.imresize(small, scale=4))
    return lambda run: srdata.evaluate(folder / "sr", scale=4, hr=hr)


JOBS: dict[str, Callable[[Path], Job]] = {
    one.__name__: one for one in (plan, prepare, load, degrade, evaluate)
}


if __name__ == "__main__":
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    gc.disable()  # it comes when it likes
    counting = ctypes.CDLL(sys.argv[1])
    for name, make in JOBS.items():
        folder = Path(sys.argv[2], name)
        folder.mkdir()
        job = make(folder)
        job(0)  # what is made once
        counting.begin()
        job(1)
        counting.end(name.encode())

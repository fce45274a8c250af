"""Small fixed jobs, one after the other, for valgrind to count their instructions: counted_jobs.py FOLDER"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

import srdata
from benchmarks.pictures import mosaic, write_mosaics
from srdata.degrade.chain import load_chain
from srdata.degrade.numerics import backend
from srdata.metrics import psnr, ssim

SIZE = (240, 320)
Job = Callable[[], object]


def prepare(folder: Path) -> Job:
    """Two images into a set, x4, raw."""
    images = write_mosaics(folder / "images", 2, SIZE)
    numbers = iter(range(9))
    return lambda: srdata.prepare(images, scale=4, lmdb=True, root=folder, name=f"{next(numbers)}", jobs=1)


def load(folder: Path) -> Job:
    """Eight batches of 16 crops of 96 HR pixels, flipped and turned, as float32."""
    images = write_mosaics(folder / "images", 2, SIZE)
    srdata.prepare(images, scale=4, lmdb=True, root=folder, name="set", jobs=1)
    data = srdata.PairedDataset(folder / "set", patch_size=96)
    batches = srdata.Loader(data, 16, augment=["dihedral"], workers=0, repeat=256).forever()
    return lambda: [len(next(batches)) for _ in range(8)]


def degrade(folder: Path) -> Job:
    """Two images by BSRGAN."""
    chain, numbers = load_chain("bsrgan"), iter(range(99))
    hr = backend.from_levels(backend.to_batch([mosaic(0, SIZE)]))
    return lambda: [chain.pair(hr, chain.sample_batch([next(numbers)], 0, 0), 4) for _ in range(2)]


def score(folder: Path) -> Job:
    """PSNR and SSIM of an image as BasicSR has them."""
    hr = mosaic(0, SIZE)
    sr = np.roll(hr, 1, axis=1)
    return lambda: (psnr(sr, hr, 4), ssim(sr, hr, 4))


JOBS: dict[str, Callable[[Path], Job]] = {one.__name__: one for one in (prepare, load, degrade, score)}


def inside(job: Job) -> None:
    """Do a job within libc's `lfind`, which nobody else calls: where valgrind is told to count."""
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: job() is None)
    item = ctypes.c_int(0)
    ctypes.CDLL(None).lfind(
        ctypes.byref(item), ctypes.byref(item), ctypes.byref(ctypes.c_size_t(1)), 4, compare
    )


if __name__ == "__main__":
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    gc.disable()  # it comes when it likes
    for name, make in JOBS.items():
        folder = Path(sys.argv[1], name)
        folder.mkdir()
        job = make(folder)
        job()  # what is made once
        inside(job)

"""What BasicSR's documentation has one do to prepare a folder, on all cores: … PEERS IMAGES TARGET."""

from __future__ import annotations

import os
import sys
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2

from benchmarks.basicsr import BasicSR, find_basicsr, quiet
from benchmarks.imresize import to_quarter
from benchmarks.pipeline import HR_WINDOW, LR_WINDOW


def main(peers: Path, images: Path, target: Path) -> None:
    """LR images, sub-images of both, and an LMDB of each; all but writing it on every core."""
    basicsr = find_basicsr(peers)
    if basicsr is None:
        raise OSError(f"{peers} holds no BasicSR")
    small, cores = target / "lr", os.cpu_count() or 1
    small.mkdir(parents=True)
    with get_context("fork").Pool(cores, cv2.setNumThreads, (1,)) as pool:
        pool.map(partial(_write_lr, peers, small), sorted(images.iterdir()), 1)
        for name, source, window in (("hr", images, HR_WINDOW), ("lr", small, LR_WINDOW)):
            windows = target / f"{name}_sub"
            windows.mkdir()
            pool.map(partial(_extract, peers, windows, window), sorted(source.iterdir()), 1)
    for name in ("hr", "lr"):
        windows = target / f"{name}_sub"
        with quiet():
            names, keys = basicsr.keys_of(str(windows))
            basicsr.make_lmdb(
                str(windows), f"{windows}.lmdb", names, keys, multiprocessing_read=True, n_thread=cores
            )


def _write_lr(peers: Path, folder: Path, path: Path) -> None:
    lr = to_quarter(_of(peers), cv2.imread(str(path), cv2.IMREAD_COLOR))
    cv2.imwrite(str(folder / path.name), lr)


def _extract(peers: Path, folder: Path, window: tuple[int, int], path: Path) -> None:
    options = {"crop_size": window[0], "step": window[1], "thresh_size": 0, "compression_level": 3}
    _of(peers).extract(str(path), {**options, "save_folder": str(folder)})


def _of(peers: Path) -> BasicSR:
    found = find_basicsr(peers)
    assert found is not None
    return found


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))

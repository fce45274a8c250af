"""Degradations of whole batches on the CPU: Real-ESRGAN's second-order chain, BSRGAN's shuffle."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import degraders
from benchmarks.bare_degrading import bare
from benchmarks.comparison import Work, alternate
from benchmarks.pictures import mosaic
from benchmarks.tables import Table, times
from srdata.degrade.chain import Chain, load_chain
from srdata.degrade.numerics import backend

BATCH, SIDE, SCALE = 4, 400, 4
BATCHES = 12  # in one run: the sizes that are drawn differ much, and so does the time
ROUNDS = 5
SLOW_ROUNDS = 1  # of more than a minute
PLAIN = ", without sharpening"

Image = NDArray[np.uint8]


def run_real_esrgan(folder: Path, peers: Path | None) -> Table:
    """Time batches of 4 at 400x400 from uint8 HR to LR, drawing included, with and without sharpening HR."""
    image, chain = mosaic(0, (SIDE, SIDE)), load_chain("realesrgan-x4")
    theirs = peers if peers and (peers / "Real-ESRGAN").is_dir() else None
    seconds: dict[str, float] = {}
    for end, hr, rounds in (("", chain.hr, SLOW_ROUNDS), (PLAIN, (), ROUNDS)):
        works: dict[str, Work] = {f"srdata{end}": ours(chain.model_copy(update={"hr": hr}), image)}
        if theirs:
            works[f"Real-ESRGAN{end}"] = real_esrgan(theirs, image, sharpens=bool(hr))
        seconds |= _seconds(works, rounds)
    return _table("Real-ESRGAN x4, batches of 4 images of 400x400, one thread", seconds)


def run_bsrgan(folder: Path, peers: Path | None) -> Table:
    """Time single images of 400x400 from uint8 HR to LR, drawing included."""
    image = mosaic(0, (SIDE, SIDE))
    works: dict[str, Work] = {"srdata": ours(load_chain("bsrgan"), image)}
    if peers and (peers / "KAIR").is_dir():
        works["KAIR"] = bsrgan(peers, image)
    return _table("BSRGAN x4, single images of 400x400, one thread", _seconds(works, ROUNDS))


def run_bare(folder: Path, peers: Path | None) -> Table:
    """CPU time of both chains beside their blur, resize and JPEG calls alone, for the same draws."""
    image = mosaic(0, (SIDE, SIDE))
    rows = []
    for name in ("realesrgan-x4", "bsrgan"):
        chain = load_chain(name).model_copy(update={"hr": ()})
        deltas = [
            delta
            for start in range(0, BATCH * BATCHES, BATCH)
            for delta in chain.sample_batch(list(range(start, start + BATCH)), 0, 0, group=BATCH)
        ]
        works = {"bare": bare(chain, image, deltas, SCALE), "srdata": ours(chain, image, again=True)}
        seconds = alternate(works, ROUNDS, clock=time.process_time)
        each = [f"{seconds[one] / len(deltas) * 1e3:.2f} ms" for one in works]
        rows.append([name, *each, f"{seconds['srdata'] / seconds['bare']:.2f}×"])
    note = (
        f"CPU time for an image of {SIDE}x{SIDE}, one thread, HR as it is, the same {len(deltas)} draws. "
        "Bare: `cv2.filter2D`, `cv2.resize` and `cv2.imencode`/`imdecode` in a loop, with nothing drawn, no "
        "noise, no checks. srdata draws, makes kernels and noise, and keeps δ; it is faster all the same, as "
        "it takes kernels apart where they are separable, and transforms for the large ones."
    )
    return Table(
        "Chains beside OpenCV's calls alone", ["", "bare loop", "srdata", "of the bare loop"], rows, note
    )


def ours(chain: Chain, image: Image, again: bool = False) -> Work:
    """Degrade batches by srdata; the draws go on from run to run, unless each is to be the same again."""
    count = iter(range(10**9))

    def work() -> None:
        nonlocal count
        count = iter(range(10**9)) if again else count
        for _ in range(BATCHES):
            hr = backend.from_levels(backend.to_batch([image] * BATCH))
            deltas = chain.sample_batch([next(count) for _ in range(BATCH)], 0, 0, group=BATCH)
            chain.pair(hr, deltas, SCALE)

    return work


def real_esrgan(peers: Path, image: Image, sharpens: bool) -> Work:
    """The same by Real-ESRGAN's data set (kernels) and model (the rest)."""
    parts = degraders.real_esrgan(peers)
    model = degraders.synthesizer(parts)
    if not sharpens:
        model.usm_sharpener = lambda x: x

    def work() -> None:
        for _ in range(BATCHES):
            model.feed_data(degraders.kernels_of(parts, image.astype(np.float32) / 255, BATCH))

    return work


def bsrgan(peers: Path, image: Image) -> Work:
    """The same by KAIR, which has no batches."""
    blind = degraders.kair(peers)

    def work() -> None:
        for _ in range(BATCHES * BATCH):
            blind.degradation_bsrgan(image.astype(np.float32) / 255, SCALE, SIDE // SCALE)

    return work


def _seconds(works: dict[str, Work], rounds: int) -> dict[str, float]:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  # the peers draw from numpy's global generator
    torch.manual_seed(0)
    return alternate(works, rounds)


def _table(title: str, seconds: dict[str, float]) -> Table:
    rows = []
    for name, value in seconds.items():
        twin = f"srdata{PLAIN}" if name.endswith(PLAIN) else "srdata"
        rows.append([name, f"{value / BATCH / BATCHES * 1e3:.1f} ms", times(value, seconds[twin])])
    return Table(title, ["", "per image", "of srdata's time"], rows)

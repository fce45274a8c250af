"""Degradations of whole batches on the CPU: Real-ESRGAN's second-order chain, BSRGAN's shuffle."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import degraders
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


def ours(chain: Chain, image: Image) -> Work:
    """Degrade batches by srdata; the draws go on from run to run."""
    count = iter(range(10**9))

    def work() -> None:
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

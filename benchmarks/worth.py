"""Whether choosing pays: the example network on all photographs, on a chosen half, on random halves."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from benchmarks.tables import Table
from srdata import Loader, PairedDataset, imresize, prepare
from srdata.images import list_images, read_image
from srdata.metrics.psnr_ssim import psnr
from srdata.rng import generator
from srdata.store.tables.choice_table import choice_rows

SCALE = 4
STEPS, BATCH, PATCH, RATE = 400, 8, 96, 2e-3
PHOTOGRAPHS = ("BSDS500/BSDS500/data/images/train", "BSDS500/BSDS500/data/images/test")
TESTS = {"Set5": "SelfExSR/data/Set5/image_SRF_4", "Urban100": "SelfExSR/data/Urban100/image_SRF_4"}
SCORE = "laplacian"  # by which the half is chosen: the sharper one
SEEDS = (0, 1)  # of the random halves; the network has the same first weights in all runs


def run(folder: Path, peers: Path | None) -> Table:
    """The same number of steps on each choice, and PSNR of Y on two test sets."""
    if peers is None or not all((peers / one).is_dir() for one in (*PHOTOGRAPHS, *TESTS.values())):
        return Table("Choosing images", ["left out"], [["needs BSDS500 and SelfExSR in --peers"]])
    photographs = _photographs(folder / "photographs", peers)
    settings: dict[str, Any] = {"scale": SCALE, "lmdb": True, "jobs": 1}
    whole = prepare(photographs, root=folder / "all", where=f"{SCORE} > -1", **settings)
    rows = pa.concat_tables(choice_rows(Path(whole.path), ["key", SCORE])).to_pylist()
    scores = {row["key"]: row[SCORE] for row in rows}
    middle = float(np.median(list(scores.values())))
    chosen = prepare(photographs, root=folder / "chosen", where=f"{SCORE} >= {middle}", **settings)
    sets = {"all": whole, f"{SCORE} >= {middle:g}, the sharper half": chosen}
    for seed in SEEDS:
        order = generator("half", seed).permutation(sorted(scores)).tolist()
        out = order[: len(scores) - chosen.content.counts["train"]]
        sets[f"a random half, seed {seed}"] = prepare(
            photographs, root=folder / f"random-{seed}", exclude=out, **settings
        )
    tests = {name: [read_image(one) for one in list_images(peers / path)] for name, path in TESTS.items()}
    rows = [["bicubic", "", *(f"{_mean(None, images):.3f}" for images in tests.values())]]
    for name, built in sets.items():
        start = time.process_time()
        network = _trained(PairedDataset(built, patch_size=PATCH))
        count = str(built.content.counts["train"])
        rows.append([name, count, *(f"{_mean(network, images):.3f}" for images in tests.values())])
        sys.stderr.write(f"{rows[-1]}: {time.process_time() - start:.0f} s\n")
    note = (
        f"x{SCALE}; {STEPS} steps of {BATCH} crops of {PATCH} pixels, L1, the network of examples/ with the "
        "same first weights; PSNR in dB of Y, a border as wide as the scale cut. Photographs: training and "
        "test images of BSDS500. So few steps say how fast a network begins to learn, not where it ends."
    )
    return Table("Choosing images", ["trained on", "images", *TESTS], rows, note)


def _photographs(folder: Path, peers: Path) -> Path:
    folder.mkdir()
    for source in PHOTOGRAPHS:
        for path in list_images(peers / source):
            (folder / path.name).symlink_to(path.resolve())
    return folder


def _trained(data: PairedDataset) -> nn.Module:
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    from network import Network

    torch.manual_seed(0)
    network: nn.Module = Network(SCALE, 32, 4)
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, STEPS)
    repeat = -(-STEPS * BATCH // len(data))
    loader = Loader(data, batch_size=BATCH, device="cpu", augment=["dihedral"], repeat=repeat, seed=0)
    for _, batch in zip(range(STEPS), loader, strict=False):
        loss = nn.functional.l1_loss(network(batch.lr), batch.hr)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        plan.step()
    return network.eval()


def _mean(network: nn.Module | None, images: list[Any]) -> float:
    """The mean PSNR of a network, or of bicubic, over images."""
    found = []
    for image in images:
        hr = image[: image.shape[0] // SCALE * SCALE, : image.shape[1] // SCALE * SCALE]
        lr = imresize(hr, scale=1 / SCALE)
        sr = imresize(lr, scale=SCALE) if network is None else _upscaled(network, lr)
        found.append(float(psnr(sr, hr, SCALE)))
    return sum(found) / len(found)


def _upscaled(network: nn.Module, lr: Any) -> Any:
    with torch.inference_mode():
        x: Tensor = torch.from_numpy(np.ascontiguousarray(lr)).permute(2, 0, 1)[None] / 255
        sr = (network(x).clamp(0, 1) * 255).round().byte()[0]
    return sr.permute(1, 2, 0).numpy()

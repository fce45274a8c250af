"""What the loops beside this file have in common: their options, what they train and on what."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from network import Network
from torch import Tensor, nn

from srdata import Loader, PairedDataset, prepare


def options(description: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)

    def add(name: str, default: Any, what: str) -> None:
        parser.add_argument(name, default=default, type=type(default), help=f"{what} (default: {default})")

    parser.add_argument("--data", type=Path, help="a prepared set; the sample photographs at x4 if not given")
    add("--checkpoint", Path("checkpoint"), "weights, and all it takes to go on")
    add("--steps", 200, "how many altogether, before an interruption as well")
    add("--save_every", 50, "save after so many steps, and at the end")
    add("--batch_size", 8, "crops in a step of one process")
    add("--patch_size", 64, "side of a crop, in HR pixels")
    add("--channels", 16, "width of the network")
    add("--device", "cuda" if torch.cuda.is_available() else "cpu", "cpu or cuda")
    parser.add_argument("--compile", metavar="BACKEND", help="torch.compile the network, such as by inductor")
    return parser.parse_args(arguments)


def pairs(args: argparse.Namespace, device: str | None = None) -> Loader:
    """Crops of the set, each image 20 times in an epoch."""
    path = args.data or prepare("sample", scale=4, lmdb=True).path
    data = PairedDataset(path, split="train", patch_size=args.patch_size)
    settings = {"device": device or "cpu", "augment": ["dihedral"], "repeat": 20, "seed": 0}
    return Loader(data, args.batch_size, **settings)


def network(args: argparse.Namespace, loader: Loader) -> Network:
    """One that starts from the same weights in every run and process."""
    torch.manual_seed(0)
    return Network(int(loader.scale), args.channels, blocks=1)


def loss_of(model: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    return nn.functional.l1_loss(model(lr), hr)

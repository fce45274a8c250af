"""Train a small super-resolution network on srdata's loader; README.md beside this file says how."""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path
from typing import Any

import torch
from network import Network
from torch import Tensor, nn

from srdata import Loader, PairedDataset, prepare
from srdata.colour import luma
from srdata.data import IMAGE_SUFFIXES
from srdata.errors import SrdataError, UnknownNameError, UsageError

WARM_UP = 50  # steps in which the learning rate rises: Adam's first ones are coarse
L2_RATE = 0.2  # of --lr, where fine-tuning begins
SHAPE = ("channels", "blocks")
DECIDING = (*SHAPE, "scale", "epochs", "l2_epochs", "batch_size", "patch_size", "lr", "seed")  # the weights


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Train a small super-resolution network. The same command again goes on where it was "
        "interrupted, and ends with the same weights: bit for bit on one machine with one number of threads.",
        epilog="A DIR is a folder of HR photographs, made into a set below --root on first use; or one that "
        "holds the folders HR and LR_bicubic/X2, as EDSR reads them; or a set made by `srdata prepare`.",
    )

    def add(name: str, default: Any, what: str, metavar: str = "N") -> None:
        text = f"{what} (default: {default})"
        parser.add_argument(name, default=default, type=type(default), help=text, metavar=metavar)

    folder: Any = {"type": Path, "metavar": "DIR", "required": True}
    parser.add_argument("--train_dir", **folder, help="images to train on")
    parser.add_argument("--val_dir", **folder, help="images on which PSNR is measured after each epoch")
    parser.add_argument(
        "--init_from", type=Path, metavar="FILE", help="start from it, all but the last layer"
    )
    add("--checkpoint", Path("checkpoint.pt"), "weights, and all it takes to go on", "FILE")
    add("--root", Path("data"), "where photographs are prepared", "DIR")
    add("--scale", 2, "HR pixels per LR pixel")
    add("--epochs", 100, "with L1 loss; in one, the crops have as many pixels as the images")
    add("--l2_epochs", 0, "with L2 loss, after those")
    add("--batch_size", 16, "crops per step")
    add("--patch_size", 128, "side of a crop, in HR pixels")
    add("--lr", 5e-3, "highest learning rate", "X")
    add("--channels", 32, "width of the network")
    add("--blocks", 4, "depth of the network")
    add("--seed", 0, "of the first weights, crops and turns")
    add("--save_every", 500, "save after so many steps, and after each epoch")
    add("--threads", torch.get_num_threads(), "CPU threads")
    add("--device", "cuda" if torch.cuda.is_available() else "cpu", "cpu, cuda, cuda:1, …", "NAME")
    return parser.parse_args()


def open_set(folder: Path, split: str, args: argparse.Namespace, patch: int | None = None) -> PairedDataset:
    """The pairs in a folder; photographs are prepared first, which does nothing the second time."""
    path: Any = folder
    if folder.is_dir() and any(file.suffix.lower() in IMAGE_SUFFIXES for file in folder.iterdir()):
        path = prepare(folder, scale=args.scale, lmdb=True, root=args.root / split)
    try:
        return PairedDataset(path, split=split, scale=args.scale, patch_size=patch)
    except UnknownNameError:  # no such split: all there is
        return PairedDataset(path, scale=args.scale, patch_size=patch)


def repeats(data: PairedDataset, args: argparse.Namespace) -> int:
    """How many crops of each image have as many pixels as all images together, and fill one batch."""
    crops = int(data.sizes.prod(axis=1).sum()) / args.patch_size**2
    return math.ceil(max(crops, args.batch_size) / len(data))


def rate(step: int, steps: int) -> float:
    """The learning rate at a step, as a share of the highest: a short rise, then half a cosine."""
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


@torch.no_grad()
def psnr(model: Network, data: PairedDataset, device: str) -> float:
    """The mean PSNR (dB) on Y of BT.601, after rounding to 8 bits, without a border of `scale` pixels."""
    inner, found = slice(model.scale, -model.scale), []
    for number in range(len(data)):
        sr = model(data[number]["lr"][None].to(device))[0].cpu().clamp(0, 1).mul(255).round()
        error = luma(sr.double() / 255) - luma(data[number]["hr"].double())
        found.append(-10 * math.log10(max(float(error[..., inner, inner].square().mean()), 1e-10)))
    return sum(found) / len(found)


def load(path: Path, args: argparse.Namespace, same: tuple[str, ...]) -> dict[str, Any]:
    """A checkpoint, read as plain data; raises UsageError unless it was trained with the `same` options."""
    if not path.is_file():
        raise UsageError(f"there is no checkpoint {path}: correct the path")
    saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    found, wanted = saved["options"], vars(args)
    if changed := [f"--{name} {found[name]}" for name in same if found[name] != wanted[name]]:
        raise UsageError(f"{path} was trained with {' '.join(changed)}: ask for the same, or another file")
    return saved


class Training:
    """A network, its optimiser and its loader, and how far they have come."""

    def __init__(self, args: argparse.Namespace, data: PairedDataset) -> None:
        torch.manual_seed(args.seed)
        network = Network(args.scale, args.channels, args.blocks)
        self.args, self.step, self.started = args, 0, time.monotonic()
        self.model = network.to(args.device, memory_format=torch.channels_last)  # the faster order
        self.optimiser = torch.optim.Adam(self.model.parameters())
        settings = {"batch_size": args.batch_size, "device": args.device, "seed": args.seed}
        self.loader = Loader(data, augment=["dihedral"], repeat=repeats(data, args), **settings)

    @property
    def seconds(self) -> float:
        """The time spent so far, before an interruption as well."""
        return time.monotonic() - self.started

    def run_epoch(self) -> float:
        """Take the steps that are left of this epoch, and save; the mean loss."""
        losses = []
        for batch in self.loader:
            losses.append(self.take_step(batch.lr, batch.hr))
            self.step += 1
            if self.step % self.args.save_every == 0 and self.step % len(self.loader):
                self.save()
        self.save()
        return float(torch.stack(losses).mean())

    def save(self) -> None:
        state = {
            "options": {name: getattr(self.args, name) for name in DECIDING},
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "loader": self.loader.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        path: Path = self.args.checkpoint
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as file:
            torch.save(state, file)
            os.fsync(file.fileno())
        part.replace(path)  # whole or not at all

    def restore(self, path: Path) -> None:
        saved = load(path, self.args, DECIDING)
        self.model.load_state_dict(saved["model"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.loader.load_state_dict(saved["loader"])
        self.step, self.started = saved["step"], time.monotonic() - saved["seconds"]

    def start_from(self, path: Path) -> None:
        """Take the weights of another network, of any scale, but those of the tail."""
        saved = load(path, self.args, SHAPE)
        body = {name: value for name, value in saved["model"].items() if not name.startswith("tail.")}
        self.model.load_state_dict(self.model.state_dict() | body)

    def take_step(self, lr: Tensor, hr: Tensor) -> Tensor:
        step, first = self.step, self.args.epochs * len(self.loader)
        if step < first:
            measure, share = nn.functional.l1_loss, rate(step, first)
        else:
            fine = self.args.l2_epochs * len(self.loader)
            measure, share = nn.functional.mse_loss, L2_RATE * rate(step - first, fine)
        self.optimiser.param_groups[0]["lr"] = self.args.lr * share
        loss = measure(self.model(lr), hr)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return loss.detach()


def main() -> None:
    args = options()
    torch.set_num_threads(args.threads)
    training = Training(args, open_set(args.train_dir, "train", args, args.patch_size))
    measured = open_set(args.val_dir, "validation", args)
    if args.checkpoint.exists():
        training.restore(args.checkpoint)
    elif args.init_from:
        training.start_from(args.init_from)
    steps = len(training.loader)
    print(f"{steps} steps an epoch, PSNR {psnr(training.model, measured, args.device):.2f} dB", flush=True)
    while training.step < steps * (args.epochs + args.l2_epochs):
        loss = training.run_epoch()
        done = f"loss {loss:.5f}, PSNR {psnr(training.model, measured, args.device):.2f} dB"
        print(f"epoch {training.step // steps}: {training.seconds:.0f} s, {done}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (SrdataError, OSError) as error:
        raise SystemExit(f"train.py: {error}") from error

"""What the field calls the files and folders of a set: DIV2K_train_LR_bicubic/X4/0001x4.png."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.vocabulary import Split

SHORT = {"train": "train", "validation": "valid", "test": "test"}
# How folders, files and data sets of the Hub spell the splits.
SPLITS: dict[str, Split] = {
    **dict.fromkeys(("train", "training", "trainset", "trainsets"), "train"),
    **dict.fromkeys(("validation", "valid", "val"), "validation"),
    **dict.fromkeys(("test", "testing", "testset", "testsets"), "test"),
}


class Names(NamedTuple):
    """The two words that names are made of.

    >>> names = Names("DIV2K", "bicubic")
    >>> names.lmdb("train", "x4", sub=True), names.prefix("test")
    ('DIV2K_train_LR_bicubic_X4_sub.lmdb', '')
    """

    stem: str  # DIV2K
    track: str  # how LR was made: bicubic

    def prefix(self, split: str) -> str:
        """What the names of a split's folders start with: DIV2K_train_, and nothing for benchmarks."""
        return "" if split == "test" else f"{self.stem}_{SHORT[split]}_"

    def templates(self, split: str, scales: Sequence[Scale]) -> dict[str, str]:
        """For each layer where its images stand in EDSR's folders, with {key} for the key of an image."""
        prefix = self.prefix(split)
        lr = {scale.label: f"{prefix}LR_{self.track}/X{scale}/{{key}}{scale.label}.png" for scale in scales}
        return {HR: f"{prefix}HR/{{key}}.png", **lr}

    def lmdb(self, split: str, layer: str, *, sub: bool) -> str:
        """The LMDB folder of a layer; `sub` says that it holds sub-images."""
        part = "HR" if layer == HR else f"LR_{self.track}_X{Scale(layer)}"
        return f"{self.prefix(split)}{part}{'_sub' if sub else ''}.lmdb"

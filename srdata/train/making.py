"""What a loader makes of HR crops instead of reading LR: a degradation, drawn for every image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from srdata.degrade.chain import Chain, Delta, load_chain, load_device_chain
from srdata.degrade.offline import scale_of
from srdata.errors import UsageError
from srdata.scale import Scale

Degradation = str | Path | dict[str, Any] | list[Any] | Chain


@dataclass(frozen=True)
class Degrading:
    """A chain that makes LR on the device, with the draws that it has offline.

    δ of an image is drawn at (seed, visit, key); what decides sizes is shared by each `group` images in turn,
    or by the whole batch. `margin` HR pixels on each side of a patch are degraded with it, then cut off.
    """

    chain: Chain
    scale: Scale
    group: int | None = None
    margin: int = 0

    def __post_init__(self) -> None:
        if self.group is not None and self.group < 1:
            raise UsageError(f"group {self.group} must be at least 1: images that share what decides sizes")
        if self.margin < 0 or self.margin % self.scale.numerator:
            raise UsageError(f"margin {self.margin} must be a multiple of {self.scale.numerator} HR pixels")

    def draw(self, seed: int, visits: Sequence[int], keys: Sequence[str]) -> list[Delta]:
        """δ of each image of a batch."""
        group = self.group or len(keys)
        heads = [place - place % group for place in range(len(keys))]
        return [
            self.chain.sample(seed, visit, key, group=(seed, visits[head], "group", keys[head]))
            if group > 1
            else self.chain.sample(seed, visit, key)
            for visit, key, head in zip(visits, keys, heads, strict=True)
        ]

    def make(self, hr: Tensor, deltas: Sequence[Delta]) -> dict[str, Tensor]:
        """LR and HR of a batch of HR crops (float32 NCHW in 0–1)."""
        pair = self.chain.pair(hr, deltas, self.scale)
        p, q = self.scale.as_integer_ratio()
        return {"lr": _inner(pair.lr, self.margin * q // p), "hr": _inner(pair.hr, self.margin)}


def load_degrading(
    value: Degradation, scale: Scale | None, group: int | None, margin: int, on_device: bool
) -> Degrading:
    """A degradation of the catalogue, a YAML file or plain data; RecipeError where a device cannot run it."""
    chain = load_device_chain(value) if on_device else load_chain(value)
    return Degrading(chain, scale_of(chain, scale), group, margin)


def _inner(image: Tensor, margin: int) -> Tensor:
    height, width = image.shape[-2:]
    return image[..., margin : height - margin, margin : width - margin] if margin else image

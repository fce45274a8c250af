"""From the crops of a batch to what the network gets: floats, degraded, augmented, in its range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from srdata.errors import UsageError
from srdata.resize import imresize
from srdata.rng import Address
from srdata.scale import Scale
from srdata.train.augment import Pipeline, Sides
from srdata.train.augment.dihedral import Dihedral
from srdata.train.batch import Batch
from srdata.train.look import Look
from srdata.train.making import Degrading
from srdata.train.schedule import Moment, Schedule, at
from srdata.train.tensors import opened

Upsample = Literal["nearest", "bicubic"]


class Raw(NamedTuple):
    """The crops of a batch as they were read, uint8 (count, height, width, 3), on whatever device."""

    lr: Tensor
    hr: Tensor
    keys: list[str]
    visits: list[int]
    turns: list[int] | None  # of the dihedral group, as drawn
    turned: bool  # whether the crops are turned already
    labels: list[int] | None
    number: int  # of the batch in its epoch
    moment: Moment

    def to(self, device: torch.device) -> Raw:
        """The same with its pixels on a device, not waiting for them."""
        lr, hr = (side.to(device, non_blocking=True) for side in (self.lr, self.hr))
        return self._replace(lr=lr, hr=hr)


@dataclass(frozen=True)
class Finish:
    """The steps after reading; the same for a batch wherever and whenever it is made."""

    seed: int
    scale: Scale
    look: Look
    augment: Pipeline | Schedule[Pipeline]
    degrading: Degrading | Schedule[Degrading | None] | None
    upsample: Upsample | None

    def __call__(self, raw: Raw) -> Batch:
        degrading, augment = at(self.degrading, raw.moment), at(self.augment, raw.moment)
        _, augment = split_turning(augment)
        whole = degrading is not None or not (self.look.bytes and augment.bytes_too)
        sides = {name: self._opened(side, whole) for name, side in (("lr", raw.lr), ("hr", raw.hr))}
        sides = _turned({name: side for name, side in sides.items() if side.numel()}, raw)
        notes: list[dict[str, Any]] = [{} for _ in raw.keys]
        if degrading is not None:
            deltas = degrading.draw(self.seed, raw.visits, raw.keys)
            sides = degrading.make(sides["hr"], deltas)
            _note(notes, "degradation", deltas)
        sides = self._augmented(self._upsampled(sides), augment, raw, notes)
        tensors = {name: self._finished(name, side) for name, side in sides.items()}
        if raw.labels is not None:
            tensors["label"] = torch.tensor(raw.labels).to(raw.hr.device, non_blocking=True)
        return Batch(tensors, raw.keys, notes, self.scale)

    def _opened(self, side: Tensor, whole: bool) -> Tensor:
        return opened(side, torch.float32 if whole else torch.uint8, self.look.channels_last)

    def _upsampled(self, sides: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.upsample is None or "lr" not in sides:
            return sides
        lr = sides["lr"]
        p, q = self.scale.as_integer_ratio()
        size = lr.shape[-2] // q * p, lr.shape[-1] // q * p
        if self.upsample == "nearest":
            return {**sides, "lr": interpolate(lr, size=size, mode="nearest")}
        return {**sides, "lr": imresize(lr, size=size)}

    def _augmented(
        self, sides: dict[str, Tensor], augment: Pipeline, raw: Raw, notes: list[dict[str, Any]]
    ) -> dict[str, Tensor]:
        steps: list[list[Any]] = [[] for _ in notes]
        if raw.turns is not None:
            steps = [[{"augment": "dihedral", "params": {"turn": turn}}] for turn in raw.turns]
        if augment.augmentations:
            drawn = augment.sample(_images(self.seed, raw), (self.seed, raw.moment.epoch, raw.number))
            found = augment.apply(Sides(sides.get("lr"), sides.get("hr")), drawn)
            sides = {name: side for name, side in found._asdict().items() if side is not None}
            steps = [[*earlier, *later] for earlier, later in zip(steps, drawn, strict=True)]
        if any(steps):
            _note(notes, "augment", steps)
        return sides

    def _finished(self, name: str, side: Tensor) -> Tensor:
        if name not in ("lr", "hr", "rgb"):
            return side
        if self.look.bytes and side.dtype != torch.uint8:
            side = (side * 255).round().to(torch.uint8)
        return self.look(side)


def _turned(sides: dict[str, Tensor], raw: Raw) -> dict[str, Tensor]:
    """The sides turned as drawn, where reading has not done it."""
    if raw.turns is None or raw.turned:
        return sides
    params = [{"turn": turn} for turn in raw.turns]
    done = Dihedral().apply(Sides(sides.get("lr"), sides.get("hr")), params)
    return {name: side for name, side in done._asdict().items() if side is not None}


def _images(seed: int, raw: Raw) -> list[tuple[Address, ...]]:
    return [(seed, visit, key) for visit, key in zip(raw.visits, raw.keys, strict=True)]


def _note(notes: list[dict[str, Any]], name: str, values: list[Any]) -> None:
    for note, value in zip(notes, values, strict=True):
        note[name] = value


def split_turning(augment: Pipeline) -> tuple[bool, Pipeline]:
    """Whether it begins with the eight turns, all as likely, which are drawn with the crops; and the rest."""
    first, rest = augment.split_dihedral()
    return (True, rest) if first == Dihedral() else (False, augment)


def check_upsample(upsample: str | None) -> None:
    """Raise UsageError where LR cannot be enlarged in this way."""
    if upsample not in (None, "nearest", "bicubic"):
        raise UsageError(
            f"upsample {upsample!r} must be nearest or bicubic, which enlarge LR to the size of HR"
        )

"""From the crops of a batch to what the network gets: floats, degraded, augmented, in its range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from srdata.augment import Pipeline, Sides
from srdata.augment.flips import Dihedral
from srdata.common.device_copies import sent
from srdata.data.crops.regions import Spot
from srdata.data.crops.to_tensor import opened
from srdata.data.loading.batch import Batch
from srdata.data.loading.in_memory import Picks, gathered
from srdata.data.loading.model_input import ModelInput
from srdata.data.loading.online_lr import Address, Making, Place, Rescaling
from srdata.data.sampling.schedule import Moment, Schedule, at, every
from srdata.degrade.numerics.torch_settings import own_settings
from srdata.resize import imresize
from srdata.scale import Scale

CPU = torch.device("cpu")


class Raw(NamedTuple):
    """The crops of a batch as they were read (count, height, width, 3), on whatever device; see `cut`.

    Or what is to be gathered as such of images that live on the device.
    """

    lr: Tensor | Sequence[Picks]
    hr: Tensor | Sequence[Picks]
    keys: list[str]
    visits: list[int]
    turns: list[int] | None  # of the dihedral group, as drawn
    turned: bool  # whether the crops are turned already
    spots: list[Spot]
    labels: list[int] | None
    difficulty: Tensor | None  # a number for each
    number: int  # of the batch in its epoch
    moment: Moment

    def to(self, device: torch.device) -> Raw:
        """The same with its pixels on a device, not waiting for them."""
        if isinstance(self.lr, Tensor) and isinstance(self.hr, Tensor):
            return self._replace(lr=sent(self.lr, device), hr=sent(self.hr, device))
        lr, hr = gathered([self.lr, self.hr], device)  # type: ignore[list-item]  # both are picked, or none
        return self._replace(lr=lr, hr=hr)


@dataclass(frozen=True)
class Finish:
    """The steps after reading; the same for a batch wherever and whenever it is made."""

    seed: int
    scale: Scale
    model_input: ModelInput
    augment: Pipeline | Schedule[Pipeline]  # but for the turns that are drawn with the crops
    making: Making | Schedule[Making] | None

    @property
    def light(self) -> bool:
        """Whether it takes less time than sending floats from one process to another."""
        return self.making is None and not any(one.augmentations for one in every(self.augment))

    def __call__(self, raw: Raw, device: torch.device = CPU) -> Batch:
        """The batch of crops, made on a device."""
        with own_settings(device):
            return self._batch(raw.to(device), device)

    def _batch(self, raw: Raw, device: torch.device) -> Batch:
        making = self.making.at(raw.moment) if isinstance(self.making, Schedule) else self.making
        augment = at(self.augment, raw.moment)
        images: list[Address] = [(self.seed, *image) for image in zip(raw.visits, raw.keys, strict=True)]
        place = Place(images, (self.seed, raw.moment.epoch, raw.number), raw.spots, raw.turns)
        notes = [_turning(turn) for turn in raw.turns or repeat(None, len(raw.keys))]
        whole = making is not None or not (self.model_input.bytes and augment.bytes_too)
        crops: dict[str, Any] = {"lr": raw.lr, "hr": raw.hr}
        sides = {name: self._opened(side, whole) for name, side in crops.items()}
        sides = {name: side for name, side in sides.items() if side.numel()}
        if isinstance(making, Rescaling):  # which turns what it makes; that is not to be altered any more
            sides = _made(_augmented(sides, augment, place, notes), making, place, notes)
        else:
            sides = self._upsampled(_made(_turned(sides, raw), making, place, notes))
            sides = _augmented(sides, augment, place, notes)
        tensors = {name: self._finished(name, side) for name, side in sides.items()}
        if raw.difficulty is not None:
            tensors["difficulty"] = sent(raw.difficulty, device)
        if raw.labels is not None:
            tensors["label"] = sent(torch.tensor(raw.labels), device)
        return Batch(tensors, raw.keys, notes, self.scale)

    def _opened(self, side: Tensor, whole: bool) -> Tensor:
        return opened(side, torch.float32 if whole else torch.uint8, self.model_input.channels_last)

    def _upsampled(self, sides: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.model_input.upsample is None or "lr" not in sides:
            return sides
        lr = sides["lr"]
        p, q = self.scale.as_integer_ratio()
        size = lr.shape[-2] // q * p, lr.shape[-1] // q * p
        if self.model_input.upsample == "nearest":
            return {**sides, "lr": interpolate(lr, size=size, mode="nearest")}
        return {**sides, "lr": imresize(lr, size=size)}

    def _finished(self, name: str, side: Tensor) -> Tensor:
        if name == "rgb":  # (count, pixels, 3)
            return self.model_input(side.transpose(1, 2)[..., None])[..., 0].transpose(1, 2)
        if name not in ("lr", "hr", "hr_plain"):
            return side
        if self.model_input.bytes and side.dtype != torch.uint8:
            side = (side * 255).round().to(torch.uint8)
        return self.model_input(side)


def _turning(turn: int | None) -> dict[str, Any]:
    """What is noted of an image that was drawn with a turn."""
    return {} if turn is None else {"augment": [{"augment": "dihedral", "params": {"turn": turn}}]}


def _turned(sides: dict[str, Tensor], raw: Raw) -> dict[str, Tensor]:
    """The sides turned as drawn, where reading has not done it."""
    if raw.turns is None or raw.turned:
        return sides
    return _named(Dihedral().apply(_sides(sides), [{"turn": turn} for turn in raw.turns]))


def _made(
    sides: dict[str, Tensor], making: Making | None, place: Place, notes: list[dict[str, Any]]
) -> dict[str, Tensor]:
    if making is None:
        return sides
    drawn = making.draw(place)
    for note, params in zip(notes, drawn, strict=True):
        note["degradation"] = params
    return making.make(sides["hr"], drawn)  # type: ignore[arg-type]  # each takes what it drew


def _augmented(
    sides: dict[str, Tensor], augment: Pipeline, place: Place, notes: list[dict[str, Any]]
) -> dict[str, Tensor]:
    if not augment.augmentations:
        return sides
    steps = augment.sample(place.images, place.batch)
    for note, later in zip(notes, steps, strict=True):
        note["augment"] = [*note.get("augment", []), *later]
    done = _named(augment.apply(_sides(sides), steps))
    if "hr_plain" in sides:
        done["hr_plain"] = augment.apply(Sides(None, sides["hr_plain"]), steps).main()
    return done


def _sides(sides: dict[str, Tensor]) -> Sides:
    return Sides(sides.get("lr"), sides.get("hr"))


def _named(sides: Sides) -> dict[str, Tensor]:
    return {name: side for name, side in sides._asdict().items() if side is not None}


def split_turning(augment: Pipeline) -> tuple[bool, Pipeline]:
    """Whether it begins with the eight turns, all as likely, which are drawn with the crops; and the rest."""
    first, rest = augment.split_dihedral()
    return (True, rest) if first == Dihedral() else (False, augment)

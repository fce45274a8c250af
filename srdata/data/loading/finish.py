"""From the crops of a batch to what the network gets: floats, degraded, augmented, in its range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from srdata.augment import Pipeline, Sides
from srdata.augment.flips import Dihedral
from srdata.augment.pipeline import Step
from srdata.common.tensors.device_copies import sent
from srdata.common.tensors.torch_settings import own_settings
from srdata.data.crops.indexed_crops import turned
from srdata.data.crops.regions import Spot
from srdata.data.loading.batch import Batch
from srdata.data.loading.in_memory import Picks, gathered
from srdata.data.loading.model_input import ModelInput
from srdata.data.loading.online_lr import Address, DrawAddresses, Making, Rescaling
from srdata.data.sampling.schedule import Moment, Schedule, at, every
from srdata.resize import imresize
from srdata.scale import Scale

CPU = torch.device("cpu")


class Unread(NamedTuple):
    """Crops that are to be read."""

    shape: tuple[int, ...]  # (count, height, width, channels)
    dtype: torch.dtype


class Raw(NamedTuple):
    """The crops of a batch (count, height, width, channels), see `cut`, and what is known of them.

    Or what is to be gathered as such of images that live on the device.
    """

    lr: Tensor | Unread | Sequence[Picks]
    hr: Tensor | Unread | Sequence[Picks]
    keys: list[str]
    visits: list[int]
    turns: list[int] | None  # of the dihedral group, as drawn
    to_turn: bool  # whether they are yet to be turned
    spots: list[Spot]
    labels: list[int] | None
    difficulty: Tensor | None  # a number for each
    number: int  # of the batch in its epoch
    moment: Moment
    columns: Mapping[str, list[Any]] = {}  # what is told of each image
    arrays: Mapping[str, Tensor] = {}  # of all of them

    def on(self, device: torch.device, dtype: torch.dtype, channels_last: bool) -> dict[str, Tensor]:
        """The sides that it has on a device, turned as drawn and `opened`, not waiting for them."""
        if isinstance(self.lr, Tensor) and isinstance(self.hr, Tensor):
            sides = [sent(side, device) for side in (self.lr, self.hr)]
            turns = np.array(self.turns) if self.to_turn and self.turns else None
            found = [turned(side, turns, dtype, channels_last) for side in sides]
        else:
            picked: Any = [self.lr, self.hr]
            found = gathered(picked, device, dtype, channels_last)
        return {name: side for name, side in zip(("lr", "hr"), found, strict=True) if side.numel()}


class Parameters(NamedTuple):
    """What was drawn for a batch beside its crops, of each image; None for what it does not go through."""

    making: Sequence[Any] | None  # by what makes LR
    augment: list[list[Step]] | None


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

    def __call__(self, raw: Raw, drawn: Parameters | None = None, device: torch.device = CPU) -> Batch:
        """The batch of crops, by what was drawn for it, made on a device."""
        with own_settings(device):
            return self._batch(raw, self.draw(raw) if drawn is None else drawn, device)

    def draw(self, raw: Raw) -> Parameters:
        """What is drawn for a batch; for this no pixel is needed."""
        making, augment = self._steps(raw)
        images: list[Address] = [(self.seed, *image) for image in zip(raw.visits, raw.keys, strict=True)]
        place = DrawAddresses(images, (self.seed, raw.moment.epoch, raw.number), raw.spots, raw.turns)
        return Parameters(
            None if making is None else making.draw(place),
            augment.sample(place.images, place.batch) if augment.augmentations else None,
        )

    def _steps(self, raw: Raw) -> tuple[Making | None, Pipeline]:
        making = self.making.at(raw.moment) if isinstance(self.making, Schedule) else self.making
        return making, at(self.augment, raw.moment)

    def _batch(self, raw: Raw, drawn: Parameters, device: torch.device) -> Batch:
        making, augment = self._steps(raw)
        whole = making is not None or not (self.model_input.bytes and augment.bytes_too)
        sides = raw.on(device, torch.float32 if whole else torch.uint8, self.model_input.channels_last)
        if isinstance(making, Rescaling):  # which turns what it makes; that is not to be altered any more
            sides = _made(_augmented(sides, augment, drawn), making, drawn)
        else:
            sides = _augmented(self._upsampled(_made(sides, making, drawn)), augment, drawn)
        tensors = {name: self._finished(name, side) for name, side in sides.items()}
        if raw.difficulty is not None:
            tensors["difficulty"] = sent(raw.difficulty, device)
        if raw.labels is not None:
            tensors["label"] = sent(torch.tensor(raw.labels), device)
        tensors |= {name: sent(array, device) for name, array in raw.arrays.items()}
        return Batch(tensors, raw.keys, _notes(raw, drawn), self.scale, columns=raw.columns)

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


def _notes(raw: Raw, drawn: Parameters) -> list[dict[str, Any]]:
    """What is noted of each image."""
    notes: list[dict[str, Any]] = [{} for _ in raw.keys]
    for note, turn in zip(notes, raw.turns or (), strict=raw.turns is not None):
        note["augment"] = [{"augment": "dihedral", "params": {"turn": turn}}]
    for note, params in zip(notes, drawn.making or (), strict=drawn.making is not None):
        note["degradation"] = params
    for note, steps in zip(notes, drawn.augment or (), strict=drawn.augment is not None):
        note["augment"] = [*note.get("augment", []), *steps]
    return notes


def _made(sides: dict[str, Tensor], making: Making | None, drawn: Parameters) -> dict[str, Tensor]:
    if making is None or drawn.making is None:
        return sides
    return making.make(sides["hr"], drawn.making)


def _augmented(sides: dict[str, Tensor], augment: Pipeline, drawn: Parameters) -> dict[str, Tensor]:
    if drawn.augment is None:
        return sides
    done = _named(augment.apply(Sides(sides.get("lr"), sides.get("hr")), drawn.augment))
    if "hr_plain" in sides:
        done["hr_plain"] = augment.apply(Sides(None, sides["hr_plain"]), drawn.augment).main()
    return done


def _named(sides: Sides) -> dict[str, Tensor]:
    return {name: side for name, side in sides._asdict().items() if side is not None}


def split_turning(augment: Pipeline) -> tuple[bool, Pipeline]:
    """Whether it begins with the eight turns, all as likely, which are drawn with the crops; and the rest."""
    first, rest = augment.split_dihedral()
    return (True, rest) if first == Dihedral() else (False, augment)

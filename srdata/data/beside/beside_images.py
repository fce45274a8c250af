"""Columns and arrays of a data set, read by the number of the image."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from srdata.data.beside.companion_arrays import CompanionArrays, Companions
from srdata.data.beside.prompt import Prompt
from srdata.data.crops.drawn_crops import Told
from srdata.data.crops.regions import Address, Crops
from srdata.discovery.told_columns import read_told
from srdata.errors import UnknownNameError, UsageError
from srdata.rng import uniforms
from srdata.scale import Scale

Place = str | Path | Companions
Given = Sequence[str] | Mapping[str, Place]  # names, or with where it is that they name
Keys = Callable[[], Sequence[str]]  # of the images
Own = Callable[[str], Sequence[Any]]  # a column of the data set itself, by its name; UnknownNameError

_PROMPT = 0x70726D74  # sets these draws apart from others with the same seed


@dataclass(frozen=True)
class Beside:
    """What a data set has beside its images."""

    columns: Mapping[str, Sequence[Any]]  # name → a value of each image; of Arrow, or plain
    arrays: Mapping[str, CompanionArrays]
    prompt: Prompt | None
    shown: tuple[str, ...]  # the columns that batches have, as the others are for the prompt

    def of(self, crops: Crops, cell: int, address: Address) -> Told:
        """What is told of crops, whose cells have `cell` HR pixels; their address draws prompts."""
        images = crops.inside.images.tolist()
        found = {name: [_plain(values[image]) for image in images] for name, values in self.columns.items()}
        columns = {name: found[name] for name in self.shown}
        if self.prompt is not None:
            seed, epochs, items = address
            numbers = uniforms(seed, _PROMPT, epochs, items, draws=3)
            columns["prompt"] = self.prompt.drawn(found, np.broadcast_to(numbers, (len(images), 3)))
        return Told(columns, {name: array.of(crops, cell) for name, array in self.arrays.items()})

    def grid(self, scale: Scale) -> int:
        """The cells of which corners of crops must be multiples, for arrays that are cropped."""
        steps = [array.pixels for array in self.arrays.values() if array.pixels is not None]
        return math.lcm(scale.numerator, *steps) // scale.numerator


def open_beside(given: Given, prompt: str | Prompt | None, own: Own, keys: Keys) -> Beside:
    """What is asked for beside images, in the order of `keys`; raises UsageError with a remedy."""
    wanted: dict[str, Place | None] = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given)
    drawn = prompt_of(prompt)
    needed = {**dict.fromkeys(drawn.columns if drawn else ()), **wanted}
    if "prompt" in needed:
        raise UsageError("a column called prompt would be hidden by what prompt= draws: name it otherwise")
    arrays, columns = {}, {}
    for name, place in needed.items():
        if (companions := _companions(place)) is not None:
            arrays[name] = CompanionArrays(name, companions, keys())
        else:
            columns[name] = own(name) if place is None else _column(name, str(place), own, keys)
    return Beside(columns, arrays, drawn, tuple(name for name in columns if name in wanted))


def prompt_of(given: str | Prompt | None) -> Prompt | None:
    """A prompt, as users give it: the name of a column will do."""
    return Prompt.model_validate({"columns": given}) if isinstance(given, str) else given


def _companions(place: Place | None) -> Companions | None:
    """A folder of arrays, if it is one."""
    if place is None or isinstance(place, Companions):
        return place
    folder = Path(place)
    arrays = folder.is_dir() and not any(folder.rglob("*.txt"))
    return Companions(folder) if arrays else None


def _column(name: str, place: str, own: Own, keys: Keys) -> Sequence[Any]:
    """The column of a table or folder, or the one that is called so in the data itself."""
    if not Path(place).exists():
        return own(place)
    told = read_told(Path(place), keys())
    if name not in told and len(told) > 1:
        raise UnknownNameError.among(f"column of {place}", name, told)
    found: Sequence[Any] = told.get(name, next(iter(told.values())))
    return found


def _plain(value: Any) -> Any:
    return value.as_py() if hasattr(value, "as_py") else value

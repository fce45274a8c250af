"""Augmentations one after another, read from what a user writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from srdata.augment.augmentation import Augmentation, Draws, Place, Sides
from srdata.augment.augmentation_table import AUGMENTATIONS
from srdata.augment.flips import Dihedral
from srdata.augment.presets import PRESETS
from srdata.common.documents import Document, check
from srdata.common.wording.amounts import how_many
from srdata.degrade.model.op import Params
from srdata.errors import RecipeError, UnknownNameError, UsageError
from srdata.rng import Address, Generators

Step = dict[str, Any]  # {"augment": name, "params": what it drew}
Spec = None | str | Mapping[str, Any] | Augmentation | Sequence[Any]


@dataclass(frozen=True)
class Pipeline:
    """Augmentations in their order. First draw for a batch, then apply what was drawn."""

    augmentations: tuple[Augmentation, ...] = ()

    def __post_init__(self) -> None:
        _check_order(self.augmentations)

    @property
    def bytes_too(self) -> bool:
        """Whether all of it works on uint8 as well as on floats."""
        return all(part.bytes_too for part in self._parts())

    @property
    def same_size(self) -> bool:
        """Whether some of it needs LR of the size of HR."""
        return any(part.same_size for part in self._parts())

    def _parts(self) -> Iterator[Augmentation]:
        return (part for one in self.augmentations for part in one.parts())

    def sample(self, images: Sequence[Place], batch: tuple[Address, ...]) -> list[list[Step]]:
        """What is drawn for each image of a batch, JSON-able: a function of the addresses alone.

        `images` are the addresses of the images, such as (seed, epoch, key), `batch` that of the batch. The
        second mixup draws from (…, "augment", "mixup", 1), so others before or after it make no difference to
        it.
        """
        generators = Generators()
        seen: Counter[str] = Counter()
        steps: list[list[Step]] = [[] for _ in images]
        for one in self.augmentations:
            draws = Draws(images, batch, generators).inside("augment", one.name, seen[one.name])
            seen[one.name] += 1
            for drawn, params in zip(steps, one.draw(draws), strict=True):
                drawn.append({"augment": one.name, "params": params})
        return steps

    def apply(self, sides: Sides, steps: Sequence[Sequence[Step]]) -> Sides:
        """A batch augmented by what was drawn for each of its images; the batch given is not written to.

        Raises UsageError for steps of other augmentations or of another number of images, for uint8 where
        `bytes_too` is false, and for what an augmentation cannot do on such a batch. The result has a mask
        whenever there is a cutout in the pipeline, also where it was not done.
        """
        self._check(sides, steps)
        if any(part.masks for part in self._parts()):
            sides = sides._replace(mask=sides.known_mask())
        for place, one in enumerate(self.augmentations):
            params: list[Params] = [drawn[place]["params"] for drawn in steps]
            if any(drawn != one.neutral for drawn in params):
                sides = one.apply(sides, params)
        return sides

    def split_dihedral(self) -> tuple[Dihedral | None, Pipeline]:
        """The dihedral with which it begins, if it does, and the rest.

        So that pixels can be turned while they are read. Draw with the whole pipeline: the first step of each
        image belongs to the dihedral, the others to the rest.
        """
        match self.augmentations:
            case (Dihedral() as first, *rest):
                return first, Pipeline(tuple(rest))
        return None, self

    def _check(self, sides: Sides, steps: Sequence[Sequence[Step]]) -> None:
        wanted = [one.name for one in self.augmentations]
        for drawn in steps:
            if (given := [step["augment"] for step in drawn]) != wanted:
                raise UsageError(f"the steps were drawn by {given}, and these augmentations are {wanted}")
        for side in sides[:2]:
            if side is not None and len(side) != len(steps):
                raise UsageError(f"steps are for {how_many(len(steps), 'image')}, and there are {len(side)}")
            if side is not None and side.dtype == torch.uint8 and not self.bytes_too:
                names = ", ".join(sorted({one.name for one in self._parts() if not one.bytes_too}))
                raise UsageError(f"{names} cannot work on uint8: give floats in 0–1")


def load_augment(spec: Spec | Pipeline) -> Pipeline:
    """The augmentations that a user asks for: none, a name, a preset's name, a mapping, or a list of these.

    A mapping names the augmentation and its settings: {"augment": "mixup", "p": 0.5}. Raises UnknownNameError
    with the nearest name, or RecipeError with every wrong setting.

    >>> [one.name for one in load_augment("swinfir").augmentations]
    ['dihedral', 'rgb_permute', 'mixup']
    """
    if isinstance(spec, Pipeline):
        return spec
    if spec is None:
        return Pipeline()
    if isinstance(spec, str | Mapping | Augmentation):
        return Pipeline(_loaded(spec, "augment"))
    if not isinstance(spec, Sequence):
        raise RecipeError([f"augment: must be a name, a mapping or a list of these, not {spec!r}"])
    return Pipeline(
        tuple(one for place, item in enumerate(spec) for one in _loaded(item, f"augment[{place}]"))
    )


def _loaded(item: Any, where: str) -> tuple[Augmentation, ...]:
    """What one entry stands for: a preset may be several."""
    if isinstance(item, Augmentation):
        return (item,)
    if isinstance(item, str) and item in PRESETS:
        return load_augment(PRESETS[item].steps).augmentations
    if isinstance(item, str):
        return (_read({"augment": item}, where),)
    if isinstance(item, Mapping):
        return (_read(dict(item), where),)
    raise RecipeError([f"{where}: must be a name or a mapping, not {item!r}"])


def _read(settings: dict[str, Any], where: str) -> Augmentation:
    name = settings.get("augment")
    if name is None:
        raise RecipeError([f"{where}: must say which it is: augment is missing"])
    if not isinstance(name, str) or name not in AUGMENTATIONS:
        raise UnknownNameError.among("augmentation", str(name), [*AUGMENTATIONS, *PRESETS])
    return check(AUGMENTATIONS[name], Document(Path(where), settings))


def _check_order(augmentations: Sequence[Augmentation]) -> None:
    """What is masked in one image would be unmasked in those that it is mixed with."""
    masked = ""
    for one in augmentations:
        if masked and any(part.mixes for part in one.parts()):
            raise RecipeError(
                [f"augment: {one.name} mixes images that {masked} has masked: let it come first"]
            )
        if any(part.masks for part in one.parts()):
            masked = one.name

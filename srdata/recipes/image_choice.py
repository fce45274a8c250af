"""Which images and tiles of a source a recipe takes: conditions over scores, and where tiles are cut."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from srdata import catalog
from srdata.catalog import Shelf
from srdata.common.conditions import Condition, read_condition
from srdata.common.documents import check
from srdata.common.strict_model import WrittenModel
from srdata.common.strict_yaml import read_yaml
from srdata.errors import UnknownNameError, UsageError
from srdata.recipes.multiscale_copies import Smaller
from srdata.vocabulary import FLAGS, SOURCE_SCORES

_GREY = "grey"  # the score that is 0 or 1


@dataclass(frozen=True)
class Tile:
    """A square of an image, or of a reduced copy of it, in pixels of that."""

    scale: float  # of the sides of the image; 1 is the image itself
    top: int
    left: int
    size: int

    @property
    def copy(self) -> Smaller | None:
        """The reduced copy, None where it is the image itself."""
        return reduced(self.scale)

    @property
    def plain(self) -> dict[str, Any]:
        """It as plain JSON values."""
        return {"scale": self.scale, "top": self.top, "left": self.left, "size": self.size}

    def key(self, image: str) -> str:
        """The key of the tile of an image.

        >>> Tile(0.5, 512, 1024, 512).key("0001")
        '0001_50_512_1024'
        """
        return f"{image}_{self.scale * 100:g}_{self.top}_{self.left}"


def reduced(scale: float) -> Smaller | None:
    """The copy of an image whose sides are `scale` of its own, by MATLAB's bicubic; None at 1."""
    return None if scale == 1 else Smaller(scale=scale)


class Tiles(WrittenModel):
    """Tiles that are cut out of the images and prepared in their place."""

    size: Annotated[int, Field(ge=8, le=1 << 15)] = 512  # side in pixels
    step: Annotated[int, Field(ge=1)] | None = None  # between tiles that are looked at; none: the size
    scales: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (1.0,)  # of the copies that are tiled too
    where: str | None = None  # a condition over the scores of a tile
    by: str | None = None  # a score: the tiles with the highest are taken first; -blockiness: the lowest
    best: Annotated[int, Field(ge=1)] | None = None  # so many tiles of an image at most
    overlap: Annotated[float, Field(ge=0, lt=1)] = 0.0  # the share of a tile that another may cover

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.best is not None and self.by is None:
            raise ValueError("best says how many tiles: say by which score, as by: laplacian")
        if len(set(self.scales)) < len(self.scales) or not self.scales:
            raise ValueError("scales must name each scale once, such as [1, 0.75, 0.5, 0.25]")
        return self

    @property
    def score(self) -> str | None:
        """The score that `by` names."""
        return None if self.by is None else self.by.removeprefix("-")

    @property
    def grid(self) -> int:
        """Pixels between one tile that is looked at and the next."""
        return self.step or self.size

    def of(self, height: int, width: int) -> Iterator[Tile]:
        """Every tile that is looked at of an image of that size, the larger copies first, row by row."""
        for scale in sorted(self.scales, reverse=True):
            copy = reduced(scale)
            high, wide = (height, width) if copy is None else copy.size(height, width)
            for top in range(0, high - self.size + 1, self.grid):
                for left in range(0, wide - self.size + 1, self.grid):
                    yield Tile(scale, top, left, self.size)

    def shared(self, one: Tile, other: Tile) -> float:
        """The share of a tile that another of the same copy covers."""
        if one.scale != other.scale:
            return 0.0
        sides = (self.size - abs(a - b) for a, b in ((one.top, other.top), (one.left, other.left)))
        return math.prod(max(0, side) for side in sides) / self.size**2


class Likeness(WrittenModel):
    """When images show the same, and which of them is kept."""

    by: str | None = None  # MODULE:FUNCTION that gives the embedding of an image; none: the perceptual hash
    at_least: Annotated[float, Field(gt=0, le=1)] = 0.95  # the cosine of two embeddings that show the same
    prefer: tuple[str, ...] = ("pixels", "jpeg_quality", "laplacian")  # the most of the first, then the next

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in self.prefer:
            if name not in SOURCE_SCORES:
                raise ValueError(f"prefer: {UnknownNameError.among('score', name, SOURCE_SCORES)}")
        return self


class NamedChoice(WrittenModel):
    """A choice that others made: the file of one in `recipes/choices`."""

    title: str
    where: str | None = None
    scores: dict[str, str] = Field(default={})
    needs: dict[str, str] = Field(default={})  # scores that only the user can bring, and what they are
    tiles: Tiles | None = None
    evidence: dict[str, str]  # of each threshold: where its authors say so
    differs: tuple[str, ...] = ()  # in what it is not what they did


def read_choice(name: str) -> NamedChoice:
    """The choice of that name in the catalogue; raises UnknownNameError."""
    return check(NamedChoice, read_yaml(catalog.find(Shelf.CHOICES, name)))


class ChoiceSettings(WrittenModel):
    """Which images of the source are taken, and which tiles of them."""

    where: str | None = None  # a condition over scores of training images, or the name of a known choice
    scores: dict[str, str] | None = None  # own scores: MODULE:FUNCTION or pyiqa:METRIC; of others the version
    weights: dict[str, str] | None = None  # score: the file of its weights
    likeness: Likeness | None = None  # what duplicate means; none: by the perceptual hash
    test_images: str | None = None  # a table by `srdata hashes`, for leaked, beside the one that comes along
    tiles: Tiles | None = None  # cut out of the training images, which are left out then
    scores_folder: str | None = None  # where scores are kept; none: beside the images

    @model_validator(mode="after")
    def _of_known_scores(self) -> Self:
        try:
            self.choice.check()
        except UsageError as error:
            raise ValueError(str(error)) from error
        return self

    @cached_property
    def choice(self) -> ImageChoice:
        """What is chosen, a known choice spelled out; raises UsageError."""
        where, scores, tiles = self.where, self.scores or {}, self.tiles
        if where in catalog.names(Shelf.CHOICES):
            known = read_choice(where)
            for name, what in known.needs.items():
                if name not in scores:
                    raise UsageError(f"{where} needs {name}, {what}: give --score {name}=MODULE:FUNCTION")
            where, scores, tiles = known.where, known.scores | scores, tiles or known.tiles
        return ImageChoice(where, scores, tiles, self.likeness or Likeness())


@dataclass(frozen=True)
class ImageChoice:
    """A choice of images and tiles, spelled out."""

    where: str | None
    scores: Mapping[str, str]
    tiles: Tiles | None
    likeness: Likeness

    def __bool__(self) -> bool:
        """Whether not all that there is is taken as it is."""
        return self.where is not None or self.tiles is not None

    @property
    def plain(self) -> dict[str, Any]:
        """Its settings for a resolved recipe, those that are given."""
        found: dict[str, Any] = {
            "where": None if self.condition is None else self.condition.text,
            "scores": dict(sorted(self.scores.items())) or None,
            "likeness": self.likeness.model_dump(mode="json", exclude_none=True)
            if self.by_likeness
            else None,
            "tiles": None if self.tiles is None else self.tiles.model_dump(mode="json", exclude_none=True),
        }
        if self.tile_condition is not None:
            found["tiles"] |= {"where": self.tile_condition.text}
        return {name: value for name, value in found.items() if value is not None}

    def check(self) -> None:
        """Raise UsageError for names of scores that there are not, and for other versions of them."""
        for name in (*self.image_scores, *self.tile_scores):
            given, here = self.scores.get(name), SOURCE_SCORES.get(name)
            if here is None and given is None:
                raise UnknownNameError.among("score", name, {*SOURCE_SCORES, *self.own_scores})
            if given is not None and here is not None and given.split()[0] != str(here):
                raise UsageError(
                    f"scores: {name} is version {here} in this srdata, not {given}: leave it out of scores"
                )

    @property
    def own_scores(self) -> dict[str, str]:
        """The functions of scores that are not srdata's, by name."""
        given = self.scores.items()
        return {name: value for name, value in given if name not in SOURCE_SCORES and name not in FLAGS}

    @property
    def condition(self) -> Condition | None:
        """What images have to meet; raises UsageError."""
        return None if self.where is None else self._read("where", self.where, FLAGS)

    @property
    def tile_condition(self) -> Condition | None:
        """What tiles have to meet; raises UsageError."""
        if self.tiles is None or self.tiles.where is None:
            return None
        return self._read("tiles.where", self.tiles.where, ())

    def _read(self, what: str, text: str, flags: Sequence[str]) -> Condition:
        known = {*SOURCE_SCORES, *self.own_scores} - {_GREY}
        try:
            return read_condition(text, known, (_GREY, *flags))
        except UsageError as error:
            raise UsageError(f"{what}, {error}") from error

    @property
    def by_likeness(self) -> bool:
        """Whether it asks which images show the same."""
        return self.condition is not None and "duplicate" in self.condition.names

    @property
    def by_tests(self) -> bool:
        """Whether it asks which images show an image of a test set."""
        return self.condition is not None and "leaked" in self.condition.names

    @property
    def image_scores(self) -> tuple[str, ...]:
        """The scores of whole images that are needed."""
        names = () if self.condition is None else self.condition.names
        preferred = self.likeness.prefer if self.by_likeness else ()
        return tuple(dict.fromkeys(one for one in (*names, *preferred) if one not in FLAGS))

    @property
    def tile_scores(self) -> tuple[str, ...]:
        """The scores of tiles that are needed."""
        by = (self.tiles.score,) if self.tiles and self.tiles.score else ()
        condition = self.tile_condition
        return tuple(dict.fromkeys((*(() if condition is None else condition.names), *by)))

"""A recipe says how a set is made: its source, scales, degradation, windows and store.

Recipes are YAML files, checked whole before any work. `Recipe.resolved()` spells out every default and every
op of the degradation; it is itself a recipe, and its digest names the set that the recipe makes.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PrivateAttr,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from srdata.common.strict_model import WrittenModel
from srdata.degrade.chain import Chain, load_chain
from srdata.errors import UnknownNameError, UsageError
from srdata.fetch.manifest import load_manifest
from srdata.hub.address import REPOSITORY, HubName
from srdata.images import ImagePolicy
from srdata.recipes.image_choice import ChoiceSettings
from srdata.recipes.multiscale_copies import COPIES, CopiesField
from srdata.scale import Scale, covered
from srdata.store.set_json import digest_of
from srdata.store.windows import Windows
from srdata.vocabulary import CodecName, Layout, Split

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
PUBLISHED = "published:"  # "published:unknown" takes the LR images that the data set's authors made


def _scale(value: Any) -> Scale:
    try:
        return Scale(value)
    except UsageError as error:
        raise ValueError(str(error)) from error


ScaleField = Annotated[
    Scale,
    BeforeValidator(_scale),
    PlainSerializer(str),
    WithJsonSchema({"type": ["number", "string"], "examples": [2, 3, 4, 1.5]}),
]

Key = Annotated[  # of an image; a number in YAML is the text that it is written as
    str, BeforeValidator(lambda key: str(key) if type(key) is int else key, json_schema_input_type=str | int)
]
KeysField = Annotated[
    tuple[Key, ...] | None, AfterValidator(lambda keys: tuple(sorted(set(keys or ()))) or None)
]


class Store(WrittenModel):
    """How the images are kept."""

    layout: Layout = "folder"  # lmdb, or folders of image files as EDSR or BasicSR read them
    codec: CodecName = "raw"  # of the blocks in shards
    block_size: Annotated[int, Field(ge=16, le=4096)] | None = None  # side in pixels; none: the codec's own
    shard_bytes: Annotated[int, Field(ge=1)] = (
        128 << 20
    )  # HR and LR samples in one shard file, before the codec

    @model_validator(mode="after")
    def _whole_where_kept(self) -> Self:
        if self.codec == "keep" and self.block_size is not None:
            raise ValueError("codec keep has no blocks, each image is whole: leave block_size out")
        return self


class Pairs(WrittenModel):
    """How the images of a folder are called, relative to it, with {key} for the key of an image.

    Without {key} it is the path of an LMDB. `lr` may hold {scale}; without `lr` the LR images are made.
    """

    hr: str  # names of HR images, such as HR/{key}
    lr: str | None = None  # and of LR images, such as LR/{key}x{scale}


class HubSource(WrittenModel):
    """A data set of the Hugging Face Hub with HR images in a column."""

    repository: Annotated[str, Field(pattern=rf"^{REPOSITORY}$")]  # ORG/NAME
    revision: str | None = None  # a branch, tag or commit; none: the newest
    config: str | None = None  # none: the only one, or the default
    column: str | None = None  # of the images; none: hr or image
    key: str | None = None  # the column of their names; none: key, the names of their files, or numbers

    @property
    def name(self) -> HubName:
        """The data set."""
        return HubName(self.repository, self.revision)

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are named."""
        named = {"hr": self.column, "key": self.key}
        return {role: column for role, column in named.items() if column is not None}


class Recipe(ChoiceSettings):
    """One way to make one prepared set."""

    name: Annotated[str, Field(pattern=rf"^({NAME})?$")] = ""  # none: the file's
    title: str = ""  # what `srdata list` says of it
    prefix: str = ""  # in the names of folders: DIV2K_train_HR; none: the name
    source: str | None = None  # the name of a manifest
    folder: str | None = None  # or a folder of images, relative to the recipe file
    pairs: Pairs | None = None  # the names in that folder, where they are none that the field uses
    hub: HubSource | None = None  # or a data set of the Hugging Face Hub
    splits: tuple[Split, ...] = ()  # none: all that the source has
    exclude: KeysField = None  # images that are left out, with their copies
    scales: Annotated[tuple[ScaleField, ...], Field(min_length=1)]  # HR size over LR size
    degradation: str | list[Any] | dict[str, Any] = "bicubic"  # a dict: a chain, or scale → chain
    multiple: Annotated[int, Field(ge=1)] | None = None  # of HR sides, which are cut to it; 12 is GTmod12
    copies: CopiesField = None  # of every training image, at other sizes
    windows: Windows | None = Windows()  # sub-images; null: whole images alone
    escape: Literal[True] | None = None  # spell keys that the layout cannot hold in a way that it can
    store: Store = Store()  # how the set is kept
    images: ImagePolicy = ImagePolicy()  # how what is not plain 8-bit RGB is read
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0  # of all that is drawn at random
    _home: Path | None = PrivateAttr(
        default=None
    )  # the folder of its file, where that of kernels is looked for

    @field_validator("scales")
    @classmethod
    def _in_order(cls, scales: tuple[Scale, ...]) -> tuple[Scale, ...]:
        return tuple(sorted(scales))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if sum(one is not None for one in (self.source, self.folder, self.hub)) != 1:
            raise ValueError("give one of source (a data set's name), folder (of images) and hub")
        if self.hub is not None and self.published is not None:
            raise ValueError("a data set of the Hub gives HR images only: take another degradation")
        if self.copies is not None and self.published is not None:
            raise ValueError("copies have no published LR images: take a degradation that makes them")
        if self.choice.tiles and self.published is not None:
            raise ValueError("tiles have no published LR images: take a degradation that makes them")
        if self.choice.tiles and self.copies is not None:
            raise ValueError("tiles are cut out of reduced copies by tiles: scales; leave copies out")
        if self.pairs is not None and self.folder is None:
            raise ValueError("pairs says how the images of a folder are called: give the folder")
        if self.multiple is not None and self.published is not None:
            raise ValueError("published LR images belong to whole HR images: leave multiple out")
        if len(set(self.scales)) < len(self.scales):
            raise ValueError("a scale stands twice in scales; remove one of them")
        return self

    @property
    def published(self) -> str | None:
        """The track of published LR images that this recipe takes, None where it makes its own."""
        if isinstance(self.degradation, str) and self.degradation.startswith(PUBLISHED):
            return self.degradation.removeprefix(PUBLISHED)
        return None

    @property
    def degradation_name(self) -> str:
        """A word for the degradation, for names of folders and files."""
        if self.published:
            return self.published
        return Path(self.degradation).stem if isinstance(self.degradation, str) else "custom"

    @cached_property
    def chains(self) -> dict[Scale, Chain]:
        """The degradation that makes the LR images of each scale; empty where they are published ones.

        `bicubic` is MATLAB's in the variant that made the published LR images of the source, where its
        manifest knows which that is: its rounding and its border.
        """
        if self.published:
            return {}
        return {
            scale: load_chain(self._bicubic(scale) or self._given(scale), self._home) for scale in self.scales
        }

    def _given(self, scale: Scale) -> str | list[Any] | dict[str, Any]:
        """The degradation as it was given, which in a resolved recipe is a chain for each scale."""
        given = self.degradation
        if not isinstance(given, dict) or "steps" in given:
            return given
        if str(scale) not in given:
            raise UnknownNameError.among("scale of this recipe's degradation", str(scale), given)
        chain: dict[str, Any] = given[str(scale)]
        return chain

    def _bicubic(self, scale: Scale) -> list[dict[str, str]] | None:
        if self.degradation != "bicubic" or self.source is None or scale.denominator != 1:
            return None
        for _, published in load_manifest(self.source).find(scale=int(scale)):
            if (variant := published.bicubic) is not None:
                return [{"op": "imresize", "rounding": variant.rounding, "border": variant.border}]
        return None

    def stored(self, hr_size: int) -> int:
        """The part of an HR side that is kept: a multiple of `multiple`, as far as LR images reach."""
        return covered(hr_size - hr_size % (self.multiple or 1), self.scales)

    @property
    def set_name(self) -> str:
        """The name of the folder that a set made by this recipe gets: div2k-x4, div2k-bsrgan-x2x4-folder.

        A degradation that is called after its scale, as realesrgan-x4, says it once: div2k-realesrgan-x4.
        """
        return self._named(self.degradation_name.removesuffix(f"-{self._scales_name}"))

    @property
    def earlier_set_name(self) -> str:
        """What an earlier version called it: div2k-realesrgan-x4-x4."""
        return self._named(self.degradation_name)

    def _named(self, degradation: str) -> str:
        middle = [] if self.exclude is None else [f"without-{len(self.exclude)}"]
        middle += ["chosen"] if self.choice.where is not None else []
        middle += [f"tiles{self.choice.tiles.size}"] if self.choice.tiles else []
        middle += [] if self.copies is None else [self._copies_name]
        middle += [] if degradation == "bicubic" else [degradation]
        layout = [] if self.store.layout == "lmdb" else [self.store.layout]
        return "-".join([self.name, *middle, self._scales_name, *layout])

    @property
    def _scales_name(self) -> str:
        return "".join(scale.label for scale in self.scales)

    @property
    def _copies_name(self) -> str:
        return next((f"{name}-copies" for name, known in COPIES.items() if known == self.copies), "copies")

    @property
    def windows_fit(self) -> bool:
        """Whether size and step of the windows are whole LR pixels at every scale."""
        sides = [] if self.windows is None else [self.windows.size, self.windows.step]
        return not any(side % scale.numerator for side in sides for scale in self.scales)

    def without_windows(self) -> Recipe:
        """This recipe with whole images only."""
        return Recipe(**{**self._settings(), "windows": None})

    def without_choice(self) -> Recipe:
        """This recipe with all images of its source."""
        chosen = ChoiceSettings.model_fields
        return Recipe(**{name: value for name, value in self._settings().items() if name not in chosen})

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}

    def changed(self, **fields: Any) -> Recipe:
        """This recipe with other values in `fields`, checked again."""
        given = {name: value for name, value in fields.items() if value is not None}
        try:
            recipe = Recipe(**{**self._settings(), **given})
            recipe._home = None if "degradation" in given else self._home
            return recipe
        except ValidationError as error:
            problems = (": ".join(map(str, (*one["loc"][:1], one["msg"]))) for one in error.errors())
            raise UsageError("; ".join(problems).replace("Value error, ", "")) from error

    def read_in(self, folder: Path) -> Self:
        """The same, as it stands in a file in `folder`, where that of kernels is looked for."""
        recipe = self.model_copy()
        recipe._home = folder
        return recipe

    def resolved(self) -> dict[str, Any]:
        """Every setting spelled out, as plain JSON values."""
        # where a folder or file lies on this machine changes nothing; the hash of weights stands in scores
        placed = {"title", "folder", *ChoiceSettings.model_fields}
        plain = self.model_dump(mode="json", exclude=placed, exclude_none=True) | self.choice.plain
        if not self.published:
            plain["degradation"] = {str(scale): chain.resolved() for scale, chain in self.chains.items()}
        return plain

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the resolved form: recipes with one digest make the same set of the same images."""
        return digest_of(self.resolved())


def schema() -> dict[str, Any]:
    """The JSON Schema of recipe files, for completion and checks in an editor."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Recipe.model_json_schema()}

"""What a paper recipe says, checked and frozen: data, crops, augmentations, ranges, stages and evaluation.

Everything that is said of a group of settings has a status: `confirmed` by the authors' code or paper,
`partial` where some of it is, `unverified` where it is a guess that runs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from srdata.common.files import named_beside
from srdata.common.strict_model import WrittenModel
from srdata.data.beside.prompt import Prompt
from srdata.errors import UsageError
from srdata.recipes.multiscale_copies import Named
from srdata.recipes.set_recipe import ScaleField
from srdata.scale import Scale
from srdata.store.windows import Windows
from srdata.vocabulary import Color, Pad, Score, Split, Take, Upsample

Certainty = Literal["confirmed", "partial", "unverified"]
_WEAKEST: tuple[Certainty, ...] = ("unverified", "partial", "confirmed")
Output = Literal["lr_up", "lr_clean", "pyramid", "hr_plain"]
Count = Annotated[int, Field(ge=1)]
Changing = Count | dict[int, Count]  # one number, or {0: 64, 100: 96}: by when it begins to hold


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def _beside(name: str, info: ValidationInfo) -> str:
    """The path that a recipe names: relative to its file, where it is in one."""
    folder = (info.context or {}).get("folder")
    try:
        return name if folder is None else str(named_beside(folder, name))
    except UsageError as error:
        raise ValueError(str(error)) from error


Beside = Annotated[str, AfterValidator(_beside)]


class Folders(WrittenModel):
    """Where images lie that are read as they are, relative to the file of the recipe."""

    hr: Beside | None = None  # a folder or LMDB of HR images; without `lr` of pairs, where pairs are read
    lr: Beside | None = None  # of the LR images that face them
    template: str = "{key}"  # what LR images are called, by the names of their HR images: {key}x4
    listed: Beside | None = None  # a file whose lines begin with the names of the HR images that are taken

    @model_validator(mode="after")
    def _there(self) -> Self:
        if self.hr is None and (self.lr or self.listed or self.template != "{key}"):
            raise ValueError("hr is missing: where the HR images lie")
        return self

    @property
    def places(self) -> tuple[str, ...]:
        """All paths that are read."""
        return tuple(filter(None, (self.hr, self.lr, self.listed)))


class Corpus(Folders):
    """Images of one prepared set, or of folders."""

    # the name of its recipe: div2k; or of the folder of images that it is prepared from, or of `hr`
    set: str
    split: Split = "train"
    count: Count | None = None  # of images, as the authors give it
    images: tuple[Count, Count] | None = None  # the first and the last that are taken, counted from 1
    length: Count | None = None  # so many of its items, drawn once, the same for every seed
    repeat: Annotated[float, Field(gt=0)] = (
        1.0  # how often its items come, relative to those of other corpora
    )
    copies: Named | None = None  # at other sizes, that come with the images
    label: int | None = None  # that its items have in a batch
    mirrored: bool = False  # at most: they are not turned where others are, as faces

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.images is not None and self.copies is not None:
            raise ValueError("images counts those of a set without copies: leave one of the two out")
        return self


class Data(WrittenModel):
    """What is trained on."""

    sets: Annotated[tuple[Corpus, ...], Field(min_length=1)]
    windows: Windows | None = None  # sub-images that are cropped from; none: whole images
    windows_count: Count | None = None  # as the authors count them
    layout: str | None = None  # how the authors store it: PNG, LMDB, npy
    views: tuple[str, str] | None = None  # of stereo: the marks in the names of left and right images


class Crop(WrittenModel):
    """The training patch."""

    size: Changing  # or {0: 64, 100: 96}: by the epoch, or iteration, from which it holds
    side: Literal["hr", "lr"]  # that `size` is measured on, in pixels
    # the middle instead; or reduced to it, a square of the shorter side (ResShift) or the middle (DiffBIR)
    take: Take = "random"
    border: Annotated[int, Field(ge=0)] = 0  # HR pixels at the border of images that patches keep off
    margin: Annotated[int, Field(ge=0)] = 0  # HR pixels around it that are degraded with it, then cut off
    anywhere: bool = False  # the patch lies anywhere in that, on the grid of LR; else it is the middle
    loose: Annotated[int, Field(ge=0)] = 0  # HR pixels more, of which a corner or a place at random is taken
    mirrored: bool = False  # the margin beyond an image is mirrored; else it keeps patches off the border
    pad: Pad | None = None  # of images that are smaller
    per_image: Count = 1  # crops in a row of the same image

    def hr_sizes(self, scale: Scale) -> dict[int, int]:
        """The side of the patch in HR pixels, by the epoch or iteration from which it holds."""
        sizes = self.size if isinstance(self.size, dict) else {0: self.size}
        if self.side == "hr":
            return sizes
        return {start: size * scale.numerator // scale.denominator for start, size in sizes.items()}


class Look(WrittenModel):
    """What the network gets: low + (high - low) * (x - mean) / std of x in 0–1, if the loader does that."""

    color: Color = "rgb"  # that the network takes
    range: tuple[float, float] = (0.0, 1.0)  # low and high
    mean: tuple[float, ...] | None = None  # of each channel, of x in 0–1
    std: tuple[float, ...] | None = None  # of each channel
    normalised: Literal["loader", "network"] = "network"  # where mean and std are applied


class BatchRule(WrittenModel):
    """How many pairs make a step, and how many steps an epoch."""

    size: Changing  # over all GPUs; or {0: 64, 100: 32}
    gpus: Count = 1  # on which the authors shared it
    repeat: Count | Annotated[float, Field(ge=1)] | None = None  # of every item in an epoch, 1.8234 in RAMiT
    steps: Count | None = None  # in an epoch, instead of repeat
    replacement: bool = False  # items are drawn with replacement


class Difficulty(WrittenModel):
    """How hard each window is, by the scores of `srdata classify`: a batch's `difficulty`.

    That is its class where there are classes, else its score.
    """

    by: Score  # what `srdata classify` scores
    # ClassSR's three (0 is hard, 2 easy); or so many of equally many windows, from the lowest score (0) up
    classes: Literal["classsr"] | Count | None = None
    only: int | None = None  # this class alone
    decay: Annotated[float, Field(gt=0, le=1)] = 1.0  # a class comes this much more rarely than the next

    @model_validator(mode="after")
    def _classed(self) -> Self:
        if self.only is not None and self.classes != "classsr":
            raise ValueError("only goes with classes: classsr")
        if self.decay < 1 and not isinstance(self.classes, int):
            raise ValueError("decay needs a number of classes")
        return self


class Setting(WrittenModel):
    """All that the batches of one kind are made from."""

    scale: ScaleField = Scale(1)
    data: Data  # what is trained on
    lr_data: Data | None = None  # LR images of their own, which no HR image faces
    degradation: str | list[Any] | dict[str, Any] = "bicubic"
    # LR is made of the whole image before, of each crop, or not at all: by the network
    made: Literal["stored", "online", "network"] = "stored"
    crop: Crop | None = None  # the patch; or one of the next two
    any_scale: dict[str, Any] | None = None  # the settings of `srdata.data.ArbitraryScale`
    one_image: dict[str, Any] | None = None  # {"zero_shot": preset} or {"deep_prior": {settings}}
    difficulty: Difficulty | None = None
    # by what sizes of crops and batches change; of batches that change by iteration each takes up the largest
    changes: Literal["epoch", "iteration"] = "epoch"
    augment: tuple[str | dict[str, Any], ...] = ()  # names, presets or settings of augmentations
    prompt: Prompt | None = None  # the text of each image, of columns that `srdata annotate` adds to its sets
    upsample: Upsample | None = None  # LR is enlarged to the size of HR
    look: Look = Look()  # what the network gets
    batch: BatchRule  # how many pairs make a step, how many steps an epoch
    outputs: tuple[Output, ...] = ()  # besides lr and hr, and what augmentations and tasks add

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not (self.crop or self.any_scale or self.one_image):
            raise ValueError("needs crop, any_scale or one_image: how patches are taken")
        return self

    @property
    def hr_size(self) -> int:
        """The side of a patch in HR pixels in the first epoch; 0 where patches have many sizes."""
        return 0 if self.crop is None else self.crop.hr_sizes(self.scale)[0]


class StageSettings(Setting):
    """One training run: its batches, what it starts from and how long it is."""

    name: str = ""
    init_from: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()  # earlier stages or other recipes
    iterations: Count | None = None  # how long it is, in steps
    epochs: Count | None = None  # or in epochs
    optimiser: str | None = None  # for information
    tasks: dict[str, Setting] = Field(default={})  # each batch is of one of them

    @model_validator(mode="after")
    def _simple_tasks(self) -> Self:
        if self.tasks and (self.outputs or self.lr_data or self.one_image):
            raise ValueError("tasks go with none of outputs, lr_data and one_image")
        return self

    @property
    def settings(self) -> dict[str, Setting]:
        """The tasks by name; of a stage without tasks itself, under no name."""
        return self.tasks or {"": self}


class Status(WrittenModel):
    """How certain each group of settings is."""

    data: Certainty
    degradation: Certainty
    crop: Certainty
    augment: Certainty
    look: Certainty
    batch: Certainty
    stages: Certainty
    evaluation: Certainty

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, value: Any) -> Any:
        """A word for all groups; or words for some, and `rest` for the others."""
        if isinstance(value, str):
            value = {"rest": value}
        if not isinstance(value, dict) or "rest" not in value:
            return value
        given = dict(value)
        rest = given.pop("rest")
        return {**dict.fromkeys(cls.model_fields, rest), **given}

    def of(self, certainty: Certainty) -> list[str]:
        """The groups that are as certain as that."""
        return [name for name in Status.model_fields if getattr(self, name) == certainty]

    @property
    def word(self) -> Certainty:
        """One word for all: the weakest of the groups."""
        words = {getattr(self, name) for name in Status.model_fields}
        return next(word for word in _WEAKEST if word in words)


class PaperEvaluation(Folders):
    """Test sets, and how the paper's table measures them; or one whose images lie in folders."""

    sets: tuple[str, ...]  # their names
    protocol: str | None = None  # of `srdata.metrics.PROTOCOLS`; none: without a reference, or not known
    note: str | None = None

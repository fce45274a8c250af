"""Smaller copies of HR images, which some papers train on besides the images themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from srdata.degrade.model.op import Settings
from srdata.degrade.numerics.backend import Image
from srdata.degrade.ops.pillow_resize import PillowResize
from srdata.resize import imresize
from srdata.resize.output_sizes import passes

Side = Annotated[int, Field(ge=1)]  # in pixels
_HAIR = 1e-3  # by which LapSRN's getBatch_LapSRN.m goes beyond the size that it needs


class Smaller(Settings):
    """A copy of an HR image at another size, which is prepared like an image of its own.

    `lanczos` is Pillow's and rounds sizes down, as Real-ESRGAN's generate_multiscale_DF2K.py does. `bicubic`
    is MATLAB's, rounded to 8 bits once, and rounds sizes up, as ClassSR's data_augmentation.py does.
    """

    scale: Annotated[float, Field(gt=0, lt=1)] | None = None  # of the sides of the image
    shortest: Side | None = None  # or the shorter side of the copy, which may enlarge a small image
    at_least: Side | None = None  # a copy by `scale` whose shorter side is less is made as large as that
    kernel: Literal["bicubic", "lanczos"] = "bicubic"

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.scale is None) == (self.shortest is None):
            raise ValueError("give one of scale (of the sides) and shortest (the shorter side in pixels)")
        if self.at_least is not None and self.scale is None:
            raise ValueError("at_least goes with scale: shortest says already how large a copy is")
        return self

    @property
    def plain(self) -> dict[str, Any]:
        """Its settings as plain JSON values."""
        return self.model_dump(mode="json", exclude_none=True)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the copy of an image of that size; at least a pixel each."""
        if self.kernel == "bicubic":
            axes = sorted(
                passes(height, width, self._factor(height, width), None), key=lambda axis: axis.number
            )
            return axes[0].size, axes[1].size
        if self.shortest is None:
            factor = self._factor(height, width)
            return max(1, int(height * factor)), max(1, int(width * factor))
        # in floats and in this order, as the script does: 400 * (1887 / 1480) is 509.99…, and 509 it is
        short = min(height, width)
        return int(self.shortest * (height / short)), int(self.shortest * (width / short))

    def of(self, image: Image) -> Image:
        """The copy of an image, both uint8 HWC."""
        height, width = image.shape[:2]
        if self.kernel == "bicubic":
            return imresize(image, scale=self._factor(height, width), rounding="once")
        resize = PillowResize(kernel="lanczos")
        return resize.on_bytes(image, {"lr_size": self.size(height, width)})

    def _factor(self, height: int, width: int) -> float:
        short = min(height, width)
        if self.scale is None:
            return (self.shortest or 1) / short
        if self.at_least is not None and short * self.scale < self.at_least:
            return self.at_least / short + _HAIR
        return self.scale


Named = Literal["realesrgan", "classsr", "lapsrn"]

# The copies that papers make, by the name of the paper.
COPIES: dict[Named, tuple[Smaller, ...]] = {
    "realesrgan": (
        Smaller(scale=0.75, kernel="lanczos"),
        Smaller(scale=0.5, kernel="lanczos"),
        Smaller(scale=1 / 3, kernel="lanczos"),
        Smaller(shortest=400, kernel="lanczos"),
    ),
    "classsr": tuple(Smaller(scale=scale) for scale in (0.9, 0.8, 0.7, 0.6)),
    "lapsrn": tuple(Smaller(scale=scale, at_least=128) for scale in (0.9, 0.8, 0.7, 0.6, 0.5)),
}


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        if value not in COPIES:
            raise ValueError(f"{value!r} is no name of copies: take {', '.join(COPIES)}, or list them")
        return COPIES[value]
    return (tuple(value) or None) if isinstance(value, list) else value


# The copies of a recipe: a list of them, or the name of a paper.
CopiesField = Annotated[
    tuple[Smaller, ...] | None,
    BeforeValidator(_listed, json_schema_input_type=Named | list[Smaller] | None),
]


def copy_key(key: str, number: int) -> str:
    """The key of the copy with this number, from 0, as Real-ESRGAN's script has it.

    >>> copy_key("0001", 3)
    '0001T3'
    """
    return f"{key}T{number}"

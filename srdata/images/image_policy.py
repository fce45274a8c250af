"""What to do with images that are not plain 8-bit RGB."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from srdata.common.documents import Document, check, plain_scalar
from srdata.common.strict_model import StrictModel

USUAL_PIXELS = 178_956_970  # the most that is read unless a policy says more; Pillow's own limit for files
MOST_PIXELS = 1 << 30  # the most that OpenCV reads


class ImagePolicy(StrictModel):
    """What to do with images that are not plain 8-bit RGB. EXIF orientation is always applied, once.

    Grey, 1-bit and palette images become RGB without loss. A bad image raises ImageError with the remedy.
    What is asked for is done in this order: depth, profile, alpha.
    """

    alpha: Literal["error", "drop", "white", "black"] = "error"  # an opaque alpha channel is always dropped
    depth16: Literal["error", "round"] = "error"  # of more than 8 bits; round: to the nearest of 256 levels
    cmyk: Literal["error", "convert"] = "error"  # convert: Pillow's formula, no colour profile
    frames: Literal["error", "first"] = "error"  # of animations and files of several pages
    icc: Literal["ignore", "srgb"] = "ignore"  # srgb: convert from the embedded profile
    max_pixels: Annotated[int, Field(ge=1, le=MOST_PIXELS)] = USUAL_PIXELS  # of an image that is read


def read_policy(settings: Iterable[str]) -> ImagePolicy:
    """How images are read, by settings such as "alpha=white"; raises RecipeError for what cannot be."""
    given: dict[str, Any] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        given[name] = plain_scalar(value)
    return check(ImagePolicy, Document(Path("--images"), given))


def remedy(setting: str, value: object) -> str:
    """How to set one setting: on the command line, in a recipe, in Python."""
    python = f"images=ImagePolicy({setting}={value!r})"
    return f"--images {setting}={value} (images: {{{setting}: {value}}} in a recipe, {python} in Python)"

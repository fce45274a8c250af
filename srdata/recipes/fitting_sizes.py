"""Whether the sizes of images fit the scales of a set, which headers tell before a run does."""

from __future__ import annotations

from srdata.errors import ImageError
from srdata.recipes.set_recipe import Recipe
from srdata.scale import Scale

Size = tuple[int, int]  # height and width in pixels


def has_lr(size: Size, recipe: Recipe) -> bool:
    """Whether an HR image of this size has an LR pixel at every scale."""
    shorter = recipe.stored(min(size))
    return all(scale.crop(shorter) for scale in recipe.scales)


def check_hr_size(size: Size, recipe: Recipe, name: object) -> None:
    """Raise ImageError for an HR image that is too small for a scale of its set."""
    if not has_lr(size, recipe):
        raise ImageError(f"{name}: {size[1]}x{size[0]} is smaller than one LR pixel; leave it out")


def check_lr_size(size: Size, name: object, hr_size: Size, hr_name: str, scale: Scale) -> None:
    """Raise ImageError for an LR image of another size than that of its HR image, as stored, asks for."""
    expected = scale.lr(hr_size[0]), scale.lr(hr_size[1])
    if size != expected:
        raise ImageError(
            f"{name}: is {size[1]}x{size[0]}, but {hr_name} at {scale.label} "
            f"asks for {expected[1]}x{expected[0]}: the two files are no pair"
        )

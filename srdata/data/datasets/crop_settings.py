"""What the items of a data set are cropped, padded and turned by."""

from __future__ import annotations

from dataclasses import dataclass

from srdata.data.crops.padding import check_pad
from srdata.data.crops.regions import Turning, check_turning
from srdata.errors import UsageError
from srdata.scale import Scale


@dataclass(frozen=True)
class CropSettings:
    """The settings that decide which crop of an item an epoch takes; they belong together.

    `patch` is the side of a crop in cells of the scale, None for whole items; `pad` is what becomes of items
    that are smaller, None where that is an error; `dihedral` and `seed` are those of turns and of all draws.
    """

    patch: int | None
    pad: str | None
    dihedral: Turning
    seed: int


def crop_settings(
    patch_size: int | None, pad: str | None, dihedral: Turning, seed: int, scale: Scale
) -> CropSettings:
    """The settings of crops at a scale, checked; `patch_size` in HR pixels. Raises UsageError."""
    patch = None if patch_size is None else in_cells(patch_size, scale)
    settings = CropSettings(patch, None if pad is None else check_pad(pad), check_turning(dihedral), seed)
    check_crops(seed, pad, patch_size)
    return settings


def check_crops(seed: int, pad: str | None, patch_size: int | None) -> None:
    """Raise UsageError for settings of crops that cannot be."""
    if not 0 <= seed < 2**63:
        raise UsageError(f"seed {seed} must lie between 0 and 2**63 - 1")
    if pad is not None and patch_size is None:
        raise UsageError(f"pad={pad!r} enlarges images to the patch: give patch_size= as well")


def in_cells(patch_size: int, scale: Scale) -> int:
    """A patch size in cells; raises UsageError with the nearest sizes when it is no whole number of them."""
    cells, rest = divmod(patch_size, scale.numerator)
    if rest or cells < 1:
        nearest = [str(n * scale.numerator) for n in (cells, cells + 1) if n > 0]
        raise UsageError(
            f"patch_size {patch_size} is no multiple of {scale.numerator}, which scale {scale} needs: "
            f"take {' or '.join(nearest)}"
        )
    return cells

"""What the items of a data set are cropped, padded and turned by."""

from __future__ import annotations

from dataclasses import dataclass

from srdata.data.crops.padding import check_pad
from srdata.data.crops.reduced_crops import REDUCING
from srdata.data.crops.regions import Address, Crops, Turning, check_take, check_turning, draw
from srdata.errors import UsageError
from srdata.scale import Scale
from srdata.store.windows import Regions
from srdata.vocabulary import Take


@dataclass(frozen=True)
class CropSettings:
    """The settings that decide which crop of an item an epoch takes; they belong together.

    `patch` is the side of a crop in cells of the scale, None for whole items; `pad` is what becomes of items
    that are smaller, None where that is an error; `dihedral` and `seed` are those of turns and of all draws.
    `take` says where crops lie, `border` how many cells they keep off the border of their images, `grid` the
    cells of which their corners are multiples.
    """

    patch: int | None
    pad: str | None
    dihedral: Turning
    seed: int
    take: Take = "random"
    border: int = 0
    grid: int = 1

    @property
    def fits_any(self) -> bool:
        """Whether images that are smaller than a patch are admitted."""
        return self.pad is not None or self.take == "centre-square"

    @property
    def copied(self) -> bool:
        """Whether every crop is a rectangle of its image as it is."""
        return self.pad is None and self.take not in REDUCING

    def draw(self, regions: Regions, patch: int | None, turning: Turning, address: Address) -> Crops:
        """The crops of regions at an address; `patch` and `turning` stand for, and add to, those here."""
        return draw(regions, patch, self.dihedral or turning, address, self.take, self.border, self.grid)


def crop_settings(
    patch_size: int | None,
    pad: str | None,
    dihedral: Turning,
    seed: int,
    scale: Scale,
    take: Take = "random",
    border: int = 0,
) -> CropSettings:
    """The settings of crops at a scale, checked, with lengths in HR pixels; raises UsageError."""
    check_crops(seed, patch_size, pad, take, border)
    return CropSettings(
        patch=None if patch_size is None else in_cells(patch_size, scale),
        pad=None if pad is None else check_pad(pad),
        dihedral=check_turning(dihedral),
        seed=seed,
        take=check_take(take),
        border=in_cells(border, scale, "border") if border else 0,
    )


def check_crops(
    seed: int, patch_size: int | None, pad: str | None, take: Take = "random", border: int = 0
) -> None:
    """Raise UsageError for settings of crops that cannot be."""
    if not 0 <= seed < 2**63:
        raise UsageError(f"seed {seed} must lie between 0 and 2**63 - 1")
    if patch_size is None:
        given = {"pad": pad, "take": None if take == "random" else take, "border": border or None}
        for name, value in given.items():
            if value is not None:
                raise UsageError(f"{name}={value!r} is of patches: give patch_size= as well")


def in_cells(pixels: int, scale: Scale, what: str = "patch_size") -> int:
    """A length in cells; raises UsageError with the nearest ones when it is no whole number of them."""
    cells, rest = divmod(pixels, scale.numerator)
    if rest or cells < 1:
        nearest = [str(n * scale.numerator) for n in (cells, cells + 1) if n > 0]
        raise UsageError(
            f"{what} {pixels} is no multiple of {scale.numerator}, which scale {scale} needs: "
            f"take {' or '.join(nearest)}"
        )
    return cells

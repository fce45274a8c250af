"""Which image sets of a known data set a recipe takes."""

from __future__ import annotations

from collections.abc import Iterator

from srdata.errors import UsageError
from srdata.fetch.manifest import ImageSet, Manifest, load_manifest
from srdata.recipes.set_recipe import Recipe


def hr_sets(recipe: Recipe) -> list[tuple[Manifest, ImageSet]]:
    """The HR sets that a recipe takes, each with the manifest that has its files."""
    manifest = load_manifest(str(recipe.source))
    splits = recipe.splits or [None]
    found = [
        one for split in splits for one in (manifest.get(split, "HR") if split else manifest.find(track="HR"))
    ]
    by_scale = [(owner, one) for owner, one in found if one.scale is not None]
    if by_scale and len(recipe.scales) > 1:
        raise UsageError(f"{manifest.title} has HR images of its own for each scale: give one --scale")
    return [(owner, one) for owner, one in found if one.scale in (None, recipe.scales[0])]


def needed_sets(recipe: Recipe) -> Iterator[tuple[Manifest, ImageSet]]:
    """Every image set that a recipe takes, HR and published LR."""
    for owner, hr_set in hr_sets(recipe):
        yield owner, hr_set
        if recipe.published:
            for lr_set in published_sets(recipe, recipe.published, owner, hr_set).values():
                yield owner, lr_set


def published_sets(recipe: Recipe, track: str, owner: Manifest, hr_set: ImageSet) -> dict[str, ImageSet]:
    """The published LR set of each scale that belongs to an HR set; raises UnknownNameError."""
    found = {}
    for scale in recipe.scales:
        if scale.denominator != 1:
            raise UsageError(f"LR images are published at whole scales only, not at {scale.label}")
        found[scale.label] = owner.get(hr_set.split, track, int(scale))[0][1]
    return found

"""What a call sets in place of the settings of a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TypedDict, Unpack

from srdata import curation
from srdata.discovery.found_parts import Found
from srdata.errors import UsageError, path_text
from srdata.images import ImagePolicy
from srdata.preparation.existing_pairs import as_found, find_pairs
from srdata.recipes.hub_commit import pinned
from srdata.recipes.read_recipe import read_set_recipe
from srdata.recipes.set_recipe import PUBLISHED, HubSource, Pairs, Recipe
from srdata.scale import OneScale, Scale, scales_of
from srdata.store.windows import Windows
from srdata.vocabulary import CodecName, Layout


class GivenSettings(TypedDict, total=False):
    """What a call may set in place of the recipe's own setting."""

    scale: OneScale | Sequence[OneScale] | None  # HR size over LR size, one or several
    lmdb: bool  # shards instead of image folders
    layout: Layout | None
    codec: CodecName | None  # of the blocks in shards
    degradation: str | None  # a name, a YAML file, or published:TRACK
    copies: str | None  # of training images at other sizes: realesrgan, classsr or lapsrn
    splits: Sequence[str]
    windows: Windows | tuple[int, int, int] | None  # sub-images: size, step and threshold in HR pixels
    escape: bool  # spell keys that the layout cannot hold in a way that it can
    exclude: Sequence[str]  # keys of images that are left out, besides those that the recipe leaves out
    seed: int | None
    images: ImagePolicy | None  # how images that are not plain 8-bit RGB are read, where it says so
    hr: str | None  # how the images of a folder are called: "HR/{key}.png"
    lr: str | None  # and their LR images: "X{scale}/{key}.png"
    config: str | None  # of a data set of the Hub
    column: str | None  # of its HR images
    where: str | None  # what training images have to meet: a condition over their scores, or a known choice
    scores: Mapping[str, str] | None  # own scores by name: MODULE:FUNCTION, or pyiqa:METRIC
    weights: Mapping[str, str] | None  # files of weights, by the name of the score
    test_images: str | None  # the table of hashes of what must not be trained on
    scores_folder: str | None  # where scores are kept; none: beside the images


def adjusted(recipe: str | Path | Recipe, **settings: Unpack[GivenSettings]) -> Recipe:
    """The recipe of that name (or YAML file, path to images, hf://ORG/NAME) with other settings."""
    return looked_up(recipe, settings)[0]


def looked_up(recipe: str | Path | Recipe, settings: GivenSettings) -> tuple[Recipe, Found | None]:
    """The same, and what there is in its folder where that was looked through to tell the recipe."""
    scales = scales_of(settings.get("scale"))
    found = None
    if not isinstance(recipe, Recipe):
        recipe, found = _loaded(recipe, scales, settings)
    layout = settings.get("layout") or ("lmdb" if settings.get("lmdb") else recipe.store.layout)
    codec = settings.get("codec") or recipe.store.codec
    changed = recipe.changed(
        scales=scales or None,
        degradation=settings.get("degradation"),
        copies=settings.get("copies"),
        splits=_several(settings.get("splits")) or None,
        exclude=(*(recipe.exclude or ()), *_several(settings.get("exclude"))),
        seed=settings.get("seed"),
        windows=_windows(settings.get("windows")),
        escape=True if settings.get("escape") else None,
        images=_policy(recipe.images, settings.get("images")),
        hub=_hub(recipe, config=settings.get("config"), column=settings.get("column")),
        store={**dict(recipe.store), "layout": layout, "codec": codec},
        where=settings.get("where"),
        scores=_joined(recipe.scores, settings.get("scores")),
        weights=_joined(recipe.weights, settings.get("weights")),
        test_images=settings.get("test_images"),
        scores_folder=settings.get("scores_folder"),
    )
    fits = changed.windows_fit or "windows" in changed.model_fields_set
    return changed if fits else changed.without_windows(), found


def settled(recipe: Recipe) -> Recipe:
    """The same, which says all that its digest is to depend on: the commit of the Hub, versions of scores.

    Raises what `pinned` and `with_versions` raise.
    """
    recipe = pinned(recipe)
    return curation.with_versions(recipe) if recipe.choice else recipe


def _loaded(
    name: str | Path, scales: tuple[Scale, ...], settings: GivenSettings
) -> tuple[Recipe, Found | None]:
    """A recipe by its name; that of a folder takes the LR images in it, unless they are to be made."""
    recipe = read_set_recipe(name)
    hr, lr = settings.get("hr"), settings.get("lr")
    if hr is not None:
        pairs = Pairs(hr=path_text(hr, "hr"), lr=None if lr is None else path_text(lr, "lr"))
        recipe = recipe.changed(pairs=pairs, scales=scales or None)
    elif lr is not None:
        raise UsageError("--lr says how the LR images are called: say by --hr how those of HR are")
    degradation = settings.get("degradation")
    if recipe.folder is None or Path(name).suffix in {".yaml", ".yml"}:
        return recipe, None
    if degradation is not None and not path_text(degradation, "a degradation").startswith(PUBLISHED):
        return recipe, None
    splits = _several(settings.get("splits")) or None
    found = find_pairs(recipe)
    recipe = as_found(recipe.changed(degradation=degradation, splits=splits), scales, found)
    return recipe, found if recipe.pairs is None else None  # templates are filled in at its scales


def _windows(given: Windows | tuple[int, int, int] | None) -> Windows | None:
    if given is None or isinstance(given, Windows):
        return given
    if not isinstance(given, Sequence) or [isinstance(one, Integral) for one in given] != [True] * 3:
        raise UsageError(f"windows are size, step and threshold, such as (480, 240, 0), not {given!r}")
    size, step, threshold = given
    return Windows(size=size, step=step, threshold=threshold)


def _several(given: Sequence[str] | None) -> tuple[str, ...]:
    """The texts that a call gives; raises UsageError."""
    several = () if given is None else given
    if isinstance(several, str) or not isinstance(several, Sequence):
        raise UsageError(f"several are given as a list, such as ['one', 'two'], not {given!r}")
    return tuple(path_text(one, "text") for one in several)


def _joined(own: Mapping[str, str] | None, given: Mapping[str, str] | None) -> dict[str, str] | None:
    if not isinstance(given, Mapping | None):
        raise UsageError(f"scores and weights are given as {{'name': 'module:function'}}, not {given!r}")
    return {**(own or {}), **(given or {})} or None


def _policy(own: ImagePolicy, given: ImagePolicy | None) -> ImagePolicy:
    if not isinstance(given, ImagePolicy | None):
        raise UsageError(f"images is an ImagePolicy, such as ImagePolicy(alpha='white'), not {given!r}")
    return own if given is None else own.model_copy(update=given.model_dump(exclude_unset=True))


def _hub(recipe: Recipe, **settings: str | None) -> HubSource | None:
    """What a recipe takes of the Hub, with other settings; raises UsageError where it takes nothing of it."""
    given = {name: value for name, value in settings.items() if value is not None}
    if recipe.hub is None and given:
        raise UsageError(f"{' and '.join(given)} choose in a data set of the Hub: prepare hf://ORG/NAME")
    return None if recipe.hub is None else recipe.hub.model_copy(update=given)
